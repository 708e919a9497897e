/*
 * Operations: submitted here, and settled here when they have completed.
 *
 * The environment's first operation makes its queue and its one thread. The thread does nothing but watch the queue's
 * descriptor and call for JavaScript's thread, which takes the completions; then it watches again. So one call at most is
 * under way, and no completion is ever in the hands of a thread that the environment could outlive.
 *
 * An operation is known to JavaScript by the number of its slot, from `submit` until `settle` is called with that number.
 * The process stays alive while there are operations in flight, and only for that.
 */
#include "addon.h"

#include "object.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

/* Completions taken at once, and how often before other events have their turn. */
enum { BATCH = 64, BATCHES_PER_TURN = 4 };
/* How long the end of an environment waits for what it cancelled to be undone. */
enum { CLOSE_TIMEOUT_MS = 2000 };
#define NO_SLOT SIZE_MAX

static void *watch(void *data) {
    struct instance *instance = data;
    struct pollfd ready = {instance->queue_fd, POLLIN, 0};
    pthread_mutex_lock(&instance->lock);
    while (!instance->closing) {
        pthread_mutex_unlock(&instance->lock);
        int count = poll(&ready, 1, -1);
        pthread_mutex_lock(&instance->lock);
        if (count < 1 || instance->closing) continue;
        instance->handed_over = true;
        /* It does not wait, and refuses only while the environment is being taken down: then `closing` is next. */
        napi_call_threadsafe_function(instance->take, NULL, napi_tsfn_nonblocking);
        while (instance->handed_over && !instance->closing) pthread_cond_wait(&instance->taken, &instance->lock);
    }
    pthread_mutex_unlock(&instance->lock);
    return NULL;
}

/* ---- slots ---- */

static bool grow_slots(struct instance *instance) {
    size_t count = instance->slot_count ? 2 * instance->slot_count : 16;
    struct pending *slots = realloc(instance->slots, count * sizeof *slots);
    if (!slots) return false;
    for (size_t i = instance->slot_count; i < count; i++)
        slots[i] = (struct pending){.next_free = i + 1 < count ? i + 1 : NO_SLOT};
    instance->first_free = instance->slot_count;
    instance->slots = slots;
    instance->slot_count = count;
    return true;
}

static void occupy_slot(struct instance *instance, size_t slot, msb_op op, enum result_kind result) {
    instance->first_free = instance->slots[slot].next_free;
    instance->slots[slot] = (struct pending){op, result, NO_SLOT};
    if (instance->in_flight++ == 0) napi_ref_threadsafe_function(instance->env, instance->take);
}

static struct pending vacate_slot(struct instance *instance, size_t slot) {
    struct pending pending = instance->slots[slot];
    instance->slots[slot] = (struct pending){.next_free = instance->first_free};
    instance->first_free = slot;
    if (--instance->in_flight == 0) napi_unref_threadsafe_function(instance->env, instance->take);
    return pending;
}

static struct pending *slot_at(struct instance *instance, size_t slot) {
    if (slot >= instance->slot_count || instance->slots[slot].op.id == 0) return NULL;
    return &instance->slots[slot];
}

/* ---- completions ---- */

/* Calls settle(id, failure, value): `failure` is an error's record, an exception, or undefined. */
static bool settle(struct instance *instance, size_t slot) {
    napi_env env = instance->env;
    struct pending pending = vacate_slot(instance, slot);
    union result result;
    msb_error *err = NULL;
    napi_value settle_function, undefined, arguments[3] = {NULL, NULL, NULL};
    msb_status status = take_result(pending.result, pending.op, &result, &err);
    msb_op_release(&pending.op);
    if (status == MSB_OK)
        arguments[2] = give_result(instance, pending.result, &result);
    else
        arguments[1] = error_record(env, err);
    bool pending_exception = false;
    napi_is_exception_pending(env, &pending_exception);
    if (pending_exception && napi_get_and_clear_last_exception(env, &arguments[1]) != napi_ok) return false;
    if (!went_well(env, napi_get_undefined(env, &undefined))) return false;
    for (int i = 1; i < 3; i++)
        if (!arguments[i]) arguments[i] = undefined;
    return went_well(env, napi_create_double(env, (double)slot, &arguments[0])) &&
           went_well(env, napi_get_reference_value(env, instance->settle, &settle_function)) &&
           went_well(env, napi_call_function(env, undefined, settle_function, 3, arguments, NULL));
}

static bool take_batch(struct instance *instance) {
    msb_completion batch[BATCH];
    size_t count = 0;
    if (msb_queue_next(instance->queue, batch, BATCH, 0, &count, NULL) != MSB_OK) return false;
    for (size_t i = 0; i < count; i++) {
        napi_handle_scope scope;
        if (!went_well(instance->env, napi_open_handle_scope(instance->env, &scope))) return false;
        bool settled = settle(instance, (size_t)batch[i].token);
        napi_close_handle_scope(instance->env, scope);
        /* The environment runs no more JavaScript: what is left goes when it is taken down. */
        if (!settled) return false;
    }
    return count > 0;
}

/* On JavaScript's thread. Promises are resolved here; what awaits them runs when this has returned. */
static void take_completions(napi_env env, napi_value callback, void *context, void *data) {
    struct instance *instance = context;
    (void)callback, (void)data;
    if (!env) return;
    for (int turn = 0; turn < BATCHES_PER_TURN; turn++)
        if (!take_batch(instance)) break;
    pthread_mutex_lock(&instance->lock);
    instance->handed_over = false;
    pthread_cond_signal(&instance->taken);
    pthread_mutex_unlock(&instance->lock);
}

/* ---- the queue's life ---- */

/* Before the environment goes: ends the thread, then cancels what is in flight and lets go of it. */
static void close_queue(void *data) {
    struct instance *instance = data;
    pthread_mutex_lock(&instance->lock);
    instance->closing = true;
    pthread_cond_signal(&instance->taken);
    pthread_mutex_unlock(&instance->lock);
    msb_queue_wake(instance->queue, NULL);
    pthread_join(instance->waiter, NULL);
    /* If this passes, what is slow to be undone is undone in the background. */
    msb_queue_close(instance->queue, CLOSE_TIMEOUT_MS, NULL);
    for (size_t i = 0; i < instance->slot_count; i++)
        if (instance->slots[i].op.id) msb_op_release(&instance->slots[i].op);
    msb_queue_release(&instance->queue);
}

/* No signal is handled on the thread: they are the host's. */
static int start_thread(struct instance *instance) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&instance->waiter, NULL, watch, instance);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

static bool make_take_function(struct instance *instance) {
    napi_env env = instance->env;
    napi_value name;
    return went_well(env, napi_create_string_utf8(env, "msb", NAPI_AUTO_LENGTH, &name)) &&
           went_well(env, napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, instance, take_completions,
                                                          &instance->take)) &&
           went_well(env, napi_unref_threadsafe_function(env, instance->take));
}

/* The hook is added last, so that it runs before the threadsafe function's own: then no thread uses that any more. */
static bool start_queue(struct instance *instance) {
    napi_env env = instance->env;
    msb_error *err = NULL;
    if (instance->queue.id) return true;
    instance->first_free = NO_SLOT;
    if (msb_queue_new(&instance->queue, &err) != MSB_OK || msb_queue_fd(instance->queue, &instance->queue_fd, &err) != MSB_OK) {
        throw_error(instance, err);
    } else if (make_take_function(instance)) {
        if (start_thread(instance) == 0) {
            if (went_well(env, napi_add_env_cleanup_hook(env, close_queue, instance))) return true;
            close_queue(instance);
            return false;
        }
        napi_release_threadsafe_function(instance->take, napi_tsfn_abort);
        napi_throw_error(env, NULL, "no thread can be started: a limit of the process or the system is reached");
    }
    msb_queue_release(&instance->queue);
    return false;
}

/* ---- functions ---- */

napi_value submit(struct call *call, const struct method *method) {
    struct instance *instance = call->instance;
    napi_value id = NULL;
    if (!start_queue(instance)) return NULL;
    if (instance->first_free == NO_SLOT && !grow_slots(instance)) {
        napi_throw_error(instance->env, NULL, "there is no memory for another operation");
        return NULL;
    }
    size_t slot = instance->first_free;
    if (!went_well(instance->env, napi_create_double(instance->env, (double)slot, &id))) return NULL;
    call->queue = instance->queue;
    call->token = slot;
    if (method->run(call) != MSB_OK) {
        throw_error(instance, call->err);
        return NULL;
    }
    occupy_slot(instance, slot, call->op, method->result);
    return id;
}

static struct pending *pending_argument(napi_env env, napi_callback_info info) {
    struct instance *instance;
    napi_value value;
    size_t count = 1;
    int64_t slot = -1;
    if (!went_well(env, napi_get_cb_info(env, info, &count, &value, NULL, NULL)) ||
        !went_well(env, napi_get_instance_data(env, (void **)&instance)) ||
        !went_well(env, napi_get_value_int64(env, value, &slot)))
        return NULL;
    return slot < 0 ? NULL : slot_at(instance, (size_t)slot);
}

/* cancel(id): an operation that is no longer in flight is left alone. */
napi_value cancel_operation(napi_env env, napi_callback_info info) {
    struct pending *pending = pending_argument(env, info);
    if (pending) msb_op_cancel(pending->op, NULL);
    return NULL;
}

/* progress(id): how far an operation in flight has come; undefined for another. */
napi_value operation_progress(napi_env env, napi_callback_info info) {
    struct pending *pending = pending_argument(env, info);
    msb_progress progress;
    if (!pending || msb_op_progress(pending->op, &progress, NULL) != MSB_OK) return NULL;
    struct object record = new_object(env);
    put_number(&record, "bytesDone", (double)progress.bytes_done);
    put_number(&record, "bytesTotal", (double)progress.bytes_total);
    put_number(&record, "itemsDone", (double)progress.items_done);
    put_number(&record, "itemsTotal", (double)progress.items_total);
    return record.value;
}
