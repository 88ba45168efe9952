//! A function of two parameters, one given by position and one by keyword.
//!
//! `cargo run --example keywords`

use offspring::{spawn, subprocess};

#[subprocess]
fn introduce(name: &str, age: u32) {
    println!("I am {name}, {age} years old");
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    spawn!(introduce, "Ada", kwargs<age = 36>)?.join()?;
    Ok(())
}
