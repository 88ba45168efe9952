//! Copies between shared memory and memory of our own, while other processes may write.
//!
//! What another process can change at any time can be neither lent as `&[T]` nor copied by `memcpy`: to the language that
//! is a data race. So each access to shared memory is a relaxed atomic one, of a width that depends on the element's size
//! alone: the largest of 8, 4, 2 and 1 bytes that divides it. Memory begins at a page and elements follow each other, so
//! each is aligned to that width; and accesses of different widths, which would race with each other, never meet.
//!
//! Hence an element of 1, 2, 4 or 8 bytes is one access, and never torn.
//!
//! One fence per copy orders it with others: who has read what a copy wrote sees all that was written before that. These
//! machines have it nearly for free.
//!
//! The compiler neither widens nor merges atomic accesses. With 8 bytes each that costs nothing: memory is slower. With single bytes it
//! is a factor of five, so these go through a few instructions of assembly, which access each byte once.
#![allow(unsafe_code)] // pointers into shared memory

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, fence};

/// Copies `count` elements from `shared` to `own`.
///
/// # Safety
///
/// `shared` points to as many elements in shared memory, aligned to the width of an access, and is accessed in
/// this way only. `own` points to room for them, which is this caller's alone.
#[inline]
pub(crate) unsafe fn load<T>(shared: *const T, own: *mut T, count: usize) {
    let bytes = count * size_of::<T>();
    // SAFETY: the caller's promise; `width` divides the size of an element.
    unsafe {
        match width::<T>() {
            8 => load_words::<AtomicU64>(shared.cast(), own.cast(), bytes / 8),
            4 => load_words::<AtomicU32>(shared.cast(), own.cast(), bytes / 4),
            2 => load_words::<AtomicU16>(shared.cast(), own.cast(), bytes / 2),
            _ => {
                let done = copy_blocks(shared.cast(), own.cast(), bytes);
                let (shared, own) = (shared.byte_add(done), own.byte_add(done));
                load_words::<AtomicU8>(shared.cast(), own.cast(), bytes - done);
            }
        }
    }
    fence(Acquire);
}

/// Copies `count` elements from `own` to `shared`.
///
/// # Safety
///
/// As for [`load`]. `own` points to as many initialized elements, without padding.
#[inline]
pub(crate) unsafe fn store<T>(own: *const T, shared: *mut T, count: usize) {
    fence(Release);
    let bytes = count * size_of::<T>();
    // SAFETY: the caller's promise; `width` divides the size of an element.
    unsafe {
        match width::<T>() {
            8 => store_words::<AtomicU64>(own.cast(), shared.cast(), bytes / 8),
            4 => store_words::<AtomicU32>(own.cast(), shared.cast(), bytes / 4),
            2 => store_words::<AtomicU16>(own.cast(), shared.cast(), bytes / 2),
            _ => {
                let done = copy_blocks(own.cast(), shared.cast(), bytes);
                let (own, shared) = (own.byte_add(done), shared.byte_add(done));
                store_words::<AtomicU8>(own.cast(), shared.cast(), bytes - done);
            }
        }
    }
}

/// How many bytes are accessed at once.
const fn width<T>() -> usize {
    match size_of::<T>() {
        size if size.is_multiple_of(8) => 8,
        size if size.is_multiple_of(4) => 4,
        size if size.is_multiple_of(2) => 2,
        _ => 1,
    }
}

/// An atomic, whatever its width.
trait Word {
    type Value: Copy;

    fn get(&self) -> Self::Value;
    fn put(&self, value: Self::Value);
}

macro_rules! words {
    ($($atomic:ty, $value:ty;)*) => {$(
        impl Word for $atomic {
            type Value = $value;

            #[inline]
            fn get(&self) -> $value {
                self.load(Relaxed)
            }

            #[inline]
            fn put(&self, value: $value) {
                self.store(value, Relaxed);
            }
        }
    )*};
}

words! {
    AtomicU8, u8;
    AtomicU16, u16;
    AtomicU32, u32;
    AtomicU64, u64;
}

/// # Safety
///
/// As for [`load`]; `own` needs no alignment.
#[inline]
unsafe fn load_words<W: Word>(shared: *const W, own: *mut W::Value, count: usize) {
    for index in 0..count {
        // SAFETY: within both, by the caller's promise; the reference lasts for one access.
        unsafe { own.add(index).write_unaligned((*shared.add(index)).get()) };
    }
}

/// # Safety
///
/// As for [`store`]; `own` needs no alignment.
#[inline]
unsafe fn store_words<W: Word>(own: *const W::Value, shared: *const W, count: usize) {
    for index in 0..count {
        // SAFETY: within both, by the caller's promise; the reference lasts for one access.
        unsafe { (*shared.add(index)).put(own.add(index).read_unaligned()) };
    }
}

/// How many bytes a step of [`copy_blocks`] takes.
const BLOCK: usize = 64;

/// Copies as many whole blocks as there are, and returns how many bytes these are. To the language it is
/// a relaxed atomic access to each byte.
///
/// # Safety
///
/// `from` and `to` point to `bytes` bytes, and don't overlap.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn copy_blocks(from: *const u8, to: *mut u8, bytes: usize) -> usize {
    let blocks = bytes / BLOCK;
    if blocks == 0 {
        return 0;
    }
    // SAFETY: as many blocks are within both, and nothing else is touched. Every x86-64 has these
    // registers.
    unsafe {
        std::arch::asm!(
            "2:",
            "movdqu {a}, [{from}]",
            "movdqu {b}, [{from} + 16]",
            "movdqu {c}, [{from} + 32]",
            "movdqu {d}, [{from} + 48]",
            "movdqu [{to}], {a}",
            "movdqu [{to} + 16], {b}",
            "movdqu [{to} + 32], {c}",
            "movdqu [{to} + 48], {d}",
            "add {from}, 64",
            "add {to}, 64",
            "dec {blocks}",
            "jnz 2b",
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            blocks = inout(reg) blocks => _,
            options(nostack),
        );
    }
    bytes - bytes % BLOCK
}

/// As on x86-64.
///
/// # Safety
///
/// `from` and `to` point to `bytes` bytes, and don't overlap.
#[cfg(target_arch = "aarch64")]
#[inline]
unsafe fn copy_blocks(from: *const u8, to: *mut u8, bytes: usize) -> usize {
    let blocks = bytes / BLOCK;
    if blocks == 0 {
        return 0;
    }
    // SAFETY: as many blocks are within both, and nothing else is touched.
    unsafe {
        std::arch::asm!(
            "2:",
            "ldp {a:q}, {b:q}, [{from}]",
            "ldp {c:q}, {d:q}, [{from}, 32]",
            "stp {a:q}, {b:q}, [{to}]",
            "stp {c:q}, {d:q}, [{to}, 32]",
            "add {from}, {from}, 64",
            "add {to}, {to}, 64",
            "subs {blocks}, {blocks}, 1",
            "b.ne 2b",
            a = out(vreg) _,
            b = out(vreg) _,
            c = out(vreg) _,
            d = out(vreg) _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            blocks = inout(reg) blocks => _,
            options(nostack),
        );
    }
    bytes - bytes % BLOCK
}

/// Elsewhere bytes are copied one by one.
///
/// # Safety
///
/// None; it is as the others.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn copy_blocks(_: *const u8, _: *mut u8, _: usize) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There and back, from and to any alignment of our own side, and not a byte beyond.
    fn copies<T: Copy + PartialEq + std::fmt::Debug>(make: impl Fn(usize) -> T) {
        for count in (0..=20).chain([63, 64, 65, 127, 128, 129, 1000]) {
            for skip in [0, 1] {
                let own: Vec<T> = (0..count + skip).map(&make).collect();
                let mut shared = vec![[0_u64; 4]; (count + 1) * size_of::<T>() / 32 + 1];
                let beyond = make(count + 7);
                let mut back = vec![make(count + 5); count + skip + 1];
                back[count + skip] = beyond;
                let start = shared.as_mut_ptr().cast::<T>();
                // SAFETY: there is room for one element more than `count`, aligned to 8 bytes, and no other
                // thread.
                unsafe {
                    store(&raw const beyond, start.add(count), 1);
                    store(own.as_ptr().add(skip), start, count);
                    load(start, back.as_mut_ptr().add(skip), count);
                    let mut after = make(0);
                    load(start.add(count), &raw mut after, 1);
                    assert_eq!(after, beyond);
                }
                assert_eq!(back[skip..skip + count], own[skip..]);
                assert_eq!(back[count + skip], beyond);
            }
        }
    }

    #[test]
    fn elements_of_any_size_are_copied() {
        copies(|index| index as u8);
        copies(|index| (index * 257) as u16);
        copies(|index| (index * 65_537) as u32);
        copies(|index| index as u64 * 0x1_0000_0001);
        copies(|index| index as u128 * 0x1_0000_0001);
        copies(|index| index as f64 / 3.0);
        copies(|index| [index as u8; 3]);
        copies(|index| [index as u8; 8]);
        copies(|index| [index as u16; 3]);
        copies(|index| [index as u32; 3]);
    }

    #[test]
    fn the_width_is_the_largest_that_divides_the_size() {
        assert_eq!(width::<[u8; 8]>(), 8);
        assert_eq!(width::<[u8; 12]>(), 4);
        assert_eq!(width::<u128>(), 8);
        assert_eq!(width::<[u8; 6]>(), 2);
        assert_eq!(width::<[u8; 7]>(), 1);
    }

    #[test]
    fn small_values_are_never_torn() {
        use std::sync::atomic::AtomicBool;
        let shared = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let address = shared.as_ptr();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    for byte in [0_u8, 255] {
                        let value = [byte; 8];
                        // SAFETY: 8 bytes, aligned, which are only accessed by `load` and `store`.
                        unsafe { store(&raw const value, shared.as_ptr().cast(), 1) };
                    }
                }
            });
            for _ in 0..100_000 {
                let mut value = [1_u8; 8];
                // SAFETY: as above.
                unsafe { load(address.cast_const().cast(), &raw mut value, 1) };
                assert!(value == [0; 8] || value == [255; 8], "torn: {value:?}");
            }
            stop.store(true, Relaxed);
        });
    }
}
