//! Whole values: the way in and out, and the types that travel as they lie in memory.

use std::any::{Any, TypeId};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::message::{Beside, Bulk, Message, with_elements};
use super::super::plain::{Plain, as_plain, same};
use super::de::{Decoder, elements};
use super::ser::Encoder;
use super::{Result, output};

/// Appends a value to a message. If that fails, the message is as it was before.
///
/// Large runs of plain elements are borrowed from the value.
pub(crate) fn encode<'a, T: Serialize + 'static>(
    value: &'a T,
    message: &mut Message<'a>,
) -> Result<()> {
    let any: &'a dyn Any = value;
    macro_rules! runs {
        ($($name:ident $ty:ty)*) => {
            $(
                if let Some(vec) = any.downcast_ref::<Vec<$ty>>() {
                    return encode_slice(vec, message);
                }
                if let Some(slice) = any.downcast_ref::<Box<[$ty]>>() {
                    return encode_slice(slice, message);
                }
            )*
        };
    }
    with_elements!(runs);
    if let Some(text) = any.downcast_ref::<String>() {
        return encode_str(text, message);
    }
    if let Some(text) = any.downcast_ref::<Box<str>>() {
        return encode_str(text, message);
    }
    if let Some(path) = any.downcast_ref::<PathBuf>() {
        return encode_path(path, message);
    }
    if let Some(text) = any.downcast_ref::<OsString>() {
        return encode_os_str(text, message);
    }
    encode_unsized(value, message)
}

/// Like [`encode`], to be decoded as a `Vec<T>`.
pub(crate) fn encode_slice<'a, T: Serialize + 'static>(
    values: &'a [T],
    message: &mut Message<'a>,
) -> Result<()> {
    match as_plain(values) {
        Some((element, bytes)) => {
            output::run(message, Bulk::Borrowed { element, bytes });
            Ok(())
        }
        None => encode_unsized(values, message),
    }
}

/// Like [`encode`], to be decoded as a `String`.
pub(crate) fn encode_str<'a>(text: &'a str, message: &mut Message<'a>) -> Result<()> {
    output::text(message, text);
    Ok(())
}

/// Like [`encode`], to be decoded as a `PathBuf`. It need not be UTF-8.
pub(crate) fn encode_path<'a>(path: &'a Path, message: &mut Message<'a>) -> Result<()> {
    encode_os_str(path.as_os_str(), message)
}

/// Like [`encode`], to be decoded as an `OsString`.
pub(crate) fn encode_os_str<'a>(text: &'a OsStr, message: &mut Message<'a>) -> Result<()> {
    encode_slice(text.as_bytes(), message)
}

/// Like [`encode`], but everything goes through serde, and nothing is borrowed from the value.
pub(crate) fn encode_unsized<T: Serialize + ?Sized>(
    value: &T,
    message: &mut Message<'_>,
) -> Result<()> {
    let start = message.extent();
    let mut encoder = Encoder::new(message);
    let result = value.serialize(&mut encoder);
    encoder.finish(result, start)
}

/// Reads the one value that a body consists of. What it refers to beside that is taken, and becomes part
/// of it.
pub(crate) fn decode<T: DeserializeOwned + 'static>(body: &[u8], beside: &mut Beside) -> Result<T> {
    let mut decoder = Decoder::new(body, beside);
    let value = match decode_plain(&mut decoder)? {
        Some(value) => value,
        None => T::deserialize(&mut decoder)?,
    };
    decoder.finish()?;
    Ok(value)
}

/// Reads a value that lies there as it will in memory, if `T` is a type for that, and if it does.
fn decode_plain<T: 'static>(decoder: &mut Decoder<'_, '_>) -> Result<Option<T>> {
    let wanted = TypeId::of::<T>();
    macro_rules! runs {
        ($($name:ident $ty:ty)*) => {
            $(
                if wanted == TypeId::of::<Vec<$ty>>() {
                    return Ok(run::<$ty>(decoder)?.and_then(same));
                }
                if wanted == TypeId::of::<Box<[$ty]>>() {
                    return Ok(run::<$ty>(decoder)?.map(Vec::into_boxed_slice).and_then(same));
                }
            )*
        };
    }
    with_elements!(runs);
    if wanted == TypeId::of::<PathBuf>() {
        return Ok(run(decoder)?
            .map(OsString::from_vec)
            .map(PathBuf::from)
            .and_then(same));
    }
    if wanted == TypeId::of::<OsString>() {
        return Ok(run(decoder)?.map(OsString::from_vec).and_then(same));
    }
    Ok(None)
}

/// The run that comes next, if one does.
fn run<E: Plain>(decoder: &mut Decoder<'_, '_>) -> Result<Option<Vec<E>>> {
    decoder.run()?.map(elements).transpose()
}
