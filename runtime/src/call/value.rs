//! One argument, held until it is encoded, and the slots through which it comes.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::pending::Callable;
use super::signature::NOWHERE;
use crate::wire::{Beside, CodecError, Message, Portable, codec};

/// A value together with the way to encode it.
///
/// The way is a function pointer and no bound on `V`, so that a type which can't be sent is an error
/// where the function is declared, and not at each of its calls as well.
#[derive(Clone, Copy)]
pub struct Held<V> {
    value: V,
    encode: Encode<V>,
}

/// How one value is encoded.
pub(crate) type Encode<V> = for<'s> fn(&'s V, &mut Message<'s>) -> Result<(), CodecError>;

/// How one value is decoded.
pub(crate) type DecodePart<T> = fn(&[u8], &mut Beside) -> Result<T, CodecError>;

impl<V> Held<V> {
    pub fn new(value: V, encode: Encode<V>) -> Self {
        Self { value, encode }
    }

    pub(crate) fn encode<'s>(&'s self, message: &mut Message<'s>) -> Result<(), CodecError> {
        (self.encode)(&self.value, message)
    }
}

/// The function takes arguments for its parameter number `I` through an `S`.
///
/// `S` is a type parameter and no associated type, so that a private type in a public function's
/// signature is no error here, as it is none there.
pub trait Slot<const I: usize, S>: Callable {}

// After a mistake, which has been reported, anything fits.
impl<F: Callable> Slot<NOWHERE, Ignore> for F {}

/// The slot of the function's parameter number `I`.
pub fn slot<F: Slot<I, S>, const I: usize, S: Default>() -> S {
    S::default()
}

/// The slot that takes anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignore;

impl Ignore {
    pub fn accept<T>(self, value: T) -> Held<T> {
        Held::new(value, |_, _| Ok(()))
    }
}

/// What a parameter can borrow: it is encoded from where it lies, and the child owns its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another process",
    label = "this type would have to be serialized",
    note = "if the type is yours, put `#[derive(serde::Serialize, serde::Deserialize)]` on it, or on \
            what it contains",
    note = "an error travels as `offspring::RemoteError`, a file or a socket in an `offspring::Fd`; what processes \
            share is in `offspring::sync` and `offspring::shared`, and they talk by `offspring::channel` and \
            `offspring::Queue`: handles, which need no `Arc`",
    note = "a pointer cannot be sent: send what it was made from"
)]
pub trait Lend {
    /// What the child has.
    type Owned;

    fn encode<'s>(value: &'s &Self, message: &mut Message<'s>) -> Result<(), CodecError>;
    fn decode(body: &[u8], beside: &mut Beside) -> Result<Self::Owned, CodecError>;
    fn lend(owned: &Self::Owned) -> &Self;
}

#[diagnostic::do_not_recommend]
impl<T: Portable> Lend for T {
    type Owned = T;

    fn encode<'s>(value: &'s &Self, message: &mut Message<'s>) -> Result<(), CodecError> {
        Portable::encode(*value, message)
    }

    fn decode(body: &[u8], beside: &mut Beside) -> Result<T, CodecError> {
        Portable::decode(body, beside)
    }

    fn lend(owned: &T) -> &T {
        owned
    }
}

/// An element of a borrowed slice: what is [`Portable`], with the compiler knowing that it is serde's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another process",
    label = "this type would have to be serialized",
    note = "if the type is yours, put `#[derive(serde::Serialize, serde::Deserialize)]` on it, or on \
            what it contains",
    note = "an error travels as `offspring::RemoteError`, a file or a socket in an `offspring::Fd`; what processes \
            share is in `offspring::sync` and `offspring::shared`, and they talk by `offspring::channel` and \
            `offspring::Queue`: handles, which need no `Arc`",
    note = "a pointer cannot be sent: send what it was made from"
)]
pub trait Sendable: Sized {
    fn encode<'s>(value: &'s &[Self], message: &mut Message<'s>) -> Result<(), CodecError>;
    fn decode(body: &[u8], beside: &mut Beside) -> Result<Vec<Self>, CodecError>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Sendable for T {
    fn encode<'s>(value: &'s &[Self], message: &mut Message<'s>) -> Result<(), CodecError> {
        codec::encode_slice(value, message)
    }

    fn decode(body: &[u8], beside: &mut Beside) -> Result<Vec<Self>, CodecError> {
        Portable::decode(body, beside)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Sendable> Lend for [T] {
    type Owned = Vec<T>;

    fn encode<'s>(value: &'s &Self, message: &mut Message<'s>) -> Result<(), CodecError> {
        T::encode(value, message)
    }

    fn decode(body: &[u8], beside: &mut Beside) -> Result<Vec<T>, CodecError> {
        T::decode(body, beside)
    }

    fn lend(owned: &Vec<T>) -> &Self {
        owned
    }
}

macro_rules! lend {
    ($($borrowed:ty, $owned:ty, $encode:ident;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Lend for $borrowed {
            type Owned = $owned;

            fn encode<'s>(value: &'s &Self, message: &mut Message<'s>) -> Result<(), CodecError> {
                codec::$encode(value, message)
            }

            fn decode(body: &[u8], beside: &mut Beside) -> Result<$owned, CodecError> {
                Portable::decode(body, beside)
            }

            fn lend(owned: &$owned) -> &Self {
                owned
            }
        }
    )*};
}

lend! {
    str, String, encode_str;
    Path, PathBuf, encode_path;
    OsStr, OsString, encode_os_str;
}
