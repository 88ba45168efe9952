//! The words of the language: what `#[subprocess]`, `spawn!` and `call!` accept, and what it means.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use offspring::{RemoteError, Run, call, spawn, subprocess};
use serde::{Deserialize, Serialize};

type Test = Result<(), Box<dyn std::error::Error>>;

#[subprocess]
fn sing(#[default = 3] num: u32) -> u32 {
    num
}

#[subprocess]
fn introduce(
    name: String,
    age: u32,
    #[args] args: Vec<String>,
    #[kwargs] kwargs: BTreeMap<String, String>,
) -> String {
    format!("{name} is {age}; {args:?}; {kwargs:?}")
}

#[offspring::test]
fn arguments_go_by_position_and_by_name() -> Test {
    assert_eq!(spawn!(sing)?.join()?, 3);
    assert_eq!(spawn!(sing,)?.join()?, 3);
    assert_eq!(spawn!(sing, 4)?.join()?, 4);
    assert_eq!(spawn!(sing, kwargs<num = 5>)?.join()?, 5);
    assert_eq!(spawn!(sing, kwargs <num = 5,>,)?.join()?, 5);
    assert_eq!(spawn!(sing, kwargs<num = 6>, daemon,)?.join()?, 6);
    assert_eq!(
        spawn!(introduce, "king", kwargs<age = 18>)?.join()?,
        "king is 18; []; {}"
    );
    assert_eq!(
        spawn!(introduce, "king", 18, "a", String::from("b"), kwargs <colour = "red", size = 'L'>)?
            .join()?,
        r#"king is 18; ["a", "b"]; {"colour": "red", "size": "L"}"#
    );
    assert_eq!(sing(1), 1);
    Ok(())
}

#[offspring::test]
#[rustfmt::skip]
fn kwargs_can_be_written_with_and_without_spaces() -> Test {
    assert_eq!(spawn!(sing, kwargs <>)?.join()?, 3);
    assert_eq!(spawn!(sing, kwargs<>, daemon)?.join()?, 3);
    assert_eq!(spawn!(sing, kwargs<num=4>)?.join()?, 4);
    assert_eq!(spawn!(sing, kwargs < num = 4 , > ,)?.join()?, 4);
    Ok(())
}

#[offspring::test]
fn lists_and_maps_are_handed_on() -> Test {
    let list = vec!["x", "y"];
    let map = BTreeMap::from([("k", "v"), ("l", "w")]);
    let expected = r#"n is 1; ["a", "x", "y"]; {"k": "v", "l": "w", "m": "u"}"#;
    assert_eq!(
        spawn!(introduce, "n", 1, "a", ..&list, kwargs <m = "u", ..map.clone()>)?.join()?,
        expected
    );
    let owned: HashMap<String, String> = HashMap::from([("k".into(), "v".into())]);
    assert_eq!(
        spawn!(introduce, "n", kwargs <age = 1, ..&owned>, daemon)?.join()?,
        r#"n is 1; []; {"k": "v"}"#
    );
    assert_eq!(
        spawn!(introduce, "n", 1, ..(0..3).map(|i| i.to_string()), kwargs <..[("k", "v")],>)?
            .join()?,
        r#"n is 1; ["0", "1", "2"]; {"k": "v"}"#
    );
    Ok(())
}

#[offspring::test]
fn a_map_cannot_give_what_is_given() {
    let error = spawn!(introduce, "n", 1, kwargs <k = "a", ..[("k", "b")]>).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("multiple values for keyword argument 'k'"),
        "{error}"
    );
    let error = spawn!(introduce, "n", 1, kwargs <..[("k", "a"), ("k", "b")]>).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("multiple values for keyword argument 'k'"),
        "{error}"
    );
    let error = spawn!(introduce, "n", 1, kwargs <..[("age", "b")]>).unwrap_err();
    assert!(error.to_string().contains("parameter 'age'"), "{error}");
}

#[subprocess]
fn compare(a: bool, b: bool, c: bool, v: Vec<u8>) -> (bool, bool, bool, Vec<u8>) {
    (a, b, c, v)
}

#[offspring::test]
#[expect(
    clippy::redundant_closure_call,
    clippy::match_like_matches_macro,
    reason = "the tokens matter"
)]
fn arguments_are_any_expressions() -> Test {
    let (daemon, kwargs, limit) = (1, 2, 3);
    let got = spawn!(
        compare,
        daemon > limit,
        kwargs <b = kwargs > limit && daemon < limit, c = (|x: u8| -> bool { x > 1 })(2), v = [1u8].to_vec() as Vec<u8>>,
        daemon
    )?;
    assert_eq!(got.join()?, (false, false, true, vec![1]));
    let got = spawn!(
        compare,
        (daemon) == 1,
        kwargs <= limit,
        (kwargs) < limit,
        Vec::new()
    )?;
    assert_eq!(got.join()?, (true, true, true, vec![]));
    let got = spawn!(compare, "true".parse()?, match limit { 3 => true, _ => false }, kwargs <v = Vec::<u8>::new(), c = 1 >> 1 > 0>)?;
    assert_eq!(got.join()?, (true, true, false, vec![]));
    assert_eq!(
        spawn!(sing, daemon)?.join()?,
        3,
        "the word, not the variable"
    );
    assert_eq!(spawn!(sing, (daemon))?.join()?, 1);
    assert_eq!(spawn!(sing, kwargs)?.join()?, 2);
    Ok(())
}

#[subprocess]
fn three(a: u8, b: u8, c: u8) -> (u8, u8, u8) {
    (a, b, c)
}

#[offspring::test]
fn arguments_are_evaluated_once_in_the_order_of_the_text() -> Test {
    let mut order = 0;
    let mut next = || {
        order += 1;
        order
    };
    let got = spawn!(three, next(), kwargs <c = next(), b = next()>)?.join()?;
    assert_eq!(got, (1, 3, 2));
    Ok(())
}

#[subprocess]
#[expect(clippy::too_many_arguments, reason = "one of each kind")]
fn borrows<'a>(
    text: &'a str,
    bytes: &'a [u8],
    pairs: &[(u8, String)],
    path: &Path,
    os: &OsStr,
    tree: &Tree,
    #[default = "none"] label: &str,
    #[default = &[7]] numbers: &[u16],
) -> (
    String,
    usize,
    usize,
    PathBuf,
    OsString,
    Tree,
    String,
    Vec<u16>,
) {
    (
        text.into(),
        bytes.len(),
        pairs.len(),
        path.into(),
        os.into(),
        tree.clone(),
        label.into(),
        numbers.into(),
    )
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: String,
    children: Vec<Tree>,
}

/// Is sent without being cloned.
#[derive(Serialize, Deserialize)]
struct Unclonable(u8);

#[subprocess]
fn unclonable(value: &Unclonable, values: &[Unclonable]) -> usize {
    usize::from(value.0) + values.len()
}

#[offspring::test]
fn parameters_can_be_borrowed() -> Test {
    let tree = Tree {
        name: "a".into(),
        children: vec![Tree {
            name: "b".into(),
            children: vec![],
        }],
    };
    let got = spawn!(
        borrows,
        &String::from("text"),
        &Vec::from([1, 2, 3]),
        &[(1, "x".to_owned())],
        "/tmp",
        kwargs <tree = &tree, os = Path::new("os"), numbers = &[]>
    )?;
    let expected = (
        "text".into(),
        3,
        1,
        "/tmp".into(),
        "os".into(),
        tree.clone(),
        "none".into(),
        vec![],
    );
    assert_eq!(got.join()?, expected);
    let (.., label, numbers) =
        spawn!(borrows, "", b"", &[], Path::new(""), "", &tree, "some")?.join()?;
    assert_eq!((label.as_str(), numbers), ("some", vec![7]));
    let many = [Unclonable(1), Unclonable(2)];
    assert_eq!(spawn!(unclonable, &many[1], &many)?.join()?, 4);
    Ok(())
}

#[subprocess]
fn texts(a: String, b: PathBuf, c: OsString, #[default = "d"] d: String) -> String {
    format!("{a} {} {} {d}", b.display(), c.display())
}

#[offspring::test]
fn text_is_given_as_any_text() -> Test {
    let string = String::from("s");
    let expected = "s s s s";
    assert_eq!(spawn!(texts, "s", "s", "s", "s")?.join()?, expected);
    assert_eq!(
        spawn!(texts, &string, &string, &string, &&string)?.join()?,
        expected
    );
    assert_eq!(
        spawn!(
            texts,
            string.clone(),
            string.clone(),
            string.clone(),
            Cow::from("s")
        )?
        .join()?,
        expected
    );
    assert_eq!(
        spawn!(
            texts,
            's',
            PathBuf::from("s"),
            OsString::from("s"),
            Box::<str>::from("s")
        )?
        .join()?,
        expected
    );
    assert_eq!(
        spawn!(texts, Cow::from("s"), Path::new("s"), OsStr::new("s"))?.join()?,
        "s s s d"
    );
    assert_eq!(
        spawn!(texts, "s", OsStr::new("s"), Path::new("s"))?.join()?,
        "s s s d"
    );
    assert_eq!(
        spawn!(texts, "s", &PathBuf::from("s"), &PathBuf::from("s"))?.join()?,
        "s s s d"
    );
    Ok(())
}

#[subprocess]
fn keyword_only(
    #[args] rest: Vec<u8>,
    #[default = 2] level: u8,
    name: String,
) -> (Vec<u8>, u8, String) {
    (rest, level, name)
}

#[offspring::test]
fn parameters_behind_args_go_by_name() -> Test {
    assert_eq!(
        spawn!(keyword_only, 1, 2, kwargs<name = "n">)?.join()?,
        (vec![1, 2], 2, "n".into())
    );
    assert_eq!(
        spawn!(keyword_only, ..[1, 2, 3], kwargs <name = "n", level = 9>)?.join()?,
        (vec![1, 2, 3], 9, "n".into())
    );
    Ok(())
}

const DEFAULT: &str = "constant";

#[subprocess]
fn defaults(
    #[default = std::process::id()] id: u32,
    #[default = DEFAULT] text: &str,
    #[default = Vec::new()] list: Vec<u8>,
    #[default = String::from("owned")] owned: String,
) -> (bool, u32, String, Vec<u8>, String) {
    (id == std::process::id(), id, text.into(), list, owned)
}

#[offspring::test]
fn defaults_are_evaluated_in_the_child() -> Test {
    let (same, id, text, list, owned) = spawn!(defaults)?.join()?;
    assert!(same && id != std::process::id());
    assert_eq!(
        (text.as_str(), list, owned.as_str()),
        (DEFAULT, vec![], "owned")
    );
    Ok(())
}

#[offspring::test]
fn a_call_happens_when_it_is_started() -> Test {
    let name = String::from("a borrowed name");
    let call = call!(introduce, &name, 5, kwargs<key = &name>)
        .name("introducer")
        .daemon(false);
    assert!(format!("{call:?}").contains("introduce"), "{call:?}");
    let process = call.start()?;
    assert_eq!(process.name(), "introducer");
    assert_eq!(
        process.join()?,
        r#"a borrowed name is 5; []; {"key": "a borrowed name"}"#
    );
    // A temporary lives as long as the statement.
    let process = call!(introduce, &format!("{name}!"), 5).name("x").start()?;
    assert_eq!(process.join()?, "a borrowed name! is 5; []; {}");
    Ok(())
}

#[offspring::test]
fn a_call_with_holes_is_a_function_of_what_is_missing() -> Test {
    let twice = call!(three, 1, _, 3);
    assert_eq!(twice.bind(2).start()?.join()?, (1, 2, 3));
    assert_eq!(twice.bind(4).name("x").start()?.join()?, (1, 4, 3));
    // In the order of the text.
    let call = call!(three, _, kwargs <c = _, b = 2>);
    assert_eq!(call.bind((1, 3)).start()?.join()?, (1, 2, 3));
    // The conversions are those of a call.
    let introduce_to = call!(introduce, _, 3, "fixed", _, ..["spread"], kwargs<k = _>);
    let expected = r#"n is 3; ["fixed", "a", "spread"]; {"k": "v"}"#;
    assert_eq!(
        introduce_to
            .bind(("n", 'a', String::from("v")))
            .start()?
            .join()?,
        expected
    );
    let tree = Tree {
        name: String::new(),
        children: vec![],
    };
    let by_slice = call!(borrows, "", _, &[], "", "", _);
    assert_eq!(by_slice.bind((&[1, 2], &tree)).start()?.join()?.1, 2);
    Ok(())
}

#[subprocess]
fn large(bytes: &[u8], numbers: Vec<f64>, text: &str) -> (usize, f64, String) {
    (bytes.len(), numbers.iter().sum(), text.into())
}

#[offspring::test]
fn large_arguments_travel_as_bytes() -> Test {
    let bytes = vec![1; 3 << 20];
    let text = "ä".repeat(1 << 20);
    let call = call!(large, &bytes, _, &text);
    for n in [1.0, 2.0] {
        let (len, sum, back) = call.bind(vec![n; 1 << 17]).start()?.join()?;
        assert_eq!((len, sum), (3 << 20, n * f64::from(1 << 17)));
        assert_eq!(back, text);
    }
    Ok(())
}

mod names {
    use super::{Test, spawn, subprocess};

    #[subprocess]
    pub(crate) fn r#async(r#type: &str, r#in: u8) -> usize {
        r#type.len() + usize::from(r#in)
    }

    pub(super) mod deep {
        use super::super::subprocess;

        /// With a name that the expansion uses for itself.
        #[subprocess]
        pub(in super::super) fn run(mut invocation: u8, slot: u8, output: u8) -> u8 {
            invocation += 1;
            invocation + slot + output
        }
    }

    #[offspring::test]
    fn r#raw_names_need_no_prefix_as_keywords() -> Test {
        assert_eq!(spawn!(r#async, kwargs <type = "abc", in = 1>)?.join()?, 4);
        assert_eq!(
            spawn!(r#async, kwargs <r#type = "abc", r#in = 1>)?.join()?,
            4
        );
        assert_eq!(
            spawn!(deep::run, 1, kwargs <output = 2, slot = 3>)?.join()?,
            7
        );
        Ok(())
    }
}
use names::deep::run as renamed_on_use;

#[offspring::test]
fn functions_can_be_used_under_another_name() -> Test {
    assert_eq!(spawn!(renamed_on_use, 1, 2, 3)?.join()?, 7);
    Ok(())
}

#[offspring::test]
fn functions_can_stand_in_functions() -> Test {
    // Above its declaration, with a type of this body.
    assert_eq!(spawn!(nested, Local { x: 4 })?.join()?, Local { x: 5 });
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Local {
        x: u8,
    }
    #[subprocess]
    fn nested(local: Local) -> Local {
        Local { x: local.x + 1 }
    }
    {
        #[subprocess]
        fn nested() -> String {
            "the other `nested`".into()
        }
        assert_eq!(spawn!(nested)?.join()?, "the other `nested`");
    }
    Ok(())
}

macro_rules! make {
    ($($name:ident($parameter:ident: $taken:ty = $default:expr) -> $returned:ty;)*) => {$(
        #[subprocess]
        fn $name(#[default = $default] $parameter: $taken) -> $returned {
            format!("{} {:?}", stringify!($name), $parameter)
        }
    )*};
}
make! {
    made_one(number: u8 = 1) -> String;
    made_two(text: &str = "two") -> String;
    made_three(list: &[u8] = &[]) -> String;
}

macro_rules! start {
    ($function:path, $($value:expr),*; $($name:ident = $named:expr),*) => {
        spawn!($function, $($value),*, kwargs <$($name = $named),*>)
    };
}

#[offspring::test]
fn functions_can_be_made_by_macros() -> Test {
    assert_eq!(spawn!(made_one)?.join()?, "made_one 1");
    assert_eq!(
        spawn!(made_two, kwargs<text = "x">)?.join()?,
        r#"made_two "x""#
    );
    assert_eq!(spawn!(made_two)?.join()?, r#"made_two "two""#);
    assert_eq!(spawn!(made_three, &[1])?.join()?, "made_three [1]");
    assert_eq!(start!(three, 1, 2; c = 3)?.join()?, (1, 2, 3));
    Ok(())
}

#[subprocess]
#[cfg(any())]
fn here_or_there() -> u8 {
    0
}

#[cfg(not(any()))]
#[subprocess]
fn here_or_there() -> u8 {
    1
}

#[subprocess]
#[cfg_attr(all(), cfg(any()))]
fn here_or_there() -> u8 {
    2
}

#[offspring::test]
fn functions_can_depend_on_the_configuration() -> Test {
    assert_eq!(spawn!(here_or_there)?.join()?, 1);
    Ok(())
}

/// Documented.
#[subprocess]
#[must_use]
#[allow(clippy::needless_pass_by_value)]
#[deprecated = "only to see that it can be"]
fn attributed(#[allow(unused_variables)] text: String) -> u8 {
    7
}

#[offspring::test]
#[allow(deprecated)]
fn other_attributes_stay() -> Test {
    assert_eq!(spawn!(attributed, "")?.join()?, 7);
    Ok(())
}

/// A small executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[subprocess(block_on = block_on)]
async fn later(text: &str) -> usize {
    std::future::ready(text.len()).await
}

#[offspring::test(block_on = block_on)]
async fn an_async_function_runs_in_an_executor() -> Test {
    assert_eq!(spawn!(later, std::future::ready("abc").await)?.join()?, 3);
    Ok(())
}

type Fallible<T> = Result<T, String>;

#[subprocess]
fn fallible(fail: bool) -> Fallible<u8> {
    if fail {
        Err("it was asked to".into())
    } else {
        Ok(1)
    }
}

#[offspring::test]
fn an_err_is_a_value() -> Test {
    assert_eq!(spawn!(fallible, false)?.join()?, Ok(1));
    assert_eq!(
        spawn!(fallible, true)?.join()?,
        Err("it was asked to".into())
    );
    let process = spawn!(fallible, true)?;
    assert_eq!(process.wait()?.exitcode(), Some(1));
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Downloader {
    url: String,
}

#[subprocess]
impl Run for Downloader {
    type Output = Result<usize, String>;

    fn run(self) -> Result<usize, String> {
        Ok(self.url.len())
    }
}

#[offspring::test]
fn a_type_can_be_a_process() -> Test {
    assert_eq!(Downloader { url: "abc".into() }.start()?.join()?, Ok(3));
    let call = Downloader { url: "abcd".into() }
        .into_call()
        .name("downloader");
    let process = call.start()?;
    assert_eq!(process.name(), "downloader");
    assert_eq!(process.join()?, Ok(4));
    assert_eq!(Downloader { url: String::new() }.run(), Ok(0));
    Ok(())
}

#[offspring::test]
fn an_argument_that_does_not_serialize_is_named() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    impl<'de> Deserialize<'de> for Refuses {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("no"))
        }
    }
    #[subprocess]
    fn takes(first: u8, _second: Refuses) -> u8 {
        first
    }
    let error = spawn!(takes, 1, kwargs<_second = Refuses>).unwrap_err();
    assert!(
        error.is_encode() && error.to_string().contains("'_second'"),
        "{error}"
    );
}

#[offspring::test]
#[should_panic = "as it should"]
fn should_panic_stays() {
    spawn!(sing).unwrap().join().unwrap();
    panic!("as it should");
}

#[offspring::test]
#[ignore = "is not run"]
fn ignore_stays() {
    panic!("it was run");
}

type Aliased<T, E = String> = Result<T, E>;

mod short_results {
    pub(super) type Result<T> = std::result::Result<T, String>;

    #[offspring::subprocess]
    pub(super) fn short(fail: bool) -> Result<u8> {
        if fail { Err("short".into()) } else { Ok(1) }
    }
}

#[subprocess]
fn forward(before: Result<Vec<u32>, String>) -> Result<Vec<u32>, Option<String>> {
    before.map_err(Some)
}

#[subprocess]
fn aliased(before: Aliased<u8>) -> Aliased<u8> {
    before
}

#[subprocess]
fn all_forward(#[args] before: Vec<Result<u8, String>>) -> Vec<Result<u8, String>> {
    before
}

#[offspring::test]
fn a_result_travels_by_whatever_name() -> Test {
    // One that is in the body, one that lies beside it, and an error.
    for before in [Ok(vec![1; 3]), Ok(vec![2; 5000]), Err("no".to_owned())] {
        let after = spawn!(forward, before.clone())?.join()?;
        assert_eq!(after, before.map_err(Some));
    }
    assert_eq!(spawn!(aliased, Ok(1))?.join()?, Ok(1));
    assert_eq!(spawn!(short_results::short, false)?.join()?, Ok(1));
    assert_eq!(
        spawn!(short_results::short, true)?.join()?,
        Err("short".into())
    );
    let list = [Ok(1), Err("no".to_owned())];
    assert_eq!(spawn!(all_forward, ..list.clone())?.join()?, list);
    Ok(())
}

#[subprocess]
fn boxed(send: bool) -> Result<(), RemoteError> {
    fn sendable() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("x".parse::<u8>().unwrap_err().into())
    }
    fn other() -> Test {
        Err("x".parse::<u8>().unwrap_err().into())
    }
    if send {
        sendable().map_err(RemoteError::from_boxed)?;
    }
    other().map_err(|error| RemoteError::from_dyn(&*error).context("outside"))
}

#[offspring::test]
fn boxed_errors_travel() -> Test {
    let error = spawn!(boxed, true)?.join()?.unwrap_err();
    assert_eq!(error.to_string(), "invalid digit found in string");
    let error = spawn!(boxed, false)?.join()?.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "outside: invalid digit found in string"
    );
    let error = error.into_error();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("invalid digit found in string"));
    Ok(())
}

#[subprocess]
fn borrows_some(first: &Option<u8>, #[default = &Some(2)] second: &Option<u8>) -> u8 {
    first.unwrap_or(0) + second.unwrap_or(0)
}

#[offspring::test]
fn a_reference_to_an_option_is_borrowed() -> Test {
    assert_eq!(spawn!(borrows_some, &Some(1))?.join()?, 3);
    assert_eq!(spawn!(borrows_some, &Some(1), &None)?.join()?, 1);
    Ok(())
}

#[offspring::test]
fn a_variable_of_the_functions_name_is_not_in_the_way() -> Test {
    let sing = 7;
    assert_eq!(spawn!(sing, sing)?.join()?, 7);
    macro_rules! from_macro {
        ($function:ident) => {{
            #[subprocess]
            fn inside() -> u8 {
                5
            }
            (spawn!($function)?.join()?, spawn!(inside)?.join()?)
        }};
    }
    assert_eq!(from_macro!(sing), (3, 5));
    Ok(())
}
