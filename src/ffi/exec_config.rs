//! `msb_exec_config`: a command to run in a sandbox.
//!
//! A setter stores and checks the form of its value; everything else is checked when the config is used.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::error::MsbError;
use crate::ffi::boundary;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi};
use crate::options;
use crate::sandbox::exec_options::{ExecOptions, Stdin, fields};
use crate::sandbox::options::Rlimit;

/// What `msb_sandbox_exec` and `msb_sandbox_exec_start` take. Freed with `msb_exec_config_free`.
pub struct msb_exec_config {
    /// What was set so far.
    pub options: ExecOptions,
}

value_object!(msb_exec_config, ExecConfig);

impl msb_exec_config {
    fn into_raw(options: ExecOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config with nothing but a program.
///
/// - program: copied; NULL for the sandbox's default command.
/// - Returns: owned, to be freed with `msb_exec_config_free`; NULL if there is no memory or an argument is not UTF-8.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_new(program: *const c_char) -> *mut msb_exec_config {
    ffi!(else ptr::null_mut(), [text_or_null program], { msb_exec_config::into_raw(ExecOptions { program: program.map(str::to_owned), ..ExecOptions::default() }) })
}

/// Makes a config from JSON text; `schemas/msb_exec_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_exec_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_exec_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_exec_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_exec_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_to_json(
    config: *const msb_exec_config,
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
pub unsafe extern "C" fn msb_exec_config_free(config: *mut msb_exec_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// The program: a path in the guest, or a name that is looked for in its `PATH`. Unset: the sandbox's default
/// command, its entrypoint and cmd, in which args take the place of cmd if there are any.
///
/// - config: changed; not NULL.
/// - program: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_program(
    config: *mut msb_exec_config,
    program: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text program], {
        builder::set(&mut config.options, fields::program, Some(program.to_owned()))
    })
}

/// The arguments after the program's own name.
///
/// - config: changed; not NULL.
/// - arg: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_add_arg(
    config: *mut msb_exec_config,
    arg: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text arg], {
        builder::add(&mut config.options, fields::args, arg.to_owned())
    })
}

/// Environment variables, added to those of the sandbox. The prefix `MSB_` is reserved.
///
/// - config: changed; not NULL.
/// - key: copied; a key that was given before gets the new value.
/// - value: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_env(
    config: *mut msb_exec_config,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text key, text value], {
        builder::add(&mut config.options, fields::env, (key.to_owned(), value.to_owned()))
    })
}

/// The working directory in the guest. Unset: the sandbox's.
///
/// - config: changed; not NULL.
/// - cwd: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_cwd(
    config: *mut msb_exec_config,
    cwd: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text cwd], {
        builder::set(&mut config.options, fields::cwd, Some(cwd.to_owned()))
    })
}

/// The user: a name of the guest's passwd or a number, `user[:group]`. Unset: the sandbox's.
///
/// - config: changed; not NULL.
/// - user: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_user(
    config: *mut msb_exec_config,
    user: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text user], {
        builder::set(&mut config.options, fields::user, Some(user.to_owned()))
    })
}

/// Whether the command gets a terminal; its standard error then arrives with its standard output.
///
/// - config: changed; not NULL.
/// - tty: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_tty(
    config: *mut msb_exec_config,
    tty: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::tty, tty != 0)
    })
}

/// The rows of the terminal, at least 1.
///
/// - config: changed; not NULL.
/// - rows: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_rows(
    config: *mut msb_exec_config,
    rows: u16,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::rows, rows)
    })
}

/// The columns of the terminal, at least 1.
///
/// - config: changed; not NULL.
/// - cols: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_cols(
    config: *mut msb_exec_config,
    cols: u16,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::cols, cols)
    })
}

/// Kill the command after this long, in milliseconds, at least 1. Unset: never.
///
/// - config: changed; not NULL.
/// - timeout_ms: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_timeout_ms(
    config: *mut msb_exec_config,
    timeout_ms: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::timeout_ms, Some(timeout_ms))
    })
}

/// Resource limits, added to those of the sandbox.
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
pub unsafe extern "C" fn msb_exec_config_add_rlimit(
    config: *mut msb_exec_config,
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

/// How much of each output stream a collected command keeps, in bytes; the result says if there was more.
///
/// - config: changed; not NULL.
/// - max_output_bytes: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_max_output_bytes(
    config: *mut msb_exec_config,
    max_output_bytes: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_output_bytes, max_output_bytes)
    })
}

/// Gives the command these bytes as its standard input, and end of file after them.
///
/// - config: changed; not NULL.
/// - data: copied; may be NULL if `len` is 0.
/// - len: the number of bytes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_stdin(
    config: *mut msb_exec_config,
    data: *const c_void,
    len: usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        builder::set(&mut config.options, fields::stdin, Stdin::Bytes(data.to_vec()))
    })
}

/// Gives the command a pipe as its standard input, to be written with `msb_exec_write` while it runs.
///
/// - config: changed; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_config_set_stdin_pipe(
    config: *mut msb_exec_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], { builder::set(&mut config.options, fields::stdin, Stdin::Pipe) })
}
