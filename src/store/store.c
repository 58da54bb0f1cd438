#include "store/store.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "data/duck.h"
#include "store/gather.h"
#include "store/schema.h"
#include "store/text.h"

/* A row group is what DuckDB compresses and writes at once. 30 vectors: a commit of WEIR_STORE_COMMIT_ROWS rows, or what 250 ms
 * bring at full load, fills one and most of a second; with the default of 122,880 such commits would go through the log and be
 * written twice. Storage of 1.3 and later has the quick dictionaries for text. Log up to 256 MB: few checkpoints, none of them
 * long. 1 GB for the writer and its cache, the rest for a query beside it (WEIR_SQL_MEMORY); nothing is spilled to disk. */
#define ATTACH_OPTIONS "(ROW_GROUP_SIZE 61440, STORAGE_VERSION 'v1.3.0')"
#define SETTINGS       "SET checkpoint_threshold = '256MB'; SET memory_limit = '1536MB'; SET temp_directory = ''"

enum row_column {
    V_CONTEXT,
    V_FLOW_ID,
    V_RECORD,
    V_REASON,
    V_STIME,
    V_LTIME,
    V_PROTO,
    V_SRC_IP,
    V_SRC_PORT,
    V_DEST_IP,
    V_DEST_PORT,
    V_SCORE,
    V_ALERT,
    V_SEQ,
    V_ROW,
    V_DECISION_US,
    V_COLUMNS
};

enum cause_column {
    C_CONTEXT,
    C_FLOW_ID,
    C_RECORD,
    C_NAME, /* one each for WEIR_REASONS_MAX, as the next two */
    C_VALUE = C_NAME + WEIR_REASONS_MAX,
    C_CONTRIBUTION = C_VALUE + WEIR_REASONS_MAX,
    C_COLUMNS = C_CONTRIBUTION + WEIR_REASONS_MAX
};

static const duckdb_type row_types[V_COLUMNS] = {
    DUCKDB_TYPE_UINTEGER,     DUCKDB_TYPE_UUID,         DUCKDB_TYPE_UINTEGER,  DUCKDB_TYPE_UTINYINT,
    DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_UTINYINT,  DUCKDB_TYPE_VARCHAR,
    DUCKDB_TYPE_USMALLINT,    DUCKDB_TYPE_VARCHAR,      DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_FLOAT,
    DUCKDB_TYPE_BOOLEAN,      DUCKDB_TYPE_UBIGINT,      DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_BIGINT,
};

static const duckdb_type cause_types[C_COLUMNS] = {
    [C_CONTEXT] = DUCKDB_TYPE_UINTEGER,
    [C_FLOW_ID] = DUCKDB_TYPE_UUID,
    [C_RECORD] = DUCKDB_TYPE_UINTEGER,
    [C_NAME... C_VALUE - 1] = DUCKDB_TYPE_UINTEGER,
    [C_VALUE... C_COLUMNS - 1] = DUCKDB_TYPE_FLOAT,
};

/* Names by their index in the model, each with the number that stands for it in the rows. */
struct names {
    size_t count;
    struct name {
        char *text; /* NULL: not met yet */
        uint32_t number;
    } * name;
};

/* What the rows of a batch share; a row of `contexts` for each of its classes. */
struct group {
    char *model, *feature_set;
    float threshold;
    uint64_t boot;
    uint32_t lane;
    struct names classes; /* number: contexts.context */
    struct names columns; /* number: column_names.name */
};

struct weir_store {
    struct weir_duck *duck;
    char *path, *sensor;
    duckdb_hugeint run; /* as DuckDB keeps a UUID */
    char run_text[WEIR_TEXT_ROOM];
    uint64_t boot;
    struct weir_gather verdicts, reasons;
    struct group *group;
    size_t groups, last; /* last: the group of the batch before */
    uint32_t next_context, next_name;
    uint64_t pending; /* rows since the last commit */
    bool open;        /* a transaction is */
};

static weir_err no_memory(const struct weir_store *store, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", store->path);
}

/* Puts the path in front. */
static weir_err fail_duck(const struct weir_store *store, weir_err code, struct weir_error *error)
{
    if (!error)
        return code;
    struct weir_error inner = *error;
    return weir_fail(error, code, "%s: %s%s", store->path, inner.text,
                     code == WEIR_ERR_FULL ? "; what was committed before is kept" : "");
}

static weir_err run_sql(struct weir_store *store, const char *sql, struct weir_error *error)
{
    weir_err code = weir_duck_run(store->duck, sql, error);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

/* Runs a statement with text for its parameters (NULL: a null). */
static weir_err run_with(struct weir_store *store, const char *sql, const char *const *values, unsigned count,
                         struct weir_error *error)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    weir_err code = WEIR_OK;
    if (duckdb_prepare(store->duck->connection, sql, &statement) != DuckDBSuccess) {
        code = fail_duck(store, weir_duck_fail(duckdb_prepare_error(statement), error), error);
        goto out;
    }
    for (unsigned i = 0; i < count; i++)
        if ((values[i] ? duckdb_bind_varchar(statement, i + 1, values[i]) : duckdb_bind_null(statement, i + 1)) !=
            DuckDBSuccess) {
            code = weir_fail(error, WEIR_ERR_ARGUMENT, "%s: %.60s: value %u is no text", store->path, sql, i + 1);
            goto out;
        }
    if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess)
        code = fail_duck(store, weir_duck_fail(duckdb_result_error(&result), error), error);
    duckdb_destroy_result(&result);
out:
    duckdb_destroy_prepare(&statement);
    return code;
}

static duckdb_hugeint uuid(uint64_t high, uint64_t low) /* DuckDB orders UUIDs as signed numbers */
{
    return (duckdb_hugeint){.lower = low, .upper = (int64_t)(high ^ (uint64_t)1 << 63)};
}

/* --- contexts --- */

static void names_fini(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i].text);
    free(names->name);
}

static void group_fini(struct group *group)
{
    names_fini(&group->classes);
    names_fini(&group->columns);
    free(group->model);
    free(group->feature_set);
}

static void forget_contexts(struct weir_store *store)
{
    for (size_t i = 0; i < store->groups; i++)
        group_fini(&store->group[i]);
    store->groups = store->last = 0;
}

static bool group_fits(const struct group *group, const struct weir_verdicts *v)
{
    return group->lane == v->batch->lane && group->boot == v->batch->boot && group->threshold == v->threshold &&
           !strcmp(group->model, v->model) && !strcmp(group->feature_set, v->feature_set);
}

static struct group *find_group(struct weir_store *store, const struct weir_verdicts *v)
{
    if (store->last < store->groups && group_fits(&store->group[store->last], v))
        return &store->group[store->last];
    for (size_t i = 0; i < store->groups; i++)
        if (group_fits(&store->group[i], v)) {
            store->last = i;
            return &store->group[i];
        }
    struct group *more = realloc(store->group, (store->groups + 1) * sizeof *more);
    if (!more)
        return NULL;
    store->group = more;
    struct group group = {.model = strdup(v->model),
                          .feature_set = strdup(v->feature_set),
                          .threshold = v->threshold,
                          .boot = v->batch->boot,
                          .lane = v->batch->lane};
    if (!group.model || !group.feature_set) {
        group_fini(&group);
        return NULL;
    }
    store->last = store->groups++;
    store->group[store->last] = group;
    return &store->group[store->last];
}

/* The name at `index`, with `text` not yet there or another one when it is new. NULL: out of memory. */
static struct name *find_name(struct names *names, unsigned index)
{
    if (index >= names->count) {
        struct name *more = realloc(names->name, (index + 1) * sizeof *more);
        if (!more)
            return NULL;
        memset(more + names->count, 0, (index + 1 - names->count) * sizeof *more);
        names->name = more;
        names->count = index + 1;
    }
    return &names->name[index];
}

static bool is_new(const struct name *name, const char *text)
{
    return !name->text || strcmp(name->text, text) != 0;
}

/* Gives the name its number, by a row of the open transaction. */
static weir_err number_name(struct weir_store *store, struct name *name, const char *text, uint32_t *next, const char *sql,
                            const char **values, unsigned count, struct weir_error *error)
{
    char number[16], *copy = strdup(text);
    if (!copy)
        return no_memory(store, error);
    snprintf(number, sizeof number, "%u", *next);
    values[0] = number;
    weir_err code = run_with(store, sql, values, count, error);
    if (code != WEIR_OK) {
        free(copy);
        return code;
    }
    free(name->text);
    name->text = copy;
    name->number = (*next)++;
    return WEIR_OK;
}

static weir_err find_context(struct weir_store *store, struct group *group, unsigned index, const char *class, uint32_t *out,
                             struct weir_error *error)
{
    weir_err code = WEIR_OK;
    struct name *name = find_name(&group->classes, index);
    if (!name)
        return no_memory(store, error);
    if (is_new(name, class)) {
        char boot[24], lane[16], threshold[WEIR_TEXT_ROOM];
        snprintf(boot, sizeof boot, "%llu", (unsigned long long)group->boot);
        snprintf(lane, sizeof lane, "%u", group->lane);
        snprintf(threshold, sizeof threshold, "%.9g", (double)group->threshold);
        const char *values[] = {NULL,         store->run_text, store->sensor, boot, lane, group->feature_set,
                                group->model, threshold,       class};
        code = number_name(store, name, class, &store->next_context, "INSERT INTO contexts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           values, 9, error);
    }
    *out = name->number;
    return code;
}

static weir_err find_column(struct weir_store *store, struct group *group, unsigned index, const char *column, uint32_t *out,
                            struct weir_error *error)
{
    weir_err code = WEIR_OK;
    struct name *name = find_name(&group->columns, index);
    if (!name)
        return no_memory(store, error);
    if (is_new(name, column)) {
        const char *values[] = {NULL, column};
        code = number_name(store, name, column, &store->next_name, "INSERT INTO column_names VALUES (?, ?)", values, 2, error);
    }
    *out = name->number;
    return code;
}

/* --- the transaction --- */

/* After a failure: nothing of the transaction is kept, the next append begins anew. */
static void roll_back(struct weir_store *store)
{
    /* what the appenders still hold goes into the transaction that is about to be rolled back */
    weir_gather_drop(&store->verdicts);
    weir_gather_drop(&store->reasons);
    if (store->open)
        weir_duck_run(store->duck, "ROLLBACK", NULL);
    store->open = false;
    store->pending = 0;
    forget_contexts(store); /* some may never have become durable */
}

static weir_err begin(struct weir_store *store, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    if (store->open)
        return WEIR_OK;
    if ((code = weir_gather_begin(&store->verdicts, error)) == WEIR_OK &&
        (code = weir_gather_begin(&store->reasons, error)) == WEIR_OK)
        code = run_sql(store, "BEGIN TRANSACTION", error);
    store->open = code == WEIR_OK;
    return code;
}

static weir_err append_rows(struct weir_store *store, const struct weir_verdicts *v, struct weir_error *error)
{
    const struct weir_batch *batch = v->batch;
    struct weir_gather *g = &store->verdicts;
    struct group *group = find_group(store, v);
    if (!group)
        return no_memory(store, error);
    /* of the row before; most rows are of its class */
    unsigned class_index = 0;
    uint32_t context = 0;
    weir_err code = WEIR_OK;
    for (unsigned r = 0; r < batch->rows; r++) {
        const struct weir_identity *id = &batch->identity[r];
        if (r == 0 || v->class_index[r] != class_index) {
            class_index = v->class_index[r];
            if ((code = find_context(store, group, class_index, v->classes[class_index], &context, error)) != WEIR_OK)
                return code;
        }
        unsigned k;
        if ((code = weir_gather_row(g, &k, error)) != WEIR_OK)
            return code;
        char text[WEIR_TEXT_ROOM];
        ((uint32_t *)g->data[V_CONTEXT])[k] = context;
        ((duckdb_hugeint *)g->data[V_FLOW_ID])[k] = uuid(id->flow_id.high, id->flow_id.low);
        ((uint32_t *)g->data[V_RECORD])[k] = id->record;
        ((uint8_t *)g->data[V_REASON])[k] = id->reason;
        ((int64_t *)g->data[V_STIME])[k] = id->stime_ns;
        ((int64_t *)g->data[V_LTIME])[k] = id->ltime_ns;
        ((uint8_t *)g->data[V_PROTO])[k] = id->proto;
        weir_gather_text(g, k, V_SRC_IP, text, weir_text_ip(id->ip_version, id->src, text));
        weir_gather_text(g, k, V_DEST_IP, text, weir_text_ip(id->ip_version, id->dst, text));
        ((uint16_t *)g->data[V_SRC_PORT])[k] = id->sport;
        ((uint16_t *)g->data[V_DEST_PORT])[k] = id->dport;
        if (!id->ports) {
            weir_gather_null(g, k, V_SRC_PORT);
            weir_gather_null(g, k, V_DEST_PORT);
        }
        ((float *)g->data[V_SCORE])[k] = v->score[r];
        ((bool *)g->data[V_ALERT])[k] = v->alert[r];
        ((uint64_t *)g->data[V_SEQ])[k] = batch->seq;
        ((uint16_t *)g->data[V_ROW])[k] = (uint16_t)r;
        ((int64_t *)g->data[V_DECISION_US])[k] = (v->scored_ns[r] - batch->closed_ns[r]) / 1000;
    }
    return WEIR_OK;
}

static weir_err append_reasons(struct weir_store *store, const struct weir_verdicts *v, struct weir_error *error)
{
    struct weir_gather *g = &store->reasons;
    struct group *group = &store->group[store->last]; /* append_rows has found it */
    for (unsigned a = 0; a < v->alerts; a++) {
        const struct weir_alert_causes *causes = &v->causes[a];
        const struct weir_identity *id = &v->batch->identity[causes->row];
        unsigned k, class_index = v->class_index[causes->row];
        uint32_t context = 0, name = 0;
        weir_err code;
        if ((code = weir_gather_row(g, &k, error)) != WEIR_OK ||
            (code = find_context(store, group, class_index, v->classes[class_index], &context, error)) != WEIR_OK)
            return code;
        ((uint32_t *)g->data[C_CONTEXT])[k] = context;
        ((duckdb_hugeint *)g->data[C_FLOW_ID])[k] = uuid(id->flow_id.high, id->flow_id.low);
        ((uint32_t *)g->data[C_RECORD])[k] = id->record;
        for (unsigned i = 0; i < WEIR_REASONS_MAX; i++) {
            if (i >= causes->count) {
                weir_gather_null(g, k, C_NAME + i);
                weir_gather_null(g, k, C_VALUE + i);
                weir_gather_null(g, k, C_CONTRIBUTION + i);
                continue;
            }
            const struct weir_cause *cause = &causes->cause[i];
            if ((code = find_column(store, group, cause->column, v->columns[cause->column], &name, error)) != WEIR_OK)
                return code;
            ((uint32_t *)g->data[C_NAME + i])[k] = name;
            ((float *)g->data[C_VALUE + i])[k] = cause->value;
            if (isnan(cause->value))
                weir_gather_null(g, k, C_VALUE + i);
            ((float *)g->data[C_CONTRIBUTION + i])[k] = cause->contribution;
        }
    }
    return WEIR_OK;
}

weir_err weir_store_append(struct weir_store *store, const struct weir_verdicts *verdicts, struct weir_error *error)
{
    weir_err code = begin(store, error);
    if (code == WEIR_OK)
        code = append_rows(store, verdicts, error);
    if (code == WEIR_OK)
        code = append_reasons(store, verdicts, error);
    if (code != WEIR_OK) {
        roll_back(store);
        return code;
    }
    store->pending += verdicts->batch->rows;
    return WEIR_OK;
}

weir_err weir_store_commit(struct weir_store *store, uint64_t *rows, struct weir_error *error)
{
    if (rows)
        *rows = 0;
    if (!store->open)
        return WEIR_OK;
    weir_err code = weir_gather_flush(&store->verdicts, error);
    if (code == WEIR_OK)
        code = weir_gather_flush(&store->reasons, error);
    if (code == WEIR_OK)
        code = run_sql(store, "COMMIT", error);
    if (code != WEIR_OK) {
        roll_back(store);
        return code;
    }
    if (rows)
        *rows = store->pending;
    store->pending = 0;
    store->open = false;
    return WEIR_OK;
}

weir_err weir_store_health(struct weir_store *store, int64_t time_ns, const char *account_json, struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%lld", (long long)(time_ns / 1000));
    const char *values[] = {store->run_text, time_us, account_json};
    weir_err code = begin(store, error);
    if (code == WEIR_OK)
        code = run_with(store, "INSERT INTO health VALUES (?, make_timestamp(?::BIGINT), ?)", values, 3, error);
    if (code != WEIR_OK)
        roll_back(store);
    return code;
}

weir_err weir_store_finish(struct weir_store *store, const char *account_json, struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%lld", (long long)(weir_clock_wall_ns() / 1000));
    const char *values[] = {time_us, account_json, store->run_text};
    weir_err code = begin(store, error);
    if (code == WEIR_OK)
        code = run_with(store, "UPDATE runs SET ended = make_timestamp(?::BIGINT), account = ? WHERE run = ?::UUID", values, 3,
                        error);
    if (code != WEIR_OK) {
        roll_back(store);
        return code;
    }
    if ((code = weir_store_commit(store, NULL, error)) == WEIR_OK)
        code = run_sql(store, "CHECKPOINT store", error);
    return code;
}

/* --- open and close --- */

static weir_err attach(struct weir_store *store, struct weir_error *error)
{
    char *sql = NULL, *quoted = malloc(2 * strlen(store->path) + 1), *q = quoted;
    if (!quoted)
        return no_memory(store, error);
    for (const char *p = store->path; *p; p++) {
        if (*p == '\'')
            *q++ = '\'';
        *q++ = *p;
    }
    *q = 0;
    weir_err code;
    if (asprintf(&sql, SETTINGS "; ATTACH '%s' AS store " ATTACH_OPTIONS "; USE store", quoted) < 0) {
        sql = NULL;
        code = no_memory(store, error);
    } else {
        code = run_sql(store, sql, error);
    }
    free(sql);
    free(quoted);
    return code;
}

/* A number from the store itself: the run's own, or the first free context. */
static weir_err read_number(struct weir_store *store, const char *sql, uint64_t *out, struct weir_error *error)
{
    duckdb_result result;
    weir_err code = weir_duck_query(store->duck, sql, &result, error);
    if (code != WEIR_OK)
        return fail_duck(store, code, error);
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    *out = *(uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    return WEIR_OK;
}

static weir_err begin_run(struct weir_store *store, const char *command, struct weir_error *error)
{
    uint64_t id[2], contexts = 0, names = 0;
    weir_err code;
    if (getrandom(id, sizeof id, 0) != sizeof id)
        return weir_fail(error, WEIR_ERR_IO, "%s: the system gives no random numbers for the run's id", store->path);
    id[0] = (id[0] & ~(uint64_t)0xf000) | 0x4000; /* UUID version 4 */
    id[1] = (id[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    store->run_text[weir_text_uuid(id[0], id[1], store->run_text)] = 0;
    store->run = uuid(id[0], id[1]);
    if ((code = read_number(store, "SELECT count(*)::UBIGINT FROM runs", &store->boot, error)) != WEIR_OK ||
        (code = read_number(store, "SELECT coalesce(max(context)::UBIGINT + 1, 0)::UBIGINT FROM contexts", &contexts, error)) !=
            WEIR_OK ||
        (code = read_number(store, "SELECT coalesce(max(name)::UBIGINT + 1, 0)::UBIGINT FROM column_names", &names, error)) !=
            WEIR_OK)
        return code;
    store->next_context = (uint32_t)contexts;
    store->next_name = (uint32_t)names;
    char boot[24], time_us[24];
    snprintf(boot, sizeof boot, "%llu", (unsigned long long)store->boot);
    snprintf(time_us, sizeof time_us, "%lld", (long long)(weir_clock_wall_ns() / 1000));
    const char *values[] = {store->run_text, store->sensor, boot, time_us, command, WEIR_VERSION};
    return run_with(store, "INSERT INTO runs VALUES (?, ?, ?, make_timestamp(?::BIGINT), NULL, ?, ?, NULL)", values, 6, error);
}

static weir_err gather_init(struct weir_store *store, struct weir_error *error)
{
    const struct weir_gather_config verdicts = {store->duck, store->path, "verdict_rows", row_types, V_COLUMNS, 2};
    const struct weir_gather_config reasons = {store->duck, store->path, "reason_rows", cause_types, C_COLUMNS, 0};
    weir_err code = weir_gather_init(&store->verdicts, &verdicts, error);
    return code == WEIR_OK ? weir_gather_init(&store->reasons, &reasons, error) : code;
}

weir_err weir_store_open(const struct weir_store_config *config, struct weir_store **out, struct weir_error *error)
{
    weir_err code = WEIR_ERR_MEMORY;
    *out = NULL;
    struct weir_store *store = calloc(1, sizeof *store);
    if (!store)
        return weir_fail(error, code, "%s: out of memory", config->path);
    store->path = strdup(config->path);
    store->sensor = strdup(config->sensor ? config->sensor : "");
    if (!store->path || !store->sensor) {
        code = weir_fail(error, code, "%s: out of memory", config->path);
        goto fail;
    }
    /* The file is attached to a session in memory: only so can it be given its own row groups. */
    struct weir_duck_config duck = {.threads = 1};
    if ((code = weir_duck_open(&duck, &store->duck, error)) != WEIR_OK || (code = attach(store, error)) != WEIR_OK ||
        (code = run_sql(store, "BEGIN TRANSACTION", error)) != WEIR_OK)
        goto fail;
    if ((code = weir_schema_prepare(store->duck, error)) != WEIR_OK) {
        fail_duck(store, code, error);
        goto fail;
    }
    if ((code = begin_run(store, config->command, error)) != WEIR_OK || (code = run_sql(store, "COMMIT", error)) != WEIR_OK ||
        (code = gather_init(store, error)) != WEIR_OK || (code = weir_duck_lock(store->duck, error)) != WEIR_OK)
        goto fail;
    *out = store;
    return WEIR_OK;
fail:
    weir_store_close(&store);
    return code;
}

void weir_store_close(struct weir_store **store)
{
    if (!store || !*store)
        return;
    struct weir_store *s = *store;
    roll_back(s);
    weir_gather_fini(&s->verdicts);
    weir_gather_fini(&s->reasons);
    forget_contexts(s);
    free(s->group);
    weir_duck_close(&s->duck);
    free(s->path);
    free(s->sensor);
    free(s);
    *store = NULL;
}

const char *weir_store_run(const struct weir_store *store)
{
    return store->run_text;
}

weir_err weir_store_connect(struct weir_store *store, struct weir_duck **out, struct weir_error *error)
{
    weir_err code = weir_duck_connect(store->duck, out, error);
    if (code == WEIR_OK && (code = weir_duck_run(*out, "USE store", error)) != WEIR_OK)
        weir_duck_close(out);
    return code == WEIR_OK ? WEIR_OK : fail_duck(store, code, error);
}

uint64_t weir_store_boot(const struct weir_store *store)
{
    return store->boot;
}
