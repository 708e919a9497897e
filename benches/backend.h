/* The backend of a measuring program. */
#ifndef MSB_BENCH_BACKEND_H
#define MSB_BENCH_BACKEND_H

#include "calls.h"

/* Longest end of a backend or a sandbox. */
#define STOP_MS 30000

static inline msb_backend new_backend(const char *home, const char *driver) {
    msb_backend backend = {0};
    msb_backend_config *config = msb_backend_config_new();
    MUST(msb_backend_config_set_home(config, home, &err));
    MUST(msb_backend_config_set_driver(config, driver, &err));
    MUST(msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    return backend;
}

static inline void end_backend(msb_backend *backend) {
    MUST(msb_backend_close(*backend, STOP_MS, &err));
    msb_backend_release(backend);
}

#endif
