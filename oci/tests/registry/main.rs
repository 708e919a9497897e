//! A real registry, with and without login and TLS, and with a proxy before it that does what networks do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking and say what they skip"
)]

mod proxy;
mod server;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use msb_oci::registry::{
    BlobWanted, Credential, Origin, Patience, Progress, RegistryError, RegistryOptions, fetch_blobs, resolve,
};
use msb_oci::{Digest, Platform, Reference};
use tempfile::TempDir;

use proxy::{Action, Proxy, reply, some};
use server::{PASSWORD, USER, World, available, header, image_at};

fn never() -> bool {
    false
}

/// By plain HTTP, and with little patience.
fn options() -> RegistryOptions {
    RegistryOptions {
        insecure: true,
        platform: Platform::new("linux", "amd64", None),
        patience: Patience {
            connect: Duration::from_secs(5),
            stall: Duration::from_millis(400),
            attempts: 4,
            pause: Duration::from_millis(5),
        },
        ..RegistryOptions::default()
    }
}

fn with_login(password: &str) -> RegistryOptions {
    RegistryOptions {
        credential: Some(Credential::password(Origin::Call, USER, password)),
        ..options()
    }
}

fn fetch(at: SocketAddr, wanted: &[BlobWanted], options: &RegistryOptions) -> Result<(), RegistryError> {
    fetch_blobs(&image_at(at), wanted, options, &|_| (), &never)
}

/// Fetches the image's blobs through a proxy, and looks whether they are what they have to be.
fn fetches_through(world: &World, proxy: &Proxy) {
    let into = TempDir::new().unwrap();
    let wanted = world.blobs(into.path());
    fetch(proxy.address, &wanted, &options()).unwrap();
    for (blob, layer) in wanted.iter().zip(&world.layers) {
        assert!(std::fs::read(&blob.partial_path).unwrap() == *layer);
    }
}

fn fails_through(world: &World, proxy: &Proxy) -> RegistryError {
    let into = TempDir::new().unwrap();
    fetch(proxy.address, &world.blobs(into.path())[..1], &options()).unwrap_err()
}

#[test]
fn an_image_is_found_by_name_and_platform_and_its_blobs_are_fetched() {
    if !available() {
        return;
    }
    let world = World::new();
    let name = image_at(world.server.address);
    let image = resolve(&name, &options(), &never).unwrap();
    assert_eq!(image.platform, Platform::new("linux", "amd64", None));
    assert_eq!(image.digest, Digest::of(&image.manifest));
    let layers: Vec<_> = image.layers.iter().map(|layer| layer.digest.clone()).collect();
    assert_eq!(
        layers,
        world
            .layers
            .iter()
            .map(|layer| Digest::of(layer))
            .collect::<Vec<_>>()
    );

    let mut other = options();
    other.platform = Platform::new("linux", "s390x", None);
    let error = resolve(&name, &other, &never).unwrap_err();
    assert!(matches!(error, RegistryError::Image { .. }), "{error:?}");
    let by_digest = Reference::parse(&format!("{}@{}", name.name(), image.digest)).unwrap();
    assert_eq!(resolve(&by_digest, &options(), &never).unwrap(), image);
    let missing = Reference::parse(&format!("{}:missing", name.name())).unwrap();
    let error = resolve(&missing, &options(), &never).unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error:?}");

    let into = TempDir::new().unwrap();
    let wanted = world.blobs(into.path());
    let told = Mutex::new(Vec::new());
    let here = std::thread::current().id();
    let tell = |progress| {
        assert_eq!(std::thread::current().id(), here);
        told.lock().unwrap().push(progress);
    };
    fetch_blobs(&name, &wanted, &options(), &tell, &never).unwrap();
    let told = told.into_inner().unwrap();
    let size: u64 = wanted.iter().map(|blob| blob.size).sum();
    let end = Progress::Bytes {
        have: size,
        total: size,
    };
    assert_eq!(told.last(), Some(&end));
    for blob in 0..wanted.len() {
        assert_eq!(
            told.iter()
                .filter(|one| **one == Progress::Finished { blob })
                .count(),
            1
        );
    }
}

#[test]
fn a_login_is_shown_to_a_registry_that_asks_for_it_and_never_in_an_error() {
    if !available() {
        return;
    }
    let world = World::new();
    let server = world.with_login();
    let name = image_at(server.address);
    let error = resolve(&name, &options(), &never).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Unauthorized { tried: None, .. }),
        "{error:?}"
    );
    let error = resolve(&name, &with_login("wrong-password"), &never).unwrap_err();
    let origin = Some(Origin::Call);
    assert!(
        matches!(&error, RegistryError::Unauthorized { tried, .. } if *tried == origin),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("wrong-password"));
    resolve(&name, &with_login(PASSWORD), &never).unwrap();
    let into = TempDir::new().unwrap();
    fetch(server.address, &world.blobs(into.path()), &with_login(PASSWORD)).unwrap();
}

#[test]
fn a_private_authority_has_to_be_named() {
    if !available() {
        return;
    }
    let world = World::new();
    let (server, authority) = world.with_tls();
    let name = image_at(server.address);
    let mut options = RegistryOptions {
        insecure: false,
        ..options()
    };
    let error = resolve(&name, &options, &never).unwrap_err();
    assert!(
        matches!(error, RegistryError::Tls { .. } | RegistryError::NoAuthorities),
        "{error:?}"
    );
    options.ca_certs.push(authority);
    resolve(&name, &options, &never).unwrap();
    let into = TempDir::new().unwrap();
    fetch(server.address, &world.blobs(into.path()), &options).unwrap();
    options.ca_certs.push(into.path().join("0"));
    let error = resolve(&name, &options, &never).unwrap_err();
    assert!(matches!(error, RegistryError::Certificates { .. }), "{error:?}");
    // Plain HTTP at the other end.
    options.ca_certs.pop();
    let error = resolve(&image_at(world.server.address), &options, &never).unwrap_err();
    assert!(matches!(error, RegistryError::Tls { .. }), "{error:?}");
}

#[test]
fn a_dropped_connection_goes_on_where_it_ended() {
    if !available() {
        return;
    }
    let world = World::new();
    let proxy = Proxy::before(
        world.server.address,
        some(world.large(), 2, Action::DropAfter(20_000)),
    );
    fetches_through(&world, &proxy);
    let asked = proxy.asked(&Digest::of(&world.layers[0]).to_string());
    assert!(
        asked.iter().any(|head| header(head, "range").is_some()),
        "{asked:?}"
    );
}

#[test]
fn a_server_that_knows_no_ranges_gives_the_whole_blob_again() {
    if !available() {
        return;
    }
    let world = World::new();
    let (large, count) = (world.large(), AtomicU64::new(0));
    let proxy = Proxy::before(world.server.address, move |head| {
        let first = head.contains(&large) && count.fetch_add(1, Ordering::Relaxed) < 3;
        if first {
            Action::DropAfter(20_000)
        } else {
            Action::WithoutRange
        }
    });
    fetches_through(&world, &proxy);
}

#[test]
fn a_server_that_stalls_is_left_in_time_and_asked_again() {
    if !available() {
        return;
    }
    let world = World::new();
    let proxy = Proxy::before(
        world.server.address,
        some(world.large(), 1, Action::StallAfter(50_000)),
    );
    fetches_through(&world, &proxy);
    let always = Proxy::before(
        world.server.address,
        some(world.large(), usize::MAX, Action::StallAfter(0)),
    );
    let begin = Instant::now();
    let error = fails_through(&world, &always);
    assert!(matches!(error, RegistryError::Stalled { .. }), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(always.asked("/blobs/").len(), 4);
}

#[test]
fn a_damaged_blob_is_fetched_once_more_and_never_given_out() {
    if !available() {
        return;
    }
    let world = World::new();
    let proxy = Proxy::before(world.server.address, some(world.large(), 1, Action::CorruptAt(0)));
    fetches_through(&world, &proxy);
    let always = Proxy::before(
        world.server.address,
        some(world.large(), usize::MAX, Action::CorruptAt(0)),
    );
    let into = TempDir::new().unwrap();
    let wanted = world.blobs(into.path());
    let error = fetch(always.address, &wanted[..1], &options()).unwrap_err();
    assert!(matches!(error, RegistryError::Corrupt { .. }), "{error:?}");
    assert_eq!(always.asked("/blobs/").len(), 2);
    assert_eq!(std::fs::metadata(&wanted[0].partial_path).unwrap().len(), 0);
    // Documents too.
    let documents = Proxy::before(
        world.server.address,
        some("/manifests/sha256", 1, Action::CorruptAt(30)),
    );
    resolve(&image_at(documents.address), &options(), &never).unwrap();
}

#[test]
fn an_angry_registry_gets_the_pause_that_it_asks_for() {
    if !available() {
        return;
    }
    let world = World::new();
    let busy = reply("429 Too Many Requests", "Retry-After: 1\r\n", "");
    let (large, times) = (world.large(), std::sync::Arc::new(Mutex::new(Vec::new())));
    let noted = times.clone();
    let proxy = Proxy::before(world.server.address, move |head| {
        if !head.contains(&large) {
            return Action::Pass;
        }
        let mut times = noted.lock().unwrap();
        times.push(Instant::now());
        if times.len() == 1 {
            busy.clone()
        } else {
            Action::Pass
        }
    });
    fetches_through(&world, &proxy);
    let pauses = times.lock().unwrap();
    assert!(pauses[1] - pauses[0] >= Duration::from_secs(1));
    let failing = Proxy::before(
        world.server.address,
        some(world.large(), 3, reply("500 Oh No", "", "secret?")),
    );
    fetches_through(&world, &failing);
    let later = reply("429 Too Many Requests", "Retry-After: 3600\r\n", "");
    let later = Proxy::before(world.server.address, some(world.large(), usize::MAX, later));
    let error = fails_through(&world, &later);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(matches!(error, RegistryError::RateLimited { .. }), "{error:?}");
    assert_eq!(later.asked("/blobs/").len(), 1);
    let broken = Proxy::before(
        world.server.address,
        some(world.large(), usize::MAX, reply("503 No", "", "")),
    );
    let error = fails_through(&world, &broken);
    assert!(
        matches!(error, RegistryError::Server { status: 503, .. }),
        "{error:?}"
    );
    assert_eq!(broken.asked("/blobs/").len(), 4);
}

#[test]
fn a_cancel_ends_a_stalled_download_at_once_and_the_next_one_goes_on() {
    if !available() {
        return;
    }
    let world = World::new();
    let proxy = Proxy::before(
        world.server.address,
        some(world.large(), 1, Action::StallAfter(1 << 20)),
    );
    let into = TempDir::new().unwrap();
    let wanted = &world.blobs(into.path())[..1];
    let have = AtomicU64::new(0);
    let tell = |progress| {
        if let Progress::Bytes { have: now, .. } = progress {
            have.store(now, Ordering::Relaxed);
        }
    };
    let asked = Mutex::new(None);
    let cancel = || {
        let stalled = have.load(Ordering::Relaxed) == 1 << 20;
        let mut asked = asked.lock().unwrap();
        if stalled && asked.is_none() {
            *asked = Some(Instant::now());
        }
        stalled
    };
    let mut patient = options();
    patient.patience.stall = Duration::from_secs(20);
    let name = image_at(proxy.address);
    let error = fetch_blobs(&name, wanted, &patient, &tell, &cancel).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled), "{error:?}");
    let took = asked.lock().unwrap().unwrap().elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(std::fs::metadata(&wanted[0].partial_path).unwrap().len(), 1 << 20);
    fetch(proxy.address, wanted, &options()).unwrap();
    let last = proxy.asked("/blobs/").pop().unwrap();
    assert_eq!(header(&last, "range"), Some("bytes=1048576-"));
}

#[test]
fn what_is_in_a_file_already_is_checked() {
    if !available() {
        return;
    }
    let world = World::new();
    let proxy = Proxy::before(world.server.address, |_: &str| Action::Pass);
    let into = TempDir::new().unwrap();
    let wanted = world.blobs(into.path());
    // Whole; a wrong beginning; longer than the blob.
    std::fs::write(&wanted[0].partial_path, &world.layers[0]).unwrap();
    std::fs::write(&wanted[1].partial_path, b"something else").unwrap();
    std::fs::write(&wanted[2].partial_path, b"something else").unwrap();
    fetch(proxy.address, &wanted, &options()).unwrap();
    for (blob, layer) in wanted.iter().zip(&world.layers) {
        assert!(std::fs::read(&blob.partial_path).unwrap() == *layer);
    }
    assert!(proxy.asked(&wanted[0].digest.to_string()).is_empty());
    let link = into.path().join("link");
    std::os::unix::fs::symlink(into.path().join("elsewhere"), &link).unwrap();
    let linked = BlobWanted {
        partial_path: link,
        ..wanted[1].clone()
    };
    let error = fetch(proxy.address, &[linked], &options()).unwrap_err();
    assert!(matches!(error, RegistryError::File { .. }), "{error:?}");
    assert!(!into.path().join("elsewhere").exists());
}

#[test]
fn a_token_is_fetched_with_the_login_used_until_refused_and_not_carried_elsewhere() {
    if !available() {
        return;
    }
    let world = World::new();
    let storage = Proxy::before(world.server.address, |_: &str| Action::Pass);
    let elsewhere = storage.address;
    let issued = AtomicU64::new(0);
    let home = std::sync::OnceLock::<SocketAddr>::new();
    let home = std::sync::Arc::new(home);
    let own = home.clone();
    let registry = Proxy::before(world.server.address, move |head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let shown = header(head, "authorization").unwrap_or_default();
        let challenge = format!(
            "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"test\"\r\n",
            own.get().unwrap()
        );
        if path.starts_with("/token") {
            assert!(
                path.contains("scope=repository%3Atest%2Fimage%3Apull&service=test"),
                "{path}"
            );
            if !shown.starts_with("Basic ") {
                return reply("401 Unauthorized", "", "");
            }
            let token = issued.fetch_add(1, Ordering::Relaxed);
            return reply("200 OK", "", &format!("{{\"token\":\"token-{token}\"}}"));
        }
        // The first token is good for the name alone.
        let good = shown == "Bearer token-1" || (shown == "Bearer token-0" && path.ends_with("/latest"));
        if !good {
            return reply("401 Unauthorized", &challenge, "");
        }
        if path.contains("/blobs/") {
            let to = format!("Location: http://{elsewhere}{path}\r\n");
            return reply("307 Temporary Redirect", &to, "");
        }
        Action::Pass
    });
    home.set(registry.address).unwrap();
    let name = image_at(registry.address);
    resolve(&name, &with_login(PASSWORD), &never).unwrap();
    assert_eq!(registry.asked("/token").len(), 2);
    assert!(!storage.requests.lock().unwrap().is_empty());
    for head in storage.requests.lock().unwrap().iter() {
        assert_eq!(header(head, "authorization"), None);
    }
    let error = resolve(&name, &options(), &never).unwrap_err();
    assert!(
        matches!(error, RegistryError::Unauthorized { tried: None, .. }),
        "{error:?}"
    );
}

#[test]
fn answers_without_end_are_cut() {
    if !available() {
        return;
    }
    let world = World::new();
    let long = " ".repeat(5 << 20);
    let proxy = Proxy::before(
        world.server.address,
        some("/manifests/", 9, reply("200 OK", "", &long)),
    );
    let error = resolve(&image_at(proxy.address), &options(), &never).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error:?}");
    let circle = reply("302 Found", "Location: /v2/again\r\n", "");
    let proxy = Proxy::before(world.server.address, some("/", 99, circle));
    let error = resolve(&image_at(proxy.address), &options(), &never).unwrap_err();
    assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
}
