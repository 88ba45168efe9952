//! How a child can end, which exit code that gives, and what `join` says.
//!
//! `cargo run --example exit_codes`

use offspring::{JoinError, JoinErrorKind, RemoteError, Stdio, call, subprocess};
use offspring_examples::{seconds, sleep};
use serde::{Deserialize, Serialize};
use std::hint::black_box;

const MEBIBYTE: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum End {
    Return,
    Error,
    Panic,
    Exit,
    Terminate,
    Kill,
    TimeLimit,
    MemoryLimit,
}

#[subprocess]
fn work(end: End) -> Result<u32, RemoteError> {
    match end {
        End::Return => Ok(42),
        End::Error => Ok("forty-two".parse()?),
        End::Panic => panic!("no more soup"),
        End::Exit => std::process::exit(3),
        End::Terminate | End::Kill | End::TimeLimit => loop {
            sleep(1.0);
        },
        End::MemoryLimit => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; MEBIBYTE]));
            }
        }
    }
}

fn told(joined: Result<Result<u32, RemoteError>, JoinError>) -> String {
    match joined {
        Ok(Ok(value)) => format!("the value {value}"),
        Ok(Err(error)) => format!("the function's Err: {error}"),
        Err(error) => match error.kind() {
            // Its Debug has the place as well, and maybe a backtrace.
            JoinErrorKind::Panicked { message, .. } => format!("Panicked: {message}"),
            kind => format!("{kind:?}"),
        },
    }
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<16}{:>9}   join", "what happened", "exit code");
    for (what, end) in [
        ("return", End::Return),
        ("error", End::Error),
        ("panic", End::Panic),
        ("exit(3)", End::Exit),
        ("SIGTERM", End::Terminate),
        ("SIGKILL", End::Kill),
        ("time limit", End::TimeLimit),
        ("memory limit", End::MemoryLimit),
    ] {
        // What panics and failed allocations print is not wanted in the table.
        let call = call!(work, end).stderr(Stdio::null());
        let child = match end {
            End::TimeLimit => call.timeout(seconds(1.0)),
            End::MemoryLimit => call.memory_limit(32 * MEBIBYTE as u64),
            _ => call,
        }
        .start()?;
        match end {
            End::Terminate => child.terminate()?,
            End::Kill => child.kill()?,
            _ => {}
        }
        let code = child.wait()?.exitcode().map(|code| code.to_string());
        let code = code.unwrap_or_else(|| "unknown".into());
        println!("{what:<16}{code:>9}   {}", told(child.join()));
    }
    Ok(())
}
