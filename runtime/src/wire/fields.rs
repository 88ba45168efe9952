//! Numbers and texts one after the other: for what the crate itself says, where no serde is needed.

use super::codec::CodecError;

pub(crate) fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    out.extend(text.as_bytes());
}

pub(crate) fn put_option(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    put_str(out, text.unwrap_or_default());
}

/// Reads what was put, in the same order.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or_else(truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.bytes(1)?[0])
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_le_bytes(std::array::from_fn(|i| bytes[i])))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        self.u64()?
            .try_into()
            .map_err(|_| CodecError::new("a number is too large"))
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, CodecError> {
        let len = usize::try_from(self.u64()?).map_err(|_| truncated())?;
        std::str::from_utf8(self.bytes(len)?).map_err(|_| CodecError::new("a text is not UTF-8"))
    }

    pub(crate) fn option(&mut self) -> Result<Option<&'a str>, CodecError> {
        let present = self.byte()? != 0;
        let text = self.str()?;
        Ok(present.then_some(text))
    }

    pub(crate) fn end(self) -> Result<(), CodecError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CodecError::new("bytes are left over"))
        }
    }
}

fn truncated() -> CodecError {
    CodecError::new("it ends too early")
}
