//! `msb_mount_config`: something that a guest sees in its tree beside its root.
//!
//! A setter stores and checks the form of its value; what belongs together is checked when the mount is added to a
//! sandbox's config, and what the host has when the sandbox is created.

use std::ffi::c_char;
use std::ptr;

use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi};
use crate::options;
use crate::sandbox::mount::options::{MountOptions, fields};

/// What `msb_sandbox_config_add_mount` takes. Freed with `msb_mount_config_free`.
pub struct msb_mount_config {
    /// What was set so far.
    pub options: MountOptions,
}

value_object!(msb_mount_config, MountConfig);

impl msb_mount_config {
    fn into_raw(options: MountOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config with nothing but a path in the guest.
///
/// - guest_path: copied; may be NULL. Its form is checked when the config is used.
/// - Returns: owned, to be freed with `msb_mount_config_free`; NULL if there is no memory or an argument is not UTF-8.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_new(guest_path: *const c_char) -> *mut msb_mount_config {
    ffi!(else ptr::null_mut(), [text_or_null guest_path], { msb_mount_config::into_raw(MountOptions { guest_path: guest_path.map(str::to_owned), ..MountOptions::default() }) })
}

/// Makes a config from JSON text; `schemas/msb_mount_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_mount_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_mount_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_mount_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_mount_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_to_json(
    config: *const msb_mount_config,
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
pub unsafe extern "C" fn msb_mount_config_free(config: *mut msb_mount_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// Where the guest sees it: an absolute path without `..`, outside of `/proc` and `/sys`; made there if it is
/// missing. Required.
///
/// - config: changed; not NULL.
/// - guest_path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_guest_path(
    config: *mut msb_mount_config,
    guest_path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text guest_path], {
        builder::set(&mut config.options, fields::guest_path, Some(guest_path.to_owned()))
    })
}

/// Show the volume of this name. Exactly one of volume, bind, tmpfs and disk is required.
///
/// - config: changed; not NULL.
/// - volume: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_volume(
    config: *mut msb_mount_config,
    volume: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text volume], {
        builder::set(&mut config.options, fields::volume, Some(volume.to_owned()))
    })
}

/// What creating the sandbox does about the volume: `"existing"` requires it, `"create"` makes it and requires
/// that it is new, `"ensure"` makes it if it is missing and otherwise requires that its kind and sizes are
/// those given here.
///
/// - config: changed; not NULL.
/// - volume_mode: borrowed; `"existing"`, `"create"` or `"ensure"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_volume_mode(
    config: *mut msb_mount_config,
    volume_mode: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text volume_mode], {
        builder::set(&mut config.options, fields::volume_mode, builder::choice(volume_mode, "volume_mode")?)
    })
}

/// The kind of the volume to make: `"dir"` or `"disk"`. Unset: `"dir"`, or with `"ensure"` whatever is there.
///
/// - config: changed; not NULL.
/// - volume_kind: borrowed; `"dir"` or `"disk"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_volume_kind(
    config: *mut msb_mount_config,
    volume_kind: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text volume_kind], {
        builder::set(&mut config.options, fields::volume_kind, Some(builder::choice(volume_kind, "volume_kind")?))
    })
}

/// The quota of the directory volume to make, in MiB, at least 1. Unset: none.
///
/// - config: changed; not NULL.
/// - volume_quota_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_volume_quota_mib(
    config: *mut msb_mount_config,
    volume_quota_mib: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::volume_quota_mib, Some(volume_quota_mib))
    })
}

/// The capacity of the disk volume to make, in MiB, at least 16. Required for one.
///
/// - config: changed; not NULL.
/// - volume_capacity_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_volume_capacity_mib(
    config: *mut msb_mount_config,
    volume_capacity_mib: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::volume_capacity_mib, Some(volume_capacity_mib))
    })
}

/// Show a directory or a file of the host, by its path.
///
/// - config: changed; not NULL.
/// - bind: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_bind(
    config: *mut msb_mount_config,
    bind: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text bind], {
        builder::set(&mut config.options, fields::bind, Some(bind.to_owned()))
    })
}

/// Show an empty directory in guest memory, new at every start.
///
/// - config: changed; not NULL.
/// - tmpfs: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_tmpfs(
    config: *mut msb_mount_config,
    tmpfs: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::tmpfs, tmpfs != 0)
    })
}

/// The most that the memory may hold, in MiB, at least 1. Unset: half of the guest's memory.
///
/// - config: changed; not NULL.
/// - tmpfs_size_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_tmpfs_size_mib(
    config: *mut msb_mount_config,
    tmpfs_size_mib: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::tmpfs_size_mib, Some(tmpfs_size_mib))
    })
}

/// The mode of the directory in memory, such as 0755. Unset: 1777 (octal).
///
/// - config: changed; not NULL.
/// - tmpfs_mode: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_tmpfs_mode(
    config: *mut msb_mount_config,
    tmpfs_mode: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::tmpfs_mode, Some(tmpfs_mode))
    })
}

/// Show the file system in a disk image of the host, by its path. One running sandbox at a time has it.
///
/// - config: changed; not NULL.
/// - disk: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_disk(
    config: *mut msb_mount_config,
    disk: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text disk], {
        builder::set(&mut config.options, fields::disk, Some(disk.to_owned()))
    })
}

/// The format of the disk image: `"raw"`, `"qcow2"`, or `"probe"` to tell by its content.
///
/// - config: changed; not NULL.
/// - disk_format: borrowed; `"probe"`, `"raw"` or `"qcow2"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_disk_format(
    config: *mut msb_mount_config,
    disk_format: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text disk_format], {
        builder::set(&mut config.options, fields::disk_format, builder::choice(disk_format, "disk_format")?)
    })
}

/// The file system in the disk image by the guest kernel's name, such as `ext4`. Unset: the guest looks.
///
/// - config: changed; not NULL.
/// - disk_fstype: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_disk_fstype(
    config: *mut msb_mount_config,
    disk_fstype: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text disk_fstype], {
        builder::set(&mut config.options, fields::disk_fstype, Some(disk_fstype.to_owned()))
    })
}

/// Whether the guest can only read; the host enforces it too.
///
/// - config: changed; not NULL.
/// - read_only: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_read_only(
    config: *mut msb_mount_config,
    read_only: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::read_only, read_only != 0)
    })
}

/// Whether nothing on it can be executed.
///
/// - config: changed; not NULL.
/// - noexec: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_noexec(
    config: *mut msb_mount_config,
    noexec: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::noexec, noexec != 0)
    })
}

/// Whether set-user-ID and set-group-ID bits on it do nothing.
///
/// - config: changed; not NULL.
/// - nosuid: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_nosuid(
    config: *mut msb_mount_config,
    nosuid: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::nosuid, nosuid != 0)
    })
}

/// Whether device nodes on it do nothing.
///
/// - config: changed; not NULL.
/// - nodev: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_nodev(
    config: *mut msb_mount_config,
    nodev: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::nodev, nodev != 0)
    })
}

/// The user that the guest sees everything on it owned by, with gid. Unset: that of the host. Not for disks; for
/// directories and files on the driver `qemu` only.
///
/// - config: changed; not NULL.
/// - uid: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_uid(
    config: *mut msb_mount_config,
    uid: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::uid, Some(uid))
    })
}

/// The group that the guest sees everything on it owned by, with uid. Unset: that of the host.
///
/// - config: changed; not NULL.
/// - gid: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_mount_config_set_gid(
    config: *mut msb_mount_config,
    gid: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::gid, Some(gid))
    })
}
