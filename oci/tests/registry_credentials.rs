//! Docker's logins are found where Docker has them, with helpers also where the host takes exit statuses away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use msb_oci::registry::{Credential, CredentialsError, Origin, docker_credential, docker_credential_in};
use tempfile::TempDir;

fn look(config: &str, registry: &str) -> Result<Option<Credential>, CredentialsError> {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("config.json"), config).unwrap();
    docker_credential_in(directory.path(), registry, &|| false)
}

#[test]
fn logins_are_found_by_all_names_that_docker_has_for_a_registry() {
    let hub = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}"#;
    assert!(matches!(
        look(hub, "docker.io").unwrap().unwrap().origin(),
        Origin::Docker(_)
    ));
    assert!(look(hub, "ghcr.io").unwrap().is_none());
    for key in [
        "r.example:5000",
        "https://r.example:5000",
        "http://r.example:5000/v2/",
    ] {
        let config = format!(r#"{{"auths":{{"{key}":{{"auth":"YTpi"}}}}}}"#);
        assert!(look(&config, "r.example:5000").unwrap().is_some(), "{key}");
        assert!(look(&config, "r.example").unwrap().is_none(), "{key}");
    }
    for entry in [
        r#"{"identitytoken":"t"}"#,
        r#"{"username":"u","password":"p"}"#,
        r#"{"registrytoken":"t"}"#,
    ] {
        let config = format!(r#"{{"auths":{{"r.example":{entry}}},"HttpHeaders":{{}}}}"#);
        assert!(look(&config, "r.example").unwrap().is_some(), "{entry}");
    }
    assert!(
        look(r#"{"auths":{"r.example":{}}}"#, "r.example")
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_file_that_is_not_dockers_is_an_error_without_its_content() {
    for config in [
        "{",
        r#"{"auths":{"r.example":{"auth":"!!secret!!"}}}"#,
        r#"{"auths":"hunter2"}"#,
    ] {
        let error = look(config, "r.example").unwrap_err();
        assert!(matches!(error, CredentialsError::Malformed { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let nowhere = TempDir::new().unwrap();
    let found = docker_credential_in(nowhere.path(), "r.example", &|| false);
    assert!(found.unwrap().is_none());
}

#[test]
fn a_helper_that_is_missing_or_named_as_a_path_is_an_error_with_its_name() {
    for name in ["does-not-exist-here", "../evil"] {
        let error = look(&format!(r#"{{"credsStore":"{name}"}}"#), "r.example").unwrap_err();
        assert!(
            matches!(&error, CredentialsError::Helper { program, .. } if program.contains(name)),
            "{error:?}"
        );
    }
}

fn helper(directory: &Path, name: &str, script: &str) {
    let path = directory.join(format!("docker-credential-{name}"));
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn helpers_are_asked_also_where_the_host_ignores_its_children() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    helper(
        path,
        "one",
        r#"read s; [ "$1" = get ] && echo "{\"ServerURL\":\"$s\",\"Username\":\"<token>\",\"Secret\":\"$s\"}""#,
    );
    helper(
        path,
        "all",
        r#"read s; [ "$s" = https://index.docker.io/v1/ ] && echo '{"Username":"u","Secret":"s"}'"#,
    );
    helper(
        path,
        "none",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    helper(path, "bad", "echo hunter2; exit 1");
    helper(path, "hangs", "exec sleep 100");
    let config = r#"{"credsStore":"all","credHelpers":{
        "one.example":"one","none.example":"none","bad.example":"bad","hangs.example":"hangs"}}"#;
    std::fs::write(path.join("config.json"), config).unwrap();
    for ignored in ["0", "1"] {
        // In a process of its own, as it needs another PATH, and another way with children.
        let search = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_a_process_of_its_own", "--ignored", "--nocapture"])
            .env("PATH", search)
            .env("DOCKER_CONFIG", path)
            .env("IGNORES_CHILDREN", ignored)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}

#[test]
#[ignore = "a part of helpers_are_asked_also_where_the_host_ignores_its_children"]
fn in_a_process_of_its_own() {
    if std::env::var("IGNORES_CHILDREN").unwrap() == "1" {
        // SAFETY: SIG_IGN is a valid disposition, and nothing else here depends on that of SIGCHLD.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    }
    let ask = |registry| docker_credential(registry, &|| false);
    let is_from = |registry, name: &str| {
        let found: Credential = ask(registry).unwrap().unwrap();
        assert_eq!(
            found.origin(),
            &Origin::Helper(format!("docker-credential-{name}"))
        );
    };
    is_from("one.example", "one");
    is_from("docker.io", "all");
    assert!(ask("none.example").unwrap().is_none());
    let error = ask("bad.example").unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let begin = Instant::now();
    let cancel = || begin.elapsed() > Duration::from_millis(100);
    let error = docker_credential("hangs.example", &cancel).unwrap_err();
    assert!(matches!(error, CredentialsError::Cancelled), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(3));
}
