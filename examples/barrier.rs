//! Three processes do four rounds of work of different length. Nobody begins a round before all have ended the one
//! before; one of them, the leader, says when that is so.
//!
//! `cargo run --example barrier`

use offspring::sync::Barrier;
use offspring::{RemoteError, spawn, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn work(number: u32, together: &Barrier) -> Result<(), RemoteError> {
    for round in 1..=4 {
        sleep(0.1 * f64::from(number));
        println!("worker {number} has done round {round}");
        together.wait_with(|| println!("round {round} is over"))?;
    }
    Ok(())
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let together = Barrier::new(3)?;
    let children = (1..=3).map(|number| spawn!(work, number, &together));
    for child in children.collect::<Result<Vec<_>, _>>()? {
        child.join()??;
    }
    Ok(())
}
