//! Who this process is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many levels of processes may start processes, unless said otherwise.
const DEPTH_LIMIT: u32 = 100;

/// What a process knows of itself. In a child it comes with the order.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) daemon: bool,
    /// Whether it may start children though it is a daemon.
    pub(crate) may_spawn: bool,
    /// The numbers of the processes on the way here: 1, 2 is `Process-1:2`.
    pub(crate) lineage: Vec<u32>,
    pub(crate) parent: Option<Parent>,
}

#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

static IDENTITY: OnceLock<Identity> = OnceLock::new();
static LIMIT: AtomicU32 = AtomicU32::new(DEPTH_LIMIT);

pub(crate) fn identity() -> &'static Identity {
    IDENTITY.get_or_init(|| Identity {
        name: "MainProcess".to_owned(),
        daemon: false,
        may_spawn: false,
        lineage: Vec::new(),
        parent: None,
    })
}

/// Called once, in a child, before anything asks.
pub(crate) fn become_child(identity: Identity, depth_limit: u32) {
    LIMIT.store(depth_limit, Ordering::Relaxed);
    let first = IDENTITY.set(identity);
    debug_assert!(first.is_ok());
}

/// The lineage of the next child.
pub(crate) fn next_lineage() -> Vec<u32> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    identity().lineage.iter().copied().chain([number]).collect()
}

/// Python's default: `Process-1`, and its first child `Process-1:1`.
pub(crate) fn default_name(lineage: &[u32]) -> String {
    let numbers: Vec<_> = lineage.iter().map(u32::to_string).collect();
    format!("Process-{}", numbers.join(":"))
}

pub(crate) fn depth_limit() -> u32 {
    LIMIT.load(Ordering::Relaxed)
}

/// Sets how many levels deep processes may start processes; the default is 100.
///
/// A program that starts itself by mistake ends at this depth with an error instead of filling the
/// machine. Children inherit the limit that holds when they are started.
pub fn set_depth_limit(levels: u32) {
    LIMIT.store(levels, Ordering::Relaxed);
}
