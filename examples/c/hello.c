/*
 * Runs untrusted commands in a microVM: a sandbox is made from a root directory, started, used, stopped and removed.
 *
 *     cc hello.c -lmsb -o hello && ./hello /path/to/root-directory
 *
 * The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
 * temporary home that is gone at the end: no process, socket, mount or file is left behind. Only after a failure the home
 * stays, for its logs.
 */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <msb.h>

enum { STEP_TIMEOUT_MS = 60000 };

static char home[] = "/tmp/msb-hello-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* An error's message is for people, its reason for programs. */
static void fail_on_error(msb_status status, msb_error *err) {
    if (status == MSB_OK) return;
    fprintf(stderr, "hello: %s (%s, %s)\n", msb_error_message(err), msb_status_name(status), msb_error_reason(err));
    fprintf(stderr, "hello: logs are in %s\n", home);
    msb_error_free(err);
    exit(1); /* An attached sandbox ends with the process that started it. */
}

/* Every call that can fail goes through here. `err` must be read after the call, so this cannot be a function. */
#define CHECK(call)                      \
    do {                                 \
        msb_error *err = NULL;           \
        msb_status status_ = (call);     \
        fail_on_error(status_, err);     \
    } while (0)

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double step_began;

/* Prints how long it was since the step before. */
static void step(const char *what) {
    printf("%-32s %8.1f ms\n", what, now_ms() - step_began);
    step_began = now_ms();
}

/* A command that is run by the guest's shell. */
static msb_exec_config *shell(const char *script) {
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    CHECK(msb_exec_config_add_arg(config, "-c", &err));
    CHECK(msb_exec_config_add_arg(config, script, &err));
    CHECK(msb_exec_config_set_timeout_ms(config, STEP_TIMEOUT_MS, &err));
    return config;
}

static msb_sandbox create(msb_backend backend, const char *image) {
    msb_sandbox sandbox;
    msb_sandbox_config *config = msb_sandbox_config_new("hello");
    CHECK(msb_sandbox_config_set_image(config, image, &err));
    CHECK(msb_sandbox_config_set_memory_mib(config, 256, &err));
    CHECK(msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    return sandbox;
}

static void print_driver(msb_sandbox sandbox) {
    msb_sandbox_info *info;
    CHECK(msb_sandbox_info_get(sandbox, &info, &err));
    printf("  driver %s, isolation %s\n", msb_sandbox_info_driver(info), msb_sandbox_info_isolation(info));
    msb_sandbox_info_free(info);
}

/* The simplest way: run to the end, with what the command wrote collected. */
static void run(msb_sandbox sandbox, const char *script) {
    msb_exec_result *result;
    msb_exec_config *config = shell(script);
    size_t len;
    const uint8_t *output;
    CHECK(msb_sandbox_exec(sandbox, config, &result, &err));
    output = msb_exec_result_stdout(result, &len);
    printf("  %.*s", (int)len, (const char *)output);
    if (len == 0 || output[len - 1] != '\n') putchar('\n');
    printf("  exit code %d\n", msb_exec_result_exit_code(result));
    msb_exec_result_free(result);
    msb_exec_config_free(config);
}

/* Prints output as it appears, each line with when that was, until there is no more. */
static void print_lines(msb_exec exec) {
    char buffer[4096];
    size_t n;
    int at_line_start = 1;
    double began = now_ms();
    do {
        CHECK(msb_exec_read(exec, MSB_STDOUT, buffer, sizeof buffer, STEP_TIMEOUT_MS, &n, &err));
        for (size_t i = 0; i < n; i++) {
            if (at_line_start) printf("  after %6.1f ms: ", now_ms() - began);
            putchar(buffer[i]);
            at_line_start = buffer[i] == '\n';
        }
        fflush(stdout);
    } while (n > 0);
}

static void finish(msb_exec *exec) {
    msb_exec_status status;
    CHECK(msb_exec_wait(*exec, STEP_TIMEOUT_MS, &status, &err));
    printf("  exit code %d\n", status.exit_code);
    msb_exec_release(exec);
}

static void stream(msb_sandbox sandbox, const char *script) {
    msb_exec exec;
    msb_exec_config *config = shell(script);
    CHECK(msb_sandbox_exec_start(sandbox, config, &exec, &err));
    print_lines(exec);
    finish(&exec);
    msb_exec_config_free(config);
}

static void feed(msb_sandbox sandbox, const char *script, const char *text) {
    msb_exec exec;
    msb_exec_config *config = shell(script);
    size_t written;
    CHECK(msb_exec_config_set_stdin_pipe(config, &err));
    CHECK(msb_sandbox_exec_start(sandbox, config, &exec, &err));
    for (size_t len = strlen(text); len > 0; text += written, len -= written) {
        CHECK(msb_exec_write(exec, text, len, STEP_TIMEOUT_MS, &written, &err));
    }
    CHECK(msb_exec_close_stdin(exec, &err));
    print_lines(exec);
    finish(&exec);
    msb_exec_config_free(config);
}

/* A command that cannot even be started is an error, and its reason says why. */
static void fail_to_spawn(msb_sandbox sandbox, const char *program) {
    msb_exec_result *result;
    msb_exec_config *config = msb_exec_config_new(program);
    msb_error *err = NULL;
    msb_status status = msb_sandbox_exec(sandbox, config, &result, &err);
    printf("  %s, %s: %s\n", msb_status_name(status), msb_error_reason(err), msb_error_message(err));
    msb_error_free(err);
    msb_exec_result_free(result);
    msb_exec_config_free(config);
}

int main(int argc, char **argv) {
    msb_backend backend;
    msb_backend_config *config;
    msb_sandbox sandbox;
    if (argc != 2) {
        fprintf(stderr, "usage: %s ROOT-DIRECTORY\n", argv[0]);
        return 2;
    }
    if (mkdtemp(home) == NULL) {
        perror(home);
        return 1;
    }
    step_began = now_ms();

    config = msb_backend_config_new();
    CHECK(msb_backend_config_set_home(config, home, &err));
    CHECK(msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    step("backend opened");
    sandbox = create(backend, argv[1]);
    step("sandbox created");
    CHECK(msb_sandbox_start(sandbox, STEP_TIMEOUT_MS, &err));
    step("sandbox started");
    print_driver(sandbox);

    run(sandbox, "uname -a");
    step("`uname -a` run");
    stream(sandbox, "for i in 1 2 3; do echo line $i; sleep 0.3; done");
    step("output streamed");
    feed(sandbox, "tr a-z A-Z", "fed through a pipe\n");
    step("input fed");
    run(sandbox, "echo about to fail; exit 3");
    step("a failing command run");
    fail_to_spawn(sandbox, "/no/such/program");
    step("a failed spawn");

    CHECK(msb_sandbox_stop(sandbox, STEP_TIMEOUT_MS, &err));
    step("sandbox stopped");
    CHECK(msb_sandbox_remove(sandbox, &err));
    step("sandbox removed");
    msb_sandbox_release(&sandbox);
    CHECK(msb_backend_close(backend, STEP_TIMEOUT_MS, &err));
    msb_backend_release(&backend);
    if (nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        perror(home);
        return 1;
    }
    return 0;
}
