/*
 * The asynchronous half in a real machine: one thread and one queue's descriptor do everything.
 */
#define _GNU_SOURCE
#include "vm.h"

#include <poll.h>

enum { COMMANDS = 50 };

static msb_queue queue;
static int queue_fd;

/* Waits with poll for the next completion. */
static msb_completion next(void) {
    msb_error *err = NULL;
    msb_completion done;
    struct pollfd ready = {.fd = queue_fd, .events = POLLIN};
    size_t n = 0;
    memset(&done, 0, sizeof done);
    CHECK(poll(&ready, 1, START_MS) == 1);
    CHECK_OK(err, msb_queue_next(queue, &done, 1, 0, &n, &err));
    CHECK(n == 1);
    return done;
}

static int completes(msb_op op, uint64_t token, msb_status status) {
    msb_completion done = next();
    if (done.op.id == op.id && done.token == token && done.status == status) return 1;
    printf("       token %llu completed with %s\n", (unsigned long long)done.token, msb_status_name(done.status));
    return 0;
}

/* The next completion is the success of `op`, which gives nothing; it is released. */
static void succeeds(msb_op op, uint64_t token) {
    msb_error *err = NULL;
    CHECK(completes(op, token, MSB_OK));
    CHECK_OK(err, msb_op_finish(op, &err));
    msb_op_release(&op);
}

static msb_exec_config *script(const char *text) {
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    msb_exec_config_add_arg(config, "-c", NULL);
    msb_exec_config_add_arg(config, text, NULL);
    return config;
}

static msb_op submit(msb_sandbox sandbox, const char *text, uint64_t token) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_exec_config *config = script(text);
    CHECK_OK(err, msb_sandbox_exec_async(sandbox, config, queue, token, &op, &err));
    msb_exec_config_free(config);
    return op;
}

/* Whether a collected command that has completed wrote `text`; the operation is released. */
static int gave(msb_op op, const char *text) {
    msb_error *err = NULL;
    msb_exec_result *result = NULL;
    size_t len = 0;
    CHECK_OK(err, msb_op_take_exec_result(op, &result, &err));
    const uint8_t *out = msb_exec_result_stdout(result, &len);
    int same = out && len == strlen(text) && memcmp(out, text, len) == 0;
    if (out && !same) printf("       it gave: %s\n", (const char *)out);
    msb_exec_result_free(result);
    msb_op_release(&op);
    return same;
}

static int read_gave(msb_op op, const char *text) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, msb_op_take_bytes(op, &bytes, &err));
    int same = bytes && msb_bytes_len(bytes) == strlen(text) && memcmp(msb_bytes_data(bytes), text, strlen(text)) == 0;
    msb_bytes_free(bytes);
    msb_op_release(&op);
    return same;
}

static void commands_run_side_by_side(msb_sandbox sandbox) {
    msb_op ops[COMMANDS];
    double begun = seconds();
    for (int i = 0; i < COMMANDS; i++) ops[i] = submit(sandbox, "sleep 1; echo hi", (uint64_t)i);
    for (int i = 0; i < COMMANDS; i++) {
        msb_completion done = next();
        CHECK(done.status == MSB_OK && done.token < COMMANDS);
        if (done.token < COMMANDS) CHECK(gave(ops[done.token], "hi\n"));
    }
    double took = seconds() - begun;
    printf("       %d commands of 1 s took %.1f s\n", COMMANDS, took);
    /* One after the other they would take longer than they all together may. */
    CHECK(took < COMMANDS);
}

static void a_command_is_talked_to(msb_sandbox sandbox) {
    msb_error *err = NULL;
    msb_op op = {0}, in = {0}, out = {0}, end = {0};
    msb_exec exec = {0};
    msb_exec_status status = {0};
    uint64_t count = 0;
    msb_exec_config *config = script("read -r line; echo got $line; cat > /dev/null; exit 4");
    msb_exec_config_set_stdin_pipe(config, NULL);
    CHECK_OK(err, msb_sandbox_exec_start_async(sandbox, config, queue, 1, &op, &err));
    msb_exec_config_free(config);
    CHECK(completes(op, 1, MSB_OK));
    CHECK_OK(err, msb_op_take_exec(op, &exec, &err));
    msb_op_release(&op);
    CHECK_OK(err, msb_exec_wait_async(exec, -1, queue, 2, &end, &err));
    CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 100, -1, queue, 3, &out, &err));
    CHECK_OK(err, msb_exec_write_async(exec, "it\n", 3, -1, queue, 4, &in, &err));
    CHECK(completes(in, 4, MSB_OK));
    CHECK_OK(err, msb_op_take_count(in, &count, &err));
    CHECK(count == 3);
    msb_op_release(&in);
    CHECK(completes(out, 3, MSB_OK));
    CHECK(read_gave(out, "got it\n"));
    CHECK_OK(err, msb_exec_close_stdin(exec, &err));
    CHECK(completes(end, 2, MSB_OK));
    CHECK_OK(err, msb_op_take_exec_status(end, &status, &err));
    CHECK(status.exit_code == 4);
    msb_op_release(&end);
    msb_exec_release(&exec);
}

/* The processes of the next test, one on a line; fails if there are none. */
#define LISTED "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\000' '\\n' | grep -o '47[1]1'"

/* The command and its child, which a polite signal does not end. */
static void a_cancelled_command_is_gone(msb_sandbox sandbox) {
    msb_error *err = NULL;
    msb_op op = submit(sandbox, "trap '' TERM INT HUP; sleep 4711 & touch /tmp/up; while :; do wait; done", 1);
    msb_op up = submit(sandbox, "until test -e /tmp/up; do sleep 0.1; done; " LISTED " | wc -l", 2);
    CHECK(completes(up, 2, MSB_OK));
    CHECK(gave(up, "2\n"));
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(completes(op, 1, MSB_ERR_CANCELLED));
    msb_op_release(&op);
    op = submit(sandbox, "while " LISTED " > /dev/null; do sleep 0.1; done; echo gone", 3);
    CHECK(completes(op, 3, MSB_OK));
    CHECK(gave(op, "gone\n"));
}

static void files_come_and_go(msb_sandbox sandbox) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_file_progress total;
    char path[512];
    snprintf(path, sizeof path, "%s/large", home);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 8 << 20) == 0 && close(fd) == 0);
    CHECK_OK(err, msb_sandbox_fs_write_async(sandbox, "/tmp/small", "hello", 5, 0, 0644, -1, queue, 1, &op, &err));
    succeeds(op, 1);
    CHECK_OK(err, msb_sandbox_fs_read_async(sandbox, "/tmp/small", -1, queue, 2, &op, &err));
    CHECK(completes(op, 2, MSB_OK));
    CHECK(read_gave(op, "hello"));
    CHECK_OK(err, msb_sandbox_copy_in_async(sandbox, path, "/tmp/large", -1, queue, 3, &op, &err));
    CHECK(completes(op, 3, MSB_OK));
    CHECK_OK(err, msb_op_take_file_progress(op, &total, &err));
    CHECK(total.bytes == 8 << 20 && total.entries == 1);
    msb_op_release(&op);
}

TEST(one_descriptor_does_everything) {
    msb_error *err = NULL;
    msb_op op = {0}, end = {0};
    msb_exit record = {0};
    CHECK_OK(err, msb_queue_new(&queue, &err));
    CHECK_OK(err, msb_queue_fd(queue, &queue_fd, &err));
    msb_sandbox sandbox = created("async");
    CHECK_OK(err, msb_sandbox_start_async(sandbox, START_MS, queue, 1, &op, &err));
    succeeds(op, 1);
    commands_run_side_by_side(sandbox);
    a_command_is_talked_to(sandbox);
    a_cancelled_command_is_gone(sandbox);
    files_come_and_go(sandbox);
    CHECK_OK(err, msb_sandbox_wait_async(sandbox, -1, queue, 2, &end, &err));
    CHECK_OK(err, msb_sandbox_stop_async(sandbox, STOP_MS, queue, 3, &op, &err));
    for (int i = 0; i < 2; i++) {
        msb_completion done = next();
        CHECK(done.status == MSB_OK && (done.token == 2 || done.token == 3));
    }
    CHECK_OK(err, msb_op_take_exit(end, &record, &err));
    CHECK(record.reason == MSB_EXIT_STOP_REQUESTED && record.clean);
    CHECK_OK(err, msb_op_finish(op, &err));
    msb_op_release(&end);
    msb_op_release(&op);
    CHECK_OK(err, msb_sandbox_remove_async(sandbox, queue, 4, &op, &err));
    succeeds(op, 4);
    msb_sandbox_release(&sandbox);
    CHECK(msb_queue_pending(queue) == 0);
    CHECK_OK(err, msb_queue_close(queue, STOP_MS, &err));
    msb_queue_release(&queue);
    CHECK(msb_debug_live_objects(MSB_KIND_OP) == 0 && msb_debug_live_objects(MSB_KIND_EXEC) == 0);
}

int main(void) {
    if (!begin()) return 2;
    RUN(one_descriptor_does_everything);
    return finish();
}
