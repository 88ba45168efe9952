//! Runs of plain elements seen as bytes, and memory to receive them in.
//!
//! A `Vec<f64>` travels as the bytes it consists of. That needs what safe Rust does not offer: to look at
//! numbers as bytes, and to let bytes from a socket become numbers where they already lie.

// The one reason for `unsafe` in the wire format is this reinterpretation; it stays in this file.
#![allow(unsafe_code)]

use std::alloc::{self, Layout};
use std::any::{Any, TypeId};
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use super::message::{Element, with_elements};

/// A number type that may travel as its bytes.
///
/// # Safety
///
/// Every byte of a value is initialized, every pattern of bytes is a value, and there is no `Drop`.
/// `ELEMENT` has the layout of the type.
pub(crate) unsafe trait Plain: Copy + 'static {
    /// What stands on the wire for this type.
    const ELEMENT: Element;
}

macro_rules! plain {
    ($($name:ident $ty:ty)*) => {
        $(
            // SAFETY: a primitive number is nothing but its bytes, and all of them are valid. The name
            // and the type are the same pair from which `Element` has its layout.
            unsafe impl Plain for $ty {
                const ELEMENT: Element = Element::$name;
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
    };
}

with_elements!(plain);

/// The elements of a slice as bytes, if they are plain.
pub(crate) fn as_plain<T: 'static>(values: &[T]) -> Option<(Element, &[u8])> {
    let element = element_of::<T>()?;
    // SAFETY: `T` is one of the `Plain` types, which have neither padding nor uninitialized bytes;
    // the bytes are borrowed for as long as the slice, and `u8` may be read at any alignment.
    let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) };
    Some((element, bytes))
}

/// `value` itself, if `A` and `B` are the same type.
pub(crate) fn same<A: 'static, B: 'static>(value: A) -> Option<B> {
    let mut slot = Some(value);
    (&mut slot as &mut dyn Any)
        .downcast_mut::<Option<B>>()?
        .take()
}

/// A run of plain elements that has arrived or is arriving, in memory that can become a vector of them.
///
/// Bytes are added where [`spare`](Buffer::spare) points, in steps that need not end between elements.
/// Only whole elements can be taken out.
// Not a vector for each element type: all that differs is how the memory is aligned, and the same code
// fourteen times is a large part of a small program.
pub(crate) struct Buffer {
    /// `wanted` bytes from the global allocator, aligned for `element`; dangling if that is none.
    start: NonNull<u8>,
    element: Element,
    /// Bytes that are there, counted from `start`.
    filled: usize,
    /// Bytes there is room for, a multiple of the size of an element.
    wanted: usize,
}

// SAFETY: the buffer owns its memory, as a vector does, and what is in it are plain numbers.
unsafe impl Send for Buffer {}
// SAFETY: the same; nothing changes through a shared reference.
unsafe impl Sync for Buffer {}

/// There is not as much memory as a buffer would take.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

impl Buffer {
    /// An empty buffer with room for `count` elements.
    pub(crate) fn with_capacity(element: Element, count: usize) -> Result<Self, OutOfMemory> {
        let one = element.layout();
        let layout = count
            .checked_mul(one.size())
            .and_then(|size| Layout::from_size_align(size, one.align()).ok())
            .ok_or(OutOfMemory)?;
        let start = if layout.size() == 0 {
            std::ptr::without_provenance_mut(layout.align())
        } else {
            // SAFETY: the size is not zero.
            unsafe { alloc::alloc(layout) }
        };
        Ok(Self {
            start: NonNull::new(start).ok_or(OutOfMemory)?,
            element,
            filled: 0,
            wanted: layout.size(),
        })
    }

    /// A buffer of elements that lie elsewhere, at any alignment. `None` if they end in the middle of
    /// one, or if there is no memory.
    pub(crate) fn copied(element: Element, bytes: &[u8]) -> Option<Self> {
        let width = element.width();
        if !bytes.len().is_multiple_of(width) {
            return None;
        }
        let mut buffer = Self::with_capacity(element, bytes.len() / width).ok()?;
        buffer.spare().write_copy_of_slice(bytes);
        // SAFETY: just written, all of them: the room is as long as `bytes`.
        unsafe { buffer.filled(bytes.len()) };
        Some(buffer)
    }

    /// The bytes that have not been filled yet; empty once the buffer is complete.
    pub(crate) fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: `filled` is at most `wanted`, which is how long the memory is; nobody else can reach
        // it while the buffer is borrowed. What counts as filled is not part of the slice, so that it
        // can't become uninitialized through it.
        unsafe {
            let start = self.start.add(self.filled).cast();
            std::slice::from_raw_parts_mut(start.as_ptr(), self.wanted - self.filled)
        }
    }

    /// Counts the first `more` bytes of [`spare`](Self::spare) as filled.
    ///
    /// # Safety
    ///
    /// Those bytes have been initialized.
    pub(crate) unsafe fn filled(&mut self, more: usize) {
        assert!(
            more <= self.wanted - self.filled,
            "more bytes than there is room for"
        );
        self.filled += more;
    }

    /// The elements, without a copy. If they are of another type, says of which.
    pub(crate) fn into_vec<E: Plain>(self) -> Result<Vec<E>, Element> {
        if self.element != E::ELEMENT {
            return Err(self.element);
        }
        let buffer = ManuallyDrop::new(self);
        let start = buffer.start.cast::<E>().as_ptr();
        let (len, capacity) = (
            buffer.filled / size_of::<E>(),
            buffer.wanted / size_of::<E>(),
        );
        // SAFETY: the memory was allocated as a vector does it, for `capacity` elements with the layout
        // of `E`, and is not freed here. The first `len` elements have been filled, and any pattern of
        // bytes is a value of `E: Plain`.
        Ok(unsafe { Vec::from_raw_parts(start, len, capacity) })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.wanted > 0 {
            // SAFETY: it was allocated with this layout, which was valid then.
            unsafe {
                let align = self.element.layout().align();
                let layout = Layout::from_size_align_unchecked(self.wanted, align);
                alloc::dealloc(self.start.as_ptr(), layout);
            }
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (element, filled, wanted) = (self.element, self.filled, self.wanted);
        write!(f, "Buffer({element:?}, {filled} of {wanted} bytes)")
    }
}

/// For tests: the elements in a buffer of their own.
#[cfg(test)]
impl<E: Plain> From<Vec<E>> for Buffer {
    fn from(vec: Vec<E>) -> Self {
        let (element, bytes) = as_plain(&vec).unwrap();
        Self::copied(element, bytes).unwrap()
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
        assert_eq!(buffer.filled, 24);
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
        assert_eq!(buffer.filled, 6);
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
        fn copied<E: Plain>(bytes: &[u8]) -> Option<Vec<E>> {
            Buffer::copied(E::ELEMENT, bytes)?.into_vec().ok()
        }
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(
            copied::<u64>(&bytes[1..]),
            Some(vec![u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8])])
        );
        assert_eq!(copied::<u64>(&bytes), None);
        assert_eq!(copied::<u64>(&[]), Some(vec![]));
        assert_eq!(copied::<i8>(&[255]), Some(vec![-1]));
    }

    #[test]
    fn becomes_a_vector_like_any_other() {
        macro_rules! elements {
            ($($name:ident $ty:ty)*) => {$(
                let layout = Element::$name.layout();
                assert_eq!((layout.size(), layout.align()), (size_of::<$ty>(), align_of::<$ty>()));
                for count in [0, 1, 3] {
                    let mut vec = Buffer::from(vec![7 as $ty; count]).into_vec::<$ty>().unwrap();
                    assert!(vec.as_ptr().is_aligned());
                    vec.push(8 as $ty);
                    vec.shrink_to_fit();
                    assert_eq!((vec.len(), vec.last()), (count + 1, Some(&(8 as $ty))));
                }
            )*};
        }
        with_elements!(elements);
    }

    #[test]
    fn dropped_half_full() {
        let mut buffer = Buffer::with_capacity(Element::U128, 2).unwrap();
        fill(&mut buffer, &[1; 17]);
        drop(buffer);
        drop(Buffer::with_capacity(Element::F64, 0).unwrap());
    }
}
