/*
 * A backend's configuration: every option from its setter to its getter, the order of options, file and defaults, files
 * that cannot be read, the environment, and the backend that a process shares.
 */
#include <pthread.h>

#include "fixture.h"

static const char *in(const char *home, const char *path) {
    static char text[4][512];
    static int next;
    next = (next + 1) % 4;
    snprintf(text[next], sizeof text[next], "%s/%s", home, path);
    return text[next];
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int holds(const char *path, const char *text) {
    char found[4096];
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t len = fread(found, 1, sizeof found - 1, file);
    fclose(file);
    found[len] = 0;
    return strcmp(found, text) == 0;
}

/* The home of one test, with a config file. */
static const char *home_with(const char *name, const char *config_json) {
    static char home[256];
    snprintf(home, sizeof home, "%s/%s", fixture_home, name);
    CHECK(mkdir(home, 0700) == 0);
    if (config_json) write_file(in(home, "config.json"), config_json);
    return home;
}

static msb_backend_config *config_of(const char *home) {
    msb_error *err = NULL;
    msb_backend_config *config = msb_backend_config_new();
    CHECK_OK(err, msb_backend_config_set_home(config, home, &err));
    CHECK_OK(err, msb_backend_config_set_driver(config, "process", &err));
    return config;
}

/* Makes a backend from a config, which is freed. */
static msb_backend built(msb_backend_config *config) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    CHECK_OK(err, msb_backend_new(config, &backend, &err));
    msb_backend_config_free(config);
    return backend;
}

static msb_backend_info *info_of(msb_backend backend) {
    msb_error *err = NULL;
    msb_backend_info *info = NULL;
    CHECK_OK(err, msb_backend_info_get(backend, &info, &err));
    return info;
}

static int same(const char *text, const char *expected) {
    int is_same = text && expected ? strcmp(text, expected) == 0 : text == expected;
    if (!is_same) printf("       it is %s, not %s\n", text ? text : "NULL", expected ? expected : "NULL");
    return is_same;
}

static int has_json(const msb_backend_info *info, const char *part) {
    msb_error *err = NULL;
    msb_bytes *json = NULL;
    CHECK_OK(err, msb_backend_info_to_json(info, &json, &err));
    int found = memmem(msb_bytes_data(json), msb_bytes_len(json), part, strlen(part)) != NULL;
    msb_bytes_free(json);
    return found;
}

/* ---- setters, file, defaults ---- */

TEST(every_option_goes_from_its_setter_to_its_getter) {
    msb_error *err = NULL;
    const char *home = home_with("setters", NULL);
    msb_backend_config *config = config_of(home);
    CHECK_OK(err, msb_backend_config_set_libkrunfw_path(config, "/k.so", &err));
    CHECK_OK(err, msb_backend_config_set_qemu_path(config, "/qemu", &err));
    CHECK_OK(err, msb_backend_config_set_runner_path(config, "/runner", &err));
    CHECK_OK(err, msb_backend_config_set_sandboxes_dir(config, in(home, "a"), &err));
    CHECK_OK(err, msb_backend_config_set_volumes_dir(config, in(home, "b"), &err));
    CHECK_OK(err, msb_backend_config_set_snapshots_dir(config, in(home, "c"), &err));
    CHECK_OK(err, msb_backend_config_set_cache_dir(config, in(home, "d"), &err));
    CHECK_OK(err, msb_backend_config_set_logs_dir(config, in(home, "e"), &err));
    CHECK_OK(err, msb_backend_config_set_secrets_dir(config, in(home, "f"), &err));
    CHECK_OK(err, msb_backend_config_set_max_connections(config, 7, &err));
    CHECK_OK(err, msb_backend_config_set_connect_timeout_secs(config, 8, &err));
    CHECK_OK(err, msb_backend_config_set_busy_timeout_secs(config, 9, &err));
    CHECK_OK(err, msb_backend_config_set_default_cpus(config, 3, &err));
    CHECK_OK(err, msb_backend_config_set_default_memory_mib(config, 333, &err));
    CHECK_OK(err, msb_backend_config_set_shell(config, "/bin/bash", &err));
    CHECK_OK(err, msb_backend_config_set_workdir(config, "/work", &err));
    CHECK_OK(err, msb_backend_config_set_metrics_sample_interval_ms(config, 0, &err));
    CHECK_OK(err, msb_backend_config_set_disable_metrics_sample(config, 1, &err));
    CHECK_OK(err, msb_backend_config_set_ca_certs(config, "/ca.pem", &err));
    CHECK_OK(err, msb_backend_config_add_registry_host(config, "localhost:5000", 1, &err));
    CHECK_OK(err, msb_backend_config_set_registry_auth(config, "ghcr.io", "me", "password_env", "TOKEN", &err));
    CHECK_OK(err, msb_backend_config_set_log_level(config, "warn", &err));
    msb_backend backend = built(config);
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_home(info), home));
    CHECK(same(msb_backend_info_driver(info), "process"));
    CHECK(same(msb_backend_info_libkrunfw_path(info), "/k.so"));
    CHECK(same(msb_backend_info_qemu_path(info), "/qemu"));
    CHECK(same(msb_backend_info_runner_path(info), "/runner"));
    CHECK(same(msb_backend_info_database_path(info), in(home, "db/msb.db")));
    CHECK(same(msb_backend_info_sandboxes_dir(info), in(home, "a")) && exists(in(home, "a")));
    CHECK(same(msb_backend_info_volumes_dir(info), in(home, "b")));
    CHECK(same(msb_backend_info_snapshots_dir(info), in(home, "c")));
    CHECK(same(msb_backend_info_cache_dir(info), in(home, "d")) && exists(in(home, "d")));
    CHECK(same(msb_backend_info_logs_dir(info), in(home, "e")));
    CHECK(same(msb_backend_info_secrets_dir(info), in(home, "f")));
    CHECK(msb_backend_info_max_connections(info) == 7);
    CHECK(msb_backend_info_connect_timeout_secs(info) == 8);
    CHECK(msb_backend_info_busy_timeout_secs(info) == 9);
    CHECK(msb_backend_info_default_cpus(info) == 3);
    CHECK(msb_backend_info_default_memory_mib(info) == 333);
    CHECK(same(msb_backend_info_shell(info), "/bin/bash"));
    CHECK(same(msb_backend_info_workdir(info), "/work"));
    CHECK(msb_backend_info_metrics_sample_interval_ms(info) == 0);
    CHECK(msb_backend_info_disable_metrics_sample(info) == 1);
    CHECK(same(msb_backend_info_ca_certs(info), "/ca.pem"));
    CHECK(same(msb_backend_info_log_level(info), "warn"));
    CHECK(msb_backend_info_registry_count(info) == 2);
    CHECK(same(msb_backend_info_registry_host(info, 0), "ghcr.io") && !msb_backend_info_registry_insecure(info, 0));
    CHECK(same(msb_backend_info_registry_username(info, 0), "me"));
    CHECK(same(msb_backend_info_registry_auth_source(info, 0), "password_env"));
    CHECK(same(msb_backend_info_registry_auth_value(info, 0), "TOKEN"));
    CHECK(same(msb_backend_info_registry_host(info, 1), "localhost:5000") && msb_backend_info_registry_insecure(info, 1));
    CHECK(msb_backend_info_registry_username(info, 1) == NULL && msb_backend_info_registry_host(info, 2) == NULL);
    CHECK(has_json(info, "\"metrics_sample_interval_ms\":0") && has_json(info, "\"log_level\":\"warn\""));
    CHECK(has_json(info, "\"ghcr.io\":{\"auth\":{\"username\":\"me\",\"password_env\":\"TOKEN\"}}") ||
          has_json(info, "\"ghcr.io\":{\"auth\":{\"password_env\":\"TOKEN\",\"username\":\"me\"}}"));
    close_backend(&backend);
    CHECK(same(msb_backend_info_home(info), home)); /* a copy: it outlives its backend */
    msb_backend_info_free(info);
}

TEST(without_options_and_file_there_are_the_defaults_of_058) {
    const char *home = home_with("defaults", NULL);
    msb_backend backend = built(config_of(home));
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_config_path(info), in(home, "config.json")) && !msb_backend_info_config_found(info));
    CHECK(same(msb_backend_info_sandboxes_dir(info), in(home, "sandboxes")));
    CHECK(same(msb_backend_info_volumes_dir(info), in(home, "volumes")));
    CHECK(same(msb_backend_info_snapshots_dir(info), in(home, "snapshots")));
    CHECK(same(msb_backend_info_cache_dir(info), in(home, "cache")));
    CHECK(same(msb_backend_info_logs_dir(info), in(home, "logs")));
    CHECK(same(msb_backend_info_secrets_dir(info), in(home, "secrets")));
    CHECK(msb_backend_info_max_connections(info) == 5 && msb_backend_info_connect_timeout_secs(info) == 30);
    CHECK(msb_backend_info_busy_timeout_secs(info) == 5);
    CHECK(msb_backend_info_default_cpus(info) == 1 && msb_backend_info_default_memory_mib(info) == 512);
    CHECK(msb_backend_info_default_upper_size_mib(info) == 4096);
    CHECK(same(msb_backend_info_shell(info), "/bin/sh") && same(msb_backend_info_workdir(info), NULL));
    CHECK(msb_backend_info_metrics_sample_interval_ms(info) == 1000 && !msb_backend_info_disable_metrics_sample(info));
    CHECK(msb_backend_info_metrics_capacity(info) == 0 && same(msb_backend_info_ca_certs(info), NULL));
    CHECK(msb_backend_info_registry_count(info) == 0 && same(msb_backend_info_active_profile(info), NULL));
    CHECK(same(msb_backend_info_libkrunfw_path(info), NULL) && same(msb_backend_info_qemu_path(info), NULL));
    msb_backend_info_free(info);
    close_backend(&backend);
}

/* Every key that 0.5.8 has, keys that it does not have, and a profile of the cloud. */
static const char *const whole_file =
    "{\"log_level\": \"error\", \"later\": {\"key\": [1, 2]},\n"
    " \"database\": {\"max_connections\": 2, \"connect_timeout_secs\": 3, \"busy_timeout_secs\": 4},\n"
    " \"paths\": {\"msb\": \"/m\", \"libkrunfw\": \"/k\", \"cache\": \"/tmp/msb-c-none/c\", \"sandboxes\": null,\n"
    "   \"volumes\": \"/v\", \"snapshots\": \"/s\", \"logs\": \"/l\", \"secrets\": \"/x\", \"later\": 1},\n"
    " \"sandbox_defaults\": {\"cpus\": 2, \"memory_mib\": 222, \"oci\": {\"upper_size_mib\": 99}, \"shell\": \"/bin/f\",\n"
    "   \"workdir\": \"/f\", \"metrics_sample_interval_ms\": 50, \"disable_metrics_sample\": true},\n"
    " \"registries\": {\"ca_certs\": \"/f.pem\", \"hosts\": {\"h\": {\"insecure\": true},\n"
    "   \"g\": {\"auth\": {\"username\": \"u\", \"secret_name\": \"s\"}}}},\n"
    " \"metrics\": {\"capacity\": 77}, \"active_profile\": \"far\",\n"
    " \"profiles\": {\"far\": {\"backend\": \"cloud\", \"url\": \"https://example.com\", \"api_key_ref\": \"env:K\"}}}\n";

TEST(what_the_program_does_not_set_is_the_files) {
    msb_error *err = NULL;
    const char *home = home_with("file", whole_file);
    msb_backend_config *config = config_of(home);
    CHECK_OK(err, msb_backend_config_set_cache_dir(config, in(home, "cache"), &err));
    msb_backend backend = built(config);
    msb_backend_info *info = info_of(backend);
    CHECK(msb_backend_info_config_found(info));
    CHECK(same(msb_backend_info_cache_dir(info), in(home, "cache")));
    CHECK(same(msb_backend_info_sandboxes_dir(info), in(home, "sandboxes")));
    CHECK(same(msb_backend_info_volumes_dir(info), "/v") && same(msb_backend_info_snapshots_dir(info), "/s"));
    CHECK(same(msb_backend_info_logs_dir(info), "/l") && same(msb_backend_info_secrets_dir(info), "/x"));
    CHECK(same(msb_backend_info_libkrunfw_path(info), "/k"));
    CHECK(msb_backend_info_max_connections(info) == 2 && msb_backend_info_connect_timeout_secs(info) == 3);
    CHECK(msb_backend_info_busy_timeout_secs(info) == 4);
    CHECK(msb_backend_info_default_cpus(info) == 2 && msb_backend_info_default_memory_mib(info) == 222);
    CHECK(msb_backend_info_default_upper_size_mib(info) == 99);
    CHECK(same(msb_backend_info_shell(info), "/bin/f") && same(msb_backend_info_workdir(info), "/f"));
    CHECK(msb_backend_info_metrics_sample_interval_ms(info) == 50 && msb_backend_info_disable_metrics_sample(info));
    CHECK(msb_backend_info_metrics_capacity(info) == 77 && same(msb_backend_info_ca_certs(info), "/f.pem"));
    CHECK(msb_backend_info_registry_count(info) == 2 && same(msb_backend_info_registry_host(info, 0), "g"));
    CHECK(same(msb_backend_info_registry_auth_source(info, 0), "secret_name"));
    CHECK(same(msb_backend_info_log_level(info), "error") && same(msb_backend_info_active_profile(info), "far"));
    CHECK(holds(in(home, "config.json"), whole_file)); /* with the keys that nobody here knows */
    msb_backend_info_free(info);
    close_backend(&backend);
}

TEST(what_the_program_sets_wins_over_the_file_even_by_taking_away) {
    msb_error *err = NULL;
    const char *home = home_with("wins", whole_file);
    msb_backend_config *config = config_of(home);
    CHECK_OK(err, msb_backend_config_set_cache_dir(config, in(home, "cache"), &err));
    CHECK_OK(err, msb_backend_config_set_volumes_dir(config, "/mine", &err));
    CHECK_OK(err, msb_backend_config_set_default_cpus(config, 5, &err));
    CHECK_OK(err, msb_backend_config_set_metrics_sample_interval_ms(config, 0, &err));
    CHECK_OK(err, msb_backend_config_set_disable_metrics_sample(config, 0, &err));
    CHECK_OK(err, msb_backend_config_set_ca_certs(config, NULL, &err));
    CHECK_OK(err, msb_backend_config_set_registry_hosts(config, "{\"only\": {\"insecure\": true}}", &err));
    CHECK_OK(err, msb_backend_config_set_log_level(config, "trace", &err));
    msb_backend backend = built(config);
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_volumes_dir(info), "/mine") && msb_backend_info_default_cpus(info) == 5);
    CHECK(msb_backend_info_default_memory_mib(info) == 222);
    CHECK(msb_backend_info_metrics_sample_interval_ms(info) == 0 && !msb_backend_info_disable_metrics_sample(info));
    CHECK(same(msb_backend_info_ca_certs(info), NULL) && same(msb_backend_info_log_level(info), "trace"));
    CHECK(msb_backend_info_registry_count(info) == 1 && same(msb_backend_info_registry_host(info, 0), "only"));
    msb_backend_info_free(info);
    close_backend(&backend);
}

TEST(an_option_survives_json) {
    msb_error *err = NULL;
    msb_bytes *json = NULL;
    msb_backend_config *config = NULL;
    const char *text = "{\"ca_certs\":null,\"log_level\":\"debug\",\"metrics_sample_interval_ms\":0,"
                       "\"registry_hosts\":{\"h\":{\"auth\":{\"store\":\"keyring\",\"username\":\"u\"},\"insecure\":true}}}";
    CHECK_OK(err, msb_backend_config_from_json(text, &config, &err));
    CHECK_OK(err, msb_backend_config_to_json(config, &json, &err));
    msb_backend_config_free(config);
    CHECK_OK(err, msb_backend_config_from_json((const char *)msb_bytes_data(json), &config, &err));
    CHECK(strstr((const char *)msb_bytes_data(json), "\"ca_certs\":\"\"") != NULL); /* still taken away */
    CHECK(strstr((const char *)msb_bytes_data(json), "\"store\":\"keyring\"") != NULL);
    CHECK_OK(err, msb_backend_config_set_registry_hosts(config, "{}", &err));
    msb_bytes_free(json);
    CHECK_OK(err, msb_backend_config_to_json(config, &json, &err));
    CHECK(strstr((const char *)msb_bytes_data(json), "\"registry_hosts\":{}") != NULL);
    msb_bytes_free(json);
    msb_backend_config_free(config);
}

TEST(options_that_cannot_be_used_are_refused_by_name) {
    msb_error *err = NULL;
    msb_backend_config *config = msb_backend_config_new(), *made = NULL;
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_set_log_level(config, "loud", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_set_shell(config, "", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_set_volumes_dir(config, NULL, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_add_registry_host(config, "", 0, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err,
                 msb_backend_config_set_registry_auth(config, "h", "u", "memory", "x", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_backend_config_set_registry_auth(config, "h", "", "store", "keyring", &err));
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err,
                 msb_backend_config_set_registry_hosts(config, "{\"h\": {\"insecur\": true}}", &err));
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err, msb_backend_config_set_registry_hosts(config, "[]", &err));
    CHECK(msb_backend_config_from_json("{\n \"volume_dir\": \"/v\"}", &made, &err) == MSB_ERR_CONFIG_INVALID);
    CHECK(same(msb_error_reason(err), "config.unknown_key") && strstr(msb_error_message(err), "`volume_dir`") != NULL);
    msb_error_free(err);
    err = NULL;
    CHECK(msb_backend_config_from_json("{\"registry_hosts\": {\"h\": {\"auht\": {}}}}", &made, &err) == MSB_ERR_CONFIG_INVALID);
    CHECK(same(msb_error_reason(err), "config.unknown_key") && strstr(msb_error_message(err), "`auht`") != NULL);
    msb_error_free(err);
    msb_backend_config_free(config);
}

/* ---- files that cannot be used ---- */

TEST(a_malformed_file_is_an_error_with_line_column_and_key) {
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"{\n  \"home\": \"/x\",\n}", "line 3 column 1"},
        {"{\n  \"sandbox_defaults\": {\n    \"cpus\": \"two\"}}", "line 3 column 17, in `sandbox_defaults.cpus`"},
        {"{\"database\":\n {\"max_connections\": 0}}", "line 2 column 22, in `database.max_connections`"},
        {"{\"database\": {\"url\": \"postgres://host/db\"}}", "in `database.url`"},
        {"", "line 1 column 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        msb_error *err = NULL;
        msb_backend backend = {0};
        char name[16];
        snprintf(name, sizeof name, "bad-%zu", i);
        const char *home = home_with(name, cases[i].text);
        msb_backend_config *config = config_of(home);
        CHECK(msb_backend_new(config, &backend, &err) == MSB_ERR_CONFIG_INVALID && backend.id == 0);
        CHECK(same(msb_error_reason(err), "config.malformed"));
        if (!strstr(msb_error_message(err), cases[i].where) || !strstr(msb_error_message(err), "config.json")) {
            printf("       %s\n", msb_error_message(err));
            CHECK(!"the error says where");
        }
        msb_error_free(err);
        msb_backend_config_free(config);
        CHECK(holds(in(home, "config.json"), cases[i].text) && !exists(in(home, "db")));
    }
}

TEST(a_database_of_the_files_choice_is_used) {
    char text[512];
    const char *home = home_with("elsewhere", NULL);
    snprintf(text, sizeof text, "{\"database\": {\"url\": \"sqlite://%s/other/store.db?mode=rwc\"}}", home);
    write_file(in(home, "config.json"), text);
    msb_backend backend = built(config_of(home));
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_database_path(info), in(home, "other/store.db")));
    msb_backend_info_free(info);
    msb_sandbox box = running_box(backend, "there");
    CHECK(answers(box));
    discard_box(&box);
    CHECK(exists(in(home, "other/store.db")) && !exists(in(home, "db")));
    close_backend(&backend);
}

/* ---- what options do ---- */

TEST(shell_and_workdir_reach_commands_of_sandboxes_that_do_not_say) {
    msb_error *err = NULL;
    const char *home = home_with("reach", "{\"sandbox_defaults\": {\"shell\": \"/bin/filed\", \"workdir\": \"/usr\"}}");
    msb_backend backend = built(config_of(home));
    msb_sandbox box = running_box(backend, "filed");
    CHECK(prints(box, shell("echo $SHELL $(pwd)"), "/bin/filed /usr\n"));
    discard_box(&box);
    close_backend(&backend);
    msb_backend_config *config = config_of(home);
    CHECK_OK(err, msb_backend_config_set_shell(config, "/bin/set", &err));
    CHECK_OK(err, msb_backend_config_set_workdir(config, "/tmp", &err));
    backend = built(config);
    box = running_box(backend, "set");
    CHECK(prints(box, shell("echo $SHELL $(pwd)"), "/bin/set /tmp\n"));
    discard_box(&box);
    msb_sandbox_config *own = box_config("own");
    CHECK_OK(err, msb_sandbox_config_set_shell(own, "/bin/own", &err));
    box = start_from(backend, own);
    CHECK(prints(box, shell("echo $SHELL $HOSTNAME"), "/bin/own own\n"));
    discard_box(&box);
    close_backend(&backend);
}

TEST(the_log_level_decides_what_a_runner_writes) {
    static const char *const levels[] = {"error", "info"};
    const char *home = home_with("logs", NULL);
    for (int i = 0; i < 2; i++) {
        msb_error *err = NULL;
        struct stat st = {0};
        msb_backend_config *config = config_of(home);
        CHECK_OK(err, msb_backend_config_set_log_level(config, levels[i], &err));
        msb_backend backend = built(config);
        msb_sandbox box = running_box(backend, "talks");
        CHECK(stat(in(home, "sandboxes/talks/logs/runtime.log"), &st) == 0);
        CHECK((st.st_size > 0) == (i == 1));
        discard_box(&box);
        close_backend(&backend);
    }
}

/* ---- the environment ---- */

static msb_backend lazy(void) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    CHECK_OK(err, msb_backend_new(NULL, &backend, &err));
    return backend;
}

/* The home is `argument`; nothing of it may be made by looking. */
static int role_looks(const char *argument) {
    msb_backend backend = lazy();
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_home(info), argument));
    CHECK(same(msb_backend_info_database_path(info), in(argument, "db/msb.db")));
    CHECK(!exists(argument));
    msb_backend_info_free(info);
    close_backend(&backend);
    return !test_ok;
}

TEST(a_lazy_backend_tells_its_configuration_without_a_database) {
    char home[256], variable[300];
    snprintf(home, sizeof home, "%s/unmade", fixture_home);
    snprintf(variable, sizeof variable, "MSB_HOME=%s", home);
    char *environment[] = {variable, "MSB_CONFIG_PATH=", NULL};
    CHECK(finish_role(start_role_with("looks", home, environment)) == 0);
    snprintf(variable, sizeof variable, "HOME=%s", fixture_home);
    snprintf(home, sizeof home, "%s/.microsandbox", fixture_home);
    char *without[] = {variable, "MSB_HOME=", NULL};
    CHECK(finish_role(start_role_with("looks", home, without)) == 0);
}

/* The file is `argument`, and says that the home is `named` beside it. */
static int role_is_told(const char *argument) {
    char home[512];
    snprintf(home, sizeof home, "%s/named", fixture_home);
    msb_backend backend = lazy();
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_config_path(info), argument));
    CHECK(msb_backend_info_config_found(info) && same(msb_backend_info_home(info), home));
    CHECK(same(msb_backend_info_database_path(info), "/srv/told.db"));
    msb_backend_info_free(info);
    close_backend(&backend);
    /* A home that the program sets is where its store is, whatever a file elsewhere says. */
    snprintf(home, sizeof home, "%s/told", fixture_home);
    backend = built(config_of(home));
    info = info_of(backend);
    CHECK(same(msb_backend_info_home(info), home) && msb_backend_info_default_cpus(info) == 6);
    CHECK(same(msb_backend_info_database_path(info), in(home, "db/msb.db")));
    msb_backend_info_free(info);
    close_backend(&backend);
    return !test_ok;
}

/* The file is `argument`, which does not exist: as with 0.5.8, that is an empty one. */
static int role_is_told_of_nothing(const char *argument) {
    msb_backend backend = lazy();
    msb_backend_info *info = info_of(backend);
    CHECK(same(msb_backend_info_config_path(info), argument) && !msb_backend_info_config_found(info));
    CHECK(same(msb_backend_info_home(info), fixture_home));
    msb_backend_info_free(info);
    close_backend(&backend);
    return !test_ok;
}

TEST(the_environment_names_the_file) {
    char path[256], text[512], variable[300], home[300];
    snprintf(path, sizeof path, "%s/told.json", fixture_home);
    snprintf(text, sizeof text,
             "{\"home\": \"%s/named\", \"sandbox_defaults\": {\"cpus\": 6}, \"database\": {\"url\": \"sqlite:/srv/told.db\"}}",
             fixture_home);
    write_file(path, text);
    snprintf(variable, sizeof variable, "MSB_CONFIG_PATH=%s", path);
    snprintf(home, sizeof home, "MSB_HOME=%s", fixture_home);
    char *environment[] = {variable, home, NULL};
    CHECK(finish_role(start_role_with("is_told", path, environment)) == 0);
    strcat(variable, ".gone");
    strcat(path, ".gone");
    CHECK(finish_role(start_role_with("is_told_of_nothing", path, environment)) == 0);
}

/* ---- the shared backend ---- */

static void *ask_for_shared(void *out) {
    CHECK(msb_backend_default(out, NULL) == MSB_OK);
    return NULL;
}

static int role_shares(const char *argument) {
    enum { THREADS = 8 };
    msb_error *err = NULL;
    msb_sandbox_page *page = NULL;
    msb_backend backends[THREADS] = {{0}}, again = {0};
    pthread_t threads[THREADS];
    int before = count_fds();
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, ask_for_shared, &backends[i]) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    int one = count_fds() - before;
    CHECK(msb_debug_live_objects(MSB_KIND_BACKEND) == THREADS && !exists(argument)); /* lazy */
    CHECK_OK(err, msb_backend_default(&again, &err));
    CHECK(count_fds() - before == one); /* no other backend behind it */
    /* What is released ends nothing for the others. */
    for (int i = 1; i < THREADS; i++) msb_backend_release(&backends[i]);
    msb_backend_release(&again);
    msb_sandbox_config *config = box_config("shared");
    CHECK_OK(err, msb_sandbox_config_set_driver(config, "process", &err));
    msb_sandbox box = start_from(backends[0], config);
    CHECK(answers(box) && exists(in(argument, "db/msb.db")));
    discard_box(&box);
    msb_backend_release(&backends[0]);
    CHECK_OK(err, msb_backend_default(&again, &err));
    CHECK_OK(err, msb_sandbox_list(again, NULL, &page, &err));
    msb_sandbox_page_free(page);
    /* A fork of the process gets none. */
    pid_t child = fork();
    if (child == 0) {
        msb_backend forked = {1};
        _exit(msb_backend_default(&forked, NULL) == MSB_ERR_FORKED && forked.id == 0 ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    /* Closing it closes it for all; who asks then gets another. */
    CHECK_OK(err, msb_backend_default(&backends[0], &err));
    CHECK_OK(err, msb_backend_close(again, PATIENCE_MS, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_list(backends[0], NULL, &page, &err));
    msb_backend_release(&again);
    CHECK_OK(err, msb_backend_default(&again, &err));
    CHECK_OK(err, msb_sandbox_list(again, NULL, &page, &err));
    msb_sandbox_page_free(page);
    msb_backend_release(&again);
    msb_backend_release(&backends[0]);
    CHECK(msb_debug_live_objects(MSB_KIND_ALL) == 0);
    return !test_ok;
}

TEST(everybody_shares_one_default_backend) {
    char home[256], variable[300];
    snprintf(home, sizeof home, "%s/shared", fixture_home);
    snprintf(variable, sizeof variable, "MSB_HOME=%s", home);
    char *environment[] = {variable, NULL};
    CHECK(finish_role(start_role_with("shares", home, environment)) == 0);
}

/* `argument` is the reason of the refusal; empty if there is none. */
static int role_asks(const char *argument) {
    msb_error *err = NULL;
    msb_backend backend = {0};
    msb_status status = msb_backend_default(&backend, &err);
    CHECK((status == MSB_OK) == !*argument && same(msb_error_reason(err), argument));
    CHECK(status != MSB_ERR_UNSUPPORTED || strstr(msb_error_message(err), "msb_backend_new") != NULL);
    msb_error_free(err);
    msb_backend_release(&backend);
    backend = lazy(); /* local whatever is asked for */
    close_backend(&backend);
    return !test_ok;
}

TEST(who_asks_for_the_cloud_is_refused_by_the_default_backend_only) {
    char variable[300];
    snprintf(variable, sizeof variable, "MSB_HOME=%s", home_with("cloud", whole_file));
    char *by_file[] = {variable, NULL}, *local[] = {variable, "MSB_BACKEND=local", NULL};
    char *unknown[] = {variable, "MSB_PROFILE=nobody", NULL}, *moon[] = {variable, "MSB_BACKEND=moon", NULL};
    CHECK(finish_role(start_role_with("asks", "backend.cloud", by_file)) == 0);
    CHECK(finish_role(start_role_with("asks", "", local)) == 0);
    CHECK(finish_role(start_role_with("asks", "backend.no_profile", unknown)) == 0);
    CHECK(finish_role(start_role_with("asks", "backend.kind", moon)) == 0);
}

static const struct role roles[] = {
    {"looks", role_looks},   {"is_told", role_is_told}, {"is_told_of_nothing", role_is_told_of_nothing},
    {"shares", role_shares}, {"asks", role_asks},       {NULL, NULL},
};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    RUN(every_option_goes_from_its_setter_to_its_getter);
    RUN(without_options_and_file_there_are_the_defaults_of_058);
    RUN(what_the_program_does_not_set_is_the_files);
    RUN(what_the_program_sets_wins_over_the_file_even_by_taking_away);
    RUN(an_option_survives_json);
    RUN(options_that_cannot_be_used_are_refused_by_name);
    RUN(a_malformed_file_is_an_error_with_line_column_and_key);
    RUN(a_database_of_the_files_choice_is_used);
    RUN(shell_and_workdir_reach_commands_of_sandboxes_that_do_not_say);
    RUN(the_log_level_decides_what_a_runner_writes);
    RUN(a_lazy_backend_tells_its_configuration_without_a_database);
    RUN(the_environment_names_the_file);
    RUN(everybody_shares_one_default_backend);
    RUN(who_asks_for_the_cloud_is_refused_by_the_default_backend_only);
    return fixture_end();
}
