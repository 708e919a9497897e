/*
 * Files of a volume and of a running sandbox: every test runs on both, because the verbs and what they promise are the same.
 */
#include "file_tree.h"

#include <sys/socket.h>
#include <utime.h>

static msb_backend backend;

/* ---- whole files ---- */

TEST(what_is_written_is_read) {
    msb_error *err = NULL;
    size_t big = (size_t)3 << 20;
    uint8_t *data = malloc(big);
    for (size_t i = 0; i < big; i++) data[i] = (uint8_t)(i * 31 >> 3);
    CHECK_OK(err, tree_write(at("big"), data, big, 0, &err));
    CHECK(holds_bytes("big", data, big));
    CHECK_OK(err, tree_write(at("empty"), NULL, 0, 0, &err));
    CHECK(holds("empty", ""));
    CHECK_OK(err, tree_write(at("nuls"), "a\0b\0", 4, 0, &err));
    CHECK(holds_bytes("nuls", "a\0b\0", 4));
    free(data);
}

TEST(a_write_replaces_the_content_and_keeps_the_permissions) {
    msb_error *err = NULL;
    put("kept", "a long first content");
    CHECK_OK(err, tree_chmod(at("kept"), 0600, &err));
    put("kept", "short");
    CHECK(holds("kept", "short"));
    msb_file_info *info = info_of("kept", 0);
    CHECK(msb_file_info_mode(info) == 0600);
    msb_file_info_free(info);
}

TEST(an_appended_write_goes_to_the_end) {
    msb_error *err = NULL;
    CHECK_OK(err, tree_write(at("log"), "one\n", 4, MSB_WRITE_APPEND, &err));
    CHECK_OK(err, tree_write(at("log"), "two\n", 4, MSB_WRITE_APPEND, &err));
    CHECK(holds("log", "one\ntwo\n"));
}

static void *write_in_turns(void *last) {
    static char as[64 << 10], bs[64 << 10];
    memset(as, 'a', sizeof as);
    memset(bs, 'b', sizeof bs);
    msb_error *err = NULL;
    for (int i = 0; i < scaled(100); i++)
        CHECK_OK(err, tree_write(at("turns/file"), i % 2 ? bs : as, sizeof as, MSB_WRITE_ATOMIC, &err));
    __atomic_store_n((int *)last, 1, __ATOMIC_RELEASE);
    return NULL;
}

TEST(an_atomic_write_is_seen_whole_or_not_at_all) {
    msb_error *err = NULL;
    pthread_t writer;
    int last = 0;
    CHECK_OK(err, tree_mkdir(at("turns"), 0755, 0, &err));
    CHECK_OK(err, tree_write(at("turns/file"), "", 0, MSB_WRITE_ATOMIC, &err));
    CHECK(pthread_create(&writer, NULL, write_in_turns, &last) == 0);
    while (!__atomic_load_n(&last, __ATOMIC_ACQUIRE) && test_ok) {
        msb_bytes *bytes = NULL;
        CHECK_OK(err, tree_read(at("turns/file"), &bytes, &err));
        size_t len = msb_bytes_len(bytes);
        const uint8_t *data = msb_bytes_data(bytes);
        CHECK(len == 0 || (len == 64 << 10 && data[0] == data[len - 1]));
        msb_bytes_free(bytes);
    }
    pthread_join(writer, NULL);
    /* No temporary file is left. */
    CHECK(count_listed("turns", 10) == 1);
}

/* ---- open files ---- */

TEST(an_open_file_is_read_and_written_at_places) {
    msb_error *err = NULL;
    char buffer[16];
    size_t n = 9;
    msb_file file = opened("places", MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE);
    CHECK_OK(err, msb_file_pwrite(file, 4, "efgh", 4, -1, &err));
    CHECK_OK(err, msb_file_pwrite(file, 1, "bc", 2, -1, &err));
    CHECK_OK(err, msb_file_pread(file, 0, buffer, sizeof buffer, -1, &n, &err));
    CHECK(n == 8 && memcmp(buffer, "\0bc\0efgh", 8) == 0);
    CHECK_OK(err, msb_file_pread(file, 5, buffer, 2, -1, &n, &err));
    CHECK(n == 2 && memcmp(buffer, "fg", 2) == 0);
    CHECK_OK(err, msb_file_pread(file, 8, buffer, sizeof buffer, -1, &n, &err));
    CHECK(n == 0);
    CHECK_OK(err, msb_file_pread(file, 0, NULL, 0, -1, &n, &err));
    CHECK(n == 0);
    msb_file_release(&file);
    CHECK(file.id == 0);
}

TEST(an_open_file_is_cut_lengthened_measured_and_synced) {
    msb_error *err = NULL;
    uint64_t size = 9;
    msb_file_info *info = NULL;
    msb_file file = opened("cut", MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE);
    CHECK_OK(err, msb_file_pwrite(file, 0, "abcdef", 6, -1, &err));
    CHECK_OK(err, msb_file_truncate(file, 3, -1, &err));
    CHECK_OK(err, msb_file_truncate(file, 5, -1, &err));
    CHECK_OK(err, msb_file_size(file, -1, &size, &err));
    CHECK(size == 5);
    CHECK_OK(err, msb_file_sync(file, -1, &err));
    CHECK_OK(err, msb_file_stat(file, -1, &info, &err));
    CHECK(msb_file_info_size(info) == 5 && msb_file_info_kind(info) == MSB_FILE_REGULAR);
    msb_file_info_free(info);
    msb_file_release(&file);
    CHECK(holds_bytes("cut", "abc\0\0", 5));
}

static void *append_lines(void *argument) {
    msb_error *err = NULL;
    msb_file file = opened("appended", MSB_OPEN_WRITE | MSB_OPEN_APPEND | MSB_OPEN_CREATE);
    for (int i = 0; i < scaled(200); i++) CHECK_OK(err, msb_file_append(file, argument, 4, -1, &err));
    msb_file_release(&file);
    return NULL;
}

TEST(two_that_append_do_not_overwrite_each_other) {
    pthread_t one, two;
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK(pthread_create(&one, NULL, append_lines, "one\n") == 0 && pthread_create(&two, NULL, append_lines, "two\n") == 0);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    CHECK_OK(err, tree_read(at("appended"), &bytes, &err));
    CHECK(msb_bytes_len(bytes) == (size_t)scaled(200) * 8);
    int ones = 0;
    for (size_t i = 0; i < msb_bytes_len(bytes); i += 4) ones += memcmp(msb_bytes_data(bytes) + i, "one\n", 4) == 0;
    CHECK(ones == scaled(200));
    msb_bytes_free(bytes);
}

TEST(open_does_what_its_flags_say) {
    msb_file file = {1};
    size_t n;
    char byte;
    REFUSES(MSB_ERR_NOT_FOUND, "file.not_found", tree_open(at("missing"), MSB_OPEN_READ, &file, &err));
    CHECK(file.id == 0);
    put("flags", "abc");
    REFUSES(MSB_ERR_ALREADY_EXISTS, "file.exists",
            tree_open(at("flags"), MSB_OPEN_WRITE | MSB_OPEN_CREATE | MSB_OPEN_EXCLUSIVE, &file, &err));
    file = opened("flags", MSB_OPEN_WRITE | MSB_OPEN_TRUNCATE);
    CHECK(holds("flags", ""));
    CHECK(msb_file_pread(file, 0, &byte, 1, -1, &n, NULL) != MSB_OK);
    msb_file_release(&file);
    file = opened("flags", MSB_OPEN_READ);
    CHECK(msb_file_pwrite(file, 0, "x", 1, -1, NULL) != MSB_OK);
    CHECK(msb_file_append(file, "x", 1, -1, NULL) != MSB_OK);
    CHECK(msb_file_truncate(file, 0, -1, NULL) != MSB_OK);
    msb_file_release(&file);
    const uint32_t nonsense[] = {0, MSB_OPEN_CREATE, MSB_OPEN_TRUNCATE, MSB_OPEN_READ | MSB_OPEN_APPEND,
                                 MSB_OPEN_WRITE | MSB_OPEN_EXCLUSIVE, MSB_OPEN_READ | 64};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.flags", tree_open(at("flags"), nonsense[i], &file, &err));
}

TEST(an_open_file_outlives_its_name) {
    msb_error *err = NULL;
    char buffer[4];
    size_t n = 0;
    put("unlinked", "here");
    msb_file file = opened("unlinked", MSB_OPEN_READ);
    CHECK_OK(err, tree_remove(at("unlinked"), &err));
    CHECK_OK(err, msb_file_pread(file, 0, buffer, 4, -1, &n, &err));
    CHECK(n == 4 && memcmp(buffer, "here", 4) == 0);
    msb_file_release(&file);
}

/* ---- names ---- */

TEST(a_listing_has_every_entry_once_whatever_the_pages) {
    msb_error *err = NULL;
    CHECK_OK(err, tree_mkdir(at("listed"), 0755, 0, &err));
    CHECK(count_listed("listed", 10) == 0);
    for (int i = 0; i < 101; i++) put(in_turn("listed/file-%d", i), "x");
    CHECK(count_listed("listed", 1) == 101);
    CHECK(count_listed("listed", 10) == 101);
    CHECK(count_listed("listed", 10000) == 101);
    msb_file_page *page = NULL;
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.limit", tree_list(at("listed"), 0, 0, &page, &err));
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.limit", tree_list(at("listed"), 0, 10001, &page, &err));
    REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_directory", tree_list(at("listed/file-1"), 0, 10, &page, &err));
}

TEST(stat_tells_what_it_is) {
    msb_error *err = NULL;
    struct stat host;
    put("stated", "12345");
    CHECK_OK(err, tree_symlink("stated", at("link"), &err));
    CHECK_OK(err, tree_chmod(at("stated"), 0640, &err));
    CHECK(stat(on_host("stated"), &host) == 0);
    msb_file_info *info = info_of("stated", 0);
    CHECK(strcmp(msb_file_info_name(info), "stated") == 0 && msb_file_info_kind(info) == MSB_FILE_REGULAR);
    CHECK(msb_file_info_size(info) == 5 && msb_file_info_mode(info) == 0640 && msb_file_info_nlink(info) == 1);
    CHECK(msb_file_info_uid(info) == host.st_uid && msb_file_info_gid(info) == host.st_gid);
    CHECK(msb_file_info_inode(info) == host.st_ino && msb_file_info_device(info) == host.st_dev);
    CHECK(msb_file_info_modified_ns(info) == (int64_t)host.st_mtim.tv_sec * 1000000000 + host.st_mtim.tv_nsec);
    CHECK(msb_file_info_changed_ns(info) == (int64_t)host.st_ctim.tv_sec * 1000000000 + host.st_ctim.tv_nsec);
    CHECK(msb_file_info_accessed_ns(info) > 0);
    msb_file_info_free(info);
    info = info_of("link", 0);
    CHECK(msb_file_info_kind(info) == MSB_FILE_SYMLINK && msb_file_info_size(info) == 6);
    msb_file_info_free(info);
    info = info_of("link", MSB_STAT_FOLLOW);
    CHECK(msb_file_info_kind(info) == MSB_FILE_REGULAR && msb_file_info_size(info) == 5);
    msb_file_info_free(info);
    info = info_of(".", 0);
    CHECK(msb_file_info_kind(info) == MSB_FILE_DIRECTORY);
    msb_file_info_free(info);
}

TEST(a_link_is_there_if_what_it_leads_to_is) {
    msb_error *err = NULL;
    msb_file_info *info = NULL;
    CHECK(!is_there("nowhere"));
    CHECK_OK(err, tree_symlink("missing", at("nowhere"), &err));
    CHECK(!is_there("nowhere") && is_there("."));
    CHECK_OK(err, tree_stat(at("nowhere"), 0, &info, &err));
    CHECK(msb_file_info_kind(info) == MSB_FILE_SYMLINK);
    msb_file_info_free(info);
    put("missing", "x");
    CHECK(is_there("nowhere"));
    CHECK_OK(err, tree_remove(at("missing"), &err));
    REFUSES(MSB_ERR_NOT_FOUND, "file.not_found", tree_stat(at("nowhere"), MSB_STAT_FOLLOW, &info, &err));
}

TEST(directories_are_made_with_their_parents_if_that_is_said) {
    msb_error *err = NULL;
    REFUSES(MSB_ERR_NOT_FOUND, "file.not_found", tree_mkdir(at("p/q/r"), 0755, 0, &err));
    CHECK_OK(err, tree_mkdir(at("p/q/r"), 0755, MSB_MKDIR_PARENTS, &err));
    CHECK_OK(err, tree_mkdir(at("p/q/r"), 0755, MSB_MKDIR_PARENTS, &err));
    REFUSES(MSB_ERR_ALREADY_EXISTS, "file.exists", tree_mkdir(at("p/q/r"), 0755, 0, &err));
    put("p/file", "x");
    CHECK(tree_mkdir(at("p/file/deeper"), 0755, MSB_MKDIR_PARENTS, NULL) == MSB_ERR_INVALID_STATE);
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.mode", tree_mkdir(at("m"), 0100755, 0, &err));
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.flags", tree_mkdir(at("m"), 0755, 2, &err));
}

TEST(removal_takes_what_it_was_told_and_nothing_else) {
    msb_error *err = NULL;
    CHECK_OK(err, tree_mkdir(at("full/inner"), 0755, MSB_MKDIR_PARENTS, &err));
    put("full/inner/file", "x");
    put("beside", "x");
    CHECK_OK(err, tree_symlink("../beside", at("full/link"), &err));
    REFUSES(MSB_ERR_INVALID_STATE, "file.is_a_directory", tree_remove(at("full"), &err));
    REFUSES(MSB_ERR_INVALID_STATE, "file.not_empty", tree_remove_dir(at("full"), 0, &err));
    REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_directory", tree_remove_dir(at("beside"), 0, &err));
    REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_directory", tree_remove_dir(at("beside"), MSB_REMOVE_RECURSIVE, &err));
    CHECK_OK(err, tree_remove_dir(at("full"), MSB_REMOVE_RECURSIVE, &err));
    CHECK(!is_there("full") && is_there("beside"));
    REFUSES(MSB_ERR_NOT_FOUND, "file.not_found", tree_remove(at("full"), &err));
    CHECK_OK(err, tree_mkdir(at("hollow"), 0755, 0, &err));
    CHECK_OK(err, tree_remove_dir(at("hollow"), 0, &err));
    CHECK(!is_there("hollow"));
}

TEST(a_copy_has_content_permissions_times_and_links) {
    msb_error *err = NULL;
    CHECK_OK(err, tree_mkdir(at("origin/sub"), 0750, MSB_MKDIR_PARENTS, &err));
    put("origin/sub/file", "content");
    CHECK_OK(err, tree_chmod(at("origin/sub/file"), 0604, &err));
    CHECK_OK(err, tree_utimes(at("origin/sub/file"), 1000000001, 2000000002, &err));
    CHECK_OK(err, tree_symlink("sub/file", at("origin/link"), &err));
    CHECK_OK(err, tree_copy(at("origin"), at("copy"), &err));
    CHECK(holds("copy/sub/file", "content") && holds("copy/link", "content"));
    msb_file_info *info = info_of("copy/sub/file", 0);
    CHECK(msb_file_info_mode(info) == 0604 && msb_file_info_modified_ns(info) == 2000000002);
    msb_file_info_free(info);
    info = info_of("copy/link", 0);
    CHECK(msb_file_info_kind(info) == MSB_FILE_SYMLINK);
    msb_file_info_free(info);
    CHECK_OK(err, tree_copy(at("origin/sub/file"), at("copied"), &err));
    CHECK(holds("copied", "content"));
}

TEST(a_rename_replaces_a_file) {
    msb_error *err = NULL;
    put("old", "old");
    put("new", "new");
    CHECK_OK(err, tree_rename(at("old"), at("new"), &err));
    CHECK(holds("new", "old") && !is_there("old"));
    REFUSES(MSB_ERR_NOT_FOUND, "file.not_found", tree_rename(at("old"), at("new"), &err));
}

TEST(a_link_holds_what_it_was_given) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, tree_symlink("any/thing \xff", at("made"), &err));
    CHECK_OK(err, tree_readlink(at("made"), &bytes, &err));
    CHECK(msb_bytes_len(bytes) == 11 && strcmp((const char *)msb_bytes_data(bytes), "any/thing \xff") == 0);
    msb_bytes_free(bytes);
    put("no-link", "x");
    CHECK(tree_readlink(at("no-link"), &bytes, NULL) == MSB_ERR_INVALID_STATE || bytes == NULL);
    REFUSES(MSB_ERR_ALREADY_EXISTS, "file.exists", tree_symlink("x", at("made"), &err));
}

TEST(times_are_set_or_kept) {
    msb_error *err = NULL;
    put("timed", "x");
    CHECK_OK(err, tree_utimes(at("timed"), 1234567890123456789, 1000000000, &err));
    CHECK_OK(err, tree_utimes(at("timed"), MSB_TIME_KEEP, 5, &err));
    msb_file_info *info = info_of("timed", 0);
    CHECK(msb_file_info_accessed_ns(info) == 1234567890123456789 && msb_file_info_modified_ns(info) == 5);
    msb_file_info_free(info);
}

TEST(names_are_bytes) {
    put("caf\xe9 \n\x01", "latin");
    CHECK(holds("caf\xe9 \n\x01", "latin"));
    msb_error *err = NULL;
    CHECK_OK(err, tree_mkdir(at("\xff"), 0755, 0, &err));
    put("\xff/\xfe", "x");
    msb_file_page *page = NULL;
    CHECK_OK(err, tree_list(at("\xff"), 0, 10, &page, &err));
    CHECK(msb_file_page_len(page) == 1 && strcmp(msb_file_info_name(msb_file_page_get(page, 0)), "\xfe") == 0);
    msb_file_page_free(page);
}

TEST(a_page_and_an_info_take_anything) {
    CHECK(msb_file_page_len(NULL) == 0 && msb_file_page_get(NULL, 0) == NULL && msb_file_page_next(NULL) == 0);
    CHECK(msb_file_info_name(NULL) == NULL && msb_file_info_kind(NULL) == 0 && msb_file_info_size(NULL) == 0);
    msb_file_page_free(NULL);
    msb_file_info_free(NULL);
    msb_file_release(NULL);
    msb_error *err = NULL;
    msb_file_page *page = NULL;
    CHECK_OK(err, tree_list(at("."), 0, 1, &page, &err));
    CHECK(msb_file_page_get(page, 1) == NULL && msb_file_page_get(page, SIZE_MAX) == NULL);
    /* A view is its page's to free. */
    msb_file_info_free((msb_file_info *)(uintptr_t)msb_file_page_get(page, 0));
    CHECK(strlen(msb_file_info_name(msb_file_page_get(page, 0))) > 0);
    msb_file_page_free(page);
}

/* ---- many threads ---- */

static void *use_a_corner(void *argument) {
    const char *mine = argument;
    msb_error *err = NULL;
    char name[64], text[64];
    CHECK_OK(err, tree_mkdir(at(mine), 0755, 0, &err));
    for (int i = 0; i < scaled(100); i++) {
        snprintf(name, sizeof name, "%s/%d", mine, i % 10);
        snprintf(text, sizeof text, "%s %d", mine, i);
        put(name, text);
        CHECK(holds(name, text));
    }
    CHECK(count_listed(mine, 3) == (scaled(100) < 10 ? scaled(100) : 10));
    return NULL;
}

TEST(many_threads_use_one_tree) {
    static char names[8][32];
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "corner-%d", i);
        CHECK(pthread_create(&threads[i], NULL, use_a_corner, names[i]) == 0);
    }
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}

static void run_all(void) {
    RUN(what_is_written_is_read);
    RUN(a_write_replaces_the_content_and_keeps_the_permissions);
    RUN(an_appended_write_goes_to_the_end);
    RUN(an_atomic_write_is_seen_whole_or_not_at_all);
    RUN(an_open_file_is_read_and_written_at_places);
    RUN(an_open_file_is_cut_lengthened_measured_and_synced);
    RUN(two_that_append_do_not_overwrite_each_other);
    RUN(open_does_what_its_flags_say);
    RUN(an_open_file_outlives_its_name);
    RUN(a_listing_has_every_entry_once_whatever_the_pages);
    RUN(stat_tells_what_it_is);
    RUN(a_link_is_there_if_what_it_leads_to_is);
    RUN(directories_are_made_with_their_parents_if_that_is_said);
    RUN(removal_takes_what_it_was_told_and_nothing_else);
    RUN(a_copy_has_content_permissions_times_and_links);
    RUN(a_rename_replaces_a_file);
    RUN(a_link_holds_what_it_was_given);
    RUN(times_are_set_or_kept);
    RUN(names_are_bytes);
    RUN(a_page_and_an_info_take_anything);
    RUN(many_threads_use_one_tree);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    if (can_use_volumes()) {
        printf("a volume:\n");
        use_volume(backend, "files");
        run_all();
        discard_tree();
    }
    printf("a running sandbox:\n");
    use_sandbox(backend, "files");
    run_all();
    discard_tree();
    close_backend(&backend);
    return fixture_end();
}
