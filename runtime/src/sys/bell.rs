//! A counter that can be polled: eventfd(2).
#![allow(unsafe_code)] // nix has no safe way to change its number

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::OwnedFd;

/// A counter that is zero.
pub(crate) fn bell() -> io::Result<EventFd> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let bell = OwnedFd::from(EventFd::from_value_and_flags(0, flags)?);
    let bell = super::fd::above_stdio(bell)?;
    // SAFETY: it is the counter made above, or a duplicate of it.
    Ok(unsafe { EventFd::from_owned_fd(bell) })
}
