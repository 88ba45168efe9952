//! Names of fields and variants, which are written once per value.

/// The names an encoder has written, with the number each has on the wire.
///
/// They are told apart by where they lie: serde hands out the very same `&'static str` for the same field
/// every time, and should two have the same text, each gets a number.
#[derive(Default)]
pub(super) struct Symbols {
    /// A hash table: a power of two, at least twice as many as there are names. Each name is in the first
    /// free slot from the one where it belongs.
    slots: Vec<Option<(&'static str, u64)>>,
    count: usize,
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
        if self.slots.len() <= 2 * self.count {
            self.grow();
        }
        let slot = self.slot(name);
        if let Some((_, number)) = self.slots[slot] {
            return Some(number);
        }
        self.slots[slot] = Some((name, Self::FIRST + self.count as u64));
        self.count += 1;
        None
    }

    /// Where a name is, or is to be.
    fn slot(&self, name: &'static str) -> usize {
        // Addresses of names are chosen by the linker, not by an adversary.
        let hash =
            (name.as_ptr().addr() as u64 ^ name.len() as u64).wrapping_mul(0x517c_c1b7_2722_0a95);
        let mut slot = (hash >> 32) as usize;
        loop {
            slot &= self.slots.len() - 1;
            match self.slots[slot] {
                Some((other, _)) if !std::ptr::eq(name, other) => slot += 1,
                _ => return slot,
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![None; (2 * self.slots.len()).max(16)];
        for (name, number) in std::mem::replace(&mut self.slots, larger)
            .into_iter()
            .flatten()
        {
            let slot = self.slot(name);
            self.slots[slot] = Some((name, number));
        }
    }
}
