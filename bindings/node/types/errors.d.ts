/// <reference types="node" />
// Errors: one class for each status, all of them MsbErrors.

/**
 * Why a call failed. There is a subclass for each status, so `instanceof` says what happened; `reason` says more exactly why.
 * Both sets are open: a newer libmsb may reject with a plain MsbError, or with a reason that is not known yet.
 */
export class MsbError extends Error {
  protected constructor();
  /** The C name of the status, such as `'MSB_ERR_NOT_FOUND'`. */
  readonly code: string;
  /** The same as a number. */
  readonly status: number;
  /** The stable dotted reason, such as `'sandbox.name_taken'`, for programs to act upon. */
  readonly reason: string;
  /** The errno of the system call that failed; 0 if none did. */
  readonly errno: number;
  /** Whether the same call, unchanged, may succeed later. */
  readonly retryable: boolean;
  /** Facts about the failure, such as `argument`, `sandbox` or `console_tail`: text, but `stdout` and `stderr` are Buffers. */
  readonly details: Readonly<Record<string, string | Buffer>>;
  /** The nearest cause, which may have a cause of its own. */
  readonly cause?: unknown;
}

/** The operation was cancelled. */
export class CancelledError extends MsbError {}

/** An AbortSignal ended the call. `name` is `'AbortError'`, as elsewhere in Node.js; `cause` is libmsb's own error. */
export class AbortError extends CancelledError {
  /** The signal's `reason`. */
  readonly abortReason: unknown;
}

/** An argument is missing, malformed or out of range; the message names it. */
export class InvalidArgumentError extends MsbError {}
/** Nothing of that name exists. */
export class NotFoundError extends MsbError {}
/** The name is taken. */
export class AlreadyExistsError extends MsbError {}
/** The object is in a state in which this cannot be done. */
export class InvalidStateError extends MsbError {}
/** The operating system denies access. */
export class PermissionDeniedError extends MsbError {}
/** A limit of the process, the system or the library is reached. */
export class ResourceExhaustedError extends MsbError {}
/** The other side does not answer now. */
export class UnavailableError extends MsbError {}
/** The time that was given has passed. */
export class TimeoutError extends MsbError {}
/** Nothing is ready and the caller asked not to wait. */
export class WouldBlockError extends MsbError {}
/** The stream has ended. */
export class EndOfStreamError extends MsbError {}
/** This build, host or driver cannot do it. */
export class UnsupportedError extends MsbError {}
/** A file or device operation failed; see `errno`. */
export class IoError extends MsbError {}
/** A network operation failed. */
export class NetworkError extends MsbError {}
/** Data does not have the form or the digest that it must have. */
export class CorruptError extends MsbError {}
/** Somebody else changed the same object first. */
export class ConflictError extends MsbError {}
/** The guest did not come up; `details` hold the `stage` and the `console_tail`. */
export class GuestFailedError extends MsbError {}
/** The command could not be started; `reason` says why, such as `'exec.not_found'`. */
export class ExecFailedError extends MsbError {}
/** The object was released. */
export class StaleHandleError extends MsbError {}
/** The handle belongs to an object of another type. */
export class WrongHandleTypeError extends MsbError {}
/** The call would wait for the thread that makes it. */
export class WouldDeadlockError extends MsbError {}
/** The process was forked after the library was first used. */
export class ForkedError extends MsbError {}
/** Header and library are of incompatible versions. */
export class AbiMismatchError extends MsbError {}
/** Memory could not be allocated. */
export class OutOfMemoryError extends MsbError {}
/** A defect of the library itself. */
export class InternalError extends MsbError {}
/** The store was written by a newer version; it was left as it was. */
export class StoreNewerError extends MsbError {}
/** The store's database is damaged. */
export class StoreCorruptError extends MsbError {}
/** The place to be written is read-only. */
export class ReadOnlyError extends MsbError {}
/** The disk or its quota is full. */
export class DiskFullError extends MsbError {}
/** A configuration cannot be used as it stands; the message names the key. */
export class ConfigInvalidError extends MsbError {}
/** No driver can run a guest on this host. */
export class DriverUnavailableError extends MsbError {}
/** No guest kernel was found; the message lists where it was looked for. */
export class KernelNotFoundError extends MsbError {}
/** This host cannot give the isolation that was asked for. */
export class IsolationUnavailableError extends MsbError {}
/** The sandbox's machine ended without being asked to. */
export class SandboxCrashedError extends MsbError {}
/** The sandbox is not running. */
export class NotRunningError extends MsbError {}
/** The object is in use. */
export class BusyError extends MsbError {}
