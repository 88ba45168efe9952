//! Pools and Ctrl-C.

use crate::Whole;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use offspring::{Pool, TaskErrorKind, call, subprocess};
use std::thread;
use std::time::Duration;

#[subprocess]
fn sleep() {
    thread::sleep(Duration::from_secs(1000));
}

/// As a terminal does, to the whole group, a little later.
fn press_ctrl_c() -> Result<(), nix::Error> {
    nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    thread::spawn(|| {
        thread::sleep(Duration::from_millis(400));
        kill(Pid::from_raw(0), Signal::SIGINT).unwrap();
    });
    Ok(())
}

pub(crate) fn interrupted() -> Whole {
    press_ctrl_c()?;
    let pool = Pool::new(2)?;
    pool.map(call!(sleep_for, _), 0..10)?;
    Ok(())
}

#[subprocess]
fn sleep_for(_number: u32) {
    sleep();
}

pub(crate) fn catches_interrupt() -> Whole {
    press_ctrl_c()?;
    let pool = Pool::builder().workers(2).catch_interrupt(true).start()?;
    let is_told = |result: Result<Vec<()>, offspring::TaskError>| {
        *result.unwrap_err().kind() == TaskErrorKind::Interrupted
    };
    let first = is_told(pool.map(call!(sleep_for, _), 0..10));
    let second = is_told(pool.map(call!(sleep_for, _), 0..10));
    println!("interrupted: {first}, after that: {second}");
    Ok(())
}
