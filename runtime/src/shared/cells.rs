//! Elements with a lock: what an [`Array`](super::Array) and a [`Value`](super::Value) are made of.
//!
//! In the segment the elements come first, then the flag of the lock's poison.
#![allow(unsafe_code)] // pointers into shared memory

use super::elements::{Elements, fill, size_of_elements};
use super::shareable::Shareable;
use crate::sync::{Cause, Flag, Holder, PoisonError, Segment, Taken, TryLockError};
use crate::sys::memory::seal_for_good;
use crate::sys::wait::Deadline;
use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread;

/// A handle to shared elements.
pub(super) struct Cells<T> {
    segment: Arc<Segment>,
    len: usize,
    // It is `Send` and `Sync`, as each `Shareable` is.
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Cells<T> {
    fn clone(&self) -> Self {
        let (segment, len) = (self.segment.clone(), self.len);
        let of = PhantomData;
        Self { segment, len, of }
    }
}

/// Where the flag is.
fn flag_offset<T>(len: usize) -> io::Result<usize> {
    Ok(size_of_elements::<T>(len)?.next_multiple_of(align_of::<Flag>()))
}

fn size<T>(len: usize) -> io::Result<usize> {
    Ok(flag_offset::<T>(len)? + size_of::<Flag>())
}

impl<T: Shareable> Cells<T> {
    /// New ones, all of them zero.
    pub(super) fn create(name: &CStr, len: usize) -> io::Result<Self> {
        Ok(Self::new(Segment::create(name, size::<T>(len)?, 1)?, len))
    }

    /// Those that another process has made.
    pub(super) fn open(fd: impl Into<Arc<OwnedFd>>, len: usize) -> io::Result<Self> {
        Ok(Self::new(Segment::open(fd, size::<T>(len)?, 1)?, len))
    }

    /// New ones, copies of these.
    pub(super) fn copied(name: &CStr, values: &[T]) -> io::Result<Self>
    where
        T: Copy,
    {
        let cells = Self::create(name, values.len())?;
        fill(cells.fd().as_fd(), values)?;
        Ok(cells)
    }

    fn new(segment: Segment, len: usize) -> Self {
        Self {
            segment: Arc::new(segment),
            len,
            of: PhantomData,
        }
    }

    pub(super) fn fd(&self) -> &Arc<OwnedFd> {
        self.segment.fd()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn elements(&self) -> Elements<'_, T> {
        // SAFETY: the segment was made for as many, and is borrowed.
        unsafe { Elements::new(self.segment.data(), self.len) }
    }

    pub(super) fn flag(&self) -> &Flag {
        let offset = self.len * size_of::<T>();
        let offset = offset.next_multiple_of(align_of::<Flag>());
        // SAFETY: the segment has room for it there, and it is nothing but an atomic.
        unsafe { self.segment.data().byte_add(offset).cast().as_ref() }
    }

    /// Waits for the lock.
    pub(super) fn lock(&self) -> Result<Held<'_, T>, PoisonError<Held<'_, T>>> {
        loop {
            if let Some(taken) = self.segment.lock(0).lock(Deadline::NEVER) {
                return self.held(taken);
            }
        }
    }

    /// Waits for the lock until the deadline.
    pub(super) fn lock_until(
        &self,
        deadline: Deadline,
    ) -> Result<Held<'_, T>, TryLockError<Held<'_, T>>> {
        match self.segment.lock(0).lock(deadline) {
            Some(taken) => Ok(self.held(taken)?),
            None => Err(TryLockError::WouldBlock),
        }
    }

    fn held(&self, taken: Taken) -> Result<Held<'_, T>, PoisonError<Held<'_, T>>> {
        if taken == Taken::Abandoned {
            self.flag().set(Cause::Died);
        }
        self.flag().check(Held {
            cells: self,
            was_panicking: thread::panicking(),
            holder: Holder::me(),
        })
    }

    /// Keeps everybody from ever writing them again. If it fails, there are still the cells, unless the system fails us.
    pub(super) fn seal(self) -> Result<Arc<OwnedFd>, (Option<Self>, io::Error)> {
        let len = self.len;
        let busy = |text| io::Error::new(io::ErrorKind::ResourceBusy, text);
        let segment = match Arc::try_unwrap(self.segment) {
            Ok(segment) => segment,
            Err(segment) => {
                let of = PhantomData;
                return Err((Some(Self { segment, len, of }), busy(OTHER_HANDLE)));
            }
        };
        let fd = match segment.into_fd() {
            Ok(fd) => fd,
            Err(segment) => return Err((Some(Self::new(segment, len)), busy(FORGOTTEN))),
        };
        match seal_for_good(fd.as_fd()) {
            Ok(()) => Ok(fd),
            Err(error) => Err((Self::open(fd, len).ok(), explain_busy(error))),
        }
    }
}

/// What keeps memory from being frozen.
pub(super) const OTHER_HANDLE: &str =
    "another handle of this process still maps it for writing; drop all of them first";

/// The same, if nobody can drop it.
const FORGOTTEN: &str = "a guard of its lock was forgotten; take the lock once more after its thread has ended, or copy by Frozen::from_slice";

/// The same, if it is in another process.
pub(super) fn explain_busy(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::ResourceBusy {
        return error;
    }
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "somebody else still maps it for writing; each process that got a handle has to drop it, or end, first",
    )
}

/// The lock, held. Dropping it gives that back.
pub(super) struct Held<'a, T: Shareable> {
    cells: &'a Cells<T>,
    was_panicking: bool,
    holder: Holder,
}

impl<T: Shareable> Held<'_, T> {
    #[inline]
    pub(super) fn elements(&self) -> Elements<'_, T> {
        self.cells.elements()
    }
}

impl<T: Shareable> Drop for Held<'_, T> {
    fn drop(&mut self) {
        // A child of fork(2) has the guard but not the lock.
        if !self.holder.is_me() {
            return;
        }
        if !self.was_panicking && thread::panicking() {
            self.cells.flag().set(Cause::Panicked);
        }
        self.cells.segment.lock(0).unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_lies_behind_the_elements_and_is_aligned() {
        for len in 1..10 {
            let offset = flag_offset::<[u8; 3]>(len).unwrap();
            assert!(offset >= 3 * len && offset < 3 * len + 4 && offset.is_multiple_of(4));
        }
        let cells = Cells::<u8>::create(c"test", 5).unwrap();
        cells.flag().set(Cause::Died);
        assert_eq!(cells.elements().to_vec(), [0; 5]);
        for index in 0..5 {
            cells.elements().put(index, 255);
        }
        assert_eq!(cells.flag().get(), Some(Cause::Died));
        cells.flag().clear();
        assert_eq!(cells.elements().to_vec(), [255; 5]);
    }

    #[test]
    fn memory_that_was_made_for_more_or_less_is_refused() {
        let cells = Cells::<u64>::create(c"test", 100).unwrap();
        let fd = || cells.fd().try_clone().unwrap();
        assert!(Cells::<u64>::open(fd(), 100).is_ok());
        assert!(Cells::<u64>::open(fd(), 5000).is_err());
        assert!(Cells::<u64>::open(fd(), 0).is_err());
        assert!(Cells::<u64>::open(fd(), usize::MAX).is_err());
    }
}
