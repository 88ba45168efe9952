//! Any bytes as a value: it is an error or a value, which then is the same after it was sent once more.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use offspring::__fuzzing::{Parts, decode, encode};
use offspring::__private::Portable;
use offspring::Bytes;
use offspring_fuzz::{Everything, Handles, Shape, Untagged, next_descriptor};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

#[derive(Arbitrary, Debug)]
struct Input {
    wanted: u8,
    runs: Vec<(u8, Vec<u8>)>,
    fds: Vec<bool>,
    source: Source,
}

#[derive(Arbitrary, Debug)]
enum Source {
    /// A value, some bytes of which are changed.
    Value(Box<Everything>, Vec<(u16, u8)>),
    Bytes(Vec<u8>),
}

fuzz_target!(|input: Input| {
    let before = next_descriptor();
    let is_value = matches!(&input.source, Source::Value(_, edits) if edits.is_empty());
    let mut parts = match input.source {
        Source::Bytes(body) => Parts {
            body,
            ..Parts::default()
        },
        Source::Value(value, edits) => {
            let Ok(mut parts) = encode(&*value) else {
                return;
            };
            for (at, byte) in edits {
                let len = parts.body.len();
                parts.body[usize::from(at) % len] = byte;
            }
            parts
        }
    };
    parts.runs.extend(input.runs);
    parts.fds.extend(input.fds.into_iter().take(20));
    if is_value {
        decode::<Everything>(&parts).expect("what was encoded");
    }
    match input.wanted % 20 {
        0 => check::<Shape>(&parts),
        1 => check::<Vec<Untagged>>(&parts),
        2 => check::<BTreeMap<String, Vec<Option<u16>>>>(&parts),
        3 => check::<Option<Option<()>>>(&parts),
        4 => check::<String>(&parts),
        5 => check::<Vec<u8>>(&parts),
        6 => check::<Vec<f64>>(&parts),
        7 => check::<Box<[u16]>>(&parts),
        8 => check::<Vec<u128>>(&parts),
        9 => check::<PathBuf>(&parts),
        10 => check::<(Bytes, Vec<Bytes>, String)>(&parts),
        11 => drop(decode::<Handles>(&parts)),
        12 => drop(decode::<HashMap<String, Shape>>(&parts)),
        13 => check::<offspring::RemoteError>(&parts),
        14 => check::<Vec<()>>(&parts),
        15 => check::<std::ffi::OsString>(&parts),
        _ => check::<Everything>(&parts),
    }
    assert_eq!(next_descriptor(), before);
});

fn check<T: Portable>(parts: &Parts) {
    let Ok(value) = decode::<T>(parts) else {
        return;
    };
    let again = encode(&value).expect("what was decoded");
    let value: T = decode(&again).expect("what was encoded");
    assert_eq!(encode(&value).as_ref(), Ok(&again));
}
