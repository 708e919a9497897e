/* How much memory processes use, from /proc. Sizes are in KiB; -1 is one that could not be read. */
#ifndef MSB_BENCH_MEMORY_H
#define MSB_BENCH_MEMORY_H

#include <sys/types.h>

struct memory {
    /* Resident pages; one that several processes map is counted for each. */
    long rss_kib;
    /* The same with shared pages divided among those who map them. */
    long pss_kib;
};

long memory_rss_kib(pid_t pid);

/* Of a process and all its descendants. */
struct memory memory_of_tree(pid_t pid);

#endif
