//! Ten tasks that take a second each, done by a pool of two workers: about five seconds in all.
//!
//! `cargo run --example pool_squares`

use offspring::{Pool, call, subprocess};
use offspring_examples::{seconds, sleep};
use std::time::Instant;

#[subprocess]
fn square(number: u64) -> u64 {
    sleep(1.0);
    number * number
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let pool = Pool::new(2)?;
    let tasks = (0..10)
        .map(|number| pool.apply_async(call!(square, number)))
        .collect::<Result<Vec<_>, _>>()?;
    println!("main has given {} tasks", tasks.len());
    pool.close();
    pool.join()?;
    let elapsed = start.elapsed().div_duration_f64(seconds(1.0));
    println!("all done after {elapsed:.0} seconds");
    for task in tasks {
        println!("{}", task.get()?);
    }
    Ok(())
}
