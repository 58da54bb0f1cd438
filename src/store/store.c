#include "store/store.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "data/duck.h"
#include "store/schema.h"
#include "store/text.h"

/* A row group is what DuckDB compresses and writes at once. 30 vectors: a commit of WEIR_STORE_COMMIT_ROWS rows, or what 250 ms
 * bring at full load, fills one and most of a second; with the default of 122,880 such commits would go through the log and be
 * written twice. Storage of 1.3 and later has the quick dictionaries for text. Log up to 256 MB: few checkpoints, none of them
 * long. */
#define ATTACH_OPTIONS "(ROW_GROUP_SIZE 61440, STORAGE_VERSION 'v1.3.0')"
#define SETTINGS       "SET checkpoint_threshold = '256MB'; SET memory_limit = '1GB'"

enum { VECTOR_ROWS = 2048, INLINE_BYTES = 12, NAME_MAX_BYTES = 4096 /* of a column; far above any real one */ };

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

enum cause_column { C_FLOW_ID, C_RECORD, C_RANK, C_COLUMN, C_VALUE, C_CONTRIBUTION, C_RUN, C_COLUMNS };

static const duckdb_type row_types[V_COLUMNS] = {
    DUCKDB_TYPE_UINTEGER,     DUCKDB_TYPE_UUID,         DUCKDB_TYPE_UINTEGER,  DUCKDB_TYPE_UTINYINT,
    DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_UTINYINT,  DUCKDB_TYPE_VARCHAR,
    DUCKDB_TYPE_USMALLINT,    DUCKDB_TYPE_VARCHAR,      DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_FLOAT,
    DUCKDB_TYPE_BOOLEAN,      DUCKDB_TYPE_UBIGINT,      DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_BIGINT,
};

static const duckdb_type cause_types[C_COLUMNS] = {
    DUCKDB_TYPE_UUID,  DUCKDB_TYPE_UINTEGER, DUCKDB_TYPE_UTINYINT, DUCKDB_TYPE_VARCHAR,
    DUCKDB_TYPE_FLOAT, DUCKDB_TYPE_FLOAT,    DUCKDB_TYPE_UUID,
};

/* Rows on their way into one table: a chunk that is filled in place, then appended. */
struct gather {
    const char *table;
    const duckdb_type *types;
    unsigned columns;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
    duckdb_vector vector[V_COLUMNS];
    void *data[V_COLUMNS];      /* of the vectors */
    uint64_t *valid[V_COLUMNS]; /* of the columns that may be null and have been in this chunk, else NULL */
    unsigned rows;
    char *text; /* strings that do not fit in their cell, until the chunk is appended */
    size_t text_used, text_room;
};

/* A row of `contexts` for each class of what the rows of a batch share. */
struct group {
    char *model, *feature_set;
    float threshold;
    uint64_t boot;
    uint32_t lane;
    size_t classes;
    struct named {
        char *class; /* NULL: not met yet */
        uint32_t context;
    } * named; /* by class index */
};

struct weir_store {
    struct weir_duck *duck;
    char *path, *sensor;
    duckdb_hugeint run; /* as DuckDB keeps a UUID */
    char run_text[WEIR_TEXT_ROOM];
    uint64_t boot;
    struct gather verdicts, reasons;
    struct group *group;
    size_t groups, last; /* last: the group of the batch before */
    uint32_t next_context;
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
    return weir_fail(error, code, "%s: %s", store->path, inner.text);
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

/* --- gathering --- */

static void gather_reset(struct gather *gather)
{
    duckdb_data_chunk_reset(gather->chunk);
    for (unsigned i = 0; i < gather->columns; i++) {
        gather->vector[i] = duckdb_data_chunk_get_vector(gather->chunk, i);
        gather->data[i] = duckdb_vector_get_data(gather->vector[i]);
        gather->valid[i] = NULL;
    }
    gather->rows = 0;
    gather->text_used = 0;
}

static void gather_fini(struct gather *gather)
{
    if (gather->appender)
        duckdb_appender_destroy(&gather->appender);
    if (gather->chunk)
        duckdb_destroy_data_chunk(&gather->chunk);
    free(gather->text);
    gather->text = NULL;
}

static weir_err gather_appender(struct weir_store *store, struct gather *gather, struct weir_error *error)
{
    if (duckdb_appender_create_ext(store->duck->connection, "store", "main", gather->table, &gather->appender) == DuckDBSuccess)
        return WEIR_OK;
    weir_err code = fail_duck(store, weir_duck_fail(duckdb_appender_error(gather->appender), error), error);
    duckdb_appender_destroy(&gather->appender);
    return code;
}

static weir_err gather_init(struct weir_store *store, struct gather *gather, const char *table, const duckdb_type *types,
                            unsigned columns, unsigned strings, struct weir_error *error)
{
    duckdb_logical_type logical[V_COLUMNS];
    *gather = (struct gather){.table = table, .types = types, .columns = columns};
    gather->text_room = (size_t)VECTOR_ROWS * strings * WEIR_TEXT_ROOM;
    gather->text = malloc(gather->text_room);
    if (!gather->text)
        return no_memory(store, error);
    for (unsigned i = 0; i < columns; i++)
        logical[i] = duckdb_create_logical_type(types[i]);
    gather->chunk = duckdb_create_data_chunk(logical, columns);
    for (unsigned i = 0; i < columns; i++)
        duckdb_destroy_logical_type(&logical[i]);
    if (!gather->chunk)
        return no_memory(store, error);
    gather_reset(gather);
    return gather_appender(store, gather, error);
}

/* Hands the gathered rows to DuckDB, which copies them. */
static weir_err gather_append(struct weir_store *store, struct gather *gather, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    if (!gather->rows)
        return WEIR_OK;
    duckdb_data_chunk_set_size(gather->chunk, gather->rows);
    if (duckdb_append_data_chunk(gather->appender, gather->chunk) != DuckDBSuccess)
        code = fail_duck(store, weir_duck_fail(duckdb_appender_error(gather->appender), error), error);
    gather_reset(gather);
    return code;
}

static weir_err gather_flush(struct weir_store *store, struct gather *gather, struct weir_error *error)
{
    weir_err code = gather_append(store, gather, error);
    if (code == WEIR_OK && duckdb_appender_flush(gather->appender) != DuckDBSuccess)
        code = fail_duck(store, weir_duck_fail(duckdb_appender_error(gather->appender), error), error);
    return code;
}

/* A string cell: up to 12 bytes stand in the cell itself, longer ones in the gather's own memory, which saves DuckDB a copy. The
 * layout is that of duckdb_string_t in duckdb.h. The caller has seen to the room. */
static void put_text(struct gather *gather, unsigned row, unsigned column, const char *text, size_t length)
{
    duckdb_string_t *cell = (duckdb_string_t *)gather->data[column] + row;
    memset(cell, 0, sizeof *cell);
    if (length <= INLINE_BYTES) {
        cell->value.inlined.length = (uint32_t)length;
        memcpy(cell->value.inlined.inlined, text, length);
        return;
    }
    char *copy = gather->text + gather->text_used;
    memcpy(copy, text, length);
    gather->text_used += length;
    cell->value.pointer.length = (uint32_t)length;
    memcpy(cell->value.pointer.prefix, text, sizeof cell->value.pointer.prefix);
    cell->value.pointer.ptr = copy;
}

static void put_null(struct gather *gather, unsigned row, unsigned column)
{
    if (!gather->valid[column]) {
        duckdb_vector_ensure_validity_writable(gather->vector[column]);
        gather->valid[column] = duckdb_vector_get_validity(gather->vector[column]);
    }
    duckdb_validity_set_row_invalid(gather->valid[column], row);
}

static duckdb_hugeint uuid(uint64_t high, uint64_t low) /* DuckDB orders UUIDs as signed numbers */
{
    return (duckdb_hugeint){.lower = low, .upper = (int64_t)(high ^ (uint64_t)1 << 63)};
}

/* --- contexts --- */

static void group_fini(struct group *group)
{
    for (size_t i = 0; i < group->classes; i++)
        free(group->named[i].class);
    free(group->named);
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

/* The context of a class; written to the store when it is new, in the open transaction. */
static weir_err find_context(struct weir_store *store, struct group *group, unsigned index, const char *class, uint32_t *out,
                             struct weir_error *error)
{
    if (index >= group->classes) {
        struct named *more = realloc(group->named, (index + 1) * sizeof *more);
        if (!more)
            return no_memory(store, error);
        memset(more + group->classes, 0, (index + 1 - group->classes) * sizeof *more);
        group->named = more;
        group->classes = index + 1;
    }
    struct named *named = &group->named[index];
    if (!named->class || strcmp(named->class, class) != 0) {
        char number[3][24], threshold[WEIR_TEXT_ROOM + 1];
        snprintf(number[0], sizeof number[0], "%u", store->next_context);
        snprintf(number[1], sizeof number[1], "%llu", (unsigned long long)group->boot);
        snprintf(number[2], sizeof number[2], "%u", group->lane);
        snprintf(threshold, sizeof threshold, "%.9g", (double)group->threshold);
        const char *values[] = {number[0],          store->run_text, store->sensor, number[1], number[2],
                                group->feature_set, group->model,    threshold,     class};
        char *copy = strdup(class);
        if (!copy)
            return no_memory(store, error);
        weir_err code = run_with(store, "INSERT INTO contexts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values, 9, error);
        if (code != WEIR_OK) {
            free(copy);
            return code;
        }
        free(named->class);
        named->class = copy;
        named->context = store->next_context++;
    }
    *out = named->context;
    return WEIR_OK;
}

/* --- the transaction --- */

/* After a failure: nothing of the transaction is kept, the next append begins anew. */
static void roll_back(struct weir_store *store)
{
    struct gather *gathers[] = {&store->verdicts, &store->reasons};
    for (unsigned i = 0; i < 2; i++) {
        if (gathers[i]->appender) /* what it still holds goes into the transaction that is about to be rolled back */
            duckdb_appender_destroy(&gathers[i]->appender);
        gather_reset(gathers[i]);
    }
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
    if (!store->verdicts.appender)
        code = gather_appender(store, &store->verdicts, error);
    if (code == WEIR_OK && !store->reasons.appender)
        code = gather_appender(store, &store->reasons, error);
    if (code == WEIR_OK)
        code = run_sql(store, "BEGIN TRANSACTION", error);
    store->open = code == WEIR_OK;
    return code;
}

static weir_err append_rows(struct weir_store *store, const struct weir_verdicts *v, struct weir_error *error)
{
    const struct weir_batch *batch = v->batch;
    struct gather *g = &store->verdicts;
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
        if (g->rows == VECTOR_ROWS && (code = gather_append(store, g, error)) != WEIR_OK)
            return code;
        unsigned k = g->rows++;
        char text[WEIR_TEXT_ROOM];
        ((uint32_t *)g->data[V_CONTEXT])[k] = context;
        ((duckdb_hugeint *)g->data[V_FLOW_ID])[k] = uuid(id->flow_id.high, id->flow_id.low);
        ((uint32_t *)g->data[V_RECORD])[k] = id->record;
        ((uint8_t *)g->data[V_REASON])[k] = id->reason;
        ((int64_t *)g->data[V_STIME])[k] = id->stime_ns;
        ((int64_t *)g->data[V_LTIME])[k] = id->ltime_ns;
        ((uint8_t *)g->data[V_PROTO])[k] = id->proto;
        put_text(g, k, V_SRC_IP, text, weir_text_ip(id->ip_version, id->src, text));
        put_text(g, k, V_DEST_IP, text, weir_text_ip(id->ip_version, id->dst, text));
        ((uint16_t *)g->data[V_SRC_PORT])[k] = id->sport;
        ((uint16_t *)g->data[V_DEST_PORT])[k] = id->dport;
        if (!id->ports) {
            put_null(g, k, V_SRC_PORT);
            put_null(g, k, V_DEST_PORT);
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
    struct gather *g = &store->reasons;
    for (unsigned a = 0; a < v->alerts; a++) {
        const struct weir_alert_causes *causes = &v->causes[a];
        const struct weir_identity *id = &v->batch->identity[causes->row];
        for (unsigned i = 0; i < causes->count; i++) {
            const struct weir_cause *cause = &causes->cause[i];
            const char *name = v->columns[cause->column];
            size_t length = strnlen(name, NAME_MAX_BYTES);
            weir_err code;
            if ((g->rows == VECTOR_ROWS || g->text_room - g->text_used < length) &&
                (code = gather_append(store, g, error)) != WEIR_OK)
                return code;
            unsigned k = g->rows++;
            ((duckdb_hugeint *)g->data[C_FLOW_ID])[k] = uuid(id->flow_id.high, id->flow_id.low);
            ((uint32_t *)g->data[C_RECORD])[k] = id->record;
            ((uint8_t *)g->data[C_RANK])[k] = (uint8_t)i;
            put_text(g, k, C_COLUMN, name, length);
            ((float *)g->data[C_VALUE])[k] = cause->value;
            if (isnan(cause->value))
                put_null(g, k, C_VALUE);
            ((float *)g->data[C_CONTRIBUTION])[k] = cause->contribution;
            ((duckdb_hugeint *)g->data[C_RUN])[k] = store->run;
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
    weir_err code = gather_flush(store, &store->verdicts, error);
    if (code == WEIR_OK)
        code = gather_flush(store, &store->reasons, error);
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
    uint64_t id[2], contexts;
    weir_err code;
    if (getrandom(id, sizeof id, 0) != sizeof id)
        return weir_fail(error, WEIR_ERR_IO, "%s: the system gives no random numbers for the run's id", store->path);
    id[0] = (id[0] & ~(uint64_t)0xf000) | 0x4000; /* UUID version 4 */
    id[1] = (id[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    store->run_text[weir_text_uuid(id[0], id[1], store->run_text)] = 0;
    store->run = uuid(id[0], id[1]);
    if ((code = read_number(store, "SELECT count(*)::UBIGINT FROM runs", &store->boot, error)) != WEIR_OK ||
        (code = read_number(store, "SELECT coalesce(max(context)::UBIGINT + 1, 0)::UBIGINT FROM contexts", &contexts, error)) !=
            WEIR_OK)
        return code;
    store->next_context = (uint32_t)contexts;
    char boot[24], time_us[24];
    snprintf(boot, sizeof boot, "%llu", (unsigned long long)store->boot);
    snprintf(time_us, sizeof time_us, "%lld", (long long)(weir_clock_wall_ns() / 1000));
    const char *values[] = {store->run_text, store->sensor, boot, time_us, command, WEIR_VERSION};
    return run_with(store, "INSERT INTO runs VALUES (?, ?, ?, make_timestamp(?::BIGINT), NULL, ?, ?, NULL)", values, 6, error);
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
    if ((code = weir_schema_prepare(store->duck, store->path, error)) != WEIR_OK ||
        (code = begin_run(store, config->command, error)) != WEIR_OK || (code = run_sql(store, "COMMIT", error)) != WEIR_OK ||
        (code = gather_init(store, &store->verdicts, "verdict_rows", row_types, V_COLUMNS, 2, error)) != WEIR_OK ||
        (code = gather_init(store, &store->reasons, "reasons", cause_types, C_COLUMNS, 1, error)) != WEIR_OK)
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
    if (s->verdicts.chunk && s->reasons.chunk)
        roll_back(s);
    gather_fini(&s->verdicts);
    gather_fini(&s->reasons);
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

uint64_t weir_store_boot(const struct weir_store *store)
{
    return store->boot;
}
