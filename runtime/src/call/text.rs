//! Text: what may be given for a `String`, a path or an `OsString`.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::wire::{CodecError, Message, Portable, codec};

/// A value that may be given where the function takes a `T`.
#[diagnostic::on_unimplemented(
    message = "mismatched types: expected `{T}`, found `{Self}`",
    label = "expected `{T}`, found `{Self}`"
)]
pub trait Argument<T> {
    fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError>;
}

// Also for a type of the user's that happens to be called `String`.
#[diagnostic::do_not_recommend]
impl<T: Portable> Argument<T> for T {
    fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError> {
        Portable::encode(value, message)
    }
}

#[diagnostic::do_not_recommend]
impl Argument<String> for char {
    fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError> {
        let mut text = [0; 4];
        codec::encode_unsized::<str>(value.encode_utf8(&mut text), message)
    }
}

macro_rules! arguments {
    ($($owned:ty, $borrowed:ty, $encode:ident: $($source:ty)*;)*) => {
        $($(
            #[diagnostic::do_not_recommend]
            impl Argument<$owned> for $source {
                fn encode<'s>(value: &'s Self, message: &mut Message<'s>) -> Result<(), CodecError> {
                    codec::$encode(AsRef::<$borrowed>::as_ref(&**value), message)
                }
            }
        )*)*
    };
}

arguments! {
    String, str, encode_str:
        &str &&str &String &&String &mut str Box<str> Arc<str> Rc<str> Cow<'_, str> &Cow<'_, str>;
    PathBuf, Path, encode_path:
        &Path &&Path &PathBuf &&PathBuf Box<Path> Arc<Path> Rc<Path> Cow<'_, Path> &Cow<'_, Path>
        &str &&str String &String &&String Cow<'_, str> Box<str> OsString &OsString &OsStr;
    OsString, OsStr, encode_os_str:
        &OsStr &&OsStr &OsString &&OsString Box<OsStr> Cow<'_, OsStr>
        &Path &PathBuf PathBuf Cow<'_, Path>
        &str &&str String &String &&String;
}
