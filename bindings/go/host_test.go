package msb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	hostSandboxes = 12 // that live and die, at least
	hostPatience  = 60 * time.Second
)

func runRole(role string) int {
	if role != "host" {
		fmt.Fprintln(os.Stderr, "no role", role)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), hostPatience)
	defer cancel()
	if err := host(ctx, os.Getenv("MSB_TEST_HOME")); err != nil {
		fmt.Fprintln(os.Stderr, "host:", err)
		return 1
	}
	return 0
}

// host runs children of its own, without end, while sandboxes live and die, until it was interrupted.
func host(ctx context.Context, home string) error {
	interrupts := make(chan os.Signal, 8)
	signal.Notify(interrupts, os.Interrupt)
	handlers, err := caughtSignals()
	if err != nil {
		return err
	}
	backend, err := NewBackend(ctx, BackendConfig{Home: home, Driver: "process"})
	if err != nil {
		return err
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	children := 0
	go func() { stopped <- keepRunningChildren(stop, &children) }()
	lives, interrupted := 0, false
	for lives < hostSandboxes || !interrupted {
		if err := oneLife(ctx, backend, lives); err != nil {
			return fmt.Errorf("sandbox %d: %w", lives, err)
		}
		lives++
		if lives == 1 {
			fmt.Println("ready")
		}
		select {
		case <-interrupts:
			interrupted = true
		case <-ctx.Done():
			return errors.New("the interrupt never came")
		default:
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		return err
	}
	// One is left running: the end of the backend is its end.
	box, err := backend.CreateSandbox(ctx, SandboxConfig{Name: "last", Image: "/", Ephemeral: true})
	if err != nil {
		return err
	}
	if err := errors.Join(box.Start(ctx), box.Close(), backend.Close()); err != nil {
		return err
	}
	if LiveObjects(KindAll) != 0 {
		return fmt.Errorf("left: %s", liveObjects())
	}
	if after, err := caughtSignals(); err != nil || after != handlers {
		return fmt.Errorf("the signals with handlers were %s and are %s, %w", handlers, after, err)
	}
	fmt.Printf("%d sandboxes, %d children\n", lives, children)
	return nil
}

// keepRunningChildren fails if the exit of a child is not the one that it had.
func keepRunningChildren(stop chan struct{}, count *int) error {
	for ; ; *count++ {
		select {
		case <-stop:
			return nil
		default:
		}
		want := *count % 200
		err := exec.Command("/bin/sh", "-c", fmt.Sprintf("exit %d", want)).Run()
		var exit *exec.ExitError
		switch {
		case err == nil && want == 0:
		case errors.As(err, &exit) && exit.ExitCode() == want:
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGINT: // it was in the group
		default:
			return fmt.Errorf("child %d should have exited with %d: %w", *count, want, err)
		}
	}
}

func oneLife(ctx context.Context, backend *Backend, n int) error {
	box, err := backend.CreateSandbox(ctx, SandboxConfig{Name: fmt.Sprintf("life-%d", n), Image: "/"})
	if err != nil {
		return err
	}
	defer box.Close()
	if err := box.Start(ctx); err != nil {
		return err
	}
	if out, err := box.Command("echo", "alive").Output(ctx); err != nil || string(out) != "alive\n" {
		return fmt.Errorf("it printed %q: %w", out, err)
	}
	if n%2 == 0 {
		err = box.Stop(ctx, patience)
	} else {
		err = box.Kill(ctx)
	}
	return errors.Join(err, box.Remove(ctx))
}

func caughtSignals() (string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(status), "SigCgt:\t")
	mask, _, found := strings.Cut(rest, "\n")
	if !found {
		return "", errors.New("/proc/self/status has no SigCgt")
	}
	return mask, nil
}

func TestAHostWithChildrenAndInterruptsLosesNothing(t *testing.T) {
	home := t.TempDir()
	program := exec.Command(must[string](t)(os.Executable()))
	program.Env = append(os.Environ(), "MSB_TEST_ROLE=host", "MSB_TEST_HOME="+home)
	program.Stderr = os.Stderr
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := program.StdoutPipe()
	ok(t, err)
	ok(t, program.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.Log(lines.Text())
		if lines.Text() == "ready" {
			// As a terminal does it: to everything in the group.
			ok(t, syscall.Kill(-program.Process.Pid, syscall.SIGINT))
		}
	}
	ok(t, program.Wait())
	eventually(t, "everything that belongs to the home is gone", func() bool { return len(processesOf(t, home)) == 0 })
}

// processesOf gives the processes that have something beneath a directory open, or name it.
func processesOf(t *testing.T, directory string) (found []string) {
	for _, process := range must[[]string](t)(filepath.Glob("/proc/[0-9]*")) {
		text, _ := os.ReadFile(process + "/cmdline") // it may end meanwhile
		links, _ := filepath.Glob(process + "/fd/*")
		named := strings.Contains(string(text), directory)
		for _, link := range append(links, process+"/cwd") {
			target, _ := os.Readlink(link)
			named = named || strings.HasPrefix(target, directory)
		}
		if named && process != fmt.Sprintf("/proc/%d", os.Getpid()) {
			found = append(found, process)
		}
	}
	return found
}
