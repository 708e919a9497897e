// Volume keeps data in a volume: the host writes to it, a sandbox that has it mounted works on it, and the host reads the result and
// saves all of it as an archive.
//
//	go run ./volume /path/to/root-directory
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"time"

	"msb"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("volume: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: volume ROOT-DIRECTORY")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	home, err := os.MkdirTemp("", "msb-volume-")
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
	// A directory that may hold 16 MiB, whoever writes to it.
	volume, err := backend.CreateVolume(ctx, msb.VolumeConfig{Name: "data", QuotaMiB: 16, Labels: map[string]string{"project": "example"}})
	if err != nil {
		return err
	}
	defer volume.Close()
	if err := volume.WriteFile(ctx, "input", []byte("written by the host\n"), 0o644); err != nil {
		return err
	}
	if err := work(ctx, backend, image); err != nil {
		return err
	}
	return errors.Join(look(ctx, volume), save(ctx, volume), volume.Remove(ctx))
}

// work runs a command in a sandbox that has the volume at /data.
func work(ctx context.Context, backend *msb.Backend, image string) error {
	box, err := backend.CreateSandbox(ctx, msb.SandboxConfig{
		Name: "worker", Image: image, MemoryMiB: 256, Mounts: []msb.Mount{{GuestPath: "/data", Volume: "data"}},
	})
	if err != nil {
		return err
	}
	defer box.Close()
	if err := box.Start(ctx); err != nil {
		return err
	}
	if err := box.Command("/bin/sh", "-c", "tr a-z A-Z < /data/input > /data/output; hostname > /private").Run(ctx); err != nil {
		return err
	}
	private, err := box.ReadFile(ctx, "/private")
	if err != nil {
		return err
	}
	fmt.Printf("a file of the guest alone: %s", private)
	return errors.Join(box.Stop(ctx, time.Minute), box.Remove(ctx))
}

// look walks through the volume as through any other fs.FS.
func look(ctx context.Context, volume *msb.Volume) error {
	files := volume.FS(ctx)
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		fmt.Printf("%s: %s", path, text)
		return err
	})
}

// save writes an archive; any io.Writer does.
func save(ctx context.Context, volume *msb.Volume) error {
	total, err := volume.ExportTar(ctx, ".", io.Discard, nil)
	fmt.Printf("saved %d bytes in %d entries\n", total.Bytes, total.Entries)
	return err
}
