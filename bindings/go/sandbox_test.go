package msb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestASandboxIsCreatedStartedUsedStoppedAndRemoved(t *testing.T) {
	ctx := testContext(t)
	box := createdBox(t)
	status := func(want string) {
		t.Helper()
		if info := must[*SandboxInfo](t)(box.Info(ctx)); info.Status != want {
			t.Fatalf("status is %s, not %s", info.Status, want)
		}
	}
	status("Created")
	ok(t, box.Start(ctx))
	status("Running")
	isError(t, box.Start(ctx), ErrInvalidState)
	isError(t, box.Remove(ctx), ErrInvalidState)
	if out := must[[]byte](t)(box.Command("echo", "hi").Output(ctx)); string(out) != "hi\n" {
		t.Fatalf("it printed %q", out)
	}
	ok(t, box.Stop(ctx, patience))
	status("Stopped")
	end := must[*Exit](t)(box.Wait(ctx))
	if end.Reason != ExitStopRequested || !end.Clean || end.Killed || end.Crashed || end.Ended.Before(end.Started) {
		t.Fatalf("it ended with %+v", end)
	}
	ok(t, box.Remove(ctx))
	_, err := testBackend.OpenSandbox(ctx, boxName(t))
	isError(t, err, ErrNotFound)
	isError(t, err, os.ErrNotExist)
}

func TestWhatAConfigSaysIsInTheInfo(t *testing.T) {
	ctx := testContext(t)
	directory := t.TempDir()
	box := must[*Sandbox](t)(testBackend.CreateSandbox(ctx, SandboxConfig{
		Name: boxName(t), Image: "/", CPUs: 2, MemoryMiB: 128, UpperSizeMiB: 32, Upper: "tmpfs", RootMode: "overlay",
		Env: map[string]string{"KEY": "value", "EMPTY": ""}, WorkDir: "/tmp", Shell: "/bin/sh", Hostname: "guest", User: "0:0",
		Labels: map[string]string{"a": "1", "b": "2"}, Rlimits: []Rlimit{{"nofile", 64, 64}},
		Mounts:      []Mount{{GuestPath: "/mnt/d", Bind: directory, ReadOnly: true, NoExec: true}, {GuestPath: "/mnt/t", Tmpfs: true}},
		IdleTimeout: time.Hour, MaxDuration: time.Hour, MinIsolation: "any", BootTimeout: time.Minute, Detached: true,
	}))
	defer discard(t, box)
	info := must[*SandboxInfo](t)(box.Info(ctx))
	if info.Name != boxName(t) || info.Image != "/" || info.CPUs != 2 || info.MemoryMiB != 128 || !info.Detached || info.Ephemeral {
		t.Errorf("the info is %+v", info)
	}
	if len(info.Labels) != 2 || info.Labels["a"] != "1" || info.Exit != nil || time.Since(info.Created) > patience {
		t.Errorf("the info is %+v", info)
	}
	want := MountInfo{GuestPath: "/mnt/d", Kind: "bind", Source: directory, ReadOnly: true, NoExec: true}
	if len(info.Mounts) != 2 || info.Mounts[0] != want || info.Mounts[1].Kind != "tmpfs" {
		t.Errorf("the mounts are %+v", info.Mounts)
	}
	for _, part := range []string{`"KEY"`, `"nofile"`, `"guest"`, `3600000`} {
		if !strings.Contains(info.Config, part) {
			t.Errorf("%s is missing in %s", part, info.Config)
		}
	}
	ok(t, box.SetLabel(ctx, "a", "9"))
	ok(t, box.RemoveLabel(ctx, "b"))
	if info = must[*SandboxInfo](t)(box.Info(ctx)); len(info.Labels) != 1 || info.Labels["a"] != "9" {
		t.Errorf("the labels are %v", info.Labels)
	}
}

func TestListingsGoOnePageAfterTheOther(t *testing.T) {
	ctx := testContext(t)
	for i := range 5 {
		name := fmt.Sprintf("listed-%d", i)
		box := must[*Sandbox](t)(testBackend.CreateSandbox(ctx, SandboxConfig{Name: name, Image: "/", Labels: map[string]string{"odd": fmt.Sprint(i % 2)}}))
		defer discard(t, box)
	}
	list := func(filter SandboxFilter) (names []string) {
		for info, err := range testBackend.Sandboxes(ctx, filter) {
			ok(t, err)
			names = append(names, info.Name)
		}
		return names
	}
	if names := list(SandboxFilter{NamePrefix: "listed-", PageSize: 2, Statuses: []string{"Created"}}); len(names) != 5 || names[4] != "listed-4" {
		t.Errorf("the list is %v", names)
	}
	if names := list(SandboxFilter{Labels: map[string]string{"odd": "1"}}); len(names) != 2 {
		t.Errorf("the list is %v", names)
	}
	for range testBackend.Sandboxes(ctx, SandboxFilter{NamePrefix: "listed-", PageSize: 1}) {
		break // the page and the filter are freed all the same
	}
	for _, err := range testBackend.Sandboxes(ctx, SandboxFilter{PageSize: 5000}) {
		isError(t, err, ErrInvalidArgument)
	}
}

func TestAWaitThatIsCancelledSaysSoAndTheNextOneWaitsOn(t *testing.T) {
	box := runningBox(t)
	ctx, cancel := context.WithCancel(testContext(t))
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := box.Wait(ctx)
	isError(t, err, context.Canceled)
	isError(t, err, ErrCancelled)
	ctx, cancel = context.WithTimeout(testContext(t), 10*time.Millisecond)
	defer cancel()
	_, err = box.Wait(ctx)
	isError(t, err, context.DeadlineExceeded)
	if !os.IsTimeout(err) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no timeout", err)
	}
	ok(t, box.Kill(testContext(t)))
	if end := must[*Exit](t)(box.Wait(testContext(t))); end.Reason != ExitKillRequested {
		t.Errorf("it ended with %+v", end)
	}
}

func TestTheCauseOfAContextIsFoundInTheError(t *testing.T) {
	why := errors.New("the user changed their mind")
	box := runningBox(t)
	ctx, cancel := context.WithCancelCause(testContext(t))
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	_, err := box.Wait(ctx)
	isError(t, err, why)
	isError(t, err, context.Canceled)
	_, err = box.Exec(ctx, ExecConfig{Program: "true"})
	isError(t, err, context.Canceled)
}

// Cancels at all kinds of moments: what was made must be returned, or must not be there.
func TestACreateThatIsCancelledLeavesAWholeSandboxOrNone(t *testing.T) {
	made, cancelled := 0, 0
	for i := range 60 {
		ctx, cancel := context.WithCancel(testContext(t))
		timer := time.AfterFunc(time.Duration(i)*50*time.Microsecond, cancel)
		name := fmt.Sprintf("raced-%d", i)
		box, err := testBackend.CreateSandbox(ctx, SandboxConfig{Name: name, Image: "/"})
		timer.Stop()
		cancel()
		if err == nil {
			made++
			discard(t, box)
			continue
		}
		cancelled++
		isError(t, err, context.Canceled)
		_, err = testBackend.OpenSandbox(testContext(t), name)
		isError(t, err, ErrNotFound)
	}
	t.Logf("%d made, %d cancelled", made, cancelled)
	if LiveObjects(KindOp) != 0 {
		t.Errorf("left: %s", liveObjects())
	}
}

func TestAStartThatIsCancelledIsUndone(t *testing.T) {
	box := createdBox(t)
	for i := range 6 {
		ctx, cancel := context.WithCancel(testContext(t))
		timer := time.AfterFunc(time.Duration(i)*2*time.Millisecond, cancel)
		err := box.Start(ctx)
		timer.Stop()
		cancel()
		if err == nil {
			ok(t, box.Kill(testContext(t)))
			continue
		}
		isError(t, err, context.Canceled)
		info := must[*SandboxInfo](t)(box.Info(testContext(t)))
		if info.Status == "Running" || info.Status == "Starting" {
			t.Fatalf("after a cancelled start it is %s", info.Status)
		}
	}
	ok(t, box.Start(testContext(t)))
}

// A thousand goroutines wait for sandboxes and a thousand for commands; no thread does.
func TestAThousandWaitsHoldNoThreads(t *testing.T) {
	const waits = 1000
	box := runningBox(t)
	command := must[*Exec](t)(box.ExecStart(testContext(t), ExecConfig{Program: "sleep", Args: []string{"1000"}}, false))
	defer command.Close()
	before, fds := threads(t), descriptors(t)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	failures := make(chan error, 2*waits)
	for range waits {
		all.Add(2)
		go func() {
			defer all.Done()
			_, err := box.Wait(ctx)
			failures <- err
		}()
		go func() {
			defer all.Done()
			_, err := command.Wait(ctx)
			failures <- err
		}()
	}
	eventually(t, "all operations are in flight", func() bool { return LiveObjects(KindOp) == 2*waits })
	burst := threads(t)
	// What was needed to get them going goes when it is idle.
	eventually(t, "no thread waits", func() bool { return threads(t) <= before+8 })
	t.Logf("threads: %d before, %d right after the burst, %d while %d wait: %v; descriptors: %d before, %d now",
		before, burst, threads(t), 2*waits, threadNames(t), fds, descriptors(t))
	cancel()
	all.Wait()
	close(failures)
	for err := range failures {
		isError(t, err, context.Canceled)
	}
	if LiveObjects(KindOp) != 0 {
		t.Errorf("left: %s", liveObjects())
	}
	ok(t, command.Signal(9))
}

func TestManyWaitsEndTogether(t *testing.T) {
	box := runningBox(t)
	var all sync.WaitGroup
	for range 200 {
		all.Add(1)
		go func() {
			defer all.Done()
			if end, err := box.Wait(testContext(t)); err != nil || end.Reason != ExitStopRequested {
				t.Errorf("%+v, %v", end, err)
			}
		}()
	}
	eventually(t, "all operations are in flight", func() bool { return LiveObjects(KindOp) == 200 })
	ok(t, box.Stop(testContext(t), patience))
	all.Wait()
}

func TestClosingABackendEndsItsSandboxesAndWaits(t *testing.T) {
	ctx := testContext(t)
	before := LiveObjects(KindAll)
	backend := must[*Backend](t)(NewBackend(ctx, BackendConfig{Home: t.TempDir(), Driver: "process"}))
	box := must[*Sandbox](t)(backend.CreateSandbox(ctx, SandboxConfig{Name: "closed", Image: "/"}))
	ok(t, box.Start(ctx))
	waited := make(chan error)
	go func() {
		_, err := box.Wait(ctx)
		waited <- err
	}()
	eventually(t, "the wait is in flight", func() bool { return LiveObjects(KindOp) == 1 })
	ok(t, backend.Close())
	ok(t, backend.Close())
	t.Logf("the wait gave: %v", <-waited)
	_, err := box.Wait(ctx)
	if err == nil {
		t.Error("a wait after the end succeeded")
	}
	_, err = backend.OpenVolume(ctx, "any")
	isError(t, err, ErrStaleHandle)
	isError(t, err, os.ErrClosed)
	ok(t, box.Close())
	ok(t, box.Close())
	if now := LiveObjects(KindAll); now != before {
		t.Errorf("%d objects before, now %s", before, liveObjects())
	}
}

func TestTheDefaultBackendIsSharedAndReleased(t *testing.T) {
	t.Setenv("MSB_HOME", t.TempDir())
	first := must[*Backend](t)(DefaultBackend())
	second := must[*Backend](t)(DefaultBackend())
	first.Release()
	info := must[*BackendInfo](t)(second.Info())
	if info.Home == "" || info.DefaultMemoryMiB == 0 || info.Shell == "" {
		t.Errorf("the info is %+v", info)
	}
	ok(t, second.Close())
}

func TestWhatABackendGoesByIsWhatItWasTold(t *testing.T) {
	ctx := testContext(t)
	home := t.TempDir()
	backend := must[*Backend](t)(NewBackend(ctx, BackendConfig{
		Home: home, Driver: "qemu", MaxConnections: 3, ConnectTimeoutSecs: 4, BusyTimeoutSecs: 6, DefaultCPUs: 2, DefaultMemoryMiB: 99,
		Shell: "/bin/ash", WorkDir: "/w", LogLevel: "debug", DisableMetricsSample: true, MetricsSampleIntervalMs: 7, NoCACerts: true,
		SandboxesDir: home + "/s", VolumesDir: home + "/v", SnapshotsDir: home + "/n", CacheDir: home + "/c", LogsDir: home + "/l",
		SecretsDir: home + "/x", LibkrunfwPath: "/k", QEMUPath: "/q", RunnerPath: "/r",
		Registries: map[string]Registry{
			"localhost:5000": {Insecure: true},
			"example.org":    {Username: "me", AuthSource: "password_env", AuthValue: "PASSWORD"},
		},
	}))
	defer backend.Close()
	info := must[*BackendInfo](t)(backend.Info())
	got := fmt.Sprintln(info.Home == home, info.Driver, info.MaxConnections, info.ConnectTimeoutSecs, info.BusyTimeoutSecs, info.DefaultCPUs,
		info.DefaultMemoryMiB, info.Shell, info.WorkDir, info.LogLevel, info.DisableMetricsSample, info.MetricsSampleIntervalMs,
		info.SandboxesDir == home+"/s", info.SecretsDir == home+"/x", info.LibkrunfwPath, info.QEMUPath, info.RunnerPath)
	if want := "true qemu 3 4 6 2 99 /bin/ash /w debug true 7 true true /k /q /r\n"; got != want {
		t.Errorf("the info has %s", got)
	}
	want := Registry{Username: "me", AuthSource: "password_env", AuthValue: "PASSWORD"}
	if len(info.Registries) != 2 || !info.Registries["localhost:5000"].Insecure || info.Registries["example.org"] != want {
		t.Errorf("the registries are %+v", info.Registries)
	}
}

// The net: what is forgotten is released when it became unreachable, the queue's goroutine included.
func TestWhatIsForgottenIsReleased(t *testing.T) {
	home := t.TempDir()
	before, goroutines := LiveObjects(KindAll), runtime.NumGoroutine()
	forget := func() {
		ctx := context.Background()
		backend := must[*Backend](t)(NewBackend(ctx, BackendConfig{Home: home, Driver: "process"}))
		box := must[*Sandbox](t)(backend.CreateSandbox(ctx, SandboxConfig{Name: "forgotten", Image: "/"}))
		ok(t, box.Start(ctx))
		command := must[*Exec](t)(box.ExecStart(ctx, ExecConfig{Program: "sleep", Args: []string{"1000"}}, false))
		volume := must[*Volume](t)(backend.CreateVolume(ctx, VolumeConfig{Name: "forgotten"}))
		file := must[*File](t)(volume.Create(ctx, "file"))
		runtime.KeepAlive(command)
		runtime.KeepAlive(file)
	}
	forget()
	eventually(t, "everything is released", func() bool {
		runtime.GC()
		return LiveObjects(KindAll) == before && runtime.NumGoroutine() <= goroutines
	})
	eventually(t, "its sandbox has ended", func() bool { return len(processesOf(t, home)) == 0 })
}

// A garbage collection during a call must not release what the call works on.
func TestACallKeepsItsSandboxAlive(t *testing.T) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer close(done)
	runningBox(t)
	for range 5 {
		box := must[*Sandbox](t)(testBackend.OpenSandbox(testContext(t), boxName(t)))
		// The last use of the variable is the call itself.
		if result := must[*Result](t)(box.Exec(testContext(t), ExecConfig{Program: "sleep", Args: []string{"0.02"}})); result.ExitCode != 0 {
			t.Fatalf("%+v", result)
		}
	}
}
