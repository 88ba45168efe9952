//! The memory of one direction: a ring of bytes, and how far each side has come.
//!
//! Positions only grow; that of the writer is how many bytes it has ever written. Each side keeps its own position to itself, and publishes it
//! in the memory for the other. What it reads of the other is checked: whatever is there can end the channel, and nothing else.
//!
//! ```text
//! line 0   written by the writer: its position
//! line 1   written by the reader: its position
//! line 2   seldom written: whether either sleeps, and whether the reader is gone
//! page 1   the ring
//! ```
#![allow(unsafe_code)] // copies to and from shared memory

use crate::shared::copy;
use crate::sys::memory::{self, Mapping};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// How many bytes are on their way at most. They stay in the cache of a processor.
pub(super) const SIZE: usize = 1 << 20;

/// How much memory is in front of the ring.
pub(super) const CONTROL: usize = 4096;

#[repr(C, align(64))]
struct Line<T>(T);

#[repr(C)]
struct Control {
    written: Line<AtomicU64>,
    read: Line<AtomicU64>,
    rare: Line<Rare>,
}

/// What is seldom written.
#[repr(C)]
pub(super) struct Rare {
    pub(super) reader_sleeps: AtomicU32,
    pub(super) writer_sleeps: AtomicU32,
    pub(super) reader_left: AtomicU32,
}

/// The mapped memory, and the descriptor by which it is passed on.
pub(super) struct Ring {
    mapping: Mapping,
    pub(super) fd: Arc<OwnedFd>,
}

impl Ring {
    pub(super) fn create() -> io::Result<Self> {
        let fd = memory::create(c"offspring-channel", CONTROL + SIZE)?;
        Self::map(fd)
    }

    /// What another process has made.
    pub(super) fn open(fd: OwnedFd) -> io::Result<Self> {
        if memory::inspect(fd.as_fd())? != CONTROL + SIZE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the memory that was sent is no channel",
            ));
        }
        Self::map(fd)
    }

    fn map(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            mapping: Mapping::shared(fd.as_fd(), CONTROL + SIZE)?,
            fd: Arc::new(fd),
        })
    }

    fn control(&self) -> &Control {
        const { assert!(size_of::<Control>() <= CONTROL) };
        // SAFETY: it lies at the beginning of the mapping, consists of atomics, and lives as long.
        unsafe { self.mapping.start().cast().as_ref() }
    }

    pub(super) fn written(&self) -> &AtomicU64 {
        &self.control().written.0
    }

    pub(super) fn read(&self) -> &AtomicU64 {
        &self.control().read.0
    }

    pub(super) fn rare(&self) -> &Rare {
        &self.control().rare.0
    }

    fn at(&self, position: u64) -> (*mut u8, usize) {
        let offset = position as usize % SIZE;
        let start = self.mapping.start().as_ptr();
        // SAFETY: it is within the ring, which is mapped behind the control data.
        (unsafe { start.add(CONTROL + offset) }, SIZE - offset)
    }

    /// Copies whole words into the ring, to where a word begins.
    pub(super) fn store_words(&self, position: u64, bytes: &[u8]) {
        assert!(position.is_multiple_of(8) && bytes.len().is_multiple_of(8));
        assert!(bytes.len() <= SIZE);
        let (to, room) = self.at(position);
        let (first, second) = bytes.split_at(bytes.len().min(room));
        // SAFETY: both parts are within the ring, and aligned there.
        unsafe {
            copy::store::<u64>(first.as_ptr().cast(), to.cast(), first.len() / 8);
            if !second.is_empty() {
                let start = self.at(0).0;
                copy::store::<u64>(second.as_ptr().cast(), start.cast(), second.len() / 8);
            }
        }
    }

    /// Copies whole words out of the ring, from where a word begins; all of `bytes` is written.
    pub(super) fn load_words(&self, position: u64, bytes: &mut [MaybeUninit<u8>]) {
        assert!(position.is_multiple_of(8) && bytes.len().is_multiple_of(8));
        assert!(bytes.len() <= SIZE);
        let (from, room) = self.at(position);
        let split = bytes.len().min(room);
        let (first, second) = bytes.split_at_mut(split);
        // SAFETY: both parts are within the ring, and aligned there.
        unsafe {
            copy::load::<u64>(from.cast(), first.as_mut_ptr().cast(), first.len() / 8);
            if !second.is_empty() {
                let start = self.at(0).0;
                copy::load::<u64>(start.cast(), second.as_mut_ptr().cast(), second.len() / 8);
            }
        }
    }

    /// Copies bytes into the ring, to anywhere.
    pub(super) fn store_bytes(&self, position: u64, bytes: &[u8]) {
        assert!(bytes.len() <= SIZE);
        let (to, room) = self.at(position);
        let (first, second) = bytes.split_at(bytes.len().min(room));
        // SAFETY: both parts are within the ring.
        unsafe {
            copy::store(first.as_ptr(), to, first.len());
            copy::store(second.as_ptr(), self.at(0).0, second.len());
        }
    }

    /// Copies bytes out of the ring, from anywhere; all of `bytes` is written.
    pub(super) fn load_bytes(&self, position: u64, bytes: &mut [MaybeUninit<u8>]) {
        assert!(bytes.len() <= SIZE);
        let (from, room) = self.at(position);
        let split = bytes.len().min(room);
        let (first, second) = bytes.split_at_mut(split);
        // SAFETY: both parts are within the ring.
        unsafe {
            copy::load(from.cast_const(), first.as_mut_ptr().cast(), first.len());
            copy::load(
                self.at(0).0.cast_const(),
                second.as_mut_ptr().cast(),
                second.len(),
            );
        }
    }
}
