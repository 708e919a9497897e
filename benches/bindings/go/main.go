// Bench tells what calls, commands, streams and waits cost from Go. It prints a line ROW<TAB>NAME<TAB>VALUE<TAB>UNIT for each measure.
//
//	MSB_BENCH_DRIVER=qemu MSB_BENCH_ROOT=DIRECTORY go run .
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"msb"
)

const (
	calls       = 1_000_000
	opens       = 5_000
	warmUp      = 20
	execs       = 200
	streams     = 3
	streamBytes = 256 << 20
	readBytes   = 256 << 10
	waits       = 1_000
	patience    = 5 * time.Minute
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := measure(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func row(name string, value float64, unit string) {
	fmt.Printf("ROW\t%s\t%.3f\t%s\n", name, value, unit)
}

func measure(ctx context.Context) (err error) {
	home, err := os.MkdirTemp("", "msb-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	backend, err := msb.NewBackend(ctx, msb.BackendConfig{Home: home, Driver: os.Getenv("MSB_BENCH_DRIVER")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backend.Close()) }()
	if err := measureCalls(ctx, backend); err != nil {
		return err
	}
	box, err := backend.CreateSandbox(ctx, msb.SandboxConfig{
		Name: "bench", Image: os.Getenv("MSB_BENCH_ROOT"), CPUs: 1, MemoryMiB: 256, Ephemeral: true,
	})
	if err != nil {
		return err
	}
	defer box.Close()
	if err := box.Start(ctx); err != nil {
		return err
	}
	if err := errors.Join(measureExec(ctx, box), measureStream(ctx, box), measureWaits(ctx, box)); err != nil {
		return err
	}
	return box.Stop(ctx, time.Minute)
}

func nsOf(count int, call func()) float64 {
	began := time.Now()
	for range count {
		call()
	}
	return float64(time.Since(began).Nanoseconds()) / float64(count)
}

func measureCalls(ctx context.Context, backend *msb.Backend) error {
	row("floor_ns", nsOf(calls, nothing), "ns")
	row("version_ns", nsOf(calls, func() { _ = msb.Version() }), "ns")
	volume, err := backend.CreateVolume(ctx, msb.VolumeConfig{Name: "data"})
	if err != nil {
		return err
	}
	defer volume.Close()
	var failure error
	row("open_by_name_ns", nsOf(opens, func() {
		opened, err := backend.OpenVolume(ctx, "data")
		if err != nil {
			failure = err
			return
		}
		opened.Close()
	}), "ns")
	return errors.Join(failure, volume.Remove(ctx))
}

func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

func measureExec(ctx context.Context, box *msb.Sandbox) error {
	var times []time.Duration
	for i := range warmUp + execs {
		began := time.Now()
		if _, err := box.Exec(ctx, msb.ExecConfig{Program: "/bin/true"}); err != nil {
			return err
		}
		if i >= warmUp {
			times = append(times, time.Since(began))
		}
	}
	row("exec_true_us", float64(median(times).Nanoseconds())/1e3, "us")
	return nil
}

func measureStream(ctx context.Context, box *msb.Sandbox) error {
	var rates []float64
	for range streams {
		began := time.Now()
		if err := stream(ctx, box); err != nil {
			return err
		}
		rates = append(rates, streamBytes/float64(1<<20)/time.Since(began).Seconds())
	}
	row("stdout_mib_s", median(rates), "MiB/s")
	return nil
}

func stream(ctx context.Context, box *msb.Sandbox) error {
	command := box.Command("dd", "if=/dev/zero", "bs=1M", "count=256")
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(ctx); err != nil {
		return err
	}
	total, buffer := 0, make([]byte, readBytes)
	for {
		n, err := out.Read(buffer)
		total += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if total != streamBytes {
		return fmt.Errorf("the stream ended after %d bytes", total)
	}
	return command.Wait(ctx)
}

func threads() (int, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	return len(tasks), err
}

func measureWaits(ctx context.Context, box *msb.Sandbox) error {
	command, err := box.ExecStart(ctx, msb.ExecConfig{Program: "cat"}, true)
	if err != nil {
		return err
	}
	defer command.Close()
	in, err := command.TakeStdin()
	if err != nil {
		return err
	}
	before, err := threads()
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	failures := make(chan error, waits)
	for range waits {
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := command.Wait(ctx)
			failures <- err
		}()
	}
	for msb.LiveObjects(msb.KindOp) < waits {
		time.Sleep(time.Millisecond)
	}
	during, err := threads()
	if err != nil {
		return err
	}
	row("waits_threads", float64(during-before), "threads")
	if err := in.Close(); err != nil {
		return err
	}
	all.Wait()
	close(failures)
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	return err
}
