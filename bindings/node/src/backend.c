/* Backends: the calls of msb_backend_*, msb_probe, msb_fsck, msb_prune, msb_storage_*, and the lists of a backend. */
#include "addon.h"

static msb_status backend_new(struct call *call) {
    return msb_backend_new_async(CONFIG_AT(0), SUBMIT);
}

static msb_status backend_default(struct call *call) {
    return msb_backend_default(&call->result.backend, &call->err);
}

static msb_status backend_close(struct call *call) {
    return msb_backend_close_async(BACKEND_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status probe(struct call *call) {
    return msb_probe_async(BACKEND_AT(0), SUBMIT);
}

static msb_status storage_usage_get(struct call *call) {
    return msb_storage_usage_get_async(BACKEND_AT(0), SUBMIT);
}

static msb_status fsck(struct call *call) {
    return msb_fsck_async(BACKEND_AT(0), WORD_AT(1), SUBMIT);
}

static msb_status prune(struct call *call) {
    return msb_prune_async(BACKEND_AT(0), WORD_AT(1), SUBMIT);
}

static msb_status build_info(struct call *call) {
    return msb_build_info(&call->result.bytes, &call->err);
}

/* The info has a JSON form, of which ../lib/backend.js makes an object. */
static msb_status backend_info_get(struct call *call) {
    msb_backend_info *info;
    msb_status status = msb_backend_info_get(BACKEND_AT(0), &info, &call->err);
    if (status != MSB_OK) return status;
    status = msb_backend_info_to_json(info, &call->result.bytes, &call->err);
    msb_backend_info_free(info);
    return status;
}

const struct method backend_methods[] = {
    OPERATION(backend_new, "b", BACKEND),
    DIRECT(backend_default, "", BACKEND),
    OPERATION(backend_close, "Bi", NOTHING),
    OPERATION(probe, "B", PROBE_REPORT),
    OPERATION(storage_usage_get, "B", STORAGE_USAGE),
    OPERATION(fsck, "Bw", FSCK_REPORT),
    OPERATION(prune, "Bw", PRUNE_REPORT),
    DIRECT(build_info, "", BYTES),
    DIRECT(backend_info_get, "B", BYTES),
    {0},
};
