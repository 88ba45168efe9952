//! A pipe whose other end only the parent holds: the kernel kills the child when it closes.
#![allow(unsafe_code)] // fcntl(2) commands that nix lacks

use super::wait::Deadline;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Of fcntl.h, the same on all architectures; the libc crate has it for some systems only.
const F_SETSIG: i32 = 10;

/// Has the kernel send SIGKILL to this process when the last writer of `pipe` is gone. Whether that
/// has happened before is to be looked at [afterwards](is_cut).
///
/// The setting belongs to the open file, of which this process must keep a descriptor. The signal
/// comes at a hang-up only, as long as nobody writes, and nobody does. fcntl(2), F_SETSIG.
pub(crate) fn arm(pipe: &OwnedFd) -> io::Result<()> {
    let fd = pipe.as_raw_fd();
    control(fd, libc::F_SETOWN, std::process::id() as i32)?;
    control(fd, F_SETSIG, libc::SIGKILL)?;
    control(fd, libc::F_SETFL, libc::O_ASYNC)
}

/// Whether no writer is left.
pub(crate) fn is_cut(pipe: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    matches!(
        super::wait::poll(&mut polled, Deadline::after(Duration::ZERO)),
        Ok(true)
    )
}

fn control(fd: RawFd, command: i32, value: i32) -> io::Result<()> {
    // SAFETY: these commands take a number.
    Errno::result(unsafe { libc::fcntl(fd, command, value) })?;
    Ok(())
}
