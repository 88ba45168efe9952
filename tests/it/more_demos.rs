//! The demos about ends: what main's end, a signal, a limit or a crash does to a child.

use crate::support::{Output, demo, watchdog};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.stderr, "", "{output:#?}");
}

/// A process as `/proc` tells it.
struct Seen {
    pid: u32,
    name: String,
    state: char,
    parent: u32,
}

/// All processes that there are at the moment.
fn processes() -> Vec<Seen> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // One may be gone since it was listed.
    pids.filter_map(seen).collect()
}

fn seen(pid: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses, and can contain some.
    let (before, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ');
    Some(Seen {
        pid,
        name: before.split_once('(')?.1.to_owned(),
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
    })
}

/// The children of the demo `name` that this program runs.
fn children_of_demo(name: &str) -> Vec<Seen> {
    let mut processes = processes();
    let is_demo = |seen: &&Seen| seen.parent == std::process::id() && seen.name == name;
    let demo = processes.iter().find(is_demo).map(|seen| seen.pid);
    processes.retain(|seen| Some(seen.parent) == demo);
    processes
}

#[test]
fn run_forever_ends_its_child_and_leaves_no_zombie() {
    let _watchdog = watchdog();
    let (mut alive, mut zombies) = (BTreeSet::new(), BTreeSet::new());
    let running = thread::spawn(|| demo("run_forever", &[]));
    while !running.is_finished() {
        let (dead, living): (Vec<_>, Vec<_>) = children_of_demo("run_forever")
            .into_iter()
            .partition(|seen| seen.state == 'Z');
        alive.extend(living.iter().map(|seen| seen.pid));
        let dead: BTreeSet<_> = dead.iter().map(|seen| seen.pid).collect();
        let stays: Vec<_> = dead.intersection(&zombies).collect();
        assert!(stays.is_empty(), "zombies: {stays:?}");
        zombies = dead;
        thread::sleep(Duration::from_millis(100));
    }
    let output = running.join().unwrap();
    assert_eq!(alive.len(), 1, "its child was not seen");
    succeeded(&output);
    assert_eq!(output.find("start a process."), 0, "{output:#?}");
    let (alive, stop) = (
        output.find("is it alive? true"),
        output.find("stop process"),
    );
    let times = output.find_all("the time is ");
    assert_eq!(output.lines().len(), times.len() + 3, "{output:#?}");
    assert!((3..=6).contains(&times.len()), "{output:#?}");
    // After ten seconds it is about to tell the time, just as it is ended.
    let late = times.iter().filter(|time| **time > alive).count();
    assert!(alive < stop && late <= 1, "{output:#?}");
}

/// Main's two lines, and not more than one block of the child.
fn cut_off(output: &Output) {
    succeeded(output);
    assert!(
        output.lines()[0].starts_with("main process runs, pid: "),
        "{output:#?}"
    );
    output.find("main process is done");
    assert!(output.find_all("I am king").len() <= 1, "{output:#?}");
    assert!(output.lines().len() <= 2 + 5, "{output:#?}");
}

#[test]
fn introduce_daemon_ends_the_child_with_its_main() {
    let _watchdog = watchdog();
    cut_off(&demo("introduce", &["daemon"]));
}

#[test]
fn introduce_terminate_ends_the_child_before_its_main() {
    let _watchdog = watchdog();
    let output = demo("introduce", &["terminate"]);
    cut_off(&output);
    assert_eq!(*output.lines().last().unwrap(), "main process is done");
}

#[test]
fn daemon_is_cut_off_by_the_end_of_main() {
    let _watchdog = watchdog();
    let output = demo("daemon", &[]);
    succeeded(&output);
    let rounds = output.find_all("running work1").len();
    assert!((1..10).contains(&rounds), "{output:#?}");
    assert_eq!(output.lines().len(), rounds + 1, "{output:#?}");
    // It may have been about to print.
    assert!(output.find("main end") + 1 >= rounds, "{output:#?}");
}

#[test]
fn daemon_that_is_none_is_waited_for() {
    let _watchdog = watchdog();
    let output = demo("daemon", &["--no-daemon"]);
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(lines.len(), 12, "{output:#?}");
    assert_eq!(output.find_all("running work1").len(), 10, "{output:#?}");
    assert_eq!(output.find("work1 end"), 11, "{output:#?}");
    assert!(output.find("main end") < 10, "{output:#?}");
}

#[test]
fn join_anywhere_holds_main_up_in_its_middle() {
    let _watchdog = watchdog();
    let output = demo("join_anywhere", &[]);
    succeeded(&output);
    let order = [
        "main: the child is started",
        "main: the child is at work, and so am I",
        "child: done",
        "main: the child has ended",
        "main: done",
    ]
    .map(|text| output.find(text));
    assert!(order.is_sorted(), "{output:#?}");
    assert_eq!(output.find_all("child: round").len(), 4, "{output:#?}");
    assert_eq!(order[2..], [6, 7, 8], "{output:#?}");
}

#[test]
fn exit_codes_tells_every_kind_of_end() {
    let _watchdog = watchdog();
    let output = demo("exit_codes", &[]);
    succeeded(&output);
    let rows = output.lines().into_iter().map(|line| {
        let (what, rest) = line.split_at(16);
        let (code, join) = rest.split_at(9);
        (what.trim(), code.trim(), join.trim())
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ("what happened", "exit code", "join"),
            ("return", "0", "the value 42"),
            (
                "error",
                "1",
                "the function's Err: invalid digit found in string"
            ),
            ("panic", "101", "Panicked: no more soup"),
            ("exit(3)", "3", "Exited(3)"),
            ("SIGTERM", "-15", "Signaled { signal: 15 }"),
            ("SIGKILL", "-9", "Signaled { signal: 9 }"),
            ("time limit", "-9", "TimedOut"),
            ("memory limit", "-6", "MemoryLimit"),
        ]
    );
}

#[test]
fn crash_reports_on_files_of_the_repository() {
    let _watchdog = watchdog();
    let output = demo("crash", &[]);
    succeeded(&output);
    let lines = output.lines();
    assert!(lines.len() >= 7, "{output:#?}");
    for (position, line) in lines.iter().enumerate() {
        match position {
            1 => assert!(line.ends_with("crashed: signal 11"), "{output:#?}"),
            3 => assert!(line.ends_with("hung: its time was up"), "{output:#?}"),
            5 => assert!(line.contains("ate memory"), "{output:#?}"),
            _ => assert!(line.ends_with(" headings"), "{output:#?}"),
        }
    }
    assert!(lines[0].starts_with("README.md "), "{output:#?}");
}

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("offspring-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        text(&path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn crash_keeps_the_results_of_the_other_files() {
    let _watchdog = watchdog();
    let directory = Directory::new("crash");
    let files = [
        directory.file("one", "# One\nand two\n## Three\n"),
        directory.file("two", "two"),
        directory.file("three", ""),
        directory.file("four", "four"),
        text(&directory.0.join("missing")),
        directory.file("six", "six"),
        directory.file("seven", &"# word word\n".repeat(100_000)),
    ];
    let arguments: Vec<_> = files.iter().map(String::as_str).collect();
    let output = demo("crash", &arguments);
    succeeded(&output);
    let expected = [
        "6 words, 2 headings",
        "crashed: signal 11",
        "0 words, 0 headings",
        "hung: its time was up",
        "not parsed: No such file or directory (os error 2)",
        "ate memory: it went over its limit",
        "300000 words, 100000 headings",
    ];
    assert_eq!(output.lines().len(), files.len(), "{output:#?}");
    for ((line, file), told) in output.lines().iter().zip(&files).zip(expected) {
        let (name, rest) = line.split_once(' ').unwrap();
        assert_eq!((name, rest.trim_start()), (file.as_str(), told));
    }
}
