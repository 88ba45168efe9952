//! Limits of this process, and what happens when it runs into them: setrlimit(2).
#![allow(unsafe_code)] // a signal handler

use crate::wire::frame;
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The socket that the handler writes to.
static SOCKET: AtomicI32 = AtomicI32::new(-1);

/// Limits the memory that this process may allocate (its private writable mappings), for good, and
/// has a death by it told to the parent.
///
/// An allocation over the limit fails, with `ENOMEM`. What then ends the process is the program's
/// own way of giving up: Rust aborts, and so does C++ if nobody catches its exception. So a handler
/// of SIGABRT looks at `errno`. (C that doesn't check runs into a null pointer. That is told as what
/// it is: SIGSEGV belongs to std, which reports stack overflows.)
pub(crate) fn limit_memory(bytes: u64, socket: &'static OwnedFd) -> io::Result<()> {
    SOCKET.store(socket.as_raw_fd(), Ordering::Relaxed);
    let flags = SaFlags::SA_RESETHAND | SaFlags::SA_ONSTACK | SaFlags::SA_NODEFER;
    let action = SigAction::new(SigHandler::Handler(tell), flags, SigSet::empty());
    // SAFETY: `tell` is async-signal-safe.
    unsafe { sigaction(Signal::SIGABRT, &action) }?;
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?;
    Ok(())
}

extern "C" fn tell(signal: libc::c_int) {
    if Errno::last() == Errno::ENOMEM {
        let frame = frame::empty(frame::Kind::OutOfMemory);
        // SAFETY: send and raise are async-signal-safe; the socket is open to the end.
        unsafe {
            libc::send(
                SOCKET.load(Ordering::Relaxed),
                frame.as_ptr().cast(),
                frame.len(),
                libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
            );
        }
    }
    // SAFETY: the handler was reset as it was called, so that this ends the process.
    unsafe { libc::raise(signal) };
}
