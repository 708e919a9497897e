/*
 * Uses the library that is named on the command line, found with dlopen, and prints what it answers. With a decoy preloaded,
 * which has every name that the library exports, each printed line must be the same.
 * usage: decoyed LIBRARY HOME with-decoy|alone
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <msb.h>

static void *library;

static void *found(const char *name) {
    void *address = dlsym(library, name);
    if (!address) fprintf(stderr, "decoyed: no %s\n", name);
    return address;
}

#define USE(name)                     \
    __typeof__(name) *lib_##name;     \
    do {                              \
        void *address = found(#name); \
        if (!address) return 1;       \
        memcpy(&lib_##name, &address, sizeof address); \
    } while (0)

int main(int argc, char **argv) {
    if (argc != 4 || !(library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL))) return 2;
    /* A decoy that is not there would prove nothing. */
    if ((dlsym(RTLD_DEFAULT, "msb_version") != NULL) != (strcmp(argv[3], "with-decoy") == 0)) return 3;

    USE(msb_version);
    USE(msb_status_name);
    USE(msb_error_message);
    USE(msb_error_free);
    USE(msb_backend_config_new);
    USE(msb_backend_config_set_home);
    USE(msb_backend_config_free);
    USE(msb_backend_new);
    USE(msb_backend_close);
    USE(msb_backend_release);
    USE(msb_volume_config_new);
    USE(msb_volume_config_from_json);
    USE(msb_volume_config_free);
    USE(msb_volume_create);
    USE(msb_volume_write);
    USE(msb_volume_read);
    USE(msb_volume_remove);
    USE(msb_volume_release);
    USE(msb_bytes_data);
    USE(msb_bytes_len);
    USE(msb_bytes_free);
    USE(msb_debug_live_objects);

    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_volume volume = {0};
    msb_bytes *bytes = NULL;
    msb_backend_config *config = lib_msb_backend_config_new();
    msb_volume_config *volume_config = lib_msb_volume_config_new("data");
    printf("%s\n", lib_msb_version());
    msb_status status = lib_msb_backend_config_set_home(config, argv[2], &err);
    if (!status) status = lib_msb_backend_new(config, &backend, &err);
    if (!status) status = lib_msb_volume_create(backend, volume_config, &volume, &err);
    if (!status) status = lib_msb_volume_write(volume, "file", "content", 7, &err);
    if (!status) status = lib_msb_volume_read(volume, "file", &bytes, &err);
    printf("%s %.*s\n", lib_msb_status_name(status), (int)lib_msb_bytes_len(bytes), (const char *)lib_msb_bytes_data(bytes));
    lib_msb_bytes_free(bytes);
    lib_msb_error_free(err);

    /* An error with its text, which comes from deep inside. */
    msb_volume_config *refused = NULL;
    status = lib_msb_volume_config_from_json("{\"kind\": 7}", &refused, &err);
    printf("%s %s\n", lib_msb_status_name(status), lib_msb_error_message(err));
    lib_msb_error_free(err);
    status = lib_msb_volume_remove(volume, &err);
    lib_msb_error_free(err);
    lib_msb_volume_release(&volume);
    lib_msb_volume_config_free(volume_config);
    lib_msb_backend_config_free(config);
    printf("%s", lib_msb_status_name(status));
    status = lib_msb_backend_close(backend, 10000, NULL);
    lib_msb_backend_release(&backend);
    printf(" %s, %d left\n", lib_msb_status_name(status), (int)lib_msb_debug_live_objects(MSB_KIND_ALL));
    return 0;
}
