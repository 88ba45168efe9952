//! Surroundings in which things go otherwise than usual.

use crate::{Whole, square};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use offspring::{call, spawn, subprocess};
use std::thread;
use std::time::Duration;

#[subprocess]
fn sleep() {
    thread::sleep(Duration::from_secs(1000));
}

fn tell_ends() -> Whole {
    println!("result: {}", spawn!(square, 7)?.join()?);
    println!("status: {:?}", spawn!(square, 7)?.wait()?.exitcode());
    let child = spawn!(sleep)?;
    child.kill()?;
    println!("killed: {:?}", child.join().unwrap_err().kind());
    Ok(())
}

#[allow(unsafe_code)]
pub(crate) fn ignored_sigchld() -> Whole {
    // SAFETY: no handler runs.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    tell_ends()
}

pub(crate) fn foreign_reaper() -> Whole {
    thread::spawn(|| {
        loop {
            let _ = waitpid(None, None);
        }
    });
    tell_ends()
}

/// Starts a process that starts another, and ends.
#[subprocess]
fn leave_an_orphan() -> u32 {
    let sleep = std::process::Command::new("sleep").arg("0.2").spawn();
    sleep.unwrap().id()
}

pub(crate) fn subreaper() -> Whole {
    nix::sys::prctl::set_child_subreaper(true)?;
    println!("{}", spawn!(square, 7)?.join()?);
    let orphan = nix::unistd::Pid::from_raw(spawn!(leave_an_orphan)?.join()? as i32);
    // Only who it belongs to can wait for it, and nobody of ours has.
    let ended = waitpid(orphan, Some(WaitPidFlag::empty()))?;
    println!(
        "the orphan is ours to reap: {}",
        ended == WaitStatus::Exited(orphan, 0)
    );
    Ok(())
}

#[subprocess]
fn parents_pid() -> u32 {
    offspring::parent_process().map_or(0, |parent| parent.pid())
}

pub(crate) fn pid_one() -> Whole {
    println!("pid {}", std::process::id());
    println!("{}", spawn!(square, 7)?.join()?);
    let child = call!(sleep).start()?;
    child.terminate()?;
    println!("{:?}", child.wait()?.exitcode());
    println!("{} by its child", spawn!(parents_pid)?.join()?);
    Ok(())
}
