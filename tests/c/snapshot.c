/*
 * Snapshots: the listing of those that a home holds.
 */
#include "fixture.h"

static msb_backend backend;

static void a_home_without_snapshots_lists_none(void) {
    msb_error *err = NULL;
    msb_snapshot_page *page = NULL;
    msb_snapshot_filter *filter = msb_snapshot_filter_new();
    CHECK_OK(err, msb_snapshot_list(backend, NULL, &page, &err));
    CHECK(msb_snapshot_page_len(page) == 0 && msb_snapshot_page_get(page, 0) == NULL);
    CHECK(msb_snapshot_page_next(page) == NULL);
    msb_snapshot_page_free(page);
    CHECK_OK(err, msb_snapshot_filter_set_limit(filter, 7, &err));
    CHECK_OK(err, msb_snapshot_filter_set_cursor(filter, "sha256:0", &err));
    CHECK_OK(err, msb_snapshot_list(backend, filter, &page, &err));
    msb_snapshot_page_free(page);
    msb_snapshot_filter_free(filter);
}

static void what_a_listing_cannot_take_is_refused_by_name(void) {
    msb_error *err = NULL;
    msb_snapshot_page *page = NULL;
    msb_snapshot_filter *filter = NULL;
    msb_backend nobody = {42};
    CHECK(msb_snapshot_list(backend, NULL, NULL, &err) == MSB_ERR_INVALID_ARGUMENT);
    msb_error_free(err);
    CHECK(msb_snapshot_list(nobody, NULL, &page, &err) != MSB_OK && page == NULL);
    msb_error_free(err);
    CHECK(msb_snapshot_filter_from_json("{\"limit\": 0, \"tape\": 1}", &filter, &err) != MSB_OK && filter == NULL);
    CHECK(strstr(msb_error_message(err), "tape") || strstr(msb_error_message(err), "limit"));
    msb_error_free(err);
    CHECK(msb_snapshot_info_digest(NULL) == NULL && msb_snapshot_info_size_bytes(NULL) == 0);
    msb_snapshot_page_free(NULL);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_home_without_snapshots_lists_none);
    RUN(what_a_listing_cannot_take_is_refused_by_name);
    close_backend(&backend);
    return fixture_end();
}
