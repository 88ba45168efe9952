//! A hundred producers and some consumers, of which many are killed at random moments: what the others put is got once.
//!
//! `OFFSPRING_ROUNDS=50 cargo test -p offspring-tests --test it queue_storm` is the soak.

use crate::support::{eventually, watchdog_of};
use offspring::shared::Array;
use offspring::sync::Event;
use offspring::{Bytes, GetErrorKind, Process, Queue, spawn, subprocess};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

const PRODUCERS: usize = 100;
const ITEMS: usize = 200;

/// Nobody has to wait longer than moments, so that who waits this long hangs.
const HANG: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
struct Item {
    producer: usize,
    number: usize,
    filling: Bytes,
}

/// What all have in common.
#[derive(Clone, Serialize, Deserialize)]
struct Storm {
    items: Queue<Item>,
    begin: Event,
    /// How many puts of each producer have returned.
    put: Array<AtomicU32>,
    /// How often each item was got.
    got: Array<AtomicU32>,
    /// How many items were got.
    total: Array<AtomicU32>,
}

#[subprocess]
fn produce(storm: &Storm, producer: usize, len: usize) {
    storm.begin.wait();
    for number in 0..ITEMS {
        let filling = vec![producer as u8; len * (number % 3)].into();
        let item = Item {
            producer,
            number,
            filling,
        };
        if let Err(error) = storm.items.put_timeout(item, HANG) {
            panic!("producer {producer}: {error}");
        }
        storm.put[producer].fetch_add(1, SeqCst);
    }
}

#[subprocess]
fn consume(storm: &Storm) {
    storm.begin.wait();
    let mut last = vec![None; PRODUCERS];
    loop {
        let item = match storm.items.get_timeout(HANG) {
            Ok(item) => item,
            Err(error) if error.kind() == GetErrorKind::Closed => return,
            Err(error) => panic!("a consumer: {error}"),
        };
        let Item {
            producer,
            number,
            filling,
        } = item;
        storm.got[producer * ITEMS + number].fetch_add(1, SeqCst);
        storm.total[0].fetch_add(1, SeqCst);
        assert!(filling.iter().all(|byte| *byte == producer as u8));
        let before = last[producer].replace(number);
        assert!(before.is_none_or(|before| before < number), "out of order");
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Returns how many items were got.
fn storm(items: Queue<Item>, len: usize, random: &mut Random) -> offspring::Result<usize> {
    let storm = Storm {
        items,
        begin: Event::new()?,
        put: Array::new(PRODUCERS)?,
        got: Array::new(PRODUCERS * ITEMS)?,
        total: Array::new(1)?,
    };
    let mut producers: Vec<Option<Process<()>>> = (0..PRODUCERS)
        .map(|producer| spawn!(produce, &storm, producer, len).map(Some))
        .collect::<Result<_, _>>()?;
    let mut consumers = vec![spawn!(consume, &storm)?, spawn!(consume, &storm)?];
    let mut victims = vec![spawn!(consume, &storm)?, spawn!(consume, &storm)?];
    storm.begin.set();
    let (mut killed_consumers, mut killed_producers) = (0, 0);
    let all = (PRODUCERS * ITEMS) as u32;
    while killed_producers < PRODUCERS / 2 {
        pause(random.below(400));
        // By how much is got, so that the kills spread over the whole round.
        let progress = storm.total[0].load(SeqCst);
        if progress * 2 < all && progress < killed_producers as u32 * (all / 120) {
            continue;
        }
        if random.below(4) == 0 {
            let victim = victims.swap_remove(random.below(victims.len() as u64) as usize);
            victim.kill()?;
            victim.wait()?;
            killed_consumers += 1;
            victims.push(spawn!(consume, &storm)?);
            continue;
        }
        let chosen = random.below(PRODUCERS as u64) as usize;
        if let Some(victim) = producers[chosen].take() {
            victim.kill()?;
            victim.wait()?;
            killed_producers += 1;
        }
    }
    for producer in producers.iter_mut().filter_map(Option::take) {
        producer.join().unwrap_or_else(|error| panic!("{error}"));
    }
    storm.items.close();
    consumers.append(&mut victims);
    for consumer in consumers {
        consumer.join().unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(storm.items.is_empty());
    let mut lost = 0;
    for producer in 0..PRODUCERS {
        let put = storm.put[producer].load(SeqCst) as usize;
        for number in 0..ITEMS {
            let got = storm.got[producer * ITEMS + number].load(SeqCst);
            assert!(got <= 1, "item {number} of {producer} came {got} times");
            assert!(got == 0 || number <= put, "an item that wasn't put");
            lost += usize::from(got == 0 && number < put);
        }
    }
    assert!(
        lost <= killed_consumers,
        "{lost} items are lost, and {killed_consumers} consumers were killed"
    );
    Ok(storm.total[0].load(SeqCst) as usize)
}

fn pause(microseconds: u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(microseconds) {
        std::thread::yield_now();
    }
}

#[offspring::test]
fn of_a_hundred_producers_those_who_are_killed_cost_nobody_elses_item() -> offspring::Result<()> {
    let rounds = std::env::var("OFFSPRING_ROUNDS").map_or(4_u64, |rounds| rounds.parse().unwrap());
    let _watchdog = watchdog_of(Duration::from_secs(60 + 20 * rounds));
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..rounds {
        let (items, len) = match round % 4 {
            0 => (Queue::bounded(8)?, 1),
            1 => (Queue::unbounded()?, 3000),
            2 => (Queue::bounded(1)?, 0),
            _ => (Queue::unbounded()?, 10),
        };
        let got = storm(items, len, &mut random)?;
        assert!(got > ITEMS * PRODUCERS / 4, "{got}");
    }
    Ok(())
}

#[subprocess]
fn take_all(queue: &Queue<u64>) {
    while queue.get().is_ok() {}
}

#[subprocess]
fn fill(queue: &Queue<u64>) {
    while queue.put(0).is_ok() {}
}

/// Puts and gets at both queues, with and without having to wait.
#[subprocess]
fn meddle(emptied: &Queue<u64>, filled: &Queue<u64>, turns: &Array<AtomicU32>) {
    const MOMENT: Duration = Duration::from_micros(50);
    loop {
        emptied.put(1).unwrap();
        let _ = emptied.get_timeout(MOMENT);
        let _ = filled.get_timeout(MOMENT);
        let _ = filled.put_timeout(1, MOMENT);
        turns[0].fetch_add(1, SeqCst);
    }
}

/// Nobody else comes by who could wake them.
#[offspring::test]
fn a_death_leaves_nobody_asleep_who_has_something_to_do() -> offspring::Result<()> {
    let rounds = std::env::var("OFFSPRING_ROUNDS").map_or(4_u64, |rounds| rounds.parse().unwrap());
    let _watchdog = watchdog_of(Duration::from_secs(60 + 20 * rounds));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (emptied, filled) = (Queue::unbounded()?, Queue::bounded(1)?);
    let survivors = [
        spawn!(take_all, &emptied)?,
        spawn!(take_all, &emptied)?,
        spawn!(fill, &filled)?,
        spawn!(fill, &filled)?,
    ];
    let turns = Array::<AtomicU32>::new(1)?;
    for round in 0..rounds * 25 {
        let begin = turns[0].load(SeqCst);
        let victims = [
            spawn!(meddle, &emptied, &filled, &turns)?,
            spawn!(meddle, &emptied, &filled, &turns)?,
        ];
        eventually("they are at it", || turns[0].load(SeqCst) > begin + 2);
        for victim in &victims {
            pause(random.below(300));
            victim.kill()?;
        }
        for victim in victims {
            victim.wait()?;
        }
        let quiet = || emptied.is_empty() && filled.is_full();
        eventually(&format!("all is done after round {round}"), quiet);
    }
    emptied.close();
    filled.close();
    for survivor in survivors {
        survivor.join().unwrap_or_else(|error| panic!("{error}"));
    }
    Ok(())
}
