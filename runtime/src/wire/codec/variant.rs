//! Reading enum variants.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, Unexpected, VariantAccess,
    Visitor,
};

use super::de::Decoder;
use super::{CodecError, Result};

/// A variant that is being read.
pub(super) struct Variant<'d, 'de, 'b> {
    decoder: &'d mut Decoder<'de, 'b>,
    /// Its name, unless that is the next value, the key of a map.
    name: Option<&'de str>,
    content: &'d mut Content,
}

/// What comes behind the name of a variant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing, it is a unit variant.
    Absent,
    Unread,
    Read,
}

impl<'d, 'de, 'b> Variant<'d, 'de, 'b> {
    /// Lets the visitor read the variant, and checks that it did.
    pub(super) fn read<V: Visitor<'de>>(
        decoder: &'d mut Decoder<'de, 'b>,
        name: Option<&'de str>,
        mut content: Content,
        visitor: V,
    ) -> Result<V::Value> {
        let value = visitor.visit_enum(Variant {
            decoder: &mut *decoder,
            name,
            content: &mut content,
        })?;
        if content == Content::Unread {
            return Err(CodecError::left_over());
        }
        if name.is_none() {
            decoder.end()?;
        }
        Ok(value)
    }

    /// What to read the content from.
    fn content(self, expected: &'static str) -> Result<&'d mut Decoder<'de, 'b>> {
        if *self.content == Content::Absent {
            return Err(CodecError::invalid_type(Unexpected::UnitVariant, &expected));
        }
        *self.content = Content::Read;
        Ok(self.decoder)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de, '_> {
    type Error = CodecError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let variant = self.decoder.named(self.name, seed)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de, '_> {
    type Error = CodecError;

    fn unit_variant(self) -> Result<()> {
        match self.content {
            Content::Absent => Ok(()),
            _ => Deserialize::deserialize(self.content("unit variant")?),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.content("newtype variant")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.content("tuple variant")?
            .deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.content("struct variant")?.deserialize_map(visitor)
    }
}
