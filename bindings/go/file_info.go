package msb

// #include <msb.h>
import "C"

import (
	"context"
	"io/fs"
	"iter"
	"time"
)

// How many entries of a directory are fetched at once.
const filePageEntries = 1000

// FileInfo is what is known of a file. It is an fs.FileInfo, and more.
type FileInfo struct {
	name string
	size int64
	mode fs.FileMode

	UID, GID      uint32
	Nlink         uint64    // how many names it has
	Inode, Device uint64    // two names with the same of both are one file
	Accessed      time.Time // when it was last read
	Modified      time.Time // when its content last changed
	Changed       time.Time // when anything of it last changed
}

// Name gives the last part of its name, as bytes: not necessarily UTF-8.
func (i *FileInfo) Name() string { return i.name }

// Size gives its size in bytes; of a symbolic link, the length of what it holds.
func (i *FileInfo) Size() int64 { return i.size }

// Mode gives its kind and its permissions.
func (i *FileInfo) Mode() fs.FileMode { return i.mode }

// ModTime gives when its content last changed.
func (i *FileInfo) ModTime() time.Time { return i.Modified }

// IsDir reports whether it is a directory.
func (i *FileInfo) IsDir() bool { return i.mode.IsDir() }

// Sys gives the FileInfo itself.
func (i *FileInfo) Sys() any { return i }

// String describes it in a line.
func (i *FileInfo) String() string { return fs.FormatFileInfo(i) }

// fileInfo copies what C owns.
func fileInfo(c *C.msb_file_info) *FileInfo {
	return &FileInfo{
		name:     C.GoString(C.msb_file_info_name(c)),
		size:     int64(C.msb_file_info_size(c)),
		mode:     goMode(uint32(C.msb_file_info_mode(c)), C.msb_file_info_kind(c)),
		UID:      uint32(C.msb_file_info_uid(c)),
		GID:      uint32(C.msb_file_info_gid(c)),
		Nlink:    uint64(C.msb_file_info_nlink(c)),
		Inode:    uint64(C.msb_file_info_inode(c)),
		Device:   uint64(C.msb_file_info_device(c)),
		Accessed: time.Unix(0, int64(C.msb_file_info_accessed_ns(c))),
		Modified: time.Unix(0, int64(C.msb_file_info_modified_ns(c))),
		Changed:  time.Unix(0, int64(C.msb_file_info_changed_ns(c))),
	}
}

// The bits of Unix beside the nine permissions.
const (
	unixSetuid = 0o4000
	unixSetgid = 0o2000
	unixSticky = 0o1000
)

func goMode(mode uint32, kind C.uint32_t) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	if mode&unixSetuid != 0 {
		m |= fs.ModeSetuid
	}
	if mode&unixSetgid != 0 {
		m |= fs.ModeSetgid
	}
	if mode&unixSticky != 0 {
		m |= fs.ModeSticky
	}
	switch kind {
	case C.MSB_FILE_REGULAR:
		return m
	case C.MSB_FILE_DIRECTORY:
		return m | fs.ModeDir
	case C.MSB_FILE_SYMLINK:
		return m | fs.ModeSymlink
	case C.MSB_FILE_FIFO:
		return m | fs.ModeNamedPipe
	case C.MSB_FILE_SOCKET:
		return m | fs.ModeSocket
	case C.MSB_FILE_CHAR_DEVICE:
		return m | fs.ModeDevice | fs.ModeCharDevice
	case C.MSB_FILE_BLOCK_DEVICE:
		return m | fs.ModeDevice
	default:
		return m | fs.ModeIrregular
	}
}

func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= unixSetuid
	}
	if m&fs.ModeSetgid != 0 {
		mode |= unixSetgid
	}
	if m&fs.ModeSticky != 0 {
		mode |= unixSticky
	}
	return mode
}

// cTime gives a time in nanoseconds; the zero time leaves the file's as it is.
func cTime(t time.Time) C.int64_t {
	if t.IsZero() {
		return C.MSB_TIME_KEEP
	}
	return C.int64_t(t.UnixNano())
}

// filePages lists a directory a page at a time; `fetch` gives the page at a cursor.
func filePages(fetch func(cursor C.uint64_t) (*C.msb_file_page, error)) iter.Seq2[*FileInfo, error] {
	return func(yield func(*FileInfo, error) bool) {
		cursor := C.uint64_t(0)
		for {
			page, err := fetch(cursor)
			if err != nil {
				yield(nil, err)
				return
			}
			var infos []*FileInfo
			infos, cursor = takeFilePage(page)
			for _, info := range infos {
				if !yield(info, nil) {
					return
				}
			}
			if cursor == 0 {
				return
			}
		}
	}
}

// takeFilePage copies a page that C owns, frees it, and gives the cursor of the next; 0 after the last.
func takeFilePage(page *C.msb_file_page) ([]*FileInfo, C.uint64_t) {
	defer C.msb_file_page_free(page)
	infos := make([]*FileInfo, 0, C.msb_file_page_len(page))
	for i := range C.msb_file_page_len(page) {
		infos = append(infos, fileInfo(C.msb_file_page_get(page, i)))
	}
	return infos, C.msb_file_page_next(page)
}

// Results of operations on files, of volumes and of sandboxes alike.

func (q *queue) runBytes(ctx context.Context, submit submission) ([]byte, error) {
	var out *C.msb_bytes
	err := q.run(ctx, submit, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_bytes(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	return takeBytes(out), nil
}

func (q *queue) runFileInfo(ctx context.Context, submit submission) (*FileInfo, error) {
	var out *C.msb_file_info
	err := q.run(ctx, submit, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_file_info(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_file_info_free(out)
	return fileInfo(out), nil
}

func (q *queue) runFilePage(ctx context.Context, submit submission) (*C.msb_file_page, error) {
	var out *C.msb_file_page
	err := q.run(ctx, submit, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_file_page(op, &out, err)
	})
	return out, err
}
