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
/// `?` takes a type that implements [`Error`]. A `Box<dyn Error>` and an `anyhow::Error` do not:
///
/// | | to a `RemoteError` | and from it |
/// |---|---|---|
/// | a type that implements [`Error`] | `?` | [`into_error`](Self::into_error) |
/// | `Box<dyn Error + Send + Sync>` | `.map_err(`[`RemoteError::from_boxed`](Self::from_boxed)`)?` | `?` |
/// | `Box<dyn Error>` | [`RemoteError::from_dyn`](Self::from_dyn) | `?` |
/// | `anyhow::Error` | `.map_err(`[`RemoteError::from_boxed`](Self::from_boxed)`)?` | `.map_err(`[`RemoteError::into_error`](Self::into_error)`)?` |
/// | a text | [`RemoteError::msg`](Self::msg) | `to_string()` |
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

    /// From what is no [`Error`] itself but can be boxed as one: a `Box<dyn Error + Send + Sync>` or
    /// an `anyhow::Error`.
    ///
    /// ```
    /// use offspring::RemoteError;
    /// use std::error::Error;
    ///
    /// fn load() -> Result<u32, Box<dyn Error + Send + Sync>> {
    ///     Ok("x".parse::<u32>()?)
    /// }
    ///
    /// #[offspring::subprocess]
    /// fn remote_load() -> Result<u32, RemoteError> {
    ///     let number = load().map_err(RemoteError::from_boxed)?;
    ///     Ok(number + 1)
    /// }
    ///
    /// assert_eq!(
    ///     remote_load().unwrap_err().to_string(),
    ///     "invalid digit found in string"
    /// );
    /// ```
    #[must_use]
    pub fn from_boxed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::from_dyn(&*error.into())
    }

    /// From an error of whatever type, such as the one in a `Box<dyn Error>`.
    ///
    /// ```
    /// # use offspring::RemoteError;
    /// # use std::error::Error;
    /// fn load() -> Result<u32, Box<dyn Error>> {
    ///     Err("nothing there".into())
    /// }
    ///
    /// let error = load().map_err(|error| RemoteError::from_dyn(&*error));
    /// assert_eq!(error.unwrap_err().to_string(), "nothing there");
    /// ```
    #[must_use]
    pub fn from_dyn(error: &dyn Error) -> Self {
        let mut texts = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        Self::from_texts(texts).unwrap_or_else(|| Self::msg(error.to_string()))
    }

    /// As an error that implements [`Error`], with its causes: what `?` takes in any function, such as
    /// one that returns an `anyhow::Result`.
    ///
    /// ```
    /// # use offspring::RemoteError;
    /// # use std::error::Error;
    /// fn local(answer: Result<u32, RemoteError>) -> Result<u32, Box<dyn Error>> {
    ///     Ok(answer.map_err(RemoteError::into_error)?)
    /// }
    ///
    /// let error = RemoteError::msg("not found").context("cannot load");
    /// let error = local(Err(error)).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot load");
    /// assert_eq!(error.source().unwrap().to_string(), "not found");
    /// ```
    #[must_use]
    pub fn into_error(self) -> impl Error + Send + Sync + 'static {
        self.0
    }

    /// As a boxed error, with its causes.
    ///
    /// ```
    /// # use offspring::RemoteError;
    /// # use std::error::Error;
    /// let error: Box<dyn Error + Send + Sync> = RemoteError::msg("not found").into_boxed();
    /// assert_eq!(error.to_string(), "not found");
    /// ```
    #[must_use]
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync> {
        self.into()
    }

    /// The same error as the cause of one with this text.
    ///
    /// ```
    /// # use offspring::RemoteError;
    /// fn load(path: &str) -> Result<String, RemoteError> {
    ///     std::fs::read_to_string(path)
    ///         .map_err(|error| RemoteError::from(error).context(format!("cannot load {path}")))
    /// }
    ///
    /// let error = load("/nowhere").unwrap_err();
    /// assert_eq!(error.to_string(), "cannot load /nowhere");
    /// assert_eq!(
    ///     format!("{error:#}"),
    ///     "cannot load /nowhere: No such file or directory (os error 2)"
    /// );
    /// ```
    #[must_use]
    pub fn context(self, text: impl Into<String>) -> Self {
        Self(Text {
            text: text.into(),
            cause: Some(Box::new(self.0)),
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
        Self::from_dyn(&error)
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
