/*
 * The files of a real guest, used from the host: every verb, open files, archives and copies of trees, against what the guest's own
 * commands see. All tests share one machine; the verbs' corner cases are tested in tests/c/files.c.
 */
#define _GNU_SOURCE
#include "vm.h"

#define CALL_MS 60000
#define BIG ((size_t)9 << 20)

static msb_sandbox guest;

/* A path in the home, on the host; the ring holds the last few. */
static const char *at(const char *name) {
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", home, name);
    return path;
}

static void put(const char *path, const char *text) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_fs_write(guest, path, text, strlen(text), 0, 0644, CALL_MS, &err));
}

static int holds(const char *path, const char *expected) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, msb_sandbox_fs_read(guest, path, CALL_MS, &bytes, &err));
    int same = bytes && msb_bytes_len(bytes) == strlen(expected) && memcmp(msb_bytes_data(bytes), expected, strlen(expected)) == 0;
    if (!same) printf("       %s holds \"%.*s\", not \"%s\"\n", path, (int)msb_bytes_len(bytes), (const char *)msb_bytes_data(bytes), expected);
    msb_bytes_free(bytes);
    return same;
}

/* Bytes in which every stretch differs from every other. */
static uint8_t *pattern(void) {
    uint8_t *data = malloc(BIG);
    uint64_t state = 0x9e3779b97f4a7c15;
    for (size_t i = 0; data && i < BIG; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        data[i] = (uint8_t)state;
    }
    return data;
}

TEST(host_and_guest_see_the_same_files) {
    msb_error *err = NULL;
    uint8_t there = 9;
    CHECK_OK(err, msb_sandbox_fs_mkdir(guest, "/data/deep/er", 0750, MSB_MKDIR_PARENTS, CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_write(guest, "/data/file", "one\n", 4, 0, 0640, CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_write(guest, "/data/file", "two\n", 4, MSB_WRITE_APPEND, 0, CALL_MS, &err));
    CHECK(shell_says(guest, "cd /data; cat file; stat -c %a:%u file deep/er; echo from guest > deep/back", "one\ntwo\n640:0\n750:0\n"));
    CHECK(holds("/data/deep/back", "from guest\n"));
    /* A file that is open in the guest keeps its content when its name gets another. */
    CHECK(shell_says(guest, "exec 3</data/file; (sleep 60 <&3 >/dev/null 2>&1 &) ; echo held", "held\n"));
    CHECK_OK(err, msb_sandbox_fs_write(guest, "/data/file", "whole\n", 6, MSB_WRITE_ATOMIC, 0644, CALL_MS, &err));
    CHECK(shell_says(guest, "cat /data/file; ls /data | tr '\\n' ' '; for p in $(pidof sleep); do cat /proc/$p/fd/0; done; killall sleep",
                     "whole\ndeep file one\ntwo\n"));
    CHECK_OK(err, msb_sandbox_fs_exists(guest, "/data/nothing", CALL_MS, &there, &err));
    CHECK(there == 0);
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_fs_remove(guest, "/data/nothing", CALL_MS, &err));
}

TEST(names_links_modes_and_times_are_the_guests) {
    msb_error *err = NULL;
    msb_bytes *target = NULL;
    msb_file_info *info = NULL;
    put("/data/a", "a\n");
    CHECK_OK(err, msb_sandbox_fs_copy(guest, "/data/a", "/data/b", CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_rename(guest, "/data/b", "/data/deep/b", CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_symlink(guest, "../a", "/data/deep/link", CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_readlink(guest, "/data/deep/link", CALL_MS, &target, &err));
    CHECK(target && msb_bytes_len(target) == 4 && memcmp(msb_bytes_data(target), "../a", 4) == 0);
    msb_bytes_free(target);
    CHECK_OK(err, msb_sandbox_fs_chmod(guest, "/data/deep/b", 0604, CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_utimes(guest, "/data/deep/b", MSB_TIME_KEEP, 1000000000LL * 1234567890, CALL_MS, &err));
    CHECK(shell_says(guest, "cd /data/deep; stat -c %a:%Y b; cat link; readlink link", "604:1234567890\na\n../a\n"));
    CHECK_OK(err, msb_sandbox_fs_stat(guest, "/data/deep/link", 0, CALL_MS, &info, &err));
    CHECK(msb_file_info_kind(info) == MSB_FILE_SYMLINK);
    msb_file_info_free(info);
    CHECK_OK(err, msb_sandbox_fs_stat(guest, "/data/deep/link", MSB_STAT_FOLLOW, CALL_MS, &info, &err));
    CHECK(msb_file_info_kind(info) == MSB_FILE_REGULAR && msb_file_info_size(info) == 2);
    msb_file_info_free(info);
    /* An absolute link goes by the guest's root, not by the host's. */
    CHECK_OK(err, msb_sandbox_fs_symlink(guest, "/proc/sys/kernel/hostname", "/data/host", CALL_MS, &err));
    CHECK(holds("/data/host", "files\n"));
}

TEST(a_long_directory_is_listed_in_pages) {
    msb_error *err = NULL;
    uint64_t cursor = 0;
    int count = 0, pages = 0, sum = 0;
    CHECK(shell_says(guest, "mkdir /many; cd /many; i=0; while [ $i -lt 500 ]; do : > n$i; i=$((i+1)); done; echo made", "made\n"));
    do {
        msb_file_page *page = NULL;
        CHECK_OK(err, msb_sandbox_fs_list(guest, "/many", cursor, 64, CALL_MS, &page, &err));
        for (size_t i = 0; i < msb_file_page_len(page); i++) sum += atoi(msb_file_info_name(msb_file_page_get(page, i)) + 1);
        count += (int)msb_file_page_len(page);
        cursor = msb_file_page_next(page);
        msb_file_page_free(page);
    } while (cursor != 0 && ++pages < 100);
    CHECK(count == 500 && sum == 499 * 500 / 2 && pages >= 500 / 64);
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_fs_remove_dir(guest, "/many", 0, CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_remove_dir(guest, "/many", MSB_REMOVE_RECURSIVE, CALL_MS, &err));
    CHECK(shell_says(guest, "ls -d /many 2>/dev/null | wc -l", "0\n"));
}

TEST(an_open_file_is_read_and_written_at_places) {
    msb_error *err = NULL;
    msb_file file = {0};
    uint8_t *data = pattern(), *back = calloc(1, BIG);
    uint64_t size = 0;
    size_t n = 0, got = 0;
    CHECK_OK(err, msb_sandbox_fs_open(guest, "/data/big", MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE, 0600, CALL_MS, &file, &err));
    /* The second half first: nothing depends on the order. */
    CHECK_OK(err, msb_file_pwrite(file, BIG / 2, data + BIG / 2, BIG - BIG / 2, CALL_MS, &err));
    CHECK_OK(err, msb_file_pwrite(file, 0, data, BIG / 2, CALL_MS, &err));
    CHECK_OK(err, msb_file_sync(file, CALL_MS, &err));
    CHECK_OK(err, msb_file_size(file, CALL_MS, &size, &err));
    CHECK(size == BIG);
    while (got < BIG && msb_file_pread(file, got, back + got, BIG - got, CALL_MS, &n, &err) == MSB_OK && n > 0) got += n;
    CHECK(err == NULL && got == BIG && memcmp(data, back, BIG) == 0);
    CHECK_OK(err, msb_file_truncate(file, 5, CALL_MS, &err));
    CHECK_OK(err, msb_file_append(file, "end", 3, CALL_MS, &err));
    CHECK(shell_says(guest, "tail -c 3 /data/big; wc -c < /data/big", "end8\n"));
    /* Removed in the guest, it lives on while it is open. */
    CHECK(shell_says(guest, "rm /data/big; echo gone", "gone\n"));
    CHECK_OK(err, msb_file_pread(file, 5, back, 3, CALL_MS, &n, &err));
    CHECK(n == 3 && memcmp(back, "end", 3) == 0);
    msb_file_release(&file);
    free(data);
    free(back);
}

TEST(files_without_a_size_and_full_places_are_what_they_are) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, msb_sandbox_fs_read(guest, "/proc/version", CALL_MS, &bytes, &err));
    CHECK(bytes && msb_bytes_len(bytes) > 10 && memcmp(msb_bytes_data(bytes), "Linux ", 6) == 0);
    msb_bytes_free(bytes);
    CHECK(shell_says(guest, "mkdir /tight /locked; mount -t tmpfs -o size=64k none /tight; mount -t tmpfs -o ro none /locked; echo ok", "ok\n"));
    static char much[1 << 20];
    CHECK_STATUS(MSB_ERR_DISK_FULL, err, msb_sandbox_fs_write(guest, "/tight/f", much, sizeof much, 0, 0600, CALL_MS, &err));
    msb_status status = msb_sandbox_fs_write(guest, "/locked/f", "x", 1, 0, 0600, CALL_MS, &err);
    CHECK(status != MSB_OK && msb_error_errno(err) == EROFS);
    msb_error_free(err);
}

static int watched(void *user, const msb_file_progress *progress) {
    *(uint64_t *)user = progress->bytes;
    return 0;
}

TEST(a_tree_goes_into_the_guest_and_comes_back) {
    msb_error *err = NULL;
    msb_file_progress done;
    uint64_t seen = 0;
    char command[2400];
    uint8_t *data = pattern();
    snprintf(command, sizeof command, "mkdir -p '%s/sub/empty' && printf 'text\\n' > '%s/sub/text' && chmod 751 '%s/sub/text' && ln -s sub/text '%s/link'",
             at("tree"), at("tree"), at("tree"), at("tree"));
    CHECK(system(command) == 0);
    FILE *big = fopen(at("tree/big"), "w");
    CHECK(big && data && fwrite(data, 1, BIG, big) == BIG);
    if (big) fclose(big);
    CHECK_OK(err, msb_sandbox_copy_in(guest, at("tree"), "/copy", watched, &seen, CALL_MS, &done, &err));
    CHECK(done.bytes == BIG + 5 && done.entries >= 5 && seen > 0);
    CHECK(shell_says(guest, "cd /copy; stat -c %a sub/text; cat link; ls -A sub/empty | wc -l; md5sum < big > /copy/sum; wc -c < big",
                     "751\ntext\n0\n9437184\n"));
    CHECK_OK(err, msb_sandbox_copy_out(guest, "/copy", at("back"), NULL, NULL, CALL_MS, &done, &err));
    snprintf(command, sizeof command, "cd '%s' && md5sum < big | cmp - sum && cmp big '%s' && [ \"$(readlink link)\" = sub/text ] && [ -x sub/text ]",
             at("back"), at("tree/big"));
    CHECK(system(command) == 0);
    free(data);
}

TEST(archives_of_a_guest_are_archives) {
    msb_error *err = NULL;
    msb_file_progress done;
    char command[1200];
    int fd = open(at("copy.tar"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_OK(err, msb_sandbox_fs_tar_export(guest, "/copy", fd, NULL, NULL, CALL_MS, &done, &err));
    CHECK(done.bytes > BIG);
    snprintf(command, sizeof command, "tar -tf '%s' | grep -c -e 'sub/text$' -e 'big$' | grep -qx 2", at("copy.tar"));
    CHECK(system(command) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_OK(err, msb_sandbox_fs_mkdir(guest, "/unpacked", 0755, 0, CALL_MS, &err));
    CHECK_OK(err, msb_sandbox_fs_tar_import(guest, "/unpacked", fd, NULL, NULL, CALL_MS, &done, &err));
    CHECK(shell_says(guest, "cd /unpacked; md5sum < big | cmp - sum && cat link; stat -c %a sub/text", "text\n751\n"));
    close(fd);
}

TEST(nothing_is_reached_once_it_stopped) {
    msb_error *err = NULL;
    msb_file file = {0};
    size_t n = 1;
    char byte;
    CHECK_OK(err, msb_sandbox_fs_open(guest, "/data/a", MSB_OPEN_READ, 0, CALL_MS, &file, &err));
    stop(guest);
    CHECK(msb_file_pread(file, 0, &byte, 1, CALL_MS, &n, &err) != MSB_OK && n == 0);
    msb_error_free(err);
    err = NULL;
    msb_file_release(&file);
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_fs_remove(guest, "/data/a", CALL_MS, &err));
}

int main(void) {
    if (!begin()) return 2;
    guest = running("files");
    RUN(host_and_guest_see_the_same_files);
    RUN(names_links_modes_and_times_are_the_guests);
    RUN(a_long_directory_is_listed_in_pages);
    RUN(an_open_file_is_read_and_written_at_places);
    RUN(files_without_a_size_and_full_places_are_what_they_are);
    RUN(a_tree_goes_into_the_guest_and_comes_back);
    RUN(archives_of_a_guest_are_archives);
    RUN(nothing_is_reached_once_it_stopped);
    discard(&guest);
    return finish();
}
