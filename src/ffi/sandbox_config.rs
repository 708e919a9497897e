//! `msb_sandbox_config`: what a sandbox is made from.
//!
//! A setter stores and checks the form of its value; everything else is checked when the config is used.

use std::ffi::c_char;
use std::ptr;

use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::image_pull_config::policy_of;
use crate::ffi::mount_config::msb_mount_config;
use crate::ffi::patch_config::msb_patch_config;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi, text};
use crate::options;
use crate::sandbox::options::Rlimit;
use crate::sandbox::options::{SandboxOptions, fields};

/// What `msb_sandbox_create` takes. Freed with `msb_sandbox_config_free`.
pub struct msb_sandbox_config {
    /// What was set so far.
    pub options: SandboxOptions,
}

value_object!(msb_sandbox_config, SandboxConfig);

impl msb_sandbox_config {
    fn into_raw(options: SandboxOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config with nothing but a name.
///
/// - name: copied; may be NULL. Its form is checked when the config is used.
/// - Returns: owned, to be freed with `msb_sandbox_config_free`; NULL if there is no memory or an argument is not UTF-8.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_new(name: *const c_char) -> *mut msb_sandbox_config {
    ffi!(else ptr::null_mut(), [text_or_null name], { msb_sandbox_config::into_raw(SandboxOptions { name: name.map(str::to_owned), ..SandboxOptions::default() }) })
}

/// Makes a config from JSON text; `schemas/msb_sandbox_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_sandbox_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_sandbox_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_sandbox_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_sandbox_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_to_json(
    config: *const msb_sandbox_config,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [value config, out out], {
        *out = msb_bytes::into_raw(options::to_json(&config.options)?.into_bytes())?;
        Ok(())
    })
}

/// Frees a config.
///
/// - config: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_free(config: *mut msb_sandbox_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// The name, unique in its backend: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit. Required.
///
/// - config: changed; not NULL.
/// - name: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_name(
    config: *mut msb_sandbox_config,
    name: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text name], {
        builder::set(&mut config.options, fields::name, Some(name.to_owned()))
    })
}

/// The root file system: the path of a directory; of a disk image without partitions, raw or as qcow2 without a backing file,
/// with ext4, EROFS, XFS or btrfs on it; of an OCI layout or an archive, as for `msb_image_load`, with one image for this host,
/// which is stored as `localhost/archive` with its digest; or the reference of an image, as `"python:3.12"`. What begins with `/` or `.`,
/// or is there, is a path. It is not modified unless root_mode says so. Required.
///
/// - config: changed; not NULL.
/// - image: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_image(
    config: *mut msb_sandbox_config,
    image: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text image], {
        builder::set(&mut config.options, fields::image, Some(image.to_owned()))
    })
}

/// When the registry is asked for an image that is a reference: `"if-missing"`, `"always"`, which fetches only what is
/// new, or `"never"`.
///
/// - config: changed; not NULL.
/// - policy: one of `MSB_IMAGE_PULL_POLICY_IF_MISSING`, `MSB_IMAGE_PULL_POLICY_ALWAYS` and `MSB_IMAGE_PULL_POLICY_NEVER`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_image_pull_policy(
    config: *mut msb_sandbox_config,
    policy: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::image_pull_policy, policy_of(policy)?)
    })
}

/// What the guest's writes do to the image: `"overlay"` keeps them apart, in what upper names; `"bind"`, for a
/// directory, writes them into it, and makes there the mount points that it lacks.
///
/// - config: changed; not NULL.
/// - root_mode: borrowed; `"overlay"` or `"bind"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_root_mode(
    config: *mut msb_sandbox_config,
    root_mode: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text root_mode], {
        builder::set(&mut config.options, fields::root_mode, builder::choice(root_mode, "root_mode")?)
    })
}

/// Where the guest's writes to its root go: `"disk"`, which survives stop and start, or `"tmpfs"`, which does
/// not.
///
/// - config: changed; not NULL.
/// - upper: borrowed; `"disk"` or `"tmpfs"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_upper(
    config: *mut msb_sandbox_config,
    upper: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text upper], {
        builder::set(&mut config.options, fields::upper, builder::choice(upper, "upper")?)
    })
}

/// The size of what holds the guest's writes to its root, in MiB, at least 16; a disk is sparse. Unset: the
/// config file's, else 4096.
///
/// - config: changed; not NULL.
/// - upper_size_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_upper_size_mib(
    config: *mut msb_sandbox_config,
    upper_size_mib: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::upper_size_mib, Some(upper_size_mib))
    })
}

/// Virtual processors, 1 to 255. Unset: the backend's default.
///
/// - config: changed; not NULL.
/// - cpus: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_cpus(
    config: *mut msb_sandbox_config,
    cpus: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::cpus, Some(cpus))
    })
}

/// Memory in MiB, at least 64. Unset: the backend's default.
///
/// - config: changed; not NULL.
/// - memory_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_memory_mib(
    config: *mut msb_sandbox_config,
    memory_mib: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::memory_mib, Some(memory_mib))
    })
}

/// Environment variables of every command in the sandbox, stored with it as they are. The prefix `MSB_` is reserved.
///
/// - config: changed; not NULL.
/// - key: copied; a key that was given before gets the new value.
/// - value: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_env(
    config: *mut msb_sandbox_config,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text key, text value], {
        builder::add(&mut config.options, fields::env, (key.to_owned(), value.to_owned()))
    })
}

/// The working directory of commands that do not say, in the guest. Unset: the image's, else `/`. One that is missing is made
/// at a start, unless root_mode is `"bind"`.
///
/// - config: changed; not NULL.
/// - workdir: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_workdir(
    config: *mut msb_sandbox_config,
    workdir: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text workdir], {
        builder::set(&mut config.options, fields::workdir, Some(workdir.to_owned()))
    })
}

/// The shell that commands find in `SHELL`. Unset: the config file's, else `/bin/sh`.
///
/// - config: changed; not NULL.
/// - shell: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_shell(
    config: *mut msb_sandbox_config,
    shell: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text shell], {
        builder::set(&mut config.options, fields::shell, Some(shell.to_owned()))
    })
}

/// The guest's host name, at most 64 bytes, which commands find in `HOSTNAME`. Unset: made from the name.
///
/// - config: changed; not NULL.
/// - hostname: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_hostname(
    config: *mut msb_sandbox_config,
    hostname: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text hostname], {
        builder::set(&mut config.options, fields::hostname, Some(hostname.to_owned()))
    })
}

/// The user of commands that do not say: a name of the guest's passwd or a number, `user[:group]`. Unset: root.
///
/// - config: changed; not NULL.
/// - user: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_user(
    config: *mut msb_sandbox_config,
    user: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text user], {
        builder::set(&mut config.options, fields::user, Some(user.to_owned()))
    })
}

/// What the default command begins with, for an image that has none or another; without it that of the image. When it
/// is set, the image's cmd is not used.
///
/// - config: changed; not NULL.
/// - words: copied; the program and its first arguments; may be NULL if there are none.
/// - count: how many there are; 0 for a default command without an entrypoint.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_entrypoint(
    config: *mut msb_sandbox_config,
    words: *const *const c_char,
    count: usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `count` texts.
        let words = unsafe { text::list(words, count, "words") }?;
        builder::set(&mut config.options, fields::entrypoint, Some(words))
    })
}

/// What the default command ends with: arguments for the entrypoint, or the whole command where there is none. Unset:
/// the image's.
///
/// - config: changed; not NULL.
/// - words: copied; may be NULL if there are none.
/// - count: how many there are.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_cmd(
    config: *mut msb_sandbox_config,
    words: *const *const c_char,
    count: usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `count` texts.
        let words = unsafe { text::list(words, count, "words") }?;
        builder::set(&mut config.options, fields::cmd, Some(words))
    })
}

/// The signal by which a stop asks commands to end, as `"SIGQUIT"`, `"QUIT"`, `"3"` or `"SIGRTMIN+3"`. Unset: the
/// image's, else SIGTERM.
///
/// - config: changed; not NULL.
/// - stop_signal: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_stop_signal(
    config: *mut msb_sandbox_config,
    stop_signal: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text stop_signal], {
        builder::set(&mut config.options, fields::stop_signal, Some(stop_signal.to_owned()))
    })
}

/// Labels to find the sandbox by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
///
/// - config: changed; not NULL.
/// - key: copied; a key that was given before gets the new value.
/// - value: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_add_label(
    config: *mut msb_sandbox_config,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text key, text value], {
        builder::add(&mut config.options, fields::labels, (key.to_owned(), value.to_owned()))
    })
}

/// Resource limits of every command in the sandbox.
///
/// - config: changed; not NULL.
/// - resource: borrowed; a resource in lower case, such as `"nofile"` or `"as"`.
/// - soft: the limit in force, in the resource's own unit; `UINT64_MAX` for none.
/// - hard: how far a command may raise it.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_add_rlimit(
    config: *mut msb_sandbox_config,
    resource: *const c_char,
    soft: u64,
    hard: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text resource], {
        let limit = Rlimit { resource: builder::choice(resource, "resource")?, soft, hard };
        builder::add(&mut config.options, fields::rlimits, limit)
    })
}

/// What the guest sees in its tree beside its root: volumes, directories and files of the host, memory, disk images.
/// Parents are mounted before what is in them, whatever the order here. Each mount but memory takes a device of the
/// machine, which has room for 4, and for 5 if the root's writable layer is memory; creating a sandbox with more gives
/// RESOURCE_EXHAUSTED. One directory may hold what belongs together.
///
/// - config: changed; not NULL.
/// - mount: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_add_mount(
    config: *mut msb_sandbox_config,
    mount: *const msb_mount_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, value mount], {
        builder::add(&mut config.options, fields::mounts, mount.options.clone())
    })
}

/// What is changed in the root before anybody uses the sandbox, in this order, at its first start; with upper `"tmpfs"` at
/// each, because that begins empty. Together at most 1024, with 16 MiB of text and data. They are part of the start, with its
/// deadline: one that fails ends it with the reason `sandbox.patch`, and the next start begins again with an unchanged
/// root. With root_mode `"bind"` they change the directory itself, and what those before the one that failed did stays. Not at or
/// below a mount.
///
/// - config: changed; not NULL.
/// - patch: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_add_patch(
    config: *mut msb_sandbox_config,
    patch: *const msb_patch_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, value patch], {
        builder::add(&mut config.options, fields::patches, patch.options.clone())
    })
}

/// Executable files in the guest's `/.msb/scripts`, the first directory on the PATH of every command: name and text each,
/// together at most 256 KiB. A text begins with the line that names its interpreter, as `#!/bin/sh`. They are put there
/// at every start, and are not part of the root.
///
/// - config: changed; not NULL.
/// - name: copied; the name of a file; one that was given before gets the new text.
/// - text: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_add_script(
    config: *mut msb_sandbox_config,
    name: *const c_char,
    text: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text name, text text], {
        builder::add(&mut config.options, fields::scripts, (name.to_owned(), text.to_owned()))
    })
}

/// Whether the sandbox is removed when it stops.
///
/// - config: changed; not NULL.
/// - ephemeral: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_ephemeral(
    config: *mut msb_sandbox_config,
    ephemeral: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::ephemeral, ephemeral != 0)
    })
}

/// Whether creating it stops and removes another sandbox of this name.
///
/// - config: changed; not NULL.
/// - replace: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_replace(
    config: *mut msb_sandbox_config,
    replace: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::replace, replace != 0)
    })
}

/// How long the sandbox being replaced has to stop before it is killed, in milliseconds.
///
/// - config: changed; not NULL.
/// - replace_timeout_ms: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_replace_timeout_ms(
    config: *mut msb_sandbox_config,
    replace_timeout_ms: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::replace_timeout_ms, replace_timeout_ms)
    })
}

/// Stop the sandbox after this long without any activity, in milliseconds, at least 1. Unset: never.
///
/// - config: changed; not NULL.
/// - idle_timeout_ms: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_idle_timeout_ms(
    config: *mut msb_sandbox_config,
    idle_timeout_ms: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::idle_timeout_ms, Some(idle_timeout_ms))
    })
}

/// Stop the sandbox after it has run this long, in milliseconds, at least 1. Unset: never.
///
/// - config: changed; not NULL.
/// - max_duration_ms: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_max_duration_ms(
    config: *mut msb_sandbox_config,
    max_duration_ms: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_duration_ms, Some(max_duration_ms))
    })
}

/// Whether the sandbox lives on when the process that started it ends.
///
/// - config: changed; not NULL.
/// - detached: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_detached(
    config: *mut msb_sandbox_config,
    detached: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::detached, detached != 0)
    })
}

/// The least isolation to run with: `"any"`, or `"hardware"`, which refuses emulation.
///
/// - config: changed; not NULL.
/// - min_isolation: borrowed; `"any"` or `"hardware"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_min_isolation(
    config: *mut msb_sandbox_config,
    min_isolation: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text min_isolation], {
        builder::set(&mut config.options, fields::min_isolation, builder::choice(min_isolation, "min_isolation")?)
    })
}

/// The hypervisor driver for this sandbox. Unset: the backend's.
///
/// - config: changed; not NULL.
/// - driver: borrowed; `"auto"`, `"krun"` or `"qemu"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_driver(
    config: *mut msb_sandbox_config,
    driver: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text driver], {
        builder::set(&mut config.options, fields::driver, Some(builder::choice(driver, "driver")?))
    })
}

/// How long the guest has to come up, in milliseconds, at least 1. Unset: 120000.
///
/// - config: changed; not NULL.
/// - boot_timeout_ms: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_config_set_boot_timeout_ms(
    config: *mut msb_sandbox_config,
    boot_timeout_ms: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::boot_timeout_ms, Some(boot_timeout_ms))
    })
}
