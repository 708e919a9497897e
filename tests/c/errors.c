/*
 * What fails, how it says so, and what it leaves alone: names, options, handles, homes and databases that cannot be used.
 * Runs on the `process` driver.
 */
#include <sys/resource.h>

#include "fixture.h"

static msb_backend backend;

/* ---- names and options ---- */

TEST(names_are_checked_when_they_are_used) {
    char longest[130], too_long[130];
    msb_error *err = NULL;
    memset(longest, 'x', sizeof longest), memset(too_long, 'x', sizeof too_long);
    longest[128] = too_long[129] = 0;
    const char *bad[] = {"", ".", "..", ".a", "-a", "_a", "a/b", "../a", "a b", "a\n", "\xc3\xa4", too_long};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        msb_sandbox box = {1};
        msb_sandbox_config *config = msb_sandbox_config_new(bad[i]);
        msb_sandbox_config_set_image(config, "/", NULL);
        CHECK(msb_sandbox_create(backend, config, &box, &err) == MSB_ERR_INVALID_ARGUMENT && box.id == 0);
        CHECK(msb_error_detail(err, "name", NULL) != NULL);
        msb_error_free(err);
        msb_sandbox_config_free(config);
    }
    const char *good[] = {"a", "0", "A.b_c-d", longest};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        msb_sandbox box = created_box(backend, good[i]);
        discard_box(&box);
    }
    CHECK(msb_sandbox_config_new("\xff") == NULL);
}

TEST(the_longest_name_runs) {
    char name[129];
    memset(name, 'n', sizeof name);
    name[128] = 0;
    msb_sandbox box = running_box(backend, name);
    CHECK(answers(box));
    discard_box(&box);
}

TEST(all_that_is_wrong_with_a_config_is_told_at_once) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    msb_sandbox_config *config = msb_sandbox_config_new("-bad");
    CHECK(msb_sandbox_create(backend, config, &box, &err) == MSB_ERR_INVALID_ARGUMENT);
    CHECK(msb_error_detail(err, "name", NULL) && msb_error_detail(err, "image", NULL));
    CHECK(strstr(msb_error_message(err), "name") && strstr(msb_error_message(err), "image"));
    msb_error_free(err);
    msb_sandbox_config_free(config);
}

TEST(an_image_that_cannot_be_used_is_refused_at_creation) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    msb_sandbox_config *config = msb_sandbox_config_new("rootless");
    CHECK_OK(err, msb_sandbox_config_set_image(config, "/no/such/root", &err));
    CHECK(msb_sandbox_create(backend, config, &box, &err) == MSB_ERR_NOT_FOUND);
    CHECK(msb_error_errno(err) == ENOENT && strstr(msb_error_message(err), "/no/such/root"));
    msb_error_free(err);
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_open(backend, "rootless", &box, &err));
    CHECK_OK(err, msb_sandbox_config_set_image(config, "/etc/passwd", &err));
    CHECK_STATUS(MSB_ERR_UNSUPPORTED, err, msb_sandbox_create(backend, config, &box, &err));
    msb_sandbox_config_free(config);
}

TEST(isolation_that_a_driver_does_not_give_is_refused) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    msb_sandbox_config *config = box_config("safe");
    CHECK_OK(err, msb_sandbox_config_set_min_isolation(config, "hardware", &err));
    msb_status status = msb_sandbox_create(backend, config, &box, &err);
    CHECK(status == MSB_ERR_ISOLATION_UNAVAILABLE || status == MSB_ERR_KERNEL_NOT_FOUND
          || status == MSB_ERR_DRIVER_UNAVAILABLE);
    CHECK(box.id == 0);
    msb_error_free(err);
    msb_sandbox_config_free(config);
}

TEST(a_sandbox_config_survives_json) {
    msb_error *err = NULL;
    msb_bytes *text = NULL;
    msb_sandbox_config *copy = NULL, *config = box_config("json");
    CHECK_OK(err, msb_sandbox_config_set_env(config, "A", "1", &err));
    CHECK_OK(err, msb_sandbox_config_set_cpus(config, 2, &err));
    CHECK_OK(err, msb_sandbox_config_to_json(config, &text, &err));
    CHECK_OK(err, msb_sandbox_config_from_json((const char *)msb_bytes_data(text), &copy, &err));
    msb_sandbox_config_free(config);
    msb_bytes_free(text);
    msb_sandbox box = start_from(backend, copy);
    CHECK(prints(box, shell("echo $A"), "1\n"));
    discard_box(&box);
}

/* ---- errors ---- */

TEST(an_error_has_everything_that_programs_and_people_need) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    size_t len = 0;
    CHECK(msb_sandbox_open(backend, "nobody", &box, &err) == MSB_ERR_NOT_FOUND);
    CHECK(msb_error_status(err) == MSB_ERR_NOT_FOUND);
    CHECK(strcmp(msb_error_reason(err), "sandbox.not_found") == 0);
    CHECK(strstr(msb_error_message(err), "nobody") != NULL);
    const uint8_t *name = msb_error_detail(err, "sandbox", &len);
    CHECK(name && len == 6 && memcmp(name, "nobody", 7) == 0);
    CHECK(msb_error_retryable(err) == 0);
    msb_error_free(err);
}

/* ---- handles ---- */

TEST(handles_are_checked_in_every_state) {
    msb_error *err = NULL;
    msb_exec exec = {0};
    msb_sandbox box = running_box(backend, "handled"), stale = box, second = {0};
    msb_exec_config *config = shell("true");
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_sandbox_open((msb_backend){box.id}, "x", &second, &err));
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_exec_wait((msb_exec){box.id}, 0, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_exec_start((msb_sandbox){0}, config, &exec, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_exec_start(box, NULL, &exec, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_exec_start(box, config, NULL, &err));
    msb_exec_config_free(config);
    discard_box(&box);
    CHECK(box.id == 0);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_sandbox_stop(stale, 0, &err));
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_sandbox_wait(stale, -1, NULL, &err));
    msb_sandbox_release(&stale); /* harmless */
    CHECK(stale.id == 0);
    msb_sandbox_release(&box);
    msb_sandbox_release(NULL);
    CHECK(msb_exec_pid((msb_exec){12345}) == 0);
}

TEST(an_error_pointer_may_be_null_everywhere) {
    msb_sandbox box = {0};
    CHECK(msb_sandbox_open(backend, "nobody", &box, NULL) == MSB_ERR_NOT_FOUND);
    CHECK(msb_sandbox_stop((msb_sandbox){1}, 0, NULL) == MSB_ERR_STALE_HANDLE);
    CHECK(msb_sandbox_create(backend, NULL, &box, NULL) == MSB_ERR_INVALID_ARGUMENT);
}

/* ---- homes ---- */

static msb_status open_at(const char *home, msb_backend *out, msb_error **err) {
    msb_backend_config *config = msb_backend_config_new();
    msb_backend_config_set_home(config, home, NULL);
    msb_backend_config_set_driver(config, "process", NULL);
    msb_status status = msb_backend_new(config, out, err);
    msb_backend_config_free(config);
    return status;
}

static void spoil(const char *home, const char *file, const char *content) {
    char path[512];
    mkdir(home, 0700);
    snprintf(path, sizeof path, "%s/db", home);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s", home, file);
    FILE *out = fopen(path, "we");
    CHECK(out && fputs(content, out) >= 0);
    if (out) fclose(out);
}

static int still_holds(const char *home, const char *file, const char *content) {
    char path[512], found[4096] = "";
    snprintf(path, sizeof path, "%s/%s", home, file);
    FILE *in = fopen(path, "re");
    if (!in) return 0;
    found[fread(found, 1, sizeof found - 1, in)] = 0;
    fclose(in);
    return strcmp(found, content) == 0;
}

/* Opening a home with this file fails with `expected`, leaves the file alone and says where it is. */
static void refuses_home(const char *name, const char *file, const char *content, msb_status expected) {
    char home[256];
    msb_error *err = NULL;
    msb_backend out = {1};
    snprintf(home, sizeof home, "%s/%s", fixture_home, name);
    spoil(home, file, content);
    msb_status status = open_at(home, &out, &err);
    if (status != expected) printf("       it gave %s: %s\n", msb_status_name(status), msb_error_message(err));
    CHECK(status == expected && out.id == 0);
    CHECK(strstr(msb_error_message(err), strrchr(file, '/') ? strrchr(file, '/') : file) != NULL);
    CHECK(still_holds(home, file, content));
    msb_error_free(err);
}

TEST(a_database_that_is_none_is_left_alone) {
    refuses_home("noise", "db/msb.db", "this is no database, but somebody may need it", MSB_ERR_STORE_CORRUPT);
}

TEST(a_config_file_that_cannot_be_read_is_an_error_with_its_place) {
    refuses_home("config1", "config.json", "{\"a\": ", MSB_ERR_CONFIG_INVALID);
    refuses_home("config2", "config.json", "[]", MSB_ERR_CONFIG_INVALID);
}

TEST(a_home_that_is_a_file_is_a_status) {
    char path[256];
    msb_error *err = NULL;
    msb_backend out = {1};
    snprintf(path, sizeof path, "%s/file", fixture_home);
    FILE *file = fopen(path, "we");
    if (file) fclose(file);
    msb_status status = open_at(path, &out, &err);
    CHECK(status != MSB_OK && status != MSB_ERR_INTERNAL && out.id == 0);
    CHECK(strstr(msb_error_message(err), path) != NULL);
    msb_error_free(err);
}

/* A file-size limit stands for a full disk: the host ignores SIGXFSZ, so that writes fail. */
static int role_has_no_room(const char *argument) {
    char home[256];
    msb_error *err = NULL;
    msb_backend out = {0};
    struct rlimit limit = {1024, 1024};
    (void)argument;
    snprintf(home, sizeof home, "%s/full", fixture_home);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    msb_status status = open_at(home, &out, &err);
    CHECK(status != MSB_OK && status != MSB_ERR_INTERNAL && out.id == 0);
    if (status == MSB_ERR_INTERNAL) printf("       %s\n", msb_error_message(err));
    msb_error_free(err);
    return !test_ok;
}

TEST(a_home_without_room_is_a_status_and_can_be_opened_later) {
    char home[256];
    struct peer peer = start_role("has_no_room", "");
    CHECK(finish_role(peer) == 0);
    snprintf(home, sizeof home, "%s/full", fixture_home);
    msb_backend later = open_backend(home);
    close_backend(&later);
}

static const struct role roles[] = {{"has_no_room", role_has_no_room}, {NULL, NULL}};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    backend = open_backend(fixture_home);
    RUN(names_are_checked_when_they_are_used);
    RUN(the_longest_name_runs);
    RUN(all_that_is_wrong_with_a_config_is_told_at_once);
    RUN(an_image_that_cannot_be_used_is_refused_at_creation);
    RUN(isolation_that_a_driver_does_not_give_is_refused);
    RUN(a_sandbox_config_survives_json);
    RUN(an_error_has_everything_that_programs_and_people_need);
    RUN(handles_are_checked_in_every_state);
    RUN(an_error_pointer_may_be_null_everywhere);
    RUN(a_database_that_is_none_is_left_alone);
    RUN(a_config_file_that_cannot_be_read_is_an_error_with_its_place);
    RUN(a_home_that_is_a_file_is_a_status);
    RUN(a_home_without_room_is_a_status_and_can_be_opened_later);
    close_backend(&backend);
    return fixture_end();
}
