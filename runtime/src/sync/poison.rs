//! What a lock says that may protect torn data.

use super::mutex::MutexGuard;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Whether data may be torn, and by what; lies in shared memory.
#[repr(transparent)]
pub(crate) struct Flag(AtomicU32);

impl Flag {
    #[inline]
    pub(crate) fn set(&self, cause: Cause) {
        self.0.store(cause as u32, Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<Cause> {
        match self.0.load(Relaxed) {
            0 => None,
            1 => Some(Cause::Panicked),
            _ => Some(Cause::Died),
        }
    }

    /// Hands out a guard, or the error that has it.
    #[inline(always)]
    pub(crate) fn check<G>(&self, guard: G) -> Result<G, PoisonError<G>> {
        match self.get() {
            None => Ok(guard),
            Some(cause) => Err(PoisonError { guard, cause }),
        }
    }
}

/// Why data may be torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The thread that held the lock panicked.
    Panicked = 1,
    /// The process that held the lock died, or its thread ended without giving it back.
    Died = 2,
}

/// The lock was taken, but one that held it before died or panicked in the midst of a change: the
/// data may be torn.
///
/// The guard is in here. Look at the data, put it right and call `clear_poison` on the lock, or go on as if nothing had happened:
///
/// ```
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lock = offspring::sync::Mutex::new([0_u32; 2])?;
/// let mut data = lock.lock().unwrap_or_else(|poisoned| {
///     let mut data = poisoned.into_inner();
///     *data = [0; 2];
///     lock.clear_poison();
///     data
/// });
/// data[0] += 1;
/// # Ok(())
/// # }
/// ```
pub struct PoisonError<G> {
    guard: G,
    cause: Cause,
}

/// What [`Mutex::lock`](super::Mutex::lock) says of data that may be torn.
pub type Poisoned<'a, T> = PoisonError<MutexGuard<'a, T>>;

impl<G> PoisonError<G> {
    /// The guard, as if nothing had happened.
    pub fn into_inner(self) -> G {
        self.guard
    }

    /// The guard, lent.
    pub fn get_ref(&self) -> &G {
        &self.guard
    }

    /// The guard, lent.
    pub fn get_mut(&mut self) -> &mut G {
        &mut self.guard
    }

    /// What became of the one that held the lock.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    pub(crate) fn map<H>(self, to: impl FnOnce(G) -> H) -> PoisonError<H> {
        PoisonError {
            guard: to(self.guard),
            cause: self.cause,
        }
    }
}

impl<G> fmt::Debug for PoisonError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoisonError")
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl<G> fmt::Display for PoisonError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(describe(self.cause))
    }
}

fn describe(cause: Cause) -> &'static str {
    match cause {
        Cause::Panicked => {
            "poisoned: a thread panicked with the lock held, so what it protects may be torn"
        }
        Cause::Died => {
            "poisoned: a process died with the lock held, so what it protects may be torn"
        }
    }
}

impl<G> Error for PoisonError<G> {}

impl<G> From<PoisonError<G>> for crate::Error {
    fn from(error: PoisonError<G>) -> Self {
        Self::poisoned(describe(error.cause))
    }
}

/// Why a lock wasn't taken at once, or in time.
pub enum TryLockError<G> {
    /// It was taken, but what it protects may be torn.
    Poisoned(PoisonError<G>),
    /// It is held, maybe by this very thread, and was so for the whole time that there was.
    WouldBlock,
}

impl<G> TryLockError<G> {
    pub(crate) fn map<H>(self, to: impl FnOnce(G) -> H) -> TryLockError<H> {
        match self {
            Self::Poisoned(error) => TryLockError::Poisoned(error.map(to)),
            Self::WouldBlock => TryLockError::WouldBlock,
        }
    }

    pub(crate) fn from_result(result: Result<G, PoisonError<G>>) -> Result<G, Self> {
        result.map_err(Self::Poisoned)
    }
}

impl<G> fmt::Debug for TryLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned(error) => f.debug_tuple("Poisoned").field(error).finish(),
            Self::WouldBlock => f.write_str("WouldBlock"),
        }
    }
}

impl<G> fmt::Display for TryLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned(error) => error.fmt(f),
            Self::WouldBlock => f.write_str("the lock is held"),
        }
    }
}

impl<G> Error for TryLockError<G> {}

impl<G> From<PoisonError<G>> for TryLockError<G> {
    fn from(error: PoisonError<G>) -> Self {
        Self::Poisoned(error)
    }
}

impl<G> From<TryLockError<G>> for crate::Error {
    fn from(error: TryLockError<G>) -> Self {
        match error {
            TryLockError::Poisoned(error) => error.into(),
            TryLockError::WouldBlock => Self::system(
                "a lock",
                std::io::Error::new(std::io::ErrorKind::WouldBlock, "it is held"),
            ),
        }
    }
}
