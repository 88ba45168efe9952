//! Why nothing was put or got.

use crate::Error;
use std::{fmt, io};

/// Why an item could not be put into a [`Queue`](super::Queue). It has the item.
pub struct PutError<T> {
    value: T,
    kind: PutErrorKind,
    detail: String,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutErrorKind {
    /// There is no room, or there was none before the time was up.
    Full,
    /// The queue is closed.
    Closed,
    /// The item can't be serialized, has a handle in it, or is too long.
    Encode,
    /// The system has no memory left, or all the addresses of the queue (16 GiB) are in use.
    NoMemory,
    /// A process that has the queue has written over its memory.
    Damaged,
}

/// Why nothing could be got from a [`Queue`](super::Queue).
pub struct GetError {
    kind: GetErrorKind,
    detail: String,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetErrorKind {
    /// There is no item, or there was none before the time was up.
    Empty,
    /// The queue is closed, and everything that was in it has been got.
    Closed,
    /// An item was got and can't be deserialized. It is lost.
    Decode,
    /// This process has no memory for the item, which stays in the queue.
    NoMemory,
    /// The system refused what it takes to wake a future.
    System,
    /// A process that has the queue has written over its memory.
    Damaged,
}

/// What either side can run into.
#[derive(Debug)]
pub(super) enum Trouble {
    Closed,
    Damaged,
    NoMemory(String),
}

impl Trouble {
    pub(super) fn no_memory(detail: impl fmt::Display) -> Self {
        Self::NoMemory(detail.to_string())
    }
}

impl<T> PutError<T> {
    pub(super) fn new(value: T, kind: PutErrorKind, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string();
        Self {
            value,
            kind,
            detail,
        }
    }

    pub(super) fn of(value: T, trouble: Trouble) -> Self {
        match trouble {
            Trouble::Closed => Self::new(value, PutErrorKind::Closed, ""),
            Trouble::Damaged => Self::new(value, PutErrorKind::Damaged, ""),
            Trouble::NoMemory(detail) => Self::new(value, PutErrorKind::NoMemory, detail),
        }
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> PutErrorKind {
        self.kind
    }

    /// The item.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl GetError {
    pub(super) fn new(kind: GetErrorKind, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string();
        Self { kind, detail }
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> GetErrorKind {
        self.kind
    }
}

impl From<Trouble> for GetError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Closed => Self::new(GetErrorKind::Closed, ""),
            Trouble::Damaged => Self::new(GetErrorKind::Damaged, ""),
            Trouble::NoMemory(detail) => Self::new(GetErrorKind::NoMemory, detail),
        }
    }
}

/// What keeps a future from being woken.
impl From<Error> for GetError {
    fn from(error: Error) -> Self {
        Self::new(GetErrorKind::System, error)
    }
}

const CLOSED: &str = "the queue is closed";
const DAMAGED: &str = "the queue's memory is damaged: a process that has it wrote over it";

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PutErrorKind::Full => f.write_str("the queue is full"),
            PutErrorKind::Closed => f.write_str(CLOSED),
            PutErrorKind::Encode => write!(f, "the item can't be serialized: {}", self.detail),
            PutErrorKind::NoMemory => write!(f, "the queue has no memory left: {}", self.detail),
            PutErrorKind::Damaged => f.write_str(DAMAGED),
        }
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            GetErrorKind::Empty => f.write_str("the queue is empty"),
            GetErrorKind::Closed => write!(f, "{CLOSED}, and nothing is left in it"),
            GetErrorKind::Decode => write!(f, "the item can't be deserialized: {}", self.detail),
            GetErrorKind::NoMemory => write!(f, "there is no memory left {}", self.detail),
            GetErrorKind::System => write!(f, "the queue can't wake a future: {}", self.detail),
            GetErrorKind::Damaged => f.write_str(DAMAGED),
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PutError({self})")
    }
}

impl fmt::Debug for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GetError({self})")
    }
}

impl<T> std::error::Error for PutError<T> {}
impl std::error::Error for GetError {}

impl<T> From<PutError<T>> for Error {
    fn from(error: PutError<T>) -> Self {
        let kind = match error.kind {
            PutErrorKind::Full => io::ErrorKind::WouldBlock,
            PutErrorKind::Closed => io::ErrorKind::BrokenPipe,
            PutErrorKind::Encode => io::ErrorKind::InvalidInput,
            PutErrorKind::NoMemory => io::ErrorKind::OutOfMemory,
            PutErrorKind::Damaged => io::ErrorKind::InvalidData,
        };
        Self::system("put", io::Error::new(kind, error.to_string()))
    }
}

impl From<GetError> for Error {
    fn from(error: GetError) -> Self {
        let kind = match error.kind {
            GetErrorKind::Empty => io::ErrorKind::WouldBlock,
            GetErrorKind::Closed => io::ErrorKind::BrokenPipe,
            GetErrorKind::NoMemory => io::ErrorKind::OutOfMemory,
            GetErrorKind::System => io::ErrorKind::Other,
            GetErrorKind::Decode | GetErrorKind::Damaged => io::ErrorKind::InvalidData,
        };
        Self::system("get", io::Error::new(kind, error.to_string()))
    }
}
