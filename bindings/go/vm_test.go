package msb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

const vmPatience = 2 * time.Minute

// One machine, and everything that is different in a real one. MSB_TEST_VM_ROOT is its root directory, with a busybox;
// MSB_TEST_DRIVER the driver.
func TestVM(t *testing.T) {
	root := os.Getenv("MSB_TEST_VM_ROOT")
	if root == "" {
		t.Skip("MSB_TEST_VM_ROOT names no root directory; bindings/go/test gives one")
	}
	ctx, cancel := context.WithTimeout(context.Background(), vmPatience)
	defer cancel()
	volume := newVolume(t, VolumeConfig{QuotaMiB: 16})
	ok(t, volume.WriteFile(ctx, "input", []byte("from the host\n"), 0o644))
	box := must[*Sandbox](t)(testBackend.CreateSandbox(ctx, SandboxConfig{
		Name: "vm", Image: root, MemoryMiB: 256, Hostname: "inside", Mounts: []Mount{{GuestPath: "/data", Volume: boxName(t)}},
	}))
	defer discard(t, box)
	begun := time.Now()
	ok(t, box.Start(ctx))
	t.Logf("booted in %v", time.Since(begun).Round(time.Millisecond))

	t.Run("commands", func(t *testing.T) { vmCommands(ctx, t, box) })
	t.Run("waits", func(t *testing.T) { vmWaits(ctx, t, box) })
	t.Run("files", func(t *testing.T) { vmFiles(ctx, t, box, volume) })
	t.Run("end", func(t *testing.T) {
		ok(t, box.Stop(ctx, vmPatience))
		if end := must[*Exit](t)(box.Wait(ctx)); end.Reason != ExitStopRequested || !end.Clean || end.Crashed {
			t.Errorf("it ended with %+v", end)
		}
		isError(t, box.Command("true").Run(ctx), ErrNotRunning)
	})
}

func vmCommands(ctx context.Context, t *testing.T, box *Sandbox) {
	if out := must[[]byte](t)(shell(box, "hostname; id -u").Output(ctx)); string(out) != "inside\n0\n" {
		t.Errorf("it printed %q", out)
	}
	const size = 16 << 20
	command := box.Command("head", "-c", "16777216", "/dev/zero")
	out := must[io.ReadCloser](t)(command.StdoutPipe())
	ok(t, command.Start(ctx))
	if n := must[int64](t)(io.Copy(io.Discard, out)); n != size {
		t.Errorf("%d bytes arrived", n)
	}
	ok(t, command.Wait(ctx))
	command = box.Command("wc", "-c")
	command.Stdin = io.LimitReader(zeroes{}, 1<<20)
	if out := must[[]byte](t)(command.Output(ctx)); strings.TrimSpace(string(out)) != "1048576" {
		t.Errorf("it counted %q", out)
	}
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	isError(t, box.Command("sleep", "1000").Run(soon), context.DeadlineExceeded)
	var exit *ExitError
	if err := shell(box, "exit 42").Run(ctx); !errors.As(err, &exit) || exit.ExitCode != 42 {
		t.Errorf("the error is %v", err)
	}
	isError(t, box.Command("/no/such/program").Run(ctx), ErrExecFailed)
}

func vmWaits(ctx context.Context, t *testing.T, box *Sandbox) {
	const waits = 100
	before := threads(t)
	waiting, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range waits {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, err := box.Wait(waiting); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}()
	}
	eventually(t, "all operations are in flight", func() bool { return LiveObjects(KindOp) == waits })
	if during := threads(t); during > before+8 {
		t.Errorf("%d threads during the waits, %d before", during, before)
	}
	cancel()
	all.Wait()
}

func vmFiles(ctx context.Context, t *testing.T, box *Sandbox, volume *Volume) {
	ok(t, shell(box, "tr a-z A-Z < /data/input > /data/output").Run(ctx))
	if data := must[[]byte](t)(volume.ReadFile(ctx, "output")); string(data) != "FROM THE HOST\n" {
		t.Errorf("the volume holds %q", data)
	}
	ok(t, box.MkdirAll(ctx, "/made/sub", 0o755))
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	ok(t, box.WriteFile(ctx, "/made/sub/large", large, 0o644))
	if data := must[[]byte](t)(box.ReadFile(ctx, "/made/sub/large")); !bytes.Equal(data, large) {
		t.Error("what was read is not what was written")
	}
	var archive bytes.Buffer
	total := must[Progress](t)(box.ExportTar(ctx, "/made", &archive, nil))
	if total.Bytes != uint64(len(large)) {
		t.Errorf("the archive has %+v", total)
	}
	must[Progress](t)(volume.ImportTar(ctx, "unpacked", &archive, nil))
	// Small: the test reads a byte at a time.
	ok(t, box.Mkdir(ctx, "/small", 0o755))
	ok(t, box.WriteFile(ctx, "/small/file", []byte("text"), 0o644))
	ok(t, fstest.TestFS(must[fs.FS](t)(fs.Sub(box.FS(ctx), "small")), "file"))
}
