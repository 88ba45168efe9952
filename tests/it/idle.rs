//! Who waits uses no processor, and leaves it to those it waits for.

use crate::support::{block_on, watchdog};
use crate::sync_regressions::forbid_futex_waitv;
use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use offspring::sync::{Barrier, Condvar, Event, Mutex, RwLock, Semaphore};
use offspring::{Queue, channel, spawn, subprocess, wait};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(300);

/// What this process used of the processors while it slept so long.
fn used_in(time: Duration) -> Duration {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap());
    let before = used();
    thread::sleep(time);
    used() - before
}

/// Waits in every way, each in a thread of its own; what that has cost in a second.
#[subprocess]
fn wait_in_all_ways(
    queues: (Queue<u32>, Queue<u32>, Event),
    meetings: (Mutex<u32>, Condvar, Barrier),
    locks: (Mutex<u32>, RwLock<u32>, Semaphore),
    there: &Event,
) -> Duration {
    let (empty, full, finished) = &queues;
    let (lock, condition, barrier) = &meetings;
    let (held, written, permits) = &locks;
    let (_sender, mut receiver) = channel::<u32>().unwrap();
    let (_awaited_sender, mut awaited) = channel::<u32>().unwrap();
    let (_waited_sender, waited) = channel::<u32>().unwrap();
    let ways: Vec<Box<dyn FnOnce() + Send>> = vec![
        Box::new(|| drop(empty.get())),
        Box::new(|| drop(empty.get())),
        Box::new(|| drop(empty.get_timeout(LONG))),
        Box::new(|| drop(full.put(2))),
        Box::new(|| full.join()),
        Box::new(|| assert!(full.join_timeout(LONG))),
        Box::new(|| drop(wait(&[empty, &waited], None))),
        Box::new(|| drop(block_on(empty.get_async()))),
        Box::new(|| drop(receiver.recv())),
        Box::new(|| drop(block_on(awaited.recv_async()))),
        Box::new(|| drop(condition.wait(lock.lock().unwrap()))),
        Box::new(|| drop(condition.wait_timeout(lock.lock().unwrap(), LONG))),
        Box::new(|| assert!(barrier.wait().is_ok())),
        Box::new(|| drop(held.lock())),
        Box::new(|| drop(written.read())),
        Box::new(|| drop(permits.acquire())),
        Box::new(|| finished.wait()),
    ];
    thread::scope(|scope| {
        for way in ways {
            scope.spawn(way);
        }
        thread::sleep(5 * SHORT);
        there.set();
        let used = used_in(10 * SHORT);
        // The others never end.
        // One that looks all the time takes all of a processor, or what is left of it.
        std::process::exit(i32::from(used > 2 * SHORT))
    })
}

#[offspring::test]
fn who_waits_sleeps_also_after_others_have_died_there() -> Whole {
    let _watchdog = watchdog();
    let queues = (Queue::unbounded()?, Queue::bounded(1)?, Event::new()?);
    queues.1.put(1)?;
    let meetings = (Mutex::new(0)?, Condvar::new()?, Barrier::new(100)?);
    let locks = (Mutex::new(0)?, RwLock::new(0)?, Semaphore::new(0)?);
    let _held = (locks.0.lock().unwrap(), locks.1.write().unwrap());
    let there = Event::new()?;
    let start = || {
        let (queues, meetings, locks) = (queues.clone(), meetings.clone(), locks.clone());
        spawn!(wait_in_all_ways, queues, meetings, locks, &there)
    };
    let victim = start()?;
    there.wait();
    victim.kill()?;
    victim.wait()?;
    meetings.2.reset();
    let status = start()?.wait()?;
    assert_eq!(status.exitcode(), Some(0), "{status:?}");
    Ok(())
}

#[subprocess]
fn meet_as_many(count: u32) -> Duration {
    let barrier = Barrier::new(count + 1).unwrap();
    let start = std::sync::Barrier::new(count as usize);
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                start.wait();
                barrier.wait()
            });
        }
        while barrier.waiting() < count {
            thread::sleep(SHORT / 10);
        }
        thread::sleep(SHORT);
        let used = used_in(3 * SHORT);
        let _met = barrier.wait();
        used
    })
}

#[offspring::test]
fn more_than_have_seats_sleep() -> Whole {
    let _watchdog = watchdog();
    let used = spawn!(meet_as_many, 300)?.join()?;
    assert!(used < SHORT, "{used:?}");
    Ok(())
}

#[subprocess]
fn wait_where_refused(error: u32) -> Duration {
    forbid_futex_waitv(error);
    let (lock, condition) = (Mutex::new(0_u32).unwrap(), Condvar::new().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            let guard = lock.lock().unwrap();
            drop(condition.wait_while(guard, |end| *end == 0));
        });
        thread::sleep(SHORT);
        let used = used_in(3 * SHORT);
        *lock.lock().unwrap() = 1;
        condition.notify_all();
        used
    })
}

/// However that is said.
#[offspring::test]
fn where_futex_waitv_is_refused_who_waits_sleeps() -> Whole {
    let _watchdog = watchdog();
    for error in [libc::ENOSYS, libc::EPERM, libc::EACCES, libc::ENOMEM] {
        let used = spawn!(wait_where_refused, error as u32)?.join()?;
        assert!(used < SHORT, "{used:?} with {error}");
    }
    Ok(())
}

/// How often something goes back and forth in a while.
fn turns(mut turn: impl FnMut()) -> u32 {
    let start = Instant::now();
    let mut turns = 0;
    while start.elapsed() < 5 * SHORT {
        turn();
        turns += 1;
    }
    turns
}

/// On one processor, beside a thread that never sleeps: turns by queues and by channels.
#[subprocess]
fn turn_beside_a_hog() -> (u32, u32) {
    let mut one = CpuSet::new();
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap());
    one.set(first.unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    let end = AtomicBool::new(false);
    let (there, back) = (Queue::unbounded().unwrap(), Queue::unbounded().unwrap());
    let (mut sender, mut answering) = channel::<u32>().unwrap();
    let (mut answerer, mut receiver) = channel::<u32>().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(SeqCst) {
                std::hint::spin_loop()
            }
        });
        scope.spawn(|| {
            while let Ok(number) = there.get() {
                back.put(number).unwrap();
            }
        });
        scope.spawn(move || {
            while let Ok(number) = answering.recv() {
                answerer.send(number).unwrap();
            }
        });
        let by_queues = turns(|| {
            there.put(1_u32).unwrap();
            assert_eq!(back.get().unwrap(), 1);
        });
        there.close();
        let by_channels = turns(|| {
            sender.send(1).unwrap();
            assert_eq!(receiver.recv().unwrap(), 1);
        });
        drop(sender);
        end.store(true, SeqCst);
        (by_queues, by_channels)
    })
}

/// It was given what those who wait gave away before they slept.
#[offspring::test]
fn a_hog_beside_a_queue_has_no_more_of_the_processor_than_beside_a_channel() -> Whole {
    let _watchdog = watchdog();
    // Something else may run at the same time.
    for _ in 0..5 {
        let (by_queues, by_channels) = spawn!(turn_beside_a_hog)?.join()?;
        if by_queues > by_channels / 20 {
            return Ok(());
        }
        eprintln!("{by_queues} turns by queues, {by_channels} by channels");
    }
    Err("the hog has had nearly all of the processor".into())
}
