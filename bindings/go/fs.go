package msb

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
)

// tree is what volumes and running sandboxes have in common.
type tree interface {
	ReadFile(ctx context.Context, path string) ([]byte, error)
	OpenFile(ctx context.Context, path string, flag int, perm fs.FileMode) (*File, error)
	ReadDir(ctx context.Context, path string) iter.Seq2[*FileInfo, error]
	Stat(ctx context.Context, path string) (*FileInfo, error)
	Lstat(ctx context.Context, path string) (*FileInfo, error)
	Readlink(ctx context.Context, path string) (string, error)
}

// FS shows the files of a volume or of a running sandbox to whatever takes an fs.FS: fs.WalkDir, http.FS, templates. Its
// names are those of io/fs, relative to the root and without a leading slash. It is also an fs.ReadFileFS, fs.ReadDirFS,
// fs.StatFS and fs.ReadLinkFS.
type FS struct {
	tree tree
	ctx  context.Context
}

// FS gives the volume's files as an fs.FS. Since io/fs knows no contexts, all of its calls take this one.
func (v *Volume) FS(ctx context.Context) *FS { return &FS{v, ctx} }

// FS gives the files of the running sandbox as an fs.FS. Since io/fs knows no contexts, all of its calls take this one.
func (s *Sandbox) FS(ctx context.Context) *FS { return &FS{s, ctx} }

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Open opens a file for reading, or a directory for listing.
func (f *FS) Open(name string) (fs.File, error) {
	info, err := f.stat("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &openDir{fs: f, name: name, info: info}, nil
	}
	file, err := f.tree.OpenFile(f.ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &openFile{file: file, ctx: f.ctx, name: name}, nil
}

// Stat says what a file is that a name leads to.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	info, err := f.stat("stat", name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (f *FS) stat(op, name string) (*FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, pathError(op, name, fs.ErrInvalid)
	}
	info, err := f.tree.Stat(f.ctx, name)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	info.name = path.Base(name) // of the link, if it is one
	return info, nil
}

// Lstat says what a file is, of a symbolic link what the link is.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, pathError("lstat", name, fs.ErrInvalid)
	}
	info, err := f.tree.Lstat(f.ctx, name)
	if err != nil {
		return nil, pathError("lstat", name, err)
	}
	info.name = path.Base(name)
	return info, nil
}

// ReadLink gives what a symbolic link holds.
func (f *FS) ReadLink(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", pathError("readlink", name, fs.ErrInvalid)
	}
	target, err := f.tree.Readlink(f.ctx, name)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return target, nil
}

// ReadFile reads a whole file.
func (f *FS) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, pathError("readfile", name, fs.ErrInvalid)
	}
	data, err := f.tree.ReadFile(f.ctx, name)
	if err != nil {
		return nil, pathError("readfile", name, err)
	}
	return data, nil
}

// ReadDir lists a directory in the order of names.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, pathError("readdir", name, fs.ErrInvalid)
	}
	var entries []fs.DirEntry
	for info, err := range f.tree.ReadDir(f.ctx, name) {
		if err != nil {
			return nil, pathError("readdir", name, err)
		}
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// openFile is a file that was opened through an FS.
type openFile struct {
	file *File
	ctx  context.Context
	name string
	off  int64
}

func (o *openFile) Read(p []byte) (int, error) {
	n, err := o.ReadAt(p, o.off)
	o.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (o *openFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.file.ReadAtContext(o.ctx, p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = pathError("read", o.name, err)
	}
	return n, err
}

func (o *openFile) Seek(offset int64, whence int) (int64, error) {
	base := int64(0)
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		base = o.off
	case io.SeekEnd:
		size, err := o.file.Size(o.ctx)
		if err != nil {
			return 0, pathError("seek", o.name, err)
		}
		base = size
	default:
		return 0, pathError("seek", o.name, fs.ErrInvalid)
	}
	if base+offset < 0 {
		return 0, pathError("seek", o.name, fs.ErrInvalid)
	}
	o.off = base + offset
	return o.off, nil
}

func (o *openFile) Stat() (fs.FileInfo, error) {
	info, err := o.file.Stat(o.ctx)
	if err != nil {
		return nil, pathError("stat", o.name, err)
	}
	info.name = path.Base(o.name)
	return info, nil
}

func (o *openFile) Close() error { return o.file.Close() }

// openDir is a directory that was opened through an FS.
type openDir struct {
	fs      *FS
	name    string
	info    *FileInfo
	listed  bool
	entries []fs.DirEntry // still to be given
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, pathError("read", d.name, errors.New("is a directory"))
}

func (d *openDir) Close() error { return nil }

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.listed {
		entries, err := d.fs.ReadDir(d.name)
		if err != nil {
			return nil, err
		}
		d.entries, d.listed = entries, true
	}
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	given := d.entries[:n]
	d.entries = d.entries[n:]
	return given, nil
}
