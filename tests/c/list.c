/*
 * Listing, snapshots and labels: filters, pages, the fields of an info. Runs on the `process` driver.
 */
#include "fixture.h"

static msb_backend backend;
static msb_sandbox boxes[5];

/* The names on all pages of a listing, with a space after each; `pages` counts them if it is not NULL. */
static const char *names(msb_sandbox_filter *filter, int *pages) {
    static char text[4096];
    msb_error *err = NULL;
    msb_sandbox_page *page = NULL;
    size_t len = 0;
    int count = 0;
    text[0] = 0;
    for (;;) {
        CHECK_OK(err, msb_sandbox_list(backend, filter, &page, &err));
        if (!page) return text;
        for (size_t i = 0; i < msb_sandbox_page_len(page); i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s ",
                                    msb_sandbox_info_name(msb_sandbox_page_get(page, i)));
        CHECK(msb_sandbox_page_get(page, msb_sandbox_page_len(page)) == NULL);
        count++;
        const char *next = msb_sandbox_page_next(page);
        if (!next || count > 50) break;
        CHECK(filter != NULL);
        CHECK_OK(err, msb_sandbox_filter_set_cursor(filter, next, &err));
        msb_sandbox_page_free(page);
        page = NULL;
    }
    msb_sandbox_page_free(page);
    if (pages) *pages = count;
    return text;
}

static int lists(msb_sandbox_filter *filter, const char *expected) {
    const char *found = names(filter, NULL);
    msb_sandbox_filter_free(filter);
    if (strcmp(found, expected) != 0) printf("       it listed: %s\n", found);
    return strcmp(found, expected) == 0;
}

static msb_sandbox_filter *by_label(const char *key, const char *value) {
    msb_error *err = NULL;
    msb_sandbox_filter *filter = msb_sandbox_filter_new();
    CHECK_OK(err, msb_sandbox_filter_add_label(filter, key, value, &err));
    return filter;
}

static msb_sandbox_filter *by_status(const char *status) {
    msb_error *err = NULL;
    msb_sandbox_filter *filter = msb_sandbox_filter_new();
    CHECK_OK(err, msb_sandbox_filter_add_status(filter, status, &err));
    return filter;
}

/* ---- listing ---- */

TEST(without_a_filter_everything_is_listed_by_name) {
    CHECK(strcmp(names(NULL, NULL), "a-1 a-2 b-1 b-2 c ") == 0);
    CHECK(lists(msb_sandbox_filter_new(), "a-1 a-2 b-1 b-2 c "));
}

TEST(a_page_holds_no_more_than_its_limit_and_the_cursor_goes_on) {
    msb_error *err = NULL;
    for (uint32_t limit = 1; limit <= 6; limit++) {
        int pages = 0;
        msb_sandbox_filter *filter = msb_sandbox_filter_new();
        CHECK_OK(err, msb_sandbox_filter_set_limit(filter, limit, &err));
        CHECK(strcmp(names(filter, &pages), "a-1 a-2 b-1 b-2 c ") == 0);
        CHECK(pages >= 1 && (uint32_t)pages >= 5 / limit && (uint32_t)pages <= 5 / limit + 1);
        msb_sandbox_filter_free(filter);
    }
}

TEST(a_page_is_a_page) {
    msb_error *err = NULL;
    msb_sandbox_page *page = NULL;
    msb_sandbox_filter *filter = msb_sandbox_filter_new();
    CHECK_OK(err, msb_sandbox_filter_set_limit(filter, 2, &err));
    CHECK_OK(err, msb_sandbox_list(backend, filter, &page, &err));
    CHECK(msb_sandbox_page_len(page) == 2 && msb_sandbox_page_next(page) != NULL);
    msb_sandbox_page_free(page);
    msb_sandbox_filter_free(filter);
}

TEST(limits_and_cursors_are_checked) {
    msb_error *err = NULL;
    msb_sandbox_page *page = NULL;
    msb_sandbox_filter *filter = msb_sandbox_filter_new();
    msb_status low = msb_sandbox_filter_set_limit(filter, 0, &err);
    if (low == MSB_OK) low = msb_sandbox_list(backend, filter, &page, &err);
    CHECK(low == MSB_ERR_INVALID_ARGUMENT && page == NULL);
    msb_error_free(err);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_filter_add_status(filter, "running", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_list(backend, NULL, NULL, &err));
    msb_sandbox_filter_free(filter);
}

TEST(filters_choose_by_name_label_and_status) {
    msb_error *err = NULL;
    msb_sandbox_filter *filter = msb_sandbox_filter_new();
    CHECK_OK(err, msb_sandbox_filter_set_name_prefix(filter, "a-", &err));
    CHECK(lists(filter, "a-1 a-2 "));
    filter = msb_sandbox_filter_new(); /* no pattern: what a pattern would match is not listed */
    CHECK_OK(err, msb_sandbox_filter_set_name_prefix(filter, "a_", &err));
    CHECK(lists(filter, ""));
    CHECK(lists(by_label("team", "red"), "a-1 b-1 c "));
    CHECK(lists(by_label("team", "re"), ""));
    CHECK(lists(by_label("no such key", "red"), ""));
    filter = by_label("team", "red");
    CHECK_OK(err, msb_sandbox_filter_add_label(filter, "number", "1", &err));
    CHECK(lists(filter, "a-1 b-1 "));
    CHECK_OK(err, msb_sandbox_start(boxes[1], -1, &err));
    CHECK(lists(by_status("Running"), "a-2 "));
    CHECK(lists(by_status("Created"), "a-1 b-1 b-2 c "));
    CHECK_OK(err, msb_sandbox_stop(boxes[1], PATIENCE_MS, &err));
    filter = by_status("Running");
    CHECK_OK(err, msb_sandbox_filter_add_status(filter, "Stopped", &err));
    CHECK(lists(filter, "a-2 "));
    filter = by_status("Created");
    CHECK_OK(err, msb_sandbox_filter_add_label(filter, "team", "red", &err));
    CHECK_OK(err, msb_sandbox_filter_set_name_prefix(filter, "b", &err));
    CHECK(lists(filter, "b-1 "));
}

TEST(a_crash_that_nobody_saw_is_listed_as_one) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_start(boxes[2], -1, &err));
    uint32_t runner = runner_of(boxes[2]);
    CHECK(runner > 1 && kill((pid_t)runner, SIGKILL) == 0);
    EVENTUALLY(!is_running(runner));
    CHECK(strcmp(names(NULL, NULL), "a-1 a-2 b-1 b-2 c ") == 0);
    CHECK(lists(by_status("Running"), ""));
    CHECK(lists(by_status("Crashed"), "b-1 "));
}

TEST(a_filter_survives_json) {
    msb_error *err = NULL;
    msb_bytes *text = NULL;
    msb_sandbox_filter *copy = NULL, *filter = by_label("team", "red");
    CHECK_OK(err, msb_sandbox_filter_set_name_prefix(filter, "a", &err));
    CHECK_OK(err, msb_sandbox_filter_set_limit(filter, 1, &err));
    CHECK_OK(err, msb_sandbox_filter_to_json(filter, &text, &err));
    CHECK_OK(err, msb_sandbox_filter_from_json((const char *)msb_bytes_data(text), &copy, &err));
    CHECK(lists(copy, "a-1 "));
    msb_bytes_free(text);
    msb_sandbox_filter_free(filter);
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_sandbox_filter_from_json("{\"lable\":{}}", &copy, &err));
}

/* ---- snapshots ---- */

TEST(an_info_tells_what_was_configured) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    msb_exit record;
    msb_sandbox_config *config = box_config("told");
    CHECK_OK(err, msb_sandbox_config_set_cpus(config, 3, &err));
    CHECK_OK(err, msb_sandbox_config_set_memory_mib(config, 333, &err));
    CHECK_OK(err, msb_sandbox_config_set_ephemeral(config, 1, &err));
    CHECK_OK(err, msb_sandbox_config_set_detached(config, 1, &err));
    CHECK_OK(err, msb_sandbox_config_add_label(config, "b", "2", &err));
    CHECK_OK(err, msb_sandbox_config_add_label(config, "a", "1", &err));
    msb_sandbox box = create_from(backend, config);
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    CHECK(strcmp(msb_sandbox_info_name(info), "told") == 0);
    CHECK(strcmp(msb_sandbox_info_status(info), "Created") == 0);
    CHECK(strcmp(msb_sandbox_info_driver(info), "process") == 0);
    CHECK(strcmp(msb_sandbox_info_driver_reason(info), "") == 0); /* it was asked for by name */
    CHECK(strlen(msb_sandbox_info_isolation(info)) > 0);
    CHECK(strcmp(msb_sandbox_info_image(info), "/") == 0);
    CHECK(strstr(msb_sandbox_info_config(info), "333") != NULL);
    CHECK(msb_sandbox_info_cpus(info) == 3 && msb_sandbox_info_memory_mib(info) == 333);
    CHECK(msb_sandbox_info_ephemeral(info) == 1 && msb_sandbox_info_detached(info) == 1);
    uint64_t now = (uint64_t)time(NULL) * 1000;
    CHECK(msb_sandbox_info_created_unix_ms(info) + 60000 > now && msb_sandbox_info_created_unix_ms(info) < now + 60000);
    CHECK(msb_sandbox_info_runner_pid(info) == 0);
    CHECK(msb_sandbox_info_label_count(info) == 2);
    CHECK(strcmp(msb_sandbox_info_label_key(info, 0), "a") == 0 && strcmp(msb_sandbox_info_label_value(info, 0), "1") == 0);
    CHECK(strcmp(msb_sandbox_info_label_key(info, 1), "b") == 0 && strcmp(msb_sandbox_info_label_value(info, 1), "2") == 0);
    CHECK(msb_sandbox_info_label_key(info, 2) == NULL && msb_sandbox_info_label_value(info, 2) == NULL);
    CHECK(strcmp(msb_sandbox_info_end_message(info), "") == 0 && strcmp(msb_sandbox_info_console_tail(info), "") == 0);
    CHECK(msb_sandbox_info_exit(info, &record) == 0 && msb_sandbox_info_exit(info, NULL) == 0);
    msb_sandbox_info_free(info);
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    uint32_t runner = runner_of(box);
    CHECK(runner > 1 && is_running(runner) && (pid_t)runner != getpid());
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err)); /* it is ephemeral: that was all of it */
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_info_get(box, &info, &err));
    CHECK(info == NULL);
    msb_sandbox_release(&box);
}

TEST(a_snapshot_does_not_change) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    CHECK_OK(err, msb_sandbox_info_get(boxes[0], &info, &err));
    CHECK_OK(err, msb_sandbox_start(boxes[0], -1, &err));
    CHECK(strcmp(msb_sandbox_info_status(info), "Created") == 0);
    msb_sandbox_info_free(info);
    CHECK_OK(err, msb_sandbox_stop(boxes[0], PATIENCE_MS, &err));
}

/* ---- labels ---- */

TEST(labels_are_set_replaced_and_removed) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_set_label(boxes[4], "stage", "one", &err));
    CHECK(lists(by_label("stage", "one"), "c "));
    CHECK_OK(err, msb_sandbox_set_label(boxes[4], "stage", "", &err));
    CHECK(lists(by_label("stage", "one"), "") && lists(by_label("stage", ""), "c "));
    CHECK_OK(err, msb_sandbox_set_label(boxes[4], "\xc3\xa4 %_'\"", "\xe2\x82\xac';--", &err));
    CHECK(lists(by_label("\xc3\xa4 %_'\"", "\xe2\x82\xac';--"), "c "));
    CHECK_OK(err, msb_sandbox_remove_label(boxes[4], "stage", &err));
    CHECK_OK(err, msb_sandbox_remove_label(boxes[4], "stage", &err));
    CHECK(lists(by_label("stage", ""), ""));
}

TEST(reserved_labels_are_refused) {
    msb_error *err = NULL;
    const char *keys[] = {"sandbox.x", "microsandbox.x", "service.x", ""};
    for (int i = 0; i < 4; i++)
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_set_label(boxes[4], keys[i], "1", &err));
    CHECK_OK(err, msb_sandbox_set_label(boxes[4], "sandboxes", "1", &err)); /* only the prefix is */
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_set_label(boxes[4], NULL, "1", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_set_label(boxes[4], "k", NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_set_label(boxes[4], "\xff", "1", &err));
}

int main(int argc, char **argv) {
    static const char *const all[5][3] = {
        {"c", "red", "3"}, {"a-1", "red", "1"}, {"b-2", "blue", "2"}, {"a-2", "blue", "2"}, {"b-1", "red", "1"},
    };
    static const int place[5] = {4, 0, 3, 1, 2};
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    for (int i = 0; i < 5; i++) {
        msb_sandbox_config *config = box_config(all[i][0]);
        msb_sandbox_config_add_label(config, "team", all[i][1], NULL);
        msb_sandbox_config_add_label(config, "number", all[i][2], NULL);
        boxes[place[i]] = create_from(backend, config);
    }
    RUN(without_a_filter_everything_is_listed_by_name);
    RUN(a_page_holds_no_more_than_its_limit_and_the_cursor_goes_on);
    RUN(a_page_is_a_page);
    RUN(limits_and_cursors_are_checked);
    RUN(filters_choose_by_name_label_and_status);
    RUN(a_crash_that_nobody_saw_is_listed_as_one);
    RUN(a_filter_survives_json);
    RUN(an_info_tells_what_was_configured);
    RUN(a_snapshot_does_not_change);
    RUN(labels_are_set_replaced_and_removed);
    RUN(reserved_labels_are_refused);
    for (int i = 0; i < 5; i++) discard_box(&boxes[i]);
    close_backend(&backend);
    return fixture_end();
}
