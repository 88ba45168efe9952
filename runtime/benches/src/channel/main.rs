//! Channels between two processes against bare shared memory and `ipc-channel`, alternating in one run.

mod floor;
mod ipc;
mod many;
mod ours;
mod peer;

use peer::{Run, cpus, pin};

/// Bytes in a message, and how many messages make up a round: of the floor, of ours and of `ipc-channel`.
struct Case {
    size: usize,
    counts: [u64; 3],
}

const NUMBERS: Case = Case {
    size: 8,
    counts: [2_000_000, 500_000, 40_000],
};
const KIBIBYTES: Case = Case {
    size: 1 << 10,
    counts: [400_000, 200_000, 20_000],
};
const MEBIBYTES: Case = Case {
    size: 1 << 20,
    counts: [500, 300, 50],
};
const ROUNDS: usize = 9;

fn main() {
    offspring::init();
    println!(
        "{:<34} {:>13} {:>13} {:>9} {:>14} {:>8}",
        "between two processes", "floor", "offspring", "of floor", "ipc-channel", "faster"
    );
    let one_way = |name: &str, case: &Case, ours, theirs| {
        let size = case.size as f64;
        let scale = |seconds: f64| match case.size {
            MEBIBYTES_LEN => (size / seconds / f64::from(1 << 30), "GiB/s"),
            _ => (1e-6 / seconds, "M/s"),
        };
        row(
            name,
            case.counts,
            [floor::one_way(case.size), ours, theirs],
            scale,
        );
    };
    one_way(
        "one way, 8 B: u64",
        &NUMBERS,
        ours::numbers(),
        ipc::numbers(),
    );
    one_way(
        "one way, 8 B: bytes",
        &NUMBERS,
        ours::bytes(8),
        ipc::bytes(8),
    );
    for (name, case) in [("1 KiB", &KIBIBYTES), ("1 MiB", &MEBIBYTES)] {
        let size = case.size;
        one_way(
            &format!("one way, {name}: Vec<u8>"),
            case,
            ours::values(size),
            ipc::values(size),
        );
        one_way(
            &format!("one way, {name}: bytes"),
            case,
            ours::bytes(size),
            ipc::bytes(size),
        );
    }
    let micros = |seconds: f64| (seconds * 1e6, "us");
    let all = cpus();
    if let [first, second, ..] = all[..] {
        pin(&[first]);
        let runs = [
            floor::memory(second),
            ours::answers(second),
            ipc::answers(second),
        ];
        row(
            "there and back, 8 B, two CPUs",
            [50_000, 20_000, 1000],
            runs,
            micros,
        );
    }
    pin(&all[..1]);
    let cpu = all[0];
    let runs = [floor::pipes(cpu), ours::answers(cpu), ipc::answers(cpu)];
    row(
        "there and back, 8 B, one CPU",
        [5000, 5000, 3000],
        runs,
        micros,
    );
    pin(&all);
    println!();
    many::open();
}

const MEBIBYTES_LEN: usize = MEBIBYTES.size;

/// Measures the floor, ours and theirs in turn. `scale` says what so many seconds a message are to be called.
fn row(
    name: &str,
    counts: [u64; 3],
    mut runs: [Run; 3],
    scale: impl Fn(f64) -> (f64, &'static str),
) {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((run, times), count) in runs.iter_mut().zip(&mut times).zip(counts) {
            times.push(run(count).as_secs_f64() / count as f64);
        }
    }
    let [floor, ours, theirs] = times.map(median);
    let shown = |seconds| {
        let (figure, unit) = scale(seconds);
        format!("{figure:.3} {unit}")
    };
    let of_floor = scale(ours).0 / scale(floor).0;
    println!(
        "{name:<34} {:>13} {:>13} {of_floor:>9.2} {:>14} {:>7.1}x",
        shown(floor),
        shown(ours),
        shown(theirs),
        theirs / ours
    );
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
