package msb

// #include <msb.h>
import "C"

import (
	"context"
	"iter"
	"runtime"
	"time"
)

// ExitReason is why a run of a sandbox ended. The set is open.
type ExitReason uint32

// The reasons of this version.
const (
	ExitOther             ExitReason = C.MSB_EXIT_OTHER              // one that this version has no number for
	ExitCompleted         ExitReason = C.MSB_EXIT_COMPLETED          // the guest ended its machine by itself
	ExitStopRequested     ExitReason = C.MSB_EXIT_STOP_REQUESTED     // a stop was asked for
	ExitKillRequested     ExitReason = C.MSB_EXIT_KILL_REQUESTED     // a kill was asked for
	ExitIdleTimeout       ExitReason = C.MSB_EXIT_IDLE_TIMEOUT       // nobody used it for its idle timeout
	ExitMaxDuration       ExitReason = C.MSB_EXIT_MAX_DURATION       // it ran for its longest duration
	ExitOwnerExited       ExitReason = C.MSB_EXIT_OWNER_EXITED       // the process that it was attached to let go of it or ended
	ExitBootFailed        ExitReason = C.MSB_EXIT_BOOT_FAILED        // it did not come up
	ExitVMMCrashed        ExitReason = C.MSB_EXIT_VMM_CRASHED        // its virtual machine monitor crashed or was killed by somebody else
	ExitProtocolViolation ExitReason = C.MSB_EXIT_PROTOCOL_VIOLATION // the guest broke the protocol and was killed for it
	ExitRunnerDied        ExitReason = C.MSB_EXIT_RUNNER_DIED        // its runner was killed, or the host went down
	ExitInternalError     ExitReason = C.MSB_EXIT_INTERNAL_ERROR     // its runner failed
)

// Exit is how a run of a sandbox ended.
type Exit struct {
	Reason   ExitReason
	ExitCode int  // of the virtual machine monitor; -1 if it did not exit by itself
	Signal   int  // that ended the virtual machine monitor; 0 if none did
	Crashed  bool // rather than an end in order
	Killed   bool // a stop that was asked for had to kill
	Clean    bool // the guest had flushed and unmounted everything
	Started  time.Time
	Ended    time.Time
}

func exit(c *C.msb_exit) *Exit {
	return &Exit{
		Reason:   ExitReason(c.reason),
		ExitCode: int(c.exit_code),
		Signal:   int(c.signal),
		Crashed:  c.crashed != 0,
		Killed:   c.killed != 0,
		Clean:    c.clean != 0,
		Started:  unixMs(c.started_unix_ms),
		Ended:    unixMs(c.ended_unix_ms),
	}
}

// unixMs is the zero time for 0.
func unixMs(ms C.uint64_t) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// SandboxInfo is a snapshot of a sandbox.
type SandboxInfo struct {
	Name   string
	Status string // "Created", "Starting", "Running", "Draining", "Paused", "Stopped" or "Crashed"
	Driver string // empty if none was chosen yet
	// DriverReason is why driver "auto" did not choose a better one; empty if there is none, or if it was asked for by name.
	DriverReason string
	Isolation    string // "hardware" or "emulated"; empty if no driver was chosen yet
	Image        string
	Config       string // as JSON
	CPUs         uint32
	MemoryMiB    uint32
	Ephemeral    bool
	Detached     bool
	Created      time.Time
	RunnerPID    int // to look at, not to signal; 0 if it does not run
	Labels       map[string]string
	Mounts       []MountInfo
	// Exit is how the last run ended; nil if the sandbox runs or never ran. EndMessage says it as a sentence, and
	// ConsoleTail has the last lines of the console of a run that crashed or did not come up.
	Exit        *Exit
	EndMessage  string
	ConsoleTail string
}

// MountInfo is one mount of a sandbox.
type MountInfo struct {
	GuestPath string
	Kind      string // "volume", "bind", "tmpfs" or "disk"; "other" for what this version does not know
	Source    string // the volume's name or the host's path

	ReadOnly, NoExec, NoSuid, NoDev bool
}

// Info takes a snapshot of the sandbox (msb_sandbox_info_get).
func (s *Sandbox) Info(ctx context.Context) (*SandboxInfo, error) {
	defer runtime.KeepAlive(s)
	if ctx.Err() != nil {
		return nil, notBegun(ctx)
	}
	var out *C.msb_sandbox_info
	var cerr *C.msb_error
	if err := result(C.msb_sandbox_info_get(s.c(), &out, &cerr), cerr); err != nil {
		return nil, err
	}
	defer C.msb_sandbox_info_free(out)
	return sandboxInfo(out), nil
}

// sandboxInfo copies what C owns.
func sandboxInfo(c *C.msb_sandbox_info) *SandboxInfo {
	info := &SandboxInfo{
		Name:         C.GoString(C.msb_sandbox_info_name(c)),
		Status:       C.GoString(C.msb_sandbox_info_status(c)),
		Driver:       C.GoString(C.msb_sandbox_info_driver(c)),
		DriverReason: C.GoString(C.msb_sandbox_info_driver_reason(c)),
		Isolation:    C.GoString(C.msb_sandbox_info_isolation(c)),
		Image:        C.GoString(C.msb_sandbox_info_image(c)),
		Config:       C.GoString(C.msb_sandbox_info_config(c)),
		CPUs:         uint32(C.msb_sandbox_info_cpus(c)),
		MemoryMiB:    uint32(C.msb_sandbox_info_memory_mib(c)),
		Ephemeral:    C.msb_sandbox_info_ephemeral(c) != 0,
		Detached:     C.msb_sandbox_info_detached(c) != 0,
		Created:      unixMs(C.msb_sandbox_info_created_unix_ms(c)),
		RunnerPID:    int(C.msb_sandbox_info_runner_pid(c)),
		Labels:       make(map[string]string),
		EndMessage:   C.GoString(C.msb_sandbox_info_end_message(c)),
		ConsoleTail:  C.GoString(C.msb_sandbox_info_console_tail(c)),
	}
	for i := range C.msb_sandbox_info_label_count(c) {
		info.Labels[C.GoString(C.msb_sandbox_info_label_key(c, i))] = C.GoString(C.msb_sandbox_info_label_value(c, i))
	}
	for i := range C.msb_sandbox_info_mount_count(c) {
		flags := C.msb_sandbox_info_mount_flags(c, i)
		info.Mounts = append(info.Mounts, MountInfo{
			GuestPath: C.GoString(C.msb_sandbox_info_mount_guest_path(c, i)),
			Kind:      C.GoString(C.msb_sandbox_info_mount_kind(c, i)),
			Source:    C.GoString(C.msb_sandbox_info_mount_source(c, i)),
			ReadOnly:  flags&C.MSB_MOUNT_READ_ONLY != 0,
			NoExec:    flags&C.MSB_MOUNT_NOEXEC != 0,
			NoSuid:    flags&C.MSB_MOUNT_NOSUID != 0,
			NoDev:     flags&C.MSB_MOUNT_NODEV != 0,
		})
	}
	var last C.msb_exit
	if C.msb_sandbox_info_exit(c, &last) != 0 {
		info.Exit = exit(&last)
	}
	return info
}

// SandboxFilter chooses sandboxes; the zero filter takes all.
type SandboxFilter struct {
	Labels     map[string]string // all of them
	Statuses   []string          // one of them
	NamePrefix string
	PageSize   uint32 // how many to fetch at once, 1 to 1000
}

// c makes the filter in C, to be freed by the caller.
func (filter *SandboxFilter) c() (*C.msb_sandbox_filter, error) {
	c := C.msb_sandbox_filter_new()
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	b.pairs("labels", filter.Labels, func(key, value *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_filter_add_label(c, key, value, err)
	})
	for _, status := range filter.Statuses {
		b.always("statuses", status, func(v *C.char, err **C.msb_error) C.msb_status {
			return C.msb_sandbox_filter_add_status(c, v, err)
		})
	}
	b.text("name_prefix", filter.NamePrefix, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_filter_set_name_prefix(c, v, err)
	})
	number(b, filter.PageSize, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_filter_set_limit(c, C.uint32_t(filter.PageSize), err)
	})
	if b.err != nil {
		C.msb_sandbox_filter_free(c)
		return nil, b.err
	}
	return c, nil
}

// Sandboxes lists sandboxes in the order of their names (msb_sandbox_list). It fetches a page at a time and ends after the
// first error.
func (b *Backend) Sandboxes(ctx context.Context, filter SandboxFilter) iter.Seq2[*SandboxInfo, error] {
	return func(yield func(*SandboxInfo, error) bool) {
		defer runtime.KeepAlive(b)
		c, err := filter.c()
		if err != nil {
			yield(nil, err)
			return
		}
		defer C.msb_sandbox_filter_free(c)
		for more := true; more; {
			var infos []*SandboxInfo
			if infos, more, err = b.sandboxPage(ctx, c); err != nil {
				yield(nil, err)
				return
			}
			for _, info := range infos {
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// sandboxPage fetches a page and moves the filter on to the next, if there is one.
func (b *Backend) sandboxPage(
	ctx context.Context, filter *C.msb_sandbox_filter,
) (infos []*SandboxInfo, more bool, err error) {
	if ctx.Err() != nil {
		return nil, false, notBegun(ctx)
	}
	var page *C.msb_sandbox_page
	var cerr *C.msb_error
	if err := result(C.msb_sandbox_list(b.c(), filter, &page, &cerr), cerr); err != nil {
		return nil, false, err
	}
	defer C.msb_sandbox_page_free(page)
	for i := range C.msb_sandbox_page_len(page) {
		infos = append(infos, sandboxInfo(C.msb_sandbox_page_get(page, i)))
	}
	next := C.msb_sandbox_page_next(page)
	if next == nil {
		return infos, false, nil
	}
	return infos, true, result(C.msb_sandbox_filter_set_cursor(filter, next, &cerr), cerr)
}
