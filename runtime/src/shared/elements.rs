//! Elements in memory that other processes write, too.
#![allow(unsafe_code)] // pointers into shared memory

use super::copy;
use super::shareable::{Atomic, Shareable};
use crate::sys::memory::Mapping;
use nix::errno::Errno;
use nix::sys::uio::pwrite;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU8;

/// A row of elements, borrowed from what keeps them mapped. They are copied in and out; only atomics are lent.
pub(super) struct Elements<'a, T> {
    start: NonNull<T>,
    len: usize,
    mapping: PhantomData<&'a Mapping>,
}

impl<T> Clone for Elements<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Elements<'_, T> {}

/// How many bytes so many elements are. None at all are an error, as is more than there can be.
pub(super) fn size_of_elements<T>(len: usize) -> io::Result<usize> {
    match len.checked_mul(size_of::<T>()) {
        Some(0) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "shared memory can't be empty",
        )),
        Some(size) if size <= isize::MAX as usize => Ok(size),
        _ => Err(io::ErrorKind::OutOfMemory.into()),
    }
}

/// Writes values to the beginning of memory that nobody else knows of yet. By a system call, because that spares a page fault for
/// every page: it takes half the time.
pub(super) fn fill<T: Shareable + Copy>(fd: BorrowedFd<'_>, values: &[T]) -> io::Result<()> {
    // SAFETY: by the contract of `Shareable` there is no padding; `Copy` excludes cells, so that nothing changes them.
    let bytes = unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) };
    let mut done = 0;
    while done < bytes.len() {
        let offset = i64::try_from(done).map_err(|_| io::ErrorKind::OutOfMemory)?;
        match pwrite(fd, &bytes[done..], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(more) => done += more,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl<'a> Elements<'a, u8> {
    /// All of a writable mapping.
    pub(super) fn of(mapping: &'a Mapping) -> Self {
        // SAFETY: it is mapped as long as it is borrowed.
        unsafe { Self::new(mapping.start(), mapping.len()) }
    }

    /// Bytes are accessed one by one, as atomics are.
    pub(super) fn as_atomic_bytes(self) -> &'a [AtomicU8] {
        let start = self.start.cast();
        Elements {
            start,
            len: self.len,
            mapping: PhantomData,
        }
        .as_atomics()
    }
}

impl<'a, T: Shareable> Elements<'a, T> {
    /// So many elements from `start` on.
    ///
    /// # Safety
    ///
    /// They are mapped for `'a`, for writing, from the beginning of a page on, and as shared memory: nobody in this process
    /// accesses them in another way than as elements of this type.
    pub(super) unsafe fn new(start: NonNull<u8>, len: usize) -> Self {
        const { assert!(align_of::<T>() <= 4096) };
        Self {
            start: start.cast(),
            len,
            mapping: PhantomData,
        }
    }

    pub(super) fn len(self) -> usize {
        self.len
    }

    /// The place of the elements from `offset` on.
    #[inline]
    #[track_caller]
    fn place(self, offset: usize, count: usize) -> *mut T {
        let is_within = offset.checked_add(count).is_some_and(|end| end <= self.len);
        if !is_within {
            out_of_range(offset, count, self.len);
        }
        // SAFETY: within, or at the end.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// Puts a value at its place, once and for all if it can't be copied.
    #[inline]
    #[track_caller]
    pub(super) fn put(self, index: usize, value: T) {
        let place = self.place(index, 1);
        // SAFETY: the place is within; by the contract of `Shareable` there is no padding, and nothing to be dropped.
        unsafe { copy::store(&raw const value, place, 1) };
    }

    /// What is written into it while others look is atomic.
    pub(super) fn as_atomics(self) -> &'a [T]
    where
        T: Atomic,
    {
        // SAFETY: mapped for `'a`, initialized and valid whatever is there. Others change it, and all of an `Atomic` is inside an
        // `UnsafeCell`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Shareable + Copy> Elements<'_, T> {
    #[inline]
    #[track_caller]
    pub(super) fn get(self, index: usize) -> T {
        let place = self.place(index, 1);
        let mut value = MaybeUninit::uninit();
        // SAFETY: the place is within, and any bytes are a value.
        unsafe {
            copy::load(place, value.as_mut_ptr(), 1);
            value.assume_init()
        }
    }

    #[inline]
    #[track_caller]
    pub(super) fn read(self, offset: usize, into: &mut [T]) {
        let place = self.place(offset, into.len());
        // SAFETY: the places are within, and any bytes are values.
        unsafe { copy::load(place, into.as_mut_ptr(), into.len()) };
    }

    #[inline]
    #[track_caller]
    pub(super) fn write(self, offset: usize, from: &[T]) {
        let place = self.place(offset, from.len());
        // SAFETY: the places are within; by the contract of `Shareable` there is no padding.
        unsafe { copy::store(from.as_ptr(), place, from.len()) };
    }

    pub(super) fn to_vec(self) -> Vec<T> {
        let mut values = Vec::with_capacity(self.len);
        // SAFETY: there is room for all of them, and then they are initialized.
        unsafe {
            copy::load(self.start.as_ptr(), values.as_mut_ptr(), self.len);
            values.set_len(self.len);
        }
        values
    }
}

#[cold]
#[track_caller]
fn out_of_range(offset: usize, count: usize, len: usize) -> ! {
    if count == 1 {
        panic!("index out of bounds: the len is {len} but the index is {offset}");
    }
    panic!(
        "range of {count} elements from {offset} on is out of range for shared memory of length {len}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(len: usize) -> Mapping {
        Mapping::private(len).unwrap()
    }

    #[test]
    fn reads_and_writes_within_its_bounds() {
        let mapping = mapping(10);
        let bytes = Elements::of(&mapping);
        bytes.write(7, &[1, 2, 3]);
        let mut read = [9; 4];
        bytes.read(6, &mut read);
        assert_eq!(read, [0, 1, 2, 3]);
        bytes.write(10, &[]);
        bytes.read(10, &mut []);
        assert_eq!(bytes.to_vec(), [0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        assert_eq!((bytes.len(), bytes.get(9)), (10, 3));
    }

    #[test]
    fn beyond_its_bounds_it_panics_and_writes_nothing() {
        let mapping = mapping(10);
        let bytes = Elements::of(&mapping);
        for (offset, count) in [(10, 1), (9, 2), (11, 0), (usize::MAX, 2)] {
            let from = vec![1; count];
            let mut into = vec![1; count];
            let written = std::panic::catch_unwind(|| bytes.write(offset, &from));
            let read = std::panic::catch_unwind(move || bytes.read(offset, &mut into));
            assert!(
                written.is_err() && read.is_err(),
                "{count} from {offset} on"
            );
        }
        assert_eq!(bytes.to_vec(), [0; 10]);
    }

    #[test]
    fn nothing_and_too_much_are_errors() {
        let kind = |size: io::Result<usize>| size.unwrap_err().kind();
        assert_eq!(kind(size_of_elements::<u8>(0)), io::ErrorKind::InvalidInput);
        assert_eq!(
            kind(size_of_elements::<[u8; 0]>(3)),
            io::ErrorKind::InvalidInput
        );
        let too_many = usize::MAX / 8 + 1;
        assert_eq!(
            kind(size_of_elements::<u64>(too_many)),
            io::ErrorKind::OutOfMemory
        );
        assert_eq!(
            kind(size_of_elements::<u8>(usize::MAX)),
            io::ErrorKind::OutOfMemory
        );
        assert_eq!(size_of_elements::<[u16; 3]>(5).unwrap(), 30);
    }
}
