//! What a child finds around it.

use crate::support::{run, subject, watchdog};
use offspring::{spawn, subprocess};
use std::io::Read;
use std::os::fd::AsRawFd;

type Whole = Result<(), Box<dyn std::error::Error>>;

#[subprocess]
fn read_stdin() -> usize {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).unwrap()
}

/// The open descriptors, but for the one that lists them.
#[subprocess]
fn open_fds() -> Vec<(i32, String)> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let fds = entries.filter_map(|entry| {
        let path = entry.unwrap().path();
        let target = std::fs::read_link(&path).ok()?;
        Some((
            path.file_name()?.to_str()?.parse().ok()?,
            target.display().to_string(),
        ))
    });
    fds.filter(|(_, target)| !target.contains("/fd")).collect()
}

#[offspring::test]
fn the_standard_input_of_a_child_is_at_its_end() -> Whole {
    let _watchdog = watchdog();
    assert_eq!(spawn!(read_stdin)?.join()?, 0);
    Ok(())
}

#[offspring::test]
fn a_child_has_its_socket_and_lifeline_and_nothing_of_its_parents() -> Whole {
    let _watchdog = watchdog();
    // Also one that isn't close-on-exec.
    let file = std::fs::File::open("/proc/self/exe")?;
    let leaky = nix::unistd::dup(&file)?;
    assert!(leaky.as_raw_fd() > 2);
    let fds = spawn!(open_fds)?.join()?;
    let own: Vec<_> = fds.iter().filter(|(fd, _)| *fd > 2).collect();
    let kind = |name: &str| {
        own.iter()
            .filter(|(_, target)| target.starts_with(name))
            .count()
    };
    assert_eq!(
        (own.len(), kind("socket:"), kind("pipe:")),
        (2, 1, 1),
        "{fds:?}"
    );
    Ok(())
}

#[test]
fn environment_directory_and_arguments_are_the_parents_at_that_moment() {
    let _watchdog = watchdog();
    let output = run({
        let mut command = subject("surroundings");
        command.args(["one", "", "zwei"]).env("INHERITED", "yes");
        command
    });
    assert!(output.status.success(), "{output:#?}");
    let program = env!("CARGO_BIN_EXE_subject");
    assert_eq!(
        output.lines(),
        [
            format!("{:?}", [program, "surroundings", "one", "", "zwei"]),
            r#"directory "/", INHERITED Some("yes"), SET Some("später")"#.into(),
            r#"the bootstrap variable: None"#.into(),
        ],
        "{output:#?}"
    );
}

#[test]
fn all_works_with_closed_standard_descriptors() {
    let _watchdog = watchdog();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let mut shell = std::process::Command::new("sh");
        let script = format!("exec \"$0\" closed-stdio {closed}");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_subject")]);
        let output = run(shell);
        assert_eq!(output.status.code(), Some(0), "{closed}: {output:#?}");
    }
}
