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
