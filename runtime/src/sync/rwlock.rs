//! A lock for one writer or many readers.
//!
//! There is one lock to enter by, and a lock for each reader that there can be. A reader enters, takes one that is
//! free, and leaves. A writer enters, waits for the readers by taking their locks in turn, and writes with the entrance closed. So new readers wait
//! behind a writer that waits, and each death is found by the lock that it concerns: a reader's doesn't matter, and a writer's
//! is told by the entrance, since `writing` is set.
#![allow(unsafe_code)] // lends what the lock protects

use super::handle::handle;
use super::lock::{Holder, Lock, Taken};
use super::poison::{Cause, Flag, PoisonError, TryLockError};
use super::segment::{Body, Shared};
use crate::Result;
use crate::shared::Shareable;
use crate::sys::futex::{self, Woken};
use crate::sys::wait::Deadline;
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

/// How many guards for reading there can be at once.
const READERS: usize = 32;

/// How long somebody who won't wait gives another to pass the entrance.
const PASSING: Duration = Duration::from_millis(1);

/// Data that one may write or up to 32 may read at a time.
///
/// Like `std::sync::RwLock`; a clone or an argument is another handle to the same. A reader that comes when there are 32
/// waits. New readers wait behind a writer that waits, so that a thread that reads must not read once more.
///
/// A writer's death poisons it, as with [`Mutex`](super::Mutex). A reader's death gives back its share.
///
/// ```
/// use offspring::sync::RwLock;
///
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let size = RwLock::new([800_u32, 600])?;
/// let (one, other) = (size.read().unwrap(), size.read().unwrap());
/// assert_eq!(*one, *other);
/// drop((one, other));
/// *size.write().unwrap() = [1024, 768];
/// # Ok(())
/// # }
/// ```
pub struct RwLock<T: Shareable>(Arc<Shared<Data<T>>>);

#[repr(C)]
struct Data<T> {
    poisoned: Flag,
    /// Whether a writer has passed the entrance, so that its death may tear the data.
    writing: AtomicU32,
    /// How many of the readers' locks were ever used.
    used: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the first are atomics, and any bytes are a `T`.
unsafe impl<T: Shareable> Body for Data<T> {}

handle!(RwLock<T: Shareable>, Data<T>, 1 + READERS, c"offspring-rwlock");

type Reading<'a, T> = RwLockReadGuard<'a, T>;
type Writing<'a, T> = RwLockWriteGuard<'a, T>;

impl<T: Shareable> RwLock<T> {
    /// A new lock, which nobody holds.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new(value: T) -> Result<Self> {
        let lock = Self::create()?;
        // SAFETY: nobody else knows of it yet.
        unsafe { lock.0.body().value.get().write(value) };
        Ok(lock)
    }

    /// Waits until nobody writes or waits for that, and lends the data.
    ///
    /// # Errors
    ///
    /// They may be torn: the guard is in the error.
    pub fn read(&self) -> Result<Reading<'_, T>, PoisonError<Reading<'_, T>>> {
        loop {
            if let Some(share) = self.share(Deadline::NEVER) {
                return self.reading(share);
            }
        }
    }

    /// Lends the data if nobody writes or waits for that.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody does; or the data may be torn.
    pub fn try_read(&self) -> Result<Reading<'_, T>, TryLockError<Reading<'_, T>>> {
        if self.0.body().writing.load(Relaxed) != 0 && !self.0.lock(0).load().owner_died() {
            return Err(TryLockError::WouldBlock);
        }
        self.read_timeout(PASSING)
    }

    /// Waits at most so long until nobody writes or waits for that, and lends the data.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if the time was up; or the data may be torn.
    pub fn read_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Reading<'_, T>, TryLockError<Reading<'_, T>>> {
        match self.share(Deadline::after(timeout)) {
            Some(share) => TryLockError::from_result(self.reading(share)),
            None => Err(TryLockError::WouldBlock),
        }
    }

    /// Waits until nobody reads or writes, and lends the data for writing.
    ///
    /// # Errors
    ///
    /// They may be torn: the guard is in the error.
    pub fn write(&self) -> Result<Writing<'_, T>, PoisonError<Writing<'_, T>>> {
        loop {
            if self.exclude(Deadline::NEVER, Deadline::NEVER) {
                return self.writing();
            }
        }
    }

    /// Lends the data for writing if nobody reads or writes.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody does; or the data may be torn.
    pub fn try_write(&self) -> Result<Writing<'_, T>, TryLockError<Writing<'_, T>>> {
        if self.0.body().writing.load(Relaxed) != 0 && !self.0.lock(0).load().owner_died() {
            return Err(TryLockError::WouldBlock);
        }
        match self.exclude(Deadline::after(PASSING), Deadline::after(Duration::ZERO)) {
            true => TryLockError::from_result(self.writing()),
            false => Err(TryLockError::WouldBlock),
        }
    }

    /// Waits at most so long until nobody reads or writes, and lends the data for writing.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if the time was up; or the data may be torn.
    pub fn write_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Writing<'_, T>, TryLockError<Writing<'_, T>>> {
        let deadline = Deadline::after(timeout);
        match self.exclude(deadline, deadline) {
            true => TryLockError::from_result(self.writing()),
            false => Err(TryLockError::WouldBlock),
        }
    }

    /// Whether the data may be torn, as far as anybody has noticed.
    pub fn is_poisoned(&self) -> bool {
        self.0.body().poisoned.get().is_some()
    }

    /// The data are in order again. To be called by one that has them for writing.
    pub fn clear_poison(&self) {
        self.0.body().poisoned.clear();
    }

    fn enter(&self, deadline: Deadline) -> Option<Entrance<'_>> {
        let data = self.0.body();
        let lock = self.0.lock(0);
        if lock.lock(deadline)? == Taken::Abandoned {
            // One that died without having written has torn nothing.
            if data.writing.load(Relaxed) != 0 {
                data.poisoned.set(Cause::Died);
            }
            data.writing.store(0, Relaxed);
        }
        Some(Entrance(lock))
    }

    /// A reader's lock of those that are free, the lowest.
    fn share(&self, deadline: Deadline) -> Option<Lock<'_>> {
        let _entrance = self.enter(deadline)?;
        if let Some(share) = self.free_share() {
            return Some(share);
        }
        // All are taken, and any may be the next to be free. With the entrance held, nobody else waits for them.
        let shares: [_; READERS] = std::array::from_fn(|index| self.0.lock(1 + index));
        for share in &shares {
            share.register();
        }
        let share = self.next_share(&shares, deadline);
        for share in &shares {
            share.leave();
        }
        share
    }

    fn free_share(&self) -> Option<Lock<'_>> {
        let used = &self.0.body().used;
        for index in 0..READERS {
            let share = self.0.lock(1 + index);
            if share.load().holder() == 0 && share.try_lock().is_some() {
                let count = index as u32 + 1;
                if used.load(Relaxed) < count {
                    used.store(count, Relaxed);
                }
                return Some(share);
            }
        }
        None
    }

    /// Waits for one of them, as one that has registered at all.
    fn next_share(&self, shares: &[Lock<'_>; READERS], deadline: Deadline) -> Option<Lock<'_>> {
        let mut is_late = false;
        loop {
            let words = shares.each_ref().map(|share| (share.word(), share.load()));
            if words.iter().any(|(_, state)| state.holder() == 0)
                && let Some(share) = self.free_share()
            {
                return Some(share);
            }
            if is_late {
                return None;
            }
            let words = words.map(|(word, state)| (word, state.word()));
            is_late = futex::wait_any(&words, 0, deadline) == Woken::TimedOut;
        }
    }

    /// Takes the entrance and waits until the readers have left. The entrance stays taken.
    fn exclude(&self, entering: Deadline, draining: Deadline) -> bool {
        let Some(entrance) = self.enter(entering) else {
            return false;
        };
        let data = self.0.body();
        let used = data.used.load(Relaxed) as usize;
        for index in 0..used.min(READERS) {
            let share = self.0.lock(1 + index);
            if share.load().holder() == 0 {
                continue;
            }
            match share.lock(draining) {
                Some(_) => share.unlock(),
                None => return false,
            }
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
        data.writing.store(1, Relaxed);
        std::mem::forget(entrance);
        true
    }

    fn reading<'a>(
        &'a self,
        share: Lock<'a>,
    ) -> Result<Reading<'a, T>, PoisonError<Reading<'a, T>>> {
        self.0.body().poisoned.check(RwLockReadGuard {
            lock: self,
            share,
            holder: Holder::me(),
        })
    }

    fn writing(&self) -> Result<Writing<'_, T>, PoisonError<Writing<'_, T>>> {
        self.0.body().poisoned.check(RwLockWriteGuard {
            lock: self,
            was_panicking: thread::panicking(),
            holder: Holder::me(),
        })
    }
}

/// The entrance, held.
struct Entrance<'a>(Lock<'a>);

impl Drop for Entrance<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl<T: Shareable> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock")
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

/// An [`RwLock`] that is held for reading. Dropping it gives the share back.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct RwLockReadGuard<'a, T: Shareable> {
    lock: &'a RwLock<T>,
    share: Lock<'a>,
    holder: Holder,
}

/// An [`RwLock`] that is held for writing. Dropping it gives the lock back.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: Shareable> {
    lock: &'a RwLock<T>,
    was_panicking: bool,
    holder: Holder,
}

// SAFETY: it only gives out `&T` to other threads.
unsafe impl<T: Shareable + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Shareable + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T: Shareable> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: whoever keeps to the protocol writes only when all shares are free; and any bytes are a `T`.
        unsafe { &*self.lock.0.body().value.get() }
    }
}

impl<T: Shareable> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: whoever keeps to the protocol is kept out by the entrance, which this guard has; and any bytes are a `T`.
        unsafe { &*self.lock.0.body().value.get() }
    }
}

impl<T: Shareable> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed for as long.
        unsafe { &mut *self.lock.0.body().value.get() }
    }
}

impl<T: Shareable> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        // A child of fork(2) has the guard but not the lock.
        if self.holder.is_me() {
            self.share.unlock();
        }
    }
}

impl<T: Shareable> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        let data = self.lock.0.body();
        let entrance = self.lock.0.lock(0);
        if !self.holder.is_me() {
            return;
        }
        if !self.was_panicking && thread::panicking() {
            data.poisoned.set(Cause::Panicked);
        }
        data.writing.store(0, Relaxed);
        entrance.unlock();
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
