//! Wakers of futures that wait for the next event of a descriptor that stays readable, as an eventfd(2) does that nobody reads: each event wakes all of them.
//!
//! The descriptor is in the background's epoll set once, with EPOLLET, and not in a set for each future within that: Linux refuses
//! such a detour to one descriptor from the 501st on, counted over all processes.

use super::wakers::{Watched, put, take};
use crate::Result;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

pub(crate) struct Edges {
    watched: Watched,
    /// How many futures it has had.
    futures: AtomicU64,
}

impl Edges {
    /// The background is started if it isn't there.
    pub(crate) fn new(fd: Arc<OwnedFd>) -> Result<Arc<Self>> {
        let watched = Watched::new(fd)?;
        watched.watch_edges()?;
        let futures = AtomicU64::new(0);
        Ok(Arc::new(Self { watched, futures }))
    }
}

/// A future of those. Dropping it forgets its waker.
pub(crate) struct Waiting {
    edges: Arc<Edges>,
    future: u64,
}

impl Waiting {
    pub(crate) fn new(edges: Arc<Edges>) -> Self {
        let future = edges.futures.fetch_add(1, Ordering::Relaxed);
        Self { edges, future }
    }

    /// Wakes once, at the next event; in place of the waker that was given before.
    pub(crate) fn wake_at_next_edge(&self, waker: &Waker) -> Result<()> {
        self.edges.watched.background()?;
        put(self.key(), waker);
        Ok(())
    }

    fn key(&self) -> (u64, u64) {
        (self.edges.watched.number(), self.future)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let key = self.key();
        take(key..=key);
    }
}
