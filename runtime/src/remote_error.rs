//! An error that can travel, made from any that can't.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::error::Error;
use std::fmt;

/// An error as it arrives from another process: its text and those of its causes.
///
/// Most errors can't be serialized. This one is made from any by `?`, so a `#[subprocess]`
/// function that returns `Result<T, RemoteError>` is written as usual; at the other side it turns
/// into a `Box<dyn Error>` by `?`. Like `anyhow::Error` it is not itself an
/// [`Error`], which is what lets `?` make it.
///
/// `{}` shows the outermost text, `{:#}` the whole chain in a line, `{:?}` the chain in lines.
///
/// ```
/// # use offspring::{RemoteError, spawn, subprocess};
/// #[subprocess]
/// fn parse(text: &str) -> Result<u32, RemoteError> {
///     Ok(text.parse()?)
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     assert_eq!(spawn!(parse, "12")?.join()??, 12);
///     let error = spawn!(parse, "x")?.join()?.unwrap_err();
///     assert_eq!(error.to_string(), "invalid digit found in string");
///     Ok(())
/// }
/// ```
pub struct RemoteError(Text);

/// The error inside: a text and its cause.
struct Text {
    text: String,
    cause: Option<Box<Text>>,
}

impl RemoteError {
    /// An error with this text and no cause.
    pub fn msg(text: impl Into<String>) -> Self {
        Self(Text {
            text: text.into(),
            cause: None,
        })
    }

    /// The texts, from the outermost to the first cause.
    pub fn chain(&self) -> impl Iterator<Item = &str> {
        self.0.chain()
    }

    fn from_texts(texts: Vec<String>) -> Option<Self> {
        let wrap = |cause: Option<Box<Text>>, text| Some(Box::new(Text { text, cause }));
        texts
            .into_iter()
            .rev()
            .fold(None, wrap)
            .map(|text| Self(*text))
    }
}

impl Text {
    fn chain(&self) -> impl Iterator<Item = &str> {
        let links = std::iter::successors(Some(self), |text| text.cause.as_deref());
        links.map(|text| text.text.as_str())
    }
}

impl<E: Error> From<E> for RemoteError {
    fn from(error: E) -> Self {
        let mut texts = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        Self::from_texts(texts).unwrap_or_else(|| Self::msg(error.to_string()))
    }
}

impl From<RemoteError> for Box<dyn Error + Send + Sync> {
    fn from(error: RemoteError) -> Self {
        Box::new(error.0)
    }
}

impl From<RemoteError> for Box<dyn Error> {
    fn from(error: RemoteError) -> Self {
        Box::new(error.0)
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)?;
        if f.alternate() {
            self.chain()
                .skip(1)
                .try_for_each(|text| write!(f, ": {text}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.chain()
            .skip(1)
            .try_for_each(|text| write!(f, "\ncaused by: {text}"))
    }
}

impl Error for Text {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

/// The list of texts.
impl Serialize for RemoteError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.chain())
    }
}

impl<'de> Deserialize<'de> for RemoteError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let empty = || serde::de::Error::invalid_length(0, &"at least one text");
        Self::from_texts(texts).ok_or_else(empty)
    }
}
