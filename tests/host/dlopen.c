/*
 * A host that loads the library at run time, as bindings do: it can be loaded and let go of any number of times, also while
 * it is in use, and exports what the header says. Linked without the library.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "../c/test.h"

TEST(the_library_can_be_loaded_and_let_go_of_repeatedly) {
    for (int i = 0; i < 50; i++) {
        void *library = dlopen("libmsb.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!library) printf("       %s\n", dlerror());
        CHECK(library != NULL);
        if (!library) return;
        uint32_t (*abi_version)(void);
        msb_backend_config *(*config_new)(void);
        void (*config_free)(msb_backend_config *);
        *(void **)&abi_version = dlsym(library, "msb_abi_version");
        *(void **)&config_new = dlsym(library, "msb_backend_config_new");
        *(void **)&config_free = dlsym(library, "msb_backend_config_free");
        CHECK(abi_version && config_new && config_free);
        CHECK(abi_version() == MSB_ABI_VERSION);
        config_free(config_new());
        CHECK(dlclose(library) == 0);
    }
}

/* Its threads may still run when the last handle is closed, so the library stays. */
TEST(the_library_survives_being_let_go_of_while_it_is_in_use) {
    char home[] = "/tmp/msb-c-XXXXXX", command[64];
    msb_status (*backend_new)(const msb_backend_config *, msb_backend *, msb_error **);
    msb_status (*list)(msb_backend, const msb_sandbox_filter *, msb_sandbox_page **, msb_error **);
    msb_status (*close_it)(msb_backend, int64_t, msb_error **);
    void (*page_free)(msb_sandbox_page *), (*release)(msb_backend *);
    msb_backend backend = {0};
    msb_sandbox_page *page = NULL;
    CHECK(mkdtemp(home) && setenv("MSB_HOME", home, 1) == 0);
    void *library = dlopen("libmsb.so.0", RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    if (!library) return;
    *(void **)&backend_new = dlsym(library, "msb_backend_new");
    *(void **)&list = dlsym(library, "msb_sandbox_list");
    *(void **)&close_it = dlsym(library, "msb_backend_close");
    *(void **)&page_free = dlsym(library, "msb_sandbox_page_free");
    *(void **)&release = dlsym(library, "msb_backend_release");
    CHECK(backend_new(NULL, &backend, NULL) == MSB_OK);
    CHECK(dlclose(library) == 0);
    CHECK(list(backend, NULL, &page, NULL) == MSB_OK);
    page_free(page);
    CHECK(close_it(backend, 5000, NULL) == MSB_OK);
    release(&backend);
    snprintf(command, sizeof command, "rm -rf %s", home);
    CHECK(system(command) == 0);
}

int main(void) {
    RUN(the_library_can_be_loaded_and_let_go_of_repeatedly);
    RUN(the_library_survives_being_let_go_of_while_it_is_in_use);
    return test_end();
}
