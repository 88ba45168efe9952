//! Whether a function's result is an `Err`, which makes the child's exit code 1.

use std::ops::Deref;

/// Looks at a result whose type is known.
///
/// `Outcome(&output).failed()` finds the inherent method if the type is a `Result`, by whatever alias,
/// and else the one behind [`Deref`].
#[derive(Debug)]
pub struct Outcome<'a, T>(pub &'a T);

impl<T, E> Outcome<'_, Result<T, E>> {
    pub fn failed(&self) -> bool {
        self.0.is_err()
    }
}

impl<T> Deref for Outcome<'_, T> {
    type Target = NoResult;

    fn deref(&self) -> &NoResult {
        &NoResult
    }
}

/// A type that has no notion of failure.
#[derive(Debug)]
pub struct NoResult;

impl NoResult {
    pub fn failed(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    type Alias<T> = Result<T, std::fmt::Error>;

    #[test]
    fn an_err_of_any_alias_of_result_is_a_failure() {
        let failed: Alias<u8> = Err(std::fmt::Error);
        assert!(Outcome(&failed).failed());
        let fine: std::io::Result<u8> = Ok(1);
        assert!(!Outcome(&fine).failed());
        assert!(!Outcome(&Some(failed)).failed());
        assert!(!Outcome(&()).failed());
    }
}
