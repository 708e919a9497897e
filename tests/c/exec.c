/*
 * Collected commands: output, exit codes, signals, failed spawns, environment, user, standard input, caps, timeouts,
 * terminals; and that thousands of them leave nothing behind. Runs on the `process` driver.
 */
#include <pthread.h>

#include "fixture.h"

static msb_backend backend;
static msb_sandbox box;

static int code_of(const char *script) {
    msb_exec_result *result = run(box, shell(script));
    int code = msb_exec_result_exit_code(result);
    msb_exec_result_free(result);
    return code;
}

/* ---- output and ends ---- */

TEST(outputs_are_separate_and_binary_safe) {
    size_t out_len = 0, err_len = 0;
    msb_exec_result *result = run(box, shell("printf 'a\\000b\\377\\n'; printf '\\000\\000e' >&2"));
    const uint8_t *out = msb_exec_result_stdout(result, &out_len);
    const uint8_t *err = msb_exec_result_stderr(result, &err_len);
    CHECK(out_len == 5 && memcmp(out, "a\0b\377\n", 6) == 0);
    CHECK(err_len == 3 && memcmp(err, "\0\0e", 4) == 0);
    CHECK(msb_exec_result_stdout_total(result) == 5 && msb_exec_result_stderr_total(result) == 3);
    CHECK(!msb_exec_result_stdout_truncated(result) && !msb_exec_result_stderr_truncated(result));
    msb_exec_result_free(result);
}

TEST(a_command_without_output_has_empty_text) {
    size_t len = 9;
    msb_exec_result *result = run(box, msb_exec_config_new("/bin/true"));
    CHECK(strcmp((const char *)msb_exec_result_stdout(result, &len), "") == 0 && len == 0);
    CHECK(strcmp((const char *)msb_exec_result_stderr(result, NULL), "") == 0);
    msb_exec_result_free(result);
}

TEST(exit_codes_are_the_commands_own) {
    const int codes[] = {0, 1, 2, 42, 126, 127, 128, 255};
    char script[32];
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        snprintf(script, sizeof script, "exit %d", codes[i]);
        CHECK(code_of(script) == codes[i]);
    }
}

TEST(a_signal_that_ended_a_command_is_told_from_a_code) {
    const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGPIPE};
    char script[32];
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        snprintf(script, sizeof script, "kill -%d $$", signals[i]);
        msb_exec_result *result = run(box, shell(script));
        CHECK(msb_exec_result_signal(result) == signals[i] && msb_exec_result_exit_code(result) == -1);
        msb_exec_result_free(result);
    }
}

/* ---- spawns that fail ---- */

/* The start fails with this reason; the config is freed. */
static void refuses(msb_exec_config *config, const char *reason) {
    msb_error *err = NULL;
    msb_exec exec = {1};
    msb_exec_result *result = NULL;
    CHECK(msb_sandbox_exec_start(box, config, &exec, &err) == MSB_ERR_EXEC_FAILED);
    if (strcmp(msb_error_reason(err), reason) != 0) printf("       %s: %s\n", msb_error_reason(err), msb_error_message(err));
    CHECK(strcmp(msb_error_reason(err), reason) == 0);
    CHECK(exec.id == 0 && strlen(msb_error_message(err)) > 0);
    msb_error_free(err);
    CHECK(msb_sandbox_exec(box, config, &result, &err) == MSB_ERR_EXEC_FAILED && result == NULL);
    CHECK(strcmp(msb_error_reason(err), reason) == 0);
    msb_error_free(err);
    msb_exec_config_free(config);
}

static const char *file_with(const char *name, const char *content, mode_t mode) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture_home, name);
    FILE *file = fopen(path, "we");
    if (file) {
        fputs(content, file);
        fclose(file);
    }
    chmod(path, mode);
    return path;
}

TEST(a_program_that_is_not_there_is_not_found) {
    refuses(msb_exec_config_new("/no/such/program"), "exec.not_found");
    refuses(msb_exec_config_new("no-such-program"), "exec.not_found");
}

TEST(a_program_without_permission_is_refused) {
    refuses(msb_exec_config_new(file_with("plain", "#!/bin/sh\n", 0644)), "exec.permission_denied");
}

TEST(a_file_that_is_no_program_is_not_executable) {
    refuses(msb_exec_config_new(file_with("noise", "\1\2\3\4 not a program", 0755)), "exec.not_executable");
}

TEST(a_directory_that_is_not_there_is_a_bad_cwd) {
    msb_error *err = NULL;
    msb_exec_config *config = shell("true");
    CHECK_OK(err, msb_exec_config_set_cwd(config, "/no/such/directory", &err));
    refuses(config, "exec.bad_cwd");
    config = shell("true");
    CHECK_OK(err, msb_exec_config_set_cwd(config, "/etc/passwd", &err));
    refuses(config, "exec.bad_cwd");
}

TEST(a_user_that_is_not_there_is_a_bad_user) {
    msb_error *err = NULL;
    msb_exec_config *config = shell("true");
    CHECK_OK(err, msb_exec_config_set_user(config, "no-such-user", &err));
    refuses(config, "exec.bad_user");
}

TEST(a_config_without_a_program_is_an_invalid_argument) {
    msb_error *err = NULL;
    msb_exec exec = {0};
    msb_exec_config *config = msb_exec_config_new(NULL);
    CHECK(msb_sandbox_exec_start(box, config, &exec, &err) == MSB_ERR_INVALID_ARGUMENT);
    CHECK(msb_error_detail(err, "program", NULL) != NULL);
    msb_error_free(err);
    msb_exec_config_free(config);
}

/* ---- what a command finds ---- */

TEST(environment_and_arguments_arrive_as_given) {
    msb_error *err = NULL;
    msb_exec_config *config = shell("printf '%s|' \"$A\" \"$B\" \"$@\"");
    CHECK_OK(err, msb_exec_config_set_env(config, "A", "one two", &err));
    CHECK_OK(err, msb_exec_config_set_env(config, "B", "", &err));
    CHECK_OK(err, msb_exec_config_set_env(config, "A", "x=\"y\" $HOME", &err));
    CHECK_OK(err, msb_exec_config_add_arg(config, "sh", &err));
    CHECK_OK(err, msb_exec_config_add_arg(config, "", &err));
    CHECK_OK(err, msb_exec_config_add_arg(config, "*'\n", &err));
    CHECK(prints(box, config, "x=\"y\" $HOME|||*'\n|"));
}

TEST(the_hosts_environment_does_not_leak_in) {
    CHECK(setenv("FIXTURE_SECRET", "leaked", 1) == 0);
    CHECK(prints(box, shell("echo ${FIXTURE_SECRET:-none}"), "none\n"));
}

TEST(the_sandboxs_environment_and_directory_are_defaults) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("defaults");
    CHECK_OK(err, msb_sandbox_config_set_env(config, "A", "box", &err));
    CHECK_OK(err, msb_sandbox_config_set_env(config, "B", "box", &err));
    CHECK_OK(err, msb_sandbox_config_set_workdir(config, "/usr", &err));
    msb_sandbox other = start_from(backend, config);
    msb_exec_config *exec = shell("echo $A $B $PWD");
    CHECK_OK(err, msb_exec_config_set_env(exec, "B", "exec", &err));
    CHECK(prints(other, exec, "box exec /usr\n"));
    exec = shell("echo $PWD");
    CHECK_OK(err, msb_exec_config_set_cwd(exec, "/etc", &err));
    CHECK(prints(other, exec, "/etc\n"));
    discard_box(&other);
}

TEST(a_numeric_user_needs_no_entry_in_passwd) {
    msb_error *err = NULL;
    char user[32], expected[32];
    unsigned uid = geteuid() ? (unsigned)geteuid() : 54321, gid = geteuid() ? (unsigned)getegid() : 12345;
    snprintf(user, sizeof user, "%u:%u", uid, gid);
    snprintf(expected, sizeof expected, "%u %u\n", uid, gid);
    msb_exec_config *config = shell("echo $(id -u) $(id -g)");
    CHECK_OK(err, msb_exec_config_set_user(config, user, &err));
    CHECK(prints(box, config, expected));
}

TEST(limits_hold_in_the_command) {
    msb_error *err = NULL;
    msb_exec_config *config = shell("ulimit -n");
    CHECK_OK(err, msb_exec_config_add_rlimit(config, "nofile", 77, 77, &err));
    CHECK(prints(box, config, "77\n"));
}

TEST(a_command_inherits_standard_streams_only) {
    CHECK(prints(box, shell("ls /proc/$$/fd; :"), "0\n1\n2\n"));
}

/* ---- standard input ---- */

TEST(bytes_are_fed_whole_and_end) {
    msb_error *err = NULL;
    size_t size = (size_t)scaled(8) << 20, len = 0;
    uint8_t *data = malloc(size);
    for (size_t i = 0; i < size; i++) data[i] = (uint8_t)(i * 31 + (i >> 8) * 7);
    msb_exec_config *config = msb_exec_config_new("cat");
    CHECK_OK(err, msb_exec_config_set_stdin(config, data, size, &err));
    msb_exec_result *result = run(box, config);
    const uint8_t *out = msb_exec_result_stdout(result, &len);
    CHECK(len == size && memcmp(out, data, size) == 0);
    msb_exec_result_free(result);
    free(data);
}

TEST(input_that_a_command_does_not_read_holds_nothing_up) {
    msb_error *err = NULL;
    size_t size = 4 << 20;
    void *data = calloc(1, size);
    const char *scripts[] = {"echo done", "exec <&-; sleep 0.1; echo done", "head -c 10 >/dev/null; echo done"};
    for (int i = 0; i < 3; i++) {
        msb_exec_config *config = shell(scripts[i]);
        CHECK_OK(err, msb_exec_config_set_stdin(config, data, size, &err));
        CHECK(prints(box, config, "done\n"));
    }
    free(data);
}

TEST(without_input_a_command_reads_end_of_file) {
    msb_error *err = NULL;
    CHECK(prints(box, shell("cat; echo end"), "end\n"));
    msb_exec_config *config = shell("cat; echo end");
    CHECK_OK(err, msb_exec_config_set_stdin(config, NULL, 0, &err));
    CHECK(prints(box, config, "end\n"));
    config = shell("cat; echo end"); /* nobody can write to this pipe */
    CHECK_OK(err, msb_exec_config_set_stdin_pipe(config, &err));
    CHECK(prints(box, config, "end\n"));
}

/* ---- caps and timeouts ---- */

TEST(output_beyond_the_cap_is_counted_not_kept) {
    msb_error *err = NULL;
    size_t len = 0;
    msb_exec_config *config = shell("head -c 3000000 /dev/zero; printf 12345 >&2");
    CHECK_OK(err, msb_exec_config_set_max_output_bytes(config, 1000, &err));
    msb_exec_result *result = run(box, config);
    msb_exec_result_stdout(result, &len);
    CHECK(len == 1000 && msb_exec_result_stdout_truncated(result));
    CHECK(msb_exec_result_stdout_total(result) == 3000000);
    CHECK(strcmp((const char *)msb_exec_result_stderr(result, &len), "12345") == 0);
    CHECK(!msb_exec_result_stderr_truncated(result) && msb_exec_result_stderr_total(result) == 5);
    CHECK(msb_exec_result_exit_code(result) == 0);
    msb_exec_result_free(result);
    config = shell("printf 123456");
    CHECK_OK(err, msb_exec_config_set_max_output_bytes(config, 6, &err));
    result = run(box, config);
    CHECK(!msb_exec_result_stdout_truncated(result)); /* exactly full is not truncated */
    msb_exec_result_free(result);
}

TEST(a_timeout_ends_the_command_and_tells_what_it_wrote) {
    msb_error *err = NULL;
    msb_exec_result *result = NULL;
    msb_exec_config *config = shell("printf partial; printf oops >&2; exec sleep 1000");
    CHECK_OK(err, msb_exec_config_set_timeout_ms(config, 200, &err));
    int64_t began = now_ms();
    CHECK(msb_sandbox_exec(box, config, &result, &err) == MSB_ERR_TIMEOUT && result == NULL);
    CHECK(now_ms() - began >= 200 && now_ms() - began < 10000);
    size_t len = 0;
    const uint8_t *out = msb_error_detail(err, "stdout", &len);
    CHECK(out && len == 7 && memcmp(out, "partial", 7) == 0);
    out = msb_error_detail(err, "stderr", &len);
    CHECK(out && len == 4 && memcmp(out, "oops", 4) == 0);
    msb_error_free(err);
    msb_exec exec = launch(box, config);
    msb_exec_status status = end_of(exec);
    CHECK(status.timed_out == 1 && status.exit_code == -1 && status.signal == SIGKILL);
    msb_exec_release(&exec);
}

TEST(a_timeout_ends_what_the_command_started_too) {
    msb_error *err = NULL;
    int child = 0;
    msb_exec_config *config = shell("sleep 1000 & echo $!; wait");
    CHECK_OK(err, msb_exec_config_set_timeout_ms(config, 200, &err));
    CHECK(msb_sandbox_exec(box, config, &(msb_exec_result *){NULL}, &err) == MSB_ERR_TIMEOUT);
    const uint8_t *out = msb_error_detail(err, "stdout", NULL);
    CHECK(out && sscanf((const char *)out, "%d", &child) == 1);
    EVENTUALLY(child > 1 && !is_running((uint32_t)child));
    msb_error_free(err);
    msb_exec_config_free(config);
}

/* ---- terminals and signals ---- */

TEST(a_terminal_has_its_size_joins_the_outputs_and_echoes) {
    msb_error *err = NULL;
    msb_exec_config *config = shell("test -t 0 && test -t 1 && test -t 2 && stty size; echo err >&2");
    CHECK_OK(err, msb_exec_config_set_tty(config, 1, &err));
    CHECK_OK(err, msb_exec_config_set_rows(config, 33, &err));
    CHECK_OK(err, msb_exec_config_set_cols(config, 111, &err));
    CHECK(prints(box, config, "33 111\r\nerr\r\n"));
    config = shell("read line; echo got $line");
    CHECK_OK(err, msb_exec_config_set_tty(config, 1, &err));
    CHECK_OK(err, msb_exec_config_set_stdin(config, "typed\n", 6, &err));
    CHECK(prints(box, config, "typed\r\ngot typed\r\n"));
}

TEST(a_resize_reaches_the_command) {
    msb_error *err = NULL;
    msb_exec_config *config = shell("trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done");
    CHECK_OK(err, msb_exec_config_set_tty(config, 1, &err));
    msb_exec exec = launch(box, config);
    CHECK(reads_up_to(exec, "ready\r\n"));
    CHECK_OK(err, msb_exec_resize(exec, 50, 132, &err));
    CHECK(reads_up_to(exec, "50 132\r\n"));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_resize(exec, 0, 132, &err));
    CHECK_OK(err, msb_exec_signal(exec, SIGKILL, &err));
    CHECK(end_of(exec).signal == SIGKILL);
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_exec_resize(exec, 1, 1, &err));
    msb_exec_release(&exec);
}

TEST(a_signal_reaches_the_whole_group) {
    msb_error *err = NULL;
    int child = 0;
    char line[32] = "";
    size_t n = 0;
    msb_exec exec = launch(box, shell("sleep 1000 & echo $!; wait"));
    CHECK_OK(err, msb_exec_read(exec, MSB_STDOUT, line, sizeof line - 1, PATIENCE_MS, &n, &err));
    CHECK(sscanf(line, "%d", &child) == 1 && is_running((uint32_t)child));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_signal(exec, 0, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_signal(exec, 65, &err));
    CHECK_OK(err, msb_exec_signal(exec, SIGTERM, &err));
    CHECK(end_of(exec).signal == SIGTERM);
    EVENTUALLY(!is_running((uint32_t)child));
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_exec_signal(exec, SIGTERM, &err));
    msb_exec_release(&exec);
}

TEST(a_background_process_does_not_hold_the_end_up) {
    int child = 0;
    msb_exec_result *result = run(box, shell("sleep 1000 & echo $!"));
    CHECK(sscanf((const char *)msb_exec_result_stdout(result, NULL), "%d", &child) == 1);
    CHECK(child > 1 && is_running((uint32_t)child));
    if (child > 1) kill(child, SIGKILL);
    msb_exec_result_free(result);
}

/* ---- many ---- */

enum { THREADS = 20, EACH = 10 };

static void *run_some(void *failures) {
    for (int i = 0; i < EACH; i++) {
        msb_exec_result *result = NULL;
        msb_exec_config *config = shell("echo out; echo err >&2; exit 7");
        int ok = msb_sandbox_exec(box, config, &result, NULL) == MSB_OK && msb_exec_result_exit_code(result) == 7
            && strcmp((const char *)msb_exec_result_stdout(result, NULL), "out\n") == 0
            && strcmp((const char *)msb_exec_result_stderr(result, NULL), "err\n") == 0;
        if (!ok) __atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
        msb_exec_result_free(result);
        msb_exec_config_free(config);
    }
    return NULL;
}

static void run_in_threads(void) {
    pthread_t threads[THREADS];
    int failures = 0, count = scaled(THREADS);
    for (int i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, run_some, &failures) == 0);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    CHECK(failures == 0);
}

/* 200 commands that are all running at one time. */
static void run_side_by_side(void) {
    enum { MANY = 200 };
    static msb_exec execs[MANY];
    msb_error *err = NULL;
    int count = scaled(MANY);
    for (int i = 0; i < count; i++) {
        msb_exec_config *config = msb_exec_config_new("/bin/cat");
        CHECK_OK(err, msb_exec_config_set_stdin_pipe(config, &err));
        execs[i] = launch(box, config);
    }
    for (int i = 0; i < count; i++) {
        size_t n = 0;
        char text[16], back[16];
        snprintf(text, sizeof text, "%d\n", i);
        CHECK_OK(err, msb_exec_write(execs[i], text, strlen(text), PATIENCE_MS, &n, &err));
        CHECK_OK(err, msb_exec_read(execs[i], MSB_STDOUT, back, sizeof back, PATIENCE_MS, &n, &err));
        CHECK(n == strlen(text) && memcmp(text, back, n) == 0);
    }
    for (int i = 0; i < count; i++) {
        CHECK_OK(err, msb_exec_close_stdin(execs[i], &err));
        CHECK(end_of(execs[i]).exit_code == 0);
        msb_exec_release(&execs[i]);
    }
}

TEST(thousands_of_commands_leave_nothing_behind) {
    msb_exec_config *config = msb_exec_config_new("/bin/true");
    run_in_threads(); /* whatever is made once is made now */
    int fds = count_fds(), threads = count_threads();
    uint32_t runner = runner_of(box), agent = (uint32_t)child_of(runner);
    int runner_fds = count_fds_of(runner), agent_fds = count_fds_of(agent);
    uint64_t live = msb_debug_live_objects(MSB_KIND_ALL);
    for (int i = 0; i < scaled(2000); i++) {
        msb_exec_result *result = NULL;
        CHECK(msb_sandbox_exec(box, config, &result, NULL) == MSB_OK && msb_exec_result_exit_code(result) == 0);
        msb_exec_result_free(result);
    }
    msb_exec_config_free(config);
    run_in_threads();
    run_side_by_side();
    EVENTUALLY(count_fds() <= fds);
    EVENTUALLY(count_threads() <= threads);
    CHECK(child_of((uint32_t)getpid()) == 0);
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == live);
    EVENTUALLY(count_fds_of(runner) <= runner_fds);
    EVENTUALLY(count_fds_of(agent) <= agent_fds && child_of(agent) == 0);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    box = running_box(backend, "box");
    RUN(outputs_are_separate_and_binary_safe);
    RUN(a_command_without_output_has_empty_text);
    RUN(exit_codes_are_the_commands_own);
    RUN(a_signal_that_ended_a_command_is_told_from_a_code);
    RUN(a_program_that_is_not_there_is_not_found);
    RUN(a_program_without_permission_is_refused);
    RUN(a_file_that_is_no_program_is_not_executable);
    RUN(a_directory_that_is_not_there_is_a_bad_cwd);
    RUN(a_user_that_is_not_there_is_a_bad_user);
    RUN(a_config_without_a_program_is_an_invalid_argument);
    RUN(environment_and_arguments_arrive_as_given);
    RUN(the_hosts_environment_does_not_leak_in);
    RUN(the_sandboxs_environment_and_directory_are_defaults);
    RUN(a_numeric_user_needs_no_entry_in_passwd);
    RUN(limits_hold_in_the_command);
    RUN(a_command_inherits_standard_streams_only);
    RUN(bytes_are_fed_whole_and_end);
    RUN(input_that_a_command_does_not_read_holds_nothing_up);
    RUN(without_input_a_command_reads_end_of_file);
    RUN(output_beyond_the_cap_is_counted_not_kept);
    RUN(a_timeout_ends_the_command_and_tells_what_it_wrote);
    RUN(a_timeout_ends_what_the_command_started_too);
    RUN(a_terminal_has_its_size_joins_the_outputs_and_echoes);
    RUN(a_resize_reaches_the_command);
    RUN(a_signal_reaches_the_whole_group);
    RUN(a_background_process_does_not_hold_the_end_up);
    RUN(thousands_of_commands_leave_nothing_behind);
    discard_box(&box);
    close_backend(&backend);
    return fixture_end();
}
