package msb

// What the tests share: a home for the whole run, a backend of the process driver, which needs no hypervisor, sandboxes in it,
// and this program as another process.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Longest wait for what must happen; far beyond what it takes.
const patience = 30 * time.Second

var (
	testHome    string
	testBackend *Backend
)

func TestMain(m *testing.M) {
	if role := os.Getenv("MSB_TEST_ROLE"); role != "" {
		os.Exit(runRole(role))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if testHome, err = os.MkdirTemp("", "msb-go-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(testHome)
	config := BackendConfig{Home: testHome, Driver: "process"}
	if os.Getenv("MSB_TEST_VM_ROOT") != "" {
		config.Driver = os.Getenv("MSB_TEST_DRIVER")
	}
	if testBackend, err = NewBackend(context.Background(), config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := nothingIsLeft(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return code
}

// nothingIsLeft closes the backend and looks for what the tests left behind.
func nothingIsLeft() error {
	if err := testBackend.Close(); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for LiveObjects(KindAll) != 0 && time.Now().Before(deadline) {
		runtime.GC() // for the tests of the net
		time.Sleep(time.Millisecond)
	}
	if left := LiveObjects(KindAll); left != 0 {
		return fmt.Errorf("%d objects were not released: %s", left, liveObjects())
	}
	entries, err := os.ReadDir(filepath.Join(testHome, "sandboxes"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			return fmt.Errorf("the sandbox %s was not removed", entry.Name())
		}
	}
	return nil
}

func liveObjects() string {
	return fmt.Sprintf("%d backends, %d sandboxes, %d commands, %d volumes, %d files, %d queues, %d operations",
		LiveObjects(KindBackend), LiveObjects(KindSandbox), LiveObjects(KindExec), LiveObjects(KindVolume),
		LiveObjects(KindFile), LiveObjects(KindQueue), LiveObjects(KindOp))
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		ok(t, err)
		return value
	}
}

func isError(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, not %v", err, target)
	}
}

// boxName makes a sandbox's name of a test's.
func boxName(t testing.TB) string {
	return strings.Map(func(r rune) rune {
		if r == '/' {
			return '-'
		}
		return r
	}, t.Name())
}

func createdBox(t testing.TB) *Sandbox {
	t.Helper()
	box := must[*Sandbox](t)(testBackend.CreateSandbox(testContext(t), SandboxConfig{Name: boxName(t), Image: "/"}))
	t.Cleanup(func() { discard(t, box) })
	return box
}

func runningBox(t testing.TB) *Sandbox {
	t.Helper()
	box := createdBox(t)
	ok(t, box.Start(testContext(t)))
	return box
}

// discard kills and removes a sandbox, if it is still there.
func discard(t testing.TB, box *Sandbox) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer box.Close()
	if err := errors.Join(box.Kill(ctx), box.Remove(ctx)); err != nil && !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func newVolume(t testing.TB, config VolumeConfig) *Volume {
	t.Helper()
	ctx := testContext(t)
	config.Name = boxName(t)
	volume := must[*Volume](t)(testBackend.CreateVolume(ctx, config))
	t.Cleanup(func() {
		defer volume.Close()
		if err := volume.Remove(context.Background()); err != nil && !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
	return volume
}

// eventually waits for what has no event to wait for.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("this did not happen: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// processStatus gives a line of /proc/self/status.
func processStatus(t testing.TB, key string) string {
	t.Helper()
	text := string(must[[]byte](t)(os.ReadFile("/proc/self/status")))
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, key+":"); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("/proc/self/status has no %s", key)
	return ""
}

func threads(t testing.TB) int {
	return must[int](t)(strconv.Atoi(processStatus(t, "Threads")))
}

// threadNames counts this process's threads by name; those of the library begin with "msb-".
func threadNames(t testing.TB) map[string]int {
	names := make(map[string]int)
	for _, path := range must[[]string](t)(filepath.Glob("/proc/self/task/*/comm")) {
		name, _ := os.ReadFile(path) // a thread may end meanwhile
		names[strings.TrimSpace(string(name))]++
	}
	return names
}

func descriptors(t testing.TB) int {
	return len(must[[]os.DirEntry](t)(os.ReadDir("/proc/self/fd")))
}
