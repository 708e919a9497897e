/* Queues: completions in order and exactly once, waiting for them by call, descriptor or dispatcher, wake, close, release. */
#include "async.h"

#include <pthread.h>
#include <stdatomic.h>

static msb_backend backend;
static msb_volume volume;
static int idle[2];

static msb_op write_file(const char *path, msb_queue queue, uint64_t token) {
    msb_error *err = NULL;
    msb_op op = {0};
    CHECK_OK(err, msb_volume_write_async(volume, path, "x", 1, queue, token, &op, &err));
    CHECK(op.id != 0);
    return op;
}

TEST(a_completion_has_the_token_the_operation_and_the_status) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    msb_op good = write_file("good", queue, 7), bad = {0};
    CHECK_OK(err, msb_volume_read_async(volume, "no/such", queue, UINT64_MAX, &bad, &err));
    for (int i = 0; i < 2; i++) {
        msb_completion completion = next_completion(queue);
        CHECK(completion.reserved == 0 && completion.reserved_words[3] == 0);
        if (completion.token == 7) CHECK(completion.op.id == good.id && completion.status == MSB_OK);
        else CHECK(completion.token == UINT64_MAX && completion.op.id == bad.id && completion.status == MSB_ERR_NOT_FOUND);
    }
    CHECK(is_empty(queue));
    msb_op_release(&good);
    msb_op_release(&bad);
    close_queue(&queue);
}

TEST(looking_waiting_and_bad_arguments_are_told_apart) {
    msb_error *err = NULL;
    msb_queue queue = new_queue(), none = {0};
    msb_completion completion;
    size_t n = 5;
    CHECK_STATUS(MSB_ERR_WOULD_BLOCK, err, msb_queue_next(queue, &completion, 1, 0, &n, &err));
    CHECK(n == 0);
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_queue_next(queue, &completion, 1, 1, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_next(queue, &completion, 0, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_next(queue, NULL, 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_next(queue, &completion, 1, 0, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_next(none, &completion, 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_new(NULL, &err));
    close_queue(&queue);
}

TEST(a_refused_submission_has_no_completion) {
    msb_error *err = NULL;
    msb_queue queue = new_queue(), stale = queue;
    msb_volume none = {0};
    msb_op op = {9};
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_read_async(none, "x", queue, 1, &op, &err));
    CHECK(op.id == 0);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_read_async(volume, NULL, queue, 1, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_read_async(volume, "x", queue, 1, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_fs_list_async(volume, ".", 0, 0, queue, 1, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_fs_tar_import_async(volume, ".", -1, queue, 1, &op, &err));
    CHECK(is_empty(queue));
    close_queue(&queue);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_volume_read_async(volume, "x", stale, 1, &op, &err));
    CHECK(op.id == 0);
}

TEST(a_stale_or_forged_queue_is_a_status) {
    msb_error *err = NULL;
    msb_queue queue = new_queue(), stale = queue, forged = {queue.id ^ 3}, other = {backend.id};
    int32_t fd = 3;
    close_queue(&queue);
    CHECK(queue.id == 0);
    msb_queue_release(&queue);
    msb_queue_release(NULL);
    msb_completion completion;
    size_t n;
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_queue_next(stale, &completion, 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_queue_wake(forged, &err));
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_queue_close(other, 0, &err));
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_queue_fd(stale, &fd, &err));
    CHECK(fd == -1);
    CHECK(msb_queue_pending(stale) == 0);
}

TEST(the_descriptor_is_readable_while_next_would_not_wait) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    int32_t fd = -1;
    CHECK_OK(err, msb_queue_fd(queue, &fd, &err));
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(!is_readable(fd));
    msb_op ops[3];
    for (int i = 0; i < 3; i++) ops[i] = write_file("level", queue, 1);
    EVENTUALLY(is_readable(fd));
    for (int i = 0; i < 3; i++) {
        struct pollfd look = {.fd = fd, .events = POLLIN};
        CHECK(poll(&look, 1, PATIENCE_MS) == 1);
        CHECK(is_readable(fd));
        next_completion(queue);
        msb_op_release(&ops[i]);
    }
    CHECK(!is_readable(fd));
    CHECK_OK(err, msb_queue_wake(queue, &err));
    CHECK(is_readable(fd));
    msb_completion completion;
    size_t n = 1;
    CHECK_OK(err, msb_queue_next(queue, &completion, 1, 0, &n, &err));
    CHECK(n == 0 && !is_readable(fd));
    CHECK_OK(err, msb_queue_close(queue, PATIENCE_MS, &err));
    CHECK(is_readable(fd));
    CHECK_STATUS(MSB_ERR_END_OF_STREAM, err, msb_queue_next(queue, &completion, 1, -1, &n, &err));
    CHECK(is_readable(fd));
    msb_queue_release(&queue);
}

TEST(completions_come_in_batches_as_large_as_asked_for) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    msb_op ops[10];
    msb_completion batch[4];
    size_t n = 0, taken = 0;
    for (int i = 0; i < 10; i++) ops[i] = write_file("batch", queue, i);
    CHECK(msb_queue_pending(queue) == 10);
    while (taken < 10) {
        CHECK_OK(err, msb_queue_next(queue, batch, 4, PATIENCE_MS, &n, &err));
        CHECK(n >= 1 && n <= 4);
        if (!n) break;
        taken += n;
        CHECK(msb_queue_pending(queue) == 10 - taken);
    }
    CHECK(is_empty(queue));
    for (int i = 0; i < 10; i++) msb_op_release(&ops[i]);
    close_queue(&queue);
}

static void *wake_it(void *queue) {
    msb_queue_wake(*(msb_queue *)queue, NULL);
    return NULL;
}

TEST(a_wake_ends_one_wait_each) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    msb_completion completion;
    size_t n = 1;
    pthread_t other;
    pthread_create(&other, NULL, wake_it, &queue);
    CHECK_OK(err, msb_queue_next(queue, &completion, 1, PATIENCE_MS, &n, &err));
    CHECK(n == 0);
    pthread_join(other, NULL);
    CHECK_OK(err, msb_queue_wake(queue, &err));
    CHECK_OK(err, msb_queue_wake(queue, &err));
    CHECK_OK(err, msb_queue_next(queue, &completion, 1, 0, &n, &err));
    CHECK_OK(err, msb_queue_next(queue, &completion, 1, 0, &n, &err));
    CHECK(is_empty(queue));
    close_queue(&queue);
}

TEST(closing_cancels_what_is_in_flight_and_completes_each_once) {
    enum { IN_FLIGHT = 100 };
    msb_error *err = NULL;
    int threads = count_threads();
    msb_queue queue = new_queue();
    msb_op ops[IN_FLIGHT], late = {0};
    int seen[IN_FLIGHT] = {0};
    for (int i = 0; i < IN_FLIGHT; i++) ops[i] = hanging(volume, "closing", idle[0], queue, i);
    CHECK_OK(err, msb_queue_close(queue, PATIENCE_MS, &err));
    CHECK(count_threads() == threads);
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_volume_read_async(volume, "x", queue, 1, &late, &err));
    CHECK(late.id == 0);
    msb_completion batch[IN_FLIGHT + 1];
    size_t n = 0;
    CHECK_OK(err, msb_queue_next(queue, batch, IN_FLIGHT + 1, 0, &n, &err));
    CHECK(n == IN_FLIGHT);
    for (size_t i = 0; i < n; i++) {
        CHECK(batch[i].status == MSB_ERR_CANCELLED && batch[i].token < IN_FLIGHT && !seen[batch[i].token]++);
        CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_finish(batch[i].op, &err));
    }
    CHECK_STATUS(MSB_ERR_END_OF_STREAM, err, msb_queue_next(queue, batch, 1, -1, &n, &err));
    CHECK_OK(err, msb_queue_close(queue, 0, &err));
    for (int i = 0; i < IN_FLIGHT; i++) msb_op_release(&ops[i]);
    msb_queue_release(&queue);
}

TEST(releasing_a_queue_waits_for_nothing_and_its_threads_end) {
    int threads = count_threads();
    msb_queue queue = new_queue();
    msb_op held = hanging(volume, "release", idle[0], queue, 1), let_go = hanging(volume, "release", idle[0], queue, 2);
    msb_op_release(&let_go);
    int64_t begun = now_ms();
    msb_queue_release(&queue);
    CHECK(now_ms() - begun < 5000);
    EVENTUALLY(count_threads() == threads);
    msb_error *err = NULL;
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_finish(held, &err));
    msb_op_release(&held);
}

static void *wait_for_end(void *queue) {
    msb_completion completion;
    size_t n;
    return (void *)(intptr_t)msb_queue_next(*(msb_queue *)queue, &completion, 1, -1, &n, NULL);
}

TEST(a_wait_ends_when_the_queue_is_closed_or_released) {
    msb_queue closed = new_queue(), released = new_queue(), its = released;
    pthread_t waits[2];
    void *status = NULL;
    pthread_create(&waits[0], NULL, wait_for_end, &closed);
    pthread_create(&waits[1], NULL, wait_for_end, &its);
    close_queue(&closed);
    msb_queue_release(&released);
    for (int i = 0; i < 2; i++) {
        pthread_join(waits[i], &status);
        /* It may not have begun before the queue was released. */
        CHECK((intptr_t)status == MSB_ERR_END_OF_STREAM || (intptr_t)status == MSB_ERR_STALE_HANDLE ||
              (intptr_t)status == MSB_ERR_INVALID_ARGUMENT);
    }
}

/* ---- dispatcher ---- */

struct record {
    atomic_int completed, cancelled, finalized, foreign;
    atomic_long thread;
    msb_queue queue;
    msb_status close_status;
};

static void note_thread(struct record *record) {
    long none = 0, here = syscall(SYS_gettid);
    if (!atomic_compare_exchange_strong(&record->thread, &none, here) && none != here) record->foreign++;
}

static void completed(void *user, const msb_completion *completion) {
    struct record *record = user;
    msb_op op = completion->op;
    note_thread(record);
    if (completion->status == MSB_ERR_CANCELLED) record->cancelled++;
    msb_op_release(&op);
    record->completed++;
}

static void closes_queue(void *user, const msb_completion *completion) {
    struct record *record = user;
    msb_op op = completion->op;
    msb_op_release(&op);
    record->close_status = msb_queue_close(record->queue, -1, NULL);
    record->completed++;
}

static void finalized(void *user) {
    struct record *record = user;
    record->finalized++;
}

static msb_dispatcher new_dispatcher(void) {
    msb_error *err = NULL;
    msb_dispatcher dispatcher = {0};
    CHECK_OK(err, msb_dispatcher_start(&dispatcher, &err));
    return dispatcher;
}

static void stop_dispatcher(msb_dispatcher *dispatcher) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_dispatcher_stop(*dispatcher, PATIENCE_MS, &err));
    msb_dispatcher_release(dispatcher);
}

TEST(a_dispatcher_delivers_every_completion_on_its_own_thread_only) {
    msb_error *err = NULL;
    struct record record = {0};
    msb_queue queue = new_queue();
    msb_dispatcher dispatcher = new_dispatcher();
    msb_op early = write_file("dispatched", queue, 0);
    (void)early;
    CHECK_OK(err, msb_queue_dispatch(queue, dispatcher, completed, &record, finalized, &err));
    int count = scaled(1000);
    for (int i = 0; i < count; i++) write_file("dispatched", queue, i);
    for (int i = 0; i < 20; i++) hanging(volume, "dispatched_tar", idle[0], queue, i);
    EVENTUALLY(record.completed == count + 1);
    msb_completion completion;
    size_t n;
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_queue_next(queue, &completion, 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_queue_dispatch(queue, dispatcher, completed, NULL, NULL, &err));
    CHECK(record.finalized == 0);
    CHECK_OK(err, msb_queue_close(queue, PATIENCE_MS, &err));
    EVENTUALLY(record.finalized == 1);
    CHECK(record.completed == count + 21 && record.cancelled == 20 && record.foreign == 0);
    CHECK(record.thread != syscall(SYS_gettid));
    msb_queue_release(&queue);
    stop_dispatcher(&dispatcher);
    CHECK(record.finalized == 1);
}

TEST(a_released_queue_still_delivers_to_its_dispatcher) {
    msb_error *err = NULL;
    struct record record = {0};
    msb_queue queue = new_queue();
    msb_dispatcher dispatcher = new_dispatcher();
    CHECK_OK(err, msb_queue_dispatch(queue, dispatcher, completed, &record, finalized, &err));
    for (int i = 0; i < 40; i++) hanging(volume, "delivered", idle[0], queue, i);
    msb_queue_release(&queue);
    EVENTUALLY(record.finalized == 1);
    CHECK(record.completed == 40 && record.cancelled == 40 && record.foreign == 0);
    stop_dispatcher(&dispatcher);
}

TEST(what_a_stopped_dispatcher_left_can_be_read) {
    msb_error *err = NULL;
    struct record record = {0};
    msb_queue queue = new_queue();
    msb_dispatcher dispatcher = new_dispatcher();
    CHECK_OK(err, msb_queue_dispatch(queue, dispatcher, completed, &record, finalized, &err));
    msb_op op = hanging(volume, "left", idle[0], queue, 5);
    stop_dispatcher(&dispatcher);
    CHECK(record.finalized == 1);
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(completes(queue, op, 5, MSB_ERR_CANCELLED));
    msb_op_release(&op);
    close_queue(&queue);
}

TEST(a_queue_is_not_closed_by_its_own_dispatcher) {
    msb_error *err = NULL;
    struct record record = {.queue = new_queue()};
    msb_dispatcher dispatcher = new_dispatcher();
    CHECK_OK(err, msb_queue_dispatch(record.queue, dispatcher, closes_queue, &record, finalized, &err));
    write_file("own", record.queue, 1);
    EVENTUALLY(record.completed == 1);
    CHECK(record.close_status == MSB_ERR_WOULD_DEADLOCK);
    close_queue(&record.queue);
    stop_dispatcher(&dispatcher);
}

TEST(the_finalizer_is_called_when_a_dispatch_fails) {
    msb_error *err = NULL;
    struct record record = {0};
    msb_queue queue = new_queue();
    msb_dispatcher dispatcher = new_dispatcher(), none = {0};
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_dispatch(queue, dispatcher, NULL, &record, finalized, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_queue_dispatch(queue, none, completed, &record, finalized, &err));
    stop_dispatcher(&dispatcher);
    CHECK(record.finalized == 2);
    close_queue(&queue);
}

TEST(a_child_process_can_use_no_queue) {
    msb_queue queue = new_queue();
    msb_op op = hanging(volume, "forked", idle[0], queue, 1);
    pid_t child = fork();
    if (child == 0) {
        msb_completion completion;
        size_t n;
        int ok = msb_queue_next(queue, &completion, 1, -1, &n, NULL) == MSB_ERR_FORKED &&
                 msb_op_cancel(op, NULL) == MSB_ERR_FORKED && msb_queue_close(queue, -1, NULL) == MSB_ERR_FORKED &&
                 msb_queue_pending(queue) == 0;
        msb_op_release(&op);
        msb_queue_release(&queue);
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(msb_queue_pending(queue) == 1);
    msb_op_release(&op);
    close_queue(&queue);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    volume = new_volume(backend, "files");
    if (pipe2(idle, O_CLOEXEC) != 0) return 1;
    uint64_t live = msb_debug_live_objects(MSB_KIND_ALL);
    RUN(looking_waiting_and_bad_arguments_are_told_apart);
    RUN(a_refused_submission_has_no_completion);
    RUN(a_stale_or_forged_queue_is_a_status);
    RUN(the_descriptor_is_readable_while_next_would_not_wait);
    RUN(completions_come_in_batches_as_large_as_asked_for);
    RUN(a_wake_ends_one_wait_each);
    RUN(a_wait_ends_when_the_queue_is_closed_or_released);
    RUN(a_queue_is_not_closed_by_its_own_dispatcher);
    RUN(the_finalizer_is_called_when_a_dispatch_fails);
    if (can_use_volumes()) {
        RUN(a_completion_has_the_token_the_operation_and_the_status);
        RUN(closing_cancels_what_is_in_flight_and_completes_each_once);
        RUN(releasing_a_queue_waits_for_nothing_and_its_threads_end);
        RUN(a_dispatcher_delivers_every_completion_on_its_own_thread_only);
        RUN(a_released_queue_still_delivers_to_its_dispatcher);
        RUN(what_a_stopped_dispatcher_left_can_be_read);
        RUN(a_child_process_can_use_no_queue);
    }
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == live);
    msb_volume_release(&volume);
    close_backend(&backend);
    return fixture_end();
}
