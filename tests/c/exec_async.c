/*
 * Commands and the end of a sandbox as operations of a queue: what they give, that they hold no thread, and that a command
 * which nobody took is gone.
 */
#include "async.h"

static msb_backend backend;
static msb_sandbox box;
static msb_queue queue;

/* Submits a collected command; the config is freed. */
static msb_op submit(msb_exec_config *config, uint64_t token) {
    msb_error *err = NULL;
    msb_op op = {0};
    CHECK_OK(err, msb_sandbox_exec_async(box, config, queue, token, &op, &err));
    msb_exec_config_free(config);
    return op;
}

static msb_op submit_start(msb_exec_config *config, uint64_t token) {
    msb_error *err = NULL;
    msb_op op = {0};
    CHECK_OK(err, msb_sandbox_exec_start_async(box, config, queue, token, &op, &err));
    msb_exec_config_free(config);
    return op;
}

/* Takes what a collected command wrote and compares it; the operation is released. */
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

/* Takes bytes, compares them and releases the operation. */
static int read_gave(msb_op op, const char *text) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, msb_op_take_bytes(op, &bytes, &err));
    int same = bytes && msb_bytes_len(bytes) == strlen(text) && memcmp(msb_bytes_data(bytes), text, strlen(text)) == 0;
    if (bytes && !same) printf("       it gave: %s\n", (const char *)msb_bytes_data(bytes));
    msb_bytes_free(bytes);
    msb_op_release(&op);
    return same;
}

static msb_exec_config *with_stdin(msb_exec_config *config) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_exec_config_set_stdin_pipe(config, &err));
    return config;
}

/* The process id that a command wrote into a file of the home, once it is there. */
static uint32_t pid_in(const char *name) {
    char path[256];
    uint32_t pid = 0;
    snprintf(path, sizeof path, "%s/%s", fixture_home, name);
    for (int64_t give_up = now_ms() + PATIENCE_MS; !pid && now_ms() < give_up; poll(NULL, 0, 1)) {
        FILE *file = fopen(path, "re");
        char end = 0;
        if (!file) continue;
        if (fscanf(file, "%u%c", &pid, &end) != 2 || end != '\n') pid = 0;
        fclose(file);
    }
    remove(path);
    return pid;
}

/* A command that says its process id and that of a child in a file, ignores every polite signal and sleeps. */
static msb_exec_config *stubborn(const char *name) {
    char script[512];
    snprintf(script, sizeof script,
             "trap '' TERM INT HUP; sleep 1000 & echo $! > %s/%s.tmp; mv %s/%s.tmp %s/%s; while :; do wait; done",
             fixture_home, name, fixture_home, name, fixture_home, name);
    return shell(script);
}

TEST(a_collected_command_gives_what_it_wrote_and_its_progress) {
    msb_error *err = NULL;
    msb_progress progress;
    msb_exec_config *config = shell("tr a-z A-Z; echo done");
    CHECK_OK(err, msb_exec_config_set_stdin(config, "hello ", 6, &err));
    msb_op op = submit(config, 7);
    CHECK(completes(queue, op, 7, MSB_OK));
    CHECK_OK(err, msb_op_progress(op, &progress, &err));
    CHECK(progress.bytes_done == 6 + 11);
    CHECK(gave(op, "HELLO done\n"));
    CHECK(is_empty(queue));
}

TEST(a_command_that_cannot_start_fails_with_its_reason) {
    msb_error *err = NULL;
    msb_exec_result *result = NULL;
    msb_op op = submit(msb_exec_config_new("/no/such/program"), 1);
    CHECK(completes(queue, op, 1, MSB_ERR_EXEC_FAILED));
    CHECK(msb_op_take_exec_result(op, &result, &err) == MSB_ERR_EXEC_FAILED && !result);
    CHECK(strcmp(msb_error_reason(err), "exec.not_found") == 0);
    msb_error_free(err);
    msb_op_release(&op);
}

TEST(bad_arguments_and_stale_handles_are_refused_at_submit) {
    msb_error *err = NULL;
    msb_op op = {9};
    msb_exec gone = {0};
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_exec_async(box, NULL, queue, 1, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_wait_async(gone, -1, queue, 1, &op, &err));
    msb_exec exec = launch(box, shell("exit 3"));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_read_async(exec, MSB_STDIN, 10, -1, queue, 1, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_read_async(exec, MSB_STDOUT, 0, -1, queue, 1, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_wait_async(exec, -1, queue, 1, NULL, &err));
    gone = exec;
    msb_exec_release(&exec);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_exec_wait_async(gone, -1, queue, 1, &op, &err));
    CHECK(op.id == 0 && is_empty(queue));
}

TEST(a_command_can_be_started_written_to_read_and_waited_for) {
    msb_error *err = NULL;
    msb_exec running = {0};
    msb_op op = submit_start(with_stdin(shell("cat; exit 5")), 2), in = {0}, out = {0}, end = {0};
    uint64_t count = 0;
    msb_exec_status status;
    CHECK(completes(queue, op, 2, MSB_OK));
    CHECK_OK(err, msb_op_take_exec(op, &running, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_op_take_exec(op, &(msb_exec){0}, &err));
    msb_op_release(&op);

    CHECK_OK(err, msb_exec_wait_async(running, -1, queue, 3, &end, &err));
    CHECK_OK(err, msb_exec_read_async(running, MSB_STDOUT, 100, -1, queue, 4, &out, &err));
    CHECK_OK(err, msb_exec_write_async(running, "abc", 3, -1, queue, 5, &in, &err));
    CHECK(completes(queue, in, 5, MSB_OK));
    CHECK_OK(err, msb_op_take_count(in, &count, &err));
    CHECK(count == 3);
    msb_op_release(&in);
    CHECK(completes(queue, out, 4, MSB_OK));
    CHECK(read_gave(out, "abc"));
    CHECK_OK(err, msb_exec_close_stdin(running, &err));
    CHECK(completes(queue, end, 3, MSB_OK));
    CHECK_OK(err, msb_op_take_exec_status(end, &status, &err));
    CHECK(status.exit_code == 5 && status.signal == 0);
    msb_op_release(&end);
    CHECK_OK(err, msb_exec_read_async(running, MSB_STDOUT, 100, -1, queue, 6, &out, &err));
    CHECK(completes(queue, out, 6, MSB_OK));
    CHECK(read_gave(out, ""));
    CHECK_OK(err, msb_exec_write_async(running, "abc", 3, -1, queue, 7, &in, &err));
    CHECK(next_completion(queue).status != MSB_OK);
    msb_op_release(&in);
    msb_exec_release(&running);
}

/* More than all credit on the way, so that the write has to wait for the reader. */
TEST(a_large_write_is_sent_whole_and_in_turn) {
    const size_t LARGE = (size_t)(2 + scaled(4)) << 20, SMALL = 1000;
    msb_error *err = NULL;
    msb_op ops[3] = {{0}};
    msb_progress progress;
    uint8_t *data = malloc(LARGE + SMALL);
    msb_exec exec = launch(box, with_stdin(shell("cat")));
    for (size_t i = 0; data && i < LARGE + SMALL; i++) data[i] = (uint8_t)((i < LARGE ? i : i - LARGE) % 251);
    CHECK_OK(err, msb_exec_write_async(exec, data, LARGE, -1, queue, 0, &ops[0], &err));
    CHECK_OK(err, msb_exec_write_async(exec, data, SMALL, -1, queue, 1, &ops[1], &err));
    CHECK_OK(err, msb_exec_write_async(exec, data, SMALL, 0, queue, 2, &ops[2], &err));
    CHECK(completes(queue, ops[2], 2, MSB_ERR_WOULD_BLOCK));
    CHECK_OK(err, msb_op_progress(ops[0], &progress, &err));
    CHECK(progress.bytes_done < LARGE && progress.bytes_total == LARGE);
    uint8_t buffer[65536];
    size_t total = 0, n = 0, wrong = 0, asked = 0;
    /* Blocking reads and reads of the queue take turns. */
    while (total < LARGE + SMALL) {
        if (asked++ % 2) {
            msb_op op = {0};
            msb_bytes *bytes = NULL;
            CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 100000, PATIENCE_MS, queue, 9, &op, &err));
            for (msb_completion done = next_completion(queue); done.token != 9; done = next_completion(queue)) {
                CHECK(done.token < 2 && done.status == MSB_OK);
                if (done.status != MSB_OK) break;
            }
            CHECK_OK(err, msb_op_take_bytes(op, &bytes, &err));
            n = msb_bytes_len(bytes);
            wrong += total + n > LARGE + SMALL || memcmp(data + total, msb_bytes_data(bytes), n) != 0;
            msb_bytes_free(bytes);
            msb_op_release(&op);
        } else {
            CHECK_OK(err, msb_exec_read(exec, MSB_STDOUT, buffer, sizeof buffer, PATIENCE_MS, &n, &err));
            wrong += total + n > LARGE + SMALL || memcmp(data + total, buffer, n) != 0;
        }
        total += n;
        if (!n) break;
    }
    CHECK(total == LARGE + SMALL && wrong == 0);
    /* Those completions of the writes that were not seen between the reads. */
    while (msb_queue_pending(queue)) CHECK(next_completion(queue).status == MSB_OK);
    for (int i = 0; i < 3; i++) msb_op_release(&ops[i]);
    CHECK_OK(err, msb_exec_close_stdin(exec, &err));
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
    free(data);
}

TEST(reads_and_writes_that_are_cancelled_take_and_send_nothing_more) {
    msb_error *err = NULL;
    msb_op first = {0}, second = {0};
    msb_exec exec = launch(box, with_stdin(shell("cat")));
    CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 100, -1, queue, 1, &first, &err));
    CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 100, -1, queue, 2, &second, &err));
    CHECK_OK(err, msb_op_cancel(first, &err));
    CHECK(completes(queue, first, 1, MSB_ERR_CANCELLED));
    size_t n = 0;
    CHECK_OK(err, msb_exec_write(exec, "x", 1, -1, &n, &err));
    CHECK(completes(queue, second, 2, MSB_OK));
    CHECK(read_gave(second, "x"));
    msb_op_release(&first);
    CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 100, 20, queue, 3, &first, &err));
    CHECK(completes(queue, first, 3, MSB_ERR_TIMEOUT));
    msb_op_release(&first);
    CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 100, 0, queue, 4, &first, &err));
    CHECK(completes(queue, first, 4, MSB_ERR_WOULD_BLOCK));
    msb_op_release(&first);
    CHECK_OK(err, msb_exec_close_stdin(exec, &err));
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
}

TEST(a_collected_command_that_is_cancelled_is_gone_with_its_children) {
    msb_error *err = NULL;
    msb_op op = submit(stubborn("collected"), 1);
    uint32_t child = pid_in("collected");
    CHECK(child && is_running(child));
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(completes(queue, op, 1, MSB_ERR_CANCELLED));
    EVENTUALLY(!is_running(child));
    msb_exec_result *result = NULL;
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_take_exec_result(op, &result, &err));
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_take_exec_result(op, &result, &err));
    msb_op_release(&op);
    CHECK(answers(box));
}

TEST(a_started_command_that_nobody_takes_is_killed) {
    msb_op op = submit_start(stubborn("untaken"), 1);
    CHECK(completes(queue, op, 1, MSB_OK));
    uint32_t child = pid_in("untaken");
    CHECK(child && is_running(child));
    msb_op_release(&op);
    EVENTUALLY(!is_running(child));
    /* Released before it has started, too. */
    op = submit_start(stubborn("early"), 2);
    msb_op_release(&op);
    msb_completion done = next_completion(queue);
    CHECK(done.token == 2 && done.op.id == 0);
    child = 0;
    /* It may have been killed before it could write. */
    for (int64_t give_up = now_ms() + 200; !child && now_ms() < give_up; poll(NULL, 0, 5)) {
        char path[256];
        snprintf(path, sizeof path, "%s/early", fixture_home);
        if (exists(path)) child = pid_in("early");
    }
    if (child) EVENTUALLY(!is_running(child));
}

/* Cancels at every moment of a start: each ends once, as cancelled or as a success that is then taken or torn down. */
TEST(a_start_can_be_cancelled_at_any_moment) {
    msb_error *err = NULL;
    uint64_t execs = msb_debug_live_objects(MSB_KIND_EXEC);
    int won = 0;
    for (int i = 0; i < scaled(200); i++) {
        msb_op op = submit_start(shell("exec sleep 731"), 1);
        for (volatile int spin = 0; spin < i * 500; spin++) {}
        CHECK_OK(err, msb_op_cancel(op, &err));
        msb_completion done = next_completion(queue);
        CHECK(done.status == MSB_OK || done.status == MSB_ERR_CANCELLED);
        if (done.status == MSB_OK && won++ % 2) {
            msb_exec exec = {0};
            CHECK_OK(err, msb_op_take_exec(op, &exec, &err));
            CHECK_OK(err, msb_exec_signal(exec, SIGKILL, &err));
            CHECK(end_of(exec).signal == SIGKILL);
            msb_exec_release(&exec);
        }
        msb_op_release(&op);
    }
    CHECK(msb_debug_live_objects(MSB_KIND_EXEC) == execs && is_empty(queue));
    /* Nothing of them runs any more. */
    EVENTUALLY(prints(box, shell("cat /proc/[0-9]*/cmdline 2>&- | tr '\\0' ' ' | grep -c 'sleep 7[3]1'; :"), "0\n"));
}

TEST(many_waits_hold_no_thread_and_each_completes_once) {
    enum { WAITS = 5000 };
    msb_error *err = NULL;
    int each = scaled(WAITS), threads = 0;
    msb_op *ops = calloc(2 * (size_t)each, sizeof *ops);
    msb_sandbox other = running_box(backend, "waited");
    msb_exec exec = launch(other, shell("exec sleep 1000"));
    threads = count_threads();
    for (int i = 0; ops && i < each; i++) {
        CHECK_OK(err, msb_exec_wait_async(exec, i % 2 ? -1 : 600000, queue, (uint64_t)i, &ops[2 * i], &err));
        CHECK_OK(err, msb_sandbox_wait_async(other, i % 2 ? -1 : 600000, queue, (uint64_t)i, &ops[2 * i + 1], &err));
    }
    CHECK(msb_queue_pending(queue) == 2 * (uint64_t)each);
    CHECK(count_threads() <= threads + 1);
    /* A few are cancelled in the middle of it. */
    for (int i = 0; i < each; i += 100) CHECK_OK(err, msb_op_cancel(ops[2 * i], &err));
    CHECK_OK(err, msb_sandbox_kill(other, PATIENCE_MS, &err));
    int cancelled = 0, over = 0;
    for (int i = 0; i < 2 * each; i++) {
        msb_completion done = next_completion(queue);
        cancelled += done.status == MSB_ERR_CANCELLED;
        /* A command whose sandbox is killed is lost; the sandbox's waits tell how it ended. */
        over += done.status == MSB_OK || done.status == MSB_ERR_NOT_RUNNING;
    }
    CHECK(over + cancelled == 2 * each && cancelled == (each + 99) / 100);
    CHECK(is_empty(queue));
    msb_exit end;
    CHECK_OK(err, msb_op_take_exit(ops[1], &end, &err));
    CHECK(end.reason == MSB_EXIT_KILL_REQUESTED);
    for (int i = 0; i < 2 * each; i++) msb_op_release(&ops[i]);
    free(ops);
    msb_exec_release(&exec);
    discard_box(&other);
}

TEST(a_thousand_commands_at_once_all_run) {
    enum { COMMANDS = 1000 };
    int count = scaled(COMMANDS), good = 0, threads = count_threads();
    msb_op *ops = calloc((size_t)count, sizeof *ops);
    int64_t begun = now_ms();
    for (int i = 0; ops && i < count; i++) ops[i] = submit(shell("echo hi"), (uint64_t)i);
    CHECK(count_threads() <= threads + 1);
    for (int i = 0; i < count; i++) {
        msb_completion done = next_completion(queue);
        good += done.status == MSB_OK && done.token < (uint64_t)count && done.op.id == ops[done.token].id;
    }
    printf("       %d commands in %lld ms\n", count, (long long)(now_ms() - begun));
    CHECK(good == count);
    for (int i = 0; i < count; i++) CHECK(gave(ops[i], "hi\n"));
    free(ops);
}

TEST(a_wait_on_a_sandbox_answers_as_the_blocking_one_does) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_exit end;
    msb_sandbox other = created_box(backend, "answers");
    CHECK_OK(err, msb_sandbox_wait_async(other, -1, queue, 1, &op, &err));
    CHECK(completes(queue, op, 1, MSB_ERR_NOT_RUNNING));
    msb_op_release(&op);
    CHECK_OK(err, msb_sandbox_start(other, -1, &err));
    CHECK_OK(err, msb_sandbox_wait_async(other, 20, queue, 2, &op, &err));
    CHECK(completes(queue, op, 2, MSB_ERR_TIMEOUT));
    msb_op_release(&op);
    CHECK_OK(err, msb_sandbox_wait_async(other, -1, queue, 3, &op, &err));
    CHECK_OK(err, msb_sandbox_stop(other, PATIENCE_MS, &err));
    CHECK(completes(queue, op, 3, MSB_OK));
    CHECK_OK(err, msb_op_take_exit(op, &end, &err));
    CHECK(end.reason == MSB_EXIT_STOP_REQUESTED && end.clean);
    msb_op_release(&op);
    /* Without a link: another backend of this process has not seen it run. */
    msb_backend second = open_backend(fixture_home);
    msb_sandbox seen = open_box(second, "answers");
    CHECK_OK(err, msb_sandbox_wait_async(seen, -1, queue, 4, &op, &err));
    CHECK(completes(queue, op, 4, MSB_OK));
    CHECK_OK(err, msb_op_take_exit(op, &end, &err));
    CHECK(end.reason == MSB_EXIT_STOP_REQUESTED);
    msb_op_release(&op);
    CHECK_OK(err, msb_sandbox_start(other, -1, &err));
    CHECK_OK(err, msb_sandbox_wait_async(seen, -1, queue, 5, &op, &err));
    CHECK_OK(err, msb_sandbox_kill(other, PATIENCE_MS, &err));
    CHECK(completes(queue, op, 5, MSB_OK));
    CHECK_OK(err, msb_op_take_exit(op, &end, &err));
    CHECK(end.reason == MSB_EXIT_KILL_REQUESTED);
    msb_op_release(&op);
    msb_sandbox_release(&seen);
    close_backend(&second);
    discard_box(&other);
}

TEST(closing_the_backend_completes_everything_once) {
    msb_error *err = NULL;
    msb_backend own = open_backend(fixture_home);
    msb_sandbox other = running_box(own, "closed");
    msb_exec exec = launch(other, with_stdin(shell("exec sleep 1000")));
    msb_exec_config *config = shell("exec sleep 1000");
    msb_op ops[4] = {{0}};
    CHECK_OK(err, msb_exec_wait_async(exec, -1, queue, 0, &ops[0], &err));
    CHECK_OK(err, msb_exec_read_async(exec, MSB_STDOUT, 10, -1, queue, 1, &ops[1], &err));
    CHECK_OK(err, msb_sandbox_exec_async(other, config, queue, 2, &ops[2], &err));
    CHECK_OK(err, msb_sandbox_wait_async(other, -1, queue, 3, &ops[3], &err));
    msb_exec_config_free(config);
    close_backend(&own);
    int seen[4] = {0};
    for (int i = 0; i < 4; i++) {
        msb_completion done = next_completion(queue);
        if (done.token > 3) continue;
        seen[done.token]++;
        if (done.token == 0 || done.token == 2) CHECK(done.status == MSB_ERR_NOT_RUNNING);
        if (done.token == 1) CHECK(done.status == MSB_OK && read_gave(ops[1], ""));
    }
    CHECK(seen[0] == 1 && seen[1] == 1 && seen[2] == 1 && seen[3] == 1 && is_empty(queue));
    for (int i = 0; i < 4; i++) msb_op_release(&ops[i]);
    msb_exec_release(&exec);
    msb_sandbox_release(&other);
    msb_sandbox again = open_box(backend, "closed");
    discard_box(&again);
}

TEST(closing_the_queue_cancels_commands_and_kills_what_they_started) {
    msb_queue common = queue;
    queue = new_queue();
    msb_op op = submit(stubborn("queue"), 1), end = {0};
    msb_error *err = NULL;
    uint32_t child = pid_in("queue");
    CHECK_OK(err, msb_sandbox_wait_async(box, -1, queue, 2, &end, &err));
    CHECK_OK(err, msb_queue_close(queue, PATIENCE_MS, &err));
    for (int i = 0; i < 2; i++) CHECK(next_completion(queue).status == MSB_ERR_CANCELLED);
    EVENTUALLY(child && !is_running(child));
    msb_op_release(&op);
    msb_op_release(&end);
    msb_queue_release(&queue);
    queue = common;
    CHECK(answers(box));
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    box = running_box(backend, "box");
    queue = new_queue();
    RUN(a_collected_command_gives_what_it_wrote_and_its_progress);
    RUN(a_command_that_cannot_start_fails_with_its_reason);
    RUN(bad_arguments_and_stale_handles_are_refused_at_submit);
    RUN(a_command_can_be_started_written_to_read_and_waited_for);
    RUN(a_large_write_is_sent_whole_and_in_turn);
    RUN(reads_and_writes_that_are_cancelled_take_and_send_nothing_more);
    RUN(a_collected_command_that_is_cancelled_is_gone_with_its_children);
    RUN(a_started_command_that_nobody_takes_is_killed);
    RUN(a_start_can_be_cancelled_at_any_moment);
    RUN(many_waits_hold_no_thread_and_each_completes_once);
    RUN(a_thousand_commands_at_once_all_run);
    RUN(a_wait_on_a_sandbox_answers_as_the_blocking_one_does);
    RUN(closing_the_backend_completes_everything_once);
    RUN(closing_the_queue_cancels_commands_and_kills_what_they_started);
    close_queue(&queue);
    discard_box(&box);
    close_backend(&backend);
    return fixture_end();
}
