/* What a program outside this repository does first: compares versions, and makes a backend in the home that it is given. */
#include <stdio.h>
#include <string.h>

#include <msb.h>

int main(int argc, char **argv) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_backend_config *config = msb_backend_config_new();
    if (argc != 2 || strcmp(msb_version(), MSB_VERSION_STRING) != 0 || msb_abi_version() != MSB_ABI_VERSION) return 2;
    if (msb_backend_config_set_home(config, argv[1], &err) != MSB_OK || msb_backend_new(config, &backend, &err) != MSB_OK) {
        fprintf(stderr, "consumer: %s\n", msb_error_message(err));
        return 1;
    }
    printf("%s\n", msb_version());
    msb_backend_config_free(config);
    msb_backend_release(&backend);
    return 0;
}
