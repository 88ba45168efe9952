//! `..LIST` and `..MAP`: arguments whose number is known when the program runs.

use super::arguments::{Arguments, Place, put};
use super::signature::Signature;
use super::value::Held;
use crate::wire::Message;
use crate::{Error, Result};

/// What can be handed on with `..LIST`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of arguments",
    label = "what follows `..` is iterated over",
    note = "a range that is itself an argument is written in parentheses"
)]
pub trait Items {
    type Item;

    fn items<V>(self, held: impl FnMut(Self::Item) -> Held<V>) -> Vec<Held<V>>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator> Items for I {
    type Item = I::Item;

    fn items<V>(self, held: impl FnMut(I::Item) -> Held<V>) -> Vec<Held<V>> {
        self.into_iter().map(held).collect()
    }
}

/// What can be handed on with `..MAP`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a map of keyword arguments",
    label = "what follows `..` is iterated over, and must give pairs of a name and a value"
)]
pub trait Pairs {
    type Value;

    fn pairs<V>(self, held: impl FnMut(Self::Value) -> Held<V>) -> Vec<(String, Held<V>)>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item = (K, T)>, K: Into<String>, T> Pairs for I {
    type Value = T;

    fn pairs<V>(self, mut held: impl FnMut(T) -> Held<V>) -> Vec<(String, Held<V>)> {
        self.into_iter()
            .map(|(key, value)| (key.into(), held(value)))
            .collect()
    }
}

/// The items of a list, for `#[args]`.
#[derive(Clone)]
pub struct Spread<V, R> {
    /// Of the first item.
    first: Place,
    values: Vec<Held<V>>,
    rest: R,
}

impl<V, R> Spread<V, R> {
    pub fn new(values: Vec<Held<V>>, first: Place, rest: R) -> Self {
        Self {
            first,
            values,
            rest,
        }
    }
}

impl<V, R: Arguments> Arguments for Spread<V, R> {
    fn encode<'s>(&'s self, function: &str, message: &mut Message<'s>) -> Result<()> {
        let Place {
            slot,
            position,
            name,
            ..
        } = self.first;
        for (index, value) in self.values.iter().enumerate() {
            put(message, slot, position + index, None, |message| {
                value.encode(message)
            })
            .map_err(|error| Error::encode(function, name, error))?;
        }
        self.rest.encode(function, message)
    }
}

/// The pairs of a map, for `#[kwargs]`.
#[derive(Clone)]
pub struct SpreadNamed<V, R> {
    place: Place,
    signature: &'static Signature,
    /// The names in the text of the call.
    taken: &'static [&'static str],
    values: Vec<(String, Held<V>)>,
    rest: R,
}

impl<V, R> SpreadNamed<V, R> {
    pub fn new(
        values: Vec<(String, Held<V>)>,
        place: Place,
        signature: &'static Signature,
        taken: &'static [&'static str],
        rest: R,
    ) -> Self {
        Self {
            place,
            signature,
            taken,
            values,
            rest,
        }
    }
}

impl<V, R: Arguments> Arguments for SpreadNamed<V, R> {
    fn encode<'s>(&'s self, function: &str, message: &mut Message<'s>) -> Result<()> {
        let mut seen = std::collections::BTreeSet::new();
        for (key, value) in &self.values {
            if self.signature.has_named(key) {
                return Err(Error::names_parameter(function, key));
            }
            if self.taken.contains(&key.as_str()) || !seen.insert(key.as_str()) {
                return Err(Error::multiple_values(function, key));
            }
            put(
                message,
                self.place.slot,
                self.place.position,
                Some(key),
                |message| value.encode(message),
            )
            .map_err(|error| Error::encode(function, key, error))?;
        }
        self.rest.encode(function, message)
    }
}
