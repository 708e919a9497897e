/*
 * Pulls an image, boots a sandbox from it, and writes what a script prints in the guest to a file.
 * usage: pulled REFERENCE SCRIPT.py OUTPUT   (with MSB_TEST_DRIVER and MSB_TEST_ROOT as for tests/vm)
 */
#define _GNU_SOURCE
#include "../vm/vm.h"

#define LIST_MS 600000

static const char *reference, *script, *output;

static char *content_of(const char *path) {
    static char text[65536];
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    if (!file) return text;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    CHECK(feof(file) && fclose(file) == 0);
    return text;
}

TEST(an_image_of_a_registry_is_the_root_of_a_guest) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    msb_exec_result *result = NULL;
    msb_image_pull_config *pull = msb_image_pull_config_new();
    CHECK_OK(err, msb_image_pull_config_set_insecure(pull, 1, &err));
    CHECK_OK(err, msb_image_pull(backend, reference, pull, &info, &err));
    CHECK(msb_image_info_layer_count(info) == 3);
    msb_image_info_free(info);
    msb_image_pull_config_free(pull);

    msb_sandbox_config *config = config_of("pulled");
    CHECK_OK(err, msb_sandbox_config_set_image(config, reference, &err));
    CHECK_OK(err, msb_sandbox_config_set_memory_mib(config, 512, &err));
    msb_sandbox sandbox = create(config);
    start(sandbox);
    msb_exec_config *command = msb_exec_config_new("python3");
    const char *arguments[] = {"-c", content_of(script), "/"};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
        CHECK_OK(err, msb_exec_config_add_arg(command, arguments[i], &err));
    CHECK_OK(err, msb_exec_config_set_timeout_ms(command, LIST_MS, &err));
    CHECK_OK(err, msb_exec_config_set_max_output_bytes(command, 64 << 20, &err));
    CHECK_OK(err, msb_sandbox_exec(sandbox, command, &result, &err));
    msb_exec_config_free(command);
    CHECK(msb_exec_result_exit_code(result) == 0);
    if (msb_exec_result_exit_code(result) != 0) printf("       %s\n", (const char *)msb_exec_result_stderr(result, NULL));
    size_t len = 0;
    const uint8_t *list = msb_exec_result_stdout(result, &len);
    FILE *file = fopen(output, "we");
    CHECK(file != NULL && fwrite(list, 1, len, file) == len && fclose(file) == 0);
    msb_exec_result_free(result);
    discard(&sandbox);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s REFERENCE SCRIPT.py OUTPUT\n", argv[0]);
        return 2;
    }
    reference = argv[1], script = argv[2], output = argv[3];
    if (!begin()) return 2;
    RUN(an_image_of_a_registry_is_the_root_of_a_guest);
    return finish();
}
