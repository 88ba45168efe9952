#![allow(unused)]

struct Account;

impl Account {
    // Nothing in it tells it from a function outside of an `impl`.
    #[offspring::subprocess]
    fn open(amount: u64) {}
}

fn main() {}
