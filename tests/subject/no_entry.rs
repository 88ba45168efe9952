//! A program without `#[offspring::main]`.

use offspring::{spawn, subprocess};

#[subprocess]
fn answer() -> u32 {
    42
}

fn main() {
    if std::env::args().any(|argument| argument == "--init") {
        offspring::init();
    }
    match spawn!(answer) {
        Ok(child) => println!("{}", child.join().unwrap()),
        Err(error) => {
            assert!(error.is_not_entered());
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
