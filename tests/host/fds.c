/*
 * Descriptors: none of the library's reaches what the host executes, a host without standard streams works, one that has
 * none left gets a status and recovers.
 */
#include <sys/resource.h>

#include "../c/fixture.h"

static msb_backend backend;

/* Lists the descriptors that a program executed by this process has, `ls` and its own directory included. */
static const char *inherited(void) {
    static char text[256];
    memset(text, 0, sizeof text);
    FILE *pipe = popen("for fd in /proc/self/fd/*; do echo ${fd##*/}; done | tr '\\n' ' '", "re");
    if (pipe) {
        size_t n = fread(text, 1, sizeof text - 1, pipe);
        text[n] = 0;
        pclose(pipe);
    }
    return text;
}

TEST(no_descriptor_reaches_what_the_host_executes) {
    char before[256];
    msb_error *err = NULL;
    int32_t fd = -1;
    msb_dispatcher dispatcher = {0};
    strcpy(before, inherited());
    msb_sandbox box = running_box(backend, "sealed");
    msb_exec exec = launch(box, shell("exec sleep 1000"));
    CHECK_OK(err, msb_exec_take_fd(exec, MSB_STDOUT, &fd, &err));
    CHECK_OK(err, msb_dispatcher_start(&dispatcher, &err));
    const char *now = inherited();
    if (strcmp(before, now) != 0) printf("       before: %s now: %s\n", before, now);
    CHECK(strlen(before) > 0 && strcmp(before, now) == 0);
    close(fd);
    CHECK_OK(err, msb_dispatcher_stop(dispatcher, PATIENCE_MS, &err));
    msb_dispatcher_release(&dispatcher);
    msb_exec_release(&exec);
    discard_box(&box);
}

/* Opens what the host leaves open on purpose, without CLOEXEC; the runner must not hold it. */
TEST(no_descriptor_of_the_hosts_reaches_a_sandbox) {
    int pipe_fds[2];
    char byte;
    CHECK(pipe(pipe_fds) == 0);
    msb_sandbox box = running_box(backend, "clean");
    CHECK(prints(box, shell("ls /proc/$$/fd; :"), "0\n1\n2\n"));
    close(pipe_fds[1]);
    struct pollfd ended = {pipe_fds[0], POLLIN, 0};
    CHECK(poll(&ended, 1, PATIENCE_MS) == 1 && read(pipe_fds[0], &byte, 1) == 0);
    close(pipe_fds[0]);
    discard_box(&box);
}

/* Has no standard streams, so that the library's first descriptors are 0, 1 and 2. */
static int role_has_no_streams(const char *argument) {
    (void)argument;
    close(0), close(1), close(2);
    msb_backend mine = open_backend(fixture_home);
    msb_sandbox box = running_box(mine, "streamless");
    CHECK(answers(box));
    msb_exec_result *result = run(box, shell("cat; echo out; echo err >&2; exit 3"));
    CHECK(msb_exec_result_exit_code(result) == 3);
    CHECK(msb_exec_result_stdout(result, NULL) && strcmp((const char *)msb_exec_result_stdout(result, NULL), "out\n") == 0);
    CHECK(msb_exec_result_stderr(result, NULL) && strcmp((const char *)msb_exec_result_stderr(result, NULL), "err\n") == 0);
    msb_exec_result_free(result);
    discard_box(&box);
    close_backend(&mine);
    open("/dev/null", O_RDWR), open("/dev/null", O_RDWR), open("/dev/null", O_RDWR);
    return !test_ok;
}

TEST(a_host_without_standard_streams_works) {
    struct peer peer = start_role("has_no_streams", "");
    CHECK(finish_role(peer) == 0);
}

/* SQLite does not tell why it cannot open a file, and a runner has as few descriptors as the process that starts it. */
static int is_typed(msb_status status) {
    return status == MSB_OK || status == MSB_ERR_RESOURCE_EXHAUSTED || status == MSB_ERR_IO
        || status == MSB_ERR_GUEST_FAILED;
}

/* Everything again with one more descriptor to be had each time, until it works. */
static int role_has_few(const char *argument) {
    struct rlimit limit;
    int worked = 0, refused = 0;
    (void)argument;
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t enough = limit.rlim_cur;
    int base = count_fds();
    for (int more = 0; more < 60 && worked < 3; more++) {
        msb_backend mine = {0};
        msb_sandbox box = {0};
        msb_error *err = NULL;
        msb_exec_result *result = NULL;
        msb_backend_config *config = msb_backend_config_new();
        msb_sandbox_config *box_options = box_config("few");
        msb_exec_config *command = shell("true");
        msb_backend_config_set_home(config, fixture_home, NULL);
        msb_backend_config_set_driver(config, "process", NULL);
        limit.rlim_cur = (rlim_t)(base + more);
        setrlimit(RLIMIT_NOFILE, &limit);
        msb_status status = msb_backend_new(config, &mine, &err);
        if (status == MSB_OK) status = msb_sandbox_create(mine, box_options, &box, &err);
        if (status == MSB_OK) status = msb_sandbox_start(box, -1, &err);
        if (status == MSB_OK) status = msb_sandbox_exec(box, command, &result, &err);
        limit.rlim_cur = enough;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (!is_typed(status)) printf("       with %d more: %s %s\n", more, msb_status_name(status), msb_error_message(err));
        CHECK(is_typed(status));
        msb_error_free(err);
        worked += status == MSB_OK;
        refused += status != MSB_OK;
        msb_exec_result_free(result);
        if (box.id) discard_box(&box);
        if (mine.id) close_backend(&mine);
        msb_backend_config_free(config);
        msb_sandbox_config_free(box_options);
        msb_exec_config_free(command);
    }
    CHECK(worked == 3 && refused > 5);
    CHECK(count_fds() == base);
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
    return !test_ok;
}

TEST(a_host_that_runs_out_of_descriptors_gets_a_status_and_recovers) {
    struct peer peer = start_role("has_few", "");
    CHECK(finish_role(peer) == 0);
}

static const struct role roles[] = {{"has_no_streams", role_has_no_streams}, {"has_few", role_has_few}, {NULL, NULL}};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    backend = open_backend(fixture_home);
    RUN(no_descriptor_reaches_what_the_host_executes);
    RUN(no_descriptor_of_the_hosts_reaches_a_sandbox);
    RUN(a_host_without_standard_streams_works);
    RUN(a_host_that_runs_out_of_descriptors_gets_a_status_and_recovers);
    close_backend(&backend);
    return fixture_end();
}
