package msb

// #cgo noescape msb_file_pread
// #cgo nocallback msb_file_pread
// #cgo noescape msb_file_pwrite
// #cgo nocallback msb_file_pwrite
// #include <msb.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"unsafe"
)

// The most that one operation reads of a file in a sandbox: what it reads is copied, so that it must not be too much at
// once.
const guestReadBytes = 4 << 20

// File is an open file of a volume or of a sandbox. It is an io.ReaderAt, an io.WriterAt and an io.Closer, and safe for
// concurrent use.
type File struct {
	handle handle
	queue  *queue
	owner  any  // the Volume or Sandbox, kept from being found unreachable
	guest  bool // of a sandbox: every call waits for the guest
}

func ownFile(c C.msb_file, q *queue, owner any, guest bool) *File {
	f := &File{queue: q, owner: owner, guest: guest}
	f.handle = hold(f, c.id, func(id C.uint64_t) {
		handle := C.msb_file{id: id}
		C.msb_file_release(&handle)
	})
	return f
}

// openFlags translates os.O_RDONLY and so on.
func openFlags(flag int) (C.uint32_t, error) {
	var flags C.uint32_t
	switch flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR) {
	case os.O_RDONLY:
		flags = C.MSB_OPEN_READ
	case os.O_WRONLY:
		flags = C.MSB_OPEN_WRITE
	case os.O_RDWR:
		flags = C.MSB_OPEN_READ | C.MSB_OPEN_WRITE
	}
	known := os.O_RDONLY | os.O_WRONLY | os.O_RDWR
	for _, one := range []struct {
		from int
		to   C.uint32_t
	}{
		{os.O_CREATE, C.MSB_OPEN_CREATE},
		{os.O_EXCL, C.MSB_OPEN_EXCLUSIVE},
		{os.O_TRUNC, C.MSB_OPEN_TRUNCATE},
		{os.O_APPEND, C.MSB_OPEN_APPEND},
	} {
		known |= one.from
		if flag&one.from != 0 {
			flags |= one.to
		}
	}
	if other := flag &^ known; other != 0 {
		return 0, invalid("flag", "argument.flags", fmt.Sprintf("%#x is none of os.O_CREATE, O_EXCL, O_TRUNC and O_APPEND", other))
	}
	return flags, nil
}

func (f *File) c() C.msb_file { return C.msb_file{id: f.handle.token()} }

// Close closes the file. What was written stays; only Sync waits for the disk. Closing again does nothing
// (msb_file_release).
func (f *File) Close() error {
	f.handle.close()
	return nil
}

// run runs an operation that has no result.
func (f *File) run(ctx context.Context, submit submission) error {
	defer runtime.KeepAlive(f)
	return f.queue.run(ctx, submit, finish)
}

// ReadAt reads at an offset, as io.ReaderAt does; it cannot be cancelled (msb_file_pread).
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext is ReadAt with a context for a file of a sandbox. One of a volume is read at once.
func (f *File) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	defer runtime.KeepAlive(f)
	if off < 0 {
		return 0, invalid("off", "argument.range", "is below zero")
	}
	done := 0
	for done < len(p) {
		n, err := f.readOnce(ctx, p[done:], uint64(off)+uint64(done))
		done += n
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, io.EOF
		}
	}
	return done, nil
}

func (f *File) readOnce(ctx context.Context, p []byte, off uint64) (int, error) {
	if !f.guest {
		return f.readHere(ctx, p, off)
	}
	size := C.size_t(min(len(p), guestReadBytes))
	data, err := f.queue.runBytes(ctx, func(t ticket) C.msb_status {
		return C.msb_file_pread_async(f.c(), C.uint64_t(off), size, -1, t.queue, t.token, t.op, t.err)
	})
	return copy(p, data), err
}

// readHere reads a file of this host straight into p.
func (f *File) readHere(ctx context.Context, p []byte, off uint64) (int, error) {
	if ctx.Err() != nil {
		return 0, notBegun(ctx)
	}
	var n C.size_t
	var cerr *C.msb_error
	status := C.msb_file_pread(f.c(), C.uint64_t(off), unsafe.Pointer(&p[0]), C.size_t(len(p)), -1, &n, &cerr)
	return int(n), result(status, cerr)
}

// WriteAt writes at an offset, as io.WriterAt does; it cannot be cancelled (msb_file_pwrite).
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	return f.WriteAtContext(context.Background(), p, off)
}

// WriteAtContext is WriteAt with a context for a file of a sandbox. One of a volume is written at once. After a failure
// part of the data may be written, though the count is 0.
func (f *File) WriteAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	defer runtime.KeepAlive(f)
	if off < 0 {
		return 0, invalid("off", "argument.range", "is below zero")
	}
	data := pointable(p)
	if !f.guest {
		if ctx.Err() != nil {
			return 0, notBegun(ctx)
		}
		var cerr *C.msb_error
		status := C.msb_file_pwrite(f.c(), C.uint64_t(off), unsafe.Pointer(&data[0]), C.size_t(len(p)), -1, &cerr)
		return written(p, result(status, cerr))
	}
	return written(p, f.run(ctx, func(t ticket) C.msb_status {
		return C.msb_file_pwrite_async(f.c(), C.uint64_t(off), unsafe.Pointer(&data[0]), C.size_t(len(p)), -1,
			t.queue, t.token, t.op, t.err)
	}))
}

func written(p []byte, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Append writes at the end of the file, as it is then, if it was opened with os.O_APPEND (msb_file_append).
func (f *File) Append(ctx context.Context, p []byte) error {
	data := pointable(p)
	return f.run(ctx, func(t ticket) C.msb_status {
		return C.msb_file_append_async(f.c(), unsafe.Pointer(&data[0]), C.size_t(len(p)), -1, t.queue, t.token, t.op, t.err)
	})
}

// Size gives the size of the file (msb_file_size).
func (f *File) Size(ctx context.Context) (int64, error) {
	defer runtime.KeepAlive(f)
	var out C.uint64_t
	err := f.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_file_size_async(f.c(), -1, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_count(op, &out, err)
	})
	return int64(out), err
}

// Truncate cuts the file off, or lengthens it with zeroes (msb_file_truncate).
func (f *File) Truncate(ctx context.Context, size int64) error {
	if size < 0 {
		return invalid("size", "argument.range", "is below zero")
	}
	return f.run(ctx, func(t ticket) C.msb_status {
		return C.msb_file_truncate_async(f.c(), C.uint64_t(size), -1, t.queue, t.token, t.op, t.err)
	})
}

// Sync waits until what was written is on the disk (msb_file_sync).
func (f *File) Sync(ctx context.Context) error {
	return f.run(ctx, func(t ticket) C.msb_status {
		return C.msb_file_sync_async(f.c(), -1, t.queue, t.token, t.op, t.err)
	})
}

// Stat says what is known of the file, even if its name is gone (msb_file_stat).
func (f *File) Stat(ctx context.Context) (*FileInfo, error) {
	defer runtime.KeepAlive(f)
	return f.queue.runFileInfo(ctx, func(t ticket) C.msb_status {
		return C.msb_file_stat_async(f.c(), -1, t.queue, t.token, t.op, t.err)
	})
}

// Reader reads the file from an offset to its end; each read waits no longer than the context lasts.
func (f *File) Reader(ctx context.Context, off int64) io.Reader { return &fileReader{f, ctx, off} }

type fileReader struct {
	file *File
	ctx  context.Context
	off  int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.file.ReadAtContext(r.ctx, p, r.off)
	r.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
