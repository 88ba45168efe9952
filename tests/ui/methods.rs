#![allow(unused)]
use offspring::{spawn, subprocess};

struct Account;

impl Account {
    #[subprocess]
    fn pay(&self, amount: u64) {}

    #[subprocess]
    fn open(amount: u64) -> Self {
        Account
    }

    #[subprocess]
    fn close(amount: u64) -> u64 {
        let _ = Self::open(amount);
        amount
    }
}

#[subprocess]
impl Account {
    fn balance(&self) {}
}

#[subprocess]
trait Payable {}

fn main() {}
