//! Places at which a test kills the process that comes by: `OFFSPRING_FAULT` names one. Compiled in
//! with `--cfg offspring_faults` only.

/// Kills this process if the test has chosen this place.
#[cfg(offspring_faults)]
pub(crate) fn point(place: &str) {
    if is_chosen(place) {
        die();
    }
}

#[cfg(not(offspring_faults))]
pub(crate) fn point(_: &str) {}

/// Sends the first bytes of a frame and dies, if the test has chosen this place.
#[cfg(offspring_faults)]
pub(crate) fn half_sent(
    place: &str,
    frame: &crate::wire::frame::Outgoing<'_>,
    socket: std::os::fd::BorrowedFd<'_>,
) {
    if is_chosen(place) {
        frame.send_half(socket);
        die();
    }
}

#[cfg(not(offspring_faults))]
pub(crate) fn half_sent(
    _: &str,
    _: &crate::wire::frame::Outgoing<'_>,
    _: std::os::fd::BorrowedFd<'_>,
) {
}

#[cfg(offspring_faults)]
fn is_chosen(place: &str) -> bool {
    std::env::var_os("OFFSPRING_FAULT").is_some_and(|chosen| chosen == place)
}

#[cfg(offspring_faults)]
fn die() -> ! {
    let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    unreachable!("SIGKILL can't be blocked")
}

/// A step of a protocol between processes: the unit tests end a thread at each.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn step() {}

#[cfg(test)]
pub(crate) use steps::{dies_at, step};

#[cfg(test)]
mod steps {
    #![allow(unsafe_code)] // a death

    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    thread_local! {
        static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
    }

    pub(crate) fn step() {
        let left = LEFT.get();
        if left == 0 {
            // SAFETY: ends this thread as a death of its process would: nothing is dropped, and the kernel goes through its
            // list of locks. Its stack is never freed, for nobody joins it.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        }
        if left != u32::MAX {
            LEFT.set(left - 1);
        }
    }

    /// Does something in a thread that dies after so many steps. The second number is 1 once all was done, the first is that of the thread.
    pub(crate) fn dies_at(
        step: u32,
        what: impl FnOnce() + Send + 'static,
    ) -> (u32, Arc<AtomicU32>) {
        let done = Arc::new(AtomicU32::new(0));
        let (tell, told) = std::sync::mpsc::channel();
        let finished = done.clone();
        std::mem::forget(std::thread::spawn(move || {
            tell.send(nix::unistd::gettid().as_raw().unsigned_abs())
                .unwrap();
            LEFT.set(step);
            what();
            LEFT.set(u32::MAX);
            finished.store(1, SeqCst);
        }));
        (told.recv().unwrap(), done)
    }
}
