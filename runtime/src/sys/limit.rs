//! Limits of this process, and what happens when it runs into them: setrlimit(2).
#![allow(unsafe_code)] // a signal handler

use crate::wire::frame;
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// The socket that the handler writes to.
static SOCKET: AtomicI32 = AtomicI32::new(-1);
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Limits the memory that this process may allocate (its private writable mappings), for good, and
/// has a death by it told to the parent.
///
/// An allocation over the limit fails, with `ENOMEM`. What then ends the process is the program's
/// own way of giving up: Rust aborts, and so does C++ if nobody catches its exception. So a handler
/// of SIGABRT looks at `errno`, and at how near the limit is: with `RUST_BACKTRACE` set, Rust prints a
/// backtrace between, which spoils `errno`. (C that doesn't check runs into a null pointer. That is
/// told as what it is: SIGSEGV belongs to std, which reports stack overflows.)
pub(crate) fn limit_memory(bytes: u64, socket: &'static OwnedFd) -> io::Result<()> {
    SOCKET.store(socket.as_raw_fd(), Ordering::Relaxed);
    LIMIT.store(bytes, Ordering::Relaxed);
    let flags = SaFlags::SA_RESETHAND | SaFlags::SA_ONSTACK | SaFlags::SA_NODEFER;
    let action = SigAction::new(SigHandler::Handler(tell), flags, SigSet::empty());
    // SAFETY: `tell` is async-signal-safe.
    unsafe { sigaction(Signal::SIGABRT, &action) }?;
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?;
    Ok(())
}

extern "C" fn tell(signal: libc::c_int) {
    if Errno::last() == Errno::ENOMEM || is_near_limit() {
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

/// Whether less than an eighth of the limit is left. Async-signal-safe.
fn is_near_limit() -> bool {
    let mut text = [0_u8; 128];
    // SAFETY: open, read and close are async-signal-safe, and `text` is as long as it is said to be.
    let read = unsafe {
        let fd = libc::open(
            c"/proc/self/statm".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        let read = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        read
    };
    // The sixth number: pages of data and stack, proc_pid_statm(5).
    let text = text
        .get(..usize::try_from(read).unwrap_or(0))
        .unwrap_or_default();
    let field = text.split(|byte| *byte == b' ').nth(5).unwrap_or_default();
    let pages = field.iter().fold(0_u64, |pages, digit| {
        pages
            .saturating_mul(10)
            .saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    // SAFETY: it takes a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let limit = LIMIT.load(Ordering::Relaxed);
    pages.saturating_mul(page as u64) >= limit - limit / 8
}
