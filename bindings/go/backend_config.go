package msb

// #include <msb.h>
import "C"

// BackendConfig is what [NewBackend] takes. What is zero is taken from the config file, else from the library's defaults.
type BackendConfig struct {
	// Home is the directory of the store, the sandboxes and all caches; unset, the config file's, else $MSB_HOME, else
	// ~/.microsandbox.
	Home string
	// Driver is "auto", "krun" or "qemu".
	Driver string
	// LibkrunfwPath is the library to take the guest kernel from; unset, it is looked for.
	LibkrunfwPath string
	// QEMUPath is the qemu-system program; unset, it is looked for in PATH.
	QEMUPath string
	// RunnerPath is the msb-runner program; unset, the one inside the library.
	RunnerPath string

	// MaxConnections is how many reading connections to the database there may be.
	MaxConnections uint32
	// ConnectTimeoutSecs is how long to wait for a free database connection.
	ConnectTimeoutSecs uint64
	// BusyTimeoutSecs is how long to wait for another process's write to the database.
	BusyTimeoutSecs uint64

	// DefaultCPUs, DefaultMemoryMiB, Shell and WorkDir are for sandboxes that do not say.
	DefaultCPUs      uint32
	DefaultMemoryMiB uint32
	Shell            string
	WorkDir          string

	// MetricsSampleIntervalMs is the time between two samples of a sandbox's metrics. This version takes none yet.
	MetricsSampleIntervalMs uint64
	// DisableMetricsSample takes no samples, whatever the interval.
	DisableMetricsSample bool
	// LogLevel is "error", "warn", "info", "debug" or "trace".
	LogLevel string

	// CACerts is a PEM file with certificate authorities that registries may have beside the system's.
	CACerts string
	// NoCACerts takes away what the config file has.
	NoCACerts bool
	// Registries of images by host name replace all of the config file's, also if the map is empty but not nil. This
	// version fetches no images yet.
	Registries map[string]Registry

	// The directories; unset, they are in Home.
	SandboxesDir, VolumesDir, SnapshotsDir, CacheDir, LogsDir, SecretsDir string
}

// Registry says how to speak to a registry of images.
type Registry struct {
	// Insecure takes plain HTTP.
	Insecure bool
	// Username is who to log in as; empty for nobody.
	Username string
	// AuthSource is where the password is found: "store", "password_env" or "secret_name".
	AuthSource string
	// AuthValue is "keyring", or the name of the environment variable or of the secret; never the password.
	AuthValue string
}

// c makes the config in C, to be freed by the caller.
func (config *BackendConfig) c() (*C.msb_backend_config, error) {
	c := C.msb_backend_config_new()
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	config.programs(c, b)
	config.limits(c, b)
	config.directories(c, b)
	config.registries(c, b)
	if b.err != nil {
		C.msb_backend_config_free(c)
		return nil, b.err
	}
	return c, nil
}

func (config *BackendConfig) programs(c *C.msb_backend_config, b *builder) {
	b.text("home", config.Home, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_home(c, v, err)
	})
	b.text("driver", config.Driver, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_driver(c, v, err)
	})
	b.text("libkrunfw_path", config.LibkrunfwPath, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_libkrunfw_path(c, v, err)
	})
	b.text("qemu_path", config.QEMUPath, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_qemu_path(c, v, err)
	})
	b.text("runner_path", config.RunnerPath, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_runner_path(c, v, err)
	})
	b.text("shell", config.Shell, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_shell(c, v, err)
	})
	b.text("workdir", config.WorkDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_workdir(c, v, err)
	})
	b.text("log_level", config.LogLevel, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_log_level(c, v, err)
	})
}

func (config *BackendConfig) limits(c *C.msb_backend_config, b *builder) {
	number(b, config.MaxConnections, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_max_connections(c, C.uint32_t(config.MaxConnections), err)
	})
	number(b, config.ConnectTimeoutSecs, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_connect_timeout_secs(c, C.uint64_t(config.ConnectTimeoutSecs), err)
	})
	number(b, config.BusyTimeoutSecs, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_busy_timeout_secs(c, C.uint64_t(config.BusyTimeoutSecs), err)
	})
	number(b, config.DefaultCPUs, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_default_cpus(c, C.uint32_t(config.DefaultCPUs), err)
	})
	number(b, config.DefaultMemoryMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_default_memory_mib(c, C.uint32_t(config.DefaultMemoryMiB), err)
	})
	number(b, config.MetricsSampleIntervalMs, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_metrics_sample_interval_ms(c, C.uint64_t(config.MetricsSampleIntervalMs), err)
	})
	b.flag(config.DisableMetricsSample, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_disable_metrics_sample(c, 1, err)
	})
}

func (config *BackendConfig) directories(c *C.msb_backend_config, b *builder) {
	b.text("sandboxes_dir", config.SandboxesDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_sandboxes_dir(c, v, err)
	})
	b.text("volumes_dir", config.VolumesDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_volumes_dir(c, v, err)
	})
	b.text("snapshots_dir", config.SnapshotsDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_snapshots_dir(c, v, err)
	})
	b.text("cache_dir", config.CacheDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_cache_dir(c, v, err)
	})
	b.text("logs_dir", config.LogsDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_logs_dir(c, v, err)
	})
	b.text("secrets_dir", config.SecretsDir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_secrets_dir(c, v, err)
	})
}

func (config *BackendConfig) registries(c *C.msb_backend_config, b *builder) {
	b.flag(config.NoCACerts, func(err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_ca_certs(c, nil, err)
	})
	b.text("ca_certs", config.CACerts, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_backend_config_set_ca_certs(c, v, err)
	})
	if config.Registries != nil {
		b.always("registry_hosts", "{}", func(v *C.char, err **C.msb_error) C.msb_status {
			return C.msb_backend_config_set_registry_hosts(c, v, err)
		})
	}
	for name, registry := range config.Registries {
		host := b.c("registry_hosts", name)
		b.call(func(err **C.msb_error) C.msb_status {
			return C.msb_backend_config_add_registry_host(c, host, cBool(registry.Insecure), err)
		})
		if registry.Username == "" {
			continue
		}
		username := b.c("username", registry.Username)
		source, value := b.c("source", registry.AuthSource), b.c("value", registry.AuthValue)
		b.call(func(err **C.msb_error) C.msb_status {
			return C.msb_backend_config_set_registry_auth(c, host, username, source, value, err)
		})
	}
}
