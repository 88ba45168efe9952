//! Reading enum variants that have content.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::de::Decoder;
use super::{CodecError, Result};

/// A variant that is being read.
pub(super) struct Variant<'d, 'de, 'b> {
    decoder: &'d mut Decoder<'de, 'b>,
    /// Its name, unless that is the next value, the key of a map.
    name: Option<&'de str>,
    /// Whether the content is still there.
    unread: &'d mut bool,
}

impl<'de> Variant<'_, 'de, '_> {
    /// Lets the visitor read the variant, and checks that it did.
    pub(super) fn read<V: Visitor<'de>>(
        decoder: &mut Decoder<'de, '_>,
        name: Option<&'de str>,
        visitor: V,
    ) -> Result<V::Value> {
        let mut unread = true;
        let value = visitor.visit_enum(Variant {
            decoder,
            name,
            unread: &mut unread,
        })?;
        if unread {
            Err(CodecError::left_over())
        } else {
            Ok(value)
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de, '_> {
    type Error = CodecError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let variant = match self.name {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::<CodecError>::new(name))?,
            None => seed.deserialize(&mut *self.decoder)?,
        };
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de, '_> {
    type Error = CodecError;

    fn unit_variant(self) -> Result<()> {
        *self.unread = false;
        Deserialize::deserialize(self.decoder)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        *self.unread = false;
        seed.deserialize(self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        *self.unread = false;
        self.decoder.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        *self.unread = false;
        self.decoder.deserialize_map(visitor)
    }
}
