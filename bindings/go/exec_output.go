package msb

// #cgo noescape msb_exec_read
// #cgo nocallback msb_exec_read
// #include <msb.h>
import "C"

import (
	"context"
	"io"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

// output reads one output of a command out of the library's own buffer. That holds more than a socket's, so a fast command and its
// reader wake each other less often than through a descriptor.
type output struct {
	exec   *Exec
	which  C.int32_t
	closed context.Context // ends with Close, and a read with it
	close  context.CancelFunc

	reading sync.Mutex
	fast    bool // the last read got much: more is about to come
	over    bool // there is nothing to come, or nobody wants it
}

// A read that got this many bytes is of a fast command.
const fastBytes = 16 << 10

// How long the next read may hold a thread, in milliseconds: the command is likely to write within that, and waking one thread
// costs less than a completion that wakes three.
const fastReadMs = 5

func (e *Exec) output(which int) *output {
	o := &output{exec: e, which: C.int32_t(which)}
	o.closed, o.close = context.WithCancel(context.Background())
	return o
}

// Read gives what there is, and else waits for it (msb_exec_read, msb_exec_read_async).
func (o *output) Read(p []byte) (int, error) {
	defer runtime.KeepAlive(o.exec)
	o.reading.Lock()
	defer o.reading.Unlock()
	if o.closed.Err() != nil {
		return 0, os.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	if n, ready, err := o.readNow(p); ready {
		return o.got(n, err)
	}
	data, err := o.exec.sandbox.backend.queue.runBytes(o.closed, func(t ticket) C.msb_status {
		return C.msb_exec_read_async(o.exec.c(), o.which, C.size_t(len(p)), -1, t.queue, t.token, t.op, t.err)
	})
	if err != nil && o.closed.Err() != nil {
		err = os.ErrClosed
	}
	return o.got(copy(p, data), err)
}

// readNow reads what there is; `ready` is false if there is nothing yet. For a fast command it waits a little, if few goroutines do.
func (o *output) readNow(p []byte) (count int, ready bool, err error) {
	timeout := C.int64_t(0)
	if o.fast {
		gate := o.exec.sandbox.backend.queue.fast
		select {
		case gate <- struct{}{}:
			defer func() { <-gate }()
			timeout = fastReadMs
		default:
		}
	}
	var n C.size_t
	var cerr *C.msb_error
	status := C.msb_exec_read(o.exec.c(), o.which, unsafe.Pointer(&p[0]), C.size_t(len(p)), timeout, &n, &cerr)
	if status == C.MSB_ERR_WOULD_BLOCK || status == C.MSB_ERR_TIMEOUT {
		C.msb_error_free(cerr)
		return 0, false, nil
	}
	return int(n), true, result(status, cerr)
}

func (o *output) got(n int, err error) (int, error) {
	o.fast = n >= fastBytes
	if err == nil && n == 0 {
		o.over = true
		return 0, io.EOF
	}
	return n, err
}

// Close ends a read that waits, and has what still comes thrown away. Closing again does nothing.
func (o *output) Close() error {
	o.close()
	o.reading.Lock()
	defer o.reading.Unlock()
	if o.over {
		return nil
	}
	o.over = true
	// Closing its descriptor is how an output is refused. If the command was closed before, there is none.
	if file, err := o.exec.take(o.which, "refused"); err == nil {
		return file.Close()
	}
	return nil
}
