//! Memory that processes share.

use crate::support::{eventually, is_there, watchdog};
use nix::fcntl::FallocateFlags;
use nix::sys::mman::{MapFlags, ProtFlags};
use nix::sys::signal::{Signal, raise};
use offspring::shared::{Array, Atomic, FreezeError, Frozen, Memory, Shareable, Value};
use offspring::sync::Cause;
use offspring::{Pool, Process, call, spawn, subprocess};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Debug;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::num::Wrapping;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI16, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
use std::thread;
use std::time::Duration;

type Whole = Result<(), Box<dyn std::error::Error>>;

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Point {
    position: [f64; 3],
    color: u32,
    layer: i16,
    _pad: [u8; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(transparent)]
struct Meters(f32);

#[derive(Shareable)]
#[repr(C)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A child that writes a value and an array, and what it should have written.
macro_rules! writers {
    ($($name:ident: $ty:ty = $value:expr;)*) => {$(
        mod $name {
            use super::*;

            #[subprocess]
            fn write(value: &Value<$ty>, array: &Array<$ty>) {
                value.set($value);
                array.set(1, $value);
                array.write(3, &[$value; 2]);
            }

            pub(super) fn check() {
                let zero = zero::<$ty>();
                let (value, array) = (Value::new(zero).unwrap(), Array::new(6).unwrap());
                assert_eq!((value.get(), array.to_vec()), (zero, vec![zero; 6]));
                spawn!(write, &value, &array).unwrap().join().unwrap();
                assert_eq!(value.get(), $value);
                assert_eq!(array.to_vec(), [zero, $value, zero, $value, $value, zero]);
            }
        }
    )*

        fn check_all() {
            $($name::check();)*
        }
    };
}

fn zero<T: Shareable + Copy>() -> T {
    Array::new(1).unwrap().get(0)
}

writers! {
    u8s: u8 = 200;
    i8s: i8 = -100;
    u16s: u16 = 60_000;
    i16s: i16 = -30_000;
    u32s: u32 = u32::MAX - 1;
    i32s: i32 = i32::MIN;
    u64s: u64 = u64::MAX - 1;
    i64s: i64 = i64::MIN;
    u128s: u128 = u128::MAX - 1;
    i128s: i128 = i128::MIN;
    usizes: usize = usize::MAX - 1;
    isizes: isize = isize::MIN;
    f32s: f32 = -1.5e30;
    f64s: f64 = 1e-300;
    bytes: [u8; 5] = *b"hello";
    rows: [[u16; 3]; 2] = [[1, 2, 3], [4, 5, 6]];
    wrapping: Wrapping<u32> = Wrapping(7);
    meters: Meters = Meters(8.5);
    points: Point = Point { position: [1.0, 2.0, 3.0], color: 4, layer: -5, _pad: [6; 2] };
}

#[offspring::test]
fn what_a_child_writes_is_seen_whatever_its_type() {
    let _watchdog = watchdog();
    check_all();
}

#[subprocess]
fn count(array: &Array<AtomicU32>, value: &Value<AtomicI16>, sets: &Array<[AtomicU8; 3]>) {
    for number in array.iter() {
        number.fetch_add(1, Relaxed);
    }
    value.fetch_sub(1, Relaxed);
    sets[1][2].store(9, Relaxed);
}

#[offspring::test]
fn atomics_are_used_where_they_lie() -> Whole {
    let _watchdog = watchdog();
    let array = Array::new(1000)?;
    let value = Value::new(AtomicI16::new(-5))?;
    let sets = Array::<[AtomicU8; 3]>::new(2)?;
    let children: Vec<_> = (0..3)
        .map(|_| spawn!(count, &array, &value, &sets))
        .collect::<Result<_, _>>()?;
    for child in children {
        child.join()?;
    }
    assert!(array.iter().all(|number| number.load(Relaxed) == 3));
    assert_eq!(value.load(Relaxed), -8);
    assert_eq!(sets[1][2].load(Relaxed), 9);
    Ok(())
}

#[offspring::test]
fn a_struct_of_atomics_is_plain_data_and_can_be_created() -> Whole {
    fn is_atomic<T: Atomic>() {}
    is_atomic::<[AtomicUsize; 2]>();
    let (hits, misses) = (AtomicU64::new(1), AtomicU64::new(2));
    let value = Value::new(Counters { hits, misses })?;
    drop(value.lock().unwrap());
    Ok(())
}

#[offspring::test]
fn new_memory_is_zero_also_after_others_have_used_theirs() -> Whole {
    let _watchdog = watchdog();
    let len = 4 << 20;
    for _ in 0..3 {
        let array = Array::<u8>::new(len)?;
        let memory = Memory::new(len)?;
        assert!(array.to_vec() == vec![0; len] && memory.to_vec() == vec![0; len]);
        array.write(0, &vec![255; len]);
        memory.write_at(0, &vec![255; len]);
        assert!(array.to_vec() == vec![255; len] && memory.to_vec() == vec![255; len]);
    }
    Ok(())
}

#[offspring::test]
fn memory_of_no_size_or_of_too_much_is_a_clear_error() {
    let errors = [
        Array::<u32>::new(0).unwrap_err(),
        Array::<u32>::from_slice(&[]).unwrap_err(),
        Frozen::<u32>::from_slice(&[]).unwrap_err(),
        Memory::new(0).unwrap_err(),
        Memory::create("offspring-empty", 0).unwrap_err(),
        Value::<[u8; 0]>::new([]).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("can't be empty"), "{error}");
        let kind = error.io_error().map(std::io::Error::kind);
        assert_eq!(kind, Some(ErrorKind::InvalidInput));
    }
    for error in [
        Array::<u64>::new(usize::MAX).unwrap_err(),
        Array::<u64>::new(1 << 61).unwrap_err(),
        Array::<u8>::new(1 << 60).unwrap_err(),
        Memory::new(usize::MAX).unwrap_err(),
    ] {
        assert!(error.to_string().contains("can't create"), "{error}");
    }
}

#[offspring::test]
fn beyond_the_end_is_a_panic_that_tells_the_caller() -> Whole {
    let _watchdog = watchdog();
    let array = Array::<u16>::new(5)?;
    let memory = Memory::new(5)?;
    type Access<'a> = &'a dyn Fn();
    let accesses: [Access<'_>; 7] = [
        &|| assert_eq!(array.get(5), 0),
        &|| array.set(5, 1),
        &|| array.read(4, &mut [0; 2]),
        &|| array.write(usize::MAX, &[0; 2]),
        &|| drop(array.lock().map(|guard| guard.update(9, |n| n))),
        &|| memory.read_at(6, &mut []),
        &|| memory.write_at(0, &[0; 6]),
    ];
    for (index, access) in accesses.into_iter().enumerate() {
        let access = std::panic::AssertUnwindSafe(access);
        let panic = std::panic::catch_unwind(access).expect_err("it returned");
        let text = panic.downcast_ref::<String>().unwrap();
        let is_told = text.contains("the len is 5") || text.contains("of length 5");
        assert!(is_told, "{index}: {text}");
    }
    assert!(array.is_poisoned(), "one panicked with the lock");
    assert_eq!(memory.to_vec(), [0; 5]);
    Ok(())
}

#[subprocess]
fn pass_on(levels: u32, array: &Array<u32>, memory: &Memory, frozen: &Frozen<u32>) -> u32 {
    array.set(levels as usize, levels + 100);
    memory.write_at(levels as usize, &[levels as u8 + 1]);
    let below = match levels {
        0 => 0,
        _ => spawn!(pass_on, levels - 1, array, memory, frozen)
            .unwrap()
            .join()
            .unwrap(),
    };
    below + frozen[levels as usize]
}

#[offspring::test]
fn handles_are_passed_on_from_child_to_grandchild() -> Whole {
    let _watchdog = watchdog();
    let array = Array::new(3)?;
    let memory = Memory::new(3)?;
    let frozen = Frozen::from_slice(&[1, 20, 300])?;
    let sum = spawn!(pass_on, 2, &array, &memory, &frozen)?.join()?;
    assert_eq!(sum, 321);
    assert_eq!(array.to_vec(), [100, 101, 102]);
    assert_eq!(memory.to_vec(), [1, 2, 3]);
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Job {
    input: Option<Frozen<f32>>,
    outputs: Vec<Array<f32>>,
}

#[subprocess]
fn double(job: &Job) {
    let input = job.input.as_ref().unwrap();
    for (factor, output) in job.outputs.iter().enumerate() {
        for (index, number) in input.iter().enumerate() {
            output.set(index, number * factor as f32);
        }
    }
}

#[offspring::test]
fn handles_are_parts_of_other_types() -> Whole {
    let _watchdog = watchdog();
    let job = Job {
        input: Some(Frozen::from_slice(&[1.0, 2.0])?),
        outputs: (0..3).map(|_| Array::new(2)).collect::<Result<_, _>>()?,
    };
    spawn!(double, &job)?.join()?;
    let outputs: Vec<_> = job.outputs.iter().map(Array::to_vec).collect();
    assert_eq!(outputs, [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]);
    Ok(())
}

#[subprocess]
fn sum(numbers: &Frozen<u64>, range: Range<usize>, total: &Value<AtomicU64>) {
    total.fetch_add(numbers[range].iter().sum(), Relaxed);
}

#[offspring::test]
fn a_pools_tasks_share_one_handle() -> Whole {
    let _watchdog = watchdog();
    let numbers: Vec<u64> = (0..100_000).collect();
    let (frozen, total) = (
        Frozen::from_slice(&numbers)?,
        Value::new(AtomicU64::new(0))?,
    );
    let pool = Pool::new(2)?;
    let ranges = (0..1000).map(|start| start * 100..start * 100 + 100);
    pool.map(call!(sum, &frozen, _, &total), ranges)?;
    assert_eq!(total.load(Relaxed), numbers.iter().sum::<u64>());
    Ok(())
}

#[subprocess]
fn alternate(value: &Value<[u8; 8]>, stop: &Value<u32>) {
    while stop.get() == 0 {
        value.set([0; 8]);
        value.set([255; 8]);
    }
}

#[offspring::test]
fn a_value_of_eight_bytes_is_never_torn() -> Whole {
    let _watchdog = watchdog();
    let (value, stop) = (Value::new([0; 8])?, Value::new(0)?);
    let child = spawn!(alternate, &value, &stop, daemon)?;
    eventually("it writes", || value.get() == [255; 8]);
    for _ in 0..300_000 {
        let found = value.get();
        assert!(found == [0; 8] || found == [255; 8], "torn: {found:?}");
    }
    stop.set(1);
    child.join()?;
    Ok(())
}

#[subprocess]
fn announce(data: &Array<u64>, written: &Value<u32>, seen: &Value<u32>) {
    for round in 1..=ROUNDS {
        data.write(0, &[u64::from(round); 8]);
        written.set(round);
        while seen.get() != round {
            thread::yield_now();
        }
    }
}

const ROUNDS: u32 = 20_000;

#[offspring::test]
fn who_sees_a_value_sees_what_was_written_before_it() -> Whole {
    let _watchdog = watchdog();
    let data = Array::new(8)?;
    let (written, seen) = (Value::new(0)?, Value::new(0)?);
    let child = spawn!(announce, &data, &written, &seen, daemon)?;
    for round in 1..=ROUNDS {
        while written.get() != round {
            thread::yield_now();
        }
        assert_eq!(data.to_vec(), [u64::from(round); 8]);
        seen.set(round);
    }
    child.join()?;
    Ok(())
}

#[subprocess]
fn count_locked(counter: &Value<u64>, counts: &Array<u64>) {
    for round in 0..2000 {
        counter.lock().unwrap().update(|n| n + 1);
        counts.lock().unwrap().update(round % 3, |n| n + 1);
    }
}

#[offspring::test]
fn with_the_lock_no_update_is_lost() -> Whole {
    let _watchdog = watchdog();
    let (counter, counts) = (Value::new(0)?, Array::new(3)?);
    let children: Vec<_> = (0..4)
        .map(|_| spawn!(count_locked, &counter, &counts))
        .collect::<Result<_, _>>()?;
    for child in children {
        child.join()?;
    }
    assert_eq!(counter.get(), 8000);
    assert_eq!(counts.to_vec().iter().sum::<u64>(), 8000);
    Ok(())
}

#[subprocess]
fn die_with_locks(value: &Value<u32>, array: &Array<u8>) {
    let value = value.lock().unwrap();
    let array = array.lock().unwrap();
    value.set(1);
    array.write(0, &[1, 2]);
    raise(Signal::SIGKILL).unwrap();
}

#[offspring::test]
fn a_death_with_the_lock_is_told_to_all_until_it_is_cleared() -> Whole {
    let _watchdog = watchdog();
    let (value, array) = (Value::new(0)?, Array::new(3)?);
    let child = spawn!(die_with_locks, &value, &array)?;
    assert_eq!(child.wait()?.exitcode(), Some(-9));
    for _ in 0..2 {
        let poisoned = value.lock().unwrap_err();
        assert_eq!(poisoned.cause(), Cause::Died);
        assert_eq!(poisoned.into_inner().get(), 1);
        let poisoned = array.lock().unwrap_err();
        assert!(poisoned.to_string().contains("died"), "{poisoned}");
        assert_eq!(poisoned.into_inner().to_vec(), [1, 2, 0]);
    }
    assert!(value.is_poisoned() && array.is_poisoned());
    // Reading and writing are not concerned.
    value.set(5);
    value.clear_poison();
    array.clear_poison();
    assert_eq!(value.lock().unwrap().get(), 5);
    array.lock().unwrap().set(2, 3);
    assert_eq!(array.to_vec(), [1, 2, 3]);
    Ok(())
}

#[subprocess]
fn fill(array: &Array<f64>, from: usize, to: usize) {
    for index in from..to {
        array.set(index, index as f64);
    }
}

#[offspring::test]
fn what_children_have_written_is_frozen_without_a_copy() -> Whole {
    let _watchdog = watchdog();
    let len = 5000;
    let array = Array::new(len)?;
    let children = [
        spawn!(fill, &array, 0, 2000)?,
        spawn!(fill, &array, 2000, len)?,
    ];
    for child in children {
        child.join()?;
    }
    let frozen = array.freeze()?;
    let expected: Vec<f64> = (0..len).map(|index| index as f64).collect();
    assert_eq!(*frozen, *expected);
    assert_eq!(frozen.clone().last(), Some(&4999.0));
    let not_refused = spawn!(attack, &frozen, "offspring-array")?.join()?;
    assert_eq!(not_refused, [""; 0]);
    Ok(())
}

#[offspring::test]
fn a_joined_child_never_keeps_memory_from_being_frozen() -> Whole {
    let _watchdog = watchdog();
    for _ in 0..30 {
        let array = Array::new(100_000)?;
        spawn!(fill, &array, 0, 100_000)?.join()?;
        array.freeze()?;
    }
    Ok(())
}

/// In all the ways there are, tries to write what it was given frozen. Those that were not refused.
#[subprocess]
#[allow(unsafe_code)]
fn attack(frozen: &Frozen<f64>, name: &str) -> Vec<String> {
    let path = descriptor_of(name);
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let size = std::num::NonZero::new(4096).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping, to which nothing refers.
    let mapped =
        unsafe { nix::sys::mman::mmap(None, size, access, MapFlags::MAP_SHARED, &file, 0) };
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    let punched = nix::fcntl::fallocate(&file, hole, 0, 4096);
    let attempts = [
        ("write", file.write_all(&[255; 8])),
        ("map", mapped.map(drop).map_err(Into::into)),
        ("punch a hole", punched.map_err(Into::into)),
        ("shorten", file.set_len(8)),
        ("lengthen", file.set_len(1 << 30)),
    ];
    assert!(
        frozen
            .iter()
            .enumerate()
            .all(|(index, number)| *number == index as f64)
    );
    let refused = |result: &std::io::Result<()>| {
        let kind = result.as_ref().err().map(std::io::Error::kind);
        kind == Some(ErrorKind::PermissionDenied)
    };
    attempts
        .iter()
        .filter(|(_, result)| !refused(result))
        .map(|(what, result)| format!("{what}: {result:?}"))
        .collect()
}

/// The only descriptor of this process whose memory has this name.
fn descriptor_of(name: &str) -> PathBuf {
    let fds = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let is_it =
        |fd: &PathBuf| std::fs::read_link(fd).is_ok_and(|to| to.to_string_lossy().contains(name));
    let found: Vec<_> = fds.map(|fd| fd.path()).filter(is_it).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[offspring::test]
fn nobody_can_write_what_is_frozen() -> Whole {
    let _watchdog = watchdog();
    let numbers: Vec<f64> = (0..10_000).map(f64::from).collect();
    let frozen = Frozen::from_slice(&numbers)?;
    let not_refused = spawn!(attack, &frozen, "offspring-frozen")?.join()?;
    assert_eq!(not_refused, [""; 0]);
    assert_eq!(*frozen, *numbers);
    Ok(())
}

#[offspring::test]
fn with_another_handle_in_this_process_freezing_fails_and_gives_the_memory_back() -> Whole {
    let _watchdog = watchdog();
    let array = Array::from_slice(&[1_u8, 2])?;
    let memory = Memory::new(2)?;
    let handles = (array.clone(), memory.clone());
    let errors = (array.freeze().unwrap_err(), memory.freeze().unwrap_err());
    for text in [errors.0.to_string(), errors.1.to_string()] {
        assert!(text.contains("another handle of this process"), "{text}");
    }
    let (array, memory) = (given_back(errors.0), given_back(errors.1));
    array.set(0, 7);
    memory.write_at(0, &[8]);
    drop(handles);
    assert_eq!(
        (&*array.freeze()?, &*memory.freeze()?),
        (&[7, 2][..], &[8, 0][..])
    );
    Ok(())
}

fn given_back<H>(error: FreezeError<H>) -> H {
    error.into_inner().expect("it was to be given back")
}

#[subprocess]
fn hold(array: &Array<u8>, memory: &Memory, go_on: &Value<u32>) {
    array.set(0, 1);
    memory.write_at(0, &[1]);
    while go_on.get() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
}

#[offspring::test]
fn with_a_handle_in_a_child_freezing_fails_until_that_has_ended() -> Whole {
    let _watchdog = watchdog();
    let (array, memory, go_on) = (Array::new(2)?, Memory::new(2)?, Value::new(0)?);
    let child = spawn!(hold, &array, &memory, &go_on, daemon)?;
    eventually("it has both", || memory.to_vec() == [1, 0]);
    let errors = (array.freeze().unwrap_err(), memory.freeze().unwrap_err());
    for text in [errors.0.to_string(), errors.1.to_string()] {
        assert!(text.contains("somebody else still maps it"), "{text}");
    }
    let (array, memory) = (given_back(errors.0), given_back(errors.1));
    array.set(1, 5);
    memory.write_at(1, &[6]);
    go_on.set(1);
    child.join()?;
    assert_eq!(
        (&*array.freeze()?, &*memory.freeze()?),
        (&[1, 5][..], &[1, 6][..])
    );
    Ok(())
}

#[offspring::test]
fn with_the_guard_of_its_lock_forgotten_memory_can_not_be_frozen() -> Whole {
    let _watchdog = watchdog();
    let array = Array::from_slice(&[1_u8, 2])?;
    thread::spawn(move || {
        std::mem::forget(array.lock().unwrap());
        let error = array.freeze().unwrap_err();
        assert!(error.to_string().contains("forgotten"), "{error}");
        assert!(error.into_inner().is_some());
    })
    .join()
    .unwrap();
    Ok(())
}

/// How much shared memory of this process is in use, in KiB.
fn resident() -> u64 {
    number_in("/proc/self/status", "RssShmem:")
}

fn number_in(path: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[subprocess]
fn resident_before_and_after_reading(numbers: &Frozen<f64>) -> (usize, u64, u64) {
    let before = resident();
    let different = numbers.iter().filter(|number| **number != 0.5).count();
    (different, before, resident())
}

#[offspring::test]
fn a_hundred_mebibytes_that_are_frozen_cost_a_mapping() -> Whole {
    let _watchdog = watchdog();
    let numbers = Frozen::from_slice(&vec![0.5; 100 << 17])?;
    let child = spawn!(resident_before_and_after_reading, &numbers)?;
    let (different, before, after) = child.join()?;
    assert_eq!(different, 0);
    assert!(before < 4 << 10 && after > 99 << 10, "{before} {after}");
    Ok(())
}

/// Sent as one type of handle, taken for another.
enum Disguised<A, B> {
    Sent(A),
    Taken(B),
}

impl<A: Serialize, B> Serialize for Disguised<A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sent(handle) => handle.serialize(serializer),
            Self::Taken(_) => Err(serde::ser::Error::custom("it is never sent on")),
        }
    }
}

impl<'de, A, B: DeserializeOwned> Deserialize<'de> for Disguised<A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        B::deserialize(deserializer).map(Self::Taken)
    }
}

#[subprocess]
fn takes_array_for_frozen(_handle: Disguised<Array<u8>, Frozen<u8>>) {}

#[subprocess]
fn takes_frozen_for_array(_handle: Disguised<Frozen<u8>, Array<u8>>) {}

#[subprocess]
fn takes_short_for_long(_handle: Disguised<Frozen<u8>, Frozen<u64>>) {}

#[subprocess]
fn takes_array_for_value(_handle: Disguised<Value<[u64; 1000]>, Value<u64>>) {}

#[offspring::test]
fn memory_that_is_not_what_it_is_said_to_be_is_refused() -> Whole {
    let _watchdog = watchdog();
    let array = || Disguised::Sent(Array::new(8).unwrap());
    let frozen = || Frozen::from_slice(&[1; 8]).unwrap();
    let long = || Disguised::Sent(Value::new([0; 1000]).unwrap());
    let refused: [(offspring::Result<Process<()>>, &str); 4] = [
        (spawn!(takes_array_for_frozen, array()), "isn't frozen"),
        (
            spawn!(takes_frozen_for_array, Disguised::Sent(frozen())),
            "has 8 bytes instead of",
        ),
        (
            spawn!(takes_short_for_long, Disguised::Sent(frozen())),
            "has 8 bytes instead of 64",
        ),
        (spawn!(takes_array_for_value, long()), "bytes instead of"),
    ];
    for (child, text) in refused {
        let error = child?.join().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    Ok(())
}

/// A name of which nothing is left at the end.
struct Name(String);

impl Name {
    fn new(test: &str) -> Self {
        Self(format!("offspring-it-{test}-{}", std::process::id()))
    }

    fn exists(&self) -> bool {
        std::fs::exists(format!("/dev/shm/{}", self.0)).unwrap()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = Memory::unlink(&self.0);
    }
}

#[offspring::test]
fn named_memory_is_the_same_for_all_who_open_it() -> Whole {
    let _watchdog = watchdog();
    let name = Name::new("same");
    let created = Memory::create(&name.0, 5000)?;
    let opened = Memory::open(&name.0)?;
    assert_eq!((opened.len(), opened.name()), (5000, Some(&*name.0)));
    assert_eq!(opened.to_vec(), [0; 5000]);
    created.write_at(4998, &[1, 2]);
    opened.as_atomics()[0].store(3, Release);
    assert_eq!(created.as_atomics()[0].load(Acquire), 3);
    let mut read = [0; 2];
    opened.read_at(4998, &mut read);
    assert_eq!(read, [1, 2]);
    // Without its name it is there for those who have it, and for those they pass it to.
    Memory::unlink(&name.0)?;
    assert!(!name.exists());
    spawn!(write_to, &opened)?.join()?;
    assert_eq!(created.to_vec()[..3], [9, 9, 9]);
    let other = Memory::create(&name.0, 1)?;
    assert_eq!((other.len(), created.len()), (1, 5000));
    Ok(())
}

#[subprocess]
fn write_to(memory: &Memory) {
    assert!(memory.name().is_some());
    memory.write_at(0, &[9; 3]);
}

#[offspring::test]
fn what_is_wrong_with_a_name_is_a_clear_error() -> Whole {
    let _watchdog = watchdog();
    let name = Name::new("wrong");
    let told = |error: offspring::Error, kind: ErrorKind, texts: &[&str]| {
        assert_eq!(
            error.io_error().map(std::io::Error::kind),
            Some(kind),
            "{error}"
        );
        for text in texts {
            assert!(error.to_string().contains(text), "no {text:?} in {error}");
        }
    };
    let named = format!("{:?}", name.0);

    let error = Memory::open(&name.0).unwrap_err();
    told(
        error,
        ErrorKind::NotFound,
        &["can't open shared memory", &named, "doesn't exist"],
    );
    let error = Memory::unlink(&name.0).unwrap_err();
    told(
        error,
        ErrorKind::NotFound,
        &["can't unlink shared memory", &named, "doesn't exist"],
    );

    let created = Memory::create(&name.0, 10)?;
    created.write_at(0, b"mine");
    let error = Memory::create(&name.0, 10).unwrap_err();
    told(
        error,
        ErrorKind::AlreadyExists,
        &["can't create shared memory", &named, "exists already"],
    );
    assert_eq!(created.to_vec()[..4], *b"mine");
    let error = created.freeze().unwrap_err();
    assert!(error.to_string().contains("it has a name"), "{error}");
    assert_eq!(given_back(error).len(), 10);

    let long = "x".repeat(255);
    for bad in ["", ".", "..", "a/b", "/a", "a\0b", &long] {
        let shown = format!("{bad:?}");
        for error in [
            Memory::create(bad, 10).unwrap_err(),
            Memory::open(bad).unwrap_err(),
            Memory::unlink(bad).unwrap_err(),
        ] {
            told(
                error,
                ErrorKind::InvalidInput,
                &["a name has 1 to 254 bytes", &shown],
            );
        }
    }

    let error = Memory::create(&Name::new("huge").0, 1 << 50).unwrap_err();
    told(error, ErrorKind::StorageFull, &["not so much room"]);
    Ok(())
}

#[offspring::test]
fn a_name_is_seen_only_with_all_of_its_memory() -> Whole {
    let _watchdog = watchdog();
    let name = Name::new("race");
    let done = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2000 {
                drop(Memory::create(&name.0, 100_000).unwrap());
                Memory::unlink(&name.0).unwrap();
            }
            done.store(1, Relaxed);
        });
        let mut opened = 0;
        while done.load(Relaxed) == 0 {
            match Memory::open(&name.0) {
                Ok(memory) => opened += usize::from(memory.len() == 100_000),
                Err(error) => assert!(error.to_string().contains("doesn't exist"), "{error}"),
            }
        }
        assert!(opened > 0);
    });
    Ok(())
}

#[offspring::test]
fn what_is_no_memory_or_has_no_size_is_not_opened() -> Whole {
    let name = Name::new("empty");
    let path = format!("/dev/shm/{}", name.0);
    File::create(&path)?;
    let error = Memory::open(&name.0).unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
    std::fs::remove_file(&path)?;

    nix::unistd::mkfifo(&*path, nix::sys::stat::Mode::S_IRWXU)?;
    let error = Memory::open(&name.0).unwrap_err();
    assert!(error.to_string().contains("isn't memory"), "{error}");
    std::fs::remove_file(&path)?;

    std::fs::create_dir(&path)?;
    assert!(Memory::open(&name.0).is_err());
    std::fs::remove_dir(&path)?;
    Ok(())
}

#[subprocess]
fn attach(name: &str, end: &str) -> u8 {
    let memory = Memory::open(name).unwrap();
    memory.as_atomics()[1].fetch_add(1, Relaxed);
    match end {
        "return" => memory.to_vec()[0],
        "drop" => {
            drop(memory);
            7
        }
        "exit" => std::process::exit(3),
        signal => raise(signal.parse::<Signal>().unwrap())
            .map(|()| 0)
            .unwrap(),
    }
}

#[offspring::test]
fn who_merely_attached_never_destroys_it_however_he_ends() -> Whole {
    let _watchdog = watchdog();
    let name = Name::new("attach");
    let created = Memory::create(&name.0, 100)?;
    created.write_at(0, &[7]);
    let ends = ["return", "drop", "exit", "SIGKILL", "SIGTERM", "SIGABRT"];
    for (count, end) in ends.into_iter().enumerate() {
        let child = spawn!(attach, &name.0, end)?;
        child.wait()?;
        assert_eq!(created.to_vec()[..2], [7, count as u8 + 1], "{end}");
        assert!(name.exists(), "{end}");
    }
    // Nor does who created it.
    drop(created);
    assert_eq!(Memory::open(&name.0)?.to_vec()[..2], [7, 6]);
    let child = spawn!(create, &name.0)?;
    assert_eq!(child.wait()?.exitcode(), Some(-9));
    assert_eq!(Memory::open(&format!("{}-2", name.0))?.to_vec(), [5; 10]);
    Memory::unlink(&format!("{}-2", name.0))?;
    Ok(())
}

#[subprocess]
fn create(name: &str) {
    let memory = Memory::create(&format!("{name}-2"), 10).unwrap();
    memory.write_at(0, &[5; 10]);
    raise(Signal::SIGKILL).unwrap();
}

const LARGE: usize = 256 << 20;

#[subprocess]
fn own(ready: &Value<AtomicU32>) {
    let memory = Memory::new(LARGE).unwrap();
    let child = spawn!(keep, &memory, ready, daemon).unwrap();
    for start in (0..LARGE).step_by(1 << 20) {
        memory.write_at(start, &[1; 1 << 20]);
    }
    ready.store(std::process::id(), Release);
    child.join().unwrap();
}

#[subprocess]
fn keep(memory: &Memory, ready: &Value<AtomicU32>) {
    while ready.load(Acquire) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(memory.as_atomics()[LARGE - 1].load(Relaxed), 1);
    ready.store(std::process::id(), Release);
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Ends a process that has made much memory, and another that has it too; whether it could be seen that there was that much.
///
/// What is seen is the whole machine's, where others may use much at the same time, and give it back.
fn memory_comes_and_goes(
    end: fn(&Process<()>) -> offspring::Result<()>,
) -> offspring::Result<bool> {
    let used = || number_in("/proc/meminfo", "Shmem:");
    let enough = (LARGE as u64 >> 10) * 3 / 4;
    let ready = Value::new(AtomicU32::new(0))?;
    let before = used();
    let owner = call!(own, &ready).daemon(true).may_spawn(true).start()?;
    let keeper = || ready.load(Acquire);
    eventually("both have it", || ![0, owner.pid()].contains(&keeper()));
    let during = used();
    end(&owner)?;
    eventually("both are gone", || {
        !is_there(owner.pid()) && !is_there(keeper())
    });
    if during <= before + enough {
        return Ok(false);
    }
    eventually("it is freed", || used() < during - enough);
    Ok(true)
}

#[offspring::test]
fn memory_is_freed_with_its_last_user_however_that_ends() -> Whole {
    let _watchdog = watchdog();
    for end in [Process::kill, Process::terminate, Process::terminate_tree] {
        let mut was_seen = false;
        for _ in 0..10 {
            was_seen = was_seen || memory_comes_and_goes(end)?;
        }
        assert!(was_seen);
    }
    Ok(())
}

#[offspring::test]
fn dropped_handles_give_back_their_descriptors_and_mappings() -> Whole {
    let _watchdog = watchdog();
    assert_eq!(spawn!(leaks)?.join()?, (0, 0));
    Ok(())
}

/// How many descriptors and mappings more there are after handles of each kind have come and gone.
#[subprocess]
fn leaks() -> (usize, usize) {
    let count = || {
        let fds = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        (
            fds,
            maps.lines()
                .filter(|line| line.contains("offspring-"))
                .count(),
        )
    };
    let name = Name::new("leaks");
    let use_all = || {
        let array = Array::from_slice(&[1_u64; 1000]).unwrap();
        let value = Value::new(5_u8).unwrap();
        value.lock().unwrap().set(6);
        let memory = Memory::new(1).unwrap();
        let named = Memory::create(&name.0, 5).unwrap();
        let clones = (array.clone(), value.clone(), memory.clone(), named.clone());
        let array = given_back(array.freeze().unwrap_err());
        drop(clones);
        let frozen = (array.freeze().unwrap(), memory.freeze().unwrap());
        assert_eq!((frozen.0.len(), frozen.1.len()), (1000, 1));
        drop(frozen.clone());
        drop(Memory::open(&name.0).unwrap());
        Memory::unlink(&name.0).unwrap();
        drop(Memory::create("a/b", 5));
        drop(Array::<u8>::new(1 << 60));
    };
    use_all();
    let before = count();
    for _ in 0..10 {
        use_all();
    }
    let after = count();
    (after.0 - before.0, after.1 - before.1)
}

#[offspring::test]
fn handles_tell_what_they_are() -> Whole {
    fn is_shared<T: Send + Sync + Debug>(handle: T) -> String {
        format!("{handle:?}")
    }
    let frozen = Frozen::from_slice(&[1, 2])?;
    assert_eq!((&frozen).into_iter().sum::<i32>(), 3);
    assert_eq!(is_shared(frozen), "Frozen { len: 2, .. }");
    assert_eq!(is_shared(Array::<u8>::new(3)?), "Array { len: 3, .. }");
    assert_eq!(is_shared(Value::new(3)?), "Value { .. }");
    assert_eq!(is_shared(Memory::new(4)?), "Memory { len: 4, .. }");
    let name = Name::new("debug");
    let text = is_shared(Memory::create(&name.0, 4)?);
    assert_eq!(text, format!("Memory {{ name: {:?}, len: 4, .. }}", name.0));
    Ok(())
}
