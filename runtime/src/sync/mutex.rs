//! A lock and the data that it protects.
#![allow(unsafe_code)] // lends what the lock protects

use super::handle::handle;
use super::lock::{Holder, Lock, Taken};
use super::poison::{Cause, Flag, Poisoned, TryLockError};
use super::segment::{Body, Shared};
use crate::Result;
use crate::shared::Shareable;
use crate::sys::wait::Deadline;
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Mutual exclusion between processes and threads, with the data inside.
///
/// Like `std::sync::Mutex`; a clone or an argument is another handle to the same. Python's `Lock`.
///
/// A process that is killed with the lock held poisons it: the next one gets it with [`Poisoned`]. So does a panic. See
/// [the module](super) for what else a death does.
///
/// ```
/// use offspring::sync::Mutex;
///
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let total = Mutex::new(5_u64)?;
/// *total.lock().unwrap() += 1;
/// assert_eq!(*total.lock().unwrap(), 6);
/// # Ok(())
/// # }
/// ```
pub struct Mutex<T: Shareable>(Arc<Shared<Data<T>>>);

#[repr(C)]
struct Data<T> {
    poisoned: Flag,
    value: UnsafeCell<T>,
}

// SAFETY: a flag is an atomic, and any bytes are a `T`.
unsafe impl<T: Shareable> Body for Data<T> {}

handle!(Mutex<T: Shareable>, Data<T>, 1, c"offspring-mutex");

impl<T: Shareable> Mutex<T> {
    /// A new lock, which nobody holds.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new(value: T) -> Result<Self> {
        let mutex = Self::create()?;
        // SAFETY: nobody else knows of it yet.
        unsafe { mutex.0.body().value.get().write(value) };
        Ok(mutex)
    }

    /// Waits until nobody else has it, and takes it.
    ///
    /// A thread that has it already waits for itself, for ever; see [`ReentrantMutex`](super::ReentrantMutex).
    ///
    /// # Errors
    ///
    /// It was taken, but what it protects may be torn: the guard is in the error.
    // Whatever isn't inlined goes through memory in pieces, which costs three times as much as the lock itself.
    #[inline(always)]
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, Poisoned<'_, T>> {
        loop {
            if let Some(taken) = self.raw().lock(Deadline::NEVER) {
                return self.guard(taken);
            }
        }
    }

    /// Takes it if nobody has it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if it is held; or it was taken, but what it protects may be torn.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
        match self.raw().try_lock() {
            Some(taken) => TryLockError::from_result(self.guard(taken)),
            None => Err(TryLockError::WouldBlock),
        }
    }

    /// Waits at most so long until nobody else has it, and takes it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if it was held all the time; or it was taken, but what it protects may be torn.
    pub fn lock_timeout(
        &self,
        timeout: Duration,
    ) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
        match self.raw().lock(Deadline::after(timeout)) {
            Some(taken) => TryLockError::from_result(self.guard(taken)),
            None => Err(TryLockError::WouldBlock),
        }
    }

    /// Whether what it protects may be torn, as far as anybody has noticed.
    pub fn is_poisoned(&self) -> bool {
        self.0.body().poisoned.get().is_some()
    }

    /// What it protects is in order again. To be called by one that holds the lock.
    pub fn clear_poison(&self) {
        self.0.body().poisoned.clear();
    }

    #[inline(always)]
    pub(super) fn raw(&self) -> Lock<'_> {
        self.0.lock(0)
    }

    #[inline(always)]
    pub(super) fn guard(&self, taken: Taken) -> Result<MutexGuard<'_, T>, Poisoned<'_, T>> {
        let poisoned = &self.0.body().poisoned;
        if taken == Taken::Abandoned {
            poisoned.set(Cause::Died);
        }
        poisoned.check(MutexGuard {
            mutex: self,
            was_panicking: thread::panicking(),
            holder: Holder::me(),
        })
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => debug.field("data", &*guard),
            Err(TryLockError::Poisoned(error)) => debug.field("data", &**error.get_ref()),
            Err(TryLockError::WouldBlock) => debug.field("data", &format_args!("<locked>")),
        };
        debug
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

/// A [`Mutex`] that is held; lends what that protects. Dropping it gives the lock back.
///
/// If it is forgotten, the lock is held to the end of the thread, and then poisoned.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct MutexGuard<'a, T: Shareable> {
    mutex: &'a Mutex<T>,
    was_panicking: bool,
    holder: Holder,
}

// SAFETY: it only gives out `&T` to other threads.
unsafe impl<T: Shareable + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: Shareable> MutexGuard<'a, T> {
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: Shareable> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: whoever keeps to the protocol writes only with the lock, which this guard has; and any bytes are a `T`.
        unsafe { &*self.mutex.0.body().value.get() }
    }
}

impl<T: Shareable> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed for as long.
        unsafe { &mut *self.mutex.0.body().value.get() }
    }
}

impl<T: Shareable> Drop for MutexGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // A child of fork(2) has the guard but not the lock.
        if !self.was_panicking && thread::panicking() && self.holder.is_me() {
            self.mutex.0.body().poisoned.set(Cause::Panicked);
        }
        self.mutex.raw().unlock_by(&self.holder);
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Shareable + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
