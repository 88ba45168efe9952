//! What a panic in a child was: its message, place and backtrace.

use crate::process::current::identity;
use crate::wire::frame::{Kind, Outgoing};
use crate::wire::message::Message;
use crate::wire::order::PanicReport;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{PanicHookInfo, set_hook, take_hook};

thread_local! {
    /// The last panic of this thread. It may have been caught, so its message is compared.
    static LAST: RefCell<Option<PanicReport>> = const { RefCell::new(None) };
}

/// Notes each panic before the hook that was there prints it. Where a panic aborts, this is the
/// last that runs, so it tells the parent as well.
pub(super) fn watch(socket: &'static OwnedFd) {
    let previous = take_hook();
    set_hook(Box::new(move |info| {
        let report = describe(info);
        // The hook knows the thread only, which has the same name in all processes.
        let name = &identity().name;
        let _ = writeln!(
            std::io::stderr(),
            "process '{name}' (pid {}):",
            std::process::id()
        );
        previous(info);
        if cfg!(panic = "abort") {
            let message = Message {
                body: report.encode(),
                ..Message::default()
            };
            // It can't be told in any other way, and the signal is seen all the same.
            let _ = Outgoing::new(Kind::Panicked, message)
                .and_then(|mut frame| frame.send(socket.as_fd(), true));
        }
        // A thread that is ending has no such place any more, and is not the function's.
        let _ = LAST.try_with(|last| *last.borrow_mut() = Some(report));
    }));
}

fn describe(info: &PanicHookInfo<'_>) -> PanicReport {
    let backtrace = Backtrace::capture();
    PanicReport {
        message: message(info.payload()),
        location: info.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not a text".to_owned()
    }
}

/// What is known of the panic that has unwound with `payload`.
pub(super) fn report(payload: &(dyn Any + Send)) -> PanicReport {
    let message = message(payload);
    let last = LAST.take().filter(|last| last.message == message);
    last.unwrap_or(PanicReport {
        message,
        location: None,
        backtrace: None,
    })
}
