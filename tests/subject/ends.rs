//! Ways to end with children about.

use crate::Whole;
use nix::sys::signal::{SigHandler, Signal, signal};
use offspring::{spawn, subprocess};
use std::time::Duration;

#[subprocess]
fn work() {
    std::thread::sleep(Duration::from_millis(300));
    println!("the child has done its work");
}

#[subprocess]
fn idle() {
    std::thread::sleep(Duration::from_secs(100));
    println!("a daemon got to its end");
}

pub(crate) fn end() -> Whole {
    let how = std::env::args().nth(2).unwrap_or_default();
    let _worker = spawn!(work)?;
    let _daemon = spawn!(idle, daemon)?;
    println!("main ends");
    match &*how {
        "return" => Ok(()),
        "exit" => std::process::exit(7),
        "panic" => panic!("main panics"),
        _ => Err("main fails".into()),
    }
}

#[subprocess]
#[allow(unsafe_code)]
fn stubborn() {
    // SAFETY: no handler runs.
    unsafe { signal(Signal::SIGTERM, SigHandler::SigIgn) }.unwrap();
    println!("stubborn");
    std::thread::sleep(Duration::from_secs(100));
}

pub(crate) fn stubborn_daemon() -> Whole {
    let daemon = spawn!(stubborn, daemon)?;
    // It has to have ignored the signal before.
    std::thread::sleep(Duration::from_millis(300));
    assert!(daemon.is_alive());
    println!("main ends");
    Ok(())
}

extern "C" fn hook() {
    println!("hook");
}

#[subprocess]
#[allow(unsafe_code)]
fn with_hook() {
    // SAFETY: `hook` is a plain function.
    assert_eq!(unsafe { nix::libc::atexit(hook) }, 0);
    print!("no newline here; ");
}

pub(crate) fn exit_hook() -> Whole {
    spawn!(with_hook)?.join()?;
    Ok(())
}
