/*
 * What tests with sandboxes share: a home for each program, sandboxes of the `process` driver in it, commands in them,
 * the program itself as another process, and what /proc tells of this one.
 *
 * A role is a function that runs in a process of its own: `start_role("exits", "3")` executes this program again, which
 * `fixture_begin` sends to the role of that name. The two processes talk through a pipe each way.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

/* Longest wait for what must happen; far beyond what it takes, even under valgrind. */
enum { PATIENCE_MS = 30000 };

static char fixture_home[128], fixture_program[256];

/* Waits until `condition` holds; a failed check if it does not in time. For what has no event to wait for. */
#define EVENTUALLY(condition)                                                \
    do {                                                                     \
        int64_t give_up_ = now_ms() + PATIENCE_MS;                           \
        while (!(condition) && now_ms() < give_up_) poll(NULL, 0, 1);        \
        CHECK(condition);                                                    \
    } while (0)

static inline int64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* `count`, or a fraction of it where everything is slow: MSB_TEST_DIVISOR divides it. */
static inline int scaled(int count) {
    const char *text = getenv("MSB_TEST_DIVISOR");
    int divisor = text ? atoi(text) : 1;
    return divisor > 1 ? (count + divisor - 1) / divisor : count;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void remove_tree(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The number of entries of a directory, without its two dots. */
static inline int count_entries(const char *path) {
    DIR *directory = opendir(path);
    int count = 0;
    if (!directory) return -1;
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static inline int count_fds_of(uint32_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/fd", pid);
    return count_entries(path);
}

/* Without the one that counting takes. */
static inline int count_fds(void) { return count_entries("/proc/self/fd") - 1; }

static inline int count_threads(void) { return count_entries("/proc/self/task"); }

/* The first child of a process; 0 if it has none. Of this one: `getpid()`. */
static inline int child_of(uint32_t pid) {
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%u/task/%u/children", pid, pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    if (fscanf(file, "%d", &child) != 1) child = 0;
    fclose(file);
    return child;
}

/* Whether a process is there and not a zombie. */
static inline int is_running(uint32_t pid) {
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int found = fscanf(file, "%*d %*[^)]) %c", &state) == 1;
    fclose(file);
    return found && state != 'Z' && state != 'X';
}

/* Whether this process can use the files of a volume: valgrind up to 3.19 does not know the system call openat2. */
static inline int can_use_volumes(void) {
    struct { uint64_t flags, mode, resolve; } how = {O_PATH | O_CLOEXEC, 0, 0};
    long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
    if (fd < 0) {
        printf("skipped what needs the system call openat2, which is not known here: %s\n", strerror(errno));
        return 0;
    }
    close((int)fd);
    return 1;
}

/* ---- backends and sandboxes ---- */

static inline msb_backend open_backend(const char *home) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_backend_config *config = msb_backend_config_new();
    CHECK_OK(err, msb_backend_config_set_home(config, home, &err));
    CHECK_OK(err, msb_backend_config_set_driver(config, "process", &err));
    CHECK_OK(err, msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    return backend;
}

static inline void close_backend(msb_backend *backend) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_backend_close(*backend, PATIENCE_MS, &err));
    msb_backend_release(backend);
}

static inline msb_sandbox_config *box_config(const char *name) {
    msb_error *err = NULL;
    msb_sandbox_config *config = msb_sandbox_config_new(name);
    CHECK_OK(err, msb_sandbox_config_set_image(config, "/", &err));
    return config;
}

/* Creates a sandbox from a config, which is freed. */
static inline msb_sandbox create_from(msb_backend backend, msb_sandbox_config *config) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    CHECK_OK(err, msb_sandbox_create(backend, config, &box, &err));
    msb_sandbox_config_free(config);
    return box;
}

static inline msb_sandbox start_from(msb_backend backend, msb_sandbox_config *config) {
    msb_error *err = NULL;
    msb_sandbox box = create_from(backend, config);
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    return box;
}

static inline msb_sandbox created_box(msb_backend backend, const char *name) {
    return create_from(backend, box_config(name));
}

static inline msb_sandbox running_box(msb_backend backend, const char *name) {
    return start_from(backend, box_config(name));
}

static inline msb_sandbox open_box(msb_backend backend, const char *name) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    CHECK_OK(err, msb_sandbox_open(backend, name, &box, &err));
    return box;
}

/* Stops, removes and releases a sandbox. */
static inline void discard_box(msb_sandbox *box) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_stop(*box, PATIENCE_MS, &err));
    CHECK_OK(err, msb_sandbox_remove(*box, &err));
    msb_sandbox_release(box);
}

static inline msb_exit wait_box(msb_sandbox box) {
    msb_error *err = NULL;
    msb_exit record;
    CHECK_OK(err, msb_sandbox_wait(box, PATIENCE_MS, &record, &err));
    return record;
}

/* Whether the sandbox's status is the one that is given. */
static inline int has_status(msb_sandbox box, const char *status) {
    msb_sandbox_info *info = NULL;
    if (msb_sandbox_info_get(box, &info, NULL) != MSB_OK) return 0;
    int same = strcmp(msb_sandbox_info_status(info), status) == 0;
    msb_sandbox_info_free(info);
    return same;
}

static inline uint32_t runner_of(msb_sandbox box) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    uint32_t pid = msb_sandbox_info_runner_pid(info);
    msb_sandbox_info_free(info);
    return pid;
}

static inline const char *box_directory(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/sandboxes/%s", fixture_home, name);
    return path;
}

/* ---- commands ---- */

static inline msb_exec_config *shell(const char *script) {
    msb_error *err = NULL;
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    CHECK_OK(err, msb_exec_config_add_arg(config, "-c", &err));
    CHECK_OK(err, msb_exec_config_add_arg(config, script, &err));
    return config;
}

/* Runs a command to its end; the config is freed, the result is the caller's. */
static inline msb_exec_result *run(msb_sandbox box, msb_exec_config *config) {
    msb_error *err = NULL;
    msb_exec_result *result = NULL;
    CHECK_OK(err, msb_sandbox_exec(box, config, &result, &err));
    msb_exec_config_free(config);
    return result;
}

/* Whether a command succeeds and writes exactly `text` to its standard output; the config is freed. */
static inline int prints(msb_sandbox box, msb_exec_config *config, const char *text) {
    size_t len = 0;
    msb_exec_result *result = run(box, config);
    const uint8_t *out = msb_exec_result_stdout(result, &len);
    int same = out && msb_exec_result_exit_code(result) == 0 && len == strlen(text) && memcmp(out, text, len) == 0;
    if (out && !same) printf("       it printed: %s\n", (const char *)out);
    msb_exec_result_free(result);
    return same;
}

/* Whether commands can run in the sandbox. */
static inline int answers(msb_sandbox box) { return prints(box, shell("echo hi"), "hi\n"); }

/* Starts a command; the config is freed. */
static inline msb_exec launch(msb_sandbox box, msb_exec_config *config) {
    msb_error *err = NULL;
    msb_exec exec = {0};
    CHECK_OK(err, msb_sandbox_exec_start(box, config, &exec, &err));
    msb_exec_config_free(config);
    return exec;
}

static inline msb_exec_status end_of(msb_exec exec) {
    msb_error *err = NULL;
    msb_exec_status status;
    CHECK_OK(err, msb_exec_wait(exec, PATIENCE_MS, &status, &err));
    return status;
}

/* Reads until `text` is at the end of what was read; whether it came. */
static inline int reads_up_to(msb_exec exec, const char *text) {
    char seen[4096] = "";
    size_t len = 0, n = 0;
    while (len < sizeof seen - 1) {
        if (msb_exec_read(exec, MSB_STDOUT, seen + len, sizeof seen - 1 - len, PATIENCE_MS, &n, NULL) != MSB_OK || !n)
            break;
        seen[len += n] = 0;
        if (len >= strlen(text) && strcmp(seen + len - strlen(text), text) == 0) return 1;
    }
    printf("       it printed: %s\n", seen);
    return 0;
}

/* ---- this program as another process ---- */

struct role {
    const char *name;
    int (*body)(const char *argument);
};

struct peer {
    pid_t pid;
    int from, to;
};

/* In a role: this process's ends of the pipes. Other programs that it executes do not get them. */
enum { ROLE_IN = 3, ROLE_OUT = 4 };

/* Executes this program as `role`; `environment` may be NULL for this process's own. */
static inline struct peer start_role_with(const char *role, const char *argument, char **environment) {
    extern char **environ;
    int in[2], out[2];
    struct peer peer = {-1, -1, -1};
    char *const argv[] = {fixture_program, "--role", (char *)(intptr_t)role, fixture_home,
                          (char *)(intptr_t)argument, NULL};
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) return peer;
    peer.pid = fork();
    if (peer.pid == 0) {
        /* Out of the way first: each may be where the other belongs. */
        int read_end = fcntl(in[0], F_DUPFD_CLOEXEC, 10), write_end = fcntl(out[1], F_DUPFD_CLOEXEC, 10);
        dup2(read_end, ROLE_IN);
        dup2(write_end, ROLE_OUT);
        execve(fixture_program, argv, environment ? environment : environ);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    peer.to = in[1];
    peer.from = out[0];
    return peer;
}

static inline struct peer start_role(const char *role, const char *argument) {
    return start_role_with(role, argument, NULL);
}

/* The next byte that the peer says; 0 if it says nothing more or not in time. */
static inline char hear(struct peer peer) {
    struct pollfd ready = {peer.from, POLLIN, 0};
    char byte = 0;
    if (poll(&ready, 1, PATIENCE_MS) != 1 || read(peer.from, &byte, 1) != 1) return 0;
    return byte;
}

static inline void tell(struct peer peer) {
    if (write(peer.to, "!", 1) != 1) test_ok = 0;
}

/* Lets a peer end and gives its exit code, or minus its signal. */
static inline int finish_role(struct peer peer) {
    int status = -1;
    if (peer.pid < 0) return -1;
    close(peer.to);
    while (waitpid(peer.pid, &status, 0) < 0 && errno == EINTR) {}
    close(peer.from);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* In a role: says a byte, and waits for one; 0 when the other process is gone. */
static inline void say(char byte) {
    if (write(ROLE_OUT, &byte, 1) != 1) _exit(126);
}

static inline int listen_up(void) {
    char byte;
    return read(ROLE_IN, &byte, 1) == 1;
}

/* Makes the home, or becomes a role. `roles` ends with a NULL name. */
static inline void fixture_begin(int argc, char **argv, const struct role *roles) {
    ssize_t len = readlink("/proc/self/exe", fixture_program, sizeof fixture_program - 1);
    fixture_program[len < 0 ? 0 : len] = 0;
    /* A pipe whose reader is gone is a failed check, not the end of the program. */
    signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && strcmp(argv[1], "--role") == 0) {
        snprintf(fixture_home, sizeof fixture_home, "%s", argv[3]);
        fcntl(ROLE_IN, F_SETFD, FD_CLOEXEC);
        fcntl(ROLE_OUT, F_SETFD, FD_CLOEXEC);
        test_ok = 1;
        for (; roles && roles->name; roles++)
            if (strcmp(roles->name, argv[2]) == 0) exit(roles->body(argv[4]));
        exit(125);
    }
    snprintf(fixture_home, sizeof fixture_home, "/tmp/msb-c-XXXXXX");
    if (!mkdtemp(fixture_home)) {
        perror(fixture_home);
        exit(2);
    }
}

/* Nothing is left: no handle, no directory of a sandbox, no child. The home goes. */
static inline void leaves_nothing_behind(void) {
    char path[256];
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
    snprintf(path, sizeof path, "%s/sandboxes", fixture_home);
    CHECK(count_entries(path) <= 0);
    CHECK(child_of((uint32_t)getpid()) == 0);
}

static inline int fixture_end(void) {
    RUN(leaves_nothing_behind);
    remove_tree(fixture_home);
    return test_end();
}

#endif
