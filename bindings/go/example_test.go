package msb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"msb"
)

// Boot, run, print, stop.
func Example() {
	ctx := context.Background()
	backend, err := msb.NewBackend(ctx, msb.BackendConfig{})
	check(err)
	defer backend.Close()
	box, err := backend.CreateSandbox(ctx, msb.SandboxConfig{Name: "hello", Image: "/srv/root", Ephemeral: true})
	check(err)
	check(box.Start(ctx))
	out, err := box.Command("uname", "-a").Output(ctx)
	check(err)
	fmt.Printf("%s", out)
	check(box.Stop(ctx, 10*time.Second))
}

// Output that is read line by line, as it appears.
func ExampleCmd_StdoutPipe() {
	ctx := context.Background()
	var box *msb.Sandbox // that runs

	command := box.Command("/bin/sh", "-c", "for i in 1 2 3; do echo line $i; sleep 1; done")
	out, err := command.StdoutPipe()
	check(err)
	check(command.Start(ctx))
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	check(command.Wait(ctx))
}

// A command that fails, and one that cannot be started.
func ExampleExitError() {
	ctx := context.Background()
	var box *msb.Sandbox // that runs

	err := box.Command("false").Run(ctx)
	var exit *msb.ExitError
	switch {
	case errors.As(err, &exit):
		fmt.Println("it exited with", exit.ExitCode)
	case errors.Is(err, msb.ErrExecFailed):
		fmt.Println("it could not be started:", err)
	}
}

// A wait with a deadline: when it passes, the sandbox runs on.
func ExampleSandbox_Wait() {
	var box *msb.Sandbox // that runs

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	end, err := box.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("still running")
		return
	}
	check(err)
	fmt.Println("it ended in order:", end.Clean)
}

// Listings are iterators, however many pages they have.
func ExampleBackend_Volumes() {
	ctx := context.Background()
	var backend *msb.Backend

	for volume, err := range backend.Volumes(ctx, msb.VolumeFilter{Labels: map[string]string{"project": "example"}}) {
		check(err)
		fmt.Println(volume.Name, volume.QuotaMiB)
	}
}

func check(err error) {
	if err != nil {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}
