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

// ReadFile reads a whole file of the running sandbox, of at most 1 GiB; open larger ones (msb_sandbox_fs_read).
func (s *Sandbox) ReadFile(ctx context.Context, path string) ([]byte, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	return s.backend.queue.runBytes(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_read_async(s.c(), cPath, -1, t.queue, t.token, t.op, t.err)
	})
}

// WriteFile writes a whole file in place of what it held; perm counts if it is made. A failure may leave part of it
// (msb_sandbox_fs_write).
func (s *Sandbox) WriteFile(ctx context.Context, path string, data []byte, perm fs.FileMode) error {
	return s.write(ctx, path, data, 0, perm)
}

// WriteFileAtomic writes a whole file so that others see the old one or the new one, never a part, whatever happens
// meanwhile (msb_sandbox_fs_write).
func (s *Sandbox) WriteFileAtomic(ctx context.Context, path string, data []byte, perm fs.FileMode) error {
	return s.write(ctx, path, data, C.MSB_WRITE_ATOMIC, perm)
}

// AppendFile writes at the end of a file; perm counts if it is made (msb_sandbox_fs_write).
func (s *Sandbox) AppendFile(ctx context.Context, path string, data []byte, perm fs.FileMode) error {
	return s.write(ctx, path, data, C.MSB_WRITE_APPEND, perm)
}

func (s *Sandbox) write(ctx context.Context, path string, data []byte, flags C.uint32_t, perm fs.FileMode) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	first := pointable(data)
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_write_async(s.c(), cPath, unsafe.Pointer(&first[0]), C.size_t(len(data)),
			flags, C.uint32_t(unixMode(perm)), -1, t.queue, t.token, t.op, t.err)
	})
}

// OpenFile opens a file with os.O_RDONLY, os.O_WRONLY or os.O_RDWR, and os.O_CREATE, O_EXCL, O_TRUNC and O_APPEND; it is
// closed when the sandbox stops (msb_sandbox_fs_open).
func (s *Sandbox) OpenFile(ctx context.Context, path string, flag int, perm fs.FileMode) (*File, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	flags, err := openFlags(flag)
	if err != nil {
		return nil, err
	}
	var out C.msb_file
	err = s.backend.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_open_async(s.c(), cPath, flags, C.uint32_t(unixMode(perm)), -1, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_file(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	return ownFile(out, s.backend.queue, s, true), nil
}

// Open opens a file for reading (msb_sandbox_fs_open).
func (s *Sandbox) Open(ctx context.Context, path string) (*File, error) {
	return s.OpenFile(ctx, path, os.O_RDONLY, 0)
}

// Create opens a file for reading and writing, empty, and makes it if there is none (msb_sandbox_fs_open).
func (s *Sandbox) Create(ctx context.Context, path string) (*File, error) {
	return s.OpenFile(ctx, path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// ReadDir lists a directory in its own order, and ends after the first error (msb_sandbox_fs_list).
func (s *Sandbox) ReadDir(ctx context.Context, path string) iter.Seq2[*FileInfo, error] {
	return filePages(func(cursor C.uint64_t) (*C.msb_file_page, error) {
		defer runtime.KeepAlive(s)
		cPath, err := cText("path", path)
		if err != nil {
			return nil, err
		}
		return s.backend.queue.runFilePage(ctx, func(t ticket) C.msb_status {
			return C.msb_sandbox_fs_list_async(s.c(), cPath, cursor, filePageEntries, -1, t.queue, t.token, t.op, t.err)
		})
	})
}

// Stat says what a file is that a path leads to (msb_sandbox_fs_stat).
func (s *Sandbox) Stat(ctx context.Context, path string) (*FileInfo, error) {
	return s.stat(ctx, path, C.MSB_STAT_FOLLOW)
}

// Lstat says what a file is, of a symbolic link what the link is (msb_sandbox_fs_stat).
func (s *Sandbox) Lstat(ctx context.Context, path string) (*FileInfo, error) {
	return s.stat(ctx, path, 0)
}

func (s *Sandbox) stat(ctx context.Context, path string, flags C.uint32_t) (*FileInfo, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	return s.backend.queue.runFileInfo(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_stat_async(s.c(), cPath, flags, -1, t.queue, t.token, t.op, t.err)
	})
}

// Exists reports whether there is anything at a path; a symbolic link counts if what it leads to is there
// (msb_sandbox_fs_exists).
func (s *Sandbox) Exists(ctx context.Context, path string) (bool, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return false, err
	}
	var out C.uint8_t
	err = s.backend.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_exists_async(s.c(), cPath, -1, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_flag(op, &out, err)
	})
	return out != 0, err
}

// Mkdir makes a directory (msb_sandbox_fs_mkdir).
func (s *Sandbox) Mkdir(ctx context.Context, path string, perm fs.FileMode) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_mkdir_async(s.c(), cPath, C.uint32_t(unixMode(perm)), 0, -1, t.queue, t.token, t.op, t.err)
	})
}

// MkdirAll makes a directory and its parents, as far as they are missing (msb_sandbox_fs_mkdir).
func (s *Sandbox) MkdirAll(ctx context.Context, path string, perm fs.FileMode) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_mkdir_async(s.c(), cPath, C.uint32_t(unixMode(perm)), C.MSB_MKDIR_PARENTS, -1,
			t.queue, t.token, t.op, t.err)
	})
}

// RemoveFile removes a file or whatever is not a directory (msb_sandbox_fs_remove).
func (s *Sandbox) RemoveFile(ctx context.Context, path string) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_remove_async(s.c(), cPath, -1, t.queue, t.token, t.op, t.err)
	})
}

// RemoveDir removes an empty directory (msb_sandbox_fs_remove_dir).
func (s *Sandbox) RemoveDir(ctx context.Context, path string) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_remove_dir_async(s.c(), cPath, 0, -1, t.queue, t.token, t.op, t.err)
	})
}

// RemoveAll removes a directory with everything in it (msb_sandbox_fs_remove_dir).
func (s *Sandbox) RemoveAll(ctx context.Context, path string) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_remove_dir_async(s.c(), cPath, C.MSB_REMOVE_RECURSIVE, -1, t.queue, t.token, t.op, t.err)
	})
}

// CopyFile copies a file, or a directory with everything in it, to a name that is not taken yet (msb_sandbox_fs_copy).
func (s *Sandbox) CopyFile(ctx context.Context, from, to string) error {
	cFrom, errA := cText("from", from)
	cTo, errB := cText("to", to)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_copy_async(s.c(), cFrom, cTo, -1, t.queue, t.token, t.op, t.err)
	})
}

// Rename renames a file or a directory, in one step. A file replaces what has the new name (msb_sandbox_fs_rename).
func (s *Sandbox) Rename(ctx context.Context, from, to string) error {
	cFrom, errA := cText("from", from)
	cTo, errB := cText("to", to)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_rename_async(s.c(), cFrom, cTo, -1, t.queue, t.token, t.op, t.err)
	})
}

// Symlink makes a symbolic link; its target is neither checked nor followed (msb_sandbox_fs_symlink).
func (s *Sandbox) Symlink(ctx context.Context, target, path string) error {
	cTarget, errA := cText("target", target)
	cPath, errB := cText("path", path)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_symlink_async(s.c(), cTarget, cPath, -1, t.queue, t.token, t.op, t.err)
	})
}

// Readlink reads what a symbolic link holds (msb_sandbox_fs_readlink).
func (s *Sandbox) Readlink(ctx context.Context, path string) (string, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return "", err
	}
	target, err := s.backend.queue.runBytes(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_readlink_async(s.c(), cPath, -1, t.queue, t.token, t.op, t.err)
	})
	return string(target), err
}

// Chmod sets the permissions of a file; of what a symbolic link leads to (msb_sandbox_fs_chmod).
func (s *Sandbox) Chmod(ctx context.Context, path string, mode fs.FileMode) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_chmod_async(s.c(), cPath, C.uint32_t(unixMode(mode)), -1, t.queue, t.token, t.op, t.err)
	})
}

// Chtimes sets when a file was last read and changed; a zero time leaves it as it is (msb_sandbox_fs_utimes).
func (s *Sandbox) Chtimes(ctx context.Context, path string, accessed, modified time.Time) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return s.run(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_fs_utimes_async(s.c(), cPath, cTime(accessed), cTime(modified), -1, t.queue, t.token, t.op, t.err)
	})
}

// ExportTar writes a file, or a directory with everything in it, as a tar archive. `watch`, which may be nil, is called now
// and then (msb_sandbox_fs_tar_export).
func (s *Sandbox) ExportTar(ctx context.Context, path string, to io.Writer, watch func(Progress)) (Progress, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return Progress{}, err
	}
	return s.backend.queue.exportTo(ctx, to, func(fd C.int32_t) submission {
		return func(t ticket) C.msb_status {
			return C.msb_sandbox_fs_tar_export_async(s.c(), cPath, fd, -1, t.queue, t.token, t.op, t.err)
		}
	}, watch)
}

// ImportTar unpacks a tar archive beneath a directory, which is made if it is missing. The archive is not trusted: an entry
// that leads out of it is an error. `watch`, which may be nil, is called now and then (msb_sandbox_fs_tar_import).
func (s *Sandbox) ImportTar(ctx context.Context, path string, from io.Reader, watch func(Progress)) (Progress, error) {
	defer runtime.KeepAlive(s)
	cPath, err := cText("path", path)
	if err != nil {
		return Progress{}, err
	}
	return s.backend.queue.importFrom(ctx, from, func(fd C.int32_t) submission {
		return func(t ticket) C.msb_status {
			return C.msb_sandbox_fs_tar_import_async(s.c(), cPath, fd, -1, t.queue, t.token, t.op, t.err)
		}
	}, watch)
}

// CopyIn copies a file or a directory of the host, with everything in it, into the running sandbox; `to` is what the copy
// is called. `watch`, which may be nil, is called now and then (msb_sandbox_copy_in).
func (s *Sandbox) CopyIn(ctx context.Context, from, to string, watch func(Progress)) (Progress, error) {
	defer runtime.KeepAlive(s)
	cFrom, errA := cText("from", from)
	cTo, errB := cText("to", to)
	if err := errors.Join(errA, errB); err != nil {
		return Progress{}, err
	}
	return s.backend.queue.runFileProgress(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_copy_in_async(s.c(), cFrom, cTo, -1, t.queue, t.token, t.op, t.err)
	}, watch)
}

// CopyOut copies a file or a directory of the running sandbox to the host. The guest is not trusted: nothing is written but
// beneath `to`. `watch`, which may be nil, is called now and then (msb_sandbox_copy_out).
func (s *Sandbox) CopyOut(ctx context.Context, from, to string, watch func(Progress)) (Progress, error) {
	defer runtime.KeepAlive(s)
	cFrom, errA := cText("from", from)
	cTo, errB := cText("to", to)
	if err := errors.Join(errA, errB); err != nil {
		return Progress{}, err
	}
	return s.backend.queue.runFileProgress(ctx, func(t ticket) C.msb_status {
		return C.msb_sandbox_copy_out_async(s.c(), cFrom, cTo, -1, t.queue, t.token, t.op, t.err)
	}, watch)
}
