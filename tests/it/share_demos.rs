//! The demos of locks and of shared memory.

use crate::support::{Output, demo, watchdog};
use std::collections::BTreeSet;

fn lines(name: &str) -> Output {
    let output = demo(name, &[]);
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.stderr, "", "{output:#?}");
    output
}

#[test]
fn counter_loses_nothing_with_the_lock() {
    let _watchdog = watchdog();
    let output = lines("counter");
    let lines = output.lines();
    // Whether anything was lost without it is up to the machine.
    assert!(lines[0].starts_with("without the lock: "), "{output:#?}");
    assert_eq!(
        lines[1..],
        ["with the lock: 160000 of 160000"],
        "{output:#?}"
    );
}

#[test]
fn lock_keeps_lines_whole() {
    let _watchdog = watchdog();
    let output = lines("lock");
    let lines = output.lines();
    assert_eq!(lines.len(), 13, "{output:#?}");
    let mut writers = BTreeSet::new();
    for (number, line) in (1..=12).zip(&lines) {
        let writer = line.strip_prefix(&format!("line {number} by Process-"));
        let writer = writer.unwrap_or_else(|| panic!("{output:#?}"));
        writers.insert(writer.parse::<u32>().unwrap());
    }
    assert_eq!(writers.len(), 4, "{output:#?}");
    assert_eq!(lines[12], "12 lines");
}

#[test]
fn barrier_keeps_rounds_apart() {
    let _watchdog = watchdog();
    let output = lines("barrier");
    let lines = output.lines();
    assert_eq!(lines.len(), 16, "{output:#?}");
    for (round, part) in (1..=4).zip(lines.chunks(4)) {
        let done: BTreeSet<_> = part[..3].iter().map(ToString::to_string).collect();
        let expected = (1..=3).map(|number| format!("worker {number} has done round {round}"));
        assert_eq!(done, expected.collect(), "{output:#?}");
        assert_eq!(part[3], format!("round {round} is over"), "{output:#?}");
    }
}

#[test]
fn producer_consumer_passes_each_item_once() {
    let _watchdog = watchdog();
    let output = lines("producer_consumer");
    let lines = output.lines();
    assert_eq!(lines.last(), Some(&"12 items"), "{output:#?}");
    let taken = lines.iter().filter_map(|line| line.split_once("takes "));
    let mut taken: Vec<u32> = taken.map(|(_, item)| item.parse().unwrap()).collect();
    taken.sort_unstable();
    let made = [1, 2].map(|producer| (0..6).map(move |item| producer * 100 + item));
    assert_eq!(taken, made.into_iter().flatten().collect::<Vec<_>>());
    assert!(output.find_all("5 in the store").is_empty(), "{output:#?}");
}

#[test]
fn shared_array_paints_the_whole_picture() {
    let _watchdog = watchdog();
    let name = format!("offspring-mandelbrot-{}.png", std::process::id());
    let path = std::env::temp_dir().join(name);
    let output = demo("shared_array", &[path.to_str().unwrap()]);
    let picture = image::open(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{output:#?}");
    output.find("960 by 640 pixels");
    assert_eq!(
        output.find_all("has computed 160 rows").len(),
        4,
        "{output:#?}"
    );
    let picture = picture.unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (960, 640));
    // The set itself is black, and is symmetric but for the row in the middle; outside of it there is colour in every row.
    assert_eq!(picture.get_pixel(560, 320).0, [0, 0, 0]);
    for row in 1..320 {
        assert_eq!(
            picture.get_pixel(300, row),
            picture.get_pixel(300, 640 - row),
            "row {row}"
        );
    }
    for row in 0..640 {
        assert!(
            (0..960).any(|column| picture.get_pixel(column, row).0 != [0, 0, 0]),
            "row {row}"
        );
    }
}

#[test]
fn dead_holder_puts_right_what_the_dead_left() {
    let _watchdog = watchdog();
    let output = lines("dead_holder");
    assert_eq!(
        output.lines(),
        [
            "free while the child has it: false",
            "exit code of the child: Some(-9)",
            "poisoned: a process died with the lock held, so what it protects may be torn",
            "found [400, 500]",
            "put right: [400, 600]",
        ],
        "{output:#?}"
    );
}
