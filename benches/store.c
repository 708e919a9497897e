/*
 * What the store and the files of volumes cost, as seen through msb.h. Prints a line `NAME VALUE` for each measure.
 *
 *   store rows HOME           create a volume, open it by name, list 201
 *   store many HOME ROOT      list 10,000 volumes; open a backend on a home with 10,000 sandboxes
 *   store bytes HOME          write and read a volume's files, beside plain system calls on a file beside it
 *   store guest HOME ROOT INITRAMFS
 *                             write and read a file in an emulated guest, beside what a bare machine's port carries
 *
 * What is compared is measured in turns, so that a change of the host's load meets both. Ends at the first failure with
 * exit code 1.
 */
#define _GNU_SOURCE
#include "backend.h"
#include "bare/machine.h"
#include "bare/stream.h"
#include "calls.h"
#include "measure.h"
#include "memory.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREATES 100
#define OPENS 200
#define LISTED 201
#define LISTINGS 50
#define MANY 10000
#define MANY_ROUNDS 7
#define LARGE ((size_t)64 << 20)
#define LARGE_ROUNDS 15
#define SMALL 5
#define SMALL_ROUNDS 2000
#define SMALL_BLOCK 50
#define GUEST_ROUNDS 3
#define GUEST_MEMORY_MIB 1024
/* How much of the guest's file one call carries. */
#define PIECE ((size_t)4 << 20)
#define PAGE_LIMIT 1000

#define CALL_MS 120000

static const char *home, *root, *initramfs;
static msb_backend backend;

static msb_volume create_volume(const char *name) {
    msb_volume volume = {0};
    msb_volume_config *config = msb_volume_config_new(name);
    MUST(msb_volume_create(backend, config, &volume, &err));
    msb_volume_config_free(config);
    return volume;
}

static const char *numbered(const char *what, int number) {
    static char name[32];
    snprintf(name, sizeof name, "%s-%05d", what, number);
    return name;
}

/* Reads every page of a listing; the number of volumes. */
static size_t list_volumes(void) {
    size_t count = 0;
    msb_volume_filter *filter = msb_volume_filter_new();
    MUST(msb_volume_filter_set_limit(filter, PAGE_LIMIT, &err));
    for (;;) {
        msb_volume_page *page = NULL;
        MUST(msb_volume_list(backend, filter, &page, &err));
        count += msb_volume_page_len(page);
        const char *next = msb_volume_page_next(page);
        if (next) MUST(msb_volume_filter_set_cursor(filter, next, &err));
        int last = next == NULL;
        msb_volume_page_free(page);
        if (last) break;
    }
    msb_volume_filter_free(filter);
    return count;
}

static void measure_rows(void) {
    static double creates[CREATES], opens[OPENS], lists[LISTINGS];
    backend = new_backend(home, "qemu");
    for (int i = 0; i < LISTED; i++) {
        double begin = now_ms();
        msb_volume volume = create_volume(numbered("row", i));
        if (i < CREATES) creates[i] = now_ms() - begin;
        msb_volume_release(&volume);
    }
    for (int i = 0; i < OPENS; i++) {
        msb_volume volume = {0};
        const char *name = numbered("row", i);
        double begin = now_ms();
        MUST(msb_volume_open(backend, name, &volume, &err));
        opens[i] = now_ms() - begin;
        msb_volume_release(&volume);
    }
    for (int i = 0; i < LISTINGS; i++) {
        double begin = now_ms();
        if (list_volumes() != LISTED) give_up("the listing is not of %d volumes", LISTED);
        lists[i] = now_ms() - begin;
    }
    end_backend(&backend);
    printf("msb.create_us %.1f\n", median(creates, CREATES) * 1e3);
    printf("msb.open_us %.1f\n", median(opens, OPENS) * 1e3);
    printf("msb.list_us %.1f\n", median(lists, LISTINGS) * 1e3);
}

static void measure_many(void) {
    double lists[MANY_ROUNDS], opens[MANY_ROUNDS];
    backend = new_backend(home, "qemu");
    for (int i = 0; i < MANY; i++) {
        msb_volume volume = create_volume(numbered("many", i));
        msb_volume_release(&volume);
    }
    for (int i = 0; i < MANY; i++) {
        msb_sandbox sandbox = {0};
        msb_sandbox_config *config = msb_sandbox_config_new(numbered("box", i));
        MUST(msb_sandbox_config_set_image(config, root, &err));
        MUST(msb_sandbox_create(backend, config, &sandbox, &err));
        msb_sandbox_config_free(config);
        msb_sandbox_release(&sandbox);
    }
    for (int i = 0; i < MANY_ROUNDS; i++) {
        double begin = now_ms();
        if (list_volumes() != MANY) give_up("the listing is not of %d volumes", MANY);
        lists[i] = now_ms() - begin;
    }
    end_backend(&backend);
    for (int i = 0; i < MANY_ROUNDS; i++) {
        double begin = now_ms();
        backend = new_backend(home, "qemu");
        opens[i] = now_ms() - begin;
        end_backend(&backend);
    }
    printf("msb.list_many_ms %.2f\n", median(lists, MANY_ROUNDS));
    printf("msb.backend_many_ms %.2f\n", median(opens, MANY_ROUNDS));
}

/* ---- the same with plain system calls ---- */

static void plain_write(const char *path, const uint8_t *data, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) give_up("cannot open %s", path);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, data + done, len - done);
        if (n <= 0) give_up("cannot write %s", path);
        done += (size_t)n;
    }
    close(fd);
}

/* Into memory that it allocates, of the size that the file has. */
static uint8_t *plain_read(const char *path, size_t *len) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) give_up("cannot open %s", path);
    uint8_t *data = malloc((size_t)st.st_size);
    for (*len = 0; data && *len < (size_t)st.st_size;) {
        ssize_t n = read(fd, data + *len, (size_t)st.st_size - *len);
        if (n <= 0) give_up("cannot read %s", path);
        *len += (size_t)n;
    }
    close(fd);
    return data;
}

/* The same into memory that is there. */
static void plain_read_into(const char *path, uint8_t *data, size_t len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, data + done, len - done);
        if (n <= 0) give_up("cannot read %s", path);
        done += (size_t)n;
    }
    close(fd);
}

static void read_into(msb_volume volume, const char *path, uint8_t *data, size_t len) {
    msb_file file = {0};
    size_t n = 0;
    MUST(msb_volume_fs_open(volume, path, MSB_OPEN_READ, 0, &file, &err));
    MUST(msb_file_pread(file, 0, data, len, -1, &n, &err));
    if (n != len) give_up("a read of %zu bytes gave %zu", len, n);
    msb_file_release(&file);
}

struct times {
    double *write, *plain_write, *read, *plain_read, *into, *plain_into;
};

/* One kind of call on a file, `len` bytes long. */
typedef void operation(msb_volume volume, const char *plain, uint8_t *data, size_t len);

static void write_volume(msb_volume volume, const char *plain, uint8_t *data, size_t len) {
    (void)plain;
    MUST(msb_volume_write(volume, "file", data, len, &err));
}

static void write_plain(msb_volume volume, const char *plain, uint8_t *data, size_t len) {
    (void)volume;
    plain_write(plain, data, len);
}

static void read_volume(msb_volume volume, const char *plain, uint8_t *data, size_t len) {
    msb_bytes *bytes = NULL;
    (void)plain;
    MUST(msb_volume_read(volume, "file", &bytes, &err));
    if (msb_bytes_len(bytes) != len || msb_bytes_data(bytes)[len - 1] != data[len - 1]) give_up("not what was written");
    msb_bytes_free(bytes);
}

static void read_plain(msb_volume volume, const char *plain, uint8_t *data, size_t len) {
    size_t n = 0;
    (void)volume, (void)data, (void)len;
    free(plain_read(plain, &n));
}

static void read_volume_into(msb_volume volume, const char *plain, uint8_t *data, size_t len) {
    (void)plain;
    read_into(volume, "file", data, len);
}

static void read_plain_into(msb_volume volume, const char *plain, uint8_t *data, size_t len) {
    (void)volume;
    plain_read_into(plain, data, len);
}

/*
 * The two of each pair take turns by blocks, and in which is first: a call then follows others of its kind, and does not pay
 * for what the other one left to the disk or in the caches.
 */
static void measure_size(msb_volume volume, uint8_t *data, size_t len, int rounds, int block, struct times *times) {
    char plain[4096];
    const struct {
        operation *run;
        double *times;
    } operations[] = {
        {write_volume, times->write}, {write_plain, times->plain_write}, {read_volume, times->read},
        {read_plain, times->plain_read}, {read_volume_into, times->into}, {read_plain_into, times->plain_into},
    };
    enum { COUNT = sizeof operations / sizeof *operations };
    snprintf(plain, sizeof plain, "%s/volumes/bytes/plain", home);
    for (int begin = 0; begin < rounds; begin += block) {
        for (int i = 0; i < COUNT; i++) {
            int which = begin / block % 2 ? i ^ 1 : i;
            for (int round = begin; round < begin + block && round < rounds; round++) {
                double at = now_ms();
                operations[which].run(volume, plain, data, len);
                operations[which].times[round] = now_ms() - at;
            }
        }
    }
}

static double *space(size_t count) {
    double *times = calloc(count, sizeof *times);
    if (!times) give_up("no memory");
    return times;
}

static void measure_bytes(void) {
    struct times times = {space(SMALL_ROUNDS), space(SMALL_ROUNDS), space(SMALL_ROUNDS),
                          space(SMALL_ROUNDS), space(SMALL_ROUNDS), space(SMALL_ROUNDS)};
    uint8_t *data = malloc(LARGE);
    if (!data) give_up("no memory");
    memset(data, 7, LARGE);
    backend = new_backend(home, "qemu");
    msb_volume volume = create_volume("bytes");
    measure_size(volume, data, SMALL, SMALL_ROUNDS, SMALL_BLOCK, &times);
    printf("msb.write_small_us %.2f\n", median(times.write, SMALL_ROUNDS) * 1e3);
    printf("plain.write_small_us %.2f\n", median(times.plain_write, SMALL_ROUNDS) * 1e3);
    printf("msb.read_small_us %.2f\n", median(times.read, SMALL_ROUNDS) * 1e3);
    printf("plain.read_small_us %.2f\n", median(times.plain_read, SMALL_ROUNDS) * 1e3);
    measure_size(volume, data, LARGE, LARGE_ROUNDS, 1, &times);
    double mib = (double)(LARGE >> 20) * 1e3;
    printf("msb.write_mib_s %.0f\n", mib / median(times.write, LARGE_ROUNDS));
    printf("plain.write_mib_s %.0f\n", mib / median(times.plain_write, LARGE_ROUNDS));
    printf("msb.read_mib_s %.0f\n", mib / median(times.read, LARGE_ROUNDS));
    printf("plain.read_mib_s %.0f\n", mib / median(times.plain_read, LARGE_ROUNDS));
    printf("msb.read_into_mib_s %.0f\n", mib / median(times.into, LARGE_ROUNDS));
    printf("plain.read_into_mib_s %.0f\n", mib / median(times.plain_into, LARGE_ROUNDS));
    MUST(msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
    end_backend(&backend);
    free(data);
}

/* ---- an emulated guest ---- */

static msb_sandbox start_sandbox(pid_t *runner) {
    msb_sandbox sandbox = {0};
    msb_sandbox_info *info = NULL;
    msb_sandbox_config *config = msb_sandbox_config_new("files");
    MUST(msb_sandbox_config_set_image(config, root, &err));
    MUST(msb_sandbox_config_set_cpus(config, 1, &err));
    MUST(msb_sandbox_config_set_memory_mib(config, GUEST_MEMORY_MIB, &err));
    MUST(msb_sandbox_create(backend, config, &sandbox, &err));
    msb_sandbox_config_free(config);
    MUST(msb_sandbox_start(sandbox, -1, &err));
    MUST(msb_sandbox_info_get(sandbox, &info, &err));
    *runner = (pid_t)msb_sandbox_info_runner_pid(info);
    msb_sandbox_info_free(info);
    return sandbox;
}

static void stop_sandbox(msb_sandbox *sandbox) {
    MUST(msb_sandbox_stop(*sandbox, STOP_MS, &err));
    MUST(msb_sandbox_remove(*sandbox, &err));
    msb_sandbox_release(sandbox);
}

static long host_kib(pid_t runner) { return memory_rss_kib(getpid()) + memory_rss_kib(runner); }

/* Carries STREAM_BYTES in pieces, in or out; MiB/s, and by how much the host's memory grew at most. */
static double carry(msb_file file, int in, uint8_t *piece, pid_t runner, long *growth_kib) {
    long before = host_kib(runner);
    double spent = 0;
    for (uint64_t offset = 0; offset < STREAM_BYTES; offset += PIECE) {
        size_t n = PIECE;
        double begin = now_ms();
        if (in) MUST(msb_file_pwrite(file, offset, piece, PIECE, CALL_MS, &err));
        else MUST(msb_file_pread(file, offset, piece, PIECE, CALL_MS, &n, &err));
        spent += now_ms() - begin;
        if (n != PIECE) give_up("a piece of %zu bytes came instead of %zu", n, PIECE);
        long growth = host_kib(runner) - before;
        if (growth > *growth_kib) *growth_kib = growth;
    }
    return (double)(STREAM_BYTES >> 20) / (spent / 1e3);
}

/* The kernel that the library has prepared. */
static struct bare_inputs bare_inputs(void) {
    static char kernel[4096];
    char pattern[4096];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/cache/kernel/*.elf", home);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) give_up("not one kernel at %s", pattern);
    snprintf(kernel, sizeof kernel, "%s", found.gl_pathv[0]);
    globfree(&found);
    return (struct bare_inputs){.kernel = kernel, .initramfs = initramfs, .accel = "tcg", .memory_mib = 256};
}

static void measure_guest(void) {
    double writes[GUEST_ROUNDS], reads[GUEST_ROUNDS], bare_rates[GUEST_ROUNDS];
    long growth_kib = 0;
    uint8_t *piece = malloc(PIECE);
    if (!piece) give_up("no memory");
    memset(piece, 1, PIECE);
    backend = new_backend(home, "qemu");
    for (int round = 0; round < GUEST_ROUNDS; round++) {
        struct bare bare;
        double ready_ms;
        pid_t runner;
        msb_file file = {0};
        msb_sandbox sandbox = start_sandbox(&runner);
        MUST(msb_sandbox_fs_open(sandbox, "/dev/shm/file", MSB_OPEN_READ | MSB_OPEN_WRITE | MSB_OPEN_CREATE, 0644, CALL_MS,
                                 &file, &err));
        writes[round] = carry(file, 1, piece, runner, &growth_kib);
        reads[round] = carry(file, 0, piece, runner, &growth_kib);
        msb_file_release(&file);
        stop_sandbox(&sandbox);
        struct bare_inputs inputs = bare_inputs();
        if (bare_boot(&bare, &inputs, &ready_ms) || bare_stream(&bare, &bare_rates[round]) || bare_end(&bare)) exit(1);
    }
    end_backend(&backend);
    free(piece);
    printf("guest.write_mib_s %.1f\n", median(writes, GUEST_ROUNDS));
    printf("guest.read_mib_s %.1f\n", median(reads, GUEST_ROUNDS));
    printf("guest.growth_kib %ld\n", growth_kib);
    printf("bare.stream_mib_s %.1f\n", median(bare_rates, GUEST_ROUNDS));
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int arguments;
        void (*measure)(void);
    } commands[] = {
        {"rows", 3, measure_rows}, {"many", 4, measure_many}, {"bytes", 3, measure_bytes}, {"guest", 5, measure_guest},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 || argc != commands[i].arguments) continue;
        home = argv[2];
        root = argc > 3 ? argv[3] : NULL;
        initramfs = argc > 4 ? argv[4] : NULL;
        commands[i].measure();
        return 0;
    }
    fprintf(stderr, "usage: store rows|bytes HOME, store many HOME ROOT, store guest HOME ROOT INITRAMFS\n");
    return 2;
}
