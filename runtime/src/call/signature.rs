//! Binding of arguments to parameters, in `const fn`s: what rejects a call at compile time can be
//! tested like any other code.

use super::pending::Callable;
use super::words::{Words, equal, resembles};

/// What a function takes.
#[derive(Debug)]
pub struct Signature {
    name: &'static str,
    parameters: &'static [Parameter],
    /// `#[subprocess]` itself rejected the function.
    invalid: bool,
}

/// One parameter, as written.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, without `r#`.
    pub name: &'static str,
    /// How it takes arguments.
    pub kind: Kind,
}

/// How a parameter takes arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It must be given.
    Required,
    /// It has a default.
    Optional,
    /// It takes the positional arguments left over. The parameters behind it go by name only.
    Args,
    /// It takes the keyword arguments left over.
    Kwargs,
}

/// The slot that takes anything: the mistake is reported already.
pub(crate) const NOWHERE: usize = usize::MAX;

impl Signature {
    /// Of a function that `#[subprocess]` itself rejected; it fits every call.
    pub const INVALID: Self = Self {
        name: "",
        parameters: &[],
        invalid: true,
    };

    /// Of a function of this name with these parameters.
    pub const fn new(name: &'static str, parameters: &'static [Parameter]) -> Self {
        Self {
            name,
            parameters,
            invalid: false,
        }
    }

    /// Whether a keyword argument of this name goes to a parameter of its own.
    pub(crate) const fn has_named(&self, name: &str) -> bool {
        self.named(name) != NOWHERE
    }

    const fn find(&self, kind: Kind) -> usize {
        let mut i = 0;
        while i < self.parameters.len() {
            if self.parameters[i].kind as u8 == kind as u8 {
                return i;
            }
            i += 1;
        }
        NOWHERE
    }

    /// Number of parameters that can be given by position.
    const fn positional(&self) -> usize {
        let mut count = 0;
        while count < self.parameters.len() && self.parameters[count].kind.has_name() {
            count += 1;
        }
        count
    }

    /// Number of those that must be given.
    const fn required(&self) -> usize {
        let mut count = 0;
        let mut i = 0;
        while i < self.positional() {
            count += matches!(self.parameters[i].kind, Kind::Required) as usize;
            i += 1;
        }
        count
    }

    const fn named(&self, name: &str) -> usize {
        let mut i = 0;
        while i < self.parameters.len() {
            if self.parameters[i].kind.has_name() && equal(self.parameters[i].name, name) {
                return i;
            }
            i += 1;
        }
        NOWHERE
    }

    /// The parameter that a misspelt keyword was meant for.
    const fn meant(&self, name: &str, positional: usize) -> Option<&'static str> {
        let mut best = None;
        let mut least = usize::MAX;
        let mut i = 0;
        while i < self.parameters.len() {
            let Parameter {
                name: candidate,
                kind,
            } = &self.parameters[i];
            let given = i < positional && i < self.positional();
            if kind.has_name()
                && !given
                && let Some(distance) = resembles(candidate, name)
                && distance < least
            {
                best = Some(*candidate);
                least = distance;
            }
            i += 1;
        }
        best
    }

    const fn is_missing(&self, index: usize, positional: usize, keywords: &[&str]) -> bool {
        let Parameter { name, kind } = &self.parameters[index];
        if !matches!(kind, Kind::Required) || index < positional && index < self.positional() {
            return false;
        }
        let mut i = 0;
        while i < keywords.len() {
            if equal(keywords[i], name) {
                return false;
            }
            i += 1;
        }
        true
    }
}

impl Kind {
    /// Whether an argument can be given to it by the parameter's name.
    const fn has_name(self) -> bool {
        matches!(self, Self::Required | Self::Optional)
    }
}

/// The parameter for the positional argument number `index`.
pub const fn positional_slot<C: Callable>(index: usize) -> usize {
    slot_of_positional(C::SIGNATURE, index)
}

/// The parameter for a keyword argument, where `positional` arguments stand before it.
pub const fn keyword_slot<C: Callable>(name: &str, positional: usize) -> usize {
    slot_of_keyword(C::SIGNATURE, name, positional)
}

/// The parameter for the items of a list (`Kind::Args`) or of a map (`Kind::Kwargs`).
pub const fn spread_slot<C: Callable>(kind: Kind) -> usize {
    C::SIGNATURE.find(kind)
}

/// What an error calls the argument for this parameter.
pub const fn parameter_name<C: Callable>(slot: usize) -> &'static str {
    if slot < C::SIGNATURE.parameters.len() {
        C::SIGNATURE.parameters[slot].name
    } else {
        ""
    }
}

const fn slot_of_positional(signature: &Signature, index: usize) -> usize {
    if index < signature.positional() {
        index
    } else {
        signature.find(Kind::Args)
    }
}

const fn slot_of_keyword(signature: &Signature, name: &str, positional: usize) -> usize {
    match signature.named(name) {
        NOWHERE => signature.find(Kind::Kwargs),
        // Given by position as well.
        index if index < positional && index < signature.positional() => NOWHERE,
        index => index,
    }
}

/// Panics, at compile time, with what is wrong with a call.
#[derive(Debug)]
pub enum Check {}

impl Check {
    /// Of the positional argument number `index` of `given`.
    #[track_caller]
    pub const fn positional(signature: &Signature, index: usize, given: usize) {
        Self::fits(signature, index, given, "");
    }

    /// The same, of an argument that begins with `**`, as a map does in Python.
    #[track_caller]
    pub const fn starred(signature: &Signature, index: usize, given: usize) {
        let hint = if signature.find(Kind::Kwargs) == NOWHERE {
            ""
        } else {
            "; a map is spread as `kwargs <..map>`"
        };
        Self::fits(signature, index, given, hint);
    }

    #[track_caller]
    const fn fits(signature: &Signature, index: usize, given: usize, hint: &str) {
        let takes = signature.positional();
        // One complaint is enough, at the first argument too many.
        if signature.invalid || index != takes || slot_of_positional(signature, index) != NOWHERE {
            return;
        }
        let mut words = Words::new().text(signature.name).text("() takes ");
        if signature.required() != takes {
            words = words
                .text("from ")
                .number(signature.required())
                .text(" to ");
        }
        words = words.number(takes);
        let one = takes == 1 && signature.required() == takes;
        words = words.text(if one {
            " positional argument"
        } else {
            " positional arguments"
        });
        words = words.text(" but ").number(given);
        words
            .text(if given == 1 {
                " was given"
            } else {
                " were given"
            })
            .text(hint)
            .panic();
    }

    /// Of one keyword argument.
    #[track_caller]
    pub const fn keyword(signature: &Signature, name: &str, positional: usize) {
        if signature.invalid || slot_of_keyword(signature, name, positional) != NOWHERE {
            return;
        }
        let words = Words::new().text(signature.name).text("() got ");
        if signature.has_named(name) {
            words
                .text("multiple values for argument '")
                .text(name)
                .text("'")
                .panic();
        }
        let mut words = words
            .text("an unexpected keyword argument '")
            .text(name)
            .text("'");
        if let Some(meant) = signature.meant(name, positional) {
            words = words.text(". Did you mean '").text(meant).text("'?");
        }
        words.panic();
    }

    /// Of a list handed on with `..` after `positional` arguments.
    #[track_caller]
    pub const fn list(signature: &Signature, positional: usize) {
        if signature.invalid {
            return;
        }
        let words = Words::new().text(signature.name);
        if signature.find(Kind::Args) == NOWHERE {
            words
                .text("() takes no list of arguments: it has no #[args] parameter ")
                .text("(a range that is an argument is written in parentheses)")
                .panic();
        }
        if positional < signature.positional() {
            words
                .text("() takes a list for #[args] only: give '")
                .text(signature.parameters[positional].name)
                .text("' by position before it")
                .panic();
        }
    }

    /// Of a map handed on with `..`.
    #[track_caller]
    pub const fn map(signature: &Signature) {
        if !signature.invalid && signature.find(Kind::Kwargs) == NOWHERE {
            Words::new()
                .text(signature.name)
                .text("() takes no map of keyword arguments: it has no #[kwargs] parameter")
                .panic();
        }
    }

    /// Of the call as a whole.
    #[track_caller]
    pub const fn complete(signature: &Signature, positional: usize, list: bool, keywords: &[&str]) {
        // Where something else is wrong, that has been reported: a misspelt keyword is missing.
        if signature.invalid || list && positional < signature.positional() {
            return;
        }
        let mut i = 0;
        while i < keywords.len() {
            if slot_of_keyword(signature, keywords[i], positional) == NOWHERE {
                return;
            }
            i += 1;
        }
        let mut names = Words::new();
        let mut count = 0;
        let mut keyword_only = true;
        let mut i = 0;
        while i < signature.parameters.len() {
            if signature.is_missing(i, positional, keywords) {
                names = names.text(if count == 0 { "'" } else { ", '" });
                names = names.text(signature.parameters[i].name).text("'");
                keyword_only = keyword_only && i >= signature.positional();
                count += 1;
            }
            i += 1;
        }
        if count == 0 {
            return;
        }
        let mut words = Words::new().text(signature.name).text("() missing ");
        words = words.text(if count == 1 {
            "a required "
        } else {
            "required "
        });
        words = words.text(if keyword_only { "keyword-only " } else { "" });
        words = words.text(if count == 1 {
            "argument: "
        } else {
            "arguments: "
        });
        words.text(names.as_str()).panic();
    }
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
