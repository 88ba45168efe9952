//! The process's own environment: environ(7).
#![allow(unsafe_code)] // `remove_var` races with readers that bypass std's lock

/// Takes `name` out of the environment.
pub(crate) fn take(name: &str) -> Option<std::ffi::OsString> {
    let value = std::env::var_os(name)?;
    // SAFETY: std's own readers are locked out. Readers through the C library would have to run
    // on another thread; this is called once, at the entry of a child process, before user code
    // was given a chance to start any (`init` tells users to call it first).
    unsafe { std::env::remove_var(name) };
    Some(value)
}
