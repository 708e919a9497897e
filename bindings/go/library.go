package msb

// #cgo pkg-config: msb
// #cgo noescape msb_version
// #cgo nocallback msb_version
// #include <msb.h>
//
// #if MSB_ABI_VERSION != 1
// #error "this package is written for version 1 of libmsb's binary interface; use the msb.h and the package of one release"
// #endif
import "C"

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// version is a Go string made of C's static one, so that it is copied once.
type version struct {
	c    *C.char
	text string
}

var lastVersion atomic.Pointer[version]

// Version gives the library's version, such as "0.1.0" (msb_version).
func Version() string {
	c := C.msb_version()
	if last := lastVersion.Load(); last != nil && last.c == c {
		return last.text
	}
	text := C.GoString(c)
	lastVersion.Store(&version{c, text})
	return text
}

// BuildInfo gives how the library was built, as a JSON object (msb_build_info).
func BuildInfo() (string, error) {
	var out *C.msb_bytes
	var cerr *C.msb_error
	if err := result(C.msb_build_info(&out, &cerr), cerr); err != nil {
		return "", err
	}
	return string(takeBytes(out)), nil
}

// checkABI refuses a library that is not of the header's version: another was found at run time than at build time.
func checkABI() error {
	if got := uint32(C.msb_abi_version()); got != C.MSB_ABI_VERSION {
		return &Error{
			Status: ErrABIMismatch,
			Reason: "abi.mismatch",
			Message: fmt.Sprintf("the program was built for version %d of libmsb's binary interface, but the library that was loaded"+
				" has %d; run it with the library it was built with", C.MSB_ABI_VERSION, got),
		}
	}
	return nil
}

// ObjectKind is a kind of object for [LiveObjects].
type ObjectKind uint32

// The kinds of objects.
const (
	KindAll     ObjectKind = C.MSB_KIND_ALL
	KindBackend ObjectKind = C.MSB_KIND_BACKEND
	KindSandbox ObjectKind = C.MSB_KIND_SANDBOX
	KindExec    ObjectKind = C.MSB_KIND_EXEC
	KindVolume  ObjectKind = C.MSB_KIND_VOLUME
	KindFile    ObjectKind = C.MSB_KIND_FILE
	KindQueue   ObjectKind = C.MSB_KIND_QUEUE
	KindOp      ObjectKind = C.MSB_KIND_OP
)

// LiveObjects gives how many objects of a kind the library holds for this process: what a leak check compares with zero
// (msb_debug_live_objects).
func LiveObjects(kind ObjectKind) uint64 { return uint64(C.msb_debug_live_objects(C.uint32_t(kind))) }

// takeBytes copies bytes that C owns, and frees them.
func takeBytes(bytes *C.msb_bytes) []byte {
	defer C.msb_bytes_free(bytes)
	length := C.msb_bytes_len(bytes)
	data := make([]byte, length)
	copy(data, unsafe.Slice((*byte)(C.msb_bytes_data(bytes)), length))
	return data
}
