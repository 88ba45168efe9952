//! What parent and child say to each other.

mod bytes;
pub(crate) mod codec;
pub(crate) mod fields;
pub(crate) mod frame;
mod handover;
pub(crate) mod message;
pub(crate) mod order;
mod plain;
mod portable;

pub use bytes::Bytes;
pub use codec::CodecError;
pub use message::{Message, Received};
pub(crate) use plain::Buffer;
pub use portable::Portable;
