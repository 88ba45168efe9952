//! What the linker collected: everything in this program that can run in a child.

use std::borrow::Cow;
use std::fmt;

use crate::call::{Invocation, Ran};
use crate::wire::CodecError;
use crate::wire::fields::{Fields, put_str, put_u64};

/// One function (or one implementation of [`Run`](crate::Run)) as the macros describe it.
pub struct Entry {
    /// The name that users know it by.
    pub name: &'static str,
    /// Its path, enclosing functions included. A function, since `type_name` isn't `const`.
    pub path: fn() -> &'static str,
    /// Where it stands.
    pub file: &'static str,
    /// Where it stands.
    pub line: u32,
    /// Where it stands.
    pub column: u32,
    /// Decodes the arguments, calls the function and answers.
    pub run: fn(&mut Invocation<'_>) -> Ran,
}

impl Entry {
    /// Of a function that `#[subprocess]` rejected. It is never linked into anything.
    pub const INVALID: &'static Self = &Self {
        name: "",
        path: || "",
        file: "",
        line: 0,
        column: 0,
        run: |_| Err(crate::call::Refused::invalid()),
    };

    pub(crate) fn key(&self) -> Key {
        Key {
            path: Cow::Borrowed((self.path)()),
            file: Cow::Borrowed(self.file),
            line: self.line,
            column: self.column,
        }
    }

    /// A number that differs between builds: how far a function's code is from its description.
    /// Both lie in one image, so it doesn't depend on where that was loaded.
    pub(crate) fn build(&'static self) -> u64 {
        (self.run as usize).wrapping_sub(std::ptr::from_ref(self) as usize) as u64
    }

    fn has_key(&self, key: &Key) -> bool {
        // The numbers first: they differ for nearly all.
        (self.line, self.column) == (key.line, key.column)
            && self.file == key.file
            && (self.path)() == key.path
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key())
    }
}

/// What tells one entry from all others, in parent and child alike, for both run one binary.
///
/// No part of it is enough: two blocks of one function can each have a function of the same name,
/// and all that one `macro_rules!` call makes stands at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) path: Cow<'static, str>,
    pub(crate) file: Cow<'static, str>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Key {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_str(out, &self.path);
        put_str(out, &self.file);
        put_u64(out, u64::from(self.line));
        put_u64(out, u64::from(self.column));
    }

    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            path: Cow::Owned(fields.str()?.to_owned()),
            file: Cow::Owned(fields.str()?.to_owned()),
            line: fields.u32()?,
            column: fields.u32()?,
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            file,
            line,
            column,
        } = self;
        write!(f, "{path} at {file}:{line}:{column}")
    }
}

/// What `inventory` collects.
#[derive(Debug)]
pub struct Registered(pub &'static Entry);

inventory::collect!(Registered);

fn entries() -> impl Iterator<Item = &'static Entry> {
    inventory::iter::<Registered>().map(|registered| registered.0)
}

/// The entry that the parent meant.
pub(crate) fn find(key: &Key) -> Option<&'static Entry> {
    entries().find(|entry| entry.has_key(key))
}

/// Fails if a child that is told to run `entry` could take another one for it.
pub(crate) fn check_unique(entry: &'static Entry) -> crate::Result<()> {
    let key = entry.key();
    match entries().find(|other| !std::ptr::eq(*other, entry) && other.has_key(&key)) {
        None => Ok(()),
        Some(other) => {
            let place = |entry: &Entry| format!("{}:{}:{}", entry.file, entry.line, entry.column);
            Err(crate::Error::ambiguous(
                entry.name,
                place(entry),
                place(other),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_way_to_the_child() {
        let key = Key {
            path: "a::b".into(),
            file: "src/ä.rs".into(),
            line: 3,
            column: u32::MAX,
        };
        let mut out = Vec::new();
        key.put(&mut out);
        let mut fields = Fields(&out);
        assert_eq!(Key::take(&mut fields).unwrap(), key);
        fields.end().unwrap();
        assert!(Key::take(&mut Fields(&out[..out.len() - 1])).is_err());
    }

    #[test]
    fn an_unknown_key_finds_nothing() {
        assert!(find(&Entry::INVALID.key()).is_none());
        check_unique(Entry::INVALID).unwrap();
    }
}
