/*
 * What images cost, as seen through msb.h.
 *
 *   images load HOME ARCHIVE         load an image; how long it takes, its caller measures
 *   images pull HOME REFERENCE       the same from a registry without TLS
 *   images start NAME HOME IMAGE     prints NAME_ms: create and start a sandbox, after one that had the image before
 *   images python NAME HOME IMAGE    prints NAME_ms: the first command in a fresh guest, a Python program of one line
 *
 * Sandboxes run on QEMU. Ends at the first failure with exit code 1.
 */
#define _GNU_SOURCE
#include "backend.h"
#include "measure.h"

#include <string.h>

#define ROUNDS 3
#define BOOT_MS 300000
#define COMMAND_MS 300000
#define MEMORY_MIB 512

static msb_backend backend;
static const char *image;

static msb_sandbox create(void) {
    msb_sandbox sandbox = {0};
    msb_sandbox_config *config = msb_sandbox_config_new("measured");
    MUST(msb_sandbox_config_set_image(config, image, &err));
    MUST(msb_sandbox_config_set_memory_mib(config, MEMORY_MIB, &err));
    MUST(msb_sandbox_config_set_boot_timeout_ms(config, BOOT_MS, &err));
    MUST(msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    return sandbox;
}

static void discard(msb_sandbox *sandbox) {
    MUST(msb_sandbox_stop(*sandbox, STOP_MS, &err));
    MUST(msb_sandbox_remove(*sandbox, &err));
    msb_sandbox_release(sandbox);
}

static double create_and_start(void) {
    double began = now_ms();
    msb_sandbox sandbox = create();
    MUST(msb_sandbox_start(sandbox, BOOT_MS, &err));
    double took = now_ms() - began;
    discard(&sandbox);
    return took;
}

static double first_python(void) {
    msb_exec_result *result = NULL;
    msb_sandbox sandbox = create();
    msb_exec_config *command = msb_exec_config_new("python3");
    MUST(msb_exec_config_add_arg(command, "-c", &err));
    MUST(msb_exec_config_add_arg(command, "print(1)", &err));
    MUST(msb_exec_config_set_timeout_ms(command, COMMAND_MS, &err));
    MUST(msb_sandbox_start(sandbox, BOOT_MS, &err));
    double began = now_ms();
    MUST(msb_sandbox_exec(sandbox, command, &result, &err));
    double took = now_ms() - began;
    size_t length = 0;
    const uint8_t *output = msb_exec_result_stdout(result, &length);
    if (length != 2 || memcmp(output, "1\n", 2) != 0) give_up("python3 said %.*s", (int)length, (const char *)output);
    msb_exec_result_free(result);
    msb_exec_config_free(command);
    discard(&sandbox);
    return took;
}

/* The median of the rounds after the first, which warms the host's page cache. */
static void report(const char *name, double (*measure)(void)) {
    double times[ROUNDS];
    measure();
    for (size_t i = 0; i < ROUNDS; i++) times[i] = measure();
    printf("%s_ms %.0f\n", name, median(times, ROUNDS));
}

static void load(const char *archive) {
    msb_image_info *info = NULL;
    msb_image_load_config *config = msb_image_load_config_new();
    MUST(msb_image_load_config_set_reference(config, "measured", &err));
    MUST(msb_image_load(backend, archive, config, &info, &err));
    msb_image_load_config_free(config);
    msb_image_info_free(info);
}

static void pull(const char *reference) {
    msb_image_info *info = NULL;
    msb_image_pull_config *config = msb_image_pull_config_new();
    MUST(msb_image_pull_config_set_insecure(config, 1, &err));
    MUST(msb_image_pull(backend, reference, config, &info, &err));
    msb_image_pull_config_free(config);
    msb_image_info_free(info);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (argc == 4 && (strcmp(what, "load") == 0 || strcmp(what, "pull") == 0)) {
        backend = new_backend(argv[2], "qemu");
        if (what[0] == 'l') load(argv[3]);
        else pull(argv[3]);
    } else if (argc == 5 && (strcmp(what, "start") == 0 || strcmp(what, "python") == 0)) {
        backend = new_backend(argv[3], "qemu");
        image = argv[4];
        report(argv[2], what[0] == 's' ? create_and_start : first_python);
    } else {
        fprintf(stderr, "usage: images load|pull HOME IMAGE, or images start|python NAME HOME IMAGE\n");
        return 2;
    }
    end_backend(&backend);
    return 0;
}
