/* Commands: the calls of msb_exec_* and those of msb_sandbox_exec*. */
#include "addon.h"

/* The bytes that are fed to the command are not part of the JSON: there they would be numbers. */
static msb_status sandbox_exec(struct call *call) {
    const union argument *input = &call->arguments[2];
    if (input->len > 0) {
        msb_status status = msb_exec_config_set_stdin(CONFIG_AT(1), input->data, input->len, &call->err);
        if (status != MSB_OK) return status;
    }
    return msb_sandbox_exec_async(SANDBOX_AT(0), CONFIG_AT(1), SUBMIT);
}

static msb_status sandbox_exec_start(struct call *call) {
    return msb_sandbox_exec_start_async(SANDBOX_AT(0), CONFIG_AT(1), SUBMIT);
}

static msb_status exec_pid(struct call *call) {
    call->result.count = msb_exec_pid(EXEC_AT(0));
    return MSB_OK;
}

static msb_status exec_read(struct call *call) {
    return msb_exec_read_async(EXEC_AT(0), (int32_t)NUMBER_AT(1), SIZE_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status exec_write(struct call *call) {
    return msb_exec_write_async(EXEC_AT(0), DATA_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status exec_close_stdin(struct call *call) {
    return msb_exec_close_stdin(EXEC_AT(0), &call->err);
}

static msb_status exec_signal(struct call *call) {
    return msb_exec_signal(EXEC_AT(0), (int32_t)NUMBER_AT(1), &call->err);
}

/* ../lib/exec.js sees to it that both fit. */
static msb_status exec_resize(struct call *call) {
    return msb_exec_resize(EXEC_AT(0), (uint16_t)WORD_AT(1), (uint16_t)WORD_AT(2), &call->err);
}

static msb_status exec_wait(struct call *call) {
    return msb_exec_wait_async(EXEC_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status exec_take_fd(struct call *call) {
    int32_t fd = -1;
    msb_status status = msb_exec_take_fd(EXEC_AT(0), (int32_t)NUMBER_AT(1), &fd, &call->err);
    call->result.count = (uint64_t)fd;
    return status;
}

const struct method exec_methods[] = {
    OPERATION(sandbox_exec, "Sed", EXEC_RESULT),
    OPERATION(sandbox_exec_start, "Se", EXEC),
    DIRECT(exec_pid, "E", COUNT),
    OPERATION(exec_read, "Eiui", BYTES),
    OPERATION(exec_write, "Edi", COUNT),
    DIRECT(exec_close_stdin, "E", NOTHING),
    DIRECT(exec_signal, "Ei", NOTHING),
    DIRECT(exec_resize, "Eww", NOTHING),
    OPERATION(exec_wait, "Ei", EXEC_STATUS),
    DIRECT(exec_take_fd, "Ei", COUNT),
    {0},
};
