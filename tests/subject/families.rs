//! Parents whose children outlive nothing.

use crate::{Whole, square};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{ForkResult, fork};
use offspring::{Process, call, spawn, subprocess};
use std::io::Write;
use std::thread;
use std::time::Duration;

/// Tells its pid in a line of its own, whole.
fn tell(what: &str) {
    let line = format!("{what}: {}\n", std::process::id());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

fn sleep_for_ever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1000));
    }
}

#[subprocess]
fn idle(what: &str) {
    tell(what);
    sleep_for_ever();
}

#[subprocess]
fn busy() {
    tell("busy");
    loop {
        std::hint::spin_loop();
    }
}

#[subprocess]
fn deaf() {
    SigSet::all().thread_block().unwrap();
    tell("deaf to all signals");
    loop {
        std::hint::spin_loop();
    }
}

#[subprocess]
fn stopped() {
    tell("stopped");
    nix::sys::signal::raise(Signal::SIGSTOP).unwrap();
}

#[subprocess]
fn parent() {
    tell("parent");
    let _child = spawn!(idle, "grandchild").unwrap();
    sleep_for_ever();
}

fn start_family() -> Result<Vec<Process<()>>, Box<dyn std::error::Error>> {
    Ok(vec![
        spawn!(idle, "idle")?,
        spawn!(idle, "daemon", daemon)?,
        spawn!(busy)?,
        spawn!(deaf)?,
        spawn!(parent)?,
        spawn!(stopped)?,
    ])
}

/// So many more have told their pids: they are `/proc`'s business, so wait for a while instead.
fn all_there() -> ! {
    thread::sleep(Duration::from_millis(500));
    println!("all there");
    sleep_for_ever();
}

pub(crate) fn family() -> Whole {
    let _children = start_family()?;
    all_there()
}

/// Also with copies of everything in a process that goes on.
#[allow(unsafe_code)]
pub(crate) fn with_fork() -> Whole {
    let _children = start_family()?;
    thread::sleep(Duration::from_millis(200));
    // SAFETY: the fork only calls what is safe there.
    match unsafe { fork() }? {
        ForkResult::Child => sleep_for_ever(),
        ForkResult::Parent { child } => println!("fork: {child}"),
    }
    all_there()
}

#[allow(unsafe_code)]
pub(crate) fn forked() -> Whole {
    use nix::sys::wait::{WaitStatus, waitpid};
    let child = spawn!(square_slowly, 7)?;
    // SAFETY: this thread holds no lock.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let error = spawn!(square, 2).unwrap_err();
            println!("{error}");
            // Runs the exit hooks, which must leave the children alone.
            std::process::exit(0);
        }
        ForkResult::Parent { child: fork } => {
            let WaitStatus::Exited(_, code) = waitpid(fork, None)? else {
                panic!()
            };
            println!("the fork ended with {code}");
        }
    }
    println!("the child lives: {}", child.is_alive());
    println!("joined: {}", child.join()?);
    Ok(())
}

#[subprocess]
fn square_slowly(x: u32) -> u32 {
    thread::sleep(Duration::from_millis(500));
    x * x
}

#[allow(unsafe_code)]
pub(crate) fn daemonize() -> Whole {
    // SAFETY: there is only this thread yet.
    if let ForkResult::Parent { child } = unsafe { fork() }? {
        nix::sys::wait::waitpid(child, None)?;
        return Ok(());
    }
    nix::unistd::setsid()?;
    println!("daemonized: {}", spawn!(square, 7)?.join()?);
    Ok(())
}

pub(crate) fn thread_ends() -> Whole {
    let child = thread::spawn(|| spawn!(square_slowly, 3)).join().unwrap()?;
    thread::sleep(Duration::from_millis(200));
    println!("alive after its thread: {}", child.is_alive());
    assert_eq!(child.join()?, 9);
    Ok(())
}

/// Opens all that it was given again, for writing, and keeps it; writes and closes some.
#[subprocess]
fn meddle() {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        kept.extend(std::fs::OpenOptions::new().write(true).open(&path).ok());
    }
    std::mem::forget(kept);
    tell("meddler");
    loop {
        std::hint::spin_loop();
    }
}

pub(crate) fn meddler() -> Whole {
    let sibling = spawn!(idle, "sibling")?;
    thread::sleep(Duration::from_millis(200));
    let _meddler = spawn!(meddle)?;
    thread::sleep(Duration::from_millis(300));
    println!("all there");
    // What it did has not hit its sibling.
    thread::sleep(Duration::from_millis(300));
    println!("the sibling lives: {}", sibling.is_alive());
    sleep_for_ever();
}

#[subprocess]
fn branch() {
    tell("branch");
    let _leaf = spawn!(idle, "leaf").unwrap();
    let script = "echo shell: $$; sleep 1000 & echo sleep: $!; wait";
    std::process::Command::new("sh")
        .args(["-c", script])
        .status()
        .unwrap();
}

pub(crate) fn tree() -> Whole {
    let tree = spawn!(branch)?;
    let _bystander = spawn!(idle_quietly, daemon)?;
    thread::sleep(Duration::from_millis(500));
    println!("child: {}", tree.pid());
    println!("all there");
    tree.terminate_tree()?;
    println!("terminated: {:?}", tree.wait()?.exitcode());
    // That it has ended is no error.
    tree.terminate_tree()?;
    assert!(_bystander.is_alive());
    Ok(())
}

#[subprocess]
fn idle_quietly() {
    sleep_for_ever();
}

#[subprocess]
fn deaf_quietly() {
    SigSet::all().thread_block().unwrap();
    sleep_for_ever();
}

pub(crate) fn terminate_all() -> Whole {
    offspring::set_termination_grace(Duration::from_millis(300));
    let children = [
        spawn!(idle_quietly)?,
        spawn!(idle_quietly, daemon)?,
        spawn!(deaf_quietly)?,
    ];
    thread::sleep(Duration::from_millis(300));
    offspring::terminate_all();
    println!("{} left", offspring::active_children().len());
    println!("{:?}", children.map(|child| child.exitcode()));
    Ok(())
}

pub(crate) fn spawning_daemon() -> Whole {
    let _daemon = call!(parent).daemon(true).may_spawn(true).start()?;
    thread::sleep(Duration::from_millis(300));
    println!("all there");
    println!("main ends");
    Ok(())
}
