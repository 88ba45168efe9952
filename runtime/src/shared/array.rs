//! Elements of one type that all processes can read and write.

use super::cells::{Cells, Held};
use super::freeze::FreezeError;
use super::frozen::Frozen;
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

const NAME: &std::ffi::CStr = c"offspring-array";

/// Numbers, or other plain data, of which each process that has a handle can read and write each at any time. Python's `Array`.
///
/// A clone is another handle to the same elements, and so is what a child gets that it is passed to. Since others may write
/// meanwhile, elements are copied in and out, never lent; but an array of [atomics](Atomic) derefs to a slice
/// of them. An element of 1, 2, 4 or 8 bytes is read and written in one piece, a longer one may be torn by another process that
/// writes it at the same time. What was written before an element is seen by who has read that.
///
/// Reading and writing don't wait for anybody. To change something that depends on what is there, take the array's
/// [`lock`](Self::lock), which keeps out those who take it as well.
///
/// The memory is freed with its last user, however that ends. A death leaves elements as they are at that moment; one that
/// held the lock poisons it.
///
/// ```
/// use offspring::shared::Array;
/// use offspring::{spawn, subprocess};
///
/// #[subprocess]
/// fn square(numbers: &Array<f64>, from: usize, to: usize) {
///     for index in from..to {
///         numbers.set(index, numbers.get(index).powi(2));
///     }
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let numbers = Array::from_slice(&[1.0, 2.0, 3.0, 4.0])?;
///     let halves = [spawn!(square, &numbers, 0, 2)?, spawn!(square, &numbers, 2, 4)?];
///     for half in halves {
///         half.join()?;
///     }
///     assert_eq!(numbers.to_vec(), [1.0, 4.0, 9.0, 16.0]);
///     Ok(())
/// }
/// ```
pub struct Array<T: Shareable>(Cells<T>);

impl<T: Shareable> Array<T> {
    /// So many elements, all of them zero.
    ///
    /// Memory is used as it is written: a large array costs little as long as most of it is zero.
    ///
    /// # Errors
    ///
    /// `len` is 0, or there are no descriptors or no memory left.
    ///
    /// ```
    /// # fn main() -> offspring::Result<()> {
    /// let counts = offspring::shared::Array::<u32>::new(1000)?;
    /// assert_eq!(counts.get(999), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(len: usize) -> Result<Self> {
        Self::created(Cells::create(NAME, len), len)
    }

    fn created(cells: io::Result<Cells<T>>, len: usize) -> Result<Self> {
        let what = || format!("can't create an Array of {len} elements");
        cells
            .map(Self)
            .map_err(|error| Error::system(what(), error))
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: there is always an element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until nobody else has the lock, and takes it. Python's `get_lock()`.
    ///
    /// It keeps out those who take it as well, in this process and in others; [`set`](Self::set) and
    /// [`write`](Self::write) on the array itself don't wait for it. A thread that has it already waits for itself, for ever.
    ///
    /// # Errors
    ///
    /// It was taken, but a process died or a thread panicked that held it: what it was doing may be half done. The guard is in the error.
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, PoisonError<ArrayGuard<'_, T>>> {
        match self.0.lock() {
            Ok(held) => Ok(ArrayGuard(held)),
            Err(poisoned) => Err(poisoned.map(ArrayGuard)),
        }
    }

    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody has; or as for [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<ArrayGuard<'_, T>, TryLockError<ArrayGuard<'_, T>>> {
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
    ) -> Result<ArrayGuard<'_, T>, TryLockError<ArrayGuard<'_, T>>> {
        let held = self.0.lock_until(Deadline::after(timeout));
        held.map(ArrayGuard).map_err(|error| error.map(ArrayGuard))
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

impl<T: Shareable + Copy> Array<T> {
    /// An array of copies of these.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn from_slice(values: &[T]) -> Result<Self> {
        Self::created(Cells::copied(NAME, values), values.len())
    }

    /// A copy of one element.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    #[inline]
    #[track_caller]
    pub fn get(&self, index: usize) -> T {
        self.0.elements().get(index)
    }

    /// Writes one element.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    #[inline]
    #[track_caller]
    pub fn set(&self, index: usize, value: T) {
        self.0.elements().put(index, value);
    }

    /// Copies elements, from `offset` on, until `into` is full.
    ///
    /// # Panics
    ///
    /// If there are less.
    #[track_caller]
    pub fn read(&self, offset: usize, into: &mut [T]) {
        self.0.elements().read(offset, into);
    }

    /// Writes all of `from` over the elements from `offset` on.
    ///
    /// # Panics
    ///
    /// If there are less; nothing is written then.
    #[track_caller]
    pub fn write(&self, offset: usize, from: &[T]) {
        self.0.elements().write(offset, from);
    }

    /// Copies of all elements.
    pub fn to_vec(&self) -> Vec<T> {
        self.0.elements().to_vec()
    }

    /// Makes it unchangeable, without a copy.
    ///
    /// Nobody may have another handle, nor a process that got one be alive.
    ///
    /// # Errors
    ///
    /// Somebody still maps it for writing; the [error](FreezeError) gives the array back. Who has been sent it and hasn't mapped it yet can't be
    /// seen, and will fail to.
    ///
    /// ```
    /// use offspring::shared::Array;
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let squares = Array::new(100)?;
    /// for index in 0..100 {
    ///     squares.set(index, index * index);
    /// }
    /// let squares = squares.freeze()?;
    /// assert_eq!(squares.iter().max(), Some(&9801));
    /// # Ok(())
    /// # }
    /// ```
    pub fn freeze(self) -> Result<Frozen<T>, FreezeError<Self>> {
        let len = self.len();
        let failed =
            |array, error| FreezeError::new(array, &format!("an Array of {len} elements"), error);
        match self.0.seal() {
            Ok(fd) => Frozen::open(fd, len).map_err(|error| failed(None, error)),
            Err((cells, error)) => Err(failed(cells.map(Self), error)),
        }
    }
}

impl<T: Atomic> Deref for Array<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.0.elements().as_atomics()
    }
}

/// Another handle to the same elements.
impl<T: Shareable> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Shareable> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// As an argument of a call.
impl<T: Shareable> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Descriptor::lend(self.0.fd()), self.0.len()).serialize(serializer)
    }
}

impl<'de, T: Shareable> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (fd, len) = <(Descriptor, usize)>::deserialize(deserializer)?;
        let cells: io::Result<_> = Cells::open(fd.into_fd(), len);
        cells.map(Self).map_err(|error| {
            serde::de::Error::custom(format_args!("an Array can't be mapped: {error}"))
        })
    }
}

/// The lock of an [`Array`], held. Dropping it gives that back.
///
/// It lends no elements either: those that don't take the lock may write them. If it is forgotten, the lock is held to the end of the thread, and then
/// poisoned.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct ArrayGuard<'a, T: Shareable>(Held<'a, T>);

impl<T: Shareable + Copy> ArrayGuard<'_, T> {
    /// As [`Array::get`].
    #[inline]
    #[track_caller]
    pub fn get(&self, index: usize) -> T {
        self.0.elements().get(index)
    }

    /// As [`Array::set`].
    #[inline]
    #[track_caller]
    pub fn set(&self, index: usize, value: T) {
        self.0.elements().put(index, value);
    }

    /// Puts what `change` makes of an element in its place, and returns that.
    ///
    /// ```
    /// # #[offspring::main]
    /// # fn main() -> offspring::Result<()> {
    /// let counts = offspring::shared::Array::<u32>::new(3)?;
    /// counts.lock()?.update(1, |n| n + 5);
    /// assert_eq!(counts.to_vec(), [0, 5, 0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    #[track_caller]
    pub fn update(&self, index: usize, change: impl FnOnce(T) -> T) -> T {
        let value = change(self.get(index));
        self.set(index, value);
        value
    }

    /// As [`Array::read`].
    #[track_caller]
    pub fn read(&self, offset: usize, into: &mut [T]) {
        self.0.elements().read(offset, into);
    }

    /// As [`Array::write`].
    #[track_caller]
    pub fn write(&self, offset: usize, from: &[T]) {
        self.0.elements().write(offset, from);
    }

    /// As [`Array::to_vec`].
    pub fn to_vec(&self) -> Vec<T> {
        self.0.elements().to_vec()
    }
}

impl<T: Shareable> fmt::Debug for ArrayGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrayGuard").finish_non_exhaustive()
    }
}
