/*
 * What a shared directory costs an emulated guest, beside QEMU with Debian's virtiofsd on the same directory, kernel and
 * accelerator. Prints a line `NAME VALUE` for each measure.
 *
 *   share HOME ROOT INITRAMFS PROGRAM DIRECTORY
 *
 * INITRAMFS holds bare/share.c as its init and busybox; PROGRAM is bare/share.c too; DIRECTORY holds small.tar. The two are
 * measured in turns. Ends at the first failure with exit code 1.
 */
#define _GNU_SOURCE
#include "backend.h"
#include "bare/machine.h"
#include "bare/stream.h"
#include "calls.h"
#include "measure.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 3
#define MEMORY_MIB 512
#define VIRTIOFSD "/usr/lib/qemu/virtiofsd"

#define MEASURE_MS 300000
#define SOCKET_MS 10000.0

extern char **environ;

static const char *home, *root, *initramfs, *program, *directory;

struct measures {
    double write_ms[ROUNDS], read_ms[ROUNDS], untar_ms[ROUNDS];
};

static void note(struct measures *measures, int round, const char *line) {
    double *write_ms = &measures->write_ms[round], *read_ms = &measures->read_ms[round];
    double *untar_ms = &measures->untar_ms[round];
    if (sscanf(line, "%lf %lf %lf", write_ms, read_ms, untar_ms) != 3 || *write_ms < 0 || *read_ms < 0 || *untar_ms < 0)
        give_up("the guest measured: %s", line);
}

/* ---- libmsb ---- */

static void add_bind(msb_sandbox_config *config, const char *guest_path, const char *host_path) {
    msb_mount_config *mount = msb_mount_config_new(guest_path);
    MUST(msb_mount_config_set_bind(mount, host_path, &err));
    MUST(msb_sandbox_config_add_mount(config, mount, &err));
    msb_mount_config_free(mount);
}

static void measure_sandbox(msb_backend backend, struct measures *measures, int round) {
    msb_sandbox sandbox = {0};
    msb_exec_result *result = NULL;
    msb_sandbox_config *config = msb_sandbox_config_new("share");
    MUST(msb_sandbox_config_set_image(config, root, &err));
    MUST(msb_sandbox_config_set_cpus(config, 1, &err));
    MUST(msb_sandbox_config_set_memory_mib(config, MEMORY_MIB, &err));
    add_bind(config, "/mnt", directory);
    add_bind(config, "/opt/share", program);
    MUST(msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    MUST(msb_sandbox_start(sandbox, -1, &err));
    msb_exec_config *command = msb_exec_config_new("/opt/share");
    MUST(msb_exec_config_add_arg(command, "/mnt", &err));
    MUST(msb_exec_config_set_timeout_ms(command, MEASURE_MS, &err));
    MUST(msb_sandbox_exec(sandbox, command, &result, &err));
    note(measures, round, (const char *)msb_exec_result_stdout(result, NULL));
    msb_exec_result_free(result);
    msb_exec_config_free(command);
    MUST(msb_sandbox_stop(sandbox, STOP_MS, &err));
    MUST(msb_sandbox_remove(sandbox, &err));
    msb_sandbox_release(&sandbox);
}

/* ---- QEMU and virtiofsd ---- */

/* Starts virtiofsd and waits until its socket is there. */
static pid_t start_virtiofsd(const char *socket) {
    char socket_path[512], source[512];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    snprintf(socket_path, sizeof socket_path, "--socket-path=%s", socket);
    snprintf(source, sizeof source, "source=%s", directory);
    const char *const arguments[] = {VIRTIOFSD, socket_path, "-o", source, "-o", "log_level=err", NULL};
    if (posix_spawn_file_actions_init(&actions)) give_up("no memory");
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, VIRTIOFSD, &actions, NULL, (char *const *)(uintptr_t)arguments, environ))
        give_up("%s cannot be started: install qemu-system-common of Debian 12", VIRTIOFSD);
    posix_spawn_file_actions_destroy(&actions);
    double until = now_ms() + SOCKET_MS;
    while (access(socket, F_OK)) {
        if (now_ms() > until || waitpid(pid, NULL, WNOHANG) == pid) give_up("virtiofsd made no socket");
        poll(NULL, 0, 5);
    }
    return pid;
}

/* The kernel that the library has prepared. */
static const char *kernel(void) {
    static char path[4096];
    char pattern[4096];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/cache/kernel/*.elf", home);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) give_up("not one kernel at %s", pattern);
    snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    globfree(&found);
    return path;
}

static void measure_virtiofsd(struct measures *measures, int round) {
    char socket[256], line[128];
    struct bare bare;
    double ready_ms;
    snprintf(socket, sizeof socket, "%s/virtiofsd.sock", home);
    pid_t server = start_virtiofsd(socket);
    struct bare_inputs inputs = {
        .kernel = kernel(), .initramfs = initramfs, .accel = "tcg", .memory_mib = MEMORY_MIB, .share = socket};
    if (bare_boot(&bare, &inputs, &ready_ms) || bare_line(&bare, line, sizeof line, MEASURE_MS) || bare_end(&bare)) {
        kill(server, SIGKILL);
        exit(1);
    }
    note(measures, round, line);
    /* It ends by itself when its machine does; killed in case it does not. */
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    unlink(socket);
}

int main(int argc, char **argv) {
    static struct measures ours, theirs;
    if (argc != 6) {
        fprintf(stderr, "usage: share HOME ROOT INITRAMFS PROGRAM DIRECTORY\n");
        return 2;
    }
    home = argv[1], root = argv[2], initramfs = argv[3], program = argv[4], directory = argv[5];
    msb_backend backend = new_backend(home, "qemu");
    for (int round = 0; round < ROUNDS; round++) {
        measure_sandbox(backend, &ours, round);
        measure_virtiofsd(&theirs, round);
    }
    end_backend(&backend);
    double mib = (double)(SHARE_BYTES >> 20) * 1e3;
    printf("share.write_mib_s %.1f\n", mib / median(ours.write_ms, ROUNDS));
    printf("virtiofsd.write_mib_s %.1f\n", mib / median(theirs.write_ms, ROUNDS));
    printf("share.read_mib_s %.1f\n", mib / median(ours.read_ms, ROUNDS));
    printf("virtiofsd.read_mib_s %.1f\n", mib / median(theirs.read_ms, ROUNDS));
    printf("share.untar_ms %.0f\n", median(ours.untar_ms, ROUNDS));
    printf("virtiofsd.untar_ms %.0f\n", median(theirs.untar_ms, ROUNDS));
    return 0;
}
