//! `msb_queue`: where operations are submitted, and where their completions are read.

use std::ffi::c_void;
use std::os::fd::AsRawFd;

use crate::deadline::Deadline;
use crate::dispatch::Completions;
use crate::error::{MsbError, Status};
use crate::ffi::dispatcher::{HostUser, msb_finalizer_fn};
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::text;
use crate::ffi::token::{self, Handle, MSB_KIND_QUEUE, handle, msb_dispatcher, msb_op, msb_queue};
use crate::ops::{Next, Op, Queue};

handle!(msb_queue, MSB_KIND_QUEUE, Queue);

/// Says that an operation has completed. Always written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_completion {
    /// The value that the operation was submitted with.
    pub token: u64,
    /// The operation, still owned by whoever submitted it: take its result, then release it. The null handle if it was
    /// released already.
    pub op: msb_op,
    /// `MSB_OK`, or why it failed; `msb_op_take_*` gives the whole error.
    pub status: msb_status,
    /// 0.
    pub reserved: u32,
    /// 0; room for later versions.
    pub reserved_words: [u64; 4],
}

impl From<&Op> for msb_completion {
    fn from(op: &Op) -> Self {
        Self {
            token: op.token(),
            op: msb_op::from_id(op.tag()),
            status: op.status(),
            reserved: 0,
            reserved_words: [0; 4],
        }
    }
}

/// Called with each completion; it is borrowed for the call. It must not unwind or jump out; while it runs, only its own
/// dispatcher waits.
pub type msb_completion_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, completion: *const msb_completion)>;

struct HostCompletions {
    user: HostUser,
    completed: unsafe extern "C" fn(user: *mut c_void, completion: *const msb_completion),
}

impl Completions for HostCompletions {
    fn completed(&mut self, op: &Op) {
        let completion = msb_completion::from(op);
        // SAFETY: the host passed the function for this use, and the record lives until it returns.
        unsafe { (self.completed)(self.user.as_ptr(), &raw const completion) };
    }
}

/// Makes a queue. It belongs to no backend, and any number of queues can be used side by side. It has no thread until an
/// operation needs one, and then a bounded number, whatever is in flight; they end when they have had nothing to do for
/// some seconds.
///
/// - out: returned owned, to be released with `msb_queue_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_new(out: *mut msb_queue, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [out out], {
        *out = token::insert(Queue::new()?)?;
        Ok(())
    })
}

/// Takes completions, in the order in which the operations completed. Each is given once, to one caller.
///
/// - queue: the queue.
/// - out: written with up to `cap` completions; not NULL.
/// - cap: how many fit into `out`; not 0.
/// - timeout_ms: how long to wait for the first, in milliseconds; 0 only looks, -1 has no limit.
/// - n: written with how many there are; 0 on success if `msb_queue_wake` was called. Not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: END_OF_STREAM once the queue is closed and everything was taken, INVALID_ARGUMENT, INVALID_STATE if a
///   dispatcher takes the completions, STALE_HANDLE, TIMEOUT, WOULD_BLOCK if `timeout_ms` is 0 and there is none,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_next(
    queue: msb_queue,
    out: *mut msb_completion,
    cap: usize,
    timeout_ms: i64,
    n: *mut usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token queue, out n], {
        if out.is_null() {
            return Err(text::null("out"));
        }
        let ops = match queue.next(cap, Deadline::from_timeout_ms(timeout_ms))? {
            Next::Completed(ops) => ops,
            Next::Woken => return Ok(()),
            Next::End => {
                return Err(MsbError::new(
                    Status::EndOfStream,
                    "queue.end",
                    "the queue is closed and all its completions were taken",
                ));
            }
        };
        for (i, op) in ops.iter().enumerate() {
            // SAFETY: the caller keeps msb.h's contract on pointers: `out` has room for `cap`, and `i` is less.
            unsafe { out.add(i).write(msb_completion::from(&**op)) };
        }
        *n = ops.len();
        Ok(())
    })
}

/// A descriptor to wait with, by poll, epoll or an event loop: readable while `msb_queue_next` would not wait, because there
/// is a completion, somebody called `msb_queue_wake`, or the queue is closed and nothing more will come. It does not block, as
/// event loops want it. Do not read, write or close it.
///
/// - queue: the queue.
/// - fd: written with the descriptor, a view until the queue is released; it is closed in programs that are executed. Not
///   NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_fd(
    queue: msb_queue,
    fd: *mut i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token queue, out_fd fd], {
        *fd = queue.fd().as_raw_fd();
        Ok(())
    })
}

/// Has one call of `msb_queue_next`, now or later, return `MSB_OK` without a completion.
///
/// - queue: the queue.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_wake(queue: msb_queue, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token queue], {
        queue.wake();
        Ok(())
    })
}

/// Has a dispatcher take the queue's completions from now on; `msb_queue_next` then fails. When the dispatcher is stopped,
/// those that are left can be read again.
///
/// - queue: the queue; if it is released, what is in flight is cancelled and its completions are still delivered.
/// - dispatcher: the dispatcher.
/// - completed: called with each completion; not NULL.
/// - user: passed to `completed` and `finalizer`; may be NULL.
/// - finalizer: called once when `user` is no longer needed, also if this call fails; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_dispatch(
    queue: msb_queue,
    dispatcher: msb_dispatcher,
    completed: msb_completion_fn,
    user: *mut c_void,
    finalizer: msb_finalizer_fn,
    err: *mut *mut msb_error,
) -> msb_status {
    // Made first: it calls the finalizer however this ends.
    let user = HostUser::new(user, finalizer);
    ffi!(err, [token queue, token dispatcher], {
        let completed = completed.ok_or_else(|| text::null("completed"))?;
        dispatcher.serve_queue(&queue, Box::new(HostCompletions { user, completed }))
    })
}

/// How many operations were accepted whose completion was not taken yet.
///
/// - queue: the queue.
/// - Returns: the number; 0 for no live handle.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_pending(queue: msb_queue) -> u64 {
    ffi!(else 0, [token queue], { Ok(queue.pending() as u64) })
}

/// Ends a queue in order: nothing more can be submitted, what is in flight is cancelled; waits until it has completed and the
/// queue's threads have ended. Completions can still be taken. Closing again waits for what is left.
///
/// - queue: the queue.
/// - timeout_ms: how long to wait, in milliseconds; -1 has no limit. The queue is closed even if this passes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, TIMEOUT, WOULD_DEADLOCK on the thread of the dispatcher that takes the queue's
///   completions, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_close(
    queue: msb_queue,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token queue], { queue.close(Deadline::from_timeout_ms(timeout_ms)) })
}

/// Gives a handle back. A queue that was not closed cancels what is in flight, in the background; completions that nobody
/// can read any more are dropped, and operations whose handles were not released keep their results.
///
/// - queue: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_queue_release(queue: *mut msb_queue) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        if let Some(queue) = unsafe { token::release(queue) } {
            queue.abandon();
        }
        Ok(())
    });
}

const _: () = assert!(size_of::<msb_completion>() == 56);
