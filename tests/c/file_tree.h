/*
 * One shape for the files of a volume and those of a running sandbox, so that each test is written once and runs on both:
 * `tree_read(at("name"), &bytes, &err)` is `msb_volume_fs_read` or `msb_sandbox_fs_read`, as `tree` says.
 *
 * A volume's paths begin at its root. A sandbox of the `process` driver sees the files of this host, and works in a directory
 * of the home.
 */
#ifndef FILE_TREE_H
#define FILE_TREE_H

#include <pthread.h>
#include <stdarg.h>

#include "fixture.h"

static struct {
    msb_volume volume;
    msb_sandbox sandbox;
    int is_sandbox;
    /* Where the tree is on this host, and what its paths begin with. */
    char host[256], prefix[264];
} tree;

/* Up to eight paths live at a time. */
static inline const char *in_turn(const char *format, ...) {
    static _Thread_local char paths[8][16384];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 8];
    va_list values;
    va_start(values, format);
    vsnprintf(path, sizeof *paths, format, values);
    va_end(values);
    return path;
}

/* A path of the tree, as its functions take it and as this host has it. */
static inline const char *at(const char *name) { return in_turn("%s%s", tree.prefix, name); }
static inline const char *on_host(const char *name) { return in_turn("%s/%s", tree.host, name); }

/* The verb of whichever it is; a sandbox's timeout comes between the inputs and the outputs. */
#define EITHER(verb, in, ...)                                                                   \
    (tree.is_sandbox ? msb_sandbox_fs_##verb(tree.sandbox, EXPAND in, PATIENCE_MS, __VA_ARGS__) \
                     : msb_volume_fs_##verb(tree.volume, EXPAND in, __VA_ARGS__))
#define EXPAND(...) __VA_ARGS__

static inline msb_status tree_read(const char *path, msb_bytes **out, msb_error **err) {
    return EITHER(read, (path), out, err);
}
static inline msb_status tree_write(const char *path, const void *data, size_t len, uint32_t flags, msb_error **err) {
    return EITHER(write, (path, data, len, flags, 0644), err);
}
static inline msb_status tree_open(const char *path, uint32_t flags, msb_file *out, msb_error **err) {
    return EITHER(open, (path, flags, 0644), out, err);
}
static inline msb_status tree_list(const char *path, uint64_t cursor, uint32_t limit, msb_file_page **out, msb_error **err) {
    return EITHER(list, (path, cursor, limit), out, err);
}
static inline msb_status tree_stat(const char *path, uint32_t flags, msb_file_info **out, msb_error **err) {
    return EITHER(stat, (path, flags), out, err);
}
static inline msb_status tree_exists(const char *path, uint8_t *out, msb_error **err) {
    return EITHER(exists, (path), out, err);
}
static inline msb_status tree_mkdir(const char *path, uint32_t mode, uint32_t flags, msb_error **err) {
    return EITHER(mkdir, (path, mode, flags), err);
}
static inline msb_status tree_remove(const char *path, msb_error **err) { return EITHER(remove, (path), err); }
static inline msb_status tree_remove_dir(const char *path, uint32_t flags, msb_error **err) {
    return EITHER(remove_dir, (path, flags), err);
}
static inline msb_status tree_copy(const char *from, const char *to, msb_error **err) {
    return EITHER(copy, (from, to), err);
}
static inline msb_status tree_rename(const char *from, const char *to, msb_error **err) {
    return EITHER(rename, (from, to), err);
}
static inline msb_status tree_symlink(const char *target, const char *path, msb_error **err) {
    return EITHER(symlink, (target, path), err);
}
static inline msb_status tree_readlink(const char *path, msb_bytes **out, msb_error **err) {
    return EITHER(readlink, (path), out, err);
}
static inline msb_status tree_chmod(const char *path, uint32_t mode, msb_error **err) {
    return EITHER(chmod, (path, mode), err);
}
static inline msb_status tree_utimes(const char *path, int64_t accessed_ns, int64_t modified_ns, msb_error **err) {
    return EITHER(utimes, (path, accessed_ns, modified_ns), err);
}
static inline msb_status tree_tar_export(const char *path, int fd, msb_file_progress_fn progress, void *user,
                                         msb_file_progress *out, msb_error **err) {
    return EITHER(tar_export, (path, fd, progress, user), out, err);
}
static inline msb_status tree_tar_import(const char *path, int fd, msb_file_progress_fn progress, void *user,
                                         msb_file_progress *out, msb_error **err) {
    return EITHER(tar_import, (path, fd, progress, user), out, err);
}

/* ---- volumes and sandboxes to work on ---- */

static inline msb_volume created_volume(msb_backend backend, const char *name, uint32_t quota_mib) {
    msb_error *err = NULL;
    msb_volume volume = {0};
    msb_volume_config *config = msb_volume_config_new(name);
    if (quota_mib) CHECK_OK(err, msb_volume_config_set_quota_mib(config, quota_mib, &err));
    CHECK_OK(err, msb_volume_create(backend, config, &volume, &err));
    msb_volume_config_free(config);
    return volume;
}

static inline void discard_volume(msb_volume *volume) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_volume_remove(*volume, &err));
    msb_volume_release(volume);
}

static inline void use_volume(msb_backend backend, const char *name) {
    memset(&tree, 0, sizeof tree);
    tree.volume = created_volume(backend, name, 0);
    snprintf(tree.host, sizeof tree.host, "%s/volumes/%s", fixture_home, name);
}

static inline void use_sandbox(msb_backend backend, const char *name) {
    memset(&tree, 0, sizeof tree);
    tree.sandbox = running_box(backend, name);
    tree.is_sandbox = 1;
    snprintf(tree.host, sizeof tree.host, "%s/guest", fixture_home);
    snprintf(tree.prefix, sizeof tree.prefix, "%s/", tree.host);
    CHECK(mkdir(tree.host, 0755) == 0);
}

static inline void discard_tree(void) {
    if (tree.is_sandbox) {
        discard_box(&tree.sandbox);
        remove_tree(tree.host);
    } else {
        discard_volume(&tree.volume);
    }
}

/* ---- short forms ---- */

/* The call fails with this status and this reason. */
#define REFUSES(expected, why, call)                                                                    \
    do {                                                                                                \
        msb_error *err = NULL;                                                                          \
        msb_status status_ = (call);                                                                    \
        if (status_ != (expected) || strcmp(msb_error_reason(err) ? msb_error_reason(err) : "", why)) { \
            test_ok = 0;                                                                                \
            printf("       %s:%d: %s gave %s, %s: %s\n", __FILE__, __LINE__, #call,                     \
                   msb_status_name(status_), msb_error_reason(err), msb_error_message(err));            \
        }                                                                                               \
        msb_error_free(err);                                                                            \
    } while (0)

static inline void put(const char *name, const char *text) {
    msb_error *err = NULL;
    CHECK_OK(err, tree_write(at(name), text, strlen(text), 0, &err));
}

/* Whether the file holds exactly these bytes. */
static inline int holds_bytes(const char *name, const void *data, size_t len) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, tree_read(at(name), &bytes, &err));
    int same = bytes && msb_bytes_len(bytes) == len && memcmp(msb_bytes_data(bytes), data, len) == 0;
    msb_bytes_free(bytes);
    return same;
}

static inline int holds(const char *name, const char *text) { return holds_bytes(name, text, strlen(text)); }

static inline int is_there(const char *name) {
    msb_error *err = NULL;
    uint8_t there = 9;
    CHECK_OK(err, tree_exists(at(name), &there, &err));
    return there == 1;
}

static inline msb_file_info *info_of(const char *name, uint32_t flags) {
    msb_error *err = NULL;
    msb_file_info *info = NULL;
    CHECK_OK(err, tree_stat(at(name), flags, &info, &err));
    return info;
}

static inline msb_file opened(const char *name, uint32_t flags) {
    msb_error *err = NULL;
    msb_file file = {0};
    CHECK_OK(err, tree_open(at(name), flags, &file, &err));
    return file;
}

/* The number of entries of a directory, listed in pages of `limit`; -1 if one came twice. */
static inline long count_listed(const char *name, uint32_t limit) {
    msb_error *err = NULL;
    long count = 0, twice = 0;
    uint64_t cursor = 0;
    char **names = NULL;
    do {
        msb_file_page *page = NULL;
        CHECK_OK(err, tree_list(at(name), cursor, limit, &page, &err));
        size_t len = msb_file_page_len(page);
        CHECK(len <= limit);
        names = realloc(names, (size_t)(count + (long)len + 1) * sizeof *names);
        for (size_t i = 0; i < len; i++) names[count++] = strdup(msb_file_info_name(msb_file_page_get(page, i)));
        cursor = msb_file_page_next(page);
        msb_file_page_free(page);
    } while (cursor && test_ok);
    for (long i = 0; i < count && count <= 1000; i++)
        for (long j = 0; j < i; j++) twice += strcmp(names[i], names[j]) == 0;
    for (long i = 0; i < count; i++) free(names[i]);
    free(names);
    return twice ? -1 : count;
}

#endif
