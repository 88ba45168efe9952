//! Starting and joining a child, against the raw floor and procspawn, alternating in one run.

mod raw;

use offspring::{spawn, subprocess};
use serde_bytes::ByteBuf;
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

#[subprocess]
fn double(x: u64) -> u64 {
    2 * x
}

#[subprocess]
fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

#[subprocess]
fn idle() {
    std::thread::sleep(Duration::from_secs(100));
}

fn main() {
    raw::be_child();
    offspring::init();
    procspawn::init();

    println!(
        "{:<34} {:>10} {:>10} {:>7} {:>10} {:>7}",
        "median", "floor", "offspring", "ratio", "procspawn", "ratio"
    );
    small("spawn + join, u64", 600);
    echoed("echo of 1 MiB", 1 << 20, 200);
    echoed("echo of 100 MiB", 100 << 20, 15);
    let dirty = dirty(1 << 30);
    small("spawn + join, u64, 1 GiB dirty", 300);
    drop(dirty);
    many();
    memory();
    size();
}

fn small(name: &str, rounds: usize) {
    let runs: [&mut dyn FnMut(); 3] = [
        &mut || assert_eq!(raw::echo(&21_u64.to_ne_bytes()).len(), 8),
        &mut || assert_eq!(spawn!(double, 21).unwrap().join().unwrap(), 42),
        &mut || assert_eq!(procspawn::spawn(21_u64, |x| 2 * x).join().unwrap(), 42),
    ];
    compare(name, rounds, runs);
}

fn echoed(name: &str, length: usize, rounds: usize) {
    let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
    let runs: [&mut dyn FnMut(); 3] = [
        &mut || assert_eq!(raw::echo(&bytes).len(), length),
        // What it costs to have a second copy to give away isn't the start's.
        &mut || {
            assert_eq!(
                spawn!(echo, lend(&bytes)).unwrap().join().unwrap().len(),
                length
            );
        },
        &mut || {
            let sent = procspawn::spawn(ByteBuf::from(lend(&bytes)), |bytes: ByteBuf| bytes);
            assert_eq!(sent.join().unwrap().len(), length);
        },
    ];
    compare(name, rounds, runs);
}

/// A copy whose making isn't measured.
fn lend(bytes: &[u8]) -> Vec<u8> {
    let start = Instant::now();
    let copy = bytes.to_vec();
    NOT_MEASURED.with(|time| time.set(time.get() + start.elapsed()));
    copy
}

thread_local!(static NOT_MEASURED: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) });

fn compare(name: &str, rounds: usize, mut runs: [&mut dyn FnMut(); 3]) {
    let mut times = [const { Vec::new() }; 3];
    for round in 0..rounds + 3 {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            NOT_MEASURED.set(Duration::ZERO);
            let start = Instant::now();
            run();
            if round >= 3 {
                times.push(start.elapsed() - NOT_MEASURED.get());
            }
        }
    }
    let [floor, ours, peer] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    println!(
        "{name:<34} {:>7.3} ms {:>7.3} ms {:>7.2} {:>7.3} ms {:>7.2}",
        1e3 * floor,
        1e3 * ours,
        ours / floor,
        1e3 * peer,
        peer / floor
    );
}

/// Memory every page of which was written.
fn dirty(length: usize) -> Vec<u8> {
    let mut memory = vec![0; length];
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    black_box(memory)
}

/// Alive at once: the cost of each, and descriptors in the parent.
fn many() {
    let fds = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let (before, mut children) = (fds(), Vec::new());
    let mut each = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        children.extend((0..100).map(|_| spawn!(idle, daemon).unwrap()));
        each.push(start.elapsed().as_secs_f64() * 1e6 / 100.0);
    }
    println!(
        "1,000 children at once: {:.0} us to start each of the first 100, {:.0} us of the last; {:.1} descriptors each",
        each[0],
        each[9],
        (fds() - before) as f64 / 1000.0
    );
    children.iter().for_each(|child| child.kill().unwrap());
    children
        .iter()
        .for_each(|child| assert!(child.wait().is_ok()));
}

fn memory() {
    let child = spawn!(idle, daemon).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", child.pid())).unwrap();
    let pss = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap();
    println!("an idle child takes {} (Pss)", pss.trim());
    child.kill().unwrap();
    child.wait().unwrap();
}

fn size() {
    let this = std::env::current_exe().unwrap();
    let size = |name| fs::metadata(this.with_file_name(name)).unwrap().len() / 1024;
    let (ours, hello) = (size("smallest"), size("hello"));
    println!(
        "stripped: {ours} KiB, hello world {hello} KiB, {} KiB more",
        ours - hello
    );
}
