//! The decoder as a serde `Deserializer`.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserializer, Visitor};

use super::super::handover;
use super::super::message::Buffer;
use super::super::plain::Plain;
use super::access::{Elements, Entries, Fields};
use super::input::Input;
use super::symbols::Symbols;
use super::variant::Variant;
use super::{CodecError, MAX_DEPTH, Result, tag};

/// Reads one value from a body, and the bulk runs it refers to.
pub(super) struct Decoder<'de, 'b> {
    pub(super) input: Input<'de>,
    bulk: &'b mut [Option<Buffer>],
    symbols: Vec<&'de str>,
    depth: usize,
    /// For how many more values memory may be reserved before they have been seen.
    reservable: usize,
}

impl<'de, 'b> Decoder<'de, 'b> {
    pub(super) fn new(body: &'de [u8], bulk: &'b mut [Option<Buffer>]) -> Self {
        Self {
            input: Input::new(body),
            bulk,
            symbols: Vec::new(),
            depth: 0,
            reservable: body.len(),
        }
    }

    /// Checks that nothing is left.
    pub(super) fn finish(&self) -> Result<()> {
        match self.input.len() {
            0 => Ok(()),
            rest => Err(CodecError::new(format_args!(
                "{rest} bytes are left behind the value"
            ))),
        }
    }

    /// Reads something one level deeper.
    ///
    /// This includes every step that calls back into a `Deserialize` implementation without having read
    /// anything: a type that contains only itself would go on forever.
    pub(super) fn nested<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        if self.depth == MAX_DEPTH {
            return Err(CodecError::too_deep());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        if result.is_err() {
            // Who swallows the error and reads on must not take the rest of this for something else.
            self.input = Input::new(&[]);
        }
        result
    }

    /// How many values follow, according to the sender.
    ///
    /// Every value takes a byte, so there cannot be more of them than the body is long: not in one
    /// sequence, and not in all of them together. Counts beyond that are lies, and reserve nothing.
    pub(super) fn hint(&mut self) -> Result<usize> {
        let count = usize::try_from(self.input.count()?).unwrap_or(usize::MAX);
        let hint = count.min(self.reservable);
        self.reservable -= hint;
        Ok(hint)
    }

    /// Checks that a sequence or map ends here.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.input.skip(tag::END)? {
            Ok(())
        } else {
            Err(CodecError::left_over())
        }
    }

    /// The name of a field or variant; `None` where a struct ends.
    pub(super) fn name(&mut self) -> Result<Option<&'de str>> {
        match self.input.count()? {
            Symbols::END => Ok(None),
            Symbols::NEW => {
                let name = self.input.text()?;
                self.symbols.push(name);
                Ok(Some(name))
            }
            number => {
                let index = usize::try_from(number - Symbols::FIRST).ok();
                let name = index.and_then(|index| self.symbols.get(index).copied());
                name.map(Some)
                    .ok_or_else(|| CodecError::new(format_args!("there is no name {number}")))
            }
        }
    }

    fn variant_name(&mut self) -> Result<&'de str> {
        self.name()?
            .ok_or_else(|| CodecError::new("a variant has no name"))
    }

    /// The bulk run whose index comes next.
    pub(super) fn bulk<E: Plain>(&mut self) -> Result<Vec<E>> {
        let index = self.input.count()?;
        let slot = usize::try_from(index)
            .ok()
            .and_then(|index| self.bulk.get_mut(index));
        let slot =
            slot.ok_or_else(|| CodecError::new(format_args!("there is no bulk run {index}")))?;
        let buffer = slot
            .take()
            .ok_or_else(|| CodecError::new(format_args!("bulk run {index} is used twice")))?;
        buffer.into_vec().map_err(|found| {
            CodecError::new(format_args!(
                "bulk run {index} is made of {found:?}, not {:?}",
                E::ELEMENT
            ))
        })
    }

    /// Tells the visitor what is there.
    fn any<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        macro_rules! number {
            ($visit:ident $ty:ty) => {
                visitor.$visit(<$ty>::from_le_bytes(self.input.array()?))
            };
        }
        match self.input.byte()? {
            tag::UNIT => visitor.visit_unit(),
            tag::NONE => visitor.visit_none(),
            tag::SOME => self.nested(|decoder| visitor.visit_some(decoder)),
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag::U8 => number!(visit_u8 u8),
            tag::U16 => number!(visit_u16 u16),
            tag::U32 => number!(visit_u32 u32),
            tag::U64 => number!(visit_u64 u64),
            tag::U128 => number!(visit_u128 u128),
            tag::I8 => number!(visit_i8 i8),
            tag::I16 => number!(visit_i16 i16),
            tag::I32 => number!(visit_i32 i32),
            tag::I64 => number!(visit_i64 i64),
            tag::I128 => number!(visit_i128 i128),
            tag::F32 => number!(visit_f32 f32),
            tag::F64 => number!(visit_f64 f64),
            tag::CHAR => visitor.visit_char(self.input.char()?),
            tag::STR => visitor.visit_borrowed_str(self.input.text()?),
            tag::BYTES => visitor.visit_borrowed_bytes(self.input.bytes()?),
            tag::BULK_STR => {
                let text = String::from_utf8(self.bulk()?)
                    .map_err(|error| CodecError::new(error.utf8_error()))?;
                visitor.visit_string(text)
            }
            tag::BULK_BYTES => visitor.visit_byte_buf(self.bulk()?),
            tag::SEQ => self.nested(|decoder| {
                let mut elements = Elements::new(decoder)?;
                let value = visitor.visit_seq(&mut elements)?;
                elements.finish()?;
                Ok(value)
            }),
            tag::MAP => self.nested(|decoder| {
                let mut entries = Entries::new(decoder)?;
                let value = visitor.visit_map(&mut entries)?;
                entries.finish()?;
                Ok(value)
            }),
            tag::STRUCT => self.nested(|decoder| {
                let mut fields = Fields::new(decoder);
                let value = visitor.visit_map(&mut fields)?;
                fields.finish()?;
                Ok(value)
            }),
            tag::UNIT_VARIANT => visitor.visit_borrowed_str(self.variant_name()?),
            // As serde buffers it: a map from the name to the content.
            tag::VARIANT => self.nested(|decoder| {
                let name = decoder.variant_name()?;
                let mut fields = Fields::only(decoder, name);
                let value = visitor.visit_map(&mut fields)?;
                fields.finish()?;
                Ok(value)
            }),
            tag::END => Err(CodecError::new("an end without a beginning")),
            tag::RUN | tag::BULK_RUN => {
                Err(CodecError::new("a run of plain elements inside a value"))
            }
            other => Err(CodecError::new(format_args!("there is no tag {other}"))),
        }
    }

    /// Like [`any`](Self::any), for a visitor that has asked for something that is not an option: if one
    /// is there, it means the content. Types that were tried with JSON may rely on it.
    fn inside_options<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        if self.input.skip(tag::SOME)? {
            return self.nested(|decoder| decoder.inside_options(visitor));
        }
        self.any(visitor)
    }
}

macro_rules! hints {
    ($($method:ident($($argument:ty),*))*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value> {
                self.inside_options(visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for &mut Decoder<'de, '_> {
    type Error = CodecError;

    /// The encoder says why.
    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.any(visitor)
    }

    hints! {
        deserialize_bool()
        deserialize_u8()
        deserialize_u16()
        deserialize_u32()
        deserialize_u64()
        deserialize_u128()
        deserialize_i8()
        deserialize_i16()
        deserialize_i32()
        deserialize_i64()
        deserialize_i128()
        deserialize_f32()
        deserialize_f64()
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_unit()
        deserialize_unit_struct(&'static str)
        deserialize_seq()
        deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize)
        deserialize_map()
        deserialize_struct(&'static str, &'static [&'static str])
        deserialize_identifier()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.input.peek()? {
            tag::NONE | tag::SOME | tag::UNIT => self.any(visitor),
            // A type may leave out the `Some` when it is written, as it makes no difference in JSON.
            _ => self.nested(|decoder| visitor.visit_some(decoder)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if handover::is_reserved(name) {
            return self.inside_options(visitor);
        }
        self.nested(|decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.input.peek()? {
            tag::UNIT_VARIANT => {
                self.input.byte()?;
                visitor.visit_enum(BorrowedStrDeserializer::new(self.variant_name()?))
            }
            tag::VARIANT => {
                self.input.byte()?;
                self.nested(|decoder| {
                    let name = decoder.variant_name()?;
                    Variant::read(decoder, Some(name), visitor)
                })
            }
            // What a hand-written `Serialize` may make of an enum.
            tag::STR => {
                self.input.byte()?;
                visitor.visit_enum(BorrowedStrDeserializer::new(self.input.text()?))
            }
            tag::MAP => {
                self.input.byte()?;
                self.nested(|decoder| {
                    decoder.input.count()?;
                    let value = Variant::read(decoder, None, visitor)?;
                    decoder.end()?;
                    Ok(value)
                })
            }
            tag::SOME => {
                self.input.byte()?;
                self.nested(|decoder| decoder.deserialize_enum(name, variants, visitor))
            }
            _ => self.any(visitor),
        }
    }
}
