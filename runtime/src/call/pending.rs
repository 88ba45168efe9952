//! A call that has not happened.

use std::fmt;

use super::Decode;
use super::arguments::Arguments;
use super::signature::Signature;
use super::value::DecodePart;
use crate::Result;
use crate::process::Process;
use crate::registry::Entry;
use crate::start::{self, Options};
use crate::wire::{CodecError, Message, Received};

/// What `#[subprocess]` implements for the type that bears the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `#[subprocess]` function",
    label = "only a function that is annotated with `#[subprocess]` can run in a child process"
)]
pub trait Callable {
    const SIGNATURE: &'static Signature;
    const ENTRY: &'static Entry;
}

/// The function returns `T`.
pub trait Returns<T>: Callable {
    fn decode(answer: Received) -> Result<T, CodecError>;
}

/// Stands for the compile-time checks of a call, which are done.
#[derive(Clone, Copy, Debug)]
pub struct Checked;

/// A call of a `#[subprocess]` function that has not happened yet, made by [`call!`](crate::call!).
///
/// It is Python's `Process` object before `start()`: what is to be said about the process is said
/// here. Arguments may be borrowed; they are encoded when the process is started, from where they
/// lie.
///
/// ```
/// use offspring::{call, subprocess};
///
/// #[subprocess]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let process = call!(add, 1, kwargs <b = 2>).name("adder").start()?;
///     assert_eq!(process.name(), "adder");
///     assert_eq!(process.join()?, 3);
///     Ok(())
/// }
/// ```
#[must_use = "a call does nothing until it is started"]
pub struct Call<'a, T> {
    pub(crate) entry: &'static Entry,
    pub(crate) arguments: Box<dyn Arguments + 'a>,
    pub(crate) options: Options,
    pub(crate) decode: Decode<T>,
}

impl<'a, T> Call<'a, T> {
    pub(crate) fn new(
        entry: &'static Entry,
        arguments: impl Arguments + 'a,
        decode: Decode<T>,
    ) -> Self {
        Self {
            entry,
            arguments: Box::new(arguments),
            options: Options::default(),
            decode,
        }
    }

    /// Starts a process that does the call.
    ///
    /// # Errors
    ///
    /// If an argument can't be serialized, if a spread map gives a parameter or one name twice, if
    /// this process may have no children or has no way for them to come in, or if the system
    /// refuses. Then no process was started.
    pub fn start(self) -> Result<Process<T>> {
        let Self {
            entry,
            arguments,
            options,
            decode,
        } = self;
        let mut message = Message::default();
        arguments.encode(entry.name, &mut message)?;
        start::start(entry, message, options, decode)
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, options, .. } = self;
        f.debug_struct("Call")
            .field("function", &(entry.path)())
            .field("options", options)
            .finish_non_exhaustive()
    }
}

/// The call that `call!` and `spawn!` mean.
pub fn call<'a, C: Returns<T>, L: Arguments + 'a, T>(_: Checked, arguments: L) -> Call<'a, T> {
    Call::new(C::ENTRY, arguments, C::decode)
}

/// Reads the whole of an answer.
pub fn decode<T>(mut answer: Received, decode: DecodePart<T>) -> Result<T, CodecError> {
    decode(&answer.body, &mut answer.beside)
}
