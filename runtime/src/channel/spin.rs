//! How long to look before sleeping.
//!
//! A wake-up from sleep costs tens of microseconds between two processors, a look at memory a tenth of one. But to look is a waste
//! when the other side has no processor to answer on, or doesn't answer soon. So looking is done as long as it has lately been worth it,
//! and now and then to find out whether it would be.

use std::hint::spin_loop;

/// About 20 microseconds.
const MOST: u32 = 600;
const LEAST: u32 = 4;
/// Every so many waits all is tried.
const TRIAL: u32 = 64;

#[derive(Debug)]
pub(super) struct Spin {
    limit: u32,
    waits: u32,
}

impl Spin {
    pub(super) fn new() -> Self {
        Self {
            limit: MOST,
            waits: 0,
        }
    }

    /// Looks until it `is_there`, or that has become improbable.
    pub(super) fn until(&mut self, mut is_there: impl FnMut() -> bool) -> bool {
        self.waits = self.waits.wrapping_add(1);
        let limit = if self.waits.is_multiple_of(TRIAL) {
            MOST
        } else {
            self.limit
        };
        for count in 0..limit {
            if is_there() {
                self.limit = (self.limit.max(count * 2) + LEAST).min(MOST);
                return true;
            }
            spin_loop();
        }
        self.limit = (self.limit / 2).max(LEAST);
        is_there()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_comes_is_soon_not_waited_for() {
        let mut spin = Spin::new();
        let mut looks = 0_u32;
        for _ in 0..6400 {
            assert!(!spin.until(|| {
                looks += 1;
                false
            }));
        }
        assert!(looks / 6400 < 30, "{}", looks / 6400);
    }

    #[test]
    fn what_comes_is_waited_for_again_after_a_while() {
        let mut spin = Spin::new();
        for _ in 0..20 {
            spin.until(|| false);
        }
        let mut found = 0;
        for _ in 0..1000 {
            let mut looks = 0;
            found += u32::from(spin.until(|| {
                looks += 1;
                looks > 50
            }));
        }
        assert!(found > 900, "{found}");
    }
}
