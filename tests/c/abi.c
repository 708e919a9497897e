/*
 * The foundations of the ABI: NULL for every pointer, handles that are not live, errors, bytes, builders and their
 * JSON, versions, fork. Needs no hypervisor. Build it with ASan and UBSan: it must stay silent.
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NOT_NULL ((void *)(intptr_t)-8)

static char home[] = "/tmp/msb-abi-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static msb_backend new_backend(void) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_backend_config *config = msb_backend_config_new();
    CHECK_OK(err, msb_backend_config_set_home(config, home, &err));
    CHECK_OK(err, msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    CHECK(backend.id != 0);
    return backend;
}

TEST(versions_of_header_and_library_agree) {
    char number[64];
    snprintf(number, sizeof number, "%d.%d.%d", MSB_VERSION_MAJOR, MSB_VERSION_MINOR, MSB_VERSION_PATCH);
    CHECK(strcmp(msb_version(), MSB_VERSION_STRING) == 0);
    CHECK(strcmp(number, MSB_VERSION_STRING) == 0);
    CHECK(MSB_VERSION_NUMBER == MSB_VERSION_MAJOR * 10000 + MSB_VERSION_MINOR * 100 + MSB_VERSION_PATCH);
    CHECK(msb_abi_version() == MSB_ABI_VERSION);
}

TEST(build_info_is_json_with_the_version) {
    msb_error *err = NULL;
    msb_bytes *info = NULL;
    CHECK_OK(err, msb_build_info(&info, &err));
    CHECK(strstr((const char *)msb_bytes_data(info), "\"version\":\"" MSB_VERSION_STRING "\"") != NULL);
    CHECK(strlen((const char *)msb_bytes_data(info)) == msb_bytes_len(info));
    msb_bytes_free(info);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_build_info(NULL, &err));
    CHECK(msb_build_info(NULL, NULL) == MSB_ERR_INVALID_ARGUMENT);
}

TEST(a_status_has_its_name_and_an_unknown_one_too) {
    CHECK(strcmp(msb_status_name(MSB_OK), "MSB_OK") == 0);
    CHECK(strcmp(msb_status_name(MSB_ERR_STALE_HANDLE), "MSB_ERR_STALE_HANDLE") == 0);
    CHECK(strcmp(msb_status_name(INT32_MIN), "MSB_ERR_UNKNOWN") == 0);
}

TEST(accessors_of_null_give_their_fallbacks) {
    size_t len = 7;
    CHECK(msb_error_status(NULL) == MSB_OK);
    CHECK(strcmp(msb_error_message(NULL), "") == 0);
    CHECK(strcmp(msb_error_reason(NULL), "") == 0);
    CHECK(msb_error_errno(NULL) == 0);
    CHECK(msb_error_retryable(NULL) == 0);
    CHECK(msb_error_cause_count(NULL) == 0);
    CHECK(msb_error_cause(NULL, 0) == NULL);
    CHECK(msb_error_detail_count(NULL) == 0);
    CHECK(msb_error_detail_key(NULL, 0) == NULL);
    CHECK(msb_error_detail(NULL, NULL, &len) == NULL && len == 0);
    CHECK(msb_error_detail(NULL, "x", NULL) == NULL);
    CHECK(msb_bytes_data(NULL) == NULL);
    CHECK(msb_bytes_len(NULL) == 0);
    msb_error_free(NULL);
    msb_bytes_free(NULL);
    msb_backend_config_free(NULL);
    msb_sandbox_config_free(NULL);
    msb_exec_config_free(NULL);
    msb_sandbox_filter_free(NULL);
    msb_backend_release(NULL);
    msb_sandbox_release(NULL);
    msb_exec_release(NULL);
}

TEST(an_error_tells_programs_and_people_what_happened) {
    msb_error *err = NOT_NULL;
    size_t len = 0;
    CHECK(msb_backend_config_set_home(NULL, "/x", &err) == MSB_ERR_INVALID_ARGUMENT);
    CHECK(msb_error_status(err) == MSB_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(msb_error_reason(err), "argument.null") == 0);
    CHECK(strcmp(msb_error_message(err), "`config` is NULL") == 0);
    CHECK(msb_error_detail_count(err) == 1);
    CHECK(strcmp(msb_error_detail_key(err, 0), "argument") == 0);
    CHECK(msb_error_detail_key(err, 1) == NULL);
    CHECK(strcmp((const char *)msb_error_detail(err, "argument", &len), "config") == 0 && len == 6);
    CHECK(msb_error_detail(err, "none", &len) == NULL && len == 0);
    CHECK(msb_error_detail(err, NULL, &len) == NULL);
    CHECK(msb_error_cause(err, SIZE_MAX) == NULL);
    msb_error_free(err);
}

TEST(success_overwrites_what_err_held) {
    msb_error *err = NOT_NULL;
    msb_exec_config *config = msb_exec_config_new("true");
    CHECK(msb_exec_config_add_arg(config, "x", &err) == MSB_OK);
    CHECK(err == NULL);
    msb_exec_config_free(config);
}

/* Every setter of one shape: NULL object, object of another kind, NULL or malformed text, no error wanted. */
#define EACH_TEXT(type, make, set)                                                         \
    do {                                                                                   \
        type *object = make;                                                               \
        msb_bytes *other = NULL;                                                           \
        CHECK_OK(err, msb_build_info(&other, &err));                                       \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(NULL, "x", &err));                 \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set((type *)(void *)other, "x", &err)); \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(object, NULL, &err));              \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(object, "\xff", &err));            \
        CHECK(set(NULL, NULL, NULL) == MSB_ERR_INVALID_ARGUMENT);                          \
        msb_bytes_free(other);                                                             \
        type##_free(object);                                                               \
    } while (0)

#define EACH_NUMBER(set)                                                     \
    do {                                                                     \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(NULL, 1, &err));     \
        CHECK(set(NULL, 1, NULL) == MSB_ERR_INVALID_ARGUMENT);               \
    } while (0)

#define EACH_PAIR(type, make, set)                                                    \
    do {                                                                              \
        type *object = make;                                                          \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(NULL, "k", "v", &err));       \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(object, NULL, "v", &err));    \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(object, "k", NULL, &err));    \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(object, "\xff", "v", &err));  \
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, set(object, "", "v", &err));      \
        CHECK_OK(err, set(object, "k", "v", &err));                                   \
        type##_free(object);                                                          \
    } while (0)

#define BACKEND msb_backend_config, msb_backend_config_new()
#define SANDBOX msb_sandbox_config, msb_sandbox_config_new("box")
#define EXEC msb_exec_config, msb_exec_config_new("true")
#define FILTER msb_sandbox_filter, msb_sandbox_filter_new()
#define EXPAND_TEXT(object, set) EACH_TEXT_(object, set)
#define EACH_TEXT_(type, make, set) EACH_TEXT(type, make, set)
#define EXPAND_PAIR(object, set) EACH_PAIR_(object, set)
#define EACH_PAIR_(type, make, set) EACH_PAIR(type, make, set)

TEST(setters_refuse_null_foreign_and_malformed_arguments) {
    msb_error *err = NULL;
    EXPAND_TEXT(BACKEND, msb_backend_config_set_home);
    EXPAND_TEXT(BACKEND, msb_backend_config_set_driver);
    EXPAND_TEXT(BACKEND, msb_backend_config_set_libkrunfw_path);
    EXPAND_TEXT(BACKEND, msb_backend_config_set_qemu_path);
    EXPAND_TEXT(BACKEND, msb_backend_config_set_runner_path);
    EXPAND_TEXT(BACKEND, msb_backend_config_set_sandboxes_dir);
    EXPAND_TEXT(BACKEND, msb_backend_config_set_cache_dir);
    EACH_NUMBER(msb_backend_config_set_default_cpus);
    EACH_NUMBER(msb_backend_config_set_default_memory_mib);
    EACH_NUMBER(msb_backend_config_set_max_connections);
    EACH_NUMBER(msb_backend_config_set_connect_timeout_secs);
    EACH_NUMBER(msb_backend_config_set_busy_timeout_secs);

    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_name);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_image);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_upper);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_workdir);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_shell);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_hostname);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_user);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_min_isolation);
    EXPAND_TEXT(SANDBOX, msb_sandbox_config_set_driver);
    EXPAND_PAIR(SANDBOX, msb_sandbox_config_set_env);
    EXPAND_PAIR(SANDBOX, msb_sandbox_config_add_label);
    EACH_NUMBER(msb_sandbox_config_set_upper_size_mib);
    EACH_NUMBER(msb_sandbox_config_set_cpus);
    EACH_NUMBER(msb_sandbox_config_set_memory_mib);
    EACH_NUMBER(msb_sandbox_config_set_ephemeral);
    EACH_NUMBER(msb_sandbox_config_set_replace);
    EACH_NUMBER(msb_sandbox_config_set_replace_timeout_ms);
    EACH_NUMBER(msb_sandbox_config_set_idle_timeout_ms);
    EACH_NUMBER(msb_sandbox_config_set_max_duration_ms);
    EACH_NUMBER(msb_sandbox_config_set_detached);
    EACH_NUMBER(msb_sandbox_config_set_boot_timeout_ms);

    EXPAND_TEXT(EXEC, msb_exec_config_set_program);
    EXPAND_TEXT(EXEC, msb_exec_config_add_arg);
    EXPAND_TEXT(EXEC, msb_exec_config_set_cwd);
    EXPAND_TEXT(EXEC, msb_exec_config_set_user);
    EXPAND_PAIR(EXEC, msb_exec_config_set_env);
    EACH_NUMBER(msb_exec_config_set_tty);
    EACH_NUMBER(msb_exec_config_set_rows);
    EACH_NUMBER(msb_exec_config_set_cols);
    EACH_NUMBER(msb_exec_config_set_timeout_ms);
    EACH_NUMBER(msb_exec_config_set_max_output_bytes);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_set_stdin_pipe(NULL, &err));

    EXPAND_TEXT(FILTER, msb_sandbox_filter_add_status);
    EXPAND_TEXT(FILTER, msb_sandbox_filter_set_name_prefix);
    EXPAND_TEXT(FILTER, msb_sandbox_filter_set_cursor);
    EXPAND_PAIR(FILTER, msb_sandbox_filter_add_label);
    EACH_NUMBER(msb_sandbox_filter_set_limit);
}

TEST(rlimits_are_checked) {
    msb_error *err = NULL;
    msb_exec_config *config = msb_exec_config_new("true");
    CHECK_OK(err, msb_exec_config_add_rlimit(config, "nofile", 64, UINT64_MAX, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_add_rlimit(config, "nofile", 2, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_add_rlimit(config, "files", 1, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_add_rlimit(config, NULL, 1, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_add_rlimit(NULL, "nofile", 1, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_rlimit(NULL, "nofile", 1, 1, &err));
    msb_exec_config_free(config);
}

TEST(stdin_bytes_may_be_empty_but_not_missing) {
    msb_error *err = NULL;
    msb_exec_config *config = msb_exec_config_new("cat");
    CHECK_OK(err, msb_exec_config_set_stdin(config, "\0\xff", 2, &err));
    CHECK_OK(err, msb_exec_config_set_stdin(config, NULL, 0, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_set_stdin(config, NULL, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_set_stdin(config, "x", SIZE_MAX, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_set_stdin(NULL, "x", 1, &err));
    msb_exec_config_free(config);
}

/* The text that a config writes, read back and written again; the caller's to free. */
static msb_bytes *round_trip(const char *json) {
    msb_error *err = NULL;
    msb_sandbox_config *config = NULL;
    msb_bytes *text = NULL;
    CHECK_OK(err, msb_sandbox_config_from_json(json, &config, &err));
    CHECK_OK(err, msb_sandbox_config_to_json(config, &text, &err));
    msb_sandbox_config_free(config);
    return text;
}

TEST(a_config_survives_json) {
    msb_error *err = NULL;
    msb_bytes *once = NULL;
    msb_sandbox_config *config = msb_sandbox_config_new("box-1");
    CHECK_OK(err, msb_sandbox_config_set_image(config, "/srv/root", &err));
    CHECK_OK(err, msb_sandbox_config_set_cpus(config, 2, &err));
    CHECK_OK(err, msb_sandbox_config_set_upper(config, "tmpfs", &err));
    CHECK_OK(err, msb_sandbox_config_set_env(config, "LANG", "C", &err));
    CHECK_OK(err, msb_sandbox_config_set_env(config, "LANG", "de \"quoted\"\n", &err));
    CHECK_OK(err, msb_sandbox_config_add_label(config, "team", "a", &err));
    CHECK_OK(err, msb_sandbox_config_add_rlimit(config, "nofile", 10, 20, &err));
    CHECK_OK(err, msb_sandbox_config_set_detached(config, 1, &err));
    CHECK_OK(err, msb_sandbox_config_to_json(config, &once, &err));
    msb_sandbox_config_free(config);

    msb_bytes *twice = round_trip((const char *)msb_bytes_data(once));
    CHECK(strcmp((const char *)msb_bytes_data(once), (const char *)msb_bytes_data(twice)) == 0);
    CHECK(strstr((const char *)msb_bytes_data(once), "de \\\"quoted\\\"\\n") != NULL);
    msb_bytes_free(once);
    msb_bytes_free(twice);
}

TEST(an_unknown_json_key_is_named_with_its_place) {
    msb_error *err = NULL;
    msb_sandbox_config *config = NOT_NULL;
    CHECK(msb_sandbox_config_from_json("{\n \"imgae\": \"x\"}", &config, &err) == MSB_ERR_CONFIG_INVALID);
    CHECK(config == NULL);
    CHECK(strcmp(msb_error_reason(err), "config.unknown_key") == 0);
    CHECK(strstr(msb_error_message(err), "`imgae`") != NULL);
    CHECK(strcmp((const char *)msb_error_detail(err, "key", NULL), "imgae") == 0);
    CHECK(strcmp((const char *)msb_error_detail(err, "line", NULL), "2") == 0);
    msb_error_free(err);
}

TEST(json_that_cannot_be_used_is_a_status_for_every_builder) {
    static const char *const texts[] = {"", "{", "[]", "null", "{\"x\":1}", "{} {}", "\"\\ud800\""};
    msb_error *err = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        msb_backend_config *backend = NULL;
        msb_sandbox_config *sandbox = NULL;
        msb_exec_config *exec = NULL;
        msb_sandbox_filter *filter = NULL;
        CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_backend_config_from_json(texts[i], &backend, &err));
        CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_sandbox_config_from_json(texts[i], &sandbox, &err));
        CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_exec_config_from_json(texts[i], &exec, &err));
        CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_sandbox_filter_from_json(texts[i], &filter, &err));
        CHECK(!backend && !sandbox && !exec && !filter);
    }
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_from_json("{}", NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_from_json("{}", NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_from_json("{}", NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_filter_from_json("{}", NULL, &err));
    msb_bytes *out = NULL;
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_to_json(NULL, &out, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_to_json(NULL, &out, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_exec_config_to_json(NULL, &out, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_filter_to_json(NULL, &out, &err));
}

TEST(deeply_nested_json_is_refused_not_followed) {
    msb_error *err = NULL;
    msb_exec_config *config = NULL;
    size_t depth = 1000000;
    char *json = malloc(depth + 1);
    memset(json, '[', depth);
    json[depth] = 0;
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_exec_config_from_json(json, &config, &err));
    free(json);
}

TEST(all_bad_options_are_listed_at_once) {
    msb_error *err = NULL;
    msb_sandbox_config *config = NULL;
    const char *json = "{\"name\":\"-box\",\"cpus\":0,\"labels\":{\"sandbox.x\":\"1\"}}";
    CHECK(msb_sandbox_config_from_json(json, &config, &err) == MSB_ERR_INVALID_ARGUMENT);
    CHECK(msb_error_detail(err, "name", NULL) != NULL);
    CHECK(msb_error_detail(err, "cpus", NULL) != NULL);
    CHECK(msb_error_detail(err, "labels", NULL) != NULL);
    msb_error_free(err);
}

TEST(a_released_handle_is_stale_and_a_second_release_harmless) {
    msb_error *err = NULL;
    msb_backend backend = new_backend();
    msb_backend copy = backend, again = backend;
    msb_sandbox out = {77};
    msb_backend_release(&backend);
    CHECK(backend.id == 0);
    msb_backend_release(&backend);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_sandbox_open(copy, "box", &out, &err));
    CHECK(out.id == 0);
    msb_backend_release(&again);
    CHECK(again.id == 0);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_open(backend, "box", &out, &err));
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
}

TEST(a_handle_of_another_type_is_told_from_a_stale_one) {
    msb_error *err = NULL;
    msb_backend backend = new_backend();
    msb_sandbox disguised = {backend.id};
    msb_sandbox wrong = {backend.id};
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_sandbox_start(disguised, 0, &err));
    msb_sandbox_release(&wrong);
    CHECK(wrong.id == 0);
    CHECK(msb_debug_live_objects(MSB_KIND_BACKEND) == 1);
    msb_backend_release(&backend);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_sandbox_start(disguised, 0, &err));
}

TEST(forged_handles_are_stale) {
    msb_error *err = NULL;
    msb_backend backend = new_backend();
    for (int bit = 0; bit < 64; bit++) {
        msb_sandbox forged = {UINT64_C(1) << bit};
        msb_backend flipped = {backend.id ^ UINT64_C(1) << bit};
        msb_sandbox out = {0};
        msb_status status = msb_sandbox_open(flipped, "box", &out, &err);
        CHECK(status == MSB_ERR_STALE_HANDLE || status == MSB_ERR_WRONG_HANDLE_TYPE);
        msb_error_free(err);
        CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_sandbox_stop(forged, 0, &err));
        msb_sandbox_release(&forged);
    }
    msb_backend_release(&backend);
}

TEST(the_library_refuses_to_work_in_a_forked_child) {
    msb_backend backend = new_backend();
    pid_t child = fork();
    if (child == 0) {
        msb_error *err = NULL;
        msb_sandbox out = {0};
        msb_backend fresh = {0};
        int ok = msb_sandbox_open(backend, "box", &out, &err) == MSB_ERR_FORKED
            && msb_error_status(err) == MSB_ERR_FORKED && strlen(msb_error_message(err)) > 0;
        msb_error_free(err);
        ok = ok && msb_backend_new(NULL, &fresh, NULL) == MSB_ERR_FORKED && fresh.id == 0;
        msb_backend_release(&backend);
        _exit(ok && backend.id == 0 ? 42 : 1);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK(msb_debug_live_objects(MSB_KIND_BACKEND) == 1);
    msb_backend_release(&backend);
}

TEST(every_handle_was_released) {
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
    CHECK(msb_debug_live_objects(UINT32_MAX) == 0);
}

int main(void) {
    if (!mkdtemp(home)) {
        perror("mkdtemp");
        return 1;
    }
    RUN(versions_of_header_and_library_agree);
    RUN(build_info_is_json_with_the_version);
    RUN(a_status_has_its_name_and_an_unknown_one_too);
    RUN(accessors_of_null_give_their_fallbacks);
    RUN(an_error_tells_programs_and_people_what_happened);
    RUN(success_overwrites_what_err_held);
    RUN(setters_refuse_null_foreign_and_malformed_arguments);
    RUN(rlimits_are_checked);
    RUN(stdin_bytes_may_be_empty_but_not_missing);
    RUN(a_config_survives_json);
    RUN(an_unknown_json_key_is_named_with_its_place);
    RUN(json_that_cannot_be_used_is_a_status_for_every_builder);
    RUN(deeply_nested_json_is_refused_not_followed);
    RUN(all_bad_options_are_listed_at_once);
    RUN(a_released_handle_is_stale_and_a_second_release_harmless);
    RUN(a_handle_of_another_type_is_told_from_a_stale_one);
    RUN(forged_handles_are_stale);
    RUN(the_library_refuses_to_work_in_a_forked_child);
    RUN(every_handle_was_released);
    nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
