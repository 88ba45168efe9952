#![allow(unused)]
use offspring::{call, spawn, subprocess};
use std::collections::BTreeMap;

#[subprocess]
fn greet(name: String, age: u32) {}

#[subprocess]
fn sing(#[default = 3] num: u32) {}

#[subprocess]
fn area(width: f64, height: f64, #[default = 1.0] scale: f64) -> f64 {
    width * height * scale
}

#[subprocess]
fn all(first: u8, #[args] rest: Vec<u8>, only: u8, #[kwargs] extra: BTreeMap<String, u8>) {}

#[subprocess]
fn extra(#[kwargs] extra: BTreeMap<String, u8>) {}

#[subprocess]
fn read(bytes: &[u8], path: &std::path::Path) {}

mod private {
    #[offspring::subprocess]
    fn hidden() {}
}

fn plain(_: u32) {}

fn main() {
    // Unknown keywords.
    spawn!(sing, kwargs <nmu = 3>);
    spawn!(sing, kwargs <volume = 3>);
    spawn!(sing, kwargs <self = 3>);
    // Given twice.
    spawn!(greet, "Ada", kwargs <name = "Bob", age = 36>);
    spawn!(all, 1, kwargs <only = 1, first = 2>);
    // Missing.
    spawn!(greet, "Ada");
    spawn!(greet);
    spawn!(all, 1, 2, 3);
    call!(greet, _);
    // Too many.
    spawn!(greet, "Ada", 36, 37, 38);
    spawn!(area, 1.0, 2.0, 3.0, 4.0);
    spawn!(sing, 1, 2);
    call!(sing, 1, _);
    // With the stars of Python.
    let map = BTreeMap::from([("x", 1)]);
    spawn!(extra, **&&map);
    // Of the wrong type.
    spawn!(greet, "Ada", "36");
    spawn!(greet, kwargs <age = 36, name = 5>);
    spawn!(read, 3, "path");
    spawn!(read, &[1], 3);
    spawn!(all, 1, "x", kwargs <only = 1, colour = "red">);
    call!(greet, _, 36).bind(5);
    // Lists and maps.
    spawn!(greet, "Ada", ..[36]);
    spawn!(sing, ..[3]);
    spawn!(all, ..[1], kwargs <only = 1>);
    spawn!(all, 1, ..["x"], kwargs <only = 1>);
    spawn!(all, 1, ..3, kwargs <only = 1>);
    spawn!(sing, kwargs <..[("num", 3)]>);
    spawn!(all, 1, kwargs <only = 1, ..[("x", "y")]>);
    spawn!(all, 1, kwargs <only = 1, ..[1]>);
    spawn!(all, 1, kwargs <only = 1, ..3>);
    // No function for it.
    spawn!(plain, 1);
    spawn!(absent, 1);
    spawn!(private::hidden);
}
