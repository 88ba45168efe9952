//! Calls: from the words of `spawn!` and `call!` to a message, and in the child back to parameters.
//!
//! The binding of arguments to parameters happens at compile time ([`signature`]); the arguments wait
//! in a typed list ([`arguments`]) until the process is started; the child's side is [`invocation`].

#![allow(
    missing_docs,
    missing_debug_implementations,
    reason = "nearly all that is public here is for generated code, and hidden from users"
)]

mod arguments;
mod invocation;
mod macros;
mod options;
mod outcome;
mod partial;
mod pending;
mod signature;
mod spread;
mod text;
mod value;
mod words;

pub use self::arguments::{Arguments, End, Given, Place};
pub(crate) use self::invocation::RefusedKind;
pub use self::invocation::{Answer, Invocation, Ran, Refused};
pub use self::outcome::Outcome;
pub use self::partial::{Partial, partial};
pub use self::pending::{Call, Callable, Checked, Returns, call, decode};
pub use self::signature::{
    Check, Kind, Parameter, Signature, keyword_slot, parameter_name, positional_slot, spread_slot,
};
pub use self::spread::{Items, Pairs, Spread, SpreadNamed};
pub use self::text::Argument;
pub use self::value::{Held, Ignore, Lend, Sendable, Slot, slot};

/// What turns the answer that has arrived into the function's result.
pub(crate) type Decode<T> = fn(crate::wire::Received) -> Result<T, crate::wire::CodecError>;
