//! The list of a call's arguments, in the order of the text.
//!
//! As a message body each argument is: slot, position, keyword (an option), the length of what
//! follows, and the value, encoded on its own.

use super::pending::Callable;
use super::signature::parameter_name;
use super::value::Held;
use crate::Result;
use crate::wire::fields::{put_option, put_u64};
use crate::wire::{CodecError, Message};

/// Arguments that can be encoded, as often as one likes.
pub trait Arguments {
    fn encode<'s>(&'s self, function: &str, message: &mut Message<'s>) -> Result<()>;
}

/// What one argument is for.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Number of the parameter.
    pub slot: usize,
    /// Number of the argument in the text: `#[args]` come in this order.
    pub position: usize,
    /// Given by name.
    pub keyword: Option<&'static str>,
    /// What an error calls it.
    pub name: &'static str,
}

impl Place {
    /// Of an argument for `C`'s parameter number `slot`.
    pub const fn new<C: Callable>(
        slot: usize,
        position: usize,
        keyword: Option<&'static str>,
    ) -> Self {
        let name = match keyword {
            Some(keyword) => keyword,
            None => parameter_name::<C>(slot),
        };
        Self {
            slot,
            position,
            keyword,
            name,
        }
    }
}

/// One argument and those after it.
#[derive(Clone, Copy)]
pub struct Given<V, R> {
    place: Place,
    value: Held<V>,
    rest: R,
}

/// No more arguments.
#[derive(Clone, Copy, Debug)]
pub struct End;

impl<V, R> Given<V, R> {
    pub fn new(value: Held<V>, place: Place, rest: R) -> Self {
        Self { place, value, rest }
    }
}

impl<V, R: Arguments> Arguments for Given<V, R> {
    fn encode<'s>(&'s self, function: &str, message: &mut Message<'s>) -> Result<()> {
        let Place {
            slot,
            position,
            keyword,
            name,
        } = self.place;
        put(message, slot, position, keyword, |message| {
            self.value.encode(message)
        })
        .map_err(|error| crate::Error::encode(function, name, error))?;
        self.rest.encode(function, message)
    }
}

impl Arguments for End {
    fn encode<'s>(&'s self, _: &str, _: &mut Message<'s>) -> Result<()> {
        Ok(())
    }
}

/// Appends one argument. After an error the message is of no use.
pub(crate) fn put<'s>(
    message: &mut Message<'s>,
    slot: usize,
    position: usize,
    keyword: Option<&str>,
    encode: impl FnOnce(&mut Message<'s>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    put_u64(&mut message.body, slot as u64);
    put_u64(&mut message.body, position as u64);
    put_option(&mut message.body, keyword);
    let length_at = message.body.len();
    put_u64(&mut message.body, 0);
    let start = message.body.len();
    encode(message)?;
    let length = (message.body.len() - start) as u64;
    message.body[length_at..start].copy_from_slice(&length.to_le_bytes());
    Ok(())
}
