/*
 * Data that outlives sandboxes: a volume is filled from the host, used by a guest, read on the host again and saved as a tar
 * archive; and files that only the guest has are read and copied.
 *
 *     cc volume.c -lmsb -o volume && ./volume /path/to/root-directory
 *
 * The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
 * temporary home that is gone at the end. Only after a failure the home stays, for its logs.
 */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb.h>

enum { STEP_TIMEOUT_MS = 60000 };

static char home[] = "/tmp/msb-volume-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* An error's message is for people, its reason for programs. */
static void fail_on_error(msb_status status, msb_error *err) {
    if (status == MSB_OK) return;
    fprintf(stderr, "volume: %s (%s, %s)\n", msb_error_message(err), msb_status_name(status), msb_error_reason(err));
    fprintf(stderr, "volume: logs are in %s\n", home);
    msb_error_free(err);
    exit(1); /* An attached sandbox ends with the process that started it. */
}

/* Every call that can fail goes through here. `err` must be read after the call, so this cannot be a function. */
#define CHECK(call)                      \
    do {                                 \
        msb_error *err = NULL;           \
        msb_status status_ = (call);     \
        fail_on_error(status_, err);     \
    } while (0)

static msb_backend open_backend(void) {
    msb_backend backend;
    msb_backend_config *config = msb_backend_config_new();
    CHECK(msb_backend_config_set_home(config, home, &err));
    CHECK(msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    return backend;
}

/* A directory that may hold 16 MiB, whoever writes to it. */
static msb_volume create_volume(msb_backend backend) {
    msb_volume volume;
    msb_volume_config *config = msb_volume_config_new("data");
    CHECK(msb_volume_config_set_quota_mib(config, 16, &err));
    CHECK(msb_volume_config_add_label(config, "project", "example", &err));
    CHECK(msb_volume_create(backend, config, &volume, &err));
    msb_volume_config_free(config);
    return volume;
}

/* A running sandbox that has the volume at /data. */
static msb_sandbox start_with_volume(msb_backend backend, const char *image) {
    msb_sandbox sandbox;
    msb_mount_config *mount = msb_mount_config_new("/data");
    msb_sandbox_config *config = msb_sandbox_config_new("worker");
    CHECK(msb_mount_config_set_volume(mount, "data", &err));
    CHECK(msb_sandbox_config_set_image(config, image, &err));
    CHECK(msb_sandbox_config_add_mount(config, mount, &err));
    CHECK(msb_sandbox_create(backend, config, &sandbox, &err));
    CHECK(msb_sandbox_start(sandbox, STEP_TIMEOUT_MS, &err));
    msb_mount_config_free(mount);
    msb_sandbox_config_free(config);
    return sandbox;
}

/* Runs a command to its end and prints what it wrote, errors included. */
static void run(msb_sandbox sandbox, const char *script) {
    msb_exec_result *result;
    msb_exec_config *config = msb_exec_config_new("/bin/sh");
    CHECK(msb_exec_config_add_arg(config, "-c", &err));
    CHECK(msb_exec_config_add_arg(config, script, &err));
    CHECK(msb_exec_config_set_timeout_ms(config, STEP_TIMEOUT_MS, &err));
    CHECK(msb_sandbox_exec(sandbox, config, &result, &err));
    printf("$ %s\n%s%s", script, (const char *)msb_exec_result_stdout(result, NULL),
           (const char *)msb_exec_result_stderr(result, NULL));
    msb_exec_result_free(result);
    msb_exec_config_free(config);
}

static void print_bytes(const char *what, msb_bytes *bytes) {
    printf("%s: %s", what, (const char *)msb_bytes_data(bytes));
    msb_bytes_free(bytes);
}

/* One page after the other, however many entries there are. */
static void list(msb_volume volume) {
    uint64_t cursor = 0;
    do {
        msb_file_page *page;
        CHECK(msb_volume_fs_list(volume, ".", cursor, 100, &page, &err));
        for (size_t i = 0; i < msb_file_page_len(page); i++) {
            const msb_file_info *info = msb_file_page_get(page, i);
            printf("  %s, %llu bytes\n", msb_file_info_name(info), (unsigned long long)msb_file_info_size(info));
        }
        cursor = msb_file_page_next(page);
        msb_file_page_free(page);
    } while (cursor != 0);
}

/* The archive goes to any descriptor: a file, a pipe, a socket. */
static void save(msb_volume volume) {
    msb_file_progress total;
    FILE *archive = tmpfile();
    if (!archive) exit(1);
    CHECK(msb_volume_fs_tar_export(volume, ".", fileno(archive), NULL, NULL, &total, &err));
    printf("saved %llu bytes in %llu entries\n", (unsigned long long)total.bytes, (unsigned long long)total.entries);
    fclose(archive);
}

int main(int argc, char **argv) {
    static const char text[] = "written by the host\n";
    msb_bytes *bytes;
    if (argc != 2) {
        fprintf(stderr, "usage: %s ROOT-DIRECTORY\n", argv[0]);
        return 2;
    }
    if (mkdtemp(home) == NULL) {
        perror(home);
        return 1;
    }
    msb_backend backend = open_backend();
    msb_volume volume = create_volume(backend);

    CHECK(msb_volume_write(volume, "input", text, sizeof text - 1, &err));
    msb_sandbox sandbox = start_with_volume(backend, argv[1]);
    run(sandbox, "tr a-z A-Z < /data/input > /data/output; hostname > /root/private");
    CHECK(msb_volume_read(volume, "output", &bytes, &err));
    print_bytes("the volume's output", bytes);
    CHECK(msb_sandbox_fs_read(sandbox, "/root/private", STEP_TIMEOUT_MS, &bytes, &err));
    print_bytes("a file of the guest alone", bytes);
    run(sandbox, "dd if=/dev/zero of=/data/large bs=1M count=32 2>&1 | head -n 1");
    list(volume);

    CHECK(msb_sandbox_stop(sandbox, STEP_TIMEOUT_MS, &err));
    CHECK(msb_sandbox_remove(sandbox, &err));
    msb_sandbox_release(&sandbox);
    CHECK(msb_volume_fs_remove(volume, "large", &err));
    save(volume);
    CHECK(msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
    CHECK(msb_backend_close(backend, STEP_TIMEOUT_MS, &err));
    msb_backend_release(&backend);
    if (nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        perror(home);
        return 1;
    }
    return 0;
}
