//! Writing to a pipe that nobody can read any more is SIGPIPE, which ends a program unless it ignores it, as those of `std` do at
//! first: sigaction(2), sigtimedwait(2).
#![allow(unsafe_code)] // asks for a signal's handler, takes a signal

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use std::ptr;

/// Whether this program ignores it at the moment.
pub(crate) fn is_ignored() -> bool {
    // SAFETY: zeros are an empty action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is set, and there is room for what is.
    unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), &raw mut action) };
    action.sa_sigaction == libc::SIG_IGN
}

/// Writes to a pipe without that signal.
pub(crate) fn without<R>(write: impl FnOnce() -> nix::Result<R>) -> nix::Result<R> {
    let before = SigSet::thread_get_mask()?;
    if before.contains(Signal::SIGPIPE) {
        return write();
    }
    let signal = SigSet::from(Signal::SIGPIPE);
    signal.thread_block()?;
    let written = write();
    if let Err(Errno::EPIPE) = written {
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: reads a set and a time, and nobody wants to know more of the signal.
        unsafe { libc::sigtimedwait(signal.as_ref(), ptr::null_mut(), &raw const at_once) };
    }
    before.thread_set_mask()?;
    written
}
