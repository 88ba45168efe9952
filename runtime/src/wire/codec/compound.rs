//! Values that are written part by part: sequences, maps, structs.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::ser::Encoder;
use super::symbols::Symbols;
use super::{CodecError, Result, output, tag};

/// What stands behind the last part.
pub(super) enum Closing {
    /// The end tag, where the tag of a value could stand.
    Tag,
    /// The end of a struct, where a name could stand.
    Name,
}

/// A value that is being written.
pub(super) struct Compound<'e, 'm, 'a> {
    encoder: &'e mut Encoder<'m, 'a>,
    closing: Closing,
    /// How many levels of nesting its end takes back.
    levels: usize,
    /// Elements so far; of a map: keys and values.
    index: usize,
}

impl<'e, 'm, 'a> Compound<'e, 'm, 'a> {
    pub(super) fn new(encoder: &'e mut Encoder<'m, 'a>, closing: Closing, levels: usize) -> Self {
        Self {
            encoder,
            closing,
            levels,
            index: 0,
        }
    }

    fn element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let index = self.index;
        self.index += 1;
        let result = value.serialize(&mut *self.encoder);
        result.map_err(|error| self.encoder.fail(error.in_element(index)))
    }

    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.encoder.name(name);
        let result = value.serialize(&mut *self.encoder);
        result.map_err(|error| self.encoder.fail(error.in_field(name)))
    }

    /// A key if `is_value` is false. Keys and values must take turns, or the entries would shift.
    fn half_entry<T: ?Sized + Serialize>(&mut self, half: &T, is_value: bool) -> Result<()> {
        if (self.index % 2 == 1) != is_value {
            return Err(self.unpaired());
        }
        self.index += 1;
        let result = half.serialize(&mut *self.encoder);
        result.map_err(|error| self.encoder.fail(error))
    }

    #[cold]
    fn unpaired(&mut self) -> CodecError {
        let error = CodecError::new("the keys and values of a map do not come in pairs");
        self.encoder.fail(error)
    }

    fn close(self) -> Result<()> {
        match self.closing {
            Closing::Tag => self.encoder.put(tag::END),
            Closing::Name => output::count(&mut self.encoder.message.body, Symbols::END),
        }
        self.encoder.leave(self.levels);
        Ok(())
    }
}

macro_rules! compound {
    ($($trait:ident $method:ident $via:ident $(($key:ident))?;)*) => {
        $(
            impl $trait for Compound<'_, '_, '_> {
                type Ok = ();
                type Error = CodecError;

                fn $method<T: ?Sized + Serialize>(&mut self, $($key: &'static str,)? value: &T) -> Result<()> {
                    self.$via($($key,)? value)
                }

                fn end(self) -> Result<()> {
                    self.close()
                }
            }
        )*
    };
}

compound! {
    SerializeSeq serialize_element element;
    SerializeTuple serialize_element element;
    SerializeTupleStruct serialize_field element;
    SerializeTupleVariant serialize_field element;
    SerializeStruct serialize_field field (key);
    SerializeStructVariant serialize_field field (key);
}

impl SerializeMap for Compound<'_, '_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<()> {
        self.half_entry(key, false)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.half_entry(value, true)
    }

    fn end(mut self) -> Result<()> {
        if self.index % 2 == 1 {
            return Err(self.unpaired());
        }
        self.close()
    }
}
