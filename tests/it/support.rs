//! What the tests share: deadlines, and programs that are run as a user runs them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
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
            kill_children();
            std::process::abort();
        }
    });
    Watchdog(Some(alive))
}

/// Those that were not started by `offspring` would outlive an abort.
fn kill_children() {
    let this = std::process::id().to_string();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let (true, Some(pid)) = (parent == Some(&this), pid) {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.take();
    }
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until it holds; fails after a generous time.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "it never came true: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The least that an executor can be.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
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
        lines
            .filter(|(_, (_, line))| line.contains(text))
            .map(|(index, _)| index)
            .collect()
    }
}

/// Starts a program. A file that was just copied is "busy" for as long as a process that was forked
/// meanwhile, by another test, has it open for writing: until it has executed.
fn spawn(command: &mut Command) -> Child {
    let start = Instant::now();
    loop {
        match command.spawn() {
            Ok(child) => return child,
            Err(error)
                if error.kind() == std::io::ErrorKind::ExecutableFileBusy
                    && start.elapsed() < PATIENCE =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
}

/// Runs a program to its end, and to the end of all that hold its output.
pub(crate) fn run(mut command: Command) -> Output {
    let start = Instant::now();
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    let mut child = spawn(&mut command);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    let lines = thread::spawn(move || {
        stdout
            .lines()
            .map(|line| (start.elapsed(), line.unwrap()))
            .collect::<Vec<_>>()
    });
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = child.wait().unwrap();
    let ended = start.elapsed();
    Output {
        timed: lines.join().unwrap(),
        stderr: errors.join().unwrap(),
        status,
        ended,
    }
}

/// A program whose lines are read as they come. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// Starts a program.
pub(crate) fn start(mut command: Command) -> Running {
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    let mut child = spawn(&mut command);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    Running { child, lines }
}

impl Running {
    /// The next line; `None` once all that hold the output are gone.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no line, and no end of the output"),
        }
    }

    /// Ends it by a signal, and gives its status.
    pub(crate) fn end(&mut self, signal: nix::sys::signal::Signal) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, signal).unwrap();
        self.child.wait().unwrap()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process is there, and not a zombie.
pub(crate) fn is_there(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim().starts_with(['Z', 'X']))
}

/// A second of the demos in these tests.
pub(crate) const SECOND: Duration = Duration::from_millis(250);

/// Runs a demo with shortened seconds.
pub(crate) fn demo(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(example(name));
    command
        .args(["--second", &SECOND.as_millis().to_string()])
        .args(arguments);
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
