//! What `msb_backend_config` says of sandboxes that do not say themselves, and of image registries.

use std::ffi::c_char;

use crate::backend::options::{Override, fields};
use crate::backend::registry::{self, RegistryAuth};
use crate::ffi::backend_config::msb_backend_config;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::{builder, ffi};

/// Virtual processors of a sandbox that does not say, 1 to 255. Unset: the config file's, else 1.
///
/// - config: changed; not NULL.
/// - default_cpus: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_default_cpus(
    config: *mut msb_backend_config,
    default_cpus: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::default_cpus, Some(default_cpus))
    })
}

/// Memory in MiB of a sandbox that does not say, at least 64. Unset: the config file's, else 512.
///
/// - config: changed; not NULL.
/// - default_memory_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_default_memory_mib(
    config: *mut msb_backend_config,
    default_memory_mib: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::default_memory_mib, Some(default_memory_mib))
    })
}

/// The shell of a sandbox that does not say, which its commands find in `SHELL`. Unset: the config file's, else
/// `/bin/sh`.
///
/// - config: changed; not NULL.
/// - shell: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_shell(
    config: *mut msb_backend_config,
    shell: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text shell], {
        builder::set(&mut config.options, fields::shell, Some(shell.to_owned()))
    })
}

/// The working directory of commands in a sandbox that does not say. Unset: the config file's.
///
/// - config: changed; not NULL.
/// - path: copied; a path in the guest; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_workdir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::workdir, Some(path.to_owned()))
    })
}

/// Milliseconds between two samples of a sandbox's metrics; 0 takes none. This version takes none yet. Unset: the
/// config file's, else 1000.
///
/// - config: changed; not NULL.
/// - metrics_sample_interval_ms: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_metrics_sample_interval_ms(
    config: *mut msb_backend_config,
    metrics_sample_interval_ms: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::metrics_sample_interval_ms, Some(metrics_sample_interval_ms))
    })
}

/// Whether no samples of metrics are taken, whatever the interval. Unset: the config file's, else no.
///
/// - config: changed; not NULL.
/// - disable: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_disable_metrics_sample(
    config: *mut msb_backend_config,
    disable: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::disable_metrics_sample, Some(disable != 0))
    })
}

/// How much the runners of sandboxes write to their logs: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`.
/// Unset: the config file's, else `"info"`.
///
/// - config: changed; not NULL.
/// - level: borrowed; one of these.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_log_level(
    config: *mut msb_backend_config,
    level: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text level], {
        builder::set(&mut config.options, fields::log_level, Some(builder::choice(level, "log_level")?))
    })
}

/// A PEM file with certificate authorities that registries may have beside the system's; nothing takes away the config
/// file's. This version fetches no images yet. Unset: the config file's.
///
/// - config: changed; not NULL.
/// - path: copied; NULL or empty takes away what the config file has.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_ca_certs(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text_or_null path], {
        builder::set(&mut config.options, fields::ca_certs, Override::from(path))
    })
}

/// Registries of images by host name, in place of all of the config file's. This version fetches no images yet. Unset:
/// the config file's. The entries are spelled as in the config file: `{"localhost:5000": {"insecure": true}}`.
///
/// - config: changed; not NULL.
/// - json: borrowed; an object, `"{}"` for no registry at all.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_registry_hosts(
    config: *mut msb_backend_config,
    json: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text json], {
        builder::set(&mut config.options, fields::registry_hosts, Some(registry::from_json(json)?))
    })
}

/// Adds a registry, or says again how to speak to one. As with `msb_backend_config_set_registry_hosts`, the config file's
/// registries do not count any more.
///
/// - config: changed; not NULL.
/// - host: copied; a host name, perhaps with a port; not NULL.
/// - insecure: 0 for HTTPS, anything else for plain HTTP.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_add_registry_host(
    config: *mut msb_backend_config,
    host: *const c_char,
    insecure: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text host], {
        let mut hosts = config.options.registry_hosts.clone().unwrap_or_default();
        hosts.0.entry(host.to_owned()).or_default().insecure = Some(insecure != 0);
        builder::set(&mut config.options, fields::registry_hosts, Some(hosts))
    })
}

/// Says who to log in to a registry as, and where the password is to be found; the registry is added if need be.
///
/// - config: changed; not NULL.
/// - host: copied; a host name, perhaps with a port; not NULL.
/// - username: copied; not NULL.
/// - source: borrowed; `"store"`, `"password_env"` or `"secret_name"`; not NULL.
/// - value: copied; for `"store"` it is `"keyring"`, else the name of the environment variable or of the secret; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_registry_auth(
    config: *mut msb_backend_config,
    host: *const c_char,
    username: *const c_char,
    source: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text host, text username, text source, text value], {
        let auth = RegistryAuth::new(username, source, value)?;
        let mut hosts = config.options.registry_hosts.clone().unwrap_or_default();
        hosts.0.entry(host.to_owned()).or_default().auth = Some(auth);
        builder::set(&mut config.options, fields::registry_hosts, Some(hosts))
    })
}
