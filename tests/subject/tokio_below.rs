//! `#[tokio::main]` below `#[offspring::main]`.

use offspring::{spawn, subprocess};

/// Would panic if the child ran inside of the program's runtime.
#[subprocess]
fn answer() -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { 42 })
}

#[offspring::main]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("main: {}", spawn!(answer)?.await?);
    Ok(())
}
