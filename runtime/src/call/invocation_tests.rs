use super::*;
use crate::call::arguments::put;
use crate::wire::Portable;

struct Nowhere;

impl Answer for Nowhere {
    fn returned(&mut self, _: Message<'_>, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// Slot, position, keyword and value of each argument.
fn body(arguments: &[(usize, usize, Option<&str>, u16)]) -> Vec<u8> {
    let mut message = Message::default();
    for (slot, position, keyword, value) in arguments {
        put(&mut message, *slot, *position, *keyword, |message| {
            Portable::encode(value, message)
        })
        .unwrap();
    }
    message.body
}

fn invoke<T>(body: Vec<u8>, check: impl FnOnce(Invocation<'_>) -> T) -> Result<T, Refused> {
    let received = Received {
        body,
        ..Received::default()
    };
    Invocation::new(received, &mut Nowhere).map(check)
}

const DECODE: DecodePart<u16> = <u16 as Portable>::decode;

#[test]
fn arguments_find_their_parameters_in_any_order() {
    let body = body(&[
        (2, 3, None, 13),
        (1, 0, None, 1),
        (2, 2, None, 12),
        (3, 0, Some("k"), 9),
    ]);
    let check = |mut invocation: Invocation<'_>| {
        assert_eq!(invocation.optional(0, "a", DECODE).unwrap(), None);
        assert_eq!(invocation.required(1, "b", DECODE).unwrap(), 1);
        assert_eq!(invocation.rest(2, "c", DECODE).unwrap(), [12, 13]);
        assert!(invocation.complete().is_err(), "one is left");
        let extra = invocation.extra(3, "d", DECODE).unwrap();
        assert_eq!(extra, BTreeMap::from([("k".to_owned(), 9)]));
        invocation.complete().unwrap();
        let refused = invocation
            .answer(&1u16, false, Portable::encode)
            .unwrap_err();
        assert!(matches!(refused.0, RefusedKind::Write(_)));
    };
    invoke(body, check).unwrap();
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = invoke(body(&[]), |mut i| i.required(0, "age", DECODE).unwrap_err()).unwrap();
    assert_eq!(
        refused.to_string(),
        "argument 'age' can't be deserialized: it is missing"
    );
    let unnamed = body(&[(0, 0, None, 1)]);
    assert!(invoke(unnamed, |mut i| i.extra(0, "extra", DECODE).is_err()).unwrap());
    let twice = body(&[(0, 0, Some("k"), 1), (0, 1, Some("k"), 2)]);
    assert!(invoke(twice, |mut i| i.extra(0, "extra", DECODE).is_err()).unwrap());
    let wrong = body(&[(0, 0, None, 1)]);
    let decode = <String as Portable>::decode;
    assert!(invoke(wrong, |mut i| i.required(0, "text", decode).is_err()).unwrap());
}

#[test]
fn a_damaged_body_is_refused() {
    let whole = body(&[(0, 0, None, 1), (1, 1, Some("key"), 2)]);
    for len in 0..whole.len() {
        // Whatever is made of it, it is no panic.
        let _ = invoke(whole[..len].to_vec(), |mut invocation| {
            let _ = invocation.required(0, "a", DECODE);
            let _ = invocation.extra(1, "b", DECODE);
        });
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[len] = value;
            let _ = invoke(damaged, |mut invocation| {
                let _ = invocation.required(0, "a", DECODE);
                let _ = invocation.rest(1, "b", DECODE);
                invocation.complete()
            });
        }
    }
    assert!(invoke(whole[..whole.len() - 1].to_vec(), |_| ()).is_err());
}
