//! Being a child: from the program's entry to its exit.

mod bootstrap;
mod execute;
mod panic;
mod run;
mod serve;

use bootstrap::Bootstrap;
use std::sync::OnceLock;

/// Tells a program that it is a child: `SOCKET:INODE:PIPE`, two descriptors and the socket's inode.
/// See [`crate::start`].
pub(crate) const VARIABLE: &str = "OFFSPRING_CHILD";

/// How a child of this process gets to its entry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Main,
    /// Through libtest, which is told to run this test and no other.
    Test(&'static str),
}

static WAY: OnceLock<Way> = OnceLock::new();

/// The way in, if this program has one.
pub(crate) fn way() -> Option<Way> {
    WAY.get().copied()
}

/// Makes child processes possible in a program whose `main` can't bear `#[offspring::main]`.
///
/// To be called first in `main`, before any thread is started: in a child it runs the child's
/// function and doesn't return; in any other process it returns at once.
///
/// ```
/// # use offspring::{spawn, subprocess};
/// #[subprocess]
/// fn answer() -> u32 {
///     42
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     offspring::init();
///     assert_eq!(spawn!(answer)?.join()?, 42);
///     Ok(())
/// }
/// ```
pub fn init() {
    enter();
}

/// What `#[offspring::main]` calls.
pub fn enter() {
    enter_by(Way::Main);
}

/// What `#[offspring::test]` calls, with the test's path from `module_path!`.
pub fn enter_test(path: &'static str) {
    // libtest's names have no crate in front.
    enter_by(Way::Test(
        path.split_once("::").map_or(path, |(_, name)| name),
    ));
}

fn enter_by(way: Way) {
    WAY.get_or_init(|| way);
    match bootstrap::take() {
        Bootstrap::None => {}
        Bootstrap::Foreign(why) => eprintln!("offspring: ignoring {VARIABLE}: {why}"),
        Bootstrap::Lost(why) => {
            eprintln!("offspring: {VARIABLE} was not meant for this process: {why}");
            std::process::exit(1);
        }
        Bootstrap::Orphan => std::process::exit(1),
        Bootstrap::Child(ends) => run::run(ends),
    }
}
