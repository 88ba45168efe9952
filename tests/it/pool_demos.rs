//! The demos of pools.

use crate::support::{Output, demo, watchdog};
use std::fs;
use std::path::{Path, PathBuf};

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:#?}");
}

fn number<T: std::str::FromStr>(line: &str) -> T {
    let words = line.split(|c: char| !c.is_ascii_digit());
    let digits = words.filter(|word| !word.is_empty());
    let number = digits.map(str::parse).next();
    match number {
        Some(Ok(number)) => number,
        _ => panic!("no number in {line:?}"),
    }
}

#[test]
fn pool_squares_does_two_at_a_time_and_keeps_the_order() {
    let _watchdog = watchdog();
    let output = demo("pool_squares", &[]);
    succeeded(&output);
    assert_eq!(output.stderr, "", "{output:#?}");
    let lines = output.lines();
    assert_eq!(lines[0], "main has given 10 tasks", "{output:#?}");
    assert_eq!(output.find("all done after "), 1, "{output:#?}");
    let elapsed: u32 = number(lines[1]);
    assert!((5..=7).contains(&elapsed), "{output:#?}");
    let squares = ["0", "1", "4", "9", "16", "25", "36", "49", "64", "81"];
    assert_eq!(lines[2..], squares, "{output:#?}");
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("offspring-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn word_count_counts_the_same_with_any_number_of_workers() {
    use std::os::unix::ffi::OsStringExt;

    let _watchdog = watchdog();
    let folder = Folder::new("words");
    folder.write("one.txt", "Der Hut, der ÄLTER ist; der.\n");
    folder.write("empty.md", "");
    folder.write("no_extension", "hut und älter");
    folder.write("broken.txt", b"hut \xff hut");
    folder.write("picture", b"hut \xff hut");
    folder.write("a/b/c/deep.rs", "fn hut() {}");
    folder.write("target/left.txt", "hut");
    folder.write(".hidden/left.txt", "hut");
    // More than a task of it.
    for number in 0..5 {
        folder.write(&format!("a/large{number}"), "viel ".repeat(60_000));
    }
    let name = std::ffi::OsString::from_vec(b"\xff.txt".to_vec());
    fs::write(folder.0.join(name), "strange").unwrap();
    let expected = [
        "files: 11",
        "words: 300014",
        "    300000 viel",
        "         5 hut",
        "         3 der",
        "         2 älter",
        "         1 fn",
        "         1 ist",
        "         1 strange",
        "         1 und",
    ];
    for workers in ["0", "1", "2"] {
        let output = demo("word_count", &[text(&folder.0), "--workers", workers]);
        succeeded(&output);
        assert_eq!(output.lines(), expected, "{workers} workers: {output:#?}");
        assert!(output.stderr.ends_with(" ms\n"), "{output:#?}");
    }
}

#[test]
fn thumbnails_are_made_of_all_that_are_images() {
    let _watchdog = watchdog();
    let output = demo("thumbnails", &["--limit", "20"]);
    let place = output.lines()[0].strip_prefix("images and thumbnails are in ");
    let folder = Folder(place.unwrap().into());
    succeeded(&output);
    let report: Vec<_> = output.lines()[1..]
        .iter()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, told)| (name, told.trim_start()))
        .collect();
    // With a backtrace a great allocation that fails can't be told from any other abort.
    let bomb = match std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        true if report[0].1.contains("signal") => "failed: the decoder crashed by signal 6",
        _ => "failed: it took too much memory",
    };
    assert_eq!(report.len(), 9, "{output:#?}");
    for ((name, told), (expected_name, expected)) in report.into_iter().zip([
        ("bomb.png", bomb),
        ("endless.png", "failed: its time was up"),
        ("landscape.png", "ok: 640x400 -> 128x80"),
        ("photo.jpg", "ok: 320x240 -> 128x96"),
        ("portrait.png", "ok: 200x500 -> 51x128"),
        ("random.png", "failed: Format error decoding Png: "),
        ("text.jpg", "failed: Format error decoding Jpeg: "),
        ("tiny.png", "ok: 16x12 -> 16x12"),
        ("truncated.png", "failed: "),
    ]) {
        assert_eq!(name, expected_name, "{output:#?}");
        let is_whole = !expected.ends_with(": ");
        assert!(told.starts_with(expected), "{output:#?}");
        assert!(!is_whole || told == expected, "{output:#?}");
    }

    // The thumbnails are images themselves, of those sizes.
    let made = folder.0.join("thumbnails");
    let again = folder.0.join("again");
    let output = demo("thumbnails", &[text(&made), text(&again), "--limit", "20"]);
    succeeded(&output);
    assert_eq!(
        output.lines(),
        [
            "landscape.png.png ok: 128x80 -> 128x80",
            "photo.jpg.png     ok: 128x96 -> 128x96",
            "portrait.png.png  ok: 51x128 -> 51x128",
            "tiny.png.png      ok: 16x12 -> 16x12",
        ]
    );
    assert_eq!(fs::read_dir(again).unwrap().count(), 4);
}

#[test]
fn supervised_loses_nothing_though_workers_are_killed() {
    let _watchdog = watchdog();
    let output = demo("supervised", &["--tasks", "800"]);
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(output.find("workers killed: "), 0, "{output:#?}");
    assert!(number::<u32>(lines[0]) > 0, "{output:#?}");
    let expected = "of 800 results 800 are right, 0 wrong, 0 missing";
    assert_eq!(lines[1..], [expected], "{output:#?}");
}
