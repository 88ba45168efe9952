//! The end of the parent: what becomes of its children, and of its own status.

use crate::support::{run, subject, watchdog};

#[test]
fn a_program_waits_for_its_children_and_ends_its_daemons() {
    let _watchdog = watchdog();
    for (how, status) in [("return", 0), ("exit", 7), ("panic", 101), ("err", 1)] {
        let output = run({
            let mut command = subject("end");
            command.arg(how);
            command
        });
        assert_eq!(output.status.code(), Some(status), "{output:#?}");
        assert_eq!(
            output.lines(),
            ["main ends", "the child has done its work"],
            "{output:#?}"
        );
    }
}

#[test]
fn a_daemon_that_ignores_sigterm_is_killed() {
    let _watchdog = watchdog();
    let output = run(subject("stubborn-daemon"));
    assert_eq!(output.status.code(), Some(0), "{output:#?}");
    assert_eq!(output.lines(), ["stubborn", "main ends"], "{output:#?}");
}

#[test]
fn exit_hooks_of_a_child_run_and_its_output_is_flushed_once() {
    let _watchdog = watchdog();
    let output = run(subject("exit-hook"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.lines(), ["no newline here; hook"], "{output:#?}");
}
