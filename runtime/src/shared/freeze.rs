//! The error of freezing, which gives back what could not be frozen.

use crate::Error;
use std::{fmt, io};

/// Why memory can't be frozen: somebody still maps it for writing.
///
/// `?` turns it into an [`Error`]; [`into_inner`](Self::into_inner) gives the memory back.
///
/// ```
/// use offspring::shared::Array;
///
/// # fn main() -> offspring::Result<()> {
/// let array = Array::from_slice(&[1.0, 2.0])?;
/// let other = array.clone();
/// let error = array.freeze().unwrap_err();
/// assert!(error.to_string().contains("another handle"));
///
/// drop(other);
/// let array = error.into_inner().unwrap();
/// let frozen = array.freeze()?;
/// assert_eq!(*frozen, [1.0, 2.0]);
/// # Ok(())
/// # }
/// ```
pub struct FreezeError<H> {
    handle: Option<H>,
    error: Error,
}

impl<H> FreezeError<H> {
    pub(super) fn new(handle: Option<H>, what: &str, error: io::Error) -> Self {
        let error = Error::system(format!("can't freeze {what}"), error);
        Self { handle, error }
    }

    /// The memory, as it was. `None` if it could not be mapped again, or is frozen and could not be mapped as that: then the system
    /// has run out of something.
    pub fn into_inner(self) -> Option<H> {
        self.handle
    }
}

impl<H> From<FreezeError<H>> for Error {
    fn from(error: FreezeError<H>) -> Self {
        error.error
    }
}

impl<H> fmt::Debug for FreezeError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreezeError({})", self.error)
    }
}

impl<H> fmt::Display for FreezeError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<H> std::error::Error for FreezeError<H> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}
