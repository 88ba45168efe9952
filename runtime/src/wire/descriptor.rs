//! File descriptors as parts of arguments: how handles to shared memory and to locks travel.
//!
//! In a message, descriptors lie [beside the body](super::message::Message::fds), which refers to them by
//! index. Between a handle's implementation of serde's traits and the codec they go
//! [by hand](super::handover), in both directions.
//!
//! They go one way only, from a parent to its child: a parent takes none (see
//! [`refuse_fds`](crate::sys::socket::refuse_fds)), so that a result with one is an error. To any other
//! serializer, and to what serde itself buffers, a handle is an error as well, and never a number:
//! that would mean another file wherever it is read.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, Unexpected, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use super::handover::{self, Parcel};
use crate::sys::fd;

const ONLY_AN_ARGUMENT: &str = "a handle can only be sent as an argument of a call or in a message of a channel: not in other \
    data formats, and not inside of #[serde(flatten)], untagged or internally tagged types";

/// A descriptor that has arrived in an argument.
#[derive(Debug)]
pub(crate) struct Descriptor(OwnedFd);

/// A descriptor to be sent: the receiver gets one of its own for the same open file.
pub(crate) enum Lent<'a> {
    /// It is duplicated each time.
    Borrowed(BorrowedFd<'a>),
    /// All messages share it, so that however many tasks that wait in a pool take no other.
    Shared(&'a Arc<OwnedFd>),
}

impl Descriptor {
    /// What to serialize, to be deserialized as a `Descriptor`.
    pub(crate) fn lend<'a>(fd: impl Into<Lent<'a>>) -> Lent<'a> {
        fd.into()
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl<'a> From<BorrowedFd<'a>> for Lent<'a> {
    fn from(fd: BorrowedFd<'a>) -> Self {
        Self::Borrowed(fd)
    }
}

impl<'a> From<&'a Arc<OwnedFd>> for Lent<'a> {
    fn from(fd: &'a Arc<OwnedFd>) -> Self {
        Self::Shared(fd)
    }
}

impl Serialize for Lent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handover::DESCRIPTOR, &Marker(self))
    }
}

/// The content of the newtype struct by which a descriptor announces itself.
struct Marker<'a>(&'a Lent<'a>);

impl Serialize for Marker<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parcel = || {
            Parcel::Fd(match self.0 {
                Lent::Borrowed(fd) => fd::duplicate(*fd).map(Arc::new),
                Lent::Shared(fd) => Ok(Arc::clone(fd)),
            })
        };
        if handover::offer(parcel) {
            // The encoder drops this again; it only makes an `S::Ok`.
            serializer.serialize_unit()
        } else {
            Err(S::Error::custom(ONLY_AN_ARGUMENT))
        }
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(handover::DESCRIPTOR, DescriptorVisitor)
    }
}

struct DescriptorVisitor;

impl<'de> Visitor<'de> for DescriptorVisitor {
    type Value = Descriptor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handle")
    }

    /// What the decoder answers while it [delivers](handover::deliver) one.
    fn visit_unit<E: serde::de::Error>(self) -> Result<Descriptor, E> {
        let fd = handover::accept();
        fd.map(Descriptor)
            .ok_or_else(|| E::invalid_type(Unexpected::Unit, &self))
    }

    /// What other formats answer, and serde's buffers.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<Descriptor, D::Error> {
        Err(D::Error::custom(ONLY_AN_ARGUMENT))
    }
}

#[cfg(test)]
pub(super) mod tests;
