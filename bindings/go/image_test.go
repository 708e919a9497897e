package msb

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tarOf makes a tar archive of regular files in the order of their names.
func tarOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, name := range names {
		ok(t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(files[name])), Format: tar.FormatUSTAR}))
		must[int](t)(archive.Write([]byte(files[name])))
	}
	ok(t, archive.Close())
	return out.Bytes()
}

// ociArchive makes an OCI archive of an image with one layer, which holds etc/motd.
func ociArchive(t testing.TB, reference, motd string) []byte {
	t.Helper()
	files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}
	type object = map[string]any
	blob := func(mediaType string, data []byte) object {
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		files["blobs/sha256/"+sum] = string(data)
		return object{"mediaType": mediaType, "digest": "sha256:" + sum, "size": len(data)}
	}
	encode := func(value object) []byte { return must[[]byte](t)(json.Marshal(value)) }
	layer := blob("application/vnd.oci.image.layer.v1.tar", tarOf(t, map[string]string{"etc/motd": motd}))
	config := blob("application/vnd.oci.image.config.v1+json", encode(object{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": object{
			"Env": []string{"COLOUR=green"}, "Entrypoint": []string{"/bin/sh"}, "Cmd": []string{"-c", "true"},
			"WorkingDir": "/srv", "User": "1000:1000", "StopSignal": "SIGQUIT", "Labels": object{"team": "red"},
		},
		"rootfs": object{"type": "layers", "diff_ids": []any{layer["digest"]}},
	}))
	manifest := blob("application/vnd.oci.image.manifest.v1+json", encode(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": []any{layer},
	}))
	manifest["annotations"] = object{"org.opencontainers.image.ref.name": reference}
	files["index.json"] = string(encode(object{"schemaVersion": 2, "manifests": []any{manifest}}))
	return tarOf(t, files)
}

func loaded(t testing.TB, reference string) *ImageInfo {
	t.Helper()
	archive := ociArchive(t, reference, reference)
	info := must[*ImageInfo](t)(testBackend.LoadImageFrom(testContext(t), bytes.NewReader(archive), ImageLoadConfig{}, nil))
	t.Cleanup(func() {
		if err := testBackend.RemoveImage(context.Background(), reference); err != nil && !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
	return info
}

func TestAnImageIsLoadedKnownAndRemoved(t *testing.T) {
	ctx := testContext(t)
	path := filepath.Join(t.TempDir(), "image.tar")
	ok(t, os.WriteFile(path, ociArchive(t, "example.org/known:1", "hello"), 0o600))
	var last Progress
	info := must[*ImageInfo](t)(testBackend.LoadImage(ctx, path, ImageLoadConfig{Reference: "known"}, func(p Progress) { last = p }))
	if last.Entries > 1 {
		t.Errorf("there were %d layers", last.Entries)
	}
	if info.Reference != "docker.io/library/known:latest" || !strings.HasPrefix(info.Digest, "sha256:") || info.OS != "linux" ||
		info.Architecture != runtime.GOARCH || info.Created.IsZero() || info.DiskBytes == 0 {
		t.Errorf("the info is %+v", info)
	}
	if !slices.Equal(info.Env, []string{"COLOUR=green"}) || !slices.Equal(info.Entrypoint, []string{"/bin/sh"}) ||
		!slices.Equal(info.Cmd, []string{"-c", "true"}) || info.WorkingDir != "/srv" || info.User != "1000:1000" ||
		info.StopSignal != "SIGQUIT" || info.Labels["team"] != "red" {
		t.Errorf("the info is %+v", info)
	}
	if len(info.Layers) != 1 || info.Layers[0].Digest != info.Layers[0].DiffID || info.Layers[0].SizeBytes != info.SizeBytes {
		t.Errorf("the layers are %+v", info.Layers)
	}
	again := must[*ImageInfo](t)(testBackend.Image(ctx, "known"))
	if again.Digest != info.Digest {
		t.Errorf("%s became %s", info.Digest, again.Digest)
	}
	ok(t, testBackend.RemoveImage(ctx, "known:latest"))
	_, err := testBackend.Image(ctx, "known")
	isError(t, err, os.ErrNotExist)
	isError(t, testBackend.RemoveImage(ctx, "known"), ErrNotFound)
}

func TestImagesAreListedByPrefixPageByPage(t *testing.T) {
	names := []string{"a.example/one:1", "a.example/one:2", "a.example/two:1", "b.example/one:1"}
	for _, name := range names {
		loaded(t, name)
	}
	var listed []string
	for info, err := range testBackend.Images(testContext(t), ImageFilter{ReferencePrefix: "a.example/", PageSize: 2}) {
		ok(t, err)
		listed = append(listed, info.Reference)
	}
	if !slices.Equal(listed, names[:3]) {
		t.Errorf("the list is %v", listed)
	}
}

func TestAnImageStaysWhileASandboxHasItAsRoot(t *testing.T) {
	ctx := testContext(t)
	loaded(t, "kept.example/kept:1")
	_, err := testBackend.CreateSandbox(ctx, SandboxConfig{Name: boxName(t), Image: "no-such-image", ImagePullPolicy: PullNever})
	isError(t, err, ErrNotFound)
	box := must[*Sandbox](t)(testBackend.CreateSandbox(ctx, SandboxConfig{Name: boxName(t), Image: "kept.example/kept:1"}))
	t.Cleanup(func() { discard(t, box) })
	err = testBackend.RemoveImage(ctx, "kept.example/kept:1")
	isError(t, err, ErrBusy)
	var failure *Error
	if !errors.As(err, &failure) || failure.Reason != "image.in_use" || failure.Details["sandbox"] != boxName(t) {
		t.Errorf("the error is %#v", err)
	}
	ok(t, box.Remove(ctx))
}

func TestASavedImageIsLoadedAgain(t *testing.T) {
	ctx := testContext(t)
	loaded(t, "example.org/saved:1")
	path := filepath.Join(t.TempDir(), "saved.tar")
	ok(t, testBackend.SaveImage(ctx, "example.org/saved:1", path, func(Progress) {}))
	saved := must[*ImageInfo](t)(testBackend.LoadImage(ctx, path, ImageLoadConfig{}, nil))
	if saved.Reference != "example.org/saved:1" || saved.User != "1000:1000" || !slices.Equal(saved.Cmd, []string{"-c", "true"}) {
		t.Errorf("the info is %+v", saved)
	}
	var archive bytes.Buffer
	ok(t, testBackend.SaveImageTo(ctx, "example.org/saved:1", &archive, nil))
	again := must[*ImageInfo](t)(testBackend.LoadImageFrom(ctx, &archive, ImageLoadConfig{}, nil))
	if again.Digest != saved.Digest {
		t.Errorf("%s became %s", saved.Digest, again.Digest)
	}
	isError(t, testBackend.SaveImage(ctx, "missing", path, nil), ErrNotFound)
	must[*ImageInfo](t)(testBackend.LoadImage(ctx, path, ImageLoadConfig{}, nil))
}

func TestALoadThatFailsOrIsCancelledLeavesNoImage(t *testing.T) {
	ctx := testContext(t)
	whole := ociArchive(t, "never.example/never:1", "never")
	_, err := testBackend.LoadImageFrom(ctx, bytes.NewReader(whole[:len(whole)/2]), ImageLoadConfig{}, nil)
	isError(t, err, ErrCorrupt)
	broken := errors.New("the reader broke")
	_, err = testBackend.LoadImageFrom(ctx, io.MultiReader(bytes.NewReader(whole[:600]), brokenReader{broken}), ImageLoadConfig{}, nil)
	isError(t, err, broken)
	// A pipe that nobody writes to keeps the load waiting until it is cancelled.
	out, into, err := os.Pipe()
	ok(t, err)
	defer out.Close()
	defer into.Close()
	cancelled, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := testBackend.LoadImageFrom(cancelled, out, ImageLoadConfig{}, nil)
		ended <- err
	}()
	eventually(t, "the load began", func() bool { return LiveObjects(KindOp) > 0 })
	cancel()
	isError(t, <-ended, context.Canceled)
	_, err = testBackend.LoadImage(cancelled, "/nowhere", ImageLoadConfig{}, nil)
	isError(t, err, context.Canceled)
	_, err = testBackend.Image(ctx, "never.example/never:1")
	isError(t, err, ErrNotFound)
}

// brokenReader fails at once.
type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }
