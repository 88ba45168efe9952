//! Eight processes count in one shared number: without its lock some counts are lost, with it none.
//!
//! `cargo run --example counter`

use offspring::shared::Value;
use offspring::{RemoteError, spawn, subprocess};

const PROCESSES: u64 = 8;
const COUNTS: u64 = 20_000;

#[subprocess]
fn count(total: &Value<u64>) {
    for _ in 0..COUNTS {
        total.set(total.get() + 1);
    }
}

#[subprocess]
fn count_with_lock(total: &Value<u64>) -> Result<(), RemoteError> {
    for _ in 0..COUNTS {
        total.lock()?.update(|total| total + 1);
    }
    Ok(())
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let total = Value::new(0_u64)?;
    let children = (0..PROCESSES).map(|_| spawn!(count, &total));
    for child in children.collect::<Result<Vec<_>, _>>()? {
        child.join()?;
    }
    println!(
        "without the lock: {} of {}",
        total.get(),
        PROCESSES * COUNTS
    );

    total.set(0);
    let children = (0..PROCESSES).map(|_| spawn!(count_with_lock, &total));
    for child in children.collect::<Result<Vec<_>, _>>()? {
        child.join()??;
    }
    println!("with the lock: {} of {}", total.get(), PROCESSES * COUNTS);
    Ok(())
}
