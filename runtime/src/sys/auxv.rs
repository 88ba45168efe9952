//! What the kernel told the process at its start: getauxval(3).
#![allow(unsafe_code)] // calls into the C library

/// Whether the program was started with raised privileges (set-user-id, capabilities),
/// so that its environment must not be believed.
pub(crate) fn is_secure() -> bool {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// An address inside of the program's own image.
pub(crate) fn program_headers() -> usize {
    // SAFETY: as above.
    unsafe { libc::getauxval(libc::AT_PHDR) as usize }
}
