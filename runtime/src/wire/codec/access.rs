//! Reading sequences, maps, and structs part by part.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::de::Decoder;
use super::{CodecError, Result, tag};

/// The elements of a sequence.
pub(super) struct Elements<'d, 'de, 'b> {
    decoder: &'d mut Decoder<'de, 'b>,
    hint: usize,
    index: usize,
    done: bool,
}

impl<'d, 'de, 'b> Elements<'d, 'de, 'b> {
    pub(super) fn new(decoder: &'d mut Decoder<'de, 'b>) -> Result<Self> {
        let hint = decoder.hint()?;
        Ok(Self {
            decoder,
            hint,
            index: 0,
            done: false,
        })
    }

    /// Checks that all elements have been read.
    pub(super) fn finish(self) -> Result<()> {
        if self.done {
            Ok(())
        } else {
            self.decoder.end()
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de, '_> {
    type Error = CodecError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.done || self.decoder.input.skip(tag::END)? {
            self.done = true;
            return Ok(None);
        }
        match seed.deserialize(&mut *self.decoder) {
            Ok(element) => {
                self.index += 1;
                Ok(Some(element))
            }
            Err(error) => Err(error.in_element(self.index)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint.saturating_sub(self.index))
    }
}

/// The entries of a map.
pub(super) struct Entries<'d, 'de, 'b> {
    decoder: &'d mut Decoder<'de, 'b>,
    hint: usize,
    done: bool,
    /// Whether a key has been read, but not its value.
    unpaired: bool,
}

impl<'d, 'de, 'b> Entries<'d, 'de, 'b> {
    pub(super) fn new(decoder: &'d mut Decoder<'de, 'b>) -> Result<Self> {
        let hint = decoder.hint()?;
        Ok(Self {
            decoder,
            hint,
            done: false,
            unpaired: false,
        })
    }

    /// Checks that all entries have been read.
    pub(super) fn finish(self) -> Result<()> {
        match (self.unpaired, self.done) {
            (true, _) => Err(CodecError::left_over()),
            (false, true) => Ok(()),
            (false, false) => self.decoder.end(),
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de, '_> {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.done || self.decoder.input.skip(tag::END)? {
            self.done = true;
            return Ok(None);
        }
        self.unpaired = true;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.unpaired = false;
        self.hint = self.hint.saturating_sub(1);
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint)
    }
}

/// The fields of a struct, or a variant with content as a map of one entry.
pub(super) struct Fields<'d, 'de, 'b> {
    decoder: &'d mut Decoder<'de, 'b>,
    next: Next<'de>,
    /// The field whose name has been read, but not its value.
    unpaired: Option<&'de str>,
}

enum Next<'de> {
    /// A name or the end of the struct.
    Read,
    /// This one, which has been read before.
    Only(&'de str),
    Done,
}

impl<'d, 'de, 'b> Fields<'d, 'de, 'b> {
    pub(super) fn new(decoder: &'d mut Decoder<'de, 'b>) -> Self {
        Self {
            decoder,
            next: Next::Read,
            unpaired: None,
        }
    }

    pub(super) fn only(decoder: &'d mut Decoder<'de, 'b>, name: &'de str) -> Self {
        Self {
            decoder,
            next: Next::Only(name),
            unpaired: None,
        }
    }

    fn next_name(&mut self) -> Result<Option<&'de str>> {
        let name = match self.next {
            Next::Read => self.decoder.name()?,
            Next::Only(name) => {
                self.next = Next::Done;
                return Ok(Some(name));
            }
            Next::Done => None,
        };
        if name.is_none() {
            self.next = Next::Done;
        }
        Ok(name)
    }

    /// Checks that all fields have been read.
    pub(super) fn finish(mut self) -> Result<()> {
        match self.unpaired.is_none() && self.next_name()?.is_none() {
            true => Ok(()),
            false => Err(CodecError::left_over()),
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de, '_> {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.unpaired = self.next_name()?;
        match self.unpaired {
            Some(name) => seed
                .deserialize(BorrowedStrDeserializer::<CodecError>::new(name))
                .map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let name = self.unpaired.take();
        let value = seed.deserialize(&mut *self.decoder);
        value.map_err(|error| error.in_field(name.unwrap_or_default()))
    }
}
