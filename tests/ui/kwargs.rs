#![allow(unused)]
use offspring::{call, spawn, subprocess};

#[subprocess]
fn sing(#[default = 3] num: u32, #[default = 1] times: u32) {}

fn main() {
    let map = [("num", 3)];
    spawn!(sing, kwargs(num = 3));
    spawn!(sing, kwargs {num = 3});
    spawn!(sing, kwargs {"num": 3});
    spawn!(sing, kwargs[num = 3]);
    spawn!(sing, kwargs(..map));
    spawn!(sing, kwarg <num = 3>);
    spawn!(sing, <num = 3>);
    spawn!(sing, kwargs <num: 3>);
    spawn!(sing, kwargs <"num" = 3>);
    spawn!(sing, kwargs <"content-type" = 3>);
    spawn!(sing, kwargs <3>);
    spawn!(sing, kwargs <num>);
    spawn!(sing, kwargs <num 3>);
    spawn!(sing, kwargs <num = >);
    spawn!(sing, kwargs <num = 3 times = 4>);
    spawn!(sing, kwargs <num = 3, num = 4>);
    spawn!(sing, kwargs <num = 3, r#num = 4>);
    spawn!(sing, kwargs <num = 3>, kwargs <times = 4>);
    spawn!(sing, kwargs <num = 3);
    spawn!(sing, kwargs <num = 3, daemon);
    spawn!(sing, kwargs <..map, num = 3>);
    spawn!(sing, kwargs <..map, ..map>);
    spawn!(sing, kwargs <**map>);
    spawn!(sing, kwargs <..>);
}
