//! Processes that use everything that they share are killed at random moments, again and again, and those who live go on.
//!
//! `OFFSPRING_ROUNDS=1000 cargo test -p offspring-tests --test it sync_death` is the soak.

use crate::support::watchdog_of;
use offspring::shared::Value;
use offspring::sync::{Barrier, Condvar, Event, Mutex, RwLock, Semaphore, TryLockError};
use offspring::{Shareable, spawn, subprocess};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Nothing is held longer than a moment, so that who waits this long hangs.
const HANG: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Default, Shareable)]
#[repr(C)]
struct Pair {
    one: u64,
    other: u64,
}

/// All that is shared.
#[derive(Clone, Serialize, Deserialize)]
struct Things {
    pair: Mutex<Pair>,
    table: RwLock<Pair>,
    seats: Semaphore,
    items: Mutex<u64>,
    added: Condvar,
    gate: Barrier,
    stop: Event,
    /// How much was done.
    work: Value<AtomicU64>,
}

impl Things {
    fn new() -> offspring::Result<Self> {
        Ok(Self {
            pair: Mutex::new(Pair::default())?,
            table: RwLock::new(Pair::default())?,
            seats: Semaphore::bounded(2)?,
            items: Mutex::new(0)?,
            added: Condvar::new()?,
            gate: Barrier::new(2)?,
            stop: Event::new()?,
            work: Value::new(AtomicU64::new(0))?,
        })
    }

    fn use_all(&self) {
        self.use_pair();
        self.use_table();
        let seat = self.seats.acquire_timeout(HANG).expect("a seat");
        drop(seat);
        self.add();
        self.take();
        // Another comes or doesn't; and that it breaks is as it should be, as many die.
        if self.gate.wait_timeout(Duration::from_micros(200)).is_err() {
            self.gate.reset();
        }
        self.work.fetch_add(1, SeqCst);
    }

    fn use_pair(&self) {
        let mut pair = match self.pair.lock_timeout(HANG) {
            Ok(pair) => {
                assert_eq!(pair.one, pair.other, "torn, and nobody said so");
                pair
            }
            Err(TryLockError::Poisoned(error)) => {
                let mut pair = error.into_inner();
                pair.other = pair.one;
                self.pair.clear_poison();
                pair
            }
            Err(TryLockError::WouldBlock) => panic!("the mutex hangs"),
        };
        pair.one += 1;
        pair.other += 1;
    }

    fn use_table(&self) {
        match self.table.write_timeout(HANG) {
            Ok(mut table) => {
                assert_eq!(table.one, table.other, "torn, and nobody said so");
                table.one += 1;
                table.other += 1;
            }
            Err(TryLockError::Poisoned(error)) => {
                let mut table = error.into_inner();
                table.other = table.one;
                self.table.clear_poison();
            }
            Err(TryLockError::WouldBlock) => panic!("the lock hangs for writers"),
        }
        match self.table.read_timeout(HANG) {
            Ok(table) => assert_eq!(table.one, table.other, "torn, and nobody said so"),
            Err(TryLockError::Poisoned(_)) => {}
            Err(TryLockError::WouldBlock) => panic!("the lock hangs for readers"),
        }
    }

    fn add(&self) {
        let mut items = match self.items.lock_timeout(HANG) {
            Ok(items) => items,
            // One number isn't torn.
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("the condition's mutex hangs"),
        };
        *items += 1;
        self.added.notify_one();
    }

    fn take(&self) {
        let items = self.items.lock().unwrap_or_else(|error| error.into_inner());
        let wait = self
            .added
            .wait_timeout_while(items, Duration::from_millis(1), |items| *items == 0);
        let (mut items, _) = wait.unwrap_or_else(|error| error.into_inner());
        *items = items.saturating_sub(1);
    }
}

#[subprocess]
fn live(things: &Things) {
    while !things.stop.is_set() {
        things.use_all();
    }
}

#[offspring::test]
fn whoever_is_killed_at_any_moment_the_others_go_on() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = std::env::var("OFFSPRING_ROUNDS").map_or(30_u32, |rounds| rounds.parse().unwrap());
    let _watchdog = watchdog_of(Duration::from_secs(60 + u64::from(rounds)));
    let things = Things::new()?;
    let survivor = spawn!(live, &things)?;
    let mut random = 0x9e37_79b9_u64;
    for round in 0..rounds {
        let before = things.work.load(SeqCst);
        let victims = [spawn!(live, &things)?, spawn!(live, &things)?];
        // Until all are in the midst of it.
        while things.work.load(SeqCst) < before + 5 {
            assert!(survivor.is_alive(), "the survivor failed in round {round}");
            std::thread::sleep(Duration::from_micros(100));
        }
        for victim in &victims {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let pause = Duration::from_nanos(random % 500_000);
            let start = std::time::Instant::now();
            while start.elapsed() < pause {
                std::hint::spin_loop();
            }
            victim.kill()?;
        }
        for victim in victims {
            victim.wait()?;
        }
        things.use_all();
        assert!(survivor.is_alive(), "the survivor failed in round {round}");
    }
    things.stop.set();
    survivor.join()?;
    assert_eq!(things.seats.available(), 2);
    Ok(())
}
