//! The system calls, a group a file: all `unsafe` of the life cycle is here, behind safe functions.

pub(crate) mod at_exit;
pub(crate) mod at_fork;
pub(crate) mod auxv;
pub(crate) mod bell;
pub(crate) mod environment;
pub(crate) mod fd;
pub(crate) mod futex;
pub(crate) mod hint;
pub(crate) mod interrupt;
pub(crate) mod launch;
pub(crate) mod lifeline;
pub(crate) mod limit;
pub(crate) mod memory;
pub(crate) mod pidfd;
pub(crate) mod pipe;
pub(crate) mod process_tree;
pub(crate) mod robust;
pub(crate) mod socket;
pub(crate) mod thread;
pub(crate) mod timer;
pub(crate) mod wait;
