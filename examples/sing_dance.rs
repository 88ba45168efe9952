//! Sings and dances at the same time, in two processes.
//!
//! `cargo run --example sing_dance`

use offspring::{spawn, subprocess};
use offspring_examples::sleep;
use std::os::unix::process::parent_id;
use std::process;

#[subprocess]
fn sing(#[default = 3] num: u32) {
    println!(
        "sing: pid {}, the parent's pid {}",
        process::id(),
        parent_id()
    );
    for _ in 0..num {
        println!("singing...");
        sleep(1.0);
    }
}

#[subprocess]
fn dance(#[default = 3] num: u32) {
    println!(
        "dance: pid {}, the parent's pid {}",
        process::id(),
        parent_id()
    );
    for _ in 0..num {
        println!("dancing...");
        sleep(1.0);
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("-- without arguments");
    let (a, b) = (spawn!(sing)?, spawn!(dance)?);
    a.join()?;
    b.join()?;

    println!("-- the count by position");
    let (a, b) = (spawn!(sing, 3)?, spawn!(dance, 3)?);
    a.join()?;
    b.join()?;

    println!("-- the count by keyword");
    let (a, b) = (
        spawn!(sing, kwargs<num = 3>)?,
        spawn!(dance, kwargs<num = 3>)?,
    );
    a.join()?;
    b.join()?;
    Ok(())
}
