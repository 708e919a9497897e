/*
 * What is a sandbox's own about its files: it must run, calls have deadlines, open files end with it, its commands see the
 * same files, and copies go between it and the host. The verbs themselves are tested in files.c.
 */
#include "file_tree.h"

static msb_backend backend;

TEST(files_of_a_sandbox_that_does_not_run_are_not_there) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    msb_sandbox box = created_box(backend, "idle");
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_fs_read(box, "/etc/passwd", PATIENCE_MS, &bytes, &err));
    CHECK(bytes == NULL);
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_copy_out(box, "/etc", "/tmp/never", NULL, NULL, -1, NULL, &err));
    CHECK(!exists("/tmp/never"));
    CHECK_OK(err, msb_sandbox_remove(box, &err));
    msb_sandbox_release(&box);
}

TEST(commands_and_calls_see_the_same_files) {
    char script[512];
    put("from-host", "hello");
    snprintf(script, sizeof script, "cat %s && printf back > %s", at("from-host"), at("from-guest"));
    CHECK(prints(tree.sandbox, shell(script), "hello"));
    CHECK(holds("from-guest", "back"));
}

TEST(absolute_and_relative_paths_begin_at_the_guests_root) {
    msb_error *err = NULL;
    uint8_t there = 0;
    CHECK_OK(err, msb_sandbox_fs_exists(tree.sandbox, "/etc/passwd", PATIENCE_MS, &there, &err));
    CHECK(there == 1);
    CHECK_OK(err, msb_sandbox_fs_exists(tree.sandbox, "etc/passwd", PATIENCE_MS, &there, &err));
    CHECK(there == 1);
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "file.bad_path", msb_sandbox_fs_exists(tree.sandbox, "", PATIENCE_MS, &there, &err));
}

TEST(an_open_file_ends_with_its_sandbox) {
    msb_error *err = NULL;
    msb_file file = {0};
    char byte;
    size_t n = 9;
    msb_sandbox box = running_box(backend, "short");
    put("survivor", "x");
    CHECK_OK(err, msb_sandbox_fs_open(box, at("survivor"), MSB_OPEN_READ, 0, PATIENCE_MS, &file, &err));
    CHECK_OK(err, msb_file_pread(file, 0, &byte, 1, PATIENCE_MS, &n, &err));
    CHECK(n == 1 && byte == 'x');
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    CHECK(msb_file_pread(file, 0, &byte, 1, PATIENCE_MS, &n, &err) != MSB_OK && n == 0);
    msb_error_free(err);
    err = NULL;
    CHECK_OK(err, msb_sandbox_remove(box, &err));
    msb_sandbox_release(&box);
    msb_file_release(&file);
}

TEST(an_open_file_outlives_the_handle_of_its_sandbox) {
    msb_error *err = NULL;
    msb_file file = {0};
    char byte = 0;
    size_t n = 0;
    put("kept-open", "y");
    msb_sandbox second = open_box(backend, "files");
    CHECK_OK(err, msb_sandbox_fs_open(second, at("kept-open"), MSB_OPEN_READ, 0, PATIENCE_MS, &file, &err));
    msb_sandbox_release(&second);
    CHECK_OK(err, msb_file_pread(file, 0, &byte, 1, PATIENCE_MS, &n, &err));
    CHECK(n == 1 && byte == 'y');
    msb_file_release(&file);
}

TEST(a_guest_that_stands_still_is_a_timeout) {
    msb_error *err = NULL;
    msb_bytes *bytes = NULL;
    msb_sandbox box = running_box(backend, "still");
    put("any", "x");
    CHECK_OK(err, msb_sandbox_fs_read(box, at("any"), PATIENCE_MS, &bytes, &err));
    msb_bytes_free(bytes);
    /* Under this driver the agent is a child of the runner. */
    int agent = child_of(runner_of(box));
    CHECK(agent > 0 && kill(agent, SIGSTOP) == 0);
    int worker = child_of((uint32_t)agent);
    if (worker > 0) kill(worker, SIGSTOP);
    int64_t begin = now_ms();
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_sandbox_fs_read(box, at("any"), 300, &bytes, &err));
    CHECK(bytes == NULL && now_ms() - begin >= 300 && now_ms() - begin < PATIENCE_MS / 2);
    if (worker > 0) kill(worker, SIGCONT);
    kill(agent, SIGCONT);
    CHECK_OK(err, msb_sandbox_fs_read(box, at("any"), PATIENCE_MS, &bytes, &err));
    msb_bytes_free(bytes);
    discard_box(&box);
}

/* ---- copies ---- */

struct tally {
    int calls, give_up;
};

static int32_t tally(void *user, const msb_file_progress *progress) {
    struct tally *tally = user;
    (void)progress;
    tally->calls++;
    return tally->give_up;
}

/* A path of the home that is not in the guest's directory. */
static const char *of_host(const char *name) { return in_turn("%s/%s", fixture_home, name); }

static void write_host(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int host_holds(const char *path, const char *text) {
    char seen[64] = "";
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(seen, 1, sizeof seen, file) : 0;
    if (file) fclose(file);
    return len == strlen(text) && memcmp(seen, text, len) == 0;
}

TEST(a_tree_is_copied_in_and_out) {
    msb_error *err = NULL;
    msb_file_progress total;
    struct tally seen = {0};
    CHECK(mkdir(of_host("out-there"), 0755) == 0 && mkdir(of_host("out-there/sub"), 0700) == 0);
    write_host(of_host("out-there/one"), "first");
    write_host(of_host("out-there/sub/two"), "second");
    CHECK(symlink("one", of_host("out-there/link")) == 0);
    CHECK_OK(err, msb_sandbox_copy_in(tree.sandbox, of_host("out-there"), at("in-here"), tally, &seen, PATIENCE_MS, &total, &err));
    CHECK(holds("in-here/one", "first") && holds("in-here/sub/two", "second") && holds("in-here/link", "first"));
    CHECK(total.bytes == 11 && total.entries >= 4 && seen.calls > 0);
    CHECK_OK(err, msb_sandbox_copy_out(tree.sandbox, at("in-here"), of_host("back"), NULL, NULL, PATIENCE_MS, &total, &err));
    CHECK(host_holds(of_host("back/one"), "first") && host_holds(of_host("back/sub/two"), "second") && total.bytes == 11);
    struct stat st;
    CHECK(lstat(of_host("back/link"), &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(stat(of_host("back/sub"), &st) == 0 && (st.st_mode & 0777) == 0700);
    remove_tree(of_host("back"));
    remove_tree(of_host("out-there"));
}

TEST(a_file_is_copied_in_and_out_under_its_new_name) {
    msb_error *err = NULL;
    write_host(of_host("single"), "alone");
    CHECK_OK(err, msb_sandbox_copy_in(tree.sandbox, of_host("single"), at("renamed"), NULL, NULL, PATIENCE_MS, NULL, &err));
    CHECK(holds("renamed", "alone"));
    CHECK_OK(err, msb_sandbox_copy_out(tree.sandbox, at("renamed"), of_host("again"), NULL, NULL, PATIENCE_MS, NULL, &err));
    CHECK(host_holds(of_host("again"), "alone"));
    unlink(of_host("single"));
    unlink(of_host("again"));
}

TEST(a_copy_is_cancelled_by_its_progress_function) {
    msb_error *err = NULL;
    struct tally seen = {.give_up = 1};
    msb_file_progress total = {.bytes = 7};
    put("copied", "x");
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_sandbox_copy_out(tree.sandbox, at("copied"), of_host("never"), tally, &seen,
                                                              PATIENCE_MS, &total, &err));
    CHECK(seen.calls == 1 && total.bytes == 0);
    unlink(of_host("never"));
    remove_tree(of_host("never"));
}

TEST(a_copy_of_nothing_names_what_is_missing) {
    msb_error *err = NULL;
    CHECK(msb_sandbox_copy_in(tree.sandbox, of_host("no-such"), at("x"), NULL, NULL, PATIENCE_MS, NULL, &err) == MSB_ERR_NOT_FOUND);
    CHECK(err && strstr(msb_error_message(err), "no-such"));
    msb_error_free(err);
    CHECK(msb_sandbox_copy_out(tree.sandbox, at("no-such"), of_host("x"), NULL, NULL, PATIENCE_MS, NULL, &err) == MSB_ERR_NOT_FOUND);
    CHECK(err && strstr(msb_error_message(err), "no-such"));
    msb_error_free(err);
    CHECK(!exists(of_host("x")) && !exists(on_host("x")));
}

/* ---- many calls ---- */

static void *use_the_sandbox(void *argument) {
    const char *name = argument;
    for (int i = 0; i < scaled(50); i++) {
        put(name, name);
        CHECK(holds(name, name));
    }
    return NULL;
}

TEST(many_threads_and_commands_share_a_sandbox_and_leave_no_process) {
    static char names[8][32];
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "thread-%d", i);
        CHECK(pthread_create(&threads[i], NULL, use_the_sandbox, names[i]) == 0);
    }
    for (int i = 0; i < scaled(50); i++) CHECK(answers(tree.sandbox));
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    use_sandbox(backend, "files");
    RUN(files_of_a_sandbox_that_does_not_run_are_not_there);
    RUN(commands_and_calls_see_the_same_files);
    RUN(absolute_and_relative_paths_begin_at_the_guests_root);
    RUN(an_open_file_ends_with_its_sandbox);
    RUN(an_open_file_outlives_the_handle_of_its_sandbox);
    RUN(a_guest_that_stands_still_is_a_timeout);
    if (can_use_volumes()) {
        RUN(a_tree_is_copied_in_and_out);
        RUN(a_file_is_copied_in_and_out_under_its_new_name);
        RUN(a_copy_is_cancelled_by_its_progress_function);
        RUN(a_copy_of_nothing_names_what_is_missing);
    }
    RUN(many_threads_and_commands_share_a_sandbox_and_leave_no_process);
    discard_tree();
    close_backend(&backend);
    return fixture_end();
}
