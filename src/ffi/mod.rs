//! The C ABI: one file per noun, `extern "C"` only, no logic. All `unsafe` of the library's surface lives here.
//!
//! Every function is written out as `pub unsafe extern "C" fn`, with one [`ffi!`] as its body, so that the header
//! generator sees it and nothing unwinds out of it. What its comment has to say is in `xtask/src/docs.rs`.

#![allow(non_camel_case_types, reason = "types are spelled as C spells them")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the contract on pointers is one for all functions: the top of msb.h"
)]

pub mod backend;
pub mod backend_async;
pub mod backend_config;
pub mod backend_config_defaults;
pub mod backend_config_dirs;
pub mod backend_info;
pub mod boundary;
pub mod builder;
pub mod bytes;
pub mod dispatcher;
pub mod error;
pub mod exec;
pub mod exec_async;
pub mod exec_config;
pub mod exec_result;
pub mod file;
pub mod file_async;
pub mod file_info;
mod file_tree;
pub mod image;
pub mod image_filter;
pub mod image_info;
pub mod image_load;
pub mod image_load_config;
pub mod image_pull;
pub mod image_pull_config;
pub mod image_save;
pub mod mount_config;
pub mod op;
pub mod op_result;
pub mod patch_config;
pub mod probe;
pub mod process;
pub mod queue;
pub mod sandbox;
pub mod sandbox_async;
pub mod sandbox_config;
pub mod sandbox_filter;
pub mod sandbox_fs;
pub mod sandbox_fs_async;
pub mod sandbox_info;
pub mod sandbox_transfer_async;
pub mod sandbox_wait_async;
pub mod snapshot;
pub mod snapshot_filter;
pub mod snapshot_info;
pub mod status;
pub mod storage;
pub mod storage_async;
mod storage_finding;
pub mod storage_fsck;
pub mod storage_prune;
pub mod text;
pub mod token;
pub mod value;
pub mod version;
pub mod volume;
pub mod volume_async;
pub mod volume_config;
pub mod volume_filter;
pub mod volume_fs;
pub mod volume_fs_async;
pub mod volume_info;

pub(crate) use boundary::ffi;
