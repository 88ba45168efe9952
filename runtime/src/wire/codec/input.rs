//! Reading the parts that values consist of. Whatever is read may be anything.

use super::{CodecError, Result};

/// What is left of a body.
#[derive(Clone, Copy)]
pub(super) struct Input<'de>(&'de [u8]);

impl<'de> Input<'de> {
    pub(super) fn new(body: &'de [u8]) -> Self {
        Self(body)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn peek(&self) -> Result<u8> {
        self.0.first().copied().ok_or_else(CodecError::truncated)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.0.split_first().ok_or_else(CodecError::truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    /// Skips the next byte if it is this one.
    pub(super) fn skip(&mut self, byte: u8) -> Result<bool> {
        let is_next = self.peek()? == byte;
        if is_next {
            self.0 = &self.0[1..];
        }
        Ok(is_next)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(CodecError::truncated)?;
        self.0 = rest;
        Ok(*array)
    }

    #[inline]
    pub(super) fn count(&mut self) -> Result<u64> {
        match self.0.split_first() {
            // Most counts are this short.
            Some((&byte, rest)) if byte < 0x80 => {
                self.0 = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_count(),
        }
    }

    fn long_count(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(CodecError::new("a count does not fit into 64 bits"))
    }

    /// A count of bytes and the bytes.
    pub(super) fn bytes(&mut self) -> Result<&'de [u8]> {
        let count = self.count()?;
        let split = usize::try_from(count)
            .ok()
            .and_then(|count| self.0.split_at_checked(count));
        let (bytes, rest) = split.ok_or_else(CodecError::truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A count of bytes and the bytes, which are text.
    pub(super) fn text(&mut self) -> Result<&'de str> {
        std::str::from_utf8(self.bytes()?).map_err(CodecError::new)
    }

    pub(super) fn char(&mut self) -> Result<char> {
        let code = u32::from_le_bytes(self.array()?);
        char::from_u32(code)
            .ok_or_else(|| CodecError::new(format_args!("{code:#x} is not a character")))
    }
}
