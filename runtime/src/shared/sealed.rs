//! Memory that nobody can write any more, the only kind that can be lent as a slice.
//!
//! The kernel keeps it: with `F_SEAL_WRITE` there is no mapping for writing, and there will be none, nor does a write or a hole
//! punched change it, whoever tries and whatever rights he has; with `F_SEAL_SHRINK` no page vanishes. Seals can't be taken off
//! again. So it is enough to look once, before it is mapped.
#![allow(unsafe_code)] // lends shared memory

use super::elements::{fill, size_of_elements};
use super::shareable::Shareable;
use crate::sys::memory::{self, Mapping, seal_for_good};
use nix::fcntl::SealFlag;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::slice;
use std::sync::Arc;

/// A slice in memory that nobody can write any more.
pub(super) struct Sealed<T> {
    mapping: Mapping,
    fd: Arc<OwnedFd>,
    len: usize,
    // It is `Send` and `Sync`, as each `Shareable` is.
    of: PhantomData<fn() -> T>,
}

impl<T: Shareable + Copy> Sealed<T> {
    /// New memory with copies of these.
    pub(super) fn copied(values: &[T]) -> io::Result<Self> {
        let size = size_of_elements::<T>(values.len())?;
        let fd = memory::create(c"offspring-frozen", size)?;
        fill(fd.as_fd(), values)?;
        seal_for_good(fd.as_fd())?;
        Self::open(Arc::new(fd), values.len())
    }

    /// What has been sealed, here or elsewhere; its first `len` elements.
    pub(super) fn open(fd: Arc<OwnedFd>, len: usize) -> io::Result<Self> {
        let wrong = |text: String| Err(io::Error::new(io::ErrorKind::InvalidData, text));
        let size = size_of_elements::<T>(len)?;
        let found = memory::inspect(fd.as_fd())?;
        if !memory::seals(fd.as_fd())?.contains(SealFlag::F_SEAL_WRITE) {
            return wrong("the memory that was sent isn't frozen: it can be written".into());
        }
        if found < size {
            return wrong(format!(
                "the memory that was sent has {found} bytes instead of {size}"
            ));
        }
        Ok(Self {
            mapping: Mapping::read_only(fd.as_fd(), size)?,
            fd,
            len,
            of: PhantomData,
        })
    }

    pub(super) fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[T] {
        const { assert!(align_of::<T>() <= 4096) };
        // SAFETY: it is mapped as long as `self`, from the beginning of a page on and for as many; nobody can write it, since its
        // seals were looked at; and any bytes are a `T`. As that is `Copy` it has no cells, through which the slice
        // could be written.
        unsafe { slice::from_raw_parts(self.mapping.start().cast().as_ptr(), self.len) }
    }
}
