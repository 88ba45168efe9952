//! Bytes that all processes can read and write, with or without a name.

use super::cells::{OTHER_HANDLE, explain_busy};
use super::elements::{Elements, size_of_elements};
use super::freeze::FreezeError;
use super::frozen::Frozen;
use super::named;
use crate::sys::memory::{self, Mapping, seal_for_good};
use crate::wire::Descriptor;
use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

/// Bytes that each process that has a handle can read and write at any time. Python's `SharedMemory`.
///
/// A clone is another handle to the same bytes, and so is what a child gets that it is passed to. There is no lock with them; for one, or for
/// numbers, see [`Array`](super::Array). What was written before some bytes is seen by who has read those.
///
/// # Without a name
///
/// Memory from [`new`](Self::new) is freed with its last user, however that ends, and nobody can change its size.
///
/// # With a name
///
/// [`create`](Self::create) and [`open`](Self::open) are for programs that aren't each other's parents. Such memory is a file in
/// `/dev/shm` that only its user can open (mode 0600). It stays there until somebody calls [`unlink`](Self::unlink): dropping a handle doesn't do
/// that, nor does the end of a process, be it the one that created it. After that it is freed with its last user.
///
/// Who can open it is trusted: a file can be shortened, and then a process that reads or writes what is gone is killed by SIGBUS.
///
/// ```
/// use offspring::shared::Memory;
///
/// # fn main() -> offspring::Result<()> {
/// # let name = &format!("offspring-doc-{}", std::process::id());
/// let memory = Memory::create(name, 1024)?;
/// memory.write_at(1000, b"hello");
///
/// // In another program:
/// let memory = Memory::open(name)?;
/// let mut text = [0; 5];
/// memory.read_at(1000, &mut text);
/// assert_eq!(text, *b"hello");
///
/// Memory::unlink(name)?;
/// assert!(Memory::open(name).is_err());
/// # Ok(())
/// # }
/// ```
pub struct Memory(Mapped);

#[derive(Clone)]
struct Mapped {
    mapping: Arc<Mapping>,
    fd: Arc<OwnedFd>,
    name: Option<Arc<str>>,
}

impl Mapped {
    fn new(fd: OwnedFd, len: usize, name: Option<&str>) -> io::Result<Self> {
        Ok(Self {
            mapping: Arc::new(Mapping::shared(fd.as_fd(), len)?),
            fd: Arc::new(fd),
            name: name.map(Arc::from),
        })
    }

    fn create(len: usize) -> io::Result<Self> {
        let len = size_of_elements::<u8>(len)?;
        Self::new(memory::create(c"offspring-memory", len)?, len, None)
    }

    fn create_named(name: &str, len: usize) -> io::Result<Self> {
        let len = size_of_elements::<u8>(len)?;
        Self::new(named::create(name, len)?, len, Some(name))
    }

    fn open_named(name: &str) -> io::Result<Self> {
        let (fd, len) = named::open_existing(name)?;
        Self::new(fd, len, Some(name))
    }

    /// What was sent. Without a name nobody can shorten it.
    fn received(fd: OwnedFd, len: usize, name: Option<&str>) -> io::Result<Self> {
        let found = match name {
            Some(_) => named::size(fd.as_fd())?,
            None => memory::inspect(fd.as_fd())?,
        };
        if found < size_of_elements::<u8>(len)? {
            let text = format!("the memory that was sent has {found} bytes instead of {len}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Self::new(fd, len, name)
    }

    fn bytes(&self) -> Elements<'_, u8> {
        Elements::of(&self.mapping)
    }

    fn seal(self) -> Result<Frozen<u8>, (Option<Self>, io::Error)> {
        if self.name.is_some() {
            let text =
                "it has a name, and who knows that could still write it; Frozen::from_slice copies";
            let error = io::Error::new(io::ErrorKind::Unsupported, text);
            return Err((Some(self), error));
        }
        let Self { mapping, fd, name } = self;
        let len = mapping.len();
        match Arc::try_unwrap(mapping) {
            Ok(mapping) => drop(mapping),
            Err(mapping) => {
                let error = io::Error::new(io::ErrorKind::ResourceBusy, OTHER_HANDLE);
                return Err((Some(Self { mapping, fd, name }), error));
            }
        }
        match seal_for_good(fd.as_fd()) {
            Ok(()) => Frozen::open(fd, len).map_err(|error| (None, error)),
            Err(error) => {
                let mapping = Mapping::shared(fd.as_fd(), len).map(Arc::new);
                let again = mapping.map(|mapping| Self { mapping, fd, name });
                Err((again.ok(), explain_busy(error)))
            }
        }
    }
}

impl Memory {
    /// So many bytes, all of them zero, without a name.
    ///
    /// Memory is used as it is written.
    ///
    /// # Errors
    ///
    /// `len` is 0, or there are no descriptors or no memory left.
    pub fn new(len: usize) -> Result<Self> {
        let mapped = Mapped::create(len);
        let what = || format!("can't create memory of {len} bytes");
        mapped
            .map(Self)
            .map_err(|error| Error::system(what(), error))
    }

    /// So many bytes, all of them zero, with a name.
    ///
    /// Nobody gets to see them before they are there. All of the memory is taken at once.
    ///
    /// # Errors
    ///
    /// There is memory of this name; `name` has no or more than 254 bytes, a `/` or a NUL, or is `.` or `..`; `len` is 0; there is not so much room in
    /// `/dev/shm`; or there are no descriptors left.
    pub fn create(name: &str, len: usize) -> Result<Self> {
        let mapped = Mapped::create_named(name, len);
        let what = || format!("can't create shared memory {name:?} of {len} bytes");
        mapped
            .map(Self)
            .map_err(|error| Error::system(what(), error))
    }

    /// The memory of this name, as long as it is. Python's `SharedMemory(name)`.
    ///
    /// Its own end, in whatever way, leaves the memory there. Python's is other: its resource tracker unlinks what a Python program has
    /// merely attached.
    ///
    /// # Errors
    ///
    /// There is none, or its user is another and hasn't allowed it; what has the name isn't memory or is empty; or there
    /// are no descriptors or addresses left.
    pub fn open(name: &str) -> Result<Self> {
        let mapped = Mapped::open_named(name);
        let what = || format!("can't open shared memory {name:?}");
        mapped
            .map(Self)
            .map_err(|error| Error::system(what(), error))
    }

    /// Takes the name away. The memory is freed when nobody has it open any more.
    ///
    /// # Errors
    ///
    /// There is none, or it belongs to another user.
    pub fn unlink(name: &str) -> Result<()> {
        let what = || format!("can't unlink shared memory {name:?}");
        named::unlink(name).map_err(|error| Error::system(what(), error))
    }

    /// Its name, if it has one. What goes by it now may be something else.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.bytes().len()
    }

    /// Never: there is always a byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies bytes, from `offset` on, until `into` is full.
    ///
    /// # Panics
    ///
    /// If there are less.
    #[track_caller]
    pub fn read_at(&self, offset: usize, into: &mut [u8]) {
        self.0.bytes().read(offset, into);
    }

    /// Writes all of `from` over the bytes from `offset` on.
    ///
    /// # Panics
    ///
    /// If there are less; nothing is written then.
    #[track_caller]
    pub fn write_at(&self, offset: usize, from: &[u8]) {
        self.0.bytes().write(offset, from);
    }

    /// A copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.bytes().to_vec()
    }

    /// The bytes themselves, which others may write meanwhile.
    ///
    /// ```
    /// use std::sync::atomic::Ordering::{Acquire, Release};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let memory = offspring::shared::Memory::new(100)?;
    /// memory.write_at(1, b"all there");
    /// memory.as_atomics()[0].store(1, Release);
    /// // Who sees the 1 by a load with `Acquire` sees the text as well.
    /// # Ok(())
    /// # }
    /// ```
    pub fn as_atomics(&self) -> &[AtomicU8] {
        self.0.bytes().as_atomic_bytes()
    }

    /// Makes it unchangeable, without a copy.
    ///
    /// Nobody may have another handle, nor a process that got one be alive.
    ///
    /// # Errors
    ///
    /// Somebody still maps it for writing, or it has a name; the [error](FreezeError) gives the memory back.
    pub fn freeze(self) -> Result<Frozen<u8>, FreezeError<Self>> {
        let len = self.len();
        self.0.seal().map_err(|(mapped, error)| {
            FreezeError::new(mapped.map(Self), &format!("memory of {len} bytes"), error)
        })
    }
}

/// Another handle to the same bytes.
impl Clone for Memory {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Memory");
        if let Some(name) = self.name() {
            debug.field("name", &name);
        }
        debug.field("len", &self.len()).finish_non_exhaustive()
    }
}

/// As an argument of a call.
impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Descriptor::lend(&self.0.fd), self.len(), self.name()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Sent = (Descriptor, usize, Option<String>);
        let (fd, len, name) = Sent::deserialize(deserializer)?;
        let mapped = Mapped::received(fd.into_fd(), len, name.as_deref());
        mapped.map(Self).map_err(|error| {
            serde::de::Error::custom(format_args!("memory can't be mapped: {error}"))
        })
    }
}
