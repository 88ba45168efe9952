//! What the tests share: deadlines, and programs that are run as a user runs them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Ends the whole test program if the test takes longer than a minute, so that a hang is a
/// failure. Held for the length of the test.
#[must_use]
pub(crate) struct Watchdog(Option<mpsc::Sender<()>>);

pub(crate) fn watchdog() -> Watchdog {
    watchdog_of(Duration::from_secs(60))
}

pub(crate) fn watchdog_of(time: Duration) -> Watchdog {
    let name = thread::current().name().unwrap_or("?").to_owned();
    let (alive, watched) = mpsc::channel();
    thread::spawn(move || {
        if watched.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("test {name} hangs: it has taken more than {time:?}");
            std::process::abort();
        }
    });
    Watchdog(Some(alive))
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.take();
    }
}

/// Asks again and again until it holds; fails after a generous time.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never came true: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// Lines of standard output, each with the time at which it came.
    pub(crate) timed: Vec<(Duration, String)>,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
    /// When the program itself ended, its children aside.
    pub(crate) ended: Duration,
}

impl Output {
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.timed.iter().map(|(_, line)| line.as_str()).collect()
    }

    /// Index of the only line that contains `text`.
    pub(crate) fn find(&self, text: &str) -> usize {
        let found: Vec<_> = self.find_all(text);
        assert_eq!(found.len(), 1, "lines with {text:?} in {self:#?}");
        found[0]
    }

    pub(crate) fn find_all(&self, text: &str) -> Vec<usize> {
        let lines = self.timed.iter().enumerate();
        lines.filter(|(_, (_, line))| line.contains(text)).map(|(index, _)| index).collect()
    }
}

/// Runs a program to its end, and to the end of all that hold its output.
pub(crate) fn run(mut command: Command) -> Output {
    let start = Instant::now();
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    let lines = thread::spawn(move || {
        stdout.lines().map(|line| (start.elapsed(), line.unwrap())).collect::<Vec<_>>()
    });
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = child.wait().unwrap();
    let ended = start.elapsed();
    Output { timed: lines.join().unwrap(), stderr: errors.join().unwrap(), status, ended }
}

/// A second of the demos in these tests.
pub(crate) const SECOND: Duration = Duration::from_millis(250);

/// Runs a demo with shortened seconds.
pub(crate) fn demo(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(example(name));
    command.args(["--second", &SECOND.as_millis().to_string()]).args(arguments);
    run(command)
}

fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo test --workspace` builds it, as does `cargo build --examples`",
        path.display()
    );
    path
}

/// The test program `subject`, which does what its first argument says.
pub(crate) fn subject(what: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subject"));
    command.arg(what);
    command
}
