//! What is searched.

use super::*;
use crate::model::FOR_EVER;

const SHORT: Sending = Sending {
    chunks: &[1],
    is_timed: false,
    moves: false,
};
const WIDE: Sending = Sending {
    chunks: &[2],
    ..SHORT
};
const LONG: Sending = Sending {
    chunks: &[2, 2, 2],
    ..SHORT
};

const TIMED: Sending = Sending {
    is_timed: true,
    ..LONG
};
const MOVED: Sending = Sending {
    moves: true,
    ..SHORT
};
const MOVED_LONG: Sending = Sending {
    moves: true,
    ..LONG
};
const MOVED_TIMED: Sending = Sending {
    moves: true,
    ..TIMED
};
const MOVED_TIMED_SHORT: Sending = Sending {
    is_timed: true,
    ..MOVED
};

const READINGS: [Reading; 3] = [Reading::Recv, Reading::Timed(2), Reading::Wait];
const NEVER: u8 = u8::MAX;

fn channel(messages: &'static [Sending], reading: Reading) -> Channel {
    Channel {
        messages,
        stays: true,
        looks: false,
        reading,
        moves: 0,
        leaves_after: NEVER,
        deaths: 0,
        flaw: Flaw::None,
    }
}

impl Channel {
    fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }
}

#[test]
fn nobody_sleeps_for_ever_and_nothing_is_lost() {
    send_and_die(&[SHORT, WIDE, SHORT, WIDE], 1);
    send_and_die(&[LONG, SHORT], 1);
}

#[test]
#[ignore = "takes long without optimizations"]
fn more_messages_and_both_die() {
    send_and_die(&[SHORT, SHORT, SHORT, SHORT], 2);
    send_and_die(&[SHORT, WIDE, SHORT, WIDE, WIDE], 2);
    send_and_die(&[LONG, SHORT, LONG], 2);
}

fn send_and_die(messages: &'static [Sending], most: u8) {
    for reading in READINGS {
        for stays in [false, true] {
            for deaths in 0..=most {
                Channel {
                    stays,
                    deaths,
                    looks: true,
                    ..channel(messages, reading)
                }
                .holds();
            }
        }
    }
}

#[test]
fn what_is_begun_and_not_finished_is_cancelled() {
    for reading in READINGS {
        channel(&[TIMED, SHORT, WIDE], reading).holds();
        channel(&[TIMED, TIMED, SHORT], reading).holds();
        channel(&[MOVED_TIMED, MOVED_TIMED_SHORT, SHORT], reading).holds();
    }
}

#[test]
#[ignore = "takes long without optimizations"]
fn more_that_is_cancelled_and_a_death() {
    for reading in READINGS {
        for messages in [
            &[TIMED, SHORT, TIMED, WIDE][..],
            &[TIMED, TIMED, SHORT],
            &[MOVED_TIMED, MOVED_TIMED_SHORT, SHORT],
        ] {
            for deaths in 0..=1 {
                Channel {
                    deaths,
                    ..channel(messages, reading)
                }
                .holds();
            }
        }
    }
}

#[test]
fn ends_move_while_the_other_side_sleeps() {
    for reading in READINGS {
        for deaths in 0..=1 {
            Channel {
                deaths,
                moves: 4,
                ..channel(&[MOVED, SHORT, MOVED, SHORT, MOVED_LONG, WIDE], reading)
            }
            .holds();
        }
    }
}

#[test]
fn a_reader_that_leaves_ends_the_writer() {
    for reading in READINGS {
        for leaves_after in 1..=2 {
            for looks in [false, true] {
                Channel {
                    leaves_after,
                    looks,
                    deaths: 1,
                    ..channel(&[SHORT, WIDE, SHORT, LONG], reading)
                }
                .holds();
            }
        }
    }
}

#[test]
fn flaws_of_the_writer_are_found() {
    let short = channel(&[SHORT, SHORT], Reading::Recv);
    short.with(Flaw::LooksBeforePublishing).fails(READER_SLEEPS);
    short.with(Flaw::WakesFirst).fails(READER_SLEEPS);
    short.with(Flaw::PublishesFirst).fails(TORN);
    let full = channel(&[WIDE, WIDE, WIDE, WIDE], Reading::Recv);
    full.with(Flaw::WriterLooksOnce).fails(WRITER_SLEEPS);
    channel(&[WIDE, SHORT, SHORT, SHORT, WIDE, WIDE], Reading::Recv)
        .with(Flaw::BelievesWords)
        .fails(TORN);
    let dying = Channel { deaths: 1, ..full };
    dying.with(Flaw::OverhearsEnd).fails(WRITER_SLEEPS);
    channel(&[TIMED, TIMED, SHORT], Reading::Recv)
        .with(Flaw::ForgetsHalfway)
        .fails(TORN);
    channel(&[MOVED_TIMED, SHORT], Reading::Recv)
        .with(Flaw::MovesWithoutHalfway)
        .fails(TORN);
}

#[test]
fn flaws_of_the_reader_are_found() {
    let short = channel(&[SHORT, SHORT], Reading::Recv);
    short.with(Flaw::ReaderLooksOnce).fails(READER_SLEEPS);
    let waiting = channel(&[SHORT, SHORT], Reading::Wait);
    waiting.with(Flaw::ArmsBlindly).fails(READER_SLEEPS);
    waiting.with(Flaw::LeavesPulse).fails(FOR_EVER);
    let ending = Channel {
        stays: false,
        ..short
    };
    ending.with(Flaw::EndsBlindly).holds();
    let dying = Channel {
        deaths: 1,
        ..ending
    };
    dying.with(Flaw::EndsBlindly).fails(LOST);
    let full = channel(&[WIDE, WIDE, WIDE, WIDE], Reading::Recv);
    full.with(Flaw::TellsFirst).fails(TORN);
    channel(&[WIDE, SHORT, WIDE], Reading::Recv)
        .with(Flaw::LooksBeforeTelling)
        .fails(WRITER_SLEEPS);
    channel(&[WIDE, SHORT, WIDE, WIDE], Reading::Recv)
        .with(Flaw::TellsLate)
        .fails(WRITER_SLEEPS);
    Channel {
        moves: 9,
        ..channel(&[SHORT, SHORT, SHORT, WIDE], Reading::Recv)
    }
    .with(Flaw::MovedTrusts)
    .fails(WRITER_SLEEPS);
}
