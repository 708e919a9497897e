/*
 * What the parts of the addon share. The addon only translates: JavaScript values become arguments of one C function of
 * msb.h, and what that gives becomes a JavaScript value. Promises, classes and streams are made in ../lib.
 *
 * Nothing is global: whatever is not constant is in `struct instance`, of which every environment (the main thread, each
 * worker) has its own. Only node_api.h is used, of no engine and of no event loop.
 */
#ifndef MSB_NODE_ADDON_H
#define MSB_NODE_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <msb.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_ARGUMENTS = 8, SHORT_TEXT = 128 };

/* ---- objects that JavaScript holds ---- */

enum handle_kind { HANDLE_BACKEND, HANDLE_SANDBOX, HANDLE_EXEC, HANDLE_VOLUME, HANDLE_FILE, HANDLE_KINDS };

/* Every msb handle is one number; `kind` says of what. */
struct handle {
    enum handle_kind kind;
    uint64_t id;
    bool released;
};

/* ---- results ---- */

/* What a function gives, and how it becomes a value: see results.c. */
enum result_kind {
    NOTHING, BACKEND, SANDBOX, EXEC, VOLUME, FILE_HANDLE,
    EXIT, EXEC_STATUS, EXEC_RESULT, BYTES, COUNT, FLAG, FILE_INFO, FILE_PAGE, FILE_PROGRESS,
    PROBE_REPORT, STORAGE_USAGE, FSCK_REPORT, PRUNE_REPORT, IMAGE_INFO,
    /* No operation gives these, only direct calls. */
    SANDBOX_INFO, SANDBOX_PAGE, VOLUME_INFO, VOLUME_PAGE, IMAGE_PAGE, TEXT, RESULT_KINDS
};

union result {
    msb_backend backend;
    msb_sandbox sandbox;
    msb_exec exec;
    msb_volume volume;
    msb_file file;
    msb_exit exit;
    msb_exec_status exec_status;
    msb_exec_result *exec_result;
    msb_bytes *bytes;
    uint64_t count;
    uint8_t flag;
    msb_file_info *file_info;
    msb_file_page *file_page;
    msb_file_progress file_progress;
    msb_probe_report *probe_report;
    msb_storage_usage *storage_usage;
    msb_fsck_report *fsck_report;
    msb_prune_report *prune_report;
    msb_sandbox_info *sandbox_info;
    msb_sandbox_page *sandbox_page;
    msb_volume_info *volume_info;
    msb_volume_page *volume_page;
    msb_image_info *image_info;
    msb_image_page *image_page;
    const char *text;
};

/* ---- calls ---- */

union argument {
    uint64_t handle;
    int64_t number;
    uint64_t size;
    struct {
        const char *text;
        char room[SHORT_TEXT];
    };
    struct {
        const void *data;
        size_t len;
    };
    void *config;
};

struct call {
    struct instance *instance;
    union argument arguments[MAX_ARGUMENTS];
    union result result;
    msb_queue queue;
    uint64_t token;
    msb_op op;
    msb_error *err;
};

/*
 * One function of msb.h. `arguments` has a letter for each argument:
 *   B S E V F  a backend, sandbox, exec, volume, file      t  text           d  bytes; none is (NULL, 0)
 *   i  int64_t      u  uint64_t      w  uint32_t           b s e v           a config as JSON text of backend, sandbox,
 *   l m n  a filter of sandboxes, volumes, images; none is NULL              exec, volume; none is NULL
 *   o p  how an image is loaded, pulled; none is NULL
 * `run` calls it. A direct one writes `result`, an operation is submitted and gives its result later.
 */
struct method {
    const char *name;
    const char *arguments;
    enum result_kind result;
    bool operation;
    msb_status (*run)(struct call *call);
};

#define DIRECT(name, arguments, result) {#name, arguments, result, false, name}
#define OPERATION(name, arguments, result) {#name, arguments, result, true, name}

#define BACKEND_AT(i) ((msb_backend){call->arguments[i].handle})
#define SANDBOX_AT(i) ((msb_sandbox){call->arguments[i].handle})
#define EXEC_AT(i) ((msb_exec){call->arguments[i].handle})
#define VOLUME_AT(i) ((msb_volume){call->arguments[i].handle})
#define FILE_AT(i) ((msb_file){call->arguments[i].handle})
#define TEXT_AT(i) (call->arguments[i].text)
#define NUMBER_AT(i) (call->arguments[i].number)
#define SIZE_AT(i) (call->arguments[i].size)
#define WORD_AT(i) ((uint32_t)call->arguments[i].size)
#define DATA_AT(i) call->arguments[i].data, call->arguments[i].len
#define CONFIG_AT(i) (call->arguments[i].config)
/* The last arguments of every function that submits. */
#define SUBMIT call->queue, call->token, &call->op, &call->err

/* Each ends with a method without a name. */
extern const struct method backend_methods[], sandbox_methods[], sandbox_fs_methods[], exec_methods[], volume_methods[],
    file_methods[], image_methods[];

/* ---- one environment ---- */

struct pending {
    msb_op op; /* null if the slot is free */
    enum result_kind result;
    size_t next_free;
};

struct instance {
    napi_env env;
    napi_ref make_error; /* function (record): Error */
    napi_ref settle;     /* function (id, failure, value) */

    /* The rest belongs to queue.c. */
    msb_queue queue;
    int32_t queue_fd;
    napi_threadsafe_function take;
    pthread_t waiter;
    pthread_mutex_t lock;
    pthread_cond_t taken;
    bool handed_over, closing; /* under `lock` */
    struct pending *slots;
    size_t slot_count, first_free, in_flight;
};

/* Whether a call of node_api.h went well. If not, an exception is pending afterwards. */
bool went_well(napi_env env, napi_status status);

/* arguments.c: false with an exception pending. What was read must be dropped, also after a failure. */
bool read_arguments(struct call *call, const struct method *method, const napi_value *values, size_t count);
void drop_arguments(struct call *call, const struct method *method);

/* handles.c */
napi_value wrap_handle(napi_env env, enum handle_kind kind, uint64_t id);
struct handle *unwrap_handle(napi_env env, napi_value value, enum handle_kind kind);
napi_value release_handle(napi_env env, napi_callback_info info);

/* results.c: both consume their argument; NULL with an exception pending. */
napi_value give_result(struct instance *instance, enum result_kind kind, union result *result);
/* The result of a finished operation, or why it failed. */
msb_status take_result(enum result_kind kind, msb_op op, union result *result, msb_error **err);

/* errors.c: consume the error. */
napi_value error_record(napi_env env, msb_error *error);
void throw_error(struct instance *instance, msb_error *error);

/* queue.c */
napi_value submit(struct call *call, const struct method *method);
napi_value cancel_operation(napi_env env, napi_callback_info info);
napi_value operation_progress(napi_env env, napi_callback_info info);

#endif
