//! Reading sequences, maps, and structs part by part.

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
    pub(super) fn new(decoder: &'d mut Decoder<'de, 'b>, hint: usize) -> Self {
        Self {
            decoder,
            hint,
            index: 0,
            done: false,
        }
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

/// Where the keys of a map come from.
pub(super) enum Keys<'de> {
    /// They are values; with a hint how many there are.
    Values(usize),
    /// They are the names of a struct's fields.
    Names,
    /// There is only this one, the name of a variant, and it has been read.
    Only(&'de str),
    Done,
}

/// The entries of a map, the fields of a struct, or a variant with content as a map of one entry.
pub(super) struct Entries<'d, 'de, 'b> {
    decoder: &'d mut Decoder<'de, 'b>,
    keys: Keys<'de>,
    /// The name of the field whose value comes next, if it has one.
    name: Option<&'de str>,
    /// Whether a key has been read, but not its value.
    unpaired: bool,
}

impl<'d, 'de, 'b> Entries<'d, 'de, 'b> {
    pub(super) fn new(decoder: &'d mut Decoder<'de, 'b>, keys: Keys<'de>) -> Self {
        Self {
            decoder,
            keys,
            name: None,
            unpaired: false,
        }
    }

    /// Goes to the next entry, if there is one.
    fn next(&mut self) -> Result<bool> {
        self.name = match self.keys {
            Keys::Values(_) if !self.decoder.input.skip(tag::END)? => {
                return Ok(true);
            }
            Keys::Values(_) | Keys::Done => None,
            Keys::Names => self.decoder.name()?,
            Keys::Only(name) => {
                self.keys = Keys::Done;
                Some(name)
            }
        };
        if self.name.is_none() {
            self.keys = Keys::Done;
        }
        Ok(self.name.is_some())
    }

    /// Checks that all entries have been read.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.unpaired || self.next()? {
            return Err(CodecError::left_over());
        }
        Ok(())
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de, '_> {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        self.unpaired = true;
        self.decoder.named(self.name, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.unpaired = false;
        if let Keys::Values(hint) = &mut self.keys {
            *hint = hint.saturating_sub(1);
        }
        let value = seed.deserialize(&mut *self.decoder);
        match self.name {
            Some(name) => value.map_err(|error| error.in_field(name)),
            None => value,
        }
    }

    fn size_hint(&self) -> Option<usize> {
        match self.keys {
            Keys::Values(hint) => Some(hint),
            Keys::Names | Keys::Only(_) | Keys::Done => None,
        }
    }
}
