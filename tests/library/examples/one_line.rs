//! A `main` of one expression is no reason for a warning.
#![deny(warnings, clippy::pedantic)]

#[rustfmt::skip]
#[offspring::main]
fn main() -> Result<(), String> { run() }

fn run() -> Result<(), String> {
    let sum = offspring::spawn!(offspring_test_library::plus, 1).map(offspring::Process::join);
    match sum {
        Ok(Ok(3)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}
