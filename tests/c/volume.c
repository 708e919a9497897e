/*
 * Volumes: configs, create, open, list, info, resize, remove, handles. Their files are tested in files.c.
 */
#include "fixture.h"

static msb_backend backend;

static msb_volume_config *config_of(const char *name, const char *kind, uint64_t capacity_mib) {
    msb_error *err = NULL;
    msb_volume_config *config = msb_volume_config_new(name);
    CHECK(config != NULL);
    if (kind) CHECK_OK(err, msb_volume_config_set_kind(config, kind, &err));
    if (capacity_mib) CHECK_OK(err, msb_volume_config_set_capacity_mib(config, capacity_mib, &err));
    return config;
}

static msb_volume create(const char *name, const char *kind, uint64_t capacity_mib) {
    msb_error *err = NULL;
    msb_volume volume = {0};
    msb_volume_config *config = config_of(name, kind, capacity_mib);
    CHECK_OK(err, msb_volume_create(backend, config, &volume, &err));
    msb_volume_config_free(config);
    return volume;
}

static void remove_and_release(msb_volume volume) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
    CHECK(volume.id == 0);
}

/* The names on all pages of a listing, with a space after each. */
static const char *names(msb_volume_filter *filter, int *pages) {
    static char text[4096];
    msb_error *err = NULL;
    msb_volume_page *page = NULL;
    size_t len = 0;
    int count = 0;
    text[0] = 0;
    for (;;) {
        CHECK_OK(err, msb_volume_list(backend, filter, &page, &err));
        if (!page) return text;
        for (size_t i = 0; i < msb_volume_page_len(page); i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s ",
                                    msb_volume_info_name(msb_volume_page_get(page, i)));
        CHECK(msb_volume_page_get(page, msb_volume_page_len(page)) == NULL);
        count++;
        const char *next = msb_volume_page_next(page);
        if (!next || count > 50) break;
        CHECK(filter != NULL);
        CHECK_OK(err, msb_volume_filter_set_cursor(filter, next, &err));
        msb_volume_page_free(page);
        page = NULL;
    }
    msb_volume_page_free(page);
    if (pages) *pages = count;
    return text;
}

TEST(a_volume_is_created_opened_described_and_removed) {
    msb_error *err = NULL;
    msb_volume volume = {0}, again = {0};
    msb_volume_info *info = NULL;
    msb_volume_config *config = config_of("data", NULL, 0);
    CHECK_OK(err, msb_volume_config_set_quota_mib(config, 16, &err));
    CHECK_OK(err, msb_volume_config_add_label(config, "team", "core", &err));
    CHECK_OK(err, msb_volume_config_add_label(config, "a", "b c", &err));
    CHECK_OK(err, msb_volume_create(backend, config, &volume, &err));
    CHECK_STATUS(MSB_ERR_ALREADY_EXISTS, err, msb_volume_create(backend, config, &again, &err));
    CHECK(again.id == 0);
    msb_volume_config_free(config);
    CHECK_OK(err, msb_volume_open(backend, "data", &again, &err));
    CHECK(again.id != 0 && again.id != volume.id);
    CHECK_OK(err, msb_volume_info_get(again, &info, &err));
    CHECK(strcmp(msb_volume_info_name(info), "data") == 0);
    CHECK(strcmp(msb_volume_info_kind(info), "dir") == 0);
    CHECK(msb_volume_info_quota_mib(info) == 16);
    CHECK(msb_volume_info_capacity_bytes(info) == 0);
    CHECK(msb_volume_info_used_bytes(info) == 0);
    CHECK(strcmp(msb_volume_info_disk_format(info), "") == 0);
    CHECK(msb_volume_info_created_unix_ms(info) > 1600000000000u);
    CHECK(msb_volume_info_label_count(info) == 2);
    CHECK(strcmp(msb_volume_info_label_key(info, 0), "a") == 0);
    CHECK(strcmp(msb_volume_info_label_value(info, 0), "b c") == 0);
    CHECK(strcmp(msb_volume_info_label_value(info, 1), "core") == 0);
    CHECK(msb_volume_info_label_key(info, 2) == NULL);
    CHECK(msb_volume_info_attached_count(info) == 0 && msb_volume_info_attached_to(info, 0) == NULL);
    CHECK(exists(msb_volume_info_path(info)));
    msb_volume_info_free(info);
    remove_and_release(volume);
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_volume_info_get(again, &info, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_volume_remove(again, &err));
    msb_volume_release(&again);
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_volume_open(backend, "data", &again, &err));
}

TEST(names_are_checked_as_058_checks_them) {
    msb_error *err = NULL;
    msb_volume volume = {0};
    char longest[130];
    memset(longest, 'x', sizeof longest);
    longest[129] = 0;
    const char *bad[] = {"", "-a", ".a", "_a", "a/b", "../a", "a b", "a\n", "\xc3\xa4", longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        msb_volume_config *config = msb_volume_config_new(bad[i]);
        CHECK(config != NULL);
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_create(backend, config, &volume, &err));
        msb_volume_config_free(config);
    }
    longest[128] = 0;
    const char *good[] = {"a", "0", "A.b_c-d", longest};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) remove_and_release(create(good[i], NULL, 0));
}

TEST(a_kind_takes_its_own_sizes_only) {
    msb_error *err = NULL;
    msb_volume volume = {0};
    msb_volume_config *config = msb_volume_config_new("x");
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_config_set_kind(config, "tape", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_config_set_quota_mib(config, 0, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_config_set_capacity_mib(config, 15, &err));
    CHECK_OK(err, msb_volume_config_set_kind(config, "disk", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_create(backend, config, &volume, &err));
    CHECK_OK(err, msb_volume_config_set_capacity_mib(config, 16, &err));
    CHECK_OK(err, msb_volume_config_set_quota_mib(config, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_create(backend, config, &volume, &err));
    CHECK_OK(err, msb_volume_config_set_kind(config, "dir", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_create(backend, config, &volume, &err));
    CHECK(volume.id == 0);
    msb_volume_config_free(config);
}

TEST(a_config_goes_through_json) {
    msb_error *err = NULL;
    msb_volume_config *config = NULL;
    msb_bytes *json = NULL;
    const char *text = "{\"capacity_mib\":64,\"kind\":\"disk\",\"labels\":{\"a\":\"b\"},\"name\":\"n\"}";
    CHECK_OK(err, msb_volume_config_from_json(text, &config, &err));
    CHECK_OK(err, msb_volume_config_to_json(config, &json, &err));
    CHECK(msb_bytes_len(json) == strlen(text) && memcmp(msb_bytes_data(json), text, strlen(text)) == 0);
    msb_bytes_free(json);
    msb_volume_config_free(config);
    CHECK(msb_volume_config_from_json("{\"size\":1}", &config, &err) == MSB_ERR_CONFIG_INVALID);
    CHECK(config == NULL && strstr(msb_error_message(err), "size") != NULL);
    msb_error_free(err);
}

TEST(a_disk_is_made_and_grows) {
    msb_error *err = NULL;
    msb_volume_info *info = NULL;
    char image[512];
    struct stat st;
    msb_volume disk = create("raw", "disk", 16);
    CHECK_OK(err, msb_volume_info_get(disk, &info, &err));
    CHECK(msb_volume_info_capacity_bytes(info) == 16u << 20);
    CHECK(strcmp(msb_volume_info_disk_format(info), "raw") == 0);
    CHECK(strcmp(msb_volume_info_disk_fstype(info), "ext4") == 0);
    snprintf(image, sizeof image, "%s/disk.raw", msb_volume_info_path(info));
    msb_volume_info_free(info);
    CHECK_OK(err, msb_volume_resize(disk, 200, &err));
    CHECK(stat(image, &st) == 0 && st.st_size == 200l << 20 && st.st_blocks < 4096);
    CHECK_OK(err, msb_volume_resize(disk, 200, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_resize(disk, 199, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_resize(disk, UINT64_MAX, &err));
    remove_and_release(disk);
    msb_volume dir = create("dir", NULL, 0);
    CHECK_STATUS(MSB_ERR_UNSUPPORTED, err, msb_volume_resize(dir, 200, &err));
    remove_and_release(dir);
}

TEST(a_listing_pages_and_filters) {
    msb_error *err = NULL;
    msb_volume volumes[6];
    const char *called[] = {"b-2", "a-1", "c", "a-2", "b-1"};
    for (size_t i = 0; i < 5; i++) {
        const char series[2] = {called[i][0], 0};
        msb_volume_config *config = msb_volume_config_new(called[i]);
        CHECK_OK(err, msb_volume_config_add_label(config, "series", series, &err));
        CHECK_OK(err, msb_volume_create(backend, config, &volumes[i], &err));
        msb_volume_config_free(config);
    }
    volumes[5] = create("raw", "disk", 16);
    CHECK(strcmp(names(NULL, NULL), "a-1 a-2 b-1 b-2 c raw ") == 0);
    for (uint32_t limit = 1; limit <= 7; limit++) {
        int pages = 0;
        msb_volume_filter *filter = msb_volume_filter_new();
        CHECK_OK(err, msb_volume_filter_set_limit(filter, limit, &err));
        CHECK(strcmp(names(filter, &pages), "a-1 a-2 b-1 b-2 c raw ") == 0);
        CHECK((uint32_t)pages >= 6 / limit && (uint32_t)pages <= 6 / limit + 1);
        msb_volume_filter_free(filter);
    }
    const char *filters[][2] = {
        {"{\"labels\":{\"series\":\"b\"}}", "b-1 b-2 "},
        {"{\"labels\":{\"series\":\"b\"},\"name_prefix\":\"b-2\"}", "b-2 "},
        {"{\"kind\":\"disk\"}", "raw "},
        {"{\"kind\":\"dir\",\"name_prefix\":\"a\"}", "a-1 a-2 "},
        {"{\"labels\":{\"series\":\"z\"}}", ""},
    };
    for (size_t i = 0; i < 5; i++) {
        msb_volume_filter *filter = NULL;
        CHECK_OK(err, msb_volume_filter_from_json(filters[i][0], &filter, &err));
        CHECK(strcmp(names(filter, NULL), filters[i][1]) == 0);
        msb_volume_filter_free(filter);
    }
    msb_volume_page *page = NULL;
    CHECK_OK(err, msb_volume_list(backend, NULL, &page, &err));
    CHECK(msb_volume_info_used_bytes(msb_volume_page_get(page, 0)) == MSB_NOT_MEASURED);
    msb_volume_page_free(page);
    for (size_t i = 0; i < 6; i++) remove_and_release(volumes[i]);
    CHECK(strcmp(names(NULL, NULL), "") == 0);
}

TEST(handles_and_null_are_statuses) {
    msb_error *err = NULL;
    msb_volume volume = create("x", NULL, 0), stale = volume, none = {0};
    msb_volume forged = {backend.id};
    msb_volume_info *info = NULL;
    CHECK(msb_debug_live_objects(MSB_KIND_VOLUME) == 1);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_info_get(none, &info, &err));
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_volume_info_get(forged, &info, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_info_get(volume, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_open(backend, NULL, &none, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_create(backend, NULL, &none, &err));
    remove_and_release(volume);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_volume_remove(stale, &err));
    CHECK(msb_debug_live_objects(MSB_KIND_VOLUME) == 0);
    msb_volume_release(NULL);
    msb_volume_info_free(NULL);
    msb_volume_page_free(NULL);
    msb_volume_config_free(NULL);
    msb_volume_filter_free(NULL);
    CHECK(msb_volume_info_name(NULL) == NULL && msb_volume_page_len(NULL) == 0);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_volume_is_created_opened_described_and_removed);
    RUN(names_are_checked_as_058_checks_them);
    RUN(a_kind_takes_its_own_sizes_only);
    RUN(a_config_goes_through_json);
    RUN(a_disk_is_made_and_grows);
    RUN(a_listing_pages_and_filters);
    RUN(handles_and_null_are_statuses);
    close_backend(&backend);
    return fixture_end();
}
