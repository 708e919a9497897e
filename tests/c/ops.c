/* Operations: their results, cancellation at every stage, what is left afterwards, and ten thousand at once. */
#include "async.h"

#include <pthread.h>

static msb_backend backend;
static msb_queue queue;
static int idle[2];

/* Waits for the operation's completion, which has to have this status. */
static void await(msb_op op, uint64_t token, msb_status status) { CHECK(completes(queue, op, token, status)); }

static void release(msb_op op) { msb_op_release(&op); }

static uint64_t live(void) { return msb_debug_live_objects(MSB_KIND_ALL); }

TEST(a_result_is_taken_once_by_the_function_of_its_type) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_volume volume = {0};
    msb_bytes *bytes = NULL;
    uint64_t count = 0, base = live();
    msb_volume_config *config = msb_volume_config_new("once");
    CHECK_OK(err, msb_volume_create_async(backend, config, queue, 1, &op, &err));
    msb_volume_config_free(config);
    await(op, 1, MSB_OK);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_op_finish(op, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_op_take_bytes(op, &bytes, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_op_take_count(op, &count, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_op_take_volume(op, NULL, &err));
    CHECK_OK(err, msb_op_take_volume(op, &volume, &err));
    CHECK(volume.id != 0 && live() == base + 2);
    msb_volume again = {9};
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_op_take_volume(op, &again, &err));
    CHECK(again.id == 0);
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_op_finish(op, &err));
    release(op);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_failure_is_told_as_the_call_tells_it_and_again) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_bytes *bytes = NULL;
    msb_volume volume = new_volume(backend, "failure");
    CHECK_OK(err, msb_volume_read_async(volume, "none", queue, 2, &op, &err));
    await(op, 2, MSB_ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        CHECK(msb_op_take_bytes(op, &bytes, &err) == MSB_ERR_NOT_FOUND && bytes == NULL);
        CHECK(strcmp(msb_error_reason(err), "file.not_found") == 0 && msb_error_errno(err) == ENOENT);
        msb_error_free(err);
    }
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_op_finish(op, &err));
    release(op);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_question_before_the_completion_is_refused) {
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "early");
    msb_file_progress total;
    msb_op op = hanging(volume, "x", idle[0], queue, 3), stale = op;
    CHECK(msb_op_take_file_progress(op, &total, &err) == MSB_ERR_INVALID_STATE);
    CHECK(strcmp(msb_error_reason(err), "op.running") == 0);
    msb_error_free(err);
    /* It has begun: the import makes its directory first. */
    uint8_t begun = 0;
    EVENTUALLY(msb_volume_fs_exists(volume, "x", &begun, NULL) == MSB_OK && begun);
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK_OK(err, msb_op_cancel(op, &err));
    await(op, 3, MSB_ERR_CANCELLED);
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(msb_op_take_file_progress(op, &total, &err) == MSB_ERR_CANCELLED);
    CHECK(strcmp(msb_error_reason(err), "op.cancelled") == 0 && msb_error_cause_count(err) > 0);
    msb_error_free(err);
    msb_op_release(&op);
    CHECK(op.id == 0);
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_op_cancel(stale, &err));
    CHECK_STATUS(MSB_ERR_STALE_HANDLE, err, msb_op_finish(stale, &err));
    msb_op other = {volume.id};
    CHECK_STATUS(MSB_ERR_WRONG_HANDLE_TYPE, err, msb_op_cancel(other, &err));
    msb_op_release(&other);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_queued_operation_is_cancelled_at_once) {
    enum { BUSY = 16 };
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "queued");
    msb_op busy[BUSY], op = {0};
    /* Each holds a thread, so that the next one waits for its turn. */
    for (int i = 0; i < BUSY; i++) busy[i] = hanging(volume, "x", idle[0], queue, i);
    CHECK_OK(err, msb_volume_write_async(volume, "never", "x", 1, queue, 99, &op, &err));
    CHECK_OK(err, msb_op_cancel(op, &err));
    await(op, 99, MSB_ERR_CANCELLED);
    release(op);
    uint8_t there = 1;
    CHECK_OK(err, msb_volume_fs_exists(volume, "never", &there, &err));
    CHECK(!there);
    for (int i = 0; i < BUSY; i++) CHECK_OK(err, msb_op_cancel(busy[i], &err));
    for (int i = 0; i < BUSY; i++) CHECK(next_completion(queue).status == MSB_ERR_CANCELLED);
    for (int i = 0; i < BUSY; i++) release(busy[i]);
    CHECK(is_empty(queue));
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(an_operation_that_is_let_go_goes_on_and_completes_without_a_handle) {
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "let_go");
    msb_op op = {0};
    uint64_t base = live();
    int fds[2];
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    op = hanging(volume, "x", fds[0], queue, 4);
    msb_op_release(&op);
    CHECK(msb_queue_pending(queue) == 1);
    close(fds[1]);
    close(fds[0]);
    msb_completion completion = next_completion(queue);
    CHECK(completion.op.id == 0 && completion.token == 4);
    msb_sandbox_config *config = box_config("let_go");
    CHECK_OK(err, msb_sandbox_create_async(backend, config, queue, 5, &op, &err));
    msb_sandbox_config_free(config);
    msb_op_release(&op);
    completion = next_completion(queue);
    CHECK(completion.op.id == 0 && completion.status == MSB_OK);
    CHECK(live() == base);
    msb_sandbox box = open_box(backend, "let_go");
    CHECK_OK(err, msb_sandbox_remove(box, &err));
    msb_sandbox_release(&box);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_sandbox_lives_its_life_in_operations) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_sandbox box = {0};
    msb_sandbox_config *config = box_config("life");
    CHECK_OK(err, msb_sandbox_create_async(backend, config, queue, 1, &op, &err));
    msb_sandbox_config_free(config);
    await(op, 1, MSB_OK);
    CHECK_OK(err, msb_op_take_sandbox(op, &box, &err));
    release(op);
    CHECK_OK(err, msb_sandbox_start_async(box, -1, queue, 2, &op, &err));
    await(op, 2, MSB_OK);
    CHECK_OK(err, msb_op_finish(op, &err));
    release(op);
    CHECK(answers(box));
    CHECK_OK(err, msb_sandbox_start_async(box, -1, queue, 3, &op, &err));
    await(op, 3, MSB_ERR_INVALID_STATE);
    release(op);
    CHECK_OK(err, msb_sandbox_detach_async(box, queue, 4, &op, &err));
    await(op, 4, MSB_OK);
    release(op);
    CHECK_OK(err, msb_sandbox_remove_async(box, queue, 5, &op, &err));
    await(op, 5, MSB_ERR_INVALID_STATE);
    release(op);
    CHECK_OK(err, msb_sandbox_stop_async(box, PATIENCE_MS, queue, 6, &op, &err));
    await(op, 6, MSB_OK);
    release(op);
    CHECK_OK(err, msb_sandbox_start_async(box, -1, queue, 7, &op, &err));
    await(op, 7, MSB_OK);
    release(op);
    CHECK_OK(err, msb_sandbox_kill_async(box, PATIENCE_MS, queue, 8, &op, &err));
    await(op, 8, MSB_OK);
    release(op);
    CHECK(wait_box(box).reason == MSB_EXIT_KILL_REQUESTED);
    CHECK_OK(err, msb_sandbox_remove_async(box, queue, 9, &op, &err));
    await(op, 9, MSB_OK);
    release(op);
    CHECK(!exists(box_directory("life")));
    msb_sandbox_release(&box);
}

TEST(a_cancelled_start_is_undone_whenever_it_is_cancelled) {
    msb_error *err = NULL;
    int cancelled = 0, rounds = scaled(40);
    for (int i = 0; i < rounds; i++) {
        msb_op op = {0};
        msb_sandbox box = created_box(backend, "start");
        CHECK_OK(err, msb_sandbox_start_async(box, -1, queue, 1, &op, &err));
        poll(NULL, 0, i % 20);
        CHECK_OK(err, msb_op_cancel(op, &err));
        msb_status status = next_completion(queue).status;
        CHECK(status == MSB_OK || status == MSB_ERR_CANCELLED);
        release(op);
        if (status == MSB_ERR_CANCELLED) {
            cancelled++;
            CHECK(runner_of(box) == 0);
            CHECK_OK(err, msb_sandbox_start(box, -1, &err));
        }
        CHECK(answers(box));
        discard_box(&box);
    }
    CHECK(cancelled > 0);
}

TEST(a_cancelled_create_leaves_all_or_nothing) {
    msb_error *err = NULL;
    int rounds = scaled(60);
    for (int i = 0; i < rounds; i++) {
        msb_op op = {0};
        msb_sandbox box = {0};
        msb_mount_config *mount = msb_mount_config_new("/data");
        msb_sandbox_config *config = box_config("create");
        CHECK_OK(err, msb_mount_config_set_volume(mount, "created", &err));
        CHECK_OK(err, msb_mount_config_set_volume_mode(mount, "create", &err));
        CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
        msb_mount_config_free(mount);
        CHECK_OK(err, msb_sandbox_create_async(backend, config, queue, 1, &op, &err));
        msb_sandbox_config_free(config);
        if (i % 2) poll(NULL, 0, i % 4);
        CHECK_OK(err, msb_op_cancel(op, &err));
        msb_status status = next_completion(queue).status;
        if (status == MSB_OK) {
            CHECK_OK(err, msb_op_take_sandbox(op, &box, &err));
            CHECK_OK(err, msb_sandbox_remove(box, &err));
            msb_sandbox_release(&box);
            msb_volume volume = {0};
            CHECK_OK(err, msb_volume_open(backend, "created", &volume, &err));
            CHECK_OK(err, msb_volume_remove(volume, &err));
            msb_volume_release(&volume);
        } else {
            CHECK(status == MSB_ERR_CANCELLED);
            CHECK(msb_sandbox_open(backend, "create", &box, NULL) == MSB_ERR_NOT_FOUND);
            CHECK(msb_volume_open(backend, "created", &(msb_volume){0}, NULL) == MSB_ERR_NOT_FOUND);
            CHECK(!exists(box_directory("create")));
        }
        release(op);
    }
}

TEST(a_cancelled_disk_volume_leaves_all_or_nothing) {
    msb_error *err = NULL;
    char folder[256];
    snprintf(folder, sizeof folder, "%s/volumes", fixture_home);
    int rounds = scaled(40), before = count_entries(folder);
    for (int i = 0; i < rounds; i++) {
        msb_op op = {0};
        msb_volume volume = {0};
        msb_volume_config *config = msb_volume_config_new("disk");
        CHECK_OK(err, msb_volume_config_set_kind(config, "disk", &err));
        CHECK_OK(err, msb_volume_config_set_capacity_mib(config, 64, &err));
        CHECK_OK(err, msb_volume_create_async(backend, config, queue, 1, &op, &err));
        msb_volume_config_free(config);
        poll(NULL, 0, i % 3);
        CHECK_OK(err, msb_op_cancel(op, &err));
        msb_status status = next_completion(queue).status;
        if (status == MSB_OK) {
            CHECK_OK(err, msb_op_take_volume(op, &volume, &err));
            CHECK_OK(err, msb_volume_remove(volume, &err));
            msb_volume_release(&volume);
        } else {
            CHECK(status == MSB_ERR_CANCELLED);
        }
        release(op);
        CHECK(count_entries(folder) == before);
    }
}

TEST(a_success_that_nobody_takes_is_not_leaked) {
    msb_error *err = NULL;
    uint64_t base = live();
    int rounds = scaled(50);
    for (int i = 0; i < rounds; i++) {
        msb_op op = {0};
        msb_volume_config *config = msb_volume_config_new("untaken");
        CHECK_OK(err, msb_volume_create_async(backend, config, queue, 1, &op, &err));
        msb_volume_config_free(config);
        if (i % 2) CHECK_OK(err, msb_op_cancel(op, &err));
        msb_status status = next_completion(queue).status;
        CHECK(status == MSB_OK || (i % 2 && status == MSB_ERR_CANCELLED));
        release(op);
        CHECK(live() == base);
        if (status != MSB_OK) continue;
        msb_volume volume = {0};
        CHECK_OK(err, msb_volume_open(backend, "untaken", &volume, &err));
        CHECK_OK(err, msb_volume_remove(volume, &err));
        msb_volume_release(&volume);
    }
}

TEST(a_cancelled_import_leaves_no_part_of_a_file) {
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "import");
    msb_op op = {0};
    int fds[2];
    size_t size = (size_t)4 << 20;
    char *data = calloc(1, size);
    char archive[64];
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    CHECK_OK(err, msb_volume_write(volume, "big", data, size, &err));
    free(data);
    snprintf(archive, sizeof archive, "%.40s.tar", fixture_home);
    int file = open(archive, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_OK(err, msb_volume_fs_tar_export_async(volume, ".", file, queue, 1, &op, &err));
    await(op, 1, MSB_OK);
    msb_file_progress total;
    msb_progress progress;
    CHECK_OK(err, msb_op_take_file_progress(op, &total, &err));
    CHECK_OK(err, msb_op_progress(op, &progress, &err));
    CHECK(total.bytes == size && progress.bytes_done == size && progress.items_done == total.entries);
    release(op);
    /* Half of the archive goes in, then nothing moves. */
    op = hanging(volume, "into", fds[0], queue, 2);
    lseek(file, 0, SEEK_SET);
    char piece[4096];
    for (size_t sent = 0; sent < size / 2; sent += sizeof piece)
        if (read(file, piece, sizeof piece) != sizeof piece || write(fds[1], piece, sizeof piece) != sizeof piece) break;
    CHECK_OK(err, msb_op_cancel(op, &err));
    await(op, 2, MSB_ERR_CANCELLED);
    release(op);
    uint8_t there = 1;
    CHECK_OK(err, msb_volume_fs_exists(volume, "into/big", &there, &err));
    CHECK(!there);
    close(file);
    close(fds[0]);
    close(fds[1]);
    unlink(archive);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(files_of_a_volume_are_used_in_operations) {
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "files");
    msb_op op = {0};
    msb_bytes *bytes = NULL;
    msb_file_page *page = NULL;
    CHECK_OK(err, msb_volume_fs_mkdir(volume, "a", 0755, 0, &err));
    CHECK_OK(err, msb_volume_fs_write_async(volume, "a/f", "hello", 5, MSB_WRITE_ATOMIC, 0644, queue, 1, &op, &err));
    await(op, 1, MSB_OK);
    release(op);
    CHECK_OK(err, msb_volume_fs_copy_async(volume, "a", "b", queue, 2, &op, &err));
    await(op, 2, MSB_OK);
    msb_progress progress;
    CHECK_OK(err, msb_op_progress(op, &progress, &err));
    CHECK(progress.bytes_done == 5 && progress.items_done == 1);
    release(op);
    CHECK_OK(err, msb_volume_fs_read_async(volume, "b/f", queue, 3, &op, &err));
    await(op, 3, MSB_OK);
    CHECK_OK(err, msb_op_take_bytes(op, &bytes, &err));
    CHECK(msb_bytes_len(bytes) == 5 && memcmp(msb_bytes_data(bytes), "hello", 5) == 0);
    msb_bytes_free(bytes);
    release(op);
    CHECK_OK(err, msb_volume_fs_list_async(volume, ".", 0, 10, queue, 4, &op, &err));
    await(op, 4, MSB_OK);
    CHECK_OK(err, msb_op_take_file_page(op, &page, &err));
    CHECK(msb_file_page_len(page) == 2);
    msb_file_page_free(page);
    release(op);
    CHECK_OK(err, msb_volume_fs_remove_dir_async(volume, "b", MSB_REMOVE_RECURSIVE, queue, 5, &op, &err));
    await(op, 5, MSB_OK);
    release(op);
    CHECK_OK(err, msb_volume_remove_async(volume, queue, 6, &op, &err));
    await(op, 6, MSB_OK);
    release(op);
    CHECK_OK(err, msb_volume_remove_async(volume, queue, 7, &op, &err));
    await(op, 7, MSB_ERR_NOT_FOUND);
    release(op);
    msb_volume_release(&volume);
}

TEST(a_cancelled_copy_leaves_nothing) {
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "copy");
    char path[32];
    int files = scaled(400), cancelled = 0;
    CHECK_OK(err, msb_volume_fs_mkdir(volume, "many", 0755, 0, &err));
    for (int i = 0; i < files; i++) {
        snprintf(path, sizeof path, "many/%d", i);
        CHECK_OK(err, msb_volume_write(volume, path, "x", 1, &err));
    }
    for (int i = 0; i < 12; i++) {
        msb_op op = {0};
        CHECK_OK(err, msb_volume_fs_copy_async(volume, "many", "copy", queue, 1, &op, &err));
        poll(NULL, 0, i % 6);
        CHECK_OK(err, msb_op_cancel(op, &err));
        msb_status status = next_completion(queue).status;
        cancelled += status == MSB_ERR_CANCELLED;
        release(op);
        msb_file_page *page = NULL;
        CHECK_OK(err, msb_volume_fs_list(volume, ".", 0, 10, &page, &err));
        CHECK(msb_file_page_len(page) == (status == MSB_OK ? 2 : 1));
        msb_file_page_free(page);
        if (status == MSB_OK) CHECK_OK(err, msb_volume_fs_remove_dir(volume, "copy", MSB_REMOVE_RECURSIVE, &err));
    }
    CHECK(cancelled > 0);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_home_is_looked_through_in_operations) {
    msb_error *err = NULL;
    msb_op op = {0};
    msb_storage_usage *usage = NULL;
    msb_fsck_report *found = NULL;
    msb_prune_report *freed = NULL;
    msb_probe_report *report = NULL;
    CHECK_OK(err, msb_storage_usage_get_async(backend, queue, 1, &op, &err));
    await(op, 1, MSB_OK);
    CHECK_OK(err, msb_op_take_storage_usage(op, &usage, &err));
    msb_progress progress;
    CHECK_OK(err, msb_op_progress(op, &progress, &err));
    CHECK(msb_storage_usage_len(usage) > 5 && progress.bytes_done > 0);
    msb_storage_usage_free(usage);
    release(op);
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_fsck_async(backend, 64, queue, 1, &op, &err));
    CHECK_OK(err, msb_fsck_async(backend, 0, queue, 2, &op, &err));
    await(op, 2, MSB_OK);
    CHECK_OK(err, msb_op_take_fsck_report(op, &found, &err));
    msb_fsck_report_free(found);
    release(op);
    CHECK_OK(err, msb_prune_async(backend, MSB_PRUNE_CACHE | MSB_PRUNE_DRY_RUN, queue, 3, &op, &err));
    await(op, 3, MSB_OK);
    CHECK_OK(err, msb_op_take_prune_report(op, &freed, &err));
    msb_prune_report_free(freed);
    release(op);
    CHECK_OK(err, msb_probe_async(backend, queue, 4, &op, &err));
    await(op, 4, MSB_OK);
    CHECK_OK(err, msb_op_take_probe_report(op, &report, &err));
    CHECK(msb_probe_report_len(report) > 0);
    msb_probe_report_free(report);
    release(op);
}

TEST(a_backend_that_is_closed_meanwhile_fails_its_operations_once_each) {
    msb_error *err = NULL;
    char home[160];
    snprintf(home, sizeof home, "%s-2", fixture_home);
    msb_backend_config *config = msb_backend_config_new();
    msb_backend other = {0};
    msb_op op = {0};
    CHECK_OK(err, msb_backend_config_set_home(config, home, &err));
    CHECK_OK(err, msb_backend_config_set_driver(config, "process", &err));
    CHECK_OK(err, msb_backend_new_async(config, queue, 1, &op, &err));
    msb_backend_config_free(config);
    await(op, 1, MSB_OK);
    CHECK_OK(err, msb_op_take_backend(op, &other, &err));
    release(op);
    msb_sandbox boxes[4];
    char name[16];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "box%d", i);
        boxes[i] = created_box(other, name);
    }
    int count = 0;
    for (int i = 0; i < 4; i++, count++) {
        CHECK_OK(err, msb_sandbox_start_async(boxes[i], -1, queue, 10, &op, &err));
        msb_op_release(&op);
    }
    for (int i = 0; i < 50; i++, count++) {
        CHECK_OK(err, msb_storage_usage_get_async(other, queue, 11, &op, &err));
        msb_op_release(&op);
    }
    CHECK_OK(err, msb_backend_close_async(other, PATIENCE_MS, queue, 12, &op, &err));
    count++;
    int closed = 0;
    for (int i = 0; i < count; i++) {
        msb_completion completion = next_completion(queue);
        if (completion.token == 12) closed++;
    }
    CHECK(closed == 1 && is_empty(queue));
    release(op);
    CHECK_OK(err, msb_sandbox_start_async(boxes[0], -1, queue, 13, &op, &err));
    await(op, 13, MSB_ERR_INVALID_STATE);
    release(op);
    for (int i = 0; i < 4; i++) msb_sandbox_release(&boxes[i]);
    msb_backend_release(&other);
    other = open_backend(home);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "box%d", i);
        boxes[i] = open_box(other, name);
        discard_box(&boxes[i]);
    }
    close_backend(&other);
    remove_tree(home);
}

TEST(a_job_that_finds_no_thread_in_time_times_out) {
    enum { BUSY = 16 };
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "late");
    /* Stopped processes: stops that never kill wait for ever, and hold the threads of their lane. */
    msb_op busy[BUSY], op = {0};
    kill((pid_t)runner_of(box), SIGSTOP);
    for (int i = 0; i < BUSY; i++) CHECK_OK(err, msb_sandbox_stop_async(box, -1, queue, i, &busy[i], &err));
    poll(NULL, 0, 50);
    CHECK_OK(err, msb_sandbox_start_async(box, 100, queue, 99, &op, &err));
    msb_completion completion = next_completion(queue);
    CHECK(completion.token == 99 && completion.status == MSB_ERR_TIMEOUT);
    release(op);
    kill((pid_t)runner_of(box), SIGCONT);
    for (int i = 0; i < BUSY; i++) next_completion(queue);
    for (int i = 0; i < BUSY; i++) release(busy[i]);
    discard_box(&box);
}

static long resident_kib(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

TEST(ten_thousand_operations_use_few_threads_and_little_memory) {
    msb_error *err = NULL;
    msb_volume volume = new_volume(backend, "many");
    close_queue(&queue);
    int count = scaled(10000), threads = count_threads(), peak = 0;
    queue = new_queue();
    msb_op *ops = calloc((size_t)count, sizeof *ops);
    /* The first ones hold every thread that there may be; the others wait behind them. */
    long before = resident_kib();
    for (int i = 0; i < count; i++) {
        if (i < 32) ops[i] = hanging(volume, "x", idle[0], queue, i);
        else CHECK_OK(err, msb_volume_write_async(volume, "f", "x", 1, queue, i, &ops[i], &err));
        if (i % 1000 == 0 && count_threads() > peak) peak = count_threads();
    }
    if (count_threads() > peak) peak = count_threads();
    long grown = resident_kib() - before;
    CHECK(msb_queue_pending(queue) == (uint64_t)count);
    printf("       %d operations in flight: %d threads, before %d; %ld KiB\n", count, peak, threads, grown);
    CHECK(peak - threads <= 16);
    CHECK(grown < 64 * 1024);
    for (int i = 0; i < 32; i++) CHECK_OK(err, msb_op_cancel(ops[i], &err));
    char *seen = calloc((size_t)count, 1);
    for (int left = count; left > 0;) {
        msb_completion batch[64];
        size_t n = 0;
        CHECK_OK(err, msb_queue_next(queue, batch, 64, PATIENCE_MS, &n, &err));
        if (!n) break;
        for (size_t i = 0; i < n; i++) {
            CHECK(!seen[batch[i].token]++);
            CHECK(batch[i].status == (batch[i].token < 32 ? MSB_ERR_CANCELLED : MSB_OK));
        }
        left -= (int)n;
    }
    CHECK(is_empty(queue));
    for (int i = 0; i < count; i++) msb_op_release(&ops[i]);
    free(ops);
    free(seen);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(ten_thousand_waits_use_one_thread) {
    msb_error *err = NULL;
    close_queue(&queue);
    msb_sandbox box = running_box(backend, "waited_for");
    CHECK(answers(box));
    int count = scaled(10000), threads = count_threads();
    queue = new_queue();
    msb_op *ops = calloc((size_t)count, sizeof *ops);
    long before = resident_kib();
    for (int i = 0; i < count; i++) CHECK_OK(err, msb_sandbox_wait_async(box, -1, queue, i, &ops[i], &err));
    long grown = resident_kib() - before;
    int more = count_threads() - threads;
    CHECK(msb_queue_pending(queue) == (uint64_t)count);
    printf("       %d waits: %d threads more; %ld KiB\n", count, more, grown);
    CHECK(more <= 1);
    CHECK(grown < 64 * 1024);
    CHECK_OK(err, msb_sandbox_kill(box, PATIENCE_MS, &err));
    for (int i = 0; i < count; i++) CHECK(next_completion(queue).status == MSB_OK);
    CHECK(is_empty(queue));
    for (int i = 0; i < count; i++) msb_op_release(&ops[i]);
    free(ops);
    discard_box(&box);
}

struct race {
    pthread_t thread;
    msb_volume volume;
};

static void *submit_and_cancel(void *context) {
    struct race *race = context;
    for (int i = 0; i < scaled(300); i++) {
        msb_op op = {0};
        if (msb_volume_fs_write_async(race->volume, "raced", "x", 1, 0, 0644, queue, 1, &op, NULL) != MSB_OK) continue;
        if (i % 3) msb_op_cancel(op, NULL);
        if (i % 5 == 0) poll(NULL, 0, 1);
        msb_op_release(&op);
    }
    return NULL;
}

TEST(many_threads_submit_and_cancel_and_each_operation_completes_once) {
    enum { THREADS = 4 };
    msb_error *err = NULL;
    struct race races[THREADS];
    msb_volume volume = new_volume(backend, "race");
    for (int i = 0; i < THREADS; i++) {
        races[i].volume = volume;
        pthread_create(&races[i].thread, NULL, submit_and_cancel, &races[i]);
    }
    int expected = THREADS * scaled(300), seen = 0;
    while (seen < expected) {
        msb_completion batch[16];
        size_t n = 0;
        CHECK_OK(err, msb_queue_next(queue, batch, 16, PATIENCE_MS, &n, &err));
        if (!n) break;
        seen += (int)n;
    }
    for (int i = 0; i < THREADS; i++) pthread_join(races[i].thread, NULL);
    CHECK(seen == expected && is_empty(queue));
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    queue = new_queue();
    /* The first start of a home writes the programs out, which takes long under valgrind. */
    msb_sandbox first = running_box(backend, "first");
    discard_box(&first);
    if (pipe2(idle, O_CLOEXEC) != 0) return 1;
    RUN(a_result_is_taken_once_by_the_function_of_its_type);
    RUN(an_operation_that_is_let_go_goes_on_and_completes_without_a_handle);
    RUN(a_sandbox_lives_its_life_in_operations);
    RUN(a_cancelled_start_is_undone_whenever_it_is_cancelled);
    RUN(a_cancelled_create_leaves_all_or_nothing);
    RUN(a_cancelled_disk_volume_leaves_all_or_nothing);
    RUN(a_success_that_nobody_takes_is_not_leaked);
    RUN(a_home_is_looked_through_in_operations);
    RUN(a_backend_that_is_closed_meanwhile_fails_its_operations_once_each);
    RUN(a_job_that_finds_no_thread_in_time_times_out);
    RUN(ten_thousand_waits_use_one_thread);
    RUN(many_threads_submit_and_cancel_and_each_operation_completes_once);
    if (can_use_volumes()) {
        RUN(a_failure_is_told_as_the_call_tells_it_and_again);
        RUN(a_question_before_the_completion_is_refused);
        RUN(a_queued_operation_is_cancelled_at_once);
        RUN(a_cancelled_import_leaves_no_part_of_a_file);
        RUN(files_of_a_volume_are_used_in_operations);
        RUN(a_cancelled_copy_leaves_nothing);
        RUN(ten_thousand_operations_use_few_threads_and_little_memory);
    }
    close_queue(&queue);
    close_backend(&backend);
    return fixture_end();
}
