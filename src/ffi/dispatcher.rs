//! `msb_dispatcher`: a thread that calls the host's functions with commands' output and ends, and with completions.

use std::ffi::c_void;
use std::ptr;

use crate::deadline::Deadline;
use crate::dispatch::{Callbacks, Dispatcher, Verdict};
use crate::ffi::error::msb_error;
use crate::ffi::exec::msb_exec_status;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_DISPATCHER, handle, msb_dispatcher, msb_exec};
use msb_protocol::exec::ExecExit;
use msb_protocol::frame::Channel;

handle!(msb_dispatcher, MSB_KIND_DISPATCHER, Dispatcher);

/// An output callback returns this to get more.
pub const MSB_CALLBACK_CONTINUE: i32 = 0;
/// An output callback returns this, or anything else that is not `MSB_CALLBACK_CONTINUE`, to be called no more.
pub const MSB_CALLBACK_STOP: i32 = 1;

/// Called with output as it appears: `which` is `MSB_STDOUT` or `MSB_STDERR`; `data` is borrowed for the call. It must not
/// unwind or jump out; while it runs, only its own dispatcher waits.
pub type msb_exec_output_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, which: i32, data: *const u8, len: usize) -> i32>;

/// Called once, after all output, when the command ended; `status` is borrowed for the call and NULL if the sandbox ended
/// first.
pub type msb_exec_end_fn = Option<unsafe extern "C" fn(user: *mut c_void, status: *const msb_exec_status)>;

/// Called exactly once, when `user` is no longer needed, on the dispatcher's thread or, if the call that passed it fails, on
/// the caller's.
pub type msb_finalizer_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// What a host wants to get back with each call, and how it learns that it will not any more.
pub(super) struct HostUser {
    user: *mut c_void,
    finalizer: msb_finalizer_fn,
}

// SAFETY: `user` is only ever handed back to the host, whose contract says on which thread that happens.
unsafe impl Send for HostUser {}

impl HostUser {
    pub(super) fn new(user: *mut c_void, finalizer: msb_finalizer_fn) -> Self {
        Self { user, finalizer }
    }

    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.user
    }
}

impl Drop for HostUser {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: the host passed the function for this use; a value is dropped once.
            unsafe { finalizer(self.user) };
        }
    }
}

struct HostCallbacks {
    user: HostUser,
    output: msb_exec_output_fn,
    ended: msb_exec_end_fn,
}

impl Callbacks for HostCallbacks {
    fn output(&mut self, channel: Channel, data: &[u8]) -> Verdict {
        let Some(output) = self.output else {
            return Verdict::Continue;
        };
        // SAFETY: the host passed the function for this use, and the data live until it returns.
        let answer = unsafe { output(self.user.as_ptr(), channel as i32, data.as_ptr(), data.len()) };
        if answer == MSB_CALLBACK_CONTINUE {
            Verdict::Continue
        } else {
            Verdict::Stop
        }
    }

    fn ended(&mut self, exit: Option<ExecExit>) {
        let Some(ended) = self.ended else { return };
        let status = exit.map(msb_exec_status::from);
        // SAFETY: the host passed the function for this use, and the record lives until it returns.
        unsafe {
            ended(
                self.user.as_ptr(),
                status.as_ref().map_or(ptr::null(), ptr::from_ref),
            )
        };
    }
}

/// Starts a dispatcher: a thread that calls the host's functions. It is the only thread of the library that ever does, and
/// it blocks every signal that comes from outside.
///
/// - out: returned owned, to be released with `msb_dispatcher_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_dispatcher_start(
    out: *mut msb_dispatcher,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [out out], {
        *out = token::insert(Dispatcher::start()?)?;
        Ok(())
    })
}

/// Has a dispatcher deliver a command's output and end. The command's outputs can then not be taken in another way. A
/// function that is still running holds the command up once 1 MiB of its output is waiting; nothing is lost.
///
/// - exec: the command; its handle may be released at once.
/// - dispatcher: the dispatcher.
/// - output: called with output; NULL throws output away. After it gave `MSB_CALLBACK_STOP` neither it nor `ended` is
///   called again; the finalizer is.
/// - ended: called with the end; may be NULL.
/// - user: passed to each function; may be NULL.
/// - finalizer: called once when `user` is no longer needed, also if this call fails; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_dispatch(
    exec: msb_exec,
    dispatcher: msb_dispatcher,
    output: msb_exec_output_fn,
    ended: msb_exec_end_fn,
    user: *mut c_void,
    finalizer: msb_finalizer_fn,
    err: *mut *mut msb_error,
) -> msb_status {
    // Made first: it calls the finalizer however this ends.
    let callbacks = HostCallbacks {
        user: HostUser::new(user, finalizer),
        output,
        ended,
    };
    ffi!(err, [token exec, token dispatcher], { dispatcher.subscribe(&exec, Box::new(callbacks)) })
}

/// Stops a dispatcher and waits until its thread has ended: no function is called after that. The finalizers of what it
/// still served are called.
///
/// - dispatcher: the dispatcher.
/// - timeout_ms: how long to wait for a function that is running, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, TIMEOUT, WOULD_DEADLOCK on the dispatcher's own thread, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_dispatcher_stop(
    dispatcher: msb_dispatcher,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token dispatcher], { dispatcher.stop(Deadline::from_timeout_ms(timeout_ms)) })
}

/// Gives a handle back. A dispatcher that was not stopped ends by itself after the function that is running.
///
/// - dispatcher: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_dispatcher_release(dispatcher: *mut msb_dispatcher) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        drop(unsafe { token::release(dispatcher) });
        Ok(())
    });
}
