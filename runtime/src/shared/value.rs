//! One value that all processes can read and write.

use super::cells::{Cells, Held};
use super::shareable::{Atomic, Shareable};
use crate::sync::{PoisonError, TryLockError};
use crate::sys::wait::Deadline;
use crate::wire::Descriptor;
use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::ops::Deref;
use std::time::Duration;

const NAME: &std::ffi::CStr = c"offspring-value";

/// A number, or other plain data, that each process that has a handle can read and write at any time. Python's `Value`.
///
/// As for the rest it is like an [`Array`](super::Array) of one element: [`get`](Self::get) and [`set`](Self::set) copy it and wait
/// for nobody, the [`lock`](Self::lock) is for changes that depend on what is there, and a value of an [`Atomic`] type derefs to
/// that.
///
/// ```
/// use offspring::shared::Value;
/// use offspring::{spawn, subprocess};
///
/// #[subprocess]
/// fn count(counter: &Value<u32>) {
///     for _ in 0..100 {
///         counter.lock().unwrap().update(|n| n + 1);
///     }
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let counter = Value::new(0)?;
///     let children = [spawn!(count, &counter)?, spawn!(count, &counter)?];
///     for child in children {
///         child.join()?;
///     }
///     assert_eq!(counter.get(), 200);
///     Ok(())
/// }
/// ```
///
/// The same without a lock:
///
/// ```
/// use offspring::shared::Value;
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// # fn main() -> offspring::Result<()> {
/// let counter = Value::new(AtomicU32::new(0))?;
/// counter.fetch_add(1, Relaxed);
/// # Ok(())
/// # }
/// ```
pub struct Value<T: Shareable>(Cells<T>);

impl<T: Shareable> Value<T> {
    /// A value that is this at first.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new(value: T) -> Result<Self> {
        let cells =
            Cells::create(NAME, 1).map_err(|error| Error::system("can't create a Value", error))?;
        cells.elements().put(0, value);
        Ok(Self(cells))
    }

    /// Waits until nobody else has the lock, and takes it. Python's `get_lock()`.
    ///
    /// It keeps out those who take it as well, in this process and in others; [`set`](Self::set) on the value itself doesn't wait for
    /// it. A thread that has it already waits for itself, for ever.
    ///
    /// # Errors
    ///
    /// It was taken, but a process died or a thread panicked that held it: what it was doing may be half done. The guard is in the error.
    pub fn lock(&self) -> Result<ValueGuard<'_, T>, PoisonError<ValueGuard<'_, T>>> {
        match self.0.lock() {
            Ok(held) => Ok(ValueGuard(held)),
            Err(poisoned) => Err(poisoned.map(ValueGuard)),
        }
    }

    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody has; or as for [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<ValueGuard<'_, T>, TryLockError<ValueGuard<'_, T>>> {
        self.lock_timeout(Duration::ZERO)
    }

    /// Waits at most so long until nobody else has the lock, and takes it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody had it all the time; or as for [`lock`](Self::lock).
    pub fn lock_timeout(
        &self,
        timeout: Duration,
    ) -> Result<ValueGuard<'_, T>, TryLockError<ValueGuard<'_, T>>> {
        let held = self.0.lock_until(Deadline::after(timeout));
        held.map(ValueGuard).map_err(|error| error.map(ValueGuard))
    }

    /// Whether one that held the lock has died or panicked, as far as anybody has noticed.
    pub fn is_poisoned(&self) -> bool {
        self.0.flag().get().is_some()
    }

    /// What was half done is in order again. To be called by one that holds the lock.
    pub fn clear_poison(&self) {
        self.0.flag().clear();
    }
}

impl<T: Shareable + Copy> Value<T> {
    /// A copy of the value.
    #[inline]
    pub fn get(&self) -> T {
        self.0.elements().get(0)
    }

    /// Writes the value.
    #[inline]
    pub fn set(&self, value: T) {
        self.0.elements().put(0, value);
    }
}

impl<T: Atomic> Deref for Value<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.elements().as_atomics()[0]
    }
}

/// Another handle to the same value.
impl<T: Shareable> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Shareable> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").finish_non_exhaustive()
    }
}

/// As an argument of a call.
impl<T: Shareable> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Descriptor::lend(self.0.fd()).serialize(serializer)
    }
}

impl<'de, T: Shareable> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fd = Descriptor::deserialize(deserializer)?;
        let cells: io::Result<_> = Cells::open(fd.into_fd(), 1);
        cells.map(Self).map_err(|error| {
            serde::de::Error::custom(format_args!("a Value can't be mapped: {error}"))
        })
    }
}

/// The lock of a [`Value`], held. Dropping it gives that back.
///
/// It doesn't lend the value either: those that don't take the lock may write it. If it is forgotten, the lock is held to the end of the thread,
/// and then poisoned.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct ValueGuard<'a, T: Shareable>(Held<'a, T>);

impl<T: Shareable + Copy> ValueGuard<'_, T> {
    /// As [`Value::get`].
    #[inline]
    pub fn get(&self) -> T {
        self.0.elements().get(0)
    }

    /// As [`Value::set`].
    #[inline]
    pub fn set(&self, value: T) {
        self.0.elements().put(0, value);
    }

    /// Puts what `change` makes of the value in its place, and returns that.
    #[inline]
    pub fn update(&self, change: impl FnOnce(T) -> T) -> T {
        let value = change(self.get());
        self.set(value);
        value
    }
}

impl<T: Shareable> fmt::Debug for ValueGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueGuard").finish_non_exhaustive()
    }
}
