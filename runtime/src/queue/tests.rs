use super::*;
use crate::Bytes;
use ring::Lap;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

const SHORT: Duration = Duration::from_millis(30);

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// As long as it takes to see that a test hangs.
fn within(time: Duration, what: impl FnOnce() + Send + 'static) {
    let runs = thread::spawn(what);
    let start = std::time::Instant::now();
    while !runs.is_finished() {
        assert!(start.elapsed() < time, "it hangs");
        thread::sleep(Duration::from_millis(2));
    }
    runs.join().unwrap();
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_is_put_is_got_in_its_order() {
    let queue = Queue::unbounded().unwrap();
    assert!(queue.is_empty() && !queue.is_full());
    for number in 0..10_000_u64 {
        queue.put(number).unwrap();
    }
    assert_eq!(queue.len(), 10_000);
    for number in 0..10_000 {
        assert_eq!(queue.get().unwrap(), number);
    }
    assert_eq!(queue.try_get().unwrap_err().kind(), GetErrorKind::Empty);
    assert!(queue.is_empty());
}

#[test]
fn items_of_any_type_and_size_come_out_as_they_went_in() {
    let queue = Queue::<(String, Vec<Bytes>)>::unbounded().unwrap();
    let item = |len: usize| {
        let parts = [0, 1, 7, 8, 9, 4095, 4096, len].map(|len| Bytes::from(vec![len as u8; len]));
        (format!("{len}"), parts.to_vec())
    };
    for len in [0, 5000, 100_000, 3_000_001] {
        queue.put(item(len)).unwrap();
    }
    for len in [0, 5000, 100_000, 3_000_001] {
        assert_eq!(queue.get().unwrap(), item(len));
    }
    let queue = Queue::<Vec<f64>>::unbounded().unwrap();
    let numbers: Vec<f64> = (0..100_001).map(f64::from).collect();
    queue.put(numbers.clone()).unwrap();
    assert_eq!(queue.get().unwrap(), numbers);
    let queue = Queue::<Option<()>>::unbounded().unwrap();
    queue.put(None).unwrap();
    queue.put(Some(())).unwrap();
    assert_eq!(
        (queue.get().unwrap(), queue.get().unwrap()),
        (None, Some(()))
    );
}

/// Against a model, from places where the numbers run over.
#[test]
fn it_does_what_a_vecdeque_does_while_it_grows_and_shrinks() {
    for (position, puts) in [
        (0, 0),
        (u32::MAX - 5000, (1 << 31) - 500),
        (u32::MAX / 2 - 100_000, (1 << 32) - 700),
        (12_345, (7 << 31) - 3),
    ] {
        let queue = Queue::<Bytes>::unbounded().unwrap();
        queue.inner.begin_at(position, puts);
        let mut model = VecDeque::new();
        let mut random = Random(u64::from(position) + 1);
        let (mut largest, mut count) = (Lap::SMALLEST, 0);
        for round in 0..40 {
            // Now mostly up, now mostly down.
            let up = if round % 2 == 0 { 90 } else { 10 };
            for _ in 0..300 {
                if random.next() % 100 < up {
                    let len = random.next() % (1 << (random.next() % 17));
                    let item = Bytes::from(vec![random.next() as u8; len as usize]);
                    model.push_back(item.clone());
                    queue.put(item).unwrap();
                    count += 1;
                } else {
                    assert_eq!(queue.try_get().ok(), model.pop_front());
                }
                assert_eq!(queue.len(), model.len());
            }
            let lap = queue.inner.control.body().lap(&queue.inner.ring).unwrap();
            largest = largest.max(lap);
        }
        while let Some(item) = model.pop_front() {
            assert_eq!(queue.try_get().unwrap(), item);
        }
        assert!(largest.bytes() > 1 << 20, "it never grew: {largest:?}");
        let lap = queue.inner.control.body().lap(&queue.inner.ring).unwrap();
        assert!(lap.bytes() <= 4 * Lap::SMALLEST.bytes(), "it has {lap:?}");
        assert_eq!(queue.inner.control.body().unfinished(), count);
        for _ in 0..count {
            queue.task_done().unwrap();
        }
        assert!(queue.task_done().is_err());
    }
}

#[test]
fn memory_goes_back_to_the_system() {
    let queue = Queue::<Bytes>::unbounded().unwrap();
    let used = || {
        nix::sys::stat::fstat(queue.inner.ring.fd())
            .unwrap()
            .st_blocks
            * 512
    };
    assert_eq!(used(), 0);
    for _ in 0..64 {
        queue.put(vec![1; 1 << 20].into()).unwrap();
    }
    assert!(used() >= 64 << 20);
    for _ in 0..64 {
        queue.get().unwrap();
    }
    assert!(used() <= 2 << 20, "{} bytes are still in use", used());
}

#[test]
fn full_and_empty_are_told_at_once_or_in_time() {
    let queue = Queue::bounded(2).unwrap();
    queue.put(1).unwrap();
    assert!(!queue.is_full());
    queue.put(2).unwrap();
    assert!(queue.is_full());
    let error = queue.try_put(3).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Full);
    assert_eq!(error.into_inner(), 3);
    let start = std::time::Instant::now();
    let error = queue.put_timeout(3, SHORT).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Full);
    assert!(start.elapsed() >= SHORT);
    assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (1, 2));
    let start = std::time::Instant::now();
    let error = queue.get_timeout(SHORT).unwrap_err();
    assert_eq!(error.kind(), GetErrorKind::Empty);
    assert!(start.elapsed() >= SHORT);
    assert!(Queue::<u32>::bounded(0).is_err());
}

#[test]
fn those_who_wait_are_woken() {
    within(LONG, || {
        let queue = Queue::bounded(1).unwrap();
        thread::scope(|scope| {
            let getter = scope.spawn(|| queue.get().unwrap());
            thread::sleep(SHORT);
            queue.put(1).unwrap();
            assert_eq!(getter.join().unwrap(), 1);
            queue.put(2).unwrap();
            let putter = scope.spawn(|| queue.put(3).unwrap());
            thread::sleep(SHORT);
            assert_eq!(queue.get().unwrap(), 2);
            putter.join().unwrap();
            assert_eq!(queue.get().unwrap(), 3);
        });
    });
}

/// Each item once, and those of one producer in its order.
fn many(queue: &Queue<(u32, u32)>, producers: u32, consumers: u32, items: u32) {
    thread::scope(|scope| {
        for producer in 0..producers {
            scope.spawn(move || {
                for item in 0..items {
                    queue.put((producer, item)).unwrap();
                }
            });
        }
        let consumers: Vec<_> = (0..consumers)
            .map(|_| {
                scope.spawn(|| {
                    let mut got = vec![Vec::new(); producers as usize];
                    while let Ok((producer, item)) = queue.get() {
                        got[producer as usize].push(item);
                        queue.task_done().unwrap();
                    }
                    got
                })
            })
            .collect();
        let mut all = vec![Vec::new(); producers as usize];
        while queue.inner.control.body().puts() < u64::from(producers * items) {
            thread::yield_now();
        }
        queue.join();
        assert!(queue.is_empty());
        queue.close();
        for consumer in consumers {
            for (all, got) in all.iter_mut().zip(consumer.join().unwrap()) {
                assert!(got.is_sorted(), "out of order");
                all.extend(got);
            }
        }
        for mut got in all {
            got.sort_unstable();
            assert!(got.into_iter().eq(0..items), "lost or doubled");
        }
    });
}

#[test]
fn threads_lose_nothing() {
    within(LONG, || {
        many(&Queue::unbounded().unwrap(), 3, 3, 10_000);
        many(&Queue::bounded(1).unwrap(), 3, 3, 2_000);
        many(&Queue::bounded(7).unwrap(), 1, 4, 10_000);
        many(&Queue::bounded(100).unwrap(), 4, 1, 10_000);
    });
}

#[test]
fn an_iterator_goes_on_until_the_queue_is_closed_and_empty() {
    let numbers = Queue::<u64>::unbounded().unwrap();
    let texts: Queue<String> = Queue {
        inner: numbers.inner.clone(),
        items: PhantomData,
    };
    texts.put("two".into()).unwrap();
    numbers.put(u64::MAX).unwrap();
    texts.put("four".into()).unwrap();
    texts.close();
    let mut all = texts.iter().map(|text| text.map_err(|error| error.kind()));
    assert_eq!(all.next(), Some(Ok("two".to_owned())));
    assert_eq!(all.next(), Some(Err(GetErrorKind::Decode)));
    assert_eq!(all.next(), Some(Ok("four".to_owned())));
    assert_eq!((all.next(), all.next()), (None, None));
}

#[test]
fn after_close_what_is_there_can_be_got_and_nothing_put() {
    within(LONG, || {
        let queue = Queue::bounded(2).unwrap();
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        thread::scope(|scope| {
            let putter = scope.spawn(|| queue.put(3));
            thread::sleep(SHORT);
            queue.close();
            let error = putter.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), PutErrorKind::Closed);
            assert_eq!(error.into_inner(), 3);
        });
        assert!(queue.is_closed());
        assert_eq!(queue.try_put(4).unwrap_err().kind(), PutErrorKind::Closed);
        assert_eq!((queue.get().unwrap(), queue.try_get().unwrap()), (1, 2));
        assert_eq!(queue.get().unwrap_err().kind(), GetErrorKind::Closed);
        assert_eq!(queue.try_get().unwrap_err().kind(), GetErrorKind::Closed);

        let queue = Queue::<u32>::unbounded().unwrap();
        thread::scope(|scope| {
            let getters = [0, 1, 2].map(|_| scope.spawn(|| queue.get()));
            thread::sleep(SHORT);
            queue.close();
            for getter in getters {
                let error = getter.join().unwrap().unwrap_err();
                assert_eq!(error.kind(), GetErrorKind::Closed);
            }
        });
    });
}

#[test]
fn join_waits_for_all_that_was_put() {
    within(LONG, || {
        let queue = Queue::unbounded().unwrap();
        queue.join();
        assert!(queue.task_done().is_err());
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        assert!(!queue.join_timeout(SHORT));
        queue.get().unwrap();
        queue.task_done().unwrap();
        assert!(!queue.join_timeout(Duration::ZERO));
        thread::scope(|scope| {
            let joiners = [0, 1].map(|_| scope.spawn(|| queue.join()));
            thread::sleep(SHORT);
            assert!(!joiners[0].is_finished());
            queue.get().unwrap();
            queue.task_done().unwrap();
            for joiner in joiners {
                joiner.join().unwrap();
            }
        });
        let error = queue.task_done().unwrap_err().to_string();
        assert!(error.contains("more often than items"), "{error}");
    });
}

#[test]
fn errors_say_what_is_wrong_and_give_the_item_back() {
    let queue = Queue::unbounded().unwrap();
    let error = queue.put(Queue::<u32>::unbounded().unwrap()).unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Encode);
    assert!(error.to_string().contains("a handle can't be in an item"));
    error.into_inner().put(1).unwrap();
    assert!(queue.is_empty());

    struct Never;
    impl Serialize for Never {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it doesn't want to"))
        }
    }
    impl<'de> Deserialize<'de> for Never {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("nor this"))
        }
    }
    let queue = Queue::unbounded().unwrap();
    let error = Error::from(queue.put(Never).unwrap_err()).to_string();
    assert_eq!(
        error,
        "put: the item can't be serialized: it doesn't want to"
    );
    let numbers = Queue::<u32> {
        inner: queue.inner.clone(),
        items: PhantomData,
    };
    numbers.put(1).unwrap();
    let error = queue.try_get().err().unwrap();
    assert_eq!(error.kind(), GetErrorKind::Decode);
    let error = Error::from(error).to_string();
    assert_eq!(error, "get: the item can't be deserialized: nor this");
    assert!(queue.is_empty());
}

#[test]
fn what_no_queue_has_made_is_refused() {
    let made = |len| crate::sys::memory::create(c"test", len).unwrap();
    let queue = Inner::create(1).unwrap();
    let (control, items, alarm) = (queue.control.fd(), queue.ring.fd(), queue.alarm.fd());
    let own = |fd: &Arc<std::os::fd::OwnedFd>| fd.try_clone().unwrap();
    assert!(Inner::open(own(control), own(items), own(alarm)).is_ok());
    assert!(Inner::open(own(items), own(control), own(alarm)).is_err());
    for len in [0, 4096, 1 << 15, (1 << 20) + 4096] {
        assert!(
            Inner::open(own(control), made(len), own(alarm)).is_err(),
            "{len}"
        );
    }
    assert!(Inner::open(own(control), made(1 << 20), own(alarm)).is_ok());
    let (_read, pipe) = crate::sys::fd::pipe().unwrap();
    let blocking = nix::sys::eventfd::EventFd::new().unwrap();
    for other in [own(items), pipe, blocking.into()] {
        assert!(Inner::open(own(control), own(items), other).is_err());
    }
}

/// Whatever is written over the memory, there are errors or wrong items, and nothing else.
#[test]
fn damaged_memory_gives_errors() {
    within(LONG, || {
        let mut random = Random(88_172_645_463_325_252);
        let mut damaged = 0;
        for round in 0..3000 {
            let queue = Queue::<Bytes>::bounded(1000).unwrap();
            for len in [3, 5000, 70_000] {
                queue.put(vec![7; len].into()).unwrap();
            }
            scribble(&queue, &mut random, round);
            for _ in 0..4 {
                let put = queue.try_put(vec![1; 100].into());
                damaged +=
                    usize::from(put.is_err_and(|error| error.kind() == PutErrorKind::Damaged));
                let got = queue.try_get();
                damaged +=
                    usize::from(got.is_err_and(|error| error.kind() == GetErrorKind::Damaged));
                let _ = (queue.task_done(), queue.len(), queue.is_full());
                queue.join_timeout(Duration::ZERO);
            }
            queue.close();
        }
        assert!(damaged > 1000, "{damaged}");
    });
}

/// The turnstile is held as long as somebody sleeps.
#[test]
fn a_short_time_is_short_behind_others_that_sleep() {
    let (empty, full) = (
        Queue::<u32>::unbounded().unwrap(),
        Queue::bounded(1).unwrap(),
    );
    full.put(1).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| empty.get());
        scope.spawn(|| full.put(2));
        thread::sleep(SHORT);
        let start = std::time::Instant::now();
        let got = empty.get_timeout(Duration::from_millis(1));
        let put = full.put_timeout(3, Duration::from_millis(1));
        let time = start.elapsed();
        empty.close();
        full.close();
        assert_eq!(got.unwrap_err().kind(), GetErrorKind::Empty);
        assert_eq!(put.unwrap_err().kind(), PutErrorKind::Full);
        assert!(time < Duration::from_millis(60), "{time:?}");
    });
}

/// As if it were stopped.
#[test]
fn who_stands_behind_one_that_does_not_go_on_looks_when_its_time_is_up() {
    let (empty, full) = (
        Queue::<u32>::unbounded().unwrap(),
        Queue::bounded(1).unwrap(),
    );
    full.put(1).unwrap();
    let sides = [empty.inner.items(), full.inner.room()];
    let _held = sides.map(|side| inner::Held::take(side.turnstile, Deadline::NEVER));
    thread::scope(|scope| {
        let got = scope.spawn(|| empty.get_timeout(5 * SHORT));
        let put = scope.spawn(|| full.put_timeout(2, 5 * SHORT));
        thread::sleep(2 * SHORT);
        empty.put(1).unwrap();
        full.get().unwrap();
        assert_eq!(got.join().unwrap().unwrap(), 1);
        put.join().unwrap().unwrap();
    });
    assert_eq!(full.len(), 1);
}

fn scribble(queue: &Queue<Bytes>, random: &mut Random, round: u32) {
    let control = queue.inner.control.body();
    // Small numbers do other harm than large ones.
    let mut number = |was: u64| match random.next() % 4 {
        0 => random.next(),
        1 => random.next() % 64,
        2 => was ^ 1 << (random.next() % 64),
        _ => was.wrapping_add(random.next() % 4096),
    };
    let words = [
        &control.putting.tail,
        &control.putting.head_seen,
        &control.putting.halves,
        &control.getting.head,
        &control.getting.tail_seen,
        &control.done_count,
    ];
    let halves = |word: &AtomicU32, number: u64| word.store(number as u32, SeqCst);
    match round % 4 {
        0 => {
            for word in words {
                word.store(number(word.load(SeqCst)), SeqCst);
            }
        }
        1 => {
            let word = words[number(0) as usize % words.len()];
            word.store(number(word.load(SeqCst)), SeqCst);
        }
        2 => {
            halves(&control.common.lap, number(13) % 40);
            halves(&control.items_flag, number(0));
            halves(&control.room_flag, number(0));
            halves(&control.putting.armed, number(0));
            halves(&control.joiners.finished, number(0));
            control.putting.provided.store(number(0), SeqCst);
        }
        _ => {
            let head = control.head().position;
            for at in 0..4 {
                let at = head.wrapping_add(at);
                let was = queue.inner.ring.word(Lap::SMALLEST, at);
                queue.inner.ring.put_word(Lap::SMALLEST, at, number(was));
            }
            for _ in 0..100 {
                let at = number(0) as u32;
                queue.inner.ring.put_word(Lap::SMALLEST, at, number(0));
            }
        }
    }
}
