//! Ctrl-C as an event, for those who ask: sigaction(2).
#![allow(unsafe_code)] // a signal handler

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

/// The counters to be raised at a SIGINT, by their numbers; -1 is none.
static BELLS: [AtomicI32; 16] = [const { AtomicI32::new(-1) }; 16];

/// Has SIGINT raise the counter `bell`, an eventfd, instead of ending the program, until
/// [`release`]. More than sixteen at once are refused.
pub(crate) fn catch(bell: i32) -> io::Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let is_taken = |place: &&AtomicI32| {
        place
            .compare_exchange(-1, bell, Ordering::SeqCst, Ordering::SeqCst)
            .is_err()
    };
    if BELLS.iter().all(|place| is_taken(&place)) {
        return Err(io::Error::other("sixteen pools catch interrupts already"));
    }
    let mut installed = INSTALLED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if !*installed {
        let action = SigAction::new(
            SigHandler::Handler(ring),
            SaFlags::SA_RESTART,
            SigSet::empty(),
        );
        // SAFETY: `ring` is async-signal-safe.
        unsafe { sigaction(Signal::SIGINT, &action) }?;
        *installed = true;
    }
    Ok(())
}

/// The counter is not to be raised any more.
pub(crate) fn release(bell: i32) {
    for place in &BELLS {
        let _ = place.compare_exchange(bell, -1, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// A counter of 2^32 tells an interrupt from other events; if nobody listens, the signal does what
/// it does without us.
extern "C" fn ring(signal: libc::c_int) {
    let mut heard = false;
    for place in &BELLS {
        let bell = place.load(Ordering::SeqCst);
        if bell >= 0 {
            heard = true;
            let count = INTERRUPT;
            // SAFETY: writes eight bytes from `count`.
            unsafe { libc::write(bell, (&raw const count).cast(), size_of_val(&count)) };
        }
    }
    if !heard {
        // SAFETY: these are async-signal-safe.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

/// What an interrupt adds to a counter.
pub(crate) const INTERRUPT: u64 = 1 << 32;
