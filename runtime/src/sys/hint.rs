//! What to do about the limits that people run into.

use std::io;

/// To follow the text of a system's error.
pub(crate) fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => " (the limit of this process; see `ulimit -n`)",
        Some(libc::EAGAIN) => " (a limit on processes; see `ulimit -u` and the cgroup's pids.max)",
        Some(libc::ETOOMANYREFS) => {
            " (this user's processes have sent too many descriptors that wait to be received; see \
             `ulimit -n`)"
        }
        _ => "",
    }
}
