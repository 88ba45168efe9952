//! Whole values: the way in and out, and the types that travel as they lie in memory.

use std::any::{Any, TypeId};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::bytes::Bytes;
use super::super::message::{Buffer, Element, Message, with_elements};
use super::super::plain::{Plain, as_plain, from_bytes, same};
use super::de::Decoder;
use super::input::Input;
use super::ser::Encoder;
use super::{CodecError, Result, output, tag};

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
            output::run(message, element, bytes);
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
    output::bytes(message, text.as_bytes());
    Ok(())
}

/// Like [`encode`], but everything goes through serde, and nothing is borrowed from the value.
pub(crate) fn encode_unsized<T: Serialize + ?Sized>(
    value: &T,
    message: &mut Message<'_>,
) -> Result<()> {
    let (body, bulk) = (message.body.len(), message.bulk.len());
    let mut encoder = Encoder::new(message);
    let result = value.serialize(&mut encoder);
    let result = result.and_then(|()| encoder.broken.take().map_or(Ok(()), Err));
    if result.is_err() {
        message.body.truncate(body);
        message.bulk.truncate(bulk);
    }
    result
}

/// Reads the one value that a body consists of. Bulk runs it refers to are taken and become part of it.
pub(crate) fn decode<T: DeserializeOwned + 'static>(
    body: &[u8],
    bulk: &mut [Option<Buffer>],
) -> Result<T> {
    let mut decoder = Decoder::new(body, bulk);
    if let Some(value) = decode_plain(&mut decoder)? {
        decoder.finish()?;
        return Ok(value);
    }
    if let tag::RUN | tag::BULK_RUN = decoder.input.peek()? {
        let body = spell_out(&mut decoder)?;
        decoder.finish()?;
        return T::deserialize(&mut Decoder::new(&body, &mut []));
    }
    let value = T::deserialize(&mut decoder)?;
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
    if wanted == TypeId::of::<Bytes>() {
        return Ok(run(decoder)?.map(Bytes::from).and_then(same));
    }
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

/// What a run is made of.
fn element(input: &mut Input<'_>) -> Result<Element> {
    let number = input.byte()?;
    Element::from_wire(number)
        .ok_or_else(|| CodecError::new(format_args!("there is no element type {number}")))
}

/// A run of this type, if that is what comes next. For `u8`, also what serde calls bytes.
fn run<E: Plain>(decoder: &mut Decoder<'_, '_>) -> Result<Option<Vec<E>>> {
    let tag = decoder.input.peek()?;
    match tag {
        tag::RUN | tag::BULK_RUN => {
            decoder.input.byte()?;
            let element = element(&mut decoder.input)?;
            if element != E::ELEMENT {
                let expected = E::ELEMENT;
                return Err(CodecError::new(format_args!(
                    "a run of {element:?}, not of {expected:?}"
                )));
            }
        }
        tag::BYTES | tag::BULK_BYTES if E::ELEMENT == Element::U8 => {
            decoder.input.byte()?;
        }
        _ => return Ok(None),
    }
    if let tag::BULK_RUN | tag::BULK_BYTES = tag {
        return decoder.bulk().map(Some);
    }
    let vec = from_bytes(decoder.input.bytes()?);
    vec.map(Some)
        .ok_or_else(|| CodecError::new("a run ends in the middle of an element"))
}

/// The run that comes next, as a body in which each element is a value.
///
/// This is for the rare type that is not the one that was sent but looks the same to serde, such as a
/// `VecDeque<f64>`; better than a code path for it in every visitor.
fn spell_out(decoder: &mut Decoder<'_, '_>) -> Result<Vec<u8>> {
    let mut lookahead = decoder.input;
    lookahead.byte()?;
    let element = element(&mut lookahead)?;
    let mut message = Message::default();
    macro_rules! runs {
        ($($name:ident $ty:ty)*) => {
            match element {
                $(Element::$name => {
                    let vec = run::<$ty>(decoder)?.unwrap_or_default();
                    encode_unsized(vec.as_slice(), &mut message)?;
                })*
            }
        };
    }
    with_elements!(runs);
    Ok(message.body)
}
