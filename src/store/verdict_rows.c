#include "store/verdict_rows.h"

#include <math.h>

#include "store/text.h"

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

weir_err weir_verdict_rows_begin(struct weir_gather *gather, struct weir_duck *duck, const char *path, struct weir_error *error)
{
    const struct weir_gather_config config = {duck, path, "verdict_rows", row_types, V_COLUMNS, 2};
    return weir_gather_init(gather, &config, error);
}

weir_err weir_reason_rows_begin(struct weir_gather *gather, struct weir_duck *duck, const char *path, struct weir_error *error)
{
    const struct weir_gather_config config = {duck, path, "reason_rows", cause_types, C_COLUMNS, 0};
    return weir_gather_init(gather, &config, error);
}

static duckdb_hugeint uuid(uint64_t high, uint64_t low) /* DuckDB orders UUIDs as signed numbers */
{
    return (duckdb_hugeint){.lower = low, .upper = (int64_t)(high ^ (uint64_t)1 << 63)};
}

weir_err weir_verdict_rows_put(struct weir_gather *g, struct weir_contexts *contexts, const struct weir_verdicts *v,
                               struct weir_error *error)
{
    const struct weir_batch *batch = v->batch;
    /* of the row before; most rows are of its class */
    unsigned class_index = 0;
    uint32_t context = 0;
    weir_err code;
    for (unsigned r = 0; r < batch->rows; r++) {
        const struct weir_identity *id = &batch->identity[r];
        if (r == 0 || v->class_index[r] != class_index) {
            class_index = v->class_index[r];
            if ((code = weir_contexts_class(contexts, class_index, v->classes[class_index], &context, error)) != WEIR_OK)
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
        ((int64_t *)g->data[V_DECISION_US])[k] =
            (int64_t)((uint64_t)v->scored_ns[r] - (uint64_t)batch->closed_ns[r]) / 1000; /* of other machines: may be anything */
    }
    return WEIR_OK;
}

weir_err weir_reason_rows_put(struct weir_gather *g, struct weir_contexts *contexts, const struct weir_verdicts *v,
                              struct weir_error *error)
{
    for (unsigned a = 0; a < v->alerts; a++) {
        const struct weir_alert_causes *causes = &v->causes[a];
        const struct weir_identity *id = &v->batch->identity[causes->row];
        unsigned k, class_index = v->class_index[causes->row];
        uint32_t context = 0, name = 0;
        weir_err code;
        if ((code = weir_gather_row(g, &k, error)) != WEIR_OK ||
            (code = weir_contexts_class(contexts, class_index, v->classes[class_index], &context, error)) != WEIR_OK)
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
            if ((code = weir_contexts_column(contexts, cause->column, v->columns[cause->column], &name, error)) != WEIR_OK)
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
