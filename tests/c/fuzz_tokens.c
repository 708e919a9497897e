/*
 * A million random calls with handles that are null, stale, forged or of another type, and random NULL pointers beside
 * them: each gives one of three statuses and touches nothing. Build it with ASan and UBSan.
 *
 * usage: fuzz_tokens [CALLS [SEED]]     the seed is printed, so that a failure can be repeated
 */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

enum { STALE = 64 };

static char home[] = "/tmp/msb-fuzz-XXXXXX";
static uint64_t seed = UINT64_C(0x6d73622d66757a7a);
static uint64_t random_state;
static uint64_t calls = 1000000;
static msb_backend live;
static uint64_t stale[STALE];
static msb_sandbox_config *sandbox_config;
static msb_exec_config *exec_config;

static uint64_t next(void) { /* splitmix64 */
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A handle that is not a live one; `is_backend`: also not the live backend disguised. */
static uint64_t bad_id(int is_backend) {
    uint64_t id;
    switch (next() % 6) {
    case 0: return 0;
    case 1: return stale[next() % STALE];
    case 2: id = next(); break;
    case 3: id = next() % 1024; break;
    case 4: id = live.id ^ UINT64_C(1) << next() % 64; break;
    default: id = live.id; break;
    }
    return is_backend && id == live.id ? 0 : id;
}

#define MAYBE(pointer) (next() % 8 ? (pointer) : NULL)

static msb_status call(msb_error **err) {
    msb_backend b = {bad_id(1)};
    msb_sandbox s = {bad_id(0)}, s_out = {1};
    msb_exec e = {bad_id(0)}, e_out = {1};
    msb_sandbox_info *info = NULL;
    msb_sandbox_page *page = NULL;
    msb_exec_result *result = NULL;
    msb_exit exit_record;
    char buf[16] = "x";
    size_t n = 1;
    int64_t timeout = (int64_t)(next() % 3) - 1; /* -1 too: a bad handle must not wait */
    const msb_sandbox_config *sc = MAYBE(sandbox_config);
    const msb_exec_config *ec = MAYBE(exec_config);

    switch (next() % 17) {
    case 0: return msb_backend_close(b, timeout, err);
    case 1: return msb_sandbox_create(b, sc, MAYBE(&s_out), err);
    case 2: return msb_sandbox_open(b, MAYBE("box"), MAYBE(&s_out), err);
    case 3: return msb_sandbox_list(b, NULL, MAYBE(&page), err);
    case 4: return msb_sandbox_start(s, timeout, err);
    case 5: return msb_sandbox_stop(s, timeout, err);
    case 6: return msb_sandbox_kill(s, timeout, err);
    case 7: return msb_sandbox_wait(s, timeout, MAYBE(&exit_record), err);
    case 8: return msb_sandbox_remove(s, err);
    case 9: return msb_sandbox_info_get(s, MAYBE(&info), err);
    case 10: return msb_sandbox_exec(s, ec, MAYBE(&result), err);
    case 11: return msb_sandbox_exec_start(s, ec, MAYBE(&e_out), err);
    case 12: return msb_exec_read(e, (int)(next() % 4), MAYBE(buf), sizeof buf, timeout, MAYBE(&n), err);
    case 13: return msb_exec_write(e, MAYBE(buf), 1, timeout, MAYBE(&n), err);
    case 14: msb_sandbox_release(&s); break;
    case 15: msb_exec_release(&e); break;
    default: msb_backend_release(&b); break;
    }
    if (err) *err = NULL;
    return MSB_ERR_STALE_HANDLE; /* releases give nothing; what they must do is checked by the caller */
}

TEST(no_bad_handle_is_ever_taken) {
    uint64_t counts[64] = {0};
    for (uint64_t i = 0; i < calls && test_ok; i++) {
        msb_error *err = NULL;
        int wanted = next() % 4 != 0;
        msb_status status = call(wanted ? &err : NULL);
        counts[status & 63]++;
        CHECK(status == MSB_ERR_INVALID_ARGUMENT || status == MSB_ERR_STALE_HANDLE
              || status == MSB_ERR_WRONG_HANDLE_TYPE);
        CHECK(err == NULL || msb_error_status(err) == status);
        msb_error_free(err);
    }
    printf("       %" PRIu64 " calls: %" PRIu64 " invalid, %" PRIu64 " stale, %" PRIu64 " of another type\n", calls,
           counts[MSB_ERR_INVALID_ARGUMENT], counts[MSB_ERR_STALE_HANDLE], counts[MSB_ERR_WRONG_HANDLE_TYPE]);
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 1);
}

static msb_backend new_backend(void) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_backend_config *config = msb_backend_config_new();
    CHECK_OK(err, msb_backend_config_set_home(config, home, &err));
    CHECK_OK(err, msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    return backend;
}

TEST(the_live_backend_is_still_the_one) {
    msb_error *err = NULL;
    msb_sandbox none = {0};
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_open(live, "box", &none, &err));
    msb_backend_release(&live);
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv) {
    if (argc > 1) calls = strtoull(argv[1], NULL, 10);
    if (argc > 2) seed = strtoull(argv[2], NULL, 0);
    random_state = seed;
    printf("seed 0x%" PRIx64 "\n", seed);
    alarm(300); /* a call that waits for ever must not hold up the tests */
    if (!mkdtemp(home)) {
        perror("mkdtemp");
        return 1;
    }
    test_ok = 1;
    for (int i = 0; i < STALE; i++) {
        msb_backend backend = new_backend();
        stale[i] = backend.id;
        msb_backend_release(&backend);
    }
    live = new_backend();
    if (!test_ok) test_failed++;
    sandbox_config = msb_sandbox_config_new("box");
    exec_config = msb_exec_config_new("true");

    RUN(no_bad_handle_is_ever_taken);
    RUN(the_live_backend_is_still_the_one);

    msb_sandbox_config_free(sandbox_config);
    msb_exec_config_free(exec_config);
    nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
