//! The C surface against what is committed about it: schemas, header, and the option lists that both come from.
//!
//! `MSB_REWRITE_SCHEMAS=1` rewrites `schemas/` instead of comparing; `cargo run -p xtask -- schema` sets it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod config_file;

use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};

use msb::backend::options::BackendOptions;
use msb::ffi::boundary;
use msb::ffi::status::msb_status_name;
use msb::ffi::version::{MSB_ABI_VERSION, msb_abi_version, msb_version};
use msb::image::filter::ImageFilter;
use msb::image::options::ImageLoadOptions;
use msb::image::pull_options::ImagePullOptions;
use msb::options::{Options, schema_of};
use msb::sandbox::exec_options::ExecOptions;
use msb::sandbox::filter::SandboxFilter;
use msb::sandbox::mount::options::MountOptions;
use msb::sandbox::options::SandboxOptions;
use msb::sandbox::patch::options::PatchOptions;
use msb::snapshot::filter::SnapshotFilter;
use msb::volume::filter::VolumeFilter;
use msb::volume::options::VolumeOptions;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> String {
    fs::read_to_string(root().join("include/msb.h")).unwrap()
}

/// The header's text with every run of comment stars and white space as one space.
fn prose(text: &str) -> String {
    text.split_whitespace()
        .filter(|word| *word != "*")
        .collect::<Vec<_>>()
        .join(" ")
}

/// What is published is the release's, which has no driver "process".
fn without_test_driver(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Array(items) => items.retain(|item| item != "process"),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(without_test_driver),
        _ => {}
    }
}

fn published<O: Options>(folder: &Path) {
    let mut schema = schema_of::<O>();
    without_test_driver(&mut schema);
    is_published(&folder.join(format!("{}.json", O::C_NAME)), &schema);
}

fn is_published(path: &Path, schema: &serde_json::Value) {
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var("MSB_REWRITE_SCHEMAS").is_ok_and(|rewrite| rewrite == "1") {
        fs::write(path, text).unwrap();
    } else {
        let committed = fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is out of date: run `cargo run -p xtask -- schema`",
            path.display()
        );
    }
}

#[test]
fn published_schemas_are_those_of_the_options() {
    let folder = root().join("schemas");
    published::<BackendOptions>(&folder);
    published::<SandboxOptions>(&folder);
    published::<MountOptions>(&folder);
    published::<PatchOptions>(&folder);
    published::<ExecOptions>(&folder);
    published::<SandboxFilter>(&folder);
    published::<VolumeOptions>(&folder);
    published::<VolumeFilter>(&folder);
    published::<ImageFilter>(&folder);
    published::<ImageLoadOptions>(&folder);
    published::<ImagePullOptions>(&folder);
    published::<SnapshotFilter>(&folder);
    is_published(
        &folder.join("config.schema.json"),
        &msb::backend::config_file::schema(),
    );
}

fn has_setters<O: Options>(header: &str) {
    // Comments of the setters repeat the options' docs for those who read only the header: word for word.
    let prose = prose(header);
    for option in O::SPECS {
        let setter = format!("{}_{}(", O::C_NAME, option.setter);
        assert!(header.contains(&setter), "msb.h has no {setter}");
        // stdin has one setter for each of its forms, each with its own words.
        if option.key != "stdin" {
            let doc = option
                .doc
                .iter()
                .map(|line| line.trim())
                .collect::<Vec<_>>()
                .join(" ");
            assert!(
                prose.contains(&doc),
                "the comment of {setter}...) does not say: {doc}"
            );
        }
    }
}

#[test]
fn every_option_has_its_setter_with_the_same_words() {
    let header = header();
    has_setters::<BackendOptions>(&header);
    has_setters::<SandboxOptions>(&header);
    has_setters::<MountOptions>(&header);
    has_setters::<PatchOptions>(&header);
    has_setters::<ExecOptions>(&header);
    has_setters::<SandboxFilter>(&header);
    has_setters::<VolumeOptions>(&header);
    has_setters::<VolumeFilter>(&header);
    has_setters::<ImageFilter>(&header);
    has_setters::<ImageLoadOptions>(&header);
    has_setters::<ImagePullOptions>(&header);
    has_setters::<SnapshotFilter>(&header);
}

#[test]
fn every_status_of_the_header_has_its_name() {
    let header = header();
    let statuses: Vec<(&str, i32)> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.split_once(' '))
        .filter(|(name, _)| name.starts_with("MSB_ERR_"))
        .map(|(name, number)| (name, number.parse().unwrap()))
        .collect();
    assert_eq!(
        statuses.len(),
        36,
        "a status was added or lost; numbers are never reused"
    );
    for (name, number) in statuses
        .into_iter()
        .chain([("MSB_OK", 0), ("MSB_ERR_UNKNOWN", -1)])
    {
        // SAFETY: a static string.
        let named = unsafe { CStr::from_ptr(msb_status_name(number)) };
        assert_eq!(named.to_str().unwrap(), name);
    }
}

#[test]
fn the_version_macros_are_those_of_the_library() {
    let header = header();
    let value = |name: &str| {
        let define = format!("#define {name} ");
        header
            .lines()
            .find_map(|line| line.strip_prefix(&define))
            .unwrap()
            .to_owned()
    };
    // SAFETY: a static string.
    let version = unsafe { CStr::from_ptr(msb_version()) }.to_str().unwrap();
    let parts = ["MSB_VERSION_MAJOR", "MSB_VERSION_MINOR", "MSB_VERSION_PATCH"].map(value);
    assert_eq!(parts.join("."), version);
    assert_eq!(value("MSB_VERSION_STRING"), format!("{version:?}"));
    // SAFETY: takes no pointer.
    let abi = unsafe { msb_abi_version() };
    assert_eq!(
        (abi, value("MSB_ABI_VERSION")),
        (MSB_ABI_VERSION, abi.to_string())
    );
}

/// Run by `a_contained_panic_prints_nothing` in a process of its own.
#[test]
#[ignore = "the other half of a_contained_panic_prints_nothing"]
fn panics_inside_then_outside() {
    assert!(matches!(
        boundary::call(|| panic!("contained")),
        boundary::Ended::Failed(_)
    ));
    let outside = std::thread::spawn(|| panic!("the host's own")).join();
    assert!(outside.is_err());
    let inside = std::thread::Builder::new()
        .name("msb-worker".to_owned())
        .spawn(|| panic!("a worker's"));
    assert!(inside.unwrap().join().is_err());
}

#[test]
fn a_contained_panic_prints_nothing() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "panics_inside_then_outside",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    assert!(
        !printed.contains("contained") && !printed.contains("a worker's"),
        "{printed}"
    );
    assert!(
        printed.contains("the host's own"),
        "a Rust host keeps its own panic messages: {printed}"
    );
}
