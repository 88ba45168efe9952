//! A child is killed in the middle of a transfer, with the lock held. The parent gets the lock, is told that the
//! data may be torn, puts them right and goes on.
//!
//! `cargo run --example dead_holder`

use offspring::sync::{Event, Mutex};
use offspring::{spawn, subprocess};

#[subprocess]
fn transfer(accounts: &Mutex<[i64; 2]>, is_halfway: &Event) {
    let mut accounts = accounts.lock().unwrap();
    accounts[0] -= 100;
    is_halfway.set();
    // Now it would be added to the other, but for what happens.
    loop {
        std::thread::park();
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let accounts = Mutex::new([500, 500])?;
    let is_halfway = Event::new()?;
    let child = spawn!(transfer, &accounts, &is_halfway)?;
    is_halfway.wait();
    println!(
        "free while the child has it: {}",
        accounts.try_lock().is_ok()
    );
    child.kill()?;
    println!("exit code of the child: {:?}", child.wait()?.exitcode());

    match accounts.lock() {
        Ok(accounts) => println!("nobody noticed: {accounts:?}"),
        Err(poisoned) => {
            println!("{poisoned}");
            let mut torn = poisoned.into_inner();
            println!("found {torn:?}");
            torn[1] = 1000 - torn[0];
            accounts.clear_poison();
        }
    }
    println!("put right: {:?}", *accounts.lock().unwrap());
    Ok(())
}
