package msb

// #cgo noescape msb_exec_pid
// #cgo nocallback msb_exec_pid
// #include <msb.h>
import "C"

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Result is what a command left behind.
type Result struct {
	ExitCode int // -1 if a signal ended the command
	Signal   int // 0 if none did
	Stdout   []byte
	Stderr   []byte
	// How much it wrote in all, and whether some of it was not kept.
	StdoutTotal, StderrTotal         uint64
	StdoutTruncated, StderrTruncated bool
}

// Exec runs a command to its end and collects what it writes (msb_sandbox_exec). A command that fails is a success of this
// call: see the result. Cancelling kills the command.
func (s *Sandbox) Exec(ctx context.Context, config ExecConfig) (*Result, error) {
	defer runtime.KeepAlive(s)
	c, err := config.c(false)
	if err != nil {
		return nil, err
	}
	defer C.msb_exec_config_free(c)
	var out *C.msb_exec_result
	err = s.backend.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_exec_async(s.c(), c, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_exec_result(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_exec_result_free(out)
	return execResult(out), nil
}

// execResult copies what C owns.
func execResult(c *C.msb_exec_result) *Result {
	var outLen, errLen C.size_t
	stdout, stderr := C.msb_exec_result_stdout(c, &outLen), C.msb_exec_result_stderr(c, &errLen)
	return &Result{
		ExitCode:        int(C.msb_exec_result_exit_code(c)),
		Signal:          int(C.msb_exec_result_signal(c)),
		Stdout:          append([]byte(nil), unsafe.Slice((*byte)(stdout), outLen)...),
		Stderr:          append([]byte(nil), unsafe.Slice((*byte)(stderr), errLen)...),
		StdoutTotal:     uint64(C.msb_exec_result_stdout_total(c)),
		StderrTotal:     uint64(C.msb_exec_result_stderr_total(c)),
		StdoutTruncated: C.msb_exec_result_stdout_truncated(c) != 0,
		StderrTruncated: C.msb_exec_result_stderr_truncated(c) != 0,
	}
}

// Exec is a command that was started in a sandbox. [Cmd] is more comfortable; Exec is what lies beneath.
type Exec struct {
	handle  handle
	sandbox *Sandbox
}

// ExecStart starts a command whose streams are for the caller to take (msb_sandbox_exec_start). An output that nobody takes
// holds the command up when 1 MiB of it is waiting; with `stdin` its standard input is a pipe, else it is empty. Input of
// the config does not count.
func (s *Sandbox) ExecStart(ctx context.Context, config ExecConfig, stdin bool) (*Exec, error) {
	defer runtime.KeepAlive(s)
	config.Input = nil
	c, err := config.c(stdin)
	if err != nil {
		return nil, err
	}
	defer C.msb_exec_config_free(c)
	var out C.msb_exec
	err = s.backend.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_exec_start_async(s.c(), c, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_exec(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	e := &Exec{sandbox: s}
	e.handle = hold(e, out.id, func(id C.uint64_t) {
		handle := C.msb_exec{id: id}
		C.msb_exec_release(&handle)
	})
	return e, nil
}

func (e *Exec) c() C.msb_exec { return C.msb_exec{id: e.handle.token()} }

// Close gives the handle back. The command goes on: signal it first to end it. Closing again does nothing
// (msb_exec_release).
func (e *Exec) Close() error {
	e.handle.close()
	return nil
}

// PID gives the command's process id in the guest; 0 if it is over (msb_exec_pid).
func (e *Exec) PID() int {
	defer runtime.KeepAlive(e)
	return int(C.msb_exec_pid(e.c()))
}

// Signal sends a signal to the command's process group (msb_exec_signal).
func (e *Exec) Signal(signal syscall.Signal) error {
	defer runtime.KeepAlive(e)
	var cerr *C.msb_error
	return result(C.msb_exec_signal(e.c(), C.int32_t(signal), &cerr), cerr)
}

// Resize changes the size of the command's terminal (msb_exec_resize).
func (e *Exec) Resize(rows, cols uint16) error {
	defer runtime.KeepAlive(e)
	var cerr *C.msb_error
	return result(C.msb_exec_resize(e.c(), C.uint16_t(rows), C.uint16_t(cols), &cerr), cerr)
}

// ExecStatus is how a command ended.
type ExecStatus struct {
	ExitCode   int  // -1 if a signal ended the command
	Signal     int  // 0 if none did
	TimedOut   bool // its own timeout ended it
	OutputOpen bool // something that it started still held its output open; what that writes is thrown away
}

// Success reports whether the command exited with 0.
func (s ExecStatus) Success() bool { return s.ExitCode == 0 && s.Signal == 0 && !s.TimedOut }

// Wait waits for the end of the command (msb_exec_wait). It goes on if the context ends first.
func (e *Exec) Wait(ctx context.Context) (ExecStatus, error) {
	defer runtime.KeepAlive(e)
	var out C.msb_exec_status
	err := e.sandbox.backend.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_exec_wait_async(e.c(), -1, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_exec_status(op, &out, err)
	})
	if err != nil {
		return ExecStatus{}, err
	}
	return ExecStatus{
		ExitCode:   int(out.exit_code),
		Signal:     int(out.signal),
		TimedOut:   out.timed_out != 0,
		OutputOpen: out.output_open != 0,
	}, nil
}

// TakeStdin gives the command's standard input away, once, for the caller to write and to close (msb_exec_take_fd). A
// deadline can be set on it.
func (e *Exec) TakeStdin() (*os.File, error) { return e.take(C.MSB_STDIN, "stdin") }

// TakeStdout gives the command's standard output away, once, for the caller to read and to close. It ends with io.EOF;
// closing it early throws away what comes then.
func (e *Exec) TakeStdout() (*os.File, error) { return e.take(C.MSB_STDOUT, "stdout") }

// TakeStderr is TakeStdout for standard error.
func (e *Exec) TakeStderr() (*os.File, error) { return e.take(C.MSB_STDERR, "stderr") }

// take makes a file that the runtime polls, since the descriptor does not block.
func (e *Exec) take(which C.int32_t, name string) (*os.File, error) {
	defer runtime.KeepAlive(e)
	var fd C.int32_t
	var cerr *C.msb_error
	if err := result(C.msb_exec_take_fd(e.c(), which, &fd, &cerr), cerr); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
