//! A test of every statement at once: what the library asks for by a key or in order it finds through an index.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use parking_lot::Mutex;
use rusqlite::trace::TraceEvent;

use crate::image::{ImageConfigRow, LayerRow, NewImage};
use crate::{
    NewAttachment, NewSandbox, NewVolume, RunEnd, SandboxFilter, SandboxStatus, Store, StoreOptions,
    TerminationReason, VolumeFilter, VolumeKind,
};

/// What statements that read a whole table have in them, and why they may.
const WHOLE_TABLES: [(&str, &str); 6] = [
    (
        "image_manifest_digest FROM snapshot_index",
        "a prune looks at all rows",
    ),
    ("DELETE FROM layer WHERE id NOT IN", "a prune looks at all rows"),
    (
        "DELETE FROM manifest WHERE id NOT IN",
        "a prune looks at all rows",
    ),
    ("FROM sandbox ORDER BY id", "a check looks at all rows"),
    ("FROM volume ORDER BY id", "a check looks at all rows"),
    (
        "instr(config,",
        "labels of 0.5.8, before they are moved to their table",
    ),
];

/// Tables that 0.5.8 gives no index for what is asked, as statements call them, and why that is bearable.
const WITHOUT_INDEX: [(&str, &str); 6] = [
    ("run", "runs go with their sandbox"),
    ("volume_attach", "it holds what is attached now"),
    ("a", "volume_attach"),
    ("image_ref", "a home has few images"),
    ("o", "image_ref"),
    ("f", "sandbox_rootfs, asked only when an image is removed"),
];

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn remember(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        SEEN.lock().insert(statement.sql().into_owned());
    }
}

/// Calls everything that a store does while a backend is open.
fn use_all_of(store: &Store) {
    let labels = BTreeMap::from([("team".to_owned(), "core".to_owned())]);
    let layers = [LayerRow {
        diff_id: "sha256:x".to_owned(),
        blob_digest: "sha256:y".to_owned(),
        media_type: String::new(),
        compressed_size_bytes: 1,
        erofs_size_bytes: 4096,
    }];
    let config = ImageConfigRow {
        env: Vec::new(),
        entrypoint: None,
        cmd: None,
        working_dir: None,
        user: None,
        stop_signal: None,
        labels: BTreeMap::new(),
    };
    store
        .put_image(
            &NewImage {
                references: &["a:1"],
                digest: "sha256:m",
                media_type: "",
                config_digest: "sha256:c",
                architecture: "amd64",
                os: "linux",
                variant: None,
                config: &config,
                layers: &layers,
            },
            || true,
        )
        .unwrap();
    let image = store.image("a:1").unwrap().unwrap();
    store.list_images("a", "", 10).unwrap();
    store.image_layers(image.manifest_id).unwrap();
    store.image_config(image.manifest_id).unwrap();
    store.layer("sha256:x").unwrap();
    store.has_layer("sha256:x").unwrap();
    store.has_manifest("sha256:m").unwrap();
    store.manifest_digest(image.manifest_id).unwrap();
    let new = NewSandbox {
        name: "box",
        config: "{}",
        ephemeral: true,
        labels: &labels,
        manifest_id: Some(image.manifest_id),
    };
    let id = store.insert_sandbox(&new).unwrap().id;
    store.sandbox_manifest(id).unwrap();
    store.sandbox_by_name("box").unwrap();
    store.labels(id).unwrap();
    store.labelled_in_config_only().unwrap();
    store.set_label(id, "a", "b").unwrap();
    store.remove_label(id, "a").unwrap();
    store.set_labels(id, &labels).unwrap();
    let asked = vec![("team".to_owned(), "core".to_owned())];
    for statuses in [vec![], vec![SandboxStatus::Running]] {
        for labels in [Vec::new(), asked.clone()] {
            let filter = SandboxFilter {
                statuses: statuses.clone(),
                labels,
                ..SandboxFilter::default()
            };
            store.list_sandboxes(&filter, Some("a"), 10).unwrap();
        }
    }
    store.ephemeral_terminal_rows(10).unwrap();
    store.stale_active_rows(None, 10).unwrap();
    let new = NewVolume {
        name: "data",
        kind: VolumeKind::Disk,
        quota_mib: None,
        capacity_bytes: Some(16 << 20),
        labels: &labels,
    };
    let volume = store.insert_volume(&new, &|| Ok(())).unwrap().id;
    store.volume_by_name("data").unwrap();
    store.volume_by_id(volume).unwrap();
    store.set_volume_capacity(volume, 32 << 20).unwrap();
    for labels in [Vec::new(), asked.clone()] {
        let filter = VolumeFilter {
            name_prefix: Some("d".to_owned()),
            labels,
            ..VolumeFilter::default()
        };
        store.list_volumes(&filter, None, 10).unwrap();
        store
            .list_volumes(&VolumeFilter::default(), Some("a"), 10)
            .unwrap();
    }
    let wanted = NewAttachment {
        volume: "data",
        read_only: false,
    };
    store.attach_volumes(id, &[wanted], 1).unwrap();
    store.attachments(volume).unwrap();
    store.all_attachments(0, 10).unwrap();
    store.delete_attachment(4711).unwrap();
    store
        .transition(id, &[SandboxStatus::Created], SandboxStatus::Starting)
        .unwrap();
    let run = store.begin_run(id, 1).unwrap();
    let end = RunEnd::because(TerminationReason::BootFailed);
    store.finish_run(run, &end, SandboxStatus::Crashed).unwrap();
    store.latest_run(id).unwrap();
    store
        .transition(id, &[SandboxStatus::Crashed], SandboxStatus::Starting)
        .unwrap();
    store.end_start(id, &end, SandboxStatus::Crashed).unwrap();
    store
        .transition(id, &[SandboxStatus::Crashed], SandboxStatus::Starting)
        .unwrap();
    let row = store.sandbox_by_id(id).unwrap().unwrap();
    store.repair_dead(&row, &end, SandboxStatus::Crashed).unwrap();
    store.update_config(id, "{}").unwrap();
    let now = SystemTime::now();
    store.try_acquire_maintenance(now, 1).unwrap();
    store.complete_maintenance(now, 1).unwrap();
    store.list_snapshots("", 10).unwrap();
    store.detach_volumes(id).unwrap();
    store.delete_volume(volume, &|| Ok(())).unwrap();
    store.remove_image("a:1").unwrap();
    store.delete_sandbox(id).unwrap();
    store.remove_image("a:1").unwrap();
    store.unneeded_images(false).unwrap();
    store.unneeded_images(true).unwrap();
    store.unreadable_rows().unwrap();
}

#[test]
fn every_statement_finds_its_rows_through_an_index() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap();
    store.trace(remember);
    use_all_of(&store);
    let seen = SEEN.lock().clone();
    assert!(seen.len() > 50, "only {} statements were seen", seen.len());
    let mut wrong = Vec::new();
    for sql in &seen {
        let plain = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_asked = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
            .iter()
            .any(|verb| plain.starts_with(verb));
        if !is_asked || WHOLE_TABLES.iter().any(|(part, _)| plain.contains(part)) {
            continue;
        }
        let plan = store
            .read(|conn| {
                let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let mut rows = statement.raw_query();
                let mut plan = Vec::new();
                while let Some(row) = rows.next()? {
                    plan.push(row.get::<_, String>(3)?);
                }
                Ok(plan)
            })
            .unwrap();
        let scans = |step: &String| {
            step.strip_prefix("SCAN ").is_some_and(|table| {
                let is_indexed = table.contains("INDEX") || table == "CONSTANT ROW";
                !is_indexed && !WITHOUT_INDEX.iter().any(|(name, _)| *name == table)
            })
        };
        if plan.iter().any(scans) {
            wrong.push(format!("{plain}\n    {}", plan.join("\n    ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        seen.len(),
        wrong.join("\n")
    );
}
