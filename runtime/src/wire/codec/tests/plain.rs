//! Plain data: not copied, and at the top level not even looked at.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::*;
use crate::Bytes;

pub(super) fn not_utf8() -> PathBuf {
    OsStr::from_bytes(b"/tmp/\xff\xfe").into()
}

fn message<T: Serialize + 'static>(value: &T) -> Message<'_> {
    let mut message = Message::default();
    encode(value, &mut message).unwrap();
    message
}

#[test]
fn all_elements() {
    macro_rules! elements {
        ($($name:ident $ty:ty)*) => {
            $(
                for count in [0_u16, 1, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 5000] {
                    let vec: Vec<$ty> = (0..count).map(|n| (n % 251) as $ty).collect();
                    let sent = message(&vec);
                    assert_eq!(sent.bulk.len(), usize::from(size_of_val(&vec[..]) >= BULK_FROM));
                    assert!(sent.bulk.iter().all(|run| run.element() == Element::$name));
                    same(vec.clone().into_boxed_slice());
                    // Both ends use the same type; another one does not even begin to work.
                    assert!(convert::<Vec<$ty>, VecDeque<$ty>>(&vec).is_err());
                    same(vec);
                }
            )*
        };
    }
    with_elements!(elements);
    same(vec![true, false]);
    same(vec!['a', 'b']);
}

#[test]
fn runs_are_neither_copied_on_the_way_out_nor_in() {
    let vec = vec![0.5_f64; 1000];
    let sent = message(&vec);
    assert!(sent.body.len() < 10);
    assert_eq!(sent.bulk[0].bytes().as_ptr(), vec.as_ptr().cast());

    let (body, mut beside) = (sent.body, runs([Some(Buffer::from(vec.clone()))]));
    let address = beside.bulk[0]
        .as_mut()
        .unwrap()
        .spare()
        .as_ptr()
        .wrapping_sub(8000);
    let back: Vec<f64> = decode(&body, &mut beside).unwrap();
    assert_eq!(back.as_ptr().cast(), address);
    assert!(beside.bulk[0].is_none());

    let text = "x".repeat(5000);
    let sent = message(&text);
    assert_eq!(sent.bulk[0].bytes().as_ptr(), text.as_ptr());
    let mut beside = runs([Some(Buffer::from(text.clone().into_bytes()))]);
    let address = beside.bulk[0]
        .as_mut()
        .unwrap()
        .spare()
        .as_ptr()
        .wrapping_sub(5000);
    let back: String = decode(&sent.body, &mut beside).unwrap();
    assert_eq!(back.as_ptr().cast(), address);
}

#[test]
fn borrowed_values() {
    fn back<T: DeserializeOwned + 'static>(
        write: impl Fn(&mut Message<'static>) -> Result<()>,
    ) -> T {
        let mut message = Message::default();
        // The value need not be the first in its message.
        message.bulk.push(Bulk::Shared {
            element: Element::U8,
            bytes: Arc::default(),
        });
        write(&mut message).unwrap();
        let (body, mut beside) = arrived(message);
        decode(&body, &mut beside).unwrap()
    }
    static NUMBERS: [u32; 5000] = [7; 5000];
    let text: &'static str = "long ".repeat(5000).leak();
    assert_eq!(back::<Vec<u32>>(|m| encode_slice(&NUMBERS, m)), NUMBERS);
    assert_eq!(
        back::<Vec<u32>>(|m| encode_slice(&NUMBERS[..3], m)),
        [7, 7, 7]
    );
    assert_eq!(
        back::<Vec<u32>>(|m| encode_unsized(&NUMBERS[..3], m)),
        [7, 7, 7]
    );
    assert_eq!(
        back::<Vec<Option<char>>>(|m| encode_slice(&[None, Some('c')], m)),
        [None, Some('c')]
    );
    assert_eq!(back::<String>(|m| encode_str("short", m)), "short");
    assert_eq!(back::<String>(|m| encode_str(text, m)), text);
    assert_eq!(back::<Box<str>>(|m| encode_str(text, m)), text.into());
    assert_eq!(back::<String>(|m| encode_unsized(text, m)), text);
    assert_eq!(
        back::<PathBuf>(|m| encode_path(Path::new(text), m)),
        Path::new(text)
    );
    assert_eq!(
        back::<PathBuf>(|m| encode_path(Path::new("/"), m)),
        Path::new("/")
    );
    assert_eq!(
        back::<PathBuf>(|m| encode_unsized(Path::new("/"), m)),
        Path::new("/")
    );
    assert_eq!(
        back::<OsString>(|m| encode_os_str(OsStr::from_bytes(b"\xff"), m)).as_bytes(),
        b"\xff"
    );
}

#[test]
fn strings_and_paths() {
    same(String::new());
    same("ä".repeat(10_000));
    same("ä".repeat(10_000).into_boxed_str());
    same(PathBuf::new());
    same(not_utf8());
    same(not_utf8().join("x".repeat(5000)));
    same(not_utf8().into_os_string());
    same(vec![not_utf8().into_os_string()]);
}

#[test]
fn text_in_bulk_must_be_utf8() {
    let body = body(&"x".repeat(5000));
    let error =
        decode::<String>(&body, &mut runs([Some(Buffer::from(vec![0xff_u8; 5000]))])).unwrap_err();
    assert!(error.to_string().contains("utf-8"), "{error}");
}

#[test]
fn bytes_anywhere() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Holder {
        small: Bytes,
        large: Option<Bytes>,
        map: BTreeMap<u8, Vec<Bytes>>,
    }
    let large = Bytes::from(vec![3; 100_000]);
    let value = Holder {
        small: Bytes::from([1, 2]),
        large: Some(large.clone()),
        map: BTreeMap::from([(1, vec![large.clone(), Bytes::new()])]),
    };
    let sent = message(&value);
    assert_eq!(sent.bulk.len(), 2);
    assert!(
        sent.bulk
            .iter()
            .all(|run| run.bytes().as_ptr() == large.as_ptr())
    );
    assert!(sent.body.len() < 100);
    drop(sent);
    same(value.clone());
    assert_eq!(
        serde_json::from_str::<Holder>(&serde_json::to_string(&value).unwrap()).unwrap(),
        value
    );

    for bytes in [Bytes::from([1]), large] {
        same(bytes.clone());
        assert_eq!(convert::<_, Vec<u8>>(&bytes).unwrap(), bytes);
        assert_eq!(convert::<_, Bytes>(&bytes.to_vec()).unwrap(), bytes);
        assert_eq!(
            convert::<_, Vec<Bytes>>(&vec![bytes.to_vec()]).unwrap(),
            [bytes]
        );
    }
}

/// `flatten` makes serde buffer the content of this variant even when it is written.
#[test]
fn bytes_buffered_by_serde() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Inner {
        Struct { bytes: Bytes },
        Tuple(u8, Bytes),
    }
    same(Outer {
        inner: Inner::Struct {
            bytes: vec![1; 5000].into(),
        },
    });
    same(Outer {
        inner: Inner::Tuple(1, vec![1; 5000].into()),
    });
}

#[test]
fn a_panic_leaves_nothing_behind() {
    struct Panics(Bytes);
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            struct Content<'a>(&'a Bytes);
            impl Serialize for Content<'_> {
                fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                    panic!("on purpose, with {:?}", self.0)
                }
            }
            serializer.serialize_newtype_struct(crate::wire::handover::BYTES, &Content(&self.0))
        }
    }
    let panics = Panics(Bytes::new());
    let unwound = std::panic::catch_unwind(|| encode(&panics, &mut Message::default()));
    assert!(unwound.is_err());
    assert_eq!(serde_json::to_string(&Bytes::from([1])).unwrap(), "[1]");
    same(vec![Bytes::from([1])]);
}
