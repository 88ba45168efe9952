//! What can be sent to another process.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{self, CodecError};
use super::message::{Beside, Message};

/// A type whose values can be sent to another process.
///
/// It is implemented for every type that owns its data and implements serde's [`Serialize`] and
/// [`Deserialize`](serde::Deserialize); there is nothing to implement by hand.
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
pub trait Portable: Sized + 'static {
    /// Appends the value to a message. If that fails, the message is as it was before.
    #[doc(hidden)]
    fn encode<'a>(&'a self, message: &mut Message<'a>) -> Result<(), CodecError>;

    /// Reads a value that fills `body`, and takes what it refers to beside that.
    #[doc(hidden)]
    fn decode(body: &[u8], beside: &mut Beside) -> Result<Self, CodecError>;
}

// Without this the compiler would explain that `Serialize` is missing, and on which of serde's types it
// is not, instead of showing the message above.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Portable for T {
    fn encode<'a>(&'a self, message: &mut Message<'a>) -> Result<(), CodecError> {
        codec::encode(self, message)
    }

    fn decode(body: &[u8], beside: &mut Beside) -> Result<Self, CodecError> {
        codec::decode(body, beside)
    }
}
