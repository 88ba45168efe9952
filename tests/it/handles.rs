//! Handles as arguments: what is shared is the same in every process, and they go nowhere else.
//!
//! How descriptors travel is tested beside `wire::descriptor`.

use crate::support::watchdog;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use offspring::sync::Mutex;
use offspring::{JoinErrorKind, Pool, TaskErrorKind, call, spawn, subprocess};
use std::collections::BTreeMap;
use std::sync::OnceLock;

#[subprocess]
fn add(total: &Mutex<u64>, number: u64) -> u64 {
    *total.lock().unwrap() += number;
    number
}

#[subprocess]
fn add_to_each(#[args] totals: Vec<Mutex<u64>>, #[kwargs] named: BTreeMap<String, Mutex<u64>>) {
    for (total, number) in totals.iter().zip(1..) {
        *total.lock().unwrap() += number;
    }
    for (name, total) in named {
        *total.lock().unwrap() += name.len() as u64;
    }
}

#[offspring::test]
fn all_that_a_call_can_say_takes_handles() {
    let _watchdog = watchdog();
    let totals: Vec<_> = (0..5).map(|_| Mutex::new(0_u64).unwrap()).collect();
    let [a, b, c, d, e] = &totals[..] else {
        panic!("there are five");
    };
    spawn!(add, a, 10).unwrap().join().unwrap();
    call!(add, _, 20).bind(b).start().unwrap().join().unwrap();
    let rest = BTreeMap::from([("four", d.clone())]);
    let list = [a.clone(), b.clone(), c.clone()];
    spawn!(add_to_each, ..list, kwargs <seventy = e.clone(), ..rest>)
        .unwrap()
        .join()
        .unwrap();
    let numbers: Vec<_> = totals.iter().map(|total| *total.lock().unwrap()).collect();
    assert_eq!(numbers, [11, 22, 3, 4, 7]);
}

/// Has fewer descriptors than tasks.
#[subprocess]
fn map_with_few_descriptors(total: Mutex<u64>) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 400, hard).unwrap();
    let pool = Pool::new(2).unwrap();
    pool.map(call!(add, &total, _), 0..2000).unwrap();
    pool.map(call!(add, _, 1), vec![&total; 2000]).unwrap();
}

#[offspring::test]
fn a_handle_goes_with_as_many_tasks_as_one_likes() {
    let _watchdog = watchdog();
    let total = Mutex::new(0_u64).unwrap();
    spawn!(map_with_few_descriptors, total.clone())
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(*total.lock().unwrap(), (0..2000).sum::<u64>() + 2000);
}

static TOTAL: OnceLock<Mutex<u64>> = OnceLock::new();

#[subprocess]
fn keep(total: Mutex<u64>) {
    TOTAL.set(total).unwrap();
}

#[subprocess]
fn add_to_kept(number: u64) {
    let mut total = TOTAL.get().unwrap().lock().unwrap();
    *total += number;
    drop(total);
    if number == 1 {
        std::process::abort();
    }
}

#[offspring::test]
fn an_initializer_keeps_a_handle_for_the_tasks_of_each_worker() {
    let _watchdog = watchdog();
    let total = Mutex::new(0_u64).unwrap();
    let builder = Pool::builder().workers(2);
    let pool = builder
        .initializer(call!(keep, total.clone()))
        .start()
        .unwrap();
    let results = pool.map_each(call!(add_to_kept, _), (0..100).map(|n| n % 10));
    let failed = results.iter().filter(|result| result.is_err()).count();
    assert_eq!((failed, *total.lock().unwrap()), (10, 450));
}

#[subprocess]
fn make() -> Vec<Mutex<u64>> {
    vec![Mutex::new(1).unwrap()]
}

#[offspring::test]
fn handles_go_nowhere_but_into_arguments() {
    let _watchdog = watchdog();
    let words = "a handle can't be a result: create it in the parent and pass it as an argument";
    let error = spawn!(make).unwrap().join().unwrap_err();
    assert_eq!(*error.kind(), JoinErrorKind::Encode);
    assert!(error.to_string().contains(words), "{error}");
    let error = Pool::new(1).unwrap().apply(call!(make)).unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Failed(JoinErrorKind::Encode));
    let words = "a handle can only be sent as an argument of a call";
    let error = serde_json::to_string(&Mutex::new(1_u64).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with(words), "{error}");
    let error = serde_json::from_str::<Mutex<u64>>("3").unwrap_err();
    assert!(error.to_string().starts_with(words), "{error}");
}
