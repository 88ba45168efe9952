//! The smallest program with a child process.

#[offspring::subprocess]
fn double(x: u64) -> u64 {
    2 * x
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", offspring::spawn!(double, 21)?.join()?);
    Ok(())
}
