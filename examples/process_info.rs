//! A child tells who it is: its name, its pid and its parent's.
//!
//! `cargo run --example process_info`

use offspring::{current_process, parent_process, spawn, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn work1() {
    let me = current_process();
    let parent = parent_process().map_or(0, |parent| parent.pid());
    for _ in 0..10 {
        sleep(0.5);
        println!(
            "running work1: {}, pid {}, the parent's pid {parent}",
            me.name(),
            me.pid()
        );
    }
}

#[offspring::main]
fn main() -> offspring::Result<()> {
    let _detached = spawn!(work1)?;
    println!("main end: pid {}", current_process().pid());
    Ok(())
}
