/*
 * Tar archives of a volume and of a running sandbox through the caller's descriptors: files, pipes and sockets; what tar(1)
 * makes and reads; progress, cancellation, readers that go away, and archives that are not to be trusted.
 */
#include "file_tree.h"

#include <sys/socket.h>

static msb_backend backend;

/* ---- archives made by hand ---- */

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[8], owner[32], group[32],
        major[8], minor[8], prefix[155], rest[12];
};

/* An entry with up to 512 bytes of content. */
static void add_entry(int fd, char type, const char *name, const char *link, const char *content) {
    struct header header;
    char block[512] = "";
    unsigned sum = 0;
    memset(&header, 0, sizeof header);
    snprintf(header.name, sizeof header.name, "%s", name);
    snprintf(header.link, sizeof header.link, "%s", link);
    snprintf(header.mode, sizeof header.mode, "%07o", 0644);
    snprintf(header.uid, sizeof header.uid, "%07o", 0);
    snprintf(header.gid, sizeof header.gid, "%07o", 0);
    snprintf(header.size, sizeof header.size, "%011o", (unsigned)strlen(content) & 0777);
    snprintf(header.mtime, sizeof header.mtime, "%011o", 1000000000);
    memcpy(header.magic, "ustar\00000", 8);
    header.type = type;
    memset(header.sum, ' ', sizeof header.sum);
    for (size_t i = 0; i < sizeof header; i++) sum += ((unsigned char *)&header)[i];
    snprintf(header.sum, sizeof header.sum, "%06o", sum);
    memcpy(block, content, strlen(content));
    CHECK(write(fd, &header, sizeof header) == sizeof header);
    if (*content) CHECK(write(fd, block, sizeof block) == sizeof block);
}

/* An empty file whose name is gone. */
static int scratch(void) {
    char path[256];
    snprintf(path, sizeof path, "%s/scratch-XXXXXX", fixture_home);
    int fd = mkostemp(path, O_CLOEXEC);
    CHECK(fd >= 0);
    unlink(path);
    return fd;
}

/* Ends the archive and gives its beginning. */
static int ended(int fd) {
    static const char zeroes[1024];
    CHECK(write(fd, zeroes, sizeof zeroes) == sizeof zeroes);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* ---- what the tests carry ---- */

static void make_origin(void) {
    msb_error *err = NULL;
    size_t big = (size_t)1 << 20;
    char *data = malloc(big);
    memset(data, 'z', big);
    CHECK_OK(err, tree_mkdir(at("origin/sub/empty"), 0750, MSB_MKDIR_PARENTS, &err));
    put("origin/file", "content");
    CHECK_OK(err, tree_write(at("origin/sub/big"), data, big, 0, &err));
    CHECK_OK(err, tree_chmod(at("origin/file"), 0604, &err));
    CHECK_OK(err, tree_utimes(at("origin/file"), MSB_TIME_KEEP, 1500000000000000000, &err));
    CHECK_OK(err, tree_symlink("file", at("origin/link"), &err));
    free(data);
}

static void is_as_origin(const char *name) {
    msb_bytes *bytes = NULL;
    msb_error *err = NULL;
    msb_file_info *info = info_of(in_turn("%s/file", name), 0);
    CHECK(msb_file_info_mode(info) == 0604 && msb_file_info_modified_ns(info) / 1000000000 == 1500000000);
    msb_file_info_free(info);
    CHECK(holds(in_turn("%s/file", name), "content") && is_there(in_turn("%s/sub/empty", name)));
    CHECK_OK(err, tree_readlink(at(in_turn("%s/link", name)), &bytes, &err));
    CHECK(msb_bytes_len(bytes) == 4 && memcmp(msb_bytes_data(bytes), "file", 4) == 0);
    msb_bytes_free(bytes);
    info = info_of(in_turn("%s/sub/big", name), 0);
    CHECK(msb_file_info_size(info) == 1 << 20);
    msb_file_info_free(info);
}

struct carrier {
    pthread_t thread;
    int fd;
};

static void *export_origin(void *argument) {
    struct carrier *carrier = argument;
    msb_error *err = NULL;
    CHECK_OK(err, tree_tar_export(at("origin"), carrier->fd, NULL, NULL, NULL, &err));
    close(carrier->fd);
    return NULL;
}

/* Carries the origin to another place through a pair of descriptors. */
static void carry(int from, int to, const char *name) {
    struct carrier carrier = {.fd = to};
    msb_error *err = NULL;
    msb_file_progress total;
    CHECK(pthread_create(&carrier.thread, NULL, export_origin, &carrier) == 0);
    CHECK_OK(err, tree_tar_import(at(name), from, NULL, NULL, &total, &err));
    /* Before the other side is waited for: it must not wait for a reader that gave up. */
    close(from);
    pthread_join(carrier.thread, NULL);
    CHECK(total.bytes == (1 << 20) + 7 && total.entries >= 5);
    is_as_origin(name);
}

/* ---- there and back ---- */

TEST(a_tree_passes_through_a_pipe) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    carry(ends[0], ends[1], "piped");
}

TEST(a_tree_passes_through_a_pipe_that_does_not_block) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    carry(ends[0], ends[1], "unblocked");
}

TEST(a_tree_passes_through_a_socket) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    carry(ends[0], ends[1], "socketed");
}

TEST(tar_reads_what_is_exported_and_makes_what_is_imported) {
    msb_error *err = NULL;
    char command[1024];
    int fd = scratch();
    CHECK_OK(err, tree_tar_export(at("origin"), fd, NULL, NULL, NULL, &err));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    snprintf(command, sizeof command, "mkdir %s/untarred && tar -C %s/untarred -xf - < /proc/%d/fd/%d", tree.host, tree.host,
             (int)getpid(), fd);
    CHECK(system(command) == 0);
    close(fd);
    is_as_origin("untarred");
    fd = scratch();
    snprintf(command, sizeof command, "tar -C %s/origin -cf - . > /proc/%d/fd/%d", tree.host, (int)getpid(), fd);
    CHECK(system(command) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_OK(err, tree_tar_import(at("tarred"), fd, NULL, NULL, NULL, &err));
    close(fd);
    is_as_origin("tarred");
}

/* ---- progress ---- */

struct watch {
    pthread_t thread;
    int calls, wrong_thread, give_up_after;
    uint64_t bytes;
};

static int32_t watch(void *user, const msb_file_progress *progress) {
    struct watch *watch = user;
    watch->wrong_thread |= !pthread_equal(pthread_self(), watch->thread) || progress->bytes < watch->bytes;
    watch->bytes = progress->bytes;
    return ++watch->calls == watch->give_up_after;
}

TEST(progress_is_told_on_the_calling_thread_and_never_goes_back) {
    msb_error *err = NULL;
    struct watch seen = {.thread = pthread_self()};
    msb_file_progress total;
    int fd = scratch();
    CHECK_OK(err, tree_tar_export(at("origin"), fd, watch, &seen, &total, &err));
    CHECK(seen.calls > 0 && !seen.wrong_thread && total.bytes == (1 << 20) + 7 && seen.bytes == total.bytes);
    close(fd);
}

TEST(a_progress_function_cancels) {
    msb_error *err = NULL;
    struct watch seen = {.thread = pthread_self(), .give_up_after = 1};
    msb_file_progress total = {.bytes = 9};
    int fd = scratch();
    REFUSES(MSB_ERR_CANCELLED, "file.cancelled", tree_tar_export(at("origin"), fd, watch, &seen, &total, &err));
    CHECK(seen.calls == 1 && total.bytes == 0);
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK_OK(err, tree_tar_export(at("origin"), fd, NULL, NULL, NULL, &err));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    seen.calls = 0;
    seen.bytes = 0;
    REFUSES(MSB_ERR_CANCELLED, "file.cancelled", tree_tar_import(at("cancelled"), fd, watch, &seen, &total, &err));
    close(fd);
}

TEST(a_pipe_that_nobody_moves_can_be_given_up) {
    int ends[2];
    struct watch seen = {.thread = pthread_self(), .give_up_after = 5};
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    REFUSES(MSB_ERR_CANCELLED, "file.cancelled", tree_tar_import(at("stuck"), ends[0], watch, &seen, NULL, &err));
    seen = (struct watch){.thread = pthread_self(), .give_up_after = 20};
    REFUSES(MSB_ERR_CANCELLED, "file.cancelled", tree_tar_export(at("origin"), ends[1], watch, &seen, NULL, &err));
    close(ends[0]);
    close(ends[1]);
}

TEST(a_reader_that_is_gone_is_an_error_and_no_signal) {
    msb_error *err = NULL;
    int ends[2];
    void (*before)(int) = signal(SIGPIPE, SIG_DFL);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    CHECK(tree_tar_export(at("origin"), ends[1], NULL, NULL, NULL, &err) == MSB_ERR_IO);
    CHECK(msb_error_errno(err) == EPIPE);
    msb_error_free(err);
    close(ends[1]);
    signal(SIGPIPE, before);
}

TEST(a_descriptor_that_is_none_is_refused) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    close(ends[1]);
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.fd", tree_tar_export(at("origin"), -1, NULL, NULL, NULL, &err));
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.fd", tree_tar_export(at("origin"), ends[1], NULL, NULL, NULL, &err));
    REFUSES(MSB_ERR_INVALID_ARGUMENT, "argument.fd", tree_tar_import(at("x"), ends[0], NULL, NULL, NULL, &err));
}

/* ---- archives that are not to be trusted ---- */

static msb_status import_one(char type, const char *name, const char *link, const char *content, msb_error **err) {
    int fd = scratch();
    add_entry(fd, type, name, link, content);
    msb_status status = tree_tar_import(at("imported"), ended(fd), NULL, NULL, NULL, err);
    close(fd);
    return status;
}

TEST(an_entry_that_leads_out_is_refused) {
    msb_error *err = NULL;
    CHECK(import_one('0', "../escaped", "", "x", &err) != MSB_OK);
    CHECK(err && strcmp(msb_error_reason(err), "file.bad_archive") == 0 && strstr(msb_error_message(err), "escaped"));
    msb_error_free(err);
    CHECK(!exists(on_host("escaped")) && !exists(in_turn("%s/../escaped", tree.host)));
    CHECK(import_one('0', "/tmp/msb-escaped", "", "x", NULL) != MSB_OK || !exists("/tmp/msb-escaped"));
    CHECK(!exists("/tmp/msb-escaped"));
    CHECK(import_one('1', "hard", "../../../../../../../etc/passwd", "", NULL) != MSB_OK);
    CHECK(!exists(on_host("imported/hard")));
}

TEST(an_entry_does_not_go_through_a_link_that_leads_out) {
    char outside[256];
    msb_error *err = NULL;
    snprintf(outside, sizeof outside, "%s/outside", fixture_home);
    CHECK(mkdir(outside, 0755) == 0);
    int fd = scratch();
    add_entry(fd, '2', "door", outside, "");
    add_entry(fd, '0', "door/planted", "", "x");
    CHECK(tree_tar_import(at("doors"), ended(fd), NULL, NULL, NULL, &err) != MSB_OK);
    msb_error_free(err);
    close(fd);
    CHECK(count_entries(outside) == 0);
    rmdir(outside);
}

TEST(garbage_is_no_archive) {
    int fd = scratch();
    char block[2048];
    memset(block, 'g', sizeof block);
    CHECK(write(fd, block, sizeof block) == sizeof block && lseek(fd, 0, SEEK_SET) == 0);
    REFUSES(MSB_ERR_CORRUPT, "file.bad_archive", tree_tar_import(at("garbage"), fd, NULL, NULL, NULL, &err));
    close(fd);
    /* One that ends in the middle of a file. */
    fd = scratch();
    add_entry(fd, '0', "whole", "", "content");
    CHECK(ftruncate(fd, 700) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    REFUSES(MSB_ERR_CORRUPT, "file.bad_archive", tree_tar_import(at("garbage"), fd, NULL, NULL, NULL, &err));
    close(fd);
}

static void run_all(void) {
    make_origin();
    RUN(a_tree_passes_through_a_pipe);
    RUN(a_tree_passes_through_a_pipe_that_does_not_block);
    RUN(a_tree_passes_through_a_socket);
    RUN(tar_reads_what_is_exported_and_makes_what_is_imported);
    RUN(progress_is_told_on_the_calling_thread_and_never_goes_back);
    RUN(a_progress_function_cancels);
    RUN(a_pipe_that_nobody_moves_can_be_given_up);
    RUN(a_reader_that_is_gone_is_an_error_and_no_signal);
    RUN(a_descriptor_that_is_none_is_refused);
    RUN(an_entry_that_leads_out_is_refused);
    RUN(an_entry_does_not_go_through_a_link_that_leads_out);
    RUN(garbage_is_no_archive);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    if (can_use_volumes()) {
        printf("a volume:\n");
        use_volume(backend, "archives");
        run_all();
        discard_tree();
    }
    printf("a running sandbox:\n");
    use_sandbox(backend, "archives");
    run_all();
    discard_tree();
    close_backend(&backend);
    return fixture_end();
}
