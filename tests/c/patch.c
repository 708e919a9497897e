/*
 * Patches of a sandbox's root: their form, their JSON, and what creating a sandbox says of them. That they are applied is
 * tests/vm: the `process` driver has no root of its own, and a start says so.
 */
#include "fixture.h"

static msb_backend backend;

static msb_patch_config *of_text(const char *path, const char *text) {
    msb_error *err = NULL;
    msb_patch_config *patch = msb_patch_config_new("text", path);
    CHECK_OK(err, msb_patch_config_set_text(patch, text, &err));
    return patch;
}

static msb_patch_config *of_source(const char *op, const char *source) {
    msb_error *err = NULL;
    msb_patch_config *patch = msb_patch_config_new(op, "/copied");
    CHECK_OK(err, msb_patch_config_set_source(patch, source, &err));
    return patch;
}

/* A sandbox's config with this patch, which is freed. */
static msb_sandbox_config *with(const char *name, msb_patch_config *patch) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config(name);
    CHECK_OK(err, msb_sandbox_config_add_patch(config, patch, &err));
    msb_patch_config_free(patch);
    return config;
}

/* Creating a sandbox from the config, which is freed, fails with this. */
static int creating_fails(msb_sandbox_config *config, msb_status expected, const char *words) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    msb_status status = msb_sandbox_create(backend, config, &box, &err);
    msb_sandbox_config_free(config);
    int same = status == expected && strstr(msb_error_message(err), words);
    if (!same) printf("       it gave %s: %s\n", msb_status_name(status), msb_error_message(err));
    msb_error_free(err);
    msb_sandbox_release(&box);
    return same;
}

TEST(a_patch_is_given_by_setters_or_as_json) {
    msb_error *err = NULL;
    msb_bytes *json = NULL;
    msb_patch_config *patch = msb_patch_config_new("file", "/etc/key"), *again = NULL;
    CHECK_OK(err, msb_patch_config_set_data(patch, "\0\xff", 2, &err));
    CHECK_OK(err, msb_patch_config_set_mode(patch, 0600, &err));
    CHECK_OK(err, msb_patch_config_set_uid(patch, 7, &err));
    CHECK_OK(err, msb_patch_config_set_gid(patch, 8, &err));
    CHECK_OK(err, msb_patch_config_set_replace(patch, 1, &err));
    CHECK_OK(err, msb_patch_config_to_json(patch, &json, &err));
    const char expected[] = "{\"data\":[0,255],\"gid\":8,\"mode\":384,\"op\":\"file\",\"path\":\"/etc/key\",\"replace\":true,\"uid\":7}";
    CHECK(msb_bytes_len(json) == strlen(expected) && memcmp(msb_bytes_data(json), expected, strlen(expected)) == 0);
    CHECK_OK(err, msb_patch_config_from_json(expected, &again, &err));
    msb_patch_config_free(again);
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_patch_config_from_json("{\"op\":\"chmod\"}", &again, &err));
    CHECK(again == NULL && msb_patch_config_new("chmod", "/x") == NULL);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_patch_config_set_op(patch, "chmod", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_patch_config_set_data(patch, NULL, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_patch_config_set_path(patch, "etc/key", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_patch_config_set_path(patch, "/etc/../key", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_patch_config_set_mode(patch, 010000, &err));
    msb_bytes_free(json);
    msb_patch_config_free(patch);
}

TEST(a_patch_has_what_its_operation_needs) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("needs");
    msb_patch_config *patch = msb_patch_config_new("symlink", "/link");
    msb_status status = msb_sandbox_config_add_patch(config, patch, &err);
    CHECK(status == MSB_ERR_INVALID_ARGUMENT && strstr(msb_error_message(err), "`target` is not set"));
    msb_error_free(err);
    err = NULL;
    CHECK_OK(err, msb_patch_config_set_target(patch, "../there", &err));
    CHECK_OK(err, msb_sandbox_config_add_patch(config, patch, &err));
    CHECK_OK(err, msb_patch_config_set_text(patch, "text", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_patch(config, patch, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_patch(config, NULL, &err));
    msb_patch_config_free(patch);
    msb_sandbox_config_free(config);
}

TEST(what_a_patch_copies_is_there_when_the_sandbox_is_created) {
    CHECK(creating_fails(with("gone", of_source("copy_file", "/no/such/file")), MSB_ERR_NOT_FOUND, "/no/such/file"));
    CHECK(creating_fails(with("kind", of_source("copy_file", "/etc")), MSB_ERR_INVALID_ARGUMENT, "not a file"));
    CHECK(creating_fails(with("kind", of_source("copy_dir", "/etc/passwd")), MSB_ERR_INVALID_ARGUMENT, "not a directory"));
}

TEST(a_patch_changes_a_root_that_the_guest_sees) {
    msb_error *err = NULL;
    msb_sandbox_config *hidden = with("hidden", of_text("/data//x", "x"));
    msb_mount_config *mount = msb_mount_config_new("/data");
    CHECK_OK(err, msb_mount_config_set_tmpfs(mount, 1, &err));
    CHECK_OK(err, msb_sandbox_config_add_mount(hidden, mount, &err));
    msb_mount_config_free(mount);
    CHECK(creating_fails(hidden, MSB_ERR_INVALID_ARGUMENT, "hides the root"));

    msb_sandbox box = {0};
    msb_sandbox_config *config = with("none", of_text("/t", "x"));
    CHECK_OK(err, msb_sandbox_create(backend, config, &box, &err));
    msb_sandbox_config_free(config);
    msb_status status = msb_sandbox_start(box, 10000, &err);
    CHECK(status == MSB_ERR_UNSUPPORTED && strcmp(msb_error_reason(err), "patch.unsupported") == 0);
    msb_error_free(err);
    discard_box(&box);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_patch_is_given_by_setters_or_as_json);
    RUN(a_patch_has_what_its_operation_needs);
    RUN(what_a_patch_copies_is_there_when_the_sandbox_is_created);
    RUN(a_patch_changes_a_root_that_the_guest_sees);
    close_backend(&backend);
    return fixture_end();
}
