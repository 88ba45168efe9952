//! A child's standard streams.

use crate::sys::fd;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What a standard stream of a child is: [`Call::stdin`](crate::Call::stdin) and its like.
#[derive(Clone, Debug)]
pub struct Stdio(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Inherit,
    Null,
    Piped,
    Fd(Arc<OwnedFd>),
}

impl Stdio {
    /// The same as the parent's.
    pub fn inherit() -> Self {
        Self(Kind::Inherit)
    }

    /// Empty to read from, and what is written to it is lost: `/dev/null`.
    pub fn null() -> Self {
        Self(Kind::Null)
    }

    /// A pipe, the other end of which the parent takes from the [`Process`](crate::Process).
    ///
    /// A child that writes to a pipe which nobody reads waits when it is full.
    pub fn piped() -> Self {
        Self(Kind::Piped)
    }
}

/// An open file, pipe or socket.
impl<T: Into<OwnedFd>> From<T> for Stdio {
    fn from(file: T) -> Self {
        Self(Kind::Fd(Arc::new(file.into())))
    }
}

/// A stream as it is given to one child.
pub(super) enum Opened {
    Inherit,
    Null,
    Fd(Arc<OwnedFd>),
}

impl Stdio {
    /// For stream `number`; of a pipe, the parent's end comes beside.
    pub(super) fn open(&self, number: usize) -> io::Result<(Opened, Option<OwnedFd>)> {
        Ok(match &self.0 {
            Kind::Inherit => (Opened::Inherit, None),
            Kind::Null => (Opened::Null, None),
            Kind::Fd(fd) => (Opened::Fd(fd.clone()), None),
            Kind::Piped => {
                let (read, write) = fd::pipe()?;
                let (theirs, ours) = if number == 0 {
                    (read, write)
                } else {
                    (write, read)
                };
                (Opened::Fd(Arc::new(theirs)), Some(ours))
            }
        })
    }
}
