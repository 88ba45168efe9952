//! Two waiters take orders, and three cooks share the work. The kitchen closes when every dish is done.
//!
//! `cargo run --example queue`

use offspring::{Queue, RemoteError, spawn, subprocess};
use offspring_examples::sleep;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Order {
    table: u32,
    dish: String,
}

#[subprocess]
fn wait_at(table: u32, orders: &Queue<Order>) -> Result<u32, RemoteError> {
    let mut count = 0;
    for dish in ["soup", "fish", "cake"] {
        sleep(0.1);
        let dish = dish.to_owned();
        orders.put(Order { table, dish })?;
        count += 1;
    }
    Ok(count)
}

#[subprocess]
fn cook(number: u32, orders: &Queue<Order>) -> Result<(), RemoteError> {
    // An error says that the queue is closed and empty.
    while let Ok(Order { table, dish }) = orders.get() {
        println!("cook {number} cooks {dish} for table {table}");
        sleep(0.3);
        orders.task_done()?;
    }
    println!("cook {number} goes home");
    Ok(())
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A third order has to wait until a cook takes one.
    let orders = Queue::bounded(2)?;
    let cooks = [1, 2, 3].map(|number| spawn!(cook, number, &orders));
    let waiters = [1, 2].map(|table| spawn!(wait_at, table, &orders));
    let mut dishes = 0;
    for waiter in waiters {
        dishes += waiter?.join()??;
    }
    orders.join();
    println!("all {dishes} dishes are done");
    orders.close();
    for cook in cooks {
        cook?.join()??;
    }
    Ok(())
}
