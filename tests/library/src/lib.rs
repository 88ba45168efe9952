//! A library whose functions run in child processes, and which is strict about its own code.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    unused_qualifications,
    single_use_lifetimes,
    unnameable_types,
    clippy::pedantic
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use offspring::{Call, Run, call, spawn, subprocess};
use serde::{Deserialize, Serialize};

pub use offspring;

/// What can go wrong.
pub type Failure = Box<dyn std::error::Error>;

/// Used by its name only.
pub mod deep {
    /// Adds.
    #[offspring::subprocess]
    #[must_use]
    pub fn add(a: u8, #[default = 2] b: u8) -> u8 {
        a + b
    }

    /// Is on its way out.
    #[offspring::subprocess]
    #[deprecated = "use `add`"]
    #[must_use]
    pub fn sum(a: u8, b: u8) -> u8 {
        a + b
    }
}

pub use deep::add as plus;

/// Something to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What it is about.
    pub text: String,
}

/// Takes one of everything.
#[subprocess]
#[must_use]
pub fn everything(
    text: &str,
    mut number: u32,
    #[default = Path::new("/")] path: &Path,
    #[default = "none"] label: &str,
    #[args] rest: &[PathBuf],
    #[default = &[]] orders: &[Order],
    #[kwargs] extra: &BTreeMap<String, f64>,
) -> (String, usize) {
    number += 1;
    let path = path.display();
    let count = rest.len() + orders.len() + extra.len();
    (format!("{text} {number} {path} {label}"), count)
}

#[subprocess]
fn nothing() {}

#[subprocess]
fn fallible(fail: bool) -> Result<Order, String> {
    if fail {
        Err("it was asked to".into())
    } else {
        Ok(Order::default())
    }
}

#[subprocess]
impl Run for Order {
    type Output = usize;

    fn run(self) -> usize {
        self.text.len()
    }
}

mod hidden {
    #[offspring::subprocess]
    pub(crate) fn ghost() -> u8 {
        1
    }
}

/// Starts one itself, in a generic function.
///
/// # Errors
///
/// When it cannot.
pub fn starts<T: Into<u8>>(value: T) -> Result<u8, Failure> {
    let run = move || -> Result<u8, Failure> {
        Ok(spawn!(deep::add, value.into(), kwargs<b = 2>)?.join()?)
    };
    run()
}

/// A call for others to start.
pub fn prepared(text: &str) -> Call<'_, (String, usize)> {
    call!(everything, text, 1).daemon(true)
}

/// Uses every form of the language.
///
/// # Panics
///
/// When a result is not what it should be.
///
/// # Errors
///
/// When it cannot.
pub fn uses() -> Result<usize, Failure> {
    let orders = [Order::default(), Order { text: "abc".into() }];
    let paths = ["/a", "/b"];
    let numbers = BTreeMap::from([("x", 1.0)]);
    spawn!(nothing)?.join()?;
    let started = spawn!(
        everything,
        "text",
        1,
        "/",
        "label",
        "/c",
        ..&paths,
        kwargs <orders = &orders, y = 2.0, ..numbers>,
        daemon
    )?;
    let (text, count) = started.join()?;
    assert_eq!(text, "text 2 / label");
    let partial = call!(everything, _, kwargs<number = _>);
    let (text, _) = partial.bind(("partial", 2)).start()?.join()?;
    assert_eq!(text, "partial 3 / none");
    let ghost = spawn!(hidden::ghost)?.join()?;
    let length = orders[1].clone().start()?.join()?;
    assert_eq!(
        spawn!(fallible, true)?.join()?.unwrap_err(),
        "it was asked to"
    );
    Ok(count + usize::from(ghost) + length)
}

macro_rules! make {
    ($($(#[$attribute:meta])* $name:ident)*) => {$(
        $(#[$attribute])*
        #[subprocess]
        #[must_use]
        pub fn $name(n: u8) -> String {
            format!("{}{n}", stringify!($name))
        }
    )*};
}
make! {
    /// One.
    one
    /// Two.
    two
}
