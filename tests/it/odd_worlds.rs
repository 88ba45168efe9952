//! Surroundings in which things go otherwise than usual.

use crate::support::{run, subject, watchdog};
use std::process::Command;

#[test]
fn results_and_codes_arrive_though_sigchld_is_ignored() {
    let _watchdog = watchdog();
    let output = run(subject("ignored-sigchld"));
    assert!(output.status.success(), "{output:#?}");
    told_without_status(output.lines());
}

#[test]
fn results_arrive_though_somebody_else_reaps() {
    let _watchdog = watchdog();
    let output = run(subject("foreign-reaper"));
    assert!(output.status.success(), "{output:#?}");
    told_without_status(output.lines());
}

/// Newer kernels tell the status all the same.
fn told_without_status(lines: Vec<&str>) {
    assert_eq!(lines[0], "result: 49");
    assert!(
        ["status: None", "status: Some(0)"].contains(&lines[1]),
        "{lines:?}"
    );
    assert!(
        ["killed: Unknown", "killed: Signaled { signal: 9 }"].contains(&lines[2]),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_subreaper_is_left_its_orphans() {
    let _watchdog = watchdog();
    let output = run(subject("subreaper"));
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["49", "the orphan is ours to reap: true"],
        "{output:#?}"
    );
}

/// Runs a script in namespaces of its own, where the system lets us.
fn unshared(script: &str) -> Option<crate::support::Output> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "sh",
            "-c",
            script,
        ]);
        command.arg(env!("CARGO_BIN_EXE_subject"));
        command
    };
    let possible = unshare("true")
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        eprintln!("not tested: namespaces can't be had here");
    }
    possible.then(|| run(unshare(script)))
}

#[test]
fn all_works_as_pid_1() {
    let _watchdog = watchdog();
    let script = "mount -t proc proc /proc && exec \"$0\" pid-one";
    let Some(output) = unshared(script) else {
        return;
    };
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["pid 1", "49", "Some(-15)", "1 by its child"],
        "{output:#?}"
    );
}

#[test]
fn without_proc_the_error_says_so() {
    let _watchdog = watchdog();
    let script = "mount -t tmpfs none /proc && exec \"$0\" plain";
    let Some(output) = unshared(script) else {
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{output:#?}");
    assert!(output.stderr.contains("is /proc mounted?"), "{output:#?}");
}

#[test]
fn a_program_with_raised_privileges_ignores_the_variable_and_has_no_children() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let _watchdog = watchdog();
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not tested: only root can make a set-user-id program of another user");
        return;
    }
    let folder = std::env::temp_dir().join(format!("offspring-setuid-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("subject");
    std::fs::copy(env!("CARGO_BIN_EXE_subject"), &program).unwrap();
    chown(&program, Some(65534), Some(65534)).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).unwrap();
    let mut command = Command::new(&program);
    command.arg("plain").env("OFFSPRING_CHILD", "nonsense");
    let output = run(command);
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:#?}");
    assert!(output.stderr.contains("raised privileges"), "{output:#?}");
    assert!(!output.stderr.contains("ignoring"), "{output:#?}");
}
