//! A daemon is ended with its parent, in the middle of its work.
//!
//! `cargo run --example daemon -- [--no-daemon]`: with `--no-daemon` the parent waits for it.

use offspring::{call, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn work1() {
    for _ in 0..10 {
        println!("running work1");
        sleep(0.5);
    }
    println!("work1 end");
}

#[offspring::main]
fn main() -> offspring::Result<()> {
    let daemon = !std::env::args().any(|argument| argument == "--no-daemon");
    let _work = call!(work1).daemon(daemon).start()?;
    sleep(1.0);
    println!("main end");
    Ok(())
}
