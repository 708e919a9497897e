package msb

// #include <msb.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// How long Close waits for a backend's sandboxes to shut down.
const closeTimeout = 30 * time.Second

// Backend owns a home: a directory with the store, the sandboxes and the volumes. Several processes may use one home.
type Backend struct {
	handle handle
	queue  *queue

	ending sync.Mutex // one shutdown at a time: the others then have nothing to do
	ended  bool
}

// NewBackend opens a backend; the zero config takes everything from the config file and the environment (msb_backend_new).
// It makes no directory and starts no thread before one is needed.
func NewBackend(ctx context.Context, config BackendConfig) (*Backend, error) {
	c, err := config.c()
	if err != nil {
		return nil, err
	}
	defer C.msb_backend_config_free(c)
	q, err := newQueue()
	if err != nil {
		return nil, err
	}
	var out C.msb_backend
	err = q.run(ctx, func(t ticket) C.msb_status {
		return C.msb_backend_new_async(c, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_backend(op, &out, err)
	})
	if err != nil {
		q.close() // there is nothing in it that could fail
		return nil, err
	}
	return ownBackend(out, q), nil
}

// DefaultBackend gives the one backend that everybody in this process can share, made by whoever asks first
// (msb_backend_default). Close closes it for everybody; release it with [Backend.Release] if others may go on.
func DefaultBackend() (*Backend, error) {
	q, err := newQueue()
	if err != nil {
		return nil, err
	}
	var out C.msb_backend
	var cerr *C.msb_error
	if err := result(C.msb_backend_default(&out, &cerr), cerr); err != nil {
		q.close() // there is nothing in it that could fail
		return nil, err
	}
	return ownBackend(out, q), nil
}

func ownBackend(c C.msb_backend, q *queue) *Backend {
	b := &Backend{queue: q}
	b.handle = hold(b, c.id, func(id C.uint64_t) {
		handle := C.msb_backend{id: id}
		C.msb_backend_release(&handle)
		// Waits for threads, which the goroutine that cleans up must not.
		go q.close()
	})
	return b
}

func (b *Backend) c() C.msb_backend { return C.msb_backend{id: b.handle.token()} }

// Shutdown ends the backend in order: sandboxes that are attached to this process shut down and are waited for, operations
// in flight are cancelled, and the library's threads end (msb_backend_close). If the context ends first, the backend is
// closed all the same and sandboxes shut down by themselves.
func (b *Backend) Shutdown(ctx context.Context) error {
	defer runtime.KeepAlive(b)
	b.ending.Lock()
	defer b.ending.Unlock()
	if b.ended {
		return nil
	}
	b.ended = true
	err := b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_backend_close_async(b.c(), -1, t.queue, t.token, t.op, t.err)
	}, finish)
	b.handle.close()
	if closed := b.queue.close(); err == nil {
		err = closed
	}
	return err
}

// Close is Shutdown with 30 seconds of patience. Closing again does nothing.
func (b *Backend) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return b.Shutdown(ctx)
}

// Release gives the backend back without closing it: it lives on for as long as others use it (msb_backend_release). It is
// for what [DefaultBackend] gave; sandboxes and volumes that came from b are not to be used afterwards.
func (b *Backend) Release() { b.handle.close() }

// Info gives what the backend goes by (msb_backend_info_get).
func (b *Backend) Info() (*BackendInfo, error) {
	defer runtime.KeepAlive(b)
	var out *C.msb_backend_info
	var cerr *C.msb_error
	if err := result(C.msb_backend_info_get(b.c(), &out, &cerr), cerr); err != nil {
		return nil, err
	}
	defer C.msb_backend_info_free(out)
	return backendInfo(out), nil
}
