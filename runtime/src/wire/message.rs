//! What one frame carries: a body, bulk data beside it, and file descriptors.

use nix::errno::Errno;
use std::alloc::Layout;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::moving::Given;
pub(crate) use super::plain::Buffer;

/// A message on its way out, gathered from where its parts lie.
#[derive(Default)]
pub struct Message<'a> {
    /// Encoded values. They refer to [`Message::bulk`] and [`Message::fds`] by index.
    pub(crate) body: Vec<u8>,
    /// Large runs of plain elements, which are written from where they are.
    pub(crate) bulk: Vec<Bulk<'a>>,
    /// Descriptors that travel beside the bytes. Shared, as a task may be sent again, and many tasks may
    /// have the same.
    pub(crate) fds: Vec<Arc<OwnedFd>>,
    /// What is no longer here when the message has been sent.
    pub(crate) moves: Vec<Given>,
}

/// How much is in a message.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    body: usize,
    bulk: usize,
    fds: usize,
    moves: usize,
}

/// A run of plain elements that is sent as its bytes.
pub(crate) enum Bulk<'a> {
    Borrowed {
        element: Element,
        bytes: &'a [u8],
    },
    Shared {
        element: Element,
        bytes: Arc<Vec<u8>>,
    },
}

impl Message<'_> {
    pub(crate) fn extent(&self) -> Extent {
        Extent {
            body: self.body.len(),
            bulk: self.bulk.len(),
            fds: self.fds.len(),
            moves: self.moves.len(),
        }
    }

    /// It has been sent.
    pub(crate) fn sent(&mut self) {
        self.fds.clear();
        self.moves.drain(..).for_each(Given::done);
    }

    /// Takes back what has been added since.
    pub(crate) fn cut(&mut self, extent: Extent) {
        self.body.truncate(extent.body);
        self.bulk.truncate(extent.bulk);
        self.fds.truncate(extent.fds);
        self.moves.truncate(extent.moves);
    }

    /// Another copy of the body, with the same things beside it.
    pub(crate) fn share(message: &Message<'static>) -> Message<'static> {
        Message {
            body: message.body.clone(),
            bulk: message.bulk.iter().map(Bulk::share).collect(),
            fds: message.fds.clone(),
            moves: Vec::new(),
        }
    }

    /// The same, with copies of what it borrows.
    pub(crate) fn into_owned(self) -> Message<'static> {
        let own = |run: Bulk<'_>| Bulk::Shared {
            element: run.element(),
            bytes: match run {
                Bulk::Borrowed { bytes, .. } => Arc::new(bytes.to_vec()),
                Bulk::Shared { bytes, .. } => bytes,
            },
        };
        Message {
            body: self.body,
            bulk: self.bulk.into_iter().map(own).collect(),
            fds: self.fds,
            moves: self.moves,
        }
    }
}

/// A message that has arrived.
#[derive(Default)]
pub struct Received {
    pub(crate) body: Vec<u8>,
    pub(crate) beside: Beside,
}

/// What has arrived beside the body of a message. Each is taken once, by the value that refers to it.
#[derive(Default)]
pub struct Beside {
    pub(crate) bulk: Vec<Option<Buffer>>,
    pub(crate) fds: Vec<Arrival>,
}

/// A descriptor at its destination.
#[derive(Debug)]
pub(crate) enum Arrival {
    Here(OwnedFd),
    Taken,
    /// The kernel didn't hand it out.
    Withheld(Errno),
}

impl Bulk<'_> {
    /// Another reference to the same bytes.
    pub(crate) fn share(run: &Bulk<'static>) -> Bulk<'static> {
        match run {
            Bulk::Borrowed { element, bytes } => Bulk::Borrowed {
                element: *element,
                bytes,
            },
            Bulk::Shared { element, bytes } => Bulk::Shared {
                element: *element,
                bytes: bytes.clone(),
            },
        }
    }

    pub(crate) fn element(&self) -> Element {
        match self {
            Self::Borrowed { element, .. } | Self::Shared { element, .. } => *element,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed { bytes, .. } => bytes,
            Self::Shared { bytes, .. } => bytes,
        }
    }
}

/// Calls a macro with every plain element: its name and its type.
macro_rules! with_elements {
    ($then:ident) => {
        $then! {
            U8 u8  I8 i8  U16 u16  I16 i16  U32 u32  I32 i32  U64 u64  I64 i64
            U128 u128  I128 i128  Usize usize  Isize isize  F32 f32  F64 f64
        }
    };
}
pub(crate) use with_elements;

macro_rules! elements {
    ($($name:ident $ty:ty)*) => {
        /// What a bulk run is made of; the number is what stands on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Element {
            $($name,)*
        }

        impl Element {
            pub(crate) fn from_wire(number: u8) -> Option<Self> {
                [$(Self::$name),*].get(usize::from(number)).copied()
            }

            /// How one element lies in memory.
            pub(crate) fn layout(self) -> Layout {
                match self {
                    $(Self::$name => Layout::new::<$ty>(),)*
                }
            }

            /// Size of one element in bytes.
            pub(crate) fn width(self) -> usize {
                self.layout().size()
            }
        }
    };
}

with_elements!(elements);

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            body,
            bulk,
            fds,
            moves,
        } = self;
        write!(
            f,
            "Message({} bytes, {} bulk, {} fds, {} moves)",
            body.len(),
            bulk.len(),
            fds.len(),
            moves.len()
        )
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({} bytes, {:?})", self.body.len(), self.beside)
    }
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bulk, fds } = self;
        write!(f, "Beside({} bulk, {} fds)", bulk.len(), fds.len())
    }
}
