//! Waiting for queues, by `wait` and as futures.
//!
//! `OFFSPRING_ROUNDS=50 cargo test -p offspring-tests --test it waiting_queues` is the soak.

use crate::support::{block_on, eventually, watchdog, watchdog_of};
use offspring::shared::Array;
use offspring::sync::Event;
use offspring::{GetErrorKind, Queue, RemoteError, channel, spawn, subprocess, wait};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

#[subprocess]
fn put_and_stay(queue: &Queue<u32>, put: &Event, end: &Event) {
    put.wait();
    queue.put(2).unwrap();
    end.wait();
}

#[offspring::test]
fn wait_tells_which_of_a_process_a_queue_and_a_receiver_are_ready() -> Whole {
    let _watchdog = watchdog();
    let (put, end) = (Event::new()?, Event::new()?);
    let (queue, other) = (Queue::unbounded()?, Queue::<u32>::bounded(1)?);
    let (mut sender, mut receiver) = channel::<u32>()?;
    let child = spawn!(put_and_stay, &queue, &put, &end)?;
    let start = Instant::now();
    assert!(wait(&[&child, &queue, &other, &receiver], Some(SHORT))?.is_empty());
    assert!(start.elapsed() >= SHORT);
    assert!(wait(&[&queue, &other], Some(Duration::ZERO))?.is_empty());
    queue.put(1)?;
    for _ in 0..2 {
        let ready = wait(&[&child, &queue, &other, &receiver], None)?;
        assert_eq!(ready, [1], "the item is still there");
    }
    sender.send(1)?;
    other.put(1)?;
    let ready = wait(&[&child, &queue, &other, &receiver], None)?;
    assert_eq!(ready, [1, 2, 3]);
    let ready = wait(&[&queue, &queue], Some(Duration::ZERO))?;
    assert_eq!(ready, [0, 1]);
    assert_eq!((queue.get()?, other.get()?, receiver.recv()?), (1, 1, 1));
    let late = thread::spawn(move || {
        thread::sleep(SHORT);
        put.set();
    });
    let ready = wait(&[&child, &queue, &other, &receiver], Some(LONG))?;
    assert_eq!(ready, [1]);
    late.join().unwrap();
    assert_eq!(queue.try_get()?, 2);
    end.set();
    let ready = wait(&[&child, &queue, &other, &receiver], Some(LONG))?;
    assert_eq!(ready, [0]);
    child.join()?;
    Ok(())
}

#[subprocess]
fn close_later(queue: &Queue<u32>) {
    thread::sleep(SHORT);
    queue.close();
}

#[offspring::test]
fn a_closed_queue_is_ready_with_and_without_items() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let closing = spawn!(close_later, &queue)?;
    assert_eq!(wait(&[&queue], Some(LONG))?, [0]);
    assert_eq!(wait(&[&queue], None)?, [0]);
    let error = queue.try_get().unwrap_err();
    assert_eq!(error.kind(), GetErrorKind::Closed);
    closing.join()?;

    let queue = Queue::unbounded()?;
    queue.put(1)?;
    queue.close();
    assert_eq!(wait(&[&queue], None)?, [0]);
    assert_eq!(queue.get()?, 1);
    assert_eq!(wait(&[&queue], None)?, [0]);
    Ok(())
}

#[subprocess]
fn look(queue: &Queue<u32>) -> Result<Vec<usize>, RemoteError> {
    Ok(wait(&[queue], Some(LONG))?)
}

#[offspring::test]
fn all_who_wait_learn_of_an_item() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let processes = [
        spawn!(look, &queue)?,
        spawn!(look, &queue)?,
        spawn!(look, &queue)?,
    ];
    let threads = [0, 1, 2].map(|_| {
        let queue = queue.clone();
        thread::spawn(move || wait(&[&queue], Some(LONG)).unwrap())
    });
    // So that most of them sleep.
    thread::sleep(SHORT);
    queue.put(1)?;
    for process in processes {
        assert_eq!(process.join()??, [0]);
    }
    for thread in threads {
        assert_eq!(thread.join().unwrap(), [0]);
    }
    assert_eq!(queue.len(), 1);
    Ok(())
}

/// All that it gets until both queues are closed.
#[subprocess]
fn take_from_both(one: &Queue<u32>, other: &Queue<u32>) -> Result<Vec<u32>, RemoteError> {
    let mut got = Vec::new();
    let mut open = vec![one, other];
    while !open.is_empty() {
        let things: Vec<&dyn offspring::Waitable> = open.iter().map(|queue| *queue as _).collect();
        for index in wait(&things, None)?.into_iter().rev() {
            match open[index].try_get() {
                Ok(item) => got.push(item),
                Err(error) if error.kind() == GetErrorKind::Closed => drop(open.remove(index)),
                Err(error) => assert_eq!(error.kind(), GetErrorKind::Empty),
            }
        }
    }
    Ok(got)
}

#[offspring::test]
fn each_item_comes_once_to_those_who_wait() -> Whole {
    let _watchdog = watchdog();
    const ITEMS: u32 = 3000;
    let (one, other) = (Queue::unbounded()?, Queue::bounded(3)?);
    let children: Vec<_> = (0..3)
        .map(|_| spawn!(take_from_both, &one, &other))
        .collect::<Result<_, _>>()?;
    for item in 0..ITEMS {
        if item % 2 == 0 { &one } else { &other }.put(item)?;
        if item % 100 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    one.close();
    other.close();
    let mut all = Vec::new();
    for child in children {
        all.extend(child.join()??);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..ITEMS), "lost or doubled");
    Ok(())
}

#[subprocess]
fn count(queue: &Queue<u32>, items: u32) {
    for item in 0..items {
        thread::sleep(Duration::from_millis(20));
        queue.put(item).unwrap();
    }
    queue.close();
}

#[offspring::test]
fn getting_is_a_future_in_any_executor() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let child = spawn!(count, &queue, 3)?;
    for expected in 0..3 {
        assert_eq!(block_on(queue.get_async())?, expected);
    }
    let end = block_on(queue.get_async()).unwrap_err();
    assert_eq!(end.kind(), GetErrorKind::Closed);
    child.join()?;

    let queue = Queue::unbounded()?;
    let child = spawn!(count, &queue, 3)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        for expected in 0..3 {
            assert_eq!(queue.get_async().await.unwrap(), expected);
        }
        let end = queue.get_async().await.unwrap_err();
        assert_eq!(end.kind(), GetErrorKind::Closed);
        let queue = Queue::<u32>::unbounded().unwrap();
        let late = tokio::time::timeout(SHORT, queue.get_async()).await;
        assert!(late.is_err());
    });
    child.join()?;
    Ok(())
}

#[offspring::test]
fn a_future_that_is_dropped_takes_no_item_and_no_wake_up() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut dropped = pin!(queue.get_async());
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        let other = queue.clone();
        let other = thread::spawn(move || block_on(other.get_async()));
        thread::sleep(SHORT);
        queue.put(1)?;
        assert_eq!(other.join().unwrap()?, 1);
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        queue.put(2)?;
    }
    assert_eq!(queue.try_get()?, 2);
    let mut late = pin!(queue.get_async());
    queue.put(3)?;
    assert!(matches!(
        late.as_mut().poll(&mut context),
        Poll::Ready(Ok(3))
    ));
    Ok(())
}

/// The kernel wouldn't let so many epoll sets lie between the queue and the background.
#[offspring::test]
fn a_thousand_futures_wait_for_one_queue() -> Whole {
    let _watchdog = watchdog();
    const FUTURES: u32 = 1000;
    let queue = Queue::unbounded()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let got = runtime.block_on(async {
        let get = |_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get_async().await.unwrap() })
        };
        let futures: Vec<_> = (0..FUTURES).map(get).collect();
        tokio::task::yield_now().await;
        let putting = queue.clone();
        let putting = thread::spawn(move || {
            for item in 0..FUTURES {
                putting.put(item).unwrap();
            }
        });
        let mut got = BTreeSet::new();
        for future in futures {
            got.insert(future.await.unwrap());
        }
        putting.join().unwrap();
        got
    });
    assert!(got.into_iter().eq(0..FUTURES));
    Ok(())
}

#[subprocess]
fn take_by_wait(queue: &Queue<u32>) -> Result<(), RemoteError> {
    loop {
        assert_eq!(wait(&[queue], None)?, [0]);
        if let Err(error) = queue.try_get()
            && error.kind() == GetErrorKind::Closed
        {
            return Ok(());
        }
    }
}

#[subprocess]
fn take_by_future(queue: &Queue<u32>) {
    while block_on(queue.get_async()).is_ok() {}
}

/// Puts into both queues, and waits for them.
#[subprocess]
fn meddle(waited: &Queue<u32>, awaited: &Queue<u32>, turns: &Array<AtomicU32>) {
    for turn in 0.. {
        waited.put(1).unwrap();
        awaited.put(1).unwrap();
        // Now in the midst of getting, now asleep.
        let time = Duration::from_micros(turn % 4 * 50);
        wait(&[waited, awaited], Some(time)).unwrap();
        turns[0].fetch_add(1, SeqCst);
    }
}

/// Nobody else comes by who could wake them.
#[offspring::test]
fn a_death_leaves_nobody_waiting_beside_an_item() -> Whole {
    let rounds = std::env::var("OFFSPRING_ROUNDS").map_or(2_u64, |rounds| rounds.parse().unwrap());
    let _watchdog = watchdog_of(Duration::from_secs(60 + 20 * rounds));
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pause = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (start, time) = (Instant::now(), Duration::from_micros(random % 400));
        while start.elapsed() < time {
            thread::yield_now();
        }
    };
    let (waited, awaited) = (Queue::unbounded()?, Queue::unbounded()?);
    let one = spawn!(take_by_wait, &waited)?;
    let other = spawn!(take_by_future, &awaited)?;
    let turns = Array::<AtomicU32>::new(1)?;
    for round in 0..rounds * 25 {
        let begin = turns[0].load(SeqCst);
        let victims = [
            spawn!(meddle, &waited, &awaited, &turns)?,
            spawn!(meddle, &waited, &awaited, &turns)?,
        ];
        eventually("they are at it", || turns[0].load(SeqCst) > begin + 2);
        for victim in &victims {
            pause();
            victim.kill()?;
        }
        for victim in victims {
            victim.wait()?;
        }
        let quiet = || waited.is_empty() && awaited.is_empty();
        eventually(&format!("all is got after round {round}"), quiet);
    }
    waited.close();
    awaited.close();
    one.join()??;
    other.join()?;
    Ok(())
}
