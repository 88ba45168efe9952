//! Three children at once: without arguments, by keyword and by position.
//!
//! `cargo run --example watch_drink_eat`

use offspring::{spawn, subprocess};
use offspring_examples::sleep;

#[subprocess]
fn watch() {
    for _ in 0..3 {
        sleep(1.0);
        println!("watching a film...");
    }
}

#[subprocess]
fn drink(food: &str) {
    for _ in 0..3 {
        sleep(1.0);
        println!("drinking {food}...");
    }
}

#[subprocess]
fn eat(food: &str) {
    for _ in 0..3 {
        sleep(1.0);
        println!("eating {food}...");
    }
}

#[offspring::main]
fn main() -> offspring::Result<()> {
    let _watch = spawn!(watch)?;
    let _drink = spawn!(drink, kwargs<food = "sheep soup">)?;
    let _eat = spawn!(eat, "rice")?;
    println!("main program's code is done");
    Ok(())
}
