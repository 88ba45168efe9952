//! A parent and children one of which is killed at the place that `OFFSPRING_FAULT` names.

use crate::Whole;
use offspring::{active_children, spawn, subprocess};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[subprocess]
fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// More than the socket takes, so that neither side is done with it alone.
const LARGE: usize = 3 << 20;

fn fds() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The children die; this says how it is told, and what is left.
pub(crate) fn faulty_child() -> Whole {
    let mut before = BTreeSet::new();
    // The first start opens what stays open for good.
    for round in 0..3 {
        for length in [0, LARGE] {
            let child = spawn!(echo, vec![7; length])?;
            let pid = child.pid();
            let told = match child.join() {
                Ok(bytes) => format!("a result of {} bytes", bytes.len()),
                Err(error) => error.to_string().replace(&pid.to_string(), "PID"),
            };
            println!("{told}");
        }
        if round == 0 {
            // The background may hold the last child for a moment longer.
            std::thread::sleep(Duration::from_millis(100));
            before = fds();
        }
    }
    let end = Instant::now() + Duration::from_secs(10);
    while fds() != before && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    let more: Vec<_> = fds().difference(&before).cloned().collect();
    println!(
        "{} children, descriptors more: {more:?}",
        active_children().len()
    );
    Ok(())
}

/// The parent dies.
pub(crate) fn faulty_parent() -> Whole {
    let first = spawn!(echo, vec![7; LARGE]);
    let second = spawn!(echo, vec![7; 10]);
    first?.join()?;
    second?.join()?;
    println!("the fault was not met");
    Ok(())
}
