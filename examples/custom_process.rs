//! A type with a `run()` of its own, as Python's classes derived from `Process`.
//!
//! `cargo run --example custom_process`

use offspring::{Run, subprocess};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Greeter {
    name: String,
}

#[subprocess]
impl Run for Greeter {
    type Output = usize;

    fn run(self) -> usize {
        println!("hello {}, from pid {}", self.name, std::process::id());
        self.name.len()
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("main process, pid {}", std::process::id());
    let length = Greeter {
        name: "child".into(),
    }
    .start()?
    .join()?;
    println!("it counted {length} letters");
    let length = Greeter {
        name: "parent".into(),
    }
    .run();
    println!("called in place, it counted {length} letters");
    Ok(())
}
