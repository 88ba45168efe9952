//! What is made to be shared, and would be copied.

use offspring::{spawn, subprocess};
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, RwLock};

#[subprocess]
fn count(total: &Mutex<u64>) {
    *total.lock().unwrap() += 1;
}

#[subprocess]
fn look(table: RwLock<Vec<u32>>, #[args] counts: &[AtomicU32]) -> usize {
    table.read().unwrap().len() + counts.len()
}

#[offspring::main]
fn main() {
    let _ = spawn!(count, &Mutex::new(0));
}
