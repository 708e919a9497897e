//! `msb_backend_info`: what a backend goes by, resolved from its configuration, the config file and the defaults.

use std::ffi::{CString, c_char};
use std::path::Path;
use std::ptr;

use crate::backend::config::Config;
use crate::backend::info;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, value_object};

/// What a backend goes by. Freed with `msb_backend_info_free`.
pub struct msb_backend_info {
    config: Config,
    texts: Texts,
    registries: Vec<Registry>,
}

value_object!(msb_backend_info, BackendInfo);

/// The texts, as C has them.
struct Texts {
    home: CString,
    config_path: CString,
    database_path: CString,
    sandboxes_dir: CString,
    volumes_dir: CString,
    snapshots_dir: CString,
    cache_dir: CString,
    logs_dir: CString,
    secrets_dir: CString,
    driver: CString,
    libkrunfw_path: Option<CString>,
    qemu_path: Option<CString>,
    runner_path: Option<CString>,
    shell: CString,
    workdir: Option<CString>,
    ca_certs: Option<CString>,
    log_level: CString,
    active_profile: Option<CString>,
}

/// A registry's entry.
struct Registry {
    host: CString,
    insecure: bool,
    login: Option<Login>,
}

/// Who to log in as.
struct Login {
    username: CString,
    source: CString,
    value: CString,
}

impl msb_backend_info {
    fn new(config: &Config) -> Self {
        let place = |path: &Path| to_c(&path.to_string_lossy());
        let maybe = |path: &Option<_>| path.as_deref().map(place);
        Self {
            texts: Texts {
                home: place(&config.home),
                config_path: place(&config.file),
                database_path: place(&config.database()),
                sandboxes_dir: place(&config.sandboxes),
                volumes_dir: place(&config.volumes),
                snapshots_dir: place(&config.snapshots),
                cache_dir: place(&config.cache),
                logs_dir: place(&config.logs),
                secrets_dir: place(&config.secrets),
                driver: to_c(config.driver.name()),
                libkrunfw_path: maybe(&config.libkrunfw),
                qemu_path: maybe(&config.qemu),
                runner_path: maybe(&config.runner),
                shell: to_c(&config.default_shell),
                workdir: config.default_workdir.as_deref().map(to_c),
                ca_certs: maybe(&config.ca_certs),
                log_level: to_c(config.log_level.name()),
                active_profile: config.active_profile.as_deref().map(to_c),
            },
            registries: config
                .registry_hosts
                .iter()
                .map(|(host, entry)| Registry {
                    host: to_c(host),
                    insecure: entry.insecure.unwrap_or(false),
                    login: entry.auth.as_ref().map(|auth| {
                        let (source, value) = auth.source.parts();
                        Login {
                            username: to_c(&auth.username),
                            source: to_c(source),
                            value: to_c(value),
                        }
                    }),
                })
                .collect(),
            config: config.clone(),
        }
    }

    fn login(&self, index: usize) -> Option<&Login> {
        self.registries.get(index)?.login.as_ref()
    }
}

/// Takes a copy of what a backend goes by. Its database is neither needed nor opened for it, and a backend that was
/// closed gives it too.
///
/// - backend: the backend.
/// - out: returned owned, to be freed with `msb_backend_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_get(
    backend: msb_backend,
    out: *mut *mut msb_backend_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, out out], {
        *out = value::into_raw(msb_backend_info::new(backend.config()))?;
        Ok(())
    })
}

/// Writes all of it as a JSON object whose keys are named as the functions here.
///
/// - info: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_to_json(
    info: *const msb_backend_info,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [value info, out out], {
        *out = msb_bytes::into_raw(info::to_json(&info.config).into_bytes())?;
        Ok(())
    })
}

/// The home directory.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_home(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.home.as_ptr()) })
}

/// The config file that was looked for.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_config_path(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.config_path.as_ptr()) })
}

/// 1 if the config file was there.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_config_found(info: *const msb_backend_info) -> u8 {
    ffi!(else 0, [value info], { Ok(info.config.file_found.into()) })
}

/// The database's file.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_database_path(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.database_path.as_ptr()) })
}

/// The directory of the sandboxes, which have their logs in them.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_sandboxes_dir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.sandboxes_dir.as_ptr()) })
}

/// The directory of the volumes.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_volumes_dir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.volumes_dir.as_ptr()) })
}

/// The directory of snapshots, of which this version makes none.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_snapshots_dir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.snapshots_dir.as_ptr()) })
}

/// The directory of what can be made again.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_cache_dir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.cache_dir.as_ptr()) })
}

/// The directory of logs that belong to no sandbox, of which this version writes none.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_logs_dir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.logs_dir.as_ptr()) })
}

/// The directory of secrets, of which the passwords of registries are read.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_secrets_dir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.secrets_dir.as_ptr()) })
}

/// The hypervisor driver of a sandbox that does not say: `"auto"`, `"krun"` or `"qemu"`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_driver(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.driver.as_ptr()) })
}

/// The libkrunfw library to take the guest kernel from.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL if none was named and it is looked for or `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_libkrunfw_path(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.libkrunfw_path.as_ref().map_or(ptr::null(), |text| text.as_ptr())) })
}

/// The qemu-system program.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL if none was named and it is looked for or `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_qemu_path(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.qemu_path.as_ref().map_or(ptr::null(), |text| text.as_ptr())) })
}

/// The msb-runner program.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL if it is the one inside the library or `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_runner_path(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.runner_path.as_ref().map_or(ptr::null(), |text| text.as_ptr())) })
}

/// Reading connections to the database.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_max_connections(info: *const msb_backend_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.config.max_connections) })
}

/// How long to wait for a free database connection, in seconds.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_connect_timeout_secs(info: *const msb_backend_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.config.connect_timeout.as_secs()) })
}

/// How long to wait for another process's write to the database, in seconds.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_busy_timeout_secs(info: *const msb_backend_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.config.busy_timeout.as_secs()) })
}

/// Virtual processors of a sandbox that does not say.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_default_cpus(info: *const msb_backend_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.config.default_cpus) })
}

/// Memory in MiB of a sandbox that does not say.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_default_memory_mib(info: *const msb_backend_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.config.default_memory_mib) })
}

/// Size in MiB of what holds the writes to its root of a sandbox that does not say.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_default_upper_size_mib(info: *const msb_backend_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.config.default_upper_size_mib) })
}

/// The shell of a sandbox that does not say.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_shell(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.shell.as_ptr()) })
}

/// The working directory of commands in a sandbox that does not say.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL if there is none or `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_workdir(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.workdir.as_ref().map_or(ptr::null(), |text| text.as_ptr())) })
}

/// Milliseconds between two samples of a sandbox's metrics; 0 takes none. This version takes none yet.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_metrics_sample_interval_ms(info: *const msb_backend_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.config.metrics_sample_interval_ms) })
}

/// 1 if no samples of metrics are taken, whatever the interval.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_disable_metrics_sample(info: *const msb_backend_info) -> u8 {
    ffi!(else 0, [value info], { Ok(info.config.disable_metrics_sample.into()) })
}

/// How many sandboxes the registry of live metrics has room for; 0 for as many as is usual. This version keeps none yet.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_metrics_capacity(info: *const msb_backend_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.config.metrics_capacity) })
}

/// How much the runners of sandboxes write to their logs: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_log_level(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.log_level.as_ptr()) })
}

/// The profile that the config file makes active. It matters to `msb_backend_default` only.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL if there is none or `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_active_profile(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.active_profile.as_ref().map_or(ptr::null(), |text| text.as_ptr())) })
}

/// The PEM file with certificate authorities that registries may have beside the system's.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL if there is none or `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_ca_certs(info: *const msb_backend_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.texts.ca_certs.as_ref().map_or(ptr::null(), |text| text.as_ptr())) })
}

/// The number of registries that are configured.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_registry_count(info: *const msb_backend_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.registries.len()) })
}

/// A registry's host name, in the order of the names.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such registry.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_registry_host(
    info: *const msb_backend_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.registries.get(index).map_or(ptr::null(), |entry| entry.host.as_ptr())) })
}

/// 1 if a registry is spoken to over plain HTTP.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such registry.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_registry_insecure(
    info: *const msb_backend_info,
    index: usize,
) -> u8 {
    ffi!(else 0, [value info], { Ok(info.registries.get(index).is_some_and(|entry| entry.insecure).into()) })
}

/// Who to log in to a registry as.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such registry or nobody to log in as.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_registry_username(
    info: *const msb_backend_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.login(index).map_or(ptr::null(), |login| login.username.as_ptr())) })
}

/// By what the password for a registry is found: `"store"`, `"password_env"` or `"secret_name"`.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such registry or nobody to log in as.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_registry_auth_source(
    info: *const msb_backend_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.login(index).map_or(ptr::null(), |login| login.source.as_ptr())) })
}

/// Which store, environment variable or secret that is; never the password.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such registry or nobody to log in as.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_registry_auth_value(
    info: *const msb_backend_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.login(index).map_or(ptr::null(), |login| login.value.as_ptr())) })
}

/// Frees an info.
///
/// - info: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_info_free(info: *mut msb_backend_info) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(info) };
        Ok(())
    });
}
