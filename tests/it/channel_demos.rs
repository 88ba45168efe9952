//! The demos of channels.

use crate::support::{Output, demo, watchdog};
use std::fs;

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.stderr, "", "{output:#?}");
}

#[test]
fn pipe_talks_both_ways() {
    let _watchdog = watchdog();
    let output = demo("pipe", &[]);
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(lines[..2], ["500: TooHigh", "250: TooLow"], "{output:#?}");
    let end = ["421: Right", "the child has found 421"];
    assert_eq!(lines[lines.len() - 2..], end, "{output:#?}");
}

#[test]
fn pipeline_counts_all_words_and_its_reader_waits() {
    let _watchdog = watchdog();
    let name = format!("offspring-pipeline-{}.txt", std::process::id());
    let path = std::env::temp_dir().join(name);
    // Some mebibytes, which are many times what a channel holds.
    fs::write(&path, "The cat and the dog\nthe end\n".repeat(100_000)).unwrap();
    let output = demo("pipeline", &[path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    succeeded(&output);
    let lines = output.lines();
    assert_eq!(lines[0], "200000 lines, 5 different words", "{output:#?}");
    let full = lines[1].strip_prefix("the reader found its channel full ");
    let full = full.and_then(|rest| rest.strip_suffix(" times"));
    assert!(full.is_some_and(|full| full != "0"), "{output:#?}");
    let ranking = [
        "300000 the",
        "100000 and",
        "100000 cat",
        "100000 dog",
        "100000 end",
    ];
    assert_eq!(lines[2..], ranking, "{output:#?}");
}

#[test]
fn pipeline_without_a_file_says_what_to_do() {
    let _watchdog = watchdog();
    let output = demo("pipeline", &[]);
    assert!(!output.status.success());
    assert!(output.stderr.contains("which file?"), "{output:#?}");
    let output = demo("pipeline", &["/no/such/file"]);
    assert!(!output.status.success());
    assert!(output.stderr.contains("No such file"), "{output:#?}");
}

#[test]
fn upper_case_server_answers_its_clients() {
    let _watchdog = watchdog();
    let output = demo("upper_case_server", &[]);
    succeeded(&output);
    for client in 1..=3 {
        let hello = output.find(&format!("HELLO FROM CLIENT {client}"));
        let how = output.find(&format!("HOW ARE YOU FROM CLIENT {client}"));
        let bye = output.find(&format!("GOOD BYE FROM CLIENT {client}"));
        assert!(hello < how && how < bye, "{output:#?}");
    }
    assert_eq!(output.find("the server has answered 9 times"), 9);
}
