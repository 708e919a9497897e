//! Images from a real registry: policies, logins, faults on the way, and two processes that want the same one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking and say what they skip"
)]

#[path = "../../oci/tests/registry/proxy.rs"]
mod proxy;
#[expect(dead_code, reason = "the tests of the registry's client use more of it")]
#[path = "../../oci/tests/registry/server.rs"]
mod server;

use msb::backend::Backend;
use msb::backend::options::BackendOptions;
use msb::deadline::Deadline;
use msb::error::{MsbError, Status};
use msb::image::pull::pull;
use msb::image::pull_options::{ImagePullOptions, Login, PullPolicy};
use msb::ops::{Lane, Next, Queue};
use msb::options;
use msb::sandbox::Sandbox;
use msb::sandbox::options::SandboxOptions;
use proxy::{Action, Proxy, reply, some};
use serde_json::{Value, json};
use server::{PASSWORD, USER, World, available, image_at, noise};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// What a process that pulls is told: the home, the image, and the status that it has to end with.
const TOLD: [&str; 3] = ["PULL_HOME", "PULL_IMAGE", "PULL_STATUS"];

/// A tar of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

fn world() -> World {
    World::of(vec![
        tar("large", &noise(1, 3 << 20)),
        tar("small", &noise(2, 70_000)),
        tar("tiny", b"x"),
    ])
}

/// A backend over a home, with more of its options as JSON.
fn backend(home: &Path, more: Value) -> Arc<Backend> {
    let mut options = json!({ "home": home, "driver": "process" });
    if let (Some(all), Value::Object(more)) = (options.as_object_mut(), more) {
        all.extend(more);
    }
    let options: BackendOptions = options::from_json(&options.to_string()).unwrap();
    Backend::built(&options).unwrap()
}

/// A home of its own.
struct Home(TempDir, Arc<Backend>);

impl Home {
    fn new() -> Self {
        Self::with(json!({}))
    }

    fn with(more: Value) -> Self {
        let directory = TempDir::new().unwrap();
        let backend = backend(directory.path(), more);
        Self(directory, backend)
    }

    fn pull(&self, at: SocketAddr, options: &ImagePullOptions) -> Result<usize, MsbError> {
        pull(&self.1, &image_at(at).to_string(), options).map(|info| info.layers.len())
    }

    /// Fails, and leaves neither an image nor anything unfinished.
    fn refused(&self, at: SocketAddr, options: &ImagePullOptions, status: Status) -> MsbError {
        let error = self.pull(at, options).unwrap_err();
        assert_eq!(error.status(), status, "{error:?}");
        assert!(!error.remedy_text().is_empty(), "{error:?}");
        self.is_without(at, options);
        error
    }

    fn is_without(&self, at: SocketAddr, options: &ImagePullOptions) {
        let unfinished = self.1.config().cache.join("images/unfinished");
        let left = std::fs::read_dir(unfinished).map_or(0, Iterator::count);
        assert_eq!(left, 0);
        let never = ImagePullOptions {
            policy: PullPolicy::Never,
            ..options.clone()
        };
        let missing = self.pull(at, &never).unwrap_err();
        assert_eq!(missing.reason(), "image.not_found");
    }
}

fn plain() -> ImagePullOptions {
    ImagePullOptions {
        insecure: Some(true),
        ..ImagePullOptions::default()
    }
}

fn pass(world: &World) -> Proxy {
    Proxy::before(world.server.address, |_| Action::Pass)
}

#[test]
fn the_policy_says_when_the_registry_is_asked() {
    if !available() {
        return;
    }
    let world = world();
    let proxy = pass(&world);
    let home = Home::new();
    let never = ImagePullOptions {
        policy: PullPolicy::Never,
        ..plain()
    };
    let error = home.refused(proxy.address, &never, Status::NotFound);
    assert!(error.remedy_text().contains("if-missing"), "{error:?}");
    assert!(proxy.asked("/").is_empty());

    assert_eq!(home.pull(proxy.address, &plain()).unwrap(), 3);
    assert_eq!(
        proxy.asked("/blobs/").len(),
        4,
        "the configuration and three layers"
    );
    let asked = proxy.asked("/").len();
    home.pull(proxy.address, &plain()).unwrap();
    home.pull(proxy.address, &never).unwrap();
    assert_eq!(proxy.asked("/").len(), asked);

    let always = ImagePullOptions {
        policy: PullPolicy::Always,
        ..plain()
    };
    home.pull(proxy.address, &always).unwrap();
    assert!(proxy.asked("/manifests/").len() > 2);
    assert_eq!(proxy.asked("/blobs/").len(), 5, "the configuration once more");

    // Another platform's image is another image, of which this one's layers are there.
    let other = ImagePullOptions {
        platform: Some("linux/riscv64".to_owned()),
        ..plain()
    };
    home.pull(proxy.address, &other).unwrap();
    assert_eq!(proxy.asked("/blobs/").len(), 6);
    let none = ImagePullOptions {
        platform: Some("linux/s390x".to_owned()),
        ..plain()
    };
    let error = home.pull(proxy.address, &none).unwrap_err();
    assert_eq!(error.reason(), "image.platform");
}

#[test]
fn a_sandbox_pulls_the_image_that_it_lacks() {
    if !available() {
        return;
    }
    let world = world();
    let proxy = pass(&world);
    let insecure = json!({ "registry_hosts": { proxy.address.to_string(): { "insecure": true } } });
    let home = Home::with(insecure);
    let mut options = SandboxOptions {
        name: Some("one".to_owned()),
        image: Some(image_at(proxy.address).to_string()),
        image_pull_policy: PullPolicy::Never,
        ..SandboxOptions::default()
    };
    let Err(error) = Sandbox::create(&home.1, &options) else {
        panic!("a sandbox was made without its image");
    };
    assert_eq!(error.status(), Status::NotFound);
    options.image_pull_policy = PullPolicy::IfMissing;
    Sandbox::create(&home.1, &options).unwrap();
    let asked = proxy.asked("/").len();
    options.name = Some("two".to_owned());
    Sandbox::create(&home.1, &options).unwrap();
    assert_eq!(proxy.asked("/").len(), asked);
}

#[test]
fn logins_come_from_the_call_then_the_configuration_then_docker() {
    if !available() {
        return;
    }
    let world = world();
    let server = world.with_login();
    let at = server.address;
    let as_nobody = Home::new().refused(at, &plain(), Status::PermissionDenied);
    assert_eq!(as_nobody.reason(), "registry.unauthorized");
    let login = |password: &str| ImagePullOptions {
        credentials: Some(Login {
            username: USER.to_owned(),
            password: password.to_owned(),
        }),
        ..plain()
    };
    let error = Home::new().refused(at, &login("wrong-password"), Status::PermissionDenied);
    assert!(!format!("{error:?}{}", error.text()).contains("wrong-password"));

    let auth = json!({ "auth": { "username": USER, "secret_name": "here" }, "insecure": true });
    let home = Home::with(json!({ "registry_hosts": { at.to_string(): auth } }));
    let unset = ImagePullOptions::default();
    let error = home.refused(at, &unset, Status::NotFound);
    assert_eq!(error.reason(), "registry.password");
    let secrets = home.0.path().join("secrets/registries");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("here"), "wrong\n").unwrap();
    home.refused(at, &unset, Status::PermissionDenied);
    std::fs::write(secrets.join("here"), format!("{PASSWORD}\n")).unwrap();
    home.refused(at, &login("wrong-password"), Status::PermissionDenied);
    home.pull(at, &unset).unwrap();
    Home::new().pull(at, &login(PASSWORD)).unwrap();

    let docker = TempDir::new().unwrap();
    let auths = json!({ "auths": { at.to_string(): { "username": USER, "password": PASSWORD } } });
    std::fs::write(docker.path().join("config.json"), auths.to_string()).unwrap();
    let home = TempDir::new().unwrap();
    let mut child = process(home.path(), at, 0, &[("DOCKER_CONFIG", docker.path())]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_certificate_authority_of_the_configuration_is_trusted() {
    if !available() {
        return;
    }
    let world = world();
    let (server, authority) = world.with_tls();
    let error = Home::new().refused(server.address, &ImagePullOptions::default(), Status::Network);
    assert!(error.reason() == "registry.tls" || error.reason() == "registry.no_authorities");
    let home = Home::with(json!({ "ca_certs": authority }));
    home.pull(server.address, &ImagePullOptions::default()).unwrap();
}

#[test]
fn an_image_arrives_through_a_network_that_drops_and_damages() {
    if !available() {
        return;
    }
    let world = world();
    let large = world.large();
    for action in [
        Action::DropAfter(1 << 20),
        Action::CorruptAt(1 << 20),
        Action::CorruptAt(100),
        Action::WithoutRange,
        reply("500 Internal Server Error", "", ""),
        reply("429 Too Many Requests", "Retry-After: 0\r\n", ""),
    ] {
        let proxy = Proxy::before(world.server.address, some(large.clone(), 1, action));
        let home = Home::new();
        assert_eq!(home.pull(proxy.address, &plain()).unwrap(), 3);
    }
}

#[test]
fn an_image_that_stays_damaged_or_refused_leaves_nothing() {
    if !available() {
        return;
    }
    let world = world();
    let large = world.large();
    let always = |action| Proxy::before(world.server.address, some(large.clone(), usize::MAX, action));
    for at in [100, 1 << 20] {
        let proxy = always(Action::CorruptAt(at));
        let error = Home::new().refused(proxy.address, &plain(), Status::Corrupt);
        assert_eq!(error.reason(), "registry.corrupt");
    }
    let proxy = always(reply("404 Not Found", "", ""));
    Home::new().refused(proxy.address, &plain(), Status::NotFound);
    let proxy = always(reply("503 Service Unavailable", "", ""));
    Home::new().refused(proxy.address, &plain(), Status::Unavailable);
    let proxy = always(reply("429 Too Many Requests", "Retry-After: 3600\r\n", ""));
    let error = Home::new().refused(proxy.address, &plain(), Status::Unavailable);
    let waits: Vec<_> = error.details().collect();
    assert!(
        waits.contains(&("retry_after_ms", b"3600000".as_slice())),
        "{error:?}"
    );
}

/// Runs a job that pulls from a registry which stops in the middle of a layer, and cancels it there.
fn is_cancelled_in_a_layer(job: impl FnOnce(Arc<Backend>, String) -> Result<(), MsbError> + Send + 'static) {
    let world = world();
    let stall = some(world.large(), usize::MAX, Action::StallAfter(1 << 20));
    let proxy = Proxy::before(world.server.address, stall);
    let insecure = json!({ "registry_hosts": { proxy.address.to_string(): { "insecure": true } } });
    let (home, queue) = (Home::with(insecure), Queue::new().unwrap());
    let accepted = queue.accept(0).unwrap();
    let op = Arc::clone(accepted.op());
    let (backend, name) = (Arc::clone(&home.1), image_at(proxy.address).to_string());
    accepted
        .run(Lane::Registry, Deadline::NEVER, move || job(backend, name))
        .unwrap();
    let until = Deadline::after(Duration::from_secs(60));
    while op.progress().bytes_done == 0 {
        assert!(!until.has_passed(), "nothing came");
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = op.progress();
    assert!(told.bytes_total > 3 << 20 && told.items_total == 3, "{told:?}");
    op.cancel();
    assert!(matches!(queue.next(1, until).unwrap(), Next::Completed(_)));
    assert_eq!(op.status(), Status::Cancelled.code());
    home.is_without(proxy.address, &plain());
}

#[test]
fn a_cancel_in_the_middle_of_a_layer_leaves_nothing() {
    if available() {
        is_cancelled_in_a_layer(|backend, name| pull(&backend, &name, &plain()).map(|_| ()));
    }
}

#[test]
fn a_sandbox_that_waits_for_its_image_tells_how_far_it_is_and_can_be_cancelled() {
    if available() {
        is_cancelled_in_a_layer(|backend, name| {
            let options = SandboxOptions {
                name: Some("waits".to_owned()),
                image: Some(name),
                ..SandboxOptions::default()
            };
            let created = Sandbox::create(&backend, &options).map(|_| ());
            assert!(Sandbox::open(&backend, "waits").is_err());
            created
        });
    }
}

#[test]
fn two_processes_that_want_an_image_fetch_its_layers_once() {
    if !available() {
        return;
    }
    let world = world();
    let proxy = pass(&world);
    let home = TempDir::new().unwrap();
    let mut children: Vec<Child> = (0..2)
        .map(|_| process(home.path(), proxy.address, 0, &[]))
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(proxy.asked(&world.large()).len(), 1);
}

/// Another process of this program, which pulls.
fn process(home: &Path, at: SocketAddr, status: i32, more: &[(&str, &Path)]) -> Child {
    let [of_home, of_image, of_status] = TOLD;
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "another_process_pulls"])
        .env(of_home, home)
        .env(of_image, image_at(at).to_string())
        .env(of_status, status.to_string())
        .envs(more.iter().copied())
        .spawn()
        .unwrap()
}

/// What [`process`] runs; by itself it has nothing to do.
#[test]
fn another_process_pulls() {
    let [Some(home), Some(image), Some(status)] = TOLD.map(|name| std::env::var(name).ok()) else {
        return;
    };
    let backend = backend(Path::new(&home), json!({}));
    let code = pull(&backend, &image, &plain()).map_or_else(|error| error.status().code(), |_| 0);
    assert_eq!(code.to_string(), status);
}
