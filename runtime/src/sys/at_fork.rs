//! What happens around a fork(2) of this process: pthread_atfork(3).
#![allow(unsafe_code)] // calls into the C library

use nix::errno::Errno;
use std::io;

/// Has `prepare` called before each fork, and `parent` and `child` after it, in either process; all
/// on the thread that forks. Programs that are executed are another matter.
pub(crate) fn at_fork(
    prepare: extern "C" fn(),
    parent: extern "C" fn(),
    child: extern "C" fn(),
) -> io::Result<()> {
    // SAFETY: they are plain functions that live as long as the program.
    match unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) } {
        0 => Ok(()),
        error => Err(Errno::from_raw(error).into()),
    }
}

type Hook = Option<extern "C" fn()>;

// SAFETY: as pthread.h declares it.
unsafe extern "C" {
    fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> libc::c_int;
}
