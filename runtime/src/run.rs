//! Python's own process classes: a type with a `run` method.

use crate::Result;
use crate::call::{Call, Decode, End, Given, Held, Place};
use crate::process::Process;
use crate::registry::Entry;
use crate::wire::{CodecError, Message, Received};

/// A value that does its work in a process of its own, like a Python class derived from `Process`.
///
/// Put `#[subprocess]` on the `impl`. Then [`start`](Run::start) sends the value to a new process,
/// which calls [`run`](Run::run); `run` itself stays a plain method. The value and the output must
/// be serializable, and the `impl` can't be generic, for one name stands for one function.
///
/// ```
/// use offspring::{Run, subprocess};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Download {
///     url: String,
/// }
///
/// #[subprocess]
/// impl Run for Download {
///     type Output = usize;
///
///     fn run(self) -> usize {
///         self.url.len()
///     }
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let download = Download { url: "https://example.org".into() };
///     assert_eq!(download.start()?.join()?, 19);
///     Ok(())
/// }
/// ```
pub trait Run: Sized {
    /// What the process gives back.
    type Output;

    /// The work. Called directly, it is done by the caller.
    fn run(self) -> Self::Output;

    /// Starts a process that calls [`run`](Run::run).
    ///
    /// # Errors
    ///
    /// As for [`Call::start`].
    fn start(self) -> Result<Process<Self::Output>>
    where
        Self: Runnable<Self::Output> + 'static,
    {
        Call::start(self.into_call())
    }

    /// The call that is not started yet, to say more about its process.
    fn into_call(self) -> Call<'static, Self::Output>
    where
        Self: Runnable<Self::Output> + 'static,
    {
        let place = Place {
            slot: 0,
            position: 0,
            keyword: None,
            name: "self",
        };
        let value = Held::new(self, <Self as Runnable<Self::Output>>::encode);
        let decode: Decode<Self::Output> = <Self as Runnable<Self::Output>>::decode;
        Call::new(
            <Self as Runnable<Self::Output>>::ENTRY,
            Given::new(value, place, End),
            decode,
        )
    }
}

/// What `#[subprocess]` on an `impl` of [`Run`] adds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be started: its `impl` of `Run` is not registered",
    label = "a child process could not find it",
    note = "put `#[subprocess]` on `impl offspring::Run for {Self}`"
)]
pub trait Runnable<T>: Sized {
    #[doc(hidden)]
    const ENTRY: &'static Entry;
    #[doc(hidden)]
    fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError>;
    #[doc(hidden)]
    fn decode(answer: Received) -> Result<T, CodecError>;
}
