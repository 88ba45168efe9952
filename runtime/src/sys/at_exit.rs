//! Functions that run when the process ends normally: atexit(3).
#![allow(unsafe_code)] // calls into the C library

use std::io;

/// Calls `hook` when `main` returns or anybody calls `exit`.
pub(crate) fn at_exit(hook: extern "C" fn()) -> io::Result<()> {
    // SAFETY: `hook` is a plain function that lives as long as the program.
    match unsafe { libc::atexit(hook) } {
        0 => Ok(()),
        _ => Err(io::Error::from(io::ErrorKind::OutOfMemory)),
    }
}
