//! Processes share no variables: each has a global of its own.
//!
//! `cargo run --example not_shared`

use offspring::{spawn, subprocess};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static NUMBER: AtomicU32 = AtomicU32::new(1);

#[subprocess]
fn change() -> u32 {
    let before = NUMBER.load(Relaxed);
    NUMBER.store(100, Relaxed);
    println!("child: it was {before}, now it is {}", NUMBER.load(Relaxed));
    before
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    NUMBER.store(2, Relaxed);
    println!("parent: it is {}", NUMBER.load(Relaxed));
    let seen = spawn!(change)?.join()?;
    println!(
        "parent: the child saw {seen}, and here it is still {}",
        NUMBER.load(Relaxed)
    );
    Ok(())
}
