//! The end of this process, and of its children before it.

use crate::process::child::Child;
use crate::reaper;
use crate::sys::wait::Deadline;
use std::io::{self, Write};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Milliseconds between SIGTERM and SIGKILL.
static GRACE: AtomicU64 = AtomicU64::new(1000);

/// How long a killed process may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Sets how long children that are ended with this process have between SIGTERM and SIGKILL: its
/// daemons, and all of them in [`terminate_all`]. The default is a second.
pub fn set_termination_grace(time: Duration) {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    GRACE.store(milliseconds, Ordering::Relaxed);
}

/// Ends all children of this process, daemons or not: SIGTERM, and SIGKILL for those that are still
/// there after a second (or [another time](set_termination_grace)).
///
/// When it returns they have ended. For programs that must not wait for their children at their
/// end; called before that, it leaves nothing to wait for.
pub fn terminate_all() {
    end(&reaper::children());
}

/// Called by `exit`: daemons are terminated, the others are joined.
pub(crate) extern "C" fn at_exit() {
    if reaper::is_fork() {
        return;
    }
    // Nothing may unwind into the C library. A panic has been printed.
    let _ = catch_unwind(|| {
        // Nobody will read what comes from pipes, and a child must not wait for that.
        reaper::children()
            .iter()
            .for_each(|child| child.close_pipes());
        // Again and again, since other threads may go on to start some.
        loop {
            let (daemons, others): (Vec<_>, Vec<_>) = reaper::children()
                .into_iter()
                .partition(|child| child.daemon);
            end(&daemons);
            let Some(child) = others.first() else { break };
            report(child, child.wait(Deadline::NEVER).map(|_| ()));
            reaper::forget(child.serial);
        }
    });
}

fn end(children: &[Arc<Child>]) {
    let grace = Duration::from_millis(GRACE.load(Ordering::Relaxed));
    // All are told before any is waited for.
    children
        .iter()
        .for_each(|child| report(child, child.signal(libc::SIGTERM)));
    let deadline = Deadline::after(grace);
    let is_left = |child: &&Arc<Child>| !matches!(child.wait(deadline), Ok(Some(_)));
    let left: Vec<_> = children.iter().filter(is_left).collect();
    left.iter()
        .for_each(|child| report(child, child.signal(libc::SIGKILL)));
    // Who is traced can be dead and not to be reaped.
    let deadline = Deadline::after(KILL_GRACE);
    for child in left {
        report(child, child.wait(deadline).map(|_| ()));
    }
}

fn report(child: &Child, result: io::Result<()>) {
    if let Err(error) = result {
        // Not by a macro that panics where standard error is closed.
        let _ = writeln!(
            io::stderr(),
            "offspring: can't end process {} ('{}'): {error}",
            child.pid,
            child.name
        );
    }
}
