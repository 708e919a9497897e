/*
 * The least agent there can be, to compare libmsb with: as PID 1 it finds the port msb.agent and says READY. Then it
 * obeys one byte after another: 'S' writes STREAM_BYTES to the port, 'R', or the port's end, ends the machine.
 */
#define _GNU_SOURCE
#include "stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"

static char block[1 << 20];

static int open_port(const char *wanted) {
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

static int send_all(int port, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = write(port, data, length);
        if (sent <= 0) return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static void obey(int port) {
    if (send_all(port, "READY", 5) < 0) return;
    for (char order; read(port, &order, 1) == 1 && order != 'R';) {
        for (uint64_t left = order == 'S' ? STREAM_BYTES : 0; left > 0; left -= sizeof block) {
            if (send_all(port, block, sizeof block) < 0) return;
        }
    }
}

int main(void) {
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL) == 0 && mount("sys", "/sys", "sysfs", 0, NULL) == 0 &&
        mount("dev", "/dev", "devtmpfs", 0, NULL) == 0) {
        int port = open_port("msb.agent");
        if (port >= 0) obey(port);
    }
    /* Restarting is what ends the machine: it is started with -no-reboot. */
    return reboot(RB_AUTOBOOT);
}
