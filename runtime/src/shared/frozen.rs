//! Data that nobody can change any more.

use super::sealed::Sealed;
use super::shareable::Shareable;
use crate::wire::Descriptor;
use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A slice in shared memory that nobody can change any more: neither this process nor any that gets it, whatever it
/// does.
///
/// It derefs to `&[T]`. As an argument it costs a mapping, however large it is, and no copy: the way to give much data to many
/// processes.
///
/// A clone shares the mapping. The memory is freed with its last user, however that ends; nobody's death has an effect on others.
///
/// ```
/// use offspring::shared::Frozen;
/// use offspring::{spawn, subprocess};
///
/// #[subprocess]
/// fn sum(numbers: &Frozen<f64>, from: usize, to: usize) -> f64 {
///     numbers[from..to].iter().sum()
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let numbers = Frozen::from_slice(&vec![0.5; 100_000])?;
///     let halves = [
///         spawn!(sum, &numbers, 0, 50_000)?,
///         spawn!(sum, &numbers, 50_000, 100_000)?,
///     ];
///     for half in halves {
///         assert_eq!(half.join()?, 25_000.0);
///     }
///     Ok(())
/// }
/// ```
pub struct Frozen<T: Shareable + Copy>(Arc<Sealed<T>>);

impl<T: Shareable + Copy> Frozen<T> {
    /// Copies the values into memory that is then frozen.
    ///
    /// What is computed piece by piece, or by many processes, is rather put into an [`Array`](super::Array) and then
    /// [frozen](super::Array::freeze), without a copy.
    ///
    /// # Errors
    ///
    /// `values` are none, or there are no descriptors or no memory left.
    pub fn from_slice(values: &[T]) -> Result<Self> {
        let sealed = Sealed::copied(values).map_err(|error| {
            let what = format!("can't create a Frozen of {} elements", values.len());
            Error::system(what, error)
        })?;
        Ok(Self(Arc::new(sealed)))
    }

    /// Of memory that was sealed.
    pub(super) fn open(fd: Arc<OwnedFd>, len: usize) -> io::Result<Self> {
        Ok(Self(Arc::new(Sealed::open(fd, len)?)))
    }
}

impl<T: Shareable + Copy> Deref for Frozen<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.0.as_slice()
    }
}

impl<T: Shareable + Copy> AsRef<[T]> for Frozen<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<'a, T: Shareable + Copy> IntoIterator for &'a Frozen<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Shareable + Copy> Clone for Frozen<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Shareable + Copy> fmt::Debug for Frozen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// As an argument of a call.
impl<T: Shareable + Copy> Serialize for Frozen<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Descriptor::lend(self.0.fd()), self.len()).serialize(serializer)
    }
}

/// What arrives is looked at: it is frozen, and as long as is said.
impl<'de, T: Shareable + Copy> Deserialize<'de> for Frozen<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (fd, len) = <(Descriptor, usize)>::deserialize(deserializer)?;
        Self::open(Arc::new(fd.into_fd()), len).map_err(|error| {
            serde::de::Error::custom(format_args!("a Frozen can't be mapped: {error}"))
        })
    }
}
