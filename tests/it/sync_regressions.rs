//! What once went wrong with locks.
#![allow(unsafe_code)] // forks, and a filter of system calls

use crate::support::{eventually, watchdog};
use nix::libc;
use offspring::shared::{Array, Value};
use offspring::sync::{Barrier, Condvar, Event, Mutex, ReentrantMutex, RwLock, Semaphore};
use offspring::{call, spawn, subprocess};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

#[subprocess]
fn wait_at(
    lock: &Mutex<u32>,
    condition: &Condvar,
    looks: &Value<AtomicU64>,
    there: &Value<AtomicU32>,
) {
    let guard = lock.lock().unwrap_or_else(|error| error.into_inner());
    there.fetch_add(1, SeqCst);
    let _ = condition.wait_while(guard, |count| {
        looks.fetch_add(1, SeqCst);
        *count == 0
    });
}

/// Where the dead stayed counted, each that was awake woke one more sleeper for them, for ever.
#[offspring::test]
fn waiters_of_a_condition_that_die_keep_nobody_awake() -> Whole {
    let _watchdog = watchdog();
    let (lock, condition) = (Mutex::new(0_u32)?, Condvar::new()?);
    let looks = Value::new(AtomicU64::new(0))?;
    let there = Value::new(AtomicU32::new(0))?;
    let waiters = (0..8)
        .map(|_| spawn!(wait_at, &lock, &condition, &looks, &there))
        .collect::<Result<Vec<_>, _>>()?;
    eventually("all are there", || there.load(SeqCst) == 8);
    thread::sleep(SHORT);
    let guard = lock.lock().unwrap();
    condition.notify_all();
    thread::sleep(SHORT);
    for waiter in &waiters[1..3] {
        waiter.kill()?;
        waiter.wait()?;
    }
    drop(guard);
    thread::sleep(3 * SHORT);
    let before = looks.load(SeqCst);
    thread::sleep(3 * SHORT);
    let more = looks.load(SeqCst) - before;
    for waiter in &waiters {
        waiter.kill()?;
    }
    assert!(more < 10, "{more} looks for nothing");
    Ok(())
}

/// Contention woke sleepers that nobody had notified.
#[offspring::test]
fn two_notifications_wake_two_of_ten() -> Whole {
    let _watchdog = watchdog();
    let (lock, condition) = (Mutex::new(0_u32)?, Condvar::new()?);
    let (woken, there, done) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let guard = lock.lock().unwrap();
                there.fetch_add(1, SeqCst);
                let mut guard = condition.wait(guard).unwrap();
                woken.fetch_add(1, SeqCst);
                while !done.load(SeqCst) {
                    guard = condition.wait_timeout(guard, SHORT).unwrap().0;
                }
            });
        }
        eventually("all are there", || there.load(SeqCst) == 10);
        thread::sleep(SHORT);
        let guard = lock.lock().unwrap();
        condition.notify_one();
        condition.notify_one();
        thread::sleep(SHORT);
        drop(guard);
        thread::sleep(SHORT);
        let count = woken.load(SeqCst);
        done.store(true, SeqCst);
        while woken.load(SeqCst) < 10 {
            condition.notify_all();
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(count, 2);
    });
    Ok(())
}

/// It waited for the first place, whichever was left.
#[offspring::test]
fn the_thirty_third_reader_gets_any_place_that_is_left() -> Whole {
    let _watchdog = watchdog();
    let lock = RwLock::new(0_u32)?;
    let mut guards: Vec<_> = (0..32).map(|_| lock.read().unwrap()).collect();
    thread::scope(|scope| {
        let other = scope.spawn(|| lock.read_timeout(LONG).is_ok());
        thread::sleep(SHORT);
        drop(guards.remove(5));
        assert!(other.join().unwrap());
    });
    Ok(())
}

#[subprocess]
fn length(array: &Array<u8>) -> usize {
    array.len()
}

/// The addresses were first taken as memory of its own.
#[offspring::test]
fn shared_memory_is_not_what_a_memory_limit_is_about() -> Whole {
    let _watchdog = watchdog();
    let array = Array::<u8>::new(256 << 20)?;
    let child = call!(length, &array).memory_limit(64 << 20).start()?;
    assert_eq!(child.join()?, 256 << 20);
    Ok(())
}

#[subprocess]
fn lock_by_both(one: ReentrantMutex<u32>, other: ReentrantMutex<u32>) -> bool {
    thread::scope(|scope| {
        // Its stack is too large to be kept by the C library, and with it goes the head of its list.
        let large = thread::Builder::new().stack_size(200 << 20);
        let forgets = || std::mem::forget(one.lock().unwrap());
        let thread = large.spawn_scoped(scope, forgets).unwrap();
        thread.join().unwrap();
    });
    let guard = other.lock().unwrap_or_else(|error| error.into_inner());
    other.clear_poison();
    drop((one.try_lock(), guard));
    other.try_lock().is_ok()
}

/// The node of a thread that had ended was taken for this one's: a segmentation fault.
#[offspring::test]
fn two_mappings_of_a_lock_do_not_mistake_each_others_holders() -> Whole {
    let _watchdog = watchdog();
    let lock = ReentrantMutex::new(1_u32)?;
    assert!(spawn!(lock_by_both, lock.clone(), lock.clone())?.join()?);
    Ok(())
}

/// Runs it in a fork(2) of this process; its exit code.
fn forked(what: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child uses what it shares with this process, and ends without more.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(what));
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!run.unwrap_or(true))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

#[offspring::test]
fn what_a_fork_has_inherited_is_not_its_own() -> Whole {
    let _watchdog = watchdog();
    let lock = Mutex::new(1_u32)?;
    let guard = lock.lock().unwrap();
    // A panic there isn't one here.
    assert_eq!(
        forked(|| {
            // SAFETY: the copy is forgotten by the panic's end of the process.
            let _inherited = unsafe { std::ptr::read(&guard) };
            panic!("on purpose, in a fork");
        }),
        0
    );
    drop(guard);
    assert!(!lock.is_poisoned());

    let seats = Semaphore::new(1)?;
    let permit = seats.acquire();
    assert_eq!(
        forked(|| {
            // SAFETY: this process has its own copy of the memory.
            unsafe { std::ptr::read(&permit) }.forget();
            true
        }),
        0
    );
    permit.forget();
    assert_eq!(seats.available(), 0);

    // Dropping an inherited guard doesn't give back what the fork has locked since.
    let go = Event::new()?;
    let guard = lock.lock().unwrap();
    thread::scope(|scope| {
        let giving = scope.spawn(|| {
            eventually("the fork is there", || go.is_set());
        });
        let status = {
            // SAFETY: as in `forked`.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                go.set();
                let own = lock.lock().unwrap_or_else(|error| error.into_inner());
                drop(guard);
                let is_held = lock.try_lock().is_err();
                std::mem::forget(own);
                // SAFETY: ends the child.
                unsafe { libc::_exit(i32::from(!is_held)) };
            }
            giving.join().unwrap();
            drop(guard);
            let mut status = 0;
            // SAFETY: waits for the child made above.
            unsafe { libc::waitpid(pid, &mut status, 0) };
            status
        };
        assert_eq!(status, 0);
    });
    Ok(())
}

/// Has system call 449 fail, by ENOSYS as if the kernel were an older one.
pub(crate) fn forbid_futex_waitv(error: u32) {
    let filter = [
        (0x20, 0, 0, 0),
        (0x15, 0, 1, 449),
        (0x06, 0, 0, 0x5_0000 | error),
        (0x06, 0, 0, 0x7fff_0000),
    ];
    let filter = filter.map(|(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k });
    let program = libc::sock_fprog {
        len: 4,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program is as long as it says, and read during the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program), 0);
    }
}

#[subprocess]
fn meet_without_waitv(barrier: &Barrier) -> bool {
    forbid_futex_waitv(libc::ENOSYS as u32);
    barrier.wait_timeout(LONG).is_ok()
}

#[offspring::test]
fn without_futex_waitv_a_death_is_found_all_the_same() -> Whole {
    let _watchdog = watchdog();
    let barrier = Barrier::new(3)?;
    let children = [(); 2].map(|()| spawn!(meet_without_waitv, &barrier));
    let [killed, other] = children;
    let (killed, other) = (killed?, other?);
    eventually("both wait", || barrier.waiting() == 2);
    thread::sleep(SHORT);
    let start = Instant::now();
    killed.kill()?;
    assert!(!other.join()?);
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    Ok(())
}

/// Takes one of what is there, and ends.
#[subprocess]
fn take_one(items: &Mutex<u32>, added: &Condvar, there: &Value<AtomicU32>) {
    let guard = items.lock().unwrap_or_else(|error| error.into_inner());
    there.fetch_add(1, SeqCst);
    let guard = added.wait_while(guard, |items| *items == 0);
    *guard.unwrap_or_else(|error| error.into_inner()) -= 1;
}

/// It is on its way from its sleep to the lock.
#[offspring::test]
fn what_one_was_notified_of_that_dies_on_its_way_is_for_another() -> Whole {
    let _watchdog = watchdog();
    let (items, added) = (Mutex::new(0_u32)?, Condvar::new()?);
    let there = Value::new(AtomicU32::new(0))?;
    let mut waiters = Vec::new();
    for count in 1..=3 {
        waiters.push(spawn!(take_one, &items, &added, &there)?);
        eventually("it is there", || there.load(SeqCst) == count);
        thread::sleep(SHORT);
    }
    let mut guard = items.lock().unwrap();
    *guard = 2;
    // Two are awake and wait for the lock, and the third is still asleep.
    added.notify_one();
    thread::sleep(SHORT);
    added.notify_one();
    thread::sleep(SHORT);
    waiters[1].kill()?;
    waiters[1].wait()?;
    drop(guard);
    for waiter in [0, 2] {
        let ended = waiters[waiter].wait_timeout(LONG)?;
        assert!(
            ended.is_some_and(|status| status.success()),
            "waiter {waiter}"
        );
    }
    assert_eq!(*items.lock().unwrap(), 0);
    Ok(())
}

#[subprocess]
fn meet(barrier: &Barrier) -> bool {
    barrier.wait().is_ok()
}

/// Only the last failure was remembered, and who had slept through two of them took the first for a pass.
#[offspring::test]
fn an_abort_and_a_reset_at_once_let_nobody_pass() -> Whole {
    let _watchdog = watchdog();
    for _ in 0..20 {
        let barrier = Barrier::new(3)?;
        let children = [spawn!(meet, &barrier)?, spawn!(meet, &barrier)?];
        eventually("both wait", || barrier.waiting() == 2);
        barrier.abort();
        barrier.reset();
        for child in children {
            assert!(!child.join()?);
        }
    }
    Ok(())
}

#[subprocess]
fn meet_once(barrier: &Barrier) -> bool {
    barrier.wait().is_ok()
}

/// It was stopped after all had met, and the others have met more often than is remembered.
#[offspring::test]
fn a_party_that_is_very_late_is_told_that_all_have_met() -> Whole {
    let _watchdog = watchdog();
    let barrier = Barrier::new(2)?;
    let late = spawn!(meet_once, &barrier)?;
    eventually("it waits", || barrier.waiting() == 1);
    thread::sleep(SHORT);
    let signal =
        |signal| nix::sys::signal::kill(nix::unistd::Pid::from_raw(late.pid() as i32), signal);
    signal(nix::sys::signal::SIGSTOP)?;
    thread::sleep(SHORT);
    barrier.wait()?;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..100 {
                    barrier.wait().unwrap();
                }
            });
        }
    });
    signal(nix::sys::signal::SIGCONT)?;
    assert!(late.join()?, "it was told that the barrier is broken");
    Ok(())
}
