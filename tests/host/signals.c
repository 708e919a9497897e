/*
 * What belongs to the host's process stays as it is through a full life cycle: signal dispositions and masks, standard
 * streams, environment, umask, working directory, child-subreaper flag; threads of the library take no signal of the host's.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "../c/fixture.h"

struct callbacks {
    atomic_int outputs, finalized;
};

static int32_t on_output(void *user, int32_t which, const uint8_t *data, size_t len) {
    (void)which, (void)data, (void)len;
    atomic_fetch_add(&((struct callbacks *)user)->outputs, 1);
    return MSB_CALLBACK_CONTINUE;
}

static void on_final(void *user) { atomic_store(&((struct callbacks *)user)->finalized, 1); }

/* Uses everything that makes a thread, a child or a descriptor; without a word on the standard streams. */
static void live_a_life(void) {
    msb_error *err = NULL;
    struct callbacks seen = {0};
    msb_dispatcher dispatcher = {0};
    int32_t fd = -1;
    msb_backend backend = open_backend(fixture_home);
    msb_sandbox box = running_box(backend, "life"), missing = {0};
    CHECK(answers(box));
    CHECK_OK(err, msb_dispatcher_start(&dispatcher, &err));
    msb_exec exec = launch(box, shell("echo out; echo err >&2"));
    CHECK_OK(err, msb_exec_dispatch(exec, dispatcher, on_output, NULL, &seen, on_final, &err));
    EVENTUALLY(atomic_load(&seen.finalized));
    CHECK(atomic_load(&seen.outputs) >= 2);
    msb_exec_release(&exec);
    exec = launch(box, shell("exec yes"));
    CHECK_OK(err, msb_exec_take_fd(exec, MSB_STDOUT, &fd, &err));
    close(fd); /* a write to nobody */
    CHECK_OK(err, msb_exec_signal(exec, SIGKILL, &err));
    msb_exec_release(&exec);
    CHECK(kill((pid_t)runner_of(box), SIGKILL) == 0); /* a write to a runner that is gone */
    CHECK(wait_box(box).reason == MSB_EXIT_RUNNER_DIED);
    CHECK_OK(err, msb_sandbox_start(box, -1, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_sandbox_open(backend, "missing", &missing, &err));
    CHECK_OK(err, msb_dispatcher_stop(dispatcher, PATIENCE_MS, &err));
    msb_dispatcher_release(&dispatcher);
    discard_box(&box);
    close_backend(&backend);
}

/* The lines of /proc/self/status that tell of signals. */
static void signal_lines(char *text, size_t size) {
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    text[0] = 0;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "SigCgt", 6) == 0 || strncmp(line, "SigIgn", 6) == 0 || strncmp(line, "SigBlk", 6) == 0)
            strncat(text, line, size - strlen(text) - 1);
    if (file) fclose(file);
}

static void *nothing(void *unused) { return unused; }

TEST(signal_dispositions_and_masks_are_unchanged) {
    char before[512], after[512];
    pthread_t first; /* glibc takes a signal for itself with a process's first thread */
    CHECK(pthread_create(&first, NULL, nothing, NULL) == 0 && pthread_join(first, NULL) == 0);
    signal(SIGPIPE, SIG_DFL); /* a write to nobody must not end the host */
    signal_lines(before, sizeof before);
    live_a_life();
    signal_lines(after, sizeof after);
    CHECK(strlen(before) > 0 && strcmp(before, after) == 0);
}

static atomic_int signals_taken, taken_elsewhere;
static pthread_t main_thread;

static void take_signal(int signal) {
    (void)signal;
    atomic_fetch_add(&signals_taken, 1);
    if (!pthread_equal(pthread_self(), main_thread)) atomic_store(&taken_elsewhere, 1);
}

TEST(threads_of_the_library_take_no_signal_of_the_hosts) {
    struct sigaction handler = {.sa_handler = take_signal, .sa_flags = SA_RESTART};
    sigset_t all, old;
    main_thread = pthread_self();
    sigaction(SIGUSR1, &handler, NULL);
    msb_backend backend = open_backend(fixture_home);
    msb_sandbox box = running_box(backend, "quiet");
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* so that nobody but the library's threads could take it */
    for (int i = 0; i < 100; i++) kill(getpid(), SIGUSR1);
    poll(NULL, 0, 10);
    CHECK(atomic_load(&signals_taken) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    CHECK(atomic_load(&signals_taken) == 1 && !atomic_load(&taken_elsewhere));
    CHECK(answers(box));
    discard_box(&box);
    close_backend(&backend);
    signal(SIGUSR1, SIG_DFL);
}

static void interrupt(int signal) { (void)signal; }

TEST(waits_survive_interrupting_signals) {
    msb_error *err = NULL;
    struct sigaction handler = {.sa_handler = interrupt}; /* without SA_RESTART */
    timer_t timer;
    struct itimerspec often = {{0, 1000000}, {0, 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    sigaction(SIGALRM, &handler, NULL);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &often, NULL) == 0);
    msb_backend backend = open_backend(fixture_home);
    msb_sandbox box = running_box(backend, "interrupted");
    CHECK(prints(box, shell("sleep 0.2; echo done"), "done\n"));
    CHECK_STATUS(MSB_ERR_TIMEOUT, err, msb_sandbox_wait(box, 100, NULL, &err));
    discard_box(&box);
    close_backend(&backend);
    timer_delete(timer);
    signal(SIGALRM, SIG_DFL);
}

TEST(environment_umask_directory_and_flags_are_unchanged) {
    extern char **environ;
    char before[4096], after[4096];
    int subreaper = -1, dumpable = prctl(PR_GET_DUMPABLE), variables = 0;
    char **old = environ;
    mode_t mask = umask(0173);
    while (environ[variables]) variables++;
    CHECK(getcwd(before, sizeof before) != NULL);
    live_a_life();
    CHECK(umask(mask) == 0173);
    CHECK(getcwd(after, sizeof after) != NULL && strcmp(before, after) == 0);
    CHECK(environ == old && environ[variables] == NULL);
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper == 0);
    CHECK(prctl(PR_GET_DUMPABLE) == dumpable);
}

/* Its standard output and error are one pipe, which must stay empty. */
static int role_is_silent(const char *argument) {
    (void)argument;
    live_a_life();
    return !test_ok;
}

TEST(nothing_is_written_to_the_standard_streams) {
    char text[512] = "";
    int out[2], saved[2];
    CHECK(pipe2(out, O_CLOEXEC) == 0);
    fflush(stdout);
    for (int fd = 1; fd <= 2; fd++) saved[fd - 1] = fcntl(fd, F_DUPFD_CLOEXEC, 10), dup2(out[1], fd);
    struct peer peer = start_role("is_silent", "");
    for (int fd = 1; fd <= 2; fd++) dup2(saved[fd - 1], fd), close(saved[fd - 1]);
    close(out[1]);
    ssize_t n = read(out[0], text, sizeof text - 1); /* waits for the end: nobody else holds the pipe for long */
    if (n) printf("       it wrote: %s\n", text);
    CHECK(n == 0);
    close(out[0]);
    CHECK(finish_role(peer) == 0);
}

static const struct role roles[] = {{"is_silent", role_is_silent}, {NULL, NULL}};

int main(int argc, char **argv) {
    fixture_begin(argc, argv, roles);
    RUN(signal_dispositions_and_masks_are_unchanged);
    RUN(threads_of_the_library_take_no_signal_of_the_hosts);
    RUN(waits_survive_interrupting_signals);
    RUN(environment_umask_directory_and_flags_are_unchanged);
    RUN(nothing_is_written_to_the_standard_streams);
    return fixture_end();
}
