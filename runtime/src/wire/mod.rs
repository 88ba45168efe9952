//! What parent and child say to each other.

mod bytes;
pub(crate) mod codec;
mod descriptor;
mod fd;
pub(crate) mod fields;
pub(crate) mod frame;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod handover;
pub(crate) mod message;
mod moving;
pub(crate) mod order;
mod plain;
mod portable;

pub use bytes::Bytes;
pub use codec::CodecError;
pub(crate) use descriptor::Descriptor;
pub use fd::Fd;
pub use message::{Beside, Message, Received};
pub(crate) use moving::{Move, Moving};
pub(crate) use plain::Buffer;
pub use portable::Portable;
