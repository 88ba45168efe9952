//! Input that nobody has encoded.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::os::fd::AsFd;

use nix::errno::Errno;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::serde_types::{Adjacent, Flattened, Internal, Shape, Tree, Untagged, flattened};
use super::*;
use crate::Bytes;
use crate::sys::fd;
use crate::wire::descriptor::tests::{Handle, pipe};

#[track_caller]
fn fails<T: DeserializeOwned + 'static>(body: &[u8], expected: &str) {
    let error = decode::<T>(body, &mut Beside::default())
        .err()
        .expect("decoded")
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn bad_parts() {
    fails::<u8>(&[], "the data ends");
    fails::<u8>(&[tag::U8], "the data ends");
    fails::<u8>(&[tag::U8, 1, 0], "1 bytes are left");
    fails::<IgnoredAny>(&[tag::END], "an end without a beginning");
    fails::<IgnoredAny>(&[0xff], "there is no tag 255");
    fails::<char>(&[tag::CHAR, 0, 0xd8, 0, 0], "0xd800 is not a character");
    fails::<String>(&[tag::STR, 1, 0xff], "utf-8");
    fails::<String>(
        &[
            tag::STR,
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
        ],
        "the data ends",
    );
    fails::<String>(
        &[
            tag::STR,
            0xff,
            0xff,
            0xff,
            0xff,
            0xff,
            0xff,
            0xff,
            0xff,
            0xff,
            2,
        ],
        "64 bits",
    );
    fails::<String>(
        &[
            tag::STR,
            0x80,
            0x80,
            0x80,
            0x80,
            0x80,
            0x80,
            0x80,
            0x80,
            0x80,
            0x80,
            0,
        ],
        "64 bits",
    );
    fails::<Shape>(&[tag::UNIT_VARIANT, 2], "there is no name 2");
    fails::<Shape>(&[tag::UNIT_VARIANT, 0], "a variant has no name");
    fails::<Shape>(&[tag::UNIT_VARIANT, 1, 1, 0xff], "utf-8");
    fails::<Shape>(&[tag::UNIT_VARIANT, 1, 1, b'x'], "unknown variant `x`");
    fails::<IgnoredAny>(&[tag::SEQ, 1, tag::RUN, 0, 0], "a run of numbers");
    fails::<IgnoredAny>(&[tag::NAME], "a name without");
    fails::<Shape>(&[tag::NAME], "a name without");
    fails::<BTreeMap<String, u8>>(&[tag::STRUCT, 1, 1, b'x', tag::NAME], "a name without");
    fails::<std::collections::VecDeque<f64>>(&body(&vec![1.5]), "a run of numbers");
    fails::<Vec<u16>>(
        &[tag::RUN, Element::U16 as u8, 1, 0],
        "in the middle of an element",
    );
    fails::<Vec<u16>>(
        &[tag::RUN, Element::I16 as u8, 0],
        "a run of I16, not of U16",
    );
    fails::<Vec<u16>>(&[tag::RUN, 200, 0], "there is no element type 200");
    fails::<BTreeMap<u8, u8>>(&[tag::RUN, 200, 0], "a run of numbers");
    fails::<Vec<u16>>(&[tag::BYTES, 0], "a run of U8, not of U16");
    fails::<Vec<u16>>(&[tag::BULK, 0], "there is no bulk run 0");
    fails::<Vec<u8>>(&[tag::RUN, 0, 0, 0], "1 bytes are left");
    fails::<Option<Bytes>>(&[tag::SOME, tag::BULK, 3], "there is no bulk run 3");
}

#[test]
fn bad_bulk() {
    let twice = [tag::SEQ, 2, tag::BULK, 0, tag::BULK, 0, tag::END];
    let error = decode::<Vec<Bytes>>(&twice, &mut runs([Some(vec![1_u8].into())])).unwrap_err();
    assert_eq!(error.to_string(), "[1]: bulk run 0 is used twice");
    let error = decode::<Vec<Bytes>>(&twice, &mut runs([Some(vec![1_u32].into())])).unwrap_err();
    assert_eq!(error.to_string(), "[0]: a run of U32, not of U8");
    let run = [tag::BULK, 0];
    assert!(decode::<Vec<f64>>(&run, &mut runs([Some(vec![1_u64].into())])).is_err());
    assert_eq!(
        decode::<Vec<f64>>(&run, &mut runs([Some(vec![1.0].into())])).unwrap(),
        [1.0]
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum UntaggedChain {
    End(u8),
    Link { next: Box<UntaggedChain> },
}

#[test]
fn depth() {
    let chain = |links| (0..links).fold(Chain(None), |chain, _| Chain(Some(Box::new(chain))));
    // A newtype and an option each; the last option is not nested any more.
    let deepest = chain((MAX_DEPTH - 1) / 2);
    assert_eq!(through(&deepest), deepest);
    let error = encode(&chain(MAX_DEPTH / 2), &mut Message::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nested more than 256 levels deep"),
        "{error}"
    );

    let links = (0..MAX_DEPTH).fold(UntaggedChain::End(1), |next, _| UntaggedChain::Link {
        next: Box::new(next),
    });
    assert_eq!(through(&links), links);

    for levels in [MAX_DEPTH, MAX_DEPTH + 1, 1_000_000] {
        for unit in [
            &[tag::SOME][..],
            &[tag::SEQ, 1],
            &[tag::MAP, 1, tag::UNIT],
            &[tag::VARIANT, 1, 0],
        ] {
            let mut body = unit.repeat(levels);
            body.push(tag::UNIT);
            let closed = [tag::SEQ, tag::MAP].contains(&unit[0]);
            body.extend(std::iter::repeat_n(
                tag::END,
                if closed { levels } else { 0 },
            ));
            let read = [
                decode::<IgnoredAny>(&body, &mut Beside::default()).map(drop),
                decode::<serde_json::Value>(&body, &mut Beside::default()).map(drop),
                decode::<Untagged>(&body, &mut Beside::default()).map(drop),
            ];
            assert_eq!(read[0].is_ok(), levels == MAX_DEPTH, "{:?}", read[0]);
            if levels > MAX_DEPTH {
                assert!(read.iter().all(|read| read.is_err()));
            }
        }
    }
}

/// The sum of what nested sequences are said to contain.
struct Announced(usize);

impl<'de> Deserialize<'de> for Announced {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sum;
        impl<'de> serde::de::Visitor<'de> for Sum {
            type Value = Announced;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("sequences")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Announced, A::Error> {
                let mut sum = seq.size_hint().unwrap_or(0);
                while let Some(inner) = seq.next_element::<Announced>()? {
                    sum += inner.0;
                }
                Ok(Announced(sum))
            }
        }
        deserializer.deserialize_seq(Sum)
    }
}

#[test]
fn huge_counts_reserve_little() {
    let mut open = vec![tag::SEQ];
    open.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    let one = [&open[..], &[tag::U8, 7, tag::END]].concat();
    assert!(
        decode::<Vec<u8>>(&one, &mut Beside::default())
            .unwrap()
            .capacity()
            < 100
    );

    let mut nested = open.repeat(100);
    nested.extend([tag::END; 100]);
    assert_eq!(
        decode::<Announced>(&nested, &mut Beside::default())
            .unwrap()
            .0,
        nested.len()
    );

    // The truth is always believed.
    let value = vec![vec![Vec::<()>::new(); 50]; 50];
    assert_eq!(convert::<_, Announced>(&value).unwrap().0, 50 * 51);
}

/// A small generator, so that every run tries the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// More often than not something that means something.
    fn byte(&mut self) -> u8 {
        let small = self.below(3) > 0;
        self.below(if small {
            usize::from(tag::NAME) + 2
        } else {
            256
        }) as u8
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at, self.byte()),
                3 => bytes.truncate(at),
                4 => {
                    let from = self.below(bytes.len() + 1);
                    let piece = bytes[from.min(at)..from.max(at)].to_vec();
                    let at = self.below(bytes.len() + 1);
                    if bytes.len() < 1000 {
                        bytes.splice(at..at, piece);
                    }
                }
                _ if at < bytes.len() => bytes[at] = self.byte(),
                _ => {}
            }
        }
    }
}

fn attack<T: DeserializeOwned + 'static>(body: &[u8], bulk: bool) {
    let mut beside = runs([
        bulk.then(|| Buffer::from(vec![b'x'; 4])),
        Some(Buffer::from(vec![1.5, 2.5])),
    ]);
    let fd = || fd::duplicate(std::io::stderr().as_fd()).unwrap();
    beside.fds = vec![
        Arrival::Here(fd()),
        Arrival::Withheld(Errno::EMFILE),
        Arrival::Here(fd()),
    ];
    let _ = black_box(decode::<T>(black_box(body), &mut beside));
}

type Attack = fn(&[u8], bool);

const ATTACKS: [Attack; 18] = [
    attack::<IgnoredAny>,
    attack::<serde_json::Value>,
    attack::<Shape>,
    attack::<Flattened>,
    attack::<Untagged>,
    attack::<Internal>,
    attack::<Adjacent>,
    attack::<Tree>,
    attack::<Vec<f64>>,
    attack::<std::collections::VecDeque<u8>>,
    attack::<String>,
    attack::<std::path::PathBuf>,
    attack::<Vec<Option<Bytes>>>,
    attack::<BTreeMap<Option<Option<String>>, (u8, char, i128)>>,
    attack::<(std::time::SystemTime, std::net::IpAddr, Result<(), f32>)>,
    attack::<Chain>,
    attack::<Vec<Option<Handle>>>,
    attack::<BTreeMap<String, (u8, Handle)>>,
];

#[test]
fn mutations_and_noise() {
    let tree = Tree {
        name: "root".into(),
        children: vec![Tree {
            name: "leaf".into(),
            children: vec![],
        }],
    };
    let (_text, handle) = pipe();
    let seeds = [
        body(&flattened()),
        body(&vec![
            Shape::Unit,
            Shape::Newtype(1.0),
            Shape::Tuple(1, "x".into()),
        ]),
        body(&Shape::Nested(Box::new(Shape::Struct {
            side: 3,
            name: Some("n".into()),
        }))),
        body(&Untagged::Named {
            name: "n".into(),
            level: Some(None),
        }),
        body(&Internal::Struct {
            ip: [1, 2, 3, 4].into(),
            maybe: Some(None),
            shape: Shape::Unit,
        }),
        body(&Adjacent::Tuple(1, Some(()))),
        body(&tree),
        body(&vec![1.5_f64, 2.5]),
        body(&vec![Some(handle.clone()), None, Some(handle.clone())]),
        body(&BTreeMap::from([("x", (1_u8, handle))])),
        body(&vec![1.5_f64; 1000]),
        body(&"text".to_owned()),
        body(&vec![
            Some(Bytes::from(vec![1; 5000])),
            None,
            Some(Bytes::from([1])),
        ]),
        body(&BTreeMap::from([(Some(Some("k")), (1_u8, 'c', -1_i128))])),
        body(&(
            std::time::SystemTime::UNIX_EPOCH,
            std::net::IpAddr::from([1, 2, 3, 4]),
            Err::<(), f32>(0.5),
        )),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for case in 0..200_000 {
        let mut input = Vec::new();
        if case % 4 == 0 {
            input.extend((0..random.below(24)).map(|_| random.byte()));
        } else {
            input.extend_from_slice(&seeds[random.below(seeds.len())]);
            random.mutate(&mut input);
        }
        ATTACKS[random.below(ATTACKS.len())](&input, case % 3 > 0);
    }
}
