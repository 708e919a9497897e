/*
 * The promises that only a real machine can keep: the root file system, the agent as PID 1, crashes, orphans.
 *
 * The same program runs on every driver; vm.h says how.
 */
#define _GNU_SOURCE
#include "vm.h"

static pid_t runner_pid(msb_sandbox sandbox) {
    msb_sandbox_info *info = NULL;
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_info_get(sandbox, &info, &err));
    pid_t pid = (pid_t)msb_sandbox_info_runner_pid(info);
    msb_sandbox_info_free(info);
    return pid;
}

static int status_is(msb_sandbox sandbox, const char *expected) {
    msb_sandbox_info *info = NULL;
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_info_get(sandbox, &info, &err));
    int same = info && strcmp(msb_sandbox_info_status(info), expected) == 0;
    if (!same) printf("       status is %s, not %s\n", msb_sandbox_info_status(info), expected);
    msb_sandbox_info_free(info);
    return same;
}

/* The process's own parent, from /proc; 0 once it is gone or a zombie. */
static pid_t parent_of(pid_t pid) {
    char path[64], state = 'X';
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) != 2) state = 'X';
    fclose(file);
    return state == 'X' || state == 'Z' ? 0 : parent;
}

/* Children of a runner that are alive; at most `cap`. */
static size_t children_of(pid_t runner, pid_t *pids, size_t cap) {
    size_t count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc)) && count < cap;) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid > 0 && parent_of(pid) == runner) pids[count++] = pid;
    }
    if (proc) closedir(proc);
    return count;
}

/* The child that is not a share server: the VMM. */
static pid_t vmm_of(pid_t runner) {
    pid_t pids[8];
    size_t count = children_of(runner, pids, 8);
    for (size_t i = 0; i < count; i++) {
        char path[64], line[512] = "";
        snprintf(path, sizeof path, "/proc/%d/cmdline", pids[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
        if (fd >= 0) close(fd);
        for (ssize_t at = 0; at < length; at++) if (!line[at]) line[at] = ' ';
        if (!strstr(line, "msb-runner share")) return pids[i];
    }
    return 0;
}

static int gone_within(pid_t pid, double limit) {
    double until = seconds() + limit;
    while (parent_of(pid) != 0) {
        if (seconds() > until) return 0;
        usleep(5000);
    }
    return 1;
}

/* A set of capabilities of a process, by its name in /proc; all of them when it cannot be read. */
static unsigned long long capabilities(pid_t pid, const char *set) {
    char path[64], line[256];
    unsigned long long bits = ~0ull;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file) return bits;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, set, strlen(set)) == 0) sscanf(line + strlen(set), ": %llx", &bits);
    fclose(file);
    return bits;
}

/* Hardware wherever it works on this host, which the probe tried; else QEMU emulates. */
static const char *expected_isolation(void) {
    msb_probe_report *report = NULL;
    msb_error *err = NULL;
    const char *isolation = "emulated";
    CHECK_OK(err, msb_probe(backend, &report, &err));
    for (size_t i = 0; i < msb_probe_report_len(report); i++) {
        if (strcmp(msb_probe_report_name(report, i), "kvm") == 0 && msb_probe_report_ok(report, i)) isolation = "hardware";
    }
    msb_probe_report_free(report);
    return isolation;
}

TEST(a_guest_boots_and_says_what_it_is) {
    msb_sandbox sandbox = running("boots");
    msb_sandbox_info *info = NULL;
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_info_get(sandbox, &info, &err));
    CHECK(strcmp(msb_sandbox_info_status(info), "Running") == 0);
    CHECK(strcmp(msb_sandbox_info_driver(info), driver) == 0);
    CHECK(strcmp(msb_sandbox_info_isolation(info), expected_isolation()) == 0);
    msb_sandbox_info_free(info);
    CHECK(shell_says(sandbox, "uname -s; cat /proc/1/comm; hostname", "Linux\ninit\nboots\n"));
    CHECK(shell_says(sandbox, "awk '{print $2}' /proc/mounts | grep -xE '/|/proc|/sys|/dev|/dev/pts|/dev/shm|/sys/fs/cgroup' | sort -u | tr '\\n' ' '",
                     "/ /dev /dev/pts /dev/shm /proc /sys /sys/fs/cgroup "));
    CHECK(shell_says(sandbox, "grep -c boots /etc/hosts; ls -l /dev/fd >/dev/null && echo fd; cat /proc/cpuinfo | grep -c ^processor", "1\nfd\n1\n"));
    char *date = shell(sandbox, "date +%s");
    double skew = difftime(time(NULL), (time_t)atoll(date));
    CHECK(skew > -5 && skew < 5);
    free(date);
    discard(&sandbox);
}

TEST(the_root_directory_is_never_changed_and_the_upper_outlives_a_stop) {
    char path[512];
    snprintf(path, sizeof path, "%s/etc/made-by-guest", root);
    msb_sandbox sandbox = running("upper");
    CHECK(shell_says(sandbox, "echo kept > /etc/made-by-guest; rm /etc/group; cat /etc/made-by-guest", "kept\n"));
    stop(sandbox);
    msb_exit end = waited(sandbox, 0);
    CHECK(end.clean == 1 && end.killed == 0 && end.crashed == 0 && end.reason == MSB_EXIT_STOP_REQUESTED);
    CHECK(access(path, F_OK) != 0);
    snprintf(path, sizeof path, "%s/etc/group", root);
    CHECK(access(path, F_OK) == 0);
    start(sandbox);
    CHECK(shell_says(sandbox, "cat /etc/made-by-guest; ls /etc/group 2>/dev/null | wc -l", "kept\n0\n"));
    discard(&sandbox);
}

TEST(a_tmpfs_upper_is_gone_after_a_stop_and_a_full_one_fails_in_the_guest_only) {
    msb_sandbox_config *config = config_of("tmpfs");
    msb_sandbox_config_set_upper(config, "tmpfs", NULL);
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "echo x > /tmp/x; dd if=/dev/zero of=/tmp/big bs=1M count=80 2>&1 | grep -c 'No space'", "1\n"));
    CHECK(shell_says(sandbox, "rm /tmp/big; echo still here", "still here\n"));
    stop(sandbox);
    start(sandbox);
    CHECK(shell_says(sandbox, "ls /tmp", ""));
    discard(&sandbox);
}

/* What a process that serves a directory to a guest may keep where its host is root: to act as any user of it. */
#define SERVING 0xdfull /* CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID */

TEST(a_supervisor_keeps_no_privileges_and_its_children_only_what_serving_takes) {
    /* Nobody but root may take something from the bounding set. */
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"};
    size_t checked = geteuid() == 0 ? 5 : 4;
    msb_sandbox sandbox = running("unprivileged");
    pid_t runner = runner_pid(sandbox), vmm = vmm_of(runner), children[8];
    size_t count = children_of(runner, children, 8);
    CHECK(vmm != 0 && count > 0);
    for (size_t i = 0; i < checked; i++) {
        CHECK(capabilities(runner, sets[i]) == 0);
        for (size_t child = 0; child < count; child++) {
            /* QEMU serves nothing itself; libkrun does. */
            int serves = children[child] != vmm || strcmp(driver, "krun") == 0;
            CHECK((capabilities(children[child], sets[i]) & ~(serves ? SERVING : 0)) == 0);
        }
    }
    stop(sandbox);
    CHECK(waited(sandbox, 0).clean == 1);
    discard(&sandbox);
}

static msb_exec started(msb_sandbox sandbox, const char *script, int stdin_pipe) {
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    msb_exec exec = {0};
    msb_error *err = NULL;
    msb_exec_config_add_arg(config, "-c", NULL);
    msb_exec_config_add_arg(config, script, NULL);
    if (stdin_pipe) msb_exec_config_set_stdin_pipe(config, NULL);
    CHECK_OK(err, msb_sandbox_exec_start(sandbox, config, &exec, &err));
    msb_exec_config_free(config);
    return exec;
}

static uint64_t drain(msb_exec exec, int which, uint64_t *sum) {
    static unsigned char buffer[256 * 1024];
    uint64_t total = 0;
    size_t count = 0;
    while (msb_exec_read(exec, which, buffer, sizeof buffer, 60000, &count, NULL) == MSB_OK && count > 0) {
        for (size_t i = 0; sum && i < count; i++) *sum = *sum * 31 + buffer[i];
        total += count;
    }
    return total;
}

TEST(output_and_input_stream_whole_and_in_order) {
    msb_sandbox sandbox = running("stream");
    msb_error *err = NULL;
    msb_exec exec = started(sandbox, "dd if=/dev/zero bs=64k count=512 2>/dev/null; echo end >&2", 0);
    CHECK(drain(exec, MSB_STDOUT, NULL) == 32u << 20);
    CHECK(drain(exec, MSB_STDERR, NULL) == 4);
    msb_exec_status status;
    CHECK_OK(err, msb_exec_wait(exec, 10000, &status, &err));
    CHECK(status.exit_code == 0);
    msb_exec_release(&exec);

    size_t length = 4u << 20;
    char *data = malloc(length);
    for (size_t i = 0; i < length; i++) data[i] = (char)(i * 7 + i / 251);
    uint64_t expected = 0, sum = 0;
    for (size_t i = 0; i < length; i++) expected = expected * 31 + (unsigned char)data[i];
    msb_exec_config *config = msb_exec_config_new("cat");
    msb_exec_config_set_stdin(config, data, length, NULL);
    msb_exec_result *result = NULL;
    CHECK_OK(err, msb_sandbox_exec(sandbox, config, &result, &err));
    size_t got = 0;
    const uint8_t *out = msb_exec_result_stdout(result, &got);
    for (size_t i = 0; i < got; i++) sum = sum * 31 + out[i];
    CHECK(got == length && sum == expected);
    msb_exec_result_free(result);
    msb_exec_config_free(config);
    free(data);
    discard(&sandbox);
}

static void check_spawn_failure(msb_sandbox sandbox, msb_exec_config *config, const char *reason) {
    msb_exec exec = {0};
    msb_error *err = NULL;
    msb_status status = msb_sandbox_exec_start(sandbox, config, &exec, &err);
    if (status != MSB_ERR_EXEC_FAILED || strcmp(msb_error_reason(err), reason) != 0) {
        printf("       %s %s, not %s: %s\n", msb_status_name(status), msb_error_reason(err), reason,
               msb_error_message(err));
        test_ok = 0;
    }
    msb_error_free(err);
    msb_exec_release(&exec);
    msb_exec_config_free(config);
}

TEST(commands_run_as_asked_and_failures_to_start_are_typed) {
    msb_sandbox sandbox = running("exec");
    CHECK(shell_says(sandbox, "adduser -D -u 1234 -h /home/ann ann 2>/dev/null || { echo 'ann:x:1234:1234::/tmp:/bin/sh' >> /etc/passwd; }; touch /tmp/plain; echo broken > /tmp/broken; chmod +x /tmp/broken; mkdir -m 700 /tmp/locked", ""));
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    msb_exec_config_add_arg(config, "-c", NULL);
    msb_exec_config_add_arg(config, "id -u; pwd; echo $GREETING; tty; stty size; exit 7", NULL);
    msb_exec_config_set_user(config, "ann", NULL);
    msb_exec_config_set_cwd(config, "/tmp", NULL);
    msb_exec_config_set_env(config, "GREETING", "hello world", NULL);
    msb_exec_config_set_tty(config, 1, NULL);
    msb_exec_config_set_rows(config, 33, NULL);
    msb_exec_config_set_cols(config, 99, NULL);
    msb_exec_result *result = NULL;
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_exec(sandbox, config, &result, &err));
    const char *text = result ? (const char *)msb_exec_result_stdout(result, NULL) : "";
    CHECK(strcmp(text, "1234\r\n/tmp\r\nhello world\r\n/dev/pts/0\r\n33 99\r\n") == 0);
    CHECK(msb_exec_result_exit_code(result) == 7);
    msb_exec_result_free(result);
    msb_exec_config_free(config);

    check_spawn_failure(sandbox, msb_exec_config_new("no-such-program"), "exec.not_found");
    check_spawn_failure(sandbox, msb_exec_config_new("/tmp/plain"), "exec.permission_denied");
    check_spawn_failure(sandbox, msb_exec_config_new("/tmp/broken"), "exec.not_executable");
    config = msb_exec_config_new("/bin/true");
    msb_exec_config_set_cwd(config, "/no/such/place", NULL);
    check_spawn_failure(sandbox, config, "exec.bad_cwd");
    config = msb_exec_config_new("/bin/true");
    msb_exec_config_set_user(config, "nobody-here", NULL);
    check_spawn_failure(sandbox, config, "exec.bad_user");
    config = msb_exec_config_new("/bin/true");
    msb_exec_config_set_user(config, "ann", NULL);
    msb_exec_config_set_cwd(config, "/tmp/locked", NULL);
    check_spawn_failure(sandbox, config, "exec.bad_cwd");

    config = msb_exec_config_new("/bin/sleep");
    msb_exec_config_add_arg(config, "60", NULL);
    msb_exec_config_set_timeout_ms(config, 200, NULL);
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_sandbox_exec(sandbox, config, &result, &err));
    msb_exec_config_free(config);

    msb_exec exec = started(sandbox, "sleep 60 & sleep 60", 0);
    CHECK_OK(err, msb_exec_signal(exec, SIGTERM, &err));
    msb_exec_status status;
    CHECK_OK(err, msb_exec_wait(exec, 10000, &status, &err));
    CHECK(status.signal == SIGTERM && status.exit_code == -1);
    msb_exec_release(&exec);
    discard(&sandbox);
}

TEST(the_agent_reaps_every_orphan) {
    msb_sandbox sandbox = running("orphans");
    /* Each subshell ends at once and leaves its child to PID 1. Every child must show up and be gone again. */
    CHECK(shell_says(sandbox,
                     "for i in $(seq 20); do (sh -c 'sleep 0.2; echo x >> /tmp/orphans' &); done; n=0;"
                     "until [ $(cat /tmp/orphans 2>/dev/null | wc -l) = 20 ] && ! grep -lsE '^State:.*Z' /proc/[0-9]*/status >/dev/null;"
                     "do n=$((n + 1)); [ $n -lt 300 ] || break; sleep 0.1; done;"
                     "wc -l < /tmp/orphans; grep -lsE '^State:.*Z' /proc/[0-9]*/status | wc -l; ls -d /proc/[0-9]* | wc -l | xargs test 0 -lt && echo seen",
                     "20\n0\nseen\n"));
    discard(&sandbox);
}

TEST(a_killed_vmm_is_a_crash_with_its_signal_and_start_works_again) {
    msb_sandbox sandbox = running("crash");
    free(shell(sandbox, "echo written > /root/file; sync"));
    pid_t runner = runner_pid(sandbox), vmm = vmm_of(runner);
    CHECK(vmm > 0);
    if (vmm > 0) kill(vmm, SIGKILL);
    msb_exit end = waited(sandbox, 10000);
    CHECK(end.crashed == 1 && end.signal == SIGKILL && end.reason == MSB_EXIT_VMM_CRASHED && end.clean == 0);
    CHECK(status_is(sandbox, "Crashed"));
    start(sandbox);
    CHECK(shell_says(sandbox, "cat /root/file", "written\n"));

    runner = runner_pid(sandbox);
    vmm = vmm_of(runner);
    CHECK(runner > 0 && vmm > 0);
    if (runner > 0) kill(runner, SIGKILL);
    end = waited(sandbox, 10000);
    CHECK(end.crashed == 1 && end.reason == MSB_EXIT_RUNNER_DIED);
    CHECK(gone_within(vmm, 5));
    start(sandbox);
    CHECK(shell_says(sandbox, "cat /root/file", "written\n"));
    discard(&sandbox);
}

TEST(a_guest_that_ends_itself_has_completed_and_one_that_panics_has_crashed) {
    msb_sandbox sandbox = running("ends");
    msb_exec exec = started(sandbox, "reboot -f", 0);
    msb_exit end = waited(sandbox, 20000);
    CHECK(end.reason == MSB_EXIT_COMPLETED && end.crashed == 0);
    CHECK(status_is(sandbox, "Stopped"));
    msb_exec_release(&exec);
    start(sandbox);
    exec = started(sandbox, "echo 2 > /proc/sys/vm/panic_on_oom; tail /dev/zero", 0);
    end = waited(sandbox, 60000);
    CHECK(end.crashed == 1);
    CHECK(status_is(sandbox, "Crashed"));
    msb_sandbox_info *info = NULL;
    msb_sandbox_info_get(sandbox, &info, NULL);
    CHECK(info && strstr(msb_sandbox_info_console_tail(info), "panic") != NULL);
    msb_sandbox_info_free(info);
    msb_exec_release(&exec);
    discard(&sandbox);
}

TEST(a_start_that_takes_too_long_is_undone_and_says_so) {
    msb_sandbox sandbox = created("slow");
    msb_error *err = NULL;
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_sandbox_start(sandbox, 1, &err));
    CHECK(status_is(sandbox, "Stopped"));
    start(sandbox);
    CHECK(shell_says(sandbox, "echo up", "up\n"));
    discard(&sandbox);

    msb_sandbox_config *config = config_of("strict");
    msb_sandbox_config_set_boot_timeout_ms(config, 1, NULL);
    sandbox = create(config);
    CHECK_STATUS(MSB_ERR_GUEST_FAILED, err, msb_sandbox_start(sandbox, START_MS, &err));
    discard(&sandbox);
}

TEST(what_is_attached_ends_with_its_owner_and_what_is_detached_does_not) {
    int ready[2];
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid_t owner = fork();
    if (owner == 0) {
        char fd[16];
        snprintf(fd, sizeof fd, "%d", ready[1]);
        fcntl(ready[1], F_SETFD, 0);
        setenv("MSB_TEST_OWNER", fd, 1);
        setenv("MSB_TEST_HOME", home, 1);
        execl("/proc/self/exe", "vm", NULL);
        _exit(127);
    }
    close(ready[1]);
    pid_t pids[2] = {0, 0};
    CHECK(read(ready[0], pids, sizeof pids) == (ssize_t)sizeof pids);
    close(ready[0]);
    CHECK(pids[0] > 0 && pids[1] > 0);
    pid_t vmm = vmm_of(pids[0]);
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    CHECK(gone_within(pids[0], 5) && gone_within(vmm, 5));
    msb_sandbox sandbox = {0};
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_open(backend, "attached", &sandbox, &err));
    msb_exit end = waited(sandbox, 0);
    CHECK(end.reason == MSB_EXIT_OWNER_EXITED && end.clean == 1 && end.crashed == 0);
    discard(&sandbox);
    CHECK_OK(err, msb_sandbox_open(backend, "detached", &sandbox, &err));
    CHECK(shell_says(sandbox, "echo alive", "alive\n"));
    discard(&sandbox);
}

/* The other side of the test above: starts both, reports their runners, waits to be killed. */
static int owner(int fd) {
    msb_sandbox attached = running("attached");
    msb_sandbox_config *config = config_of("detached");
    msb_sandbox_config_set_detached(config, 1, NULL);
    msb_sandbox detached = create(config);
    start(detached);
    pid_t pids[2] = {runner_pid(attached), runner_pid(detached)};
    if (write(fd, pids, sizeof pids) != (ssize_t)sizeof pids) return 1;
    for (;;) pause();
}

int main(void) {
    const char *owner_fd = getenv("MSB_TEST_OWNER");
    if (!begin()) return 2;
    if (owner_fd) return owner(atoi(owner_fd));

    RUN(a_guest_boots_and_says_what_it_is);
    RUN(the_root_directory_is_never_changed_and_the_upper_outlives_a_stop);
    RUN(a_tmpfs_upper_is_gone_after_a_stop_and_a_full_one_fails_in_the_guest_only);
    RUN(a_supervisor_keeps_no_privileges_and_its_children_only_what_serving_takes);
    RUN(output_and_input_stream_whole_and_in_order);
    RUN(commands_run_as_asked_and_failures_to_start_are_typed);
    RUN(the_agent_reaps_every_orphan);
    RUN(a_killed_vmm_is_a_crash_with_its_signal_and_start_works_again);
    RUN(a_guest_that_ends_itself_has_completed_and_one_that_panics_has_crashed);
    RUN(a_start_that_takes_too_long_is_undone_and_says_so);
    RUN(what_is_attached_ends_with_its_owner_and_what_is_detached_does_not);
    return finish();
}
