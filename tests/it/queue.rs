//! Queues between processes, and the demo of them.

use crate::support::{demo, eventually, watchdog};
use offspring::sync::Event;
use offspring::{Bytes, GetErrorKind, PutErrorKind, Queue, RemoteError, call, spawn, subprocess};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

const SHORT: Duration = Duration::from_millis(100);

#[subprocess]
fn produce(queue: &Queue<(u32, u32)>, producer: u32, items: u32) -> Result<(), RemoteError> {
    for item in 0..items {
        queue.put((producer, item))?;
    }
    Ok(())
}

/// All that it gets until the queue is closed.
#[subprocess]
fn consume(queue: &Queue<(u32, u32)>) -> Vec<(u32, u32)> {
    let mut got = Vec::new();
    while let Ok(item) = queue.get() {
        got.push(item);
        queue.task_done().unwrap();
    }
    got
}

#[offspring::test]
fn a_full_queue_takes_nothing_until_another_process_gets() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::bounded(2)?;
    spawn!(produce, &queue, 1, 2)?.join()??;
    assert!(queue.is_full());
    assert_eq!(queue.len(), 2);
    let error = queue.try_put((0, 7)).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Full);
    assert_eq!(error.into_inner(), (0, 7));
    let error = queue.put_timeout((0, 7), Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Full);
    let start = Instant::now();
    let error = queue.put_timeout((0, 7), SHORT).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Full);
    assert!(start.elapsed() >= SHORT);
    let blocked = spawn!(produce, &queue, 2, 1)?;
    assert_eq!(queue.get()?, (1, 0));
    blocked.join()??;
    assert_eq!((queue.get()?, queue.get()?), ((1, 1), (2, 0)));
    Ok(())
}

#[offspring::test]
fn an_empty_queue_gives_nothing_until_another_process_puts() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::<(u32, u32)>::unbounded()?;
    assert_eq!(queue.try_get().unwrap_err().kind(), GetErrorKind::Empty);
    let error = queue.get_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), GetErrorKind::Empty);
    let start = Instant::now();
    let error = queue.get_timeout(SHORT).unwrap_err();
    assert_eq!(error.kind(), GetErrorKind::Empty);
    assert!(start.elapsed() >= SHORT);
    let waiting = spawn!(consume, &queue)?;
    queue.put((3, 4))?;
    queue.join();
    queue.close();
    assert_eq!(waiting.join()?, [(3, 4)]);
    Ok(())
}

#[offspring::test]
fn each_item_comes_once_and_those_of_a_producer_in_order() -> Whole {
    let _watchdog = watchdog();
    const ITEMS: u32 = 3000;
    for queue in [Queue::unbounded()?, Queue::bounded(1)?, Queue::bounded(50)?] {
        let consumers: Vec<_> = (0..3).map(|_| spawn!(consume, &queue)).collect();
        let producers: Vec<_> = (0..4)
            .map(|number| spawn!(produce, &queue, number, ITEMS))
            .collect();
        for producer in producers {
            producer?.join()??;
        }
        queue.join();
        assert!(queue.is_empty());
        queue.close();
        let mut all: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for consumer in consumers {
            let got = consumer?.join()?;
            for producer in 0..4 {
                let of = got.iter().filter(|(by, _)| *by == producer);
                assert!(of.is_sorted(), "out of order");
            }
            for (producer, item) in got {
                assert!(all.entry(producer).or_default().insert(item), "doubled");
            }
        }
        assert_eq!(all.len(), 4);
        for items in all.values() {
            assert!(items.iter().copied().eq(0..ITEMS), "lost");
        }
    }
    Ok(())
}

#[subprocess]
fn finish(queue: &Queue<u32>, go_on: &Event) -> Result<u32, RemoteError> {
    let mut sum = 0;
    while let Ok(item) = queue.try_get() {
        sum += item;
        go_on.wait();
        queue.task_done()?;
    }
    Ok(sum)
}

#[offspring::test]
fn join_returns_when_every_item_is_done() -> Whole {
    let _watchdog = watchdog();
    let (queue, go_on) = (Queue::unbounded()?, Event::new()?);
    queue.join();
    for item in 1..=10 {
        queue.put(item)?;
    }
    let workers = [
        spawn!(finish, &queue, &go_on)?,
        spawn!(finish, &queue, &go_on)?,
    ];
    eventually("both have an item", || queue.len() == 8);
    assert!(!queue.join_timeout(SHORT));
    go_on.set();
    queue.join();
    let [one, other] = workers.map(|worker| worker.join());
    assert_eq!(one?? + other??, 55);
    assert!(queue.is_empty());
    let error = queue.task_done().unwrap_err().to_string();
    assert!(error.contains("more often"), "{error}");
    Ok(())
}

#[offspring::test]
fn put_and_get_after_close_are_errors() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let waiting = [spawn!(consume, &queue)?, spawn!(consume, &queue)?];
    std::thread::sleep(SHORT);
    spawn!(close, &queue)?.join()?;
    for waiting in waiting {
        assert_eq!(waiting.join()?, []);
    }
    assert!(queue.is_closed());
    let error = queue.put((1, 1)).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Closed);
    assert_eq!(queue.get().unwrap_err().kind(), GetErrorKind::Closed);
    let error = spawn!(produce, &queue, 1, 1)?.join()?.unwrap_err();
    assert_eq!(error.to_string(), "the queue is closed");
    Ok(())
}

#[subprocess]
fn close(queue: &Queue<(u32, u32)>) {
    queue.close();
}

#[subprocess]
fn hand_on(from: Queue<Bytes>, to: Queue<Bytes>) {
    while let Ok(item) = from.get() {
        to.put(item).unwrap();
    }
}

#[offspring::test]
fn large_items_go_through_as_they_are_and_the_producer_may_end() -> Whole {
    let _watchdog = watchdog();
    let (from, to) = (Queue::unbounded()?, Queue::unbounded()?);
    let items: Vec<Bytes> = [0, 1, 4095, 4096, 1 << 16, 5_000_001]
        .map(|len: usize| (0..len).map(|at| at as u8).collect::<Vec<_>>().into())
        .into();
    for item in &items {
        from.put(item.clone())?;
    }
    from.close();
    // Whatever is got now was put by a process that is gone.
    spawn!(hand_on, from, to.clone())?.join()?;
    for item in items {
        assert_eq!(to.get()?, item);
    }
    assert!(to.is_empty());
    Ok(())
}

/// The process has less memory than addresses in a queue.
#[offspring::test]
fn a_memory_limit_is_no_limit_on_addresses() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let call = call!(produce, &queue, 1, 1000).memory_limit(64 << 20);
    call.start()?.join()??;
    assert_eq!(queue.len(), 1000);
    Ok(())
}

/// Returns how many items of 1 MiB went into a queue.
#[subprocess]
fn fill_with_few_addresses() -> Result<usize, RemoteError> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_AS, 4 << 30, 4 << 30)?;
    let large = Queue::<Bytes>::unbounded()?;
    large.put(vec![1; 1 << 20].into())?;
    setrlimit(Resource::RLIMIT_FSIZE, 20 << 20, 20 << 20)?;
    let queue = Queue::unbounded()?;
    let error = loop {
        if let Err(error) = queue.put(Bytes::from(vec![1; 1 << 20])) {
            break error;
        }
    };
    assert_eq!(error.kind(), PutErrorKind::NoMemory);
    let (text, item) = (error.to_string(), error.into_inner());
    assert!(text.contains("addresses"), "{text}");
    let count = queue.len();
    assert_eq!(queue.get()?, item);
    queue.put(item)?;
    Ok(count)
}

#[offspring::test]
fn limits_make_a_queue_smaller_and_no_more() -> Whole {
    let _watchdog = watchdog();
    assert_eq!(spawn!(fill_with_few_addresses)?.join()??, 15);
    Ok(())
}

#[subprocess]
fn die_with_an_item(queue: &Queue<(u32, u32)>) {
    queue.get().unwrap();
    std::process::abort();
}

#[offspring::test]
fn who_dies_with_an_item_takes_that_one_and_no_other() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::bounded(5)?;
    spawn!(produce, &queue, 1, 5)?.join()??;
    let died = spawn!(die_with_an_item, &queue)?.wait()?;
    assert!(!died.success());
    queue.put((1, 5))?;
    for number in 1..=5 {
        assert_eq!(queue.try_get()?, (1, number));
    }
    assert!(queue.is_empty());
    Ok(())
}

#[test]
fn the_demo_does_each_task_once() {
    let _watchdog = watchdog();
    let output = demo("queue", &[]);
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.stderr, "", "{output:#?}");
    let lines = output.lines();
    let taken = lines.iter().filter_map(|line| line.split_once(" cooks "));
    let mut taken: Vec<_> = taken.map(|(_, dish)| dish).collect();
    taken.sort_unstable();
    let mut ordered = Vec::new();
    for table in 1..=2 {
        for dish in ["soup", "fish", "cake"] {
            ordered.push(format!("{dish} for table {table}"));
        }
    }
    ordered.sort_unstable();
    assert_eq!(taken, ordered, "{output:#?}");
    // All is cooked before that, and the cooks go home after it.
    let done = output.find("all 6 dishes are done");
    assert!(output.find_all(" cooks ").iter().all(|line| *line < done));
    let home = output.find_all("goes home");
    assert_eq!(home.len(), 3, "{output:#?}");
    assert!(home.iter().all(|line| *line > done), "{output:#?}");
}
