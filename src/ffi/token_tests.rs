//! What the handle table promises, each promise a test.

use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct apple {
    id: u64,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct pear {
    id: u64,
}

handle!(apple, 14, u64);
handle!(pear, 15, String);

fn status<T>(result: Result<T, MsbError>) -> Option<Status> {
    result.err().map(|error| error.status())
}

fn release_in_place<H: Handle>(handle: &mut H) -> Option<Arc<H::Object>> {
    // SAFETY: a local.
    unsafe { release(handle) }
}

#[test]
fn a_handle_finds_its_object_until_it_is_released() {
    let mut handle: apple = insert(Arc::new(7)).unwrap();
    let copy = handle;
    assert_eq!(*lookup(handle).unwrap(), 7);
    assert_eq!(release_in_place(&mut handle).as_deref(), Some(&7));
    assert_eq!(handle.id, 0);
    assert_eq!(status(lookup(copy)), Some(Status::StaleHandle));
}

#[test]
fn a_second_release_of_a_copy_does_nothing() {
    let mut handle: apple = insert(Arc::new(7)).unwrap();
    let mut copy = handle;
    assert!(release_in_place(&mut handle).is_some());
    assert!(release_in_place(&mut copy).is_none());
    assert!(release_in_place(&mut handle).is_none());
    // SAFETY: NULL is allowed.
    assert!(unsafe { release::<apple>(std::ptr::null_mut()) }.is_none());
}

#[test]
fn a_live_handle_of_another_type_is_told_from_a_stale_one() {
    let mut fruit: pear = insert(Arc::new("conference".to_owned())).unwrap();
    let disguised = apple { id: fruit.id };
    assert_eq!(status(lookup(disguised)), Some(Status::WrongHandleType));
    assert!(
        release_in_place(&mut disguised.clone()).is_none(),
        "the wrong release must not take it"
    );
    assert_eq!(*lookup(fruit).unwrap(), "conference");
    release_in_place(&mut fruit);
    assert_eq!(status(lookup(disguised)), Some(Status::StaleHandle));
}

#[test]
fn the_null_handle_is_an_invalid_argument() {
    let error = lookup(apple { id: 0 }).unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::InvalidArgument, "handle.null")
    );
}

#[test]
fn forged_handles_are_stale() {
    let mut live: apple = insert(Arc::new(1)).unwrap();
    let mut forged = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100_000 {
        forged = forged
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if forged != live.id && forged != 0 {
            assert!(lookup(apple { id: forged }).is_err());
        }
    }
    for bit in 0..64 {
        assert!(
            lookup(apple {
                id: live.id ^ 1 << bit
            })
            .is_err(),
            "bit {bit}"
        );
    }
    release_in_place(&mut live);
}

#[test]
fn a_freed_slot_waits_in_quarantine_and_comes_back_with_a_new_generation() {
    let mut shard = Shard {
        slots: Vec::new(),
        free: VecDeque::new(),
    };
    let (first, slot) = shard.insert(1, Arc::new(0_u8)).unwrap();
    shard.remove(slot as usize, first).unwrap();
    for _ in 0..QUARANTINE {
        let (stamp, other) = shard.insert(1, Arc::new(0_u8)).unwrap();
        assert_ne!(other, slot, "reused too early");
        shard.remove(other as usize, stamp).unwrap();
    }
    let (second, again) = shard.insert(1, Arc::new(0_u8)).unwrap();
    assert_eq!(again, slot);
    assert_ne!(second, first);
    assert!(shard.remove(slot as usize, first).is_none());
}

#[test]
fn a_slot_retires_when_its_generations_are_used_up() {
    let mut shard = Shard {
        slots: Vec::new(),
        free: VecDeque::new(),
    };
    let (_, slot) = shard.insert(1, Arc::new(0_u8)).unwrap();
    let last = u64::from(MAX_GENERATION) << GENERATION_SHIFT | 1 << KIND_SHIFT;
    shard.slots[slot as usize].stamp = last;
    assert!(shard.remove(slot as usize, last).is_some());
    assert!(shard.free.is_empty());
    assert!(shard.remove(slot as usize, last).is_none());
}

#[test]
fn a_full_table_is_a_status() {
    let mut shard = Shard {
        slots: Vec::new(),
        free: VecDeque::new(),
    };
    let object: Object = Arc::new(0_u8);
    for _ in 0..MAX_SLOTS {
        shard.insert(1, Arc::clone(&object)).unwrap();
    }
    assert!(shard.insert(1, object).is_none());
}

#[test]
fn live_handles_are_counted_by_kind() {
    let kind = |kind| {
        // SAFETY: takes no pointer.
        unsafe { msb_debug_live_objects(kind) }
    };
    let mut a: pear = insert(Arc::new(String::new())).unwrap();
    assert!(kind(pear::KIND) >= 1 && kind(MSB_KIND_ALL) >= 1);
    assert_eq!(kind(u32::MAX), 0);
    release_in_place(&mut a);
}

#[test]
fn an_object_outlives_its_handle_while_a_call_uses_it() {
    let object = Arc::new(5);
    let mut handle: apple = insert(Arc::clone(&object)).unwrap();
    let used = lookup(handle).unwrap();
    drop(release_in_place(&mut handle));
    assert_eq!(*used, 5);
    drop(used);
    assert_eq!(Arc::strong_count(&object), 1);
}

#[test]
fn threads_that_look_up_release_and_insert_never_see_another_object() {
    let stop = Arc::new(AtomicBool::new(false));
    let shared: Arc<[AtomicU64; 8]> = Arc::default();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (stop, shared) = (Arc::clone(&stop), Arc::clone(&shared));
            thread::spawn(move || {
                let mut hits = 0_u64;
                while !stop.load(Ordering::Relaxed) || hits == 0 {
                    for (i, id) in shared.iter().enumerate() {
                        let id = id.load(Ordering::Acquire);
                        match lookup(apple { id }) {
                            Ok(object) => {
                                assert_eq!(*object % 8, i as u64, "a token led to another object");
                                hits += 1;
                            }
                            Err(error) => assert!(matches!(
                                error.status(),
                                Status::StaleHandle | Status::InvalidArgument
                            )),
                        }
                    }
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for round in 0..20_000_u64 {
                    let i = (round * 2 + writer) % 8;
                    let mut handle: apple = insert(Arc::new(round * 8 + i)).unwrap();
                    shared[i as usize].store(handle.id, Ordering::Release);
                    assert!(release_in_place(&mut handle).is_some());
                    // The last one of each stays live, so that the readers are sure to find something.
                    if round >= 19_990 {
                        let kept: apple = insert(Arc::new(i)).unwrap();
                        shared[i as usize].store(kept.id, Ordering::Release);
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn a_function_body_takes_a_handle_as_its_object() {
    let mut fruit: apple = insert(Arc::new(3)).unwrap();
    let handle = fruit;
    let got = ffi!(else 0, [token handle], { Ok(*handle) });
    assert_eq!(got, 3);
    release_in_place(&mut fruit);
}
