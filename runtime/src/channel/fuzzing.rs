//! Channels as fuzzers use them, who write into the memory and to the descriptors.
#![allow(missing_docs, missing_debug_implementations)] // not public

use super::frame::CHUNK;
use super::ring::{self, SIZE};
use super::{Receiver, Sender};
use crate::wire::{CodecError, Descriptor, Portable, fuzzing};
use serde::{Serialize, Serializer};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Where things are in the memory.
pub const CONTROL: u64 = ring::CONTROL as u64;
pub const WRITTEN: u64 = 0;
pub const READ: u64 = 64;
pub const READER_SLEEPS: u64 = 128;
pub const WRITER_SLEEPS: u64 = 132;
pub const READER_LEFT: u64 = 136;
/// How long the ring is, which begins at [`CONTROL`].
pub const RING: usize = SIZE;
pub const LARGEST_CHUNK: usize = CHUNK;

/// Memory, pipe and socket of an end.
type Descriptors = [Arc<OwnedFd>; 3];

pub fn of_sender<T>(sender: &Sender<T>) -> Option<Descriptors> {
    sender.descriptors()
}

pub fn of_receiver<T>(receiver: &Receiver<T>) -> Option<Descriptors> {
    receiver.descriptors()
}

/// An end from somebody who says that it is at this position.
pub fn arrive<E: Portable>(fds: &Descriptors, position: u64) -> Result<E, CodecError> {
    fuzzing::pass(&Forged(fds.clone(), position))
}

/// What is sent of an end.
struct Forged(Descriptors, u64);

impl Serialize for Forged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [memory, pulse, socket] = self.0.each_ref().map(Descriptor::lend);
        (memory, pulse, socket, self.1, false, ()).serialize(serializer)
    }
}
