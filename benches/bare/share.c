/*
 * Times the use of a shared directory from within a guest: a file of SHARE_BYTES written and read in order, and an archive of
 * small files unpacked. Prints one line, `WRITE_MS READ_MS UNTAR_MS`.
 *
 *   share DIRECTORY     prints to standard output
 *   as PID 1            mounts the virtiofs `share`, prints to the port msb.agent, and ends the machine when told to
 *
 * DIRECTORY holds small.tar; what is made there is removed. /bin/busybox unpacks it.
 */
#define _GNU_SOURCE
#include "../measure.h"
#include "guest.h"
#include "stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/wait.h>

#define BUSYBOX "/bin/busybox"

static char block[1 << 20];

static int drop_caches(void) {
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    int dropped = fd >= 0 && write(fd, "3", 1) == 1;
    if (fd >= 0) close(fd);
    return dropped ? 0 : -1;
}

/* Milliseconds; negative if it failed. */
static double time_write(const char *path) {
    double begin = now_ms();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (uint64_t left = SHARE_BYTES; left > 0; left -= sizeof block) {
        if (write(fd, block, sizeof block) != sizeof block) return -1;
    }
    if (fsync(fd) || close(fd)) return -1;
    return now_ms() - begin;
}

static double time_read(const char *path) {
    if (drop_caches()) return -1;
    double begin = now_ms();
    int fd = open(path, O_RDONLY);
    for (uint64_t left = SHARE_BYTES; left > 0;) {
        ssize_t count = read(fd, block, sizeof block);
        if (count <= 0) return -1;
        left -= (uint64_t)count;
    }
    close(fd);
    return now_ms() - begin;
}

/* Runs busybox with the command and its arguments; 0 if it exits with 0. */
static int busybox(char *const *arguments) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        execv(BUSYBOX, arguments);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

static double time_untar(char *directory) {
    char archive[512], target[512];
    snprintf(archive, sizeof archive, "%s/small.tar", directory);
    snprintf(target, sizeof target, "%s/untarred", directory);
    if (mkdir(target, 0755)) return -1;
    double begin = now_ms();
    if (busybox((char *[]){"busybox", "tar", "-x", "-f", archive, "-C", target, NULL})) return -1;
    sync();
    double took = now_ms() - begin;
    return busybox((char *[]){"busybox", "rm", "-r", target, NULL}) ? -1 : took;
}

static void measure(char *directory, int out) {
    char path[512];
    snprintf(path, sizeof path, "%s/large", directory);
    double written = time_write(path), read = time_read(path);
    unlink(path);
    dprintf(out, "%.1f %.1f %.1f\n", written, read, time_untar(directory));
}

int main(int argc, char **argv) {
    if (getpid() != 1) {
        if (argc != 2) return 2;
        measure(argv[1], STDOUT_FILENO);
        return 0;
    }
    int port = mount_kernel_file_systems() == 0 ? open_port("msb.agent") : -1;
    mkdir("/mnt", 0755);
    if (port >= 0 && write(port, "READY", 5) == 5 && mount("share", "/mnt", "virtiofs", 0, NULL) == 0) {
        char order;
        measure("/mnt", port);
        while (read(port, &order, 1) == 1 && order != 'R') {}
    }
    /* Restarting is what ends the machine: it is started with -no-reboot. */
    return reboot(RB_AUTOBOOT);
}
