//! Text in `const fn`s: putting a message together, comparing names.

/// A message that is being put together. What doesn't fit is left out.
pub(crate) struct Words {
    bytes: [u8; 512],
    len: usize,
}

impl Words {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; 512],
            len: 0,
        }
    }

    pub(crate) const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    pub(crate) const fn number(self, number: usize) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        if number < 10 {
            self.text(DIGITS[number])
        } else {
            self.number(number / 10).text(DIGITS[number % 10])
        }
    }

    pub(crate) const fn as_str(&self) -> &str {
        let bytes = self.bytes.split_at(self.len).0;
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // The end of the buffer was in the middle of a character.
            Err(error) => match std::str::from_utf8(bytes.split_at(error.valid_up_to()).0) {
                Ok(text) => text,
                Err(_) => "",
            },
        }
    }

    #[track_caller]
    pub(crate) const fn panic(&self) -> ! {
        panic!("{}", self.as_str())
    }
}

pub(crate) const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The number of slips between two names, if they are few for names of this length.
pub(crate) const fn resembles(a: &str, b: &str) -> Option<usize> {
    let longer = if a.len() > b.len() { a.len() } else { b.len() };
    if longer > LONGEST {
        return None;
    }
    let distance = edit_distance(a.as_bytes(), b.as_bytes());
    if distance <= longer / 3 {
        Some(distance)
    } else {
        None
    }
}

const LONGEST: usize = 40;

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
const fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    // Row `i` tells the distances of the first `i` bytes of `a` to each beginning of `b`.
    let mut rows = [[0; LONGEST + 1]; LONGEST + 1];
    let mut i = 0;
    while i <= a.len() {
        let mut j = 0;
        while j <= b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let mut least = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]) as usize;
                least = min(least, rows[i - 1][j] + 1);
                least = min(least, rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = min(least, rows[i - 2][j - 2] + 1);
                }
                least
            };
            j += 1;
        }
        i += 1;
    }
    rows[a.len()][b.len()]
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized() {
        assert_eq!(resembles("num", "nmu"), Some(1));
        assert_eq!(resembles("name", "nme"), Some(1));
        assert_eq!(resembles("height", "hieghtt"), Some(2));
        assert_eq!(resembles("a", "b"), None);
        assert_eq!(resembles("age", "num"), None);
        assert_eq!(resembles(&"x".repeat(50), &"x".repeat(50)), None);
    }

    #[test]
    fn a_message_too_long_is_cut_between_characters() {
        let words = Words::new().text("a").text(&"ä".repeat(300));
        assert_eq!(words.as_str().chars().count(), 256);
        assert_eq!(Words::new().number(1024).as_str(), "1024");
    }
}
