//! The encoder as a serde `Serializer`.

use std::io;

use serde::ser::{Error, Serialize, Serializer};

use super::super::handover::{self, Parcel};
use super::super::message::{Bulk, Element, Extent, Message};
use super::compound::{Closing, Compound};
use super::symbols::Symbols;
use super::{CodecError, MAX_DEPTH, Result, output, tag};
use crate::sys::hint::hint;

/// Writes one value into a message.
pub(super) struct Encoder<'m, 'a> {
    pub(super) message: &'m mut Message<'a>,
    symbols: Symbols,
    depth: usize,
    /// An error that has happened inside a sequence, map, or struct. The `Serialize` implementation
    /// could go on as if nothing had happened, but half a value has been written.
    broken: Option<CodecError>,
}

impl<'m, 'a> Encoder<'m, 'a> {
    pub(super) fn new(message: &'m mut Message<'a>) -> Self {
        Self {
            message,
            symbols: Symbols::default(),
            depth: 0,
            broken: None,
        }
    }

    /// How it went in all. After a failure the message is cut back to where it was at the start.
    pub(super) fn finish(self, result: Result<()>, start: Extent) -> Result<()> {
        let result = result.and(self.broken.map_or(Ok(()), Err));
        if result.is_err() {
            self.message.cut(start);
        }
        result
    }

    /// Half a value has been written: whatever happens now, there will be no other.
    #[cold]
    pub(super) fn fail(&mut self, error: CodecError) -> CodecError {
        self.broken = Some(error.clone());
        error
    }

    pub(super) fn put(&mut self, tag: u8) {
        self.message.body.push(tag);
    }

    fn number<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.message.body.reserve(1 + N);
        self.message.body.push(tag);
        self.message.body.extend_from_slice(&bytes);
    }

    pub(super) fn name(&mut self, name: &'static str) {
        let body = &mut self.message.body;
        match self.symbols.number(name) {
            Some(number) => output::count(body, number),
            None => {
                output::count(body, Symbols::NEW);
                output::count(body, name.len() as u64);
                body.extend_from_slice(name.as_bytes());
            }
        }
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(CodecError::too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self, levels: usize) {
        self.depth -= levels;
    }

    /// A value one level deeper.
    fn nested<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.enter()?;
        value.serialize(&mut *self)?;
        self.leave(1);
        Ok(())
    }

    /// A sequence or map.
    fn sequence(
        &mut self,
        tag: u8,
        len: Option<usize>,
        levels: usize,
    ) -> Result<Compound<'_, 'm, 'a>> {
        self.enter()?;
        self.put(tag);
        output::count(&mut self.message.body, len.unwrap_or(0) as u64);
        Ok(Compound::new(self, Closing::Tag, levels))
    }

    fn fields(&mut self, levels: usize) -> Result<Compound<'_, 'm, 'a>> {
        self.enter()?;
        self.put(tag::STRUCT);
        Ok(Compound::new(self, Closing::Name, levels))
    }

    /// The start of a variant that has content.
    fn variant(&mut self, variant: &'static str) -> Result<()> {
        self.enter()?;
        self.put(tag::VARIANT);
        self.name(variant);
        Ok(())
    }
}

#[cold]
fn no_descriptor(error: io::Error) -> CodecError {
    CodecError::new(format_args!(
        "the descriptor of the handle can't be duplicated: {error}{}",
        hint(&error)
    ))
}

macro_rules! numbers {
    ($($method:ident $ty:ty, $tag:ident;)*) => {
        $(
            fn $method(self, number: $ty) -> Result<()> {
                self.number(tag::$tag, number.to_le_bytes());
                Ok(())
            }
        )*
    };
}

impl<'e, 'm, 'a> Serializer for &'e mut Encoder<'m, 'a> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Compound<'e, 'm, 'a>;
    type SerializeTuple = Compound<'e, 'm, 'a>;
    type SerializeTupleStruct = Compound<'e, 'm, 'a>;
    type SerializeTupleVariant = Compound<'e, 'm, 'a>;
    type SerializeMap = Compound<'e, 'm, 'a>;
    type SerializeStruct = Compound<'e, 'm, 'a>;
    type SerializeStructVariant = Compound<'e, 'm, 'a>;

    /// It is not, but what serde buffers for `untagged`, `flatten`, and internally tagged enums claims to
    /// be when it is read back. A type with a compact form of its own, like an IP address, would be
    /// written in one form and read in the other.
    fn is_human_readable(&self) -> bool {
        true
    }

    numbers! {
        serialize_u8 u8, U8;
        serialize_u16 u16, U16;
        serialize_u32 u32, U32;
        serialize_u64 u64, U64;
        serialize_u128 u128, U128;
        serialize_i8 i8, I8;
        serialize_i16 i16, I16;
        serialize_i32 i32, I32;
        serialize_i64 i64, I64;
        serialize_i128 i128, I128;
        serialize_f32 f32, F32;
        serialize_f64 f64, F64;
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.put(if value { tag::TRUE } else { tag::FALSE });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.number(tag::CHAR, u32::from(value).to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        output::inline(&mut self.message.body, tag::STR, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        output::inline(&mut self.message.body, tag::BYTES, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<()> {
        self.put(tag::NONE);
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<()> {
        self.put(tag::SOME);
        self.nested(value)
    }

    fn serialize_unit(self) -> Result<()> {
        self.put(tag::UNIT);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.put(tag::UNIT_VARIANT);
        self.name(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        if !handover::is_reserved(name) {
            return self.nested(value);
        }
        let start = self.message.body.len();
        let (result, parcel) = handover::collect(|| value.serialize(&mut *self));
        result?;
        match parcel {
            Some(Parcel::Bytes(bytes)) => {
                self.message.body.truncate(start);
                output::run(
                    self.message,
                    Bulk::Shared {
                        element: Element::U8,
                        bytes,
                    },
                );
            }
            Some(Parcel::Fd(fd)) => {
                self.message.body.truncate(start);
                output::descriptor(self.message, fd.map_err(no_descriptor)?)?;
            }
            Some(Parcel::Move(given)) => self.message.moves.push(given),
            // Buffered by serde on the way here, it has become ordinary bytes.
            None => {}
        }
        Ok(())
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.leave(1);
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'e, 'm, 'a>> {
        self.sequence(tag::SEQ, len, 1)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'e, 'm, 'a>> {
        self.sequence(tag::SEQ, Some(len), 1)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<'e, 'm, 'a>> {
        self.sequence(tag::SEQ, Some(len), 1)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'e, 'm, 'a>> {
        self.variant(variant)?;
        self.sequence(tag::SEQ, Some(len), 2)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'e, 'm, 'a>> {
        self.sequence(tag::MAP, len, 1)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'e, 'm, 'a>> {
        self.fields(1)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'e, 'm, 'a>> {
        self.variant(variant)?;
        self.fields(2)
    }

    fn collect_str<T: ?Sized + std::fmt::Display>(self, value: &T) -> Result<()> {
        use std::fmt::Write;
        // `to_string` would panic if `fmt` fails.
        let mut text = String::new();
        write!(text, "{value}").map_err(|_| CodecError::custom("formatting the value failed"))?;
        self.serialize_str(&text)
    }
}
