/*
 * msb.h: microVM sandboxes as one C library. Generated from src/ffi; do not edit.
 *
 * Two kinds of object
 *   Handles (msb_backend, msb_sandbox, msb_exec, ...) are small structs passed by value. Each is checked at every
 *   call: one that was released, forged, or made for another type gives MSB_ERR_STALE_HANDLE or
 *   MSB_ERR_WRONG_HANDLE_TYPE. {0} is the null handle. `_release` takes a pointer and zeroes it; children keep their
 *   parents alive, so any order is right. A handle is one uint64_t in the calling convention.
 *   Value objects (msb_error, the configs, infos, msb_bytes, ...) are pointers with one owner and one `_free`, which
 *   takes NULL. Using one after it was freed is undefined, as with free().
 *
 * Words for ownership in the comments below
 *   copied          the library keeps a copy; yours is yours again when the call returns
 *   borrowed        read during the call only
 *   changed         the object pointed to is changed; it stays yours
 *   consumed        the library takes it over; do not use it again
 *   zeroed          the handle pointed to is released and becomes the null handle
 *   set, written    an output; zero or NULL if the call fails
 *   passed to       handed on to your callbacks untouched; must live as long as they are called
 *   returned owned  written; yours to release or free; null if the call fails
 *   a view          belongs to the object it came from and lives as long
 *
 * Errors
 *   A fallible call returns an msb_status, MSB_OK (0) on success, and takes `msb_error **err` last. `err` may be
 *   NULL; otherwise it is always written, NULL on success. Beside the statuses listed, every such call can give
 *   MSB_ERR_INVALID_ARGUMENT (a NULL or malformed argument; the error names it), MSB_ERR_OUT_OF_MEMORY,
 *   MSB_ERR_FORKED (in a child forked after the library was used) and MSB_ERR_INTERNAL (a defect of the library).
 *   Every call that takes a handle can give MSB_ERR_STALE_HANDLE and MSB_ERR_WRONG_HANDLE_TYPE.
 *   The sets of statuses and reasons are open: give every switch a default.
 *
 * Text is NUL-terminated UTF-8. Data are a pointer and a length; (NULL, 0) is empty.
 *
 * Threads
 *   Any function may be called from any thread at any time with the same handles. A value object is used by one
 *   thread at a time, an msb_error by any number. The library installs no signal handler, writes nothing to the
 *   standard streams, and changes nothing of the process.
 *
 * Times are milliseconds on the monotonic clock. A timeout of -1 waits for ever, 0 does not wait.
 */


#ifndef MSB_H
#define MSB_H

#include <stddef.h>
#include <stdint.h>

/* Before a declaration: the symbol comes from the shared library. */
#ifndef MSB_API
#define MSB_API
#endif

/* The result must not be dropped. */
#ifndef MSB_NODISCARD
#if defined(__cplusplus) && __cplusplus >= 201703L
#define MSB_NODISCARD [[nodiscard]]
#elif defined(__GNUC__) || defined(__clang__)
#define MSB_NODISCARD __attribute__((warn_unused_result))
#else
#define MSB_NODISCARD
#endif
#endif

/* The version of this header; msb_version() is that of the library. */
#define MSB_VERSION_MAJOR 0
#define MSB_VERSION_MINOR 1
#define MSB_VERSION_PATCH 0
#define MSB_VERSION_STRING "0.1.0"
/* For comparisons: 10000 * major + 100 * minor + patch. */
#define MSB_VERSION_NUMBER (10000 * MSB_VERSION_MAJOR + 100 * MSB_VERSION_MINOR + MSB_VERSION_PATCH)


/**
 * The version of the binary interface that this header describes; compare it with `msb_abi_version()`.
 * It grows when something is changed or taken away, not when something is added.
 */
#define MSB_ABI_VERSION 1

/**
 * For `msb_debug_live_objects`: every kind.
 */
#define MSB_KIND_ALL 0

/**
 * For `msb_debug_live_objects`: `msb_backend`.
 */
#define MSB_KIND_BACKEND 1

/**
 * For `msb_debug_live_objects`: `msb_sandbox`.
 */
#define MSB_KIND_SANDBOX 2

/**
 * For `msb_debug_live_objects`: `msb_exec`.
 */
#define MSB_KIND_EXEC 3

/**
 * For `msb_debug_live_objects`: `msb_dispatcher`.
 */
#define MSB_KIND_DISPATCHER 4

/**
 * For `msb_debug_live_objects`: `msb_volume`.
 */
#define MSB_KIND_VOLUME 5

/**
 * For `msb_debug_live_objects`: `msb_file`.
 */
#define MSB_KIND_FILE 6

/**
 * For `msb_debug_live_objects`: `msb_queue`.
 */
#define MSB_KIND_QUEUE 7

/**
 * For `msb_debug_live_objects`: `msb_op`.
 */
#define MSB_KIND_OP 8

/**
 * An output callback returns this to get more.
 */
#define MSB_CALLBACK_CONTINUE 0

/**
 * An output callback returns this, or anything else that is not `MSB_CALLBACK_CONTINUE`, to be called no more.
 */
#define MSB_CALLBACK_STOP 1

/**
 * A command's standard input.
 */
#define MSB_STDIN 0

/**
 * A command's standard output; with a terminal, everything it prints.
 */
#define MSB_STDOUT 1

/**
 * A command's standard error.
 */
#define MSB_STDERR 2

/**
 * For `msb_volume_fs_open`: the file will be read.
 */
#define MSB_OPEN_READ 1

/**
 * For `msb_volume_fs_open`: the file will be written.
 */
#define MSB_OPEN_WRITE 2

/**
 * For `msb_volume_fs_open`: make the file if there is none.
 */
#define MSB_OPEN_CREATE 4

/**
 * For `msb_volume_fs_open`, with `MSB_OPEN_CREATE`: fail if there is something already.
 */
#define MSB_OPEN_EXCLUSIVE 8

/**
 * For `msb_volume_fs_open`: throw away what the file holds.
 */
#define MSB_OPEN_TRUNCATE 16

/**
 * For `msb_volume_fs_open`: every write goes to the end of the file, as it is then.
 */
#define MSB_OPEN_APPEND 32

/**
 * For `msb_volume_fs_write`: other readers see the old file or the new one, never a part, whatever happens meanwhile.
 */
#define MSB_WRITE_ATOMIC 1

/**
 * For `msb_volume_fs_write`: the data go to the end of the file.
 */
#define MSB_WRITE_APPEND 2

/**
 * For `msb_volume_fs_stat`: of a symbolic link's target instead of the link.
 */
#define MSB_STAT_FOLLOW 1

/**
 * For `msb_volume_fs_mkdir`: make missing parents too, and succeed if the directory is there.
 */
#define MSB_MKDIR_PARENTS 1

/**
 * For `msb_volume_fs_remove_dir`: with everything in it.
 */
#define MSB_REMOVE_RECURSIVE 1

/**
 * For `msb_volume_fs_utimes`: this time stays as it is.
 */
#define MSB_TIME_KEEP INT64_MIN

/**
 * For `msb_file_info_kind`: a regular file.
 */
#define MSB_FILE_REGULAR 1

/**
 * For `msb_file_info_kind`: a directory.
 */
#define MSB_FILE_DIRECTORY 2

/**
 * For `msb_file_info_kind`: a symbolic link.
 */
#define MSB_FILE_SYMLINK 3

/**
 * For `msb_file_info_kind`: a named pipe.
 */
#define MSB_FILE_FIFO 4

/**
 * For `msb_file_info_kind`: a socket.
 */
#define MSB_FILE_SOCKET 5

/**
 * For `msb_file_info_kind`: a character device.
 */
#define MSB_FILE_CHAR_DEVICE 6

/**
 * For `msb_file_info_kind`: a block device.
 */
#define MSB_FILE_BLOCK_DEVICE 7

/**
 * A policy of pulls: the registry is asked when the image is not in the home.
 */
#define MSB_IMAGE_PULL_POLICY_IF_MISSING 0

/**
 * A policy of pulls: the registry is asked each time, and only what is new is fetched.
 */
#define MSB_IMAGE_PULL_POLICY_ALWAYS 1

/**
 * A policy of pulls: no registry is asked.
 */
#define MSB_IMAGE_PULL_POLICY_NEVER 2

/**
 * For `msb_exit.reason`: a reason that this version has no number for.
 */
#define MSB_EXIT_OTHER 0

/**
 * For `msb_exit.reason`: the guest ended its machine by itself.
 */
#define MSB_EXIT_COMPLETED 1

/**
 * For `msb_exit.reason`: a stop was asked for.
 */
#define MSB_EXIT_STOP_REQUESTED 2

/**
 * For `msb_exit.reason`: a kill was asked for.
 */
#define MSB_EXIT_KILL_REQUESTED 3

/**
 * For `msb_exit.reason`: nobody used it for its idle timeout.
 */
#define MSB_EXIT_IDLE_TIMEOUT 4

/**
 * For `msb_exit.reason`: it ran for its longest duration.
 */
#define MSB_EXIT_MAX_DURATION 5

/**
 * For `msb_exit.reason`: the process that it was attached to let go of it or ended.
 */
#define MSB_EXIT_OWNER_EXITED 6

/**
 * For `msb_exit.reason`: it did not come up.
 */
#define MSB_EXIT_BOOT_FAILED 7

/**
 * For `msb_exit.reason`: its virtual machine monitor crashed or was killed by somebody else.
 */
#define MSB_EXIT_VMM_CRASHED 8

/**
 * For `msb_exit.reason`: the guest broke the protocol and was killed for it.
 */
#define MSB_EXIT_PROTOCOL_VIOLATION 9

/**
 * For `msb_exit.reason`: its runner was killed, or the host went down.
 */
#define MSB_EXIT_RUNNER_DIED 10

/**
 * For `msb_exit.reason`: its runner failed.
 */
#define MSB_EXIT_INTERNAL_ERROR 11

/**
 * A mount's flag: nothing can be written.
 */
#define MSB_MOUNT_READ_ONLY 1

/**
 * A mount's flag: nothing can be executed.
 */
#define MSB_MOUNT_NOEXEC 2

/**
 * A mount's flag: set-user-ID and set-group-ID bits do nothing.
 */
#define MSB_MOUNT_NOSUID 4

/**
 * A mount's flag: device nodes do nothing.
 */
#define MSB_MOUNT_NODEV 8

/**
 * For `msb_fsck`: mend what is found, not only report it.
 */
#define MSB_FSCK_REPAIR 1

/**
 * For `msb_prune`: only tell what would be freed.
 */
#define MSB_PRUNE_DRY_RUN 1

/**
 * For `msb_prune`: guest kernels, programs of other versions, image layers that no image has. They are made or fetched
 * again when they are needed.
 */
#define MSB_PRUNE_CACHE 2

/**
 * For `msb_prune`: what processes that are gone left half done.
 */
#define MSB_PRUNE_TEMPORARY 4

/**
 * For `msb_prune`: what `msb_fsck` moved aside, for good.
 */
#define MSB_PRUNE_LOST 8

/**
 * For `msb_prune`: logs of sandboxes that do not run.
 */
#define MSB_PRUNE_LOGS 16

/**
 * For `msb_prune`: copies of the database from before upgrades.
 */
#define MSB_PRUNE_BACKUPS 32

/**
 * For `msb_prune`: images that no sandbox and no snapshot needs, with their layers as far as no other image has them. They have to be
 * pulled or loaded again. Each of their references is an item; the first of an image has the bytes.
 */
#define MSB_PRUNE_IMAGES 64

/**
 * For `msb_volume_info_used_bytes`: it was not measured.
 */
#define MSB_NOT_MEASURED 18446744073709551615ull

/**
 * An argument is NULL, malformed or out of range; the message names it.
 */
#define MSB_ERR_INVALID_ARGUMENT 1

/**
 * Nothing of that name exists.
 */
#define MSB_ERR_NOT_FOUND 2

/**
 * The name is taken.
 */
#define MSB_ERR_ALREADY_EXISTS 3

/**
 * The object is in a state in which this cannot be done.
 */
#define MSB_ERR_INVALID_STATE 4

/**
 * The operating system denies access.
 */
#define MSB_ERR_PERMISSION_DENIED 5

/**
 * A limit of the process, the system or the library is reached.
 */
#define MSB_ERR_RESOURCE_EXHAUSTED 6

/**
 * The other side does not answer now; the same call may succeed later.
 */
#define MSB_ERR_UNAVAILABLE 7

/**
 * The deadline passed.
 */
#define MSB_ERR_TIMEOUT 8

/**
 * The operation was cancelled.
 */
#define MSB_ERR_CANCELLED 9

/**
 * Nothing is ready and the caller asked not to wait.
 */
#define MSB_ERR_WOULD_BLOCK 10

/**
 * The stream has ended; there will be no more data. No function of this version gives it.
 */
#define MSB_ERR_END_OF_STREAM 11

/**
 * This build, host or driver cannot do it.
 */
#define MSB_ERR_UNSUPPORTED 12

/**
 * A file or device operation failed; see the errno.
 */
#define MSB_ERR_IO 13

/**
 * A network operation failed.
 */
#define MSB_ERR_NETWORK 14

/**
 * Data does not have the form or the digest that it must have.
 */
#define MSB_ERR_CORRUPT 15

/**
 * Somebody else changed the same object first.
 */
#define MSB_ERR_CONFLICT 16

/**
 * The guest did not come up; details hold the stage and the console's tail.
 */
#define MSB_ERR_GUEST_FAILED 17

/**
 * The command could not be started in the guest; the reason says why.
 */
#define MSB_ERR_EXEC_FAILED 18

/**
 * The handle was released, or was never given out by this process.
 */
#define MSB_ERR_STALE_HANDLE 19

/**
 * The handle belongs to an object of another type.
 */
#define MSB_ERR_WRONG_HANDLE_TYPE 20

/**
 * The call would wait for the thread that makes it.
 */
#define MSB_ERR_WOULD_DEADLOCK 21

/**
 * The process was forked after the library was first used; the child cannot use it.
 */
#define MSB_ERR_FORKED 22

/**
 * Header and library are of incompatible versions. No function of this version gives it.
 */
#define MSB_ERR_ABI_MISMATCH 23

/**
 * Memory could not be allocated.
 */
#define MSB_ERR_OUT_OF_MEMORY 24

/**
 * A defect of the library itself.
 */
#define MSB_ERR_INTERNAL 25

/**
 * The store was written by a newer version; it was left as it was.
 */
#define MSB_ERR_STORE_NEWER 26

/**
 * The store's database is damaged.
 */
#define MSB_ERR_STORE_CORRUPT 27

/**
 * The place to be written is read-only.
 */
#define MSB_ERR_READ_ONLY 28

/**
 * The disk or its quota is full.
 */
#define MSB_ERR_DISK_FULL 29

/**
 * A configuration text or file cannot be used as it stands.
 */
#define MSB_ERR_CONFIG_INVALID 30

/**
 * No driver can run a guest on this host.
 */
#define MSB_ERR_DRIVER_UNAVAILABLE 31

/**
 * No guest kernel was found; the message lists where it was looked for.
 */
#define MSB_ERR_KERNEL_NOT_FOUND 32

/**
 * This host cannot give the isolation that was asked for.
 */
#define MSB_ERR_ISOLATION_UNAVAILABLE 33

/**
 * The sandbox's machine ended without being asked to. No function of this version gives it.
 */
#define MSB_ERR_SANDBOX_CRASHED 34

/**
 * The sandbox is not running.
 */
#define MSB_ERR_NOT_RUNNING 35

/**
 * The object is in use.
 */
#define MSB_ERR_BUSY 36

/**
 * What `msb_backend_new` takes: options that override the config file. Freed with `msb_backend_config_free`.
 */
typedef struct msb_backend_config msb_backend_config;

/**
 * What a backend goes by. Freed with `msb_backend_info_free`.
 */
typedef struct msb_backend_info msb_backend_info;

/**
 * Bytes owned by the caller, freed with `msb_bytes_free`.
 */
typedef struct msb_bytes msb_bytes;

/**
 * Why a call failed. Owned by the caller, freed with `msb_error_free`; immutable, so any thread may read it.
 */
typedef struct msb_error msb_error;

/**
 * What `msb_sandbox_exec` and `msb_sandbox_exec_start` take. Freed with `msb_exec_config_free`.
 */
typedef struct msb_exec_config msb_exec_config;

/**
 * What a command left behind. Freed with `msb_exec_result_free`.
 */
typedef struct msb_exec_result msb_exec_result;

/**
 * What is known of a file. Freed with `msb_file_info_free`, unless it belongs to a page.
 */
typedef struct msb_file_info msb_file_info;

/**
 * Some entries of a directory. Freed with `msb_file_page_free`.
 */
typedef struct msb_file_page msb_file_page;

/**
 * What `msb_fsck` found. Freed with `msb_fsck_report_free`.
 */
typedef struct msb_fsck_report msb_fsck_report;

/**
 * What `msb_image_list` takes. Freed with `msb_image_filter_free`.
 */
typedef struct msb_image_filter msb_image_filter;

/**
 * A snapshot of an image. Freed with `msb_image_info_free`, unless it belongs to a page.
 */
typedef struct msb_image_info msb_image_info;

/**
 * What `msb_image_load` takes. Freed with `msb_image_load_config_free`.
 */
typedef struct msb_image_load_config msb_image_load_config;

/**
 * One page of a listing. Freed with `msb_image_page_free`.
 */
typedef struct msb_image_page msb_image_page;

/**
 * What `msb_image_pull` takes. Freed with `msb_image_pull_config_free`.
 */
typedef struct msb_image_pull_config msb_image_pull_config;

/**
 * What `msb_sandbox_config_add_mount` takes. Freed with `msb_mount_config_free`.
 */
typedef struct msb_mount_config msb_mount_config;

/**
 * What `msb_sandbox_config_add_patch` takes. Freed with `msb_patch_config_free`.
 */
typedef struct msb_patch_config msb_patch_config;

/**
 * What this host can run, and what to do about what it cannot. Freed with `msb_probe_report_free`.
 */
typedef struct msb_probe_report msb_probe_report;

/**
 * What `msb_prune` freed. Freed with `msb_prune_report_free`.
 */
typedef struct msb_prune_report msb_prune_report;

/**
 * What `msb_sandbox_create` takes. Freed with `msb_sandbox_config_free`.
 */
typedef struct msb_sandbox_config msb_sandbox_config;

/**
 * What `msb_sandbox_list` takes. Freed with `msb_sandbox_filter_free`.
 */
typedef struct msb_sandbox_filter msb_sandbox_filter;

/**
 * A snapshot of a sandbox. Freed with `msb_sandbox_info_free`, unless it belongs to a page.
 */
typedef struct msb_sandbox_info msb_sandbox_info;

/**
 * One page of a listing. Freed with `msb_sandbox_page_free`.
 */
typedef struct msb_sandbox_page msb_sandbox_page;

/**
 * What `msb_snapshot_list` takes. Freed with `msb_snapshot_filter_free`.
 */
typedef struct msb_snapshot_filter msb_snapshot_filter;

/**
 * What is known of a snapshot. It belongs to a page and goes with it.
 */
typedef struct msb_snapshot_info msb_snapshot_info;

/**
 * One page of a listing. Freed with `msb_snapshot_page_free`.
 */
typedef struct msb_snapshot_page msb_snapshot_page;

/**
 * How much room a home takes, by category. Freed with `msb_storage_usage_free`.
 */
typedef struct msb_storage_usage msb_storage_usage;

/**
 * What `msb_volume_create` takes. Freed with `msb_volume_config_free`.
 */
typedef struct msb_volume_config msb_volume_config;

/**
 * What `msb_volume_list` takes. Freed with `msb_volume_filter_free`.
 */
typedef struct msb_volume_filter msb_volume_filter;

/**
 * A snapshot of a volume. Freed with `msb_volume_info_free`, unless it belongs to a page.
 */
typedef struct msb_volume_info msb_volume_info;

/**
 * One page of a listing. Freed with `msb_volume_page_free`.
 */
typedef struct msb_volume_page msb_volume_page;

/**
 * What a call returns: `MSB_OK` or an `MSB_ERR_*` value. A plain `int32_t`, so that a value which this header
 * does not know yet stays well-defined; give every `switch` a `default`.
 */
typedef int32_t msb_status;

/**
 * A backend. Released with `msb_backend_release`; `{0}` is the null handle.
 */
typedef struct msb_backend {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_backend;

/**
 * Completions of operations, and the threads that do their work. Released with `msb_queue_release`; `{0}` is the null
 * handle.
 */
typedef struct msb_queue {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_queue;

/**
 * An operation that a queue accepted. Released with `msb_op_release`; `{0}` is the null handle.
 */
typedef struct msb_op {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_op;

/**
 * A thread that delivers events. Released with `msb_dispatcher_release`; `{0}` is the null handle.
 */
typedef struct msb_dispatcher {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_dispatcher;

/**
 * A command in a sandbox. Released with `msb_exec_release`; `{0}` is the null handle.
 */
typedef struct msb_exec {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_exec;

/**
 * Called with output as it appears: `which` is `MSB_STDOUT` or `MSB_STDERR`; `data` is borrowed for the call. It must not
 * unwind or jump out; while it runs, only its own dispatcher waits.
 */
typedef int32_t (*msb_exec_output_fn)(void *user, int32_t which, const uint8_t *data, size_t len);

/**
 * How a command ended. Always written whole.
 */
typedef struct msb_exec_status {
    /**
     * The exit code; -1 if a signal ended the command.
     */
    int32_t exit_code;
    /**
     * The signal that ended the command; 0 if none did.
     */
    int32_t signal;
    /**
     * 1 if the command's own timeout ended it.
     */
    uint8_t timed_out;
    /**
     * 1 if something that the command started still held its output open; what that writes is thrown away.
     */
    uint8_t output_open;
    /**
     * 0.
     */
    uint8_t reserved[6];
    /**
     * 0; room for later versions.
     */
    uint64_t reserved_words[4];
} msb_exec_status;

/**
 * Called once, after all output, when the command ended; `status` is borrowed for the call and NULL if the sandbox ended
 * first.
 */
typedef void (*msb_exec_end_fn)(void *user, const struct msb_exec_status *status);

/**
 * Called exactly once, when `user` is no longer needed, on the dispatcher's thread or, if the call that passed it fails, on
 * the caller's.
 */
typedef void (*msb_finalizer_fn)(void *user);

/**
 * A sandbox. Released with `msb_sandbox_release`; `{0}` is the null handle.
 */
typedef struct msb_sandbox {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_sandbox;

/**
 * An open file of a volume or of a sandbox. Released with `msb_file_release`; `{0}` is the null handle.
 */
typedef struct msb_file {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_file;

/**
 * How far an operation has come. Always written whole. What it counts depends on the operation; many count nothing.
 */
typedef struct msb_progress {
    /**
     * Bytes that were dealt with.
     */
    uint64_t bytes_done;
    /**
     * Bytes in all; 0 if not known.
     */
    uint64_t bytes_total;
    /**
     * Files, entries or findings that were dealt with.
     */
    uint64_t items_done;
    /**
     * Items in all; 0 if not known.
     */
    uint64_t items_total;
    /**
     * 0; room for later versions.
     */
    uint64_t reserved_words[4];
} msb_progress;

/**
 * A volume. Released with `msb_volume_release`; `{0}` is the null handle.
 */
typedef struct msb_volume {
    /**
     * Opaque.
     */
    uint64_t id;
} msb_volume;

/**
 * How a run of a sandbox ended. Always written whole.
 */
typedef struct msb_exit {
    /**
     * Exit code of the virtual machine monitor; -1 if it did not exit by itself.
     */
    int32_t exit_code;
    /**
     * Signal that ended the virtual machine monitor; 0 if none did.
     */
    int32_t signal;
    /**
     * One of the `MSB_EXIT_*` numbers.
     */
    uint32_t reason;
    /**
     * 1 if this was a crash rather than an end in order.
     */
    uint8_t crashed;
    /**
     * 1 if a stop that was asked for had to kill.
     */
    uint8_t killed;
    /**
     * 1 if the guest had flushed and unmounted everything.
     */
    uint8_t clean;
    /**
     * 0.
     */
    uint8_t reserved;
    /**
     * When the run began, in milliseconds since 1970 UTC; 0 if it never came up.
     */
    uint64_t started_unix_ms;
    /**
     * When it ended, in milliseconds since 1970 UTC.
     */
    uint64_t ended_unix_ms;
    /**
     * 0; room for later versions.
     */
    uint64_t reserved_words[4];
} msb_exit;

/**
 * How far an import, an export or a copy has come. Always written whole.
 */
typedef struct msb_file_progress {
    /**
     * Bytes of files.
     */
    uint64_t bytes;
    /**
     * Files, directories and links.
     */
    uint64_t entries;
    /**
     * 0; room for later versions.
     */
    uint64_t reserved_words[4];
} msb_file_progress;

/**
 * Says that an operation has completed. Always written whole.
 */
typedef struct msb_completion {
    /**
     * The value that the operation was submitted with.
     */
    uint64_t token;
    /**
     * The operation, still owned by whoever submitted it: take its result, then release it. The null handle if it was
     * released already.
     */
    msb_op op;
    /**
     * `MSB_OK`, or why it failed; `msb_op_take_*` gives the whole error.
     */
    msb_status status;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * 0; room for later versions.
     */
    uint64_t reserved_words[4];
} msb_completion;

/**
 * Called with each completion; it is borrowed for the call. It must not unwind or jump out; while it runs, only its own
 * dispatcher waits.
 */
typedef void (*msb_completion_fn)(void *user, const struct msb_completion *completion);

/**
 * Called on the thread that made the call, as it goes on; `progress` is borrowed for the call. Returns 0 to go on, anything
 * else to give up: the call then fails with `MSB_ERR_CANCELLED`. It must not unwind or jump out.
 */
typedef int32_t (*msb_file_progress_fn)(void *user, const struct msb_file_progress *progress);

/**
 * Success.
 */
#define MSB_OK 0

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The C name of a status: `"MSB_OK"`, `"MSB_ERR_NOT_FOUND"`, or `"MSB_ERR_UNKNOWN"` for a number that this
 * library never returns.
 *
 * - status: any number.
 * - Returns: a static string, never NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_status_name(msb_status status);

/**
 * The status that the failed call returned.
 *
 * - error: borrowed; may be NULL.
 * - Returns: the status; `MSB_OK` if the error is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_error_status(const msb_error *error);

/**
 * The whole text for people: what failed, its causes, and what to do about it, in one line.
 *
 * - error: borrowed; may be NULL.
 * - Returns: a view until the error is freed; `""` if the error is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_error_message(const msb_error *error);

/**
 * The stable dotted reason, such as `"sandbox.name_taken"`, for programs to act upon. The set is open.
 *
 * - error: borrowed; may be NULL.
 * - Returns: a view until the error is freed; `""` if the error is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_error_reason(const msb_error *error);

/**
 * The errno of the operating system call that failed.
 *
 * - error: borrowed; may be NULL.
 * - Returns: the errno; 0 if no such call failed.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int32_t msb_error_errno(const msb_error *error);

/**
 * Whether the same call, unchanged, may succeed later.
 *
 * - error: borrowed; may be NULL.
 * - Returns: 1 or 0.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int32_t msb_error_retryable(const msb_error *error);

/**
 * How many causes the error has.
 *
 * - error: borrowed; may be NULL.
 * - Returns: the number of causes.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_error_cause_count(const msb_error *error);

/**
 * The text of one cause; 0 is the nearest, the last is the root.
 *
 * - error: borrowed; may be NULL.
 * - index: below `msb_error_cause_count`.
 * - Returns: a view until the error is freed; NULL if there is no such cause.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_error_cause(const msb_error *error, size_t index);

/**
 * How many details the error has.
 *
 * - error: borrowed; may be NULL.
 * - Returns: the number of details.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_error_detail_count(const msb_error *error);

/**
 * The key of one detail, for `msb_error_detail`.
 *
 * - error: borrowed; may be NULL.
 * - index: below `msb_error_detail_count`.
 * - Returns: a view until the error is freed; NULL if there is no such detail.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_error_detail_key(const msb_error *error, size_t index);

/**
 * A machine-readable fact about the failure, such as `"argument"`, `"sandbox"` or `"console_tail"`.
 *
 * - error: borrowed; may be NULL.
 * - key: borrowed; may be NULL.
 * - len: set to the number of bytes, without the NUL that follows them; may be NULL.
 * - Returns: a view until the error is freed; NULL if there is no such detail.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const uint8_t *msb_error_detail(const msb_error *error, const char *key, size_t *len);

/**
 * Frees an error.
 *
 * - error: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_error_free(msb_error *error);

/**
 * The data, followed by one NUL that does not count.
 *
 * - bytes: borrowed; may be NULL.
 * - Returns: a view until the bytes are freed; NULL only if `bytes` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const uint8_t *msb_bytes_data(const msb_bytes *bytes);

/**
 * The number of bytes.
 *
 * - bytes: borrowed; may be NULL.
 * - Returns: the length; 0 if `bytes` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_bytes_len(const msb_bytes *bytes);

/**
 * Frees bytes.
 *
 * - bytes: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_bytes_free(msb_bytes *bytes);

/**
 * The library's version, such as `"0.1.0"`.
 *
 * - Returns: a static string.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_version(void);

/**
 * The version of the library's binary interface. A program that loads the library at run time refuses it if this
 * is not the `MSB_ABI_VERSION` that it was compiled with.
 *
 * - Returns: the number.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
uint32_t msb_abi_version(void);

/**
 * How the library was built, as a JSON object: version, abi_version, target, profile and features.
 *
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_build_info(msb_bytes **out, msb_error **err);

/**
 * How many handles of a kind are live: what a leak check compares with zero.
 *
 * - kind: an `MSB_KIND_*` number; `MSB_KIND_ALL` adds all kinds up.
 * - Returns: the number of handles given out and not yet released; 0 for an unknown kind.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_debug_live_objects(uint32_t kind);

/**
 * Makes an empty config: everything falls through to the config file.
 *
 * - Returns: owned, to be freed with `msb_backend_config_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_backend_config *msb_backend_config_new(void);

/**
 * Makes a config from JSON text; `schemas/msb_backend_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_backend_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_from_json(const char *json,
                                        msb_backend_config **out,
                                        msb_error **err);

/**
 * Writes a config as JSON text that `msb_backend_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_to_json(const msb_backend_config *config,
                                      msb_bytes **out,
                                      msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_backend_config_free(msb_backend_config *config);

/**
 * The directory of the store, the sandboxes and all caches, and of the config file unless `MSB_CONFIG_PATH` names
 * another. Unset: the config file's, else `$MSB_HOME`, else `~/.microsandbox`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_home(msb_backend_config *config,
                                       const char *path,
                                       msb_error **err);

/**
 * The hypervisor driver: `"auto"`, `"krun"` or `"qemu"`. Unset: `"auto"`, which takes `krun` where hardware
 * virtualization works and `qemu` elsewhere.
 *
 * - config: changed; not NULL.
 * - driver: borrowed; `"auto"`, `"krun"` or `"qemu"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_driver(msb_backend_config *config,
                                         const char *driver,
                                         msb_error **err);

/**
 * The libkrunfw library to take the guest kernel from. Unset: the config file's, else it is looked for.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_libkrunfw_path(msb_backend_config *config,
                                                 const char *path,
                                                 msb_error **err);

/**
 * The qemu-system program. Unset: it is looked for in `PATH`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_qemu_path(msb_backend_config *config,
                                            const char *path,
                                            msb_error **err);

/**
 * The msb-runner program. Unset: the one inside the library.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_runner_path(msb_backend_config *config,
                                              const char *path,
                                              msb_error **err);

/**
 * Reading connections to the database, 1 to 1024. Unset: the config file's, else 5.
 *
 * - config: changed; not NULL.
 * - max_connections: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_max_connections(msb_backend_config *config,
                                                  uint32_t max_connections,
                                                  msb_error **err);

/**
 * How long to wait for a free database connection, in seconds, 1 to 3600. Unset: the config file's, else 30.
 *
 * - config: changed; not NULL.
 * - connect_timeout_secs: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_connect_timeout_secs(msb_backend_config *config,
                                                       uint64_t connect_timeout_secs,
                                                       msb_error **err);

/**
 * How long to wait for another process's write to the database, in seconds, 1 to 3600. Unset: the config
 * file's, else 5.
 *
 * - config: changed; not NULL.
 * - busy_timeout_secs: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_busy_timeout_secs(msb_backend_config *config,
                                                    uint64_t busy_timeout_secs,
                                                    msb_error **err);

/**
 * Makes a backend on a home directory. What the configuration does not set is taken from the config file, and what is not
 * there either has a default; `msb_backend_info_get` tells the outcome. Without a configuration the database is opened
 * when it is first needed; with one it is opened, and upgraded if need be, before this returns. Backends with
 * different homes share nothing. The backend is local, whatever profile the config file makes active.
 *
 * - config: borrowed; may be NULL.
 * - out: returned owned, to be released with `msb_backend_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; with a configuration also the database's busy timeout.
 * - Errors: BUSY, CONFIG_INVALID, DISK_FULL, INVALID_ARGUMENT, IO, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STORE_CORRUPT, STORE_NEWER.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_new(const msb_backend_config *config,
                           msb_backend *out,
                           msb_error **err);

/**
 * Gives the one backend that everybody in this process can share: local, lazy, as `msb_backend_new` without a
 * configuration makes it, and made by whoever asks first. It lives until it is closed or the process ends, whatever is
 * released; after it was closed the next call makes another. Who is asked for the cloud is refused, by `MSB_BACKEND`,
 * by `MSB_API_URL` with `MSB_API_KEY`, or by the profile that `MSB_PROFILE` or else the config file names. There is no
 * way to put another backend in its place for a while, and no need of one: every function takes the backend it
 * works on, or an object of it.
 *
 * - out: returned owned, to be released with `msb_backend_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations the first time.
 * - Errors: CONFIG_INVALID, FORKED, INVALID_ARGUMENT, IO, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNSUPPORTED.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_default(msb_backend *out,
                               msb_error **err);

/**
 * Ends a backend in order: lets go of its sandboxes, so that attached ones shut down, waits until they have, and ends
 * its thread. Handles stay valid, but calls on them fail with INVALID_STATE. Closing again does nothing.
 *
 * - backend: the backend.
 * - timeout_ms: how long to wait, in milliseconds; -1 has no limit. The backend is closed even if this passes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, TIMEOUT, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_close(msb_backend backend,
                             int64_t timeout_ms,
                             msb_error **err);

/**
 * Gives a handle back. The backend lives on for as long as other objects of it do; the last of them to go lets go of
 * attached sandboxes without waiting for them.
 *
 * - backend: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
void msb_backend_release(msb_backend *backend);

/**
 * Begins `msb_backend_new`; its completion's result is for `msb_op_take_backend`.
 *
 * - config: copied; may be NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_new_async(const msb_backend_config *config,
                                 msb_queue queue,
                                 uint64_t token,
                                 msb_op *op,
                                 msb_error **err);

/**
 * Begins `msb_backend_close`; its completion is for `msb_op_finish`. Other operations of the backend fail or are cancelled
 * by it as calls are. Cancelled, the backend is closed all the same, and nobody waits any more for its sandboxes.
 *
 * - backend: the backend.
 * - timeout_ms: how long it may wait, in milliseconds from now; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_close_async(msb_backend backend,
                                   int64_t timeout_ms,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Begins `msb_probe`; its completion's result is for `msb_op_take_probe_report`.
 *
 * - backend: the backend whose home and settings count.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_probe_async(msb_backend backend,
                           msb_queue queue,
                           uint64_t token,
                           msb_op *op,
                           msb_error **err);

/**
 * Virtual processors of a sandbox that does not say, 1 to 255. Unset: the config file's, else 1.
 *
 * - config: changed; not NULL.
 * - default_cpus: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_default_cpus(msb_backend_config *config,
                                               uint32_t default_cpus,
                                               msb_error **err);

/**
 * Memory in MiB of a sandbox that does not say, at least 64. Unset: the config file's, else 512.
 *
 * - config: changed; not NULL.
 * - default_memory_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_default_memory_mib(msb_backend_config *config,
                                                     uint32_t default_memory_mib,
                                                     msb_error **err);

/**
 * The shell of a sandbox that does not say, which its commands find in `SHELL`. Unset: the config file's, else
 * `/bin/sh`.
 *
 * - config: changed; not NULL.
 * - shell: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_shell(msb_backend_config *config,
                                        const char *shell,
                                        msb_error **err);

/**
 * The working directory of commands in a sandbox that does not say. Unset: the config file's.
 *
 * - config: changed; not NULL.
 * - path: copied; a path in the guest; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_workdir(msb_backend_config *config,
                                          const char *path,
                                          msb_error **err);

/**
 * Milliseconds between two samples of a sandbox's metrics; 0 takes none. This version takes none yet. Unset: the
 * config file's, else 1000.
 *
 * - config: changed; not NULL.
 * - metrics_sample_interval_ms: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_metrics_sample_interval_ms(msb_backend_config *config,
                                                             uint64_t metrics_sample_interval_ms,
                                                             msb_error **err);

/**
 * Whether no samples of metrics are taken, whatever the interval. Unset: the config file's, else no.
 *
 * - config: changed; not NULL.
 * - disable: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_disable_metrics_sample(msb_backend_config *config,
                                                         int32_t disable,
                                                         msb_error **err);

/**
 * How much the runners of sandboxes write to their logs: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`.
 * Unset: the config file's, else `"info"`.
 *
 * - config: changed; not NULL.
 * - level: borrowed; one of these.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_log_level(msb_backend_config *config,
                                            const char *level,
                                            msb_error **err);

/**
 * A PEM file with certificate authorities that registries may have beside the system's; nothing takes away the config
 * file's. This version fetches no images yet. Unset: the config file's.
 *
 * - config: changed; not NULL.
 * - path: copied; NULL or empty takes away what the config file has.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_ca_certs(msb_backend_config *config,
                                           const char *path,
                                           msb_error **err);

/**
 * Registries of images by host name, in place of all of the config file's. This version fetches no images yet. Unset:
 * the config file's. The entries are spelled as in the config file: `{"localhost:5000": {"insecure": true}}`.
 *
 * - config: changed; not NULL.
 * - json: borrowed; an object, `"{}"` for no registry at all.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_registry_hosts(msb_backend_config *config,
                                                 const char *json,
                                                 msb_error **err);

/**
 * Adds a registry, or says again how to speak to one. As with `msb_backend_config_set_registry_hosts`, the config file's
 * registries do not count any more.
 *
 * - config: changed; not NULL.
 * - host: copied; a host name, perhaps with a port; not NULL.
 * - insecure: 0 for HTTPS, anything else for plain HTTP.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_add_registry_host(msb_backend_config *config,
                                                const char *host,
                                                int32_t insecure,
                                                msb_error **err);

/**
 * Says who to log in to a registry as, and where the password is to be found; the registry is added if need be.
 *
 * - config: changed; not NULL.
 * - host: copied; a host name, perhaps with a port; not NULL.
 * - username: copied; not NULL.
 * - source: borrowed; `"store"`, `"password_env"` or `"secret_name"`; not NULL.
 * - value: copied; for `"store"` it is `"keyring"`, else the name of the environment variable or of the secret; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_registry_auth(msb_backend_config *config,
                                                const char *host,
                                                const char *username,
                                                const char *source,
                                                const char *value,
                                                msb_error **err);

/**
 * The directory of the sandboxes, which have their logs in them. Unset: the config file's, else
 * `<home>/sandboxes`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_sandboxes_dir(msb_backend_config *config,
                                                const char *path,
                                                msb_error **err);

/**
 * The directory of the volumes. Unset: the config file's, else `<home>/volumes`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_volumes_dir(msb_backend_config *config,
                                              const char *path,
                                              msb_error **err);

/**
 * The directory of snapshots, of which this version makes none. Unset: the config file's, else
 * `<home>/snapshots`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_snapshots_dir(msb_backend_config *config,
                                                const char *path,
                                                msb_error **err);

/**
 * The directory of what can be made again. Unset: the config file's, else `<home>/cache`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_cache_dir(msb_backend_config *config,
                                            const char *path,
                                            msb_error **err);

/**
 * The directory of logs that belong to no sandbox, of which this version writes none: a sandbox's logs are in
 * its own directory. Unset: the config file's, else `<home>/logs`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_logs_dir(msb_backend_config *config,
                                           const char *path,
                                           msb_error **err);

/**
 * The directory of secrets, of which the passwords of registries are read. Unset: the config file's, else
 * `<home>/secrets`.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_config_set_secrets_dir(msb_backend_config *config,
                                              const char *path,
                                              msb_error **err);

/**
 * Takes a copy of what a backend goes by. Its database is neither needed nor opened for it, and a backend that was
 * closed gives it too.
 *
 * - backend: the backend.
 * - out: returned owned, to be freed with `msb_backend_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_info_get(msb_backend backend,
                                msb_backend_info **out,
                                msb_error **err);

/**
 * Writes all of it as a JSON object whose keys are named as the functions here.
 *
 * - info: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_backend_info_to_json(const msb_backend_info *info,
                                    msb_bytes **out,
                                    msb_error **err);

/**
 * The home directory.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_home(const msb_backend_info *info);

/**
 * The config file that was looked for.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_config_path(const msb_backend_info *info);

/**
 * 1 if the config file was there.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_backend_info_config_found(const msb_backend_info *info);

/**
 * The database's file.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_database_path(const msb_backend_info *info);

/**
 * The directory of the sandboxes, which have their logs in them.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_sandboxes_dir(const msb_backend_info *info);

/**
 * The directory of the volumes.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_volumes_dir(const msb_backend_info *info);

/**
 * The directory of snapshots, of which this version makes none.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_snapshots_dir(const msb_backend_info *info);

/**
 * The directory of what can be made again.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_cache_dir(const msb_backend_info *info);

/**
 * The directory of logs that belong to no sandbox, of which this version writes none.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_logs_dir(const msb_backend_info *info);

/**
 * The directory of secrets, of which the passwords of registries are read.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_secrets_dir(const msb_backend_info *info);

/**
 * The hypervisor driver of a sandbox that does not say: `"auto"`, `"krun"` or `"qemu"`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_driver(const msb_backend_info *info);

/**
 * The libkrunfw library to take the guest kernel from.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL if none was named and it is looked for or `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_backend_info_libkrunfw_path(const msb_backend_info *info);

/**
 * The qemu-system program.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL if none was named and it is looked for or `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_backend_info_qemu_path(const msb_backend_info *info);

/**
 * The msb-runner program.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL if it is the one inside the library or `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_backend_info_runner_path(const msb_backend_info *info);

/**
 * Reading connections to the database.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_backend_info_max_connections(const msb_backend_info *info);

/**
 * How long to wait for a free database connection, in seconds.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_backend_info_connect_timeout_secs(const msb_backend_info *info);

/**
 * How long to wait for another process's write to the database, in seconds.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_backend_info_busy_timeout_secs(const msb_backend_info *info);

/**
 * Virtual processors of a sandbox that does not say.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_backend_info_default_cpus(const msb_backend_info *info);

/**
 * Memory in MiB of a sandbox that does not say.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_backend_info_default_memory_mib(const msb_backend_info *info);

/**
 * Size in MiB of what holds the writes to its root of a sandbox that does not say.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_backend_info_default_upper_size_mib(const msb_backend_info *info);

/**
 * The shell of a sandbox that does not say.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_shell(const msb_backend_info *info);

/**
 * The working directory of commands in a sandbox that does not say.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL if there is none or `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_workdir(const msb_backend_info *info);

/**
 * Milliseconds between two samples of a sandbox's metrics; 0 takes none. This version takes none yet.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_backend_info_metrics_sample_interval_ms(const msb_backend_info *info);

/**
 * 1 if no samples of metrics are taken, whatever the interval.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_backend_info_disable_metrics_sample(const msb_backend_info *info);

/**
 * How many sandboxes the registry of live metrics has room for; 0 for as many as is usual. This version keeps none yet.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
uint32_t msb_backend_info_metrics_capacity(const msb_backend_info *info);

/**
 * How much the runners of sandboxes write to their logs: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_backend_info_log_level(const msb_backend_info *info);

/**
 * The profile that the config file makes active. It matters to `msb_backend_default` only.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL if there is none or `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_active_profile(const msb_backend_info *info);

/**
 * The PEM file with certificate authorities that registries may have beside the system's.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL if there is none or `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_ca_certs(const msb_backend_info *info);

/**
 * The number of registries that are configured.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_backend_info_registry_count(const msb_backend_info *info);

/**
 * A registry's host name, in the order of the names.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such registry.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_registry_host(const msb_backend_info *info, size_t index);

/**
 * 1 if a registry is spoken to over plain HTTP.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such registry.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_backend_info_registry_insecure(const msb_backend_info *info, size_t index);

/**
 * Who to log in to a registry as.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such registry or nobody to log in as.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_registry_username(const msb_backend_info *info, size_t index);

/**
 * By what the password for a registry is found: `"store"`, `"password_env"` or `"secret_name"`.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such registry or nobody to log in as.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_registry_auth_source(const msb_backend_info *info, size_t index);

/**
 * Which store, environment variable or secret that is; never the password.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such registry or nobody to log in as.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_backend_info_registry_auth_value(const msb_backend_info *info, size_t index);

/**
 * Frees an info.
 *
 * - info: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_backend_info_free(msb_backend_info *info);

/**
 * Starts a dispatcher: a thread that calls the host's functions. It is the only thread of the library that ever does, and
 * it blocks every signal that comes from outside.
 *
 * - out: returned owned, to be released with `msb_dispatcher_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_dispatcher_start(msb_dispatcher *out,
                                msb_error **err);

/**
 * Has a dispatcher deliver a command's output and end. The command's outputs can then not be taken in another way. A
 * function that is still running holds the command up once 1 MiB of its output is waiting; nothing is lost.
 *
 * - exec: the command; its handle may be released at once.
 * - dispatcher: the dispatcher.
 * - output: called with output; NULL throws output away. After it gave `MSB_CALLBACK_STOP` neither it nor `ended` is
 *   called again; the finalizer is.
 * - ended: called with the end; may be NULL.
 * - user: passed to each function; may be NULL.
 * - finalizer: called once when `user` is no longer needed, also if this call fails; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_dispatch(msb_exec exec,
                             msb_dispatcher dispatcher,
                             msb_exec_output_fn output,
                             msb_exec_end_fn ended,
                             void *user,
                             msb_finalizer_fn finalizer,
                             msb_error **err);

/**
 * Stops a dispatcher and waits until its thread has ended: no function is called after that. The finalizers of what it
 * still served are called.
 *
 * - dispatcher: the dispatcher.
 * - timeout_ms: how long to wait for a function that is running, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, TIMEOUT, WOULD_DEADLOCK on the dispatcher's own thread, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_dispatcher_stop(msb_dispatcher dispatcher,
                               int64_t timeout_ms,
                               msb_error **err);

/**
 * Gives a handle back. A dispatcher that was not stopped ends by itself after the function that is running.
 *
 * - dispatcher: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_dispatcher_release(msb_dispatcher *dispatcher);

/**
 * Starts a command in a running sandbox. On success the command runs; a command that cannot be started is an error whose
 * reason says why: `exec.not_found`, `exec.permission_denied`, `exec.not_executable`, `exec.bad_cwd`, `exec.bad_user`,
 * `exec.bad_args`, `exec.resource_limit`, `exec.out_of_memory`, `exec.pty_setup_failed`, `exec.too_many`, `exec.failed`.
 *
 * - sandbox: the sandbox.
 * - config: borrowed; not NULL. Bytes given as its standard input are not sent by this call: see `msb_exec_write`.
 * - out: returned owned, to be released with `msb_exec_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until the guest answers, at most 60 s.
 * - Errors: EXEC_FAILED, INVALID_ARGUMENT, NOT_FOUND, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_exec_start(msb_sandbox sandbox,
                                  const msb_exec_config *config,
                                  msb_exec *out,
                                  msb_error **err);

/**
 * The command's process id in the guest.
 *
 * - exec: the command.
 * - Returns: the process id; 0 if the command is over or `exec` is no live handle.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_exec_pid(msb_exec exec);

/**
 * Reads a command's output as it appears. Raw bytes; a short count is normal. A full buffer in the library, 1 MiB for each
 * channel, holds the command up and loses nothing.
 *
 * - exec: the command.
 * - which: `MSB_STDOUT` or `MSB_STDERR`.
 * - buf: written with up to `cap` bytes; may be NULL if `cap` is 0.
 * - cap: size of `buf` in bytes.
 * - timeout_ms: how long to wait for the first byte, in milliseconds; 0 only looks, -1 has no limit.
 * - n: written with the number of bytes; 0 on success is the end of the output. Not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the output was given away, STALE_HANDLE, TIMEOUT, WOULD_BLOCK if
 *   `timeout_ms` is 0, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_read(msb_exec exec,
                         int32_t which,
                         void *buf,
                         size_t cap,
                         int64_t timeout_ms,
                         size_t *n,
                         msb_error **err);

/**
 * Feeds a command's standard input; for a command whose configuration set it to a pipe or to bytes.
 *
 * - exec: the command.
 * - data: borrowed; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - timeout_ms: how long to wait until at least one byte is taken, in milliseconds; 0 only tries, -1 has no limit.
 * - n: written with the number of bytes that were taken, which may be fewer than `len`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the input is closed or was given away, NOT_RUNNING, STALE_HANDLE, TIMEOUT,
 *   WOULD_BLOCK if `timeout_ms` is 0, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_write(msb_exec exec,
                          const void *data,
                          size_t len,
                          int64_t timeout_ms,
                          size_t *n,
                          msb_error **err);

/**
 * Ends a command's standard input: the command reads end of file after what was written. Closing it again does nothing.
 *
 * - exec: the command.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, NOT_RUNNING, STALE_HANDLE, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_close_stdin(msb_exec exec,
                                msb_error **err);

/**
 * Sends a signal to a command's process group.
 *
 * - exec: the command.
 * - signal: a Linux signal number, 1 to 64, whatever the host's system numbers them.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, NOT_RUNNING, STALE_HANDLE, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_exec_signal(msb_exec exec, int32_t signal, msb_error **err);

/**
 * Changes the size of a command's terminal; the command gets SIGWINCH. Without a terminal nothing happens.
 *
 * - exec: the command.
 * - rows: at least 1.
 * - cols: at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, NOT_RUNNING, STALE_HANDLE, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_resize(msb_exec exec,
                           uint16_t rows,
                           uint16_t cols,
                           msb_error **err);

/**
 * Waits for the end of a command. Output that it left behind stays readable.
 *
 * - exec: the command.
 * - timeout_ms: how long to wait, in milliseconds; 0 only looks, -1 has no limit. The command goes on if it passes.
 * - out: written with the record on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, NOT_RUNNING if the sandbox ended first, STALE_HANDLE, TIMEOUT, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_wait(msb_exec exec,
                         int64_t timeout_ms,
                         msb_exec_status *out,
                         msb_error **err);

/**
 * Gives one of a command's channels away as a file descriptor: a socket that does not block and is closed on exec, for an
 * event loop or a standard library of the host. An output ends with end of file; closing the descriptor throws further
 * output away, or ends the input. A channel can be given away once, and then not be read or written by other calls.
 *
 * - exec: the command.
 * - which: `MSB_STDIN`, `MSB_STDOUT` or `MSB_STDERR`.
 * - fd: written with the descriptor, owned by the caller, -1 on failure; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_take_fd(msb_exec exec,
                            int32_t which,
                            int32_t *fd,
                            msb_error **err);

/**
 * Gives a handle back. The command goes on; its input ends, and what it still writes is thrown away. Signal it first to
 * end it.
 *
 * - exec: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
void msb_exec_release(msb_exec *exec);

/**
 * Begins `msb_sandbox_exec_start`; its completion's result is for `msb_op_take_exec`. A command that is not taken,
 * because the operation was cancelled or released, is killed with SIGKILL, and with it its process group.
 *
 * - sandbox: the sandbox, running.
 * - config: copied; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_exec_start_async(msb_sandbox sandbox,
                                        const msb_exec_config *config,
                                        msb_queue queue,
                                        uint64_t token,
                                        msb_op *op,
                                        msb_error **err);

/**
 * Begins `msb_sandbox_exec`; its completion's result is for `msb_op_take_exec_result`. `msb_op_progress` counts the
 * bytes of its input and output meanwhile. Cancelled, it kills the command with SIGKILL, and with it its process
 * group. Of more commands at once than a guest runs, 1024, the rest fail with EXEC_FAILED and the reason
 * `exec.too_many`.
 *
 * - sandbox: the sandbox, running.
 * - config: copied; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_exec_async(msb_sandbox sandbox,
                                  const msb_exec_config *config,
                                  msb_queue queue,
                                  uint64_t token,
                                  msb_op *op,
                                  msb_error **err);

/**
 * Begins a read of a command's output; its completion's result is for `msb_op_take_bytes`: at least one byte, or none
 * at the end of the output. Reads of one output, blocking ones too, are served in the order of their calls, and none
 * loses bytes: a read that is cancelled took none.
 *
 * - exec: the command.
 * - which: `MSB_STDOUT` or `MSB_STDERR`.
 * - cap: how many bytes at most; not 0.
 * - timeout_ms: how long to wait from the call on, in milliseconds; 0 only looks, -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_read_async(msb_exec exec,
                               int32_t which,
                               size_t cap,
                               int64_t timeout_ms,
                               msb_queue queue,
                               uint64_t token,
                               msb_op *op,
                               msb_error **err);

/**
 * Begins a write to a command's standard input, of all of the data; its completion's result, their number, is for
 * `msb_op_take_count`. `msb_op_progress` tells how many were sent meanwhile, and how many were if it fails or is
 * cancelled. Writes of one command are sent in the order of their calls, and not mixed.
 *
 * - exec: the command.
 * - data: copied; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - timeout_ms: how long it may take from the call on, in milliseconds; 0 sends what fits at once, -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_write_async(msb_exec exec,
                                const void *data,
                                size_t len,
                                int64_t timeout_ms,
                                msb_queue queue,
                                uint64_t token,
                                msb_op *op,
                                msb_error **err);

/**
 * Begins `msb_exec_wait`; its completion's result is for `msb_op_take_exec_status`. Cancelled, or at the end of its
 * time, the command goes on.
 *
 * - exec: the command.
 * - timeout_ms: how long to wait from the call on, in milliseconds; 0 only looks, -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_wait_async(msb_exec exec,
                               int64_t timeout_ms,
                               msb_queue queue,
                               uint64_t token,
                               msb_op *op,
                               msb_error **err);

/**
 * Makes a config with nothing but a program.
 *
 * - program: copied; NULL for the sandbox's default command.
 * - Returns: owned, to be freed with `msb_exec_config_free`; NULL if there is no memory or an argument is not UTF-8.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
MSB_NODISCARD
msb_exec_config *msb_exec_config_new(const char *program);

/**
 * Makes a config from JSON text; `schemas/msb_exec_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_exec_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_from_json(const char *json,
                                     msb_exec_config **out,
                                     msb_error **err);

/**
 * Writes a config as JSON text that `msb_exec_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_to_json(const msb_exec_config *config,
                                   msb_bytes **out,
                                   msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_exec_config_free(msb_exec_config *config);

/**
 * The program: a path in the guest, or a name that is looked for in its `PATH`. Unset: the sandbox's default
 * command, its entrypoint and cmd, in which args take the place of cmd if there are any.
 *
 * - config: changed; not NULL.
 * - program: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_program(msb_exec_config *config,
                                       const char *program,
                                       msb_error **err);

/**
 * The arguments after the program's own name.
 *
 * - config: changed; not NULL.
 * - arg: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_add_arg(msb_exec_config *config,
                                   const char *arg,
                                   msb_error **err);

/**
 * Environment variables, added to those of the sandbox. The prefix `MSB_` is reserved.
 *
 * - config: changed; not NULL.
 * - key: copied; a key that was given before gets the new value.
 * - value: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_env(msb_exec_config *config,
                                   const char *key,
                                   const char *value,
                                   msb_error **err);

/**
 * The working directory in the guest. Unset: the sandbox's.
 *
 * - config: changed; not NULL.
 * - cwd: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_cwd(msb_exec_config *config,
                                   const char *cwd,
                                   msb_error **err);

/**
 * The user: a name of the guest's passwd or a number, `user[:group]`. Unset: the sandbox's.
 *
 * - config: changed; not NULL.
 * - user: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_user(msb_exec_config *config,
                                    const char *user,
                                    msb_error **err);

/**
 * Whether the command gets a terminal; its standard error then arrives with its standard output.
 *
 * - config: changed; not NULL.
 * - tty: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_tty(msb_exec_config *config,
                                   int32_t tty,
                                   msb_error **err);

/**
 * The rows of the terminal, at least 1.
 *
 * - config: changed; not NULL.
 * - rows: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_rows(msb_exec_config *config,
                                    uint16_t rows,
                                    msb_error **err);

/**
 * The columns of the terminal, at least 1.
 *
 * - config: changed; not NULL.
 * - cols: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_cols(msb_exec_config *config,
                                    uint16_t cols,
                                    msb_error **err);

/**
 * Kill the command after this long, in milliseconds, at least 1. Unset: never.
 *
 * - config: changed; not NULL.
 * - timeout_ms: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_timeout_ms(msb_exec_config *config,
                                          uint64_t timeout_ms,
                                          msb_error **err);

/**
 * Resource limits, added to those of the sandbox.
 *
 * - config: changed; not NULL.
 * - resource: borrowed; a resource in lower case, such as `"nofile"` or `"as"`.
 * - soft: the limit in force, in the resource's own unit; `UINT64_MAX` for none.
 * - hard: how far a command may raise it.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_add_rlimit(msb_exec_config *config,
                                      const char *resource,
                                      uint64_t soft,
                                      uint64_t hard,
                                      msb_error **err);

/**
 * How much of each output stream a collected command keeps, in bytes; the result says if there was more.
 *
 * - config: changed; not NULL.
 * - max_output_bytes: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_max_output_bytes(msb_exec_config *config,
                                                uint64_t max_output_bytes,
                                                msb_error **err);

/**
 * Gives the command these bytes as its standard input, and end of file after them.
 *
 * - config: changed; not NULL.
 * - data: copied; may be NULL if `len` is 0.
 * - len: the number of bytes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_exec_config_set_stdin(msb_exec_config *config,
                                     const void *data,
                                     size_t len,
                                     msb_error **err);

/**
 * Gives the command a pipe as its standard input, to be written with `msb_exec_write` while it runs.
 *
 * - config: changed; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_exec_config_set_stdin_pipe(msb_exec_config *config, msb_error **err);

/**
 * Runs a command to its end and collects what it writes, up to the configuration's `max_output_bytes` for each channel;
 * the result says if there was more. Bytes given as standard input are fed meanwhile. A command that exits with a code
 * other than 0 is a success of this call; one that its `timeout_ms` ended is not, and the error's details `stdout` and
 * `stderr` hold the first 64 KiB of what it wrote.
 *
 * - sandbox: the sandbox.
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_exec_result_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until the command ends; its configuration's `timeout_ms` bounds that.
 * - Errors: EXEC_FAILED with the reasons of `msb_sandbox_exec_start`, INVALID_ARGUMENT, NOT_FOUND, NOT_RUNNING,
 *   STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_exec(msb_sandbox sandbox,
                            const msb_exec_config *config,
                            msb_exec_result **out,
                            msb_error **err);

/**
 * The exit code; -1 if a signal ended the command.
 *
 * - result: borrowed; may be NULL.
 * - Returns: the value; -1 if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int32_t msb_exec_result_exit_code(const msb_exec_result *result);

/**
 * The signal that ended the command; 0 if none did.
 *
 * - result: borrowed; may be NULL.
 * - Returns: the value; 0 if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int32_t msb_exec_result_signal(const msb_exec_result *result);

/**
 * 1 if the command wrote more to its standard output than was kept.
 *
 * - result: borrowed; may be NULL.
 * - Returns: the value; 0 if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_exec_result_stdout_truncated(const msb_exec_result *result);

/**
 * 1 if the command wrote more to its standard error than was kept.
 *
 * - result: borrowed; may be NULL.
 * - Returns: the value; 0 if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_exec_result_stderr_truncated(const msb_exec_result *result);

/**
 * How many bytes the command wrote to its standard output, kept or not.
 *
 * - result: borrowed; may be NULL.
 * - Returns: the value; 0 if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_exec_result_stdout_total(const msb_exec_result *result);

/**
 * How many bytes the command wrote to its standard error, kept or not.
 *
 * - result: borrowed; may be NULL.
 * - Returns: the value; 0 if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_exec_result_stderr_total(const msb_exec_result *result);

/**
 * What the command wrote to its standard output, as far as it was kept, followed by one NUL that does not count.
 *
 * - result: borrowed; may be NULL.
 * - len: written with the number of bytes; may be NULL.
 * - Returns: a view until the result is freed; NULL only if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const uint8_t *msb_exec_result_stdout(const msb_exec_result *result,
                                      size_t *len);

/**
 * What the command wrote to its standard error, as far as it was kept, followed by one NUL that does not count.
 *
 * - result: borrowed; may be NULL.
 * - len: written with the number of bytes; may be NULL.
 * - Returns: a view until the result is freed; NULL only if `result` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const uint8_t *msb_exec_result_stderr(const msb_exec_result *result,
                                      size_t *len);

/**
 * Frees a result.
 *
 * - result: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_exec_result_free(msb_exec_result *result);

/**
 * Reads a file at a place, straight into `buf`. Fewer bytes than `cap` mean the end of the file.
 *
 * - file: the file.
 * - offset: where to begin, in bytes.
 * - buf: written with up to `cap` bytes; may be NULL if `cap` is 0.
 * - cap: size of `buf` in bytes.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - n: written with the number of bytes; 0 on success is the end of the file. Not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, INVALID_ARGUMENT, INVALID_STATE if it was not opened for reading, IO,
 *   NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_pread(msb_file file,
                          uint64_t offset,
                          void *buf,
                          size_t cap,
                          int64_t timeout_ms,
                          size_t *n,
                          msb_error **err);

/**
 * Writes a file at a place, straight from `data`; a gap before it reads as zeroes. A failure may leave part of the
 * data written.
 *
 * - file: the file.
 * - offset: where to begin, in bytes.
 * - data: borrowed; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE if it was not opened for writing,
 *   IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_pwrite(msb_file file,
                           uint64_t offset,
                           const void *data,
                           size_t len,
                           int64_t timeout_ms,
                           msb_error **err);

/**
 * Writes at the end of a file, as it is then: two writers do not overwrite each other. A failure may leave part of the
 * data written.
 *
 * - file: the file; opened with `MSB_OPEN_WRITE`.
 * - data: borrowed; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE if it was not opened for
 *   writing, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_append(msb_file file,
                           const void *data,
                           size_t len,
                           int64_t timeout_ms,
                           msb_error **err);

/**
 * The size of a file, which may grow or shrink at any time.
 *
 * - file: the file.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - out: written with the number of bytes; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_size(msb_file file,
                         int64_t timeout_ms,
                         uint64_t *out,
                         msb_error **err);

/**
 * Cuts a file off, or lengthens it with zeroes.
 *
 * - file: the file.
 * - size: the new size in bytes.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE if it was not opened for writing,
 *   IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_truncate(msb_file file,
                             uint64_t size,
                             int64_t timeout_ms,
                             msb_error **err);

/**
 * Waits until what was written is on the disk, so that it outlives a crash of the machine.
 *
 * - file: the file.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: as long as the disk takes; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT,
 *   UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_sync(msb_file file,
                         int64_t timeout_ms,
                         msb_error **err);

/**
 * What is known of an open file, even if its name is gone.
 *
 * - file: the file.
 * - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
 * - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; in a sandbox, up to `timeout_ms`.
 * - Errors: CORRUPT if a guest misbehaves, INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_stat(msb_file file,
                         int64_t timeout_ms,
                         msb_file_info **out,
                         msb_error **err);

/**
 * Gives a handle back, which closes the file. What was written stays; only `msb_file_sync` waits for the disk.
 *
 * - file: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
void msb_file_release(msb_file *file);

/**
 * Begins `msb_file_pread`; its completion's result is for `msb_op_take_bytes`. Fewer bytes than `cap` mean the end of
 * the file.
 *
 * - file: the file.
 * - offset: where to begin, in bytes.
 * - cap: how many bytes at most, 1 to 1 GiB.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_pread_async(msb_file file,
                                uint64_t offset,
                                size_t cap,
                                int64_t timeout_ms,
                                msb_queue queue,
                                uint64_t token,
                                msb_op *op,
                                msb_error **err);

/**
 * Begins `msb_file_pwrite`; its completion is for `msb_op_finish`. A failure, or a cancellation, may leave part of the
 * data written.
 *
 * - file: the file.
 * - offset: where to begin, in bytes.
 * - data: copied; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_pwrite_async(msb_file file,
                                 uint64_t offset,
                                 const void *data,
                                 size_t len,
                                 int64_t timeout_ms,
                                 msb_queue queue,
                                 uint64_t token,
                                 msb_op *op,
                                 msb_error **err);

/**
 * Begins `msb_file_append`; its completion is for `msb_op_finish`. A failure, or a cancellation, may leave part of the
 * data written.
 *
 * - file: the file.
 * - data: copied; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_append_async(msb_file file,
                                 const void *data,
                                 size_t len,
                                 int64_t timeout_ms,
                                 msb_queue queue,
                                 uint64_t token,
                                 msb_op *op,
                                 msb_error **err);

/**
 * Begins `msb_file_size`; its completion's result is for `msb_op_take_count`.
 *
 * - file: the file.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_size_async(msb_file file,
                               int64_t timeout_ms,
                               msb_queue queue,
                               uint64_t token,
                               msb_op *op,
                               msb_error **err);

/**
 * Begins `msb_file_truncate`; its completion is for `msb_op_finish`.
 *
 * - file: the file.
 * - size: the new size in bytes.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_truncate_async(msb_file file,
                                   uint64_t size,
                                   int64_t timeout_ms,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Begins `msb_file_sync`; its completion is for `msb_op_finish`.
 *
 * - file: the file.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_sync_async(msb_file file,
                               int64_t timeout_ms,
                               msb_queue queue,
                               uint64_t token,
                               msb_op *op,
                               msb_error **err);

/**
 * Begins `msb_file_stat`; its completion's result is for `msb_op_take_file_info`.
 *
 * - file: the file.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_file_stat_async(msb_file file,
                               int64_t timeout_ms,
                               msb_queue queue,
                               uint64_t token,
                               msb_op *op,
                               msb_error **err);

/**
 * The last part of its name, as bytes: not necessarily UTF-8.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed, empty for an open file; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_file_info_name(const msb_file_info *info);

/**
 * What it is.
 *
 * - info: borrowed; may be NULL.
 * - Returns: one of the `MSB_FILE_*` numbers; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_file_info_kind(const msb_file_info *info);

/**
 * Its size in bytes; of a symbolic link, the length of what it holds.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_file_info_size(const msb_file_info *info);

/**
 * Its permissions with the set-id and sticky bits, such as 0644; the kind is not among them.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_file_info_mode(const msb_file_info *info);

/**
 * The user that owns it.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_file_info_uid(const msb_file_info *info);

/**
 * The group that owns it.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_file_info_gid(const msb_file_info *info);

/**
 * How many names it has.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_file_info_nlink(const msb_file_info *info);

/**
 * When it was last read, in nanoseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int64_t msb_file_info_accessed_ns(const msb_file_info *info);

/**
 * When its content last changed, in nanoseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int64_t msb_file_info_modified_ns(const msb_file_info *info);

/**
 * When anything of it last changed, in nanoseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API int64_t msb_file_info_changed_ns(const msb_file_info *info);

/**
 * Its number in its file system.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_file_info_inode(const msb_file_info *info);

/**
 * The number of its file system: two names with the same number and inode are one file.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_file_info_device(const msb_file_info *info);

/**
 * Frees what is known of a file. One that belongs to a page is freed with its page instead.
 *
 * - info: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_file_info_free(msb_file_info *info);

/**
 * The number of entries on a page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: the number; 0 if `page` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_file_page_len(const msb_file_page *page);

/**
 * An entry of a page.
 *
 * - page: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such entry.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const msb_file_info *msb_file_page_get(const msb_file_page *page, size_t index);

/**
 * The cursor of the next page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: the cursor; 0 after the last page, or if `page` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_file_page_next(const msb_file_page *page);

/**
 * Frees a page and the entries on it.
 *
 * - page: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_file_page_free(msb_file_page *page);

/**
 * Removes an image, and from the disk what no other image has, unless a sandbox needs it. What somebody has open goes with
 * `msb_prune`; a cache that is not below the home may be another home's too, and keeps its files.
 *
 * - backend: the backend.
 * - reference: borrowed; the short form or the full one.
 * - err: returned owned on failure, else set to NULL; may be NULL. Its details name the `image` and, separated by commas, each `sandbox` that
 *   needs it.
 * - Blocking: file operations.
 * - Errors: BUSY, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, READ_ONLY, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_remove(msb_backend backend,
                            const char *reference,
                            msb_error **err);

/**
 * Lists images in the order of their references, a page at a time: set the filter's cursor to what `msb_image_page_next`
 * gives until that is NULL.
 *
 * - backend: the backend.
 * - filter: borrowed; NULL lists every image, 100 to a page.
 * - out: returned owned, to be freed with `msb_image_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_list(msb_backend backend,
                          const msb_image_filter *filter,
                          msb_image_page **out,
                          msb_error **err);

/**
 * The number of images on a page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: the value; 0 if `page` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_image_page_len(const msb_image_page *page);

/**
 * An image of a page.
 *
 * - page: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such image.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const msb_image_info *msb_image_page_get(const msb_image_page *page, size_t index);

/**
 * The cursor of the next page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL after the last page.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_page_next(const msb_image_page *page);

/**
 * Frees a page and the snapshots on it.
 *
 * - page: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_image_page_free(msb_image_page *page);

/**
 * Makes a filter that lets every image through.
 *
 * - Returns: owned, to be freed with `msb_image_filter_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_image_filter *msb_image_filter_new(void);

/**
 * Makes a filter from JSON text; `schemas/msb_image_filter.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_image_filter_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_filter_from_json(const char *json,
                                      msb_image_filter **out,
                                      msb_error **err);

/**
 * Writes a filter as JSON text that `msb_image_filter_from_json` reads: the options that differ from their defaults.
 *
 * - filter: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_filter_to_json(const msb_image_filter *filter,
                                    msb_bytes **out,
                                    msb_error **err);

/**
 * Frees a filter.
 *
 * - filter: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_image_filter_free(msb_image_filter *filter);

/**
 * Only images whose reference begins so, in its full form: `docker.io/library/`.
 *
 * - filter: changed; not NULL.
 * - prefix: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_filter_set_reference_prefix(msb_image_filter *filter,
                                                 const char *prefix,
                                                 msb_error **err);

/**
 * How many images a page holds at most, 1 to 1000.
 *
 * - filter: changed; not NULL.
 * - limit: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_filter_set_limit(msb_image_filter *filter,
                                      uint32_t limit,
                                      msb_error **err);

/**
 * Where to go on: what the page before gave. Unset: from the beginning.
 *
 * - filter: changed; not NULL.
 * - cursor: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_filter_set_cursor(msb_image_filter *filter,
                                       const char *cursor,
                                       msb_error **err);

/**
 * Takes a snapshot of an image.
 *
 * - backend: the backend.
 * - reference: borrowed; the short form or the full one, `python` or `docker.io/library/python:latest`.
 * - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_info_get(msb_backend backend,
                              const char *reference,
                              msb_image_info **out,
                              msb_error **err);

/**
 * What it is asked for by, in its full form: `docker.io/library/python:3.12`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_reference(const msb_image_info *info);

/**
 * Digest of its manifest.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_digest(const msb_image_info *info);

/**
 * Digest of its configuration; empty when unknown.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_config_digest(const msb_image_info *info);

/**
 * The processor that it is for, as `"amd64"`; empty when unknown.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_architecture(const msb_image_info *info);

/**
 * The operating system that it is for, `"linux"`; empty when unknown.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_os(const msb_image_info *info);

/**
 * The variant of the processor, as `"v8"`; mostly empty.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_variant(const msb_image_info *info);

/**
 * Size of its layers as they are transferred, in bytes.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_image_info_size_bytes(const msb_image_info *info);

/**
 * Size of its layers on this disk, in bytes; other images may share them.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_image_info_disk_bytes(const msb_image_info *info);

/**
 * The room that those of its layers take on this disk that no other image has, in bytes: what goes with its last reference.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
uint64_t msb_image_info_unique_bytes(const msb_image_info *info);

/**
 * When the reference was first stored, in milliseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_image_info_created_unix_ms(const msb_image_info *info);

/**
 * When the reference last changed what it stands for, in milliseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_image_info_updated_unix_ms(const msb_image_info *info);

/**
 * The number of its layers.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_image_info_layer_count(const msb_image_info *info);

/**
 * Digest of a layer's archive, unpacked; the lowest layer first.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such layer.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_layer_diff_id(const msb_image_info *info, size_t index);

/**
 * Digest of a layer as it is transferred.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such layer.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_layer_digest(const msb_image_info *info, size_t index);

/**
 * Size of a layer as it is transferred, in bytes.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such layer.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_image_info_layer_size_bytes(const msb_image_info *info, size_t index);

/**
 * Size of a layer on this disk, in bytes.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such layer.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_image_info_layer_disk_bytes(const msb_image_info *info, size_t index);

/**
 * The number of variables of the environment that its commands have.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_image_info_env_count(const msb_image_info *info);

/**
 * A variable, as `NAME=VALUE`.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such one.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_env(const msb_image_info *info, size_t index);

/**
 * The number of words of its entrypoint.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_image_info_entrypoint_count(const msb_image_info *info);

/**
 * A word of its entrypoint.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such one.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_entrypoint(const msb_image_info *info, size_t index);

/**
 * The number of words of its default arguments.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_image_info_cmd_count(const msb_image_info *info);

/**
 * A word of its default arguments, which are the default command if there is no entrypoint.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such one.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_cmd(const msb_image_info *info, size_t index);

/**
 * Where its commands run; empty for `/`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_working_dir(const msb_image_info *info);

/**
 * Who they run as, `USER[:GROUP]`; empty for root.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_user(const msb_image_info *info);

/**
 * The signal that asks its default command to end, as `"SIGTERM"`; empty for that.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_stop_signal(const msb_image_info *info);

/**
 * The number of its labels.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_image_info_label_count(const msb_image_info *info);

/**
 * A label's key, in the order of the keys.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such label.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_label_key(const msb_image_info *info, size_t index);

/**
 * A label's value, in the order of the keys.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such label.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_image_info_label_value(const msb_image_info *info, size_t index);

/**
 * Frees a snapshot. One that belongs to a page is freed with its page instead.
 *
 * - info: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_image_info_free(msb_image_info *info);

/**
 * Loads an image from a file or directory of this host.
 *
 * The archive is one of docker, podman or skopeo (OCI or docker's own), the directory of an OCI layout, or the tar of a root
 * file system, each also compressed with gzip or zstd; which, its content says. Layers that the home has already are not
 * unpacked again. The image is there whole, with all its names, or not at all.
 *
 * - backend: the backend.
 * - path: borrowed; where it is, absolute or relative to the working directory.
 * - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
 * - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until it is loaded, for as long as unpacking and writing it takes.
 * - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT if it is no image or has no name, INVALID_STATE, IO, NOT_FOUND,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, UNSUPPORTED, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load(msb_backend backend,
                          const char *path,
                          const msb_image_load_config *config,
                          msb_image_info **out,
                          msb_error **err);

/**
 * Loads an image from an open file, directory, pipe or socket.
 *
 * The archive is one of docker, podman or skopeo (OCI or docker's own), the directory of an OCI layout, or the tar of a root
 * file system, each also compressed with gzip or zstd; which, its content says. Layers that the home has already are not
 * unpacked again. The image is there whole, with all its names, or not at all.
 *
 * - backend: the backend.
 * - fd: borrowed; open for reading, not necessarily seekable. It is duplicated, and read from where it stands.
 * - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
 * - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until it is loaded; as long as whoever writes a pipe takes.
 * - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT if it is no image or has no name, INVALID_STATE, IO, NOT_FOUND,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, UNSUPPORTED, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_fd(msb_backend backend,
                             int32_t fd,
                             const msb_image_load_config *config,
                             msb_image_info **out,
                             msb_error **err);

/**
 * Begins `msb_image_load`; its completion's result is for `msb_op_take_image_info`. Its progress counts bytes of the archive's layers and
 * layers. Cancelled, it leaves no image.
 *
 * - backend: the backend.
 * - path: borrowed; where it is, absolute or relative to the working directory.
 * - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_async(msb_backend backend,
                                const char *path,
                                const msb_image_load_config *config,
                                msb_queue queue,
                                uint64_t token,
                                msb_op *op,
                                msb_error **err);

/**
 * Begins `msb_image_load_fd`; its completion's result is for `msb_op_take_image_info`. Its progress counts bytes of the archive's layers and
 * layers. Cancelled, it leaves no image.
 *
 * - backend: the backend.
 * - fd: borrowed; open for reading, not necessarily seekable. It is duplicated, and read from where it stands.
 * - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_fd_async(msb_backend backend,
                                   int32_t fd,
                                   const msb_image_load_config *config,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Makes a config in which nothing is set.
 *
 * - Returns: owned, to be freed with `msb_image_load_config_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_image_load_config *msb_image_load_config_new(void);

/**
 * Makes a config from JSON text; `schemas/msb_image_load_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_image_load_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_from_json(const char *json,
                                           msb_image_load_config **out,
                                           msb_error **err);

/**
 * Writes a config as JSON text that `msb_image_load_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_to_json(const msb_image_load_config *config,
                                         msb_bytes **out,
                                         msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_image_load_config_free(msb_image_load_config *config);

/**
 * What the image is to be asked for by. Unset: the names that the archive gives it.
 *
 * - config: changed; not NULL.
 * - reference: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_set_reference(msb_image_load_config *config,
                                               const char *reference,
                                               msb_error **err);

/**
 * Which image of the archive, by a name or digest in it. Unset: the only one.
 *
 * - config: changed; not NULL.
 * - image: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_set_image(msb_image_load_config *config,
                                           const char *image,
                                           msb_error **err);

/**
 * Which platform's image, as `"linux/arm64/v8"`. Unset: this host's.
 *
 * - config: changed; not NULL.
 * - platform: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_set_platform(msb_image_load_config *config,
                                              const char *platform,
                                              msb_error **err);

/**
 * Most files, directories and links that a layer may have, at least 1; each takes memory while the layer is made. Unset:
 * 1000000.
 *
 * - config: changed; not NULL.
 * - max_entries: a number, at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_set_max_entries(msb_image_load_config *config,
                                                 uint64_t max_entries,
                                                 msb_error **err);

/**
 * Largest file that a layer may have, in bytes, holes included, at least 1. Unset: 64 GiB.
 *
 * - config: changed; not NULL.
 * - max_file_bytes: in bytes, at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_set_max_file_bytes(msb_image_load_config *config,
                                                    uint64_t max_file_bytes,
                                                    msb_error **err);

/**
 * Most bytes that a layer may unpack to, at least 1. Unset: 256 GiB.
 *
 * - config: changed; not NULL.
 * - max_layer_bytes: in bytes, at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_load_config_set_max_layer_bytes(msb_image_load_config *config,
                                                     uint64_t max_layer_bytes,
                                                     msb_error **err);

/**
 * Pulls an image from its registry, unless it is there already.
 *
 * Who to log in as is what the config says, else what `registries.hosts` of the configuration says, else docker's logins and
 * credential helpers; without any of them, nobody. Layers that the home has already are not fetched, and those that another
 * thread or process is fetching are waited for. The image is there whole, or as it was before.
 *
 * - backend: the backend.
 * - reference: borrowed; the image, as `"python:3.12"` or `"registry.example:5000/team/app@sha256:..."`.
 * - config: borrowed; NULL pulls the image for this host if it is missing.
 * - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until it is there. A registry that does not answer is given up, after some tries, within minutes.
 * - Errors: CANCELLED, CONFIG_INVALID, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NETWORK, NOT_FOUND,
 *   PERMISSION_DENIED if the registry wants another login, RESOURCE_EXHAUSTED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   TIMEOUT, UNAVAILABLE if the registry fails or wants fewer requests (the detail `retry_after_ms` has how long),
 *   UNSUPPORTED, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull(msb_backend backend,
                          const char *reference,
                          const msb_image_pull_config *config,
                          msb_image_info **out,
                          msb_error **err);

/**
 * Begins `msb_image_pull`; its completion's result is for `msb_op_take_image_info`. Its progress counts bytes of the layers as
 * the registry has them, and layers. Cancelled, it leaves no image.
 *
 * - backend: the backend.
 * - reference: copied; the image, as `"python:3.12"` or `"registry.example:5000/team/app@sha256:..."`.
 * - config: copied; NULL pulls the image for this host if it is missing.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_async(msb_backend backend,
                                const char *reference,
                                const msb_image_pull_config *config,
                                msb_queue queue,
                                uint64_t token,
                                msb_op *op,
                                msb_error **err);

/**
 * Makes a config in which nothing is set.
 *
 * - Returns: owned, to be freed with `msb_image_pull_config_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_image_pull_config *msb_image_pull_config_new(void);

/**
 * Makes a config from JSON text; `schemas/msb_image_pull_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_image_pull_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_from_json(const char *json,
                                           msb_image_pull_config **out,
                                           msb_error **err);

/**
 * Writes a config as JSON text that `msb_image_pull_config_from_json` reads: the options that differ from their defaults,
 * with the password or the token as it is.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_to_json(const msb_image_pull_config *config,
                                         msb_bytes **out,
                                         msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_image_pull_config_free(msb_image_pull_config *config);

/**
 * When the registry is asked: `"if-missing"`, `"always"`, which fetches only what is new, or `"never"`.
 *
 * - config: changed; not NULL.
 * - policy: one of `MSB_IMAGE_PULL_POLICY_IF_MISSING`, `MSB_IMAGE_PULL_POLICY_ALWAYS` and `MSB_IMAGE_PULL_POLICY_NEVER`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_policy(msb_image_pull_config *config,
                                            uint32_t policy,
                                            msb_error **err);

/**
 * Which platform's image, as `"linux/arm64/v8"`. Unset: this host's.
 *
 * - config: changed; not NULL.
 * - platform: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_platform(msb_image_pull_config *config,
                                              const char *platform,
                                              msb_error **err);

/**
 * The user and the password to log in with. Unset: those of the configuration, else docker's, else nobody.
 *
 * - config: changed; not NULL.
 * - username: copied; not NULL.
 * - password: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_credentials(msb_image_pull_config *config,
                                                 const char *username,
                                                 const char *password,
                                                 msb_error **err);

/**
 * A bearer token to show to the registry instead of logging in.
 *
 * - config: changed; not NULL.
 * - token: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_token(msb_image_pull_config *config,
                                           const char *token,
                                           msb_error **err);

/**
 * Whether to speak plain HTTP instead of HTTPS. Unset: what the configuration says of the registry.
 *
 * - config: changed; not NULL.
 * - insecure: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_insecure(msb_image_pull_config *config,
                                              int32_t insecure,
                                              msb_error **err);

/**
 * Most files, directories and links that a layer may have, at least 1; each takes memory while the layer is made. Unset:
 * 1000000.
 *
 * - config: changed; not NULL.
 * - max_entries: a number, at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_max_entries(msb_image_pull_config *config,
                                                 uint64_t max_entries,
                                                 msb_error **err);

/**
 * Largest file that a layer may have, in bytes, holes included, at least 1. Unset: 64 GiB.
 *
 * - config: changed; not NULL.
 * - max_file_bytes: in bytes, at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_max_file_bytes(msb_image_pull_config *config,
                                                    uint64_t max_file_bytes,
                                                    msb_error **err);

/**
 * Most bytes that a layer may unpack to, at least 1. Unset: 256 GiB.
 *
 * - config: changed; not NULL.
 * - max_layer_bytes: in bytes, at least 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_pull_config_set_max_layer_bytes(msb_image_pull_config *config,
                                                     uint64_t max_layer_bytes,
                                                     msb_error **err);

/**
 * Saves an image as an archive file.
 *
 * The archive is an OCI layout and what `docker save` writes at once, its layers not compressed: docker, podman, skopeo and
 * `msb_image_load` take it. It has the image's tree, platform, environment, entrypoint, cmd, user, working directory, stop signal,
 * labels and tag. Layers are packed anew, so they and the image have other digests than where they came from, and what libmsb has no use
 * for is not in it: history, exposed ports, volumes, health checks and comments.
 *
 * - backend: the backend.
 * - reference: borrowed; the short form or the full one.
 * - path: borrowed; the file to write, absolute or relative to the working directory. One that is there is replaced once the archive
 *   is whole; until then, and after a failure, it is as it was.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until it is written; every layer is read twice.
 * - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE,
 *   STORE_CORRUPT, STORE_NEWER, UNSUPPORTED if a tar cannot hold an entry of it, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_save(msb_backend backend,
                          const char *reference,
                          const char *path,
                          msb_error **err);

/**
 * Saves an image as an archive to an open file, pipe or socket.
 *
 * The archive is an OCI layout and what `docker save` writes at once, its layers not compressed: docker, podman, skopeo and
 * `msb_image_load` take it. It has the image's tree, platform, environment, entrypoint, cmd, user, working directory, stop signal,
 * labels and tag. Layers are packed anew, so they and the image have other digests than where they came from, and what libmsb has no use
 * for is not in it: history, exposed ports, volumes, health checks and comments.
 *
 * - backend: the backend.
 * - reference: borrowed; the short form or the full one.
 * - fd: borrowed; open for writing, not necessarily seekable. It is duplicated, and written from where it stands; after a failure
 *   it has part of the archive.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: until it is written; as long as whoever reads a pipe takes.
 * - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE,
 *   STORE_CORRUPT, STORE_NEWER, UNSUPPORTED if a tar cannot hold an entry of it, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_save_fd(msb_backend backend,
                             const char *reference,
                             int32_t fd,
                             msb_error **err);

/**
 * Begins `msb_image_save`; its completion is for `msb_op_finish`. Its progress counts layers written, and bytes of layers read, each
 * twice. Cancelled, it leaves what was there.
 *
 * - backend: the backend.
 * - reference: borrowed; the short form or the full one.
 * - path: borrowed; the file to write, absolute or relative to the working directory. One that is there is replaced once the archive
 *   is whole; until then, and after a failure, it is as it was.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_save_async(msb_backend backend,
                                const char *reference,
                                const char *path,
                                msb_queue queue,
                                uint64_t token,
                                msb_op *op,
                                msb_error **err);

/**
 * Begins `msb_image_save_fd`; its completion is for `msb_op_finish`. Its progress counts layers written, and bytes of layers read, each
 * twice. Cancelled, it leaves part of the archive.
 *
 * - backend: the backend.
 * - reference: borrowed; the short form or the full one.
 * - fd: borrowed; open for writing, not necessarily seekable. It is duplicated, and written from where it stands; after a failure
 *   it has part of the archive.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_image_save_fd_async(msb_backend backend,
                                   const char *reference,
                                   int32_t fd,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Makes a config with nothing but a path in the guest.
 *
 * - guest_path: copied; may be NULL. Its form is checked when the config is used.
 * - Returns: owned, to be freed with `msb_mount_config_free`; NULL if there is no memory or an argument is not UTF-8.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
MSB_NODISCARD
msb_mount_config *msb_mount_config_new(const char *guest_path);

/**
 * Makes a config from JSON text; `schemas/msb_mount_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_mount_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_from_json(const char *json,
                                      msb_mount_config **out,
                                      msb_error **err);

/**
 * Writes a config as JSON text that `msb_mount_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_to_json(const msb_mount_config *config,
                                    msb_bytes **out,
                                    msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_mount_config_free(msb_mount_config *config);

/**
 * Where the guest sees it: an absolute path without `..`, outside of `/proc` and `/sys`; made there if it is
 * missing. Required.
 *
 * - config: changed; not NULL.
 * - guest_path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_guest_path(msb_mount_config *config,
                                           const char *guest_path,
                                           msb_error **err);

/**
 * Show the volume of this name. Exactly one of volume, bind, tmpfs and disk is required.
 *
 * - config: changed; not NULL.
 * - volume: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_volume(msb_mount_config *config,
                                       const char *volume,
                                       msb_error **err);

/**
 * What creating the sandbox does about the volume: `"existing"` requires it, `"create"` makes it and requires
 * that it is new, `"ensure"` makes it if it is missing and otherwise requires that its kind and sizes are
 * those given here.
 *
 * - config: changed; not NULL.
 * - volume_mode: borrowed; `"existing"`, `"create"` or `"ensure"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_volume_mode(msb_mount_config *config,
                                            const char *volume_mode,
                                            msb_error **err);

/**
 * The kind of the volume to make: `"dir"` or `"disk"`. Unset: `"dir"`, or with `"ensure"` whatever is there.
 *
 * - config: changed; not NULL.
 * - volume_kind: borrowed; `"dir"` or `"disk"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_volume_kind(msb_mount_config *config,
                                            const char *volume_kind,
                                            msb_error **err);

/**
 * The quota of the directory volume to make, in MiB, at least 1. Unset: none.
 *
 * - config: changed; not NULL.
 * - volume_quota_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_volume_quota_mib(msb_mount_config *config,
                                                 uint64_t volume_quota_mib,
                                                 msb_error **err);

/**
 * The capacity of the disk volume to make, in MiB, at least 16. Required for one.
 *
 * - config: changed; not NULL.
 * - volume_capacity_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_volume_capacity_mib(msb_mount_config *config,
                                                    uint64_t volume_capacity_mib,
                                                    msb_error **err);

/**
 * Show a directory or a file of the host, by its path.
 *
 * - config: changed; not NULL.
 * - bind: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_bind(msb_mount_config *config,
                                     const char *bind,
                                     msb_error **err);

/**
 * Show an empty directory in guest memory, new at every start.
 *
 * - config: changed; not NULL.
 * - tmpfs: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_tmpfs(msb_mount_config *config,
                                      int32_t tmpfs,
                                      msb_error **err);

/**
 * The most that the memory may hold, in MiB, at least 1. Unset: half of the guest's memory.
 *
 * - config: changed; not NULL.
 * - tmpfs_size_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_tmpfs_size_mib(msb_mount_config *config,
                                               uint32_t tmpfs_size_mib,
                                               msb_error **err);

/**
 * The mode of the directory in memory, such as 0755. Unset: 1777 (octal).
 *
 * - config: changed; not NULL.
 * - tmpfs_mode: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_tmpfs_mode(msb_mount_config *config,
                                           uint32_t tmpfs_mode,
                                           msb_error **err);

/**
 * Show the file system in a disk image of the host, by its path. One running sandbox at a time has it.
 *
 * - config: changed; not NULL.
 * - disk: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_disk(msb_mount_config *config,
                                     const char *disk,
                                     msb_error **err);

/**
 * The format of the disk image: `"raw"`, `"qcow2"`, or `"probe"` to tell by its content.
 *
 * - config: changed; not NULL.
 * - disk_format: borrowed; `"probe"`, `"raw"` or `"qcow2"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_disk_format(msb_mount_config *config,
                                            const char *disk_format,
                                            msb_error **err);

/**
 * The file system in the disk image by the guest kernel's name, such as `ext4`. Unset: the guest looks.
 *
 * - config: changed; not NULL.
 * - disk_fstype: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_disk_fstype(msb_mount_config *config,
                                            const char *disk_fstype,
                                            msb_error **err);

/**
 * Whether the guest can only read; the host enforces it too.
 *
 * - config: changed; not NULL.
 * - read_only: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_read_only(msb_mount_config *config,
                                          int32_t read_only,
                                          msb_error **err);

/**
 * Whether nothing on it can be executed.
 *
 * - config: changed; not NULL.
 * - noexec: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_noexec(msb_mount_config *config,
                                       int32_t noexec,
                                       msb_error **err);

/**
 * Whether set-user-ID and set-group-ID bits on it do nothing.
 *
 * - config: changed; not NULL.
 * - nosuid: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_nosuid(msb_mount_config *config,
                                       int32_t nosuid,
                                       msb_error **err);

/**
 * Whether device nodes on it do nothing.
 *
 * - config: changed; not NULL.
 * - nodev: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_nodev(msb_mount_config *config,
                                      int32_t nodev,
                                      msb_error **err);

/**
 * The user that the guest sees everything on it owned by, with gid. Unset: that of the host. Not for disks; for
 * directories and files on the driver `qemu` only.
 *
 * - config: changed; not NULL.
 * - uid: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_uid(msb_mount_config *config,
                                    uint32_t uid,
                                    msb_error **err);

/**
 * The group that the guest sees everything on it owned by, with uid. Unset: that of the host.
 *
 * - config: changed; not NULL.
 * - gid: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_mount_config_set_gid(msb_mount_config *config,
                                    uint32_t gid,
                                    msb_error **err);

/**
 * Asks for an operation's end; how it ended its completion tells. It is `MSB_ERR_CANCELLED`, or the success that was
 * quicker. An operation that waits for its turn or for an event ends at once, one that is at work within moments, after
 * undoing what it had begun.
 *
 * - op: the operation; one that has completed stays as it is.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_cancel(msb_op op,
                         msb_error **err);

/**
 * Tells how far an operation has come, before its completion or after.
 *
 * - op: the operation.
 * - out: written with the counts; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_op_progress(msb_op op, msb_progress *out, msb_error **err);

/**
 * Gives a handle back. An operation that has not completed goes on and still completes, with a null `op`; a result
 * that was not taken is torn down: a sandbox that was created stays, its handle is released.
 *
 * - op: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
void msb_op_release(msb_op *op);

/**
 * Takes the success of an operation that gives nothing else. If it failed this fails as the call itself would have, and can
 * be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something, INVALID_STATE if it has not completed
 *   or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_finish(msb_op op,
                         msb_error **err);

/**
 * Takes the backend that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be released with `msb_backend_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_backend(msb_op op,
                               msb_backend *out,
                               msb_error **err);

/**
 * Takes the sandbox that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_sandbox(msb_op op,
                               msb_sandbox *out,
                               msb_error **err);

/**
 * Takes the command that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be released with `msb_exec_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_exec(msb_op op,
                            msb_exec *out,
                            msb_error **err);

/**
 * Takes the volume that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be released with `msb_volume_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_volume(msb_op op,
                              msb_volume *out,
                              msb_error **err);

/**
 * Takes the open file that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be released with `msb_file_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_file(msb_op op,
                            msb_file *out,
                            msb_error **err);

/**
 * Takes the end of a sandbox's run that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: written on success, cleared on failure; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_exit(msb_op op,
                            msb_exit *out,
                            msb_error **err);

/**
 * Takes the end of a command that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: written on success, cleared on failure; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_exec_status(msb_op op,
                                   msb_exec_status *out,
                                   msb_error **err);

/**
 * Takes the command that was run to its end that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_exec_result_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_exec_result(msb_op op,
                                   msb_exec_result **out,
                                   msb_error **err);

/**
 * Takes the bytes that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_bytes(msb_op op,
                             msb_bytes **out,
                             msb_error **err);

/**
 * Takes the number that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: written on success, cleared on failure; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_count(msb_op op,
                             uint64_t *out,
                             msb_error **err);

/**
 * Takes the yes or no that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: written with 1 or 0 on success, cleared on failure; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_flag(msb_op op,
                            uint8_t *out,
                            msb_error **err);

/**
 * Takes the description of a file that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_file_info(msb_op op,
                                 msb_file_info **out,
                                 msb_error **err);

/**
 * Takes the page of a directory that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_file_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_file_page(msb_op op,
                                 msb_file_page **out,
                                 msb_error **err);

/**
 * Takes the totals of a transfer that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: written on success, cleared on failure; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_file_progress(msb_op op,
                                     msb_file_progress *out,
                                     msb_error **err);

/**
 * Takes the report on this host that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_probe_report_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_probe_report(msb_op op,
                                    msb_probe_report **out,
                                    msb_error **err);

/**
 * Takes the measurement that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_storage_usage_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_storage_usage(msb_op op,
                                     msb_storage_usage **out,
                                     msb_error **err);

/**
 * Takes the image that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_image_info(msb_op op,
                                  msb_image_info **out,
                                  msb_error **err);

/**
 * Takes the report of a check that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_fsck_report_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_fsck_report(msb_op op,
                                   msb_fsck_report **out,
                                   msb_error **err);

/**
 * Takes the report of what was freed that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
 *
 * - op: the operation; its handle is still to be released.
 * - out: returned owned, to be freed with `msb_prune_report_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
 *   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_op_take_prune_report(msb_op op,
                                    msb_prune_report **out,
                                    msb_error **err);

/**
 * Makes a config of what shall be done, and where.
 *
 * - op: copied; as for `msb_patch_config_set_op`; may be NULL. Its form is checked when the config is used.
 * - path: copied; a path in the guest; may be NULL. Its form is checked when the config is used.
 * - Returns: owned, to be freed with `msb_patch_config_free`; NULL if there is no memory, an argument is not UTF-8, or op is none.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
MSB_NODISCARD
msb_patch_config *msb_patch_config_new(const char *op,
                                              const char *path);

/**
 * Makes a config from JSON text; `schemas/msb_patch_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_patch_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_from_json(const char *json,
                                      msb_patch_config **out,
                                      msb_error **err);

/**
 * Writes a config as JSON text that `msb_patch_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_to_json(const msb_patch_config *config,
                                    msb_bytes **out,
                                    msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_patch_config_free(msb_patch_config *config);

/**
 * What it does: `"text"` makes a file with text, `"file"` one with data; `"mkdir"` makes a directory, which may be there
 * already; `"append"` adds text to a file, which must be there; `"copy_file"` and `"copy_dir"` copy source of the host, a
 * directory with all that is in it; `"symlink"` makes a link to target; `"remove"` removes what is there, if anything is.
 * Directories above that are missing are made, with mode 0755. Required.
 *
 * - config: changed; not NULL.
 * - op: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_op(msb_patch_config *config,
                                   const char *op,
                                   msb_error **err);

/**
 * What is changed: an absolute path in the guest without `..`, outside of `/proc`, `/sys` and `/dev`. Required.
 *
 * - config: changed; not NULL.
 * - path: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_path(msb_patch_config *config,
                                     const char *path,
                                     msb_error **err);

/**
 * The text, for `"text"` and `"append"`.
 *
 * - config: changed; not NULL.
 * - text: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_text(msb_patch_config *config,
                                     const char *text,
                                     msb_error **err);

/**
 * The bytes, for `"file"`.
 *
 * - config: changed; not NULL.
 * - data: copied; may be NULL if len is 0.
 * - len: bytes of data.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_data(msb_patch_config *config,
                                     const void *data,
                                     size_t len,
                                     msb_error **err);

/**
 * The file or directory of the host, for `"copy_file"` and `"copy_dir"`: there when the sandbox is created, and read at
 * its first start. Links in a directory stay links, pipes, sockets and devices are left out, and modes and times are kept.
 *
 * - config: changed; not NULL.
 * - source: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_source(msb_patch_config *config,
                                       const char *source,
                                       msb_error **err);

/**
 * What a link holds, for `"symlink"`.
 *
 * - config: changed; not NULL.
 * - target: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_target(msb_patch_config *config,
                                       const char *target,
                                       msb_error **err);

/**
 * The mode, such as 0755; for all but `"symlink"`, `"remove"` and `"copy_dir"`. Unset: 0644 for a new file, 0755 for a new
 * directory, and that of source for a copied file; what is there already keeps its own.
 *
 * - config: changed; not NULL.
 * - mode: permission bits, such as 0755.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_mode(msb_patch_config *config,
                                     uint32_t mode,
                                     msb_error **err);

/**
 * The user by number that it is given to, a copied directory with all that is in it. Unset: root for what is new.
 *
 * - config: changed; not NULL.
 * - uid: a number of the guest.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_uid(msb_patch_config *config,
                                    uint32_t uid,
                                    msb_error **err);

/**
 * The group by number that it is given to. Unset: root's for what is new.
 *
 * - config: changed; not NULL.
 * - gid: a number of the guest.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_gid(msb_patch_config *config,
                                    uint32_t gid,
                                    msb_error **err);

/**
 * Whether it may take the place of what is there; otherwise that is an error. A directory is never replaced: a copied one is
 * laid over it.
 *
 * - config: changed; not NULL.
 * - replace: 0 or 1.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_patch_config_set_replace(msb_patch_config *config,
                                        int32_t replace,
                                        msb_error **err);

/**
 * Looks at what this host can run. A missing driver is not a failure of this call: the report says what is missing and
 * what to do. The trial of the host's virtualization is remembered until the host restarts.
 *
 * - backend: the backend whose home and settings count.
 * - out: returned owned, to be freed with `msb_probe_report_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; up to a minute when the host's virtualization is first tried.
 * - Errors: DISK_FULL, INVALID_ARGUMENT, IO, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_probe(msb_backend backend,
                     msb_probe_report **out,
                     msb_error **err);

/**
 * The driver that `"auto"` takes on this host; empty if none works.
 *
 * - report: borrowed; may be NULL.
 * - Returns: text, a view until the report is freed; NULL only if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_probe_report_driver(const msb_probe_report *report);

/**
 * The isolation that it gives: `"hardware"` or `"emulated"`; empty if none works.
 *
 * - report: borrowed; may be NULL.
 * - Returns: text, a view until the report is freed; NULL only if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_probe_report_isolation(const msb_probe_report *report);

/**
 * The number of checks.
 *
 * - report: borrowed; may be NULL.
 * - Returns: the value; 0 if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_probe_report_len(const msb_probe_report *report);

/**
 * Whether what a check looked at can be used.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: 1 if it can be used; 0 if not, or there is no such check.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_probe_report_ok(const msb_probe_report *report, size_t index);

/**
 * What a check looked at: `"kernel"`, `"kvm"` or `"qemu"`.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such check.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_probe_report_name(const msb_probe_report *report, size_t index);

/**
 * Why it cannot be used, as a stable dotted word such as `kvm.no_permission`; empty if it can.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such check.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_probe_report_reason(const msb_probe_report *report, size_t index);

/**
 * What a check found, as a clause for people.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such check.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_probe_report_message(const msb_probe_report *report, size_t index);

/**
 * What to do about it, as a clause for people; empty if nothing has to be done.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such check.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_probe_report_remedy(const msb_probe_report *report, size_t index);

/**
 * Frees a report.
 *
 * - report: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_probe_report_free(msb_probe_report *report);

/**
 * Makes a queue. It belongs to no backend, and any number of queues can be used side by side. It has no thread until an
 * operation needs one, and then a bounded number, whatever is in flight; they end when they have had nothing to do for
 * some seconds.
 *
 * - out: returned owned, to be released with `msb_queue_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_queue_new(msb_queue *out,
                         msb_error **err);

/**
 * Takes completions, in the order in which the operations completed. Each is given once, to one caller.
 *
 * - queue: the queue.
 * - out: written with up to `cap` completions; not NULL.
 * - cap: how many fit into `out`; not 0.
 * - timeout_ms: how long to wait for the first, in milliseconds; 0 only looks, -1 has no limit.
 * - n: written with how many there are; 0 on success if `msb_queue_wake` was called. Not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: END_OF_STREAM once the queue is closed and everything was taken, INVALID_ARGUMENT, INVALID_STATE if a
 *   dispatcher takes the completions, STALE_HANDLE, TIMEOUT, WOULD_BLOCK if `timeout_ms` is 0 and there is none,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_queue_next(msb_queue queue,
                          msb_completion *out,
                          size_t cap,
                          int64_t timeout_ms,
                          size_t *n,
                          msb_error **err);

/**
 * A descriptor to wait with, by poll, epoll or an event loop: readable while `msb_queue_next` would not wait, because there
 * is a completion, somebody called `msb_queue_wake`, or the queue is closed and nothing more will come. It does not block, as
 * event loops want it. Do not read, write or close it.
 *
 * - queue: the queue.
 * - fd: written with the descriptor, a view until the queue is released; it is closed in programs that are executed. Not
 *   NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_queue_fd(msb_queue queue,
                        int32_t *fd,
                        msb_error **err);

/**
 * Has one call of `msb_queue_next`, now or later, return `MSB_OK` without a completion.
 *
 * - queue: the queue.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_queue_wake(msb_queue queue, msb_error **err);

/**
 * Has a dispatcher take the queue's completions from now on; `msb_queue_next` then fails. When the dispatcher is stopped,
 * those that are left can be read again.
 *
 * - queue: the queue; if it is released, what is in flight is cancelled and its completions are still delivered.
 * - dispatcher: the dispatcher.
 * - completed: called with each completion; not NULL.
 * - user: passed to `completed` and `finalizer`; may be NULL.
 * - finalizer: called once when `user` is no longer needed, also if this call fails; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_queue_dispatch(msb_queue queue,
                              msb_dispatcher dispatcher,
                              msb_completion_fn completed,
                              void *user,
                              msb_finalizer_fn finalizer,
                              msb_error **err);

/**
 * How many operations were accepted whose completion was not taken yet.
 *
 * - queue: the queue.
 * - Returns: the number; 0 for no live handle.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_queue_pending(msb_queue queue);

/**
 * Ends a queue in order: nothing more can be submitted, what is in flight is cancelled; waits until it has completed and the
 * queue's threads have ended. Completions can still be taken. Closing again waits for what is left.
 *
 * - queue: the queue.
 * - timeout_ms: how long to wait, in milliseconds; -1 has no limit. The queue is closed even if this passes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, STALE_HANDLE, TIMEOUT, WOULD_DEADLOCK on the thread of the dispatcher that takes the queue's
 *   completions, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_queue_close(msb_queue queue,
                           int64_t timeout_ms,
                           msb_error **err);

/**
 * Gives a handle back. A queue that was not closed cancels what is in flight, in the background; completions that nobody
 * can read any more are dropped, and operations whose handles were not released keep their results.
 *
 * - queue: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
void msb_queue_release(msb_queue *queue);

/**
 * Creates a sandbox. It is not started, but everything that a start needs is checked: the root, the mounts, a hypervisor
 * that works on this host, a guest kernel. An image that is missing is pulled first, as the pull policy says, and one
 * in an archive is loaded, as far as its layers are not there. Volumes that
 * mounts ask for are made, and removed again if the call fails.
 *
 * - backend: the backend.
 * - config: borrowed; not NULL.
 * - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; up to a minute when the host's virtualization is first tried; with `replace` also the stop of
 *   the sandbox that is replaced; as `msb_image_pull` and `msb_image_load` when an image is pulled or loaded.
 * - Errors: ALREADY_EXISTS, BUSY, CONFIG_INVALID, CONFLICT, CORRUPT, DISK_FULL, DRIVER_UNAVAILABLE, INVALID_ARGUMENT, IO,
 *   ISOLATION_UNAVAILABLE, KERNEL_NOT_FOUND, NETWORK, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED if the
 *   driver has not room for so many mounts, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, TIMEOUT, UNAVAILABLE, UNSUPPORTED,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_create(msb_backend backend,
                              const msb_sandbox_config *config,
                              msb_sandbox *out,
                              msb_error **err);

/**
 * Opens a sandbox by name, whoever created it and whether or not it runs.
 *
 * - backend: the backend.
 * - name: borrowed; not NULL.
 * - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_open(msb_backend backend,
                            const char *name,
                            msb_sandbox *out,
                            msb_error **err);

/**
 * Starts a sandbox that is not running. On success commands can run in it.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long to wait, in milliseconds; -1 leaves it at the sandbox's own boot timeout. A start that is not
 *   done in time is undone.
 * - err: returned owned on failure, else set to NULL; may be NULL. For a guest that did not come up its details are
 *   `stage` and `console_tail`; for a patch that could not be applied, with the status of the cause, `patch`, its number from
 *   0 on, `op` and `path`.
 * - Blocking: up to `timeout_ms`, and up to 10 s more to undo a start.
 * - Errors: ALREADY_EXISTS where a patch may not replace, BUSY if another sandbox has a disk, CONFLICT, CORRUPT, DISK_FULL,
 *   DRIVER_UNAVAILABLE, GUEST_FAILED, INVALID_ARGUMENT, INVALID_STATE, IO, ISOLATION_UNAVAILABLE, KERNEL_NOT_FOUND,
 *   NOT_FOUND, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNSUPPORTED, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_start(msb_sandbox sandbox,
                             int64_t timeout_ms,
                             msb_error **err);

/**
 * Shuts a sandbox down: its processes are asked to end, its file systems are flushed; what is left after the timeout is
 * killed. Succeeds if the sandbox is not running afterwards, also if it was not before. `msb_sandbox_wait` then tells
 * whether it had to be killed.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long the guest has, in milliseconds; 0 kills at once, -1 never kills.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`, and up to 10 s more for a kill.
 * - Errors: CONFLICT, INVALID_ARGUMENT, IO, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_stop(msb_sandbox sandbox,
                            int64_t timeout_ms,
                            msb_error **err);

/**
 * Kills a sandbox's machine at once. What the guest had not written out is lost. Succeeds if the sandbox is not running
 * afterwards, also if it was not before.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long to wait until it is gone, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CONFLICT, INVALID_ARGUMENT, IO, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_kill(msb_sandbox sandbox,
                            int64_t timeout_ms,
                            msb_error **err);

/**
 * Waits until a sandbox is not running and tells how its last run ended.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long to wait, in milliseconds; 0 only looks, -1 has no limit.
 * - out: written with the record on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, NOT_RUNNING if it was never started, STALE_HANDLE, TIMEOUT,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_wait(msb_sandbox sandbox,
                            int64_t timeout_ms,
                            msb_exit *out,
                            msb_error **err);

/**
 * Lets a running sandbox that this process started live on when its handles are released or the process ends.
 *
 * - sandbox: the sandbox.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API msb_status msb_sandbox_detach(msb_sandbox sandbox, msb_error **err);

/**
 * Removes a sandbox that is not running, with its directory and everything in it. Handles to it stay valid, but calls on
 * them fail.
 *
 * - sandbox: the sandbox.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: CONFLICT, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_remove(msb_sandbox sandbox,
                              msb_error **err);

/**
 * Sets a label, replacing its value if it is there.
 *
 * - sandbox: the sandbox.
 * - key: borrowed; not NULL, not empty, without a reserved prefix.
 * - value: borrowed; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_set_label(msb_sandbox sandbox,
                                 const char *key,
                                 const char *value,
                                 msb_error **err);

/**
 * Removes a label; one that is not there is removed already.
 *
 * - sandbox: the sandbox.
 * - key: borrowed; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_remove_label(msb_sandbox sandbox,
                                    const char *key,
                                    msb_error **err);

/**
 * Gives a handle back. An attached sandbox that this process started is shut down, in the background, when the last
 * handle to it and to its commands is released.
 *
 * - sandbox: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
void msb_sandbox_release(msb_sandbox *sandbox);

/**
 * Begins `msb_sandbox_create`; its completion's result is for `msb_op_take_sandbox`. Cancelled, it leaves neither a sandbox nor
 * volumes that it made, nor part of an image. While it pulls or loads an image, its progress counts bytes and layers.
 *
 * - backend: the backend.
 * - config: copied; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_create_async(msb_backend backend,
                                    const msb_sandbox_config *config,
                                    msb_queue queue,
                                    uint64_t token,
                                    msb_op *op,
                                    msb_error **err);

/**
 * Begins `msb_sandbox_start`; its completion is for `msb_op_finish`. Cancelled, the start is undone before the completion.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long it may take, in milliseconds from now; -1 leaves it at the sandbox's own boot timeout.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_start_async(msb_sandbox sandbox,
                                   int64_t timeout_ms,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Begins `msb_sandbox_stop`; its completion is for `msb_op_finish`. Cancelled, nobody waits any more for a sandbox that was told
 * to stop.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long the guest has, in milliseconds from now; 0 kills at once, -1 never kills.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_stop_async(msb_sandbox sandbox,
                                  int64_t timeout_ms,
                                  msb_queue queue,
                                  uint64_t token,
                                  msb_op *op,
                                  msb_error **err);

/**
 * Begins `msb_sandbox_kill`; its completion is for `msb_op_finish`. No other kind of operation is before it in the queue. Cancelled,
 * nobody waits any more for a sandbox that was killed.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long it may wait until it is gone, in milliseconds from now; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_kill_async(msb_sandbox sandbox,
                                  int64_t timeout_ms,
                                  msb_queue queue,
                                  uint64_t token,
                                  msb_op *op,
                                  msb_error **err);

/**
 * Begins `msb_sandbox_detach`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_detach_async(msb_sandbox sandbox,
                                    msb_queue queue,
                                    uint64_t token,
                                    msb_op *op,
                                    msb_error **err);

/**
 * Begins `msb_sandbox_remove`; its completion is for `msb_op_finish`. A removal that has begun cannot be cancelled.
 *
 * - sandbox: the sandbox.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_remove_async(msb_sandbox sandbox,
                                    msb_queue queue,
                                    uint64_t token,
                                    msb_op *op,
                                    msb_error **err);

/**
 * Makes a config with nothing but a name.
 *
 * - name: copied; may be NULL. Its form is checked when the config is used.
 * - Returns: owned, to be freed with `msb_sandbox_config_free`; NULL if there is no memory or an argument is not UTF-8.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
MSB_NODISCARD
msb_sandbox_config *msb_sandbox_config_new(const char *name);

/**
 * Makes a config from JSON text; `schemas/msb_sandbox_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_sandbox_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_from_json(const char *json,
                                        msb_sandbox_config **out,
                                        msb_error **err);

/**
 * Writes a config as JSON text that `msb_sandbox_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_to_json(const msb_sandbox_config *config,
                                      msb_bytes **out,
                                      msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_sandbox_config_free(msb_sandbox_config *config);

/**
 * The name, unique in its backend: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit. Required.
 *
 * - config: changed; not NULL.
 * - name: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_name(msb_sandbox_config *config,
                                       const char *name,
                                       msb_error **err);

/**
 * The root file system: the path of a directory; of a disk image without partitions, raw or as qcow2 without a backing file,
 * with ext4, EROFS, XFS or btrfs on it; of an OCI layout or an archive, as for `msb_image_load`, with one image for this host,
 * which is stored as `localhost/archive` with its digest; or the reference of an image, as `"python:3.12"`. What begins with `/` or `.`,
 * or is there, is a path. It is not modified unless root_mode says so. Required.
 *
 * - config: changed; not NULL.
 * - image: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_image(msb_sandbox_config *config,
                                        const char *image,
                                        msb_error **err);

/**
 * When the registry is asked for an image that is a reference: `"if-missing"`, `"always"`, which fetches only what is
 * new, or `"never"`.
 *
 * - config: changed; not NULL.
 * - policy: one of `MSB_IMAGE_PULL_POLICY_IF_MISSING`, `MSB_IMAGE_PULL_POLICY_ALWAYS` and `MSB_IMAGE_PULL_POLICY_NEVER`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_image_pull_policy(msb_sandbox_config *config,
                                                    uint32_t policy,
                                                    msb_error **err);

/**
 * What the guest's writes do to the image: `"overlay"` keeps them apart, in what upper names; `"bind"`, for a
 * directory, writes them into it, and makes there the mount points that it lacks.
 *
 * - config: changed; not NULL.
 * - root_mode: borrowed; `"overlay"` or `"bind"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_root_mode(msb_sandbox_config *config,
                                            const char *root_mode,
                                            msb_error **err);

/**
 * Where the guest's writes to its root go: `"disk"`, which survives stop and start, or `"tmpfs"`, which does
 * not.
 *
 * - config: changed; not NULL.
 * - upper: borrowed; `"disk"` or `"tmpfs"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_upper(msb_sandbox_config *config,
                                        const char *upper,
                                        msb_error **err);

/**
 * The size of what holds the guest's writes to its root, in MiB, at least 16; a disk is sparse. Unset: the
 * config file's, else 4096.
 *
 * - config: changed; not NULL.
 * - upper_size_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_upper_size_mib(msb_sandbox_config *config,
                                                 uint64_t upper_size_mib,
                                                 msb_error **err);

/**
 * Virtual processors, 1 to 255. Unset: the backend's default.
 *
 * - config: changed; not NULL.
 * - cpus: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_cpus(msb_sandbox_config *config,
                                       uint32_t cpus,
                                       msb_error **err);

/**
 * Memory in MiB, at least 64. Unset: the backend's default.
 *
 * - config: changed; not NULL.
 * - memory_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_memory_mib(msb_sandbox_config *config,
                                             uint32_t memory_mib,
                                             msb_error **err);

/**
 * Environment variables of every command in the sandbox, stored with it as they are. The prefix `MSB_` is reserved.
 *
 * - config: changed; not NULL.
 * - key: copied; a key that was given before gets the new value.
 * - value: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_env(msb_sandbox_config *config,
                                      const char *key,
                                      const char *value,
                                      msb_error **err);

/**
 * The working directory of commands that do not say, in the guest. Unset: the image's, else `/`. One that is missing is made
 * at a start, unless root_mode is `"bind"`.
 *
 * - config: changed; not NULL.
 * - workdir: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_workdir(msb_sandbox_config *config,
                                          const char *workdir,
                                          msb_error **err);

/**
 * The shell that commands find in `SHELL`. Unset: the config file's, else `/bin/sh`.
 *
 * - config: changed; not NULL.
 * - shell: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_shell(msb_sandbox_config *config,
                                        const char *shell,
                                        msb_error **err);

/**
 * The guest's host name, at most 64 bytes, which commands find in `HOSTNAME`. Unset: made from the name.
 *
 * - config: changed; not NULL.
 * - hostname: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_hostname(msb_sandbox_config *config,
                                           const char *hostname,
                                           msb_error **err);

/**
 * The user of commands that do not say: a name of the guest's passwd or a number, `user[:group]`. Unset: root.
 *
 * - config: changed; not NULL.
 * - user: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_user(msb_sandbox_config *config,
                                       const char *user,
                                       msb_error **err);

/**
 * What the default command begins with, for an image that has none or another; without it that of the image. When it
 * is set, the image's cmd is not used.
 *
 * - config: changed; not NULL.
 * - words: copied; the program and its first arguments; may be NULL if there are none.
 * - count: how many there are; 0 for a default command without an entrypoint.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_entrypoint(msb_sandbox_config *config,
                                             const char *const *words,
                                             size_t count,
                                             msb_error **err);

/**
 * What the default command ends with: arguments for the entrypoint, or the whole command where there is none. Unset:
 * the image's.
 *
 * - config: changed; not NULL.
 * - words: copied; may be NULL if there are none.
 * - count: how many there are.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_cmd(msb_sandbox_config *config,
                                      const char *const *words,
                                      size_t count,
                                      msb_error **err);

/**
 * The signal by which a stop asks commands to end, as `"SIGQUIT"`, `"QUIT"`, `"3"` or `"SIGRTMIN+3"`. Unset: the
 * image's, else SIGTERM.
 *
 * - config: changed; not NULL.
 * - stop_signal: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_stop_signal(msb_sandbox_config *config,
                                              const char *stop_signal,
                                              msb_error **err);

/**
 * Labels to find the sandbox by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
 *
 * - config: changed; not NULL.
 * - key: copied; a key that was given before gets the new value.
 * - value: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_add_label(msb_sandbox_config *config,
                                        const char *key,
                                        const char *value,
                                        msb_error **err);

/**
 * Resource limits of every command in the sandbox.
 *
 * - config: changed; not NULL.
 * - resource: borrowed; a resource in lower case, such as `"nofile"` or `"as"`.
 * - soft: the limit in force, in the resource's own unit; `UINT64_MAX` for none.
 * - hard: how far a command may raise it.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_add_rlimit(msb_sandbox_config *config,
                                         const char *resource,
                                         uint64_t soft,
                                         uint64_t hard,
                                         msb_error **err);

/**
 * What the guest sees in its tree beside its root: volumes, directories and files of the host, memory, disk images.
 * Parents are mounted before what is in them, whatever the order here. Each mount but memory takes a device of the
 * machine, which has room for 4, and for 5 if the root's writable layer is memory; creating a sandbox with more gives
 * RESOURCE_EXHAUSTED. One directory may hold what belongs together.
 *
 * - config: changed; not NULL.
 * - mount: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_add_mount(msb_sandbox_config *config,
                                        const msb_mount_config *mount,
                                        msb_error **err);

/**
 * What is changed in the root before anybody uses the sandbox, in this order, at its first start; with upper `"tmpfs"` at
 * each, because that begins empty. Together at most 1024, with 16 MiB of text and data. They are part of the start, with its
 * deadline: one that fails ends it with the reason `sandbox.patch`, and the next start begins again with an unchanged
 * root. With root_mode `"bind"` they change the directory itself, and what those before the one that failed did stays. Not at or
 * below a mount.
 *
 * - config: changed; not NULL.
 * - patch: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_add_patch(msb_sandbox_config *config,
                                        const msb_patch_config *patch,
                                        msb_error **err);

/**
 * Executable files in the guest's `/.msb/scripts`, the first directory on the PATH of every command: name and text each,
 * together at most 256 KiB. A text begins with the line that names its interpreter, as `#!/bin/sh`. They are put there
 * at every start, and are not part of the root.
 *
 * - config: changed; not NULL.
 * - name: copied; the name of a file; one that was given before gets the new text.
 * - text: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_add_script(msb_sandbox_config *config,
                                         const char *name,
                                         const char *text,
                                         msb_error **err);

/**
 * Whether the sandbox is removed when it stops.
 *
 * - config: changed; not NULL.
 * - ephemeral: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_ephemeral(msb_sandbox_config *config,
                                            int32_t ephemeral,
                                            msb_error **err);

/**
 * Whether creating it stops and removes another sandbox of this name.
 *
 * - config: changed; not NULL.
 * - replace: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_replace(msb_sandbox_config *config,
                                          int32_t replace,
                                          msb_error **err);

/**
 * How long the sandbox being replaced has to stop before it is killed, in milliseconds.
 *
 * - config: changed; not NULL.
 * - replace_timeout_ms: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_replace_timeout_ms(msb_sandbox_config *config,
                                                     uint64_t replace_timeout_ms,
                                                     msb_error **err);

/**
 * Stop the sandbox after this long without any activity, in milliseconds, at least 1. Unset: never.
 *
 * - config: changed; not NULL.
 * - idle_timeout_ms: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_idle_timeout_ms(msb_sandbox_config *config,
                                                  uint64_t idle_timeout_ms,
                                                  msb_error **err);

/**
 * Stop the sandbox after it has run this long, in milliseconds, at least 1. Unset: never.
 *
 * - config: changed; not NULL.
 * - max_duration_ms: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_max_duration_ms(msb_sandbox_config *config,
                                                  uint64_t max_duration_ms,
                                                  msb_error **err);

/**
 * Whether the sandbox lives on when the process that started it ends.
 *
 * - config: changed; not NULL.
 * - detached: 0 for no, anything else for yes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_detached(msb_sandbox_config *config,
                                           int32_t detached,
                                           msb_error **err);

/**
 * The least isolation to run with: `"any"`, or `"hardware"`, which refuses emulation.
 *
 * - config: changed; not NULL.
 * - min_isolation: borrowed; `"any"` or `"hardware"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_min_isolation(msb_sandbox_config *config,
                                                const char *min_isolation,
                                                msb_error **err);

/**
 * The hypervisor driver for this sandbox. Unset: the backend's.
 *
 * - config: changed; not NULL.
 * - driver: borrowed; `"auto"`, `"krun"` or `"qemu"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_driver(msb_sandbox_config *config,
                                         const char *driver,
                                         msb_error **err);

/**
 * How long the guest has to come up, in milliseconds, at least 1. Unset: 120000.
 *
 * - config: changed; not NULL.
 * - boot_timeout_ms: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_config_set_boot_timeout_ms(msb_sandbox_config *config,
                                                  uint64_t boot_timeout_ms,
                                                  msb_error **err);

/**
 * Makes a filter that lets every sandbox through.
 *
 * - Returns: owned, to be freed with `msb_sandbox_filter_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_sandbox_filter *msb_sandbox_filter_new(void);

/**
 * Makes a filter from JSON text; `schemas/msb_sandbox_filter.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_sandbox_filter_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_from_json(const char *json,
                                        msb_sandbox_filter **out,
                                        msb_error **err);

/**
 * Writes a filter as JSON text that `msb_sandbox_filter_from_json` reads: the options that differ from their defaults.
 *
 * - filter: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_to_json(const msb_sandbox_filter *filter,
                                      msb_bytes **out,
                                      msb_error **err);

/**
 * Frees a filter.
 *
 * - filter: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_sandbox_filter_free(msb_sandbox_filter *filter);

/**
 * Only sandboxes that have all these labels.
 *
 * - filter: changed; not NULL.
 * - key: copied; a key that was given before gets the new value.
 * - value: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_add_label(msb_sandbox_filter *filter,
                                        const char *key,
                                        const char *value,
                                        msb_error **err);

/**
 * Only sandboxes in one of these statuses, spelled as `msb_sandbox_info_status` does. Empty: any.
 *
 * - filter: changed; not NULL.
 * - status: borrowed; spelled as `msb_sandbox_info_status` gives it.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_add_status(msb_sandbox_filter *filter,
                                         const char *status,
                                         msb_error **err);

/**
 * Only sandboxes whose name begins so.
 *
 * - filter: changed; not NULL.
 * - prefix: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_set_name_prefix(msb_sandbox_filter *filter,
                                              const char *prefix,
                                              msb_error **err);

/**
 * How many sandboxes a page holds at most, 1 to 1000.
 *
 * - filter: changed; not NULL.
 * - limit: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_set_limit(msb_sandbox_filter *filter,
                                        uint32_t limit,
                                        msb_error **err);

/**
 * Where to go on: what the page before gave. Unset: from the beginning.
 *
 * - filter: changed; not NULL.
 * - cursor: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_filter_set_cursor(msb_sandbox_filter *filter,
                                         const char *cursor,
                                         msb_error **err);

/**
 * Reads a whole file of at most 1 GiB into memory; open larger ones.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED if it is larger, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_read(msb_sandbox sandbox,
                               const char *path,
                               int64_t timeout_ms,
                               msb_bytes **out,
                               msb_error **err);

/**
 * Writes a whole file, straight from `data`. A failure may leave part of it, unless `flags` has `MSB_WRITE_ATOMIC`: then
 * a new file takes the place of the old one when everything is on the disk.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - data: borrowed; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
 * - mode: permissions if the file is made, such as 0644.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_write(msb_sandbox sandbox,
                                const char *path,
                                const void *data,
                                size_t len,
                                uint32_t flags,
                                uint32_t mode,
                                int64_t timeout_ms,
                                msb_error **err);

/**
 * Opens a file, to read and write parts of it. It is closed when the sandbox stops.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - flags: `MSB_OPEN_READ`, `MSB_OPEN_WRITE` or both, and further `MSB_OPEN_*` flags.
 * - mode: permissions if the file is made, such as 0644.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: returned owned, to be released with `msb_file_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_open(msb_sandbox sandbox,
                               const char *path,
                               uint32_t flags,
                               uint32_t mode,
                               int64_t timeout_ms,
                               msb_file *out,
                               msb_error **err);

/**
 * Lists a directory in its own order, a page at a time: pass what `msb_file_page_next` gives until that is 0. What is
 * made or removed meanwhile may be on a page or not.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - cursor: where to go on; 0 is the beginning.
 * - limit: how many entries at most, 1 to 10000.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: returned owned, to be freed with `msb_file_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_list(msb_sandbox sandbox,
                               const char *path,
                               uint64_t cursor,
                               uint32_t limit,
                               int64_t timeout_ms,
                               msb_file_page **out,
                               msb_error **err);

/**
 * Says what is known of a file, a directory or whatever the path is.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - flags: 0, or `MSB_STAT_FOLLOW`.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_stat(msb_sandbox sandbox,
                               const char *path,
                               uint32_t flags,
                               int64_t timeout_ms,
                               msb_file_info **out,
                               msb_error **err);

/**
 * Says whether there is anything at a path. A symbolic link counts if what it leads to is there.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: written with 1 or 0; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_RUNNING, PERMISSION_DENIED,
 *   RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_exists(msb_sandbox sandbox,
                                 const char *path,
                                 int64_t timeout_ms,
                                 uint8_t *out,
                                 msb_error **err);

/**
 * Makes a directory.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - mode: its permissions, such as 0755.
 * - flags: 0, or `MSB_MKDIR_PARENTS`.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_mkdir(msb_sandbox sandbox,
                                const char *path,
                                uint32_t mode,
                                uint32_t flags,
                                int64_t timeout_ms,
                                msb_error **err);

/**
 * Removes a file, a symbolic link or anything else that is no directory.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_remove(msb_sandbox sandbox,
                                 const char *path,
                                 int64_t timeout_ms,
                                 msb_error **err);

/**
 * Removes a directory, which is empty unless `flags` says otherwise. The root itself cannot be removed.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - flags: 0, or `MSB_REMOVE_RECURSIVE`.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_remove_dir(msb_sandbox sandbox,
                                     const char *path,
                                     uint32_t flags,
                                     int64_t timeout_ms,
                                     msb_error **err);

/**
 * Copies a file, or a directory with everything in it, with permissions and times; links are copied as links.
 *
 * - sandbox: the sandbox, running.
 * - from: borrowed; in the guest, from its root; not NULL.
 * - to: borrowed; a file or link there is replaced, a directory needs a free name; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_copy(msb_sandbox sandbox,
                               const char *from,
                               const char *to,
                               int64_t timeout_ms,
                               msb_error **err);

/**
 * Renames a file or a directory, in one step. A file replaces what has the new name.
 *
 * - sandbox: the sandbox, running.
 * - from: borrowed; in the guest, from its root; not NULL.
 * - to: borrowed; in the guest, from its root; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_rename(msb_sandbox sandbox,
                                 const char *from,
                                 const char *to,
                                 int64_t timeout_ms,
                                 msb_error **err);

/**
 * Makes a symbolic link.
 *
 * - sandbox: the sandbox, running.
 * - target: borrowed; what the link holds, which is neither checked nor followed here; not NULL.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_symlink(msb_sandbox sandbox,
                                  const char *target,
                                  const char *path,
                                  int64_t timeout_ms,
                                  msb_error **err);

/**
 * Reads what a symbolic link holds.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_readlink(msb_sandbox sandbox,
                                   const char *path,
                                   int64_t timeout_ms,
                                   msb_bytes **out,
                                   msb_error **err);

/**
 * Sets the permissions of a file or a directory; of what a symbolic link leads to.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - mode: the permissions, such as 0644.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_chmod(msb_sandbox sandbox,
                                const char *path,
                                uint32_t mode,
                                int64_t timeout_ms,
                                msb_error **err);

/**
 * Sets when a file was last read and last changed, in nanoseconds since 1970 UTC; of what a symbolic link leads to.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - accessed_ns: the time, or `MSB_TIME_KEEP`.
 * - modified_ns: the time, or `MSB_TIME_KEEP`.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_utimes(msb_sandbox sandbox,
                                 const char *path,
                                 int64_t accessed_ns,
                                 int64_t modified_ns,
                                 int64_t timeout_ms,
                                 msb_error **err);

/**
 * Writes a file, or a directory with everything in it, as a tar archive to a descriptor of the caller. Modes,
 * owners and times are kept, links stay links; pipes, sockets and devices are left out.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - fd: a file, pipe or socket to write to, blocking or not; stays the caller's and open.
 * - progress: called now and then with how far it has come; NULL for nobody.
 * - user: passed to `progress`; may be NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: written with the totals on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: as long as the other end of `fd` takes, at most `timeout_ms`; `progress` is called meanwhile too.
 * - Errors: CANCELLED, CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_tar_export(msb_sandbox sandbox,
                                     const char *path,
                                     int32_t fd,
                                     msb_file_progress_fn progress,
                                     void *user,
                                     int64_t timeout_ms,
                                     msb_file_progress *out,
                                     msb_error **err);

/**
 * Unpacks a tar archive, from a descriptor of the caller, beneath a directory, which is made if it is not there. An
 * archive is not trusted: an entry that leads out of the guest's files, a pipe or a device is an error. Permission bits and times
 * are kept; owners, set-user-ID and set-group-ID bits are not. A compressed archive has to be decompressed first.
 *
 * - sandbox: the sandbox, running.
 * - path: borrowed; in the guest, from its root; not NULL.
 * - fd: a file, pipe or socket to read from, blocking or not; stays the caller's and open.
 * - progress: called now and then with how far it has come; NULL for nobody.
 * - user: passed to `progress`; may be NULL.
 * - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
 * - out: written with the totals on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: as long as the other end of `fd` takes, at most `timeout_ms`; `progress` is called meanwhile too.
 * - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_tar_import(msb_sandbox sandbox,
                                     const char *path,
                                     int32_t fd,
                                     msb_file_progress_fn progress,
                                     void *user,
                                     int64_t timeout_ms,
                                     msb_file_progress *out,
                                     msb_error **err);

/**
 * Copies a file or a directory of the host, with everything in it, into a running sandbox.
 *
 * - sandbox: the sandbox, running.
 * - from: borrowed; a path of the host; not NULL.
 * - to: borrowed; in the guest, from its root: what the copy is called; not NULL.
 * - progress: called now and then with how far it has come; NULL for nobody.
 * - user: passed to `progress`; may be NULL.
 * - timeout_ms: how long it may take, in milliseconds; -1 has no limit.
 * - out: written with the totals on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO,
 *   NOT_FOUND, NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_copy_in(msb_sandbox sandbox,
                               const char *from,
                               const char *to,
                               msb_file_progress_fn progress,
                               void *user,
                               int64_t timeout_ms,
                               msb_file_progress *out,
                               msb_error **err);

/**
 * Copies a file or a directory of a running sandbox, with everything in it, to the host. The guest is not trusted: nothing is
 * written but beneath `to`, whatever it sends.
 *
 * - sandbox: the sandbox, running.
 * - from: borrowed; in the guest, from its root; not NULL.
 * - to: borrowed; a path of the host: what the copy is called; not NULL.
 * - progress: called now and then with how far it has come; NULL for nobody.
 * - user: passed to `progress`; may be NULL.
 * - timeout_ms: how long it may take, in milliseconds; -1 has no limit.
 * - out: written with the totals on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: up to `timeout_ms`.
 * - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
 *   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_copy_out(msb_sandbox sandbox,
                                const char *from,
                                const char *to,
                                msb_file_progress_fn progress,
                                void *user,
                                int64_t timeout_ms,
                                msb_file_progress *out,
                                msb_error **err);

/**
 * Begins `msb_sandbox_fs_read`; its completion's result is for `msb_op_take_bytes`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_read_async(msb_sandbox sandbox,
                                     const char *path,
                                     int64_t timeout_ms,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_sandbox_fs_write`; its completion is for `msb_op_finish`. Cancelled, it may leave part of the data,
 * unless `flags` has `MSB_WRITE_ATOMIC`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - data: copied; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
 * - mode: permissions if the file is made, such as 0644.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_write_async(msb_sandbox sandbox,
                                      const char *path,
                                      const void *data,
                                      size_t len,
                                      uint32_t flags,
                                      uint32_t mode,
                                      int64_t timeout_ms,
                                      msb_queue queue,
                                      uint64_t token,
                                      msb_op *op,
                                      msb_error **err);

/**
 * Begins `msb_sandbox_fs_open`; its completion's result is for `msb_op_take_file`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - flags: `MSB_OPEN_READ`, `MSB_OPEN_WRITE` or both, and further `MSB_OPEN_*` flags.
 * - mode: permissions if the file is made, such as 0644.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_open_async(msb_sandbox sandbox,
                                     const char *path,
                                     uint32_t flags,
                                     uint32_t mode,
                                     int64_t timeout_ms,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_sandbox_fs_list`; its completion's result is for `msb_op_take_file_page`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - cursor: where to go on; 0 is the beginning.
 * - limit: how many entries at most, 1 to 10000.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_list_async(msb_sandbox sandbox,
                                     const char *path,
                                     uint64_t cursor,
                                     uint32_t limit,
                                     int64_t timeout_ms,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_sandbox_fs_stat`; its completion's result is for `msb_op_take_file_info`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - flags: 0, or `MSB_STAT_FOLLOW`.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_stat_async(msb_sandbox sandbox,
                                     const char *path,
                                     uint32_t flags,
                                     int64_t timeout_ms,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_sandbox_fs_exists`; its completion's result is for `msb_op_take_flag`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_exists_async(msb_sandbox sandbox,
                                       const char *path,
                                       int64_t timeout_ms,
                                       msb_queue queue,
                                       uint64_t token,
                                       msb_op *op,
                                       msb_error **err);

/**
 * Begins `msb_sandbox_fs_mkdir`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - mode: its permissions, such as 0755.
 * - flags: 0, or `MSB_MKDIR_PARENTS`.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_mkdir_async(msb_sandbox sandbox,
                                      const char *path,
                                      uint32_t mode,
                                      uint32_t flags,
                                      int64_t timeout_ms,
                                      msb_queue queue,
                                      uint64_t token,
                                      msb_op *op,
                                      msb_error **err);

/**
 * Begins `msb_sandbox_fs_remove`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_remove_async(msb_sandbox sandbox,
                                       const char *path,
                                       int64_t timeout_ms,
                                       msb_queue queue,
                                       uint64_t token,
                                       msb_op *op,
                                       msb_error **err);

/**
 * Begins `msb_sandbox_fs_remove_dir`; its completion is for `msb_op_finish`. Cancelled, it may leave part of the
 * directory.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - flags: 0, or `MSB_REMOVE_RECURSIVE`.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_remove_dir_async(msb_sandbox sandbox,
                                           const char *path,
                                           uint32_t flags,
                                           int64_t timeout_ms,
                                           msb_queue queue,
                                           uint64_t token,
                                           msb_op *op,
                                           msb_error **err);

/**
 * Begins `msb_sandbox_fs_copy`; its completion is for `msb_op_finish`. Cancelled, it is no longer waited for: the
 * guest may finish it, or stop in the middle of it within some seconds.
 *
 * - sandbox: the sandbox, running.
 * - from: copied; in the guest, from its root; not NULL.
 * - to: copied; a file or link there is replaced, a directory needs a free name; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_copy_async(msb_sandbox sandbox,
                                     const char *from,
                                     const char *to,
                                     int64_t timeout_ms,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_sandbox_fs_rename`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox, running.
 * - from: copied; in the guest, from its root; not NULL.
 * - to: copied; in the guest, from its root; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_rename_async(msb_sandbox sandbox,
                                       const char *from,
                                       const char *to,
                                       int64_t timeout_ms,
                                       msb_queue queue,
                                       uint64_t token,
                                       msb_op *op,
                                       msb_error **err);

/**
 * Begins `msb_sandbox_fs_symlink`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox, running.
 * - target: copied; what the link holds; not NULL.
 * - path: copied; in the guest, from its root; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_symlink_async(msb_sandbox sandbox,
                                        const char *target,
                                        const char *path,
                                        int64_t timeout_ms,
                                        msb_queue queue,
                                        uint64_t token,
                                        msb_op *op,
                                        msb_error **err);

/**
 * Begins `msb_sandbox_fs_readlink`; its completion's result is for `msb_op_take_bytes`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_readlink_async(msb_sandbox sandbox,
                                         const char *path,
                                         int64_t timeout_ms,
                                         msb_queue queue,
                                         uint64_t token,
                                         msb_op *op,
                                         msb_error **err);

/**
 * Begins `msb_sandbox_fs_chmod`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - mode: the permissions, such as 0644.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_chmod_async(msb_sandbox sandbox,
                                      const char *path,
                                      uint32_t mode,
                                      int64_t timeout_ms,
                                      msb_queue queue,
                                      uint64_t token,
                                      msb_op *op,
                                      msb_error **err);

/**
 * Begins `msb_sandbox_fs_utimes`; its completion is for `msb_op_finish`.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - accessed_ns: the time, or `MSB_TIME_KEEP`.
 * - modified_ns: the time, or `MSB_TIME_KEEP`.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_utimes_async(msb_sandbox sandbox,
                                       const char *path,
                                       int64_t accessed_ns,
                                       int64_t modified_ns,
                                       int64_t timeout_ms,
                                       msb_queue queue,
                                       uint64_t token,
                                       msb_op *op,
                                       msb_error **err);

/**
 * Takes a snapshot of a sandbox. Its status is the truth: one whose runner has died is `"Crashed"`, whatever was last
 * written.
 *
 * - sandbox: the sandbox.
 * - out: returned owned, to be freed with `msb_sandbox_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_info_get(msb_sandbox sandbox,
                                msb_sandbox_info **out,
                                msb_error **err);

/**
 * The sandbox's name.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_name(const msb_sandbox_info *info);

/**
 * The status: `"Created"`, `"Starting"`, `"Running"`, `"Draining"`, `"Paused"`, `"Stopped"` or `"Crashed"`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_status(const msb_sandbox_info *info);

/**
 * The hypervisor driver that runs it, or that ran or will run it: `"krun"` or `"qemu"`; empty if none was chosen yet.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_sandbox_info_driver(const msb_sandbox_info *info);

/**
 * Why driver `auto` did not choose a better driver when the sandbox was created or last started: the stable reason that
 * `msb_probe` gives too, a colon, and the words for it, such as `"kvm.no_device: there is no /dev/kvm"`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; empty when it chose the best one, when the driver was asked for by name,
 *   or if none was chosen yet; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_sandbox_info_driver_reason(const msb_sandbox_info *info);

/**
 * The isolation that this driver gives: `"hardware"` or `"emulated"`; empty if none was chosen yet.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_isolation(const msb_sandbox_info *info);

/**
 * The root file system: the path of a directory or of a disk image.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_image(const msb_sandbox_info *info);

/**
 * The stored configuration as JSON.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_config(const msb_sandbox_info *info);

/**
 * Virtual processors.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_sandbox_info_cpus(const msb_sandbox_info *info);

/**
 * Memory in MiB.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_sandbox_info_memory_mib(const msb_sandbox_info *info);

/**
 * 1 if it is removed when it ends.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_sandbox_info_ephemeral(const msb_sandbox_info *info);

/**
 * 1 if it was configured to outlive the process that starts it.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_sandbox_info_detached(const msb_sandbox_info *info);

/**
 * When it was created, in milliseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_sandbox_info_created_unix_ms(const msb_sandbox_info *info);

/**
 * Process id of its runner while it runs, else 0. To look at, not to signal: use `msb_sandbox_kill`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_sandbox_info_runner_pid(const msb_sandbox_info *info);

/**
 * The number of labels.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_sandbox_info_label_count(const msb_sandbox_info *info);

/**
 * The number of mounts beside the root, in the order in which they were given.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_sandbox_info_mount_count(const msb_sandbox_info *info);

/**
 * Where the guest sees a mount.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such mount.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_mount_guest_path(const msb_sandbox_info *info, size_t index);

/**
 * What a mount shows: `"volume"`, `"bind"`, `"tmpfs"` or `"disk"`; `"other"` for what this version does not know.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such mount.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_sandbox_info_mount_kind(const msb_sandbox_info *info,
                                        size_t index);

/**
 * What a mount shows, by name: the volume's name or the host's path; empty for memory.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such mount.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_mount_source(const msb_sandbox_info *info, size_t index);

/**
 * A mount's flags: `MSB_MOUNT_READ_ONLY` and so on, added together.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the flags; 0 if there is no such mount.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint32_t msb_sandbox_info_mount_flags(const msb_sandbox_info *info, size_t index);

/**
 * How its last run ended, as a sentence; empty if it runs or never ran.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_end_message(const msb_sandbox_info *info);

/**
 * The last lines of the console of a run that crashed or did not come up; else empty.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_console_tail(const msb_sandbox_info *info);

/**
 * A label's key, in the order of the keys.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such label.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_label_key(const msb_sandbox_info *info, size_t index);

/**
 * A label's value, in the order of the keys.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such label.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_info_label_value(const msb_sandbox_info *info, size_t index);

/**
 * How the last run ended.
 *
 * - info: borrowed; may be NULL.
 * - out: written with the record, cleared if there is none; not NULL.
 * - Returns: 1 if there is a record; 0 if the sandbox runs or never ran, or an argument is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint8_t msb_sandbox_info_exit(const msb_sandbox_info *info, msb_exit *out);

/**
 * Frees a snapshot. One that belongs to a page is freed with its page instead.
 *
 * - info: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_sandbox_info_free(msb_sandbox_info *info);

/**
 * Lists sandboxes in the order of their names, a page at a time: set the filter's cursor to what
 * `msb_sandbox_page_next` gives until that is NULL. A page may hold fewer than its limit, even none, before the last.
 *
 * - backend: the backend.
 * - filter: borrowed; NULL lists every sandbox.
 * - out: returned owned, to be freed with `msb_sandbox_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_list(msb_backend backend,
                            const msb_sandbox_filter *filter,
                            msb_sandbox_page **out,
                            msb_error **err);

/**
 * The number of sandboxes on a page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: the number; 0 if `page` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_sandbox_page_len(const msb_sandbox_page *page);

/**
 * A sandbox of a page.
 *
 * - page: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such sandbox.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const msb_sandbox_info *msb_sandbox_page_get(const msb_sandbox_page *page,
                                                    size_t index);

/**
 * The cursor of the next page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL after the last page.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_sandbox_page_next(const msb_sandbox_page *page);

/**
 * Frees a page and the snapshots on it.
 *
 * - page: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_sandbox_page_free(msb_sandbox_page *page);

/**
 * Begins `msb_sandbox_fs_tar_export`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress`
 * tells bytes and entries meanwhile. It can be cancelled while the other end of `fd` does not move, too. The archive
 * then ends early.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - fd: a file, pipe or socket to write to, blocking or not; duplicated, so that the caller may close it.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_tar_export_async(msb_sandbox sandbox,
                                           const char *path,
                                           int32_t fd,
                                           int64_t timeout_ms,
                                           msb_queue queue,
                                           uint64_t token,
                                           msb_op *op,
                                           msb_error **err);

/**
 * Begins `msb_sandbox_fs_tar_import`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress`
 * tells bytes and entries meanwhile. It can be cancelled while the other end of `fd` does not move, too. It then
 * leaves what was unpacked so far.
 *
 * - sandbox: the sandbox, running.
 * - path: copied; in the guest, from its root; not NULL.
 * - fd: a file, pipe or socket to read from, blocking or not; duplicated, so that the caller may close it.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_fs_tar_import_async(msb_sandbox sandbox,
                                           const char *path,
                                           int32_t fd,
                                           int64_t timeout_ms,
                                           msb_queue queue,
                                           uint64_t token,
                                           msb_op *op,
                                           msb_error **err);

/**
 * Begins `msb_sandbox_copy_in`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress` tells
 * bytes and entries meanwhile. Cancelled, it leaves nothing at `to` that was not there before; what was there may be
 * changed.
 *
 * - sandbox: the sandbox, running.
 * - from: copied; a path of the host; not NULL.
 * - to: copied; in the guest, from its root: what the copy is called; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_copy_in_async(msb_sandbox sandbox,
                                     const char *from,
                                     const char *to,
                                     int64_t timeout_ms,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_sandbox_copy_out`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress` tells
 * bytes and entries meanwhile. Cancelled, it leaves nothing at `to` that was not there before; what was there may be
 * changed.
 *
 * - sandbox: the sandbox, running.
 * - from: copied; in the guest, from its root; not NULL.
 * - to: copied; a path of the host: what the copy is called; not NULL.
 * - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_copy_out_async(msb_sandbox sandbox,
                                      const char *from,
                                      const char *to,
                                      int64_t timeout_ms,
                                      msb_queue queue,
                                      uint64_t token,
                                      msb_op *op,
                                      msb_error **err);

/**
 * Begins `msb_sandbox_wait`; its completion's result is for `msb_op_take_exit`. Cancelled, or at the end of its time,
 * the sandbox goes on. While it waits, the sandbox counts as used: an attached one is not shut down by releasing its
 * handles.
 *
 * - sandbox: the sandbox.
 * - timeout_ms: how long to wait from the call on, in milliseconds; 0 only looks, -1 has no limit.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_sandbox_wait_async(msb_sandbox sandbox,
                                  int64_t timeout_ms,
                                  msb_queue queue,
                                  uint64_t token,
                                  msb_op *op,
                                  msb_error **err);

/**
 * Lists the snapshots of the home, among them those of microsandbox 0.5.8, in the order of their digests, a page at a time: set the filter's cursor to what `msb_snapshot_page_next`
 * gives until that is NULL.
 *
 * - backend: the backend.
 * - filter: borrowed; NULL lists every snapshot, 100 to a page.
 * - out: returned owned, to be freed with `msb_snapshot_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_snapshot_list(msb_backend backend,
                             const msb_snapshot_filter *filter,
                             msb_snapshot_page **out,
                             msb_error **err);

/**
 * The number of snapshots on a page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: the value; 0 if `page` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_snapshot_page_len(const msb_snapshot_page *page);

/**
 * A snapshot of a page.
 *
 * - page: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such snapshot.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const msb_snapshot_info *msb_snapshot_page_get(const msb_snapshot_page *page,
                                                      size_t index);

/**
 * The cursor of the next page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL after the last page.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_page_next(const msb_snapshot_page *page);

/**
 * Frees a page and what is on it.
 *
 * - page: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_snapshot_page_free(msb_snapshot_page *page);

/**
 * Makes a filter that lets every snapshot through.
 *
 * - Returns: owned, to be freed with `msb_snapshot_filter_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_snapshot_filter *msb_snapshot_filter_new(void);

/**
 * Makes a filter from JSON text; `schemas/msb_snapshot_filter.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_snapshot_filter_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_snapshot_filter_from_json(const char *json,
                                         msb_snapshot_filter **out,
                                         msb_error **err);

/**
 * Writes a filter as JSON text that `msb_snapshot_filter_from_json` reads: the options that differ from their defaults.
 *
 * - filter: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_snapshot_filter_to_json(const msb_snapshot_filter *filter,
                                       msb_bytes **out,
                                       msb_error **err);

/**
 * Frees a filter.
 *
 * - filter: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_snapshot_filter_free(msb_snapshot_filter *filter);

/**
 * How many snapshots a page holds at most, 1 to 1000.
 *
 * - filter: changed; not NULL.
 * - limit: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_snapshot_filter_set_limit(msb_snapshot_filter *filter,
                                         uint32_t limit,
                                         msb_error **err);

/**
 * Where to go on: what the page before gave. Unset: from the beginning.
 *
 * - filter: changed; not NULL.
 * - cursor: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_snapshot_filter_set_cursor(msb_snapshot_filter *filter,
                                          const char *cursor,
                                          msb_error **err);

/**
 * Digest of what the snapshot is made of, its key.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_digest(const msb_snapshot_info *info);

/**
 * Its name; empty if it has none.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_name(const msb_snapshot_info *info);

/**
 * Digest of the snapshot that it builds on; empty if on none.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_parent_digest(const msb_snapshot_info *info);

/**
 * The image below it, as it was asked for.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_image_reference(const msb_snapshot_info *info);

/**
 * Digest of the manifest of the image below it.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_image_digest(const msb_snapshot_info *info);

/**
 * Format of its disk: `raw`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_format(const msb_snapshot_info *info);

/**
 * File system of its disk: `ext4`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_fstype(const msb_snapshot_info *info);

/**
 * Where it is: a directory of the host.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_snapshot_info_path(const msb_snapshot_info *info);

/**
 * Its size in bytes; 0 if that is not known.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_snapshot_info_size_bytes(const msb_snapshot_info *info);

/**
 * When it was taken, in milliseconds since 1970 UTC; 0 if that is not known.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_snapshot_info_created_unix_ms(const msb_snapshot_info *info);

/**
 * How many snapshots build on it.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_snapshot_info_child_count(const msb_snapshot_info *info);

/**
 * Measures how much room a home takes on disk, and the directories that were configured elsewhere.
 *
 * - backend: the backend.
 * - out: returned owned, to be freed with `msb_storage_usage_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations: it looks at every file.
 * - Errors: INVALID_ARGUMENT, IO, PERMISSION_DENIED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_storage_usage_get(msb_backend backend,
                                 msb_storage_usage **out,
                                 msb_error **err);

/**
 * The number of categories.
 *
 * - usage: borrowed; may be NULL.
 * - Returns: the value; 0 if `usage` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_storage_usage_len(const msb_storage_usage *usage);

/**
 * The room that all categories take together, in bytes.
 *
 * - usage: borrowed; may be NULL.
 * - Returns: the value; 0 if `usage` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_storage_usage_total_bytes(const msb_storage_usage *usage);

/**
 * A category: `"database"`, `"sandboxes"`, `"volumes"`, `"snapshots"`, `"images"`, `"cache"`, `"logs"`, `"secrets"`, `"programs"` or
 * `"other"`. Later versions may add some.
 *
 * - usage: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the usage is freed; NULL if there is no such category.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_storage_usage_category(const msb_storage_usage *usage,
                                       size_t index);

/**
 * Where the category is. Bytes as the file system has them.
 *
 * - usage: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the usage is freed; NULL if there is no such category.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_storage_usage_path(const msb_storage_usage *usage, size_t index);

/**
 * The room that the category takes on disk, in bytes, holes left out.
 *
 * - usage: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such category.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_storage_usage_bytes(const msb_storage_usage *usage, size_t index);

/**
 * The number of files of any kind, directories included.
 *
 * - usage: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such category.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_storage_usage_files(const msb_storage_usage *usage, size_t index);

/**
 * Frees a measurement.
 *
 * - usage: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_storage_usage_free(msb_storage_usage *usage);

/**
 * Begins `msb_storage_usage_get`; its completion's result is for `msb_op_take_storage_usage`. Its progress counts what was
 * measured.
 *
 * - backend: the backend.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_storage_usage_get_async(msb_backend backend,
                                       msb_queue queue,
                                       uint64_t token,
                                       msb_op *op,
                                       msb_error **err);

/**
 * Begins `msb_fsck`; its completion's result is for `msb_op_take_fsck_report`. Cancelled, what was mended stays mended. Its progress
 * counts what was found.
 *
 * - backend: the backend.
 * - flags: 0 or `MSB_FSCK_REPAIR`.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_fsck_async(msb_backend backend,
                          uint32_t flags,
                          msb_queue queue,
                          uint64_t token,
                          msb_op *op,
                          msb_error **err);

/**
 * Begins `msb_prune`; its completion's result is for `msb_op_take_prune_report`. Cancelled, what was freed stays freed. Its progress
 * counts what was found.
 *
 * - backend: the backend.
 * - flags: `MSB_PRUNE_*` flags.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_prune_async(msb_backend backend,
                           uint32_t flags,
                           msb_queue queue,
                           uint64_t token,
                           msb_op *op,
                           msb_error **err);

/**
 * Looks for what crashes and accidents left in a home: rows without directories and directories without rows, statuses,
 * records, ledgers, locks, sockets and runners that belong to nobody, files half written, caches that nothing uses.
 * Nothing of a running sandbox is touched. With `MSB_FSCK_REPAIR` each finding is mended too: a row whose data are gone is
 * deleted, a directory without a row is moved to `.lost` beside it (`msb_prune` deletes it from there), the rest is set right
 * or deleted. Afterwards a second check finds nothing, except what is in use or for a person to decide.
 *
 * - backend: the backend.
 * - flags: 0 or `MSB_FSCK_REPAIR`.
 * - out: returned owned, to be freed with `msb_fsck_report_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations, more the more there is in the home; up to 15 s for each orphaned runner.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_fsck(msb_backend backend,
                    uint32_t flags,
                    msb_fsck_report **out,
                    msb_error **err);

/**
 * The number of findings.
 *
 * - report: borrowed; may be NULL.
 * - Returns: the value; 0 if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_fsck_report_len(const msb_fsck_report *report);

/**
 * The room that all of them take on disk, in bytes; of the repaired ones, took.
 *
 * - report: borrowed; may be NULL.
 * - Returns: the value; 0 if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_fsck_report_bytes(const msb_fsck_report *report);

/**
 * What is wrong: `"database_damaged"`, `"sandbox_without_directory"`, `"directory_without_sandbox"`, `"volume_without_data"`,
 * `"directory_without_volume"`, `"stale_status"`, `"orphaned_runner"`, `"stale_attachment"`, `"stale_ledger"`, `"stale_lock"`,
 * `"stale_socket"`, `"temporary_file"` or `"unused_cache"`. Later versions may add some.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_fsck_report_kind(const msb_fsck_report *report,
                                 size_t index);

/**
 * The name of the sandbox, volume or file.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_fsck_report_name(const msb_fsck_report *report, size_t index);

/**
 * Where it is on disk; empty if it is a row that has nothing there. Bytes as the file system has them.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_fsck_report_path(const msb_fsck_report *report, size_t index);

/**
 * The room that it takes on disk, in bytes.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_fsck_report_item_bytes(const msb_fsck_report *report, size_t index);

/**
 * Why it is one, as a clause for people.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_fsck_report_reason(const msb_fsck_report *report, size_t index);

/**
 * What was done: `"none"`, `"removed"`, `"moved"`, `"mended"`, `"in_use"` because it came into use meanwhile, or
 * `"failed"`.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_fsck_report_action(const msb_fsck_report *report,
                                   size_t index);

/**
 * More about what was done, for people: where it was moved, how it was mended, why that failed; else empty.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such finding.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_fsck_report_detail(const msb_fsck_report *report, size_t index);

/**
 * Frees a report.
 *
 * - report: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_fsck_report_free(msb_fsck_report *report);

/**
 * Frees room in a home. Nothing of a running sandbox is touched, nor anything that is in use.
 *
 * - backend: the backend.
 * - flags: what to free, at least one of the `MSB_PRUNE_*` bits beside `MSB_PRUNE_DRY_RUN`.
 * - out: returned owned, to be freed with `msb_prune_report_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_prune(msb_backend backend,
                     uint32_t flags,
                     msb_prune_report **out,
                     msb_error **err);

/**
 * The number of items.
 *
 * - report: borrowed; may be NULL.
 * - Returns: the value; 0 if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_prune_report_len(const msb_prune_report *report);

/**
 * The room that all of them take on disk, in bytes; when they were removed, the room that was freed.
 *
 * - report: borrowed; may be NULL.
 * - Returns: the value; 0 if `report` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_prune_report_bytes(const msb_prune_report *report);

/**
 * What it is: `"unused_cache"`, `"temporary_file"`, `"stale_lock"`, `"stale_socket"`, `"moved_aside"`, `"logs"`,
 * `"database_backup"` or `"unused_image"`. Later versions may add some.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_prune_report_kind(const msb_prune_report *report,
                                  size_t index);

/**
 * The name of the sandbox, volume or file.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_prune_report_name(const msb_prune_report *report, size_t index);

/**
 * Where it is on disk; empty if it is a row that has nothing there. Bytes as the file system has them.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_prune_report_path(const msb_prune_report *report, size_t index);

/**
 * The room that it takes on disk, in bytes.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: the value; 0 if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_prune_report_item_bytes(const msb_prune_report *report, size_t index);

/**
 * Why it is one, as a clause for people.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_prune_report_reason(const msb_prune_report *report, size_t index);

/**
 * What was done: `"none"`, `"removed"`, `"moved"`, `"mended"`, `"in_use"` because it came into use meanwhile, or
 * `"failed"`.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
const char *msb_prune_report_action(const msb_prune_report *report,
                                    size_t index);

/**
 * More about what was done, for people: where it was moved, how it was mended, why that failed; else empty.
 *
 * - report: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the report is freed; NULL if there is no such item.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_prune_report_detail(const msb_prune_report *report, size_t index);

/**
 * Frees a report.
 *
 * - report: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_prune_report_free(msb_prune_report *report);

/**
 * Creates a volume: a directory, or a disk with an empty ext4 file system. It is there whole, or not at all.
 *
 * - backend: the backend.
 * - config: borrowed; not NULL.
 * - out: returned owned, to be released with `msb_volume_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: ALREADY_EXISTS, BUSY, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, READ_ONLY,
 *   STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_create(msb_backend backend,
                             const msb_volume_config *config,
                             msb_volume *out,
                             msb_error **err);

/**
 * Opens a volume by name, whoever created it.
 *
 * - backend: the backend.
 * - name: borrowed; not NULL.
 * - out: returned owned, to be released with `msb_volume_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_open(msb_backend backend,
                           const char *name,
                           msb_volume *out,
                           msb_error **err);

/**
 * Gives a disk volume that nobody has attached a larger capacity, with everything in it kept. It cannot become smaller.
 *
 * - volume: the volume.
 * - capacity_mib: the new size in MiB.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: BUSY if it is attached, CORRUPT, DISK_FULL, INVALID_ARGUMENT if it is smaller or too large, INVALID_STATE if it was
 *   not unmounted in order, IO, NOT_FOUND, STALE_HANDLE, UNSUPPORTED if the volume is a directory, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_resize(msb_volume volume,
                             uint64_t capacity_mib,
                             msb_error **err);

/**
 * Removes a volume with everything in it, unless a running sandbox has it attached. Handles to it stay valid, but calls
 * on them fail.
 *
 * - volume: the volume.
 * - err: returned owned on failure, else set to NULL; may be NULL. Its details name each `sandbox` that has it.
 * - Blocking: file operations.
 * - Errors: BUSY, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_remove(msb_volume volume,
                             msb_error **err);

/**
 * Gives a handle back.
 *
 * - volume: consumed and set to the null handle; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_volume_release(msb_volume *volume);

/**
 * Begins `msb_volume_create`; its completion's result is for `msb_op_take_volume`. Cancelled, it leaves nothing.
 *
 * - backend: the backend.
 * - config: copied; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_create_async(msb_backend backend,
                                   const msb_volume_config *config,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Begins `msb_volume_resize`; its completion is for `msb_op_finish`. A growth that has begun cannot be cancelled.
 *
 * - volume: the volume.
 * - capacity_mib: the new size in MiB.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_resize_async(msb_volume volume,
                                   uint64_t capacity_mib,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Begins `msb_volume_remove`; its completion is for `msb_op_finish`. A removal that has begun cannot be cancelled.
 *
 * - volume: the volume.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_remove_async(msb_volume volume,
                                   msb_queue queue,
                                   uint64_t token,
                                   msb_op *op,
                                   msb_error **err);

/**
 * Begins `msb_volume_read`; its completion's result is for `msb_op_take_bytes`.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_read_async(msb_volume volume,
                                 const char *path,
                                 msb_queue queue,
                                 uint64_t token,
                                 msb_op *op,
                                 msb_error **err);

/**
 * Begins `msb_volume_write`; its completion is for `msb_op_finish`. Cancelled, part of it may be written.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - data: copied; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_write_async(msb_volume volume,
                                  const char *path,
                                  const void *data,
                                  size_t len,
                                  msb_queue queue,
                                  uint64_t token,
                                  msb_op *op,
                                  msb_error **err);

/**
 * Makes a config with nothing but a name.
 *
 * - name: copied; may be NULL. Its form is checked when the config is used.
 * - Returns: owned, to be freed with `msb_volume_config_free`; NULL if there is no memory or an argument is not UTF-8.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
MSB_NODISCARD
msb_volume_config *msb_volume_config_new(const char *name);

/**
 * Makes a config from JSON text; `schemas/msb_volume_config.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_volume_config_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_from_json(const char *json,
                                       msb_volume_config **out,
                                       msb_error **err);

/**
 * Writes a config as JSON text that `msb_volume_config_from_json` reads: the options that differ from their defaults.
 *
 * - config: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_to_json(const msb_volume_config *config,
                                     msb_bytes **out,
                                     msb_error **err);

/**
 * Frees a config.
 *
 * - config: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_volume_config_free(msb_volume_config *config);

/**
 * The name: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit; unique within the home.
 * Required.
 *
 * - config: changed; not NULL.
 * - name: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_set_name(msb_volume_config *config,
                                      const char *name,
                                      msb_error **err);

/**
 * `"dir"`, or `"disk"`: a raw ext4 image.
 *
 * - config: changed; not NULL.
 * - kind: borrowed; `"dir"` or `"disk"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_set_kind(msb_volume_config *config,
                                      const char *kind,
                                      msb_error **err);

/**
 * Most that a directory may hold, in MiB, at least 1, counted by the sizes of its files, whoever writes them; also
 * bounds their number, at 1024 and 256 more for each MiB. Unset: no limit.
 *
 * - config: changed; not NULL.
 * - quota_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_set_quota_mib(msb_volume_config *config,
                                           uint64_t quota_mib,
                                           msb_error **err);

/**
 * The size of a disk in MiB, at least 16. Required for one, and for nothing else. It takes room on the host as it
 * is written to.
 *
 * - config: changed; not NULL.
 * - capacity_mib: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_set_capacity_mib(msb_volume_config *config,
                                              uint64_t capacity_mib,
                                              msb_error **err);

/**
 * Labels to find the volume by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
 *
 * - config: changed; not NULL.
 * - key: copied; a key that was given before gets the new value.
 * - value: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_config_add_label(msb_volume_config *config,
                                       const char *key,
                                       const char *value,
                                       msb_error **err);

/**
 * Makes a filter that lets every volume through.
 *
 * - Returns: owned, to be freed with `msb_volume_filter_free`; NULL if there is no memory.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API MSB_NODISCARD msb_volume_filter *msb_volume_filter_new(void);

/**
 * Makes a filter from JSON text; `schemas/msb_volume_filter.json` describes it. An unknown key is an error that names it.
 *
 * - json: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_volume_filter_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_from_json(const char *json,
                                       msb_volume_filter **out,
                                       msb_error **err);

/**
 * Writes a filter as JSON text that `msb_volume_filter_from_json` reads: the options that differ from their defaults.
 *
 * - filter: borrowed; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_to_json(const msb_volume_filter *filter,
                                     msb_bytes **out,
                                     msb_error **err);

/**
 * Frees a filter.
 *
 * - filter: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_volume_filter_free(msb_volume_filter *filter);

/**
 * Only volumes that have all these labels.
 *
 * - filter: changed; not NULL.
 * - key: copied; a key that was given before gets the new value.
 * - value: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_add_label(msb_volume_filter *filter,
                                       const char *key,
                                       const char *value,
                                       msb_error **err);

/**
 * Only volumes of this kind, `"dir"` or `"disk"`. Unset: both.
 *
 * - filter: changed; not NULL.
 * - kind: borrowed; `"dir"` or `"disk"`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_set_kind(msb_volume_filter *filter,
                                      const char *kind,
                                      msb_error **err);

/**
 * Only volumes whose name begins so.
 *
 * - filter: changed; not NULL.
 * - prefix: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_set_name_prefix(msb_volume_filter *filter,
                                             const char *prefix,
                                             msb_error **err);

/**
 * How many volumes a page holds at most, 1 to 1000.
 *
 * - filter: changed; not NULL.
 * - limit: the value.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_set_limit(msb_volume_filter *filter,
                                       uint32_t limit,
                                       msb_error **err);

/**
 * Where to go on: what the page before gave. Unset: from the beginning.
 *
 * - filter: changed; not NULL.
 * - cursor: copied; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_filter_set_cursor(msb_volume_filter *filter,
                                        const char *cursor,
                                        msb_error **err);

/**
 * Reads a whole file of at most 1 GiB into memory. Short for `msb_volume_fs_read`.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED if it is larger,
 *   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_read(msb_volume volume,
                           const char *path,
                           msb_bytes **out,
                           msb_error **err);

/**
 * Writes a whole file, straight from `data`, in place of what it held; if it is made, with permissions 0644 less the process's
 * umask. A failure may leave part of it: `msb_volume_fs_write` can write atomically.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - data: borrowed; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE,
 *   UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_write(msb_volume volume,
                            const char *path,
                            const void *data,
                            size_t len,
                            msb_error **err);

/**
 * Reads a whole file of at most 1 GiB into memory; open larger ones.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED if it is larger,
 *   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_read(msb_volume volume,
                              const char *path,
                              msb_bytes **out,
                              msb_error **err);

/**
 * Writes a whole file, straight from `data`. A failure may leave part of it, unless `flags` has `MSB_WRITE_ATOMIC`: then
 * a new file takes the place of the old one when everything is on the disk.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - data: borrowed; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
 * - mode: permissions if the file is made, such as 0644, less the process's umask.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE,
 *   UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_write(msb_volume volume,
                               const char *path,
                               const void *data,
                               size_t len,
                               uint32_t flags,
                               uint32_t mode,
                               msb_error **err);

/**
 * Opens a file, to read and write parts of it. The file outlives the handle of the volume.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - flags: `MSB_OPEN_READ`, `MSB_OPEN_WRITE` or both, and further `MSB_OPEN_*` flags.
 * - mode: permissions if the file is made, such as 0644, less the process's umask.
 * - out: returned owned, to be released with `msb_file_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
 *   RESOURCE_EXHAUSTED, STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_open(msb_volume volume,
                              const char *path,
                              uint32_t flags,
                              uint32_t mode,
                              msb_file *out,
                              msb_error **err);

/**
 * Lists a directory in its own order, a page at a time: pass what `msb_file_page_next` gives until that is 0. What is
 * made or removed meanwhile may be on a page or not.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - cursor: where to go on; 0 is the beginning.
 * - limit: how many entries at most, 1 to 10000.
 * - out: returned owned, to be freed with `msb_file_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume
 *   is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_list(msb_volume volume,
                              const char *path,
                              uint64_t cursor,
                              uint32_t limit,
                              msb_file_page **out,
                              msb_error **err);

/**
 * Says what is known of a file, a directory or whatever the path is.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - flags: 0, or `MSB_STAT_FOLLOW`.
 * - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume
 *   is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_stat(msb_volume volume,
                              const char *path,
                              uint32_t flags,
                              msb_file_info **out,
                              msb_error **err);

/**
 * Says whether there is anything at a path. A symbolic link counts if what it leads to is there.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - out: written with 1 or 0; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume is a disk,
 *   WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_exists(msb_volume volume,
                                const char *path,
                                uint8_t *out,
                                msb_error **err);

/**
 * Makes a directory.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - mode: its permissions, such as 0755, less the process's umask.
 * - flags: 0, or `MSB_MKDIR_PARENTS`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
 *   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_mkdir(msb_volume volume,
                               const char *path,
                               uint32_t mode,
                               uint32_t flags,
                               msb_error **err);

/**
 * Removes a file, a symbolic link or anything else that is no directory.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
 *   the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_remove(msb_volume volume,
                                const char *path,
                                msb_error **err);

/**
 * Removes a directory, which is empty unless `flags` says otherwise. The root itself cannot be removed.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - flags: 0, or `MSB_REMOVE_RECURSIVE`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
 *   the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_remove_dir(msb_volume volume,
                                    const char *path,
                                    uint32_t flags,
                                    msb_error **err);

/**
 * Copies a file, or a directory with everything in it, with permissions and times; links are copied as links.
 *
 * - volume: the volume.
 * - from: borrowed; beneath the root of the volume; not NULL.
 * - to: borrowed; a file or link there is replaced, a directory needs a free name; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
 *   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_copy(msb_volume volume,
                              const char *from,
                              const char *to,
                              msb_error **err);

/**
 * Renames a file or a directory, in one step. A file replaces what has the new name.
 *
 * - volume: the volume.
 * - from: borrowed; beneath the root of the volume; not NULL.
 * - to: borrowed; beneath the root of the volume; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
 *   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_rename(msb_volume volume,
                                const char *from,
                                const char *to,
                                msb_error **err);

/**
 * Makes a symbolic link.
 *
 * - volume: the volume.
 * - target: borrowed; what the link holds, which is neither checked nor followed here; not NULL.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
 *   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_symlink(msb_volume volume,
                                 const char *target,
                                 const char *path,
                                 msb_error **err);

/**
 * Reads what a symbolic link holds.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume
 *   is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_readlink(msb_volume volume,
                                  const char *path,
                                  msb_bytes **out,
                                  msb_error **err);

/**
 * Sets the permissions of a file or a directory; of what a symbolic link leads to.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - mode: the permissions, such as 0644.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
 *   the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_chmod(msb_volume volume,
                               const char *path,
                               uint32_t mode,
                               msb_error **err);

/**
 * Sets when a file was last read and last changed, in nanoseconds since 1970 UTC; of what a symbolic link leads to.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - accessed_ns: the time, or `MSB_TIME_KEEP`.
 * - modified_ns: the time, or `MSB_TIME_KEEP`.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
 *   the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_utimes(msb_volume volume,
                                const char *path,
                                int64_t accessed_ns,
                                int64_t modified_ns,
                                msb_error **err);

/**
 * Writes a file, or a directory with everything in it, as a tar archive to a descriptor of the caller. Modes,
 * owners and times are kept, links stay links; pipes, sockets and devices are left out.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - fd: a file, pipe or socket to write to, blocking or not; stays the caller's and open.
 * - progress: called now and then with how far it has come; NULL for nobody.
 * - user: passed to `progress`; may be NULL.
 * - out: written with the totals on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: as long as the other end of `fd` takes; `progress` is called meanwhile too.
 * - Errors: CANCELLED, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if
 *   the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_tar_export(msb_volume volume,
                                    const char *path,
                                    int32_t fd,
                                    msb_file_progress_fn progress,
                                    void *user,
                                    msb_file_progress *out,
                                    msb_error **err);

/**
 * Unpacks a tar archive, from a descriptor of the caller, beneath a directory, which is made if it is not there. An
 * archive is not trusted: an entry that leads out of the volume, a pipe or a device is an error. Permission bits and times
 * are kept; owners, set-user-ID and set-group-ID bits are not. A compressed archive has to be decompressed first.
 *
 * - volume: the volume.
 * - path: borrowed; beneath the root of the volume; not NULL.
 * - fd: a file, pipe or socket to read from, blocking or not; stays the caller's and open.
 * - progress: called now and then with how far it has come; NULL for nobody.
 * - user: passed to `progress`; may be NULL.
 * - out: written with the totals on success, cleared on failure; may be NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: as long as the other end of `fd` takes; `progress` is called meanwhile too.
 * - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_tar_import(msb_volume volume,
                                    const char *path,
                                    int32_t fd,
                                    msb_file_progress_fn progress,
                                    void *user,
                                    msb_file_progress *out,
                                    msb_error **err);

/**
 * Begins `msb_volume_fs_read`; its completion's result is for `msb_op_take_bytes`.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_read_async(msb_volume volume,
                                    const char *path,
                                    msb_queue queue,
                                    uint64_t token,
                                    msb_op *op,
                                    msb_error **err);

/**
 * Begins `msb_volume_fs_write`; its completion is for `msb_op_finish`. Cancelled, part of it may be written, unless `flags` has
 * `MSB_WRITE_ATOMIC`.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - data: copied; may be NULL if `len` is 0.
 * - len: number of bytes.
 * - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
 * - mode: permissions if the file is made, such as 0644, less the process's umask.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_write_async(msb_volume volume,
                                     const char *path,
                                     const void *data,
                                     size_t len,
                                     uint32_t flags,
                                     uint32_t mode,
                                     msb_queue queue,
                                     uint64_t token,
                                     msb_op *op,
                                     msb_error **err);

/**
 * Begins `msb_volume_fs_list`; its completion's result is for `msb_op_take_file_page`.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - cursor: where to go on; 0 is the beginning.
 * - limit: how many entries at most, 1 to 10000.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_list_async(msb_volume volume,
                                    const char *path,
                                    uint64_t cursor,
                                    uint32_t limit,
                                    msb_queue queue,
                                    uint64_t token,
                                    msb_op *op,
                                    msb_error **err);

/**
 * Begins `msb_volume_fs_remove_dir`; its completion is for `msb_op_finish`. Cancelled, part of it may be removed. Its progress counts
 * what was removed.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - flags: 0, or `MSB_REMOVE_RECURSIVE`.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_remove_dir_async(msb_volume volume,
                                          const char *path,
                                          uint32_t flags,
                                          msb_queue queue,
                                          uint64_t token,
                                          msb_op *op,
                                          msb_error **err);

/**
 * Begins `msb_volume_fs_copy`; its completion is for `msb_op_finish`. Cancelled, it leaves nothing. Its progress counts bytes and
 * entries.
 *
 * - volume: the volume.
 * - from: copied; beneath the root of the volume; not NULL.
 * - to: copied; a file or link there is replaced, a directory needs a free name; not NULL.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_copy_async(msb_volume volume,
                                    const char *from,
                                    const char *to,
                                    msb_queue queue,
                                    uint64_t token,
                                    msb_op *op,
                                    msb_error **err);

/**
 * Begins `msb_volume_fs_tar_export`; its completion's result is for `msb_op_take_file_progress`. Its progress counts bytes
 * and entries.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - fd: a file, pipe or socket to write to; the library keeps a duplicate, and the flags that both share stay as they are.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_tar_export_async(msb_volume volume,
                                          const char *path,
                                          int32_t fd,
                                          msb_queue queue,
                                          uint64_t token,
                                          msb_op *op,
                                          msb_error **err);

/**
 * Begins `msb_volume_fs_tar_import`; its completion's result is for `msb_op_take_file_progress`. Cancelled, the
 * entries before are there, and no part of a file. Its progress counts bytes and entries.
 *
 * - volume: the volume.
 * - path: copied; beneath the root of the volume; not NULL.
 * - fd: a file, pipe or socket to read from; the library keeps a duplicate, and the flags that both share stay as they are.
 * - queue: where its completion is reported.
 * - token: the caller's own value, given back with the completion.
 * - op: returned owned, to be released with `msb_op_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: no.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_fs_tar_import_async(msb_volume volume,
                                          const char *path,
                                          int32_t fd,
                                          msb_queue queue,
                                          uint64_t token,
                                          msb_op *op,
                                          msb_error **err);

/**
 * Takes a snapshot of a volume, and measures what it holds: for a directory that means looking at every file in it.
 *
 * - volume: the volume.
 * - out: returned owned, to be freed with `msb_volume_info_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: CORRUPT if what belongs to it on disk is missing, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
 *   STALE_HANDLE, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_info_get(msb_volume volume,
                               msb_volume_info **out,
                               msb_error **err);

/**
 * The volume's name.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_name(const msb_volume_info *info);

/**
 * What it is made of: `"dir"` or `"disk"`.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_kind(const msb_volume_info *info);

/**
 * Its directory on the host; a disk's image is `disk.raw` in it. Bytes as the file system has them.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_path(const msb_volume_info *info);

/**
 * Most that a directory may hold, in MiB; 0 without a limit.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_volume_info_quota_mib(const msb_volume_info *info);

/**
 * The size of a disk in bytes; 0 for a directory.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_volume_info_capacity_bytes(const msb_volume_info *info);

/**
 * The sizes of a directory's files together, or the room that a disk takes on the host, in bytes.
 * `MSB_NOT_MEASURED` on a page: a listing looks at no files.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_volume_info_used_bytes(const msb_volume_info *info);

/**
 * The format of a disk: `"raw"`; empty for a directory.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_disk_format(const msb_volume_info *info);

/**
 * The file system of a disk: `"ext4"`; empty for a directory.
 *
 * - info: borrowed; may be NULL.
 * - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_disk_fstype(const msb_volume_info *info);

/**
 * When it was created, in milliseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_volume_info_created_unix_ms(const msb_volume_info *info);

/**
 * When it was last resized, else created, in milliseconds since 1970 UTC.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API uint64_t msb_volume_info_updated_unix_ms(const msb_volume_info *info);

/**
 * The number of labels.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_volume_info_label_count(const msb_volume_info *info);

/**
 * A label's key, in the order of the keys.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such label.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_label_key(const msb_volume_info *info, size_t index);

/**
 * A label's value, in the order of the keys.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such label.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_label_value(const msb_volume_info *info, size_t index);

/**
 * The number of running sandboxes that have it attached; 0 on a page: a listing does not look.
 *
 * - info: borrowed; may be NULL.
 * - Returns: the value; 0 if `info` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_volume_info_attached_count(const msb_volume_info *info);

/**
 * A sandbox that has it attached.
 *
 * - info: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: text, a view until the info is freed; NULL if there is no such sandbox.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_info_attached_to(const msb_volume_info *info, size_t index);

/**
 * Frees a snapshot. One that belongs to a page is freed with its page instead.
 *
 * - info: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_volume_info_free(msb_volume_info *info);

/**
 * Lists volumes in the order of their names, a page at a time: set the filter's cursor to what `msb_volume_page_next`
 * gives until that is NULL.
 *
 * - backend: the backend.
 * - filter: borrowed; NULL lists every volume, 100 to a page.
 * - out: returned owned, to be freed with `msb_volume_page_free`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations.
 * - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
 * - Since: 0.1.0
 */
MSB_API
msb_status msb_volume_list(msb_backend backend,
                           const msb_volume_filter *filter,
                           msb_volume_page **out,
                           msb_error **err);

/**
 * The number of volumes on a page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: the value; 0 if `page` is NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API size_t msb_volume_page_len(const msb_volume_page *page);

/**
 * A volume of a page.
 *
 * - page: borrowed; may be NULL.
 * - index: from 0.
 * - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such volume.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const msb_volume_info *msb_volume_page_get(const msb_volume_page *page, size_t index);

/**
 * The cursor of the next page.
 *
 * - page: borrowed; may be NULL.
 * - Returns: text, a view until the page is freed; NULL after the last page.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API const char *msb_volume_page_next(const msb_volume_page *page);

/**
 * Frees a page and the snapshots on it.
 *
 * - page: consumed; may be NULL.
 * - Blocking: no.
 * - Errors: none.
 * - Since: 0.1.0
 */
MSB_API void msb_volume_page_free(msb_volume_page *page);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MSB_H */
