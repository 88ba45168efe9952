//! What it means to join both children, one after the other, one of them, or none.
//!
//! `cargo run --example join_orders -- MODE`, where MODE is `both`, `one-by-one`, `none`, `first`.

use offspring::{spawn, subprocess};
use offspring_examples::{mode, sleep};
use std::process;

fn now() -> impl std::fmt::Display {
    chrono::Local::now().format("%Y-%m-%d %H:%M:%S")
}

#[subprocess]
fn work1(seconds: f64) {
    println!("work1 starts: {}, pid {}", now(), process::id());
    sleep(seconds);
    println!("work1 stops: {}, pid {}", now(), process::id());
}

#[subprocess]
fn work2(seconds: f64, text: &str) {
    println!("work2 starts: {}, pid {}", now(), process::id());
    sleep(seconds);
    println!("{text}");
    println!("work2 stops: {}, pid {}", now(), process::id());
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("Parent process {}.", process::id());
    let first = spawn!(work1, 4.0)?;
    let mode = mode().unwrap_or_else(|| "both".into());
    if mode == "one-by-one" {
        first.wait()?;
    }
    let second = spawn!(work2, 8.0, kwargs<text = "hello world!">)?;
    println!("Process start.");
    match &*mode {
        "both" => {
            first.join()?;
            second.join()?;
        }
        "one-by-one" => second.join()?,
        "first" => first.join()?,
        "none" => {}
        other => return Err(format!("no mode '{other}': both, one-by-one, first or none").into()),
    }
    println!("Process end.");
    Ok(())
}
