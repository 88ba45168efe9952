//! Locks and their like, between processes and between threads.

use crate::support::{eventually, watchdog};
use offspring::shared::Value;
use offspring::sync::{
    Barrier, Cause, Condvar, Event, Mutex, ReentrantMutex, RwLock, Semaphore, TryLockError,
};
use offspring::{Process, spawn, subprocess};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

/// Holds a lock until told.
#[subprocess]
fn hold(lock: &Mutex<u64>, held: &Event, until: &Event) {
    let mut value = lock.lock().unwrap();
    *value += 1;
    held.set();
    until.wait();
}

#[subprocess]
fn add(lock: &Mutex<u64>, times: u32) {
    for _ in 0..times {
        *lock.lock().unwrap() += 1;
    }
}

#[offspring::test]
fn a_lock_held_elsewhere_is_not_to_be_had_and_is_when_given_back() -> Whole {
    let _watchdog = watchdog();
    let (lock, held, until) = (Mutex::new(5_u64)?, Event::new()?, Event::new()?);
    let child = spawn!(hold, &lock, &held, &until)?;
    held.wait();
    assert!(matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
    let start = Instant::now();
    assert!(matches!(
        lock.lock_timeout(SHORT),
        Err(TryLockError::WouldBlock)
    ));
    assert!(start.elapsed() >= SHORT);
    assert!(format!("{lock:?}").contains("<locked>"));
    until.set();
    assert_eq!(*lock.lock().unwrap(), 6);
    child.join()?;
    assert_eq!(*lock.try_lock().unwrap(), 6);
    assert!(!lock.is_poisoned());
    Ok(())
}

#[offspring::test]
fn nothing_is_lost_between_processes_and_threads() -> Whole {
    let _watchdog = watchdog();
    let lock = Mutex::new(0_u64)?;
    let children = [
        spawn!(add, &lock, 20_000)?,
        spawn!(add, &lock, 20_000)?,
        spawn!(add, &lock, 20_000)?,
    ];
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| add(&lock, 20_000));
        }
    });
    for child in children {
        child.join()?;
    }
    assert_eq!(*lock.lock().unwrap(), 100_000);
    Ok(())
}

#[subprocess]
fn pass_on(lock: Mutex<u64>) {
    spawn!(add, &lock, 5).unwrap().join().unwrap();
    *lock.lock().unwrap() *= 10;
}

#[offspring::test]
fn a_child_can_pass_a_lock_on() -> Whole {
    let _watchdog = watchdog();
    let lock = Mutex::new(1_u64)?;
    spawn!(pass_on, lock.clone())?.join()?;
    assert_eq!(*lock.lock().unwrap(), 60);
    Ok(())
}

#[offspring::test]
fn the_next_one_is_told_that_the_holder_was_killed() -> Whole {
    let _watchdog = watchdog();
    let (lock, held, until) = (Mutex::new(5_u64)?, Event::new()?, Event::new()?);
    let child = spawn!(hold, &lock, &held, &until)?;
    held.wait();
    // One that waits already, and one that comes later.
    let waiting = thread::scope(|scope| {
        let waiter = scope.spawn(|| lock.lock().map(drop).map_err(|error| error.cause()));
        thread::sleep(SHORT);
        child.kill().unwrap();
        waiter.join().unwrap()
    });
    assert_eq!(waiting, Err(Cause::Died));
    assert!(lock.is_poisoned());
    let error = lock.lock().unwrap_err();
    assert_eq!(error.cause(), Cause::Died);
    assert_eq!(**error.get_ref(), 6);
    assert!(
        error
            .to_string()
            .contains("a process died with the lock held")
    );
    drop(error);
    assert!(matches!(lock.try_lock(), Err(TryLockError::Poisoned(_))));
    lock.clear_poison();
    assert_eq!(*lock.lock().unwrap(), 6);
    child.wait()?;
    Ok(())
}

#[subprocess]
fn panic_with(lock: &Mutex<u64>) {
    let _guard = lock.lock().unwrap();
    panic!("with the lock held");
}

#[subprocess]
fn exit_with(lock: &Mutex<u64>) {
    let _guard = lock.lock().unwrap();
    std::process::exit(0);
}

#[subprocess]
fn forget(lock: &Mutex<u64>) {
    std::mem::forget(lock.lock().unwrap());
}

#[offspring::test]
fn a_panic_an_exit_and_a_forgotten_guard_poison() -> Whole {
    let _watchdog = watchdog();
    let lock = Mutex::new(0_u64)?;
    let caused_by = |child: offspring::Result<Process<()>>| {
        child.unwrap().wait().unwrap();
        let cause = lock.lock().unwrap_err().cause();
        lock.clear_poison();
        cause
    };
    assert_eq!(caused_by(spawn!(panic_with, &lock)), Cause::Panicked);
    assert_eq!(caused_by(spawn!(exit_with, &lock)), Cause::Died);
    assert_eq!(caused_by(spawn!(forget, &lock)), Cause::Died);
    Ok(())
}

#[offspring::test]
fn a_thread_that_ends_with_a_forgotten_guard_gives_the_lock_up() -> Whole {
    let _watchdog = watchdog();
    let lock = Mutex::new(0_u64)?;
    thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(lock.lock().unwrap()));
    });
    assert_eq!(lock.lock().unwrap_err().cause(), Cause::Died);
    // Other locks of other threads are as they were, and the memory can go.
    std::mem::forget(lock.lock());
    drop(lock);
    let other = Mutex::new(0_u64)?;
    *other.lock().unwrap() += 1;
    Ok(())
}

#[subprocess]
fn wait_for(lock: &Mutex<u64>) {
    drop(lock.lock());
}

#[offspring::test]
fn waiters_that_are_killed_leave_nobody_behind() -> Whole {
    let _watchdog = watchdog();
    let lock = Mutex::new(0_u64)?;
    let guard = lock.lock().unwrap();
    let victims = [spawn!(wait_for, &lock)?, spawn!(wait_for, &lock)?];
    let survivor = spawn!(wait_for, &lock)?;
    thread::sleep(SHORT);
    for victim in &victims {
        victim.kill()?;
        victim.wait()?;
    }
    drop(guard);
    survivor.join()?;
    assert!(!lock.is_poisoned());
    assert_eq!(*lock.lock().unwrap(), 0);
    Ok(())
}

#[subprocess]
fn try_reentrant(lock: &ReentrantMutex<u32>) -> bool {
    lock.try_lock().is_ok()
}

#[subprocess]
fn hold_twice(lock: &ReentrantMutex<u32>, held: &Event) {
    let _one = lock.lock().unwrap();
    let _two = lock.lock().unwrap();
    held.set();
    thread::sleep(LONG);
}

#[offspring::test]
fn a_reentrant_lock_is_free_when_its_last_guard_is_gone() -> Whole {
    let _watchdog = watchdog();
    let lock = ReentrantMutex::new(1)?;
    let outer = lock.lock().unwrap();
    let inner = lock.try_lock().unwrap();
    inner.set(outer.get() + 1);
    assert!(!spawn!(try_reentrant, &lock)?.join()?);
    drop(outer);
    assert!(!spawn!(try_reentrant, &lock)?.join()?);
    thread::scope(|scope| assert!(scope.spawn(|| lock.try_lock().is_err()).join().unwrap()));
    drop(inner);
    assert!(spawn!(try_reentrant, &lock)?.join()?);

    let held = Event::new()?;
    let child = spawn!(hold_twice, &lock, &held)?;
    held.wait();
    assert!(lock.lock_timeout(SHORT).is_err());
    child.kill()?;
    let guard = lock.lock().unwrap_err().into_inner();
    lock.clear_poison();
    assert_eq!(guard.get(), 2);
    drop(guard);
    assert!(spawn!(try_reentrant, &lock)?.join()?);
    Ok(())
}

#[subprocess]
fn read(lock: &RwLock<u32>, reading: &Semaphore, until: &Event) -> u32 {
    let value = lock.read().unwrap();
    reading.release(1).unwrap();
    until.wait();
    *value
}

#[subprocess]
fn write(lock: &RwLock<u32>, held: &Event) {
    let mut value = lock.write().unwrap();
    *value += 1;
    held.set();
    thread::sleep(LONG);
}

#[offspring::test]
fn many_read_and_one_writes() -> Whole {
    let _watchdog = watchdog();
    let (lock, reading, until) = (RwLock::new(7)?, Semaphore::new(0)?, Event::new()?);
    let readers = [
        spawn!(read, &lock, &reading, &until)?,
        spawn!(read, &lock, &reading, &until)?,
    ];
    for _ in 0..2 {
        reading.acquire().forget();
    }
    assert_eq!(*lock.try_read().unwrap(), 7);
    assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    assert!(lock.write_timeout(SHORT).is_err());
    // A reader that is killed gives its share back, and nothing is poisoned.
    readers[0].kill()?;
    until.set();
    *lock.write().unwrap() = 8;
    let [killed, other] = readers;
    assert_eq!(other.join()?, 7);
    assert!(killed.join().is_err());

    let held = Event::new()?;
    let writer = spawn!(write, &lock, &held)?;
    held.wait();
    assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
    assert!(lock.read_timeout(SHORT).is_err());
    writer.kill()?;
    let error = lock.read().unwrap_err();
    assert_eq!((error.cause(), **error.get_ref()), (Cause::Died, 9));
    drop(error);
    drop(lock.write().unwrap_err());
    lock.clear_poison();
    assert_eq!(*lock.read().unwrap(), 9);
    Ok(())
}

#[offspring::test]
fn more_readers_than_there_are_places_wait_their_turn() -> Whole {
    let _watchdog = watchdog();
    let lock = RwLock::new(0_u32)?;
    let mut guards: Vec<_> = (0..32).map(|_| lock.read().unwrap()).collect();
    assert!(lock.read_timeout(SHORT).is_err());
    drop(guards.remove(0));
    assert!(lock.read_timeout(LONG).is_ok());
    drop(guards);
    assert!(lock.try_write().is_ok());
    Ok(())
}

#[subprocess]
fn acquire(semaphore: &Semaphore, acquired: &Event, until: &Event) {
    let _permits = [semaphore.acquire(), semaphore.acquire()];
    acquired.set();
    until.wait();
}

#[offspring::test]
fn permits_are_counted_and_those_of_the_dead_come_back() -> Whole {
    let _watchdog = watchdog();
    let semaphore = Semaphore::new(3)?;
    let (acquired, until) = (Event::new()?, Event::new()?);
    let child = spawn!(acquire, &semaphore, &acquired, &until)?;
    acquired.wait();
    assert_eq!(semaphore.available(), 1);
    let last = semaphore.try_acquire().unwrap();
    assert!(semaphore.try_acquire().is_none());
    let start = Instant::now();
    assert!(semaphore.acquire_timeout(SHORT).is_none());
    assert!(start.elapsed() >= SHORT);
    let again = thread::scope(|scope| {
        let waiter = scope.spawn(|| semaphore.acquire_timeout(LONG).is_some());
        thread::sleep(SHORT);
        child.kill().unwrap();
        waiter.join().unwrap()
    });
    assert!(again, "a permit of the killed one");
    child.wait()?;
    assert_eq!(semaphore.available(), 2);
    drop(last);
    assert_eq!(semaphore.available(), 3);
    Ok(())
}

#[subprocess]
fn release(semaphore: &Semaphore) {
    semaphore.release(1).unwrap();
}

#[offspring::test]
fn a_permit_can_be_acquired_here_and_released_there() -> Whole {
    let _watchdog = watchdog();
    let semaphore = Semaphore::new(1)?;
    semaphore.acquire().forget();
    assert_eq!(semaphore.available(), 0);
    let child = spawn!(release, &semaphore)?;
    assert!(semaphore.acquire_timeout(LONG).is_some());
    child.join()?;
    // It grows without bound, as Python's does.
    semaphore.release(5)?;
    assert_eq!(semaphore.available(), 6);
    assert!(semaphore.release(u32::MAX).is_err());
    Ok(())
}

#[offspring::test]
fn a_bounded_semaphore_refuses_what_exceeds_its_bound() -> Whole {
    let _watchdog = watchdog();
    let semaphore = Semaphore::bounded(2)?;
    let error = semaphore.release(1).unwrap_err().to_string();
    assert_eq!(
        error,
        "semaphore released too many times: it has 2 of at most 2 permits, so 1 more would be too many"
    );
    let permit = semaphore.acquire();
    assert!(semaphore.release(1).is_err(), "it comes back by itself");
    permit.forget();
    semaphore.release(1)?;
    assert_eq!(semaphore.available(), 2);
    Ok(())
}

#[offspring::test]
fn a_semaphore_wakes_one_for_each_permit() -> Whole {
    let _watchdog = watchdog();
    let semaphore = Semaphore::new(0)?;
    let through = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                semaphore.acquire().forget();
                through.fetch_add(1, SeqCst);
            });
        }
        for count in 1..=4 {
            thread::sleep(SHORT);
            assert_eq!(through.load(SeqCst), count - 1);
            semaphore.release(1).unwrap();
            eventually("one passes", || through.load(SeqCst) == count);
        }
    });
    Ok(())
}

/// Waits for a notification once, whatever the data are, and counts.
#[subprocess]
fn wait_once(lock: &Mutex<u32>, condition: &Condvar) {
    let mut guard = lock.lock().unwrap();
    *guard += 1;
    let mut guard = condition.wait(guard).unwrap();
    *guard += 100;
}

#[offspring::test]
fn notify_one_wakes_one_and_notify_all_wakes_all() -> Whole {
    let _watchdog = watchdog();
    let (lock, condition) = (Mutex::new(0_u32)?, Condvar::new()?);
    let children = [
        spawn!(wait_once, &lock, &condition)?,
        spawn!(wait_once, &lock, &condition)?,
    ];
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| wait_once(&lock, &condition));
        }
        eventually("all wait", || *lock.lock().unwrap() % 100 == 4);
        thread::sleep(SHORT);
        condition.notify_one();
        eventually("one wakes", || *lock.lock().unwrap() == 104);
        thread::sleep(SHORT);
        assert_eq!(*lock.lock().unwrap(), 104, "only one");
        condition.notify_all();
    });
    for child in children {
        child.join()?;
    }
    assert_eq!(*lock.lock().unwrap(), 404);
    // Nobody waits: it is for nobody.
    condition.notify_one();
    let (_, result) = condition.wait_timeout(lock.lock().unwrap(), SHORT).unwrap();
    assert!(result.timed_out());
    Ok(())
}

#[subprocess]
fn count_up(lock: &Mutex<u32>, condition: &Condvar, to: u32) {
    for _ in 0..to {
        *lock.lock().unwrap() += 1;
        condition.notify_all();
    }
}

#[offspring::test]
fn wait_while_waits_for_the_condition_or_for_the_time() -> Whole {
    let _watchdog = watchdog();
    let (lock, condition) = (Mutex::new(0_u32)?, Condvar::new()?);
    let start = Instant::now();
    let (guard, result) = condition
        .wait_timeout_while(lock.lock().unwrap(), SHORT, |count| *count < 5)
        .unwrap();
    assert!(result.timed_out() && start.elapsed() >= SHORT);
    drop(guard);
    let child = spawn!(count_up, &lock, &condition, 5)?;
    let guard = condition.wait_while(lock.lock().unwrap(), |count| *count < 5);
    assert_eq!(*guard.unwrap(), 5);
    child.join()?;
    let (guard, result) = condition
        .wait_timeout_while(lock.lock().unwrap(), LONG, |count| *count < 5)
        .unwrap();
    assert!(!result.timed_out() && *guard == 5);
    Ok(())
}

#[offspring::test]
fn a_waiter_learns_that_the_one_before_died_with_the_lock() -> Whole {
    let _watchdog = watchdog();
    let (lock, condition) = (Mutex::new(0_u64)?, Condvar::new()?);
    let (held, until) = (Event::new()?, Event::new()?);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let waited = condition.wait_while(lock.lock().unwrap(), |count| *count == 0);
            waited.map(drop).map_err(|error| error.cause())
        });
        thread::sleep(SHORT);
        let child = spawn!(hold, &lock, &held, &until).unwrap();
        held.wait();
        child.kill().unwrap();
        child.wait().unwrap();
        condition.notify_all();
        assert_eq!(waiter.join().unwrap(), Err(Cause::Died));
    });
    Ok(())
}

#[subprocess]
fn wait_for_event(event: &Event) -> bool {
    event.wait();
    event.is_set()
}

#[offspring::test]
fn an_event_lets_all_pass_once_it_is_set() -> Whole {
    let _watchdog = watchdog();
    let event = Event::new()?;
    assert!(!event.is_set() && !event.wait_timeout(SHORT));
    let children = [
        spawn!(wait_for_event, &event)?,
        spawn!(wait_for_event, &event)?,
    ];
    let killed = spawn!(wait_for_event, &event)?;
    thread::sleep(SHORT);
    killed.kill()?;
    event.set();
    for child in children {
        assert!(child.join()?);
    }
    assert!(event.is_set() && event.wait_timeout(SHORT));
    event.wait();
    event.clear();
    assert!(!event.is_set() && !event.wait_timeout(SHORT));
    // One that slept is let pass, even if the event is cleared at once.
    thread::scope(|scope| {
        let waiter = scope.spawn(|| event.wait_timeout(LONG));
        thread::sleep(SHORT);
        event.set();
        event.clear();
        assert!(waiter.join().unwrap());
    });
    Ok(())
}

const PASSES: u32 = 20;

/// Goes through the barrier, and sees that all are in the same pass; returns how often it led.
#[subprocess]
fn march(barrier: &Barrier, steps: &Value<AtomicU32>) -> u32 {
    let mut led = 0;
    for pass in 0..PASSES {
        steps.fetch_add(1, SeqCst);
        let check = || assert_eq!(steps.load(SeqCst), (pass + 1) * 5);
        led += u32::from(barrier.wait_with(check).unwrap().is_leader());
        assert!(steps.load(SeqCst) >= (pass + 1) * 5);
    }
    led
}

#[offspring::test]
fn a_barrier_keeps_five_in_lockstep_with_one_leader_a_pass() -> Whole {
    let _watchdog = watchdog();
    let (barrier, steps) = (Barrier::new(5)?, Value::new(AtomicU32::new(0))?);
    assert_eq!((barrier.parties(), barrier.waiting()), (5, 0));
    let children: Result<Vec<_>, _> = (0..3).map(|_| spawn!(march, &barrier, &steps)).collect();
    let mut led = thread::scope(|scope| {
        let one = scope.spawn(|| march(&barrier, &steps));
        march(&barrier, &steps) + one.join().unwrap()
    });
    for child in children? {
        led += child.join()?;
    }
    assert_eq!(led, PASSES);
    assert!(!barrier.is_broken());
    Ok(())
}

#[subprocess]
fn meet(barrier: &Barrier) -> bool {
    barrier.wait().is_ok()
}

#[offspring::test]
fn a_barrier_breaks_and_is_reset_as_pythons() -> Whole {
    let _watchdog = watchdog();
    let barrier = Barrier::new(2)?;
    let waiting = || eventually("one waits", || barrier.waiting() == 1);

    // By time.
    let start = Instant::now();
    assert!(barrier.wait_timeout(SHORT).is_err() && start.elapsed() >= SHORT);
    assert!(barrier.is_broken());
    let error = barrier.wait().unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        format!("BrokenBarrier({error})"),
        "`unwrap` tells why"
    );
    barrier.reset();
    assert!(!barrier.is_broken());

    // By abort.
    let child = spawn!(meet, &barrier)?;
    waiting();
    barrier.abort();
    assert!(!child.join()?);
    assert!(!spawn!(meet, &barrier)?.join()?);
    barrier.reset();

    // By a reset while one waits, after which it is as new.
    let child = spawn!(meet, &barrier)?;
    waiting();
    barrier.reset();
    assert!(!child.join()?);
    let child = spawn!(meet, &barrier)?;
    assert!(barrier.wait().is_ok());
    assert!(child.join()?);

    // By the death of one that waits.
    let child = spawn!(meet, &barrier)?;
    waiting();
    thread::sleep(SHORT);
    let three = Barrier::new(3)?;
    let others = [spawn!(meet, &three)?, spawn!(meet, &three)?];
    eventually("both wait", || three.waiting() == 2);
    thread::sleep(SHORT);
    others[0].kill()?;
    let [_killed, other] = others;
    assert!(!other.join()?);
    assert!(three.is_broken());

    // By the leader's action.
    let panicked = std::panic::catch_unwind(|| barrier.wait_with(|| panic!("on purpose")));
    assert!(panicked.is_err());
    assert!(!child.join()?);
    assert!(barrier.is_broken());
    Ok(())
}

#[offspring::test]
fn a_barrier_breaks_even_if_the_dead_one_waited_alone() -> Whole {
    let _watchdog = watchdog();
    for pause in [0, 1, 50] {
        let barrier = Barrier::new(2)?;
        let child = spawn!(meet, &barrier)?;
        eventually("it waits", || barrier.waiting() == 1);
        thread::sleep(Duration::from_millis(pause));
        child.kill()?;
        child.wait()?;
        assert!(barrier.wait_timeout(LONG).is_err());
        assert!(barrier.is_broken());
        barrier.reset();
        let child = spawn!(meet, &barrier)?;
        assert!(barrier.wait_timeout(LONG).is_ok());
        assert!(child.join()?);
    }
    Ok(())
}

#[subprocess]
fn lead(barrier: &Barrier, leads: &Event) {
    let _ = barrier.wait_with(|| {
        leads.set();
        thread::sleep(LONG);
    });
}

#[offspring::test]
fn a_barrier_breaks_when_its_leader_is_killed() -> Whole {
    let _watchdog = watchdog();
    let (barrier, leads) = (Barrier::new(3)?, Event::new()?);
    let others = [spawn!(meet, &barrier)?, spawn!(meet, &barrier)?];
    eventually("both wait", || barrier.waiting() == 2);
    let leader = spawn!(lead, &barrier, &leads)?;
    leads.wait();
    leader.kill()?;
    for other in others {
        assert!(!other.join()?);
    }
    assert!(barrier.is_broken());
    Ok(())
}
