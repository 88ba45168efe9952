//! A lock that its holder can take again.
#![allow(unsafe_code)] // lends what the lock protects

use super::handle::handle;
use super::lock::{Holder, Lock, Taken};
use super::poison::{Cause, Flag, PoisonError, TryLockError};
use super::segment::{Body, Shared};
use crate::Result;
use crate::shared::Shareable;
use crate::sys::wait::Deadline;
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

/// A [`Mutex`](super::Mutex) that the thread which has it can take again. Python's `RLock`.
///
/// It is free when as many guards were dropped as were got; only the thread that has it has guards, which can't go to another. Since there can be many
/// guards, they don't lend what is protected, other than atomics: [`get`](ReentrantMutexGuard::get) and
/// [`set`](ReentrantMutexGuard::set) copy. A clone or an argument is another handle to the same.
///
/// A holder's death poisons it, as with [`Mutex`](super::Mutex).
///
/// ```
/// use offspring::sync::ReentrantMutex;
///
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let level = ReentrantMutex::new(1_u32)?;
/// let outer = level.lock().unwrap();
/// let inner = level.lock().unwrap();
/// inner.set(inner.get() + 1);
/// assert_eq!(outer.get(), 2);
/// # Ok(())
/// # }
/// ```
pub struct ReentrantMutex<T: Shareable>(Arc<Shared<Data<T>>>);

#[repr(C)]
struct Data<T> {
    poisoned: Flag,
    /// How many guards the holder has.
    guards: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the first are atomics, and any bytes are a `T`.
unsafe impl<T: Shareable> Body for Data<T> {}

handle!(ReentrantMutex<T: Shareable>, Data<T>, 1, c"offspring-reentrant-mutex");

type Guarded<'a, T> = ReentrantMutexGuard<'a, T>;

impl<T: Shareable> ReentrantMutex<T> {
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

    /// Waits until no other thread has it, and takes it, once more if this one has it.
    ///
    /// # Errors
    ///
    /// It was taken, but what it protects may be torn: the guard is in the error.
    pub fn lock(&self) -> Result<Guarded<'_, T>, PoisonError<Guarded<'_, T>>> {
        loop {
            if let Some(taken) = self.take(|lock| lock.lock(Deadline::NEVER)) {
                return self.guard(taken);
            }
        }
    }

    /// Takes it if no other thread has it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if one has; or it was taken, but what it protects may be torn.
    pub fn try_lock(&self) -> Result<Guarded<'_, T>, TryLockError<Guarded<'_, T>>> {
        match self.take(|lock| lock.try_lock()) {
            Some(taken) => TryLockError::from_result(self.guard(taken)),
            None => Err(TryLockError::WouldBlock),
        }
    }

    /// Waits at most so long until no other thread has it, and takes it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if one had it all the time; or it was taken, but what it protects may be torn.
    pub fn lock_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Guarded<'_, T>, TryLockError<Guarded<'_, T>>> {
        let deadline = Deadline::after(timeout);
        match self.take(|lock| lock.lock(deadline)) {
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

    /// Takes the lock, unless this thread has it, and counts.
    fn take(&self, take: impl FnOnce(Lock<'_>) -> Option<Taken>) -> Option<Taken> {
        let lock = self.0.lock(0);
        let guards = &self.0.body().guards;
        if lock.is_mine() {
            guards.store(guards.load(Relaxed).saturating_add(1), Relaxed);
            return Some(Taken::Clean);
        }
        let taken = take(lock)?;
        guards.store(1, Relaxed);
        Some(taken)
    }

    fn guard(&self, taken: Taken) -> Result<Guarded<'_, T>, PoisonError<Guarded<'_, T>>> {
        let poisoned = &self.0.body().poisoned;
        if taken == Taken::Abandoned {
            poisoned.set(Cause::Died);
        }
        poisoned.check(ReentrantMutexGuard {
            mutex: self,
            was_panicking: thread::panicking(),
            holder: Holder::me(),
        })
    }
}

impl<T: Shareable> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReentrantMutex")
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

/// A [`ReentrantMutex`] that is held. Dropping it gives the lock back, if it is the last.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct ReentrantMutexGuard<'a, T: Shareable> {
    mutex: &'a ReentrantMutex<T>,
    was_panicking: bool,
    holder: Holder,
}

impl<T: Shareable + Copy> ReentrantMutexGuard<'_, T> {
    /// A copy of what is protected.
    pub fn get(&self) -> T {
        // SAFETY: only this thread has the lock, and nothing is lent of a type that can be copied.
        unsafe { self.mutex.0.body().value.get().read() }
    }

    /// Puts another value in its place.
    pub fn set(&self, value: T) {
        // SAFETY: as in `get`.
        unsafe { self.mutex.0.body().value.get().write(value) };
    }
}

/// For atomics, and what consists of them: these can be changed where they are.
impl<T: crate::shared::Atomic> Deref for ReentrantMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: any bytes are a `T`, and atomics may be changed while they are lent.
        unsafe { &*self.mutex.0.body().value.get() }
    }
}

impl<T: Shareable> Drop for ReentrantMutexGuard<'_, T> {
    fn drop(&mut self) {
        // A child of fork(2) has the guard but not the lock.
        if !self.holder.is_me() {
            return;
        }
        let data = self.mutex.0.body();
        let lock = self.mutex.0.lock(0);
        if !self.was_panicking && thread::panicking() {
            data.poisoned.set(Cause::Panicked);
        }
        match data.guards.load(Relaxed) {
            0 | 1 => lock.unlock(),
            guards => data.guards.store(guards - 1, Relaxed),
        }
    }
}

impl<T: Shareable> fmt::Debug for ReentrantMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReentrantMutexGuard")
            .finish_non_exhaustive()
    }
}
