#include "pipeline/infer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "batch/frame.h"
#include "batch/note_frame.h"
#include "batch/verdict_frame.h"
#include "pipeline/backend.h"
#include "pipeline/classes.h"

enum { SHOW_NS = 50 * 1000000, TAKE_NS = 100 * 1000000, TROUBLE_NS = 1000000000, LISTS_MAX = 256 };
static const int64_t linger_ns = (int64_t)5 * 1000000000;

/* A model and how it fits the lists that have turned up. Counted: one reference is the infer's, one each worker's. */
struct bench {
    const weir_model *model;
    weir_model *own; /* the same, or NULL */
    unsigned holders, lists;
    struct list {
        uint64_t id, feature_set;
        const char **names; /* one block, with the texts */
        size_t count;
        struct weir_judge *judge; /* NULL: does not fit, which was said */
    } list[LISTS_MAX];
};

struct worker {
    struct weir_infer *infer;
    unsigned number;
    struct weir_worker_end *end;
    pthread_t thread;
    bool started;
    struct bench *bench;
    struct weir_batch *batch;
    struct weir_verdicts *verdicts;
    float *x; /* room for the features of a batch that cannot stay in its frame */
    size_t x_columns;
    uint8_t *out; /* the verdict frame */
    size_t out_room;
    int64_t shown_ns, troubled_ns;
    bool said, late;
    struct weir_class_places places; /* in the account */
    struct weir_account account;     /* rows, alerts, classes, batches, stages, decision_ns, inferred */
    /* under the lock */
    pthread_mutex_t lock;
    struct weir_account shown;
    char trouble[300];
};

struct weir_infer {
    enum weir_reasons reasons;
    enum weir_infer_overload overload;
    unsigned workers, opened;
    size_t only; /* addresses that carry one list each; 0: lists are looked up */
    struct worker *worker;
    int64_t started_ns;
    atomic_bool stop, failed;
    atomic_uint_fast64_t reloads;
    bool finished;
    pthread_mutex_t lock;
    /* under the lock */
    struct bench *bench;
    struct weir_error failure, unfit; /* unfit: why the model cannot score the list that was asked about last */
};

static const struct weir_view *find_view(uint64_t id)
{
    const struct weir_view *const *view = weir_view_all();
    while (*view && weir_view_id(*view) != id)
        view++;
    return *view;
}

/* --- the bench; under the infer's lock --- */

static void bench_free(struct bench *bench)
{
    for (unsigned i = 0; bench && i < bench->lists; i++) {
        weir_judge_release(&bench->list[i].judge);
        free(bench->list[i].names);
    }
    if (bench)
        weir_model_free(&bench->own);
    free(bench);
}

static void bench_release(struct bench **bench)
{
    if (*bench && --(*bench)->holders == 0)
        bench_free(*bench);
    *bench = NULL;
}

static weir_err bench_create(weir_model *own, const weir_model *lent, struct bench **out, struct weir_error *error)
{
    struct bench *bench = *out = calloc(1, sizeof *bench);
    if (!bench)
        return weir_fail(error, WEIR_ERR_MEMORY, "model: out of memory");
    bench->holders = 1;
    bench->own = own;
    bench->model = own ? own : lent;
    return WEIR_OK;
}

static const char **copy_names(const char *const *names, size_t count)
{
    size_t size = (count + 1) * sizeof *names;
    for (size_t i = 0; i < count; i++)
        size += strlen(names[i]) + 1;
    const char **copy = malloc(size);
    char *at = copy ? (char *)(copy + count + 1) : NULL;
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = at;
        at = stpcpy(at, names[i]) + 1;
    }
    return copy;
}

/* Finds out whether the model fits a list and keeps the answer; WEIR_ERR_MISMATCH when it does not. */
static weir_err bench_add(struct weir_infer *infer, struct bench *bench, const struct list *new, struct weir_error *error)
{
    const struct weir_row_columns columns = {find_view(new->feature_set), new->names, new->count};
    if (bench->lists == LISTS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d column lists", LISTS_MAX);
    struct list *list = &bench->list[bench->lists];
    *list = (struct list){.id = new->id, .feature_set = new->feature_set, .count = new->count};
    weir_err code = WEIR_OK;
    if (!columns.view)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "feature set %016" PRIx64 " is not one that weir meters (%s)",
                         new->feature_set, weir_view_names());
    else if (!(list->names = copy_names(new->names, new->count)))
        code = weir_fail(error, WEIR_ERR_MEMORY, "column lists: out of memory");
    else
        code = weir_judge_create(bench->model, false, &columns, infer->workers, infer->reasons, &list->judge, error);
    if (code == WEIR_OK || code == WEIR_ERR_MISMATCH)
        bench->lists++;
    else
        free(list->names);
    return code;
}

/* The judge for a list; NULL: the model does not fit, or there is no memory. *error tells why when it was found out now. */
static struct weir_judge *bench_judge(struct weir_infer *infer, struct bench *bench, const struct list *asked,
                                      struct weir_error *error)
{
    unsigned at = 0;
    while (at < bench->lists && bench->list[at].id != asked->id)
        at++;
    if (at == bench->lists && bench_add(infer, bench, asked, error) != WEIR_OK)
        return NULL;
    return bench->list[at].judge;
}

/* --- a worker's thread --- */

static void show(struct worker *worker, int64_t now_ns)
{
    char trouble[sizeof worker->trouble] = "";
    weir_worker_end_account(worker->end, &worker->account.inferred.queue);
    weir_worker_end_trouble(worker->end, trouble, sizeof trouble);
    pthread_mutex_lock(&worker->lock);
    worker->shown = worker->account;
    snprintf(worker->trouble, sizeof worker->trouble, "%s", trouble);
    pthread_mutex_unlock(&worker->lock);
    worker->shown_ns = now_ns;
    /* what lasts is logged, once; all workers have the same */
    if (!*trouble)
        worker->troubled_ns = now_ns;
    bool lasts = now_ns >= worker->troubled_ns + TROUBLE_NS;
    if (lasts && !worker->said && worker->number == 0)
        weir_log(WEIR_LOG_WARNING, "%s", trouble);
    worker->said = *trouble && (lasts || worker->said);
}

static void fail(struct weir_infer *infer, const struct weir_error *error)
{
    pthread_mutex_lock(&infer->lock);
    if (!atomic_exchange_explicit(&infer->failed, true, memory_order_relaxed))
        infer->failure = *error;
    pthread_mutex_unlock(&infer->lock);
}

/* A worker that has begun with nothing but lists that it cannot score waits for nothing: it was given the wrong model. */
static void check_start(struct worker *worker)
{
    struct weir_infer *infer = worker->infer;
    const struct weir_inferred_account *account = &worker->account.inferred;
    if (!infer->only || account->judged || account->queue.unscorable < infer->only)
        return;
    pthread_mutex_lock(&infer->lock);
    const struct weir_error unfit = infer->unfit;
    pthread_mutex_unlock(&infer->lock);
    if (unfit.code != WEIR_OK)
        fail(infer, &unfit);
}

/* Has the type weir_can_score. */
static bool can_score(void *context, uint64_t feature_set, const char *name, uint64_t list, const char *const *columns,
                      size_t count)
{
    struct worker *worker = context;
    struct weir_infer *infer = worker->infer;
    struct weir_error error = {0};
    pthread_mutex_lock(&infer->lock);
    const struct list asked = {.id = list, .feature_set = feature_set, .names = (const char **)columns, .count = count};
    bool can = bench_judge(infer, worker->bench, &asked, &error) != NULL;
    char label[256];
    snprintf(label, sizeof label, "%s", weir_model_label(worker->bench->model));
    if (error.code != WEIR_OK)
        weir_fail(&infer->unfit, error.code, "column list %016" PRIx64 ": model %s cannot score it: %s", list, label, error.text);
    pthread_mutex_unlock(&infer->lock);
    if (error.code != WEIR_OK) /* the first to ask */
        weir_log(WEIR_LOG_WARNING, "column list %016" PRIx64 ": model %s cannot score it, its batches stay in the queue: %s",
                 list, label, error.text);
    return can;
}

/* Sits down at the bench of the day. */
static void change_bench(struct worker *worker)
{
    struct weir_infer *infer = worker->infer;
    pthread_mutex_lock(&infer->lock);
    bool changed = worker->bench != infer->bench;
    if (changed) {
        bench_release(&worker->bench);
        worker->bench = infer->bench;
        worker->bench->holders++;
    }
    pthread_mutex_unlock(&infer->lock);
    if (changed)
        weir_worker_end_refilter(worker->end);
}

static weir_err need_room(struct worker *worker, size_t columns, size_t out, struct weir_error *error)
{
    if (columns > worker->x_columns) {
        float *x = aligned_alloc(64, columns * WEIR_BATCH_ROWS * sizeof *x);
        if (!x)
            return weir_fail(error, WEIR_ERR_MEMORY, "batches: out of memory");
        free(worker->x);
        worker->x = x;
        worker->x_columns = columns;
    }
    if (out > worker->out_room) {
        size_t room = (out + out / 4 + 63) / 64 * 64;
        uint8_t *fresh = aligned_alloc(64, room);
        if (!fresh)
            return weir_fail(error, WEIR_ERR_MEMORY, "verdicts: out of memory");
        free(worker->out);
        worker->out = fresh;
        worker->out_room = room;
    }
    return WEIR_OK;
}

static weir_err hand_on(struct worker *worker, const struct weir_delivery *delivery, const void *bytes, size_t size, bool *left,
                        struct weir_error *error)
{
    weir_err code;
    int64_t until_ns = INT64_MAX;
    *left = false;
    while ((code = weir_worker_end_publish(worker->end, delivery, bytes, size, TAKE_NS, error)) == WEIR_ERR_AGAIN) {
        int64_t now_ns = weir_clock_mono_ns();
        if (until_ns == INT64_MAX && atomic_load_explicit(&worker->infer->stop, memory_order_relaxed))
            until_ns = now_ns + linger_ns;
        if (now_ns >= until_ns) {
            *left = true;
            return WEIR_OK;
        }
        show(worker, now_ns);
    }
    return code;
}

static weir_err refuse(struct worker *worker, const struct weir_delivery *delivery, const struct weir_error *why,
                       struct weir_error *error)
{
    worker->account.inferred.refused++;
    return weir_worker_end_refuse(worker->end, delivery, why->text, error);
}

static weir_err pass_note(struct worker *worker, const struct weir_delivery *delivery, struct weir_error *error)
{
    bool left;
    weir_err code = hand_on(worker, delivery, delivery->bytes, delivery->size, &left, error);
    worker->account.inferred.left += left;
    worker->account.inferred.notes += code == WEIR_OK && !left;
    return code;
}

/* Nobody else could tell that the clocks are to blame: a worker cannot. */
static void say_late(struct worker *worker, const struct weir_frame *frame, int64_t late_ns)
{
    bool late = worker->verdicts->brief;
    if (late && !worker->late)
        weir_log(WEIR_LOG_WARNING,
                 "batches of sensor %s come %.1f s after they were handed on: alerts are not explained until that is over "
                 "(--overload degrade); when the queue is empty all the same, the two machines' clocks differ",
                 frame->sensor_name, (double)late_ns / 1e9);
    worker->late = late;
}

/* What is left out of a batch that was handed on so long ago. */
static void degrade(struct worker *worker, const struct weir_frame *frame, int64_t late_ns)
{
    const enum weir_infer_overload policy = worker->infer->overload;
    bool may = policy == WEIR_INFER_DEGRADE || (policy == WEIR_INFER_BY_SENSOR && frame->degrade);
    worker->verdicts->brief = may && late_ns >= WEIR_INFER_LATE_NS;
    worker->verdicts->alerts_only = may && late_ns >= WEIR_INFER_VERY_LATE_NS;
    say_late(worker, frame, late_ns);
}

static weir_err judge_frame(struct worker *worker, const struct weir_delivery *delivery, const struct weir_frame *frame,
                            struct weir_error *error)
{
    struct weir_infer *infer = worker->infer;
    struct weir_verdicts *verdicts = worker->verdicts;
    struct weir_batch *batch = worker->batch;
    struct weir_account *account = &worker->account;
    struct weir_error why = {0};
    const char *names[WEIR_FRAME_COLUMNS_MAX];
    int64_t mono_ns = weir_clock_mono_ns(), wall_ns = weir_clock_wall_ns(), mono_to_wall = wall_ns - mono_ns;
    weir_frame_names(frame, names);
    pthread_mutex_lock(&infer->lock);
    const struct list asked = {
        .id = frame->column_list, .feature_set = frame->feature_set, .names = names, .count = frame->columns};
    struct weir_judge *judge = bench_judge(infer, worker->bench, &asked, &why);
    pthread_mutex_unlock(&infer->lock);
    if (!judge) {
        if (why.code == WEIR_OK)
            weir_fail(&why, WEIR_ERR_MISMATCH, "column list %016" PRIx64 ": model %s cannot score it", frame->column_list,
                      weir_model_label(worker->bench->model));
        return refuse(worker, delivery, &why, error);
    }
    weir_err code = need_room(worker, frame->columns, 0, error);
    if (code != WEIR_OK)
        return code;
    batch->x = worker->x;
    weir_frame_borrow(frame, mono_to_wall, batch);
    if (!frame->handed_ns) /* a producer that does not say when */
        batch->handed_ns = frame->sent_ns - mono_to_wall;
    verdicts->taken_ns = mono_ns;
    degrade(worker, frame, mono_ns - batch->handed_ns);
    weir_judge_batch(judge, worker->number, verdicts);
    weir_classes_follow(&worker->places, account->class_name, verdicts);
    const struct weir_frame_origin origin = {.name = frame->sensor_name, .sent_ns = wall_ns, .mono_to_wall = mono_to_wall};
    struct weir_frame_origin from = origin;
    memcpy(from.sensor, frame->sensor, sizeof from.sensor);
    size_t columns = weir_model_columns(worker->bench->model, NULL), size = weir_verdict_frame_bytes(verdicts, columns, &from);
    if ((code = need_room(worker, 0, size, error)) == WEIR_OK)
        weir_verdict_frame_encode(verdicts, columns, &from, worker->out);
    struct weir_judge *lender = verdicts->lender;
    weir_judge_release(&lender);
    bool left = false;
    unsigned rows = batch->rows;
    if (code == WEIR_OK)
        code = hand_on(worker, delivery, worker->out, size, &left, error);
    if (code != WEIR_OK)
        return code;
    if (left) {
        account->inferred.left++;
        return WEIR_OK;
    }
    account->inferred.judged++;
    account->batches++;
    account->rows.batched += rows;
    account->rows.scored += rows;
    account->alerts += verdicts->alerts;
    account->unexplained += verdicts->brief ? verdicts->alerts : 0;
    account->store.degraded += verdicts->alerts_only ? rows - verdicts->alerts : 0;
    weir_classes_count(&worker->places, account->class_rows, verdicts);
    weir_stages_add(&account->stages, verdicts);
    for (unsigned r = 0; r < rows; r++)
        weir_histogram_add(&account->decision_ns, verdicts->scored_ns[r] - batch->closed_ns[r], 1);
    weir_histogram_add(&account->inferred.queue_ns, wall_ns - frame->sent_ns, 1);
    weir_histogram_add(&account->inferred.score_ns, weir_clock_mono_ns() - mono_ns, 1);
    return WEIR_OK;
}

static weir_err deal_with(struct worker *worker, const struct weir_delivery *delivery, struct weir_error *error)
{
    struct weir_frame frame;
    struct weir_note note;
    struct weir_error why = {0}, no_note = {0};
    worker->account.inferred.taken++;
    if (weir_frame_open(delivery->bytes, delivery->size, "batch frame", &frame, &why) == WEIR_OK)
        return judge_frame(worker, delivery, &frame, error);
    if (why.code == WEIR_ERR_UNSUPPORTED &&
        weir_note_frame_open(delivery->bytes, delivery->size, "note frame", &note, &no_note) == WEIR_OK)
        return pass_note(worker, delivery, error);
    return refuse(worker, delivery, &why, error);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct weir_infer *infer = worker->infer;
    weir_err code = WEIR_OK;
    struct weir_error error = {0};
    worker->troubled_ns = weir_clock_mono_ns();
    weir_worker_end_filter(worker->end, can_score, worker);
    while (code == WEIR_OK && !atomic_load_explicit(&infer->stop, memory_order_relaxed) &&
           !atomic_load_explicit(&infer->failed, memory_order_relaxed)) {
        struct weir_delivery delivery;
        code = weir_worker_end_take(worker->end, TAKE_NS, &delivery, &error);
        change_bench(worker);
        if (code == WEIR_OK)
            code = deal_with(worker, &delivery, &error);
        else if (code == WEIR_ERR_AGAIN)
            code = WEIR_OK;
        int64_t now_ns = weir_clock_mono_ns();
        if (now_ns >= worker->shown_ns + SHOW_NS) {
            show(worker, now_ns);
            check_start(worker);
        }
    }
    if (code != WEIR_OK)
        fail(infer, &error);
    weir_worker_end_flush(worker->end, NULL);
    show(worker, weir_clock_mono_ns());
    weir_worker_end_close(&worker->end, linger_ns);
    return NULL;
}

/* --- the whole --- */

static weir_err open_worker(struct weir_infer *infer, const struct weir_infer_config *config, struct worker *worker,
                            struct weir_error *error)
{
    worker->infer = infer;
    worker->bench = infer->bench;
    worker->bench->holders++;
    pthread_mutex_init(&worker->lock, NULL);
    infer->opened++;
    worker->account.inferred.used = true;
    worker->batch = calloc(1, sizeof *worker->batch);
    worker->verdicts = calloc(1, sizeof *worker->verdicts);
    if (!worker->batch || !worker->verdicts)
        return weir_fail(error, WEIR_ERR_MEMORY, "workers: out of memory");
    worker->verdicts->batch = worker->batch;
    return weir_worker_end_open(&config->transport, &worker->end, error);
}

static weir_err check_model(const weir_model *model, struct weir_error *error)
{
    const char *set = weir_model_feature_set(model);
    if (weir_view_find(set))
        return WEIR_OK;
    return weir_fail(
        error, WEIR_ERR_MISMATCH,
        "model %s is of feature set '%s', which weir does not meter (it knows: %s): `weir evaluate` and `weir predict` take "
        "it; for live traffic train on flow records of `weir flows`, or on argus's columns (docs/train.md)",
        weir_model_label(model), set ? set : "none", weir_view_names());
}

weir_err weir_infer_start(const struct weir_infer_config *config, struct weir_infer **out, struct weir_error *error)
{
    *out = NULL;
    if (config->workers < 1 || config->workers > WEIR_WORKERS_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--workers %u: give 1 to %d", config->workers, WEIR_WORKERS_MAX);
    weir_err code = check_model(config->model ? config->model : config->lent, error);
    if (code != WEIR_OK)
        return code;
    struct weir_infer *infer = calloc(1, sizeof *infer);
    if (!infer)
        return weir_fail(error, WEIR_ERR_MEMORY, "workers: out of memory");
    pthread_mutex_init(&infer->lock, NULL);
    infer->started_ns = weir_clock_mono_ns();
    infer->reasons = config->reasons;
    infer->overload = config->overload;
    infer->workers = config->workers;
    if (config->transport.queues && !weir_transport_carries_results(config->transport.queue[0]))
        infer->only = config->transport.queues;
    infer->worker = calloc(config->workers, sizeof *infer->worker);
    code = infer->worker ? bench_create(config->model, config->lent, &infer->bench, error)
                         : weir_fail(error, WEIR_ERR_MEMORY, "workers: out of memory");
    for (unsigned i = 0; code == WEIR_OK && i < config->workers; i++) {
        infer->worker[i].number = i;
        code = open_worker(infer, config, &infer->worker[i], error);
    }
    for (unsigned i = 0; code == WEIR_OK && i < config->workers; i++) {
        infer->worker[i].started = !pthread_create(&infer->worker[i].thread, NULL, run, &infer->worker[i]);
        if (!infer->worker[i].started)
            code = weir_fail(error, WEIR_ERR_LIMIT, "cannot start worker thread %u", i);
    }
    if (code == WEIR_OK) {
        *out = infer;
        return WEIR_OK;
    }
    weir_infer_stop(infer);
    for (unsigned i = 0; i < infer->opened; i++)
        if (infer->worker[i].started)
            pthread_join(infer->worker[i].thread, NULL);
    infer->finished = true;
    if (infer->bench)
        infer->bench->own = NULL; /* stays the caller's */
    weir_infer_free(&infer);
    return code;
}

bool weir_infer_busy(struct weir_infer *infer)
{
    return !atomic_load_explicit(&infer->stop, memory_order_relaxed) &&
           !atomic_load_explicit(&infer->failed, memory_order_relaxed);
}

void weir_infer_stop(struct weir_infer *infer)
{
    atomic_store_explicit(&infer->stop, true, memory_order_relaxed);
}

weir_err weir_infer_reload(struct weir_infer *infer, weir_model *model, struct weir_error *error)
{
    struct bench *bench = NULL;
    weir_err code = check_model(model, error);
    if (code == WEIR_OK)
        code = bench_create(model, NULL, &bench, error);
    if (code != WEIR_OK)
        return code;
    pthread_mutex_lock(&infer->lock);
    for (unsigned i = 0; code == WEIR_OK && i < infer->bench->lists; i++) /* what is being scored must stay so */
        if (infer->bench->list[i].judge)
            code = bench_add(infer, bench, &infer->bench->list[i], error);
    if (code == WEIR_OK) {
        bench_release(&infer->bench);
        infer->bench = bench;
        atomic_fetch_add_explicit(&infer->reloads, 1, memory_order_relaxed);
    } else {
        bench->own = NULL; /* stays the caller's */
        bench_free(bench);
    }
    pthread_mutex_unlock(&infer->lock);
    return code;
}

void weir_infer_model(struct weir_infer *infer, char *label, size_t size)
{
    pthread_mutex_lock(&infer->lock);
    snprintf(label, size, "%s", weir_model_label(infer->bench->model));
    pthread_mutex_unlock(&infer->lock);
}

void weir_infer_account(struct weir_infer *infer, struct weir_account *account)
{
    memset(account, 0, sizeof *account);
    for (unsigned i = 0; i < infer->workers; i++) {
        struct worker *worker = &infer->worker[i];
        pthread_mutex_lock(&worker->lock);
        const struct weir_account *shown = &worker->shown;
        account->batches += shown->batches;
        account->rows.batched += shown->rows.batched;
        account->rows.scored += shown->rows.scored;
        account->alerts += shown->alerts;
        account->unexplained += shown->unexplained;
        account->store.degraded += shown->store.degraded;
        weir_classes_add(account, shown);
        weir_stages_merge(&account->stages, &shown->stages);
        weir_histogram_merge(&account->decision_ns, &shown->decision_ns);
        weir_inferred_add(&account->inferred, &shown->inferred);
        pthread_mutex_unlock(&worker->lock);
    }
    account->seconds = (double)(weir_clock_mono_ns() - infer->started_ns) / 1e9;
}

bool weir_infer_trouble(struct weir_infer *infer, char *text, size_t size)
{
    *text = 0;
    for (unsigned i = 0; i < infer->workers && !*text; i++) {
        pthread_mutex_lock(&infer->worker[i].lock);
        snprintf(text, size, "%s", infer->worker[i].trouble);
        pthread_mutex_unlock(&infer->worker[i].lock);
    }
    return *text != 0;
}

/* --- for the control socket --- */

static void job_stop(void *context)
{
    weir_infer_stop(context);
}

static void job_account(void *context, struct weir_account *out)
{
    weir_infer_account(context, out);
}

static uint64_t job_reloads(void *context)
{
    return atomic_load_explicit(&((struct weir_infer *)context)->reloads, memory_order_relaxed);
}

static void job_status(void *context, json_t *answer, char *problem, size_t size)
{
    struct weir_infer *infer = context;
    char model[256];
    weir_infer_model(infer, model, sizeof model);
    json_object_set_new(answer, "model", json_string(model));
    struct weir_account account;
    weir_infer_account(infer, &account);
    json_object_set_new(answer, "queue",
                        json_pack("{s:I,s:I}", "depth", (json_int_t)account.inferred.queue.depth, "room", (json_int_t)0));
    pthread_mutex_lock(&infer->lock);
    bool failed = infer->failure.code != WEIR_OK;
    if (failed)
        snprintf(problem, size, "%s", infer->failure.text);
    pthread_mutex_unlock(&infer->lock);
    if (!failed)
        weir_infer_trouble(infer, problem, size);
}

struct weir_job weir_infer_job(struct weir_infer *infer)
{
    return (struct weir_job){
        .context = infer, .stop = job_stop, .account = job_account, .status = job_status, .reloads = job_reloads};
}

/* --- the end --- */

weir_err weir_infer_finish(struct weir_infer *infer, struct weir_account *account, struct weir_error *error)
{
    char why[256];
    weir_infer_stop(infer);
    for (unsigned i = 0; !infer->finished && i < infer->workers; i++)
        pthread_join(infer->worker[i].thread, NULL);
    infer->finished = true;
    weir_infer_account(infer, account);
    if (infer->failure.code != WEIR_OK) {
        if (error)
            *error = infer->failure;
        return infer->failure.code;
    }
    if (!weir_account_check(account, why, sizeof why))
        return weir_fail(error, WEIR_ERR_MISMATCH, "the account does not add up: %s; this is a fault in weir, please report it",
                         why);
    return WEIR_OK;
}

void weir_infer_free(struct weir_infer **infer)
{
    if (!infer || !*infer)
        return;
    struct weir_account account;
    if (!(*infer)->finished)
        weir_infer_finish(*infer, &account, NULL);
    for (unsigned i = 0; i < (*infer)->opened; i++) {
        struct worker *worker = &(*infer)->worker[i];
        weir_worker_end_close(&worker->end, 0);
        bench_release(&worker->bench);
        free(worker->batch);
        free(worker->verdicts);
        free(worker->x);
        free(worker->out);
        pthread_mutex_destroy(&worker->lock);
    }
    bench_release(&(*infer)->bench);
    pthread_mutex_destroy(&(*infer)->lock);
    free((*infer)->worker);
    free(*infer);
    *infer = NULL;
}
