/*
 * Value objects of msb.h as plain objects: the names of the keys are those of the getters, in JavaScript's case.
 * Numbers of an open set become words here, so that no program compares with numbers.
 */
#include "records.h"

#include "object.h"

static const char *word(const char *const *words, size_t count, uint32_t number) {
    return number < count && words[number] ? words[number] : "other";
}

#define WORD(words, number) word(words, sizeof words / sizeof *words, number)

/* Pages have the same getters under several names; `put_next` puts the cursor of the next one. */
#define PAGE_RECORD(noun, put_next)                                                                        \
    napi_value noun##_page_record(napi_env env, const msb_##noun##_page *page) {                           \
        size_t len = msb_##noun##_page_len(page);                                                          \
        struct object record = new_object(env);                                                            \
        struct list items = new_list(env, len);                                                            \
        for (size_t i = 0; i < len; i++) add(&items, noun##_info_record(env, msb_##noun##_page_get(page, i))); \
        put(&record, "items", items.value);                                                                \
        put_next(&record, "next", msb_##noun##_page_next(page));                                           \
        return record.value;                                                                               \
    }

/* So have labels. */
#define LABELS_RECORD(noun)                                                                                \
    static napi_value noun##_labels_record(napi_env env, const msb_##noun##_info *info) {                  \
        struct object labels = new_object(env);                                                            \
        for (size_t i = 0; i < msb_##noun##_info_label_count(info); i++)                                   \
            put_text(&labels, msb_##noun##_info_label_key(info, i), msb_##noun##_info_label_value(info, i)); \
        return labels.value;                                                                               \
    }

napi_value exit_record(napi_env env, const msb_exit *exit) {
    static const char *const reasons[] = {
        [MSB_EXIT_COMPLETED] = "completed",
        [MSB_EXIT_STOP_REQUESTED] = "stopRequested",
        [MSB_EXIT_KILL_REQUESTED] = "killRequested",
        [MSB_EXIT_IDLE_TIMEOUT] = "idleTimeout",
        [MSB_EXIT_MAX_DURATION] = "maxDuration",
        [MSB_EXIT_OWNER_EXITED] = "ownerExited",
        [MSB_EXIT_BOOT_FAILED] = "bootFailed",
        [MSB_EXIT_VMM_CRASHED] = "vmmCrashed",
        [MSB_EXIT_PROTOCOL_VIOLATION] = "protocolViolation",
        [MSB_EXIT_RUNNER_DIED] = "runnerDied",
        [MSB_EXIT_INTERNAL_ERROR] = "internalError",
    };
    struct object record = new_object(env);
    put_text(&record, "reason", WORD(reasons, exit->reason));
    put_number(&record, "exitCode", exit->exit_code);
    put_number(&record, "signal", exit->signal);
    put_flag(&record, "crashed", exit->crashed);
    put_flag(&record, "killed", exit->killed);
    put_flag(&record, "clean", exit->clean);
    put_date(&record, "startedAt", exit->started_unix_ms);
    put_date(&record, "endedAt", exit->ended_unix_ms);
    return record.value;
}

napi_value exec_status_record(napi_env env, const msb_exec_status *status) {
    struct object record = new_object(env);
    put_number(&record, "exitCode", status->exit_code);
    put_number(&record, "signal", status->signal);
    put_flag(&record, "timedOut", status->timed_out);
    put_flag(&record, "outputOpen", status->output_open);
    return record.value;
}

napi_value file_info_record(napi_env env, const msb_file_info *info) {
    static const char *const kinds[] = {
        [MSB_FILE_REGULAR] = "file",
        [MSB_FILE_DIRECTORY] = "directory",
        [MSB_FILE_SYMLINK] = "symlink",
        [MSB_FILE_FIFO] = "fifo",
        [MSB_FILE_SOCKET] = "socket",
        [MSB_FILE_CHAR_DEVICE] = "characterDevice",
        [MSB_FILE_BLOCK_DEVICE] = "blockDevice",
    };
    struct object record = new_object(env);
    put_text(&record, "name", msb_file_info_name(info));
    put_text(&record, "kind", WORD(kinds, msb_file_info_kind(info)));
    put_number(&record, "size", (double)msb_file_info_size(info));
    put_number(&record, "mode", msb_file_info_mode(info));
    put_number(&record, "uid", msb_file_info_uid(info));
    put_number(&record, "gid", msb_file_info_gid(info));
    put_number(&record, "nlink", (double)msb_file_info_nlink(info));
    put_signed_bigint(&record, "accessedNs", msb_file_info_accessed_ns(info));
    put_signed_bigint(&record, "modifiedNs", msb_file_info_modified_ns(info));
    put_signed_bigint(&record, "changedNs", msb_file_info_changed_ns(info));
    put_bigint(&record, "inode", msb_file_info_inode(info));
    put_bigint(&record, "device", msb_file_info_device(info));
    return record.value;
}
PAGE_RECORD(file, put_bigint)

napi_value file_progress_record(napi_env env, const msb_file_progress *progress) {
    struct object record = new_object(env);
    put_number(&record, "bytes", (double)progress->bytes);
    put_number(&record, "entries", (double)progress->entries);
    return record.value;
}

static napi_value mount_record(napi_env env, const msb_sandbox_info *info, size_t index) {
    struct object record = new_object(env);
    uint32_t flags = msb_sandbox_info_mount_flags(info, index);
    put_text(&record, "guestPath", msb_sandbox_info_mount_guest_path(info, index));
    put_text(&record, "kind", msb_sandbox_info_mount_kind(info, index));
    put_text(&record, "source", msb_sandbox_info_mount_source(info, index));
    put_flag(&record, "readOnly", flags & MSB_MOUNT_READ_ONLY);
    put_flag(&record, "noexec", flags & MSB_MOUNT_NOEXEC);
    put_flag(&record, "nosuid", flags & MSB_MOUNT_NOSUID);
    put_flag(&record, "nodev", flags & MSB_MOUNT_NODEV);
    return record.value;
}

LABELS_RECORD(sandbox)

napi_value sandbox_info_record(napi_env env, const msb_sandbox_info *info) {
    struct object record = new_object(env);
    struct list mounts = new_list(env, msb_sandbox_info_mount_count(info));
    msb_exit exit;
    for (size_t i = 0; i < msb_sandbox_info_mount_count(info); i++) add(&mounts, mount_record(env, info, i));
    put_text(&record, "name", msb_sandbox_info_name(info));
    put_text(&record, "status", msb_sandbox_info_status(info));
    put_text(&record, "driver", msb_sandbox_info_driver(info));
    put_text(&record, "driverReason", msb_sandbox_info_driver_reason(info));
    put_text(&record, "isolation", msb_sandbox_info_isolation(info));
    put_text(&record, "image", msb_sandbox_info_image(info));
    put_number(&record, "cpus", msb_sandbox_info_cpus(info));
    put_number(&record, "memoryMib", msb_sandbox_info_memory_mib(info));
    put_flag(&record, "ephemeral", msb_sandbox_info_ephemeral(info));
    put_flag(&record, "detached", msb_sandbox_info_detached(info));
    put_date(&record, "createdAt", msb_sandbox_info_created_unix_ms(info));
    put_number(&record, "runnerPid", msb_sandbox_info_runner_pid(info));
    put(&record, "labels", sandbox_labels_record(env, info));
    put(&record, "mounts", mounts.value);
    if (msb_sandbox_info_exit(info, &exit))
        put(&record, "exit", exit_record(env, &exit));
    else
        put_text(&record, "exit", NULL);
    put_text(&record, "endMessage", msb_sandbox_info_end_message(info));
    put_text(&record, "consoleTail", msb_sandbox_info_console_tail(info));
    /* JSON; ../lib/sandbox.js parses it. */
    put_text(&record, "config", msb_sandbox_info_config(info));
    return record.value;
}
PAGE_RECORD(sandbox, put_text)

LABELS_RECORD(volume)

napi_value volume_info_record(napi_env env, const msb_volume_info *info) {
    struct object record = new_object(env);
    struct list attached = new_list(env, msb_volume_info_attached_count(info));
    for (size_t i = 0; i < msb_volume_info_attached_count(info); i++) add_text(&attached, msb_volume_info_attached_to(info, i));
    put_text(&record, "name", msb_volume_info_name(info));
    put_text(&record, "kind", msb_volume_info_kind(info));
    put_text(&record, "path", msb_volume_info_path(info));
    put_number(&record, "quotaMib", (double)msb_volume_info_quota_mib(info));
    put_number(&record, "capacityBytes", (double)msb_volume_info_capacity_bytes(info));
    if (msb_volume_info_used_bytes(info) == MSB_NOT_MEASURED)
        put_text(&record, "usedBytes", NULL);
    else
        put_number(&record, "usedBytes", (double)msb_volume_info_used_bytes(info));
    put_text(&record, "diskFormat", msb_volume_info_disk_format(info));
    put_text(&record, "diskFstype", msb_volume_info_disk_fstype(info));
    put_date(&record, "createdAt", msb_volume_info_created_unix_ms(info));
    put_date(&record, "updatedAt", msb_volume_info_updated_unix_ms(info));
    put(&record, "labels", volume_labels_record(env, info));
    put(&record, "attachedTo", attached.value);
    return record.value;
}
PAGE_RECORD(volume, put_text)

static napi_value layer_record(napi_env env, const msb_image_info *info, size_t index) {
    struct object record = new_object(env);
    put_text(&record, "diffId", msb_image_info_layer_diff_id(info, index));
    put_text(&record, "digest", msb_image_info_layer_digest(info, index));
    put_number(&record, "sizeBytes", (double)msb_image_info_layer_size_bytes(info, index));
    put_number(&record, "diskBytes", (double)msb_image_info_layer_disk_bytes(info, index));
    return record.value;
}

/* What `get` gives for the numbers below `count`. */
static napi_value texts(napi_env env, const msb_image_info *info, size_t count, const char *(*get)(const msb_image_info *, size_t)) {
    struct list list = new_list(env, count);
    for (size_t i = 0; i < count; i++) add_text(&list, get(info, i));
    return list.value;
}

LABELS_RECORD(image)

napi_value image_info_record(napi_env env, const msb_image_info *info) {
    struct object record = new_object(env);
    struct list layers = new_list(env, msb_image_info_layer_count(info));
    for (size_t i = 0; i < msb_image_info_layer_count(info); i++) add(&layers, layer_record(env, info, i));
    put_text(&record, "reference", msb_image_info_reference(info));
    put_text(&record, "digest", msb_image_info_digest(info));
    put_text(&record, "configDigest", msb_image_info_config_digest(info));
    put_text(&record, "architecture", msb_image_info_architecture(info));
    put_text(&record, "os", msb_image_info_os(info));
    put_text(&record, "variant", msb_image_info_variant(info));
    put_number(&record, "sizeBytes", (double)msb_image_info_size_bytes(info));
    put_number(&record, "diskBytes", (double)msb_image_info_disk_bytes(info));
    put_number(&record, "uniqueBytes", (double)msb_image_info_unique_bytes(info));
    put_date(&record, "createdAt", msb_image_info_created_unix_ms(info));
    put_date(&record, "updatedAt", msb_image_info_updated_unix_ms(info));
    put(&record, "layers", layers.value);
    put(&record, "env", texts(env, info, msb_image_info_env_count(info), msb_image_info_env));
    put(&record, "entrypoint", texts(env, info, msb_image_info_entrypoint_count(info), msb_image_info_entrypoint));
    put(&record, "cmd", texts(env, info, msb_image_info_cmd_count(info), msb_image_info_cmd));
    put_text(&record, "workingDir", msb_image_info_working_dir(info));
    put_text(&record, "user", msb_image_info_user(info));
    put_text(&record, "stopSignal", msb_image_info_stop_signal(info));
    put(&record, "labels", image_labels_record(env, info));
    return record.value;
}
PAGE_RECORD(image, put_text)

napi_value probe_record(napi_env env, const msb_probe_report *report) {
    size_t len = msb_probe_report_len(report);
    struct object record = new_object(env);
    struct list checks = new_list(env, len);
    for (size_t i = 0; i < len; i++) {
        struct object check = new_object(env);
        put_text(&check, "name", msb_probe_report_name(report, i));
        put_flag(&check, "ok", msb_probe_report_ok(report, i));
        put_text(&check, "reason", msb_probe_report_reason(report, i));
        put_text(&check, "message", msb_probe_report_message(report, i));
        put_text(&check, "remedy", msb_probe_report_remedy(report, i));
        add(&checks, check.value);
    }
    put_text(&record, "driver", msb_probe_report_driver(report));
    put_text(&record, "isolation", msb_probe_report_isolation(report));
    put(&record, "checks", checks.value);
    return record.value;
}

napi_value storage_usage_record(napi_env env, const msb_storage_usage *usage) {
    size_t len = msb_storage_usage_len(usage);
    struct object record = new_object(env);
    struct list categories = new_list(env, len);
    for (size_t i = 0; i < len; i++) {
        struct object category = new_object(env);
        put_text(&category, "category", msb_storage_usage_category(usage, i));
        put_text(&category, "path", msb_storage_usage_path(usage, i));
        put_number(&category, "bytes", (double)msb_storage_usage_bytes(usage, i));
        put_number(&category, "files", (double)msb_storage_usage_files(usage, i));
        add(&categories, category.value);
    }
    put_number(&record, "totalBytes", (double)msb_storage_usage_total_bytes(usage));
    put(&record, "categories", categories.value);
    return record.value;
}

/* The reports of fsck and prune have the same getters under two names. */
#define REPORT_RECORD(noun)                                                                      \
    napi_value noun##_record(napi_env env, const msb_##noun##_report *report) {                  \
        size_t len = msb_##noun##_report_len(report);                                            \
        struct object record = new_object(env);                                                  \
        struct list items = new_list(env, len);                                                  \
        for (size_t i = 0; i < len; i++) {                                                       \
            struct object item = new_object(env);                                                \
            put_text(&item, "kind", msb_##noun##_report_kind(report, i));                        \
            put_text(&item, "name", msb_##noun##_report_name(report, i));                        \
            put_text(&item, "path", msb_##noun##_report_path(report, i));                        \
            put_number(&item, "bytes", (double)msb_##noun##_report_item_bytes(report, i));       \
            put_text(&item, "reason", msb_##noun##_report_reason(report, i));                    \
            put_text(&item, "action", msb_##noun##_report_action(report, i));                    \
            put_text(&item, "detail", msb_##noun##_report_detail(report, i));                    \
            add(&items, item.value);                                                             \
        }                                                                                        \
        put_number(&record, "bytes", (double)msb_##noun##_report_bytes(report));                 \
        put(&record, "items", items.value);                                                      \
        return record.value;                                                                     \
    }
REPORT_RECORD(fsck)
REPORT_RECORD(prune)
