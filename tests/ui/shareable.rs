#![allow(unused)]
use offspring::shared::{Array, Frozen, Value};
use offspring::{Shareable, subprocess};
use std::sync::atomic::{AtomicBool, AtomicU64};

#[derive(Shareable)]
#[repr(C)]
struct Text {
    length: u64,
    text: String,
}

#[derive(Shareable)]
#[repr(C)]
struct Borrowed {
    text: &'static str,
}

#[derive(Shareable)]
#[repr(C)]
struct Lists {
    numbers: Vec<f64>,
    boxed: Box<u32>,
}

#[derive(Shareable)]
#[repr(C)]
struct Invalid {
    flag: bool,
    letter: char,
    flags: [bool; 4],
    atomic: AtomicBool,
    maybe: Option<u32>,
    nothing: (),
}

#[derive(Shareable)]
#[repr(C)]
struct Pointers {
    raw: *mut std::ffi::c_void,
    function: fn(),
}

struct Plain(u32);

#[derive(Shareable)]
#[repr(transparent)]
struct NotDerived(Plain);

#[derive(Shareable)]
#[repr(u8)]
enum Color {
    Red,
    Green,
}

#[derive(Shareable)]
#[repr(C)]
union Either {
    number: u32,
    float: f32,
}

#[derive(Shareable)]
#[repr(C)]
struct Gap {
    flag: u8,
    number: u32,
    last: u32,
}

#[derive(Shareable)]
#[repr(C)]
struct GapAtEnd {
    numbers: [u32; 2],
    atomic: AtomicU64,
    last: u16,
}

#[derive(Shareable)]
#[repr(C)]
struct TupleGap(u64, u8);

#[derive(Shareable)]
#[repr(C, align(16))]
struct Aligned {
    number: u64,
}

#[derive(Shareable)]
struct NoRepr {
    number: u32,
}

#[derive(Shareable)]
#[repr(C, packed)]
struct Packed {
    flag: u8,
    number: u32,
}

#[derive(Shareable)]
#[repr(C)]
struct Dropping {
    number: u32,
}

impl Drop for Dropping {
    fn drop(&mut self) {}
}

#[derive(Shareable)]
#[repr(C)]
struct Generic<T> {
    value: T,
}

#[derive(Shareable)]
#[repr(C)]
struct Many<const N: usize> {
    values: [u32; N],
}

#[derive(Shareable)]
#[repr(C)]
struct Lent<'a> {
    value: &'a u32,
}

#[derive(Shareable)]
#[repr(C)]
struct Unit;

#[derive(Shareable)]
#[repr(C)]
#[shareable(package = offspring)]
struct Option1 {
    value: u32,
}

#[derive(Shareable)]
#[repr(C)]
#[shareable]
struct Option2 {
    value: u32,
}

#[subprocess]
fn strings(array: Array<String>) {}

fn flags(value: &Value<bool>) {}

fn counters(frozen: Frozen<AtomicU64>) {}

fn main() -> offspring::Result<()> {
    let array = Array::from_slice(&[1.0, 2.0])?;
    array[0] = 3.0;
    for number in array.iter() {}
    Ok(())
}
