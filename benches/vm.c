/*
 * What sandboxes cost in time and memory, as seen through msb.h. Prints a line `NAME VALUE` for each measure.
 *
 *   vm start HOME ROOT INITRAMFS    from start to the first result, and stop, beside a bare machine's boot
 *   vm exec HOME ROOT               a command's round trip, and what an idle sandbox takes
 *   vm stream HOME ROOT INITRAMFS   a command's output, beside what a bare machine's port carries
 *   vm crowd HOME ROOT              many sandboxes started at once on two processors
 *   vm krun HOME ROOT               on krun: create and start, a round trip, and what an idle sandbox takes
 *
 * ROOT is a busybox root directory, INITRAMFS holds bare/ready.c. All but `krun` run on QEMU. What is compared is
 * measured in turns, so that a change of the host's load meets both. Ends at the first failure with exit code 1.
 */
#define _GNU_SOURCE
#include "backend.h"
#include "bare/machine.h"
#include "bare/stream.h"
#include "calls.h"
#include "measure.h"
#include "memory.h"

#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_ROUNDS 7
#define STREAM_ROUNDS 3
#define KRUN_ROUNDS 5
#define WARM_UP_EXECS 20
#define EXECS 500
/* Emulated inside an emulated machine, where everything takes ten times as long. */
#define KRUN_EXECS 30
#define CROWD 20
#define CROWD_CPUS 2
#define MEMORY_MIB 256
/* How many bytes of output pass between two looks at the memory. */
#define SAMPLE_BYTES ((uint64_t)4 << 20)

/* A start with this timeout has what its sandbox is configured with: what a user who sets nothing gets. */
#define BOOT_MS (-1)
#define READ_MS 60000
#define COMMAND_MS 120000

static const char *home, *root, *initramfs;
static msb_backend backend;

static msb_sandbox create(const char *name) {
    msb_sandbox sandbox = {0};
    msb_sandbox_config *config = msb_sandbox_config_new(name);
    MUST(msb_sandbox_config_set_image(config, root, &err));
    MUST(msb_sandbox_config_set_cpus(config, 1, &err));
    MUST(msb_sandbox_config_set_memory_mib(config, MEMORY_MIB, &err));
    MUST(msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    return sandbox;
}

static void start(msb_sandbox sandbox) { MUST(msb_sandbox_start(sandbox, BOOT_MS, &err)); }

static void stop(msb_sandbox sandbox) {
    msb_exit end;
    MUST(msb_sandbox_stop(sandbox, STOP_MS, &err));
    MUST(msb_sandbox_wait(sandbox, 0, &end, &err));
    if (!end.clean) give_up("a stop was not clean: reason %u, killed %d", (unsigned)end.reason, end.killed);
}

static void drop(msb_sandbox *sandbox) {
    MUST(msb_sandbox_remove(*sandbox, &err));
    msb_sandbox_release(sandbox);
}

static msb_exec_config *command_true(void) {
    msb_exec_config *config = msb_exec_config_new("/bin/true");
    MUST(msb_exec_config_set_timeout_ms(config, COMMAND_MS, &err));
    return config;
}

static void run(msb_sandbox sandbox, const msb_exec_config *command) {
    msb_exec_result *result = NULL;
    MUST(msb_sandbox_exec(sandbox, command, &result, &err));
    if (msb_exec_result_exit_code(result) != 0) give_up("a command exited %d", msb_exec_result_exit_code(result));
    msb_exec_result_free(result);
}

/* Round trips of `true`, in milliseconds. */
static void time_execs(msb_sandbox sandbox, double *times, size_t count) {
    msb_exec_config *command = command_true();
    for (size_t i = 0; i < WARM_UP_EXECS; i++) run(sandbox, command);
    for (size_t i = 0; i < count; i++) {
        double begin = now_ms();
        run(sandbox, command);
        times[i] = now_ms() - begin;
    }
    msb_exec_config_free(command);
}

static msb_sandbox_info *info_of(msb_sandbox sandbox) {
    msb_sandbox_info *info = NULL;
    MUST(msb_sandbox_info_get(sandbox, &info, &err));
    return info;
}

static pid_t runner_of(msb_sandbox sandbox) {
    msb_sandbox_info *info = info_of(sandbox);
    pid_t pid = (pid_t)msb_sandbox_info_runner_pid(info);
    msb_sandbox_info_free(info);
    if (pid <= 0) give_up("a running sandbox has no runner");
    return pid;
}

static void print_memory(const char *driver, msb_sandbox sandbox) {
    pid_t runner = runner_of(sandbox);
    struct memory all = memory_of_tree(runner);
    printf("%s.supervisor_kib %ld\n", driver, memory_rss_kib(runner));
    printf("%s.rss_kib %ld\n%s.pss_kib %ld\n", driver, all.rss_kib, driver, all.pss_kib);
}

/* What the bare machine runs: the kernel that the library has prepared, on the accelerator that its sandbox has. */
static struct bare_inputs bare_inputs(msb_sandbox ran) {
    static char kernel[4096];
    char pattern[4096];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/cache/kernel/*.elf", home);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) give_up("not one kernel at %s", pattern);
    snprintf(kernel, sizeof kernel, "%s", found.gl_pathv[0]);
    globfree(&found);
    msb_sandbox_info *info = info_of(ran);
    int emulated = strcmp(msb_sandbox_info_isolation(info), "emulated") == 0;
    msb_sandbox_info_free(info);
    return (struct bare_inputs){.kernel = kernel, .initramfs = initramfs, .accel = emulated ? "tcg" : "kvm", .memory_mib = MEMORY_MIB};
}

static void measure_start(void) {
    double ready[START_ROUNDS], first[START_ROUNDS], stopped[START_ROUNDS];
    struct bare_inputs inputs = {0};
    msb_exec_config *command = command_true();
    backend = new_backend(home, "qemu");
    /* Round 0 prepares the kernel and warms the host's caches; it does not count. */
    for (int round = 0; round <= START_ROUNDS; round++) {
        double ready_ms = 0;
        struct bare bare;
        if (round > 0 && (bare_boot(&bare, &inputs, &ready_ms) || bare_end(&bare))) exit(1);
        msb_sandbox sandbox = create("start");
        double begin = now_ms();
        start(sandbox);
        run(sandbox, command);
        double answered = now_ms();
        stop(sandbox);
        double ended = now_ms();
        if (round == 0) {
            inputs = bare_inputs(sandbox);
        } else {
            ready[round - 1] = ready_ms;
            first[round - 1] = answered - begin;
            stopped[round - 1] = ended - answered;
        }
        drop(&sandbox);
    }
    msb_exec_config_free(command);
    end_backend(&backend);
    printf("qemu.accel %s\n", inputs.accel);
    printf("bare.ready_ms %.1f\n", median(ready, START_ROUNDS));
    printf("qemu.first_ms %.1f\n", median(first, START_ROUNDS));
    printf("qemu.stop_ms %.1f\n", median(stopped, START_ROUNDS));
}

static void measure_exec(void) {
    static double times[EXECS];
    backend = new_backend(home, "qemu");
    msb_sandbox sandbox = create("exec");
    start(sandbox);
    time_execs(sandbox, times, EXECS);
    print_memory("qemu", sandbox);
    stop(sandbox);
    drop(&sandbox);
    end_backend(&backend);
    printf("qemu.exec_p50_ms %.2f\n", percentile(times, EXECS, 50));
    printf("qemu.exec_p99_ms %.2f\n", percentile(times, EXECS, 99));
}

/* Resident memory of this process and a runner. */
static long host_rss_kib(pid_t runner) { return memory_rss_kib(getpid()) + memory_rss_kib(runner); }

/* Streams STREAM_BYTES out of a sandbox; gives MiB/s, and by how much the host's memory grew at most. */
static double stream_out(msb_sandbox sandbox, long *growth_kib) {
    static char buffer[256 * 1024];
    char count_arg[32];
    uint64_t total = 0;
    size_t count = 0;
    msb_exec exec = {0};
    msb_exec_status end;
    pid_t runner = runner_of(sandbox);
    msb_exec_config *command = msb_exec_config_new("/bin/dd");
    snprintf(count_arg, sizeof count_arg, "count=%u", (unsigned)(STREAM_BYTES >> 20));
    MUST(msb_exec_config_add_arg(command, "if=/dev/zero", &err));
    MUST(msb_exec_config_add_arg(command, "bs=1M", &err));
    MUST(msb_exec_config_add_arg(command, count_arg, &err));
    /* The buffer's own pages are not growth. */
    memset(buffer, 1, sizeof buffer);
    long before = host_rss_kib(runner);
    double begin = now_ms();
    MUST(msb_sandbox_exec_start(sandbox, command, &exec, &err));
    for (;;) {
        uint64_t sampled = total / SAMPLE_BYTES;
        MUST(msb_exec_read(exec, MSB_STDOUT, buffer, sizeof buffer, READ_MS, &count, &err));
        if (count == 0) break;
        total += count;
        if (total / SAMPLE_BYTES == sampled) continue;
        long growth = host_rss_kib(runner) - before;
        if (growth > *growth_kib) *growth_kib = growth;
    }
    double took = now_ms() - begin;
    MUST(msb_exec_wait(exec, COMMAND_MS, &end, &err));
    if (end.exit_code != 0 || total != STREAM_BYTES) {
        give_up("the stream ended after %llu bytes with exit code %d", (unsigned long long)total, (int)end.exit_code);
    }
    msb_exec_release(&exec);
    msb_exec_config_free(command);
    return (double)(STREAM_BYTES >> 20) / (took / 1e3);
}

static void measure_stream(void) {
    double bare_rates[STREAM_ROUNDS], rates[STREAM_ROUNDS];
    long growth_kib = 0;
    backend = new_backend(home, "qemu");
    for (int round = 0; round < STREAM_ROUNDS; round++) {
        struct bare bare;
        double ready_ms;
        msb_sandbox sandbox = create("stream");
        start(sandbox);
        struct bare_inputs inputs = bare_inputs(sandbox);
        rates[round] = stream_out(sandbox, &growth_kib);
        stop(sandbox);
        drop(&sandbox);
        if (bare_boot(&bare, &inputs, &ready_ms) || bare_stream(&bare, &bare_rates[round]) || bare_end(&bare)) exit(1);
    }
    end_backend(&backend);
    printf("bare.stream_mib_s %.1f\n", median(bare_rates, STREAM_ROUNDS));
    printf("qemu.stream_mib_s %.1f\n", median(rates, STREAM_ROUNDS));
    printf("qemu.stream_growth_kib %ld\n", growth_kib);
}

struct member {
    pthread_t thread;
    msb_sandbox sandbox;
    /* From the common start to the first result; negative if there was none. */
    double ready_ms;
};

static pthread_barrier_t crowd_begins;

static void *join_crowd(void *argument) {
    struct member *member = argument;
    msb_exec_config *command = command_true();
    msb_exec_result *result = NULL;
    msb_error *err = NULL;
    pthread_barrier_wait(&crowd_begins);
    double begin = now_ms();
    msb_status status = msb_sandbox_start(member->sandbox, BOOT_MS, &err);
    if (status == MSB_OK) status = msb_sandbox_exec(member->sandbox, command, &result, &err);
    member->ready_ms = status == MSB_OK && msb_exec_result_exit_code(result) == 0 ? now_ms() - begin : -1;
    if (status != MSB_OK) complain("one of the crowd", status, err);
    msb_error_free(err);
    msb_exec_result_free(result);
    msb_exec_config_free(command);
    return NULL;
}

/* Keeps this process, and all that it starts, on the first two of the processors that it may use. */
static void narrow_down(void) {
    cpu_set_t allowed, few;
    int taken = 0;
    CPU_ZERO(&few);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) give_up("sched_getaffinity: %s", strerror(errno));
    for (int cpu = 0; cpu < CPU_SETSIZE && taken < CROWD_CPUS; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        CPU_SET(cpu, &few);
        taken++;
    }
    if (sched_setaffinity(0, sizeof few, &few) != 0) give_up("sched_setaffinity: %s", strerror(errno));
    printf("crowd.cpus %d\n", taken);
}

static void measure_crowd(void) {
    static struct member crowd[CROWD];
    int ready = 0;
    double slowest = 0;
    narrow_down();
    backend = new_backend(home, "qemu");
    for (int i = 0; i < CROWD; i++) {
        char name[32];
        snprintf(name, sizeof name, "crowd-%d", i);
        crowd[i].sandbox = create(name);
    }
    if (pthread_barrier_init(&crowd_begins, NULL, CROWD) != 0) give_up("no barrier");
    for (int i = 0; i < CROWD; i++) {
        if (pthread_create(&crowd[i].thread, NULL, join_crowd, &crowd[i]) != 0) give_up("no thread");
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
        if (crowd[i].ready_ms < 0) continue;
        ready++;
        if (crowd[i].ready_ms > slowest) slowest = crowd[i].ready_ms;
    }
    printf("crowd.size %d\ncrowd.ready %d\ncrowd.slowest_ms %.0f\n", CROWD, ready, slowest);
    for (int i = 0; i < CROWD; i++) {
        MUST(msb_sandbox_kill(crowd[i].sandbox, STOP_MS, &err));
        drop(&crowd[i].sandbox);
    }
    end_backend(&backend);
}

static void measure_krun(void) {
    static double creates[KRUN_ROUNDS], stopped[KRUN_ROUNDS], execs[KRUN_EXECS];
    backend = new_backend(home, "krun");
    for (int round = 0; round < KRUN_ROUNDS; round++) {
        double begin = now_ms();
        msb_sandbox sandbox = create("krun");
        start(sandbox);
        creates[round] = now_ms() - begin;
        if (round == 0) {
            time_execs(sandbox, execs, KRUN_EXECS);
            print_memory("krun", sandbox);
        }
        begin = now_ms();
        stop(sandbox);
        stopped[round] = now_ms() - begin;
        drop(&sandbox);
    }
    end_backend(&backend);
    printf("krun.create_start_ms %.1f\n", median(creates, KRUN_ROUNDS));
    printf("krun.exec_ms %.2f\n", median(execs, KRUN_EXECS));
    printf("krun.stop_ms %.1f\n", median(stopped, KRUN_ROUNDS));
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int arguments;
        void (*measure)(void);
    } commands[] = {
        {"start", 5, measure_start}, {"exec", 4, measure_exec}, {"stream", 5, measure_stream},
        {"crowd", 4, measure_crowd}, {"krun", 4, measure_krun},
    };
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0 || argc != commands[i].arguments) continue;
        home = argv[2];
        root = argv[3];
        initramfs = argc > 4 ? argv[4] : NULL;
        commands[i].measure();
        return 0;
    }
    fprintf(stderr, "usage: vm start|stream HOME ROOT INITRAMFS, or vm exec|crowd|krun HOME ROOT\n");
    return 2;
}
