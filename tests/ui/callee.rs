#![allow(unused)]
use offspring::{call, spawn, subprocess};

#[subprocess]
fn sing(#[default = 3] num: u32) {}

struct Singer;

fn main() {
    spawn!();
    call!();
    spawn!(sing(3));
    spawn!(sing());
    spawn!(&sing);
    spawn!(sing::<u32>);
    spawn!(sing::<u32>, 3);
    spawn!(|| sing(3));
    spawn!(move |num| sing(num), 3);
    spawn!(async { sing(3) });
    spawn!("sing");
    spawn!(target = sing, args = (3,));
    spawn!(name = "singer", sing);
    spawn!(<Singer>::sing, 3);
    spawn!(Self::sing, 3);
    spawn!(3);
    spawn!(_, 3);
    spawn!(println!("la"));
    let singer = Singer;
    spawn!(singer.sing, 3);
    spawn!(singer.sing(), 3);
    spawn!(sing 3);
    spawn!(, 3);
}
