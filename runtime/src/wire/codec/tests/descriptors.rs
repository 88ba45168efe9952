//! Descriptors beside the body.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, AsRawFd};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::*;
use crate::sys::socket::MAX_FDS;
use crate::wire::Descriptor;
use crate::wire::descriptor::tests::{Handle, Text, pipe};

/// The same, but each message gets a duplicate.
#[derive(Debug)]
struct Duplicated(Handle);

impl Serialize for Duplicated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Descriptor::lend(self.0.0.as_fd()).serialize(serializer)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    first: Handle,
    number: u8,
    second: Option<Handle>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Shape {
    None,
    One(Handle),
    Two(Handle, Handle),
    Named { handle: Handle },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Handle(Handle),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Handle { handle: Handle },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum InternalNewtype {
    Handle(Handle),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
enum Adjacent {
    Handle(Handle),
}

#[derive(Debug, Serialize, Deserialize)]
struct Inner {
    inside: Handle,
}

#[derive(Debug, Serialize, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Debug, Serialize, Deserialize)]
struct BesideFlattened {
    handle: Handle,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Nothing {}

/// Sends a value with handles to some pipes, and reads what comes out of these when `write` has
/// used the handles that have arrived.
#[track_caller]
fn sent<T: Serialize + 'static, U: DeserializeOwned + 'static, const N: usize>(
    make: impl FnOnce([Handle; N]) -> T,
    write: impl FnOnce(U),
) -> [String; N] {
    let pipes: [_; N] = std::array::from_fn(|_| pipe());
    let (texts, handles): (Vec<Text>, Vec<Handle>) = pipes.into_iter().unzip();
    let value = make(handles.try_into().unwrap());
    write(convert::<T, U>(&value).unwrap());
    drop(value);
    let texts: Vec<String> = texts.into_iter().map(Text::all).collect();
    texts.try_into().unwrap()
}

#[test]
fn a_handle_arrives_wherever_it_stands() {
    assert_eq!(sent(|[a]| a, |a: Handle| a.write("a")), ["a"]);
    assert_eq!(
        sent(|[a]| Duplicated(a), |a: Handle| a.write("again")),
        ["again"]
    );
    let texts = sent(
        |[a, b]| (a, 1, Some(b)),
        |(a, one, b): (Handle, i32, Option<Handle>)| {
            a.write("a");
            b.unwrap().write(&format!("b{one}"));
        },
    );
    assert_eq!(texts, ["a", "b1"]);
    let named = |[a, b]: [Handle; 2]| Named {
        first: a,
        number: 3,
        second: Some(b),
    };
    let texts = sent(named, |named: Named| {
        named.first.write("first");
        named.second.unwrap().write(&named.number.to_string());
    });
    assert_eq!(texts, ["first", "3"]);
    let texts = sent(Vec::from, |list: Vec<Handle>| {
        for (index, handle) in list.iter().enumerate() {
            handle.write(&index.to_string());
        }
    });
    assert_eq!(texts, ["0", "1", "2"]);
    let map = |[a, b]: [Handle; 2]| HashMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
    let texts = sent(map, |map: HashMap<String, Handle>| {
        map.iter().for_each(|(key, handle)| handle.write(key));
    });
    assert_eq!(texts, ["a", "b"]);
    let shapes = |[a, b, c, d]: [Handle; 4]| {
        let named = Shape::Named { handle: d };
        vec![Shape::One(a), Shape::None, Shape::Two(b, c), named]
    };
    let texts = sent(shapes, |shapes: Vec<Shape>| match &shapes[..] {
        [
            Shape::One(a),
            Shape::None,
            Shape::Two(b, c),
            Shape::Named { handle: d },
        ] => {
            let all = [(a, "a"), (b, "b"), (c, "c"), (d, "d")];
            all.iter().for_each(|(handle, text)| handle.write(text));
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(texts, ["a", "b", "c", "d"]);
    let texts = sent(Box::new, |[a]: [Handle; 1]| a.write("boxed"));
    assert_eq!(texts, ["boxed"]);
    // In serde's enums, where serde doesn't buffer them.
    let texts = sent(
        |[a]| Adjacent::Handle(a),
        |Adjacent::Handle(a)| a.write("a"),
    );
    assert_eq!(texts, ["a"]);
    let rest = BTreeMap::from([("x".to_owned(), 1)]);
    let texts = sent(
        |[handle]| BesideFlattened { handle, rest },
        |value: BesideFlattened| value.handle.write(&format!("{:?}", value.rest)),
    );
    assert_eq!(texts, ["{\"x\": 1}"]);
    // An option more or less makes no difference, as with other values.
    assert_eq!(sent(|[a]| Some(a), |a: Handle| a.write("a")), ["a"]);
    assert_eq!(
        sent(|[a]| a, |a: Option<Handle>| a.unwrap().write("a")),
        ["a"]
    );
}

#[test]
fn what_the_receiver_ignores_is_closed() {
    let named = |[first]: [Handle; 1]| Named {
        first,
        number: 1,
        second: None,
    };
    assert_eq!(sent(named, |_: Nothing| ()), [""]);
    assert_eq!(sent(Vec::from, |_: IgnoredAny| ()), ["", ""]);
}

#[test]
fn messages_share_a_descriptor_that_is_in_an_arc() {
    let (_text, handle) = pipe();
    let mut message = Message::default();
    for _ in 0..3 {
        encode(&handle, &mut message).unwrap();
        encode_unsized(&Duplicated(handle.clone()), &mut message).unwrap();
    }
    let numbers: Vec<_> = message.fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let number = handle.0.as_raw_fd();
    for pair in numbers.chunks(2) {
        assert_eq!(pair[0], number);
        assert!(pair[1] != number && pair[1] > 2);
    }
}

#[test]
fn after_a_failure_the_message_has_the_descriptors_of_before() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no such luck"))
        }
    }
    let mut message = Message::default();
    let (first_text, first) = pipe();
    encode_unsized(&Duplicated(first), &mut message).unwrap();
    let before = message.body.clone();
    let (text, handle) = pipe();
    let error = encode_unsized(&(Duplicated(handle), Fails), &mut message).unwrap_err();
    assert_eq!(error.to_string(), "[1]: no such luck");
    assert_eq!((&message.body, message.fds.len()), (&before, 1));
    assert_eq!(text.all(), "", "the duplicate has been closed");
    drop(message);
    assert_eq!(first_text.all(), "");
}

#[test]
fn only_so_many_go_into_a_message() {
    let (_text, handle) = pipe();
    let handles = vec![handle; MAX_FDS + 1];
    let mut message = Message::default();
    let error = encode(&handles, &mut message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[253]: a call or a message can carry 253 handles at most"
    );
    assert!(message.body.is_empty() && message.fds.is_empty());
    let (last, handles) = handles.split_last().unwrap();
    encode_slice(handles, &mut message).unwrap();
    assert_eq!(message.fds.len(), MAX_FDS);
    // All arguments of a call are in one message.
    assert!(encode(last, &mut message).is_err());
    assert_eq!(message.fds.len(), MAX_FDS);
}

/// Descriptors that have arrived.
fn fds<const N: usize>(fds: [Arrival; N]) -> Beside {
    Beside {
        fds: fds.into(),
        ..Beside::default()
    }
}

fn here() -> (Text, Arrival) {
    let (text, handle) = pipe();
    (text, Arrival::Here(Arc::into_inner(handle.0).unwrap()))
}

#[test]
fn an_index_leads_to_one_descriptor_once() {
    let twice = [tag::SEQ, 2, tag::FD, 0, tag::FD, 0, tag::END];
    let (text, arrival) = here();
    let error = decode::<Vec<Handle>>(&twice, &mut fds([arrival])).unwrap_err();
    assert_eq!(error.to_string(), "[1]: handle 0 is used twice");
    assert_eq!(text.all(), "");

    let (_text, arrival) = here();
    let beside = &mut fds([arrival]);
    let error = decode::<Handle>(&[tag::FD, 1], beside).unwrap_err();
    assert_eq!(error.to_string(), "there is no handle 1");
    let endless = [
        tag::FD,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        1,
    ];
    assert!(decode::<Handle>(&endless, beside).is_err());
    assert!(decode::<Handle>(&[tag::FD], beside).is_err());
    assert!(decode::<IgnoredAny>(&[tag::FD, 1], beside).is_err());
    assert!(matches!(beside.fds[..], [Arrival::Here(_)]));
    let error = decode::<Handle>(&[tag::FD, 0, 7], beside).unwrap_err();
    assert_eq!(error.to_string(), "1 bytes are left behind the value");
}

#[test]
fn a_descriptor_that_the_kernel_withheld_says_so() {
    let withheld = Arrival::Withheld(nix::errno::Errno::EMFILE);
    let (text, arrival) = here();
    let both = [tag::SEQ, 2, tag::FD, 0, tag::FD, 1, tag::END];
    let error = decode::<Vec<Handle>>(&both, &mut fds([arrival, withheld])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[1]: the handle didn't arrive: Too many open files (os error 24) (the limit of this \
         process; see `ulimit -n`)"
    );
    assert_eq!(text.all(), "");
}

#[test]
fn other_values_are_no_handles_and_handles_are_no_other_values() {
    for error in [
        convert::<_, Handle>(&5_u32).unwrap_err(),
        convert::<_, Handle>(&5_i32).unwrap_err(),
        convert::<_, Handle>(&()).unwrap_err(),
        convert::<_, Handle>(&"5").unwrap_err(),
        convert::<_, Handle>(&vec![5_u8]).unwrap_err(),
        convert::<_, Handle>(&None::<u8>).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.starts_with("invalid type: "), "{text}");
        assert!(text.ends_with(", expected a handle"), "{text}");
    }
    let (text, handle) = pipe();
    let values = (Some(handle.clone()), handle);
    for error in [
        convert::<_, (u32, Handle)>(&values).unwrap_err(),
        convert::<_, (Option<u8>, Handle)>(&values).unwrap_err(),
        convert::<_, (Vec<u8>, Handle)>(&values).unwrap_err(),
        convert::<_, (String, Handle)>(&values).unwrap_err(),
        convert::<_, ((), Handle)>(&values).unwrap_err(),
        convert::<_, (crate::Bytes, Handle)>(&values).unwrap_err(),
        convert::<_, (serde_json::Value, Handle)>(&values).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("a handle is here"), "{text}");
    }
    drop(values);
    assert_eq!(text.all(), "");
}

/// Who swallows the error reads what follows, and not the index as if it was a value.
#[test]
fn after_a_handle_that_was_refused_comes_the_next_value() {
    #[derive(Debug)]
    struct Tried(bool);
    impl<'de> Deserialize<'de> for Tried {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(u8::deserialize(deserializer).is_ok()))
        }
    }
    let (text, handle) = pipe();
    let value = (handle.clone(), handle, 7_u8);
    let (first, handle, number) = convert::<_, (Tried, Handle, u8)>(&value).unwrap();
    assert!(!first.0);
    handle.write("second");
    drop((handle, value));
    assert_eq!((text.all().as_str(), number), ("second", 7));
}

#[test]
fn what_serde_buffers_can_have_no_handles() {
    #[track_caller]
    fn fails<T: Serialize + DeserializeOwned + 'static>(
        make: impl FnOnce(Handle) -> T,
        expected: &str,
    ) {
        let (text, handle) = pipe();
        let value = make(handle);
        let error = convert::<T, T>(&value).err().expect("it went through");
        assert!(error.to_string().contains(expected), "{error}");
        drop(value);
        assert_eq!(text.all(), "", "all have been closed");
    }
    let expected = "a handle is here, which serde can't pass through #[serde(flatten)], untagged and \
                    internally tagged types: make it an argument or a field of its own";
    fails(Untagged::Handle, expected);
    fails(|handle| Internal::Handle { handle }, expected);
    fails(
        |inside| Flattened {
            inner: Inner { inside },
        },
        expected,
    );
    // Here it is even the serializer that buffers.
    fails(
        InternalNewtype::Handle,
        "a handle can only be sent as an argument of a call or in a message of a channel",
    );
}

#[test]
fn other_formats_refuse_them() {
    let (_text, handle) = pipe();
    let expected = "a handle can only be sent as an argument of a call or in a message of a channel: not in \
                    other data formats, and not inside of #[serde(flatten)], untagged or internally tagged types";
    let error = serde_json::to_string(&Some(&handle)).unwrap_err();
    assert_eq!(error.to_string(), expected);
    let error = serde_json::to_value(&handle).unwrap_err();
    assert_eq!(error.to_string(), expected);
    for text in ["5", "null", "[]", "{}", "\"x\""] {
        let error = serde_json::from_str::<Handle>(text).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let error = serde_json::from_value::<Vec<Handle>>(serde_json::json!([3])).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

/// A value that is decoded while another is, as a `Deserialize` may do that holds encoded values.
#[test]
fn a_format_within_the_value_gets_none() {
    #[derive(Debug)]
    struct Json(Result<Handle, String>);
    impl<'de> Deserialize<'de> for Json {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let inner = serde_json::from_str(&text);
            Ok(Self(inner.map_err(|error| error.to_string())))
        }
    }
    let (text, handle) = pipe();
    let value = (handle.clone(), "null".to_owned(), handle);
    let (first, inner, last) = convert::<_, (Handle, Json, Handle)>(&value).unwrap();
    assert!(inner.0.is_err(), "{inner:?}");
    first.write("first ");
    last.write("last");
    drop((first, last, value));
    assert_eq!(text.all(), "first last");
}
