#![allow(unused)]
use offspring::{call, spawn, subprocess};

#[subprocess]
fn sing(#[default = 3] num: u32) {}

fn main() {
    let list = [1];
    // Keyword arguments elsewhere.
    spawn!(sing, num = 3);
    spawn!(sing, name = "singer");
    call!(sing, name = "singer");
    spawn!(sing, args = (3,));
    spawn!(sing, kwargs = { num: 3 });
    spawn!(sing, target = sing);
    spawn!(sing, daemon = true);
    call!(sing, daemon = true);
    // The last word.
    spawn!(sing, demon);
    spawn!(sing, 3, deamon,);
    spawn!(sing, daemon, 3);
    spawn!(sing, daemon, kwargs <num = 3>);
    spawn!(sing, daemon, daemon);
    call!(sing, 3, daemon);
    // Holes.
    spawn!(sing, _);
    spawn!(sing, kwargs <num = _>);
    // Commas.
    spawn!(sing, 3 daemon);
    spawn!(sing, 3, , 4);
    spawn!(sing, kwargs <num = 3> daemon);
    // Order.
    spawn!(sing, kwargs <num = 3>, 3);
    spawn!(sing, kwargs <num = 3>, ..list);
    spawn!(sing, ..list, 3);
    spawn!(sing, ..list, ..list);
    spawn!(sing, ..);
}
