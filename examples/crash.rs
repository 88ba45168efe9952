//! A parser that crashes, hangs and eats memory, each file in a process of its own: the other files'
//! results are intact.
//!
//! `cargo run --example crash -- [FILE..]`, by default some files of this repository.
//!
//! The parser counts words and headings (lines that start with `#`). For demonstration it goes wrong
//! by position: the second file makes it write to where no memory is, the fourth makes it loop for
//! ever, and the sixth makes it eat memory.

use offspring::{JoinError, JoinErrorKind, RemoteError, Stdio, call, subprocess};
use offspring_examples::seconds;
use serde::{Deserialize, Serialize};
use std::hint::{black_box, spin_loop};
use std::path::{Path, PathBuf};

const MEBIBYTE: usize = 1 << 20;

/// What goes wrong.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Bug {
    WildPointer,
    EndlessLoop,
    Leak,
}

#[derive(Serialize, Deserialize)]
struct Counts {
    words: usize,
    headings: usize,
}

#[subprocess]
fn parse(path: &Path, bug: Option<Bug>) -> Result<Counts, RemoteError> {
    let text = std::fs::read_to_string(path)?;
    match bug {
        None => {}
        Some(Bug::WildPointer) => crash(),
        Some(Bug::EndlessLoop) => loop {
            spin_loop();
        },
        Some(Bug::Leak) => {
            let mut leak = Vec::new();
            loop {
                leak.push(black_box(vec![1_u8; MEBIBYTE]));
            }
        }
    }
    Ok(Counts {
        words: text.split_whitespace().count(),
        headings: text.lines().filter(|line| line.starts_with('#')).count(),
    })
}

/// Sets a field of a structure that isn't there. (Null itself is what Rust's debug builds look for.)
#[allow(unsafe_code)]
fn crash() {
    let field = std::ptr::without_provenance_mut::<u8>(8);
    // SAFETY: none, on purpose: nothing is ever mapped there, so that the kernel ends the process.
    unsafe { field.write_volatile(1) }
}

fn bug(position: usize) -> Option<Bug> {
    match position {
        1 => Some(Bug::WildPointer),
        3 => Some(Bug::EndlessLoop),
        5 => Some(Bug::Leak),
        _ => None,
    }
}

fn root() -> &'static Path {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().unwrap_or(examples)
}

/// The arguments that are no options, or else some files of the repository.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--second" {
            arguments.next();
        } else {
            files.push(PathBuf::from(argument));
        }
    }
    if files.is_empty() {
        files = [
            "README.md",
            "Cargo.toml",
            "LICENSE-MIT",
            "runtime/src/lib.rs",
            "runtime/src/error.rs",
            "runtime/src/run.rs",
            "runtime/Cargo.toml",
            "DESIGN.md",
        ]
        .map(|name| root().join(name))
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    }
    files
}

fn told(joined: Result<Result<Counts, RemoteError>, JoinError>) -> String {
    let error = match joined {
        Ok(Ok(Counts { words, headings })) => return format!("{words} words, {headings} headings"),
        Ok(Err(error)) => return format!("not parsed: {error}"),
        Err(error) => error,
    };
    match error.kind() {
        JoinErrorKind::Signaled { signal, .. } => format!("crashed: signal {signal}"),
        JoinErrorKind::TimedOut => "hung: its time was up".into(),
        JoinErrorKind::MemoryLimit => "ate memory: it went over its limit".into(),
        _ => error.to_string(),
    }
}

#[offspring::main]
fn main() -> offspring::Result<()> {
    let mut children = Vec::new();
    for (position, path) in files().into_iter().enumerate() {
        let child = call!(parse, &path, bug(position))
            .timeout(seconds(5.0))
            .memory_limit(64 * MEBIBYTE as u64)
            .stderr(Stdio::null())
            .start()?;
        let name = path.strip_prefix(root()).unwrap_or(&path);
        children.push((name.display().to_string(), child));
    }
    let width = children.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0) + 2;
    for (name, child) in children {
        println!("{name:<width$}{}", told(child.join()));
    }
    Ok(())
}
