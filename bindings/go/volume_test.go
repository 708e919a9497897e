package msb

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"
)

func TestAVolumeIsCreatedOpenedListedAndRemoved(t *testing.T) {
	ctx := testContext(t)
	volume := newVolume(t, VolumeConfig{QuotaMiB: 4, Labels: map[string]string{"project": "go"}})
	again := must[*Volume](t)(testBackend.OpenVolume(ctx, boxName(t)))
	defer again.Close()
	ok(t, volume.WriteFile(ctx, "file", []byte("text"), 0o644))
	info := must[*VolumeInfo](t)(again.Info(ctx))
	if info.Name != boxName(t) || info.Kind != "dir" || info.QuotaMiB != 4 || !info.Measured || info.UsedBytes != 4 || info.Labels["project"] != "go" {
		t.Errorf("the info is %+v", info)
	}
	seen := 0
	for info, err := range testBackend.Volumes(ctx, VolumeFilter{Labels: map[string]string{"project": "go"}, Kind: "dir", PageSize: 1}) {
		ok(t, err)
		if seen++; info.Name != boxName(t) || info.Measured {
			t.Errorf("the list has %+v", info)
		}
	}
	if seen != 1 {
		t.Errorf("the list has %d volumes", seen)
	}
	err := volume.WriteFile(ctx, "large", make([]byte, 5<<20), 0o644)
	isError(t, err, ErrDiskFull)
	isError(t, volume.Resize(ctx, 64), ErrUnsupported)
	ok(t, volume.Remove(ctx))
	isError(t, again.Remove(ctx), ErrNotFound)
}

// files is what volumes and running sandboxes have in common, for a test of both.
type files interface {
	tree
	WriteFile(ctx context.Context, path string, data []byte, perm fs.FileMode) error
	WriteFileAtomic(ctx context.Context, path string, data []byte, perm fs.FileMode) error
	AppendFile(ctx context.Context, path string, data []byte, perm fs.FileMode) error
	Open(ctx context.Context, path string) (*File, error)
	Create(ctx context.Context, path string) (*File, error)
	Exists(ctx context.Context, path string) (bool, error)
	Mkdir(ctx context.Context, path string, perm fs.FileMode) error
	MkdirAll(ctx context.Context, path string, perm fs.FileMode) error
	RemoveFile(ctx context.Context, path string) error
	RemoveDir(ctx context.Context, path string) error
	RemoveAll(ctx context.Context, path string) error
	CopyFile(ctx context.Context, from, to string) error
	Rename(ctx context.Context, from, to string) error
	Symlink(ctx context.Context, target, path string) error
	Chmod(ctx context.Context, path string, mode fs.FileMode) error
	Chtimes(ctx context.Context, path string, accessed, modified time.Time) error
	ExportTar(ctx context.Context, path string, to io.Writer, watch func(Progress)) (Progress, error)
	ImportTar(ctx context.Context, path string, from io.Reader, watch func(Progress)) (Progress, error)
	FS(ctx context.Context) *FS
}

// onBoth runs a test on the files of a volume and on those of a sandbox, in an empty directory whose path ends with a slash.
func onBoth(t *testing.T, test func(t *testing.T, files files, at string)) {
	t.Run("volume", func(t *testing.T) {
		volume := newVolume(t, VolumeConfig{})
		ok(t, volume.Mkdir(testContext(t), "d", 0o755))
		test(t, volume, "d/")
	})
	t.Run("sandbox", func(t *testing.T) {
		box := runningBox(t)
		// The process driver's guest has the host's tree.
		directory := t.TempDir()
		test(t, box, directory[1:]+"/")
	})
}

func TestFilesAreWrittenReadAndKnown(t *testing.T) {
	onBoth(t, func(t *testing.T, files files, at string) {
		ctx := testContext(t)
		ok(t, files.WriteFile(ctx, at+"file", []byte("one"), 0o600))
		ok(t, files.AppendFile(ctx, at+"file", []byte(" two"), 0o600))
		if data := must[[]byte](t)(files.ReadFile(ctx, at+"file")); string(data) != "one two" {
			t.Errorf("the file holds %q", data)
		}
		ok(t, files.WriteFileAtomic(ctx, at+"file", nil, 0o600))
		if data := must[[]byte](t)(files.ReadFile(ctx, at+"file")); len(data) != 0 {
			t.Errorf("the file holds %q", data)
		}
		ok(t, files.WriteFile(ctx, at+"file", []byte("1234"), 0o600))
		when := time.Unix(1_600_000_000, 5000)
		ok(t, files.Chtimes(ctx, at+"file", time.Time{}, when))
		ok(t, files.Chmod(ctx, at+"file", 0o751|fs.ModeSetuid))
		info := must[*FileInfo](t)(files.Stat(ctx, at+"file"))
		if info.Name() != "file" || info.Size() != 4 || info.Mode() != 0o751|fs.ModeSetuid || !info.ModTime().Equal(when) || info.IsDir() {
			t.Errorf("the info is %v", info)
		}
		ok(t, files.Symlink(ctx, "file", at+"link"))
		if target := must[string](t)(files.Readlink(ctx, at+"link")); target != "file" {
			t.Errorf("the link holds %s", target)
		}
		if info := must[*FileInfo](t)(files.Lstat(ctx, at+"link")); info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("the link is %v", info)
		}
		if info := must[*FileInfo](t)(files.Stat(ctx, at+"link")); info.Size() != 4 {
			t.Errorf("the link leads to %v", info)
		}
		_, err := files.ReadFile(ctx, at+"nothing")
		isError(t, err, fs.ErrNotExist)
		_, err = files.ReadFile(ctx, "a\x00b")
		isError(t, err, ErrInvalidArgument)
		if !must[bool](t)(files.Exists(ctx, at+"link")) || must[bool](t)(files.Exists(ctx, at+"nothing")) {
			t.Error("exists is wrong")
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		isError(t, files.WriteFile(cancelled, at+"never", nil, 0o600), context.Canceled)
		isError(t, files.Rename(cancelled, at+"file", at+"never"), context.Canceled)
	})
}

func TestDirectoriesAreMadeListedMovedAndRemoved(t *testing.T) {
	onBoth(t, func(t *testing.T, files files, at string) {
		ctx := testContext(t)
		ok(t, files.MkdirAll(ctx, at+"a/b/c", 0o755))
		isError(t, files.Mkdir(ctx, at+"a", 0o755), fs.ErrExist)
		for i := range 5 {
			ok(t, files.WriteFile(ctx, fmt.Sprintf("%sa/%d", at, i), nil, 0o644))
		}
		count := 0
		for _, err := range files.ReadDir(ctx, at+"a") {
			ok(t, err)
			count++
		}
		if count != 6 {
			t.Errorf("the list has %d entries", count)
		}
		for _, err := range files.ReadDir(ctx, at+"nowhere") {
			isError(t, err, fs.ErrNotExist)
		}
		ok(t, files.CopyFile(ctx, at+"a", at+"copy"))
		ok(t, files.Rename(ctx, at+"copy", at+"moved"))
		if !must[bool](t)(files.Exists(ctx, at+"moved/b/c")) {
			t.Error("the copy is not whole")
		}
		ok(t, files.RemoveFile(ctx, at+"a/0"))
		ok(t, files.RemoveDir(ctx, at+"a/b/c"))
		if err := files.RemoveDir(ctx, at+"a"); err == nil {
			t.Error("a directory that is not empty was removed")
		}
		ok(t, files.RemoveAll(ctx, at+"a"))
		if must[bool](t)(files.Exists(ctx, at+"a")) {
			t.Error("it is still there")
		}
	})
}

func TestAnOpenFileIsReadAndWrittenAnywhere(t *testing.T) {
	onBoth(t, func(t *testing.T, files files, at string) {
		ctx := testContext(t)
		file := must[*File](t)(files.Create(ctx, at+"file"))
		defer file.Close()
		large := bytes.Repeat([]byte("0123456789abcdef"), 5<<16) // more than one operation reads
		must[int](t)(file.WriteAt(large, 3))
		must[int](t)(file.WriteAt(nil, 0))
		back := make([]byte, len(large))
		must[int](t)(file.ReadAt(back, 3))
		if !bytes.Equal(back, large) {
			t.Error("what was read is not what was written")
		}
		n, err := file.ReadAt(back, int64(len(large)))
		isError(t, err, io.EOF)
		if n != 3 {
			t.Errorf("%d bytes before the end", n)
		}
		if size := must[int64](t)(file.Size(ctx)); size != int64(len(large))+3 {
			t.Errorf("the size is %d", size)
		}
		ok(t, file.Truncate(ctx, 4))
		ok(t, file.Sync(ctx))
		if data := must[[]byte](t)(io.ReadAll(file.Reader(ctx, 0))); string(data) != "\x00\x00\x000" {
			t.Errorf("the file holds %q", data)
		}
		if info := must[*FileInfo](t)(file.Stat(ctx)); info.Size() != 4 {
			t.Errorf("the info is %v", info)
		}
		_, err = file.ReadAt(back, -1)
		isError(t, err, ErrInvalidArgument)
		end := must[*File](t)(files.OpenFile(ctx, at+"file", os.O_WRONLY|os.O_APPEND, 0))
		ok(t, end.Append(ctx, []byte("end")))
		ok(t, end.Close())
		if data := must[[]byte](t)(files.ReadFile(ctx, at+"file")); string(data) != "\x00\x00\x000end" {
			t.Errorf("the file holds %q", data)
		}
		_, err = files.OpenFile(ctx, at+"file", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		isError(t, err, fs.ErrExist)
		_, err = files.OpenFile(ctx, at+"file", os.O_SYNC, 0)
		isError(t, err, ErrInvalidArgument)
		ok(t, file.Close())
		ok(t, file.Close())
		_, err = file.ReadAt(back, 0)
		isError(t, err, fs.ErrClosed)
	})
}

func TestFilesAreAnIoFS(t *testing.T) {
	onBoth(t, func(t *testing.T, files files, at string) {
		ctx := testContext(t)
		ok(t, files.MkdirAll(ctx, at+"sub/deep", 0o755))
		for _, name := range []string{"a.txt", "sub/b.txt", "sub/deep/c.txt"} {
			ok(t, files.WriteFile(ctx, at+name, []byte(name), 0o644))
		}
		ok(t, files.Symlink(ctx, "a.txt", at+"link"))
		directory := must[fs.FS](t)(fs.Sub(files.FS(ctx), filepath.Clean(at)))
		ok(t, fstest.TestFS(directory, "a.txt", "sub/b.txt", "sub/deep/c.txt", "link"))
		all := files.FS(ctx)
		_, err := all.Open("/etc")
		isError(t, err, fs.ErrInvalid)
		_, err = all.ReadFile(at + "nothing")
		isError(t, err, fs.ErrNotExist)
		var pathError *fs.PathError
		if !errors.As(err, &pathError) || pathError.Path != at+"nothing" {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestAnArchiveGoesOutAndComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, files files, at string) {
		ctx := testContext(t)
		ok(t, files.MkdirAll(ctx, at+"from/sub", 0o755))
		large := bytes.Repeat([]byte("x"), 1<<20)
		ok(t, files.WriteFile(ctx, at+"from/sub/large", large, 0o644))
		var archive bytes.Buffer
		total := must[Progress](t)(files.ExportTar(ctx, at+"from", &archive, func(Progress) {}))
		if total.Bytes != 1<<20 || total.Entries == 0 {
			t.Errorf("it wrote %+v", total)
		}
		found := false
		for reader := tar.NewReader(bytes.NewReader(archive.Bytes())); ; {
			header, err := reader.Next()
			if err == io.EOF {
				break
			}
			ok(t, err)
			found = found || header.Size == 1<<20
		}
		if !found {
			t.Error("the archive lacks the file")
		}
		must[Progress](t)(files.ImportTar(ctx, at+"to", &archive, nil))
		if !must[bool](t)(files.Exists(ctx, at+"to")) {
			t.Error("nothing was unpacked")
		}
		file := must[*os.File](t)(os.Create(filepath.Join(t.TempDir(), "archive.tar")))
		defer file.Close()
		must[Progress](t)(files.ExportTar(ctx, at+"from", file, nil))
		must[int64](t)(file.Seek(0, io.SeekStart))
		must[Progress](t)(files.ImportTar(ctx, at+"again", file, nil))
		_, err := files.ExportTar(ctx, at+"from", failing{}, nil)
		isError(t, err, io.ErrShortBuffer)
		_, err = files.ImportTar(ctx, at+"bad", bytes.NewReader(bytes.Repeat([]byte("no archive"), 200)), nil)
		isError(t, err, ErrCorrupt)
	})
}

func TestAnArchiveThatNobodyReadsIsCancelled(t *testing.T) {
	onBoth(t, func(t *testing.T, files files, at string) {
		ok(t, files.WriteFile(testContext(t), at+"large", make([]byte, 1<<20), 0o644))
		reader, writer, err := os.Pipe()
		ok(t, err)
		defer reader.Close()
		defer writer.Close()
		ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
		defer cancel()
		_, err = files.ExportTar(ctx, at+"large", writer, nil)
		isError(t, err, context.DeadlineExceeded)
	})
}

func TestTreesGoInAndOutOfASandbox(t *testing.T) {
	ctx := testContext(t)
	box := runningBox(t)
	host := t.TempDir()
	ok(t, os.MkdirAll(host+"/in/sub", 0o755))
	ok(t, os.WriteFile(host+"/in/sub/file", []byte("text"), 0o644))
	total := must[Progress](t)(box.CopyIn(ctx, host+"/in", host+"/guest", nil))
	if total.Bytes != 4 {
		t.Errorf("it copied %+v", total)
	}
	must[Progress](t)(box.CopyOut(ctx, host+"/guest", host+"/out", func(Progress) {}))
	if data := must[[]byte](t)(os.ReadFile(host + "/out/sub/file")); string(data) != "text" {
		t.Errorf("the copy holds %q", data)
	}
	_, err := box.CopyOut(ctx, host+"/nothing", host+"/never", nil)
	isError(t, err, fs.ErrNotExist)
}

func TestAHomeIsMeasuredCheckedAndPruned(t *testing.T) {
	ctx := testContext(t)
	usage := must[*StorageUsage](t)(testBackend.StorageUsage(ctx))
	if usage.TotalBytes == 0 || len(usage.Categories) == 0 || usage.Categories[0].Name == "" {
		t.Errorf("the usage is %+v", usage)
	}
	must[*StorageReport](t)(testBackend.Fsck(ctx, false))
	must[*StorageReport](t)(testBackend.Prune(ctx, PruneDryRun|PruneTemporary|PruneCache))
	_, err := testBackend.Prune(ctx, 0)
	isError(t, err, ErrInvalidArgument)
	report := must[*ProbeReport](t)(testBackend.Probe(ctx))
	if len(report.Checks) == 0 || report.Checks[0].Name == "" {
		t.Errorf("the probe found %+v", report)
	}
}

func TestAMountShowsAVolume(t *testing.T) {
	ctx := testContext(t)
	newVolume(t, VolumeConfig{})
	_, err := testBackend.CreateSandbox(ctx, SandboxConfig{Name: "two", Image: "/", Mounts: []Mount{{GuestPath: "/m", Volume: "x", Bind: "/"}}})
	isError(t, err, ErrInvalidArgument)
	box := must[*Sandbox](t)(testBackend.CreateSandbox(ctx, SandboxConfig{
		Name: boxName(t) + "-box", Image: "/", Mounts: []Mount{{GuestPath: "/mnt/v", Volume: boxName(t), VolumeMode: "existing", Owner: &Owner{1, 2}}},
	}))
	defer discard(t, box)
	if info := must[*SandboxInfo](t)(box.Info(ctx)); len(info.Mounts) != 1 || info.Mounts[0].Source != boxName(t) {
		t.Errorf("the mounts are %+v", info.Mounts)
	}
	again := must[*Volume](t)(testBackend.OpenVolume(ctx, boxName(t)))
	ok(t, again.Close())
	ok(t, again.Close())
	isError(t, again.Remove(ctx), fs.ErrClosed)
}
