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
