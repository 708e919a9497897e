// Hello runs untrusted commands in a microVM: a sandbox is made from a root directory, started, used, stopped and removed.
//
//	go run ./hello /path/to/root-directory
//
// The directory holds what the guest sees as /, such as a static busybox; it is never modified. Everything else is in a
// temporary home that is gone at the end.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"msb"
)

const stepTimeout = time.Minute

func main() {
	log.SetFlags(0)
	log.SetPrefix("hello: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: hello ROOT-DIRECTORY")
	}
	// Ctrl-C cancels whatever is being waited for, and everything is still cleaned up.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	home, err := os.MkdirTemp("", "msb-hello-")
	if err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, home, os.Args[1]); err != nil {
		log.Fatalf("%v\nlogs are in %s", err, home)
	}
	if err := os.RemoveAll(home); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, home, image string) (err error) {
	backend, err := msb.NewBackend(ctx, msb.BackendConfig{Home: home})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backend.Close()) }()
	box, err := backend.CreateSandbox(ctx, msb.SandboxConfig{Name: "hello", Image: image, MemoryMiB: 256})
	if err != nil {
		return err
	}
	defer box.Close()
	began := time.Now()
	if err := box.Start(ctx); err != nil {
		return err
	}
	fmt.Printf("started in %v\n", time.Since(began).Round(time.Millisecond))
	if err := errors.Join(collect(ctx, box), stream(ctx, box), feed(ctx, box), fail(ctx, box)); err != nil {
		return err
	}
	return errors.Join(box.Stop(ctx, stepTimeout), box.Remove(ctx))
}

// The simplest way: run to the end, with what the command wrote collected.
func collect(ctx context.Context, box *msb.Sandbox) error {
	out, err := box.Command("uname", "-a").Output(ctx)
	fmt.Printf("%s", out)
	return err
}

// Output as it appears, each line with when that was.
func stream(ctx context.Context, box *msb.Sandbox) error {
	command := box.Command("/bin/sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.3; done")
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(ctx); err != nil {
		return err
	}
	began := time.Now()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Printf("after %6.1f ms: %s\n", float64(time.Since(began).Microseconds())/1e3, lines.Text())
	}
	return command.Wait(ctx)
}

// Input from any io.Reader.
func feed(ctx context.Context, box *msb.Sandbox) error {
	command := box.Command("tr", "a-z", "A-Z")
	command.Stdin = strings.NewReader("fed through a pipe\n")
	command.Stdout = os.Stdout
	return command.Run(ctx)
}

// A command that fails is an *ExitError; one that cannot even be started is an *Error whose reason says why.
func fail(ctx context.Context, box *msb.Sandbox) error {
	var exit *msb.ExitError
	if err := box.Command("/bin/sh", "-c", "exit 3").Run(ctx); errors.As(err, &exit) {
		fmt.Println("exit code", exit.ExitCode)
	}
	var failure *msb.Error
	if err := box.Command("/no/such/program").Run(ctx); errors.As(err, &failure) {
		fmt.Println(failure.Reason)
	}
	return nil
}
