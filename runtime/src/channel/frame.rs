//! How messages lie in the ring.
//!
//! A message is one chunk or several. A chunk is a word, the *head*, and its payload, filled up to whole words; it is published
//! as a whole, so that a reader finds all of a chunk or nothing. A long message's chunks are smaller than the ring, so
//! that it is read while it is written.
//!
//! The payload of a plain message is the body of an encoded value. That of *bytes* is their number and they. A *rich* message has more than a
//! body: in front of it is a preamble of words,
//!
//! ```text
//! length of the body | number of bulk runs | number of descriptors | name of the bundle | for each run: length, and what it is made of
//! ```
//!
//! and behind it the runs one after another. Descriptors come through the socket in one bundle, whose name is the position of the message.
//! They go when there is room for the message's first chunk.
//!
//! If a writer's time is up in the midst of a long message, it says so by a chunk that *cancels* the message, before it
//! sends another one; the reader then closes its descriptors.

use super::ring::SIZE;

/// How long a preamble without runs is; each run takes two words more.
pub(super) const PREAMBLE: usize = 4 * 8;

/// The most payload that a chunk has.
pub(super) const CHUNK: usize = SIZE / 8 - 8;

/// The head of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head(pub(super) u64);

impl Head {
    /// Of the last chunk of a message.
    pub(super) const LAST: u64 = 1 << 32;
    /// The message is bytes, not a value.
    pub(super) const BYTES: u64 = 1 << 33;
    pub(super) const RICH: u64 = 1 << 34;
    pub(super) const CANCEL: u64 = 1 << 35;
    const ALL: u64 = Self::LAST | Self::BYTES | Self::RICH | Self::CANCEL;

    pub(super) fn new(len: usize, flags: u64) -> Self {
        Self(len as u64 | flags)
    }

    /// The same, if it can be one.
    pub(super) fn checked(self) -> Option<Self> {
        let is_known = self.0 >> 32 & !(Self::ALL >> 32) == 0;
        (is_known && self.len() <= CHUNK).then_some(self)
    }

    pub(super) fn len(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    pub(super) fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// How many bytes of the ring the chunk takes.
    pub(super) fn extent(self) -> usize {
        8 + self.len().next_multiple_of(8)
    }
}
