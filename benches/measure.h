/* What the measuring programs share: the clock, and medians. */
#ifndef MSB_BENCH_MEASURE_H
#define MSB_BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

static inline double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline int measure_order(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The value that `percent` of the values do not exceed. Sorts them; `count` is at least 1. */
static inline double percentile(double *values, size_t count, size_t percent) {
    qsort(values, count, sizeof *values, measure_order);
    size_t rank = (count * percent + 99) / 100;
    return values[rank > 0 ? rank - 1 : 0];
}

static inline double median(double *values, size_t count) { return percentile(values, count, 50); }

#endif
