//! What travels: any serde type, of any size, there and back.

use crate::support::watchdog;
use offspring::{Bytes, spawn, subprocess};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

type Whole = Result<(), Box<dyn std::error::Error>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    a: u8,
    b: Option<Option<i64>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(f64),
    Text(String),
    Both { number: i64, text: String },
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Unit,
    Struct { x: u64, inner: Inner },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flat: Flat,
    untagged: Vec<Untagged>,
    tagged: Vec<Tagged>,
    json: serde_json::Value,
    pairs: BTreeMap<(u8, char), BTreeSet<i16>>,
    options: Vec<Option<Option<u8>>>,
    unit: (),
    wide: (u128, i128),
    empty: (Vec<u8>, String, BTreeMap<String, u8>),
    address: std::net::IpAddr,
    time: Duration,
    bytes: Bytes,
}

fn everything() -> Everything {
    let inner = Inner {
        a: 1,
        b: Some(None),
    };
    Everything {
        flat: Flat {
            id: 7,
            inner: inner.clone(),
            rest: BTreeMap::from([("z".into(), serde_json::json!({"deep": [1, null]}))]),
        },
        untagged: vec![
            Untagged::Number(1.5),
            Untagged::Text("x".into()),
            Untagged::Both {
                number: -1,
                text: "y".into(),
            },
            Untagged::Nothing,
        ],
        tagged: vec![Tagged::Unit, Tagged::Struct { x: u64::MAX, inner }],
        json: serde_json::json!([null, true, -3, 18_446_744_073_709_551_615_u64, 0.1, "t", {"k": []}]),
        pairs: BTreeMap::from([((1, 'ä'), BTreeSet::from([-1, 300]))]),
        options: vec![None, Some(None), Some(Some(3))],
        unit: (),
        wide: (u128::MAX, i128::MIN),
        empty: Default::default(),
        address: "2001:db8::1".parse().unwrap(),
        time: Duration::new(5, 6),
        bytes: Bytes::from(vec![9; 100_000]),
    }
}

#[subprocess]
fn echo_everything(value: Everything) -> Everything {
    value
}

#[offspring::test]
fn any_serde_type_arrives_as_it_was() -> Whole {
    let _watchdog = watchdog();
    assert_eq!(spawn!(echo_everything, everything())?.join()?, everything());
    Ok(())
}

#[subprocess]
fn echo_floats(values: Vec<f64>) -> Vec<f64> {
    values
}

#[offspring::test]
fn floats_arrive_bit_for_bit() -> Whole {
    let _watchdog = watchdog();
    let odd = [
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        -0.0,
        f64::MIN_POSITIVE / 2.0,
    ];
    for length in [5, 100_000] {
        let values: Vec<f64> = odd.iter().copied().cycle().take(length).collect();
        let back = spawn!(echo_floats, values.clone())?.join()?;
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&back), bits(&values));
    }
    Ok(())
}

#[subprocess]
fn echo(data: Vec<u8>) -> Vec<u8> {
    data
}

#[subprocess]
fn measure(data: &[u8], text: &str, numbers: &[u32], path: &Path) -> (usize, usize, u64, Vec<u8>) {
    (
        data.len(),
        text.len(),
        numbers.iter().map(|n| u64::from(*n)).sum(),
        path.as_os_str().as_bytes().to_vec(),
    )
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| ((i * 31) >> 3) as u8).collect()
}

#[offspring::test]
fn values_of_any_size_arrive() -> Whole {
    let _watchdog = watchdog();
    for length in [
        0,
        1,
        4095,
        4096,
        4097,
        65_536,
        212_992,
        1 << 20,
        (1 << 20) + 1,
    ] {
        let data = pattern(length);
        assert!(spawn!(echo, data.clone())?.join()? == data, "{length}");
    }
    Ok(())
}

#[offspring::test]
fn a_hundred_mebibytes_arrive() -> Whole {
    let _watchdog = watchdog();
    let data = pattern(100 << 20);
    let child = spawn!(echo, data.clone())?;
    assert!(child.join()? == data);
    Ok(())
}

#[offspring::test]
fn what_is_borrowed_is_sent_from_where_it_lies() -> Whole {
    let _watchdog = watchdog();
    let (data, text, numbers) = (pattern(300_000), "ö".repeat(5000), vec![2_u32; 50_000]);
    let path = PathBuf::from(OsString::from_vec(b"/not/\xff/utf-8".to_vec()));
    let child = spawn!(measure, &data, &text, kwargs <path = &path, numbers = &numbers>)?;
    assert_eq!(
        child.join()?,
        (300_000, 10_000, 100_000, b"/not/\xff/utf-8".to_vec())
    );
    Ok(())
}

#[subprocess]
fn produce(length: usize) -> Vec<u8> {
    vec![1; length]
}

#[offspring::test]
fn a_large_result_that_nobody_joins_keeps_nobody_from_exiting() -> Whole {
    let _watchdog = watchdog();
    let kept = spawn!(produce, 20 << 20)?;
    let handle = spawn!(produce, 20 << 20)?.handle();
    assert!(handle.wait()?.success());
    crate::support::eventually("it has ended by itself", || !kept.is_alive());
    assert_eq!(kept.join()?.len(), 20 << 20);
    Ok(())
}

#[subprocess]
fn divide(a: u32, b: u32) -> Result<u32, String> {
    a.checked_div(b).ok_or_else(|| format!("{a} / {b}"))
}

#[offspring::test]
fn an_err_is_a_value_with_exit_code_1() -> Whole {
    let _watchdog = watchdog();
    let fine = spawn!(divide, 6, 2)?;
    assert_eq!(fine.wait()?.exitcode(), Some(0));
    assert_eq!(fine.join()?, Ok(3));
    let failed = spawn!(divide, 6, 0)?;
    assert_eq!(failed.wait()?.exitcode(), Some(1));
    assert_eq!(failed.join()?, Err("6 / 0".to_owned()));
    Ok(())
}
