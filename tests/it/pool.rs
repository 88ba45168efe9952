//! Pools: what they give, and what they lose when a worker dies, which is its one task.

use crate::support::{eventually, run, subject, watchdog};
use offspring::{JoinErrorKind, Pool, TaskErrorKind, call, subprocess};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

#[subprocess]
fn square(x: u64) -> u64 {
    x * x
}

#[subprocess]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[subprocess]
fn pid() -> u32 {
    std::process::id()
}

#[subprocess]
fn sleep(seconds: f64) -> f64 {
    thread::sleep(Duration::from_secs_f64(seconds));
    seconds
}

#[subprocess]
fn end_by(how: &str) -> u8 {
    use nix::sys::signal::{Signal, raise};
    eprintln!("about to {how}");
    match how {
        "error" => 1,
        "panic" => panic!("in a task"),
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        "SIGKILL" => raise(Signal::SIGKILL).map(|()| 0).unwrap(),
        "SIGSEGV" => loop {
            raise(Signal::SIGSEGV).unwrap();
        },
        "stuck" => loop {
            std::hint::spin_loop();
        },
        _ => 7,
    }
}

fn kind_of(error: &offspring::TaskError) -> JoinErrorKind {
    match error.kind() {
        TaskErrorKind::Failed(kind) => kind.clone(),
        other => panic!("{other:?}"),
    }
}

#[offspring::test]
fn results_come_in_order_for_any_chunk_size() -> Whole {
    let _watchdog = watchdog();
    for chunk in [None, Some(1), Some(7), Some(1000)] {
        let pool = Pool::builder().workers(2);
        let pool = chunk
            .map_or(Pool::builder().workers(2), |n| pool.chunk_size(n))
            .start()?;
        let expected: Vec<u64> = (0..200).map(|x| x * x).collect();
        assert_eq!(pool.apply(call!(square, 12))?, 144);
        assert_eq!(pool.map(call!(square, _), 0..200)?, expected);
        let each: Result<Vec<_>, _> = pool
            .map_each(call!(square, _), 0..200)
            .into_iter()
            .collect();
        assert_eq!(each?, expected);
        let ordered: Result<Vec<_>, _> = pool.imap(call!(square, _), 0..200).collect();
        assert_eq!(ordered?, expected);
        let mut unordered = vec![0; 200];
        for (number, result) in pool.imap_unordered(call!(square, _), 0..200) {
            unordered[number] = result?;
        }
        assert_eq!(unordered, expected);
        assert_eq!(pool.map(call!(add, _, _), [(1, 2), (3, 4)])?, [3, 7]);
        assert_eq!(pool.map(call!(add, _, kwargs<b = 10>), [1, 2])?, [11, 12]);
        assert_eq!(pool.map(call!(square, _), [])?, [] as [u64; 0]);
        assert_eq!(pool.imap(call!(square, _), []).count(), 0);
    }
    Ok(())
}

#[offspring::test]
fn tasks_are_got_later_with_times_and_as_futures() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(2)?;
    let mut slow = pool.apply_async(call!(sleep, 0.3))?;
    assert!(slow.get_timeout(Duration::from_millis(20)).is_none());
    assert!(!slow.ready());
    assert_eq!(slow.get_timeout(Duration::from_secs(30)).unwrap()?, 0.3);
    assert!(slow.ready());
    // It is gone now, which is no reason to wait for ever.
    assert!(slow.get().is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    assert_eq!(runtime.block_on(pool.apply_async(call!(square, 6))?)?, 36);
    let last = pool.apply_async(call!(square, 7))?;
    pool.join()?;
    assert_eq!(last.get()?, 49);
    Ok(())
}

#[offspring::test]
fn what_is_wrong_with_a_pool_or_a_call_is_said() -> Whole {
    let _watchdog = watchdog();
    let error = Pool::new(0).unwrap_err();
    assert_eq!(error.to_string(), "a pool needs at least one worker");
    let pool = Pool::new(1)?;
    let error = pool.apply_async(call!(square, 1).name("x")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`name` is for a process of its own"),
        "{error}"
    );
    let error = pool.apply(call!(square, 1).current_dir("/")).unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Refused);
    assert!(error.to_string().contains("`current_dir`"), "{error}");
    let error = call!(square, 1).retries(1).start().unwrap_err();
    assert!(
        error.to_string().contains("`retries` is for tasks"),
        "{error}"
    );
    pool.close();
    let error = pool.apply(call!(square, 1)).unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Closed);
    Ok(())
}

#[offspring::test]
fn a_pool_that_is_dropped_ends_its_workers_and_tasks() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(2)?;
    let worker = pool.apply(call!(pid))?;
    let tasks = [
        pool.apply_async(call!(sleep, 100.0))?,
        pool.apply_async(call!(sleep, 100.0))?,
    ];
    drop(pool);
    for task in tasks {
        assert_eq!(*task.get().unwrap_err().kind(), TaskErrorKind::Closed);
    }
    assert!(!crate::support::is_there(worker));
    Ok(())
}

#[offspring::test]
fn each_end_of_a_task_costs_that_task_and_nothing_else() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(2)?;
    for how in ["panic", "exit", "abort", "SIGKILL", "SIGSEGV"] {
        let inputs = ["fine", "error", how, "fine", "fine", "fine"];
        let results = pool.map_each(call!(end_by, _), inputs);
        for (input, result) in inputs.iter().zip(&results) {
            match *input {
                "fine" => assert_eq!(*result.as_ref().unwrap(), 7),
                "error" => assert_eq!(*result.as_ref().unwrap(), 1),
                _ => {}
            }
        }
        let error = results[2].as_ref().unwrap_err();
        let (kind, code) = (kind_of(error), error.exitcode());
        match how {
            "panic" => assert!(
                matches!(kind, JoinErrorKind::Panicked { message, .. } if message == "in a task")
            ),
            "exit" => assert_eq!((kind, code), (JoinErrorKind::Exited(3), Some(3))),
            "abort" => assert_eq!(code, Some(-6)),
            "SIGKILL" => assert_eq!(code, Some(-9)),
            _ => assert_eq!(code, Some(-11)),
        }
        assert!(error.worker_pid().is_some() && error.task().is_some());
        if how != "panic" {
            assert!(
                error.stderr().contains(&format!("about to {how}")),
                "{error}"
            );
        }
    }
    assert_eq!(pool.map(call!(square, _), 0..10)?.len(), 10);
    Ok(())
}

#[offspring::test]
fn a_task_whose_time_is_up_is_replaced() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(1)?;
    let results = pool.map_each(
        call!(end_by, _).timeout(Duration::from_millis(200)),
        ["fine", "stuck", "fine", "stuck", "fine"],
    );
    let ends: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().map_err(kind_of))
        .collect();
    let late = Err(JoinErrorKind::TimedOut);
    assert_eq!(ends, [Ok(&7), late.clone(), Ok(&7), late, Ok(&7)]);
    Ok(())
}

#[offspring::test]
fn cancelled_tasks_never_run_or_have_their_worker_killed() -> Whole {
    let _watchdog = watchdog();
    let marker = std::env::temp_dir().join(format!("offspring-cancel-{}", std::process::id()));
    #[subprocess]
    fn mark(path: &std::path::Path) {
        std::fs::write(path, "ran").unwrap();
    }
    let pool = Pool::new(1)?;
    let running = pool.apply_async(call!(sleep, 1000.0))?;
    let queued = pool.apply_async(call!(mark, &marker))?;
    let after = pool.apply_async(call!(square, 3))?;
    // It has to run before it is cancelled.
    thread::sleep(Duration::from_millis(300));
    queued.cancel();
    running.cancel();
    assert_eq!(after.get()?, 9);
    assert!(!marker.exists());
    Ok(())
}

#[offspring::test]
fn a_task_may_be_done_again_if_it_is_allowed_to() -> Whole {
    let _watchdog = watchdog();
    #[subprocess]
    fn die_the_first_times(path: &std::path::Path, times: usize) -> usize {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(b"x").unwrap();
        let tries = std::fs::metadata(path).unwrap().len() as usize;
        if tries <= times {
            std::process::abort();
        }
        tries
    }
    let path =
        |name: &str| std::env::temp_dir().join(format!("offspring-{name}-{}", std::process::id()));
    let pool = Pool::new(2)?;
    let (once, often) = (path("once"), path("often"));
    assert_eq!(
        pool.apply(call!(die_the_first_times, &once, 2).retries(2))?,
        3
    );
    let error = pool
        .apply(call!(die_the_first_times, &often, 10).retries(2))
        .unwrap_err();
    assert_eq!(error.exitcode(), Some(-6));
    assert_eq!(std::fs::metadata(&often)?.len(), 3);
    std::fs::remove_file(once)?;
    std::fs::remove_file(often)?;
    Ok(())
}

#[offspring::test]
fn a_killed_idle_worker_is_not_noticed() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(2)?;
    for round in 0..20 {
        let worker = pool.apply(call!(pid))?;
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(worker as i32),
            nix::sys::signal::Signal::SIGKILL,
        )?;
        // At once: the pool may not know yet.
        assert_eq!(pool.apply(call!(square, round))?, round * round);
        assert_eq!(pool.apply(call!(square, round))?, round * round);
    }
    Ok(())
}

static STATE: OnceLock<u64> = OnceLock::new();

#[subprocess]
fn set_state(value: u64) -> Result<(), String> {
    match value {
        13 => Err("unlucky".into()),
        14 => panic!("worse"),
        15 => std::process::exit(5),
        value => STATE.set(value).map_err(|_| "twice".to_owned()),
    }
}

#[subprocess]
fn state() -> u64 {
    *STATE.get().unwrap()
}

#[offspring::test]
fn the_initializer_runs_once_in_each_worker_and_its_state_reaches_the_tasks() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::builder()
        .workers(2)
        .tasks_per_worker(3)
        .initializer(call!(set_state, 77));
    let pool = pool.start()?;
    for _ in 0..20 {
        assert_eq!(pool.apply(call!(state))?, 77);
    }
    Ok(())
}

#[offspring::test]
fn an_initializer_that_fails_breaks_the_pool_with_its_cause() -> Whole {
    let _watchdog = watchdog();
    for (value, cause) in [
        (13, "set_state() returned an Err"),
        (14, "the initializer panicked: worse"),
        (15, "before it was ready, by exit code 5"),
    ] {
        let pool = Pool::builder()
            .workers(2)
            .initializer(call!(set_state, value))
            .start()?;
        let error = pool.apply(call!(state)).unwrap_err();
        assert_eq!(*error.kind(), TaskErrorKind::Broken);
        assert!(error.to_string().contains(cause), "{error}");
        let error = pool.apply(call!(state)).unwrap_err();
        assert_eq!(*error.kind(), TaskErrorKind::Broken);
        let error = pool.join().unwrap_err();
        assert!(error.to_string().contains(cause), "{error}");
    }
    Ok(())
}

#[offspring::test]
fn workers_are_replaced_after_so_many_tasks() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::builder().workers(1).tasks_per_worker(3).start()?;
    let tasks = (0..12)
        .map(|_| pool.apply_async(call!(pid)))
        .collect::<Result<Vec<_>, _>>()?;
    let pids = tasks
        .into_iter()
        .map(|task| task.get())
        .collect::<Result<Vec<_>, _>>()?;
    for group in pids.chunks(3) {
        assert!(group.iter().all(|pid| *pid == group[0]));
    }
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 4);
    Ok(())
}

#[offspring::test]
fn a_worker_over_its_memory_limit_costs_its_task() -> Whole {
    let _watchdog = watchdog();
    #[subprocess]
    fn gulp(mebibytes: usize) -> usize {
        std::hint::black_box(vec![1_u8; mebibytes << 20]).len()
    }
    let pool = Pool::builder().workers(1).memory_limit(64 << 20).start()?;
    let results = pool.map_each(call!(gulp, _), [1, 1000, 2]);
    assert_eq!(results[0].as_ref().ok(), Some(&(1 << 20)));
    let error = results[1].as_ref().unwrap_err();
    let kind = kind_of(error);
    let is_told = matches!(
        kind,
        JoinErrorKind::MemoryLimit | JoinErrorKind::Signaled { signal: 6, .. }
    );
    assert!(is_told, "{error}");
    assert_eq!(results[2].as_ref().ok(), Some(&(2 << 20)));
    Ok(())
}

#[offspring::test]
fn endless_inputs_are_looked_ahead_so_far_and_no_further() -> Whole {
    let _watchdog = watchdog();
    let taken = std::cell::Cell::new(0_u64);
    let inputs = (0..).inspect(|_| taken.set(taken.get() + 1));
    let pool = Pool::builder().workers(2).look_ahead(10).start()?;
    let mut results = pool.imap(call!(square, _), inputs);
    for x in 0..500 {
        assert_eq!(results.next().unwrap()?, x * x);
        assert!(taken.get() <= x + 11, "{} taken for {x}", taken.get());
    }
    Ok(())
}

#[offspring::test]
fn results_of_a_map_are_awaited_one_by_one() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(2)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let mut results = pool.imap(call!(square, _), 0..100);
        for x in 0..100 {
            assert_eq!(results.next_async().await.unwrap().unwrap(), x * x);
        }
        assert!(results.next_async().await.is_none());
        let mut results = pool.imap_unordered(call!(square, _), 0..100);
        let mut sum = 0;
        while let Some((x, result)) = results.next_async().await {
            assert_eq!(result.unwrap(), (x * x) as u64);
            sum += x;
        }
        assert_eq!(sum, 4950);
    });
    Ok(())
}

#[offspring::test]
fn a_map_can_end_with_its_first_error() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::builder()
        .workers(2)
        .chunk_size(1)
        .fail_fast(true)
        .start()?;
    let start = Instant::now();
    #[subprocess]
    fn fail_or_sleep(x: u32) {
        match x {
            0 => panic!("first"),
            _ => thread::sleep(Duration::from_secs(20)),
        }
    }
    let error = pool.map(call!(fail_or_sleep, _), 0..100).unwrap_err();
    assert!(matches!(kind_of(&error), JoinErrorKind::Panicked { .. }));
    assert!(start.elapsed() < Duration::from_secs(15));
    Ok(())
}

#[offspring::test]
fn a_pool_works_inside_of_a_pool() -> Whole {
    let _watchdog = watchdog();
    #[subprocess]
    fn sum_of_squares(to: u64) -> u64 {
        let pool = Pool::new(2).unwrap();
        pool.map(call!(square, _), 0..to).unwrap().into_iter().sum()
    }
    let pool = Pool::new(2)?;
    assert_eq!(pool.map(call!(sum_of_squares, _), [3, 4, 5])?, [5, 14, 30]);
    Ok(())
}

#[offspring::test]
fn several_pools_at_once_and_large_values() -> Whole {
    let _watchdog = watchdog();
    #[subprocess]
    fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }
    let pools = [Pool::new(1)?, Pool::new(2)?];
    thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| {
                let inputs = (0..10_u8).map(|n| vec![n; 300_000 + usize::from(n)]);
                let results = pool.map(call!(reverse, _), inputs).unwrap();
                assert!(
                    results
                        .iter()
                        .enumerate()
                        .all(|(n, r)| r.len() == 300_000 + n && r[7] == n as u8)
                );
            });
        }
    });
    Ok(())
}

#[test]
fn an_interrupt_ends_the_program_and_its_workers_without_a_trace() {
    let _watchdog = watchdog();
    let output = run(subject("pool-interrupted"));
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(output.status.signal(), Some(2), "{output:#?}");
    assert_eq!(
        (output.lines(), &*output.stderr),
        (vec![], ""),
        "{output:#?}"
    );
}

#[test]
fn an_interrupt_can_be_one_clean_error() {
    let _watchdog = watchdog();
    let output = run(subject("pool-catches-interrupt"));
    assert_eq!(output.status.code(), Some(0), "{output:#?}");
    assert_eq!(
        output.lines(),
        ["interrupted: true, after that: true"],
        "{output:#?}"
    );
    assert_eq!(output.stderr, "", "{output:#?}");
}

/// How many descriptors, and KiB of memory, this process has.
fn usage() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let fds = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (
        fds,
        memory.split_whitespace().next().unwrap().parse().unwrap(),
    )
}

/// One worker is killed every 20 ms. `OFFSPRING_STORM` is the number of tasks, by default 2,000; a
/// soak is `OFFSPRING_STORM=100000 cargo test -p offspring-tests --test it storm -- --nocapture`.
#[offspring::test]
fn a_storm_of_kills_loses_nothing_that_may_be_done_again() -> Whole {
    const ROUND: u64 = 500;
    let tasks = std::env::var("OFFSPRING_STORM").map(|text| text.parse().expect("a number"));
    let rounds = tasks.unwrap_or(2_000_u64).div_ceil(ROUND);
    let _watchdog = crate::support::watchdog_of(Duration::from_secs(60 + rounds));
    let pool = Pool::builder().workers(2).name("Stormy").start()?;
    let killed = std::sync::atomic::AtomicU64::new(0);
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    let mut first = None;
    let results = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(order) {
                thread::sleep(Duration::from_millis(20));
                let children = offspring::active_children();
                let worker = children
                    .iter()
                    .find(|child| child.name().starts_with("Stormy"));
                worker.iter().for_each(|worker| worker.kill().unwrap());
                killed.fetch_add(u64::from(worker.is_some()), order);
            }
        });
        let results = (0..rounds).try_for_each(|round| {
            let results = pool.map(call!(slow_square, _).retries(1000), 0..ROUND)?;
            let are_right = results
                .iter()
                .zip(0_u64..)
                .all(|(result, x)| *result == x * x);
            assert!(
                are_right && results.len() as u64 == ROUND,
                "in round {round}"
            );
            first.get_or_insert_with(usage);
            Ok::<_, offspring::TaskError>(())
        });
        done.store(true, order);
        results
    });
    results?;
    eventually("the pool still works", || {
        pool.apply(call!(square, 2)).is_ok()
    });
    let (before, after) = (first.unwrap(), usage());
    println!(
        "{} tasks, {} workers killed; descriptors and KiB after the first {ROUND} and at the end: {before:?}, {after:?}",
        rounds * ROUND,
        killed.load(order)
    );
    // Other tests run beside this one, with descriptors of their own.
    assert!(after.0 < before.0 + 100 && after.1 < before.1 + 64 * 1024);
    Ok(())
}

/// Long enough to be hit.
#[subprocess]
fn slow_square(x: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(200) {
        std::hint::spin_loop();
    }
    x * x
}
