/*
 * Images: loading from files, pipes and in the background, what is known of them, listing, removal, roots of sandboxes.
 */
#include "async.h"
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static msb_backend backend;
static char place[512];

static int same(const char *one, const char *other) {
    return one && other && strcmp(one, other) == 0;
}

/* Adds a member to a tar of one directory level. */
static void member(FILE *tar, const char *name, char type, const char *content) {
    unsigned char header[512] = {0};
    size_t size = strlen(content);
    unsigned sum = 0;
    snprintf((char *)header, 100, "%s", name);
    memcpy(header + 100, "0000755", 8);
    memcpy(header + 108, "0000000", 8);
    memcpy(header + 116, "0000000", 8);
    CHECK(size < 512);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)size);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8);
    header[156] = (unsigned char)type;
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof header; i++) sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
    CHECK(fwrite(header, 1, sizeof header, tar) == sizeof header);
    if (!size) return;
    unsigned char block[512] = {0};
    memcpy(block, content, size);
    CHECK(fwrite(block, 1, sizeof block, tar) == sizeof block);
}

/* The tar of a root file system with one file; `odd` is a member more. */
static const char *make_tar(const char *content, const char *odd) {
    unsigned char end[1024] = {0};
    snprintf(place, sizeof place, "%s/root.tar", fixture_home);
    FILE *tar = fopen(place, "w");
    CHECK(tar != NULL);
    member(tar, "etc/", '5', "");
    member(tar, "etc/motd", '0', content);
    if (odd) member(tar, odd, '0', "x");
    CHECK(fwrite(end, 1, sizeof end, tar) == sizeof end);
    CHECK(fclose(tar) == 0);
    return place;
}

static msb_image_load_config *named(const char *reference) {
    msb_error *err = NULL;
    msb_image_load_config *config = msb_image_load_config_new();
    CHECK(config != NULL);
    CHECK_OK(err, msb_image_load_config_set_reference(config, reference, &err));
    return config;
}

static msb_image_info *load(const char *path, const char *reference) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    msb_image_load_config *config = named(reference);
    CHECK_OK(err, msb_image_load(backend, path, config, &info, &err));
    msb_image_load_config_free(config);
    return info;
}

TEST(a_loaded_image_tells_what_it_is) {
    msb_error *err = NULL;
    msb_image_info *info = load(make_tar("hello\n", NULL), "hello");
    CHECK(same(msb_image_info_reference(info), "docker.io/library/hello:latest"));
    CHECK(strncmp(msb_image_info_digest(info), "sha256:", 7) == 0);
    CHECK(strncmp(msb_image_info_config_digest(info), "sha256:", 7) == 0);
    CHECK(same(msb_image_info_os(info), "linux"));
    CHECK(msb_image_info_layer_count(info) == 1);
    CHECK(same(msb_image_info_layer_digest(info, 0), msb_image_info_layer_diff_id(info, 0)));
    CHECK(msb_image_info_layer_diff_id(info, 1) == NULL);
    CHECK(msb_image_info_layer_size_bytes(info, 0) == msb_image_info_size_bytes(info));
    CHECK(msb_image_info_disk_bytes(info) > 0 && msb_image_info_disk_bytes(info) % 4096 == 0);
    CHECK(msb_image_info_unique_bytes(info) == msb_image_info_disk_bytes(info));
    CHECK(msb_image_info_created_unix_ms(info) > 0);
    CHECK(msb_image_info_env_count(info) == 0 && msb_image_info_env(info, 0) == NULL);
    CHECK(same(msb_image_info_user(info), "") && same(msb_image_info_working_dir(info), ""));

    msb_image_info *again = NULL;
    CHECK_OK(err, msb_image_info_get(backend, "hello", &again, &err));
    CHECK(same(msb_image_info_digest(again), msb_image_info_digest(info)));
    msb_image_info_free(again);
    CHECK_OK(err, msb_image_remove(backend, "hello:latest", &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, "hello", &again, &err));
    CHECK(again == NULL);
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_remove(backend, "hello", &err));
    msb_image_info_free(info);
}

TEST(a_layer_that_was_cut_off_is_made_again_by_a_load) {
    msb_error *err = NULL;
    msb_image_info *info = load(make_tar("whole\n", NULL), "cut");
    char layer[1024];
    struct stat stat_before, stat_after;
    snprintf(layer, sizeof layer, "%s/cache/images/layers/%s.erofs", fixture_home,
             strchr(msb_image_info_layer_diff_id(info, 0), ':') + 1);
    CHECK(stat(layer, &stat_before) == 0 && (uint64_t)stat_before.st_size == msb_image_info_disk_bytes(info));
    msb_image_info_free(info);
    CHECK(truncate(layer, 4096) == 0);
    info = load(place, "cut");
    CHECK(stat(layer, &stat_after) == 0 && stat_after.st_size == stat_before.st_size);
    CHECK(msb_image_info_disk_bytes(info) == (uint64_t)stat_after.st_size);
    msb_image_info_free(info);
    CHECK_OK(err, msb_image_remove(backend, "cut", &err));
}

TEST(a_pipe_gives_the_image_that_its_file_gives) {
    msb_error *err = NULL;
    msb_image_info *by_path = load(make_tar("piped\n", NULL), "by-path"), *by_pipe = NULL, *none = NULL;
    msb_image_load_config *config = named("by-pipe");
    unsigned char bytes[8192];
    int ends[2], file = open(place, O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && pipe(ends) == 0);
    ssize_t count = read(file, bytes, sizeof bytes);
    /* What fits into the pipe needs no writer beside the reader. */
    CHECK(count > 0 && write(ends[1], bytes, (size_t)count) == count);
    close(file);
    close(ends[1]);
    CHECK_OK(err, msb_image_load_fd(backend, ends[0], config, &by_pipe, &err));
    close(ends[0]);
    CHECK(same(msb_image_info_digest(by_pipe), msb_image_info_digest(by_path)));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_load_fd(backend, ends[0], config, &none, &err));
    msb_image_load_config_free(config);
    msb_image_info_free(by_path);
    msb_image_info_free(by_pipe);
    CHECK_OK(err, msb_image_remove(backend, "by-pipe", &err));
    CHECK_OK(err, msb_image_remove(backend, "by-path", &err));
}

TEST(a_load_in_the_background_completes_with_its_image) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    msb_op op = {0};
    msb_image_info *info = NULL;
    msb_image_load_config *config = named("later");
    CHECK_OK(err, msb_image_load_async(backend, make_tar("later\n", NULL), config, queue, 7, &op, &err));
    CHECK(completes(queue, op, 7, MSB_OK));
    CHECK_OK(err, msb_op_take_image_info(op, &info, &err));
    CHECK(same(msb_image_info_reference(info), "docker.io/library/later:latest"));
    msb_op_release(&op);
    msb_image_info_free(info);
    msb_image_load_config_free(config);
    close_queue(&queue);
    CHECK_OK(err, msb_image_remove(backend, "later", &err));
}

TEST(a_load_from_a_silent_pipe_can_be_cancelled) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    msb_op op = {0};
    msb_image_info *info = NULL;
    msb_image_load_config *config = named("never");
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK_OK(err, msb_image_load_fd_async(backend, ends[0], config, queue, 8, &op, &err));
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(completes(queue, op, 8, MSB_ERR_CANCELLED));
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_take_image_info(op, &info, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, "never", &info, &err));
    CHECK(info == NULL);
    close(ends[0]);
    close(ends[1]);
    msb_op_release(&op);
    msb_image_load_config_free(config);
    close_queue(&queue);
}

TEST(what_is_no_image_is_refused_and_leaves_none) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    msb_image_load_config *config = named("bad");
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_load(backend, make_tar("x\n", NULL), NULL, &info, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_load(backend, "/nowhere/at/all.tar", config, &info, &err));
    CHECK_STATUS(MSB_ERR_CORRUPT, err, msb_image_load(backend, make_tar("x\n", "../../escaped"), config, &info, &err));
    make_tar("cut\n", NULL);
    CHECK(truncate(place, 1100) == 0);
    CHECK_STATUS(MSB_ERR_CORRUPT, err, msb_image_load(backend, place, config, &info, &err));
    CHECK(truncate(place, 0) == 0);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_load(backend, place, config, &info, &err));
    CHECK(info == NULL);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_info_get(backend, "No Such/Name", &info, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, "bad", &info, &err));
    CHECK_OK(err, msb_image_load_config_set_platform(config, "nonsense", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_load(backend, make_tar("x\n", NULL), config, &info, &err));
    msb_image_load_config_free(config);
}

/* Loading the archive so fails, and the error names this option. */
static int is_beyond(const char *archive, const msb_image_load_config *config, const char *option) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    size_t len = 0;
    msb_status status = msb_image_load(backend, archive, config, &info, &err);
    const uint8_t *limit = msb_error_detail(err, "limit", &len);
    int named = status == MSB_ERR_RESOURCE_EXHAUSTED && same(msb_error_reason(err), "image.too_large") && limit &&
                len == strlen(option) && memcmp(limit, option, len) == 0;
    if (!named) printf("       it gave %s: %s\n", msb_status_name(status), msb_error_message(err));
    msb_error_free(err);
    return named;
}

TEST(a_name_with_a_digest_is_only_that_images) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    char own[256], other[256];
    const char *archive = make_tar("pinned\n", NULL);
    snprintf(other, sizeof other, "a.example/pinned@sha256:%064d", 7);
    msb_image_load_config *config = named(other);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_load(backend, archive, config, &info, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, other, &info, &err));
    msb_image_load_config_free(config);
    info = load(archive, "a.example/pinned");
    snprintf(own, sizeof own, "a.example/pinned@%s", msb_image_info_digest(info));
    msb_image_info_free(info);
    msb_image_info_free(load(archive, own));
    CHECK_OK(err, msb_image_remove(backend, own, &err));
    CHECK_OK(err, msb_image_remove(backend, "a.example/pinned", &err));
}

TEST(how_much_is_unpacked_at_most_is_the_callers_to_say) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    const char *archive = make_tar("more than nothing\n", NULL);
    msb_image_load_config *config = named("limited");
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_load_config_set_max_entries(config, 0, &err));
    CHECK_OK(err, msb_image_load_config_set_max_file_bytes(config, 4, &err));
    CHECK(is_beyond(archive, config, "max_file_bytes"));
    CHECK_OK(err, msb_image_load_config_set_max_file_bytes(config, 1 << 20, &err));
    CHECK_OK(err, msb_image_load_config_set_max_layer_bytes(config, 600, &err));
    CHECK(is_beyond(archive, config, "max_layer_bytes"));
    CHECK_OK(err, msb_image_load_config_set_max_layer_bytes(config, 1 << 20, &err));
    CHECK_OK(err, msb_image_load_config_set_max_entries(config, 1, &err));
    CHECK(is_beyond(archive, config, "max_entries"));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, "limited", &info, &err));
    CHECK_OK(err, msb_image_load_config_set_max_entries(config, 20000000, &err));
    CHECK_OK(err, msb_image_load(backend, archive, config, &info, &err));
    msb_image_info_free(info);
    msb_image_load_config_free(config);
    CHECK_OK(err, msb_image_remove(backend, "limited", &err));
}

static size_t entries_in(const char *directory) {
    char command[600], line[64];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", directory);
    FILE *listing = popen(command, "r");
    CHECK(listing != NULL && fgets(line, sizeof line, listing) != NULL);
    CHECK(pclose(listing) == 0);
    return strtoul(line, NULL, 10);
}

/* Loads an archive under another name; whatever way it was saved, it is the same image. */
static void is_saved_image(const char *archive, const char *digest) {
    msb_error *err = NULL;
    msb_image_info *info = load(archive, "from-saved");
    CHECK(same(msb_image_info_digest(info), digest));
    CHECK(msb_image_info_layer_count(info) == 1);
    msb_image_info_free(info);
    CHECK_OK(err, msb_image_remove(backend, "from-saved", &err));
}

TEST(a_saved_image_is_loaded_under_its_name_and_saved_the_same_again) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    char directory[512], archive[600], piped[600], digest[128];
    snprintf(directory, sizeof directory, "%s/saved", fixture_home);
    CHECK(mkdir(directory, 0700) == 0);
    snprintf(archive, sizeof archive, "%s/image.tar", directory);
    snprintf(piped, sizeof piped, "%s/piped.tar", directory);
    msb_image_info_free(load(make_tar("saved\n", NULL), "b.example/saved:1"));
    CHECK_OK(err, msb_image_save(backend, "b.example/saved:1", archive, &err));
    CHECK_OK(err, msb_image_load(backend, archive, NULL, &info, &err));
    CHECK(same(msb_image_info_reference(info), "b.example/saved:1"));
    snprintf(digest, sizeof digest, "%s", msb_image_info_digest(info));
    msb_image_info_free(info);

    /* One that is there is replaced. */
    CHECK_OK(err, msb_image_save(backend, "b.example/saved:1", archive, &err));
    is_saved_image(archive, digest);
    int fd = open(piped, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_OK(err, msb_image_save_fd(backend, "b.example/saved:1", fd, &err));
    close(fd);
    is_saved_image(piped, digest);
    msb_queue queue = new_queue();
    msb_op op = {0};
    CHECK_OK(err, msb_image_save_async(backend, "b.example/saved:1", piped, queue, 9, &op, &err));
    CHECK(completes(queue, op, 9, MSB_OK));
    CHECK_OK(err, msb_op_finish(op, &err));
    msb_op_release(&op);
    is_saved_image(piped, digest);
    CHECK(entries_in(directory) == 2);

    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_save(backend, "never-loaded", archive, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_save(backend, "b.example/saved:1", directory, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_save(backend, "b.example/saved:1", "/nowhere/at/all.tar", &err));
    is_saved_image(archive, digest);
    CHECK(entries_in(directory) == 2);
    close_queue(&queue);
    CHECK_OK(err, msb_image_remove(backend, "b.example/saved:1", &err));
}

TEST(a_save_to_a_pipe_that_nobody_reads_can_be_cancelled_and_one_without_a_reader_fails) {
    msb_error *err = NULL;
    msb_queue queue = new_queue();
    msb_op op = {0};
    int ends[2];
    msb_image_info_free(load(make_tar("stuck\n", NULL), "stuck"));
    CHECK(pipe(ends) == 0);
    /* A page, so that the archive does not fit. */
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
    CHECK_OK(err, msb_image_save_fd_async(backend, "stuck", ends[1], queue, 10, &op, &err));
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(completes(queue, op, 10, MSB_ERR_CANCELLED));
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_finish(op, &err));
    msb_op_release(&op);
    close(ends[0]);
    CHECK(msb_image_save_fd(backend, "stuck", ends[1], &err) == MSB_ERR_IO);
    CHECK(same(msb_error_reason(err), "image.write"));
    msb_error_free(err);
    err = NULL;
    close(ends[1]);
    close_queue(&queue);
    CHECK_OK(err, msb_image_remove(backend, "stuck", &err));
}

/* The reference of the image that a sandbox made from `image` has; empty if there is no sandbox. */
static void root_of(const char *image, msb_status expected, char *reference, size_t size) {
    msb_error *err = NULL;
    msb_sandbox sandbox = {0};
    msb_sandbox_info *info = NULL;
    msb_sandbox_config *config = msb_sandbox_config_new("from-path");
    CHECK_OK(err, msb_sandbox_config_set_image(config, image, &err));
    CHECK_STATUS(expected, err, msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    reference[0] = 0;
    if (expected != MSB_OK) return;
    CHECK_OK(err, msb_sandbox_info_get(sandbox, &info, &err));
    snprintf(reference, size, "%s", msb_sandbox_info_image(info));
    msb_sandbox_info_free(info);
    CHECK_OK(err, msb_sandbox_remove(sandbox, &err));
    msb_sandbox_release(&sandbox);
}

TEST(an_archive_is_the_image_of_a_sandbox_by_its_path_and_no_name_comes_to_stand_for_it) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    char first[256], again[256], saved[600];
    make_tar("by path\n", NULL);
    root_of(place, MSB_OK, first, sizeof first);
    CHECK(strncmp(first, "localhost/archive@sha256:", 25) == 0);
    CHECK_OK(err, msb_image_info_get(backend, first, &info, &err));
    CHECK(same(strchr(first, '@') + 1, msb_image_info_digest(info)));
    msb_image_info_free(info);
    root_of(place, MSB_OK, again, sizeof again);
    CHECK(same(first, again));

    /* Of an archive whose image has a name, that name is not taken. */
    msb_image_info_free(load(make_tar("mine\n", NULL), "c.example/mine:1"));
    snprintf(saved, sizeof saved, "%s/named.tar", fixture_home);
    CHECK_OK(err, msb_image_save(backend, "c.example/mine:1", saved, &err));
    CHECK_OK(err, msb_image_remove(backend, "c.example/mine:1", &err));
    root_of(saved, MSB_OK, again, sizeof again);
    CHECK(strncmp(again, "localhost/archive@sha256:", 25) == 0 && !same(first, again));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, "c.example/mine:1", &info, &err));

    /* Another content is another image, and what is damaged is none. */
    root_of(make_tar("changed\n", NULL), MSB_OK, again, sizeof again);
    CHECK(!same(first, again));
    make_tar("cut\n", NULL);
    CHECK(truncate(place, 1100) == 0);
    root_of(place, MSB_ERR_CORRUPT, again, sizeof again);
    msb_prune_report *report = NULL;
    CHECK_OK(err, msb_prune(backend, MSB_PRUNE_IMAGES, &report, &err));
    CHECK(msb_prune_report_len(report) == 3);
    msb_prune_report_free(report);
}

TEST(a_prune_takes_the_images_that_nobody_needs_and_says_exactly_what_it_freed) {
    msb_error *err = NULL;
    msb_prune_report *report = NULL;
    msb_storage_usage *before = NULL, *after = NULL;
    msb_sandbox sandbox = {0};
    make_tar("unneeded\n", NULL);
    msb_image_info_free(load(place, "a.example/unneeded:1"));
    msb_image_info_free(load(place, "a.example/unneeded:2"));
    msb_image_info *kept = load(make_tar("needed\n", NULL), "a.example/needed:1");
    msb_sandbox_config *config = msb_sandbox_config_new("needs-it");
    CHECK_OK(err, msb_sandbox_config_set_image(config, "a.example/needed:1", &err));
    CHECK_OK(err, msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    CHECK_OK(err, msb_prune(backend, MSB_PRUNE_IMAGES | MSB_PRUNE_DRY_RUN, &report, &err));
    CHECK(msb_prune_report_len(report) == 2);
    CHECK(same(msb_prune_report_name(report, 0), "a.example/unneeded:1"));
    CHECK(same(msb_prune_report_name(report, 1), "a.example/unneeded:2"));
    CHECK(same(msb_prune_report_kind(report, 0), "unused_image") && same(msb_prune_report_action(report, 0), "none"));
    uint64_t planned = msb_prune_report_bytes(report);
    CHECK(planned > 0 && msb_prune_report_item_bytes(report, 0) == planned && msb_prune_report_item_bytes(report, 1) == 0);
    msb_prune_report_free(report);
    CHECK_OK(err, msb_storage_usage_get(backend, &before, &err));
    CHECK_OK(err, msb_prune(backend, MSB_PRUNE_IMAGES, &report, &err));
    CHECK_OK(err, msb_storage_usage_get(backend, &after, &err));
    CHECK(msb_prune_report_len(report) == 2 && msb_prune_report_bytes(report) == planned);
    CHECK(same(msb_prune_report_action(report, 0), "removed") && same(msb_prune_report_action(report, 1), "removed"));
    for (size_t i = 0; i < msb_storage_usage_len(after); i++)
        if (same(msb_storage_usage_category(after, i), "images"))
            CHECK(msb_storage_usage_bytes(before, i) - msb_storage_usage_bytes(after, i) == planned);
    msb_prune_report_free(report);
    msb_storage_usage_free(before);
    msb_storage_usage_free(after);
    msb_image_info *info = NULL;
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_info_get(backend, "a.example/unneeded:2", &info, &err));
    CHECK_OK(err, msb_image_info_get(backend, "a.example/needed:1", &info, &err));
    CHECK(same(msb_image_info_digest(info), msb_image_info_digest(kept)));
    msb_image_info_free(info);
    msb_image_info_free(kept);
    CHECK_OK(err, msb_sandbox_remove(sandbox, &err));
    msb_sandbox_release(&sandbox);
    CHECK_OK(err, msb_prune(backend, MSB_PRUNE_IMAGES, &report, &err));
    CHECK(msb_prune_report_len(report) == 1 && same(msb_prune_report_name(report, 0), "a.example/needed:1"));
    msb_prune_report_free(report);
}

TEST(a_listing_gives_images_by_prefix_and_page_by_page) {
    static const char *const names[] = {"a.example/one:1", "a.example/one:2", "a.example/two:1", "b.example/one:1"};
    msb_error *err = NULL;
    msb_image_page *page = NULL;
    msb_image_filter *filter = msb_image_filter_new();
    make_tar("listed\n", NULL);
    for (size_t i = 0; i < 4; i++) msb_image_info_free(load(place, names[i]));
    CHECK_OK(err, msb_image_filter_set_reference_prefix(filter, "a.example/", &err));
    CHECK_OK(err, msb_image_filter_set_limit(filter, 2, &err));
    CHECK_OK(err, msb_image_list(backend, filter, &page, &err));
    CHECK(msb_image_page_len(page) == 2);
    CHECK(same(msb_image_info_reference(msb_image_page_get(page, 0)), names[0]));
    CHECK_OK(err, msb_image_filter_set_cursor(filter, msb_image_page_next(page), &err));
    msb_image_page_free(page);
    CHECK_OK(err, msb_image_list(backend, filter, &page, &err));
    CHECK(msb_image_page_len(page) == 1 && msb_image_page_next(page) == NULL);
    CHECK(same(msb_image_info_reference(msb_image_page_get(page, 0)), names[2]));
    msb_image_page_free(page);
    msb_image_filter_free(filter);
    CHECK_OK(err, msb_image_list(backend, NULL, &page, &err));
    CHECK(msb_image_page_len(page) == 4);
    msb_image_page_free(page);
    for (size_t i = 0; i < 4; i++) CHECK_OK(err, msb_image_remove(backend, names[i], &err));
}

/* Loads, saves and removes one image again and again, in a home in which somebody else does so with another name for it. */
struct racer {
    const char *archive, *name;
    int rounds, lost, broken;
};

static void *race(void *argument) {
    struct racer *racer = argument;
    msb_backend own = open_backend(fixture_home);
    for (int round = 0; round < racer->rounds; round++) {
        msb_error *err = NULL;
        msb_image_info *info = NULL;
        msb_image_load_config *config = msb_image_load_config_new();
        msb_image_load_config_set_reference(config, racer->name, NULL);
        msb_status status = msb_image_load(own, racer->archive, config, &info, &err);
        msb_image_load_config_free(config);
        /* A layer that went under it is said so, and is worth another try. */
        if (status == MSB_ERR_NOT_FOUND && msb_error_retryable(err)) racer->lost++;
        else if (status != MSB_OK) racer->broken++;
        if (status == MSB_OK) {
            msb_image_info_free(info);
            int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
            status = msb_image_save_fd(own, racer->name, fd, &err);
            close(fd);
            if (status == MSB_OK) status = msb_image_remove(own, racer->name, &err);
            if (status != MSB_OK) racer->broken++;
        }
        if (status != MSB_OK && racer->broken) printf("       %s\n", msb_error_message(err));
        msb_error_free(err);
    }
    close_backend(&own);
    return NULL;
}

TEST(an_image_that_was_stored_has_its_layers_whoever_removes_the_same_ones_meanwhile) {
    struct racer racers[2] = {{.name = "race-one"}, {.name = "race-two"}};
    pthread_t threads[2];
    const char *archive = make_tar("raced for\n", NULL);
    for (int i = 0; i < 2; i++) {
        racers[i].archive = archive, racers[i].rounds = scaled(100);
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(racers[i].broken == 0 && racers[i].lost < racers[i].rounds);
    }
}

TEST(an_image_stays_while_a_sandbox_has_it_as_root) {
    msb_error *err = NULL;
    msb_sandbox sandbox = {0};
    msb_sandbox_info *about = NULL;
    msb_image_info_free(load(make_tar("kept\n", NULL), "kept"));
    msb_sandbox_config *config = msb_sandbox_config_new("holder");
    CHECK_OK(err, msb_sandbox_config_set_image(config, "no-such-image", &err));
    CHECK_OK(err, msb_sandbox_config_set_image_pull_policy(config, MSB_IMAGE_PULL_POLICY_NEVER, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_create(backend, config, &sandbox, &err));
    CHECK_OK(err, msb_sandbox_config_set_image(config, "kept", &err));
    CHECK_OK(err, msb_sandbox_create(backend, config, &sandbox, &err));
    CHECK_OK(err, msb_sandbox_info_get(sandbox, &about, &err));
    CHECK(same(msb_sandbox_info_image(about), "docker.io/library/kept:latest"));
    msb_sandbox_info_free(about);
    CHECK(msb_image_remove(backend, "kept", &err) == MSB_ERR_BUSY);
    CHECK(same(msb_error_reason(err), "image.in_use") && strstr(msb_error_message(err), "holder"));
    msb_error_free(err);
    CHECK_OK(err, msb_sandbox_remove(sandbox, &err));
    msb_sandbox_release(&sandbox);
    msb_sandbox_config_free(config);
    CHECK_OK(err, msb_image_remove(backend, "kept", &err));
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_loaded_image_tells_what_it_is);
    RUN(a_layer_that_was_cut_off_is_made_again_by_a_load);
    RUN(a_pipe_gives_the_image_that_its_file_gives);
    RUN(a_load_in_the_background_completes_with_its_image);
    RUN(a_load_from_a_silent_pipe_can_be_cancelled);
    RUN(what_is_no_image_is_refused_and_leaves_none);
    RUN(a_name_with_a_digest_is_only_that_images);
    RUN(how_much_is_unpacked_at_most_is_the_callers_to_say);
    RUN(a_saved_image_is_loaded_under_its_name_and_saved_the_same_again);
    RUN(a_save_to_a_pipe_that_nobody_reads_can_be_cancelled_and_one_without_a_reader_fails);
    RUN(an_archive_is_the_image_of_a_sandbox_by_its_path_and_no_name_comes_to_stand_for_it);
    RUN(a_prune_takes_the_images_that_nobody_needs_and_says_exactly_what_it_freed);
    RUN(a_listing_gives_images_by_prefix_and_page_by_page);
    RUN(an_image_that_was_stored_has_its_layers_whoever_removes_the_same_ones_meanwhile);
    RUN(an_image_stays_while_a_sandbox_has_it_as_root);
    close_backend(&backend);
    return fixture_end();
}
