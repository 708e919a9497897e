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
 * Why a call failed.
 *
 * The set is open: a later version may add statuses, so a `switch` needs a `default`. Numbers are never reused.
 */
enum msb_err
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * An argument is NULL, malformed or out of range; the message names it.
     */
    MSB_ERR_INVALID_ARGUMENT = 1,
    /**
     * Nothing of that name exists.
     */
    MSB_ERR_NOT_FOUND = 2,
    /**
     * The name is taken.
     */
    MSB_ERR_ALREADY_EXISTS = 3,
    /**
     * The object is in a state in which this cannot be done.
     */
    MSB_ERR_INVALID_STATE = 4,
    /**
     * The operating system denies access.
     */
    MSB_ERR_PERMISSION_DENIED = 5,
    /**
     * A limit of the process, the system or the library is reached.
     */
    MSB_ERR_RESOURCE_EXHAUSTED = 6,
    /**
     * The other side does not answer now; the same call may succeed later.
     */
    MSB_ERR_UNAVAILABLE = 7,
    /**
     * The deadline passed.
     */
    MSB_ERR_TIMEOUT = 8,
    /**
     * The operation was cancelled. No function of this version gives it.
     */
    MSB_ERR_CANCELLED = 9,
    /**
     * Nothing is ready and the caller asked not to wait.
     */
    MSB_ERR_WOULD_BLOCK = 10,
    /**
     * The stream has ended; there will be no more data. No function of this version gives it.
     */
    MSB_ERR_END_OF_STREAM = 11,
    /**
     * This build, host or driver cannot do it.
     */
    MSB_ERR_UNSUPPORTED = 12,
    /**
     * A file or device operation failed; see the errno.
     */
    MSB_ERR_IO = 13,
    /**
     * A network operation failed. No function of this version gives it.
     */
    MSB_ERR_NETWORK = 14,
    /**
     * Data does not have the form or the digest that it must have.
     */
    MSB_ERR_CORRUPT = 15,
    /**
     * Somebody else changed the same object first.
     */
    MSB_ERR_CONFLICT = 16,
    /**
     * The guest did not come up; details hold the stage and the console's tail.
     */
    MSB_ERR_GUEST_FAILED = 17,
    /**
     * The command could not be started in the guest; the reason says why.
     */
    MSB_ERR_EXEC_FAILED = 18,
    /**
     * The handle was released, or was never given out by this process.
     */
    MSB_ERR_STALE_HANDLE = 19,
    /**
     * The handle belongs to an object of another type.
     */
    MSB_ERR_WRONG_HANDLE_TYPE = 20,
    /**
     * The call would wait for the thread that makes it.
     */
    MSB_ERR_WOULD_DEADLOCK = 21,
    /**
     * The process was forked after the library was first used; the child cannot use it.
     */
    MSB_ERR_FORKED = 22,
    /**
     * Header and library are of incompatible versions. No function of this version gives it.
     */
    MSB_ERR_ABI_MISMATCH = 23,
    /**
     * Memory could not be allocated.
     */
    MSB_ERR_OUT_OF_MEMORY = 24,
    /**
     * A defect of the library itself.
     */
    MSB_ERR_INTERNAL = 25,
    /**
     * The store was written by a newer version; it was left as it was.
     */
    MSB_ERR_STORE_NEWER = 26,
    /**
     * The store's database is damaged.
     */
    MSB_ERR_STORE_CORRUPT = 27,
    /**
     * The place to be written is read-only.
     */
    MSB_ERR_READ_ONLY = 28,
    /**
     * The disk or its quota is full.
     */
    MSB_ERR_DISK_FULL = 29,
    /**
     * A configuration text or file cannot be used as it stands.
     */
    MSB_ERR_CONFIG_INVALID = 30,
    /**
     * No driver can run a guest on this host.
     */
    MSB_ERR_DRIVER_UNAVAILABLE = 31,
    /**
     * No guest kernel was found; the message lists where it was looked for.
     */
    MSB_ERR_KERNEL_NOT_FOUND = 32,
    /**
     * This host cannot give the isolation that was asked for.
     */
    MSB_ERR_ISOLATION_UNAVAILABLE = 33,
    /**
     * The sandbox's machine ended without being asked to. No function of this version gives it.
     */
    MSB_ERR_SANDBOX_CRASHED = 34,
    /**
     * The sandbox is not running.
     */
    MSB_ERR_NOT_RUNNING = 35,
    /**
     * The object is in use.
     */
    MSB_ERR_BUSY = 36,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum msb_err msb_err;
#else
typedef int32_t msb_err;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What `msb_backend_new` takes: options that override the config file. Freed with `msb_backend_config_free`.
 */
typedef struct msb_backend_config msb_backend_config;

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
 * What this host can run, and what to do about what it cannot. Freed with `msb_probe_report_free`.
 */
typedef struct msb_probe_report msb_probe_report;

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
 * The directory of the store, the sandboxes and all caches. Unset: `$MSB_HOME`, else `~/.microsandbox`.
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
 * The libkrunfw library to take the guest kernel from. Unset: it is looked for.
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
 * Virtual processors of a sandbox that does not say, 1 to 255.
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
 * Memory in MiB of a sandbox that does not say, at least 64.
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
 * Reading connections to the database, 1 to 64. Unset: the config file's, else 5.
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
 * The directory of the sandboxes. Unset: `<home>/sandboxes`.
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
 * The directory of what can be made again. Unset: `<home>/cache`.
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
 * Makes a backend on a home directory. Without a configuration it goes by the configuration file and the environment
 * and opens its database when that is first needed; with one the database is opened, and upgraded if need be, before
 * this returns. Backends with different homes share nothing.
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
 * - output: called with output; NULL throws output away.
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
 * Makes a config with nothing but a program.
 *
 * - program: copied; may be NULL. That it is set is checked when the config is used.
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
 * The program: a path in the guest, or a name that is looked for in its `PATH`. Required.
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
 * Creates a sandbox. It is not started, but everything that a start needs is checked: the root, a hypervisor that works
 * on this host, a guest kernel.
 *
 * - backend: the backend.
 * - config: borrowed; not NULL.
 * - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
 * - err: returned owned on failure, else set to NULL; may be NULL.
 * - Blocking: file operations; up to a minute when the host's virtualization is first tried; with `replace` also the stop of
 *   the sandbox that is replaced.
 * - Errors: ALREADY_EXISTS, BUSY, CONFLICT, DISK_FULL, DRIVER_UNAVAILABLE, INVALID_ARGUMENT, IO, ISOLATION_UNAVAILABLE,
 *   KERNEL_NOT_FOUND, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
 *   UNSUPPORTED, WRONG_HANDLE_TYPE.
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
 *   `stage` and `console_tail`.
 * - Blocking: up to `timeout_ms`, and up to 10 s more to undo a start.
 * - Errors: CONFLICT, CORRUPT, DISK_FULL, DRIVER_UNAVAILABLE, GUEST_FAILED, INVALID_ARGUMENT, INVALID_STATE, IO,
 *   ISOLATION_UNAVAILABLE, KERNEL_NOT_FOUND, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, TIMEOUT,
 *   UNSUPPORTED, WRONG_HANDLE_TYPE.
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
 * The root file system: a directory, which is never modified. Required.
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
 * The working directory of commands that do not say, in the guest.
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
 * The guest's host name, at most 64 bytes. Unset: made from the name.
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
 * The root file system: a directory's path.
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MSB_H */
