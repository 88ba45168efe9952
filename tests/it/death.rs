//! The death of the parent, in any way, ends all that it has started.

use crate::support::{Running, eventually, is_there, run, start, subject, watchdog};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// The pids that the program tells, up to its word that they are all.
fn pids(family: &Running) -> Vec<u32> {
    let lines = std::iter::from_fn(|| family.line()).take_while(|line| line != "all there");
    lines
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect()
}

fn all_end_with(what: &str, end: impl FnOnce(&mut Running)) {
    let mut family = start(subject(what));
    let pids = pids(&family);
    assert!(
        pids.len() >= 6 && pids.iter().all(|pid| is_there(*pid)),
        "{pids:?}"
    );
    let killed = Instant::now();
    end(&mut family);
    eventually("all are gone", || pids.iter().all(|pid| !is_there(*pid)));
    // Two seconds are promised; what it takes beyond is the machine's.
    assert!(
        killed.elapsed() < Duration::from_secs(20),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(family.line(), None, "nobody holds the output");
}

#[test]
fn a_killed_parent_takes_all_with_it() {
    let _watchdog = watchdog();
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGABRT] {
        all_end_with("family", |family| {
            use std::os::unix::process::ExitStatusExt;
            let ended = family.end(signal).signal();
            assert_eq!(ended, Some(signal as i32));
        });
    }
}

#[test]
fn a_parent_whose_memory_a_fork_shares_takes_all_with_it() {
    let _watchdog = watchdog();
    // The fork has copies of all descriptors, and stays.
    let mut family = start(subject("family-with-fork"));
    let mut pids = pids(&family);
    let fork = pids.pop().unwrap();
    family.end(Signal::SIGKILL);
    eventually("all are gone", || pids.iter().all(|pid| !is_there(*pid)));
    assert!(is_there(fork));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(fork as i32), Signal::SIGKILL).unwrap();
    assert_eq!(family.line(), None);
}

#[test]
fn a_fork_of_the_parent_gets_a_clear_error_and_leaves_the_children_alone() {
    let _watchdog = watchdog();
    let output = run(subject("fork"));
    assert!(output.status.success(), "{output:#?}");
    let lines = output.lines();
    assert!(lines[0].contains("is a fork(2) of process"), "{output:#?}");
    assert_eq!(
        lines[1..],
        [
            "the fork ended with 0",
            "the child lives: true",
            "joined: 49"
        ],
        "{output:#?}"
    );
}

#[test]
fn a_daemonized_program_has_children_like_any_other() {
    let _watchdog = watchdog();
    let output = run(subject("daemonize"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.lines(), ["daemonized: 49"], "{output:#?}");
}

#[test]
fn only_the_death_of_the_process_counts_not_that_of_a_thread() {
    let _watchdog = watchdog();
    let output = run(subject("thread-ends"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["alive after its thread: true"],
        "{output:#?}"
    );
}

#[test]
fn a_child_can_neither_kill_nor_save_its_siblings() {
    let _watchdog = watchdog();
    let mut family = start(subject("meddler"));
    let pids = pids(&family);
    let [sibling, meddler] = pids[..] else {
        panic!("{pids:?}")
    };
    assert_eq!(family.line().as_deref(), Some("the sibling lives: true"));
    family.end(Signal::SIGKILL);
    eventually("the sibling is gone", || !is_there(sibling));
    // Itself it can save, as any process can that doesn't want to know.
    if is_there(meddler) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(meddler as i32), Signal::SIGKILL)
            .unwrap();
    }
    assert_eq!(family.line(), None);
}

#[test]
fn terminate_tree_leaves_no_descendant() {
    let _watchdog = watchdog();
    let family = start(subject("tree"));
    let pids = pids(&family);
    assert_eq!(pids.len(), 5, "{pids:?}");
    assert_eq!(family.line().as_deref(), Some("terminated: Some(-9)"));
    eventually("all are gone", || pids.iter().all(|pid| !is_there(*pid)));
}

#[test]
fn terminate_all_leaves_nothing_to_wait_for() {
    let _watchdog = watchdog();
    let output = run(subject("terminate-all"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["0 left", "[Some(-15), Some(-15), Some(-9)]"],
        "{output:#?}"
    );
}

#[test]
fn a_daemon_that_may_spawn_takes_its_children_with_it() {
    let _watchdog = watchdog();
    let family = start(subject("spawning-daemon"));
    let pids = pids(&family);
    assert_eq!(pids.len(), 2);
    assert_eq!(family.line().as_deref(), Some("main ends"));
    assert_eq!(family.line(), None);
    eventually("both are gone", || pids.iter().all(|pid| !is_there(*pid)));
}
