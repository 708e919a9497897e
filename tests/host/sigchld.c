/*
 * A host that ignores SIGCHLD, as a Go or a daemon's parent may: the kernel reaps its children, and every exit code must be
 * true all the same. The disposition is not the library's to change.
 */
#include "../c/fixture.h"

static msb_backend backend;

static int codes_are_true(msb_sandbox box) {
    for (int code = 0; code < 5; code++) {
        char script[32];
        snprintf(script, sizeof script, "exit %d", code);
        msb_exec_result *result = run(box, shell(script));
        int same = msb_exec_result_exit_code(result) == code;
        msb_exec_result_free(result);
        if (!same) return 0;
    }
    return 1;
}

static void live_a_life(const char *name) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, name);
    CHECK(codes_are_true(box));
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_STOP_REQUESTED && record.exit_code == 0 && record.clean == 1);
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    int vmm = child_of(runner_of(box));
    CHECK(vmm > 1 && kill(vmm, SIGKILL) == 0);
    CHECK(wait_box(box).signal == SIGKILL);
    discard_box(&box);
}

TEST(exit_codes_are_true_where_sigchld_is_ignored) {
    struct sigaction after;
    signal(SIGCHLD, SIG_IGN);
    live_a_life("ignored");
    CHECK(sigaction(SIGCHLD, NULL, &after) == 0 && after.sa_handler == SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

static volatile sig_atomic_t children;

static void count_child(int signal) {
    (void)signal;
    children++;
}

TEST(a_handler_of_the_host_keeps_working) {
    struct sigaction handler = {.sa_handler = count_child}, after; /* without SA_RESTART: waits are interrupted */
    CHECK(sigaction(SIGCHLD, &handler, NULL) == 0);
    live_a_life("handled");
    CHECK(sigaction(SIGCHLD, NULL, &after) == 0 && after.sa_handler == count_child);
    signal(SIGCHLD, SIG_DFL);
}

TEST(the_hosts_own_children_are_its_own) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) raise(SIGKILL);
    live_a_life("apart");
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(exit_codes_are_true_where_sigchld_is_ignored);
    RUN(a_handler_of_the_host_keeps_working);
    RUN(the_hosts_own_children_are_its_own);
    close_backend(&backend);
    return fixture_end();
}
