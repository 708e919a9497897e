/* What the measuring programs do with a call that fails: say why and end. */
#ifndef MSB_BENCH_CALLS_H
#define MSB_BENCH_CALLS_H

#include "../include/msb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static inline void complain(const char *what, msb_status status, const msb_error *err) {
    size_t length = 0;
    fprintf(stderr, "%s: %s: %s: %s\n", program_invocation_short_name, what, msb_status_name(status), msb_error_message(err));
    for (size_t i = 0; i < msb_error_cause_count(err); i++) fprintf(stderr, "    because %s\n", msb_error_cause(err, i));
    const uint8_t *tail = msb_error_detail(err, "console_tail", &length);
    if (tail && length) fprintf(stderr, "    its console: %.*s\n", (int)length, (const char *)tail);
}

/* Frees the error. Attached sandboxes end with this process, and the home is thrown away by who made it. */
static inline void must(const char *what, msb_status status, msb_error *err) {
    if (status == MSB_OK) return;
    complain(what, status, err);
    msb_error_free(err);
    exit(1);
}

#define MUST(call)                             \
    do {                                       \
        msb_error *err = NULL;                 \
        msb_status must_status = (call);       \
        must(#call, must_status, err);         \
    } while (0)

static inline void give_up(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

#endif
