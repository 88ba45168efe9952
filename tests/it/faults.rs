//! SIGKILL of the child and of the parent at each step of start, run, answer and exit.
//!
//! `OFFSPRING_ROUNDS=1000 cargo test -p offspring-tests --test it faults` goes on for longer.

use crate::support::{eventually, run, start, watchdog_of};
use offspring::{spawn, subprocess};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

fn rounds() -> u32 {
    match std::env::var("OFFSPRING_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("OFFSPRING_ROUNDS is a number"),
        Err(_) => 3,
    }
}

/// The program with the places compiled in.
fn faulty(what: &str, place: &str) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let target = std::env::current_exe().unwrap();
        let target = target.ancestors().nth(3).unwrap().join("faults");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--quiet",
                "--package",
                "offspring-tests",
                "--bin",
                "subject",
            ])
            .arg("--target-dir")
            .arg(&target)
            .env("RUSTFLAGS", "--cfg offspring_faults");
        assert!(cargo.status().unwrap().success());
        target.join("debug/subject")
    });
    let mut command = Command::new(program);
    command.arg(what).env("OFFSPRING_FAULT", place);
    command
}

#[test]
fn a_child_killed_at_any_step_is_told_and_leaves_nothing() {
    let _watchdog = watchdog_of(Duration::from_secs(300) * (1 + rounds() / 10));
    for _ in 0..rounds() {
        for (place, told) in [
            ("child-entered", "was killed by signal 9 (SIGKILL)"),
            ("child-armed", "was killed by signal 9 (SIGKILL)"),
            ("child-ordered", "was killed by signal 9 (SIGKILL)"),
            ("child-has-arguments", "was killed by signal 9 (SIGKILL)"),
            ("child-runs", "was killed by signal 9 (SIGKILL)"),
            (
                "child-half-answered",
                "(SIGKILL): it ended in the middle of its answer",
            ),
            // The result was sent whole, and counts.
            ("child-answered", "a result of "),
        ] {
            let output = run(faulty("faulty-child", place));
            assert!(output.status.success(), "{place}: {output:#?}");
            let lines = output.lines();
            assert_eq!(lines.len(), 7, "{place}: {output:#?}");
            let ends = lines[..6].iter();
            assert!(
                ends.clone().all(|line| line.contains(told)),
                "{place}: {output:#?}"
            );
            assert_eq!(lines[6], "0 children, descriptors more: []", "{place}");
        }
    }
}

#[test]
fn a_parent_killed_at_any_step_leaves_nothing() {
    let _watchdog = watchdog_of(Duration::from_secs(300) * (1 + rounds() / 10));
    for round in 0..rounds() {
        for place in [
            "parent-before-launch",
            "parent-launched",
            "parent-half-sent",
            "parent-frame-sent",
            "parent-delivered",
        ] {
            use std::os::unix::process::ExitStatusExt;
            let mark = format!("{place}-{round}-{}", std::process::id());
            let mut command = faulty("faulty-parent", place);
            command.env("OFFSPRING_MARK", &mark);
            let mut parent = start(command);
            assert_eq!(parent.line(), None, "{place}");
            assert_eq!(parent.wait().signal(), Some(9), "{place}");
            eventually("nobody is left", || marked(&mark).is_empty());
        }
    }
}

/// The processes that have the mark in their environment.
fn marked(mark: &str) -> Vec<PathBuf> {
    let mark = format!("OFFSPRING_MARK={mark}\0").into_bytes();
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let has_mark = |process: &PathBuf| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark)
    };
    processes.filter(has_mark).collect()
}

#[offspring::test]
fn a_child_killed_at_a_random_moment_is_told() {
    let _watchdog = watchdog_of(Duration::from_secs(300) * (1 + rounds() / 10));
    let data = vec![1; 1 << 20];
    let mut seed = 1_u64;
    for _ in 0..rounds() * 30 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let pause = Duration::from_micros((seed >> 33) % 4000);
        let child = spawn!(echo, &data).unwrap();
        std::thread::sleep(pause);
        child.kill().unwrap();
        match child.join() {
            Ok(length) => assert_eq!(length, data.len()),
            Err(error) => assert_eq!(error.exitcode(), Some(-9), "{error}"),
        }
    }
}

#[subprocess]
fn echo(bytes: &[u8]) -> usize {
    bytes.len()
}
