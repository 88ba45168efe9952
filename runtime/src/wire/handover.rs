//! Passing things through serde that none of its methods can carry.
//!
//! A type like [`Bytes`](crate::Bytes) wants to be sent from where it lies, but all that serde lets it
//! say is "here is a byte slice", borrowed for a moment. So it announces itself by a newtype struct with
//! a reserved name. The encoder knows that name, and while it serializes the content it
//! [collects](collect): the content then [offers](offer) the thing itself through a thread local.
//! In front of any other serializer nobody collects, and the type falls back to ordinary data, or to an
//! error.
//!
//! On the other side the decoder meets a reserved name, and [delivers](deliver) what belongs there to the
//! visitor, which [accepts](accept) it.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Names that begin like this belong to this crate. No Rust type can have such a name by accident.
const PREFIX: &str = "\0offspring::";

/// The name under which [`Bytes`](crate::Bytes) announces itself.
pub(crate) const BYTES: &str = "\0offspring::Bytes";

/// The name under which a [`Descriptor`](super::Descriptor) announces itself.
pub(crate) const DESCRIPTOR: &str = "\0offspring::Descriptor";

/// The name under which a [`Move`](super::Move) announces itself.
pub(crate) const MOVE: &str = "\0offspring::Move";

/// Something handed to the encoder.
pub(crate) enum Parcel {
    Move(super::moving::Given),
    Bytes(Arc<Vec<u8>>),
    /// Or why there is none.
    Fd(io::Result<Arc<OwnedFd>>),
}

#[derive(Default)]
enum Counter {
    /// Nobody collects.
    #[default]
    Closed,
    /// An encoder waits for a parcel.
    Open,
    Holds(Parcel),
}

thread_local! {
    static COUNTER: Cell<Counter> = const { Cell::new(Counter::Closed) };
    static DELIVERY: Cell<Option<OwnedFd>> = const { Cell::new(None) };
}

/// Whether a newtype struct of this name may offer a parcel.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Runs `serialize` and returns what it offered, if it did.
pub(crate) fn collect<R>(serialize: impl FnOnce() -> R) -> (R, Option<Parcel>) {
    // Closes on unwinding, too: after a panic the next value must not hand over to nobody.
    struct Closing(Counter);
    impl Drop for Closing {
        fn drop(&mut self) {
            swap(std::mem::take(&mut self.0));
        }
    }

    let closing = Closing(swap(Counter::Open));
    let result = serialize();
    let parcel = match swap(Counter::Closed) {
        Counter::Holds(parcel) => Some(parcel),
        Counter::Open | Counter::Closed => None,
    };
    drop(closing);
    (result, parcel)
}

/// Gives a parcel to an encoder that collects. If there is none, returns `false` without making one.
pub(crate) fn offer(parcel: impl FnOnce() -> Parcel) -> bool {
    match swap(Counter::Closed) {
        Counter::Open => {
            swap(Counter::Holds(parcel()));
            true
        }
        other => {
            swap(other);
            false
        }
    }
}

fn swap(new: Counter) -> Counter {
    // While the thread ends, the counter may be gone; that is as good as closed.
    COUNTER
        .try_with(|counter| counter.replace(new))
        .unwrap_or_default()
}

/// Runs `visit`, which may [accept] the descriptor, and closes it if it doesn't.
pub(crate) fn deliver<R>(fd: OwnedFd, visit: impl FnOnce() -> R) -> R {
    // Ends on unwinding, too: what is there then is for nobody else.
    struct Ending(Option<OwnedFd>);
    impl Drop for Ending {
        fn drop(&mut self) {
            replace(self.0.take());
        }
    }

    let _ending = Ending(replace(Some(fd)));
    visit()
}

/// Takes the descriptor that is being delivered, if one is.
pub(crate) fn accept() -> Option<OwnedFd> {
    replace(None)
}

fn replace(new: Option<OwnedFd>) -> Option<OwnedFd> {
    // As above. The descriptor is closed then, and its receiver says that there is none.
    DELIVERY
        .try_with(|delivery| delivery.replace(new))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::wait::{Deadline, poll};
    use nix::poll::{PollFd, PollFlags};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    fn parcel() -> Parcel {
        Parcel::Bytes(Arc::new(vec![1]))
    }

    #[test]
    fn one_parcel_per_collection() {
        assert!(!offer(parcel));
        let ((first, second), collected) = collect(|| (offer(parcel), offer(parcel)));
        assert!(first && !second);
        assert!(matches!(collected, Some(Parcel::Bytes(bytes)) if *bytes == [1]));
        assert!(!offer(parcel));
    }

    #[test]
    fn closes_when_nothing_comes() {
        assert!(collect(|| ()).1.is_none());
        assert!(!offer(parcel));
    }

    #[test]
    fn closes_after_a_panic() {
        let panicked = std::panic::catch_unwind(|| collect(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert!(!offer(parcel));
    }

    fn pipe() -> (OwnedFd, OwnedFd) {
        crate::sys::fd::pipe().unwrap()
    }

    /// Whether the other end of the pipe is closed, or soon will be: a process that is being started by another
    /// test may have it for a moment.
    fn is_closed(write: &OwnedFd) -> bool {
        let mut polled = [PollFd::new(write.as_fd(), PollFlags::empty())];
        poll(&mut polled, Deadline::after(Duration::from_secs(10))).unwrap()
    }

    #[test]
    fn a_delivery_is_accepted_once() {
        let (read, _write) = pipe();
        let number = read.as_raw_fd();
        let (first, second) = deliver(read, || (accept(), accept()));
        assert_eq!(first.map(|fd| fd.as_raw_fd()), Some(number));
        assert!(second.is_none());
        assert!(accept().is_none());
    }

    #[test]
    fn what_nobody_accepts_is_closed() {
        let (read, write) = pipe();
        deliver(read, || ());
        assert!(is_closed(&write));
        let (read, write) = pipe();
        let panicked = std::panic::catch_unwind(|| deliver(read, || panic!("on purpose")));
        assert!(panicked.is_err() && is_closed(&write));
        assert!(accept().is_none());
    }

    #[test]
    fn a_delivery_inside_of_another_gets_its_own() {
        let ((outer, _a), (inner, b), (neither, c)) = (pipe(), pipe(), pipe());
        let numbers = (Some(outer.as_raw_fd()), Some(inner.as_raw_fd()));
        let accepted = deliver(outer, || {
            deliver(neither, || ());
            let inner = deliver(inner, || (accept(), accept()));
            assert!(inner.1.is_none());
            (accept(), inner.0)
        });
        let number = |fd: &Option<OwnedFd>| fd.as_ref().map(AsRawFd::as_raw_fd);
        assert_eq!((number(&accepted.0), number(&accepted.1)), numbers);
        drop(accepted);
        assert!(is_closed(&b) && is_closed(&c));
    }

    #[test]
    fn nests() {
        let (inner, outer) = collect(|| collect(|| offer(parcel)).1.is_some() && offer(parcel));
        assert!(inner && outer.is_some());
    }
}
