//! Pools: rates and what a killed worker costs, beside procspawn's; `pool.py` does the same for
//! Python's.

use offspring::{Pool, call, subprocess};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const TASKS: u64 = 20_000;

#[subprocess]
fn square(x: u64) -> u64 {
    x * x
}

/// Task 50 kills its worker.
#[subprocess]
fn square_or_die(x: u64) -> u64 {
    perhaps_die(x);
    x * x
}

fn perhaps_die(x: u64) {
    if x == 50 {
        // SAFETY: ends this process.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    }
    std::thread::sleep(Duration::from_millis(1));
}

fn main() {
    offspring::init();
    procspawn::init();
    println!("{:<44} {:>14} {:>14}", "", "offspring", "procspawn");

    let pool = Pool::new(2).unwrap();
    let peer = procspawn::Pool::new(2).unwrap();
    let one = |count: u32, mut run: Box<dyn FnMut() + '_>| {
        (0..50).for_each(|_| run());
        let start = Instant::now();
        (0..count).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(count)
    };
    let ours = one(
        5000,
        Box::new(|| assert_eq!(pool.apply(call!(square, 5)).unwrap(), 25)),
    );
    let theirs = one(
        5000,
        Box::new(|| assert_eq!(peer.spawn(5_u64, |x| x * x).join().unwrap(), 25)),
    );
    println!(
        "{:<44} {ours:>11.1} us {theirs:>11.1} us",
        "one call at a time"
    );

    let rate = |start: Instant| TASKS as f64 / start.elapsed().as_secs_f64() / 1e3;
    let start = Instant::now();
    let mut tasks = VecDeque::new();
    for x in 0..TASKS {
        if tasks.len() == 256 {
            let (x, task): (u64, offspring::Task<u64>) = tasks.pop_front().unwrap();
            assert_eq!(task.get().unwrap(), x * x);
        }
        tasks.push_back((x, pool.apply_async(call!(square, x)).unwrap()));
    }
    tasks
        .into_iter()
        .for_each(|(x, task)| assert_eq!(task.get().unwrap(), x * x));
    let ours = rate(start);
    let start = Instant::now();
    let mut tasks = VecDeque::new();
    for x in 0..TASKS {
        if tasks.len() == 256 {
            let (x, task): (u64, procspawn::JoinHandle<u64>) = tasks.pop_front().unwrap();
            assert_eq!(task.join().unwrap(), x * x);
        }
        tasks.push_back((x, peer.spawn(x, |x| x * x)));
    }
    tasks
        .into_iter()
        .for_each(|(x, task)| assert_eq!(task.join().unwrap(), x * x));
    println!(
        "{:<44} {ours:>9.1} k/s {:>11.1} k/s",
        "20,000 tasks one by one, 256 at a time",
        rate(start)
    );

    let start = Instant::now();
    let results = pool.map(call!(square, _), 0..TASKS).unwrap();
    assert_eq!(results.len() as u64, TASKS);
    println!(
        "{:<44} {:>9.1} k/s {:>14}",
        "20,000 tasks by map",
        rate(start),
        "-"
    );

    let done = pool.map_each(call!(square_or_die, _), 0..100);
    let ours = done.iter().filter(|result| result.is_ok()).count();
    let tasks = (0..100_u64).map(|x| {
        peer.spawn(x, |x| {
            perhaps_die(x);
            x * x
        })
    });
    let tasks = tasks.collect::<Vec<_>>();
    let end = Instant::now() + Duration::from_secs(10);
    let left = || end.saturating_duration_since(Instant::now());
    let theirs = tasks
        .into_iter()
        .filter_map(|mut task| task.join_timeout(left()).ok())
        .count();
    println!(
        "{:<44} {ours:>14} {theirs:>14}",
        "of 100 tasks done, when one kills its worker"
    );
    // procspawn's own end may wait for ever now.
    std::process::exit(0);
}
