//! The words that processes have in common, beside the items and the locks.
//!
//! Each change of the queue is one store: who dies before it has done nothing, and who dies after it has done all. So where the items
//! end is one word together with how many there have ever been, and so is where they begin:
//!
//! - `tail`: the position behind the last item, and the number of items that were ever put; written with the lock of putters held;
//! - `head`: the position of the first item, and the number of items that were ever got; with the lock of getters;
//! - `lap`: where positions lie; with both locks.
//!
//! Both halves of a place are 32 bits and run over. What is between two places is never more, as the ring has at most 2^31 words. Only
//! [`Control::puts`] has to know how often the count has run over.
//!
//! `head_seen` and `tail_seen` are what the other side's word was when somebody had to look: it can only mean that there is more room, or there are
//! more items than that. So most of the time the sides don't touch each other's memory.

use super::error::Trouble;
use super::item::SHORTEST;
use super::ring::{Lap, Ring};
use crate::sync::Body;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// All is zero at first.
#[repr(C)]
pub(super) struct Control {
    pub(super) putting: Apart<Putting>,
    pub(super) getting: Apart<Getting>,
    pub(super) common: Apart<Common>,
    /// Whether somebody sleeps until there is an item.
    pub(super) items_flag: Apart<AtomicU32>,
    /// Whether somebody sleeps until there is room.
    pub(super) room_flag: Apart<AtomicU32>,
    pub(super) joiners: Apart<Joiners>,
    /// How many items were ever done.
    pub(super) done_count: Apart<AtomicU64>,
}

/// Written by putters.
#[repr(C)]
pub(super) struct Putting {
    pub(super) tail: AtomicU64,
    pub(super) head_seen: AtomicU64,
    /// How often the uppermost bit of the tail's count has changed; or once less, if its lowest bit isn't that one.
    pub(super) halves: AtomicU64,
    /// Up to which byte of the ring there is memory.
    pub(super) provided: AtomicU64,
    /// Whether the next item is to be told by the [alarm](super::alarm).
    pub(super) armed: AtomicU32,
}

/// Written by getters.
#[repr(C)]
pub(super) struct Getting {
    pub(super) head: AtomicU64,
    pub(super) tail_seen: AtomicU64,
}

/// Seldom written.
#[repr(C)]
pub(super) struct Common {
    pub(super) lap: AtomicU32,
    /// How often it was closed.
    pub(super) closed: AtomicU32,
    /// How many items there may be.
    pub(super) bound: AtomicU32,
}

/// Those who wait for the last item to be done.
#[repr(C)]
pub(super) struct Joiners {
    /// Whether one of them sleeps.
    pub(super) flag: AtomicU32,
    /// How often they were told to look whether all is done.
    pub(super) finished: AtomicU32,
}

/// In cache lines of its own.
#[repr(C, align(128))]
pub(super) struct Apart<T>(T);

impl<T> std::ops::Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Control {}

/// Where an item begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) position: u32,
    pub(super) count: u32,
}

impl Place {
    pub(super) fn load(word: &AtomicU64) -> Self {
        let both = word.load(SeqCst);
        Self {
            position: both as u32,
            count: (both >> 32) as u32,
        }
    }

    pub(super) fn word(self) -> u64 {
        u64::from(self.position) | u64::from(self.count) << 32
    }

    /// Behind an item of so many words.
    pub(super) fn after(self, words: u32) -> Self {
        Self {
            position: self.position.wrapping_add(words),
            count: self.count.wrapping_add(1),
        }
    }
}

/// What is in the queue, after a look that it can be so.
#[derive(Clone, Copy)]
pub(super) struct Content {
    pub(super) lap: Lap,
    pub(super) head: Place,
    pub(super) words: u32,
    pub(super) items: u32,
}

impl Content {
    pub(super) fn between(head: Place, tail: Place, lap: Lap) -> Result<Self, Trouble> {
        let words = tail.position.wrapping_sub(head.position);
        let items = tail.count.wrapping_sub(head.count);
        let needed = u64::from(items) * u64::from(SHORTEST);
        if words > lap.words() || needed > words.into() || (items == 0 && words > 0) {
            return Err(Trouble::Damaged);
        }
        Ok(Self {
            lap,
            head,
            words,
            items,
        })
    }
}

impl Control {
    pub(super) fn lap(&self, ring: &Ring) -> Result<Lap, Trouble> {
        ring.lap(self.common.lap.load(Acquire))
            .ok_or(Trouble::Damaged)
    }

    pub(super) fn head(&self) -> Place {
        Place::load(&self.getting.head)
    }

    pub(super) fn tail(&self) -> Place {
        Place::load(&self.putting.tail)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.common.closed.load(SeqCst) != 0
    }

    pub(super) fn bound(&self) -> u32 {
        self.common.bound.load(Relaxed)
    }

    /// How many items there are, at some moment.
    pub(super) fn items(&self) -> u32 {
        let mut head = self.head();
        // Few, for the case that others never let it be.
        for _ in 0..16 {
            let tail = self.tail();
            let again = self.head();
            if head == again {
                return tail.count.wrapping_sub(head.count);
            }
            head = again;
        }
        self.tail().count.wrapping_sub(head.count)
    }

    /// Counts the halves of the tail's count up to it; with the lock of putters.
    pub(super) fn count_halves(&self, tail: Place) {
        let halves = self.putting.halves.load(Relaxed);
        if halves & 1 != u64::from(tail.count >> 31) {
            self.putting.halves.store(halves.wrapping_add(1), SeqCst);
        }
    }

    /// How many items were ever put.
    pub(super) fn puts(&self) -> u64 {
        // First the halves: they follow.
        let halves = self.putting.halves.load(SeqCst);
        let count = u64::from(self.tail().count);
        let behind = (halves ^ count >> 31) & 1;
        halves.wrapping_add(behind) << 31 | count & (u64::MAX >> 33)
    }

    /// How many items were put and aren't done.
    pub(super) fn unfinished(&self) -> u64 {
        let done = self.done_count.load(SeqCst);
        self.puts().saturating_sub(done)
    }
}
