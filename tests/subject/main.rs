//! A program that the tests run from outside: its first argument says what it does.

mod ends;
mod families;
mod faults;
mod hostile;
mod pools;
mod regressions;
mod surroundings;
mod worlds;

use offspring::{JoinErrorKind, active_children, call, spawn, subprocess};
use std::fs::File;

type Whole = Result<(), Box<dyn std::error::Error>>;

#[subprocess]
fn square(x: u32) -> u32 {
    x * x
}

#[subprocess]
fn panic() {
    panic!("for the subject");
}

#[subprocess]
fn nest(levels: u32) -> u32 {
    match call!(nest, levels + 1).start() {
        Ok(child) => child.join().unwrap(),
        Err(error) => {
            assert!(
                error.to_string().contains("starts itself for ever"),
                "{error}"
            );
            levels
        }
    }
}

#[offspring::main]
fn main() -> Whole {
    match std::env::args().nth(1).as_deref() {
        Some("plain") => plain(),
        Some("panic") => backtrace(),
        Some("abort") => abort(),
        Some("bomb") => bomb(),
        Some("exhausted") => exhausted(),
        Some("unexecutable") => unexecutable(),
        Some("moved") => moved(),
        Some("end") => ends::end(),
        Some("stubborn-daemon") => ends::stubborn_daemon(),
        Some("exit-hook") => ends::exit_hook(),
        Some("surroundings") => surroundings::tell(),
        Some("closed-stdio") => surroundings::closed_stdio(),
        Some("stolen-socket") => hostile::stolen_socket(),
        Some("corrupt-orders") => hostile::corrupt_orders(),
        Some("hostile-answers") => hostile::hostile_answers(),
        Some("family") => families::family(),
        Some("family-with-fork") => families::with_fork(),
        Some("fork") => families::forked(),
        Some("daemonize") => families::daemonize(),
        Some("thread-ends") => families::thread_ends(),
        Some("meddler") => families::meddler(),
        Some("tree") => families::tree(),
        Some("terminate-all") => families::terminate_all(),
        Some("spawning-daemon") => families::spawning_daemon(),
        Some("ignored-sigchld") => worlds::ignored_sigchld(),
        Some("foreign-reaper") => worlds::foreign_reaper(),
        Some("subreaper") => worlds::subreaper(),
        Some("pid-one") => worlds::pid_one(),
        Some("pool-interrupted") => pools::interrupted(),
        Some("pool-catches-interrupt") => pools::catches_interrupt(),
        Some("no-room-for-a-pidfd") => regressions::no_room_for_a_pidfd(),
        Some("no-close-range") => regressions::no_close_range(),
        Some("sigpipe") => regressions::sigpipe(),
        Some("faulty-child") => faults::faulty_child(),
        Some("faulty-parent") => faults::faulty_parent(),
        other => Err(format!("no subject {other:?}").into()),
    }
}

fn plain() -> Whole {
    let variable = std::env::var("OFFSPRING_CHILD").ok();
    let child = spawn!(square, 7)?.join()?;
    println!("a plain program, variable {variable:?}, child {child}");
    Ok(())
}

fn backtrace() -> Whole {
    let error = spawn!(panic)?.join().unwrap_err();
    eprintln!("-- joined --");
    match error.kind() {
        JoinErrorKind::Panicked { backtrace, .. } => {
            let has_frames = backtrace
                .as_ref()
                .is_some_and(|text| text.contains("panic"));
            println!("backtrace: {has_frames}");
        }
        _ => println!("{error}"),
    }
    Ok(())
}

fn abort() -> Whole {
    let error = spawn!(panic)?.join().unwrap_err();
    match error.kind() {
        JoinErrorKind::Panicked { message, .. } => println!("{:?}: {message}", error.exitcode()),
        _ => println!("{error}"),
    }
    Ok(())
}

fn bomb() -> Whole {
    offspring::set_depth_limit(5);
    let levels = spawn!(nest, 1)?.join()?;
    println!("{levels} levels: {}", levels == 5);
    Ok(())
}

fn count_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// That a failure has left nothing.
fn tell_leaks(before: usize) {
    let more = count_fds() - before;
    println!(
        "{} children, {more} descriptors more",
        active_children().len()
    );
}

fn exhausted() -> Whole {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // The background's own are there from the first start on.
    assert_eq!(spawn!(square, 2)?.join()?, 4);
    let before = count_fds();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard)?;
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    // With each descriptor that becomes free, a start comes a step further before it fails.
    let mut first = None;
    for _ in 0..3 {
        let error = spawn!(square, 3).unwrap_err();
        assert_eq!(
            error.io_error().and_then(std::io::Error::raw_os_error),
            Some(24),
            "{error}"
        );
        first.get_or_insert(error.to_string());
        files.pop();
    }
    drop(files);
    println!("{}", first.unwrap_or_default());
    tell_leaks(before);
    println!("then it works: {}", spawn!(square, 7)?.join()?);
    Ok(())
}

fn unexecutable() -> Whole {
    use std::os::unix::fs::PermissionsExt;
    let program = std::env::current_exe()?;
    assert_eq!(spawn!(square, 2)?.join()?, 4);
    let before = count_fds();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o600))?;
    let error = spawn!(square, 7).unwrap_err();
    tell_leaks(before);
    eprintln!("{error}");
    std::process::exit(1)
}

fn moved() -> Whole {
    let program = std::env::current_exe()?;
    let moved = program.with_extension("moved");
    std::fs::rename(&program, &moved)?;
    println!("moved: {}", spawn!(square, 7)?.join()?);
    std::fs::copy("/bin/false", &program)?;
    println!("replaced: {}", spawn!(square, 7)?.join()?);
    std::fs::remove_file(&moved)?;
    println!("deleted: {}", spawn!(square, 7)?.join()?);
    Ok(())
}
