package msb

// #include <msb.h>
import "C"

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"runtime"
	"time"
	"unsafe"
)

// ReadFile reads a whole file of the volume, of at most 1 GiB; open larger ones (msb_volume_fs_read).
func (v *Volume) ReadFile(ctx context.Context, path string) ([]byte, error) {
	defer runtime.KeepAlive(v)
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	return v.backend.queue.runBytes(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_fs_read_async(v.c(), cPath, t.queue, t.token, t.op, t.err)
	})
}

// WriteFile writes a whole file in place of what it held; perm counts if it is made. A failure may leave part of it
// (msb_volume_fs_write).
func (v *Volume) WriteFile(ctx context.Context, path string, data []byte, perm fs.FileMode) error {
	return v.write(ctx, path, data, 0, perm)
}

// WriteFileAtomic writes a whole file so that others see the old one or the new one, never a part, whatever happens
// meanwhile (msb_volume_fs_write).
func (v *Volume) WriteFileAtomic(ctx context.Context, path string, data []byte, perm fs.FileMode) error {
	return v.write(ctx, path, data, C.MSB_WRITE_ATOMIC, perm)
}

// AppendFile writes at the end of a file; perm counts if it is made (msb_volume_fs_write).
func (v *Volume) AppendFile(ctx context.Context, path string, data []byte, perm fs.FileMode) error {
	return v.write(ctx, path, data, C.MSB_WRITE_APPEND, perm)
}

func (v *Volume) write(ctx context.Context, path string, data []byte, flags C.uint32_t, perm fs.FileMode) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	first := pointable(data)
	return v.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_fs_write_async(v.c(), cPath, unsafe.Pointer(&first[0]), C.size_t(len(data)),
			flags, C.uint32_t(unixMode(perm)), t.queue, t.token, t.op, t.err)
	})
}

// OpenFile opens a file with os.O_RDONLY, os.O_WRONLY or os.O_RDWR, and os.O_CREATE, O_EXCL, O_TRUNC and O_APPEND
// (msb_volume_fs_open).
func (v *Volume) OpenFile(ctx context.Context, path string, flag int, perm fs.FileMode) (*File, error) {
	defer runtime.KeepAlive(v)
	if ctx.Err() != nil {
		return nil, notBegun(ctx)
	}
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	flags, err := openFlags(flag)
	if err != nil {
		return nil, err
	}
	var out C.msb_file
	var cerr *C.msb_error
	status := C.msb_volume_fs_open(v.c(), cPath, flags, C.uint32_t(unixMode(perm)), &out, &cerr)
	if status != C.MSB_OK {
		return nil, newError(status, cerr)
	}
	return ownFile(out, v.backend.queue, v, false), nil
}

// Open opens a file for reading (msb_volume_fs_open).
func (v *Volume) Open(ctx context.Context, path string) (*File, error) {
	return v.OpenFile(ctx, path, os.O_RDONLY, 0)
}

// Create opens a file for reading and writing, empty, and makes it if there is none (msb_volume_fs_open).
func (v *Volume) Create(ctx context.Context, path string) (*File, error) {
	return v.OpenFile(ctx, path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// ReadDir lists a directory in its own order, and ends after the first error (msb_volume_fs_list).
func (v *Volume) ReadDir(ctx context.Context, path string) iter.Seq2[*FileInfo, error] {
	return filePages(func(cursor C.uint64_t) (*C.msb_file_page, error) {
		defer runtime.KeepAlive(v)
		cPath, err := cText("path", path)
		if err != nil {
			return nil, err
		}
		return v.backend.queue.runFilePage(ctx, func(t ticket) C.msb_status {
			return C.msb_volume_fs_list_async(v.c(), cPath, cursor, filePageEntries, t.queue, t.token, t.op, t.err)
		})
	})
}

// Stat says what a file is that a path leads to (msb_volume_fs_stat).
func (v *Volume) Stat(ctx context.Context, path string) (*FileInfo, error) {
	return v.stat(ctx, path, C.MSB_STAT_FOLLOW)
}

// Lstat says what a file is, of a symbolic link what the link is (msb_volume_fs_stat).
func (v *Volume) Lstat(ctx context.Context, path string) (*FileInfo, error) {
	return v.stat(ctx, path, 0)
}

func (v *Volume) stat(ctx context.Context, path string, flags C.uint32_t) (*FileInfo, error) {
	defer runtime.KeepAlive(v)
	if ctx.Err() != nil {
		return nil, notBegun(ctx)
	}
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	var out *C.msb_file_info
	var cerr *C.msb_error
	if err := result(C.msb_volume_fs_stat(v.c(), cPath, flags, &out, &cerr), cerr); err != nil {
		return nil, err
	}
	defer C.msb_file_info_free(out)
	return fileInfo(out), nil
}

// Exists reports whether there is anything at a path; a symbolic link counts if what it leads to is there
// (msb_volume_fs_exists).
func (v *Volume) Exists(ctx context.Context, path string) (bool, error) {
	defer runtime.KeepAlive(v)
	var out C.uint8_t
	err := v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_exists(v.c(), cPath, &out, err)
	})
	return out != 0, err
}

// local runs a file operation that has no asynchronous twin, since it is done at once.
func (v *Volume) local(
	ctx context.Context, name, path string, call func(cPath *C.char, err **C.msb_error) C.msb_status,
) error {
	defer runtime.KeepAlive(v)
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	b := new(builder)
	b.always(name, path, call)
	return b.err
}

// Mkdir makes a directory (msb_volume_fs_mkdir).
func (v *Volume) Mkdir(ctx context.Context, path string, perm fs.FileMode) error {
	return v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_mkdir(v.c(), cPath, C.uint32_t(unixMode(perm)), 0, err)
	})
}

// MkdirAll makes a directory and its parents, as far as they are missing (msb_volume_fs_mkdir).
func (v *Volume) MkdirAll(ctx context.Context, path string, perm fs.FileMode) error {
	return v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_mkdir(v.c(), cPath, C.uint32_t(unixMode(perm)), C.MSB_MKDIR_PARENTS, err)
	})
}

// RemoveFile removes a file or whatever is not a directory (msb_volume_fs_remove).
func (v *Volume) RemoveFile(ctx context.Context, path string) error {
	return v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_remove(v.c(), cPath, err)
	})
}

// RemoveDir removes an empty directory (msb_volume_fs_remove_dir).
func (v *Volume) RemoveDir(ctx context.Context, path string) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return v.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_fs_remove_dir_async(v.c(), cPath, 0, t.queue, t.token, t.op, t.err)
	})
}

// RemoveAll removes a directory with everything in it (msb_volume_fs_remove_dir).
func (v *Volume) RemoveAll(ctx context.Context, path string) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return v.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_fs_remove_dir_async(v.c(), cPath, C.MSB_REMOVE_RECURSIVE, t.queue, t.token, t.op, t.err)
	})
}

// CopyFile copies a file, or a directory with everything in it, to a name that is not taken yet (msb_volume_fs_copy).
func (v *Volume) CopyFile(ctx context.Context, from, to string) error {
	cFrom, errA := cText("from", from)
	cTo, errB := cText("to", to)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	return v.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_fs_copy_async(v.c(), cFrom, cTo, t.queue, t.token, t.op, t.err)
	})
}

// Rename renames a file or a directory, in one step. A file replaces what has the new name (msb_volume_fs_rename).
func (v *Volume) Rename(ctx context.Context, from, to string) error {
	cFrom, errA := cText("from", from)
	cTo, errB := cText("to", to)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	defer runtime.KeepAlive(v)
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	var cerr *C.msb_error
	return result(C.msb_volume_fs_rename(v.c(), cFrom, cTo, &cerr), cerr)
}

// Symlink makes a symbolic link; its target is neither checked nor followed (msb_volume_fs_symlink).
func (v *Volume) Symlink(ctx context.Context, target, path string) error {
	cTarget, errA := cText("target", target)
	cPath, errB := cText("path", path)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	defer runtime.KeepAlive(v)
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	var cerr *C.msb_error
	return result(C.msb_volume_fs_symlink(v.c(), cTarget, cPath, &cerr), cerr)
}

// Readlink reads what a symbolic link holds (msb_volume_fs_readlink).
func (v *Volume) Readlink(ctx context.Context, path string) (string, error) {
	var out *C.msb_bytes
	err := v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_readlink(v.c(), cPath, &out, err)
	})
	if err != nil {
		return "", err
	}
	return string(takeBytes(out)), nil
}

// Chmod sets the permissions of a file; of what a symbolic link leads to (msb_volume_fs_chmod).
func (v *Volume) Chmod(ctx context.Context, path string, mode fs.FileMode) error {
	return v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_chmod(v.c(), cPath, C.uint32_t(unixMode(mode)), err)
	})
}

// Chtimes sets when a file was last read and changed; a zero time leaves it as it is (msb_volume_fs_utimes).
func (v *Volume) Chtimes(ctx context.Context, path string, accessed, modified time.Time) error {
	return v.local(ctx, "path", path, func(cPath *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_fs_utimes(v.c(), cPath, cTime(accessed), cTime(modified), err)
	})
}

// ExportTar writes a file, or a directory with everything in it, as a tar archive. `watch`, which may be nil, is called now
// and then (msb_volume_fs_tar_export).
func (v *Volume) ExportTar(ctx context.Context, path string, to io.Writer, watch func(Progress)) (Progress, error) {
	defer runtime.KeepAlive(v)
	cPath, err := cText("path", path)
	if err != nil {
		return Progress{}, err
	}
	return v.backend.queue.exportTo(ctx, to, func(fd C.int32_t) submission {
		return func(t ticket) C.msb_status {
			return C.msb_volume_fs_tar_export_async(v.c(), cPath, fd, t.queue, t.token, t.op, t.err)
		}
	}, watch)
}

// ImportTar unpacks a tar archive beneath a directory, which is made if it is missing. The archive is not trusted: an entry
// that leads out of it is an error. `watch`, which may be nil, is called now and then (msb_volume_fs_tar_import).
func (v *Volume) ImportTar(ctx context.Context, path string, from io.Reader, watch func(Progress)) (Progress, error) {
	defer runtime.KeepAlive(v)
	cPath, err := cText("path", path)
	if err != nil {
		return Progress{}, err
	}
	return v.backend.queue.importFrom(ctx, from, func(fd C.int32_t) submission {
		return func(t ticket) C.msb_status {
			return C.msb_volume_fs_tar_import_async(v.c(), cPath, fd, t.queue, t.token, t.op, t.err)
		}
	}, watch)
}
