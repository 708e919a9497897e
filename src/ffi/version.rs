//! Which library this is: its version, the version of its ABI, and how it was built.
//!
//! The header's `MSB_VERSION_*` macros come from the same Cargo version; a test compares them.

use std::ffi::{CStr, c_char};

use serde_json::json;

use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;

/// The version of the binary interface that this header describes; compare it with `msb_abi_version()`.
/// It grows when something is changed or taken away, not when something is added.
pub const MSB_ABI_VERSION: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The library's version, such as `"0.1.0"`.
///
/// - Returns: a static string.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the library's binary interface. A program that loads the library at run time refuses it if this
/// is not the `MSB_ABI_VERSION` that it was compiled with.
///
/// - Returns: the number.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_abi_version() -> u32 {
    MSB_ABI_VERSION
}

/// How the library was built, as a JSON object: version, abi_version, target, profile and features.
///
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_build_info(out: *mut *mut msb_bytes, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [out out], {
        *out = msb_bytes::into_raw(build_info().into_bytes())?;
        Ok(())
    })
}

fn build_info() -> String {
    let features: Vec<&str> = [
        ("krun", cfg!(feature = "krun")),
        ("process-driver", cfg!(feature = "process-driver")),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "abi_version": MSB_ABI_VERSION,
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
        "features": features,
    })
    .to_string()
}
