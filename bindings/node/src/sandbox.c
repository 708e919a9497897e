/* Sandboxes: the calls of msb_sandbox_*, but for those of its files (sandbox_fs.c) and those that start commands (exec.c). */
#include "addon.h"

static msb_status sandbox_create(struct call *call) {
    return msb_sandbox_create_async(BACKEND_AT(0), CONFIG_AT(1), SUBMIT);
}

static msb_status sandbox_open(struct call *call) {
    return msb_sandbox_open(BACKEND_AT(0), TEXT_AT(1), &call->result.sandbox, &call->err);
}

static msb_status sandbox_list(struct call *call) {
    return msb_sandbox_list(BACKEND_AT(0), CONFIG_AT(1), &call->result.sandbox_page, &call->err);
}

static msb_status sandbox_info_get(struct call *call) {
    return msb_sandbox_info_get(SANDBOX_AT(0), &call->result.sandbox_info, &call->err);
}

static msb_status sandbox_start(struct call *call) {
    return msb_sandbox_start_async(SANDBOX_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status sandbox_stop(struct call *call) {
    return msb_sandbox_stop_async(SANDBOX_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status sandbox_kill(struct call *call) {
    return msb_sandbox_kill_async(SANDBOX_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status sandbox_wait(struct call *call) {
    return msb_sandbox_wait_async(SANDBOX_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status sandbox_detach(struct call *call) {
    return msb_sandbox_detach_async(SANDBOX_AT(0), SUBMIT);
}

static msb_status sandbox_remove(struct call *call) {
    return msb_sandbox_remove_async(SANDBOX_AT(0), SUBMIT);
}

static msb_status sandbox_set_label(struct call *call) {
    return msb_sandbox_set_label(SANDBOX_AT(0), TEXT_AT(1), TEXT_AT(2), &call->err);
}

static msb_status sandbox_remove_label(struct call *call) {
    return msb_sandbox_remove_label(SANDBOX_AT(0), TEXT_AT(1), &call->err);
}

const struct method sandbox_methods[] = {
    OPERATION(sandbox_create, "Bs", SANDBOX),
    DIRECT(sandbox_open, "Bt", SANDBOX),
    DIRECT(sandbox_list, "Bl", SANDBOX_PAGE),
    DIRECT(sandbox_info_get, "S", SANDBOX_INFO),
    OPERATION(sandbox_start, "Si", NOTHING),
    OPERATION(sandbox_stop, "Si", NOTHING),
    OPERATION(sandbox_kill, "Si", NOTHING),
    OPERATION(sandbox_wait, "Si", EXIT),
    OPERATION(sandbox_detach, "S", NOTHING),
    OPERATION(sandbox_remove, "S", NOTHING),
    DIRECT(sandbox_set_label, "Stt", NOTHING),
    DIRECT(sandbox_remove_label, "St", NOTHING),
    {0},
};
