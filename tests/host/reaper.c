/*
 * A host that is init, or acts so: one of its threads reaps every child there is. It may take the library's short-lived
 * child away, and must neither break a start nor see a child that lasts.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../c/fixture.h"

static atomic_int over, reaped;

static void *reap(void *unused) {
    (void)unused;
    while (!atomic_load(&over)) {
        if (waitpid(-1, NULL, WNOHANG) > 0) atomic_fetch_add(&reaped, 1);
        else sched_yield();
    }
    return NULL;
}

TEST(exit_codes_are_true_where_a_thread_reaps_everything) {
    pthread_t reaper;
    msb_error *err = NULL;
    CHECK(pthread_create(&reaper, NULL, reap, NULL) == 0);
    msb_backend backend = open_backend(fixture_home);
    for (int i = 0; i < scaled(10); i++) {
        msb_sandbox box = running_box(backend, "reaped");
        msb_exec_result *result = run(box, shell("exit 77"));
        CHECK(msb_exec_result_exit_code(result) == 77);
        msb_exec_result_free(result);
        CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
        msb_exit record = wait_box(box);
        CHECK(record.reason == MSB_EXIT_STOP_REQUESTED && record.exit_code == 0 && record.clean == 1);
        discard_box(&box);
    }
    close_backend(&backend);
    atomic_store(&over, 1);
    pthread_join(reaper, NULL);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    RUN(exit_codes_are_true_where_a_thread_reaps_everything);
    return fixture_end();
}
