//! Three stages over a text file: one process reads it, one counts the words of each line, this one merges the counts. The channels
//! between them hold a mebibyte at most, so that a fast stage waits for a slow one: the reader says how often it found its channel full.
//!
//! `cargo run --example pipeline -- FILE`

use offspring::{Receiver, RemoteError, SendErrorKind, Sender, channel, spawn, subprocess};
use offspring_examples::mode;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

type Counts = BTreeMap<String, u64>;

#[subprocess]
fn read(path: &str, mut lines: Sender<String>) -> Result<u64, RemoteError> {
    let mut full = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        match lines.try_send(line?) {
            Ok(()) => {}
            Err(error) if error.kind() == SendErrorKind::Full => {
                full += 1;
                lines.send(error.into_inner())?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(full)
}

#[subprocess]
fn count(mut lines: Receiver<String>, mut counts: Sender<Counts>) -> Result<u64, RemoteError> {
    let mut number = 0;
    for line in lines.iter() {
        let mut words = Counts::new();
        for word in line?.split_whitespace() {
            *words.entry(word.to_lowercase()).or_default() += 1;
        }
        counts.send(words)?;
        number += 1;
    }
    Ok(number)
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = mode().ok_or("which file? cargo run --example pipeline -- FILE")?;
    let ((lines, to_count), (counts, mut to_merge)) = (channel()?, channel()?);
    let reader = spawn!(read, &path, lines)?;
    let counter = spawn!(count, to_count, counts)?;
    let mut total = Counts::new();
    for counts in to_merge.iter() {
        for (word, count) in counts? {
            *total.entry(word).or_default() += count;
        }
    }
    let full = reader.join()??;
    println!(
        "{} lines, {} different words",
        counter.join()??,
        total.len()
    );
    println!("the reader found its channel full {full} times");
    let mut ranking: Vec<_> = total.into_iter().collect();
    ranking.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    for (word, count) in ranking.into_iter().take(5) {
        println!("{count} {word}");
    }
    Ok(())
}
