//! Why something wasn't sent or received.

use super::reader::Missed;
use super::writer::Refused;
use crate::Error;
use crate::wire::CodecError;
use std::{fmt, io};

/// Why a value wasn't sent. It is in here.
pub struct SendError<T> {
    value: T,
    failure: SendFailure,
}

/// What became of something to be sent.
pub(super) struct SendFailure {
    kind: SendErrorKind,
    detail: Option<String>,
    source: Option<io::Error>,
}

/// The kinds of [`SendError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The receiver was dropped, or its process has ended.
    Closed,
    /// There was no room, for as long as there was time.
    Full,
    /// This end has been moved to another process.
    Moved,
    /// The value can't be serialized.
    Encode,
    /// What lies in the channel's memory can't be: a process that shares it has written where it shouldn't.
    Damaged,
    /// The system refused.
    System,
}

impl SendFailure {
    pub(super) fn moved() -> Self {
        SendErrorKind::Moved.into()
    }

    pub(super) fn encode(error: &CodecError) -> Self {
        Self {
            kind: SendErrorKind::Encode,
            detail: Some(error.to_string()),
            source: None,
        }
    }

    pub(super) fn with<T>(self, value: T) -> SendError<T> {
        SendError {
            value,
            failure: self,
        }
    }
}

impl From<SendErrorKind> for SendFailure {
    fn from(kind: SendErrorKind) -> Self {
        Self {
            kind,
            detail: None,
            source: None,
        }
    }
}

impl From<Refused> for SendFailure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => SendErrorKind::Closed.into(),
            Refused::TimedOut => SendErrorKind::Full.into(),
            Refused::Damaged => SendErrorKind::Damaged.into(),
            Refused::System(error) => Self {
                kind: SendErrorKind::System,
                detail: None,
                source: Some(error),
            },
        }
    }
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SendErrorKind::Closed => "the channel is closed: its receiver was dropped or its process has ended",
            SendErrorKind::Full => "the channel is full: its receiver hasn't made room in time",
            SendErrorKind::Moved => "this end of the channel has been moved to another process",
            SendErrorKind::Encode => "the value can't be serialized",
            SendErrorKind::Damaged => "the channel's memory is damaged: a process that shares it has written where it shouldn't",
            SendErrorKind::System => "the channel can't send",
        })?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl From<SendFailure> for Error {
    fn from(failure: SendFailure) -> Self {
        let kind = match failure.kind {
            SendErrorKind::Closed => io::ErrorKind::BrokenPipe,
            SendErrorKind::Full => io::ErrorKind::TimedOut,
            SendErrorKind::System => match failure.source {
                Some(source) => return Self::system("the channel can't send", source),
                None => io::ErrorKind::Other,
            },
            SendErrorKind::Encode | SendErrorKind::Damaged => io::ErrorKind::InvalidData,
            SendErrorKind::Moved => io::ErrorKind::InvalidInput,
        };
        Self::system("sending", io::Error::new(kind, failure.to_string()))
    }
}

impl<T> SendError<T> {
    /// The value that wasn't sent.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// What is the matter.
    pub fn kind(&self) -> SendErrorKind {
        self.failure.kind
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendError({})", self.failure)
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl<T> std::error::Error for SendError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure.source.as_ref().map(|source| source as _)
    }
}

impl<T> From<SendError<T>> for Error {
    fn from(error: SendError<T>) -> Self {
        error.failure.into()
    }
}

/// Why nothing was received.
pub struct RecvError {
    kind: RecvErrorKind,
    detail: Option<String>,
    source: Option<io::Error>,
}

/// The kinds of [`RecvError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvErrorKind {
    /// The sender was dropped, or its process has ended, and all that it has sent was received: Python's `EOFError`.
    Closed,
    /// Nothing has come, for as long as there was time.
    Empty,
    /// The sender's process has ended in the middle of a message, or its sender was dropped there.
    Truncated,
    /// This end has been moved to another process.
    Moved,
    /// The next message is bytes and a value was asked for, or the other way round. It is still there.
    OtherKind,
    /// The next message has so many bytes, more than the buffer. It is still there.
    TooLong(usize),
    /// The message is no value of this type.
    Decode,
    /// What lies in the channel's memory can't be: a process that shares it has written where it shouldn't.
    Damaged,
    /// The system refused.
    System,
}

impl RecvError {
    /// What is the matter.
    pub fn kind(&self) -> RecvErrorKind {
        self.kind
    }

    pub(super) fn moved() -> Self {
        RecvErrorKind::Moved.into()
    }

    pub(super) fn decode(error: &CodecError) -> Self {
        Self {
            kind: RecvErrorKind::Decode,
            detail: Some(error.to_string()),
            source: None,
        }
    }
}

impl From<RecvErrorKind> for RecvError {
    fn from(kind: RecvErrorKind) -> Self {
        Self {
            kind,
            detail: None,
            source: None,
        }
    }
}

impl From<Missed> for RecvError {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Ended => RecvErrorKind::Closed.into(),
            Missed::Truncated => RecvErrorKind::Truncated.into(),
            Missed::TimedOut => RecvErrorKind::Empty.into(),
            Missed::OtherKind => RecvErrorKind::OtherKind.into(),
            Missed::TooLong(len) => RecvErrorKind::TooLong(len).into(),
            Missed::Damaged(what) => Self {
                kind: RecvErrorKind::Damaged,
                detail: Some(what.to_owned()),
                source: None,
            },
            Missed::System(error) => Self {
                kind: RecvErrorKind::System,
                detail: None,
                source: Some(error),
            },
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RecvErrorKind::Closed => "the channel is closed: its sender was dropped or its process has ended",
            RecvErrorKind::Empty => "the channel is empty: nothing has come in time",
            RecvErrorKind::Truncated => "the sender has ended in the middle of a message",
            RecvErrorKind::Moved => "this end of the channel has been moved to another process",
            RecvErrorKind::OtherKind => "the next message is of the other kind: values are received by `recv`, bytes by `recv_bytes`",
            RecvErrorKind::TooLong(_) => "the next message is longer than the buffer",
            RecvErrorKind::Decode => "the message is no value of the channel's type",
            RecvErrorKind::Damaged => "the channel's memory is damaged: a process that shares it has written where it shouldn't",
            RecvErrorKind::System => "the channel can't receive",
        })?;
        if let RecvErrorKind::TooLong(len) = self.kind {
            write!(f, ": it has {len} bytes")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecvError({self})")
    }
}

impl std::error::Error for RecvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Self {
        let kind = match error.kind {
            RecvErrorKind::System => match error.source {
                Some(source) => return Self::system("the channel can't receive", source),
                None => io::ErrorKind::Other,
            },
            RecvErrorKind::Moved => io::ErrorKind::InvalidInput,
            RecvErrorKind::Closed | RecvErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            RecvErrorKind::Empty => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::InvalidData,
        };
        Self::system("receiving", io::Error::new(kind, error.to_string()))
    }
}

/// What keeps a future from being woken.
impl From<Error> for RecvError {
    fn from(error: Error) -> Self {
        Self {
            kind: RecvErrorKind::System,
            detail: Some(error.to_string()),
            source: None,
        }
    }
}
