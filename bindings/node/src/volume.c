/* Volumes and their files: the calls of msb_volume_*. Those that look at one entry only are direct. */
#include "addon.h"

static msb_status volume_create(struct call *call) {
    return msb_volume_create_async(BACKEND_AT(0), CONFIG_AT(1), SUBMIT);
}

static msb_status volume_open(struct call *call) {
    return msb_volume_open(BACKEND_AT(0), TEXT_AT(1), &call->result.volume, &call->err);
}

static msb_status volume_list(struct call *call) {
    return msb_volume_list(BACKEND_AT(0), CONFIG_AT(1), &call->result.volume_page, &call->err);
}

static msb_status volume_info_get(struct call *call) {
    return msb_volume_info_get(VOLUME_AT(0), &call->result.volume_info, &call->err);
}

static msb_status volume_resize(struct call *call) {
    return msb_volume_resize_async(VOLUME_AT(0), SIZE_AT(1), SUBMIT);
}

static msb_status volume_remove(struct call *call) {
    return msb_volume_remove_async(VOLUME_AT(0), SUBMIT);
}

static msb_status volume_read(struct call *call) {
    return msb_volume_read_async(VOLUME_AT(0), TEXT_AT(1), SUBMIT);
}

static msb_status volume_write(struct call *call) {
    return msb_volume_write_async(VOLUME_AT(0), TEXT_AT(1), DATA_AT(2), SUBMIT);
}

static msb_status volume_fs_read(struct call *call) {
    return msb_volume_fs_read_async(VOLUME_AT(0), TEXT_AT(1), SUBMIT);
}

static msb_status volume_fs_write(struct call *call) {
    return msb_volume_fs_write_async(VOLUME_AT(0), TEXT_AT(1), DATA_AT(2), WORD_AT(3), WORD_AT(4), SUBMIT);
}

static msb_status volume_fs_open(struct call *call) {
    return msb_volume_fs_open(VOLUME_AT(0), TEXT_AT(1), WORD_AT(2), WORD_AT(3), &call->result.file, &call->err);
}

static msb_status volume_fs_list(struct call *call) {
    return msb_volume_fs_list_async(VOLUME_AT(0), TEXT_AT(1), SIZE_AT(2), WORD_AT(3), SUBMIT);
}

static msb_status volume_fs_stat(struct call *call) {
    return msb_volume_fs_stat(VOLUME_AT(0), TEXT_AT(1), WORD_AT(2), &call->result.file_info, &call->err);
}

static msb_status volume_fs_exists(struct call *call) {
    return msb_volume_fs_exists(VOLUME_AT(0), TEXT_AT(1), &call->result.flag, &call->err);
}

static msb_status volume_fs_mkdir(struct call *call) {
    return msb_volume_fs_mkdir(VOLUME_AT(0), TEXT_AT(1), WORD_AT(2), WORD_AT(3), &call->err);
}

static msb_status volume_fs_remove(struct call *call) {
    return msb_volume_fs_remove(VOLUME_AT(0), TEXT_AT(1), &call->err);
}

static msb_status volume_fs_remove_dir(struct call *call) {
    return msb_volume_fs_remove_dir_async(VOLUME_AT(0), TEXT_AT(1), WORD_AT(2), SUBMIT);
}

static msb_status volume_fs_copy(struct call *call) {
    return msb_volume_fs_copy_async(VOLUME_AT(0), TEXT_AT(1), TEXT_AT(2), SUBMIT);
}

static msb_status volume_fs_rename(struct call *call) {
    return msb_volume_fs_rename(VOLUME_AT(0), TEXT_AT(1), TEXT_AT(2), &call->err);
}

static msb_status volume_fs_symlink(struct call *call) {
    return msb_volume_fs_symlink(VOLUME_AT(0), TEXT_AT(1), TEXT_AT(2), &call->err);
}

static msb_status volume_fs_readlink(struct call *call) {
    return msb_volume_fs_readlink(VOLUME_AT(0), TEXT_AT(1), &call->result.bytes, &call->err);
}

static msb_status volume_fs_chmod(struct call *call) {
    return msb_volume_fs_chmod(VOLUME_AT(0), TEXT_AT(1), WORD_AT(2), &call->err);
}

static msb_status volume_fs_utimes(struct call *call) {
    return msb_volume_fs_utimes(VOLUME_AT(0), TEXT_AT(1), NUMBER_AT(2), NUMBER_AT(3), &call->err);
}

static msb_status volume_fs_tar_export(struct call *call) {
    return msb_volume_fs_tar_export_async(VOLUME_AT(0), TEXT_AT(1), (int32_t)NUMBER_AT(2), SUBMIT);
}

static msb_status volume_fs_tar_import(struct call *call) {
    return msb_volume_fs_tar_import_async(VOLUME_AT(0), TEXT_AT(1), (int32_t)NUMBER_AT(2), SUBMIT);
}

const struct method volume_methods[] = {
    OPERATION(volume_create, "Bv", VOLUME),
    DIRECT(volume_open, "Bt", VOLUME),
    DIRECT(volume_list, "Bm", VOLUME_PAGE),
    DIRECT(volume_info_get, "V", VOLUME_INFO),
    OPERATION(volume_resize, "Vu", NOTHING),
    OPERATION(volume_remove, "V", NOTHING),
    OPERATION(volume_read, "Vt", BYTES),
    OPERATION(volume_write, "Vtd", NOTHING),
    OPERATION(volume_fs_read, "Vt", BYTES),
    OPERATION(volume_fs_write, "Vtdww", NOTHING),
    DIRECT(volume_fs_open, "Vtww", FILE_HANDLE),
    OPERATION(volume_fs_list, "Vtuw", FILE_PAGE),
    DIRECT(volume_fs_stat, "Vtw", FILE_INFO),
    DIRECT(volume_fs_exists, "Vt", FLAG),
    DIRECT(volume_fs_mkdir, "Vtww", NOTHING),
    DIRECT(volume_fs_remove, "Vt", NOTHING),
    OPERATION(volume_fs_remove_dir, "Vtw", NOTHING),
    OPERATION(volume_fs_copy, "Vtt", NOTHING),
    DIRECT(volume_fs_rename, "Vtt", NOTHING),
    DIRECT(volume_fs_symlink, "Vtt", NOTHING),
    DIRECT(volume_fs_readlink, "Vt", BYTES),
    DIRECT(volume_fs_chmod, "Vtw", NOTHING),
    DIRECT(volume_fs_utimes, "Vtii", NOTHING),
    OPERATION(volume_fs_tar_export, "Vti", FILE_PROGRESS),
    OPERATION(volume_fs_tar_import, "Vti", FILE_PROGRESS),
    {0},
};
