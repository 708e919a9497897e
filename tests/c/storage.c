/*
 * A home as a whole: fsck, how much room it takes, prune. What each finding means is tested in tests/storage.
 */
#include "fixture.h"

static msb_backend backend;

static void write_file(const char *below, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fixture_home, below);
    for (char *slash = path + strlen(fixture_home) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    if (!file) return;
    for (size_t i = 0; i < size; i++) fputc('x', file);
    fclose(file);
}

TEST(a_sound_home_has_no_findings) {
    msb_error *err = NULL;
    msb_fsck_report *report = NULL;
    msb_sandbox box = running_box(backend, "sound");
    for (uint32_t flags = 0; flags <= MSB_FSCK_REPAIR; flags++) {
        CHECK_OK(err, msb_fsck(backend, flags, &report, &err));
        CHECK(msb_fsck_report_len(report) == 0 && msb_fsck_report_bytes(report) == 0);
        CHECK(msb_fsck_report_kind(report, 0) == NULL && msb_fsck_report_item_bytes(report, 0) == 0);
        msb_fsck_report_free(report);
    }
    discard_box(&box);
}

TEST(a_finding_tells_what_where_how_much_why_and_what_was_done) {
    msb_error *err = NULL;
    msb_fsck_report *report = NULL;
    char moved[512], file[600];
    write_file("volumes/stray/thesis", 100000);
    for (int round = 0; round < 3; round++) {
        CHECK_OK(err, msb_fsck(backend, round == 0 ? 0 : MSB_FSCK_REPAIR, &report, &err));
        CHECK(msb_fsck_report_len(report) == (round < 2 ? 1 : 0));
        if (round < 2) {
            CHECK(strcmp(msb_fsck_report_kind(report, 0), "directory_without_volume") == 0);
            CHECK(strcmp(msb_fsck_report_name(report, 0), "stray") == 0);
            CHECK(strstr(msb_fsck_report_path(report, 0), "/volumes/stray") != NULL);
            CHECK(msb_fsck_report_item_bytes(report, 0) >= 100000);
            CHECK(msb_fsck_report_bytes(report) == msb_fsck_report_item_bytes(report, 0));
            CHECK(strstr(msb_fsck_report_reason(report, 0), "stray") != NULL);
            CHECK(strcmp(msb_fsck_report_action(report, 0), round == 0 ? "none" : "moved") == 0);
            snprintf(moved, sizeof moved, "%s", msb_fsck_report_detail(report, 0));
            CHECK((moved[0] != 0) == (round == 1));
        }
        if (round == 1) {
            snprintf(file, sizeof file, "%s/thesis", moved);
            CHECK(exists(file));
        }
        msb_fsck_report_free(report);
    }
}

TEST(usage_is_told_by_category) {
    msb_error *err = NULL;
    msb_storage_usage *usage = NULL;
    uint64_t total = 0;
    int seen = 0;
    write_file("volumes/counted/data", 1 << 20);
    CHECK_OK(err, msb_storage_usage_get(backend, &usage, &err));
    for (size_t i = 0; i < msb_storage_usage_len(usage); i++) {
        total += msb_storage_usage_bytes(usage, i);
        CHECK(msb_storage_usage_path(usage, i)[0] == '/');
        if (strcmp(msb_storage_usage_category(usage, i), "volumes") == 0) {
            seen++;
            CHECK(msb_storage_usage_bytes(usage, i) >= 1 << 20 && msb_storage_usage_files(usage, i) >= 3);
        }
    }
    CHECK(seen == 1 && total == msb_storage_usage_total_bytes(usage));
    CHECK(msb_storage_usage_category(usage, msb_storage_usage_len(usage)) == NULL);
    msb_storage_usage_free(usage);
}

TEST(a_prune_frees_what_it_says) {
    msb_error *err = NULL;
    msb_prune_report *report = NULL;
    msb_storage_usage *before = NULL, *after = NULL;
    write_file("cache/kernel/00.elf", 3 << 20);
    write_file("cache/half.tmp", 300000);
    uint32_t all = MSB_PRUNE_CACHE | MSB_PRUNE_TEMPORARY | MSB_PRUNE_LOST | MSB_PRUNE_LOGS | MSB_PRUNE_BACKUPS;
    CHECK_OK(err, msb_prune(backend, all | MSB_PRUNE_DRY_RUN, &report, &err));
    size_t planned = msb_prune_report_len(report);
    CHECK(planned >= 2 && msb_prune_report_bytes(report) > 3 << 20);
    CHECK(strcmp(msb_prune_report_action(report, 0), "none") == 0);
    msb_prune_report_free(report);
    CHECK_OK(err, msb_storage_usage_get(backend, &before, &err));
    CHECK_OK(err, msb_prune(backend, all, &report, &err));
    CHECK_OK(err, msb_storage_usage_get(backend, &after, &err));
    CHECK(msb_prune_report_len(report) == planned);
    for (size_t i = 0; i < planned; i++) CHECK(strcmp(msb_prune_report_action(report, i), "removed") == 0);
    CHECK(msb_storage_usage_total_bytes(before) - msb_storage_usage_total_bytes(after) ==
          msb_prune_report_bytes(report));
    msb_storage_usage_free(before);
    msb_storage_usage_free(after);
    msb_prune_report_free(report);
    CHECK_OK(err, msb_prune(backend, all, &report, &err));
    CHECK(msb_prune_report_len(report) == 0);
    msb_prune_report_free(report);
}

TEST(flags_are_checked) {
    msb_error *err = NULL;
    msb_prune_report *pruned = NULL;
    msb_fsck_report *checked = NULL;
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_prune(backend, 0, &pruned, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_prune(backend, MSB_PRUNE_DRY_RUN, &pruned, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_prune(backend, 1u << 20 | MSB_PRUNE_LOGS, &pruned, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_fsck(backend, 2, &checked, &err));
    CHECK(pruned == NULL && checked == NULL);
    msb_fsck_report_free(NULL);
    msb_prune_report_free(NULL);
    msb_storage_usage_free(NULL);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_sound_home_has_no_findings);
    RUN(a_finding_tells_what_where_how_much_why_and_what_was_done);
    RUN(usage_is_told_by_category);
    RUN(a_prune_frees_what_it_says);
    RUN(flags_are_checked);
    close_backend(&backend);
    return fixture_end();
}
