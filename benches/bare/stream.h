/* What both ends of a stream agree on. */
#ifndef MSB_BENCH_STREAM_H
#define MSB_BENCH_STREAM_H

/* A multiple of 1 MiB. */
#define STREAM_BYTES ((uint64_t)256 << 20)

#endif
