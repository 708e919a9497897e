//! Images saved from a home are, for skopeo and umoci and for another home, the images that were loaded into it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking and say what they skip"
)]

use msb::backend::Backend;
use msb::backend::options::BackendOptions;
use msb::image::info::{self, ImageInfo};
use msb::image::load::{Origin, load};
use msb::image::options::ImageLoadOptions;
use msb::image::save::{Target, save};
use msb::options;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// Set where missing tools are a failure.
const REQUIRE: &str = "MSB_REQUIRE_SKOPEO";

/// Two layers by umoci: the second replaces, removes, empties a directory and hides it, and changes owners.
const IMAGE: &str = r#"set -eu; cd "$1"
umoci init --layout L; umoci new --image L:base
umoci unpack --image L:base one
cd one/rootfs
mkdir -p etc bin deep/er/still gone hidden home/user 'odd name'
printf 'root:x:0:0::/root:/bin/sh\n' > etc/passwd; printf old > etc/motd; printf x > gone/file; printf x > hidden/below
printf shared > bin/tool; ln bin/tool bin/same; ln -s ../bin/tool etc/link; chmod 4755 bin/tool
mknod null c 1 3; mkfifo pipe; truncate -s 1M sparse; printf end >> sparse
printf long > "deep/er/$(printf 'n%.0s' $(seq 200))"; chown 1000:1001 home/user; chmod 1777 home/user
touch -d '2001-02-03 04:05:06' etc/motd
setfattr -n user.colour -v blue etc/passwd; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 bin/same
cd ../..; umoci repack --image L:made one; rm -r one
umoci unpack --image L:made two
cd two/rootfs
rm -r gone etc/motd; rm hidden/below; printf new > hidden/above; rm null; mkdir null; printf in > null/file
chown 7:8 deep/er/still; rm bin/same; ln deep/er/n* deep/second
cd ../..; umoci repack --image L:made two; rm -r two
umoci config --image L:made --config.env A=1 --config.env 'B=two words' --config.entrypoint /bin/tool --config.cmd one --config.cmd 'two words' \
    --config.workingdir /home/user --config.user 1000:1001 --config.stopsignal SIGQUIT --config.label key=value
umoci unpack --image L:made original
"#;

/// What a saved archive is for both tools.
const UNPACK: &str = r#"set -eu; cd "$1"
for kind in oci docker; do
    skopeo --insecure-policy --command-timeout 60s copy -q "$kind-archive:saved.tar" "oci:$kind:made"
    umoci unpack --image "$kind:made" "by-$kind"
done
"#;

fn shell(script: &str, directory: &Path) {
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(directory)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Every entry below a directory with its type, mode, owner, time, size, device, attributes and content.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let script = r#"cd "$1"; find . -print0 | LC_ALL=C sort -z | while IFS= read -r -d '' entry; do
        printf '%s\t%s ' "$entry" "$(stat -c '%F %a %u:%g %t,%T %h' "$entry")"
        [ -d "$entry" ] || stat -c '%s %Y' "$entry" | tr '\n' ' '
        [ ! -L "$entry" ] || readlink "$entry" | tr '\n' ' '
        [ -L "$entry" ] || getfattr -d -m - --absolute-names -e hex "$entry" 2>/dev/null | grep -v '^#' | tr '\n' ' '
        [ ! -f "$entry" ] || [ -L "$entry" ] || sha256sum < "$entry" | tr '\n' ' '
        echo
    done"#;
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (path, entry) = line.split_once('\t').unwrap();
            (path.to_owned(), entry.to_owned())
        })
        .collect()
}

fn has_tools() -> bool {
    let missing = ["skopeo", "umoci", "setfattr"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    // Devices and owners need root.
    let lacking = missing.or((!rustix::process::geteuid().is_root()).then_some("root"));
    if let Some(lacking) = lacking {
        assert!(
            std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, and there is no {lacking}"
        );
        println!("left out: there is no {lacking}");
    }
    lacking.is_none()
}

fn backend(home: &Path) -> Arc<Backend> {
    let options = json!({ "home": home, "driver": "process" }).to_string();
    let options: BackendOptions = options::from_json(&options).unwrap();
    Backend::built(&options).unwrap()
}

fn load_as(backend: &Backend, path: PathBuf, image: Option<&str>, reference: Option<&str>) -> ImageInfo {
    let options = ImageLoadOptions {
        image: image.map(ToOwned::to_owned),
        reference: reference.map(ToOwned::to_owned),
        ..ImageLoadOptions::default()
    };
    load(backend, Origin::Path(&path), &options).unwrap()
}

#[test]
fn a_saved_image_has_the_tree_and_the_configuration_of_the_one_that_was_loaded() {
    if !has_tools() {
        return;
    }
    let scratch = TempDir::new().unwrap();
    let at = |name: &str| scratch.path().join(name);
    shell(IMAGE, scratch.path());
    let first = backend(&at("first"));
    let loaded = load_as(&first, at("L"), Some("made"), Some("example.com/made:1"));
    assert_eq!(loaded.layers.len(), 2);
    save(&first, "example.com/made:1", Target::Path(&at("saved.tar"))).unwrap();

    shell(UNPACK, scratch.path());
    let original = tree(&at("original/rootfs"));
    assert!(original.len() > 15 && original.contains_key("./deep/second"));
    assert!(
        original
            .values()
            .any(|entry| entry.contains("security.capability"))
    );
    for kind in ["by-oci", "by-docker"] {
        let unpacked = tree(&at(kind).join("rootfs"));
        for (path, entry) in &original {
            assert_eq!(unpacked.get(path), Some(entry), "{kind}: {path}");
        }
        assert_eq!(unpacked.len(), original.len(), "{kind}");
        let process = |bundle: &str| -> serde_json::Value {
            let bytes = fs::read(at(bundle).join("config.json")).unwrap();
            let config: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let process = &config["process"];
            json!([
                process["args"],
                process["env"],
                process["cwd"],
                process["user"]["uid"],
                process["user"]["gid"]
            ])
        };
        assert_eq!(process(kind), process("original"));
    }

    let second = backend(&at("second"));
    let again = load_as(&second, at("saved.tar"), None, None);
    assert_eq!(again.row.reference, "example.com/made:1");
    assert_eq!(again.config, loaded.config);
    assert_eq!(again.row.architecture, loaded.row.architecture);
    assert_eq!(again.config.stop_signal.as_deref(), Some("SIGQUIT"));
    save(&second, "example.com/made:1", Target::Path(&at("again.tar"))).unwrap();
    let archive = fs::read(at("saved.tar")).unwrap();
    assert!(
        archive == fs::read(at("again.tar")).unwrap(),
        "saved again, it is the same archive"
    );
    assert_eq!(
        info::get(&first, "example.com/made:1").unwrap().row.digest,
        loaded.row.digest
    );
}

#[test]
fn an_image_that_is_known_by_its_digest_is_saved_without_a_name() {
    let scratch = TempDir::new().unwrap();
    let at = |name: &str| scratch.path().join(name);
    let home = backend(&at("home"));
    // An empty root file system is a tar of nothing.
    fs::write(at("root.tar"), [0u8; 1024]).unwrap();
    let known = load_as(&home, at("root.tar"), None, Some("example.com/known"));
    let reference = format!("example.com/pinned@{}", known.row.digest);
    load_as(&home, at("root.tar"), None, Some(&reference));
    save(&home, &reference, Target::Path(&at("saved.tar"))).unwrap();
    let error = load(
        &home,
        Origin::Path(&at("saved.tar")),
        &ImageLoadOptions::default(),
    )
    .unwrap_err();
    assert_eq!(error.reason(), "image.nameless");
    load_as(&home, at("saved.tar"), None, Some("named"));
}
