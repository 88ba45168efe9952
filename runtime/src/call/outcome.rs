//! Results that are a `Result`: whether it is an `Err`, which makes the child's exit code 1, and how its
//! value and its error are encoded each by itself.

use std::ops::Deref;

use super::value::{DecodePart, Encode};
use crate::wire::{Beside, CodecError, Message};

/// Looks at a result whose type is known.
///
/// `Outcome(&output).failed()` finds the inherent method if the type is a `Result`, by whatever alias,
/// and else the one behind [`Deref`].
#[derive(Debug)]
pub struct Outcome<'a, T>(pub &'a T);

impl<T, E> Outcome<'_, Result<T, E>> {
    pub fn failed(&self) -> bool {
        self.0.is_err()
    }

    /// Appends which one it is, and that one.
    pub fn encode<'s>(
        result: &'s Result<T, E>,
        message: &mut Message<'s>,
        value: Encode<T>,
        error: Encode<E>,
    ) -> Result<(), CodecError> {
        let start = message.body.len();
        message.body.push(u8::from(result.is_err()));
        let encoded = match result {
            Ok(inner) => value(inner, message),
            Err(inner) => error(inner, message),
        };
        encoded.inspect_err(|_| message.body.truncate(start))
    }

    /// Reads what [`encode`](Self::encode) has written.
    pub fn decode(
        body: &[u8],
        beside: &mut Beside,
        value: DecodePart<T>,
        error: DecodePart<E>,
    ) -> Result<Result<T, E>, CodecError> {
        match body.split_first() {
            Some((0, body)) => value(body, beside).map(Ok),
            Some((1, body)) => error(body, beside).map(Err),
            _ => Err(CodecError::new("neither a value nor an error")),
        }
    }
}

impl<T> Deref for Outcome<'_, T> {
    type Target = NoResult;

    fn deref(&self) -> &NoResult {
        &NoResult
    }
}

/// A type that has no notion of failure.
#[derive(Debug)]
pub struct NoResult;

impl NoResult {
    pub fn failed(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use crate::wire::{Beside, Buffer, Message, Portable};

    type Alias<T> = Result<T, std::fmt::Error>;

    #[test]
    fn an_err_of_any_alias_of_result_is_a_failure() {
        let failed: Alias<u8> = Err(std::fmt::Error);
        assert!(Outcome(&failed).failed());
        let fine: std::io::Result<u8> = Ok(1);
        assert!(!Outcome(&fine).failed());
        assert!(!Outcome(&Some(failed)).failed());
        assert!(!Outcome(&()).failed());
    }

    #[test]
    fn a_value_and_an_error_come_back_as_what_they_were() {
        for result in [Ok(vec![1_u32; 2000]), Ok(Vec::new()), Err("no".to_owned())] {
            let mut message = Message::default();
            Outcome::encode(&result, &mut message, Portable::encode, Portable::encode).unwrap();
            // The large one lies beside the body.
            let mut beside = Beside {
                bulk: vec![Some(Buffer::from(vec![1_u32; 2000]))],
                ..Beside::default()
            };
            assert_eq!(
                message.bulk.len(),
                usize::from(matches!(&result, Ok(list) if !list.is_empty()))
            );
            let decoded: Result<Vec<u32>, String> = Outcome::decode(
                &message.body,
                &mut beside,
                Portable::decode,
                Portable::decode,
            )
            .unwrap();
            assert_eq!(decoded, result);
        }
    }

    #[test]
    fn what_is_neither_is_an_error() {
        let decode = |body: &[u8]| {
            let beside = &mut Beside::default();
            Outcome::<Result<u8, u8>>::decode(body, beside, Portable::decode, Portable::decode)
        };
        assert!(decode(&[]).is_err());
        assert!(decode(&[0]).is_err());
        assert!(decode(&[2, 0]).is_err());
    }
}
