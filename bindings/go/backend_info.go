package msb

// #include <msb.h>
import "C"

// BackendInfo is what a backend goes by: its config, the config file and the defaults, put together.
type BackendInfo struct {
	Home         string
	ConfigPath   string // the config file that was looked for
	ConfigFound  bool
	DatabasePath string

	SandboxesDir, VolumesDir, SnapshotsDir, CacheDir, LogsDir, SecretsDir string

	Driver        string
	LibkrunfwPath string
	QEMUPath      string
	RunnerPath    string

	MaxConnections     uint32
	ConnectTimeoutSecs uint64
	BusyTimeoutSecs    uint64

	DefaultCPUs         uint32
	DefaultMemoryMiB    uint32
	DefaultUpperSizeMiB uint64
	Shell               string
	WorkDir             string

	MetricsSampleIntervalMs uint64
	DisableMetricsSample    bool
	MetricsCapacity         uint32 // how many sandboxes the registry of live metrics has room for; 0 for as many as is usual

	LogLevel      string
	ActiveProfile string // of the config file; matters to DefaultBackend only
	CACerts       string
	Registries    map[string]Registry
}

// backendInfo copies what C owns.
func backendInfo(c *C.msb_backend_info) *BackendInfo {
	info := &BackendInfo{
		Home:                    C.GoString(C.msb_backend_info_home(c)),
		ConfigPath:              C.GoString(C.msb_backend_info_config_path(c)),
		ConfigFound:             C.msb_backend_info_config_found(c) != 0,
		DatabasePath:            C.GoString(C.msb_backend_info_database_path(c)),
		SandboxesDir:            C.GoString(C.msb_backend_info_sandboxes_dir(c)),
		VolumesDir:              C.GoString(C.msb_backend_info_volumes_dir(c)),
		SnapshotsDir:            C.GoString(C.msb_backend_info_snapshots_dir(c)),
		CacheDir:                C.GoString(C.msb_backend_info_cache_dir(c)),
		LogsDir:                 C.GoString(C.msb_backend_info_logs_dir(c)),
		SecretsDir:              C.GoString(C.msb_backend_info_secrets_dir(c)),
		Driver:                  C.GoString(C.msb_backend_info_driver(c)),
		LibkrunfwPath:           C.GoString(C.msb_backend_info_libkrunfw_path(c)),
		QEMUPath:                C.GoString(C.msb_backend_info_qemu_path(c)),
		RunnerPath:              C.GoString(C.msb_backend_info_runner_path(c)),
		MaxConnections:          uint32(C.msb_backend_info_max_connections(c)),
		ConnectTimeoutSecs:      uint64(C.msb_backend_info_connect_timeout_secs(c)),
		BusyTimeoutSecs:         uint64(C.msb_backend_info_busy_timeout_secs(c)),
		DefaultCPUs:             uint32(C.msb_backend_info_default_cpus(c)),
		DefaultMemoryMiB:        uint32(C.msb_backend_info_default_memory_mib(c)),
		DefaultUpperSizeMiB:     uint64(C.msb_backend_info_default_upper_size_mib(c)),
		Shell:                   C.GoString(C.msb_backend_info_shell(c)),
		WorkDir:                 C.GoString(C.msb_backend_info_workdir(c)),
		MetricsSampleIntervalMs: uint64(C.msb_backend_info_metrics_sample_interval_ms(c)),
		DisableMetricsSample:    C.msb_backend_info_disable_metrics_sample(c) != 0,
		MetricsCapacity:         uint32(C.msb_backend_info_metrics_capacity(c)),
		LogLevel:                C.GoString(C.msb_backend_info_log_level(c)),
		ActiveProfile:           C.GoString(C.msb_backend_info_active_profile(c)),
		CACerts:                 C.GoString(C.msb_backend_info_ca_certs(c)),
		Registries:              make(map[string]Registry),
	}
	for i := range C.msb_backend_info_registry_count(c) {
		info.Registries[C.GoString(C.msb_backend_info_registry_host(c, i))] = Registry{
			Insecure:   C.msb_backend_info_registry_insecure(c, i) != 0,
			Username:   C.GoString(C.msb_backend_info_registry_username(c, i)),
			AuthSource: C.GoString(C.msb_backend_info_registry_auth_source(c, i)),
			AuthValue:  C.GoString(C.msb_backend_info_registry_auth_value(c, i)),
		}
	}
	return info
}
