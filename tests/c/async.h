/*
 * What tests of operations share: the next completion of a queue, and an operation that hangs until it is told not to.
 */
#ifndef ASYNC_H
#define ASYNC_H

#include "fixture.h"

static inline msb_queue new_queue(void) {
    msb_error *err = NULL;
    msb_queue queue = {0};
    CHECK_OK(err, msb_queue_new(&queue, &err));
    CHECK(queue.id != 0);
    return queue;
}

static inline void close_queue(msb_queue *queue) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_queue_close(*queue, PATIENCE_MS, &err));
    msb_queue_release(queue);
}

/* The next completion; a failed check and an empty one if none comes. */
static inline msb_completion next_completion(msb_queue queue) {
    msb_error *err = NULL;
    msb_completion completion;
    size_t n = 0;
    memset(&completion, 0, sizeof completion);
    CHECK_OK(err, msb_queue_next(queue, &completion, 1, PATIENCE_MS, &n, &err));
    CHECK(n == 1);
    return completion;
}

/* Whether the next completion is that of `op` with this status. */
static inline int completes(msb_queue queue, msb_op op, uint64_t token, msb_status status) {
    msb_completion completion = next_completion(queue);
    if (completion.op.id == op.id && completion.token == token && completion.status == status) return 1;
    printf("       token %llu completed with %s\n", (unsigned long long)completion.token,
           msb_status_name(completion.status));
    return 0;
}

/* Whether a queue has nothing to give and nothing under way. */
static inline int is_empty(msb_queue queue) {
    msb_completion completion;
    size_t n = 1;
    return msb_queue_next(queue, &completion, 1, 0, &n, NULL) == MSB_ERR_WOULD_BLOCK && n == 0 &&
           msb_queue_pending(queue) == 0;
}

static inline int is_readable(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1 && look.revents == POLLIN;
}

static inline msb_volume new_volume(msb_backend backend, const char *name) {
    msb_error *err = NULL;
    msb_volume volume = {0};
    msb_volume_config *config = msb_volume_config_new(name);
    CHECK_OK(err, msb_volume_create(backend, config, &volume, &err));
    msb_volume_config_free(config);
    return volume;
}

/* Imports into a volume from a pipe that nobody writes to: under way until it is cancelled or the pipe is closed. */
static inline msb_op hanging(msb_volume volume, const char *path, int pipe_end, msb_queue queue, uint64_t token) {
    msb_error *err = NULL;
    msb_op op = {0};
    CHECK_OK(err, msb_volume_fs_tar_import_async(volume, path, pipe_end, queue, token, &op, &err));
    CHECK(op.id != 0);
    return op;
}

#endif
