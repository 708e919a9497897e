/*
 * What calls, commands, streams and waits cost from C: what the other languages are compared with. Prints a line
 * `ROW<TAB>NAME<TAB>VALUE<TAB>UNIT` for each measure.
 *
 *   MSB_BENCH_DRIVER=qemu MSB_BENCH_ROOT=DIRECTORY c
 */
#define _GNU_SOURCE
#include "../backend.h"
#include "../calls.h"
#include "../measure.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS = 1000000, OPENS = 5000, WARM_UP = 20, EXECS = 200, STREAMS = 3, WAITS = 1000, BATCH = 64 };
#define STREAM_BYTES ((uint64_t)256 << 20)
#define READ_BYTES (256 << 10)
#define PATIENCE_MS 120000

static msb_backend backend;
static msb_sandbox sandbox;

static void row(const char *name, double value, const char *unit) { printf("ROW\t%s\t%.3f\t%s\n", name, value, unit); }

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* The least that a call can cost. */
__attribute__((noinline)) static const char *nothing(void) {
    __asm__ volatile("");
    return "";
}

static double ns_of(const char *(*call)(void)) {
    const char *volatile kept;
    double began = now_ms();
    for (int i = 0; i < CALLS; i++) kept = call();
    (void)kept;
    return (now_ms() - began) * 1e6 / CALLS;
}

static void measure_calls(void) {
    msb_volume volume;
    msb_volume_config *config = msb_volume_config_new("data");
    row("floor_ns", ns_of(nothing), "ns");
    row("version_ns", ns_of(msb_version), "ns");
    MUST(msb_volume_create(backend, config, &volume, &err));
    msb_volume_config_free(config);
    double began = now_ms();
    for (int i = 0; i < OPENS; i++) {
        msb_volume opened;
        MUST(msb_volume_open(backend, "data", &opened, &err));
        msb_volume_release(&opened);
    }
    row("open_by_name_ns", (now_ms() - began) * 1e6 / OPENS, "ns");
    MUST(msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

static void begin(void) {
    msb_sandbox_config *config = msb_sandbox_config_new("bench");
    MUST(msb_sandbox_config_set_image(config, getenv("MSB_BENCH_ROOT"), &err));
    MUST(msb_sandbox_config_set_cpus(config, 1, &err));
    MUST(msb_sandbox_config_set_memory_mib(config, 256, &err));
    MUST(msb_sandbox_create(backend, config, &sandbox, &err));
    MUST(msb_sandbox_start(sandbox, -1, &err));
    msb_sandbox_config_free(config);
}

static void measure_exec(void) {
    double times[EXECS];
    msb_exec_config *config = msb_exec_config_new("/bin/true");
    for (int i = -WARM_UP; i < EXECS; i++) {
        msb_exec_result *result;
        double began = now_ms();
        MUST(msb_sandbox_exec(sandbox, config, &result, &err));
        if (i >= 0) times[i] = (now_ms() - began) * 1e3;
        msb_exec_result_free(result);
    }
    msb_exec_config_free(config);
    row("exec_true_us", median(times, EXECS), "us");
}

static double stream(void) {
    static char buffer[READ_BYTES];
    uint64_t total = 0;
    size_t n;
    msb_exec exec;
    msb_exec_status end;
    /* Not `head -c`: a busybox writes byte by byte there, and under emulation that is all that would be measured. */
    msb_exec_config *config = msb_exec_config_new("dd");
    MUST(msb_exec_config_add_arg(config, "if=/dev/zero", &err));
    MUST(msb_exec_config_add_arg(config, "bs=1M", &err));
    MUST(msb_exec_config_add_arg(config, "count=256", &err));
    double began = now_ms();
    MUST(msb_sandbox_exec_start(sandbox, config, &exec, &err));
    do {
        MUST(msb_exec_read(exec, MSB_STDOUT, buffer, sizeof buffer, PATIENCE_MS, &n, &err));
        total += n;
    } while (n > 0);
    MUST(msb_exec_wait(exec, PATIENCE_MS, &end, &err));
    double took = now_ms() - began;
    if (total != STREAM_BYTES || end.exit_code != 0) give_up("the stream ended early, with exit code %d", end.exit_code);
    msb_exec_release(&exec);
    msb_exec_config_free(config);
    return (double)total / (1 << 20) / (took / 1e3);
}

static void measure_stream(void) {
    double rates[STREAMS];
    for (int i = 0; i < STREAMS; i++) rates[i] = stream();
    row("stdout_mib_s", median(rates, STREAMS), "MiB/s");
}

static int count_threads(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/task");
    if (!directory) give_up("/proc/self/task cannot be read");
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void measure_waits(void) {
    static msb_op waits[WAITS];
    msb_queue queue;
    msb_exec exec;
    size_t n;
    msb_exec_config *config = msb_exec_config_new("cat");
    MUST(msb_exec_config_set_stdin_pipe(config, &err));
    MUST(msb_sandbox_exec_start(sandbox, config, &exec, &err));
    int before = count_threads();
    MUST(msb_queue_new(&queue, &err));
    for (uint64_t i = 0; i < WAITS; i++) MUST(msb_exec_wait_async(exec, -1, queue, i, &waits[i], &err));
    row("waits_threads", count_threads() - before, "threads");
    MUST(msb_exec_close_stdin(exec, &err));
    for (size_t left = WAITS; left > 0; left -= n) {
        msb_completion completions[BATCH];
        MUST(msb_queue_next(queue, completions, BATCH, PATIENCE_MS, &n, &err));
        for (size_t i = 0; i < n; i++) {
            msb_exec_status end;
            MUST(msb_op_take_exec_status(waits[completions[i].token], &end, &err));
            msb_op_release(&waits[completions[i].token]);
        }
    }
    MUST(msb_queue_close(queue, PATIENCE_MS, &err));
    msb_queue_release(&queue);
    msb_exec_release(&exec);
    msb_exec_config_free(config);
}

int main(void) {
    char home[256];
    const char *driver = getenv("MSB_BENCH_DRIVER"), *directory = getenv("TMPDIR");
    if (!driver || !getenv("MSB_BENCH_ROOT")) give_up("set MSB_BENCH_DRIVER and MSB_BENCH_ROOT");
    snprintf(home, sizeof home, "%s/msb-bench-XXXXXX", directory ? directory : "/tmp");
    if (!mkdtemp(home)) give_up("there is no home in %s", home);
    setvbuf(stdout, NULL, _IOLBF, 0);
    backend = new_backend(home, driver);
    measure_calls();
    begin();
    measure_exec();
    measure_stream();
    measure_waits();
    MUST(msb_sandbox_stop(sandbox, STOP_MS, &err));
    MUST(msb_sandbox_remove(sandbox, &err));
    msb_sandbox_release(&sandbox);
    end_backend(&backend);
    return nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
