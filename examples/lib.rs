//! What the demos share: how long their seconds are.

use std::time::Duration;

/// So many seconds; `--second MS` on the command line makes each of them MS milliseconds long.
///
/// A child has the arguments of its parent, so this gives the same in both.
pub fn seconds(count: f64) -> Duration {
    let arguments: Vec<String> = std::env::args().collect();
    let option = arguments.iter().position(|argument| argument == "--second");
    let length = match option {
        None => Duration::from_secs(1),
        Some(at) => match arguments.get(at + 1).map(|value| value.parse()) {
            Some(Ok(milliseconds)) => Duration::from_millis(milliseconds),
            _ => panic!("--second takes a number of milliseconds"),
        },
    };
    length.mul_f64(count)
}

/// Waits so many seconds, see [`seconds`].
pub fn sleep(count: f64) {
    std::thread::sleep(seconds(count));
}

/// The first word of the command line that is no option: a demo's mode.
pub fn mode() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--second" {
            arguments.next();
        } else if !argument.starts_with("--") {
            return Some(argument);
        }
    }
    None
}
