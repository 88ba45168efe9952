//! Our attribute and an async runtime's, in either order.

use crate::support::{run, watchdog};
use offspring::{spawn, subprocess};
use std::process::Command;

type Whole = Result<(), Box<dyn std::error::Error>>;

/// Would panic if the child ran inside of the test's runtime.
#[subprocess]
fn own_runtime() -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { std::process::id() })
}

#[offspring::test]
#[tokio::test]
async fn ours_above_the_runtimes() -> Whole {
    let _watchdog = watchdog();
    let child = spawn!(own_runtime)?;
    let pid = child.pid();
    assert_eq!(child.await?, pid);
    Ok(())
}

#[tokio::test]
#[offspring::test]
async fn ours_below_the_runtimes() -> Whole {
    let _watchdog = watchdog();
    let child = spawn!(own_runtime)?;
    let pid = child.pid();
    assert_eq!(child.await?, pid);
    Ok(())
}

#[offspring::test]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_awaited_by_reference_beside_a_timer() -> Whole {
    #[subprocess]
    fn sleep(milliseconds: u64) -> u64 {
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        milliseconds
    }
    let _watchdog = watchdog();
    let mut child = spawn!(sleep, 100)?;
    let early = tokio::time::timeout(std::time::Duration::from_millis(5), &mut child).await;
    assert!(early.is_err());
    assert_eq!(child.await?, 100);
    Ok(())
}

#[test]
fn main_stacks_in_either_order() {
    let _watchdog = watchdog();
    for program in [
        env!("CARGO_BIN_EXE_tokio_above"),
        env!("CARGO_BIN_EXE_tokio_below"),
    ] {
        let output = run(Command::new(program));
        assert!(output.status.success(), "{output:#?}");
        assert_eq!(output.lines(), ["main: 42"], "{output:#?}");
    }
}
