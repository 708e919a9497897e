/*
 * What the tests in real machines share: one backend in a home of its own, sandboxes that start from a busybox root
 * directory, and scripts that run in them. A program begins with `begin` and ends with `finish`.
 *
 * MSB_TEST_DRIVER says which driver ("qemu" unless set), MSB_TEST_ROOT where the root directory is. Each test uses its own
 * sandbox; the home is thrown away at the end.
 */
#ifndef VM_H
#define VM_H

#include "../c/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 180000
#define STOP_MS 30000

static const char *driver, *root;
static char home[256];
static msb_backend backend;

static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline msb_sandbox_config *config_of(const char *name) {
    msb_sandbox_config *config = msb_sandbox_config_new(name);
    msb_sandbox_config_set_image(config, root, NULL);
    msb_sandbox_config_set_memory_mib(config, 256, NULL);
    msb_sandbox_config_set_upper_size_mib(config, 64, NULL);
    return config;
}

static inline msb_sandbox create(msb_sandbox_config *config) {
    msb_sandbox sandbox = {0};
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    return sandbox;
}

static inline msb_sandbox created(const char *name) { return create(config_of(name)); }

static inline void start(msb_sandbox sandbox) {
    msb_error *err = NULL;
    msb_status status = msb_sandbox_start(sandbox, START_MS, &err);
    if (status != MSB_OK) {
        size_t len = 0;
        const uint8_t *tail = msb_error_detail(err, "console_tail", &len);
        printf("       console: %.*s\n", (int)len, tail ? (const char *)tail : "");
    }
    test_status(__FILE__, __LINE__, "start", MSB_OK, status, &err);
}

static inline msb_sandbox running(const char *name) {
    msb_sandbox sandbox = created(name);
    start(sandbox);
    return sandbox;
}

static inline void stop(msb_sandbox sandbox) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_stop(sandbox, STOP_MS, &err));
}

static inline void discard(msb_sandbox *sandbox) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_kill(*sandbox, STOP_MS, &err));
    CHECK_OK(err, msb_sandbox_remove(*sandbox, &err));
    msb_sandbox_release(sandbox);
}

/* Runs a script with the guest's shell and returns what it printed, NUL-terminated, to be freed; "" on failure. */
static inline char *shell(msb_sandbox sandbox, const char *script) {
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    msb_exec_config_add_arg(config, "-c", NULL);
    msb_exec_config_add_arg(config, script, NULL);
    msb_exec_config_set_timeout_ms(config, 120000, NULL);
    msb_exec_result *result = NULL;
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_exec(sandbox, config, &result, &err));
    msb_exec_config_free(config);
    char *text = strdup(result ? (const char *)msb_exec_result_stdout(result, NULL) : "");
    if (result && msb_exec_result_exit_code(result) != 0) {
        printf("       script exited %d: %s%s\n", msb_exec_result_exit_code(result), text,
               (const char *)msb_exec_result_stderr(result, NULL));
        test_ok = 0;
    }
    msb_exec_result_free(result);
    return text;
}

static inline int shell_says(msb_sandbox sandbox, const char *script, const char *expected) {
    char *text = shell(sandbox, script);
    int same = strcmp(text, expected) == 0;
    if (!same) printf("       %s printed \"%s\", not \"%s\"\n", script, text, expected);
    free(text);
    return same;
}

static inline msb_exit waited(msb_sandbox sandbox, int64_t timeout_ms) {
    msb_exit end;
    msb_error *err = NULL;
    memset(&end, 0, sizeof end);
    CHECK_OK(err, msb_sandbox_wait(sandbox, timeout_ms, &end, &err));
    return end;
}

/* Opens the backend; 0 when that is not possible. */
static inline int begin(void) {
    const char *shared = getenv("MSB_TEST_HOME");
    driver = getenv("MSB_TEST_DRIVER") ? getenv("MSB_TEST_DRIVER") : "qemu";
    root = getenv("MSB_TEST_ROOT");
    if (!root) {
        fprintf(stderr, "set MSB_TEST_ROOT to a busybox root directory\n");
        return 0;
    }
    snprintf(home, sizeof home, "%s", shared ? shared : "/tmp/msb-vm-XXXXXX");
    if (!shared && !mkdtemp(home)) return 0;
    msb_backend_config *config = msb_backend_config_new();
    msb_backend_config_set_home(config, home, NULL);
    msb_backend_config_set_driver(config, driver, NULL);
    msb_error *err = NULL;
    msb_status status = msb_backend_new(config, &backend, &err);
    if (status != MSB_OK) fprintf(stderr, "no backend: %s\n", msb_error_message(err));
    msb_error_free(err);
    msb_backend_config_free(config);
    return status == MSB_OK;
}

static inline int remove_entry(const char *path, const struct stat *meta, int kind, struct FTW *walk) {
    (void)meta, (void)kind, (void)walk;
    return remove(path);
}

/* Removes everything and says how the tests went. */
static inline int finish(void) {
    /* What a test that failed left running must not outlive the program. */
    msb_sandbox_page *page = NULL;
    msb_sandbox_list(backend, NULL, &page, NULL);
    for (size_t i = 0; i < msb_sandbox_page_len(page); i++) {
        msb_sandbox left = {0};
        if (msb_sandbox_open(backend, msb_sandbox_info_name(msb_sandbox_page_get(page, i)), &left, NULL) == MSB_OK)
            msb_sandbox_kill(left, STOP_MS, NULL);
        msb_sandbox_release(&left);
    }
    msb_sandbox_page_free(page);
    msb_backend_close(backend, STOP_MS, NULL);
    msb_backend_release(&backend);
    nftw(home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return test_end();
}

#endif
