/* What the agents of bare machines share: the file systems that the kernel offers, and the port to the host. */
#ifndef MSB_BENCH_GUEST_H
#define MSB_BENCH_GUEST_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"

/* 0, or -1 if something cannot be mounted. */
static inline int mount_kernel_file_systems(void) {
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    return mount("proc", "/proc", "proc", 0, NULL) || mount("sys", "/sys", "sysfs", 0, NULL) ||
           mount("dev", "/dev", "devtmpfs", 0, NULL) ? -1 : 0;
}

/* The port of this name; -1 if there is none. */
static inline int open_port(const char *wanted) {
    DIR *ports = opendir(PORTS);
    int port = -1;
    for (struct dirent *entry; port < 0 && ports && (entry = readdir(ports));) {
        char path[512], name[64] = "";
        snprintf(path, sizeof path, PORTS "/%s/name", entry->d_name);
        int file = open(path, O_RDONLY);
        if (file < 0) continue;
        if (read(file, name, sizeof name - 1) < 0) name[0] = 0;
        close(file);
        name[strcspn(name, "\n")] = 0;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        if (strcmp(name, wanted) == 0) port = open(path, O_RDWR);
    }
    if (ports) closedir(ports);
    return port;
}

#endif
