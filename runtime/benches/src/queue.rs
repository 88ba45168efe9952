//! A queue of 8-byte values between processes.

use offspring::sync::Barrier;
use offspring::{Bytes, Queue, spawn, subprocess};
use std::time::Instant;

#[subprocess]
fn produce(queue: &Queue<u64>, start: &Barrier, items: u64) {
    start.wait().unwrap();
    for item in 0..items {
        queue.put(item).unwrap();
    }
}

#[subprocess]
fn consume(queue: &Queue<u64>, start: &Barrier, items: u64) -> u64 {
    start.wait().unwrap();
    (0..items).map(|_| queue.get().unwrap()).sum()
}

#[subprocess]
fn produce_large(queue: &Queue<Bytes>, start: &Barrier, items: u64) {
    start.wait().unwrap();
    let item = Bytes::from(vec![1; 1 << 20]);
    for _ in 0..items {
        queue.put(item.clone()).unwrap();
    }
}

#[subprocess]
fn answer(questions: &Queue<u64>, answers: &Queue<u64>, items: u64) {
    for _ in 0..items {
        answers.put(questions.get().unwrap()).unwrap();
    }
}

fn main() {
    offspring::init();
    println!("{:<44} {:>10}", "8-byte values, processes", "median");
    for (pairs, bound) in [
        (1, None),
        (2, None),
        (4, None),
        (2, Some(1000)),
        (2, Some(1)),
    ] {
        let items: u64 = if bound == Some(1) { 20_000 } else { 1_000_000 };
        let name = match bound {
            None => format!("{pairs} to {pairs}, unbounded"),
            Some(bound) => format!("{pairs} to {pairs}, bounded to {bound}"),
        };
        let rates = (0..7).map(|_| through(pairs, bound, items)).collect();
        println!("{name:<44} {:>8.3} M/s", median(rates));
    }
    println!("{:<44} {:>7.2} GiB/s", "1 to 1, 1 MiB each", large());
    println!("{:<44} {:>8.2} us", "there and back", there_and_back());
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Millions of items a second.
fn through(pairs: u64, bound: Option<usize>, items: u64) -> f64 {
    let queue = bound.map_or_else(Queue::unbounded, Queue::bounded).unwrap();
    let start = Barrier::new(2 * pairs as u32 + 1).unwrap();
    let each = items / pairs;
    let spawn = |_| {
        let producer = spawn!(produce, &queue, &start, each).unwrap();
        (producer, spawn!(consume, &queue, &start, each).unwrap())
    };
    let children: Vec<_> = (0..pairs).map(spawn).collect();
    start.wait().unwrap();
    let begin = Instant::now();
    let mut sum = 0;
    for (producer, consumer) in children {
        producer.join().unwrap();
        sum += consumer.join().unwrap();
    }
    assert_eq!(sum, pairs * (0..each).sum::<u64>());
    (pairs * each) as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// Gibibytes a second.
fn large() -> f64 {
    const ITEMS: u64 = 2000;
    let queue = Queue::bounded(8).unwrap();
    let start = Barrier::new(2).unwrap();
    let producer = spawn!(produce_large, &queue, &start, ITEMS).unwrap();
    start.wait().unwrap();
    let begin = Instant::now();
    for _ in 0..ITEMS {
        assert_eq!(queue.get().unwrap().len(), 1 << 20);
    }
    let time = begin.elapsed().as_secs_f64();
    producer.join().unwrap();
    ITEMS as f64 / 1024.0 / time
}

/// Microseconds.
fn there_and_back() -> f64 {
    const ITEMS: u64 = 50_000;
    let (questions, answers) = (Queue::unbounded().unwrap(), Queue::unbounded().unwrap());
    let child = spawn!(answer, &questions, &answers, ITEMS).unwrap();
    let begin = Instant::now();
    for item in 0..ITEMS {
        questions.put(item).unwrap();
        assert_eq!(answers.get().unwrap(), item);
    }
    let time = begin.elapsed().as_secs_f64();
    child.join().unwrap();
    time * 1e6 / ITEMS as f64
}
