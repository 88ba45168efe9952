//! The life of a process as its parent sees it.

use crate::support::{eventually, watchdog};
use offspring::{
    ExitStatus, Process, active_children, call, current_process, parent_process, spawn, subprocess,
};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

/// What a process knows of itself and of its parent.
type Identity = (u32, String, bool, Option<(u32, String)>);

#[subprocess]
fn identify() -> Identity {
    let me = current_process();
    let parent = parent_process().map(|parent| (parent.pid(), parent.name().to_owned()));
    (me.pid(), me.name().to_owned(), me.daemon(), parent)
}

#[subprocess]
fn identify_child_of_mine() -> (Identity, Identity) {
    let child = spawn!(identify).unwrap();
    let seen_from_here = (child.pid(), child.name().to_owned(), child.daemon(), None);
    (seen_from_here, child.join().unwrap())
}

#[subprocess]
fn sleep(seconds: f64) {
    thread::sleep(Duration::from_secs_f64(seconds));
}

#[subprocess]
fn nothing() {}

#[subprocess]
fn is_parent_alive() -> bool {
    parent_process().is_some_and(|parent| parent.is_alive() && parent.exitcode().is_none())
}

/// Sleeps "for ever", in terms of a test.
fn sleeper() -> Process<()> {
    spawn!(sleep, 100.0).unwrap()
}

#[offspring::test]
fn the_main_process_knows_itself() {
    let me = current_process();
    assert_eq!((me.pid(), me.name()), (std::process::id(), "MainProcess"));
    assert!(me.is_alive() && !me.daemon() && me.exitcode().is_none());
    assert!(parent_process().is_none());
    assert!(me.wait().unwrap_err().to_string().contains("its own end"));
}

#[offspring::test]
fn a_child_knows_itself_as_its_parent_does() -> Whole {
    let _watchdog = watchdog();
    for daemon in [false, true] {
        let child = call!(identify).name("Mary").daemon(daemon).start()?;
        assert_eq!((child.name(), child.daemon()), ("Mary", daemon));
        let pid = child.pid();
        let parent = Some((std::process::id(), "MainProcess".to_owned()));
        assert_eq!(child.join()?, (pid, "Mary".to_owned(), daemon, parent));
    }
    assert!(spawn!(is_parent_alive)?.join()?);
    Ok(())
}

#[offspring::test]
fn processes_are_numbered_as_in_python() -> Whole {
    let _watchdog = watchdog();
    let child = spawn!(identify_child_of_mine)?;
    let name = child.name().to_owned();
    assert!(
        name.strip_prefix("Process-")
            .unwrap()
            .parse::<u32>()
            .is_ok(),
        "{name}"
    );
    let pid = child.pid();
    let (seen, told) = child.join()?;
    assert_eq!(told.1, format!("{name}:1"));
    assert_eq!((seen.0, &seen.1, seen.2), (told.0, &told.1, told.2));
    assert_eq!(told.3, Some((pid, name)));
    Ok(())
}

#[offspring::test]
fn a_started_process_is_alive_and_active_and_a_joined_one_is_not() -> Whole {
    let _watchdog = watchdog();
    let child = sleeper();
    let listed = |pid| active_children().iter().any(|child| child.pid() == pid);
    assert!(child.is_alive() && listed(child.pid()));
    assert_eq!((child.exitcode(), child.try_wait()?), (None, None));
    child.terminate()?;
    assert_eq!(child.wait()?.exitcode(), Some(-15));
    assert!(!child.is_alive() && !listed(child.pid()));
    assert_eq!(child.exitcode(), Some(-15));
    Ok(())
}

#[offspring::test]
fn each_signal_is_told_as_a_negative_exit_code() -> Whole {
    let _watchdog = watchdog();
    type End = fn(&Process<()>) -> offspring::Result<()>;
    let ends: [(End, i32); 3] = [
        (Process::terminate, 15),
        (Process::kill, 9),
        (Process::interrupt, 2),
    ];
    for (end, signal) in ends {
        let child = sleeper();
        end(&child)?;
        let status = child.wait()?;
        assert_eq!(
            (status.exitcode(), status.signal()),
            (Some(-signal), Some(signal))
        );
        assert!(!status.success());
        // Once more does no harm.
        end(&child)?;
    }
    Ok(())
}

#[offspring::test]
fn waiting_again_returns_at_once_from_any_thread() -> Whole {
    let _watchdog = watchdog();
    let child = spawn!(nothing)?;
    let statuses: Vec<ExitStatus> = thread::scope(|scope| {
        let waits: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| child.wait().unwrap()))
            .collect();
        waits.into_iter().map(|wait| wait.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(ExitStatus::success));
    assert!(child.wait()?.success());
    assert!(child.wait_timeout(Duration::ZERO)?.is_some());
    child.join()?;
    Ok(())
}

#[offspring::test]
fn a_time_that_runs_out_gives_the_process_back() -> Whole {
    let _watchdog = watchdog();
    let mut child = sleeper();
    for _ in 0..3 {
        let start = Instant::now();
        child = child.join_timeout(Duration::from_millis(20)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(20));
    }
    assert_eq!(child.wait_timeout(Duration::from_millis(1))?, None);
    child.kill()?;
    let error = child
        .join_timeout(Duration::from_secs(30))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.exitcode(), Some(-9));
    Ok(())
}

#[offspring::test]
fn one_thread_waits_while_another_terminates() -> Whole {
    let _watchdog = watchdog();
    let child = sleeper();
    let waiting = AtomicBool::new(false);
    thread::scope(|scope| {
        let wait = scope.spawn(|| {
            waiting.store(true, Ordering::SeqCst);
            child.wait().unwrap()
        });
        eventually("the thread waits", || waiting.load(Ordering::SeqCst));
        child.terminate().unwrap();
        assert_eq!(wait.join().unwrap().exitcode(), Some(-15));
    });
    Ok(())
}

#[offspring::test]
fn close_is_refused_while_it_runs() -> Whole {
    let _watchdog = watchdog();
    let child = sleeper().close().unwrap_err();
    child.kill()?;
    child.wait()?;
    assert!(child.close().is_ok());
    Ok(())
}

fn is_readable(fd: impl AsFd, time: u16) -> bool {
    use nix::poll::{PollFd, PollFlags, poll};
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, time).unwrap() == 1
}

#[offspring::test]
fn the_sentinel_is_ready_when_the_process_has_ended_and_not_before() -> Whole {
    let _watchdog = watchdog();
    let child = sleeper();
    assert!(!is_readable(child.sentinel(), 20));
    child.kill()?;
    assert!(is_readable(child.sentinel(), 30_000));
    assert_eq!(
        child.try_wait()?.and_then(|status| status.signal()),
        Some(9)
    );
    assert!(is_readable(child.sentinel(), 0));
    Ok(())
}

/// The process's state letter, `Z` for a zombie; `None` once it is reaped.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim().chars().next()
}

#[offspring::test]
fn nobody_has_to_join_for_a_child_to_be_reaped() -> Whole {
    let _watchdog = watchdog();
    let kept = spawn!(nothing)?;
    let dropped = spawn!(nothing)?.pid();
    eventually("both are reaped", || {
        state(kept.pid()).is_none() && state(dropped).is_none()
    });
    let pids: Vec<_> = active_children().iter().map(|child| child.pid()).collect();
    assert!(!pids.contains(&kept.pid()) && !pids.contains(&dropped));
    kept.join()?;
    Ok(())
}

#[offspring::test]
fn a_child_that_was_waited_for_in_vain_is_reaped() -> Whole {
    let _watchdog = watchdog();
    let child = sleeper();
    // Long enough for the background to have had it before, and to get it back.
    thread::sleep(Duration::from_millis(60));
    assert_eq!(child.wait_timeout(Duration::from_millis(10))?, None);
    child.kill()?;
    eventually("it is reaped", || state(child.pid()).is_none());
    assert_eq!(child.exitcode(), Some(-9));
    Ok(())
}

#[subprocess]
fn square(x: u64) -> u64 {
    x * x
}

#[offspring::test]
fn a_hundred_at_once_all_answer() -> Whole {
    let _watchdog = watchdog();
    let children = (0..100)
        .map(|x| spawn!(square, x))
        .collect::<Result<Vec<_>, _>>()?;
    for (x, child) in (0..).zip(children) {
        assert_eq!(child.wait()?.exitcode(), Some(0));
        assert_eq!(child.join()?, x * x);
    }
    Ok(())
}

#[subprocess]
fn inherit() -> (bool, bool) {
    let flag = |call: offspring::Call<'_, bool>| call.start().map(|child| child.daemon());
    let inherited = flag(call!(daemon_flag)).unwrap();
    (inherited, flag(call!(daemon_flag).daemon(true)).unwrap())
}

#[subprocess]
fn daemon_flag() -> bool {
    current_process().daemon()
}

#[subprocess]
fn try_to_spawn() -> String {
    spawn!(nothing).unwrap_err().to_string()
}

#[offspring::test]
fn the_daemon_flag_is_inherited_unless_it_is_set() -> Whole {
    let _watchdog = watchdog();
    assert!(!spawn!(daemon_flag)?.join()?);
    assert!(spawn!(daemon_flag, daemon)?.join()?);
    assert!(!call!(daemon_flag).daemon(false).start()?.join()?);
    assert_eq!(spawn!(inherit)?.join()?, (false, true));
    Ok(())
}

#[offspring::test]
fn a_daemon_may_not_have_children() -> Whole {
    let _watchdog = watchdog();
    let text = call!(try_to_spawn)
        .name("imp")
        .daemon(true)
        .start()?
        .join()?;
    assert_eq!(
        text,
        "daemonic processes are not allowed to have children, and 'imp' is one; \
         call!(..).may_spawn(true) allows it"
    );
    Ok(())
}

#[offspring::test]
fn a_handle_outlives_the_process_and_its_owner() -> Whole {
    let _watchdog = watchdog();
    let child = sleeper();
    let handle = child.handle();
    drop(child);
    assert!(handle.is_alive());
    assert_eq!(handle.wait_timeout(Duration::from_millis(1))?, None);
    handle.clone().terminate()?;
    assert_eq!(handle.wait()?.exitcode(), Some(-15));
    assert_eq!((handle.is_alive(), handle.exitcode()), (false, Some(-15)));
    Ok(())
}

extern "C" fn ignore(_: nix::libc::c_int) {}

#[offspring::test]
fn signals_do_not_end_a_wait() -> Whole {
    use nix::sys::pthread::{pthread_kill, pthread_self};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    let _watchdog = watchdog();
    let action = SigAction::new(
        SigHandler::Handler(ignore),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing.
    #[allow(unsafe_code)]
    unsafe {
        sigaction(Signal::SIGUSR1, &action)?;
    }
    let child = spawn!(sleep, 0.3)?;
    let waiter = pthread_self();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                pthread_kill(waiter, Signal::SIGUSR1).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let waited = child.wait_timeout(Duration::from_millis(50));
        let status = child.wait();
        done.store(true, Ordering::SeqCst);
        assert_eq!(waited.unwrap(), None);
        assert!(status.unwrap().success());
    });
    Ok(())
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker))
        {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => thread::park(),
        }
    }
}

#[offspring::test]
fn a_process_is_a_future_of_its_result() -> Whole {
    let _watchdog = watchdog();
    assert_eq!(block_on(spawn!(square, 9)?)?, 81);
    // One that lives longer than the background's patience.
    let mut slow = spawn!(sleep, 0.1)?;
    block_on(&mut slow)?;
    assert!(slow.wait()?.success());
    Ok(())
}

#[offspring::test]
fn a_future_dropped_early_loses_nothing() -> Whole {
    let _watchdog = watchdog();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut child = spawn!(sleep, 0.1)?;
    for _ in 0..3 {
        let mut future = std::pin::pin!(&mut child);
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    assert!(child.is_alive());
    child.join()?;
    Ok(())
}

#[offspring::test]
fn the_thread_that_spawned_may_end_first() -> Whole {
    let _watchdog = watchdog();
    let child = thread::spawn(|| spawn!(sleep, 0.2)).join().unwrap()?;
    assert!(child.wait()?.success());
    Ok(())
}
