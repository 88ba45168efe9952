//! Types that use everything serde has.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU8, Wrapping};
use std::ops::{Bound, Range};
use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

macro_rules! model {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            $item
        )*
    };
}

model! {
    pub(super) enum Shape {
        Unit,
        Newtype(f64),
        Tuple(u8, String),
        Struct { side: u32, name: Option<String> },
        Nested(Box<Shape>),
        Empty(),
        EmptyStruct {},
    }
    struct Unit;
    struct Newtype(Vec<u16>);
    struct Pair(i8, char);
    #[derive(Eq, Hash, PartialOrd, Ord)]
    pub(super) struct Key { x: i32, y: i32 }
    #[derive(Eq, Hash, PartialOrd, Ord)]
    enum KeyKind { Plain, Number(u8), Pair(u8, u8), Named { name: String } }
    pub(super) struct Inner { ip: IpAddr, maybe: Option<Option<u8>>, shape: Shape, bytes: crate::Bytes }
    pub(super) struct Flattened {
        id: u64,
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        kind: Kind,
        #[serde(flatten)]
        absent: Option<Absent>,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    struct Absent { not_there: u8 }
    enum Kind { Left(u8), Right { value: String } , Both(u8, u8) }
    #[serde(untagged)]
    pub(super) enum Untagged {
        Flag(bool),
        Small(u8),
        Bytes(crate::Bytes),
        Signed(i64),
        Text(String),
        Named { name: String, level: Option<Option<u8>> },
        Shape(Shape),
        Pair(IpAddr, f32),
        Nothing,
    }
    #[serde(tag = "type")]
    pub(super) enum Internal { Unit, Struct { ip: IpAddr, maybe: Option<Option<u8>>, shape: Shape }, Newtype(Key), Map(BTreeMap<String, f32>) }
    #[serde(tag = "t", content = "c")]
    pub(super) enum Adjacent { Unit, Newtype(IpAddr), Tuple(u8, Option<()>), Struct { key: Key } }
    struct Attributes {
        #[serde(rename = "new name")]
        old_name: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absent: Option<String>,
        #[serde(skip)]
        skipped: u8,
        #[serde(default)]
        defaulted: Vec<u8>,
        #[serde(alias = "other")]
        aliased: (),
    }
    #[serde(transparent)]
    struct Transparent { only: Option<Option<u8>> }
    #[serde(deny_unknown_fields)]
    struct Strict { a: u8 }
    pub(super) struct Tree { pub(super) name: String, pub(super) children: Vec<Tree> }
    struct Generic<T> { value: T, nothing: PhantomData<T> }
}

fn inner() -> Inner {
    Inner {
        ip: [127, 0, 0, 1].into(),
        maybe: Some(None),
        shape: Shape::Struct {
            side: 3,
            name: Some("s".into()),
        },
        bytes: vec![7; 5000].into(),
    }
}

pub(super) fn flattened() -> Flattened {
    Flattened {
        id: u64::MAX,
        inner: inner(),
        kind: Kind::Right { value: "r".into() },
        absent: None,
        rest: BTreeMap::from([("extra".into(), json!([1, -2, 1.5, null, {"a": "b"}]))]),
    }
}

#[test]
fn numbers() {
    same((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX, usize::MAX));
    same((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, isize::MIN));
    same((0_u8, true, false, '\u{10ffff}', 'a', '\0'));
    same((NonZeroU8::MAX, Wrapping(3_i128)));
    for bits in [
        0,
        1,
        0x8000_0000,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0x7fa0_1234,
        0xffff_ffff,
    ] {
        assert_eq!(
            through(&Some(f32::from_bits(bits))).unwrap().to_bits(),
            bits
        );
    }
    for bits in [
        0,
        1,
        1 << 63,
        0x7ff0 << 48,
        0xfff0 << 48,
        0x7ff8 << 48,
        0x7ff4_0000_0000_1234,
        u64::MAX,
    ] {
        assert_eq!(through(&(f64::from_bits(bits),)).0.to_bits(), bits);
    }
}

#[test]
fn integers_keep_their_width() {
    let widths = [
        body(&1_u8),
        body(&1_u16),
        body(&1_u32),
        body(&1_u64),
        body(&1_u128),
    ];
    assert_eq!(widths.map(|body| body.len()), [2, 3, 5, 9, 17]);
    assert_eq!(convert::<_, u8>(&7_u64).unwrap(), 7);
    assert!(convert::<_, u8>(&256_u64).is_err());
}

#[test]
fn options() {
    same(None::<u8>);
    same::<[Option<Option<Option<u8>>>; 4]>([
        None,
        Some(None),
        Some(Some(None)),
        Some(Some(Some(1))),
    ]);
    same([None, Some(())]);
    same([
        None,
        Some(Transparent { only: None }),
        Some(Transparent { only: Some(None) }),
    ]);
    same(
        vec![Some(json!(null)), None, Some(json!(1))]
            .into_iter()
            .skip(1)
            .collect::<Vec<_>>(),
    );
    same(Untagged::Named {
        name: "n".into(),
        level: Some(None),
    });
    same(Untagged::Named {
        name: "n".into(),
        level: None,
    });
    same(Untagged::Named {
        name: "n".into(),
        level: Some(Some(1)),
    });
}

#[test]
fn units_and_tuples() {
    same(());
    same(Unit);
    same(PhantomData::<u8>);
    same(Newtype(vec![]));
    same(Pair(-1, 'x'));
    same([[0_u8; 3]; 2]);
    same([(); 0]);
    same([(); 3]);
    same(vec![(); 1000]);
    same((1, (2.5, ("x".to_owned(), [None, Some(())]))));
    same(Generic {
        value: Generic {
            value: 1,
            nothing: PhantomData,
        },
        nothing: PhantomData,
    });
}

#[test]
fn enums() {
    same(vec![
        Shape::Unit,
        Shape::Newtype(-0.0),
        Shape::Tuple(1, "two".into()),
        Shape::Struct {
            side: 1,
            name: None,
        },
        Shape::Nested(Box::new(Shape::Nested(Box::new(Shape::Unit)))),
        Shape::Empty(),
        Shape::EmptyStruct {},
        Shape::Unit,
    ]);
    same::<[Result<u8, String>; 2]>([Ok(1), Err("no".into())]);
    same((
        Bound::Included(1),
        Bound::Excluded(2),
        Bound::<u8>::Unbounded,
    ));
}

#[test]
fn buffered_enums() {
    let untagged = vec![
        Untagged::Flag(true),
        Untagged::Small(3),
        Untagged::Signed(-3),
        Untagged::Text("t".into()),
        Untagged::Shape(Shape::Nested(Box::new(Shape::Struct {
            side: 1,
            name: None,
        }))),
        Untagged::Shape(Shape::Newtype(f64::INFINITY)),
        Untagged::Shape(Shape::Tuple(1, "x".into())),
        Untagged::Pair("::1".parse().unwrap(), 1.5),
        Untagged::Bytes(vec![1; 10].into()),
        Untagged::Bytes(vec![1; 10_000].into()),
        Untagged::Nothing,
    ];
    same(untagged);
    same(vec![
        Internal::Unit,
        Internal::Struct {
            ip: [1, 2, 3, 4].into(),
            maybe: Some(None),
            shape: Shape::Unit,
        },
        Internal::Newtype(Key { x: 1, y: 2 }),
        Internal::Map(BTreeMap::from([("a".into(), 1.0)])),
    ]);
    same(vec![
        Adjacent::Unit,
        Adjacent::Newtype([1, 2, 3, 4].into()),
        Adjacent::Tuple(1, Some(())),
        Adjacent::Tuple(1, None),
        Adjacent::Struct {
            key: Key { x: -1, y: 0 },
        },
    ]);
}

#[test]
fn flatten() {
    same(flattened());
    same(Flattened {
        kind: Kind::Left(1),
        absent: Some(Absent { not_there: 1 }),
        ..flattened()
    });
    same(Flattened {
        kind: Kind::Both(1, 2),
        rest: BTreeMap::new(),
        ..flattened()
    });

    model! {
        struct Numbered { #[serde(flatten)] by_number: BTreeMap<u32, Option<Option<u8>>> }
    }
    same(Numbered {
        by_number: BTreeMap::from([(1, None), (2, Some(None)), (3, Some(Some(3)))]),
    });
}

#[test]
fn attributes() {
    same(Attributes {
        old_name: 1,
        absent: None,
        skipped: 0,
        defaulted: vec![1],
        aliased: (),
    });
    same(Attributes {
        old_name: 1,
        absent: Some("x".into()),
        skipped: 0,
        defaulted: vec![],
        aliased: (),
    });
    same(Strict { a: 1 });
    let error = convert::<_, Strict>(&Key { x: 1, y: 2 }).unwrap_err();
    assert!(error.to_string().contains("unknown field `x`"), "{error}");
}

#[test]
fn json_values() {
    same(json!(null));
    same(json!({
        "numbers": [0, -1, u64::MAX, i64::MIN, 1.5, 1e300, -0.0],
        "nested": {"": [[], {}, "text", true, false, null]},
    }));
    same(vec![json!([[]]); 3]);
    same(HashMap::from([("k".to_owned(), json!({"a": {"b": null}}))]));
}

#[test]
fn json_value_of_anything() {
    let value: serde_json::Value = convert(&vec![
        Shape::Unit,
        Shape::Newtype(1.5),
        Shape::Tuple(1, "x".into()),
        Shape::Struct {
            side: 1,
            name: None,
        },
    ])
    .unwrap();
    let expected = json!(["Unit", {"Newtype": 1.5}, {"Tuple": [1, "x"]}, {"Struct": {"side": 1, "name": null}}]);
    assert_eq!(value, expected);
    assert_eq!(
        convert::<_, Vec<Shape>>(&value).unwrap()[2],
        Shape::Tuple(1, "x".into())
    );
}

#[test]
fn collections() {
    same(HashMap::from([
        (Key { x: 1, y: 2 }, 1),
        (Key { x: 3, y: 4 }, 2),
    ]));
    same(HashMap::from([((1, 'a'), vec![1.5]), ((2, 'b'), vec![])]));
    same(BTreeMap::from([
        (KeyKind::Plain, 1),
        (KeyKind::Number(1), 2),
        (KeyKind::Pair(1, 2), 3),
        (KeyKind::Named { name: "n".into() }, 4),
    ]));
    same(BTreeMap::from([
        (None, 0),
        (Some(None), 1),
        (Some(Some(())), 2),
    ]));
    same(BTreeMap::from([(
        Some(vec![1_u8]),
        BTreeMap::from([(false, "no".to_owned())]),
    )]));
    same(HashMap::<String, u8>::new());
    same(HashSet::from([1_u64, 2]));
    same(BTreeSet::from(["a".to_owned()]));
    same(VecDeque::from([Some(1), None]));
    same(vec![vec![vec![0.5]], vec![], vec![vec![]]]);
    same(vec!["".to_owned(), "ä".repeat(10_000)]);
}

#[test]
fn standard_types() {
    same(Cow::<'static, str>::Borrowed("cow"));
    same(Box::<str>::from("box"));
    same(Box::new(Box::new(1)));
    same(vec![Cow::<'static, [u16]>::Owned(vec![1, 2])]);
    same::<(IpAddr, SocketAddr)>(([1, 2, 3, 4].into(), "[::1]:80".parse().unwrap()));
    same((SystemTime::now(), Duration::from_nanos(1_500_000_001)));
    same((
        std::path::PathBuf::from("/tmp"),
        std::ffi::OsString::from("x"),
        Range { start: 1, end: 2 },
    ));
    same((0..=3, std::cell::Cell::new(1)));
    assert_eq!(*through(&std::sync::Mutex::new(5)).lock().unwrap(), 5);
}

#[test]
fn ignored() {
    convert::<_, IgnoredAny>(&(flattened(), vec![Shape::Unit], Some(1), ())).unwrap();
    convert::<_, IgnoredAny>(&Shape::Tuple(1, "x".into())).unwrap();
    convert::<_, IgnoredAny>(&vec![1_u8; 1000]).unwrap();

    model! {
        struct Fewer { id: u64 }
    }
    assert_eq!(
        convert::<_, Fewer>(&flattened()).unwrap(),
        Fewer { id: u64::MAX }
    );
}

#[test]
fn names_are_sent_once() {
    let one = body(&vec![Key { x: 1, y: 2 }]).len();
    let two = body(&vec![Key { x: 1, y: 2 }, Key { x: 3, y: 4 }]).len();
    // Tag, two numbers with their tags, two names, end.
    assert_eq!(two - one, 1 + 2 * 5 + 2 + 1);

    // Each value has its own.
    let mut message = Message::default();
    let value = vec![Key { x: 1, y: 2 }];
    encode(&value, &mut message).unwrap();
    encode(&value, &mut message).unwrap();
    let (first, second) = message.body.split_at(one);
    assert_eq!(first, second);
    assert_eq!(
        decode::<Vec<Key>>(second, &mut Beside::default()).unwrap(),
        value
    );
}

#[test]
fn many_names() {
    #[derive(Clone, Debug, PartialEq)]
    struct Wide(Vec<&'static str>);
    impl Serialize for Wide {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut fields = serializer.serialize_struct("Wide", self.0.len())?;
            for name in &self.0 {
                fields.serialize_field(name, name)?;
            }
            fields.end()
        }
    }
    let names: Vec<&'static str> = (0..1000).map(|n| &*format!("field {n}").leak()).collect();
    let value = vec![Wide(names.clone()), Wide(names.clone())];
    for map in convert::<_, Vec<BTreeMap<String, String>>>(&value).unwrap() {
        assert!(map.len() == 1000 && map.iter().all(|(name, value)| name == value));
    }
}

#[test]
fn errors_say_where() {
    model! {
        struct Item { name: String }
        struct Other { name: u8 }
        struct Items<T> { items: Vec<T> }
    }
    let items = Items {
        items: vec![Item { name: "x".into() }; 3],
    };
    let error = convert::<_, Items<Other>>(&items).unwrap_err();
    assert_eq!(
        error.to_string(),
        ".items[0].name: invalid type: string \"x\", expected u8"
    );

    for (error, found) in [
        (convert::<_, String>(&1.5_f32), "a floating point number"),
        (convert::<_, String>(&-1_i8), "integer `-1`"),
        (convert::<_, String>(&1_u128), "128-bit integer"),
        (convert::<_, String>(&vec![()]), "sequence"),
        (convert::<_, String>(&Some(())), "unit value"),
        (convert::<_, String>(&Key { x: 1, y: 2 }), "map"),
    ] {
        let expected = format!("invalid type: {found}, expected a string");
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
    let error = convert::<_, u8>(&300_u16).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid value: integer `300`, expected u8"
    );

    let paths = Items {
        items: vec![Some(plain::not_utf8())],
    };
    let error = encode(&paths, &mut Message::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        ".items[0]: path contains invalid UTF-8 characters"
    );
}

#[test]
fn borrowed_and_lenient_visitors() {
    // Written as an option, read without, and the other way round.
    assert_eq!(convert::<_, u8>(&Some(Some(1_u8))).unwrap(), 1);
    assert_eq!(
        convert::<_, Option<String>>(&String::from("x"))
            .unwrap()
            .as_deref(),
        Some("x")
    );
    assert_eq!(convert::<_, Option<u8>>(&()).unwrap(), None);
    assert_eq!(
        convert::<_, Shape>(&Some(String::from("Unit"))).unwrap(),
        Shape::Unit
    );
    assert_eq!(convert::<_, String>(&Shape::Unit).unwrap(), "Unit");
    assert_eq!(
        convert::<_, BTreeMap<String, i32>>(&Key { x: 1, y: 2 }).unwrap()["y"],
        2
    );
}
