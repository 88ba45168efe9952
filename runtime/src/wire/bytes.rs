//! Shared bytes that are sent without a copy.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::handover::{self, Parcel};

/// Bytes that are cheap to clone and cheap to send, at any depth inside other types.
///
/// serde has no notion of "a lot of bytes": a `Vec<u8>` somewhere in a struct is a sequence of numbers to
/// it, and is sent one by one. `Bytes` is sent in one piece. From 4 KiB on, it is not even copied: the
/// sender writes it from where it lies, and the receiver reads it to where it stays.
///
/// A `Vec<u8>` that is an argument or a result *itself* travels as fast; `Bytes` is for the fields of
/// structs, for the elements of collections, and for what is sent to many processes.
///
/// ```
/// use offspring::Bytes;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Image {
///     width: u32,
///     height: u32,
///     pixels: Bytes,
/// }
///
/// let image = Image { width: 640, height: 480, pixels: vec![0; 640 * 480].into() };
///
/// // Clones share one allocation.
/// let again = image.pixels.clone();
/// assert_eq!(again.as_ptr(), image.pixels.as_ptr());
///
/// // It is a slice of bytes in all other respects.
/// assert_eq!(image.pixels.len(), 307_200);
/// assert!(image.pixels.iter().all(|byte| *byte == 0));
///
/// // The last owner gets the vector back without a copy.
/// drop(image);
/// let pixels: Vec<u8> = again.into_vec();
/// # assert_eq!(pixels.len(), 307_200);
/// ```
///
/// In an `untagged` enum, a variant with `Bytes` belongs before one with a `String`: to serde, bytes that
/// happen to be UTF-8 are good enough for a `String`.
///
/// With any other data format, `Bytes` is what that format calls bytes; in JSON, an array of numbers:
///
/// ```
/// # use offspring::Bytes;
/// let bytes = Bytes::from([1, 2, 3]);
/// assert_eq!(serde_json::to_string(&bytes)?, "[1,2,3]");
/// assert_eq!(serde_json::from_str::<Bytes>("[1,2,3]")?, bytes);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Arc<Vec<u8>>);

impl Bytes {
    /// No bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes as a vector, without a copy if there is no other clone.
    ///
    /// ```
    /// # use offspring::Bytes;
    /// let bytes = Bytes::from(vec![1, 2, 3]);
    /// let clone = bytes.clone();
    /// assert_eq!(bytes.into_vec(), [1, 2, 3]); // copied, as `clone` still needs them
    /// assert_eq!(clone.into_vec(), [1, 2, 3]); // moved
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.0)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<[u8; N]> for Bytes {
    fn from(bytes: [u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<Box<[u8]>> for Bytes {
    fn from(bytes: Box<[u8]>) -> Self {
        bytes.into_vec().into()
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.into_vec()
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        bytes.into_iter().collect::<Vec<u8>>().into()
    }
}

impl<'a> IntoIterator for &'a Bytes {
    type Item = &'a u8;
    type IntoIter = std::slice::Iter<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Bytes {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == *other
    }
}

impl PartialEq<Vec<u8>> for Bytes {
    fn eq(&self, other: &Vec<u8>) -> bool {
        **self == **other
    }
}

impl PartialEq<Bytes> for Vec<u8> {
    fn eq(&self, other: &Bytes) -> bool {
        **self == **other
    }
}

/// The bytes as a literal, if they are few; of many bytes the beginning and the number.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        match self.get(..SHOWN) {
            Some(start) if self.len() > SHOWN => {
                write!(f, "b\"{}\"... ({} bytes)", start.escape_ascii(), self.len())
            }
            _ => write!(f, "b\"{}\"", self.escape_ascii()),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handover::BYTES, &Marker(self))
    }
}

/// The content of the newtype struct by which [`Bytes`] announces itself.
struct Marker<'a>(&'a Bytes);

impl Serialize for Marker<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if handover::offer(|| Parcel::Bytes(Arc::clone(&self.0.0))) {
            // The encoder drops this again; it only makes an `S::Ok`.
            serializer.serialize_unit()
        } else {
            serializer.serialize_bytes(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(handover::BYTES, BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    /// What most formats answer to a newtype struct.
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        deserializer.deserialize_byte_buf(self)
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        // The hint comes from the sender; it must not decide how much memory is taken.
        let mut bytes = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(4096));
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_slice() {
        let bytes = Bytes::from(b"abc");
        assert_eq!(bytes, *b"abc");
        assert_eq!(bytes, b"abc"[..]);
        assert_eq!(bytes, b"abc".to_vec());
        assert_eq!(bytes.first(), Some(&b'a'));
        assert_eq!((&bytes).into_iter().count(), 3);
        assert_eq!(bytes.iter().copied().collect::<Bytes>(), bytes);
        assert!(Bytes::new() < bytes);
        let map = std::collections::HashMap::from([(bytes, 1)]);
        assert_eq!(map.get(&b"abc"[..]), Some(&1));
    }

    #[test]
    fn unshared_vector_moves() {
        let vec = vec![7; 100];
        let address = vec.as_ptr();
        let bytes = Bytes::from(vec);
        let clone = bytes.clone();
        assert_eq!(clone.as_ptr(), address);
        let (copied, moved) = (bytes.into_vec(), clone.into_vec());
        assert_ne!(copied.as_ptr(), address);
        assert_eq!(moved.as_ptr(), address);
    }

    #[test]
    fn debug_is_short() {
        assert_eq!(format!("{:?}", Bytes::from(b"a\n\xff")), r#"b"a\n\xff""#);
        let long = format!("{:?}", Bytes::from(vec![b'x'; 1000]));
        assert_eq!(long, format!("b\"{}\"... (1000 bytes)", "x".repeat(32)));
    }

    #[test]
    fn json() {
        let bytes = Bytes::from([0, 255]);
        let text = serde_json::to_string(&bytes).unwrap();
        assert_eq!(text, "[0,255]");
        assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), bytes);
        assert_eq!(serde_json::from_str::<Bytes>("\"hi\"").unwrap(), *b"hi");
        assert!(serde_json::from_str::<Bytes>("[256]").is_err());
    }
}
