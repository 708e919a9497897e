package msb

// #cgo noescape msb_queue_next
// #cgo nocallback msb_queue_next
// #include <msb.h>
import "C"

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// How long closing a queue waits for its operations, which were all cancelled, in milliseconds.
const queueCloseMs = 30_000

// How often the progress of an operation is looked at for a caller who wants to know.
const progressInterval = 100 * time.Millisecond

// How many goroutines at once may be in calls that begin, cancel or end an operation. These calls do not block, but each that
// lasts longer than some microseconds costs a thread, and a burst of thousands of operations would leave many behind.
const callers = 4

// queue is where a backend's operations complete. One goroutine takes the completions of all of them; it waits in the
// runtime's network poller, and the callers in Go channels, so no thread waits for an operation.
//
// The goroutine refers to the queue and to nothing that owns it: a forgotten backend can still be found unreachable.
type queue struct {
	c    C.msb_queue
	file *os.File // polled; a duplicate of the queue's descriptor

	gate chan struct{} // holds a token for each of the callers
	fast chan struct{} // and one for each reader of a fast command, which may hold a thread for a moment

	mu      sync.Mutex
	waiters map[C.uint64_t]chan struct{} // by token; closed at the completion
	last    C.uint64_t                   // token
	broken  error                        // why no completion will come any more

	closing sync.Once
	closed  error
	ended   chan struct{} // closed when the goroutine has ended
}

func newQueue() (*queue, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	q := &queue{
		gate:    make(chan struct{}, callers),
		fast:    make(chan struct{}, callers),
		waiters: make(map[C.uint64_t]chan struct{}),
		ended:   make(chan struct{}),
	}
	var cerr *C.msb_error
	if err := result(C.msb_queue_new(&q.c, &cerr), cerr); err != nil {
		return nil, err
	}
	var err error
	if q.file, err = q.descriptor(); err != nil {
		C.msb_queue_release(&q.c)
		return nil, err
	}
	go q.serve()
	return q, nil
}

func (q *queue) descriptor() (*os.File, error) {
	var fd C.int32_t
	var cerr *C.msb_error
	if err := result(C.msb_queue_fd(q.c, &fd, &cerr), cerr); err != nil {
		return nil, err
	}
	const dupCloexec = syscall.F_DUPFD_CLOEXEC
	duplicate, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), dupCloexec, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("fcntl", errno)
	}
	// os.NewFile leaves a descriptor that blocks out of the poller.
	if err := syscall.SetNonblock(int(duplicate), true); err != nil {
		syscall.Close(int(duplicate))
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(duplicate, "msb queue"), nil
}

// serve takes completions until the queue is closed and empty, or beyond help.
func (q *queue) serve() {
	defer close(q.ended)
	connection, err := q.file.SyscallConn()
	if err == nil {
		// Each time that it returns false the poller waits until the descriptor is readable.
		err = connection.Read(func(uintptr) bool { return !q.take() })
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken == nil {
		q.broken = err
	}
	for token, done := range q.waiters {
		delete(q.waiters, token)
		close(done)
	}
}

// take wakes the waiters of all completions that are there, and says whether more may come.
func (q *queue) take() bool {
	var completions [64]C.msb_completion
	for {
		var n C.size_t
		status := C.msb_queue_next(q.c, &completions[0], C.size_t(len(completions)), 0, &n, nil)
		switch status {
		case C.MSB_OK:
			q.wake(completions[:n])
		case C.MSB_ERR_WOULD_BLOCK:
			return true
		case C.MSB_ERR_END_OF_STREAM:
			return false
		default:
			q.mu.Lock()
			q.broken = newError(status, nil)
			q.mu.Unlock()
			return false
		}
	}
}

func (q *queue) wake(completions []C.msb_completion) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range completions {
		token := completions[i].token
		if done, ok := q.waiters[token]; ok {
			delete(q.waiters, token)
			close(done)
		}
	}
}

func (q *queue) expect() (C.uint64_t, chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken != nil {
		return 0, nil, q.broken
	}
	done := make(chan struct{})
	q.last++
	q.waiters[q.last] = done
	return q.last, done, nil
}

func (q *queue) forget(token C.uint64_t) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiters, token)
}

// close cancels every operation and waits until its waiter knows. It may be called often, by anybody.
func (q *queue) close() error {
	q.closing.Do(func() {
		var cerr *C.msb_error
		q.closed = result(C.msb_queue_close(q.c, queueCloseMs, &cerr), cerr)
		if q.closed == nil {
			<-q.ended
		}
		released := q.c // others still read the field; what it names is then stale
		C.msb_queue_release(&released)
		q.file.Close()
	})
	return q.closed
}

// ticket is what the library's functions that end in _async take at their end.
type ticket struct {
	queue C.msb_queue
	token C.uint64_t
	op    *C.msb_op
	err   **C.msb_error
}

// submission hands an operation over to the library with one of those functions.
type submission func(t ticket) C.msb_status

// taking moves the result of a completed operation to where its caller wants it: one of msb_op_take_... or msb_op_finish.
type taking func(op C.msb_op, err **C.msb_error) C.msb_status

// run submits an operation and waits for it. If the context ends first, the operation is cancelled, and still waited for:
// what it may have made by then is returned, never lost.
func (q *queue) run(ctx context.Context, submit submission, take taking) error {
	return q.runWatched(ctx, submit, take, nil)
}

// runWatched also calls `watch`, on the caller's goroutine, with how far the operation has come.
func (q *queue) runWatched(ctx context.Context, submit submission, take taking, watch func(Progress)) error {
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	var op C.msb_op
	var cerr *C.msb_error
	token, done, err := q.expect()
	if err != nil {
		return err
	}
	q.gate <- struct{}{}
	status := submit(ticket{q.c, token, &op, &cerr})
	<-q.gate
	if status != C.MSB_OK {
		q.forget(token)
		return newError(status, cerr)
	}
	defer func() {
		if op.id != 0 { // `watch` panicked
			C.msb_op_release(&op)
		}
	}()
	q.await(ctx, op, done, watch)
	q.gate <- struct{}{}
	status = take(op, &cerr)
	C.msb_op_release(&op)
	<-q.gate
	if status == C.MSB_OK {
		return nil
	}
	failure := newError(status, cerr)
	if ctx.Err() != nil {
		return failure.because(ctx)
	}
	return failure
}

// await returns after the completion, which also comes, soon, when the operation is cancelled.
func (q *queue) await(ctx context.Context, op C.msb_op, done <-chan struct{}, watch func(Progress)) {
	var tick <-chan time.Time
	if watch != nil {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			q.gate <- struct{}{}
			C.msb_op_cancel(op, nil)
			<-q.gate
			<-done
			return
		case <-tick:
			var progress C.msb_progress
			if C.msb_op_progress(op, &progress, nil) == C.MSB_OK {
				watch(Progress{Bytes: uint64(progress.bytes_done), Entries: uint64(progress.items_done)})
			}
		}
	}
}

// finish takes the result of an operation that has none.
func finish(op C.msb_op, err **C.msb_error) C.msb_status { return C.msb_op_finish(op, err) }
