/*
 * Runs a shell command in an image: one from a registry, or from an archive of docker, podman or skopeo.
 *
 *     cc image.c -lmsb -o image && ./image python:3.12 'python3 -c "print(6 * 7)"'
 *     ./image ./saved.tar
 *
 * What begins with `/` or `.` is an archive. Images stay in the home, so that the next run needs no network; the sandbox goes.
 */
#include <stdio.h>
#include <stdlib.h>

#include <msb.h>

enum { STEP_TIMEOUT_MS = 60000 };

/* The message says what to do next, too. */
static void fail_on_error(msb_status status, msb_error *err) {
    if (status == MSB_OK) return;
    fprintf(stderr, "image: %s (%s, %s)\n", msb_error_message(err), msb_status_name(status), msb_error_reason(err));
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

/* Brings the image into the home, unless it is there. */
static msb_image_info *bring(msb_backend backend, const char *image) {
    msb_image_info *info;
    if (image[0] == '/' || image[0] == '.') {
        CHECK(msb_image_load(backend, image, NULL, &info, &err));
    } else {
        CHECK(msb_image_pull(backend, image, NULL, &info, &err));
    }
    printf("%s: %zu layers, %.1f MB, %s\n", msb_image_info_reference(info), msb_image_info_layer_count(info),
           (double)msb_image_info_size_bytes(info) / 1e6, msb_image_info_digest(info));
    return info;
}

static msb_sandbox start(msb_backend backend, const char *reference) {
    msb_sandbox sandbox;
    msb_sandbox_config *config = msb_sandbox_config_new("image-example");
    CHECK(msb_sandbox_config_set_image(config, reference, &err));
    CHECK(msb_sandbox_config_set_ephemeral(config, 1, &err));
    CHECK(msb_sandbox_config_set_replace(config, 1, &err));
    CHECK(msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    CHECK(msb_sandbox_start(sandbox, -1, &err));
    return sandbox;
}

/* Runs in the image's environment and working directory, and as its user. */
static int run(msb_sandbox sandbox, const char *command) {
    msb_exec_result *result;
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    size_t len;
    CHECK(msb_exec_config_add_arg(config, "-c", &err));
    CHECK(msb_exec_config_add_arg(config, command, &err));
    CHECK(msb_exec_config_set_timeout_ms(config, STEP_TIMEOUT_MS, &err));
    CHECK(msb_sandbox_exec(sandbox, config, &result, &err));
    const uint8_t *output = msb_exec_result_stdout(result, &len);
    fwrite(output, 1, len, stdout);
    output = msb_exec_result_stderr(result, &len);
    fwrite(output, 1, len, stderr);
    int code = msb_exec_result_exit_code(result);
    msb_exec_result_free(result);
    msb_exec_config_free(config);
    return code;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: image REFERENCE|ARCHIVE [COMMAND]\n");
        return 2;
    }
    msb_backend backend;
    CHECK(msb_backend_new(NULL, &backend, &err));
    msb_image_info *info = bring(backend, argv[1]);
    msb_sandbox sandbox = start(backend, msb_image_info_reference(info));
    int code = run(sandbox, argc == 3 ? argv[2] : "cat /etc/os-release");
    CHECK(msb_sandbox_stop(sandbox, STEP_TIMEOUT_MS, &err));
    msb_sandbox_release(&sandbox);
    msb_image_info_free(info);
    CHECK(msb_backend_close(backend, STEP_TIMEOUT_MS, &err));
    msb_backend_release(&backend);
    return code;
}
