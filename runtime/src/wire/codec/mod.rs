//! Turns any serde type into bytes and back.
//!
//! # Why a format of its own
//!
//! A type must come out exactly as it went in, whatever it does with serde: `flatten`, `untagged`,
//! maps with structs as keys, `Option<Option<T>>`, not-a-numbers. So the format describes itself (every
//! value begins with a tag), and it keeps apart whatever serde keeps apart. It need not be stable or
//! portable: both ends are the same program on the same machine.
//!
//! # Grammar
//!
//! A *count* is an unsigned LEB128 number. Numbers are little-endian.
//!
//! | tag | followed by |
//! |---|---|
//! | `UNIT`, `NONE`, `FALSE`, `TRUE` | nothing |
//! | `SOME` | a value |
//! | `U8` ... `U128`, `I8` ... `I128`, `F32`, `F64` | the number in its width, floats as their bits |
//! | `CHAR` | the code point, four bytes |
//! | `STR`, `BYTES` | count of bytes, the bytes |
//! | `SEQ` | count of elements, values, `END` |
//! | `MAP` | count of entries, keys and values in turn, `END` |
//! | `STRUCT` | names and values in turn, the zero byte |
//! | `UNIT_VARIANT` | name |
//! | `VARIANT` | name, content: a value; for tuple variants a `SEQ`, for struct variants a `STRUCT` |
//! | `RUN` | number of an [`Element`](super::message::Element), count of bytes, the bytes |
//! | `BULK`, `BULK_STR` | count: which bulk run of the message it is |
//! | `FD` | count: which descriptor of the message it is |
//!
//! The counts of `SEQ` and `MAP` are no more than a hint how much memory to reserve, since a `Serialize`
//! implementation may not know them or be wrong about them; `END` is what counts.
//!
//! A *name* is a count: 1 if a new name follows as a count of bytes and the bytes, else 2 more than the
//! position of the name among those that have appeared in this value. 0 ends a struct. Each encoded
//! value has its own names.
//!
//! Newtype structs are their content. Plain elements are `BYTES` if they are `u8`, else a `RUN`; from
//! [`BULK_FROM`] bytes on they leave the body and are sent from where they lie, as `BULK`, and texts as
//! `BULK_STR`. The message knows what a bulk run is made of; the elements have the byte order of the
//! machine. Elements other than `u8` are only ever a whole value: that is how a vector of numbers
//! travels that is not inside anything else, and only the types that are written like that can be read
//! from it.
//!
//! An `FD` is read as the [`Descriptor`](super::Descriptor) that it was written from, and as nothing else.
//!
//! # Limits
//!
//! Values nest at most [`MAX_DEPTH`] deep. What is decoded may have been written by anyone: it can make
//! decoding fail, but not panic, overflow the stack, or take much more memory than it is long.

mod access;
mod compound;
mod de;
mod error;
mod input;
mod output;
mod ser;
mod symbols;
mod tag;
mod variant;
mod whole;

#[cfg(test)]
mod tests;

pub use error::CodecError;
pub(crate) use whole::{
    decode, encode, encode_os_str, encode_path, encode_slice, encode_str, encode_unsized,
};

type Result<T, E = CodecError> = std::result::Result<T, E>;

/// How deep values may nest, so that no input can overflow the stack.
const MAX_DEPTH: usize = 256;

/// From how many bytes on plain data is not copied. Below, the copy is cheaper than the care.
pub(crate) const BULK_FROM: usize = 4096;
