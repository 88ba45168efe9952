#![allow(unused)]
use offspring::{call, spawn, subprocess};

#[subprocess]
fn add(a: u8, b: u8) {}

fn main() {
    let function = add;
    spawn!(function, 1, 2);
    spawn!(function, 1, kwargs <b = 2>);
    call!(function, _, 2);
    let closure = |a: u8| a;
    spawn!(closure, 1);
    // A local variable of the function's name is not meant.
    let add = 1;
    spawn!(add, 1, 2);
}
