//! Names of fields and variants, which are written once per value.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The names an encoder has written, with the number each has on the wire.
///
/// They are told apart by where they lie: serde hands out the very same `&'static str` for the same field
/// every time, and should two have the same text, each gets a number.
#[derive(Default)]
pub(super) struct Symbols {
    numbers: HashMap<(usize, usize), u64, BuildHasherDefault<AddressHasher>>,
}

impl Symbols {
    /// Ends a struct where a name could stand.
    pub(super) const END: u64 = 0;
    /// A name that has not been written before follows.
    pub(super) const NEW: u64 = 1;
    /// The number of the first name.
    pub(super) const FIRST: u64 = 2;

    /// The number of a name that has been written before; otherwise gives it the next number.
    pub(super) fn number(&mut self, name: &'static str) -> Option<u64> {
        let next = Self::FIRST + self.numbers.len() as u64;
        let number = *self
            .numbers
            .entry((name.as_ptr().addr(), name.len()))
            .or_insert(next);
        (number != next).then_some(number)
    }
}

/// Addresses of names are chosen by the linker, not by an adversary, and there are few.
#[derive(Default)]
pub(super) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write_usize(&mut self, number: usize) {
        self.0 = (self.0.rotate_left(5) ^ number as u64).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        // The product has its best bits at the top, the table looks at the bottom, too.
        self.0 ^ (self.0 >> 32)
    }
}
