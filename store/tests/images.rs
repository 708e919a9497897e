//! Images: what one transaction stores, what keeps a manifest or a layer, and what goes with the last reference.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected has failed"
)]

use msb_store::{
    ImageConfigRow, ImageRemoval, LayerRow, NewImage, NewSandbox, Store, StoreError, StoreOptions,
};
use std::collections::BTreeMap;

fn layer(name: &str) -> LayerRow {
    LayerRow {
        diff_id: format!("sha256:{name}"),
        blob_digest: format!("sha256:blob-{name}"),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
        compressed_size_bytes: 10,
        erofs_size_bytes: 4096,
    }
}

fn config() -> ImageConfigRow {
    ImageConfigRow {
        env: vec!["PATH=/bin".to_owned()],
        entrypoint: Some(vec!["/entry".to_owned()]),
        cmd: None,
        working_dir: Some("/srv".to_owned()),
        user: Some("nobody".to_owned()),
        stop_signal: Some("SIGINT".to_owned()),
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
    }
}

fn put(store: &Store, reference: &str, digest: &str, layers: &[LayerRow]) {
    store
        .put_image(
            &NewImage {
                references: &[reference],
                digest,
                media_type: "application/vnd.oci.image.manifest.v1+json",
                config_digest: "sha256:config",
                architecture: "amd64",
                os: "linux",
                variant: None,
                config: &config(),
                layers,
            },
            || true,
        )
        .unwrap();
}

fn with_store(check: impl FnOnce(&Store)) {
    let home = tempfile::tempdir().unwrap();
    check(&Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap());
}

#[test]
fn no_row_is_written_for_a_file_that_is_gone_and_no_file_goes_that_has_a_row() {
    with_store(|store| {
        let layers = [layer("1")];
        let config = config();
        let new = NewImage {
            references: &["a"],
            digest: "sha256:a",
            media_type: "application/vnd.oci.image.manifest.v1+json",
            config_digest: "sha256:config",
            architecture: "amd64",
            os: "linux",
            variant: None,
            config: &config,
            layers: &layers,
        };
        let lost = store.put_image(&new, || false);
        assert!(matches!(lost, Err(StoreError::LayerGone)), "{lost:?}");
        assert!(store.image("a").unwrap().is_none() && !store.has_layer("1").unwrap());
        assert_eq!(store.unless_image_file("1", || 5).unwrap(), Some(5));
        store.put_image(&new, || true).unwrap();
        for digest in ["1", "sha256:1", "a"] {
            assert_eq!(store.unless_image_file(digest, || 5).unwrap(), None, "{digest}");
        }
    });
}

#[test]
fn what_only_one_image_has_is_told_apart_from_what_several_share() {
    with_store(|store| {
        let unique = |reference: &str| {
            let row = store.image(reference).unwrap().unwrap();
            store.unique_bytes(row.manifest_id).unwrap()
        };
        put(store, "a", "sha256:a", &[layer("1"), layer("2"), layer("2")]);
        assert_eq!(
            unique("a"),
            2 * 4096,
            "a layer that is there twice takes its room once"
        );
        put(store, "b", "sha256:b", &[layer("1"), layer("3")]);
        assert_eq!((unique("a"), unique("b")), (4096, 4096));
        store.remove_image("a").unwrap();
        assert_eq!(unique("b"), 2 * 4096);
    });
}

#[test]
fn an_image_is_read_as_it_was_stored() {
    with_store(|store| {
        // A layer may be there twice.
        put(store, "a:1", "sha256:m1", &[layer("x"), layer("y"), layer("x")]);
        let image = store.image("a:1").unwrap().unwrap();
        assert_eq!(
            (image.digest.as_str(), image.layer_count, image.size_bytes),
            ("sha256:m1", Some(3), Some(30))
        );
        assert_eq!(store.image_config(image.manifest_id).unwrap(), config());
        assert_eq!(
            store.image_layers(image.manifest_id).unwrap(),
            [layer("x"), layer("y"), layer("x")]
        );
        assert_eq!(store.layer("sha256:y").unwrap(), Some(layer("y")));
        assert!(store.has_layer("y").unwrap() && store.has_manifest("m1").unwrap());
        assert_eq!(store.image("a:2").unwrap(), None);
    });
}

#[test]
fn storing_the_same_image_again_changes_nothing_but_the_moment() {
    with_store(|store| {
        put(store, "a:1", "sha256:m1", &[layer("x")]);
        put(store, "a:1", "sha256:m1", &[layer("x")]);
        let image = store.image("a:1").unwrap().unwrap();
        assert_eq!(store.image_layers(image.manifest_id).unwrap().len(), 1);
        assert_eq!(store.list_images("", "", 10).unwrap().len(), 1);
    });
}

#[test]
fn a_listing_by_prefix_goes_on_where_the_page_before_ended() {
    with_store(|store| {
        for reference in ["a/x:1", "b/x:1", "b/x:2", "b/y:1", "c/x:1"] {
            put(store, reference, &format!("sha256:{reference}"), &[layer("x")]);
        }
        let names = |prefix: &str, after: &str, limit: u32| -> Vec<String> {
            let page = store.list_images(prefix, after, limit).unwrap();
            page.into_iter().map(|image| image.reference).collect()
        };
        assert_eq!(names("b/", "", 2), ["b/x:1", "b/x:2"]);
        assert_eq!(names("b/", "b/x:2", 2), ["b/y:1"]);
        assert_eq!(names("", "b/y:1", 9), ["c/x:1"]);
        // A prefix is text, not a pattern.
        assert!(names("b%", "", 9).is_empty() && names("B/", "", 9).is_empty());
    });
}

#[test]
fn a_layer_goes_with_the_last_image_that_has_it() {
    with_store(|store| {
        put(store, "a:1", "sha256:m1", &[layer("base"), layer("x")]);
        put(store, "b:1", "sha256:m2", &[layer("base"), layer("y")]);
        let ImageRemoval::Removed(gone) = store.remove_image("a:1").unwrap() else {
            panic!("not removed");
        };
        assert_eq!(
            (gone.manifests, gone.layers),
            (vec!["sha256:m1".to_owned()], vec![layer("x")])
        );
        assert_eq!(store.remove_image("a:1").unwrap(), ImageRemoval::Missing);
        let ImageRemoval::Removed(gone) = store.remove_image("b:1").unwrap() else {
            panic!("not removed");
        };
        assert_eq!(gone.layers.len(), 2);
    });
}

#[test]
fn a_reference_that_moves_on_leaves_what_prune_takes() {
    with_store(|store| {
        put(store, "a:latest", "sha256:m1", &[layer("x")]);
        put(store, "a:latest", "sha256:m2", &[layer("y")]);
        assert_eq!(store.image("a:latest").unwrap().unwrap().digest, "sha256:m2");
        let found = store.unneeded_images(false).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].digest.as_str(), found[0].references.len()),
            ("sha256:m1", 0)
        );
        assert_eq!(found[0].layers, [layer("x")]);
    });
}

#[test]
fn images_that_nobody_needs_go_at_once_with_layers_that_are_counted_once() {
    with_store(|store| {
        put(store, "a:1", "sha256:m1", &[layer("base"), layer("x")]);
        put(store, "a:2", "sha256:m1", &[layer("base"), layer("x")]);
        put(
            store,
            "b:1",
            "sha256:m2",
            &[layer("base"), layer("y"), layer("y")],
        );
        put(store, "c:1", "sha256:m3", &[layer("kept"), layer("z")]);
        put(store, "d:1", "sha256:m4", &[layer("kept")]);
        store
            .insert_sandbox(&NewSandbox {
                name: "box",
                config: "{}",
                ephemeral: false,
                labels: &BTreeMap::new(),
                manifest_id: Some(store.image("d:1").unwrap().unwrap().manifest_id),
            })
            .unwrap();
        let planned = store.unneeded_images(false).unwrap();
        let layers: Vec<_> = planned.iter().map(|image| image.layers.clone()).collect();
        assert_eq!(
            layers,
            [
                vec![layer("base"), layer("x")],
                vec![layer("y")],
                vec![layer("z")]
            ]
        );
        assert_eq!(planned[0].references, ["a:1", "a:2"]);
        assert!(store.image("a:1").unwrap().is_some(), "a look changes nothing");
        assert_eq!(store.unneeded_images(true).unwrap(), planned);
        for gone in ["a:1", "a:2", "b:1", "c:1"] {
            assert!(store.image(gone).unwrap().is_none(), "{gone}");
        }
        assert!(store.image("d:1").unwrap().is_some() && store.layer("sha256:kept").unwrap().is_some());
        assert!(store.layer("sha256:base").unwrap().is_none());
        assert_eq!(store.unneeded_images(true).unwrap(), []);
    });
}

#[test]
fn an_image_that_a_sandbox_needs_stays_and_the_sandbox_is_named() {
    with_store(|store| {
        put(store, "a:1", "sha256:m1", &[layer("x")]);
        put(store, "a:2", "sha256:m1", &[layer("x")]);
        let manifest = store.image("a:1").unwrap().unwrap().manifest_id;
        let sandbox = store
            .insert_sandbox(&NewSandbox {
                name: "box",
                config: "{}",
                ephemeral: false,
                labels: &BTreeMap::new(),
                manifest_id: Some(manifest),
            })
            .unwrap();
        assert_eq!(store.sandbox_manifest(sandbox.id).unwrap(), Some(manifest));
        assert_eq!(
            store.manifest_digest(manifest).unwrap().as_deref(),
            Some("sha256:m1")
        );
        // Another reference keeps it, so this one may go.
        assert!(
            matches!(store.remove_image("a:1").unwrap(), ImageRemoval::Removed(gone) if gone.manifests.is_empty())
        );
        assert_eq!(
            store.remove_image("a:2").unwrap(),
            ImageRemoval::Needed(vec!["box".to_owned()])
        );
        store.delete_sandbox(sandbox.id).unwrap();
        assert!(
            matches!(store.remove_image("a:2").unwrap(), ImageRemoval::Removed(gone) if gone.layers.len() == 1)
        );
    });
}

#[test]
fn a_sandbox_of_an_image_that_is_gone_is_not_there() {
    with_store(|store| {
        let inserted = store.insert_sandbox(&NewSandbox {
            name: "box",
            config: "{}",
            ephemeral: false,
            labels: &BTreeMap::new(),
            manifest_id: Some(7),
        });
        assert!(matches!(inserted, Err(StoreError::ImageGone)));
        assert_eq!(store.sandbox_by_name("box").unwrap(), None);
    });
}
