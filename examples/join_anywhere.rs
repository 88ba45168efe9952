//! `join` can stand anywhere: what comes before it runs beside the child, what comes after it runs
//! after the child.
//!
//! `cargo run --example join_anywhere`

use offspring::{spawn, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn work() {
    for round in 1..=4 {
        sleep(1.0);
        println!("child: round {round}");
    }
    println!("child: done");
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let child = spawn!(work)?;
    println!("main: the child is started");
    sleep(1.5);
    println!("main: the child is at work, and so am I");
    child.join()?;
    println!("main: the child has ended");
    sleep(1.0);
    println!("main: done");
    Ok(())
}
