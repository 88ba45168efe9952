//! What the kernel does for us when a thread dies: get_robust_list(2), and `robust-futexes.rst` and
//! `robust-futex-ABI.rst` of the kernel's documentation.
//!
//! Every thread has a list of the locks that it holds. At its end, however that comes, the kernel goes through it, and in each lock whose
//! word names that thread it puts `OWNER_DIED` in the place of the name, and wakes one who sleeps on the word if it has `WAITERS`. One
//! more lock is *pending*: the one that the thread was about to take or give back. It is treated the same, and
//! if it names nobody, one sleeper is woken.
//!
//! There is one list a thread, and the C library made it, for `pthread_mutex_t`. So we share it, and
//! must lay our nodes out as it does its own: a pointer to the previous node, a pointer to the next, which is what all pointers point
//! at, and the lock's word at a fixed distance [`WORD`] from there.
//!
//! # Why nodes are not in shared memory
//!
//! The distance is less than 40 bytes, so that the C library's own robust mutexes have these pointers in the memory that they share:
//! whoever writes there, a stray pointer in a process that is about to crash or an attacker, has another process write where he likes
//! when that unlocks. Ours are on either side of a page's end: the word on the last bytes of a shared page, the node on the first ones of
//! a private page that is mapped behind it.
//!
//! # Forks
//!
//! The C library empties the list in a child of fork(2), and so the child holds none of its parent's locks. What is remembered
//! of the thread is forgotten there.
#![allow(unsafe_code)] // system calls, and the list of the C library

use super::at_fork::at_fork;
use nix::errno::Errno;
use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, compiler_fence};

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("robust locks are laid out for 64-bit little-endian machines");

/// From where a node's address is to the word, in bytes: `futex_offset`.
pub(crate) const WORD: isize = if cfg!(target_env = "musl") { -28 } else { -32 };

/// How far before the end of its page a word begins, for each of the words that fit: they are aligned to 8 bytes, and both
/// pointers of the node are beyond the end.
pub(crate) const PLACES: &[usize] = if cfg!(target_env = "musl") {
    &[16]
} else {
    &[24, 8]
};

/// `struct robust_list_head`.
#[repr(C)]
struct Head {
    first: AtomicUsize,
    word: libc::c_long,
    pending: AtomicUsize,
}

/// A node: the address of its `next` is the node's address to everybody.
///
/// Addresses may have the lowest bit set, which marks locks with priority inheritance.
#[repr(C)]
pub(crate) struct Node {
    previous: AtomicUsize,
    next: AtomicUsize,
}

const ADDRESS: usize = !1;

impl Node {
    #[inline]
    fn address(&self) -> usize {
        ptr::from_ref(&self.next) as usize
    }

    /// Whether a thread of this process holds the lock by this node, or has ended with it.
    #[inline]
    pub(crate) fn is_linked(&self) -> bool {
        self.next.load(Relaxed) != 0
    }
}

/// The field `next` of the node at an address.
///
/// # Safety
///
/// The address is that of a node, or of the head, in the list of the calling thread.
unsafe fn next_at<'a>(address: usize) -> &'a AtomicUsize {
    // SAFETY: by contract there is a node or a head, and both begin with this field.
    unsafe { &*ptr::with_exposed_provenance(address & ADDRESS) }
}

/// The field `previous` of the node at an address.
///
/// # Safety
///
/// The address is that of a node, not of the head, in the list of the calling thread.
unsafe fn previous_at<'a>(address: usize) -> &'a AtomicUsize {
    let field = (address & ADDRESS) - mem::offset_of!(Node, next);
    // SAFETY: by contract there is a node, which begins with this field.
    unsafe { &*ptr::with_exposed_provenance(field) }
}

/// The calling thread, as the kernel and the C library know it.
// Two words, so that it is kept in registers.
#[derive(Clone, Copy)]
pub(crate) struct Me {
    /// Its number, and below that one that no other thread of this process ever had, nor that of which it is a fork.
    pub(crate) token: u64,
    head: NonNull<Head>,
    of_this_thread: PhantomData<*mut ()>,
}

thread_local! {
    static ME: Cell<Option<Me>> = const { Cell::new(None) };
}

/// Prepares for locks; to be called before the first use of [`me`].
pub(crate) fn prepare() -> io::Result<()> {
    extern "C" fn nothing() {}
    extern "C" fn forget() {
        ME.set(None);
    }
    static PREPARED: OnceLock<Result<(), Errno>> = OnceLock::new();
    let prepared = PREPARED.get_or_init(|| {
        at_fork(nothing, nothing, forget).map_err(|_| Errno::ENOMEM)?;
        let head = registered_head()?;
        // SAFETY: it is the head of this thread, which lives as long as that.
        let word = unsafe { head.as_ref() }.word;
        if word as isize == WORD {
            Ok(())
        } else {
            Err(Errno::ENOTSUP)
        }
    });
    prepared.map_err(|error| match error {
        Errno::ENOTSUP => io::Error::new(
            io::ErrorKind::Unsupported,
            "this C library lays out robust mutexes in a way that is not known",
        ),
        error => error.into(),
    })
}

/// The calling thread.
#[inline]
pub(crate) fn me() -> Me {
    match ME.get() {
        Some(me) => me,
        None => introduce(),
    }
}

/// A fork goes on from where its parent was, and so has none that its parent had before.
static NEXT_TOKEN: AtomicU32 = AtomicU32::new(1);

#[cold]
fn introduce() -> Me {
    let head = registered_head().unwrap_or_else(|error| {
        panic!("the kernel has no robust list for this thread, without which locks can't survive its death: {error}")
    });
    // Always positive.
    let tid = nix::unistd::gettid().as_raw().unsigned_abs();
    let me = Me {
        token: u64::from(tid) << 32 | u64::from(NEXT_TOKEN.fetch_add(1, Relaxed)),
        head,
        of_this_thread: PhantomData,
    };
    ME.set(Some(me));
    me
}

/// Whether there is a thread of this process which may have this token.
pub(crate) fn is_there(token: u64) -> bool {
    let tid = (token >> 32) as libc::pid_t;
    // SAFETY: no signal is sent.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, 0) };
    Errno::result(result) != Err(Errno::ESRCH)
}

/// The list that the C library has registered for this thread.
fn registered_head() -> Result<NonNull<Head>, Errno> {
    match current_head()? {
        Some(head) => Ok(head),
        None => {
            // Some C libraries register it when it is first needed.
            lock_a_robust_mutex()?;
            current_head()?.ok_or(Errno::ENOSYS)
        }
    }
}

fn current_head() -> Result<Option<NonNull<Head>>, Errno> {
    let mut head: *mut Head = ptr::null_mut();
    let mut len: usize = 0;
    // SAFETY: the kernel writes an address and a length, for which there is room.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut len) };
    Errno::result(result)?;
    if len != size_of::<Head>() {
        return Ok(None);
    }
    Ok(NonNull::new(head))
}

fn lock_a_robust_mutex() -> Result<(), Errno> {
    let check = |error| match error {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    };
    let mut attributes = mem::MaybeUninit::uninit();
    let mut mutex = mem::MaybeUninit::uninit();
    // SAFETY: each is initialized by its own function before it is used, and destroyed at the end.
    unsafe {
        check(libc::pthread_mutexattr_init(attributes.as_mut_ptr()))?;
        check(libc::pthread_mutexattr_setrobust(
            attributes.as_mut_ptr(),
            libc::PTHREAD_MUTEX_ROBUST,
        ))?;
        check(libc::pthread_mutex_init(
            mutex.as_mut_ptr(),
            attributes.as_ptr(),
        ))?;
        check(libc::pthread_mutex_lock(mutex.as_mut_ptr()))?;
        check(libc::pthread_mutex_unlock(mutex.as_mut_ptr()))?;
        check(libc::pthread_mutex_destroy(mutex.as_mut_ptr()))?;
        check(libc::pthread_mutexattr_destroy(attributes.as_mut_ptr()))
    }
}

impl Me {
    /// Its number, which is what a lock's word says of its holder.
    #[inline(always)]
    pub(crate) fn tid(self) -> u32 {
        (self.token >> 32) as u32
    }

    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: the head lives as long as its thread, and this value can't leave that.
        unsafe { self.head.as_ref() }
    }

    /// If the thread dies from here on, the kernel looks at the lock of `node`.
    ///
    /// # Safety
    ///
    /// The node and its word must stay mapped until [`settle`](Self::settle).
    #[inline(always)]
    pub(crate) unsafe fn pend(&self, node: &Node) {
        self.head().pending.store(node.address(), Relaxed);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// Nothing is pending any more.
    #[inline(always)]
    pub(crate) fn settle(&self) {
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.head().pending.store(0, Relaxed);
    }

    /// Puts the node into the list.
    ///
    /// # Safety
    ///
    /// The thread has just taken the lock of this node, which is pending. The node and its word must stay mapped as
    /// long as it [is linked](Node::is_linked).
    #[inline(always)]
    pub(crate) unsafe fn link(&self, node: &Node) {
        let head = self.head();
        let first = head.first.load(Relaxed);
        let end = ptr::from_ref(head) as usize;
        node.next.store(first, Relaxed);
        node.previous.store(end, Relaxed);
        if first & ADDRESS != end {
            // SAFETY: it is in the list of this thread and isn't the head.
            unsafe { previous_at(first) }.store(node.address(), Relaxed);
        }
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        head.first.store(node.address(), Relaxed);
    }

    /// Takes the node out of the list.
    ///
    /// # Safety
    ///
    /// [`link`](Self::link) has put it in on this thread, and the lock is pending.
    #[inline(always)]
    pub(crate) unsafe fn unlink(&self, node: &Node) {
        let end = ptr::from_ref(self.head()) as usize;
        let next = node.next.load(Relaxed);
        let previous = node.previous.load(Relaxed);
        // SAFETY: nodes are private memory, so these are the addresses that this thread put there: of
        // the head, or of nodes in its list.
        unsafe {
            next_at(previous).store(next, Relaxed);
            if next & ADDRESS != end {
                previous_at(next).store(previous, Relaxed);
            }
        }
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        node.next.store(0, Relaxed);
    }
}
