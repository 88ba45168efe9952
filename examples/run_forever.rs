//! A child that would run for ever, which its parent ends after ten seconds.
//!
//! `cargo run --example run_forever`

use offspring::{spawn, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn run_forever() {
    loop {
        println!("the time is {}", chrono::Local::now().format("%H:%M:%S"));
        sleep(2.0);
    }
}

#[offspring::main]
fn main() -> offspring::Result<()> {
    println!("start a process.");
    let clock = spawn!(run_forever)?;
    sleep(10.0);
    println!("is it alive? {}", clock.is_alive());
    clock.terminate()?;
    println!("stop process");
    clock.wait()?;
    Ok(())
}
