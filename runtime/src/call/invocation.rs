//! The child's side of a call: from the message to parameters, from the result to the answer.
//!
//! The body was written by the parent, but it is read like anything that came over a wire.

use std::collections::BTreeMap;
use std::ops::Range;
use std::{fmt, io};

use super::value::{DecodePart, Encode};
use crate::wire::fields::Fields;
use crate::wire::{CodecError, Message, Received};

/// What becomes of an invocation.
pub type Ran = Result<(), Refused>;

/// Where the result goes.
pub trait Answer {
    /// Sends the encoded result; `failed` tells whether it is an `Err`.
    fn returned(&mut self, value: Message<'_>, failed: bool) -> io::Result<()>;
}

/// Why an invocation came to nothing, other than by a panic.
pub struct Refused(pub(crate) RefusedKind);

pub(crate) enum RefusedKind {
    /// The body as a whole can't be read.
    Arguments(CodecError),
    /// One argument can't be decoded.
    Argument { name: String, error: CodecError },
    /// The result can't be encoded.
    Encode(CodecError),
    /// The answer can't be written.
    Write(io::Error),
}

impl Refused {
    pub(crate) fn invalid() -> Self {
        Self(RefusedKind::Arguments(CodecError::new(
            "the function was rejected by the compiler",
        )))
    }

    fn argument(name: &str, error: CodecError) -> Self {
        Self(RefusedKind::Argument {
            name: name.to_owned(),
            error,
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            RefusedKind::Arguments(error) => write!(f, "the arguments can't be read: {error}"),
            RefusedKind::Argument { name, error } => {
                write!(f, "argument '{name}' can't be deserialized: {error}")
            }
            RefusedKind::Encode(error) => write!(f, "the result can't be serialized: {error}"),
            RefusedKind::Write(error) => write!(f, "the result can't be sent: {error}"),
        }
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({self})")
    }
}

/// One call that this process is to do.
pub struct Invocation<'a> {
    arguments: Received,
    parts: Vec<Part>,
    answer: &'a mut dyn Answer,
}

/// One argument as it lies in the body.
struct Part {
    slot: usize,
    position: u64,
    keyword: Option<String>,
    value: Range<usize>,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new(arguments: Received, answer: &'a mut dyn Answer) -> Result<Self, Refused> {
        let mut parts =
            parts(&arguments.body).map_err(|error| Refused(RefusedKind::Arguments(error)))?;
        parts.sort_by_key(|part| part.position);
        Ok(Self {
            arguments,
            parts,
            answer,
        })
    }

    fn take(&mut self, slot: usize) -> Option<Part> {
        let index = self.parts.iter().position(|part| part.slot == slot)?;
        Some(self.parts.remove(index))
    }

    fn decode<T>(&mut self, part: &Part, name: &str, decode: DecodePart<T>) -> Result<T, Refused> {
        decode(
            &self.arguments.body[part.value.clone()],
            &mut self.arguments.beside,
        )
        .map_err(|error| Refused::argument(name, error))
    }

    /// The argument for a parameter that has to have one.
    pub fn required<T>(
        &mut self,
        slot: usize,
        name: &str,
        decode: DecodePart<T>,
    ) -> Result<T, Refused> {
        self.optional(slot, name, decode)?
            .ok_or_else(|| Refused::argument(name, CodecError::new("it is missing")))
    }

    /// The argument for a parameter that has a default.
    pub fn optional<T>(
        &mut self,
        slot: usize,
        name: &str,
        decode: DecodePart<T>,
    ) -> Result<Option<T>, Refused> {
        self.take(slot)
            .map(|part| self.decode(&part, name, decode))
            .transpose()
    }

    /// The arguments for `#[args]`, in the order of the call's text.
    pub fn rest<T>(
        &mut self,
        slot: usize,
        name: &str,
        decode: DecodePart<T>,
    ) -> Result<Vec<T>, Refused> {
        let parts = self.take_all(slot);
        parts
            .iter()
            .map(|part| self.decode(part, name, decode))
            .collect()
    }

    /// The arguments for `#[kwargs]`.
    pub fn extra<T>(
        &mut self,
        slot: usize,
        name: &str,
        decode: DecodePart<T>,
    ) -> Result<BTreeMap<String, T>, Refused> {
        let mut extra = BTreeMap::new();
        for mut part in self.take_all(slot) {
            let key = part.keyword.take().ok_or_else(|| {
                Refused::argument(name, CodecError::new("one of its values has no name"))
            })?;
            let value = self.decode(&part, &key, decode)?;
            if extra.insert(key, value).is_some() {
                return Err(Refused::argument(
                    name,
                    CodecError::new("a name is there twice"),
                ));
            }
        }
        Ok(extra)
    }

    fn take_all(&mut self, slot: usize) -> Vec<Part> {
        self.parts
            .extract_if(.., |part| part.slot == slot)
            .collect()
    }

    /// Every argument must have been taken.
    pub fn complete(&self) -> Ran {
        if self.parts.is_empty() {
            return Ok(());
        }
        Err(Refused(RefusedKind::Arguments(CodecError::new(
            "there are more than it takes",
        ))))
    }

    /// Sends the result.
    pub fn answer<T>(&mut self, result: &T, failed: bool, encode: Encode<T>) -> Ran {
        let mut message = Message::default();
        encode(result, &mut message).map_err(|error| Refused(RefusedKind::Encode(error)))?;
        if !message.fds.is_empty() {
            // The parent takes none from a child.
            return Err(Refused(RefusedKind::Encode(CodecError::new(
                "a handle can't be a result: create it in the parent and pass it as an argument",
            ))));
        }
        self.answer
            .returned(message, failed)
            .map_err(|error| Refused(RefusedKind::Write(error)))
    }
}

impl fmt::Debug for Invocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invocation({} arguments)", self.parts.len())
    }
}

/// The arguments as they lie in the body.
fn parts(body: &[u8]) -> Result<Vec<Part>, CodecError> {
    let too_large = |_| CodecError::new("a number is too large");
    let mut fields = Fields(body);
    let mut parts = Vec::new();
    while !fields.0.is_empty() {
        let slot = usize::try_from(fields.u64()?).map_err(too_large)?;
        let position = fields.u64()?;
        let keyword = fields.option()?.map(str::to_owned);
        let length = usize::try_from(fields.u64()?).map_err(too_large)?;
        let start = body.len() - fields.0.len();
        fields.bytes(length)?;
        parts.push(Part {
            slot,
            position,
            keyword,
            value: start..start + length,
        });
    }
    Ok(parts)
}

#[cfg(test)]
#[path = "invocation_tests.rs"]
mod tests;
