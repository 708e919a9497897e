/*
 * A guest that fills the host's disk hurts nobody but itself: it gets errors, and its host goes on, stops it and starts it
 * again once there is space.
 *
 * The home is a small tmpfs in a mount namespace of this program, so it needs the right to mount; without it, it says so and
 * tests nothing.
 */
#define _GNU_SOURCE
#include "vm.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#define MIB (1024ull * 1024)
/* Room for the runtime, the kernel and a guest's disk. */
#define WHOLE_MIB 1024
/* Far more than a call takes here that has nothing to wait for, far less than any limit of the library. */
#define AT_ONCE_SECONDS 10

static int resize(unsigned long long bytes, unsigned long flags) {
    char options[64];
    snprintf(options, sizeof options, "mode=0700,size=%llu", bytes);
    return mount("tmpfs", home, "tmpfs", flags, options) == 0;
}

/* Leaves `left` bytes of space in the home, and no more. */
static int leave(unsigned long long left) {
    struct statvfs now;
    if (statvfs(home, &now) != 0) return 0;
    return resize((unsigned long long)(now.f_blocks - now.f_bfree) * now.f_frsize + left, MS_REMOUNT);
}

static int is_active(msb_sandbox sandbox) {
    msb_sandbox_info *info = NULL;
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_info_get(sandbox, &info, &err));
    const char *status = info ? msb_sandbox_info_status(info) : "";
    int active = strcmp(status, "Stopped") != 0 && strcmp(status, "Crashed") != 0;
    msb_sandbox_info_free(info);
    return active;
}

/* The guest writes more than the host has, while the host has `left` bytes. */
static void fill(const char *name, unsigned long long left) {
    msb_sandbox sandbox = running(name), neighbour = running("neighbour");
    CHECK(leave(left));
    CHECK(shell_says(sandbox, "dd if=/dev/zero of=/big bs=1M count=48 conv=fsync 2>/dev/null && echo wrote || echo failed", "failed\n"));

    double begun = seconds();
    CHECK(is_active(sandbox));
    CHECK(shell_says(neighbour, "echo here", "here\n"));
    CHECK(seconds() - begun < AT_ONCE_SECONDS);

    /* What it could not write down does not keep it from ending, nor the host from knowing. */
    begun = seconds();
    stop(sandbox);
    CHECK(!is_active(sandbox));
    stop(neighbour);
    CHECK(seconds() - begun < 2 * AT_ONCE_SECONDS);

    CHECK(resize(WHOLE_MIB * MIB, MS_REMOUNT));
    start(sandbox);
    CHECK(shell_says(sandbox, "rm -f /big; dd if=/dev/zero of=/again bs=1M count=8 conv=fsync 2>/dev/null && echo wrote", "wrote\n"));
    stop(sandbox);
    CHECK(waited(sandbox, 0).clean == 1);
    discard(&sandbox);
    discard(&neighbour);
}

TEST(a_guest_that_fills_the_hosts_disk_gets_errors_and_is_stopped_and_started) { fill("fills", 24 * MIB); }

TEST(a_disk_that_is_full_to_the_last_byte_stops_nobody_from_ending) { fill("full", 0); }

/* Makes the home, which nobody else sees; 0 where that is not allowed. */
static int mount_home(void) {
    snprintf(home, sizeof home, "/tmp/msb-vm-XXXXXX");
    if (!mkdtemp(home)) return 0;
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && resize(WHOLE_MIB * MIB, 0))
        return 1;
    printf("skipped: this program may not mount a home of its own: %s\n", strerror(errno));
    rmdir(home);
    return 0;
}

int main(void) {
    if (!mount_home()) return 0;
    setenv("MSB_TEST_HOME", home, 1);
    char mounted[sizeof home];
    memcpy(mounted, home, sizeof mounted);
    if (!begin()) return 2;
    RUN(a_guest_that_fills_the_hosts_disk_gets_errors_and_is_stopped_and_started);
    RUN(a_disk_that_is_full_to_the_last_byte_stops_nobody_from_ending);
    int failed = finish();
    umount2(mounted, MNT_DETACH);
    rmdir(mounted);
    return failed;
}
