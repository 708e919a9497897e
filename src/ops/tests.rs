use super::*;
use crate::deadline::Deadline;
use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

fn next(queue: &Queue) -> Arc<Op> {
    match queue.next(1, soon()).unwrap() {
        Next::Completed(mut ops) => ops.remove(0),
        Next::Woken | Next::End => panic!("no completion"),
    }
}

fn job<T: std::any::Any + Send>(
    queue: &Queue,
    body: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
) -> Arc<Op> {
    let accepted = queue.accept(0).unwrap();
    let op = Arc::clone(accepted.op());
    accepted.run(Lane::Local, Deadline::NEVER, body).unwrap();
    op
}

fn future<T: std::any::Any + Send>(
    queue: &Queue,
    body: impl Future<Output = Result<T, MsbError>> + Send + 'static,
) -> Arc<Op> {
    let accepted = queue.accept(0).unwrap();
    let op = Arc::clone(accepted.op());
    accepted.poll(body).unwrap();
    op
}

/// Waits as the core does, and says whether it was interrupted.
fn wait_for_cancel() -> Result<(), MsbError> {
    let (lock, never) = (parking_lot::Mutex::new(()), parking_lot::Condvar::new());
    let mut guard = lock.lock();
    while soon().wait(&never, &mut guard) {}
    check_cancelled()?;
    Ok(())
}

#[test]
fn a_job_gives_its_result_once() {
    let queue = Queue::new().unwrap();
    let op = job(&queue, || Ok(7_u32));
    assert_eq!(next(&queue).key, op.key);
    assert_eq!(op.status(), 0);
    assert_eq!(op.take::<u64>().unwrap_err().reason(), "op.result_type");
    assert_eq!(op.take::<u32>().unwrap(), 7);
    assert_eq!(op.take::<u32>().unwrap_err().reason(), "op.taken");
    assert_eq!(op.state(), State::Taken);
}

#[test]
fn a_result_stays_until_it_could_be_converted() {
    let queue = Queue::new().unwrap();
    let op = job(&queue, || Ok(7_u32));
    next(&queue);
    op.take_if(|_: &u32| Err::<(), _>(cancelled())).unwrap_err();
    assert_eq!(op.take_if(|value: &u32| Ok(*value)).unwrap(), 7);
}

#[test]
fn a_panic_is_the_error_of_its_operation_and_the_thread_goes_on() {
    let queue = Queue::new().unwrap();
    let op = job(&queue, || -> Result<(), _> { panic!("boom") });
    next(&queue);
    let error = op.take::<()>().unwrap_err();
    assert_eq!(error.reason(), "internal.panic");
    assert!(error.message().contains("boom"));
    let polled = future(&queue, async { if true { panic!("bang") } else { Ok(()) } });
    next(&queue);
    assert_eq!(polled.take::<()>().unwrap_err().reason(), "internal.panic");
    job(&queue, || Ok(()));
    assert_eq!(next(&queue).status(), 0);
}

#[test]
fn a_wait_of_the_core_ends_when_its_operation_is_cancelled() {
    let queue = Queue::new().unwrap();
    let (begun, begins) = mpsc::channel();
    let op = job(&queue, move || {
        begun.send(()).unwrap();
        wait_for_cancel()
    });
    begins.recv_timeout(PATIENCE).unwrap();
    let cancelled_at = Instant::now();
    op.cancel();
    next(&queue);
    assert!(cancelled_at.elapsed() < PATIENCE / 4);
    assert_eq!(op.take::<()>().unwrap_err().status(), Status::Cancelled);
}

#[test]
fn undoing_is_not_interrupted() {
    let queue = Queue::new().unwrap();
    let (begun, begins) = mpsc::channel();
    let op = job(&queue, move || {
        begun.send(()).unwrap();
        wait_for_cancel().unwrap_err();
        let _whole = Uninterrupted::begin();
        let (lock, never) = (parking_lot::Mutex::new(()), parking_lot::Condvar::new());
        let deadline = Deadline::after(Duration::from_millis(120));
        let from = Instant::now();
        let mut guard = lock.lock();
        while deadline.wait(&never, &mut guard) {}
        assert!(from.elapsed() >= Duration::from_millis(110));
        Ok(from)
    });
    begins.recv_timeout(PATIENCE).unwrap();
    op.cancel();
    next(&queue);
    // A success that was quicker than the cancellation stays one.
    op.take::<Instant>().unwrap();
}

#[test]
fn the_error_of_what_was_interrupted_is_the_cause() {
    let queue = Queue::new().unwrap();
    let op = job(&queue, || {
        wait_for_cancel().unwrap_err();
        Err::<(), _>(MsbError::new(Status::Timeout, "x.timeout", "it took too long"))
    });
    op.cancel();
    next(&queue);
    let error = op.take::<()>().unwrap_err();
    assert_eq!(error.reason(), "op.cancelled");
    assert!(error.causes().is_empty() || error.causes() == ["it took too long"]);
}

#[test]
fn a_future_that_is_ready_at_once_has_completed_when_it_is_accepted() {
    let queue = Queue::new().unwrap();
    let op = future(&queue, async { Ok(3_u8) });
    assert_eq!(op.state(), State::Finished);
    next(&queue);
    assert_eq!(op.take::<u8>().unwrap(), 3);
}

#[test]
fn a_waker_has_a_future_polled_from_any_thread() {
    let queue = Queue::new().unwrap();
    let (give, wakers) = mpsc::channel::<Waker>();
    let polls = AtomicUsize::new(0);
    future(
        &queue,
        poll_fn(move |context| {
            if polls.fetch_add(1, Ordering::SeqCst) == 3 {
                return Poll::Ready(Ok(()));
            }
            give.send(context.waker().clone()).unwrap();
            Poll::Pending
        }),
    );
    for _ in 0..3 {
        wakers.recv_timeout(PATIENCE).unwrap().wake();
    }
    assert_eq!(next(&queue).status(), 0);
}

#[test]
fn a_cancelled_future_is_dropped_before_its_completion() {
    struct Undo(mpsc::Sender<()>);
    impl Drop for Undo {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let queue = Queue::new().unwrap();
    let (undone, undoes) = mpsc::channel();
    let undo = Undo(undone);
    let op = future(&queue, async move {
        let _undo = undo;
        pending::<Result<(), MsbError>>().await
    });
    op.cancel();
    next(&queue);
    undoes.try_recv().unwrap();
    assert_eq!(op.take::<()>().unwrap_err().status(), Status::Cancelled);
}

#[test]
fn a_section_ends_before_its_cancelled_operation_completes() {
    let queue = Queue::new().unwrap();
    let (begun, begins) = mpsc::channel();
    let (ended, ends) = mpsc::channel();
    let op = future(&queue, async move {
        blocking(Lane::Local, move || {
            begun.send(()).unwrap();
            let result = wait_for_cancel();
            ended.send(()).unwrap();
            result
        })
        .await
    });
    begins.recv_timeout(PATIENCE).unwrap();
    op.cancel();
    next(&queue);
    ends.try_recv().unwrap();
    assert_eq!(op.status(), Status::Cancelled.code());
}

#[test]
fn sections_give_what_they_make_and_what_they_panic_with() {
    let queue = Queue::new().unwrap();
    let op = future(&queue, async {
        let half: u32 = blocking(Lane::Kill, || Ok(20)).await?;
        Ok(half + blocking(Lane::Lifecycle, || Ok(22)).await?)
    });
    next(&queue);
    assert_eq!(op.take::<u32>().unwrap(), 42);
    let op = future(&queue, async {
        blocking(Lane::Local, || -> Result<(), _> { panic!("deep") }).await
    });
    next(&queue);
    assert!(op.take::<()>().unwrap_err().message().contains("deep"));
}

#[test]
fn timers_that_share_a_deadline_do_not_take_each_other_away() {
    let queue = Queue::new().unwrap();
    let deadline = Deadline::after(Duration::from_millis(80));
    let (mut outer, mut inner) = (Timer::new(deadline), Some(Timer::new(deadline)));
    future(
        &queue,
        poll_fn(move |context| {
            if outer.has_passed(context) {
                return Poll::Ready(Ok(()));
            }
            if let Some(mut inner) = inner.take() {
                inner.has_passed(context);
            }
            Poll::Pending
        }),
    );
    assert_eq!(next(&queue).status(), 0);
    assert!(deadline.has_passed());
}

#[test]
fn a_guest_that_hangs_holds_up_only_its_own_calls() {
    let queue = Queue::new().unwrap();
    let hangs: Vec<_> = (0..40)
        .map(|_| {
            let accepted = queue.accept(1).unwrap();
            let op = Arc::clone(accepted.op());
            accepted
                .run(Lane::Guest(1), Deadline::NEVER, wait_for_cancel)
                .unwrap();
            op
        })
        .collect();
    queue
        .accept(2)
        .unwrap()
        .run(Lane::Guest(2), Deadline::NEVER, || Ok(()))
        .unwrap();
    assert_eq!(next(&queue).token(), 2);
    hangs.iter().for_each(|op| op.cancel());
    for _ in 0..40 {
        assert_eq!(next(&queue).status(), Status::Cancelled.code());
    }
}

#[test]
fn racing_submitters_and_cancellers_get_one_completion_each() {
    const THREADS: u64 = 6;
    const EACH: u64 = 400;
    let queue = Queue::new().unwrap();
    let mut seen = HashMap::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let queue = &queue;
            scope.spawn(move || {
                for i in 0..EACH {
                    let accepted = queue.accept(thread * EACH + i).unwrap();
                    let op = Arc::clone(accepted.op());
                    match i % 3 {
                        0 => accepted.run(Lane::Local, soon(), || Ok(())).unwrap(),
                        1 => accepted
                            .poll(async { blocking(Lane::Local, || Ok(())).await })
                            .unwrap(),
                        _ => accepted.poll(pending::<Result<(), MsbError>>()).unwrap(),
                    }
                    if i % 3 == 2 || i % 2 == 0 {
                        op.cancel();
                    }
                    if i % 5 == 0 {
                        op.abandon();
                    }
                }
            });
        }
        for _ in 0..THREADS * EACH {
            *seen.entry(next(&queue).token()).or_insert(0) += 1;
        }
    });
    assert_eq!(seen.len() as u64, THREADS * EACH);
    assert!(seen.values().all(|count| *count == 1));
    assert_eq!(queue.pending(), 0);
    queue.close(soon()).unwrap();
    assert!(matches!(queue.next(1, soon()).unwrap(), Next::End));
}

#[test]
fn what_was_accepted_and_never_started_was_never_there() {
    let queue = Queue::new().unwrap();
    drop(queue.accept(1).unwrap());
    assert_eq!(queue.pending(), 0);
    let late = queue.accept(2).unwrap();
    assert_eq!(
        queue
            .close(Deadline::after(Duration::from_millis(1)))
            .unwrap_err()
            .status(),
        Status::Timeout
    );
    drop(late);
    queue.close(soon()).unwrap();
    assert_eq!(queue.accept(3).err().unwrap().reason(), "queue.closed");
}

#[test]
fn a_thread_that_works_for_nobody_is_never_cancelled() {
    assert!(!is_cancelled() && !is_working());
    check_cancelled().unwrap();
    set_progress(1, 1);
    let deadline = Deadline::after(Duration::from_millis(1));
    let (lock, never) = (parking_lot::Mutex::new(()), parking_lot::Condvar::new());
    assert!(!deadline.wait(&never, &mut lock.lock()));
}
