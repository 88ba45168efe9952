//! Locks and shared memory against the raw primitives, alternating in one run.

use offspring::shared::Frozen;
use offspring::sync::{Barrier, Condvar, Mutex, RwLock, Semaphore};
use offspring::{spawn, subprocess};
use std::hint::black_box;
use std::ptr;
use std::time::{Duration, Instant};

const LENGTH: usize = 100 << 20;

#[subprocess]
fn nothing() {}

#[subprocess]
fn sum(numbers: &Frozen<u64>) -> u64 {
    add_up(numbers)
}

fn add_up(numbers: &[u64]) -> u64 {
    numbers
        .iter()
        .fold(0, |sum, number| sum.wrapping_add(*number))
}

fn main() {
    offspring::init();
    uncontended();
    handover();
    hundred_mebibytes();
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Measures one by so many in a row, in nanoseconds.
fn each<'a>(mut one: impl FnMut() + 'a) -> Box<dyn FnMut() -> f64 + 'a> {
    const COUNT: u32 = 10_000;
    Box::new(move || {
        let start = Instant::now();
        (0..COUNT).for_each(|_| one());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(COUNT)
    })
}

fn uncontended() {
    let std = std::sync::Mutex::new(0_u64);
    let ours = Mutex::new(0_u64).unwrap();
    let raw = RobustMutex::new();
    let table = RwLock::new(0_u64).unwrap();
    let seats = Semaphore::new(1).unwrap();
    let condition = Condvar::new().unwrap();
    let mut runs: [(&str, Box<dyn FnMut() -> f64>); 7] = [
        ("std::sync::Mutex", each(|| *std.lock().unwrap() += 1)),
        ("robust pthread mutex", each(|| raw.with(|| ()))),
        ("Mutex", each(|| *ours.lock().unwrap() += 1)),
        ("RwLock, read", each(|| drop(table.read().unwrap()))),
        ("RwLock, write", each(|| *table.write().unwrap() += 1)),
        ("Semaphore", each(|| drop(seats.acquire()))),
        ("Condvar, notify nobody", each(|| condition.notify_one())),
    ];
    let mut times = [const { Vec::new() }; 7];
    for _ in 0..200 {
        for ((_, run), times) in runs.iter_mut().zip(&mut times) {
            times.push(run());
        }
    }
    println!(
        "{:<44} {:>10} {:>8}",
        "taken and given back, free", "median", "of std's"
    );
    let times = times.map(median);
    for ((name, _), time) in runs.iter().zip(times) {
        println!("{name:<44} {time:>7.1} ns {:>8.2}", time / times[0]);
    }
}

/// How often two processes take the lock before they meet again.
const TURNS: u32 = 200_000;

#[subprocess]
fn contend(lock: &Mutex<u64>, meet: &Barrier, rounds: usize) {
    for _ in 0..rounds {
        meet.wait().unwrap();
        (0..TURNS).for_each(|_| *lock.lock().unwrap() += 1);
        meet.wait().unwrap();
    }
}

/// Two processes that both want the lock all the time.
fn handover() {
    const ROUNDS: usize = 61;
    let lock = Mutex::new(0_u64).unwrap();
    let meet = Barrier::new(2).unwrap();
    let raw = RobustMutex::new();
    let meet_raw = Barrier::new(2).unwrap();
    // SAFETY: the child only uses what it shares with this process, and ends without more.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        for _ in 0..ROUNDS {
            meet_raw.wait().unwrap();
            (0..TURNS).for_each(|_| raw.with(|| ()));
            meet_raw.wait().unwrap();
        }
        // SAFETY: ends this process.
        unsafe { libc::_exit(0) };
    }
    let child = spawn!(contend, &lock, &meet, ROUNDS).unwrap();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let run = |meet: &Barrier, one: &dyn Fn()| {
            meet.wait().unwrap();
            let start = Instant::now();
            (0..TURNS).for_each(|_| one());
            meet.wait().unwrap();
            start.elapsed().as_secs_f64() * 1e9 / f64::from(2 * TURNS)
        };
        floor.push(run(&meet_raw, &|| raw.with(|| ())));
        ours.push(run(&meet, &|| *lock.lock().unwrap() += 1));
    }
    child.join().unwrap();
    // SAFETY: reaps the child made above.
    unsafe { libc::waitpid(forked, ptr::null_mut(), 0) };
    let (floor, ours) = (median(floor), median(ours));
    println!(
        "\n{:<44} {:>10} {:>8}",
        "two processes that both want it", "a turn", "of raw"
    );
    println!(
        "{:<44} {floor:>7.0} ns {:>8.2}",
        "robust pthread mutex", 1.0
    );
    println!("{:<44} {ours:>7.0} ns {:>8.2}", "Mutex", ours / floor);
}

fn hundred_mebibytes() {
    let numbers: Vec<u64> = (0..LENGTH as u64 / 8).collect();
    let expected = add_up(&numbers);
    let frozen = Frozen::from_slice(&numbers).unwrap();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..21 {
        times[0].push(map_and_read(&numbers, expected).as_secs_f64());
        let start = Instant::now();
        spawn!(nothing).unwrap().join().unwrap();
        times[1].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        assert_eq!(spawn!(sum, &frozen).unwrap().join().unwrap(), expected);
        times[2].push(start.elapsed().as_secs_f64());
    }
    let [raw, spawn, ours] = times.map(|times| 1e3 * median(times));
    println!("\n100 MiB, read by a child");
    println!(
        "{:<44} {raw:>7.2} ms",
        "memory mapped, read and unmapped, raw"
    );
    println!("{:<44} {spawn:>7.2} ms", "a spawn");
    println!(
        "{:<44} {ours:>7.2} ms {:>8.2} of both",
        "spawn!(sum, &frozen)",
        ours / (raw + spawn)
    );
}

/// How long a child takes to map memory, read all of it, and unmap it, which the end of a process does, too.
fn map_and_read(numbers: &[u64], expected: u64) -> Duration {
    // SAFETY: the memory is as long as what is copied, and the child uses nothing else; it tells its time by the clock
    // that both have.
    unsafe {
        static FILE: std::sync::OnceLock<(i32, usize)> = std::sync::OnceLock::new();
        let (fd, shared) = *FILE.get_or_init(|| {
            let fd = libc::memfd_create(c"raw".as_ptr(), 0);
            libc::ftruncate(fd, LENGTH as i64);
            let all = map(fd, LENGTH, libc::PROT_READ | libc::PROT_WRITE);
            ptr::copy_nonoverlapping(numbers.as_ptr(), all.cast(), numbers.len());
            libc::munmap(all.cast(), LENGTH);
            (fd, map_anonymous() as usize)
        });
        let told = shared as *mut u64;
        let child = libc::fork();
        if child == 0 {
            let start = Instant::now();
            let all = map(fd, LENGTH, libc::PROT_READ);
            let sum = add_up(std::slice::from_raw_parts(all.cast(), numbers.len()));
            libc::munmap(all.cast(), LENGTH);
            told.write_volatile(start.elapsed().as_nanos() as u64);
            libc::_exit(i32::from(black_box(sum) != expected));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert_eq!(status, 0);
        Duration::from_nanos(told.read_volatile())
    }
}

unsafe fn map(fd: i32, length: usize, access: i32) -> *mut u8 {
    // SAFETY: the kernel chooses where.
    let start = unsafe { libc::mmap(ptr::null_mut(), length, access, libc::MAP_SHARED, fd, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.cast()
}

fn map_anonymous() -> *mut u8 {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel chooses where.
    let start = unsafe { libc::mmap(ptr::null_mut(), 4096, access, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.cast()
}

/// What the C library offers: a mutex that is shared and robust.
struct RobustMutex(*mut libc::pthread_mutex_t);

impl RobustMutex {
    fn new() -> Self {
        let mutex: *mut libc::pthread_mutex_t = map_anonymous().cast();
        // SAFETY: the attributes are initialized first, the memory is large enough and stays.
        unsafe {
            let mut attributes = std::mem::zeroed();
            libc::pthread_mutexattr_init(&mut attributes);
            libc::pthread_mutexattr_setpshared(&mut attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutexattr_setrobust(&mut attributes, libc::PTHREAD_MUTEX_ROBUST);
            assert_eq!(libc::pthread_mutex_init(mutex, &attributes), 0);
        }
        Self(mutex)
    }

    fn with(&self, what: impl FnOnce()) {
        // SAFETY: it was initialized, and is unlocked by whom it was locked.
        unsafe {
            assert_eq!(libc::pthread_mutex_lock(self.0), 0);
            what();
            assert_eq!(libc::pthread_mutex_unlock(self.0), 0);
        }
    }
}
