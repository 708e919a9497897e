// libmsb for `import`: the same objects as index.js gives.
import libmsb from './index.js';

export const {
  Backend, Sandbox, Exec, Volume, File,
  version, abiVersion, buildInfo, liveObjects,
  MsbError, AbortError,
  InvalidArgumentError, NotFoundError, AlreadyExistsError, InvalidStateError, PermissionDeniedError, ResourceExhaustedError,
  UnavailableError, TimeoutError, CancelledError, WouldBlockError, EndOfStreamError, UnsupportedError, IoError, NetworkError,
  CorruptError, ConflictError, GuestFailedError, ExecFailedError, StaleHandleError, WrongHandleTypeError, WouldDeadlockError,
  ForkedError, AbiMismatchError, OutOfMemoryError, InternalError, StoreNewerError, StoreCorruptError, ReadOnlyError,
  DiskFullError, ConfigInvalidError, DriverUnavailableError, KernelNotFoundError, IsolationUnavailableError,
  SandboxCrashedError, NotRunningError, BusyError,
} = libmsb;
