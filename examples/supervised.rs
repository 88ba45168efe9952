//! A pool whose workers are killed at random, and which does all of its tasks nevertheless: `retries`
//! has a task done again whose worker died of it.
//!
//! `cargo run --example supervised -- [--tasks N]`, by default 3000.

use offspring::{Pool, active_children, call, subprocess};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// How often a task may be done again. Nobody is as unlucky as that.
const RETRIES: u32 = 1000;

/// How many steps Collatz's sequence takes from here to 1.
#[subprocess]
fn steps(number: u64) -> u32 {
    // Long enough to be killed in the middle of it.
    thread::sleep(Duration::from_millis(1));
    collatz(number)
}

fn collatz(mut number: u64) -> u32 {
    let mut steps = 0;
    while number > 1 {
        number = match number % 2 {
            0 => number / 2,
            _ => 3 * number + 1,
        };
        steps += 1;
    }
    steps
}

fn random(below: u64) -> u64 {
    // Each `RandomState` has keys of its own.
    RandomState::new().hash_one(()) % below
}

/// Kills a child now and then until it is told that all is done, and gives the pids of those it killed.
fn kill_at_random(all_done: &AtomicBool) -> BTreeSet<u32> {
    let mut killed = BTreeSet::new();
    while !all_done.load(Relaxed) {
        thread::sleep(Duration::from_millis(10 + random(30)));
        let workers = active_children();
        if workers.is_empty() {
            continue;
        }
        let victim = &workers[random(workers.len() as u64) as usize];
        if victim.kill().is_ok() {
            killed.insert(victim.pid());
        }
    }
    killed
}

fn task_count() -> Result<u64, &'static str> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--tasks");
    match (arguments.next(), arguments.next()) {
        (None, _) => Ok(3000),
        (_, number) => number
            .and_then(|number| number.parse().ok())
            .ok_or("--tasks takes a number"),
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = task_count()?;
    // A worker that is killed while it starts counts as a start that failed: allow any number of them.
    let pool = Pool::builder()
        .workers(4)
        .restarts(usize::MAX, Duration::from_secs(1))
        .start()?;
    let all_done = AtomicBool::new(false);
    let (results, killed) = thread::scope(|scope| {
        let killer = scope.spawn(|| kill_at_random(&all_done));
        let results = pool.map_each(call!(steps, _).retries(RETRIES), 1..=count);
        all_done.store(true, Relaxed);
        (results, killer.join())
    });
    pool.join()?;
    let killed = killed.map_err(|_| "the killer has failed")?;
    println!("workers killed: {}", killed.len());
    let (mut right, mut wrong) = (0, 0);
    for (number, result) in (1..=count).zip(results) {
        match result {
            Ok(steps) if steps == collatz(number) => right += 1,
            Ok(_) => wrong += 1,
            Err(error) => println!("missing: {error}"),
        }
    }
    let missing = count - right - wrong;
    println!("of {count} results {right} are right, {wrong} wrong, {missing} missing");
    if right < count {
        return Err("not all tasks were done".into());
    }
    Ok(())
}
