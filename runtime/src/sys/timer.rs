//! A clock that can be polled: timerfd_create(2).
#![allow(unsafe_code)] // nix has no safe way to change a timer's number

use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use std::io;
use std::os::fd::OwnedFd;

/// A timer that isn't set yet.
pub(crate) fn timer() -> io::Result<TimerFd> {
    let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
    let timer = OwnedFd::from(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
    let timer = super::fd::above_stdio(timer)?;
    // SAFETY: it is the timer made above, or a duplicate of it.
    Ok(unsafe { TimerFd::from_owned_fd(timer) })
}
