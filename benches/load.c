/*
 * How long a process that has just begun takes to load the library and make a backend without a configuration.
 * usage: load LIBRARY   prints `load_ms N`; run it afresh for every value.
 */
#define _GNU_SOURCE
#include "../include/msb.h"
#include "measure.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef msb_status backend_new(const msb_backend_config *, msb_backend *, msb_error **);

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: load LIBRARY\n");
        return 2;
    }
    msb_backend backend = {0};
    backend_new *make = NULL;
    double begin = now_ms();
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "msb_backend_new") : NULL;
    if (!symbol) {
        fprintf(stderr, "load: %s\n", dlerror());
        return 1;
    }
    /* ISO C has no conversion from a pointer to data to one to a function. */
    memcpy(&make, &symbol, sizeof make);
    msb_status status = make(NULL, &backend, NULL);
    double end = now_ms();
    if (status != MSB_OK) {
        fprintf(stderr, "load: msb_backend_new gave status %d\n", (int)status);
        return 1;
    }
    printf("load_ms %.3f\n", end - begin);
    return 0;
}
