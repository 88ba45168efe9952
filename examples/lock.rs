//! Four processes write lines in pieces. They hold a lock for each line, so that the lines don't mix; the number of lines is what the lock
//! protects.
//!
//! `cargo run --example lock`

use offspring::sync::Mutex;
use offspring::{RemoteError, current_process, spawn, subprocess};
use offspring_examples::sleep;
use std::io::{self, Write};

#[subprocess]
fn write_lines(count: &Mutex<u32>) -> Result<(), RemoteError> {
    for _ in 0..3 {
        let mut count = count.lock()?;
        *count += 1;
        let mut out = io::stdout();
        for piece in [
            "line ",
            &count.to_string(),
            " by ",
            current_process().name(),
            "\n",
        ] {
            out.write_all(piece.as_bytes())?;
            out.flush()?;
            sleep(0.02);
        }
        drop(count);
        sleep(0.02);
    }
    Ok(())
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = Mutex::new(0)?;
    let children = (0..4).map(|_| spawn!(write_lines, &count));
    for child in children.collect::<Result<Vec<_>, _>>()? {
        child.join()??;
    }
    println!("{} lines", *count.lock().unwrap());
    Ok(())
}
