/*
 * The files of a running sandbox, and copies between it and the host, as operations of a queue.
 */
#include "async.h"

static msb_backend backend;
static msb_sandbox box;
static msb_queue queue;

/* A path of the home, which is the same in the sandbox: the process driver's root is the host's. */
static const char *at(const char *name) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", fixture_home, name);
    return path;
}

/* What `call` submits to `queue` as `op` completes next with this status. */
#define COMPLETES(status, op, call)                \
    do {                                           \
        msb_error *err_ = NULL;                    \
        msb_error **err = &err_;                   \
        CHECK_OK(err_, call);                      \
        CHECK(completes(queue, op, 5, (status)));  \
    } while (0)

#define FINISHES(call)                                    \
    do {                                                  \
        msb_op op = {0};                                  \
        msb_error *finish_ = NULL;                        \
        COMPLETES(MSB_OK, op, call);                      \
        CHECK_OK(finish_, msb_op_finish(op, &finish_));   \
        msb_op_release(&op);                              \
    } while (0)

static int bytes_are(msb_op op, const void *data, size_t len) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    CHECK_OK(err, msb_op_take_bytes(op, &bytes, &err));
    int same = bytes && msb_bytes_len(bytes) == len && memcmp(msb_bytes_data(bytes), data, len) == 0;
    msb_bytes_free(bytes);
    msb_op_release(&op);
    return same;
}

static uint8_t flag_of(msb_op op) {
    msb_error *err = NULL;
    uint8_t flag = 9;
    CHECK_OK(err, msb_op_take_flag(op, &flag, &err));
    msb_op_release(&op);
    return flag;
}

TEST(every_verb_does_what_the_blocking_one_does) {
    msb_error *failure = NULL;
    msb_op op = {0};
    msb_file_info *info = NULL;
    msb_file_page *page = NULL;
    FINISHES(msb_sandbox_fs_mkdir_async(box, at("tree/below"), 0755, MSB_MKDIR_PARENTS, -1, queue, 5, &op, err));
    FINISHES(msb_sandbox_fs_write_async(box, at("tree/a"), "hello", 5, 0, 0644, -1, queue, 5, &op, err));
    FINISHES(msb_sandbox_fs_write_async(box, at("tree/a"), "!", 1, MSB_WRITE_APPEND, 0644, -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_sandbox_fs_read_async(box, at("tree/a"), -1, queue, 5, &op, err));
    CHECK(bytes_are(op, "hello!", 6));
    FINISHES(msb_sandbox_fs_chmod_async(box, at("tree/a"), 0600, -1, queue, 5, &op, err));
    FINISHES(msb_sandbox_fs_utimes_async(box, at("tree/a"), MSB_TIME_KEEP, 7000000000, -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_sandbox_fs_stat_async(box, at("tree/a"), 0, -1, queue, 5, &op, err));
    CHECK_OK(failure, msb_op_take_file_info(op, &info, &failure));
    CHECK(msb_file_info_size(info) == 6 && (msb_file_info_mode(info) & 0777) == 0600);
    CHECK(msb_file_info_modified_ns(info) == 7000000000);
    msb_file_info_free(info);
    msb_op_release(&op);
    FINISHES(msb_sandbox_fs_symlink_async(box, "a", at("tree/link"), -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_sandbox_fs_readlink_async(box, at("tree/link"), -1, queue, 5, &op, err));
    CHECK(bytes_are(op, "a", 1));
    FINISHES(msb_sandbox_fs_rename_async(box, at("tree/a"), at("tree/b"), -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_sandbox_fs_exists_async(box, at("tree/link"), -1, queue, 5, &op, err));
    CHECK(flag_of(op) == 0);
    COMPLETES(MSB_OK, op, msb_sandbox_fs_exists_async(box, at("tree/b"), -1, queue, 5, &op, err));
    CHECK(flag_of(op) == 1);
    COMPLETES(MSB_OK, op, msb_sandbox_fs_list_async(box, at("tree"), 0, 100, -1, queue, 5, &op, err));
    CHECK_OK(failure, msb_op_take_file_page(op, &page, &failure));
    CHECK(msb_file_page_len(page) == 3);
    msb_file_page_free(page);
    msb_op_release(&op);
    FINISHES(msb_sandbox_fs_copy_async(box, at("tree"), at("copy"), -1, queue, 5, &op, err));
    CHECK(exists(at("copy/b")) && exists(at("copy/below")));
    FINISHES(msb_sandbox_fs_remove_async(box, at("copy/link"), -1, queue, 5, &op, err));
    FINISHES(msb_sandbox_fs_remove_dir_async(box, at("copy"), MSB_REMOVE_RECURSIVE, -1, queue, 5, &op, err));
    CHECK(!exists(at("copy")));
    COMPLETES(MSB_ERR_NOT_FOUND, op, msb_sandbox_fs_read_async(box, at("copy/b"), -1, queue, 5, &op, err));
    msb_bytes *bytes = NULL;
    CHECK_STATUS(MSB_ERR_NOT_FOUND, failure, msb_op_take_bytes(op, &bytes, &failure));
    msb_op_release(&op);
}

TEST(an_open_file_is_read_and_written) {
    msb_error *failure = NULL;
    msb_op op = {0};
    msb_file file = {0};
    msb_file_info *info = NULL;
    uint64_t size = 0;
    COMPLETES(MSB_OK, op, msb_sandbox_fs_open_async(box, at("open"), MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE,
                                                    0644, -1, queue, 5, &op, err));
    CHECK_OK(failure, msb_op_take_file(op, &file, &failure));
    msb_op_release(&op);
    FINISHES(msb_file_pwrite_async(file, 3, "abc", 3, -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_file_pread_async(file, 0, 100, -1, queue, 5, &op, err));
    CHECK(bytes_are(op, "\0\0\0abc", 6));
    COMPLETES(MSB_OK, op, msb_file_pread_async(file, 6, 100, -1, queue, 5, &op, err));
    CHECK(bytes_are(op, "", 0));
    FINISHES(msb_file_truncate_async(file, 10 << 20, -1, queue, 5, &op, err));
    FINISHES(msb_file_sync_async(file, -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_file_size_async(file, -1, queue, 5, &op, err));
    CHECK_OK(failure, msb_op_take_count(op, &size, &failure));
    CHECK(size == 10 << 20);
    msb_op_release(&op);
    COMPLETES(MSB_OK, op, msb_file_pread_async(file, 0, 1 << 30, -1, queue, 5, &op, err));
    msb_progress progress;
    CHECK_OK(failure, msb_op_progress(op, &progress, &failure));
    CHECK(progress.bytes_done == 10 << 20);
    msb_op_release(&op);
    COMPLETES(MSB_OK, op, msb_file_stat_async(file, -1, queue, 5, &op, err));
    CHECK_OK(failure, msb_op_take_file_info(op, &info, &failure));
    CHECK(msb_file_info_size(info) == 10 << 20);
    msb_file_info_free(info);
    msb_op_release(&op);
    msb_file_release(&file);
    COMPLETES(MSB_OK, op, msb_sandbox_fs_open_async(box, at("open"), MSB_OPEN_WRITE | MSB_OPEN_APPEND, 0644, -1, queue, 5,
                                                    &op, err));
    CHECK_OK(failure, msb_op_take_file(op, &file, &failure));
    msb_op_release(&op);
    FINISHES(msb_file_append_async(file, "end", 3, -1, queue, 5, &op, err));
    msb_file_release(&file);
    /* Never taken, so closed with the operation. */
    uint64_t files = msb_debug_live_objects(MSB_KIND_FILE);
    COMPLETES(MSB_OK, op, msb_sandbox_fs_open_async(box, at("open"), MSB_OPEN_READ, 0, -1, queue, 5, &op, err));
    msb_op_release(&op);
    CHECK(msb_debug_live_objects(MSB_KIND_FILE) == files);
}

TEST(bad_arguments_are_refused_at_submit) {
    msb_error *err = NULL;
    msb_op op = {9};
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_read_async(box, NULL, -1, queue, 5, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_write_async(box, "/x", "", 0, 99, 0, -1, queue, 5, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_open_async(box, "/x", 0, 0, -1, queue, 5, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_list_async(box, "/", 0, 0, -1, queue, 5, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_chmod_async(box, "/x", 0100644, -1, queue, 5, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_tar_export_async(box, "/", -1, -1, queue, 5, &op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_fs_stat_async(box, "/", 99, -1, queue, 5, &op, &err));
    CHECK(op.id == 0 && is_empty(queue));
}

/* Waits until an operation has moved something. */
static void moves(msb_op op) {
    msb_error *err = NULL;
    msb_progress progress = {0};
    for (int64_t give_up = now_ms() + PATIENCE_MS; !progress.bytes_done && now_ms() < give_up; poll(NULL, 0, 1))
        CHECK_OK(err, msb_op_progress(op, &progress, &err));
    CHECK(progress.bytes_done > 0);
}

/* Larger than can be copied before it is cancelled, and it takes no room: holes. */
static void make_huge(const char *path) {
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)20 << 30) == 0);
    close(fd);
}

TEST(a_copy_tells_its_totals_and_one_that_is_cancelled_leaves_nothing) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_file_progress total;
    msb_progress progress;
    CHECK(mkdir(at("from"), 0700) == 0);
    FINISHES(msb_sandbox_fs_write_async(box, at("from/a"), "12345", 5, 0, 0644, -1, queue, 5, &op, err));
    COMPLETES(MSB_OK, op, msb_sandbox_copy_in_async(box, at("from"), at("in"), -1, queue, 5, &op, err));
    CHECK_OK(err, msb_op_take_file_progress(op, &total, &err));
    CHECK(total.bytes == 5 && exists(at("in/a")));
    CHECK_OK(err, msb_op_progress(op, &progress, &err));
    CHECK(progress.bytes_done == 5 && progress.items_done == total.entries);
    msb_op_release(&op);
    COMPLETES(MSB_OK, op, msb_sandbox_copy_out_async(box, at("in"), at("out"), -1, queue, 5, &op, err));
    CHECK(exists(at("out/a")));
    msb_op_release(&op);

    make_huge(at("from/huge"));
    struct { const char *from, *to; int is_in; } copies[] = {
        {"from/huge", "file-in", 1}, {"from", "tree-in", 1}, {"from/huge", "file-out", 0}, {"from", "tree-out", 0}};
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        const char *from = at(copies[i].from), *to = at(copies[i].to);
        CHECK_OK(err, copies[i].is_in ? msb_sandbox_copy_in_async(box, from, to, -1, queue, 5, &op, &err)
                                      : msb_sandbox_copy_out_async(box, from, to, -1, queue, 5, &op, &err));
        moves(op);
        CHECK_OK(err, msb_op_cancel(op, &err));
        CHECK(completes(queue, op, 5, MSB_ERR_CANCELLED));
        msb_op_release(&op);
        if (exists(to)) printf("       %s is left\n", to);
        CHECK(!exists(to));
    }
    /* What was there before stays a file, whatever is in it. */
    COMPLETES(MSB_OK, op, msb_sandbox_fs_exists_async(box, at("from/a"), -1, queue, 5, &op, err));
    CHECK(flag_of(op) == 1);
    remove(at("from/huge"));
}

TEST(archives_go_through_descriptors_that_the_caller_has_closed) {
    msb_error *err = NULL;
    msb_op out = {0}, in = {0};
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_OK(err, msb_sandbox_fs_tar_export_async(box, at("out"), ends[1], -1, queue, 1, &out, &err));
    CHECK_OK(err, msb_sandbox_fs_tar_import_async(box, at("again"), ends[0], -1, queue, 2, &in, &err));
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < 2; i++) {
        msb_completion done = next_completion(queue);
        if (done.status != MSB_OK) printf("       %d: %s\n", (int)done.token, msb_status_name(done.status));
        CHECK(done.status == MSB_OK);
    }
    CHECK(exists(at("again/a")));
    msb_op_release(&in);
    msb_op_release(&out);
}

/* Four that hang hold the guest's threads; what comes behind them waits, and what is for another sandbox does not. */
TEST(a_guest_that_hangs_holds_up_only_itself) {
    enum { HANGING = 6 };
    msb_error *err = NULL;
    msb_op hang[HANGING], op = {0};
    int ends[2], threads = count_threads();
    msb_sandbox other = running_box(backend, "other");
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    for (int i = 0; i < HANGING; i++)
        CHECK_OK(err, msb_sandbox_fs_tar_import_async(box, at("hang"), ends[0], -1, queue, (uint64_t)(10 + i), &hang[i], &err));
    COMPLETES(MSB_OK, op, msb_sandbox_fs_exists_async(other, "/", -1, queue, 5, &op, err));
    CHECK(flag_of(op) == 1);
    COMPLETES(MSB_ERR_TIMEOUT, op, msb_sandbox_fs_exists_async(box, "/", 50, queue, 5, &op, err));
    msb_op_release(&op);
    CHECK(count_threads() <= threads + 16);
    for (int i = HANGING - 1; i >= 0; i--) CHECK_OK(err, msb_op_cancel(hang[i], &err));
    for (int i = 0; i < HANGING; i++) {
        CHECK(next_completion(queue).status == MSB_ERR_CANCELLED);
        msb_op_release(&hang[i]);
    }
    COMPLETES(MSB_OK, op, msb_sandbox_fs_exists_async(box, "/", -1, queue, 5, &op, err));
    CHECK(flag_of(op) == 1);
    close(ends[0]);
    close(ends[1]);
    discard_box(&other);
}

TEST(the_end_of_the_sandbox_completes_what_is_under_way) {
    msb_error *err = NULL;
    msb_op op = {0};
    int ends[2];
    msb_sandbox other = running_box(backend, "ends");
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_OK(err, msb_sandbox_fs_tar_import_async(other, at("ends"), ends[0], -1, queue, 5, &op, &err));
    EVENTUALLY(exists(at("ends")));
    CHECK_OK(err, msb_sandbox_kill(other, PATIENCE_MS, &err));
    CHECK(completes(queue, op, 5, MSB_ERR_NOT_RUNNING));
    msb_op_release(&op);
    COMPLETES(MSB_ERR_NOT_RUNNING, op, msb_sandbox_fs_read_async(other, "/etc/passwd", -1, queue, 5, &op, err));
    msb_op_release(&op);
    CHECK(is_empty(queue));
    close(ends[0]);
    close(ends[1]);
    discard_box(&other);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    box = running_box(backend, "box");
    queue = new_queue();
    RUN(every_verb_does_what_the_blocking_one_does);
    RUN(an_open_file_is_read_and_written);
    RUN(bad_arguments_are_refused_at_submit);
    if (can_use_volumes()) {
        RUN(a_copy_tells_its_totals_and_one_that_is_cancelled_leaves_nothing);
        RUN(archives_go_through_descriptors_that_the_caller_has_closed);
    }
    RUN(a_guest_that_hangs_holds_up_only_itself);
    RUN(the_end_of_the_sandbox_completes_what_is_under_way);
    close_queue(&queue);
    discard_box(&box);
    close_backend(&backend);
    return fixture_end();
}
