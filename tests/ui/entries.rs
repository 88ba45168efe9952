#![allow(unused)]

#[offspring::main]
fn start() {}

#[offspring::main]
async fn main() {}

#[offspring::main(block_on = executor)]
fn nothing_to_block_on() {}

#[offspring::main(threads = 4)]
fn options() {}

#[offspring::main]
struct NoFunction;

#[offspring::test]
async fn test() {}

#[offspring::test(name = "x")]
fn test_options() {}
