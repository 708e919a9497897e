/*
 * A host that forks with the library in use: the child gets a status from every call, can release what it inherited and end,
 * and the parent goes on as if nothing had been.
 */
#include "../c/fixture.h"

static msb_backend backend;

/* What a forked child tries; 0 if all is as it should be. It does not return to the tests. */
static int in_the_child(msb_sandbox box, msb_exec exec, msb_exec_config *config) {
    msb_error *err = NULL;
    msb_exec second = {1};
    msb_exec_result *result = NULL;
    msb_backend fresh = {1};
    char byte;
    size_t n;
    if (msb_sandbox_exec(box, config, &result, &err) != MSB_ERR_FORKED || result) return 1;
    if (msb_error_status(err) != MSB_ERR_FORKED || !strlen(msb_error_message(err))) return 2;
    msb_error_free(err);
    if (msb_sandbox_exec_start(box, config, &second, NULL) != MSB_ERR_FORKED || second.id) return 3;
    if (msb_exec_read(exec, MSB_STDOUT, &byte, 1, -1, &n, NULL) != MSB_ERR_FORKED) return 4;
    if (msb_exec_wait(exec, -1, NULL, NULL) != MSB_ERR_FORKED) return 5;
    if (msb_sandbox_stop(box, -1, NULL) != MSB_ERR_FORKED) return 6;
    if (msb_sandbox_wait(box, -1, NULL, NULL) != MSB_ERR_FORKED) return 7;
    if (msb_backend_close(backend, -1, NULL) != MSB_ERR_FORKED) return 8;
    if (msb_backend_new(NULL, &fresh, NULL) != MSB_ERR_FORKED || fresh.id) return 9;
    msb_exec_release(&exec);
    msb_sandbox_release(&box);
    msb_backend_release(&backend);
    if (exec.id || box.id || backend.id) return 10;
    return 0;
}

TEST(every_call_in_a_forked_child_is_refused_and_the_parent_goes_on) {
    msb_sandbox box = running_box(backend, "forked");
    msb_exec exec = launch(box, shell("echo before; cat; echo after"));
    msb_exec_config *config = shell("true");
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        int step = in_the_child(box, exec, config);
        /* By a signal: a leak check at the exit would miss the threads that the child does not have. */
        if (step == 0) raise(SIGKILL);
        _exit(step);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) printf("       step %d in the child\n", WEXITSTATUS(status));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(reads_up_to(exec, "after\n"));
    CHECK(answers(box));
    msb_exec_config_free(config);
    msb_exec_release(&exec);
    discard_box(&box);
}

TEST(a_forked_child_that_ends_does_not_end_the_parents_sandbox) {
    int status = 0;
    msb_sandbox box = running_box(backend, "kept");
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
#ifdef __SANITIZE_ADDRESS__
        if (child == 0) _exit(0); /* the child has none of the threads whose memory would be looked for */
#else
        if (child == 0) exit(0); /* with every destructor there is */
#endif
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
        CHECK(answers(box));
    }
    discard_box(&box);
}

TEST(a_child_that_executes_something_else_holds_nothing) {
    int status = 0;
    msb_sandbox box = running_box(backend, "let-go");
    uint32_t runner = runner_of(box);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sleep", "sleep", "1000", (char *)NULL);
        _exit(127);
    }
    msb_sandbox_release(&box); /* attached: it ends, because nobody else has its link */
    EVENTUALLY(!is_running(runner));
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    box = open_box(backend, "let-go");
    discard_box(&box);
}

static int role_is_fresh(const char *argument) {
    (void)argument;
    msb_backend mine = open_backend(fixture_home);
    msb_sandbox box = running_box(mine, "fresh");
    CHECK(answers(box));
    discard_box(&box);
    close_backend(&mine);
    return !test_ok;
}

TEST(a_child_that_executes_the_program_anew_may_use_the_library) {
    struct peer peer = start_role("is_fresh", "");
    CHECK(finish_role(peer) == 0);
}

static const struct role roles[] = {{"is_fresh", role_is_fresh}, {NULL, NULL}};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    backend = open_backend(fixture_home);
    RUN(every_call_in_a_forked_child_is_refused_and_the_parent_goes_on);
    RUN(a_forked_child_that_ends_does_not_end_the_parents_sandbox);
    RUN(a_child_that_executes_something_else_holds_nothing);
    RUN(a_child_that_executes_the_program_anew_may_use_the_library);
    close_backend(&backend);
    return fixture_end();
}
