// Not public API. Used by generated code.

#![allow(missing_docs, missing_debug_implementations)]

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::call::{
    Answer, Argument, Arguments, Callable, Check, Checked, End, Given, Held, Ignore, Invocation,
    Items, Kind, Lend, Outcome, Pairs, Parameter, Place, Ran, Refused, Returns, Sendable,
    Signature, Slot, Spread, SpreadNamed, call, decode, keyword_slot, parameter_name, partial,
    positional_slot, slot, spread_slot,
};
pub use crate::child::{enter, enter_test};
pub use crate::registry::{Entry, Registered};
pub use crate::run::Runnable;
pub use crate::wire::{Beside, CodecError, Message, Portable, Received};
pub use core::result::Result;
pub use inventory::submit;
pub use offspring_macros::{__call, __spawn};

// The same as `Portable`, each for a kind of types about which there is something else to say.
macro_rules! portable {
    ($($(#[$attribute:meta])* $name:ident)*) => {$(
        $(#[$attribute])*
        pub trait $name: Sized {
            fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError>;
            fn decode(body: &[u8], beside: &mut Beside) -> Result<Self, CodecError>;
        }

        #[diagnostic::do_not_recommend]
        impl<T: Serialize + DeserializeOwned + 'static> $name for T {
            fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError> {
                Portable::encode(value, message)
            }

            fn decode(body: &[u8], beside: &mut Beside) -> Result<Self, CodecError> {
                Portable::decode(body, beside)
            }
        }
    )*};
}

portable! {
    #[diagnostic::on_unimplemented(
        message = "the error `{Self}` cannot be sent to another process",
        label = "this type would have to be serialized",
        note = "return `Result<_, offspring::RemoteError>`, into which `?` turns any error",
        note = "or, if the error is yours, put `#[derive(serde::Serialize, serde::Deserialize)]` on it"
    )]
    PortableError

    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be sent to another process",
        label = "its value and its error would have to be serialized",
        note = "return `Result<_, offspring::RemoteError>`, into which `?` turns any error",
        note = "or, if value and error are yours, put `#[derive(serde::Serialize, serde::Deserialize)]` \
                on them"
    )]
    PortableResult

    #[diagnostic::on_unimplemented(
        message = "the error `{Self}` cannot be sent to another process",
        label = "this type would have to be serialized",
        note = "return `Result<_, offspring::RemoteError>`, into which `?` turns any `std::error::Error`, \
                and this one goes by `.map_err(offspring::RemoteError::from_boxed)`"
    )]
    PortableReport

    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be sent to another process",
        label = "its error would have to be serialized",
        note = "return `Result<_, offspring::RemoteError>`, into which `?` turns any `std::error::Error`, \
                and this one goes by `.map_err(offspring::RemoteError::from_boxed)`"
    )]
    PortableReportResult
}

/// Whether a type is one that serde copies although it is made to be shared, or one that moves and so can't be lent:
/// `Probe::<T>::COPIES` and `Probe::<T>::MOVES` say what to say.
pub struct Probe<T: ?Sized>(core::marker::PhantomData<T>);

/// What holds for all other types; what is said of a type itself goes first.
pub trait CopiesNothing {
    const COPIES: &'static str = "";
}

impl<T: ?Sized> CopiesNothing for Probe<T> {}

/// The same of what can't be lent.
pub trait MovesNothing {
    const MOVES: &'static str = "";
}

impl<T: ?Sized> MovesNothing for Probe<T> {}

macro_rules! copies {
    ($($ty:ty $(where $param:ident)?, $name:literal, $instead:literal;)*) => {$(
        impl$(<$param>)? Probe<$ty> {
            pub const COPIES: &'static str = concat!(
                "the child would get a copy of this `", $name, "`, which shares nothing: take ", $instead
            );
        }
    )*};
}

copies! {
    std::sync::Mutex<T> where T, "std::sync::Mutex", "an `offspring::sync::Mutex`";
    std::sync::RwLock<T> where T, "std::sync::RwLock", "an `offspring::sync::RwLock`";
    std::sync::atomic::AtomicBool, "AtomicBool", "an `offspring::sync::Event`, or a `bool` for a copy";
    std::sync::atomic::AtomicU8, "AtomicU8", "an `offspring::shared::Value<AtomicU8>`, or a `u8` for a copy";
    std::sync::atomic::AtomicU16, "AtomicU16", "an `offspring::shared::Value<AtomicU16>`, or a `u16` for a copy";
    std::sync::atomic::AtomicU32, "AtomicU32", "an `offspring::shared::Value<AtomicU32>`, or a `u32` for a copy";
    std::sync::atomic::AtomicU64, "AtomicU64", "an `offspring::shared::Value<AtomicU64>`, or a `u64` for a copy";
    std::sync::atomic::AtomicUsize, "AtomicUsize", "an `offspring::shared::Value<AtomicUsize>`, or a `usize` for a copy";
    std::sync::atomic::AtomicI8, "AtomicI8", "an `offspring::shared::Value<AtomicI8>`, or an `i8` for a copy";
    std::sync::atomic::AtomicI16, "AtomicI16", "an `offspring::shared::Value<AtomicI16>`, or an `i16` for a copy";
    std::sync::atomic::AtomicI32, "AtomicI32", "an `offspring::shared::Value<AtomicI32>`, or an `i32` for a copy";
    std::sync::atomic::AtomicI64, "AtomicI64", "an `offspring::shared::Value<AtomicI64>`, or an `i64` for a copy";
    std::sync::atomic::AtomicIsize, "AtomicIsize", "an `offspring::shared::Value<AtomicIsize>`, or an `isize` for a copy";
}

macro_rules! moves {
    ($($ty:ident<$($param:ident),*>, $instead:literal;)*) => {$(
        impl<$($param),*> Probe<crate::$ty<$($param),*>> {
            pub const MOVES: &'static str = concat!(
                "an end of a channel moves to the child and can't be lent: take it by value, ", $instead
            );
        }
    )*};
}

moves! {
    Sender<T>, "`mut end: Sender<_>`";
    Receiver<T>, "`mut end: Receiver<_>`";
    Duplex<A, B>, "`mut end: Duplex<_, _>`";
}

/// Stops the compiler if there is something to say.
pub const fn refuse(why: &'static str) {
    if !why.is_empty() {
        panic!("{}", why);
    }
}
