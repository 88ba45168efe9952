//! A write into a pipe whose reader may be gone, without SIGPIPE: pwritev2(2), and before Linux 6.18 a signal that is blocked and taken back.
//!
//! A Rust program ignores SIGPIPE, unless it has asked for what other programs do, or is a library of one of those.
#![allow(unsafe_code)] // system calls that nix lacks

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the kernel can do it by itself, as far as that is known.
static CAN: AtomicBool = AtomicBool::new(true);

/// Puts a byte into the pipe. A reader that is gone is `EPIPE`.
pub(crate) fn beat(pipe: BorrowedFd<'_>) -> nix::Result<()> {
    if CAN.load(Relaxed) {
        match beat_quietly(pipe) {
            Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {
                CAN.store(false, Relaxed);
            }
            result => return result,
        }
    }
    beat_masked(pipe)
}

fn beat_quietly(pipe: BorrowedFd<'_>) -> nix::Result<()> {
    const RWF_NOSIGNAL: libc::c_int = 0x100;
    const NO_POSITION: libc::c_long = -1;
    let mut byte = 0_u8;
    let part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: the kernel reads the one part, and its one byte.
    let written = unsafe {
        libc::syscall(
            libc::SYS_pwritev2,
            pipe.as_raw_fd(),
            &raw const part,
            1,
            NO_POSITION,
            NO_POSITION,
            RWF_NOSIGNAL,
        )
    };
    Errno::result(written).map(drop)
}

fn beat_masked(pipe: BorrowedFd<'_>) -> nix::Result<()> {
    let broken = SigSet::from(Signal::SIGPIPE);
    let mask = broken.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let was_pending = is_pending();
    let written = nix::unistd::write(pipe, &[0]);
    if written == Err(Errno::EPIPE) && !was_pending {
        take_back(&broken);
    }
    mask.thread_set_mask()?;
    written.map(drop)
}

/// Whether SIGPIPE waits to be unblocked.
fn is_pending() -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the kernel fills it in, unless it fails.
    unsafe {
        libc::sigpending(pending.as_mut_ptr()) == 0
            && libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
    }
}

fn take_back(signals: &SigSet) {
    // SAFETY: zeros are no time at all.
    let at_once: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the set and the time live as long as the call.
    unsafe { libc::sigtimedwait(signals.as_ref(), ptr::null_mut(), &raw const at_once) };
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sys::fd;
    use std::os::fd::AsFd;

    /// Runs `what`, and says whether it has caused SIGPIPE.
    pub(crate) fn causes_a_signal(what: impl FnOnce()) -> bool {
        let mask = SigSet::from(Signal::SIGPIPE)
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .unwrap();
        what();
        let caused = is_pending();
        mask.thread_set_mask().unwrap();
        caused
    }

    #[test]
    fn a_pipe_without_a_reader_is_an_error_and_no_signal() {
        for beat in [beat, beat_masked] {
            let (read, write) = fd::pipe().unwrap();
            assert_eq!(beat(write.as_fd()), Ok(()));
            drop(read);
            assert!(!causes_a_signal(|| assert_eq!(
                beat(write.as_fd()),
                Err(Errno::EPIPE)
            )));
        }
        let write = fd::pipe().unwrap().1;
        assert!(causes_a_signal(|| assert!(
            nix::unistd::write(&write, &[0]).is_err()
        )));
    }

    #[test]
    fn a_signal_that_was_pending_before_still_is() {
        let write = fd::pipe().unwrap().1;
        assert!(causes_a_signal(|| {
            assert!(nix::unistd::write(&write, &[0]).is_err());
            assert!(beat_masked(write.as_fd()).is_err());
        }));
    }
}
