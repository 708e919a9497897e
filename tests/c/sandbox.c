/*
 * The life of a sandbox: states, ends and their records, owners, other processes, replacement and removal. Runs on the
 * `process` driver, so no hypervisor is needed.
 */
#include "fixture.h"

static msb_backend backend;

/* ---- states ---- */

TEST(a_sandbox_is_created_started_used_stopped_and_removed) {
    msb_error *err = NULL;
    msb_sandbox gone = {0};
    msb_sandbox box = created_box(backend, "life");
    CHECK(has_status(box, "Created"));
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    CHECK(has_status(box, "Running"));
    CHECK(answers(box));
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    CHECK(has_status(box, "Stopped"));
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    CHECK(answers(box));
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    CHECK(exists(box_directory("life")));
    CHECK_OK(err, msb_sandbox_remove(box, &err));
    CHECK(!exists(box_directory("life")));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_open(backend, "life", &gone, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_start(box, -1, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_remove(box, &err));
    msb_sandbox_release(&box);
}

TEST(a_running_sandbox_is_neither_started_nor_removed) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "busy");
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_start(box, -1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_STATE, err, msb_sandbox_remove(box, &err));
    CHECK(answers(box));
    discard_box(&box);
}

TEST(a_sandbox_that_does_not_run_takes_no_commands) {
    msb_error *err = NULL;
    msb_exec exec = {1};
    msb_exec_result *result = NULL;
    msb_exec_config *config = shell("true");
    msb_sandbox box = created_box(backend, "idle");
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_exec_start(box, config, &exec, &err));
    CHECK(exec.id == 0);
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_exec(box, config, &result, &err));
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_detach(box, &err));
    msb_exec_config_free(config);
    discard_box(&box);
}

TEST(stop_and_kill_succeed_whatever_the_state) {
    msb_error *err = NULL;
    msb_sandbox box = created_box(backend, "again");
    CHECK_OK(err, msb_sandbox_stop(box, 1000, &err));
    CHECK_OK(err, msb_sandbox_kill(box, 1000, &err));
    CHECK(has_status(box, "Created"));
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
        CHECK_OK(err, msb_sandbox_kill(box, PATIENCE_MS, &err));
    }
    CHECK(has_status(box, "Stopped"));
    discard_box(&box);
}

TEST(a_name_is_taken_once) {
    msb_error *err = NULL;
    msb_sandbox second = {1};
    msb_sandbox first = created_box(backend, "taken");
    msb_sandbox_config *config = box_config("taken");
    CHECK_STATUS(MSB_ERR_ALREADY_EXISTS, err, msb_sandbox_create(backend, config, &second, &err));
    CHECK(second.id == 0);
    msb_sandbox_config_free(config);
    discard_box(&first);
    first = created_box(backend, "taken");
    discard_box(&first);
}

TEST(a_start_that_takes_too_long_is_undone) {
    msb_error *err = NULL;
    msb_exit record;
    msb_sandbox box = created_box(backend, "hasty");
    msb_status status = msb_sandbox_start(box, 0, &err);
    CHECK(status == MSB_ERR_TIMEOUT);
    msb_error_free(err);
    EVENTUALLY(!has_status(box, "Starting") && !has_status(box, "Running"));
    CHECK_OK(err, msb_sandbox_wait(box, PATIENCE_MS, &record, &err));
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    CHECK(answers(box));
    discard_box(&box);
}

/* ---- ends and their records ---- */

TEST(an_orderly_stop_is_recorded_as_clean) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "orderly");
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_STOP_REQUESTED);
    CHECK(record.exit_code == 0 && record.signal == 0);
    CHECK(record.clean == 1 && record.killed == 0 && record.crashed == 0);
    CHECK(record.started_unix_ms > 1500000000000 && record.ended_unix_ms >= record.started_unix_ms);
    discard_box(&box);
}

TEST(a_stop_without_time_kills_and_says_so) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "hurried");
    CHECK_OK(err, msb_sandbox_stop(box, 0, &err));
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_STOP_REQUESTED);
    CHECK(record.killed == 1 && record.clean == 0 && record.crashed == 0);
    CHECK(record.exit_code == -1 && record.signal == SIGKILL);
    CHECK(has_status(box, "Stopped"));
    discard_box(&box);
}

TEST(a_kill_is_recorded_as_one_and_is_no_crash) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "victim");
    CHECK_OK(err, msb_sandbox_kill(box, PATIENCE_MS, &err));
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_KILL_REQUESTED);
    CHECK(record.crashed == 0 && record.clean == 0 && record.signal == SIGKILL);
    CHECK(has_status(box, "Stopped"));
    discard_box(&box);
}

TEST(a_record_is_the_same_from_the_link_the_store_and_the_info) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    msb_exit from_info;
    msb_sandbox box = running_box(backend, "thrice");
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    CHECK(msb_sandbox_info_exit(info, &from_info) == 0 && from_info.ended_unix_ms == 0);
    msb_sandbox_info_free(info);
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    msb_exit from_link = wait_box(box);
    msb_sandbox_release(&box);
    box = open_box(backend, "thrice");
    msb_exit from_store = wait_box(box);
    CHECK(from_link.reason == from_store.reason && from_link.clean == from_store.clean);
    CHECK(from_link.exit_code == from_store.exit_code && from_link.signal == from_store.signal);
    CHECK(from_link.killed == from_store.killed && from_link.crashed == from_store.crashed);
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    CHECK(msb_sandbox_info_exit(info, &from_info) == 1);
    CHECK(memcmp(&from_info, &from_store, sizeof from_info) == 0);
    CHECK(strlen(msb_sandbox_info_end_message(info)) > 0);
    CHECK(msb_sandbox_info_runner_pid(info) == 0);
    msb_sandbox_info_free(info);
    discard_box(&box);
}

TEST(wait_looks_waits_and_gives_up) {
    msb_error *err = NULL;
    msb_exit record;
    msb_sandbox box = created_box(backend, "awaited");
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_sandbox_wait(box, 0, &record, &err));
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    memset(&record, 0xff, sizeof record);
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_sandbox_wait(box, 0, &record, &err));
    CHECK(record.signal == 0 && record.ended_unix_ms == 0);
    int64_t began = now_ms();
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_sandbox_wait(box, 50, &record, &err));
    CHECK(now_ms() - began >= 50);
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    CHECK_OK(err, msb_sandbox_wait(box, 0, &record, &err));
    CHECK_OK(err, msb_sandbox_wait(box, 0, NULL, &err));
    discard_box(&box);
}

TEST(an_idle_sandbox_stops_by_itself) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("sleepy");
    CHECK_OK(err, msb_sandbox_config_set_idle_timeout_ms(config, 1000, &err));
    msb_sandbox box = start_from(backend, config);
    CHECK(prints(box, shell("sleep 1.3; echo long"), "long\n")); /* a command that runs is activity */
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_IDLE_TIMEOUT && record.clean == 1 && record.crashed == 0);
    CHECK(has_status(box, "Stopped"));
    discard_box(&box);
}

TEST(a_sandbox_ends_after_its_longest_duration) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("mortal");
    CHECK_OK(err, msb_sandbox_config_set_max_duration_ms(config, 200, &err));
    msb_sandbox box = start_from(backend, config);
    msb_exec exec = launch(box, shell("exec sleep 1000"));
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_MAX_DURATION && record.crashed == 0);
    msb_exec_release(&exec);
    discard_box(&box);
}

TEST(a_killed_runner_is_a_crash_and_start_works_again) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "orphaned");
    uint32_t runner = runner_of(box), vmm = (uint32_t)child_of(runner);
    CHECK(runner > 1 && vmm > 1);
    CHECK(kill((pid_t)runner, SIGKILL) == 0);
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_RUNNER_DIED && record.crashed == 1 && record.clean == 0);
    CHECK(has_status(box, "Crashed"));
    EVENTUALLY(!is_running(vmm));
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    CHECK(answers(box));
    discard_box(&box);
}

TEST(a_killed_vmm_is_a_crash_with_its_signal_and_start_works_again) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    msb_sandbox box = running_box(backend, "shot");
    int vmm = child_of(runner_of(box));
    CHECK(vmm > 1 && kill(vmm, SIGKILL) == 0);
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_VMM_CRASHED && record.crashed == 1 && record.signal == SIGKILL);
    CHECK(has_status(box, "Crashed"));
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    CHECK(strstr(msb_sandbox_info_end_message(info), "9") != NULL);
    msb_sandbox_info_free(info);
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    CHECK(answers(box));
    discard_box(&box);
}

TEST(commands_of_a_sandbox_that_crashed_are_lost_not_hung) {
    msb_error *err = NULL;
    char buf[16];
    size_t n = 1;
    msb_sandbox box = running_box(backend, "cut");
    msb_exec exec = launch(box, shell("echo on; exec sleep 1000"));
    CHECK(reads_up_to(exec, "on\n"));
    CHECK(kill((pid_t)runner_of(box), SIGKILL) == 0);
    CHECK_OK(err, msb_exec_read(exec, MSB_STDOUT, buf, sizeof buf, PATIENCE_MS, &n, &err));
    CHECK(n == 0);
    CHECK_STATUS(MSB_ERR_NOT_RUNNING, err, msb_exec_wait(exec, PATIENCE_MS, NULL, &err));
    msb_exec_release(&exec);
    discard_box(&box);
}

/* ---- attached and detached ---- */

TEST(releasing_the_last_handle_ends_an_attached_sandbox) {
    msb_sandbox box = running_box(backend, "held");
    msb_sandbox second = open_box(backend, "held");
    uint32_t runner = runner_of(box);
    msb_sandbox_release(&box);
    CHECK(answers(second));
    msb_exec exec = launch(second, shell("exec sleep 1000"));
    msb_sandbox_release(&second);
    CHECK(msb_exec_pid(exec) > 0 && is_running(runner)); /* a command holds its sandbox */
    msb_exec_release(&exec);
    EVENTUALLY(!is_running(runner));
    box = open_box(backend, "held");
    CHECK(wait_box(box).reason == MSB_EXIT_OWNER_EXITED);
    CHECK(has_status(box, "Stopped"));
    discard_box(&box);
}

TEST(a_detached_sandbox_outlives_its_handles) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("free");
    CHECK_OK(err, msb_sandbox_config_set_detached(config, 1, &err));
    msb_sandbox box = start_from(backend, config);
    uint32_t runner = runner_of(box);
    msb_sandbox_release(&box);
    box = open_box(backend, "free");
    CHECK(answers(box) && runner_of(box) == runner);
    discard_box(&box);
    EVENTUALLY(!is_running(runner));
}

TEST(a_sandbox_can_be_detached_while_it_runs) {
    msb_error *err = NULL;
    msb_sandbox box = running_box(backend, "freed");
    CHECK_OK(err, msb_sandbox_detach(box, &err));
    msb_sandbox_release(&box);
    box = open_box(backend, "freed");
    CHECK(answers(box));
    discard_box(&box);
}

/* ---- ephemeral and replace ---- */

TEST(an_ephemeral_sandbox_goes_with_its_end) {
    msb_error *err = NULL;
    msb_sandbox again = {0};
    msb_sandbox_config *config = box_config("mayfly");
    CHECK_OK(err, msb_sandbox_config_set_ephemeral(config, 1, &err));
    msb_sandbox box = start_from(backend, config);
    CHECK(exists(box_directory("mayfly")));
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    CHECK(wait_box(box).reason == MSB_EXIT_STOP_REQUESTED);
    CHECK(!exists(box_directory("mayfly")));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_open(backend, "mayfly", &again, &err));
    msb_sandbox_release(&box);
}

TEST(an_ephemeral_sandbox_whose_runner_was_killed_goes_too) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("mayfly2");
    CHECK_OK(err, msb_sandbox_config_set_ephemeral(config, 1, &err));
    msb_sandbox box = start_from(backend, config);
    CHECK(kill((pid_t)runner_of(box), SIGKILL) == 0);
    CHECK(wait_box(box).reason == MSB_EXIT_RUNNER_DIED);
    CHECK(!exists(box_directory("mayfly2")));
    msb_sandbox_info *info = NULL;
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_info_get(box, &info, &err));
    CHECK(wait_box(box).reason == MSB_EXIT_RUNNER_DIED); /* whoever waits late hears it too */
    msb_sandbox_release(&box);
}

static void replace_box(const char *name, int runs) {
    msb_error *err = NULL;
    msb_sandbox old = runs ? running_box(backend, name) : created_box(backend, name);
    uint32_t runner = runner_of(old);
    msb_sandbox_config *config = box_config(name);
    CHECK_OK(err, msb_sandbox_config_set_replace(config, 1, &err));
    CHECK_OK(err, msb_sandbox_config_set_memory_mib(config, 777, &err));
    msb_sandbox fresh = create_from(backend, config);
    EVENTUALLY(!runs || !is_running(runner));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_start(old, -1, &err));
    CHECK(has_status(fresh, "Created"));
    CHECK_OK(err, msb_sandbox_start(fresh, -1, &err));
    CHECK(answers(fresh));
    msb_sandbox_release(&old);
    discard_box(&fresh);
}

TEST(replace_takes_the_place_of_a_stopped_sandbox) { replace_box("heir", 0); }

TEST(replace_stops_a_running_sandbox_first) { replace_box("heir2", 1); }

TEST(replace_of_nothing_creates) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("first");
    CHECK_OK(err, msb_sandbox_config_set_replace(config, 1, &err));
    msb_sandbox box = create_from(backend, config);
    discard_box(&box);
}

/* ---- other processes ---- */

static int role_stops(const char *name) {
    msb_error *err = NULL;
    msb_backend mine = open_backend(fixture_home);
    msb_sandbox box = open_box(mine, name);
    CHECK(prints(box, shell("echo from afar"), "from afar\n"));
    say('u');
    listen_up();
    CHECK_OK(err, msb_sandbox_stop(box, PATIENCE_MS, &err));
    CHECK(wait_box(box).reason == MSB_EXIT_STOP_REQUESTED);
    msb_sandbox_release(&box);
    close_backend(&mine);
    return !test_ok;
}

TEST(another_process_uses_and_stops_a_sandbox_and_its_owner_sees_it) {
    msb_sandbox box = running_box(backend, "shared");
    struct peer peer = start_role("stops", "shared");
    CHECK(hear(peer) == 'u');
    CHECK(answers(box));
    tell(peer);
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_STOP_REQUESTED && record.clean == 1);
    CHECK(finish_role(peer) == 0);
    CHECK(has_status(box, "Stopped"));
    discard_box(&box);
}

/* Owns a running sandbox until it is told to end. */
static int role_owns(const char *name) {
    msb_backend mine = open_backend(fixture_home);
    msb_sandbox_config *config = box_config(name);
    if (strncmp(name, "detached", 8) == 0) msb_sandbox_config_set_detached(config, 1, NULL);
    msb_sandbox box = start_from(mine, config);
    CHECK(answers(box));
    say(test_ok ? 'r' : 'x');
    listen_up();
    return !test_ok;
}

TEST(an_attached_sandbox_dies_with_its_owner) {
    struct peer peer = start_role("owns", "attached");
    CHECK(hear(peer) == 'r');
    msb_sandbox box = open_box(backend, "attached");
    uint32_t runner = runner_of(box);
    CHECK(answers(box));
    CHECK(kill(peer.pid, SIGKILL) == 0);
    int64_t died = now_ms();
    CHECK(finish_role(peer) == -SIGKILL);
    EVENTUALLY(!is_running(runner));
    CHECK(now_ms() - died < 5000);
    CHECK(has_status(box, "Stopped"));
    msb_exit record = wait_box(box);
    CHECK(record.reason == MSB_EXIT_OWNER_EXITED && record.clean == 1 && record.crashed == 0);
    discard_box(&box);
}

TEST(a_detached_sandbox_lives_on_without_its_owner) {
    struct peer peer = start_role("owns", "detached");
    CHECK(hear(peer) == 'r');
    CHECK(kill(peer.pid, SIGKILL) == 0);
    CHECK(finish_role(peer) == -SIGKILL);
    msb_sandbox box = open_box(backend, "detached");
    CHECK(has_status(box, "Running"));
    CHECK(answers(box));
    discard_box(&box);
}

/* Answers each byte with what a start, or a removal, came to: `w`on, `l`ost with a typed status, `x` otherwise. */
static int role_races(const char *what) {
    msb_backend mine = open_backend(fixture_home);
    int starts = strcmp(what, "start") == 0;
    say('r');
    while (listen_up()) {
        msb_sandbox box = {0};
        msb_status status = msb_sandbox_open(mine, "raced", &box, NULL);
        if (status == MSB_OK) status = starts ? msb_sandbox_start(box, -1, NULL) : msb_sandbox_remove(box, NULL);
        int lost = status == MSB_ERR_CONFLICT || status == MSB_ERR_INVALID_STATE
            || (!starts && status == MSB_ERR_NOT_FOUND);
        if (!lost && status != MSB_OK) printf("       %s gave %s\n", what, msb_status_name(status));
        say(status == MSB_OK ? 'w' : lost ? 'l' : 'x');
        listen_up(); /* the winner holds the sandbox until then */
        if (starts && status == MSB_OK) msb_sandbox_stop(box, PATIENCE_MS, NULL);
        msb_sandbox_release(&box);
        say('d');
    }
    msb_backend_close(mine, PATIENCE_MS, NULL);
    return 0;
}

static void race(const char *what, int rounds) {
    struct peer peers[2] = {start_role("races", what), start_role("races", what)};
    CHECK(hear(peers[0]) == 'r' && hear(peers[1]) == 'r');
    for (int i = 0; i < rounds && test_ok; i++) {
        msb_sandbox box = created_box(backend, "raced");
        tell(peers[0]), tell(peers[1]);
        char first = hear(peers[0]), second = hear(peers[1]);
        CHECK((first == 'w' && second == 'l') || (first == 'l' && second == 'w'));
        if (strcmp(what, "start") == 0) CHECK(has_status(box, "Running") && answers(box));
        else CHECK(!exists(box_directory("raced")));
        tell(peers[0]), tell(peers[1]);
        CHECK(hear(peers[0]) == 'd' && hear(peers[1]) == 'd');
        if (strcmp(what, "start") == 0) discard_box(&box);
        else msb_sandbox_release(&box);
    }
    CHECK(finish_role(peers[0]) == 0 && finish_role(peers[1]) == 0);
}

TEST(of_two_processes_that_start_a_sandbox_one_wins) { race("start", scaled(20)); }

TEST(of_two_processes_that_remove_a_sandbox_one_wins) { race("remove", scaled(50)); }

static const struct role roles[] = {
    {"stops", role_stops}, {"owns", role_owns}, {"races", role_races}, {NULL, NULL},
};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    backend = open_backend(fixture_home);
    RUN(a_sandbox_is_created_started_used_stopped_and_removed);
    RUN(a_running_sandbox_is_neither_started_nor_removed);
    RUN(a_sandbox_that_does_not_run_takes_no_commands);
    RUN(stop_and_kill_succeed_whatever_the_state);
    RUN(a_name_is_taken_once);
    RUN(a_start_that_takes_too_long_is_undone);
    RUN(an_orderly_stop_is_recorded_as_clean);
    RUN(a_stop_without_time_kills_and_says_so);
    RUN(a_kill_is_recorded_as_one_and_is_no_crash);
    RUN(a_record_is_the_same_from_the_link_the_store_and_the_info);
    RUN(wait_looks_waits_and_gives_up);
    RUN(an_idle_sandbox_stops_by_itself);
    RUN(a_sandbox_ends_after_its_longest_duration);
    RUN(a_killed_runner_is_a_crash_and_start_works_again);
    RUN(a_killed_vmm_is_a_crash_with_its_signal_and_start_works_again);
    RUN(commands_of_a_sandbox_that_crashed_are_lost_not_hung);
    RUN(releasing_the_last_handle_ends_an_attached_sandbox);
    RUN(a_detached_sandbox_outlives_its_handles);
    RUN(a_sandbox_can_be_detached_while_it_runs);
    RUN(an_ephemeral_sandbox_goes_with_its_end);
    RUN(an_ephemeral_sandbox_whose_runner_was_killed_goes_too);
    RUN(replace_takes_the_place_of_a_stopped_sandbox);
    RUN(replace_stops_a_running_sandbox_first);
    RUN(replace_of_nothing_creates);
    RUN(another_process_uses_and_stops_a_sandbox_and_its_owner_sees_it);
    RUN(an_attached_sandbox_dies_with_its_owner);
    RUN(a_detached_sandbox_lives_on_without_its_owner);
    RUN(of_two_processes_that_start_a_sandbox_one_wins);
    RUN(of_two_processes_that_remove_a_sandbox_one_wins);
    close_backend(&backend);
    return fixture_end();
}
