#![allow(unused)]
use offspring::{call, spawn, subprocess};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

#[subprocess]
fn generic<T>(value: T) -> T {
    value
}

#[subprocess]
fn sized<const N: usize>(value: [u8; N]) {}

#[subprocess]
fn opaque(value: impl Into<String>) {}

#[subprocess]
fn changed(values: &mut Vec<u8>) {}

#[subprocess]
fn forever(text: &'static str) {}

#[subprocess]
fn nested(text: Option<&str>, list: Vec<&[u8]>, path: (u8, &std::path::Path)) {}

#[subprocess]
fn doubly(text: &&str, list: &[&str]) {}

#[subprocess]
fn lifetime<'a>(text: Cow<'a, str>) {}

#[subprocess]
fn pattern((x, y): (u8, u8), _: u8) {}

#[subprocess]
fn conditional(#[cfg(unix)] x: u8) {}

#[subprocess]
async fn later() {}

fn executor<F>(future: F) {}

#[subprocess(block_on = executor)]
fn now() {}

#[subprocess]
fn rest(#[args] rest: [u8; 4], #[kwargs] extra: HashMap<String, u8>) {}

#[subprocess]
fn keys(#[kwargs] extra: BTreeMap<u8, u8>) {}

#[subprocess]
fn twice(#[args] a: Vec<u8>, #[args] b: Vec<u8>, #[kwargs] c: BTreeMap<String, u8>, d: u8) {}

#[subprocess]
fn both(#[args] #[default = Vec::new()] a: Vec<u8>) {}

#[subprocess]
fn helpers(#[default(3)] a: u8, #[args(b)] b: Vec<u8>) {}

#[subprocess]
fn order(#[default = 1] a: u8, b: u8) {}

#[subprocess]
fn default(#[default = "x"] number: u8) {}

#[subprocess]
fn borrowed() -> &'static str {
    ""
}

#[subprocess]
fn inside() -> Result<Vec<&'static [u8]>, String> {
    Err(String::new())
}

#[subprocess]
fn iterator() -> impl Iterator<Item = u8> {
    [].into_iter()
}

#[subprocess]
fn never() -> ! {
    loop {}
}

#[subprocess]
unsafe fn careful() {}

#[subprocess]
const fn constant() {}

#[subprocess]
extern "C" fn foreign() {}

#[subprocess(daemon)]
fn option(text: String) {}

#[subprocess(crate = offspring, crate = offspring)]
fn option_twice() {}

#[subprocess]
unsafe fn everything<T>((a, b): (u8, u8), c: &mut u8, d: Option<&str>) -> &'static str {
    ""
}

#[subprocess]
struct Thing;

#[subprocess]
mod module {}

fn main() {
    // No errors of their own.
    let _: () = spawn!(generic, 1).unwrap().join().unwrap();
    let _ = spawn!(forever, kwargs <text = "">);
    let _ = call!(opaque, "x").start();
    let _ = spawn!(pattern, 1, 2, kwargs <x = 3>, daemon);
    let text: Result<_, _> = spawn!(option, "x").unwrap().join();
    let _ = spawn!(rest, ..[1], kwargs <..[("a", 1)]>);
    let _ = spawn!(everything);
}
