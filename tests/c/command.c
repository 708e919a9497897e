/*
 * The default command: entrypoint and cmd of a sandbox, arguments in place of cmd, and the signal that a stop sends. Runs on
 * the `process` driver.
 */
#include "fixture.h"

static msb_backend backend;

static msb_sandbox box_with(const char *const *entrypoint, size_t entrypoint_count, const char *const *cmd, size_t cmd_count) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("box");
    CHECK_OK(err, msb_sandbox_config_set_entrypoint(config, entrypoint, entrypoint_count, &err));
    CHECK_OK(err, msb_sandbox_config_set_cmd(config, cmd, cmd_count, &err));
    return start_from(backend, config);
}

TEST(a_command_without_a_program_is_entrypoint_and_cmd) {
    msb_error *err = NULL;
    const char *entrypoint[] = {"/bin/echo", "hello"}, *cmd[] = {"wide", "world"};
    msb_sandbox box = box_with(entrypoint, 2, cmd, 2);
    CHECK(prints(box, msb_exec_config_new(NULL), "hello wide world\n"));
    msb_exec_config *config = msb_exec_config_new(NULL);
    CHECK_OK(err, msb_exec_config_add_arg(config, "you", &err));
    CHECK(prints(box, config, "hello you\n"));
    CHECK(prints(box, shell("echo as given"), "as given\n"));
    discard_box(&box);
}

TEST(cmd_alone_is_the_whole_default_command) {
    msb_error *err = NULL;
    const char *cmd[] = {"/bin/echo", "alone"};
    msb_sandbox box = box_with(NULL, 0, cmd, 2);
    CHECK(prints(box, msb_exec_config_new(NULL), "alone\n"));
    msb_exec_config *config = msb_exec_config_new(NULL);
    msb_exec exec = {0};
    CHECK_OK(err, msb_exec_config_add_arg(config, "/bin/true", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_exec_start(box, config, &exec, &err));
    msb_exec_config_free(config);
    discard_box(&box);
}

TEST(a_stop_sends_the_stop_signal) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("box");
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_set_stop_signal(config, "SIGWHAT", &err));
    CHECK_OK(err, msb_sandbox_config_set_stop_signal(config, "SIGUSR1", &err));
    msb_sandbox box = start_from(backend, config);
    char script[512], line[16] = "";
    snprintf(script, sizeof script, "trap 'echo usr1 > %s/heard; exit' USR1; echo ready; while :; do sleep 0.05; done", fixture_home);
    msb_exec exec = launch(box, shell(script));
    CHECK(reads_up_to(exec, "ready\n"));
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    msb_exec_release(&exec);
    snprintf(script, sizeof script, "%s/heard", fixture_home);
    FILE *heard = fopen(script, "re");
    CHECK(heard != NULL && fgets(line, sizeof line, heard) != NULL && strcmp(line, "usr1\n") == 0);
    if (heard) fclose(heard);
    remove(script);
    CHECK_OK(err, msb_sandbox_remove(box, &err));
    msb_sandbox_release(&box);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_command_without_a_program_is_entrypoint_and_cmd);
    RUN(cmd_alone_is_the_whole_default_command);
    RUN(a_stop_sends_the_stop_signal);
    close_backend(&backend);
    return fixture_end();
}
