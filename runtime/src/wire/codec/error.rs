//! Why a value could not be encoded or decoded.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::MAX_DEPTH;

/// Why a value could not be sent or received.
///
/// Says what went wrong and, where that is known, in which part of the value: `.items[3].name: ...`.
// Boxed, as it is part of the result of every step.
#[derive(Clone, PartialEq, Eq)]
pub struct CodecError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    path: String,
    reason: String,
}

/// A path is for reading. Names in it may come from outside, and be as long as they like.
const MAX_PATH: usize = 200;

impl CodecError {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self::from_display(&reason)
    }

    // Once for all kinds of reasons.
    #[cold]
    fn from_display(reason: &dyn fmt::Display) -> Self {
        Self(Box::new(Inner {
            path: String::new(),
            reason: reason.to_string(),
        }))
    }

    #[cold]
    pub(super) fn too_deep() -> Self {
        Self::new(format_args!(
            "the value is nested more than {MAX_DEPTH} levels deep"
        ))
    }

    #[cold]
    pub(super) fn truncated() -> Self {
        Self::new("the data ends in the middle of a value")
    }

    #[cold]
    pub(super) fn left_over() -> Self {
        Self::new("the value has more parts than its type")
    }

    /// Says that the error is inside this field.
    #[cold]
    pub(super) fn in_field(self, name: &str) -> Self {
        self.inside(format_args!(".{name}"))
    }

    /// Says that the error is inside this element.
    #[cold]
    pub(super) fn in_element(self, index: usize) -> Self {
        self.inside(format_args!("[{index}]"))
    }

    fn inside(mut self, step: fmt::Arguments<'_>) -> Self {
        if self.0.path.len() < MAX_PATH {
            let mut step = step.to_string();
            if step.len() > MAX_PATH {
                step.truncate(step.floor_char_boundary(MAX_PATH));
                step.push_str("...");
            }
            self.0.path.insert_str(0, &step);
        }
        self
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, reason } = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(reason)
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecError({:?})", self.to_string())
    }
}

impl std::error::Error for CodecError {}

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason)
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason)
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format_args!(
            "invalid type: {}, expected {expected}",
            Found(found)
        ))
    }

    #[cold]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format_args!(
            "invalid value: {}, expected {expected}",
            Found(found)
        ))
    }
}

/// What was there instead of what was expected, in serde's words.
///
/// But a float without its value: what it takes to show one is as large as all the rest of the codec, and
/// most programs would have it for this text alone.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            Unexpected::Bool(value) => return write!(f, "boolean `{value}`"),
            Unexpected::Unsigned(number) => return write!(f, "integer `{number}`"),
            Unexpected::Signed(number) => return write!(f, "integer `{number}`"),
            Unexpected::Char(char) => return write!(f, "character `{char}`"),
            Unexpected::Str(text) => return write!(f, "string {text:?}"),
            Unexpected::Float(_) => "a floating point number",
            Unexpected::Bytes(_) => "byte array",
            Unexpected::Unit => "unit value",
            Unexpected::Option => "Option value",
            Unexpected::NewtypeStruct => "newtype struct",
            Unexpected::Seq => "sequence",
            Unexpected::Map => "map",
            Unexpected::Enum => "enum",
            Unexpected::UnitVariant => "unit variant",
            Unexpected::NewtypeVariant => "newtype variant",
            Unexpected::TupleVariant => "tuple variant",
            Unexpected::StructVariant => "struct variant",
            Unexpected::Other(words) => words,
        };
        f.write_str(words)
    }
}
