/*
 * Who has a volume, for as long as a sandbox runs with it and however that ends, and mounts in one another.
 */
#define _GNU_SOURCE
#include "vm.h"

/* A sandbox that has the disk volume `data` at /data, which is made with the first. */
static msb_sandbox holder(const char *name) {
    msb_error *err = NULL;
    msb_sandbox_config *config = config_of(name);
    msb_mount_config *mount = msb_mount_config_new("/data");
    CHECK_OK(err, msb_mount_config_set_volume(mount, "data", &err));
    CHECK_OK(err, msb_mount_config_set_volume_mode(mount, "ensure", &err));
    CHECK_OK(err, msb_mount_config_set_volume_kind(mount, "disk", &err));
    CHECK_OK(err, msb_mount_config_set_volume_capacity_mib(mount, 64, &err));
    CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
    msb_mount_config_free(mount);
    return create(config);
}

/* The call fails with BUSY and names the sandbox that is in the way. */
#define CHECK_HELD_BY(name, call)                                                       \
    do {                                                                                \
        msb_error *err_ = NULL;                                                         \
        msb_error **err = &err_;                                                        \
        CHECK((call) == MSB_ERR_BUSY && strstr(msb_error_message(err_), (name)));       \
        msb_error_free(err_);                                                           \
    } while (0)

TEST(a_disk_volume_is_held_until_its_sandbox_ends_however_it_ends) {
    msb_error *failure = NULL;
    msb_volume volume = {0};
    msb_sandbox_info *info = NULL;
    msb_sandbox first = holder("first"), second = holder("second");
    CHECK_OK(failure, msb_volume_open(backend, "data", &volume, &failure));
    CHECK_HELD_BY("first", msb_volume_remove(volume, err));
    start(first);
    CHECK(shell_says(first, "echo kept > /data/file; sync", ""));
    CHECK_HELD_BY("first", msb_sandbox_start(second, START_MS, err));
    CHECK_HELD_BY("first", msb_volume_remove(volume, err));

    /* Nobody is left to write that it ended. */
    CHECK_OK(failure, msb_sandbox_info_get(first, &info, &failure));
    CHECK(kill((pid_t)msb_sandbox_info_runner_pid(info), SIGKILL) == 0);
    msb_sandbox_info_free(info);
    waited(first, STOP_MS);
    start(second);
    CHECK(shell_says(second, "cat /data/file", "kept\n"));
    CHECK_HELD_BY("second", msb_sandbox_start(first, START_MS, err));
    stop(second);
    start(first);
    CHECK(shell_says(first, "cat /data/file", "kept\n"));
    discard(&first);
    CHECK_OK(failure, msb_volume_remove(volume, &failure));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, failure, msb_sandbox_start(second, START_MS, &failure));
    discard(&second);
    msb_volume_release(&volume);
}

TEST(mounts_in_one_another_are_made_from_the_outside_in) {
    msb_error *err = NULL;
    static const char *const paths[] = {"/a/b/c", "/a", "/a/b"};
    msb_sandbox_config *config = config_of("nested");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        msb_mount_config *mount = msb_mount_config_new(paths[i]);
        CHECK_OK(err, msb_mount_config_set_tmpfs(mount, 1, &err));
        CHECK_OK(err, msb_mount_config_set_tmpfs_size_mib(mount, 1, &err));
        CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
        msb_mount_config_free(mount);
    }
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "grep -o ' /a[^ ]*' /proc/mounts", " /a\n /a/b\n /a/b/c\n"));
    discard(&sandbox);
}

int main(void) {
    if (!begin()) return 2;
    RUN(a_disk_volume_is_held_until_its_sandbox_ends_however_it_ends);
    RUN(mounts_in_one_another_are_made_from_the_outside_in);
    return finish();
}
