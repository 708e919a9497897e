/*
 * The whole test harness: named tests, checks that say where they failed, and a last line `N passed, N failed`.
 *
 *     TEST(stale_token_is_a_status) { CHECK(1 + 1 == 2); }
 *     int main(void) { RUN(stale_token_is_a_status); return test_end(); }
 */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <string.h>

#include "msb.h"

static int test_passed, test_failed, test_ok;

#define TEST(name) static void name(void)

#define RUN(name)                                                  \
    do {                                                           \
        test_ok = 1;                                               \
        name();                                                    \
        printf("%s %s\n", test_ok ? "ok    " : "FAILED", #name);   \
        if (test_ok) test_passed++; else test_failed++;            \
        fflush(stdout);                                            \
    } while (0)

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            test_ok = 0;                                                            \
            printf("       %s:%d: %s\n", __FILE__, __LINE__, #condition);           \
        }                                                                           \
    } while (0)

/* The call gives `expected`, and its error, held by `err`, says the same; the error is freed. */
#define CHECK_STATUS(expected, err, call) \
    test_status(__FILE__, __LINE__, #call, (expected), (call), &(err))

#define CHECK_OK(err, call) CHECK_STATUS(MSB_OK, err, call)

static inline void test_status(const char *file, int line, const char *call, msb_status expected,
                               msb_status status, msb_error **err) {
    if (status != expected || (*err == NULL) != (expected == MSB_OK) || msb_error_status(*err) != expected) {
        test_ok = 0;
        printf("       %s:%d: %s gave %s, not %s: %s\n", file, line, call, msb_status_name(status),
               msb_status_name(expected), msb_error_message(*err));
    }
    msb_error_free(*err);
    *err = NULL;
}

static inline int test_end(void) {
    printf("%d passed, %d failed\n", test_passed, test_failed);
    return test_failed ? 1 : 0;
}

#endif
