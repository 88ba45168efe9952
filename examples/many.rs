//! Ten children from a loop, their handles in a `Vec`.
//!
//! `cargo run --example many -- [--join]`: with `--join` their results are summed.

use offspring::{spawn, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn work(number: u64) -> u64 {
    sleep(1.0);
    println!("child {number} works");
    number * number
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let children = (0..10)
        .map(|number| spawn!(work, number))
        .collect::<Result<Vec<_>, _>>()?;
    println!("main has started {} children", children.len());
    if std::env::args().any(|argument| argument == "--join") {
        let results = children.into_iter().map(|child| child.join());
        println!(
            "the sum of their squares: {}",
            results.sum::<Result<u64, _>>()?
        );
    }
    Ok(())
}
