package msb

// #include <msb.h>
import "C"

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
)

// Progress is how far an import, an export or a copy has come.
type Progress struct {
	Bytes   uint64 // of files
	Entries uint64 // files, directories and links
}

// runFileProgress runs an operation whose result is the totals.
func (q *queue) runFileProgress(ctx context.Context, submit submission, watch func(Progress)) (Progress, error) {
	var out C.msb_file_progress
	err := q.runWatched(ctx, submit, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_file_progress(op, &out, err)
	}, watch)
	if err != nil {
		return Progress{}, err
	}
	return Progress{Bytes: uint64(out.bytes), Entries: uint64(out.entries)}, nil
}

// onDescriptor makes a submission that needs a descriptor, which the library duplicates.
type onDescriptor func(fd C.int32_t) submission

// onFile runs an operation on a file's descriptor, which stays open meanwhile.
func (q *queue) onFile(ctx context.Context, file *os.File, on onDescriptor, watch func(Progress)) (Progress, error) {
	connection, err := file.SyscallConn()
	if err != nil {
		return Progress{}, err
	}
	var total Progress
	var failure error
	err = connection.Control(func(fd uintptr) { total, failure = q.runFileProgress(ctx, on(C.int32_t(fd)), watch) })
	if err != nil {
		return Progress{}, err
	}
	return total, failure
}

// exportTo runs an operation that writes an archive: to a file directly, to any other writer through a pipe. A failure of
// the writer cancels the operation.
func (q *queue) exportTo(ctx context.Context, to io.Writer, on onDescriptor, watch func(Progress)) (Progress, error) {
	if file, ok := to.(*os.File); ok {
		return q.onFile(ctx, file, on, watch)
	}
	from, into, err := os.Pipe()
	if err != nil {
		return Progress{}, err
	}
	defer from.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	moved := make(chan error, 1)
	go func() {
		_, err := io.Copy(to, from)
		if err != nil {
			cancel(err)
		}
		moved <- err
	}()
	total, err := q.onFile(ctx, into, on, watch)
	into.Close() // the end of the archive
	if failure := <-moved; err == nil && failure != nil {
		return Progress{}, failure
	}
	return total, err
}

// importFrom runs an operation that reads an archive: from a file directly, from any other reader through a pipe. A failure
// of the reader cancels the operation. After a failure of the operation a read may still be going on.
func (q *queue) importFrom(ctx context.Context, from io.Reader, on onDescriptor, watch func(Progress)) (Progress, error) {
	if file, ok := from.(*os.File); ok {
		return q.onFile(ctx, file, on, watch)
	}
	out, into, err := os.Pipe()
	if err != nil {
		return Progress{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	moved := make(chan error, 1)
	go func() {
		_, err := io.Copy(into, from)
		if err != nil && !errors.Is(err, syscall.EPIPE) { // what follows the end of an archive is not wanted
			cancel(err)
		}
		into.Close() // the end of the archive
		moved <- err
	}()
	total, err := q.onFile(ctx, out, on, watch)
	out.Close()
	if err != nil {
		return total, err
	}
	select {
	case <-moved:
	case <-ctx.Done():
	}
	return total, nil
}
