//! Receivers and queues as streams, with the feature `stream`.

use crate::support::{block_on, watchdog};
use futures_core::Stream;
use offspring::{Queue, Sender, channel, spawn, subprocess};
use std::future::poll_fn;
use std::pin::Pin;
use std::thread;
use std::time::Duration;

type Whole = Result<(), Box<dyn std::error::Error>>;

const ITEMS: u32 = 5;

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

async fn collect<S: Stream<Item = Result<u32, E>> + Unpin, E>(
    mut stream: S,
) -> Result<Vec<u32>, E> {
    let mut all = Vec::new();
    while let Some(item) = next(&mut stream).await {
        all.push(item?);
    }
    assert!(next(&mut stream).await.is_none(), "the end stays the end");
    Ok(all)
}

#[subprocess]
fn send(mut numbers: Sender<u32>) {
    for number in 0..ITEMS {
        thread::sleep(Duration::from_millis(10));
        numbers.send(number).unwrap();
    }
}

#[offspring::test]
fn a_receiver_is_a_stream_until_the_channel_is_closed() -> Whole {
    let _watchdog = watchdog();
    let (sender, receiver) = channel()?;
    let child = spawn!(send, sender)?;
    assert!(block_on(collect(receiver))?.into_iter().eq(0..ITEMS));
    child.join()?;
    Ok(())
}

#[subprocess]
fn put(numbers: &Queue<u32>) {
    for number in 0..ITEMS {
        thread::sleep(Duration::from_millis(10));
        numbers.put(number).unwrap();
    }
}

#[offspring::test]
fn a_queue_is_a_stream_until_it_is_closed_and_empty() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let child = spawn!(put, &queue)?;
    let mut stream = queue.stream();
    for expected in 0..ITEMS {
        assert_eq!(block_on(next(&mut stream)).unwrap()?, expected);
    }
    child.join()?;
    for number in 0..ITEMS {
        queue.put(number)?;
    }
    queue.close();
    assert!(block_on(collect(stream))?.into_iter().eq(0..ITEMS));
    Ok(())
}

#[offspring::test]
fn streams_of_one_queue_share_its_items_in_several_threads() -> Whole {
    let _watchdog = watchdog();
    let queue = Queue::unbounded()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let streams = [0, 1, 2].map(|_| runtime.spawn(collect(queue.stream())));
    for number in 0..3000 {
        queue.put(number)?;
        if number % 100 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    queue.close();
    let mut all = Vec::new();
    for stream in streams {
        all.extend(runtime.block_on(stream)??);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..3000), "lost or doubled");
    Ok(())
}

#[offspring::test]
fn what_is_no_item_of_the_type_is_an_item_of_the_stream() -> Whole {
    let _watchdog = watchdog();
    let (mut sender, mut receiver) = channel::<u32>()?;
    sender.send_bytes(b"no number")?;
    let error = block_on(next(&mut receiver)).unwrap().unwrap_err();
    assert_eq!(error.kind(), offspring::RecvErrorKind::OtherKind);
    assert_eq!(receiver.recv_bytes()?, b"no number");
    sender.send(1)?;
    assert_eq!(block_on(next(&mut receiver)).unwrap()?, 1);
    Ok(())
}
