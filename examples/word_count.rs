//! Counts the words of all text files under a folder, and prints the ten most frequent.
//!
//! `cargo run --release --example word_count -- [FOLDER] [--workers N]`, by default this repository
//! and two workers. With `--workers 0` this process counts by itself, for comparison; the time it took
//! is told on standard error.
//!
//! Text is what ends in `.txt`, `.md` or `.rs`, or else is valid UTF-8. Words are runs of letters,
//! and case doesn't matter. Links, hidden folders and those named `target` are left out.
//!
//! What travels decides whether it pays: a map for each file would cost more than counting the file. So
//! a task is a batch of files with one list for all, and the list is a text and some numbers, which are
//! cheaper to send than a map. The workers count while this process is still looking for files.

use offspring::{Pool, call, subprocess};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, io};

/// Batches are between these sizes in bytes: worth a task, and not so large that the last one is long
/// waited for.
const LEAST_BATCH: u64 = 1 << 18;
const MOST_BATCH: u64 = 1 << 22;

/// Words and how often each was found.
#[derive(Default)]
struct Words(HashMap<String, u64>);

impl Words {
    fn add(&mut self, word: &str, times: u64) {
        match self.0.get_mut(word) {
            Some(count) => *count += times,
            None => {
                self.0.insert(word.to_owned(), times);
            }
        }
    }

    fn add_text(&mut self, text: &str) {
        let text = text.to_lowercase();
        let words = text.split(|c: char| !c.is_alphabetic());
        let words = words.filter(|word| !word.is_empty());
        words.for_each(|word| self.add(word, 1));
    }
}

/// What a batch of files has, as it travels.
#[derive(Serialize, Deserialize)]
struct Batch {
    files: usize,
    unreadable: usize,
    /// A space behind each.
    words: String,
    counts: Vec<u64>,
}

// A `PathBuf` inside a `Vec` travels only if it is UTF-8, as serde has it. An `OsString` always does.
#[subprocess]
fn count(paths: Vec<OsString>) -> Batch {
    let mut totals = Totals::default();
    totals.add_files(paths);
    let mut batch = Batch {
        files: totals.files,
        unreadable: totals.unreadable,
        words: String::new(),
        counts: Vec::with_capacity(totals.words.0.len()),
    };
    for (word, count) in totals.words.0 {
        batch.words += &word;
        batch.words.push(' ');
        batch.counts.push(count);
    }
    batch
}

#[derive(Default)]
struct Totals {
    files: usize,
    unreadable: usize,
    words: Words,
}

impl Totals {
    fn add_files(&mut self, paths: impl IntoIterator<Item = OsString>) {
        for path in paths {
            match read_text(Path::new(&path)) {
                Ok(Some(text)) => {
                    self.files += 1;
                    self.words.add_text(&text);
                }
                Ok(None) => {}
                Err(_) => self.unreadable += 1,
            }
        }
    }

    fn add_batch(&mut self, batch: &Batch) {
        self.files += batch.files;
        self.unreadable += batch.unreadable;
        for (word, count) in batch.words.split(' ').zip(&batch.counts) {
            self.words.add(word, *count);
        }
    }
}

/// `None` if it isn't text.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    let is_text = ["txt", "md", "rs"].map(OsStr::new).map(Some);
    match String::from_utf8(fs::read(path)?) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_text.contains(&path.extension()) => {
            Ok(Some(String::from_utf8_lossy(error.as_bytes()).into_owned()))
        }
        Err(_) => Ok(None),
    }
}

/// All files under a folder, with their sizes, found as they are asked for.
struct Files {
    /// Folders that are being read, each within the one before.
    open: Vec<fs::ReadDir>,
    unreadable: usize,
}

impl Files {
    fn under(folder: &Path) -> Result<Self, String> {
        let top = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self {
            open: vec![top],
            unreadable: 0,
        })
    }

    /// What an entry is, if it is a file. Folders are opened.
    fn look_at(&mut self, entry: io::Result<fs::DirEntry>) -> io::Result<Option<(OsString, u64)>> {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_file() {
            return Ok(Some((entry.path().into(), entry.metadata()?.len())));
        }
        if kind.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
            self.open.push(fs::read_dir(entry.path())?);
        }
        Ok(None)
    }
}

impl Iterator for Files {
    type Item = (OsString, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(entry) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            match self.look_at(entry) {
                Ok(Some(file)) => return Some(file),
                Ok(None) => {}
                Err(_) => self.unreadable += 1,
            }
        }
    }
}

/// The next files that make up a task. How much there is altogether isn't known, so that the more there
/// was, the larger the batches become.
fn batch(files: &mut Files, size_so_far: &mut u64) -> Option<Vec<OsString>> {
    let goal = *size_so_far + (*size_so_far / 4).clamp(LEAST_BATCH, MOST_BATCH);
    let mut batch = Vec::new();
    while *size_so_far < goal
        && let Some((path, size)) = files.next()
    {
        batch.push(path);
        *size_so_far += size;
    }
    (!batch.is_empty()).then_some(batch)
}

fn count_in_pool(folder: &Path, workers: usize) -> Result<Totals, Box<dyn Error>> {
    let mut files = Files::under(folder)?;
    let pool = Pool::builder().workers(workers).chunk_size(1).start()?;
    let mut size = 0;
    let batches = std::iter::from_fn(|| batch(&mut files, &mut size));
    let mut totals = Totals::default();
    for (_, batch) in pool.imap_unordered(call!(count, _), batches) {
        totals.add_batch(&batch?);
    }
    totals.unreadable += files.unreadable;
    Ok(totals)
}

fn count_here(folder: &Path) -> Result<Totals, Box<dyn Error>> {
    let mut files = Files::under(folder)?;
    let mut totals = Totals::default();
    totals.add_files(files.by_ref().map(|(path, _)| path));
    totals.unreadable += files.unreadable;
    Ok(totals)
}

struct Arguments {
    folder: PathBuf,
    workers: usize,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folder = examples.parent().unwrap_or(examples).to_owned();
    let mut workers = 2;
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--second") => drop(arguments.next()),
            Some("--workers") => {
                let number = arguments.next().unwrap_or_default();
                let number = number.to_str().and_then(|number| number.parse().ok());
                workers = number.ok_or("--workers takes a number")?;
            }
            _ => folder = argument.into(),
        }
    }
    Ok(Arguments { folder, workers })
}

#[offspring::main]
fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { folder, workers } = arguments()?;
    let start = Instant::now();
    let totals = match workers {
        0 => count_here(&folder)?,
        _ => count_in_pool(&folder, workers)?,
    };
    let elapsed = start.elapsed();
    println!("files: {}", totals.files);
    println!("words: {}", totals.words.0.values().sum::<u64>());
    if totals.unreadable > 0 {
        println!("could not be read: {}", totals.unreadable);
    }
    let mut words: Vec<_> = totals.words.0.into_iter().collect();
    words.sort_unstable_by(|(a, n), (b, m)| (Reverse(n), a).cmp(&(Reverse(m), b)));
    for (word, count) in words.iter().take(10) {
        println!("{count:>10} {word}");
    }
    eprintln!("{} ms", elapsed.as_millis());
    Ok(())
}
