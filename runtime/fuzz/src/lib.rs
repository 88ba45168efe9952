//! What the targets have in common.

use arbitrary::Arbitrary;
use offspring::{Bytes, Fd};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Uses what serde has, nested.
#[derive(Arbitrary, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Everything {
    pub name: String,
    pub shape: Shape,
    pub children: Vec<Everything>,
    pub maybe: Option<Option<Box<Everything>>>,
    pub map: BTreeMap<Key, Shape>,
    pub set: BTreeSet<(u8, bool)>,
    pub numbers: (i8, u16, i32, u64, i128, u128, f32, f64, char),
    pub unit: (),
    pub text: Option<Box<str>>,
    pub ip: Option<IpAddr>,
    pub time: Duration,
    #[arbitrary(with = bytes)]
    pub bytes: Vec<Bytes>,
    pub tagged: Vec<Tagged>,
    pub untagged: Vec<Untagged>,
    #[serde(flatten)]
    pub flattened: Flattened,
}

#[derive(Arbitrary, Clone, Debug, Default, Serialize, Deserialize)]
pub enum Shape {
    #[default]
    Unit,
    Newtype(i64),
    Tuple(u8, String),
    Struct {
        side: u32,
        name: Option<String>,
    },
    Nested(Box<Shape>),
    Empty(),
}

#[derive(Arbitrary, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub x: i32,
    pub y: Option<char>,
}

#[derive(Arbitrary, Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Tagged {
    Unit,
    Struct { level: Option<Option<u8>> },
    Newtype(Key),
}

#[derive(Arbitrary, Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Untagged {
    Flag(bool),
    Signed(i64),
    Text(String),
    Pair(IpAddr, u8),
    Named { shape: Shape },
}

#[derive(Arbitrary, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flattened {
    pub deep: Option<u8>,
    pub rest: BTreeMap<String, u32>,
}

/// Some of them are as long as what travels beside a body.
fn bytes(input: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Vec<Bytes>> {
    let sizes: Vec<u16> = input.arbitrary()?;
    let some = sizes.into_iter().take(4);
    Ok(some
        .map(|size| vec![size as u8; usize::from(size) % 10_000].into())
        .collect())
}

/// Has descriptors.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handles {
    pub files: Vec<Fd<File>>,
    pub end: Option<offspring::Receiver<u8>>,
    pub other: Option<offspring::Sender<Bytes>>,
}

/// Which descriptor would be the next: the same if as many are open as before.
pub fn next_descriptor() -> i32 {
    File::open("/dev/null").expect("/dev/null").as_raw_fd()
}
