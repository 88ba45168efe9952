//! Implementation detail of the `offspring` crate.
//!
//! Every macro here expands to as little code as it can: data that describes the item or the call,
//! plus calls into `offspring::__private`. What is wrong with an item is said here, what is wrong with
//! a call's binding is said by `const fn`s there.

mod attr;
mod callee;
mod entry;
mod expand;
mod function;
mod invalid;
mod keywords;
mod parameter;
mod portable;
mod run_impl;
mod shareable;
mod signature;
mod slips;
mod syntax;
mod twin;
mod types;

use proc_macro::TokenStream;
use syn::parse::Parser;

/// Lets a function run in a child process.
///
/// The function stays as it is and can be called as ever. Beside it there will be an empty type of
/// the same name and visibility, which carries what [`spawn!`](macro.spawn.html) and
/// [`call!`](macro.call.html) need to know; one `use` brings both. (So no module or type of that name
/// can be declared in the same scope.) The function can stand anywhere: in modules, in other
/// functions, in libraries, in what `macro_rules!` make.
///
/// # Parameters
///
/// Each parameter can be given by position or by name, and must be serializable:
/// `serde::Serialize` and `serde::Deserialize`. It can be borrowed (`&str`, `&[T]`, `&Path`, `&T`): the
/// child owns what the function borrows. Where the function takes text (`String`, `&str`, `PathBuf`,
/// `&Path`, `OsString`, `&OsStr`), a call can give any type of text. Any other argument must have
/// exactly the type of the parameter, as in a call of the function itself: nothing is converted.
///
/// | attribute | the parameter |
/// |---|---|
/// | `#[default = EXPR]` | may be left out; `EXPR` is then evaluated in the child |
/// | `#[args]` | of type `Vec<T>` or `&[T]`, takes the positional arguments left over, Python's `*args`; parameters behind it go by name only |
/// | `#[kwargs]` | of type `BTreeMap<String, T>` or `&BTreeMap<String, T>`, takes the keyword arguments left over, Python's `**kwargs`; it comes last |
///
/// ```
/// use std::collections::BTreeMap;
/// use offspring::{spawn, subprocess};
///
/// #[subprocess]
/// fn compile(
///     source: &str,
///     #[default = 2] level: u8,
///     #[args] flags: Vec<String>,
///     #[kwargs] defines: BTreeMap<String, String>,
/// ) -> Result<usize, String> {
///     if source.is_empty() {
///         return Err("nothing to compile".into());
///     }
///     Ok(usize::from(level) + flags.len() + defines.len())
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let process = spawn!(compile, "fn main() {}", 3, "-g", kwargs <debug = "yes">)?;
///     assert_eq!(process.join()?, Ok(5));
///     Ok(())
/// }
/// ```
///
/// # Calls
///
/// See [`spawn!`](macro.spawn.html) for the whole of it. What may surprise:
///
/// - Whether a call fits the function is checked at compile time, but for the names in a map that is
///   spread with `kwargs <..map>`: they are known, and checked, when the process is started.
/// - `daemon` as the last word is always the keyword, even where a variable has that name; the
///   variable is passed as `(daemon)`.
///
/// # Result
///
/// It must be serializable, too. A `Result` comes back as it is; an `Err` makes the exit code 1. Few
/// error types are serializable, but `?` turns any into a [`RemoteError`](struct.RemoteError.html),
/// which is.
///
/// # Options
///
/// - `#[subprocess(block_on = path)]` on an `async fn`: the child passes the future to the function at
///   `path`, such as `futures::executor::block_on`.
/// - `#[subprocess(crate = path)]` where the crate is known by another name, for instance re-exported:
///   `crate = my_library::offspring`.
///
/// # On an `impl`
///
/// On `impl offspring::Run for Type` it lets values of the type be started; see
/// [`Run`](trait.Run.html).
///
/// # Limits
///
/// A function with type parameters can't be found by its name, so it is rejected, as are methods and
/// associated functions, `&mut` parameters and borrowed results.
///
/// Import the macros by name: after `use offspring::*` it would be ambiguous whether `#[test]` is this
/// library's or the language's.
#[proc_macro_attribute]
pub fn subprocess(args: TokenStream, item: TokenStream) -> TokenStream {
    let options = syn::parse::<attr::Options>(args);
    match syn::parse::<syn::Item>(item.clone()) {
        Ok(syn::Item::Fn(function)) => match options {
            Ok(options) => function::expand(&options, function),
            Err(error) => invalid::function(&attr::Options::default(), function, &error),
        },
        Ok(syn::Item::Impl(item)) => run_impl::expand(options, &item),
        Ok(other) => {
            let error = syn::Error::new(
                proc_macro2::Span::call_site(),
                "#[subprocess] is for functions, and for `impl offspring::Run for Type`",
            );
            invalid::item(&other, &error)
        }
        Err(error) => method_or(item, error),
    }
    .into()
}

/// A method with a receiver is no item by itself.
fn method_or(item: TokenStream, error: syn::Error) -> proc_macro2::TokenStream {
    match syn::parse::<syn::ImplItemFn>(item.clone()) {
        Ok(method) => {
            let error = syn::Error::new_spanned(&method.sig.ident, signature::METHOD);
            invalid::item(&proc_macro2::TokenStream::from(item), &error)
        }
        Err(_) => invalid::item(&proc_macro2::TokenStream::from(item), &error),
    }
}

/// Lets child processes into the program: for `fn main`.
///
/// A child is the same program, started anew. This attribute is where it is recognized: it runs the
/// function it was started for and ends. At the normal end of `main` the daemons are ended and the
/// other processes are waited for.
///
/// It stacks with the attribute of an async runtime, in either order; the child doesn't enter the
/// runtime. `#[offspring::main(block_on = path)]` does without one. `crate = path` is as for
/// [`subprocess`](macro@subprocess).
///
/// ```
/// #[offspring::subprocess]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     assert_eq!(offspring::spawn!(add, 1, 2)?.join()?, 3);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry(args, item, entry::main)
}

/// Lets child processes into a test, instead of `#[test]`.
///
/// A test program has a `main` of its own. This attribute makes each test an entry: a child is the
/// same test program, told to run this one test, and in it does the function it was started for. It
/// works under `cargo test` and `cargo nextest`. `#[should_panic]`, `#[ignore]` and a `Result` as
/// return type work as ever, and it stacks with the attribute of an async runtime, in either order.
///
/// It is best written with its path, as here: `use offspring::*` makes a bare `#[test]` ambiguous.
///
/// ```
/// #[cfg(test)]
/// mod tests {
///     #[offspring::subprocess]
///     fn twice(n: u32) -> u32 {
///         2 * n
///     }
///
///     #[offspring::test]
///     fn doubles() -> Result<(), Box<dyn std::error::Error>> {
///         assert_eq!(offspring::spawn!(twice, 4)?.join()?, 8);
///         Ok(())
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry(args, item, entry::test)
}

fn entry(
    args: TokenStream,
    item: TokenStream,
    expand: fn(&attr::Options, &syn::ItemFn) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    let result = syn::parse::<attr::Options>(args)
        .and_then(|options| expand(&options, &syn::parse::<syn::ItemFn>(item.clone())?));
    match result {
        Ok(tokens) => tokens.into(),
        Err(error) => invalid::entry(item.into(), &error).into(),
    }
}

/// Lets a struct lie in shared memory: implements [`Shareable`](shared/trait.Shareable.html) for it.
///
/// It is for structs of numbers, of arrays of them, of atomics, and of structs of such. Rejected at the guilty
/// place are fields of other types, gaps between fields or behind the last, and a missing `#[repr(C)]` or
/// `#[repr(transparent)]`. `#[shareable(crate = path)]` is as for [`subprocess`](macro@subprocess).
///
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq, offspring::Shareable)]
/// #[repr(C)]
/// struct Reading {
///     time: u64,
///     value: f32,
///     sensor: u16,
///     _pad: [u8; 2],
/// }
///
/// # fn main() -> offspring::Result<()> {
/// let readings = offspring::shared::Array::<Reading>::new(1000)?;
/// assert_eq!(readings.get(999).value, 0.0);
/// # Ok(())
/// # }
/// ```
#[proc_macro_derive(Shareable, attributes(shareable))]
pub fn derive_shareable(item: TokenStream) -> TokenStream {
    shareable::expand(&syn::parse_macro_input!(item as syn::Item)).into()
}

// Not public API. The public `spawn!` and `call!` are `macro_rules!` in the library, which hand us
// `$crate`; that way a renamed dependency needs no attribute.
#[doc(hidden)]
#[proc_macro]
pub fn __spawn(input: TokenStream) -> TokenStream {
    calling(syntax::Macro::Spawn, input)
}

#[doc(hidden)]
#[proc_macro]
pub fn __call(input: TokenStream) -> TokenStream {
    calling(syntax::Macro::Call, input)
}

fn calling(which: syntax::Macro, input: TokenStream) -> TokenStream {
    match (|input: syn::parse::ParseStream<'_>| syntax::Call::parse(which, input)).parse(input) {
        Ok(call) => expand::expand(&call).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
