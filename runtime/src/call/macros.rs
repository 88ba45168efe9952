//! `spawn!` and `call!`: they hand `$crate` to the proc macros, so that a renamed or re-exported
//! dependency needs no attribute.

/// Starts a `#[subprocess]` function in a child process.
///
/// ```text
/// spawn! ( FUNCTION {, ARGUMENT} [, ..LIST] [, kwargs < [NAME = ARGUMENT {, NAME = ARGUMENT}] [, ..MAP] [,] >] [, daemon] [,] )
/// ```
///
/// Gives a `Result<Process<T>>`, where `T` is what the function returns.
///
/// - Arguments go by position or, in `kwargs <..>`, by name. They are evaluated once, in the order of
///   the text, and checked at compile time: a wrong call is an error at the guilty token, in the
///   words that Python has for it.
/// - What the function takes as text can be given as any type of text. Any other argument must have
///   exactly the type of the parameter.
/// - `..LIST` hands a whole list on to `#[args]`, `..MAP` in `kwargs <..>` a map to `#[kwargs]`, as `*`
///   and `**` do in Python. The names in a map are checked when the process is started. A range that
///   is itself an argument is written in parentheses.
/// - `daemon`, the last word, makes the process one that is ended when its parent ends instead of
///   being waited for. It is the keyword even where a variable has that name: the variable is passed
///   as `(daemon)`. All else about the process is said on [`call!`](crate::call!).
/// - `kwargs` is a word only before `<`. To compare a variable of that name, write `(kwargs) < 3`.
///
/// ```
/// use std::collections::BTreeMap;
/// use offspring::{spawn, subprocess};
///
/// #[subprocess]
/// fn describe(
///     name: String,
///     #[default = 1] count: u32,
///     #[args] parts: Vec<String>,
///     #[kwargs] colours: BTreeMap<String, String>,
/// ) -> String {
///     format!("{count} {name} of {parts:?}, {colours:?}")
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let plain = spawn!(describe, "house")?;
///     let named = spawn!(describe, kwargs <count = 2, name = "houses">)?;
///     let spread = spawn!(describe, "house", 1, "door", ..["roof", "wall"], kwargs <roof = "red">)?;
///     assert_eq!(plain.join()?, "1 house of [], {}");
///     assert_eq!(named.join()?, "2 houses of [], {}");
///     assert_eq!(spread.join()?, r#"1 house of ["door", "roof", "wall"], {"roof": "red"}"#);
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// See [`Call::start`](crate::Call::start).
#[macro_export]
macro_rules! spawn {
    ($($call:tt)*) => {
        $crate::__private::__spawn!($crate; $($call)*)
    };
}

/// A call that has not happened yet: [`spawn!`](crate::spawn!) without the start.
///
/// ```text
/// call! ( as spawn!, without `daemon`, and with _ in place of any ARGUMENT )
/// ```
///
/// Gives a [`Call<T>`](crate::Call), on which everything about the process can be said before
/// `.start()`; or, with holes `_`, a [`Partial<A, T>`](crate::Partial), which is a function of the
/// missing arguments, in the order in which they stand in the text.
///
/// Arguments may be borrowed. They are evaluated here and encoded at the start.
///
/// ```
/// use offspring::{call, subprocess};
///
/// #[subprocess]
/// fn resize(name: &str, width: u32) -> String {
///     format!("{name} to {width}")
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let process = call!(resize, "a.png", 80).name("resizer").daemon(true).start()?;
///     assert_eq!(process.join()?, "a.png to 80");
///
///     let resize = call!(resize, _, kwargs <width = 80>);
///     assert_eq!(resize.bind("b.png").start()?.join()?, "b.png to 80");
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! call {
    ($($call:tt)*) => {
        $crate::__private::__call!($crate; $($call)*)
    };
}
