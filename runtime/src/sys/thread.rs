//! Threads of our own: no signal is delivered to them.

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread that blocks all signals.
pub(crate) fn spawn_deaf(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut mask = SigSet::empty();
    pthread_sigmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::all()),
        Some(&mut mask),
    )?;
    let thread = Builder::new().name(name.to_owned()).spawn(run);
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
    thread
}
