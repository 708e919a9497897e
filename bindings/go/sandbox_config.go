package msb

// #include <msb.h>
import "C"

import "time"

// SandboxConfig is what [Backend.CreateSandbox] takes. Name and Image are required; what is zero is the backend's or the
// library's default.
type SandboxConfig struct {
	// Name is unique in the backend: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit.
	Name string
	// Image is the root file system: the reference of an image, such as "python:3.12", or the path of a directory, of a disk
	// image (raw or qcow2, with ext4, EROFS, XFS or btrfs), of an OCI layout or of an archive. It is not modified unless RootMode says so.
	Image string
	// ImagePullPolicy is whether an image of a registry is pulled: what is missing, unless it says otherwise.
	ImagePullPolicy ImagePullPolicy
	// RootMode is "overlay", which keeps the guest's writes apart, or "bind", which writes them into the directory.
	RootMode string
	// Upper is where writes to an overlay go: "disk", which survives stop and start, or "tmpfs", which does not.
	Upper string
	// UpperSizeMiB is the size of what holds them.
	UpperSizeMiB uint64

	// CPUs is the number of virtual processors, MemoryMiB the memory.
	CPUs      uint32
	MemoryMiB uint32

	// Env, WorkDir, Shell and User are for commands that do not say.
	Env map[string]string
	// Scripts are executable files in the guest's /.msb/scripts, the first directory on the PATH of every command.
	Scripts  map[string]string
	WorkDir  string
	Shell    string
	Hostname string
	User     string // "name" or number, perhaps with ":group"
	// Entrypoint and Cmd are the default command, which runs when a command names no program. Nil: the image's; with an
	// Entrypoint the image's Cmd is not used. Empty, but not nil: none.
	Entrypoint []string
	Cmd        []string
	// StopSignal is the signal by which a stop asks commands to end, as "SIGQUIT". Empty: the image's, else SIGTERM.
	StopSignal string
	Rlimits    []Rlimit

	// Labels are to find the sandbox by.
	Labels map[string]string
	// Mounts are what the guest sees in its tree beside its root.
	Mounts []Mount
	// Patches change the root, in this order, at the first start, and with Upper "tmpfs" at each, before anybody uses the
	// sandbox.
	Patches []Patch

	// Ephemeral removes the sandbox when it stops.
	Ephemeral bool
	// Replace stops and removes another sandbox of this name; ReplaceTimeout is how long that one has to stop before it is
	// killed: 0 for 10 seconds, below zero for no time at all.
	Replace        bool
	ReplaceTimeout time.Duration
	// IdleTimeout stops the sandbox after this long without any activity, MaxDuration after it has run this long.
	IdleTimeout time.Duration
	MaxDuration time.Duration
	// Detached lets the sandbox live on when the process that started it ends.
	Detached bool

	// MinIsolation is "any", or "hardware", which refuses emulation.
	MinIsolation string
	// Driver is "auto", "krun" or "qemu".
	Driver string
	// BootTimeout is how long the guest has to come up: 0 for two minutes.
	BootTimeout time.Duration
}

// c makes the config in C, to be freed by the caller.
func (config *SandboxConfig) c() (*C.msb_sandbox_config, error) {
	name, err := cText("name", config.Name)
	if err != nil {
		return nil, err
	}
	c := C.msb_sandbox_config_new(name)
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	config.root(c, b)
	config.commands(c, b)
	config.surroundings(c, b)
	config.life(c, b)
	if b.err != nil {
		C.msb_sandbox_config_free(c)
		return nil, b.err
	}
	return c, nil
}

func (config *SandboxConfig) root(c *C.msb_sandbox_config, b *builder) {
	b.text("image", config.Image, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_image(c, v, err)
	})
	number(b, uint32(config.ImagePullPolicy), func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_image_pull_policy(c, C.uint32_t(config.ImagePullPolicy), err)
	})
	b.text("root_mode", config.RootMode, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_root_mode(c, v, err)
	})
	b.text("upper", config.Upper, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_upper(c, v, err)
	})
	number(b, config.UpperSizeMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_upper_size_mib(c, C.uint64_t(config.UpperSizeMiB), err)
	})
	number(b, config.CPUs, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_cpus(c, C.uint32_t(config.CPUs), err)
	})
	number(b, config.MemoryMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_memory_mib(c, C.uint32_t(config.MemoryMiB), err)
	})
}

func (config *SandboxConfig) commands(c *C.msb_sandbox_config, b *builder) {
	b.pairs("env", config.Env, func(key, value *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_env(c, key, value, err)
	})
	b.pairs("scripts", config.Scripts, func(name, text *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_add_script(c, name, text, err)
	})
	b.text("workdir", config.WorkDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_workdir(c, v, err)
	})
	b.words("entrypoint", config.Entrypoint, func(words **C.char, count C.size_t, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_entrypoint(c, words, count, err)
	})
	b.words("cmd", config.Cmd, func(words **C.char, count C.size_t, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_cmd(c, words, count, err)
	})
	b.text("stop_signal", config.StopSignal, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_stop_signal(c, v, err)
	})
	b.text("shell", config.Shell, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_shell(c, v, err)
	})
	b.text("hostname", config.Hostname, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_hostname(c, v, err)
	})
	b.text("user", config.User, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_user(c, v, err)
	})
	for _, limit := range config.Rlimits {
		b.always("rlimits", limit.Resource, func(v *C.char, err **C.msb_error) C.msb_status {
			return C.msb_sandbox_config_add_rlimit(c, v, C.uint64_t(limit.Soft), C.uint64_t(limit.Hard), err)
		})
	}
}

func (config *SandboxConfig) surroundings(c *C.msb_sandbox_config, b *builder) {
	b.pairs("labels", config.Labels, func(key, value *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_add_label(c, key, value, err)
	})
	for i := range config.Mounts {
		b.mount(c, &config.Mounts[i])
	}
	for i := range config.Patches {
		b.patch(c, &config.Patches[i])
	}
	b.text("min_isolation", config.MinIsolation, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_min_isolation(c, v, err)
	})
	b.text("driver", config.Driver, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_driver(c, v, err)
	})
}

func (b *builder) mount(c *C.msb_sandbox_config, mount *Mount) {
	if b.err != nil {
		return
	}
	var m *C.msb_mount_config
	if m, b.err = mount.c(); b.err != nil {
		return
	}
	defer C.msb_mount_config_free(m)
	b.call(func(err **C.msb_error) C.msb_status { return C.msb_sandbox_config_add_mount(c, m, err) })
}

func (config *SandboxConfig) life(c *C.msb_sandbox_config, b *builder) {
	b.flag(config.Ephemeral, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_ephemeral(c, 1, err)
	})
	b.flag(config.Replace, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_replace(c, 1, err)
	})
	b.milliseconds(config.ReplaceTimeout, func(ms C.uint64_t, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_replace_timeout_ms(c, ms, err)
	})
	b.milliseconds(config.IdleTimeout, func(ms C.uint64_t, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_idle_timeout_ms(c, ms, err)
	})
	b.milliseconds(config.MaxDuration, func(ms C.uint64_t, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_max_duration_ms(c, ms, err)
	})
	b.flag(config.Detached, func(err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_detached(c, 1, err)
	})
	b.milliseconds(config.BootTimeout, func(ms C.uint64_t, err **C.msb_error) C.msb_status {
		return C.msb_sandbox_config_set_boot_timeout_ms(c, ms, err)
	})
}
