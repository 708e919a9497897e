package msb

// #include <msb.h>
import "C"

import (
	"context"
	"runtime"
	"time"
)

// Sandbox is a virtual machine with a root directory of its own, running or not. One that this process started, and that is
// not detached, shuts down when the last handle to it is closed, or the process ends.
type Sandbox struct {
	handle  handle
	backend *Backend
}

// CreateSandbox makes a sandbox, which does not run yet (msb_sandbox_create).
func (b *Backend) CreateSandbox(ctx context.Context, config SandboxConfig) (*Sandbox, error) {
	defer runtime.KeepAlive(b)
	c, err := config.c()
	if err != nil {
		return nil, err
	}
	defer C.msb_sandbox_config_free(c)
	var out C.msb_sandbox
	err = b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_create_async(b.c(), c, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_sandbox(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	return b.ownSandbox(out), nil
}

// OpenSandbox gives a sandbox by its name (msb_sandbox_open).
func (b *Backend) OpenSandbox(ctx context.Context, name string) (*Sandbox, error) {
	defer runtime.KeepAlive(b)
	if ctx.Err() != nil {
		return nil, notBegun(ctx)
	}
	cName, err := cText("name", name)
	if err != nil {
		return nil, err
	}
	var out C.msb_sandbox
	var cerr *C.msb_error
	if err := result(C.msb_sandbox_open(b.c(), cName, &out, &cerr), cerr); err != nil {
		return nil, err
	}
	return b.ownSandbox(out), nil
}

func (b *Backend) ownSandbox(c C.msb_sandbox) *Sandbox {
	s := &Sandbox{backend: b}
	s.handle = hold(s, c.id, func(id C.uint64_t) {
		handle := C.msb_sandbox{id: id}
		C.msb_sandbox_release(&handle)
	})
	return s
}

func (s *Sandbox) c() C.msb_sandbox { return C.msb_sandbox{id: s.handle.token()} }

// Close gives the handle back. It does not wait; closing again does nothing (msb_sandbox_release).
func (s *Sandbox) Close() error {
	s.handle.close()
	return nil
}

// run runs an operation that has no result.
func (s *Sandbox) run(ctx context.Context, submit submission) error {
	defer runtime.KeepAlive(s)
	return s.backend.queue.run(ctx, submit, finish)
}

// Start boots the sandbox; when it returns nil, commands can run. A start that is cancelled or takes longer than the
// sandbox's boot timeout is undone (msb_sandbox_start).
func (s *Sandbox) Start(ctx context.Context) error {
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_start_async(s.c(), -1, t.queue, t.token, t.op, t.err)
	})
}

// Stop shuts the sandbox down: processes are asked to end and file systems are flushed. What is left after `grace` is
// killed; 0 kills at once, below zero never. A sandbox that does not run is left as it is (msb_sandbox_stop).
func (s *Sandbox) Stop(ctx context.Context, grace time.Duration) error {
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_stop_async(s.c(), C.int64_t(toMs(grace)), t.queue, t.token, t.op, t.err)
	})
}

// Kill ends the sandbox's machine at once. What the guest had not written out is lost (msb_sandbox_kill).
func (s *Sandbox) Kill(ctx context.Context) error {
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_kill_async(s.c(), -1, t.queue, t.token, t.op, t.err)
	})
}

// Remove removes a sandbox that is not running, with everything in it (msb_sandbox_remove).
func (s *Sandbox) Remove(ctx context.Context) error {
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_remove_async(s.c(), t.queue, t.token, t.op, t.err)
	})
}

// Detach lets a running sandbox live on when its handles are closed or the process ends (msb_sandbox_detach).
func (s *Sandbox) Detach(ctx context.Context) error {
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_detach_async(s.c(), t.queue, t.token, t.op, t.err)
	})
}

// Wait waits until the sandbox is not running and tells how its last run ended (msb_sandbox_wait).
func (s *Sandbox) Wait(ctx context.Context) (*Exit, error) {
	defer runtime.KeepAlive(s)
	var out C.msb_exit
	err := s.backend.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_wait_async(s.c(), -1, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_exit(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	return exit(&out), nil
}

// SetLabel gives the sandbox a label, or the label another value (msb_sandbox_set_label).
func (s *Sandbox) SetLabel(ctx context.Context, key, value string) error {
	defer runtime.KeepAlive(s)
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	b := new(builder)
	cKey, cValue := b.c("key", key), b.c("value", value)
	b.call(func(err **C.msb_error) C.msb_status { return C.msb_sandbox_set_label(s.c(), cKey, cValue, err) })
	return b.err
}

// RemoveLabel takes a label away (msb_sandbox_remove_label).
func (s *Sandbox) RemoveLabel(ctx context.Context, key string) error {
	defer runtime.KeepAlive(s)
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	b := new(builder)
	cKey := b.c("key", key)
	b.call(func(err **C.msb_error) C.msb_status { return C.msb_sandbox_remove_label(s.c(), cKey, err) })
	return b.err
}
