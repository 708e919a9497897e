/* How much is carried: what both ends agree on. */
#ifndef MSB_BENCH_STREAM_H
#define MSB_BENCH_STREAM_H

/* Multiples of 1 MiB. */
#define STREAM_BYTES ((uint64_t)256 << 20)
#define SHARE_BYTES ((uint64_t)256 << 20)

#endif
