package msb

// #include <msb.h>
import "C"

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// Status says why a call failed, for programs to act upon. It is an error itself, so that it can be compared with:
// errors.Is(err, msb.ErrNotFound). The set is open: a later library may give numbers that have no name here.
type Status int32

// The statuses of this version.
const (
	ErrInvalidArgument      Status = C.MSB_ERR_INVALID_ARGUMENT      // an argument is malformed or out of range; the message names it
	ErrNotFound             Status = C.MSB_ERR_NOT_FOUND             // nothing of that name exists; is fs.ErrNotExist
	ErrAlreadyExists        Status = C.MSB_ERR_ALREADY_EXISTS        // the name is taken; is fs.ErrExist
	ErrInvalidState         Status = C.MSB_ERR_INVALID_STATE         // the object is in a state in which this cannot be done
	ErrPermissionDenied     Status = C.MSB_ERR_PERMISSION_DENIED     // the operating system denies access; is fs.ErrPermission
	ErrResourceExhausted    Status = C.MSB_ERR_RESOURCE_EXHAUSTED    // a limit of the process, the system or the library is reached
	ErrUnavailable          Status = C.MSB_ERR_UNAVAILABLE           // the other side does not answer now
	ErrTimeout              Status = C.MSB_ERR_TIMEOUT               // a deadline passed; is os.ErrDeadlineExceeded
	ErrCancelled            Status = C.MSB_ERR_CANCELLED             // the operation was cancelled
	ErrWouldBlock           Status = C.MSB_ERR_WOULD_BLOCK           // nothing is ready and the caller asked not to wait
	ErrEndOfStream          Status = C.MSB_ERR_END_OF_STREAM         // there will be no more data
	ErrUnsupported          Status = C.MSB_ERR_UNSUPPORTED           // this build, host or driver cannot do it; is errors.ErrUnsupported
	ErrIO                   Status = C.MSB_ERR_IO                    // a file or device operation failed; see the errno
	ErrNetwork              Status = C.MSB_ERR_NETWORK               // a network operation failed
	ErrCorrupt              Status = C.MSB_ERR_CORRUPT               // data does not have the form that it must have
	ErrConflict             Status = C.MSB_ERR_CONFLICT              // somebody else changed the same object first
	ErrGuestFailed          Status = C.MSB_ERR_GUEST_FAILED          // the guest did not come up; see details stage and console_tail
	ErrExecFailed           Status = C.MSB_ERR_EXEC_FAILED           // the command could not be started; the reason says why
	ErrStaleHandle          Status = C.MSB_ERR_STALE_HANDLE          // the object was closed; is fs.ErrClosed
	ErrWrongHandleType      Status = C.MSB_ERR_WRONG_HANDLE_TYPE     // the handle belongs to an object of another type
	ErrWouldDeadlock        Status = C.MSB_ERR_WOULD_DEADLOCK        // the call would wait for the thread that makes it
	ErrForked               Status = C.MSB_ERR_FORKED                // the process was forked after the library was first used
	ErrABIMismatch          Status = C.MSB_ERR_ABI_MISMATCH          // header and library are of incompatible versions
	ErrOutOfMemory          Status = C.MSB_ERR_OUT_OF_MEMORY         // memory could not be allocated
	ErrInternal             Status = C.MSB_ERR_INTERNAL              // a defect of the library itself
	ErrStoreNewer           Status = C.MSB_ERR_STORE_NEWER           // the store was written by a newer version; it was left as it was
	ErrStoreCorrupt         Status = C.MSB_ERR_STORE_CORRUPT         // the store's database is damaged
	ErrReadOnly             Status = C.MSB_ERR_READ_ONLY             // the place to be written is read-only
	ErrDiskFull             Status = C.MSB_ERR_DISK_FULL             // the disk or its quota is full
	ErrConfigInvalid        Status = C.MSB_ERR_CONFIG_INVALID        // a configuration text or file cannot be used as it stands
	ErrDriverUnavailable    Status = C.MSB_ERR_DRIVER_UNAVAILABLE    // no driver can run a guest on this host; see Backend.Probe
	ErrKernelNotFound       Status = C.MSB_ERR_KERNEL_NOT_FOUND      // no guest kernel was found
	ErrIsolationUnavailable Status = C.MSB_ERR_ISOLATION_UNAVAILABLE // this host cannot give the isolation that was asked for
	ErrSandboxCrashed       Status = C.MSB_ERR_SANDBOX_CRASHED       // the sandbox's machine ended without being asked to
	ErrNotRunning           Status = C.MSB_ERR_NOT_RUNNING           // the sandbox is not running
	ErrBusy                 Status = C.MSB_ERR_BUSY                  // the object is in use
)

// String gives the status's name in C, such as "MSB_ERR_NOT_FOUND" (msb_status_name).
func (s Status) String() string { return C.GoString(C.msb_status_name(C.msb_status(s))) }

// Error gives the status's name in C, which makes a Status an error to compare with.
func (s Status) Error() string { return s.String() }

// Is reports whether target is the error of the standard library that means the same.
func (s Status) Is(target error) bool {
	switch s {
	case ErrNotFound:
		return target == fs.ErrNotExist
	case ErrAlreadyExists:
		return target == fs.ErrExist
	case ErrPermissionDenied:
		return target == fs.ErrPermission
	case ErrStaleHandle:
		return target == fs.ErrClosed
	case ErrTimeout:
		return target == os.ErrDeadlineExceeded
	case ErrUnsupported:
		return target == errors.ErrUnsupported
	default:
		return false
	}
}

// Error is why a call failed. Find it with errors.As; compare it with a [Status], a [syscall.Errno] or an error of io/fs
// and os with errors.Is.
type Error struct {
	// Status is what kind of failure it is.
	Status Status
	// Reason is a stable dotted word such as "sandbox.name_taken", for programs to act upon. The set is open.
	Reason string
	// Message is for people: what failed, its causes, and what to do about it, in one line.
	Message string
	// Errno is that of the system call that failed; 0 if none did.
	Errno syscall.Errno
	// Retryable says whether the same call, unchanged, may succeed later.
	Retryable bool
	// Causes are the texts that Message was made of, the nearest first, the root last.
	Causes []string
	// Details are facts about the failure by key, such as "argument" or "console_tail".
	Details map[string]string

	// Why the operation was cancelled, if it was: errors of its context.
	context []error
}

// Error gives the message.
func (e *Error) Error() string {
	if len(e.context) == 0 {
		return "msb: " + e.Message
	}
	return "msb: " + e.context[len(e.context)-1].Error() + ": " + e.Message
}

// Unwrap gives the status, the errno, and the error of the context that ended the call, as far as there are any.
func (e *Error) Unwrap() []error {
	wrapped := append([]error{e.Status}, e.context...)
	if e.Errno != 0 {
		wrapped = append(wrapped, e.Errno)
	}
	return wrapped
}

// Timeout reports whether a deadline passed, as net.Error and os.IsTimeout have it.
func (e *Error) Timeout() bool {
	return e.Status == ErrTimeout || errors.Is(errors.Join(e.context...), context.DeadlineExceeded)
}

// result makes a Go error of what a C function gave, and frees the C error.
func result(status C.msb_status, cerr *C.msb_error) error {
	if status == C.MSB_OK {
		return nil
	}
	return newError(status, cerr)
}

func newError(status C.msb_status, cerr *C.msb_error) *Error {
	if cerr == nil {
		return &Error{Status: Status(status), Message: Status(status).String()}
	}
	defer C.msb_error_free(cerr)
	e := &Error{
		Status:    Status(status),
		Reason:    C.GoString(C.msb_error_reason(cerr)),
		Message:   C.GoString(C.msb_error_message(cerr)),
		Errno:     syscall.Errno(C.msb_error_errno(cerr)),
		Retryable: C.msb_error_retryable(cerr) != 0,
	}
	for i := range C.msb_error_cause_count(cerr) {
		e.Causes = append(e.Causes, C.GoString(C.msb_error_cause(cerr, i)))
	}
	for i := range C.msb_error_detail_count(cerr) {
		if e.Details == nil {
			e.Details = make(map[string]string)
		}
		var length C.size_t
		key := C.msb_error_detail_key(cerr, i)
		value := C.msb_error_detail(cerr, key, &length)
		e.Details[C.GoString(key)] = string(unsafe.Slice((*byte)(value), length))
	}
	return e
}

// because adds why the context of a call ended.
func (e *Error) because(ctx context.Context) *Error {
	e.context = []error{ctx.Err()}
	if cause := context.Cause(ctx); cause != ctx.Err() {
		e.context = append(e.context, cause)
	}
	return e
}

// notBegun is the error of a call whose context had ended before.
func notBegun(ctx context.Context) error { return endedEarly(ctx, "nothing was begun") }

func endedEarly(ctx context.Context, message string) error {
	e := &Error{Status: ErrCancelled, Reason: "context.ended", Message: message}
	return e.because(ctx)
}

// invalid is an argument that cannot even be handed to C.
func invalid(argument, reason, message string) error {
	return &Error{
		Status:  ErrInvalidArgument,
		Reason:  reason,
		Message: argument + " " + message,
		Details: map[string]string{"argument": argument},
	}
}

// cText makes a C string in Go's memory; the library copies or reads it during the call. `argument` names it in an error.
func cText(argument, text string) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, invalid(argument, "argument.nul", "holds a NUL byte, which no text can; leave it out")
	}
	bytes := make([]byte, len(text)+1)
	copy(bytes, text)
	return (*C.char)(unsafe.Pointer(&bytes[0])), nil
}
