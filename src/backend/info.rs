//! What a backend goes by, as JSON whose keys are named as the getters of `msb_backend_info`.

use super::config::Config;
use serde_json::json;

/// The whole of it. A registry's entry says where its password is found and never holds one.
pub fn to_json(config: &Config) -> String {
    json!({
        "home": config.home,
        "config_path": config.file,
        "config_found": config.file_found,
        "database_path": config.database(),
        "sandboxes_dir": config.sandboxes,
        "volumes_dir": config.volumes,
        "snapshots_dir": config.snapshots,
        "cache_dir": config.cache,
        "logs_dir": config.logs,
        "secrets_dir": config.secrets,
        "driver": config.driver,
        "libkrunfw_path": config.libkrunfw,
        "qemu_path": config.qemu,
        "runner_path": config.runner,
        "max_connections": config.max_connections,
        "connect_timeout_secs": config.connect_timeout.as_secs(),
        "busy_timeout_secs": config.busy_timeout.as_secs(),
        "default_cpus": config.default_cpus,
        "default_memory_mib": config.default_memory_mib,
        "default_upper_size_mib": config.default_upper_size_mib,
        "shell": config.default_shell,
        "workdir": config.default_workdir,
        "metrics_sample_interval_ms": config.metrics_sample_interval_ms,
        "disable_metrics_sample": config.disable_metrics_sample,
        "metrics_capacity": config.metrics_capacity,
        "log_level": config.log_level,
        "active_profile": config.active_profile,
        "ca_certs": config.ca_certs,
        "registry_hosts": config.registry_hosts,
    })
    .to_string()
}
