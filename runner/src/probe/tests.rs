use super::*;

#[test]
fn a_missing_device_is_told_from_one_that_is_no_kvm() {
    let missing = open_kvm("/dev/no-such-device").unwrap_err();
    assert_eq!(Failure::from(missing).cause, "no_device");
    let directory = open_kvm("/dev").unwrap_err();
    assert_eq!(Failure::from(directory).cause, "cannot_open");
}

#[test]
fn the_smallest_guest_gives_a_verdict_in_time() {
    let Ok(kvm) = open_kvm(KVM_PATH) else { return };
    // SAFETY: the descriptor is open and owned; the wrapper takes it over.
    let kvm = unsafe { Kvm::from_raw_fd(kvm.into_raw_fd()) };
    let begin = std::time::Instant::now();
    // Either verdict may be right here; that there is one is the promise.
    let _ = spin::run(kvm);
    assert!(begin.elapsed() < std::time::Duration::from_secs(5));
}
