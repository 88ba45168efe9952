//! What went wrong once.

use crate::support::{is_there, run, subject, watchdog};
use offspring::{Stdio, call, subprocess};
use std::process::Command;

type Whole = Result<(), Box<dyn std::error::Error>>;

#[test]
fn a_child_whose_pidfd_finds_no_room_above_the_standard_three_is_killed_and_reaped() {
    let _watchdog = watchdog();
    let output = run(subject("no-room-for-a-pidfd"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["failed after it ran: true", "then it works: 49", "left: 0"],
        "{output:#?}"
    );
}

#[test]
fn without_close_range_descriptors_are_closed_or_the_start_fails() {
    let _watchdog = watchdog();
    let output = run(subject("no-close-range"));
    assert!(output.status.success(), "{output:#?}");
    if output.lines() == ["seccomp is refused"] {
        eprintln!("not tested: a system call can't be refused here");
        return;
    }
    assert_eq!(
        output.lines(),
        [
            "of the parent's: 0",
            "failed at the list: true",
            "then it works: 49",
            "left: 0"
        ],
        "{output:#?}"
    );
}

#[test]
fn a_program_whose_path_has_newlines_spaces_and_escapes_is_no_loader() {
    let _watchdog = watchdog();
    let folder = format!("offspring a\nb \\012 -{}", std::process::id());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["new\nline", "spa ce", "es\\012cape", "\n"] {
        let program = folder.join(name);
        // No copy: it could not be executed while a child of another test has it open for writing.
        std::fs::hard_link(env!("CARGO_BIN_EXE_subject"), &program).unwrap();
        let mut command = Command::new(&program);
        command.arg("plain");
        let output = run(command);
        assert!(output.status.success(), "{name:?}: {output:#?}");
        assert_eq!(
            output.lines(),
            ["a plain program, variable None, child 49"],
            "{name:?}"
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[subprocess]
fn nothing() {}

#[offspring::test]
fn the_variable_that_tells_a_child_what_it_is_can_be_neither_set_nor_removed() {
    let _watchdog = watchdog();
    let name = "OFFSPRING_CHILD";
    for call in [
        call!(nothing).env(name, "nonsense"),
        call!(nothing).env(name, "nonsense").env_remove(name),
        call!(nothing).env_remove(name),
    ] {
        let error = call.start().unwrap_err().to_string();
        assert!(
            error.contains("nothing()") && error.contains("OFFSPRING_CHILD can't be set"),
            "{error}"
        );
    }
}

#[subprocess]
fn leave_yes_behind() -> u32 {
    println!("before");
    Command::new("yes").spawn().unwrap().id()
}

#[offspring::test]
fn a_process_left_behind_that_writes_for_ever_does_not_keep_output_from_being_joined() -> Whole {
    let _watchdog = watchdog();
    let child = call!(leave_yes_behind).stdout(Stdio::piped()).start()?;
    let (pid, output) = child.join_with_output()?;
    kill_yes(pid?);
    let text = String::from_utf8(output.stdout)?;
    assert!(text.lines().any(|line| line == "before"));
    Ok(())
}

/// The end of the pipe may have killed it already, and its pid have become another's.
fn kill_yes(pid: u32) {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if is_there(pid) && name == "yes\n" {
        let pid = nix::unistd::Pid::from_raw(pid as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }
}

#[test]
fn sending_to_one_that_was_killed_is_an_error_also_where_sigpipe_is_not_ignored() {
    let _watchdog = watchdog();
    let output = run(subject("sigpipe"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.lines(), ["closed: true"], "{output:#?}");
}
