//! Waiting for a change of shared memory: futex(2), futex_waitv (Linux 5.16).
//!
//! None of this is the private kind: the memory is shared between processes, and the kernel's own
//! wake-ups at a death are of the shared kind.
#![allow(unsafe_code)] // system calls that take addresses

use super::wait::Deadline;
use nix::errno::Errno;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};
use std::time::Duration;

/// A word that processes sleep on. It lies in a mapping that outlives the call.
pub(crate) type Word = AtomicU32;

/// What ended a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Anything: it has to be looked at again. Which word was woken isn't told: there may be more than one, and futex_waitv
    /// tells but one.
    Perhaps,
    /// The time was up, and nobody has woken it.
    TimedOut,
}

/// At most so many words can be slept on at once: futex_waitv's limit.
pub(crate) const MAX_WORDS: usize = 128;

/// Sleeps until `word` is no longer `expected`, is woken, or the deadline has passed.
pub(crate) fn wait(word: &Word, expected: u32, deadline: Deadline) -> Woken {
    let limit = match deadline.remaining() {
        Some(left) if left.is_zero() => return Woken::TimedOut,
        left => left.map(to_timespec),
    };
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the word is alive, the kernel only reads it and the time.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            limit,
        )
    };
    match Errno::result(result) {
        Err(Errno::ETIMEDOUT) => Woken::TimedOut,
        _ => Woken::Perhaps,
    }
}

/// Sleeps until one of the words is no longer what is expected, is woken, or the deadline has passed. Each word is compared after
/// the caller is queued on those before it.
///
/// Before Linux 5.16, where a sandbox forbids the call or the kernel has no memory for it, it only knows of the `usual` one and looks up ten times a second.
pub(crate) fn wait_any(words: &[(&Word, u32)], usual: usize, deadline: Deadline) -> Woken {
    static MISSING: AtomicBool = AtomicBool::new(false);
    if MISSING.load(Relaxed) {
        return wait_for(words[usual], deadline);
    }
    let mut limit = match deadline.remaining() {
        Some(left) if left.is_zero() => return Woken::TimedOut,
        left => left.map(|left| to_timespec(since_boot() + left)),
    };
    let limit = limit.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let mut list = [Waiter::EMPTY; MAX_WORDS];
    let words_used = words.len().min(MAX_WORDS);
    for (waiter, (word, expected)) in list.iter_mut().zip(words) {
        waiter.value = u64::from(*expected);
        waiter.address = word.as_ptr().expose_provenance() as u64;
        waiter.flags = FUTEX_32;
    }
    // SAFETY: the words are alive, the list is as futex.h has it, and so is the time.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex_waitv,
            list.as_ptr(),
            words_used,
            0,
            limit,
            libc::CLOCK_MONOTONIC,
        )
    };
    match Errno::result(result) {
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Woken::Perhaps,
        Err(Errno::ETIMEDOUT) => Woken::TimedOut,
        Err(error) => {
            // There may be memory the next time. A sandbox can say anything else.
            MISSING.store(error != Errno::ENOMEM, Relaxed);
            wait_for(words[usual], deadline)
        }
    }
}

fn wait_for((word, expected): (&Word, u32), deadline: Deadline) -> Woken {
    const LOOK_UP: Duration = Duration::from_millis(100);
    match wait(word, expected, deadline.at_most(LOOK_UP)) {
        Woken::TimedOut if !deadline.has_passed() => Woken::Perhaps,
        woken => woken,
    }
}

/// Wakes at most `count` of those who sleep on `word`; returns how many.
pub(crate) fn wake(word: &Word, count: i32) -> usize {
    // SAFETY: the word is alive, and the kernel only needs its address.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
    usize::try_from(woken).unwrap_or(0)
}

/// Adds one to `word` and wakes at most `count` of those who sleep on it, in one step: a caller that is killed has done both
/// or neither. The memory written before is seen by those who see the sum.
pub(crate) fn add_and_wake(word: &Word, count: i32) {
    const NEVER: libc::c_int = -1;
    let add_one = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 1, libc::FUTEX_OP_CMP_EQ, NEVER);
    fence(SeqCst);
    // SAFETY: the word is alive, and it is an atomic, which the kernel may change.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_OP,
            count,
            0_usize,
            word.as_ptr(),
            add_one,
        )
    };
    if woken < 0 {
        // In a sandbox that knows no more of futexes than most programs need.
        word.fetch_add(1, SeqCst);
        wake(word, count);
    }
}

/// The half of a number to sleep on that changes first when it is counted up. Only the kernel reads by it.
pub(crate) fn lower_half(number: &AtomicU64) -> &Word {
    half(number, usize::from(cfg!(target_endian = "big")))
}

/// The other half. Only the kernel reads by it.
pub(crate) fn upper_half(number: &AtomicU64) -> &Word {
    half(number, usize::from(cfg!(target_endian = "little")))
}

fn half(number: &AtomicU64, index: usize) -> &Word {
    // SAFETY: it has two such halves, which are aligned and live as long.
    unsafe { &*ptr::from_ref(number).cast::<Word>().add(index) }
}

fn since_boot() -> Duration {
    let now = nix::time::ClockId::CLOCK_MONOTONIC.now();
    now.map_or(Duration::ZERO, Duration::from)
}

fn to_timespec(time: Duration) -> libc::timespec {
    *nix::sys::time::TimeSpec::from_duration(time).as_ref()
}

const FUTEX_32: u32 = 2;

/// `struct futex_waitv` of futex.h.
#[derive(Clone, Copy)]
#[repr(C)]
struct Waiter {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Waiter {
    const EMPTY: Self = Self {
        value: 0,
        address: 0,
        flags: 0,
        reserved: 0,
    };
}
