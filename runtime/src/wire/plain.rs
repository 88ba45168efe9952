//! Runs of plain elements seen as bytes, and memory to receive them in.
//!
//! A `Vec<f64>` travels as the bytes it consists of. That needs what safe Rust does not offer: to look at
//! numbers as bytes, and to let bytes from a socket become numbers where they already lie.

// The one reason for `unsafe` in the wire format is this reinterpretation; it stays in this file.
#![allow(unsafe_code)]

use std::any::{Any, TypeId};
use std::collections::TryReserveError;
use std::fmt;
use std::mem::MaybeUninit;

use super::message::{Element, with_elements};

/// A number type that may travel as its bytes.
///
/// # Safety
///
/// Every byte of a value is initialized, every pattern of bytes is a value, and there is no `Drop`.
pub(crate) unsafe trait Plain: Copy + 'static {
    /// What stands on the wire for this type.
    const ELEMENT: Element;
}

/// The elements of a slice as bytes, if they are plain.
pub(crate) fn as_plain<T: 'static>(values: &[T]) -> Option<(Element, &[u8])> {
    let element = element_of::<T>()?;
    // SAFETY: `T` is one of the `Plain` types, which have neither padding nor uninitialized bytes;
    // the bytes are borrowed for as long as the slice, and `u8` may be read at any alignment.
    let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) };
    Some((element, bytes))
}

/// A vector copied from the bytes of its elements, which may lie at any alignment.
/// `None` if they end in the middle of an element.
pub(crate) fn from_bytes<E: Plain>(bytes: &[u8]) -> Option<Vec<E>> {
    if !bytes.len().is_multiple_of(size_of::<E>()) {
        return None;
    }
    let count = bytes.len() / size_of::<E>();
    let mut vec = Vec::<E>::with_capacity(count);
    // SAFETY: there is room for `count` elements, which is `bytes.len()` bytes; the new allocation does
    // not overlap with the source; any pattern of bytes is a value of `E: Plain`.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), vec.as_mut_ptr().cast(), bytes.len());
        vec.set_len(count);
    }
    Some(vec)
}

/// `value` itself, if `A` and `B` are the same type.
pub(crate) fn same<A: 'static, B: 'static>(value: A) -> Option<B> {
    let mut slot = Some(value);
    (&mut slot as &mut dyn Any)
        .downcast_mut::<Option<B>>()?
        .take()
}

/// A bulk run that has arrived or is arriving, aligned for its elements.
///
/// Bytes are added where [`spare`](Buffer::spare) points, in steps that need not end between elements.
/// Only whole elements can be taken out.
pub struct Buffer {
    store: Store,
    /// Bytes that are there, counted from the start of the allocation.
    filled: usize,
    /// Bytes it was made for. The allocation may be larger.
    wanted: usize,
}

/// Room in `vec` behind its first `filled` bytes, up to `wanted` bytes in all.
fn spare_bytes<E: Plain>(vec: &mut Vec<E>, filled: usize, wanted: usize) -> &mut [MaybeUninit<u8>] {
    assert!(filled <= wanted && wanted <= vec.capacity() * size_of::<E>());
    // SAFETY: the assertion keeps the range inside the allocation, which nobody else can reach while
    // `vec` is borrowed. The range begins behind the elements of `vec` and what was filled of the next
    // one, so that no byte that counts as filled can become uninitialized through it.
    unsafe {
        let start = vec.as_mut_ptr().cast::<MaybeUninit<u8>>().add(filled);
        std::slice::from_raw_parts_mut(start, wanted - filled)
    }
}

/// Makes the whole elements among the first `filled` bytes visible.
///
/// # Safety
///
/// The first `filled` bytes of the allocation are initialized.
unsafe fn show<E: Plain>(vec: &mut Vec<E>, filled: usize) {
    let count = filled / size_of::<E>();
    assert!(count <= vec.capacity());
    // SAFETY: the elements lie within the capacity, the caller vouches that they are initialized, and
    // any pattern of bytes is a value of `E: Plain`.
    unsafe { vec.set_len(count) }
}

macro_rules! buffers {
    ($($name:ident $ty:ty)*) => {
        $(
            // SAFETY: a primitive number is nothing but its bytes, and all of them are valid.
            unsafe impl Plain for $ty {
                const ELEMENT: Element = Element::$name;
            }

            impl From<Vec<$ty>> for Buffer {
                fn from(vec: Vec<$ty>) -> Self {
                    let filled = size_of_val(vec.as_slice());
                    Self { store: Store::$name(vec), filled, wanted: filled }
                }
            }
        )*

        fn element_of<T: 'static>() -> Option<Element> {
            $(
                if TypeId::of::<T>() == TypeId::of::<$ty>() {
                    return Some(Element::$name);
                }
            )*
            None
        }

        enum Store {
            $($name(Vec<$ty>),)*
        }

        impl Buffer {
            /// An empty buffer with room for `count` elements.
            pub(crate) fn with_capacity(element: Element, count: usize) -> Result<Self, TryReserveError> {
                let store = match element {
                    $(Element::$name => {
                        let mut vec = Vec::<$ty>::new();
                        vec.try_reserve_exact(count)?;
                        Store::$name(vec)
                    })*
                };
                // Does not overflow: so many bytes have just been reserved.
                Ok(Self { store, filled: 0, wanted: count * element.width() })
            }

            /// What the buffer is made of.
            pub(crate) fn element(&self) -> Element {
                match &self.store {
                    $(Store::$name(_) => Element::$name,)*
                }
            }

            /// The bytes that have not been filled yet; empty once the buffer is complete.
            pub(crate) fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
                match &mut self.store {
                    $(Store::$name(vec) => spare_bytes(vec, self.filled, self.wanted),)*
                }
            }

            /// Counts the first `more` bytes of [`spare`](Self::spare) as filled.
            ///
            /// # Safety
            ///
            /// Those bytes have been initialized.
            pub(crate) unsafe fn filled(&mut self, more: usize) {
                assert!(more <= self.wanted - self.filled, "more bytes than there is room for");
                self.filled += more;
                match &mut self.store {
                    // SAFETY: all bytes up to `filled` were initialized, by this caller or earlier ones.
                    $(Store::$name(vec) => unsafe { show(vec, self.filled) },)*
                }
            }

            /// The elements, without a copy. If they are of another type, says of which.
            pub(crate) fn into_vec<E: Plain>(self) -> Result<Vec<E>, Element> {
                match self.store {
                    $(Store::$name(vec) => same(vec).ok_or(Element::$name),)*
                }
            }
        }
    };
}

with_elements!(buffers);

impl Buffer {
    /// The number of bytes filled so far.
    pub(crate) fn len_bytes(&self) -> usize {
        self.filled
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (element, filled, wanted) = (self.element(), self.filled, self.wanted);
        write!(f, "Buffer({element:?}, {filled} of {wanted} bytes)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffer: &mut Buffer, bytes: &[u8]) {
        for (spare, byte) in buffer.spare().iter_mut().zip(bytes) {
            spare.write(*byte);
        }
        // SAFETY: written just above; `filled` refuses more than there is room for.
        unsafe { buffer.filled(bytes.len()) }
    }

    #[test]
    fn arrives_in_pieces() {
        let numbers = [1.5_f64, -0.0, f64::NAN];
        let (element, bytes) = as_plain(&numbers).unwrap();
        let mut buffer = Buffer::with_capacity(element, 3).unwrap();
        for piece in bytes.chunks(7) {
            fill(&mut buffer, piece);
        }
        assert!(buffer.spare().is_empty());
        assert_eq!(buffer.len_bytes(), 24);
        let back = buffer.into_vec::<f64>().unwrap();
        assert_eq!(back.map_bits(), numbers.to_vec().map_bits());
    }

    trait MapBits {
        fn map_bits(&self) -> Vec<u64>;
    }

    impl MapBits for Vec<f64> {
        fn map_bits(&self) -> Vec<u64> {
            self.iter().map(|number| number.to_bits()).collect()
        }
    }

    #[test]
    fn half_an_element_stays_hidden() {
        let mut buffer = Buffer::with_capacity(Element::U32, 4).unwrap();
        fill(&mut buffer, &[1, 0, 0, 0, 2, 0]);
        assert_eq!(buffer.len_bytes(), 6);
        assert_eq!(buffer.spare().len(), 10);
        assert_eq!(
            buffer.into_vec::<u32>(),
            Ok(vec![u32::from_le_bytes([1, 0, 0, 0])])
        );
    }

    #[test]
    fn other_type_is_refused() {
        assert_eq!(
            Buffer::from(vec![1_u32]).into_vec::<i32>(),
            Err(Element::U32)
        );
        assert!(as_plain(&[true]).is_none());
        assert!(as_plain(&['a']).is_none());
        assert!(as_plain(&[String::new()]).is_none());
    }

    #[test]
    fn absurd_capacity_is_an_error() {
        assert!(Buffer::with_capacity(Element::U64, usize::MAX).is_err());
        assert!(Buffer::with_capacity(Element::U8, usize::MAX / 2).is_err());
    }

    #[test]
    #[should_panic(expected = "more bytes than there is room for")]
    fn too_much_is_refused() {
        let mut buffer = Buffer::with_capacity(Element::U8, 1).unwrap();
        // SAFETY: panics before any byte counts as filled.
        unsafe { buffer.filled(2) }
    }

    #[test]
    fn unaligned_bytes() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(
            from_bytes::<u64>(&bytes[1..]),
            Some(vec![u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8])])
        );
        assert_eq!(from_bytes::<u64>(&bytes), None);
        assert_eq!(from_bytes::<u64>(&[]), Some(vec![]));
        assert_eq!(from_bytes::<i8>(&[255]), Some(vec![-1]));
    }
}
