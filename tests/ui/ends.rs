//! Ends of channels that are lent, and what can't be waited for.

#![allow(unused)]
use offspring::sync::Event;
use offspring::{Duplex, Receiver, Sender, channel, subprocess, wait};

#[subprocess]
fn produce(numbers: &Sender<u32>, #[args] more: &[Sender<u32>]) {}

#[subprocess]
fn consume(numbers: &Receiver<u32>) {}

#[subprocess]
fn converse(numbers: &Duplex<u32, String>) {}

#[subprocess]
fn change(numbers: &mut Sender<u32>) {}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, receiver) = channel::<u32>()?;
    let stop = Event::new()?;
    wait(&[&receiver, &sender, &stop], None)?;
    Ok(())
}
