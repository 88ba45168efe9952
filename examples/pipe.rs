//! Parent and child talk both ways: the child guesses a number, the parent says whether it is too low or too high.
//!
//! `cargo run --example pipe`

use offspring::{Duplex, RemoteError, duplex, spawn, subprocess};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
enum Hint {
    TooLow,
    TooHigh,
    Right,
}

#[subprocess]
fn guess(mut parent: Duplex<u32, Hint>) -> Result<u32, RemoteError> {
    let (mut low, mut high) = (0, 1000);
    loop {
        let number = low + (high - low) / 2;
        parent.sender.send(number)?;
        match parent.receiver.recv()? {
            Hint::TooLow => low = number + 1,
            Hint::TooHigh => high = number,
            Hint::Right => return Ok(number),
        }
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    const SECRET: u32 = 421;
    let (mut child, theirs) = duplex()?;
    let process = spawn!(guess, theirs)?;
    // When the child is done it drops its end, and this is over.
    while let Ok(number) = child.receiver.recv() {
        let hint = match number {
            ..SECRET => Hint::TooLow,
            SECRET => Hint::Right,
            _ => Hint::TooHigh,
        };
        println!("{number}: {hint:?}");
        child.sender.send(hint)?;
    }
    println!("the child has found {}", process.join()??);
    Ok(())
}
