/*
 * Hostile paths, hostile trees and hostile arguments against the files of a volume, through msb.h: nothing outside the root is
 * read or written, nothing hangs, and every refusal names its reason. The long races are in the tests of the crate `tree`.
 */
#include "file_tree.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

static msb_backend backend;

/* What must be neither read nor changed: a directory beside the volume. */
static char outside[256];
static const char secret[] = "a secret of the host";
static struct stat secret_stat;

static int is_secret(const msb_file_info *info) {
    return msb_file_info_inode(info) == secret_stat.st_ino && msb_file_info_device(info) == secret_stat.st_dev;
}

static const char *out_there(const char *name) { return in_turn("%s/%s", outside, name); }

static void write_host(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int is_untouched(void) {
    char seen[64] = "";
    struct stat st;
    FILE *file = fopen(out_there("secret"), "re");
    if (!file || !fgets(seen, sizeof seen, file) || fclose(file) != 0) return 0;
    return strcmp(seen, secret) == 0 && count_entries(outside) == 1 && stat(out_there("secret"), &st) == 0 &&
           (st.st_mode & 07777) == 0640 && st.st_mtime == 1000000000 && st.st_nlink == 1;
}

/* ---- every verb, with one path ---- */

static int devnull;

static msb_status leaks(msb_status status, msb_bytes *bytes) {
    if (bytes && msb_bytes_len(bytes) >= strlen(secret) && memcmp(msb_bytes_data(bytes), secret, strlen(secret)) == 0) {
        printf("       the secret was read\n");
        test_ok = 0;
    }
    msb_bytes_free(bytes);
    return status;
}

static msb_status verb_read(const char *path, msb_error **err) {
    msb_bytes *bytes = NULL;
    msb_status status = tree_read(path, &bytes, err);
    return leaks(status, bytes);
}
static msb_status verb_write(const char *path, msb_error **err) { return tree_write(path, "overwritten", 11, 0, err); }
static msb_status verb_write_atomic(const char *path, msb_error **err) {
    return tree_write(path, "overwritten", 11, MSB_WRITE_ATOMIC, err);
}
static msb_status verb_append(const char *path, msb_error **err) {
    return tree_write(path, "overwritten", 11, MSB_WRITE_APPEND, err);
}
static msb_status verb_open(const char *path, msb_error **err) {
    msb_file file = {0};
    char buffer[64] = "";
    size_t n = 0;
    msb_status status = tree_open(path, MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE, &file, err);
    if (status != MSB_OK) return status;
    msb_file_pread(file, 0, buffer, sizeof buffer, -1, &n, NULL);
    CHECK(memcmp(buffer, secret, strlen(secret)) != 0);
    msb_file_pwrite(file, 0, "overwritten", 11, -1, NULL);
    msb_file_release(&file);
    return status;
}
static msb_status verb_list(const char *path, msb_error **err) {
    msb_file_page *page = NULL;
    msb_status status = tree_list(path, 0, 100, &page, err);
    for (size_t i = 0; i < msb_file_page_len(page); i++)
        CHECK(!is_secret(msb_file_page_get(page, i)));
    msb_file_page_free(page);
    return status;
}
static msb_status verb_stat(const char *path, msb_error **err) {
    msb_file_info *info = NULL;
    msb_status status = tree_stat(path, MSB_STAT_FOLLOW, &info, err);
    CHECK(!is_secret(info));
    msb_file_info_free(info);
    return status;
}
static msb_status verb_exists(const char *path, msb_error **err) {
    uint8_t there = 0;
    return tree_exists(path, &there, err);
}
static msb_status verb_mkdir(const char *path, msb_error **err) { return tree_mkdir(path, 0755, 0, err); }
static msb_status verb_mkdir_parents(const char *path, msb_error **err) {
    return tree_mkdir(in_turn("%s/made/deeper", path), 0755, MSB_MKDIR_PARENTS, err);
}
static msb_status verb_remove(const char *path, msb_error **err) { return tree_remove(path, err); }
static msb_status verb_remove_dir(const char *path, msb_error **err) { return tree_remove_dir(path, 0, err); }
static msb_status verb_remove_all(const char *path, msb_error **err) {
    return tree_remove_dir(path, MSB_REMOVE_RECURSIVE, err);
}
static msb_status verb_copy_from(const char *path, msb_error **err) {
    msb_status status = tree_copy(path, at("copied"), err);
    msb_bytes *bytes = NULL;
    if (status == MSB_OK && tree_read(at("copied"), &bytes, NULL) == MSB_OK) leaks(status, bytes);
    tree_remove(at("copied"), NULL);
    tree_remove_dir(at("copied"), MSB_REMOVE_RECURSIVE, NULL);
    return status;
}
static msb_status verb_copy_to(const char *path, msb_error **err) { return tree_copy(at("mine"), path, err); }
static msb_status verb_rename_from(const char *path, msb_error **err) {
    msb_status status = tree_rename(path, at("renamed"), err);
    msb_bytes *bytes = NULL;
    if (status == MSB_OK && tree_read(at("renamed"), &bytes, NULL) == MSB_OK) leaks(status, bytes);
    tree_remove(at("renamed"), NULL);
    tree_remove_dir(at("renamed"), MSB_REMOVE_RECURSIVE, NULL);
    return status;
}
static msb_status verb_rename_to(const char *path, msb_error **err) {
    tree_write(at("moving"), "overwritten", 11, 0, NULL);
    return tree_rename(at("moving"), path, err);
}
static msb_status verb_symlink(const char *path, msb_error **err) { return tree_symlink("anywhere", path, err); }
static msb_status verb_readlink(const char *path, msb_error **err) {
    msb_bytes *bytes = NULL;
    msb_status status = tree_readlink(path, &bytes, err);
    msb_bytes_free(bytes);
    return status;
}
static msb_status verb_chmod(const char *path, msb_error **err) { return tree_chmod(path, 0777, err); }
static msb_status verb_utimes(const char *path, msb_error **err) { return tree_utimes(path, 1, 1, err); }
static msb_status verb_export(const char *path, msb_error **err) {
    return tree_tar_export(path, devnull, NULL, NULL, NULL, err);
}
static msb_status verb_import(const char *path, msb_error **err) {
    char archive[10240];
    struct { char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type; } header = {.type = '0'};
    unsigned sum = 0;
    int ends[2];
    snprintf(header.name, sizeof header.name, "planted");
    snprintf(header.mode, sizeof header.mode, "%07o", 0644);
    snprintf(header.uid, sizeof header.uid, "%07o", 0);
    snprintf(header.gid, sizeof header.gid, "%07o", 0);
    snprintf(header.size, sizeof header.size, "%011o", 0);
    snprintf(header.mtime, sizeof header.mtime, "%011o", 0);
    memset(header.sum, ' ', sizeof header.sum);
    for (size_t i = 0; i < sizeof header; i++) sum += ((unsigned char *)&header)[i];
    snprintf(header.sum, sizeof header.sum, "%06o", sum);
    memset(archive, 0, sizeof archive);
    memcpy(archive, &header, sizeof header);
    if (pipe2(ends, O_CLOEXEC) || write(ends[1], archive, sizeof archive) != sizeof archive) return MSB_ERR_IO;
    close(ends[1]);
    msb_status status = tree_tar_import(path, ends[0], NULL, NULL, NULL, err);
    close(ends[0]);
    return status;
}

static const struct verb {
    const char *name;
    msb_status (*call)(const char *path, msb_error **err);
} verbs[] = {
    {"read", verb_read}, {"write", verb_write}, {"write atomic", verb_write_atomic}, {"append", verb_append},
    {"open", verb_open}, {"list", verb_list}, {"stat", verb_stat}, {"exists", verb_exists}, {"mkdir", verb_mkdir},
    {"mkdir parents", verb_mkdir_parents}, {"remove", verb_remove}, {"remove_dir", verb_remove_dir},
    {"remove_dir recursive", verb_remove_all}, {"copy from", verb_copy_from}, {"copy to", verb_copy_to},
    {"rename from", verb_rename_from}, {"rename to", verb_rename_to}, {"symlink", verb_symlink},
    {"readlink", verb_readlink}, {"chmod", verb_chmod}, {"utimes", verb_utimes}, {"export", verb_export},
    {"import", verb_import},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

/* Every verb refuses the path, with one of two reasons. */
static void all_refuse(const char *given, const char *reason, const char *or_reason) {
    char path[8192];
    snprintf(path, sizeof path, "%s", given);
    for (int i = 0; i < VERBS; i++) {
        msb_error *err = NULL;
        msb_status status = verbs[i].call(path, &err);
        const char *why = err ? msb_error_reason(err) : "";
        if (status == MSB_OK || (strcmp(why, reason) != 0 && strcmp(why, or_reason) != 0)) {
            printf("       %s of %.60s gave %s, %s: %s\n", verbs[i].name, path, msb_status_name(status), why,
                   msb_error_message(err));
            test_ok = 0;
        }
        msb_error_free(err);
    }
    CHECK(is_untouched());
}

/* ---- paths ---- */

TEST(dots_do_not_lead_out) {
    all_refuse("..", "file.outside_root", "file.bad_path");
    all_refuse("../outside", "file.outside_root", "file.bad_path");
    all_refuse("../outside/secret", "file.outside_root", "file.bad_path");
    all_refuse("sub/../../outside/secret", "file.outside_root", "file.bad_path");
    all_refuse("./././../outside/secret", "file.outside_root", "file.bad_path");
}

TEST(paths_that_name_nothing_beneath_the_root_are_refused) {
    char long_name[301], long_path[8192];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    memset(long_path, 'd', sizeof long_path - 1);
    for (size_t i = 1; i < sizeof long_path; i += 2) long_path[i] = '/';
    long_path[sizeof long_path - 1] = 0;
    all_refuse("", "file.bad_path", "file.bad_path");
    all_refuse("/etc/passwd", "file.bad_path", "file.outside_root");
    all_refuse(out_there("secret"), "file.bad_path", "file.outside_root");
    all_refuse("/", "file.bad_path", "file.outside_root");
    all_refuse(long_name, "file.bad_path", "file.bad_path");
    all_refuse(long_path, "file.bad_path", "file.bad_path");
}

TEST(the_root_itself_is_not_removed_replaced_or_renamed) {
    const char *names[] = {".", "./", "sub/..", "./sub/../."};
    put("stays", "x");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(tree_remove(names[i], NULL) != MSB_OK && tree_remove_dir(names[i], 0, NULL) != MSB_OK);
        CHECK(tree_rename(names[i], "elsewhere", NULL) != MSB_OK && tree_rename("sub", names[i], NULL) != MSB_OK);
        CHECK(tree_write(names[i], "x", 1, MSB_WRITE_ATOMIC, NULL) != MSB_OK);
        CHECK(tree_symlink("x", names[i], NULL) != MSB_OK);
    }
    CHECK(tree_remove_dir(".", MSB_REMOVE_RECURSIVE, NULL) != MSB_OK);
    CHECK(exists(tree.host) && holds("stays", "x"));
}

/* ---- links ---- */

/* A verb that works on the link itself may succeed; what it leads to stays as it is. */
static void all_leave_alone(const char *link, const char *target, const char *path) {
    for (int i = 0; i < VERBS; i++) {
        msb_error *err = NULL;
        unlink(on_host(link));
        remove_tree(on_host(link));
        CHECK(symlink(target, on_host(link)) == 0);
        msb_status status = verbs[i].call(path, &err);
        if (status != MSB_OK) CHECK(strlen(msb_error_reason(err)) > 0 && strlen(msb_error_message(err)) > 0);
        msb_error_free(err);
        if (!is_untouched()) {
            printf("       %s of %s changed what is outside\n", verbs[i].name, path);
            test_ok = 0;
        }
    }
    unlink(on_host(link));
    remove_tree(on_host(link));
}

TEST(links_that_lead_out_are_not_followed) {
    all_leave_alone("link", out_there("secret"), "link");
    all_leave_alone("link", outside, "link");
    all_leave_alone("link", outside, "link/secret");
    all_leave_alone("link", "../../outside", "link/secret");
    all_leave_alone("link", "..", "link/../outside/secret");
    all_leave_alone("link", "/proc/self/root", in_turn("link%s", out_there("secret")));
    all_leave_alone("link", "/proc/self/cwd", "link");
    all_leave_alone("link", "link", "link");
}

struct flipper {
    pthread_t thread;
    int stop;
};

/* Swaps a directory and a link to the outside under one name. */
static void *flip(void *argument) {
    struct flipper *flipper = argument;
    char name[512], real[512], link_path[512];
    snprintf(name, sizeof name, "%s/swap", tree.host);
    snprintf(real, sizeof real, "%s/swap-real", tree.host);
    snprintf(link_path, sizeof link_path, "%s/swap-link", tree.host);
    while (!__atomic_load_n(&flipper->stop, __ATOMIC_ACQUIRE)) {
        mkdir(real, 0755);
        if (symlink(outside, link_path)) {}
        if (renameat2(AT_FDCWD, link_path, AT_FDCWD, name, RENAME_EXCHANGE)) rename(link_path, name);
        renameat2(AT_FDCWD, real, AT_FDCWD, name, RENAME_EXCHANGE);
    }
    return NULL;
}

TEST(links_that_are_swapped_in_meanwhile_are_not_followed) {
    struct flipper flipper = {0};
    CHECK(mkdir(on_host("swap"), 0755) == 0);
    CHECK(pthread_create(&flipper.thread, NULL, flip, &flipper) == 0);
    int64_t end = now_ms() + scaled(4000);
    int rounds = 0;
    do {
        for (int i = 0; i < VERBS; i++) {
            verbs[i].call("swap/secret", NULL);
            verbs[i].call("swap", NULL);
        }
        rounds++;
    } while (test_ok && now_ms() < end);
    __atomic_store_n(&flipper.stop, 1, __ATOMIC_RELEASE);
    pthread_join(flipper.thread, NULL);
    CHECK(rounds > 0 && is_untouched());
    const char *left[] = {"swap", "swap-real", "swap-link", "copied", "renamed", "moving"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        unlink(on_host(left[i]));
        remove_tree(on_host(left[i]));
    }
}

/* ---- what is no file ---- */

TEST(pipes_sockets_and_devices_are_not_opened) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    msb_file file = {0};
    CHECK(mkfifo(on_host("fifo"), 0644) == 0);
    const char *names[] = {"fifo", "null"};
    int count = mknod(on_host("null"), S_IFCHR | 0666, makedev(1, 3)) == 0 ? 2 : 1;
    for (int i = 0; i < count; i++) {
        REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_file", tree_read(names[i], &bytes, &err));
        REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_file", tree_write(names[i], "x", 1, 0, &err));
        REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_file", tree_write(names[i], "x", 1, MSB_WRITE_APPEND, &err));
        REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_file", tree_open(names[i], MSB_OPEN_READ, &file, &err));
        REFUSES(MSB_ERR_INVALID_STATE, "file.not_a_file", tree_open(names[i], MSB_OPEN_WRITE, &file, &err));
    }
    msb_file_info *info = info_of("fifo", 0);
    CHECK(msb_file_info_kind(info) == MSB_FILE_FIFO);
    msb_file_info_free(info);
    CHECK_OK(err, tree_remove("fifo", &err));
    if (count == 2) CHECK_OK(err, tree_remove("null", &err));
}

TEST(an_atomic_write_takes_one_name_of_a_file_with_two) {
    msb_error *err = NULL;
    put("first", "old");
    CHECK(link(on_host("first"), on_host("second")) == 0);
    CHECK_OK(err, tree_write("first", "new", 3, MSB_WRITE_ATOMIC, &err));
    CHECK(holds("first", "new") && holds("second", "old"));
}

/* ---- trees that are large, or change ---- */

TEST(a_huge_directory_is_listed_and_removed) {
    msb_error *err = NULL;
    int count = scaled(20000);
    CHECK(mkdir(on_host("huge"), 0755) == 0);
    for (int i = 0; i < count; i++) {
        int fd = open(on_host(in_turn("huge/%d", i)), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        CHECK(fd >= 0);
        close(fd);
    }
    CHECK(count_listed("huge", 1000) == count);
    CHECK_OK(err, tree_remove_dir("huge", MSB_REMOVE_RECURSIVE, &err));
    CHECK(!is_there("huge"));
}

static void *churn(void *argument) {
    struct flipper *churner = argument;
    char path[512], other[512];
    for (unsigned i = 0; !__atomic_load_n(&churner->stop, __ATOMIC_ACQUIRE); i++) {
        snprintf(path, sizeof path, "%s/churned/%u", tree.host, i % 50);
        snprintf(other, sizeof other, "%s/churned/%u", tree.host, (i * 7 + 3) % 50);
        switch (i % 5) {
            case 0: mkdir(path, 0755); break;
            case 1: if (symlink(outside, path)) {} break;
            case 2: rename(path, other); break;
            case 3: remove(other); break;
            default: close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        }
    }
    return NULL;
}

TEST(a_tree_that_changes_while_it_is_walked_is_survived) {
    struct flipper churner = {0};
    CHECK(mkdir(on_host("churned"), 0755) == 0);
    CHECK(pthread_create(&churner.thread, NULL, churn, &churner) == 0);
    int64_t end = now_ms() + scaled(2000);
    do {
        verb_export("churned", NULL);
        verb_copy_from("churned", NULL);
        count_listed("churned", 3);
        test_ok = is_untouched();
        tree_remove_dir("churned", MSB_REMOVE_RECURSIVE, NULL);
        mkdir(on_host("churned"), 0755);
    } while (test_ok && now_ms() < end);
    __atomic_store_n(&churner.stop, 1, __ATOMIC_RELEASE);
    pthread_join(churner.thread, NULL);
    remove_tree(on_host("churned"));
    CHECK(is_untouched());
}

/* ---- room ---- */

enum { QUOTA_MIB = 8, PIECE = 256 << 10 };

static msb_volume small;

static void *fill(void *argument) {
    static char piece[PIECE];
    int refused = 0;
    for (int i = 0; i < 64 && !refused; i++) {
        msb_error *err = NULL;
        msb_status status = msb_volume_write(small, in_turn("%s-%d", (const char *)argument, i), piece, sizeof piece, &err);
        refused = status != MSB_OK;
        if (refused) CHECK(status == MSB_ERR_DISK_FULL && strcmp(msb_error_reason(err), "file.quota") == 0);
        msb_error_free(err);
    }
    CHECK(refused);
    return NULL;
}

TEST(a_quota_holds_against_many_threads_at_once) {
    static char names[8][32];
    char full[32] = "";
    msb_error *err = NULL;
    pthread_t threads[8];
    uint64_t sum = 0;
    struct stat st;
    small = created_volume(backend, "small", QUOTA_MIB);
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        CHECK(pthread_create(&threads[i], NULL, fill, names[i]) == 0);
    }
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 64; j++)
            if (stat(in_turn("%s/volumes/small/t%d-%d", fixture_home, i, j), &st) == 0 && st.st_size > 0) {
                sum += (uint64_t)st.st_size;
                snprintf(full, sizeof full, "t%d-%d", i, j);
            }
    CHECK(sum <= (uint64_t)QUOTA_MIB << 20 && sum >= ((uint64_t)QUOTA_MIB << 20) - 8 * PIECE);
    /* What is removed is free again; a thread that came late may have empty files only. */
    CHECK_OK(err, msb_volume_fs_remove(small, full, &err));
    CHECK_OK(err, msb_volume_write(small, "fits", "x", 1, &err));
    discard_volume(&small);
}

/* In a process of its own, which may mount: 0 if it worked, 1 if not, 2 if it may not mount. */
static int fill_a_disk(const char *name) {
    msb_error *err = NULL;
    size_t len = (size_t)8 << 20;
    char *data = calloc(1, len);
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tiny", in_turn("%s/volumes/%s", fixture_home, name), "tmpfs", 0, "size=4m"))
        return 2;
    msb_backend mine = open_backend(fixture_home);
    msb_volume volume = {0};
    CHECK_OK(err, msb_volume_open(mine, name, &volume, &err));
    REFUSES(MSB_ERR_DISK_FULL, "file.no_space", msb_volume_write(volume, "large", data, len, &err));
    CHECK_OK(err, msb_volume_write(volume, "large", "", 0, &err));
    REFUSES(MSB_ERR_DISK_FULL, "file.no_space", msb_volume_fs_write(volume, "large", data, len, MSB_WRITE_ATOMIC, 0644, &err));
    /* The old content is there, nothing else is, and the room is free again. */
    CHECK(count_entries(in_turn("%s/volumes/%s", fixture_home, name)) == 1);
    CHECK_OK(err, msb_volume_write(volume, "fits", data, len / 4, &err));
    msb_volume_release(&volume);
    close_backend(&mine);
    free(data);
    return test_ok ? 0 : 1;
}

TEST(a_disk_that_fills_in_the_middle_of_a_write_is_an_error_and_no_debris) {
    msb_volume volume = created_volume(backend, "tiny", 0);
    int code = finish_role(start_role("fill_a_disk", "tiny"));
    if (code == 2) printf("       skipped: this user may not mount\n");
    CHECK(code == 0 || (code == 2 && geteuid() != 0));
    discard_volume(&volume);
}

/* ---- arguments ---- */

TEST(null_and_garbage_arguments_are_statuses) {
    msb_error *err = NULL;
    msb_file file = {0};
    msb_volume forged = {0x1234567890abcdef}, none = {0}, wrong = {backend.id};
    msb_bytes *bytes = (msb_bytes *)&err;
    uint64_t size;
    size_t n;
    for (int i = 0; i < VERBS; i++) {
        if (verbs[i].call == verb_mkdir_parents) continue;
        CHECK(verbs[i].call(NULL, &err) == MSB_ERR_INVALID_ARGUMENT);
        msb_error_free(err);
    }
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_read(none, "x", &bytes, &err));
    CHECK(bytes == NULL);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_volume_read(forged, "x", &bytes, &err));
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_volume_read(wrong, "x", &bytes, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_read(tree.volume, "x", NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_write(tree.volume, "x", NULL, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_volume_write(tree.volume, "x", "", SIZE_MAX, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, tree_write("x", "x", 1, 3, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, tree_chmod("x", 0100644, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_file_size(file, -1, &size, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_file_pread(file, 0, NULL, 1, -1, &n, &err));
    file = opened("given", MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_file_pread(file, 0, NULL, 1, -1, &n, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_file_pread(file, 0, &n, 1, -1, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_file_pwrite(file, 0, NULL, 1, -1, &err));
    CHECK(msb_file_pread(file, UINT64_MAX, &n, 1, -1, &n, NULL) != MSB_ERR_INTERNAL);
    CHECK(msb_file_pwrite(file, UINT64_MAX, "x", 1, -1, NULL) != MSB_OK);
    CHECK(msb_file_truncate(file, UINT64_MAX, -1, NULL) != MSB_OK);
    msb_file copy = file;
    msb_file_release(&file);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_file_size(copy, -1, &size, &err));
    msb_file_release(&copy);
}

TEST(an_open_file_outlives_the_handle_and_the_name_of_its_volume) {
    msb_error *err = NULL;
    char buffer[4];
    size_t n = 0;
    msb_file file = {0};
    msb_volume volume = created_volume(backend, "gone", 0);
    CHECK_OK(err, msb_volume_write(volume, "file", "here", 4, &err));
    CHECK_OK(err, msb_volume_fs_open(volume, "file", MSB_OPEN_READ, 0, &file, &err));
    discard_volume(&volume);
    CHECK_OK(err, msb_file_pread(file, 0, buffer, 4, -1, &n, &err));
    CHECK(n == 4 && memcmp(buffer, "here", 4) == 0);
    msb_file_release(&file);
}

/* Descriptors that another program would get. */
static int count_inherited(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        count += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return count;
}

static int inherited_at_first;

TEST(a_forked_child_is_refused_and_other_programs_get_no_descriptor) {
    msb_file file = opened("forked", MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE);
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        msb_bytes *bytes = NULL;
        size_t n;
        char byte;
        int refused = msb_volume_read(tree.volume, "forked", &bytes, NULL) == MSB_ERR_FORKED &&
                      msb_file_pread(file, 0, &byte, 1, -1, &n, NULL) == MSB_ERR_FORKED;
        _exit(refused ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(count_inherited() == inherited_at_first);
    msb_file_release(&file);
}

int main(int argc, char **argv) {
    static const struct role roles[] = {{"fill_a_disk", fill_a_disk}, {NULL, NULL}};
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    fixture_begin(argc, argv, roles);
    inherited_at_first = count_inherited();
    if (!can_use_volumes()) return fixture_end();
    backend = open_backend(fixture_home);
    use_volume(backend, "attacked");
    snprintf(outside, sizeof outside, "%s/outside", fixture_home);
    mkdir(outside, 0755);
    write_host(out_there("secret"), secret);
    chmod(out_there("secret"), 0640);
    utimensat(AT_FDCWD, out_there("secret"), times, 0);
    stat(out_there("secret"), &secret_stat);
    devnull = open("/dev/null", O_WRONLY | O_CLOEXEC);
    mkdir(on_host("sub"), 0755);
    put("mine", "mine");
    RUN(dots_do_not_lead_out);
    RUN(paths_that_name_nothing_beneath_the_root_are_refused);
    RUN(the_root_itself_is_not_removed_replaced_or_renamed);
    RUN(links_that_lead_out_are_not_followed);
    RUN(links_that_are_swapped_in_meanwhile_are_not_followed);
    RUN(pipes_sockets_and_devices_are_not_opened);
    RUN(an_atomic_write_takes_one_name_of_a_file_with_two);
    RUN(a_huge_directory_is_listed_and_removed);
    RUN(a_tree_that_changes_while_it_is_walked_is_survived);
    RUN(a_quota_holds_against_many_threads_at_once);
    RUN(a_disk_that_fills_in_the_middle_of_a_write_is_an_error_and_no_debris);
    RUN(null_and_garbage_arguments_are_statuses);
    RUN(an_open_file_outlives_the_handle_and_the_name_of_its_volume);
    RUN(a_forked_child_is_refused_and_other_programs_get_no_descriptor);
    discard_tree();
    close(devnull);
    close_backend(&backend);
    return fixture_end();
}
