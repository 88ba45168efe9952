//! The parent's ends of its children's lifelines. When one closes, the kernel kills that child.
//!
//! They close when this process dies, for it alone has them: they are close-on-exec, and a fork of
//! this process, which would hold copies, closes them first thing. For that the list is locked
//! around a fork, so that it is whole in the new process. (A fork by the bare system call, around the
//! C library, is not seen.)

use crate::sys::at_fork::at_fork;
use crate::sys::fd::pipe;
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static LIFELINES: Mutex<Vec<(u64, OwnedFd)>> = Mutex::new(Vec::new());

type Held = MutexGuard<'static, Vec<(u64, OwnedFd)>>;

thread_local! {
    /// The lock, from before a fork on this thread to after it.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

fn lock() -> Held {
    LIFELINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prepares for forks; to be called once, before there is a child.
pub(crate) fn guard_forks() -> io::Result<()> {
    at_fork(before_fork, in_parent, in_fork)
}

/// Makes the lifeline of the child that is to have this serial number, and gives the child's end.
///
/// It is on the list from its beginning: a fork between would keep the other end for good.
pub(crate) fn open(serial: u64) -> io::Result<OwnedFd> {
    let mut lifelines = lock();
    let (theirs, ours) = pipe()?;
    lifelines.push((serial, ours));
    Ok(theirs)
}

/// The child has ended, or never came to be.
pub(crate) fn release(serial: u64) {
    lock().retain(|(held, _)| *held != serial);
}

extern "C" fn before_fork() {
    // A thread that is ending can't keep the lock, and forks without.
    let _ = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        if held.is_none() {
            *held = Some(lock());
        }
    });
}

extern "C" fn in_parent() {
    let _ = HELD.try_with(|held| held.borrow_mut().take());
}

/// Whether this process is a fork of one that had children.
pub(crate) fn is_fork() -> bool {
    FORK.load(Ordering::Relaxed)
}

static FORK: AtomicBool = AtomicBool::new(false);

extern "C" fn in_fork() {
    FORK.store(true, Ordering::Relaxed);
    let _ = HELD.try_with(|held| {
        if let Some(mut lifelines) = held.borrow_mut().take() {
            lifelines.clear();
        }
    });
}
