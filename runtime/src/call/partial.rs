//! A call with holes: a function of the missing arguments.

use std::fmt;

use super::Decode;
use super::arguments::Arguments;
use super::pending::{Call, Checked, Returns};
use crate::Result;
use crate::registry::Entry;
use crate::start::Options;
use crate::wire::Message;

/// A call some of whose arguments are still open, made by [`call!`](crate::call!) with `_`.
///
/// `A` is the type of the open argument, or the tuple of them in the order in which they stand in
/// the text. They are converted as in a call: a `&str` may be given for a `String`.
///
/// ```
/// use offspring::{call, subprocess};
///
/// #[subprocess]
/// fn power(base: u64, exponent: u32) -> u64 {
///     base.pow(exponent)
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let cube = call!(power, _, kwargs <exponent = 3>);
///     assert_eq!(cube.bind(2).start()?.join()?, 8);
///     let power = call!(power, _, _);
///     assert_eq!(power.bind((2, 10)).start()?.join()?, 1024);
///     Ok(())
/// }
/// ```
#[must_use = "a call does nothing until its open arguments are given and it is started"]
pub struct Partial<'a, A, T> {
    pub(crate) entry: &'static Entry,
    pub(crate) template: Box<dyn Template<A> + 'a>,
    pub(crate) options: Options,
    pub(crate) decode: Decode<T>,
}

impl<A, T> Partial<'_, A, T> {
    /// Gives the open arguments.
    pub fn bind<'s>(&'s self, open: A) -> Call<'s, T>
    where
        A: 's,
    {
        Call {
            entry: self.entry,
            arguments: self.template.bind(open),
            options: self.options.clone(),
            decode: self.decode,
        }
    }

    /// Names the processes; see [`Call::name`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Whether the processes are daemons; see [`Call::daemon`].
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.options.daemon = Some(daemon);
        self
    }
}

impl<A, T> fmt::Debug for Partial<'_, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partial")
            .field("function", &(self.entry.path)())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The fixed arguments, and what to do with the open ones.
pub(crate) trait Template<A> {
    fn bind<'s>(&'s self, open: A) -> Box<dyn Arguments + 's>
    where
        A: 's;
}

/// Makes a list of the open arguments.
///
/// Closures implement it. That the list is an associated type tells the compiler that it outlives
/// what `Self` and `A` outlive.
trait Plant<A> {
    type List: Arguments;

    fn plant(&self, open: A) -> Self::List;
}

impl<A, L: Arguments, F: Fn(A) -> L> Plant<A> for F {
    type List = L;

    fn plant(&self, open: A) -> L {
        self(open)
    }
}

struct Parts<L, P> {
    fixed: L,
    plant: P,
}

impl<A, L: Arguments, P: Plant<A>> Template<A> for Parts<L, P> {
    fn bind<'s>(&'s self, open: A) -> Box<dyn Arguments + 's>
    where
        A: 's,
    {
        Box::new(Joined {
            fixed: &self.fixed,
            open: self.plant.plant(open),
        })
    }
}

struct Joined<'s, L, O> {
    fixed: &'s L,
    open: O,
}

impl<L: Arguments, O: Arguments> Arguments for Joined<'_, L, O> {
    fn encode<'m>(&'m self, function: &str, message: &mut Message<'m>) -> Result<()> {
        self.fixed.encode(function, message)?;
        self.open.encode(function, message)
    }
}

/// The partial call that `call!` means.
pub fn partial<'a, C, A, L, O, P, T>(_: Checked, fixed: L, plant: P) -> Partial<'a, A, T>
where
    C: Returns<T>,
    L: Arguments + 'a,
    O: Arguments,
    P: Fn(A) -> O + 'a,
{
    Partial {
        entry: C::ENTRY,
        template: Box::new(Parts { fixed, plant }),
        options: Options::default(),
        decode: C::decode,
    }
}
