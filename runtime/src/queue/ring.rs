//! The memory that items lie in: a large range of addresses, of which little is used.
//!
//! What is used is a ring of 8-byte words from the beginning of the range on, the *lap*, whose size is a power of two. Positions count
//! words and run on from lap to lap; where a position lies is its rest in the lap. Whatever position and lap are asked for, an access is within the range.
//!
//! Nobody may change the size of the file behind it. The system provides its memory when that is asked for ([`Ring::provide`]).
#![allow(unsafe_code)] // pointers into shared memory

use crate::shared::copy;
use crate::sys::memory::{self, Mapping};
use crate::wire::Buffer;
use crate::wire::message::Element;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What is accessed at once.
type Word = [u8; WORD];
pub(super) const WORD: usize = 8;

/// The size of a ring, as its logarithm in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lap(u32);

impl Lap {
    /// 64 KiB, which stay in the caches.
    pub(super) const SMALLEST: Self = Self(13);
    /// 16 MiB: to give back what is soon used again costs more than to write it. Tests have no such amounts.
    pub(super) const KEPT: Self = if cfg!(test) { Self::SMALLEST } else { Self(21) };
    /// 16 GiB, which two laps of positions can count in 32 bits.
    const LARGEST: Self = Self(31);
    /// What there has to be room for.
    const LEAST_RANGE: Self = Self(17);

    /// The smallest that has so many words.
    pub(super) fn of(words: u64) -> Self {
        let bits = words.next_power_of_two().trailing_zeros();
        Self(bits.max(Self::SMALLEST.0))
    }

    pub(super) fn words(self) -> u32 {
        1 << self.0
    }

    pub(super) fn bytes(self) -> usize {
        WORD << self.0
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// Where a position lies.
    pub(super) fn index(self, position: u32) -> usize {
        (position & (self.words() - 1)) as usize
    }
}

pub(super) struct Ring {
    mapping: Mapping,
    /// The largest that fits.
    range: Lap,
    fd: Arc<OwnedFd>,
}

impl Ring {
    /// As large a range as can be had.
    pub(super) fn create() -> io::Result<Self> {
        let (file_limit, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
        let mut range = Lap::LARGEST;
        loop {
            let made = if range.bytes() as u64 > file_limit {
                // To try would be a signal.
                Err(Errno::EFBIG.into())
            } else {
                memory::create(c"offspring-queue-items", range.bytes())
                    .and_then(|fd| Self::map(fd, range))
            };
            match made {
                Ok(ring) => return Ok(ring),
                Err(error) if range == Lap::LEAST_RANGE => return Err(error),
                Err(_) => range = Lap(range.0 - 1),
            }
        }
    }

    /// The same range as another process.
    pub(super) fn open(fd: OwnedFd) -> io::Result<Self> {
        let len = memory::inspect(fd.as_fd())?;
        let range = Lap::of(len as u64 / WORD as u64);
        if range > Lap::LARGEST || range.bytes() != len {
            let text = "the memory that was sent is not that of a queue";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Self::map(fd, range)
    }

    fn map(fd: OwnedFd, range: Lap) -> io::Result<Self> {
        let mapping = Mapping::shared(fd.as_fd(), range.bytes())?;
        mapping.leave_out_of_dumps()?;
        let fd = Arc::new(fd);
        Ok(Self { mapping, range, fd })
    }

    pub(super) fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    pub(super) fn range(&self) -> Lap {
        self.range
    }

    /// A lap of which somebody else says that there is such.
    pub(super) fn lap(&self, bits: u32) -> Option<Lap> {
        let lap = Lap(bits);
        (Lap::SMALLEST..=self.range).contains(&lap).then_some(lap)
    }

    /// Makes sure that there is memory, from one byte to another.
    pub(super) fn provide(&self, from: usize, to: usize) -> io::Result<()> {
        memory::provide(self.fd.as_fd(), from, to.min(self.range.bytes()))
    }

    /// Nobody needs the memory from one byte to another any more.
    pub(super) fn give_back(&self, from: usize, to: usize) -> io::Result<()> {
        memory::give_back(self.fd.as_fd(), from, to.min(self.range.bytes()))
    }

    pub(super) fn put_word(&self, lap: Lap, at: u32, word: u64) {
        self.put(lap, at, &word.to_ne_bytes());
    }

    pub(super) fn word(&self, lap: Lap, at: u32) -> u64 {
        let mut word = [MaybeUninit::new(0); WORD];
        self.get(lap, at, &mut word);
        // SAFETY: it was initialized when it was made.
        u64::from_ne_bytes(word.map(|byte| unsafe { byte.assume_init() }))
    }

    /// Writes bytes, and fills up the last word.
    pub(super) fn put(&self, lap: Lap, at: u32, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<WORD>();
        for (part, index) in self.parts(lap, at, whole.len()) {
            let own = whole[part.clone()].as_ptr();
            // SAFETY: `parts` are within the ring, which is only accessed by words; arrays of bytes
            // have no padding.
            unsafe { copy::store(own, self.at(index), part.len()) };
        }
        if !rest.is_empty() {
            let mut last = [0; WORD];
            last[..rest.len()].copy_from_slice(rest);
            self.put(lap, at.wrapping_add(whole.len() as u32), &last);
        }
    }

    /// Reads as many bytes as there are; all of them are initialized after that.
    pub(super) fn get(&self, lap: Lap, at: u32, own: &mut [MaybeUninit<u8>]) {
        let (whole, rest) = own.as_chunks_mut::<WORD>();
        for (part, index) in self.parts(lap, at, whole.len()) {
            let own = whole[part.clone()].as_mut_ptr();
            // SAFETY: as above; any bytes may be written to uninitialized ones.
            unsafe { copy::load(self.at(index).cast_const(), own.cast::<Word>(), part.len()) };
        }
        if !rest.is_empty() {
            let mut last = [MaybeUninit::new(0); WORD];
            self.get(lap, at.wrapping_add(whole.len() as u32), &mut last);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }

    /// Reads elements into memory of our own; `None` if there isn't enough of that, or a part of one is missing.
    pub(super) fn elements(
        &self,
        lap: Lap,
        at: u32,
        what: Element,
        bytes: usize,
    ) -> Option<Buffer> {
        if !bytes.is_multiple_of(what.width()) {
            return None;
        }
        let mut buffer = Buffer::with_capacity(what, bytes / what.width()).ok()?;
        self.get(lap, at, buffer.spare());
        // SAFETY: all of them are initialized, and as many as were asked for.
        unsafe { buffer.filled(bytes) };
        Some(buffer)
    }

    /// Writes words to where they lie in another lap, unless it is the same place. At most [`CHUNK`] of them.
    pub(super) fn relay(&self, from: Lap, to: Lap, at: u32, words: u32) {
        let mut chunk = [MaybeUninit::new(0); CHUNK as usize * WORD];
        let chunk = &mut chunk[..words as usize * WORD];
        self.get(from, at, chunk);
        // SAFETY: they were initialized when they were made.
        self.put(to, at, unsafe { chunk.assume_init_ref() });
    }

    /// Which of so many words lie where: they may be in two parts, as the ring ends somewhere.
    fn parts(
        &self,
        lap: Lap,
        at: u32,
        words: usize,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> {
        assert!(lap <= self.range && words <= lap.words() as usize);
        let index = lap.index(at);
        let first = words.min(lap.words() as usize - index);
        [(0..first, index), (first..words, 0)]
            .into_iter()
            .filter(|(part, _)| !part.is_empty())
    }

    fn at(&self, index: usize) -> *mut Word {
        self.mapping
            .start()
            .as_ptr()
            .cast::<Word>()
            .wrapping_add(index)
    }
}

/// How many words [`Ring::relay`] takes at most.
pub(super) const CHUNK: u32 = 512;
