//! Limits of time and memory, and what a call says about its process's surroundings.

use crate::support::{eventually, watchdog};
use offspring::{JoinErrorKind, Stdio, call, current_process, spawn, subprocess};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

#[subprocess]
fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

#[subprocess]
fn sleep(seconds: f64) -> f64 {
    thread::sleep(Duration::from_secs_f64(seconds));
    seconds
}

#[subprocess]
fn eat(mebibytes: usize) -> usize {
    let mut eaten = Vec::new();
    for _ in 0..mebibytes {
        eaten.push(vec![1_u8; 1 << 20]);
    }
    eaten.len()
}

#[subprocess]
fn gulp(bytes: usize) -> usize {
    std::hint::black_box(vec![1_u8; bytes]).len()
}

#[subprocess]
fn taste(bytes: usize) -> bool {
    let mut memory = Vec::<u8>::new();
    memory.try_reserve(bytes).is_ok()
}

#[subprocess]
fn length(bytes: &[u8]) -> usize {
    bytes.len()
}

#[offspring::test]
fn a_child_whose_time_is_up_is_killed_whoever_waits() -> Whole {
    let _watchdog = watchdog();
    let limited = || call!(spin).timeout(Duration::from_millis(100)).start();
    let error = limited()?.join().unwrap_err();
    assert_eq!(
        (error.kind(), error.exitcode()),
        (&JoinErrorKind::TimedOut, Some(-9))
    );
    assert!(
        error.to_string().ends_with("was killed: its time was up"),
        "{error}"
    );

    let unattended = limited()?;
    eventually("it is killed", || unattended.exitcode().is_some());
    assert_eq!(
        *unattended.join().unwrap_err().kind(),
        JoinErrorKind::TimedOut
    );
    Ok(())
}

#[offspring::test]
fn a_child_within_its_time_is_left_alone() -> Whole {
    let _watchdog = watchdog();
    let quick = call!(sleep, 0.01)
        .timeout(Duration::from_secs(50))
        .start()?;
    assert_eq!(quick.join()?, 0.01);
    // A time too long for the clock is none.
    assert_eq!(
        call!(sleep, 0.0).timeout(Duration::MAX).start()?.join()?,
        0.0
    );
    // Killed by somebody else, it isn't its time.
    let killed = call!(spin).timeout(Duration::from_secs(50)).start()?;
    killed.kill()?;
    assert!(matches!(
        killed.join().unwrap_err().kind(),
        JoinErrorKind::Signaled { signal: 9, .. }
    ));
    Ok(())
}

#[offspring::test]
fn many_times_end_in_their_order() -> Whole {
    let _watchdog = watchdog();
    let start = Instant::now();
    let times = [400, 100, 300, 200];
    let children = times.map(|time| {
        let time = Duration::from_millis(time);
        (time, call!(spin).timeout(time).start().unwrap())
    });
    for (time, child) in children {
        assert_eq!(*child.join().unwrap_err().kind(), JoinErrorKind::TimedOut);
        assert!(start.elapsed() >= time);
    }
    Ok(())
}

#[offspring::test]
fn a_child_over_its_memory_limit_ends_alone() -> Whole {
    let _watchdog = watchdog();
    let bystander = spawn!(sleep, 0.5)?;
    let limited = |call: offspring::Call<'_, usize>| {
        call.memory_limit(64 << 20)
            .stderr(Stdio::null())
            .start()
            .map(|child| child.join())
    };
    for error in [
        limited(call!(eat, 1000))?.unwrap_err(),
        // A backtrace would hide why it aborts, with so much left of the limit.
        limited(call!(gulp, 1 << 40).env_remove("RUST_BACKTRACE"))?.unwrap_err(),
        limited(call!(length, &vec![0; 100 << 20]))?.unwrap_err(),
    ] {
        assert_eq!(*error.kind(), JoinErrorKind::MemoryLimit, "{error}");
    }
    assert_eq!(limited(call!(eat, 10))??, 10);
    assert!(
        !call!(taste, 100 << 20)
            .memory_limit(64 << 20)
            .start()?
            .join()?
    );
    assert!(call!(taste, 100 << 20).start()?.join()?);
    assert_eq!(bystander.join()?, 0.5);
    Ok(())
}

#[subprocess]
fn look_around() -> (Option<String>, Option<String>, bool, std::path::PathBuf) {
    let variable = |name| std::env::var(name).ok();
    (
        variable("OFFSPRING_TEST"),
        variable("CARGO_PKG_NAME"),
        std::env::var_os("OFFSPRING_CHILD").is_some(),
        std::env::current_dir().unwrap(),
    )
}

#[offspring::test]
fn a_call_sets_environment_and_directory() -> Whole {
    let _watchdog = watchdog();
    let call = call!(look_around)
        .env("OFFSPRING_TEST", "first")
        .env("OFFSPRING_TEST", "second = ä")
        .env_remove("CARGO_PKG_NAME")
        .current_dir("/usr/..");
    let (set, removed, bootstrap, directory) = call.start()?.join()?;
    assert_eq!(
        (set.as_deref(), removed, bootstrap),
        (Some("second = ä"), None, false)
    );
    assert_eq!(directory, std::path::Path::new("/"));
    assert_eq!(std::env::var("CARGO_PKG_NAME")?, "offspring-tests");

    let removed = call!(look_around)
        .env("OFFSPRING_TEST", "x")
        .env_remove("OFFSPRING_TEST");
    assert_eq!(removed.start()?.join()?.0, None);
    Ok(())
}

#[offspring::test]
fn what_a_call_says_wrongly_is_named() {
    let _watchdog = watchdog();
    let error = call!(look_around)
        .current_dir("/not/there")
        .start()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("entering its directory /not/there: No such file"),
        "{error}"
    );
    for name in ["", "A=B", "A\0B"] {
        let error = call!(look_around)
            .env(name, "x")
            .start()
            .unwrap_err()
            .to_string();
        assert!(error.contains("a variable of its environment"), "{error}");
    }
    let error = call!(look_around)
        .current_dir("a\0b")
        .start()
        .unwrap_err()
        .to_string();
    assert!(error.contains("its directory has a NUL"), "{error}");
}

#[subprocess]
fn talk(text: &str) -> usize {
    println!("out: {text}");
    eprintln!("err: {text}");
    text.len()
}

#[subprocess]
fn shout() -> String {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    text.to_uppercase()
}

#[subprocess]
fn talk_much(kibibytes: usize) -> usize {
    for _ in 0..kibibytes {
        print!("{}", "o".repeat(1024));
        eprint!("{}", "e".repeat(1024));
    }
    kibibytes
}

#[subprocess]
fn talk_and_panic() {
    println!("last words");
    panic!("over");
}

#[offspring::test]
fn output_is_captured_of_any_size_and_from_any_end() -> Whole {
    let _watchdog = watchdog();
    let piped = |call: offspring::Call<'static, usize>| {
        call.stdout(Stdio::piped()).stderr(Stdio::piped()).start()
    };
    let (result, output) = piped(call!(talk, "hey"))?.join_with_output()?;
    assert_eq!(result?, 3);
    assert_eq!(output.stdout, b"out: hey\n");
    assert_eq!(output.stderr, b"err: hey\n");

    let (result, output) = piped(call!(talk_much, 1000))?.join_with_output()?;
    assert_eq!(result?, 1000);
    assert!(output.stdout == vec![b'o'; 1000 << 10] && output.stderr == vec![b'e'; 1000 << 10]);

    let child = call!(talk_and_panic)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .start()?;
    let (result, output) = child.join_with_output()?;
    assert!(matches!(
        result.unwrap_err().kind(),
        JoinErrorKind::Panicked { .. }
    ));
    assert_eq!(output.stdout, b"last words\n");
    Ok(())
}

#[offspring::test]
fn streams_are_pipes_files_or_nothing() -> Whole {
    let _watchdog = watchdog();
    let mut child = call!(shout).stdin(Stdio::piped()).start()?;
    let mut stdin = child.take_stdin().unwrap();
    assert!(child.take_stdin().is_none() && child.take_stdout().is_none());
    stdin.write_all(b"quiet")?;
    drop(stdin);
    assert_eq!(child.join()?, "QUIET");

    let path = std::env::temp_dir().join(format!("offspring-stream-{}", std::process::id()));
    let child = call!(talk, "to a file")
        .stdout(std::fs::File::create(&path)?)
        .stderr(Stdio::null());
    child.start()?.join()?;
    assert_eq!(std::fs::read_to_string(&path)?, "out: to a file\n");
    let child = call!(shout).stdin(std::fs::File::open(&path)?).start()?;
    assert_eq!(child.join()?, "OUT: TO A FILE\n");
    std::fs::remove_file(path)?;

    let mut child = call!(talk, "x")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .start()?;
    let mut text = String::new();
    child.take_stderr().unwrap().read_to_string(&mut text)?;
    assert_eq!(text, "err: x\n");
    child.join()?;
    Ok(())
}

#[subprocess]
fn is_open(fd: i32) -> bool {
    std::path::Path::new(&format!("/proc/self/fd/{fd}")).exists()
}

#[offspring::test]
fn a_descriptor_is_kept_open_on_request_only() -> Whole {
    let _watchdog = watchdog();
    let file = std::fs::File::open("/dev/null")?;
    let number = file.as_fd().as_raw_fd();
    assert!(!spawn!(is_open, number)?.join()?);
    assert!(call!(is_open, number).keep_fd(&file).start()?.join()?);
    // It is close-on-exec here as before.
    assert!(!spawn!(is_open, number)?.join()?);
    Ok(())
}

#[subprocess]
fn parent_of_one() -> (bool, bool) {
    let child = spawn!(is_daemon).unwrap();
    (current_process().daemon(), child.join().unwrap())
}

#[subprocess]
fn is_daemon() -> bool {
    current_process().daemon()
}

#[offspring::test]
fn a_daemon_may_spawn_if_it_is_allowed_to_and_so_may_its_children() -> Whole {
    let _watchdog = watchdog();
    let child = call!(parent_of_one).daemon(true).may_spawn(true).start()?;
    assert_eq!(child.join()?, (true, true));
    #[subprocess]
    fn grandparent() -> (bool, bool) {
        spawn!(parent_of_one).unwrap().join().unwrap()
    }
    let child = call!(grandparent).daemon(true).may_spawn(true).start()?;
    assert_eq!(child.join()?, (true, true));
    Ok(())
}
