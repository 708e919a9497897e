/* Files of running sandboxes: the calls of msb_sandbox_fs_* and msb_sandbox_copy_*. */
#include "addon.h"

static msb_status sandbox_fs_read(struct call *call) {
    return msb_sandbox_fs_read_async(SANDBOX_AT(0), TEXT_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status sandbox_fs_write(struct call *call) {
    return msb_sandbox_fs_write_async(SANDBOX_AT(0), TEXT_AT(1), DATA_AT(2), WORD_AT(3), WORD_AT(4), NUMBER_AT(5), SUBMIT);
}

static msb_status sandbox_fs_open(struct call *call) {
    return msb_sandbox_fs_open_async(SANDBOX_AT(0), TEXT_AT(1), WORD_AT(2), WORD_AT(3), NUMBER_AT(4), SUBMIT);
}

static msb_status sandbox_fs_list(struct call *call) {
    return msb_sandbox_fs_list_async(SANDBOX_AT(0), TEXT_AT(1), SIZE_AT(2), WORD_AT(3), NUMBER_AT(4), SUBMIT);
}

static msb_status sandbox_fs_stat(struct call *call) {
    return msb_sandbox_fs_stat_async(SANDBOX_AT(0), TEXT_AT(1), WORD_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_exists(struct call *call) {
    return msb_sandbox_fs_exists_async(SANDBOX_AT(0), TEXT_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status sandbox_fs_mkdir(struct call *call) {
    return msb_sandbox_fs_mkdir_async(SANDBOX_AT(0), TEXT_AT(1), WORD_AT(2), WORD_AT(3), NUMBER_AT(4), SUBMIT);
}

static msb_status sandbox_fs_remove(struct call *call) {
    return msb_sandbox_fs_remove_async(SANDBOX_AT(0), TEXT_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status sandbox_fs_remove_dir(struct call *call) {
    return msb_sandbox_fs_remove_dir_async(SANDBOX_AT(0), TEXT_AT(1), WORD_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_copy(struct call *call) {
    return msb_sandbox_fs_copy_async(SANDBOX_AT(0), TEXT_AT(1), TEXT_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_rename(struct call *call) {
    return msb_sandbox_fs_rename_async(SANDBOX_AT(0), TEXT_AT(1), TEXT_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_symlink(struct call *call) {
    return msb_sandbox_fs_symlink_async(SANDBOX_AT(0), TEXT_AT(1), TEXT_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_readlink(struct call *call) {
    return msb_sandbox_fs_readlink_async(SANDBOX_AT(0), TEXT_AT(1), NUMBER_AT(2), SUBMIT);
}

static msb_status sandbox_fs_chmod(struct call *call) {
    return msb_sandbox_fs_chmod_async(SANDBOX_AT(0), TEXT_AT(1), WORD_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_utimes(struct call *call) {
    return msb_sandbox_fs_utimes_async(SANDBOX_AT(0), TEXT_AT(1), NUMBER_AT(2), NUMBER_AT(3), NUMBER_AT(4), SUBMIT);
}

static msb_status sandbox_fs_tar_export(struct call *call) {
    return msb_sandbox_fs_tar_export_async(SANDBOX_AT(0), TEXT_AT(1), (int32_t)NUMBER_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_fs_tar_import(struct call *call) {
    return msb_sandbox_fs_tar_import_async(SANDBOX_AT(0), TEXT_AT(1), (int32_t)NUMBER_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_copy_in(struct call *call) {
    return msb_sandbox_copy_in_async(SANDBOX_AT(0), TEXT_AT(1), TEXT_AT(2), NUMBER_AT(3), SUBMIT);
}

static msb_status sandbox_copy_out(struct call *call) {
    return msb_sandbox_copy_out_async(SANDBOX_AT(0), TEXT_AT(1), TEXT_AT(2), NUMBER_AT(3), SUBMIT);
}

const struct method sandbox_fs_methods[] = {
    OPERATION(sandbox_fs_read, "Sti", BYTES),
    OPERATION(sandbox_fs_write, "Stdwwi", NOTHING),
    OPERATION(sandbox_fs_open, "Stwwi", FILE_HANDLE),
    OPERATION(sandbox_fs_list, "Stuwi", FILE_PAGE),
    OPERATION(sandbox_fs_stat, "Stwi", FILE_INFO),
    OPERATION(sandbox_fs_exists, "Sti", FLAG),
    OPERATION(sandbox_fs_mkdir, "Stwwi", NOTHING),
    OPERATION(sandbox_fs_remove, "Sti", NOTHING),
    OPERATION(sandbox_fs_remove_dir, "Stwi", NOTHING),
    OPERATION(sandbox_fs_copy, "Stti", NOTHING),
    OPERATION(sandbox_fs_rename, "Stti", NOTHING),
    OPERATION(sandbox_fs_symlink, "Stti", NOTHING),
    OPERATION(sandbox_fs_readlink, "Sti", BYTES),
    OPERATION(sandbox_fs_chmod, "Stwi", NOTHING),
    OPERATION(sandbox_fs_utimes, "Stiii", NOTHING),
    OPERATION(sandbox_fs_tar_export, "Stii", FILE_PROGRESS),
    OPERATION(sandbox_fs_tar_import, "Stii", FILE_PROGRESS),
    OPERATION(sandbox_copy_in, "Stti", FILE_PROGRESS),
    OPERATION(sandbox_copy_out, "Stti", FILE_PROGRESS),
    {0},
};
