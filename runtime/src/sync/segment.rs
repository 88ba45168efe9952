//! Memory with locks: data from its beginning on, and behind it as many robust words as are asked for.
//!
//! ```text
//! file       | data ...              word word | word word | word word |
//! addresses  | data ...              word word | node node | word word | node node | ...
//!              shared                            private     shared      private
//! ```
//!
//! The words lie at the ends of pages of the file, and behind each of these pages a private one is mapped, with the nodes; why, stands in
//! [`robust`]. What another process writes into the file can so make a lock seem free or held, and change the data, but never
//! lead this process astray.
#![allow(unsafe_code)] // gives out references into shared memory

use super::lock::Lock;
use crate::sys::memory::{self, Mapping, page_size};
use crate::sys::robust::{self, PLACES, WORD};
use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Memory shared between processes, with robust locks.
///
/// Dropping it unmaps it; the memory is freed with its last user.
pub(crate) struct Segment {
    mapping: ManuallyDrop<Mapping>,
    layout: Layout,
    fd: ManuallyDrop<Arc<OwnedFd>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// How much is mapped in front of the first nodes: whole pages.
    front: usize,
    words: usize,
}

impl Layout {
    fn new(len: usize, words: usize) -> io::Result<Self> {
        let front = len
            .checked_add(PLACES[0])
            .and_then(|len| len.checked_next_multiple_of(page_size()))
            // So that no other sum can overflow.
            .filter(|front| *front <= isize::MAX as usize / 2);
        match front {
            Some(front) => Ok(Self { front, words }),
            None => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// Pages of words in front of which there is no data.
    fn more_pages(self) -> usize {
        self.words.div_ceil(PLACES.len()).saturating_sub(1)
    }

    fn file_len(self) -> usize {
        self.front + self.more_pages() * page_size()
    }

    fn mapped_len(self) -> usize {
        self.front + page_size() + self.more_pages() * 2 * page_size()
    }

    /// Where word `index` is, from the beginning of the mapping.
    #[inline(always)]
    fn word(self, index: usize) -> usize {
        assert!(index < self.words, "there is no word {index}");
        let end = match index / PLACES.len() {
            0 => self.front,
            page => self.front + page * 2 * page_size(),
        };
        end - PLACES[index % PLACES.len()]
    }
}

/// How far behind its word a node is. Its address is that of its second half.
const NODE: usize = WORD.unsigned_abs() - size_of::<usize>();

/// Where on a private page the owners are, behind all nodes.
const OWNERS: usize = 64;

impl Segment {
    /// New memory for `len` bytes, all zero, and so many words. `name` is for `/proc/PID/maps`.
    pub(crate) fn create(name: &CStr, len: usize, words: usize) -> io::Result<Self> {
        let layout = Layout::new(len, words)?;
        Self::map(memory::create(name, layout.file_len())?, layout)
    }

    /// Memory that another process has made for the same purpose.
    pub(crate) fn open(fd: impl Into<Arc<OwnedFd>>, len: usize, words: usize) -> io::Result<Self> {
        let fd = fd.into();
        let layout = Layout::new(len, words)?;
        let found = memory::inspect(fd.as_fd())?;
        if found != layout.file_len() {
            let text = format!(
                "the memory that was sent has {found} bytes instead of {}",
                layout.file_len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Self::map(fd, layout)
    }

    fn map(fd: impl Into<Arc<OwnedFd>>, layout: Layout) -> io::Result<Self> {
        robust::prepare()?;
        let fd = fd.into();
        let mut mapping = Mapping::reserved(layout.mapped_len())?;
        let page = page_size();
        mapping.overlay(0, fd.as_fd(), 0, layout.front)?;
        mapping.fill(layout.front, layout.mapped_len() - layout.front)?;
        for index in 0..layout.more_pages() {
            let at = layout.front + page + index * 2 * page;
            mapping.overlay(at, fd.as_fd(), layout.front + index * page, page)?;
        }
        Ok(Self {
            mapping: ManuallyDrop::new(mapping),
            layout,
            fd: ManuallyDrop::new(fd),
        })
    }

    pub(crate) fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    /// The data: as many bytes as were asked for, aligned to a page, and alive as long as `self`.
    #[inline(always)]
    pub(crate) fn data(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    #[inline(always)]
    pub(crate) fn lock(&self, index: usize) -> Lock<'_> {
        let offset = self.layout.word(index);
        let place = index % PLACES.len();
        let owner = PLACES[place] + OWNERS + place * size_of::<u64>();
        // SAFETY: all are within the mapping and aligned, see the layout. The word is only ever used as
        // an atomic, the node only by threads of this process that hold the lock.
        unsafe {
            let word = self.data().byte_add(offset);
            let node = word.byte_add(NODE);
            let owner = word.byte_add(owner);
            Lock::new(
                word.cast::<AtomicU64>().as_ref(),
                node.cast().as_ref(),
                owner.cast::<AtomicU64>().as_ref(),
            )
        }
    }

    /// Unmaps it, and returns what it was; gives it back if a thread still holds a lock of it, as one does whose guard was
    /// forgotten.
    pub(crate) fn into_fd(self) -> Result<Arc<OwnedFd>, Self> {
        if self.is_held() {
            return Err(self);
        }
        let mut segment = ManuallyDrop::new(self);
        // SAFETY: each is taken once, for `segment` isn't used or dropped after this.
        unsafe {
            ManuallyDrop::drop(&mut segment.mapping);
            Ok(ManuallyDrop::take(&mut segment.fd))
        }
    }

    /// Whether it must stay mapped: the nodes of locks that are held are in the lists of threads.
    fn is_held(&self) -> bool {
        (0..self.layout.words).any(|index| self.lock(index).is_linked())
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let is_held = self.is_held();
        // SAFETY: this is the only place, other than `into_fd`, which doesn't come here.
        unsafe {
            if !is_held {
                ManuallyDrop::drop(&mut self.mapping);
            }
            ManuallyDrop::drop(&mut self.fd);
        }
    }
}

/// What may lie at the beginning of a segment and be lent as `&Self`.
///
/// # Safety
///
/// Any bytes are a valid value, what processes may write while others look is in atomics or cells, and the alignment is at most that of a page.
pub(crate) unsafe trait Body: Sized + 'static {}

/// A segment that begins with a `B`.
pub(crate) struct Shared<B> {
    segment: Segment,
    body: PhantomData<B>,
}

// SAFETY: threads of this process are to it like other processes, which are made for it. That a `B` may be used by
// many is a part of its contract.
unsafe impl<B: Body> Send for Shared<B> {}
// SAFETY: as above.
unsafe impl<B: Body> Sync for Shared<B> {}

/// What a panic can leave torn is behind a lock, which is poisoned by it.
impl<B> std::panic::UnwindSafe for Shared<B> {}
impl<B> std::panic::RefUnwindSafe for Shared<B> {}

impl<B: Body> Shared<B> {
    pub(crate) fn create(name: &CStr, words: usize) -> io::Result<Self> {
        Self::new(Segment::create(name, size_of::<B>(), words)?)
    }

    pub(crate) fn open(fd: OwnedFd, words: usize) -> io::Result<Self> {
        Self::new(Segment::open(fd, size_of::<B>(), words)?)
    }

    fn new(segment: Segment) -> io::Result<Self> {
        const { assert!(align_of::<B>() <= 4096) };
        Ok(Self {
            segment,
            body: PhantomData,
        })
    }

    #[inline(always)]
    pub(crate) fn body(&self) -> &B {
        // SAFETY: it is mapped as long as `self`, large and aligned enough, and by contract valid whatever is there.
        unsafe { self.segment.data().cast().as_ref() }
    }

    #[inline(always)]
    pub(crate) fn lock(&self, index: usize) -> Lock<'_> {
        self.segment.lock(index)
    }

    pub(crate) fn fd(&self) -> &Arc<OwnedFd> {
        self.segment.fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_nodes_lie_on_either_side_of_a_page_end() {
        for (len, words) in [(0, 1), (1, 2), (4072, 3), (4073, 64), (1 << 20, 7)] {
            let layout = Layout::new(len, words).unwrap();
            let page = page_size();
            let mut taken = Vec::new();
            for index in 0..words {
                let (word, node) = (layout.word(index), layout.word(index) + NODE);
                assert!(word >= len, "a word in the data");
                assert_eq!(word % 8, 0);
                assert_eq!(
                    (word + 8).div_ceil(page),
                    node / page,
                    "{len} {words} {index}"
                );
                assert_eq!((node + 15) / page, node / page);
                assert!(node + 16 <= layout.mapped_len());
                taken.extend([(word, word + 8), (node, node + 16)]);
            }
            taken.sort_unstable();
            assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
    }

    #[test]
    fn too_much_is_an_error() {
        assert!(Layout::new(usize::MAX, 1).is_err());
        assert!(Layout::new(usize::MAX - 4096, 1).is_err());
        assert!(Segment::create(c"test", isize::MAX as usize / 4, 1).is_err());
    }

    #[test]
    fn memory_of_another_size_is_refused() {
        let segment = Segment::create(c"test", 100, 1).unwrap();
        let fd = segment.fd().try_clone().unwrap();
        assert!(Segment::open(fd, 5000, 1).is_err());
        let fd = segment.fd().try_clone().unwrap();
        assert!(Segment::open(fd, 100, 1).is_ok());
    }
}
