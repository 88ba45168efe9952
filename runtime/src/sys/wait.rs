//! Waiting for descriptors with a deadline: ppoll(2).

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The moment up to which an operation may take; `None` is for ever.
///
/// A duration too long for the clock is for ever, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    pub(crate) fn is_never(self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// This one, or one in `time` if that is earlier.
    pub(crate) fn at_most(self, time: Duration) -> Self {
        match self.remaining() {
            Some(left) if left < time => self,
            _ => Self::after(time),
        }
    }

    /// This one, or one in `time` if that is later.
    pub(crate) fn at_least(self, time: Duration) -> Self {
        match self.remaining() {
            Some(left) if left < time => Self::after(time),
            _ => self,
        }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0
            .map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// Waits until one of `fds` has what it is polled for, an end or an error; `false` after the
/// deadline. Signals that interrupt don't end the wait.
pub(crate) fn poll(fds: &mut [PollFd<'_>], deadline: Deadline) -> io::Result<bool> {
    loop {
        let timeout = deadline.remaining().map(TimeSpec::from_duration);
        match ppoll(fds, timeout, None) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Which of `fds` are readable, at an end or in error.
pub(crate) fn wait_readable(
    fds: &[BorrowedFd<'_>],
    time: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = fds
        .iter()
        .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
        .collect();
    poll(&mut polled, time.map_or(Deadline::NEVER, Deadline::after))?;
    Ok(polled.iter().map(is_ready).collect())
}

pub(crate) fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.revents().is_some_and(|events| !events.is_empty())
}
