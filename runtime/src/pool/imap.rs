//! Maps whose inputs and results go by one after the other.

use super::Pool;
use super::error::TaskError;
use super::slot::Bell;
use super::task::Task;
use crate::call::Partial;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::Poll;

/// Results in the order of the inputs: [`Pool::imap`].
pub struct IMap<'p, 'f, A, T, I> {
    source: Source<'p, 'f, A, T, I>,
    tasks: VecDeque<Task<T>>,
}

/// Results in the order in which they come, each with the number of its input:
/// [`Pool::imap_unordered`].
pub struct IMapUnordered<'p, 'f, A, T, I> {
    source: Source<'p, 'f, A, T, I>,
    tasks: BTreeMap<usize, Task<T>>,
    bell: Arc<Bell>,
    next: usize,
}

struct Source<'p, 'f, A, T, I> {
    pool: &'p Pool,
    function: Partial<'f, A, T>,
    inputs: I,
}

impl<'p, 'f, A, T, I: Iterator<Item = A>> IMap<'p, 'f, A, T, I> {
    pub(super) fn new(pool: &'p Pool, function: Partial<'f, A, T>, inputs: I) -> Self {
        let source = Source {
            pool,
            function,
            inputs,
        };
        let mut map = Self {
            source,
            tasks: VecDeque::new(),
        };
        map.fill();
        map
    }

    /// As many tasks as are looked ahead.
    fn fill(&mut self) {
        while self.tasks.len() < self.source.pool.look_ahead {
            let Some(input) = self.source.inputs.next() else {
                break;
            };
            self.tasks
                .push_back(self.source.pool.give(&self.source.function, input, None));
        }
    }
}

impl<A, T, I: Iterator<Item = A>> IMap<'_, '_, A, T, I> {
    /// The next result, awaited in any executor. Dropping the future loses nothing.
    ///
    /// There is no `Stream` in the standard library; `futures::stream::unfold` makes one of this.
    pub async fn next_async(&mut self) -> Option<Result<T, TaskError>> {
        self.fill();
        let result = self.tasks.front_mut()?.await;
        self.tasks.pop_front();
        Some(result)
    }
}

impl<A, T, I: Iterator<Item = A>> IMapUnordered<'_, '_, A, T, I> {
    /// The next result with the number of its input, awaited in any executor. Dropping the future
    /// loses nothing.
    pub async fn next_async(&mut self) -> Option<(usize, Result<T, TaskError>)> {
        self.fill();
        if self.tasks.is_empty() {
            return None;
        }
        let bell = self.bell.clone();
        let number = std::future::poll_fn(|context| match bell.poll(context.waker()) {
            Some(number) => Poll::Ready(number),
            None => Poll::Pending,
        })
        .await;
        self.tasks.remove(&number).map(|task| (number, task.get()))
    }
}

impl<A, T, I: Iterator<Item = A>> Iterator for IMap<'_, '_, A, T, I> {
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fill();
        self.tasks.pop_front().map(Task::get)
    }
}

impl<'p, 'f, A, T, I: Iterator<Item = A>> IMapUnordered<'p, 'f, A, T, I> {
    pub(super) fn new(pool: &'p Pool, function: Partial<'f, A, T>, inputs: I) -> Self {
        let source = Source {
            pool,
            function,
            inputs,
        };
        let mut map = Self {
            source,
            tasks: BTreeMap::new(),
            bell: Arc::default(),
            next: 0,
        };
        map.fill();
        map
    }

    fn fill(&mut self) {
        while self.tasks.len() < self.source.pool.look_ahead {
            let Some(input) = self.source.inputs.next() else {
                break;
            };
            let bell = (self.bell.clone(), self.next);
            let task = self
                .source
                .pool
                .give(&self.source.function, input, Some(bell));
            self.tasks.insert(self.next, task);
            self.next += 1;
        }
    }
}

impl<A, T, I: Iterator<Item = A>> Iterator for IMapUnordered<'_, '_, A, T, I> {
    type Item = (usize, Result<T, TaskError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.fill();
        if self.tasks.is_empty() {
            return None;
        }
        let number = self.bell.next();
        self.tasks.remove(&number).map(|task| (number, task.get()))
    }
}

impl<A, T, I> fmt::Debug for IMap<'_, '_, A, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IMap({} tasks ahead)", self.tasks.len())
    }
}

impl<A, T, I> fmt::Debug for IMapUnordered<'_, '_, A, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IMapUnordered({} tasks ahead)", self.tasks.len())
    }
}
