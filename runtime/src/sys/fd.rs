//! File descriptors of our own: close-on-exec, and never among the standard three.
#![allow(unsafe_code)] // takes ownership of numbers that the kernel returned

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The same open file under a number of 3 or more, so that a parent whose standard descriptors
/// are closed doesn't lend ours to `println!`.
pub(crate) fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    lift_above_stdio(fd).map_err(|(_, error)| error)
}

/// [`above_stdio`], which on failure gives the descriptor back.
pub(crate) fn lift_above_stdio(fd: OwnedFd) -> Result<OwnedFd, (OwnedFd, io::Error)> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    duplicate(fd.as_fd()).map_err(|error| (fd, error))
}

/// Another descriptor for the same open file.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: fcntl has just made this descriptor, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// How many bytes can be read from a pipe at the moment: ioctl_pipe(2).
pub(crate) fn available(pipe: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, for which there is room.
    let result = unsafe { libc::ioctl(pipe.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut count) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

/// A pipe: its read end, its write end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    Ok((above_stdio(read)?, above_stdio(write)?))
}

/// Keeps `fd` from being inherited by programs that this process starts.
pub(crate) fn close_on_exec(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(())
}

/// Takes over a descriptor that the parent passed by number.
///
/// The caller has verified that it is the one meant (its inode, its peer).
pub(crate) fn adopt(number: RawFd) -> OwnedFd {
    // SAFETY: the parent opened it for this process to own, and nobody took it before: the
    // variable that names it is taken out of the environment as it is read.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// A view of a descriptor passed by number that may not even be open.
pub(crate) fn inspect(number: RawFd) -> Option<BorrowedFd<'static>> {
    if number < 0 {
        return None;
    }
    // SAFETY: only asked for its status by the caller, which a closed descriptor answers with
    // EBADF. Nothing is read from it, nor is it closed.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_GETFD).ok().map(|_| fd)
}
