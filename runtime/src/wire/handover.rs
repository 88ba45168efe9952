//! Passing things to the encoder that no [`Serializer`](serde::Serializer) method can carry.
//!
//! A type like [`Bytes`](crate::Bytes) wants to be sent from where it lies, but all that serde lets it
//! say is "here is a byte slice", borrowed for a moment. So it announces itself by a newtype struct with
//! a reserved name. The encoder knows that name, and while it serializes the content it
//! [collects](collect): the content then [offers](offer) the thing itself through a thread local.
//! In front of any other serializer nobody collects, and the type falls back to ordinary data.

use std::cell::Cell;
use std::sync::Arc;

/// Names that begin like this belong to this crate. No Rust type can have such a name by accident.
const PREFIX: &str = "\0offspring::";

/// The name under which [`Bytes`](crate::Bytes) announces itself.
pub(crate) const BYTES: &str = "\0offspring::Bytes";

/// Something handed to the encoder.
pub(crate) enum Parcel {
    Bytes(Arc<Vec<u8>>),
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn nests() {
        let (inner, outer) = collect(|| collect(|| offer(parcel)).1.is_some() && offer(parcel));
        assert!(inner && outer.is_some());
    }
}
