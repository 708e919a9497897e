/*
 * The least agent there can be, to compare libmsb with: as PID 1 it finds the port msb.agent and says READY. Then it
 * obeys one byte after another: 'S' writes STREAM_BYTES to the port, 'R', or the port's end, ends the machine.
 */
#define _GNU_SOURCE
#include "guest.h"
#include "stream.h"

#include <stdint.h>
#include <sys/reboot.h>

static char block[1 << 20];

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
    if (mount_kernel_file_systems() == 0) {
        int port = open_port("msb.agent");
        if (port >= 0) obey(port);
    }
    /* Restarting is what ends the machine: it is started with -no-reboot. */
    return reboot(RB_AUTOBOOT);
}
