// Not public API. What the fuzzers of `runtime/fuzz` reach; it exists under `cfg(fuzzing)` alone.

#![allow(missing_docs, missing_debug_implementations)]

pub use crate::channel::fuzzing::{
    CONTROL, LARGEST_CHUNK, READ, READER_LEFT, READER_SLEEPS, RING, WRITER_SLEEPS, WRITTEN, arrive,
    of_receiver, of_sender,
};
pub use crate::wire::fuzzing::{
    Frame, Parts, decode, encode, frame, pass, read_report, send, value,
};
