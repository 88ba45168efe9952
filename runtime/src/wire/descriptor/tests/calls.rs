//! Handles as arguments of processes.

use super::*;
use crate::{JoinErrorKind, TaskErrorKind, call};

#[crate::test(crate = crate)]
fn a_handle_is_the_same_file_in_the_child() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    let child = spawn!(write, handle.clone(), "hello").unwrap();
    drop(handle);
    assert_eq!(text.all(), "hello");
    child.join().unwrap();
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Parts {
    name: String,
    handle: Handle,
}

#[subprocess(crate = crate)]
fn write_all(
    first: Handle,
    list: Vec<Handle>,
    maybe: Option<Handle>,
    none: Option<Handle>,
    parts: Parts,
    map: BTreeMap<String, Handle>,
    lent: &Handle,
) -> usize {
    first.write("first");
    for (index, handle) in list.iter().enumerate() {
        handle.write(&format!("list{index}"));
    }
    maybe.unwrap().write("maybe");
    assert!(none.is_none());
    parts.handle.write(&parts.name);
    map.iter().for_each(|(key, handle)| handle.write(key));
    lent.write("lent");
    list.len() + map.len()
}

#[crate::test(crate = crate)]
fn handles_go_into_lists_options_structs_and_maps() {
    let _watchdog = watchdog();
    let (texts, [a, b, c, d, e, f, g, h]) = pipes();
    let name = "parts".to_owned();
    let map = BTreeMap::from([("x".to_owned(), f), ("y".to_owned(), g)]);
    let parts = Parts { name, handle: e };
    // Not in the order of the parameters.
    let child = spawn!(
        write_all,
        a,
        vec![b, c],
        kwargs <lent = &h, map = map, parts = parts, none = None, maybe = Some(d)>
    );
    assert_eq!(child.unwrap().join().unwrap(), 4);
    drop(h);
    let expected = [
        "first", "list0", "list1", "maybe", "parts", "x", "y", "lent",
    ];
    assert_eq!(all(texts), expected);
}

#[crate::test(crate = crate)]
fn handles_are_arguments_left_over_and_spread() {
    let _watchdog = watchdog();
    let (texts, [a, b, c, d]) = pipes();
    spawn!(write_rest, a, b, kwargs <one = c, two = d>)
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(all(texts), ["0", "1", "one", "two"]);
    let (texts, [a, b, c, d, e]) = pipes();
    let map = BTreeMap::from([("x", d), ("y", e)]);
    spawn!(write_rest, a, ..[b, c], kwargs <..map>)
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(all(texts), ["0", "1", "2", "x", "y"]);
}

/// Python's own class with `run`.
#[derive(serde::Serialize, serde::Deserialize)]
struct Writer {
    handle: Handle,
}

#[subprocess(crate = crate)]
impl crate::Run for Writer {
    type Output = ();

    fn run(self) {
        self.handle.write("run");
    }
}

#[crate::test(crate = crate)]
fn handles_are_fields_of_a_type_that_runs() {
    use crate::Run;
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    Writer { handle }.start().unwrap().join().unwrap();
    assert_eq!(text.all(), "run");
}

#[subprocess(crate = crate)]
fn write_sum(before: &[u64], handle: Handle, behind: &str, last: Handle) {
    handle.write(&before.iter().sum::<u64>().to_string());
    last.write(&behind.len().to_string());
}

/// More than a socket takes at once: the descriptors come with the first piece.
#[crate::test(crate = crate)]
fn handles_go_along_with_much_data() {
    let _watchdog = watchdog();
    let (texts, [a, b]) = pipes();
    let (numbers, text) = (vec![3_u64; 1_000_000], "x".repeat(5_000_000));
    spawn!(write_sum, &numbers, a, &text, b)
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(all(texts), ["3000000", "5000000"]);
}

#[subprocess(crate = crate)]
fn pass_on(handle: Handle, text: String) {
    spawn!(write, handle, text).unwrap().join().unwrap();
}

#[crate::test(crate = crate)]
fn a_child_passes_a_handle_on_to_its_own() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    spawn!(pass_on, handle, "deep").unwrap().join().unwrap();
    assert_eq!(text.all(), "deep");
}

#[crate::test(crate = crate)]
fn holes_and_bound_arguments_take_handles() {
    let _watchdog = watchdog();
    let (texts, [a, b, c]) = pipes();
    let fill = call!(write, _, "filled");
    fill.bind(a).start().unwrap().join().unwrap();
    let bound = call!(write, b, _);
    for text in ["one ", "two"] {
        bound.bind(text).start().unwrap().join().unwrap();
    }
    let both = call!(write, _, kwargs<text = _>);
    both.bind((c, "both")).start().unwrap().join().unwrap();
    drop((fill, bound, both));
    assert_eq!(all(texts), ["filled", "one two", "both"]);
}

#[subprocess(crate = crate)]
fn give_back(handle: Handle) -> Handle {
    handle
}

#[subprocess(crate = crate)]
fn give_back_deep(handle: Handle, fails: bool) -> Result<Option<Handle>, Vec<Handle>> {
    if fails {
        Err(vec![handle])
    } else {
        Ok(Some(handle))
    }
}

#[crate::test(crate = crate)]
fn a_handle_can_not_be_a_result() {
    let _watchdog = watchdog();
    let words = "a handle can't be a result: create it in the parent and pass it as an argument";
    let (text, handle) = pipe();
    let error = spawn!(give_back, handle.clone())
        .unwrap()
        .join()
        .unwrap_err();
    assert_eq!(*error.kind(), JoinErrorKind::Encode);
    assert!(error.to_string().contains(words), "{error}");
    let pool = Pool::new(1).unwrap();
    for fails in [false, true] {
        let error = pool
            .apply(call!(give_back_deep, handle.clone(), fails))
            .unwrap_err();
        let kind = TaskErrorKind::Failed(JoinErrorKind::Encode);
        assert_eq!(*error.kind(), kind);
        assert!(error.to_string().contains(words), "{error}");
    }
    drop(handle);
    assert_eq!(text.all(), "", "the worker lives and has closed it");
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Untagged {
    Handle { handle: Handle },
}

#[subprocess(crate = crate)]
fn take_untagged(value: &Untagged) {
    let Untagged::Handle { handle } = value;
    handle.write("never");
}

#[crate::test(crate = crate)]
fn where_serde_buffers_the_call_fails_and_says_why() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    let value = Untagged::Handle { handle };
    let error = spawn!(take_untagged, &value).unwrap().join().unwrap_err();
    let words = "argument 'value' can't be deserialized: .handle: a handle is here, which serde \
                 can't pass through #[serde(flatten)], untagged";
    assert!(error.to_string().contains(words), "{error}");
    let pool = Pool::new(1).unwrap();
    let error = pool.apply(call!(take_untagged, &value)).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    drop(value);
    assert_eq!(text.all(), "");
}
