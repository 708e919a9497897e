/*
 * Dispatchers: callbacks come in order, with every byte, on one thread that is not the host's; the end comes once and
 * last; the finalizer comes once whatever happens. Runs on the `process` driver.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

static msb_backend backend;
static msb_sandbox box;

/* What one subscription got. Its callbacks run on one thread; `finalized` is what others wait for. */
struct seen {
    size_t bytes[3];
    uint8_t last[3];
    int in_order, calls, ends, after_end, outputs_after_final, threads_differ, stop_after;
    pthread_t thread;
    int has_thread;
    int has_status;
    msb_exec_status status;
    atomic_int finalized;
    pthread_t finalized_on;
    msb_dispatcher stops; /* stopped from the output callback, if it is not null */
    msb_status stop_status;
    atomic_int *blocked_by; /* the output callback waits until it is not zero */
    atomic_int entered;
};

static void note_thread(struct seen *seen) {
    if (seen->has_thread && !pthread_equal(seen->thread, pthread_self())) seen->threads_differ = 1;
    seen->thread = pthread_self();
    seen->has_thread = 1;
}

static int32_t on_output(void *user, int32_t which, const uint8_t *data, size_t len) {
    struct seen *seen = user;
    note_thread(seen);
    atomic_store(&seen->entered, 1);
    while (seen->blocked_by && !atomic_load(seen->blocked_by)) poll(NULL, 0, 1);
    seen->after_end += seen->ends;
    seen->outputs_after_final += atomic_load(&seen->finalized);
    seen->calls++;
    if (which < 1 || which > 2 || len == 0) seen->in_order = 0;
    else seen->bytes[which] += len, seen->last[which] = data[len - 1];
    if (seen->stops.id) seen->stop_status = msb_dispatcher_stop(seen->stops, 0, NULL);
    return seen->stop_after && seen->calls >= seen->stop_after ? MSB_CALLBACK_STOP : MSB_CALLBACK_CONTINUE;
}

/* Checks that the n-th byte is what `counted` writes. */
static int32_t on_counted(void *user, int32_t which, const uint8_t *data, size_t len) {
    struct seen *seen = user;
    for (size_t i = 0; which == MSB_STDOUT && i < len; i++)
        seen->in_order &= data[i] == "0123456789\n"[(seen->bytes[1] + i) % 11];
    return on_output(user, which, data, len);
}

static void on_end(void *user, const msb_exec_status *status) {
    struct seen *seen = user;
    note_thread(seen);
    seen->ends++;
    seen->has_status = status != NULL;
    if (status) seen->status = *status;
}

static void on_final(void *user) {
    struct seen *seen = user;
    seen->finalized_on = pthread_self();
    atomic_fetch_add(&seen->finalized, 1);
}

static struct seen fresh(void) {
    struct seen seen;
    memset(&seen, 0, sizeof seen);
    seen.in_order = 1;
    return seen;
}

static msb_dispatcher start_dispatcher(void) {
    msb_error *err = NULL;
    msb_dispatcher dispatcher = {0};
    CHECK_OK(err, msb_dispatcher_start(&dispatcher, &err));
    return dispatcher;
}

/* Subscribes to a command and lets go of its handle. */
static void dispatch(msb_exec exec, msb_dispatcher dispatcher, msb_exec_output_fn output, struct seen *seen) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_exec_dispatch(exec, dispatcher, output, on_end, seen, on_final, &err));
    msb_exec_release(&exec);
}

static void stop_dispatcher(msb_dispatcher *dispatcher) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_dispatcher_stop(*dispatcher, PATIENCE_MS, &err));
    msb_dispatcher_release(dispatcher);
}

static void check_sound(const struct seen *seen) {
    CHECK(atomic_load(&seen->finalized) == 1);
    CHECK(seen->in_order && !seen->after_end && !seen->outputs_after_final && !seen->threads_differ);
    CHECK(!seen->has_thread || !pthread_equal(seen->thread, pthread_self()));
}

/* ---- delivery ---- */

TEST(every_byte_comes_in_order_and_the_end_comes_last) {
    struct seen seen = fresh();
    msb_dispatcher dispatcher = start_dispatcher();
    const size_t bytes = 11 * (size_t)scaled(1000000);
    char script[128];
    snprintf(script, sizeof script, "yes 0123456789 | head -c %zu; printf abc >&2; exit 9", bytes);
    dispatch(launch(box, shell(script)), dispatcher, on_counted, &seen);
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.bytes[1] == bytes);
    CHECK(seen.bytes[2] == 3 && seen.last[2] == 'c');
    CHECK(seen.ends == 1 && seen.has_status && seen.status.exit_code == 9);
    CHECK(pthread_equal(seen.finalized_on, seen.thread));
    stop_dispatcher(&dispatcher);
}

TEST(a_command_that_is_over_is_delivered_whole) {
    struct seen seen = fresh();
    msb_dispatcher dispatcher = start_dispatcher();
    msb_exec exec = launch(box, shell("printf hello; exit 4"));
    end_of(exec);
    dispatch(exec, dispatcher, on_output, &seen);
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.bytes[1] == 5 && seen.ends == 1 && seen.status.exit_code == 4);
    stop_dispatcher(&dispatcher);
}

TEST(one_dispatcher_serves_many_commands_on_one_thread) {
    enum { MANY = 50 };
    static struct seen seen[MANY];
    int count = scaled(MANY);
    msb_dispatcher dispatcher = start_dispatcher();
    for (int i = 0; i < count; i++) {
        seen[i] = fresh();
        dispatch(launch(box, shell("yes 0123456789 | head -c 110000; exit 3")), dispatcher, on_output, &seen[i]);
    }
    for (int i = 0; i < count; i++) {
        EVENTUALLY(atomic_load(&seen[i].finalized));
        check_sound(&seen[i]);
        CHECK(seen[i].bytes[1] == 110000 && seen[i].ends == 1 && seen[i].status.exit_code == 3);
        CHECK(pthread_equal(seen[i].thread, seen[0].thread));
    }
    stop_dispatcher(&dispatcher);
}

TEST(without_functions_a_command_just_runs) {
    char path[256], script[512];
    msb_error *err = NULL;
    snprintf(path, sizeof path, "%s/ran", fixture_home);
    snprintf(script, sizeof script, "head -c 4000000 /dev/zero; touch %s", path);
    msb_dispatcher dispatcher = start_dispatcher();
    msb_exec exec = launch(box, shell(script));
    CHECK_OK(err, msb_exec_dispatch(exec, dispatcher, NULL, NULL, NULL, NULL, &err));
    CHECK(end_of(exec).exit_code == 0 && exists(path));
    msb_exec_release(&exec);
    stop_dispatcher(&dispatcher);
}

TEST(a_sandbox_that_ends_first_is_an_end_without_a_status) {
    msb_error *err = NULL;
    struct seen seen = fresh();
    msb_sandbox other = running_box(backend, "other");
    msb_dispatcher dispatcher = start_dispatcher();
    dispatch(launch(other, shell("echo on; exec sleep 1000")), dispatcher, on_output, &seen);
    CHECK_OK(err, msb_sandbox_kill(other, PATIENCE_MS, &err));
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.ends == 1 && !seen.has_status);
    stop_dispatcher(&dispatcher);
    discard_box(&other);
}

TEST(a_callback_that_takes_long_holds_its_command_up_and_loses_nothing) {
    struct seen seen = fresh();
    atomic_int go = 0;
    msb_dispatcher dispatcher = start_dispatcher();
    seen.blocked_by = &go;
    msb_exec exec = launch(box, shell("exec head -c 16777216 /dev/zero")), watched = exec;
    msb_error *err = NULL;
    CHECK_OK(err, msb_exec_dispatch(exec, dispatcher, on_output, on_end, &seen, on_final, &err));
    EVENTUALLY(atomic_load(&seen.entered));
    CHECK(answers(box)); /* nobody else is held up */
    CHECK(msb_exec_pid(watched) > 0);
    atomic_store(&go, 1);
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.bytes[1] == 16777216 && seen.ends == 1);
    msb_exec_release(&exec);
    stop_dispatcher(&dispatcher);
}

/* ---- ends before the end ---- */

TEST(a_callback_that_says_stop_is_called_no_more) {
    struct seen seen = fresh();
    seen.stop_after = 2;
    msb_dispatcher dispatcher = start_dispatcher();
    dispatch(launch(box, shell("while :; do echo more; sleep 0.01; done")), dispatcher, on_output, &seen);
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.calls == 2 && seen.ends == 0);
    stop_dispatcher(&dispatcher);
    check_sound(&seen);
}

TEST(a_stopped_dispatcher_calls_nothing_but_finalizers) {
    msb_error *err = NULL;
    struct seen seen[3] = {fresh(), fresh(), fresh()};
    msb_dispatcher dispatcher = start_dispatcher();
    for (int i = 0; i < 3; i++)
        dispatch(launch(box, shell("while :; do echo more; sleep 0.01; done")), dispatcher, on_output, &seen[i]);
    EVENTUALLY(atomic_load(&seen[2].entered));
    CHECK_OK(err, msb_dispatcher_stop(dispatcher, PATIENCE_MS, &err));
    for (int i = 0; i < 3; i++) {
        check_sound(&seen[i]);
        CHECK(seen[i].ends == 0);
        CHECK(!pthread_equal(seen[i].finalized_on, pthread_self()));
    }
    CHECK_OK(err, msb_dispatcher_stop(dispatcher, 0, &err)); /* again does nothing */
    msb_dispatcher_release(&dispatcher);
}

TEST(a_released_dispatcher_ends_by_itself) {
    struct seen seen = fresh();
    int threads = count_threads();
    msb_dispatcher dispatcher = start_dispatcher();
    dispatch(launch(box, shell("echo on; exec sleep 1000")), dispatcher, on_output, &seen);
    EVENTUALLY(atomic_load(&seen.entered));
    msb_dispatcher_release(&dispatcher);
    CHECK(dispatcher.id == 0);
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    EVENTUALLY(count_threads() <= threads);
}

TEST(a_callback_cannot_wait_for_its_own_dispatcher) {
    struct seen seen = fresh();
    msb_dispatcher dispatcher = start_dispatcher();
    seen.stops = dispatcher;
    dispatch(launch(box, shell("echo once; exit 5")), dispatcher, on_output, &seen);
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.stop_status == MSB_ERR_WOULD_DEADLOCK);
    CHECK(seen.ends == 1 && seen.status.exit_code == 5); /* and it goes on */
    stop_dispatcher(&dispatcher);
}

TEST(a_stop_waits_no_longer_than_it_may) {
    msb_error *err = NULL;
    struct seen seen = fresh();
    atomic_int go = 0;
    msb_dispatcher dispatcher = start_dispatcher();
    seen.blocked_by = &go;
    dispatch(launch(box, shell("echo once")), dispatcher, on_output, &seen);
    EVENTUALLY(atomic_load(&seen.entered));
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_dispatcher_stop(dispatcher, 20, &err));
    CHECK(atomic_load(&seen.finalized) == 0);
    atomic_store(&go, 1);
    stop_dispatcher(&dispatcher);
    check_sound(&seen);
}

/* ---- subscriptions that fail ---- */

/* The call fails with `expected` and the finalizer ran once, on this thread unless another may have had it. */
static void refuses(msb_status expected, msb_exec exec, msb_dispatcher dispatcher) {
    msb_error *err = NULL;
    struct seen seen = fresh();
    CHECK_STATUS(expected, err, msb_exec_dispatch(exec, dispatcher, on_output, on_end, &seen, on_final, &err));
    EVENTUALLY(atomic_load(&seen.finalized) == 1);
    CHECK(seen.calls == 0 && seen.ends == 0);
    CHECK(pthread_equal(seen.finalized_on, pthread_self()));
}

TEST(a_subscription_that_fails_is_finalized_by_its_caller) {
    msb_error *err = NULL;
    size_t n;
    char buf[8];
    msb_dispatcher dispatcher = start_dispatcher();
    msb_exec exec = launch(box, shell("exec sleep 1000"));
    struct seen seen = fresh();
    CHECK_OK(err, msb_exec_dispatch(exec, dispatcher, on_output, on_end, &seen, on_final, &err));
    refuses(MSB_ERR_INVALID_STATE, exec, dispatcher); /* a second time */
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_read(exec, MSB_STDOUT, buf, sizeof buf, 0, &n, &err));
    refuses(MSB_ERR_INVALID_ARGUMENT, (msb_exec){0}, dispatcher);
    refuses(MSB_ERR_INVALID_ARGUMENT, exec, (msb_dispatcher){0});
    refuses(MSB_ERR_STALE_HANDLE, (msb_exec){exec.id ^ 1}, dispatcher);
    refuses(MSB_ERR_WRONG_HANDLE_TYPE, exec, (msb_dispatcher){exec.id});
    CHECK_OK(err, msb_exec_signal(exec, SIGKILL, &err));
    EVENTUALLY(atomic_load(&seen.finalized));
    check_sound(&seen);
    CHECK(seen.ends == 1 && seen.status.signal == SIGKILL);
    msb_exec_release(&exec);
    CHECK_OK(err, msb_dispatcher_stop(dispatcher, PATIENCE_MS, &err));
    exec = launch(box, shell("true"));
    refuses(MSB_ERR_INVALID_STATE, exec, dispatcher); /* it was stopped */
    msb_exec_release(&exec);
    msb_dispatcher_release(&dispatcher);
}

/* ---- from callbacks ---- */

struct chain {
    msb_dispatcher dispatcher;
    atomic_int links, over;
};

static void next_link(void *user, const msb_exec_status *status) {
    struct chain *chain = user;
    msb_exec_config *config = shell("true");
    msb_exec exec = {0};
    if (status && atomic_fetch_add(&chain->links, 1) < 10
        && msb_sandbox_exec_start(box, config, &exec, NULL) == MSB_OK
        && msb_exec_dispatch(exec, chain->dispatcher, NULL, next_link, chain, NULL, NULL) == MSB_OK) {
        msb_exec_release(&exec);
    } else {
        atomic_store(&chain->over, 1);
    }
    msb_exec_config_free(config);
}

TEST(callbacks_may_call_the_library) {
    struct chain chain = {.dispatcher = start_dispatcher()};
    next_link(&chain, &(msb_exec_status){0});
    EVENTUALLY(atomic_load(&chain.over));
    CHECK(atomic_load(&chain.links) == 11);
    stop_dispatcher(&chain.dispatcher);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    box = running_box(backend, "box");
    RUN(every_byte_comes_in_order_and_the_end_comes_last);
    RUN(a_command_that_is_over_is_delivered_whole);
    RUN(one_dispatcher_serves_many_commands_on_one_thread);
    RUN(without_functions_a_command_just_runs);
    RUN(a_sandbox_that_ends_first_is_an_end_without_a_status);
    RUN(a_callback_that_takes_long_holds_its_command_up_and_loses_nothing);
    RUN(a_callback_that_says_stop_is_called_no_more);
    RUN(a_stopped_dispatcher_calls_nothing_but_finalizers);
    RUN(a_released_dispatcher_ends_by_itself);
    RUN(a_callback_cannot_wait_for_its_own_dispatcher);
    RUN(a_stop_waits_no_longer_than_it_may);
    RUN(a_subscription_that_fails_is_finalized_by_its_caller);
    RUN(callbacks_may_call_the_library);
    discard_box(&box);
    close_backend(&backend);
    return fixture_end();
}
