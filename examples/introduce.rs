//! A child with every kind of argument, and what its parent's end means to it.
//!
//! `cargo run --example introduce -- MODE`, where MODE is
//! `plain`: main ends first, and the program waits for the child;
//! `join`: main waits for the child;
//! `daemon`: main ends first, and the child is ended with it;
//! `terminate`: main ends the child right after the start.

use offspring::{call, subprocess};
use offspring_examples::{mode, sleep};
use std::collections::BTreeMap;
use std::os::unix::process::parent_id;
use std::process;

#[subprocess]
fn sub_process(
    name: String,
    age: u32,
    #[args] args: Vec<String>,
    #[kwargs] kwargs: BTreeMap<String, String>,
) {
    for _ in 0..3 {
        sleep(1.0);
        println!("child process runs, pid: {}", process::id());
        println!("I am {name}, {age} years old");
        println!("args: {args:?}, kwargs: {kwargs:?}");
        println!("the parent's pid is: {}", parent_id());
        println!();
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("main process runs, pid: {}", process::id());
    let mode = mode();
    let child = call!(
        sub_process,
        "king",
        18,
        "balabala...",
        "makabaka...",
        kwargs<key = "value">
    )
    .daemon(mode.as_deref() == Some("daemon"))
    .start()?;
    match mode.as_deref() {
        None | Some("plain" | "daemon") => {}
        Some("join") => child.join()?,
        Some("terminate") => child.terminate()?,
        Some(other) => {
            return Err(format!("no mode '{other}': plain, join, daemon or terminate").into());
        }
    }
    println!("main process is done");
    Ok(())
}
