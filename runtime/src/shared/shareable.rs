//! What can lie in shared memory.
#![allow(unsafe_code)] // promises about the bytes of the language's own types

use std::num::Wrapping;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};

/// Plain data, which means the same in every process: numbers, arrays of them, atomics, and structs of such.
///
/// A struct becomes one by `#[derive(offspring::Shareable)]`, which checks all that is asked for below.
///
/// ```
/// use offspring::Shareable;
///
/// #[derive(Clone, Copy, Shareable)]
/// #[repr(C)]
/// struct Point {
///     position: [f64; 3],
///     color: u32,
///     visible: u32, // a `bool` has bytes that aren't one
/// }
/// ```
///
/// # Safety
///
/// - Every pattern of bits is a value, also all zeros: another process can write any.
/// - No byte of a value is padding, which has no defined contents.
/// - It has neither pointers nor handles, which mean something in one process only.
/// - Dropping it does nothing.
/// - It is `Send` and `Sync`, and what of it can be changed through a shared reference is in atomics of the standard
///   library.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't lie in shared memory",
    label = "not plain data that means the same in every process",
    note = "what points elsewhere (`String`, `Vec`, `Box`, `&T`) points nowhere in another process, and `bool`, `char` and \
            enums have bit patterns that are no value, which another process could write",
    note = "use numbers, arrays of them, integer atomics, or `#[derive(offspring::Shareable)]` on a struct of such; for a flag a \
            `u8`, an `AtomicU8` or an `offspring::sync::Event`",
    note = "everything else can be sent as an argument, a result or a message"
)]
pub unsafe trait Shareable: Sized + 'static {}

/// The standard library's integer atomics, and arrays of them: what can be lent by reference while other processes
/// change it.
///
/// Implemented here only. `AtomicBool` and `AtomicPtr` are no [`Shareable`] data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` in shared memory can't be lent by reference",
    note = "another process could change it at any time, which only integer atomics allow; other data is copied in and out, by `get` and `set`"
)]
pub trait Atomic: Shareable + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        // SAFETY: a number is nothing but its bytes, and any of them are one.
        unsafe impl Shareable for $number {}
    )*};
}

numbers! {
    u8 u16 u32 u64 u128 usize
    i8 i16 i32 i64 i128 isize
    f32 f64
}

macro_rules! atomics {
    ($($atomic:ty)*) => {$(
        // SAFETY: it has the bytes of the number that it holds.
        unsafe impl Shareable for $atomic {}
        impl sealed::Sealed for $atomic {}
        impl Atomic for $atomic {}
    )*};
}

atomics! {
    AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize
    AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize
}

// SAFETY: it has no bytes. It is for locks that protect what isn't in memory.
unsafe impl Shareable for () {}

// SAFETY: elements follow each other without gaps.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}
impl<T: Atomic, const N: usize> sealed::Sealed for [T; N] {}
impl<T: Atomic, const N: usize> Atomic for [T; N] {}

// SAFETY: it is `repr(transparent)`.
unsafe impl<T: Shareable> Shareable for Wrapping<T> {}
