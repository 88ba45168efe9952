//! Memory that processes share: memfd_create(2), fcntl(2) seals, mmap(2).
#![allow(unsafe_code)] // maps memory

use super::fd::above_stdio;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use std::ffi::{CStr, c_void};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::OnceLock;

/// What keeps a peer from changing the size, which would be our SIGBUS.
const FIXED_SIZE: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW);

/// Memory without a name, zeroed, whose size can't change any more.
///
/// `name` is for people: it stands in `/proc/PID/maps`.
pub(crate) fn create(name: &CStr, len: usize) -> io::Result<OwnedFd> {
    let size = i64::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let fd = above_stdio(create_empty(name)?)?;
    nix::unistd::ftruncate(&fd, size)?;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(FIXED_SIZE))?;
    Ok(fd)
}

fn create_empty(name: &CStr) -> io::Result<OwnedFd> {
    // Linux 6.3; not yet in `nix`.
    const MFD_NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(0x0008);
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    match memfd_create(name, flags | MFD_NOEXEC_SEAL) {
        Err(Errno::EINVAL) => Ok(memfd_create(name, flags)?),
        created => Ok(created?),
    }
}

/// How long the memory behind `fd` is, after a look that it is such, and that its size can't change.
pub(crate) fn inspect(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if !seals(fd)?.contains(FIXED_SIZE) {
        return Err(wrong("the memory that was sent can be shortened"));
    }
    let size = nix::sys::stat::fstat(fd)?.st_size;
    usize::try_from(size).map_err(|_| wrong("the memory that was sent has no size"))
}

/// Which seals are on it. Only memory has them.
pub(crate) fn seals(fd: BorrowedFd<'_>) -> io::Result<SealFlag> {
    match fcntl(fd, FcntlArg::F_GET_SEALS) {
        Ok(bits) => Ok(SealFlag::from_bits_retain(bits)),
        Err(Errno::EINVAL) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "what was sent is no memory",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Keeps everybody from ever writing to it again; `EBUSY` if somebody has it mapped for that.
pub(crate) fn seal_for_good(fd: BorrowedFd<'_>) -> io::Result<()> {
    fcntl(
        fd,
        FcntlArg::F_ADD_SEALS(FIXED_SIZE | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL),
    )?;
    Ok(())
}

/// Has the system provide a part of the memory now, so that it says if there is none; later that would be a signal.
pub(crate) fn provide(fd: BorrowedFd<'_>, from: usize, to: usize) -> io::Result<()> {
    allocate(fd, FallocateFlags::empty(), from, to)
}

/// Gives a part of the memory back, whole pages; what is read there is 0.
pub(crate) fn give_back(fd: BorrowedFd<'_>, from: usize, to: usize) -> io::Result<()> {
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    allocate(fd, flags, from, to)
}

fn allocate(fd: BorrowedFd<'_>, flags: FallocateFlags, from: usize, to: usize) -> io::Result<()> {
    let number = |at: usize| i64::try_from(at).map_err(|_| Errno::EINVAL);
    let (offset, len) = (number(from)?, number(to.saturating_sub(from))?);
    loop {
        match fallocate(fd, flags, offset, len) {
            Err(Errno::EINTR) => {}
            result => return Ok(result?),
        }
    }
}

/// The size of a page, in bytes.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
        size.ok()
            .flatten()
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(4096)
    })
}

/// A range of addresses of this process, unmapped on drop.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it only owns the range; what is done with the memory is the business of those who use the
// pointer.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `fd` for reading and writing, from its beginning.
    pub(crate) fn shared(fd: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        Self::of(
            fd,
            len,
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            MapFlags::MAP_SHARED,
        )
    }

    /// Maps `fd` for reading, from its beginning.
    ///
    /// Before Linux 6.7 what is sealed against writing can only be mapped privately. That makes no difference to memory that
    /// nobody writes, but takes longer.
    pub(crate) fn read_only(fd: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        let access = ProtFlags::PROT_READ;
        Self::of(fd, len, access, MapFlags::MAP_SHARED)
            .or_else(|_| Self::of(fd, len, access, MapFlags::MAP_PRIVATE))
    }

    fn of(fd: BorrowedFd<'_>, len: usize, access: ProtFlags, flags: MapFlags) -> io::Result<Self> {
        // SAFETY: without an address the kernel chooses one that nothing uses.
        let start = unsafe { mmap(None, size(len)?, access, flags, fd, 0) };
        Ok(Self::new(start.map_err(explain)?, len))
    }

    /// A range of addresses with nothing there yet, for [`overlay`](Self::overlay) and [`fill`](Self::fill).
    ///
    /// It can't be written, so that it counts neither as data, which a memory limit is about, nor as memory that was promised.
    pub(crate) fn reserved(len: usize) -> io::Result<Self> {
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: without an address the kernel chooses one that nothing uses.
        let start = unsafe { mmap_anonymous(None, size(len)?, ProtFlags::PROT_NONE, flags)? };
        Ok(Self::new(start, len))
    }

    /// Fresh private memory.
    #[cfg(test)]
    pub(crate) fn private(len: usize) -> io::Result<Self> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: without an address the kernel chooses one that nothing uses.
        let start = unsafe { mmap_anonymous(None, size(len)?, access, flags)? };
        Ok(Self::new(start, len))
    }

    fn new(start: NonNull<c_void>, len: usize) -> Self {
        let start = start.cast();
        Self { start, len }
    }

    /// Replaces a part of this mapping, `len` bytes from `at` on, by the same of `fd` from `offset`
    /// on, shared and writable.
    ///
    /// # Panics
    ///
    /// If the part isn't within the mapping, or not made of whole pages.
    pub(crate) fn overlay(
        &mut self,
        at: usize,
        fd: BorrowedFd<'_>,
        offset: usize,
        len: usize,
    ) -> io::Result<()> {
        let address = self.part(at, len);
        assert!(offset.is_multiple_of(page_size()));
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
        let offset =
            i64::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: these addresses are ours, and nothing refers to them yet, since it takes `&mut`.
        let mapped = unsafe { mmap(address, size(len)?, access, flags, fd.as_fd(), offset) };
        mapped.map(drop).map_err(explain)
    }

    /// Replaces a part of this mapping by fresh private memory.
    ///
    /// # Panics
    ///
    /// As for [`overlay`](Self::overlay).
    pub(crate) fn fill(&mut self, at: usize, len: usize) -> io::Result<()> {
        let address = self.part(at, len);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED;
        // SAFETY: as in `overlay`.
        unsafe { mmap_anonymous(address, size(len)?, access, flags)? };
        Ok(())
    }

    /// The address of a part.
    fn part(&self, at: usize, len: usize) -> Option<NonZeroUsize> {
        let end = at.checked_add(len);
        assert!(
            end.is_some_and(|end| end <= self.len),
            "outside the mapping"
        );
        assert!((at | len).is_multiple_of(page_size()));
        NonZeroUsize::new(self.start.as_ptr() as usize + at)
    }

    /// Keeps it out of core dumps, which would be as large as it is.
    pub(crate) fn leave_out_of_dumps(&self) -> io::Result<()> {
        // SAFETY: the range is ours, and its content stays.
        unsafe { madvise(self.start.cast(), self.len, MmapAdvise::MADV_DONTDUMP)? };
        Ok(())
    }

    #[inline]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Why memory can't be mapped.
fn explain(error: Errno) -> io::Error {
    match error {
        // All that we map is open for writing, so it has been sealed.
        Errno::EPERM => io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it was frozen while it was on its way here; freeze it when all that got it are done with it",
        ),
        error => error.into(),
    }
}

fn size(len: usize) -> io::Result<NonZeroUsize> {
    NonZeroUsize::new(len).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and who has a pointer into it keeps the mapping alive.
        let unmapped = unsafe { munmap(self.start.cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}
