// Not public API. Used by generated code.

#![allow(missing_docs, missing_debug_implementations)]

pub use crate::call::{
    Answer, Argument, Arguments, Callable, Check, Checked, End, Given, Held, Ignore, Invocation,
    Items, Kind, Lend, Outcome, Pairs, Parameter, Place, Ran, Refused, Returns, Sendable,
    Signature, Slot, Spread, SpreadNamed, call, decode, keyword_slot, parameter_name, partial,
    positional_slot, slot, spread_slot,
};
pub use crate::child::{enter, enter_test};
pub use crate::registry::{Entry, Registered};
pub use crate::run::Runnable;
pub use crate::wire::{CodecError, Message, Portable, Received};
pub use core::result::Result;
pub use inventory::submit;
pub use offspring_macros::{__call, __spawn};
