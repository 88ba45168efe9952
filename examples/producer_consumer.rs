//! Two producers and three consumers share a store that holds four items. Who finds it full or empty waits for a
//! condition.
//!
//! `cargo run --example producer_consumer`

use offspring::sync::{Condvar, Mutex};
use offspring::{RemoteError, Shareable, spawn, subprocess};
use offspring_examples::sleep;

/// How many items each producer makes.
const ITEMS: u32 = 6;

#[derive(Clone, Copy, Default, Shareable)]
#[repr(C)]
struct Store {
    items: [u32; 4],
    count: u32,
    /// How many producers are at work.
    producers: u32,
}

#[subprocess]
fn produce(number: u32, store: &Mutex<Store>, changed: &Condvar) -> Result<(), RemoteError> {
    for item in 0..ITEMS {
        sleep(0.05);
        let mut store = changed.wait_while(store.lock()?, |store| store.count == 4)?;
        let place = store.count as usize;
        store.items[place] = number * 100 + item;
        store.count += 1;
        println!("producer {number}: {} in the store", store.count);
        changed.notify_all();
    }
    store.lock()?.producers -= 1;
    changed.notify_all();
    Ok(())
}

#[subprocess]
fn consume(number: u32, store: &Mutex<Store>, changed: &Condvar) -> Result<u32, RemoteError> {
    let mut eaten = 0;
    loop {
        let wait = |store: &mut Store| store.count == 0 && store.producers > 0;
        let mut store = changed.wait_while(store.lock()?, wait)?;
        if store.count == 0 {
            return Ok(eaten);
        }
        store.count -= 1;
        let item = store.items[store.count as usize];
        println!("consumer {number}: takes {item}");
        changed.notify_all();
        drop(store);
        eaten += 1;
        sleep(0.1);
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Mutex::new(Store {
        producers: 2,
        ..Store::default()
    })?;
    let changed = Condvar::new()?;
    let producers = [1, 2].map(|number| spawn!(produce, number, &store, &changed));
    let consumers = [1, 2, 3].map(|number| spawn!(consume, number, &store, &changed));
    for producer in producers {
        producer?.join()??;
    }
    let mut eaten = 0;
    for consumer in consumers {
        eaten += consumer?.join()??;
    }
    println!("{eaten} items");
    Ok(())
}
