//! Everything that can be wrong from outside: a clear error, nothing leaked, no hang.

use crate::support::{Output, eventually, run, subject, watchdog};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn failed(output: &Output, texts: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{output:#?}");
    for text in texts {
        assert!(output.stderr.contains(text), "no {text:?} in {output:#?}");
    }
}

#[test]
fn without_an_entry_the_error_says_what_to_add() {
    let _watchdog = watchdog();
    let output = run(Command::new(env!("CARGO_BIN_EXE_no_entry")));
    failed(
        &output,
        &[
            "#[offspring::main]",
            "#[offspring::test]",
            "offspring::init()",
        ],
    );
}

#[test]
fn init_is_an_entry() {
    let _watchdog = watchdog();
    let mut command = Command::new(env!("CARGO_BIN_EXE_no_entry"));
    command.arg("--init");
    let output = run(command);
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.lines(), ["42"]);
}

#[test]
fn somebody_elses_variable_is_named_and_ignored() {
    let _watchdog = watchdog();
    for (value, why) in [
        ("nonsense", "is not SOCKET:INODE:PIPE"),
        ("", "is not SOCKET:INODE:PIPE"),
        ("7:8", "is not SOCKET:INODE:PIPE"),
        ("1:5:8", "is not SOCKET:INODE:PIPE"),
        ("-4:5:8", "is not SOCKET:INODE:PIPE"),
        ("99999999999:5:8", "is not SOCKET:INODE:PIPE"),
        ("777:5:778", "descriptor 777 is not open"),
    ] {
        let mut command = subject("plain");
        command.env("OFFSPRING_CHILD", value);
        let output = run(command);
        assert!(output.status.success(), "{output:#?}");
        assert_eq!(
            output.lines(),
            ["a plain program, variable None, child 49"],
            "{output:#?}"
        );
        assert!(
            output.stderr.contains("ignoring OFFSPRING_CHILD"),
            "{output:#?}"
        );
        assert!(output.stderr.contains(why), "{output:#?}");
    }
}

#[test]
fn a_variable_that_names_some_other_file_is_ignored() {
    let _watchdog = watchdog();
    let mut command = Command::new("sh");
    let script = "OFFSPRING_CHILD=9:1:8 exec \"$0\" plain 9</dev/null";
    command.args(["-c", script, env!("CARGO_BIN_EXE_subject")]);
    let output = run(command);
    assert!(output.status.success(), "{output:#?}");
    assert!(
        output
            .stderr
            .contains("descriptor 9 is not the socket meant"),
        "{output:#?}"
    );
}

#[test]
fn a_socket_that_is_not_the_parents_is_refused() {
    let _watchdog = watchdog();
    // Its own child passes it on to a grandchild.
    let output = run(subject("stolen-socket"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["the thief ended with Some(1)"],
        "{output:#?}"
    );
    assert!(
        output.stderr.contains("was not meant for this process"),
        "{output:#?}"
    );
}

#[test]
fn a_corrupt_order_or_none_ends_the_child() {
    let _watchdog = watchdog();
    let output = run(subject("corrupt-orders"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        [
            "garbage: Some(1)",
            "wrong magic: Some(1)",
            "huge: Some(1)",
            "truncated: Some(1)",
            "nothing: Some(1)",
            "unknown function: Some(1)",
        ],
        "{output:#?}"
    );
    assert!(output.stderr.contains("corrupt message"), "{output:#?}");
    assert!(
        output.stderr.contains("another build of the program"),
        "{output:#?}"
    );
}

#[test]
fn an_answer_that_is_no_frame_is_an_error_at_join() {
    let _watchdog = watchdog();
    let output = run(subject("hostile-answers"));
    assert!(output.status.success(), "{output:#?}");
    for (line, text) in output.lines().iter().zip([
        "it doesn't begin as a frame",
        "unknown kind",
        "over the limit",
        "over the limit",
        "too many bulk runs",
        "in the middle of its answer",
        "its result can't be read",
        "it sent a message of kind",
        "its panic can't be read",
    ]) {
        assert!(line.contains(text), "{text:?} in {output:#?}");
    }
    assert_eq!(output.lines().len(), 9, "{output:#?}");
}

#[test]
fn an_executable_that_cannot_be_started_is_named() {
    let _watchdog = watchdog();
    let folder = temporary("unexecutable");
    let program = folder.join("subject");
    std::fs::copy(env!("CARGO_BIN_EXE_subject"), &program).unwrap();
    let output = run({
        let mut command = Command::new(&program);
        command.arg("unexecutable");
        command
    });
    failed(
        &output,
        &[
            "can't start a process for square()",
            "/subject",
            "Permission denied",
        ],
    );
    assert_eq!(
        output.lines(),
        ["0 children, 0 descriptors more"],
        "{output:#?}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn children_start_from_an_executable_that_was_moved_replaced_or_deleted() {
    let _watchdog = watchdog();
    let folder = temporary("moved");
    let program = folder.join("subject");
    std::fs::copy(env!("CARGO_BIN_EXE_subject"), &program).unwrap();
    let output = run({
        let mut command = Command::new(&program);
        command.arg("moved");
        command
    });
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["moved: 49", "replaced: 49", "deleted: 49"],
        "{output:#?}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_program_started_through_the_loader_says_so() {
    let _watchdog = watchdog();
    let program = env!("CARGO_BIN_EXE_subject");
    let Some(loader) = interpreter(program) else {
        // Linked statically, it has none.
        return;
    };
    let mut command = Command::new(loader);
    command.args([program, "plain"]);
    let output = run(command);
    failed(&output, &["through the loader", "start "]);
}

/// The loader that the program names, by `readelf`'s rule: the string in its PT_INTERP segment.
fn interpreter(program: &str) -> Option<String> {
    let image = std::fs::read(program).unwrap();
    let number = |at: usize, size: usize| {
        image[at..at + size]
            .iter()
            .rev()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    let segments = (0..count).map(|index| table + index * size);
    let segment = segments.into_iter().find(|at| number(*at, 4) == 3)?;
    let (start, length) = (number(segment + 8, 8), number(segment + 0x20, 8));
    String::from_utf8(image[start..start + length - 1].to_vec()).ok()
}

#[test]
fn exhausted_descriptors_are_an_error_that_leaks_none() {
    let _watchdog = watchdog();
    let output = run(subject("exhausted"));
    assert!(output.status.success(), "{output:#?}");
    let lines = output.lines();
    assert!(
        lines[0].contains("Too many open files") && lines[0].contains("ulimit -n"),
        "{output:#?}"
    );
    assert_eq!(
        lines[1..],
        ["0 children, 0 descriptors more", "then it works: 49"],
        "{output:#?}"
    );
}

#[test]
fn a_program_that_starts_itself_for_ever_is_stopped() {
    let _watchdog = watchdog();
    let output = run(subject("bomb"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.lines(), ["5 levels: true"], "{output:#?}");
}

#[test]
fn a_panic_that_aborts_tells_its_message() {
    let _watchdog = crate::support::watchdog_of(std::time::Duration::from_secs(300));
    let target = std::env::current_exe().unwrap();
    let target = target.ancestors().nth(3).unwrap().join("abort");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--offline",
            "--package",
            "offspring-tests",
            "--bin",
            "subject",
        ])
        .args(["--profile", "abort", "--target-dir"])
        .arg(&target)
        .status();
    assert!(built.unwrap().success());
    let mut command = Command::new(target.join("abort/subject"));
    command.arg("abort");
    let output = run(command);
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.lines(), ["Some(-6): for the subject"], "{output:#?}");
}

fn temporary(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("offspring-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    eventually("the folder is there", || folder.is_dir());
    folder
}
