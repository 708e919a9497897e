/*
 * Backends: homes, lazy and built, closing with sandboxes running, two in one process, the probe. Runs on the `process`
 * driver.
 */
#include <pthread.h>

#include "fixture.h"

static char other_home[160];

static const char *in(const char *home, const char *path) {
    static char text[512];
    snprintf(text, sizeof text, "%s/%s", home, path);
    return text;
}

/* ---- homes ---- */

TEST(a_built_backend_makes_a_private_home_with_a_database) {
    struct stat st;
    msb_backend backend = open_backend(other_home);
    CHECK(stat(other_home, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(stat(in(other_home, "db/msb.db"), &st) == 0 && (st.st_mode & 0077) == 0);
    close_backend(&backend);
    remove_tree(other_home);
}

/* Finds its home in the environment; `argument` is where that should be. */
static int role_is_lazy(const char *argument) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_sandbox_page *page = NULL;
    CHECK_OK(err, msb_backend_new(NULL, &backend, &err));
    CHECK(!exists(argument)); /* nothing until it is needed */
    CHECK_OK(err, msb_sandbox_list(backend, NULL, &page, &err));
    msb_sandbox_page_free(page);
    CHECK(exists(in(argument, "db/msb.db")));
    msb_sandbox_config *config = box_config("lazy");
    CHECK_OK(err, msb_sandbox_config_set_driver(config, "process", &err));
    msb_sandbox box = start_from(backend, config);
    CHECK(answers(box));
    discard_box(&box);
    close_backend(&backend);
    return !test_ok;
}

TEST(a_lazy_backend_takes_its_home_from_the_environment) {
    char variable[256];
    snprintf(variable, sizeof variable, "MSB_HOME=%s", other_home);
    char *environment[] = {variable, "HOME=/nonexistent", NULL};
    struct peer peer = start_role_with("is_lazy", other_home, environment);
    CHECK(finish_role(peer) == 0);
    remove_tree(other_home);
}

static int role_is_homeless(const char *argument) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    (void)argument;
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_backend_new(NULL, &backend, &err));
    return !test_ok;
}

TEST(without_any_home_a_lazy_backend_says_so) {
    char *environment[] = {"PATH=/bin", NULL};
    struct peer peer = start_role_with("is_homeless", "", environment);
    CHECK(finish_role(peer) == 0);
}

TEST(backends_with_different_homes_share_nothing) {
    msb_error *err = NULL;
    msb_sandbox missing = {0};
    msb_sandbox_page *page = NULL;
    msb_backend one = open_backend(fixture_home), two = open_backend(other_home);
    msb_sandbox mine = running_box(one, "twin"), other = running_box(two, "twin"), only = created_box(one, "only");
    CHECK(runner_of(mine) != runner_of(other));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_open(two, "only", &missing, &err));
    CHECK_OK(err, msb_sandbox_list(two, NULL, &page, &err));
    CHECK(msb_sandbox_page_len(page) == 1);
    msb_sandbox_page_free(page);
    discard_box(&other);
    close_backend(&two);
    CHECK(answers(mine));
    discard_box(&mine);
    discard_box(&only);
    close_backend(&one);
    remove_tree(other_home);
}

/* What one thread does in one of two homes, whose sandboxes and volumes have the same names. */
struct tenant {
    msb_backend backend;
    const char *home, *mark;
    int number, rounds, strangers, failures;
};

/* Whether a volume of this name is this home's alone. */
static int keeps_a_volume(const struct tenant *tenant, const char *name) {
    msb_volume volume = {0}, again = {0};
    char place[256];
    msb_volume_config *config = msb_volume_config_new(name);
    snprintf(place, sizeof place, "%s/volumes/%s", tenant->home, name);
    int ok = !exists(place) && msb_volume_create(tenant->backend, config, &volume, NULL) == MSB_OK && exists(place) &&
             msb_volume_open(tenant->backend, name, &again, NULL) == MSB_OK &&
             msb_volume_remove(again, NULL) == MSB_OK && !exists(place);
    msb_volume_config_free(config);
    msb_volume_release(&volume);
    msb_volume_release(&again);
    return ok;
}

static void *live_in_home(void *argument) {
    struct tenant *tenant = argument;
    char name[32], home[256];
    for (int i = 0; i < tenant->rounds; i++) {
        msb_sandbox box = {0}, again = {0};
        msb_sandbox_page *page = NULL;
        snprintf(name, sizeof name, "t%d-%d", tenant->number, i % 3);
        msb_sandbox_config *config = msb_sandbox_config_new(name);
        int ok = msb_sandbox_config_set_image(config, "/", NULL) == MSB_OK &&
                 msb_sandbox_config_set_hostname(config, tenant->mark, NULL) == MSB_OK &&
                 msb_sandbox_create(tenant->backend, config, &box, NULL) == MSB_OK &&
                 msb_sandbox_open(tenant->backend, name, &again, NULL) == MSB_OK &&
                 msb_sandbox_list(tenant->backend, NULL, &page, NULL) == MSB_OK;
        for (size_t j = 0; j < msb_sandbox_page_len(page); j++) {
            const char *found = msb_sandbox_info_config(msb_sandbox_page_get(page, j));
            tenant->strangers += strstr(found, tenant->mark) == NULL;
        }
        snprintf(home, sizeof home, "%s/sandboxes/%s", tenant->home, name);
        ok = ok && exists(home) && msb_sandbox_remove(again, NULL) == MSB_OK && !exists(home);
        tenant->failures += !ok || !keeps_a_volume(tenant, name);
        msb_sandbox_page_free(page);
        msb_sandbox_config_free(config);
        msb_sandbox_release(&box);
        msb_sandbox_release(&again);
    }
    return NULL;
}

TEST(backends_with_different_homes_share_nothing_whichever_thread_uses_them) {
    enum { TENANTS = 8 };
    struct tenant tenants[TENANTS];
    pthread_t threads[TENANTS];
    msb_backend backends[2] = {open_backend(fixture_home), open_backend(other_home)};
    for (int i = 0; i < TENANTS; i++) {
        tenants[i] = (struct tenant){
            .backend = backends[i % 2],
            .home = i % 2 ? other_home : fixture_home,
            .mark = i % 2 ? "of-the-other" : "of-the-one",
            .number = i / 2,
            .rounds = scaled(30),
        };
        CHECK(pthread_create(&threads[i], NULL, live_in_home, &tenants[i]) == 0);
    }
    for (int i = 0; i < TENANTS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(tenants[i].strangers == 0 && tenants[i].failures == 0);
    }
    CHECK(exists(in(other_home, "cache")) && exists(in(other_home, "db/msb.db")));
    for (int i = 0; i < 2; i++) close_backend(&backends[i]);
    remove_tree(other_home);
}

TEST(two_backends_on_one_home_see_the_same_sandboxes) {
    msb_error *err = NULL;
    msb_backend one = open_backend(fixture_home), two = open_backend(fixture_home);
    msb_sandbox mine = running_box(one, "seen"), theirs = open_box(two, "seen");
    CHECK(answers(theirs) && has_status(theirs, "Running"));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_start(theirs, -1, &err));
    close_backend(&two); /* it did not start it */
    CHECK(answers(mine));
    discard_box(&mine);
    msb_sandbox_release(&theirs);
    close_backend(&one);
}

TEST(a_home_of_two_hundred_bytes_works) {
    char home[256];
    size_t len = (size_t)snprintf(home, sizeof home, "%s/", fixture_home);
    memset(home + len, 'd', 200 - len);
    home[200] = 0;
    msb_backend backend = open_backend(home);
    msb_sandbox box = running_box(backend, "far"), again = open_box(backend, "far");
    CHECK(answers(box));
    msb_backend second = open_backend(home);
    msb_sandbox reached = open_box(second, "far"); /* through the socket in the home */
    CHECK(answers(reached));
    msb_sandbox_release(&reached);
    close_backend(&second);
    msb_sandbox_release(&again);
    discard_box(&box);
    close_backend(&backend);
    remove_tree(home);
}

/* ---- ends ---- */

TEST(closing_ends_attached_sandboxes_and_leaves_detached_ones) {
    msb_error *err = NULL;
    msb_sandbox_page *page = NULL;
    msb_backend backend = open_backend(fixture_home);
    msb_sandbox_config *config = box_config("stays");
    CHECK_OK(err, msb_sandbox_config_set_detached(config, 1, &err));
    msb_sandbox stays = start_from(backend, config), goes = running_box(backend, "goes");
    msb_exec exec = launch(goes, shell("exec sleep 1000"));
    uint32_t staying = runner_of(stays), going = runner_of(goes);
    CHECK_OK(err, msb_backend_close(backend, PATIENCE_MS, &err));
    CHECK(!is_running(going) && is_running(staying));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_list(backend, NULL, &page, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_start(goes, -1, &err));
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_exec_wait(exec, PATIENCE_MS, NULL, &err));
    CHECK_OK(err, msb_backend_close(backend, 0, &err)); /* again does nothing */
    msb_backend_release(&backend);
    msb_exec_release(&exec);
    msb_sandbox_release(&stays);
    msb_sandbox_release(&goes);
    backend = open_backend(fixture_home);
    stays = open_box(backend, "stays"), goes = open_box(backend, "goes");
    CHECK(answers(stays));
    CHECK(wait_box(goes).reason == MSB_EXIT_OWNER_EXITED);
    discard_box(&stays);
    discard_box(&goes);
    close_backend(&backend);
}

TEST(handles_may_be_released_in_any_order) {
    msb_error *err = NULL;
    msb_backend backend = open_backend(fixture_home);
    msb_sandbox box = running_box(backend, "orphan");
    msb_exec exec = launch(box, shell("cat; exit 6"));
    uint32_t runner = runner_of(box);
    msb_backend_release(&backend);
    CHECK(answers(box));
    msb_sandbox_release(&box);
    CHECK(end_of(exec).exit_code == 6);
    msb_exec_release(&exec);
    EVENTUALLY(!is_running(runner));
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
    backend = open_backend(fixture_home);
    box = open_box(backend, "orphan");
    CHECK_OK(err, msb_sandbox_remove(box, &err));
    msb_sandbox_release(&box);
    close_backend(&backend);
}

TEST(a_backend_leaves_no_thread_and_no_descriptor) {
    int fds = count_fds(), threads = count_threads();
    for (int i = 0; i < scaled(10); i++) {
        msb_backend backend = open_backend(fixture_home);
        msb_sandbox box = running_box(backend, "brief");
        CHECK(answers(box));
        discard_box(&box);
        if (i % 2) close_backend(&backend);
        else msb_backend_release(&backend);
    }
    EVENTUALLY(count_fds() <= fds);
    EVENTUALLY(count_threads() <= threads);
}

TEST(a_probe_tells_what_works_and_what_to_do) {
    msb_error *err = NULL;
    msb_probe_report *report = NULL;
    msb_backend backend = open_backend(fixture_home);
    CHECK_OK(err, msb_probe(backend, &report, &err));
    CHECK(msb_probe_report_len(report) == 3);
    for (size_t i = 0; i < msb_probe_report_len(report); i++) {
        int ok = msb_probe_report_ok(report, i);
        CHECK(strlen(msb_probe_report_name(report, i)) > 0 && strlen(msb_probe_report_message(report, i)) > 0);
        CHECK(ok == (strlen(msb_probe_report_reason(report, i)) == 0));
        CHECK(ok || strlen(msb_probe_report_remedy(report, i)) > 0);
    }
    CHECK(msb_probe_report_name(report, 3) == NULL && msb_probe_report_ok(report, 3) == 0);
    msb_probe_report_free(report);
    close_backend(&backend);
}

static const struct role roles[] = {{"is_lazy", role_is_lazy}, {"is_homeless", role_is_homeless}, {NULL, NULL}};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    snprintf(other_home, sizeof other_home, "%s-other", fixture_home);
    RUN(a_built_backend_makes_a_private_home_with_a_database);
    RUN(a_lazy_backend_takes_its_home_from_the_environment);
    RUN(without_any_home_a_lazy_backend_says_so);
    RUN(backends_with_different_homes_share_nothing);
    RUN(backends_with_different_homes_share_nothing_whichever_thread_uses_them);
    RUN(two_backends_on_one_home_see_the_same_sandboxes);
    RUN(a_home_of_two_hundred_bytes_works);
    RUN(closing_ends_attached_sandboxes_and_leaves_detached_ones);
    RUN(handles_may_be_released_in_any_order);
    RUN(a_backend_leaves_no_thread_and_no_descriptor);
    RUN(a_probe_tells_what_works_and_what_to_do);
    return fixture_end();
}
