//! The demos do what their descriptions say: order of lines, pids, status.

use crate::support::{Output, SECOND, demo, watchdog};
use std::collections::BTreeSet;
use std::time::Duration;

/// The number behind `label`.
fn number(line: &str, label: &str) -> u32 {
    let rest = line
        .split_once(label)
        .unwrap_or_else(|| panic!("no {label:?} in {line:?}"))
        .1;
    let digits: String = rest
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number behind {label:?} in {line:?}"))
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.stderr, "", "{output:#?}");
}

#[test]
fn sing_dance_does_both_at_once_in_three_rounds() {
    let _watchdog = watchdog();
    let output = demo("sing_dance", &[]);
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(lines.len(), 27, "{output:#?}");
    for round in lines.chunks(9) {
        assert!(round[0].starts_with("--"), "{output:#?}");
        let words: Vec<_> = round[1..]
            .iter()
            .filter(|line| line.ends_with("ing..."))
            .collect();
        assert_eq!(words.len(), 6);
        let at = |word: &str| {
            let found = words.iter().enumerate().filter(|(_, line)| **line == &word);
            found.map(|(index, _)| index).collect::<Vec<_>>()
        };
        let (sung, danced) = (at("singing..."), at("dancing..."));
        assert_eq!((sung.len(), danced.len()), (3, 3));
        assert!(
            sung[0] < danced[2] && danced[0] < sung[2],
            "they take turns: {output:#?}"
        );
        let pids: BTreeSet<_> = round
            .iter()
            .filter(|l| l.contains(": pid"))
            .map(|l| number(l, ": pid"))
            .collect();
        assert_eq!(pids.len(), 2, "{output:#?}");
    }
    let told = lines
        .iter()
        .filter(|line| line.contains("the parent's pid"));
    let parents: BTreeSet<_> = told.map(|line| number(line, "the parent's pid")).collect();
    assert_eq!(parents.len(), 1, "{output:#?}");
}

const BLOCK: [&str; 5] = [
    "child process runs, pid: ",
    "I am king, 18 years old",
    r#"args: ["balabala...", "makabaka..."], kwargs: {"key": "value"}"#,
    "the parent's pid is: ",
    "",
];

/// Three blocks of the child, which tell one pid and the parent's.
fn introduced(lines: &[&str], parent: u32) {
    assert_eq!(lines.len(), 15);
    let mut pids = BTreeSet::new();
    for block in lines.chunks(5) {
        for (line, expected) in block.iter().zip(BLOCK) {
            assert!(line.starts_with(expected), "{line:?} for {expected:?}");
        }
        pids.insert(number(block[0], "pid: "));
        assert_eq!(number(block[3], "is: "), parent);
    }
    assert!(pids.len() == 1 && !pids.contains(&parent));
}

#[test]
fn introduce_plain_ends_its_main_first_and_itself_after_the_child() {
    let _watchdog = watchdog();
    let output = demo("introduce", &["plain"]);
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(lines[1], "main process is done");
    introduced(&lines[2..], number(lines[0], "main process runs, pid: "));
    assert!(output.ended >= output.timed.last().unwrap().0 - Duration::from_millis(50));
}

#[test]
fn introduce_join_ends_its_main_last() {
    let _watchdog = watchdog();
    let output = demo("introduce", &["join"]);
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(*lines.last().unwrap(), "main process is done");
    introduced(&lines[1..16], number(lines[0], "main process runs, pid: "));
}

#[test]
fn introduce_refuses_an_unknown_mode_but_waits_for_its_child() {
    let _watchdog = watchdog();
    let output = demo("introduce", &["sideways"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.contains("no mode 'sideways'"), "{output:#?}");
    assert_eq!(output.lines().len(), 16, "{output:#?}");
}

#[test]
fn keywords_binds_one_by_position_and_one_by_name() {
    let _watchdog = watchdog();
    let output = demo("keywords", &[]);
    succeeded(&output);
    assert_eq!(output.lines(), ["I am Ada, 36 years old"]);
}

/// Indices of: work1 starts, work1 stops, work2 starts, hello, work2 stops, start, end.
fn order(output: &Output) -> [usize; 7] {
    succeeded(output);
    assert!(
        output.lines()[0].starts_with("Parent process "),
        "{output:#?}"
    );
    let (one, two) = (output.find("work1 starts"), output.find("work2 starts"));
    assert_ne!(
        number(output.lines()[one], "pid"),
        number(output.lines()[two], "pid")
    );
    [
        "work1 starts",
        "work1 stops",
        "work2 starts",
        "hello world!",
        "work2 stops",
        "Process start.",
        "Process end.",
    ]
    .map(|text| output.find(text))
}

#[test]
fn join_orders_both_ends_after_both() {
    let _watchdog = watchdog();
    let output = demo("join_orders", &["both"]);
    let [one, one_end, two, hello, two_end, _, end] = order(&output);
    assert!(one < one_end && two < one_end && one_end < hello && hello < two_end && two_end < end);
}

#[test]
fn join_orders_one_by_one_starts_the_second_after_the_first() {
    let _watchdog = watchdog();
    let output = demo("join_orders", &["one-by-one"]);
    let [_, one_end, two, _, two_end, start, end] = order(&output);
    assert!(
        one_end < two && one_end < start && two_end < end,
        "{output:#?}"
    );
}

#[test]
fn join_orders_none_ends_main_first() {
    let _watchdog = watchdog();
    let output = demo("join_orders", &["none"]);
    let [_, one_end, _, _, two_end, start, end] = order(&output);
    assert!(
        start < end && end < one_end && one_end < two_end,
        "{output:#?}"
    );
}

#[test]
fn join_orders_first_ends_main_between() {
    let _watchdog = watchdog();
    let output = demo("join_orders", &["first"]);
    let [_, one_end, _, hello, _, _, end] = order(&output);
    assert!(one_end < end && end < hello, "{output:#?}");
    let took =
        output.timed[output.find("work2 stops")].0 - output.timed[output.find("work2 starts")].0;
    assert!(took >= SECOND * 7, "{took:?}");
}

#[test]
fn process_info_tells_name_and_pids_ten_times_after_main() {
    let _watchdog = watchdog();
    let output = demo("process_info", &[]);
    succeeded(&output);
    let lines = output.lines();
    let main = number(lines[0], "main end: pid");
    assert_eq!(lines.len(), 11);
    for line in &lines[1..] {
        assert!(line.starts_with("running work1: Process-1, pid "), "{line}");
        assert_eq!(number(line, "the parent's pid"), main);
    }
}

#[test]
fn watch_drink_eat_runs_three_after_main() {
    let _watchdog = watchdog();
    let output = demo("watch_drink_eat", &[]);
    succeeded(&output);
    assert_eq!(output.find("main program's code is done"), 0);
    for text in [
        "watching a film...",
        "drinking sheep soup...",
        "eating rice...",
    ] {
        assert_eq!(output.find_all(text).len(), 3, "{output:#?}");
    }
    assert_eq!(output.lines().len(), 10);
}

#[test]
fn many_starts_ten_and_sums_them_if_asked() {
    let _watchdog = watchdog();
    let output = demo("many", &[]);
    succeeded(&output);
    assert_eq!(output.find("main has started 10 children"), 0);
    for number in 0..10 {
        output.find(&format!("child {number} works"));
    }
    let output = demo("many", &["--join"]);
    succeeded(&output);
    assert_eq!(output.lines().len(), 12);
    assert_eq!(
        *output.lines().last().unwrap(),
        "the sum of their squares: 285"
    );
}

#[test]
fn custom_process_runs_in_a_child_and_in_place() {
    let _watchdog = watchdog();
    let output = demo("custom_process", &[]);
    succeeded(&output);
    let lines = output.lines();
    let main = number(lines[0], "main process, pid");
    assert_ne!(number(lines[1], "hello child, from pid"), main);
    assert_eq!(number(lines[3], "hello parent, from pid"), main);
    assert_eq!(lines[2], "it counted 5 letters");
    assert_eq!(lines[4], "called in place, it counted 6 letters");
}

#[test]
fn not_shared_keeps_the_globals_apart() {
    let _watchdog = watchdog();
    let output = demo("not_shared", &[]);
    succeeded(&output);
    assert_eq!(
        output.lines(),
        [
            "parent: it is 2",
            "child: it was 1, now it is 100",
            "parent: the child saw 1, and here it is still 2"
        ]
    );
}
