#![allow(unused)]
use offspring::{Run, subprocess};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Download;

impl Run for Download {
    type Output = u8;

    fn run(self) -> u8 {
        1
    }
}

#[derive(Serialize, Deserialize)]
struct Wrapper<T>(T);

#[subprocess]
impl<T> Run for Wrapper<T> {
    type Output = ();

    fn run(self) {}
}

struct Borrows<'a>(&'a str);

#[subprocess]
impl Run for Borrows<'_> {
    type Output = ();

    fn run(self) {}
}

#[subprocess]
impl Default for Download {
    fn default() -> Self {
        Download
    }
}

#[derive(Serialize, Deserialize)]
struct Waits;

#[subprocess(block_on = executor)]
impl Run for Waits {
    type Output = ();

    fn run(self) {}
}

struct Unserializable;

#[subprocess]
impl Run for Unserializable {
    type Output = u8;

    fn run(self) -> u8 {
        1
    }
}

fn main() {
    let _ = Download.start();
    let _ = Download.into_call();
    let _ = Download.run();
    // No errors of their own.
    let _ = Wrapper(1).start();
    let _ = Waits.start();
    let _ = Unserializable.start();
}
