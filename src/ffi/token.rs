//! Handles of identity objects: 64-bit tokens, looked up in one table for the process at every call.
//!
//! A token is kind (8 bits), generation (28) and slot (28), XORed with the process's salt; 0 is the null handle.
//! Invariant: a token that is stale, forged, of another type or of another process is a status, never undefined
//! behaviour, and a slot never carries the same generation twice.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::error::{MsbError, Status};
use crate::ffi::boundary::Cleared;
use crate::ffi::{ffi, process};

/// A backend. Released with `msb_backend_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_backend {
    /// Opaque.
    pub id: u64,
}

/// A sandbox. Released with `msb_sandbox_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_sandbox {
    /// Opaque.
    pub id: u64,
}

/// A command in a sandbox. Released with `msb_exec_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_exec {
    /// Opaque.
    pub id: u64,
}

/// A thread that delivers events. Released with `msb_dispatcher_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_dispatcher {
    /// Opaque.
    pub id: u64,
}

/// An open file of a volume or of a sandbox. Released with `msb_file_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_file {
    /// Opaque.
    pub id: u64,
}

/// A volume. Released with `msb_volume_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_volume {
    /// Opaque.
    pub id: u64,
}

/// Completions of operations, and the threads that do their work. Released with `msb_queue_release`; `{0}` is the null
/// handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_queue {
    /// Opaque.
    pub id: u64,
}

/// An operation that a queue accepted. Released with `msb_op_release`; `{0}` is the null handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_op {
    /// Opaque.
    pub id: u64,
}

/// For `msb_debug_live_objects`: every kind.
pub const MSB_KIND_ALL: u32 = 0;
/// For `msb_debug_live_objects`: `msb_backend`.
pub const MSB_KIND_BACKEND: u32 = 1;
/// For `msb_debug_live_objects`: `msb_sandbox`.
pub const MSB_KIND_SANDBOX: u32 = 2;
/// For `msb_debug_live_objects`: `msb_exec`.
pub const MSB_KIND_EXEC: u32 = 3;
/// For `msb_debug_live_objects`: `msb_dispatcher`.
pub const MSB_KIND_DISPATCHER: u32 = 4;
/// For `msb_debug_live_objects`: `msb_volume`.
pub const MSB_KIND_VOLUME: u32 = 5;
/// For `msb_debug_live_objects`: `msb_file`.
pub const MSB_KIND_FILE: u32 = 6;
/// For `msb_debug_live_objects`: `msb_queue`.
pub const MSB_KIND_QUEUE: u32 = 7;
/// For `msb_debug_live_objects`: `msb_op`.
pub const MSB_KIND_OP: u32 = 8;

/// A handle type of the ABI; implement it with [`handle!`], beside the object it stands for.
pub trait Handle: Copy + Cleared {
    /// What the handle stands for.
    type Object: Any + Send + Sync;
    /// One of the `MSB_KIND_*` numbers.
    const KIND: u32;
    /// The name of the C type.
    const NAME: &'static str;
    /// The handle with this token.
    fn from_id(id: u64) -> Self;
    /// The token.
    fn id(self) -> u64;
}

/// Says what a handle type stands for: `handle!(msb_exec, MSB_KIND_EXEC, Exec)`.
macro_rules! handle {
    ($name:ident, $kind:expr, $object:ty) => {
        impl $crate::ffi::boundary::Cleared for $name {
            const CLEARED: Self = Self { id: 0 };
        }
        impl $crate::ffi::token::Handle for $name {
            type Object = $object;
            const KIND: u32 = $kind;
            const NAME: &'static str = stringify!($name);
            fn from_id(id: u64) -> Self {
                Self { id }
            }
            fn id(self) -> u64 {
                self.id
            }
        }
    };
}

pub(crate) use handle;

/// Gives an object a handle; the table keeps one reference to it until the handle is released.
pub fn insert<H: Handle>(object: Arc<H::Object>) -> Result<H, MsbError> {
    let salt = process::salt()?;
    let raw = TABLE.insert(H::KIND, object)?;
    Ok(H::from_id(raw ^ salt))
}

/// The object of a handle; it lives on while the caller keeps the reference, even if the handle is released.
#[inline]
pub fn lookup<H: Handle>(handle: H) -> Result<Arc<H::Object>, MsbError> {
    let id = handle.id();
    if id == 0 {
        return Err(null_handle(H::NAME));
    }
    match TABLE.get(id ^ process::salt()?, H::KIND) {
        Ok(object) => Arc::downcast(object).map_err(|_| wrong_type(H::NAME)),
        Err(Miss::Stale) => Err(stale(H::NAME)),
        Err(Miss::OtherKind) => Err(wrong_type(H::NAME)),
    }
}

/// Takes a handle out of the table and writes the null handle in its place. Gives the table's reference, so that
/// the object's end runs outside the table's locks; nothing for a handle that is null, stale or forged.
///
/// # Safety
/// `handle` is NULL or valid for reads and writes.
pub unsafe fn release<H: Handle>(handle: *mut H) -> Option<Arc<H::Object>> {
    if handle.is_null() || !handle.is_aligned() {
        return None;
    }
    // SAFETY: just checked for NULL and alignment; the caller promises the rest.
    let id = unsafe { std::ptr::replace(handle, H::CLEARED) }.id();
    if id == 0 {
        return None;
    }
    let salt = process::salt().ok()?;
    Arc::downcast(TABLE.remove(id ^ salt, H::KIND).ok()?).ok()
}

/// How many handles of a kind are live: what a leak check compares with zero.
///
/// - kind: an `MSB_KIND_*` number; `MSB_KIND_ALL` adds all kinds up.
/// - Returns: the number of handles given out and not yet released; 0 for an unknown kind.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_debug_live_objects(kind: u32) -> u64 {
    ffi!(else 0, [], { Ok(TABLE.live(kind)) })
}

const KIND_SHIFT: u32 = 56;
const GENERATION_SHIFT: u32 = 28;
const FIELD: u64 = (1 << 28) - 1;
const MAX_GENERATION: u32 = (1 << 28) - 1;

/// Enough that threads seldom meet on a lock.
const SHARDS: usize = 16;
/// A freed slot waits until this many others of its shard were freed after it.
const QUARANTINE: usize = 64;
/// Per shard; a million handles at once are a leak.
const MAX_SLOTS: usize = 1 << 16;
/// Room for the kinds that exist and are planned.
const KINDS: usize = 16;

static TABLE: Table = Table::new();

type Object = Arc<dyn Any + Send + Sync>;

enum Miss {
    Stale,
    OtherKind,
}

struct Table {
    shards: [RwLock<Shard>; SHARDS],
    next_shard: AtomicUsize,
    live: [AtomicU64; KINDS],
}

struct Shard {
    slots: Vec<Slot>,
    /// Freed slots, the longest free first.
    free: VecDeque<u32>,
}

struct Slot {
    /// Kind and generation as in a token: what a token has to match. A free slot has the next generation, kind 0.
    stamp: u64,
    object: Option<Object>,
}

impl Table {
    const fn new() -> Self {
        Self {
            shards: [const {
                RwLock::new(Shard {
                    slots: Vec::new(),
                    free: VecDeque::new(),
                })
            }; SHARDS],
            next_shard: AtomicUsize::new(0),
            live: [const { AtomicU64::new(0) }; KINDS],
        }
    }

    fn insert(&self, kind: u32, object: Object) -> Result<u64, MsbError> {
        let shard_index = self.next_shard.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let (stamp, index) = self.shards[shard_index]
            .write()
            .insert(kind, object)
            .ok_or_else(too_many)?;
        self.live[kind as usize % KINDS].fetch_add(1, Ordering::Relaxed);
        Ok(stamp | (u64::from(index) * SHARDS as u64 + shard_index as u64))
    }

    #[inline]
    fn get(&self, raw: u64, kind: u32) -> Result<Object, Miss> {
        let (shard, index) = place(raw);
        let shard = self.shards[shard].read();
        let slot = shard.slots.get(index).ok_or(Miss::Stale)?;
        match &slot.object {
            Some(object) if slot.stamp == raw & !FIELD => {
                if raw >> KIND_SHIFT == u64::from(kind) {
                    Ok(Arc::clone(object))
                } else {
                    Err(Miss::OtherKind)
                }
            }
            _ => Err(Miss::Stale),
        }
    }

    fn remove(&self, raw: u64, kind: u32) -> Result<Object, Miss> {
        if raw >> KIND_SHIFT != u64::from(kind) {
            return Err(Miss::OtherKind);
        }
        let (shard, index) = place(raw);
        let object = self.shards[shard]
            .write()
            .remove(index, raw & !FIELD)
            .ok_or(Miss::Stale)?;
        self.live[kind as usize % KINDS].fetch_sub(1, Ordering::Relaxed);
        Ok(object)
    }

    fn live(&self, kind: u32) -> u64 {
        if kind == MSB_KIND_ALL {
            return self.live.iter().map(|live| live.load(Ordering::Relaxed)).sum();
        }
        self.live
            .get(kind as usize)
            .map_or(0, |live| live.load(Ordering::Relaxed))
    }
}

impl Shard {
    fn insert(&mut self, kind: u32, object: Object) -> Option<(u64, u32)> {
        let index = if self.free.len() > QUARANTINE || self.slots.len() >= MAX_SLOTS {
            self.free.pop_front()?
        } else {
            let fresh = u32::try_from(self.slots.len()).ok()?;
            self.slots.push(Slot {
                stamp: 1 << GENERATION_SHIFT,
                object: None,
            });
            fresh
        };
        let slot = self.slots.get_mut(index as usize)?;
        slot.stamp |= u64::from(kind) << KIND_SHIFT;
        slot.object = Some(object);
        Some((slot.stamp, index))
    }

    fn remove(&mut self, index: usize, stamp: u64) -> Option<Object> {
        let slot = self.slots.get_mut(index)?;
        if slot.stamp != stamp {
            return None;
        }
        let object = slot.object.take()?;
        let generation = slot.stamp >> GENERATION_SHIFT & FIELD;
        // A slot whose generations are used up is never used again.
        if generation < u64::from(MAX_GENERATION) {
            slot.stamp = (generation + 1) << GENERATION_SHIFT;
            self.free.push_back(u32::try_from(index).ok()?);
        }
        Some(object)
    }
}

#[inline]
fn place(raw: u64) -> (usize, usize) {
    let slot = usize::try_from(raw & FIELD).unwrap_or(usize::MAX);
    (slot % SHARDS, slot / SHARDS)
}

#[cold]
fn null_handle(name: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "handle.null",
        format!("the {name} is the null handle"),
    )
    .remedy("pass a handle that a call gave out and that was not released")
}

#[cold]
fn stale(name: &str) -> MsbError {
    MsbError::new(
        Status::StaleHandle,
        "handle.stale",
        format!("the {name} was released, or was never given out by this process"),
    )
    .remedy("pass a handle that a call gave out and that was not released")
}

#[cold]
fn wrong_type(name: &str) -> MsbError {
    MsbError::new(
        Status::WrongHandleType,
        "handle.wrong_type",
        format!("the handle is of another type than {name}"),
    )
    .remedy("pass the handle to the functions of its own type")
}

#[cold]
fn too_many() -> MsbError {
    MsbError::new(
        Status::ResourceExhausted,
        "handle.too_many",
        "too many handles are live",
    )
    .remedy("release handles that are no longer used; msb_debug_live_objects counts them")
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
