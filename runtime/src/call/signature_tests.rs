use super::*;

const fn parameter(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind }
}

const SING: &Signature = &Signature::new("sing", &[parameter("num", Kind::Optional)]);

const GREET: &Signature = &Signature::new(
    "greet",
    &[
        parameter("name", Kind::Required),
        parameter("age", Kind::Required),
    ],
);

const ALL: &Signature = &Signature::new(
    "all",
    &[
        parameter("first", Kind::Required),
        parameter("second", Kind::Optional),
        parameter("rest", Kind::Args),
        parameter("only", Kind::Required),
        parameter("also", Kind::Optional),
        parameter("extra", Kind::Kwargs),
    ],
);

fn message(check: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *std::panic::catch_unwind(check)
        .unwrap_err()
        .downcast()
        .unwrap()
}

#[test]
fn missing_arguments_are_named() {
    let missing = |positional, keywords: &'static [&str]| {
        message(move || Check::complete(GREET, positional, false, keywords))
    };
    assert_eq!(
        missing(1, &[]),
        "greet() missing a required argument: 'age'"
    );
    assert_eq!(
        missing(0, &["age"]),
        "greet() missing a required argument: 'name'"
    );
    assert_eq!(
        missing(0, &[]),
        "greet() missing required arguments: 'name', 'age'"
    );
    let only = message(|| Check::complete(ALL, 1, false, &[]));
    assert_eq!(
        only,
        "all() missing a required keyword-only argument: 'only'"
    );
    let both = message(|| Check::complete(ALL, 0, false, &[]));
    assert_eq!(both, "all() missing required arguments: 'first', 'only'");
    Check::complete(GREET, 1, false, &["age"]);
    Check::complete(SING, 0, false, &[]);
    Check::complete(ALL, 7, true, &["only", "other"]);
}

#[test]
fn arguments_too_many_are_counted() {
    let too_many =
        |signature, index, given| message(move || Check::positional(signature, index, given));
    assert_eq!(
        too_many(GREET, 2, 4),
        "greet() takes 2 positional arguments but 4 were given"
    );
    assert_eq!(
        too_many(SING, 1, 2),
        "sing() takes from 0 to 1 positional arguments but 2 were given"
    );
    const NONE: &Signature = &Signature::new("none", &[]);
    const ONE: &Signature = &Signature::new("one", &[parameter("a", Kind::Required)]);
    assert_eq!(
        too_many(NONE, 0, 1),
        "none() takes 0 positional arguments but 1 was given"
    );
    assert_eq!(
        too_many(ONE, 1, 2),
        "one() takes 1 positional argument but 2 were given"
    );
    // What Python's stars mean is said where it is of use.
    const EXTRA: &Signature = &Signature::new("extra", &[parameter("extra", Kind::Kwargs)]);
    assert_eq!(
        message(|| Check::starred(EXTRA, 0, 1)),
        "extra() takes 0 positional arguments but 1 was given; a map is spread as `kwargs <..map>`"
    );
    assert_eq!(
        message(|| Check::starred(NONE, 0, 1)),
        "none() takes 0 positional arguments but 1 was given"
    );
    // Once is enough.
    Check::positional(GREET, 3, 4);
    Check::positional(ALL, 2, 4);
}

#[test]
fn keywords_are_matched_with_parameters() {
    let keyword = |signature, name: &'static str, positional| {
        message(move || Check::keyword(signature, name, positional))
    };
    assert_eq!(
        keyword(GREET, "name", 1),
        "greet() got multiple values for argument 'name'"
    );
    assert_eq!(
        keyword(SING, "nmu", 0),
        "sing() got an unexpected keyword argument 'nmu'. Did you mean 'num'?"
    );
    assert_eq!(
        keyword(GREET, "agee", 1),
        "greet() got an unexpected keyword argument 'agee'. Did you mean 'age'?"
    );
    assert_eq!(
        keyword(SING, "x", 0),
        "sing() got an unexpected keyword argument 'x'"
    );
    // What has been given isn't meant.
    assert_eq!(
        keyword(GREET, "nam", 1),
        "greet() got an unexpected keyword argument 'nam'"
    );
    Check::keyword(ALL, "anything", 0);
    Check::keyword(ALL, "rest", 0);
    Check::keyword(ALL, "only", 5);
}

#[test]
fn spreads_need_a_place_to_go() {
    assert_eq!(
        message(|| Check::list(GREET, 0)),
        "greet() takes no list of arguments: it has no #[args] parameter \
         (a range that is an argument is written in parentheses)"
    );
    assert_eq!(
        message(|| Check::list(ALL, 1)),
        "all() takes a list for #[args] only: give 'second' by position before it"
    );
    assert_eq!(
        message(|| Check::map(GREET)),
        "greet() takes no map of keyword arguments: it has no #[kwargs] parameter"
    );
    Check::list(ALL, 2);
    Check::map(ALL);
}

#[test]
fn nothing_more_is_said_of_a_rejected_function() {
    let rejected = &Signature::INVALID;
    Check::positional(rejected, 0, 1);
    Check::keyword(rejected, "x", 0);
    Check::list(rejected, 0);
    Check::map(rejected);
    Check::complete(rejected, 0, false, &["x"]);
    assert_eq!(slot_of_positional(rejected, 0), NOWHERE);
    assert_eq!(slot_of_keyword(rejected, "x", 0), NOWHERE);
}

#[test]
fn slots_are_found() {
    assert_eq!(slot_of_positional(ALL, 1), 1);
    assert_eq!(slot_of_positional(ALL, 2), 2);
    assert_eq!(slot_of_positional(ALL, 9), 2);
    assert_eq!(slot_of_positional(GREET, 2), NOWHERE);
    assert_eq!(slot_of_keyword(ALL, "also", 3), 4);
    assert_eq!(slot_of_keyword(ALL, "extra", 3), 5);
    assert_eq!(slot_of_keyword(ALL, "first", 1), NOWHERE);
}
