//! Writes the run into the store.
//!
//! The store is opened for each write and closed after it: the supervisor lives for days, writes twice, and
//! must stay small.

use msb_protocol::exit::{ExitRecord, StopMethod};
use msb_protocol::launch::LaunchSpec;
use msb_store::{
    RunEnd, SandboxStatus, Store, StoreError, StoreOptions, TerminationDetail, TerminationReason,
};
use std::time::{Duration, Instant};

/// How long the end of a run is tried to be written. A reader repairs the row later if it never is. With one more try,
/// which may wait for the store's own busy timeout, it is less than what a host that stops a sandbox allows for its end.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same while the disk is full, which seldom passes by itself.
const FULL_PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

fn open(spec: &LaunchSpec) -> Result<Store, StoreError> {
    let busy_timeout = Duration::from_millis(spec.busy_timeout_ms);
    let options = StoreOptions {
        max_readers: 1,
        busy_timeout,
        ..StoreOptions::default()
    };
    Store::open_existing(&spec.database, options)
}

/// Whether the sandbox still waits for this launch. Asked once its directory is claimed: from then on nobody else ends the
/// start. Before, whoever found neither runner nor host ended it, and the directory may be another sandbox's by now.
pub(super) fn is_awaited(spec: &LaunchSpec) -> Result<bool, StoreError> {
    let row = open(spec)?.sandbox_by_id(spec.sandbox_id)?;
    Ok(row.is_some_and(|row| row.status == SandboxStatus::Starting))
}

/// Records that the sandbox is up; returns the run's row.
pub(super) fn begin(spec: &LaunchSpec) -> Result<i64, StoreError> {
    open(spec)?.begin_run(spec.sandbox_id, std::process::id())
}

/// Records how the run ended; `run` is absent when it never came up. `signalled` says that the VMM was sent
/// SIGKILL.
pub(super) fn end(
    spec: &LaunchSpec,
    run: Option<i64>,
    record: &ExitRecord,
    signalled: bool,
) -> Result<(), StoreError> {
    let status = if record.crashed {
        SandboxStatus::Crashed
    } else {
        SandboxStatus::Stopped
    };
    let end = RunEnd {
        exit_code: record.exit_code,
        exit_signal: record.signal,
        reason: TerminationReason::from(record.reason),
        detail: Some(TerminationDetail {
            message: record.message.clone(),
            clean: record.clean,
            console_tail: (!record.console_tail.is_empty()).then(|| record.console_tail.clone()),
            how: record.method.map(|method| stored_method(method).to_owned()),
        }),
        signals_sent: if signalled {
            vec![libc::SIGKILL]
        } else {
            Vec::new()
        },
    };
    persist(|| {
        let store = open(spec)?;
        // Not being the first to record an end is fine: whoever was had a reason.
        match run {
            Some(run) => store.finish_run(run, &end, status),
            None => store.end_start(spec.sandbox_id, &end, status),
        }
        .map(|_| ())
    })
}

/// Deletes the row of an ephemeral sandbox, whose directory is gone already.
pub(super) fn delete(spec: &LaunchSpec) -> Result<(), StoreError> {
    persist(|| open(spec)?.delete_sandbox(spec.sandbox_id).map(|_| ()))
}

/// Tries again what may pass: contention, a full disk, a disk error.
fn persist(mut write: impl FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
    let begin = Instant::now();
    loop {
        let done = write();
        let patience = match &done {
            Err(StoreError::Full { .. }) => FULL_PATIENCE,
            Err(StoreError::Busy { .. } | StoreError::Io { .. }) => PATIENCE,
            _ => return done,
        };
        if begin.elapsed() >= patience {
            return done;
        }
        std::thread::sleep(PAUSE);
    }
}

fn stored_method(method: StopMethod) -> &'static str {
    match method {
        StopMethod::Graceful => "graceful",
        StopMethod::Killed => "killed",
    }
}
