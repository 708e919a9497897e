/* Open files of volumes and sandboxes: the calls of msb_file_*. */
#include "addon.h"

static msb_status file_pread(struct call *call) {
    return msb_file_pread_async(FILE_AT(0), SIZE_AT(1), SIZE_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status file_pwrite(struct call *call) {
    return msb_file_pwrite_async(FILE_AT(0), SIZE_AT(1), DATA_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status file_append(struct call *call) {
    return msb_file_append_async(FILE_AT(0), DATA_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status file_truncate(struct call *call) {
    return msb_file_truncate_async(FILE_AT(0), SIZE_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status file_sync(struct call *call) {
    return msb_file_sync_async(FILE_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status file_size(struct call *call) {
    return msb_file_size_async(FILE_AT(0), NUMBER_AT(1), SUBMIT);
}

static msb_status file_stat(struct call *call) {
    return msb_file_stat_async(FILE_AT(0), NUMBER_AT(1), SUBMIT);
}

const struct method file_methods[] = {
    OPERATION(file_pread, "Fuui", BYTES),
    OPERATION(file_pwrite, "Fudi", NOTHING),
    OPERATION(file_append, "Fdi", NOTHING),
    OPERATION(file_truncate, "Fui", NOTHING),
    OPERATION(file_sync, "Fi", NOTHING),
    OPERATION(file_size, "Fi", COUNT),
    OPERATION(file_stat, "Fi", FILE_INFO),
    {0},
};
