#define _GNU_SOURCE
#include "machine.h"
#include "../measure.h"
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QEMU "qemu-system-x86_64"
/* The number under which QEMU gets its end of the agent's port. */
#define PORT_FD 3
#define BOOT_LIMIT_MS 120000.0
#define STREAM_LIMIT_MS 300000.0
#define END_LIMIT_MS 10000.0

extern char **environ;

static int failed(struct bare *machine, const char *what) {
    fprintf(stderr, "bare machine: %s\n", what);
    if (machine->qemu > 0) {
        kill(machine->qemu, SIGKILL);
        waitpid(machine->qemu, NULL, 0);
    }
    if (machine->port >= 0) close(machine->port);
    machine->qemu = 0;
    machine->port = -1;
    return -1;
}

/* Waits for bytes and reads them; 0 when the port has ended, -1 when `until` has come. */
static ssize_t receive(const struct bare *machine, void *buffer, size_t capacity, double until) {
    for (;;) {
        double left = until - now_ms();
        struct pollfd ready = {.fd = machine->port, .events = POLLIN};
        if (left <= 0) return -1;
        if (poll(&ready, 1, (int)left + 1) <= 0) continue;
        ssize_t count = read(machine->port, buffer, capacity);
        if (count >= 0) return count;
        if (errno != EINTR) return 0;
    }
}

static int spawn(struct bare *machine, const struct bare_inputs *inputs, int their_port) {
    char machine_type[160], chardev[64], memory[32], object[96], share[512];
    /* What a virtiofsd serves has to be able to map the machine's memory. */
    snprintf(machine_type, sizeof machine_type, "microvm,acpi=off,rtc=off,pit=on,pic=on,isa-serial=off,auto-kernel-cmdline=on%s",
             inputs->share ? ",memory-backend=ram" : "");
    snprintf(chardev, sizeof chardev, "socket,id=agent,fd=%d", PORT_FD);
    snprintf(memory, sizeof memory, "%uM", inputs->memory_mib);
    snprintf(object, sizeof object, "memory-backend-memfd,id=ram,size=%uM,share=on", inputs->memory_mib);
    snprintf(share, sizeof share, "socket,id=share,path=%s", inputs->share ? inputs->share : "");
    const char *arguments[] = {
        QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-M", machine_type,
        "-global", "virtio-mmio.force-legacy=false", "-accel", inputs->accel, "-cpu", "max", "-smp", "1", "-m", memory,
        "-kernel", inputs->kernel, "-initrd", inputs->initramfs,
        "-append", "console=hvc0 reboot=t panic=-1 quiet nomodule no-kvmapf rdinit=/init",
        "-device", "virtio-serial-device", "-chardev", chardev,
        "-device", "virtserialport,chardev=agent,name=msb.agent",
        inputs->share ? "-object" : NULL, object, "-chardev", share,
        "-device", "vhost-user-fs-device,chardev=share,tag=share", NULL,
    };
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, their_port, PORT_FD);
    error = posix_spawnp(&machine->qemu, QEMU, &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int bare_boot(struct bare *machine, const struct bare_inputs *inputs, double *ready_ms) {
    int pair[2];
    char said[5];
    size_t length = 0;
    *machine = (struct bare){.qemu = 0, .port = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return failed(machine, strerror(errno));
    machine->port = pair[0];
    double begin = now_ms();
    int error = spawn(machine, inputs, pair[1]);
    close(pair[1]);
    if (error) return failed(machine, strerror(error));
    while (length < sizeof said) {
        ssize_t count = receive(machine, said + length, sizeof said - length, begin + BOOT_LIMIT_MS);
        if (count < 0) return failed(machine, "the agent did not come up in time");
        if (count == 0) return failed(machine, "QEMU ended before the agent came up");
        length += (size_t)count;
    }
    *ready_ms = now_ms() - begin;
    return memcmp(said, "READY", sizeof said) == 0 ? 0 : failed(machine, "the agent did not say READY");
}

int bare_stream(struct bare *machine, double *mib_per_second) {
    static char buffer[256 * 1024];
    double begin = now_ms();
    if (send(machine->port, "S", 1, MSG_NOSIGNAL) != 1) return failed(machine, strerror(errno));
    for (uint64_t left = STREAM_BYTES; left > 0;) {
        size_t most = left < sizeof buffer ? (size_t)left : sizeof buffer;
        ssize_t count = receive(machine, buffer, most, begin + STREAM_LIMIT_MS);
        if (count <= 0) return failed(machine, "the stream broke off");
        left -= (uint64_t)count;
    }
    *mib_per_second = (double)(STREAM_BYTES >> 20) / ((now_ms() - begin) / 1e3);
    return 0;
}

int bare_line(struct bare *machine, char *line, size_t capacity, double limit_ms) {
    double until = now_ms() + limit_ms;
    for (size_t length = 0; length + 1 < capacity; length++) {
        if (receive(machine, line + length, 1, until) != 1) return failed(machine, "the agent said no line in time");
        if (line[length] == '\n') {
            line[length] = 0;
            return 0;
        }
    }
    return failed(machine, "the agent said too long a line");
}

int bare_end(struct bare *machine) {
    double until = now_ms() + END_LIMIT_MS;
    if (send(machine->port, "R", 1, MSG_NOSIGNAL) != 1) return failed(machine, strerror(errno));
    while (waitpid(machine->qemu, NULL, WNOHANG) == 0) {
        if (now_ms() > until) return failed(machine, "QEMU did not end in time");
        usleep(1000);
    }
    machine->qemu = 0;
    close(machine->port);
    machine->port = -1;
    return 0;
}
