//! Mends what a crash left behind: one process at a time, a bounded piece at a time.
//!
//! A row that claims a live runner whose lock is free is corrected; an ephemeral sandbox that has ended is
//! removed. Everything is conditional on the row being as it was seen, so a sweep never races with a call.

use super::Backend;
use crate::sandbox::settle;
use msb_store::Store;
use std::time::{Duration, Instant, SystemTime};

/// Rows that are read at a time.
const PAGE: u32 = 250;
/// Longest time of one sweep, which is part of opening a backend. One that is not done by then gives its lease up to time, and
/// whoever opens the home next goes on.
const BUDGET: Duration = Duration::from_millis(10);

/// Sweeps, unless somebody did so lately. Failures wait for the next sweep: nobody asked for this one.
pub fn sweep(backend: &Backend, store: &Store) {
    let holder = std::process::id();
    if !matches!(store.try_acquire_maintenance(SystemTime::now(), holder), Ok(true)) {
        return;
    }
    let give_up = Instant::now() + BUDGET;
    // Live ones come again and again: those behind a page of them must have their turn too.
    let mut after = None;
    loop {
        let page = store.stale_active_rows(after, PAGE).unwrap_or_default();
        let Some(last) = page.last().map(|row| row.id) else {
            break;
        };
        for row in page {
            if Instant::now() >= give_up {
                return;
            }
            let _ = settle::settle(backend, store, row);
        }
        after = Some(last);
    }
    for row in store.ephemeral_terminal_rows(PAGE).unwrap_or_default() {
        if Instant::now() >= give_up {
            return;
        }
        let _ = settle::remove_ended(backend, store, &row);
    }
    let _ = store.complete_maintenance(SystemTime::now(), holder);
}
