//! The decoder as a serde `Deserializer`.

use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use serde::de::{DeserializeSeed, Deserializer, Error, Expected, Unexpected, Visitor};

use super::super::handover;
use super::super::message::{Arrival, Beside, Buffer, Element};
use super::super::plain::Plain;
use super::access::{Elements, Entries, Keys};
use super::input::Input;
use super::symbols::Symbols;
use super::variant::{Content, Variant};
use super::{CodecError, MAX_DEPTH, Result, tag};
use crate::sys::hint::hint;

/// Reads one value from a body, and what it refers to beside that.
pub(super) struct Decoder<'de, 'b> {
    pub(super) input: Input<'de>,
    beside: &'b mut Beside,
    symbols: Vec<&'de str>,
    /// The name of a field or variant that is to be read as a value: what the tag `NAME` stands for,
    /// which is never in a body.
    pending: Option<&'de str>,
    depth: usize,
    /// For how many more values memory may be reserved before they have been seen.
    reservable: usize,
}

/// A run as the elements it should consist of.
pub(super) fn elements<E: Plain>(run: Buffer) -> Result<Vec<E>> {
    run.into_vec()
        .map_err(|found| other_elements(found, E::ELEMENT))
}

#[cold]
fn other_elements(found: Element, expected: Element) -> CodecError {
    CodecError::new(format_args!("a run of {found:?}, not of {expected:?}"))
}

#[cold]
fn withheld(error: Errno) -> CodecError {
    let error = io::Error::from(error);
    CodecError::new(format_args!(
        "the handle didn't arrive: {error}{}",
        hint(&error)
    ))
}

impl<'de, 'b> Decoder<'de, 'b> {
    pub(super) fn new(body: &'de [u8], beside: &'b mut Beside) -> Self {
        Self {
            input: Input::new(body),
            beside,
            symbols: Vec::new(),
            pending: None,
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

    /// Reads something that is this many levels deeper.
    ///
    /// This includes every step that calls back into a `Deserialize` implementation without having read
    /// anything: a type that contains only itself would go on forever.
    fn nested<R>(&mut self, levels: usize, read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        if self.depth + levels > MAX_DEPTH {
            return Err(CodecError::too_deep());
        }
        self.depth += levels;
        let result = read(self);
        self.depth -= levels;
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

    /// Reads a name as a value, so that a key is a key to serde, wherever it comes from; or the next value
    /// if there is no name.
    pub(super) fn named<S: DeserializeSeed<'de>>(
        &mut self,
        name: Option<&'de str>,
        seed: S,
    ) -> Result<S::Value> {
        self.pending = name;
        let rest = name.map(|_| std::mem::replace(&mut self.input, Input::new(&[tag::NAME])));
        let result = seed.deserialize(&mut *self);
        if let Some(rest) = rest {
            self.input = rest;
            // In case that nobody wanted to know.
            self.pending = None;
        }
        result
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

    pub(super) fn variant_name(&mut self) -> Result<&'de str> {
        self.name()?
            .ok_or_else(|| CodecError::new("a variant has no name"))
    }

    /// The name of a variant, and whether it has content; `None` if it is something else that comes next.
    /// If there is no name, it is the next value, the key of a map.
    fn variant(&mut self) -> Result<Option<(Option<&'de str>, Content)>> {
        if let Some(name) = self.pending.take() {
            return Ok(Some((Some(name), Content::Absent)));
        }
        let tag = self.input.peek()?;
        if !matches!(tag, tag::UNIT_VARIANT | tag::VARIANT | tag::STR | tag::MAP) {
            return Ok(None);
        }
        self.input.byte()?;
        Ok(Some(match tag {
            tag::UNIT_VARIANT => (Some(self.variant_name()?), Content::Absent),
            tag::VARIANT => (Some(self.variant_name()?), Content::Unread),
            // What a hand-written `Serialize` may make of an enum.
            tag::STR => (Some(self.input.text()?), Content::Absent),
            _ => {
                self.input.count()?;
                (None, Content::Unread)
            }
        }))
    }

    /// The bulk run whose index comes next.
    pub(super) fn bulk(&mut self) -> Result<Buffer> {
        let index = self.input.count()?;
        let slot = usize::try_from(index)
            .ok()
            .and_then(|index| self.beside.bulk.get_mut(index));
        let slot =
            slot.ok_or_else(|| CodecError::new(format_args!("there is no bulk run {index}")))?;
        slot.take()
            .ok_or_else(|| CodecError::new(format_args!("bulk run {index} is used twice")))
    }

    /// The descriptor whose index comes next.
    fn descriptor(&mut self) -> Result<OwnedFd> {
        let index = self.input.count()?;
        let slot = usize::try_from(index)
            .ok()
            .and_then(|index| self.beside.fds.get_mut(index));
        let slot =
            slot.ok_or_else(|| CodecError::new(format_args!("there is no handle {index}")))?;
        if let Arrival::Withheld(error) = slot {
            return Err(withheld(*error));
        }
        match std::mem::replace(slot, Arrival::Taken) {
            Arrival::Here(fd) => Ok(fd),
            _ => Err(CodecError::new(format_args!(
                "handle {index} is used twice"
            ))),
        }
    }

    /// Why the descriptor that comes next, which is closed, can't be had here.
    #[cold]
    fn misplaced(&mut self) -> CodecError {
        match self.descriptor() {
            Ok(_) => CodecError::new(
                "a handle is here, which serde can't pass through #[serde(flatten)], untagged and \
                 internally tagged types: make it an argument or a field of its own",
            ),
            Err(error) => error,
        }
    }

    /// Hands a descriptor to the visitor that has asked for one.
    fn deliver<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        if self.input.skip(tag::SOME)? {
            return self.nested(1, |decoder| decoder.deliver(visitor));
        }
        if !self.input.skip(tag::FD)? {
            return self.any::<false, V>(visitor);
        }
        let fd = self.descriptor()?;
        handover::deliver(fd, || visitor.visit_unit())
    }

    /// The run of plain elements that comes next, if one does.
    pub(super) fn run(&mut self) -> Result<Option<Buffer>> {
        let tag = self.input.peek()?;
        if !matches!(tag, tag::BYTES | tag::RUN | tag::BULK) {
            return Ok(None);
        }
        self.input.byte()?;
        if tag == tag::BULK {
            return self.bulk().map(Some);
        }
        let element = match tag {
            tag::RUN => self.input.byte()?,
            _ => Element::U8 as u8,
        };
        let element = Element::from_wire(element)
            .ok_or_else(|| CodecError::new(format_args!("there is no element type {element}")))?;
        let run = Buffer::copied(element, self.input.bytes()?);
        run.map(Some)
            .ok_or_else(|| CodecError::new("a run ends in the middle of an element"))
    }

    fn bulk_text(&mut self) -> Result<String> {
        let bytes = elements(self.bulk()?)?;
        String::from_utf8(bytes).map_err(|error| CodecError::new(error.utf8_error()))
    }

    fn pending(&mut self) -> Result<&'de str> {
        let name = self.pending.take();
        name.ok_or_else(|| CodecError::new("a name without a place"))
    }

    /// Why a visitor can't be told anything.
    #[cold]
    fn refused(tag: u8, expected: &dyn Expected) -> CodecError {
        match tag {
            tag::U128 | tag::I128 => {
                CodecError::invalid_type(Unexpected::Other("128-bit integer"), expected)
            }
            tag::END => CodecError::new("an end without a beginning"),
            tag::RUN => CodecError::new("a run of numbers for a type that is not made of them"),
            _ => CodecError::new(format_args!("there is no tag {tag}")),
        }
    }

    /// Tells the visitor what is there.
    ///
    /// Integers of 128 bits only if it may be `WIDE`. Other visitors can't take them; but what serde lets
    /// them say about it is much code, for each of them.
    // There is one of these for each visitor: what need not be in it is elsewhere.
    fn any<const WIDE: bool, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        macro_rules! number {
            ($visit:ident $ty:ty) => {
                visitor.$visit(<$ty>::from_le_bytes(self.input.array()?))
            };
        }
        let keys = match self.input.byte()? {
            tag::UNIT => return visitor.visit_unit(),
            tag::NONE => return visitor.visit_none(),
            tag::SOME => return self.nested(1, |decoder| visitor.visit_some(decoder)),
            tag::FALSE => return visitor.visit_bool(false),
            tag::TRUE => return visitor.visit_bool(true),
            tag::U8 => return number!(visit_u8 u8),
            tag::U16 => return number!(visit_u16 u16),
            tag::U32 => return number!(visit_u32 u32),
            tag::U64 => return number!(visit_u64 u64),
            tag::U128 if WIDE => return number!(visit_u128 u128),
            tag::I8 => return number!(visit_i8 i8),
            tag::I16 => return number!(visit_i16 i16),
            tag::I32 => return number!(visit_i32 i32),
            tag::I64 => return number!(visit_i64 i64),
            tag::I128 if WIDE => return number!(visit_i128 i128),
            tag::F32 => return number!(visit_f32 f32),
            tag::F64 => return number!(visit_f64 f64),
            tag::CHAR => return visitor.visit_char(self.input.char()?),
            tag::STR => return visitor.visit_borrowed_str(self.input.text()?),
            tag::NAME => return visitor.visit_borrowed_str(self.pending()?),
            tag::UNIT_VARIANT => return visitor.visit_borrowed_str(self.variant_name()?),
            tag::BYTES => return visitor.visit_borrowed_bytes(self.input.bytes()?),
            tag::BULK => return visitor.visit_byte_buf(elements(self.bulk()?)?),
            tag::BULK_STR => return visitor.visit_string(self.bulk_text()?),
            tag::FD => return Err(self.misplaced()),
            tag::SEQ => {
                let hint = self.hint()?;
                return self.nested(1, |decoder| {
                    let mut elements = Elements::new(decoder, hint);
                    let value = visitor.visit_seq(&mut elements)?;
                    elements.finish()?;
                    Ok(value)
                });
            }
            tag::MAP => Keys::Values(self.hint()?),
            tag::STRUCT => Keys::Names,
            // As serde buffers it: a map from the name to the content.
            tag::VARIANT => Keys::Only(self.variant_name()?),
            tag => return Err(Self::refused(tag, &visitor)),
        };
        self.nested(1, |decoder| {
            let mut entries = Entries::new(decoder, keys);
            let value = visitor.visit_map(&mut entries)?;
            entries.finish()?;
            Ok(value)
        })
    }

    /// Like [`any`](Self::any), for a visitor that has asked for something that is not an option: if one
    /// is there, it means the content. Types that were tried with JSON may rely on it.
    fn inside_options<const WIDE: bool, V: Visitor<'de>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value> {
        if self.input.skip(tag::SOME)? {
            return self.nested(1, |decoder| decoder.inside_options::<WIDE, V>(visitor));
        }
        self.any::<WIDE, V>(visitor)
    }
}

macro_rules! hints {
    ($wide:literal: $($method:ident($($argument:ty),*))*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value> {
                self.inside_options::<$wide, V>(visitor)
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
        self.any::<true, V>(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.input.skip(tag::FD)? {
            drop(self.descriptor()?);
            return visitor.visit_unit();
        }
        self.any::<true, V>(visitor)
    }

    hints! {
        true:
        deserialize_u128()
        deserialize_i128()
    }

    hints! {
        false:
        deserialize_bool()
        deserialize_u8()
        deserialize_u16()
        deserialize_u32()
        deserialize_u64()
        deserialize_i8()
        deserialize_i16()
        deserialize_i32()
        deserialize_i64()
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
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.pending.take() {
            // What `inside_options` would come to, but this is for every field.
            Some(name) => visitor.visit_borrowed_str(name),
            None => self.inside_options::<false, V>(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.input.peek()? {
            tag::NONE | tag::SOME | tag::UNIT => self.any::<false, V>(visitor),
            // A type may leave out the `Some` when it is written, as it makes no difference in JSON.
            _ => self.nested(1, |decoder| visitor.visit_some(decoder)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if handover::is_reserved(name) {
            return match name {
                handover::DESCRIPTOR => self.deliver(visitor),
                _ => self.inside_options::<false, V>(visitor),
            };
        }
        self.nested(1, |decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if self.input.skip(tag::SOME)? {
            return self.nested(1, |decoder| {
                decoder.deserialize_enum(name, variants, visitor)
            });
        }
        match self.variant()? {
            Some((name, content)) => {
                // A variant without content is not written a level deeper either.
                let levels = usize::from(content != Content::Absent);
                self.nested(levels, |decoder| {
                    Variant::read(decoder, name, content, visitor)
                })
            }
            None => self.any::<false, V>(visitor),
        }
    }
}
