//! What a parent tells its child about itself, and what a child tells of a failure.

use super::codec::CodecError;
use super::fields::{Fields, put_option, put_str, put_u64};
use crate::registry::Key;

/// Who a child is and what it shall run. If `stdout` says so, the descriptor that is to be its
/// standard output travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) function: Key,
    /// Where the function is, relative to this crate's code: differs in another build.
    pub(crate) build: u64,
    pub(crate) name: String,
    pub(crate) daemon: bool,
    /// Whether it may start children though it is a daemon.
    pub(crate) may_spawn: bool,
    /// In bytes.
    pub(crate) memory_limit: Option<u64>,
    pub(crate) lineage: Vec<u32>,
    pub(crate) depth_limit: u32,
    pub(crate) parent_name: String,
    pub(crate) stdout: bool,
    /// Whether it is a worker of a pool, whose "function" is to take tasks.
    pub(crate) worker: bool,
}

impl Order {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.function.put(&mut out);
        put_u64(&mut out, self.build);
        put_str(&mut out, &self.name);
        out.push(u8::from(self.daemon));
        out.push(u8::from(self.may_spawn));
        out.push(u8::from(self.memory_limit.is_some()));
        put_u64(&mut out, self.memory_limit.unwrap_or(0));
        put_u64(&mut out, self.lineage.len() as u64);
        self.lineage
            .iter()
            .for_each(|number| put_u64(&mut out, u64::from(*number)));
        put_u64(&mut out, u64::from(self.depth_limit));
        put_str(&mut out, &self.parent_name);
        out.push(u8::from(self.stdout));
        out.push(u8::from(self.worker));
        out
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let mut fields = Fields(body);
        let order = Self {
            function: Key::take(&mut fields)?,
            build: fields.u64()?,
            name: fields.str()?.to_owned(),
            daemon: fields.byte()? != 0,
            may_spawn: fields.byte()? != 0,
            memory_limit: {
                let is_set = fields.byte()? != 0;
                let bytes = fields.u64()?;
                is_set.then_some(bytes)
            },
            lineage: (0..fields.u64()?)
                .map(|_| fields.u32())
                .collect::<Result<_, _>>()?,
            depth_limit: fields.u32()?,
            parent_name: fields.str()?.to_owned(),
            stdout: fields.byte()? != 0,
            worker: fields.byte()? != 0,
        };
        fields.end()?;
        Ok(order)
    }
}

/// What is known of a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PanicReport {
    pub(crate) message: String,
    /// File, line and column.
    pub(crate) location: Option<String>,
    pub(crate) backtrace: Option<String>,
}

impl PanicReport {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_str(&mut out, &self.message);
        put_option(&mut out, self.location.as_deref());
        put_option(&mut out, self.backtrace.as_deref());
        out
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let mut fields = Fields(body);
        let report = Self {
            message: fields.str()?.to_owned(),
            location: fields.option()?.map(str::to_owned),
            backtrace: fields.option()?.map(str::to_owned),
        };
        fields.end()?;
        Ok(report)
    }
}
