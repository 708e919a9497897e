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

// Progress is how far an import, an export, a copy or the loading of an image has come.
type Progress struct {
	Bytes   uint64 // of files; of an image, of its layers
	Entries uint64 // files, directories and links; of an image, layers
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

// exportTo runs an operation that writes an archive and gives its totals.
func (q *queue) exportTo(ctx context.Context, to io.Writer, on onDescriptor, watch func(Progress)) (total Progress, err error) {
	err = writeThrough(ctx, to, func(ctx context.Context, fd C.int32_t) (err error) {
		total, err = q.runFileProgress(ctx, on(fd), watch)
		return err
	})
	return total, err
}

// importFrom runs an operation that reads an archive and gives its totals.
func (q *queue) importFrom(ctx context.Context, from io.Reader, on onDescriptor, watch func(Progress)) (total Progress, err error) {
	err = readThrough(ctx, from, func(ctx context.Context, fd C.int32_t) (err error) {
		total, err = q.runFileProgress(ctx, on(fd), watch)
		return err
	})
	return total, err
}

// onFile runs an operation on a file's descriptor, which stays open meanwhile.
func onFile(ctx context.Context, file *os.File, run func(ctx context.Context, fd C.int32_t) error) error {
	connection, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := connection.Control(func(fd uintptr) { failure = run(ctx, C.int32_t(fd)) }); err != nil {
		return err
	}
	return failure
}

// writeThrough runs an operation that writes to a descriptor: a file's directly, for any other writer that of a pipe. A
// failure of the writer cancels the operation.
func writeThrough(ctx context.Context, to io.Writer, run func(ctx context.Context, fd C.int32_t) error) error {
	if file, ok := to.(*os.File); ok {
		return onFile(ctx, file, run)
	}
	from, into, err := os.Pipe()
	if err != nil {
		return err
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
	err = onFile(ctx, into, run)
	into.Close() // the end of the data
	if failure := <-moved; err == nil && failure != nil {
		return failure
	}
	return err
}

// readThrough runs an operation that reads from a descriptor: a file's directly, for any other reader that of a pipe. A
// failure of the reader cancels the operation. After a failure of the operation a read may still be going on.
func readThrough(ctx context.Context, from io.Reader, run func(ctx context.Context, fd C.int32_t) error) error {
	if file, ok := from.(*os.File); ok {
		return onFile(ctx, file, run)
	}
	out, into, err := os.Pipe()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	moved := make(chan error, 1)
	go func() {
		_, err := io.Copy(into, from)
		if err != nil && !errors.Is(err, syscall.EPIPE) { // what follows the end of an archive is not wanted
			cancel(err)
		}
		into.Close() // the end of the data
		moved <- err
	}()
	err = onFile(ctx, out, run)
	out.Close()
	if err != nil {
		return err
	}
	select {
	case <-moved:
	case <-ctx.Done():
	}
	return nil
}
