//! A queue for many producers and consumers in many processes.
//!
//! | where | what |
//! |---|---|
//! | [`ring`] | the memory that items lie in |
//! | [`item`] | how one lies there |
//! | [`control`] | where they begin and end: what a death can't tear |
//! | [`inner`] | put, get and close, step by step, and what a death at each step does |
//! | [`wait`] | who sleeps, and how it is woken |
//! | [`will`] | whether it is worth to let others run before that |
//! | [`resize`] | growing and shrinking |
//! | [`alarm`] | how a descriptor becomes readable when there is an item |
//! | [`future`] | getting as a future, and `stream` as a stream |

mod alarm;
mod control;
mod error;
mod future;
mod inner;
mod item;
mod resize;
mod ring;
#[cfg(feature = "stream")]
mod stream;
mod wait;
mod will;

#[cfg(test)]
mod alarm_tests;
#[cfg(test)]
mod deaths;
#[cfg(test)]
mod tests;

pub(crate) use alarm::Listener;
pub use error::{GetError, GetErrorKind, PutError, PutErrorKind};

use crate::sys::wait::Deadline;
use crate::wire::{Descriptor, Portable};
use crate::{Error, Result};
use inner::Inner;
use item::Item;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

/// Items on their way from many producers to many consumers, in any processes and threads. Python's `Queue`, `SimpleQueue` and `JoinableQueue`.
///
/// A clone or an argument is another handle to the same. Each item is got once, and those of one producer in its order. Items are any serde
/// types, but can't contain handles.
///
/// A put is done when it returns: the item is in the queue, no thread and no pipe is behind it, and the producer may end. What is in the
/// queue goes with the last handle to it.
///
/// A process may be killed at any moment. One that dies in a put has put its item or hasn't, one that dies in a get has taken its item or
/// hasn't. Nobody waits for it, and no other item is lost or comes twice.
///
/// A queue doesn't know who is still going to put: neither the end of all producers nor the drop of all other handles ends a [`get`](Self::get).
/// [`close`](Self::close) does; where producers may die before they call it, have [`wait`](fn@crate::wait) wait for them, too, or close it when they were joined.
///
/// It can be waited for with other things by [`wait`](fn@crate::wait), and got from by futures ([`get_async`](Self::get_async)) and, with the feature `stream`, as
/// a stream (`stream()`). All who wait so are woken when something comes, and look who gets it; who does nothing else is better off with [`get`](Self::get).
///
/// An item that is in the queue takes as much memory as it has bytes when serialized, and 8 to 16 more. The memory comes from the system as
/// it is needed, 64 KiB at least, and all but 16 MiB goes back when the queue has become much shorter. If there is none, a put fails; but where a container's limit is reached, the kernel
/// may end a process instead. An [unbounded](Self::unbounded) queue that nobody reads grows up to that, or to 16 GiB. Each handle takes so much of its
/// process's addresses, less if those are limited (`ulimit -v`), three descriptors, and 32 KiB.
///
/// What another process writes into the queue's memory, other than by this type, can make any operation fail or wait, or yield other items; no more.
///
/// ```
/// use offspring::{Queue, spawn, subprocess};
///
/// #[subprocess]
/// fn square(numbers: &Queue<u64>, squares: &Queue<u64>) {
///     while let Ok(number) = numbers.get() {
///         squares.put(number * number).unwrap();
///     }
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (numbers, squares) = (Queue::unbounded()?, Queue::unbounded()?);
///     let workers = [spawn!(square, &numbers, &squares)?, spawn!(square, &numbers, &squares)?];
///     for number in 1..=10 {
///         numbers.put(number)?;
///     }
///     numbers.close();
///     for worker in workers {
///         worker.join()?;
///     }
///     let mut sum = 0;
///     while let Ok(square) = squares.try_get() {
///         sum += square;
///     }
///     assert_eq!(sum, 385);
///     Ok(())
/// }
/// ```
pub struct Queue<T> {
    inner: Arc<Inner>,
    items: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned + 'static> Queue<T> {
    /// A queue that is never full.
    ///
    /// # Errors
    ///
    /// There are no descriptors, no addresses or no memory left.
    pub fn unbounded() -> Result<Self> {
        Self::create(u32::MAX)
    }

    /// A queue that is full with so many items.
    ///
    /// # Errors
    ///
    /// There are no descriptors, no addresses or no memory left, or `items` is 0.
    pub fn bounded(items: usize) -> Result<Self> {
        if items == 0 {
            let text = "a queue that may have 0 items would always be full";
            let error = io::Error::new(io::ErrorKind::InvalidInput, text);
            return Err(Error::system("can't create a Queue", error));
        }
        // More than the maximum don't fit in any case.
        Self::create(u32::try_from(items).unwrap_or(u32::MAX))
    }

    fn create(bound: u32) -> Result<Self> {
        match Inner::create(bound) {
            Ok(inner) => Ok(Self::of(inner)),
            Err(error) => Err(Error::system("can't create a Queue", error)),
        }
    }

    /// Puts an item, and waits for room if the queue is full.
    ///
    /// # Errors
    ///
    /// The queue is closed, the item can't be serialized, or there is no memory left. The error has the item.
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_until(item, Deadline::NEVER)
    }

    /// Puts an item if there is room.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put), or the queue is full.
    pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_until(item, Deadline::after(Duration::ZERO))
    }

    /// Puts an item, and waits at most so long for room.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put), or the queue was full all the time.
    pub fn put_timeout(&self, item: T, timeout: Duration) -> Result<(), PutError<T>> {
        self.put_until(item, Deadline::after(timeout))
    }

    fn put_until(&self, value: T, deadline: Deadline) -> Result<(), PutError<T>> {
        let item = match Item::of(&value) {
            Ok(item) => item,
            Err(error) => return Err(PutError::new(value, PutErrorKind::Encode, error)),
        };
        let control = self.inner.control.body();
        let room = || match control.is_closed() {
            true => u32::MAX,
            false => control.bound().saturating_sub(control.items()),
        };
        let put = || self.inner.put_now(&item, deadline);
        let done = self.inner.room().until(deadline, room, put);
        match done {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(PutError::new(value, PutErrorKind::Full, "")),
            Err(trouble) => Err(PutError::of(value, trouble)),
        }
    }

    /// Gets the next item, and waits for one if there is none; until the queue is [closed](Self::close), also if nobody is left who could put.
    ///
    /// # Errors
    ///
    /// The queue is closed and nothing is left in it, the item can't be deserialized, or there is no memory left.
    pub fn get(&self) -> Result<T, GetError> {
        self.get_until(Deadline::NEVER)
    }

    /// Gets the next item if there is one.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), or the queue is empty.
    pub fn try_get(&self) -> Result<T, GetError> {
        self.get_until(Deadline::after(Duration::ZERO))
    }

    /// Gets the next item, and waits at most so long for one.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), or the queue was empty all the time.
    pub fn get_timeout(&self, timeout: Duration) -> Result<T, GetError> {
        self.get_until(Deadline::after(timeout))
    }

    /// Items, until the queue is closed and empty; waits for each. An error is the last item, too, unless it is that an item is no `T`.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, GetError>> {
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let got = self.get();
            let error = got.as_ref().err().map(GetError::kind);
            is_over = error.is_some_and(|kind| kind != GetErrorKind::Decode);
            (error != Some(GetErrorKind::Closed)).then_some(got)
        })
    }

    fn get_until(&self, deadline: Deadline) -> Result<T, GetError> {
        let control = self.inner.control.body();
        let items = || match control.is_closed() {
            true => u32::MAX,
            false => control.items(),
        };
        let get = || self.inner.get_now(deadline);
        let Some(mut received) = self.inner.items().until(deadline, items, get)? else {
            return Err(GetError::new(GetErrorKind::Empty, ""));
        };
        T::decode(&received.body, &mut received.beside)
            .map_err(|error| GetError::new(GetErrorKind::Decode, error))
    }

    /// Says that an item that was got is done with. Once that is so for every item that was put, [`join`](Self::join) returns.
    ///
    /// # Errors
    ///
    /// This was said more often than items were put.
    pub fn task_done(&self) -> Result<()> {
        if self.inner.task_done() {
            return Ok(());
        }
        let text = "called more often than items were put into the queue";
        Err(Error::system("task_done", io::Error::other(text)))
    }
}

impl<T> Queue<T> {
    fn of(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            items: PhantomData,
        }
    }

    /// How many items there are. That may have changed when this returns.
    pub fn len(&self) -> usize {
        self.inner.control.body().items() as usize
    }

    /// Whether there are no items. That may have changed when this returns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are as many items as there may be. That may have changed when this returns.
    pub fn is_full(&self) -> bool {
        self.len() >= self.inner.control.body().bound() as usize
    }

    /// Waits until [`task_done`](Self::task_done) was called for every item that was put.
    ///
    /// A process that dies with an item doesn't call it: whoever finds that out has to, or to use [`join_timeout`](Self::join_timeout).
    pub fn join(&self) {
        self.inner.join(Deadline::NEVER);
    }

    /// [`join`](Self::join), but at most so long; `false` if some item isn't done by then.
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.inner.join(Deadline::after(timeout))
    }

    /// Lets nobody put any more. What is in the queue can still be got, and after that, get is an error. Those who wait learn of it.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.inner.control.body().is_closed()
    }
}

/// Another handle to the same.
impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            items: PhantomData,
        }
    }
}

/// As an argument of a call.
impl<T> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Inner {
            control,
            ring,
            alarm,
        } = &*self.inner;
        let fds = [control.fd(), ring.fd(), alarm.fd()];
        fds.map(Descriptor::lend).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fds = <[Descriptor; 3]>::deserialize(deserializer)?;
        let [control, items, alarm] = fds.map(Descriptor::into_fd);
        match Inner::open(control, items, alarm) {
            Ok(inner) => Ok(Self::of(inner)),
            Err(error) => Err(serde::de::Error::custom(format_args!(
                "a Queue can't be mapped: {error}"
            ))),
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
