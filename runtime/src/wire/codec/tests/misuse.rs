//! `Serialize` implementations that do not keep to the rules.

use std::collections::BTreeMap;

use serde::Serializer;
use serde::ser::{Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};

use super::*;

/// Writes the elements 1 and 2, whatever length it announces.
#[derive(Clone, Copy)]
struct Seq(Option<usize>);

impl Serialize for Seq {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(self.0)?;
        seq.serialize_element(&1)?;
        seq.serialize_element(&2)?;
        seq.end()
    }
}

#[derive(Clone, Copy)]
struct Tuple(usize);

impl Serialize for Tuple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0)?;
        tuple.serialize_element(&1)?;
        tuple.serialize_element(&2)?;
        tuple.end()
    }
}

#[derive(Clone, Copy)]
struct Map(Option<usize>);

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(self.0)?;
        map.serialize_entry(&1, "one")?;
        map.serialize_entry(&2, "two")?;
        map.end()
    }
}

struct Struct(usize);

impl Serialize for Struct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Struct", self.0)?;
        fields.serialize_field("", &1)?;
        fields.serialize_field("b", &2)?;
        fields.end()
    }
}

#[test]
fn wrong_lengths() {
    for len in [None, Some(0), Some(1), Some(2), Some(3), Some(usize::MAX)] {
        let seq = Seq(len);
        assert_eq!(
            convert::<_, Vec<(Vec<u8>, bool)>>(&vec![(seq, true); 2]).unwrap()[1],
            (vec![1, 2], true)
        );
        let expected = BTreeMap::from([(1, "one".to_owned()), (2, "two".to_owned())]);
        assert_eq!(
            convert::<_, Vec<BTreeMap<i32, String>>>(&vec![Map(len); 2]).unwrap(),
            [expected.clone(), expected]
        );
        let len = len.unwrap_or_default();
        assert_eq!(convert::<_, (u8, u8)>(&Tuple(len)).unwrap(), (1, 2));
        assert!(convert::<_, (u8, u8, u8)>(&Tuple(len)).is_err());
        let error = convert::<_, (u8,)>(&Tuple(len)).unwrap_err();
        assert_eq!(error.to_string(), "the value has more parts than its type");
        let expected = BTreeMap::from([(String::new(), 1), ("b".to_owned(), 2)]);
        assert_eq!(
            convert::<_, BTreeMap<String, u8>>(&Struct(len)).unwrap(),
            expected
        );
    }
}

struct Fails;

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no such luck"))
    }
}

/// Goes on after an element that could not be written.
struct Swallows;

impl Serialize for Swallows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        let _ = seq.serialize_element(&Some(Fails));
        seq.serialize_element(&1)?;
        seq.end()
    }
}

/// Writes only keys, or only values.
struct Unpaired(bool, u8);

impl Serialize for Unpaired {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for number in 0..self.1 {
            if self.0 {
                map.serialize_key(&number)?
            } else {
                map.serialize_value(&number)?
            }
        }
        map.end()
    }
}

type Encode<'a> = &'a dyn Fn(&mut Message<'_>) -> Result<()>;

#[test]
fn after_a_failure_the_message_is_as_before() {
    let first = vec![1_u8; 5000];
    let mut message = Message::default();
    encode(&first, &mut message).unwrap();
    let before = message.body.clone();
    let failing = (crate::Bytes::from(vec![1; 5000]), Fails);
    let values: [Encode<'_>; 5] = [
        &|message| encode_unsized(&failing, message),
        &|message| encode_unsized(&Swallows, message),
        &|message| encode_unsized(&Unpaired(true, 1), message),
        &|message| encode_unsized(&Unpaired(true, 2), message),
        &|message| encode_unsized(&Unpaired(false, 1), message),
    ];
    for (index, encode) in values.iter().enumerate() {
        let error = encode(&mut message).unwrap_err().to_string();
        let expected = ["[1]: no such luck", "[0]: no such luck"];
        let expected = expected
            .get(index)
            .unwrap_or(&"the keys and values of a map do not come in pairs");
        assert_eq!(error, *expected);
        assert_eq!((&message.body, message.bulk.len()), (&before, 1));
    }
    encode_unsized(&Unpaired(true, 0), &mut message).unwrap();
}

/// A type that recurs without reading anything must end somewhere, too.
#[derive(Debug, serde::Deserialize)]
struct Endless(#[allow(dead_code)] Option<Box<Endless>>);

#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
struct EndlessTransparent(#[allow(dead_code)] Option<Box<EndlessTransparent>>);

#[test]
fn endless_types() {
    for error in [
        convert::<_, Endless>(&1).unwrap_err(),
        convert::<_, EndlessTransparent>(&1).unwrap_err(),
    ] {
        assert!(error.to_string().contains("levels deep"), "{error}");
    }
}

/// Takes a default where decoding fails, although part of the value has been read.
#[derive(Debug, Default, PartialEq)]
struct OrDefault(Vec<u8>);

impl<'de> serde::Deserialize<'de> for OrDefault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::deserialize(deserializer).unwrap_or_default()))
    }
}

#[test]
fn a_swallowed_error_is_not_lost() {
    let fine = convert::<_, (OrDefault, u8)>(&((1_u8, 2_u8), 3)).unwrap();
    assert_eq!(fine, (OrDefault(vec![1, 2]), 3));
    assert!(convert::<_, (OrDefault, u8)>(&((1_u8, "x", 2_u8), 3)).is_err());
    // A value that has been read as a whole does no harm.
    assert_eq!(
        convert::<_, (OrDefault, u8)>(&("x", 3)).unwrap(),
        (OrDefault(vec![]), 3)
    );
}
