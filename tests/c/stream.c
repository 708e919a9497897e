/*
 * Streaming commands: pull reads, writes, descriptors that are given away, slow readers and early closers. Runs on the
 * `process` driver.
 */
#include <pthread.h>
#include <sys/resource.h>

#include "fixture.h"

static msb_backend backend;
static msb_sandbox box;
static char buf[1 << 18];

/* What the library may hold of one channel, and what may be on its way in sockets and the agent. */
enum { WINDOW = 1 << 20, ON_THE_WAY = 2 << 20 };

static msb_exec launch_piped(const char *script) {
    msb_error *err = NULL;
    msb_exec_config *config = shell(script);
    CHECK_OK(err, msb_exec_config_set_stdin_pipe(config, &err));
    return launch(box, config);
}

/* Reads a channel to its end; the number of bytes. */
static size_t drain(msb_exec exec, int32_t which) {
    msb_error *err = NULL;
    size_t total = 0, n = 0;
    do {
        CHECK_OK(err, msb_exec_read(exec, which, buf, sizeof buf, PATIENCE_MS, &n, &err));
        total += n;
    } while (n);
    return total;
}

static void finish(msb_exec *exec) {
    msb_exec_signal(*exec, SIGKILL, NULL);
    end_of(*exec);
    msb_exec_release(exec);
}

/* ---- pull ---- */

TEST(output_arrives_as_it_is_written) {
    msb_error *err = NULL;
    size_t n = 0;
    msb_exec exec = launch_piped("echo one; read x; echo two $x");
    CHECK(msb_exec_pid(exec) > 0);
    CHECK(reads_up_to(exec, "one\n")); /* while the command waits */
    CHECK_OK(err, msb_exec_write(exec, "go\n", 3, PATIENCE_MS, &n, &err));
    CHECK(n == 3);
    CHECK(reads_up_to(exec, "two go\n"));
    CHECK(drain(exec, MSB_STDOUT) == 0 && drain(exec, MSB_STDERR) == 0);
    CHECK(end_of(exec).exit_code == 0);
    CHECK(msb_exec_pid(exec) == 0);
    CHECK(drain(exec, MSB_STDOUT) == 0); /* the end stays the end */
    msb_exec_release(&exec);
}

TEST(a_read_that_may_not_wait_says_so) {
    msb_error *err = NULL;
    size_t n = 7;
    msb_exec exec = launch(box, shell("exec sleep 1000"));
    CHECK_STATUS(MSB_ERR_WOULD_BLOCK, err, msb_exec_read(exec, MSB_STDOUT, buf, sizeof buf, 0, &n, &err));
    CHECK(n == 0);
    int64_t began = now_ms();
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_exec_read(exec, MSB_STDERR, buf, sizeof buf, 50, &n, &err));
    CHECK(now_ms() - began >= 50);
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_exec_wait(exec, 0, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_read(exec, MSB_STDIN, buf, sizeof buf, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_read(exec, 3, buf, sizeof buf, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_read(exec, MSB_STDOUT, NULL, 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_read(exec, MSB_STDOUT, buf, 1, 0, NULL, &err));
    finish(&exec);
}

TEST(output_outlives_its_command) {
    size_t n = 0;
    msb_error *err = NULL;
    msb_exec exec = launch(box, shell("printf 123; printf abcde >&2; exit 3"));
    CHECK(end_of(exec).exit_code == 3);
    CHECK_OK(err, msb_exec_read(exec, MSB_STDERR, buf, 2, 0, &n, &err));
    CHECK(n == 2 && memcmp(buf, "ab", 2) == 0);
    CHECK(drain(exec, MSB_STDOUT) == 3 && drain(exec, MSB_STDERR) == 3);
    msb_exec_release(&exec);
}

TEST(every_byte_of_a_large_output_arrives_in_order) {
    msb_error *err = NULL;
    size_t n = 0, total = 0, size = (size_t)scaled(32) << 20;
    char script[128];
    int ok = 1;
    /* A line is 8 bytes. */
    snprintf(script, sizeof script, "seq -f %%07.0f 0 %zu", size / 8 - 1);
    msb_exec exec = launch(box, shell(script));
    char line[9] = "", expected[9];
    do {
        CHECK_OK(err, msb_exec_read(exec, MSB_STDOUT, buf, sizeof buf, PATIENCE_MS, &n, &err));
        for (size_t i = 0; i < n; i++, total++) {
            line[total % 8] = buf[i];
            if (total % 8 != 7 || !ok || (total / 8) % 97) continue; /* each 97th line is looked at */
            snprintf(expected, sizeof expected, "%07u\n", (unsigned)(total / 8) % 10000000);
            ok = memcmp(line, expected, 8) == 0;
        }
    } while (n);
    CHECK(ok && total == size);
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
}

/* ---- input ---- */

TEST(a_pipe_is_written_and_closed) {
    msb_error *err = NULL;
    size_t n = 0, sent = 0, size = (size_t)scaled(4) << 20;
    msb_exec exec = launch_piped("exec wc -c");
    while (sent < size) {
        size_t len = size - sent < sizeof buf ? size - sent : sizeof buf;
        CHECK_OK(err, msb_exec_write(exec, buf, len, PATIENCE_MS, &n, &err));
        CHECK(n > 0 && n <= len);
        if (!n) break;
        sent += n;
    }
    CHECK_OK(err, msb_exec_close_stdin(exec, &err));
    CHECK_OK(err, msb_exec_close_stdin(exec, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_write(exec, "x", 1, 0, &n, &err));
    char expected[32];
    snprintf(expected, sizeof expected, "%zu\n", size);
    CHECK(reads_up_to(exec, expected));
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
}

TEST(a_write_to_a_command_that_does_not_read_would_block) {
    msb_error *err = NULL;
    size_t n = 0, sent = 0;
    msb_status status;
    msb_exec exec = launch_piped("exec sleep 1000");
    while ((status = msb_exec_write(exec, buf, sizeof buf, 100, &n, &err)) == MSB_OK && sent < WINDOW + ON_THE_WAY)
        sent += n;
    CHECK(status == MSB_ERR_TIMEOUT);
    msb_error_free(err);
    CHECK(sent > 0 && sent < WINDOW + ON_THE_WAY);
    CHECK_STATUS(MSB_ERR_WOULD_BLOCK, err, msb_exec_write(exec, "x", 1, 0, &n, &err));
    CHECK(n == 0);
    finish(&exec);
}

TEST(a_command_that_ended_takes_no_input) {
    msb_error *err = NULL;
    size_t n = 9;
    msb_exec exec = launch_piped("exit 0");
    end_of(exec);
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_exec_write(exec, "x", 1, PATIENCE_MS, &n, &err));
    CHECK(n == 0);
    msb_exec_release(&exec);
    exec = launch(box, shell("exec sleep 1000")); /* without a pipe */
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_write(exec, "x", 1, 0, &n, &err));
    finish(&exec);
}

/* ---- slow readers ---- */

TEST(a_slow_reader_holds_up_its_own_command_only_and_memory_is_bounded) {
    struct rusage before, after;
    size_t size = (size_t)64 << 20;
    getrusage(RUSAGE_SELF, &before);
    msb_exec slow = launch(box, shell("exec head -c 67108864 /dev/zero"));
    for (int i = 0; i < scaled(20); i++) CHECK(answers(box));
    msb_exec fast = launch(box, shell("exec head -c 8388608 /dev/zero"));
    CHECK(drain(fast, MSB_STDOUT) == (size_t)8 << 20);
    msb_exec_release(&fast);
    CHECK(msb_exec_pid(slow) > 0); /* it still waits for its reader */
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
    CHECK(drain(slow, MSB_STDOUT) == size);
    CHECK(end_of(slow).exit_code == 0);
    msb_exec_release(&slow);
}

TEST(a_full_standard_error_does_not_hold_up_the_other_channel) {
    size_t total = 0, n = 0;
    msb_exec exec = launch(box, shell("head -c 8388608 /dev/zero >&2 & head -c 4194304 /dev/zero; wait"));
    while (total < (size_t)4 << 20 && msb_exec_read(exec, MSB_STDOUT, buf, sizeof buf, PATIENCE_MS, &n, NULL) == MSB_OK && n)
        total += n;
    CHECK(total == (size_t)4 << 20);
    CHECK(drain(exec, MSB_STDERR) == (size_t)8 << 20);
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
}

TEST(a_released_command_goes_on_and_its_input_ends) {
    char path[256], script[512];
    snprintf(path, sizeof path, "%s/went-on", fixture_home);
    snprintf(script, sizeof script, "cat; head -c 4000000 /dev/zero; touch %s", path);
    msb_exec exec = launch_piped(script);
    msb_exec_release(&exec);
    EVENTUALLY(exists(path));
}

/* ---- descriptors ---- */

static int take(msb_exec exec, int32_t which) {
    msb_error *err = NULL;
    int32_t fd = -2;
    CHECK_OK(err, msb_exec_take_fd(exec, which, &fd, &err));
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
    return fd;
}

static int ready(int fd, short events) {
    struct pollfd one = {fd, events, 0};
    return poll(&one, 1, PATIENCE_MS) == 1 && one.revents & (events | POLLHUP);
}

TEST(descriptors_carry_input_and_output_through_poll) {
    size_t size = (size_t)scaled(16) << 20, sent = 0, got = 0;
    int ended = 0, same = 1, fds = count_fds();
    msb_exec exec = launch_piped("exec cat");
    struct pollfd both[2] = {{take(exec, MSB_STDIN), POLLOUT, 0}, {take(exec, MSB_STDOUT), POLLIN, 0}};
    while (!ended && poll(both, 2, PATIENCE_MS) > 0) {
        if (both[0].fd >= 0 && both[0].revents) {
            for (size_t i = 0; i < sizeof buf; i++) buf[i] = (char)((sent + i) * 131 >> 3);
            ssize_t n = write(both[0].fd, buf, size - sent < sizeof buf ? size - sent : sizeof buf);
            if (n > 0) sent += (size_t)n;
            if (sent == size || (n < 0 && errno != EAGAIN)) {
                close(both[0].fd);
                both[0].fd = -1;
            }
        }
        if (both[1].revents) {
            ssize_t n = read(both[1].fd, buf, sizeof buf);
            for (ssize_t i = 0; i < n; i++) same &= buf[i] == (char)((got + (size_t)i) * 131 >> 3);
            if (n > 0) got += (size_t)n;
            ended = n == 0;
        }
    }
    CHECK(ended && same && sent == size && got == size);
    close(both[1].fd);
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
    EVENTUALLY(count_fds() <= fds); /* an earlier test's may still have been closing */
}

TEST(a_channel_is_given_away_once) {
    msb_error *err = NULL;
    int32_t again = 5;
    size_t n = 0;
    msb_exec exec = launch_piped("exec cat");
    int in = take(exec, MSB_STDIN), out = take(exec, MSB_STDOUT);
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_take_fd(exec, MSB_STDIN, &again, &err));
    CHECK(again == -1);
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_take_fd(exec, MSB_STDOUT, &again, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_read(exec, MSB_STDOUT, buf, 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_exec_write(exec, "x", 1, 0, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_take_fd(exec, 3, &again, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_take_fd(exec, MSB_STDOUT, NULL, &err));
    close(in);
    CHECK(ready(out, POLLIN) && read(out, buf, sizeof buf) == 0);
    close(out);
    CHECK(end_of(exec).exit_code == 0);
    msb_exec_release(&exec);
}

TEST(a_descriptor_that_is_closed_early_does_not_hang_the_command) {
    int fds = count_fds();
    msb_exec exec = launch(box, shell("head -c 8388608 /dev/zero; echo done >&2"));
    int out = take(exec, MSB_STDOUT);
    CHECK(ready(out, POLLIN) && read(out, buf, 10) == 10);
    close(out);
    CHECK(drain(exec, MSB_STDERR) == 5);
    CHECK(end_of(exec).exit_code == 0); /* what is thrown away is no broken pipe */
    msb_exec_release(&exec);
    EVENTUALLY(count_fds() <= fds); /* an earlier test's may still have been closing */
}

TEST(a_descriptor_of_input_is_refused_once_the_command_is_over) {
    msb_exec exec = launch_piped("exec sleep 0.05");
    int in = take(exec, MSB_STDIN);
    end_of(exec);
    EVENTUALLY(write(in, "x", 1) < 0 && errno == EPIPE);
    close(in);
    msb_exec_release(&exec);
}

TEST(descriptors_outlive_the_handle_until_the_end_of_file) {
    int fds = count_fds();
    msb_exec exec = launch(box, shell("echo text; exec sleep 1000"));
    int out = take(exec, MSB_STDOUT);
    CHECK(ready(out, POLLIN) && read(out, buf, sizeof buf) == 5);
    uint32_t pid = msb_exec_pid(exec);
    msb_exec_release(&exec);
    CHECK(ready(out, POLLIN) && read(out, buf, sizeof buf) == 0);
    close(out);
    if (pid) kill((pid_t)pid, SIGKILL);
    EVENTUALLY(count_fds() <= fds); /* an earlier test's may still have been closing */
}

/* ---- threads ---- */

static void *read_all(void *exec) {
    char mine[4096];
    size_t n = 0;
    uintptr_t total = 0;
    while (msb_exec_read(*(msb_exec *)exec, MSB_STDOUT, mine, sizeof mine, PATIENCE_MS, &n, NULL) == MSB_OK && n) total += n;
    return (void *)total;
}

TEST(threads_may_share_a_handle) {
    enum { READERS = 4 };
    pthread_t readers[READERS];
    uintptr_t total = 0;
    msb_exec exec = launch(box, shell("exec head -c 4194304 /dev/zero"));
    for (int i = 0; i < READERS; i++) CHECK(pthread_create(&readers[i], NULL, read_all, &exec) == 0);
    for (int i = 0; i < READERS; i++) {
        void *part;
        pthread_join(readers[i], &part);
        total += (uintptr_t)part;
    }
    CHECK(total == (size_t)4 << 20);
    msb_exec_release(&exec);
}

static void *wait_for_it(void *exec) {
    msb_exec_status status = {0};
    msb_status result = msb_exec_wait(*(msb_exec *)exec, PATIENCE_MS, &status, NULL);
    /* Or the handle went before the wait began. */
    return (void *)(intptr_t)((result == MSB_OK && status.signal == SIGKILL) || result == MSB_ERR_STALE_HANDLE);
}

TEST(a_handle_can_be_released_while_others_wait_on_it) {
    pthread_t waiter;
    void *ended = NULL;
    msb_exec exec = launch_piped("exec cat"), copy = exec;
    uint32_t pid = msb_exec_pid(exec);
    CHECK(pthread_create(&waiter, NULL, wait_for_it, &copy) == 0);
    poll(NULL, 0, 20); /* most likely it waits by now; either way it must not crash */
    msb_exec_release(&exec);
    CHECK(pid && kill((pid_t)pid, SIGKILL) == 0);
    pthread_join(waiter, &ended);
    CHECK(exec.id == 0 && ended);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    box = running_box(backend, "box");
    RUN(output_arrives_as_it_is_written);
    RUN(a_read_that_may_not_wait_says_so);
    RUN(output_outlives_its_command);
    RUN(every_byte_of_a_large_output_arrives_in_order);
    RUN(a_pipe_is_written_and_closed);
    RUN(a_write_to_a_command_that_does_not_read_would_block);
    RUN(a_command_that_ended_takes_no_input);
    RUN(a_slow_reader_holds_up_its_own_command_only_and_memory_is_bounded);
    RUN(a_full_standard_error_does_not_hold_up_the_other_channel);
    RUN(a_released_command_goes_on_and_its_input_ends);
    RUN(descriptors_carry_input_and_output_through_poll);
    RUN(a_channel_is_given_away_once);
    RUN(a_descriptor_that_is_closed_early_does_not_hang_the_command);
    RUN(a_descriptor_of_input_is_refused_once_the_command_is_over);
    RUN(descriptors_outlive_the_handle_until_the_end_of_file);
    RUN(threads_may_share_a_handle);
    RUN(a_handle_can_be_released_while_others_wait_on_it);
    discard_box(&box);
    close_backend(&backend);
    return fixture_end();
}
