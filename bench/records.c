#include "bench/records.h"

#include <stdlib.h>

#include "bench/metered.h"

static void keep(void *context, const struct weir_record *record)
{
    struct weir_records *r = context;
    if (r->count == r->room && !r->failed) {
        size_t room = r->room ? 2 * r->room : 4096;
        struct weir_identity *identity = realloc(r->identity, room * sizeof *identity);
        if (identity)
            r->identity = identity;
        float *row = realloc(r->row, room * (r->columns + 1) * sizeof *row);
        if (row)
            r->row = row;
        r->failed = !identity || !row;
        if (!r->failed)
            r->room = room;
    }
    if (r->failed)
        return;
    r->identity[r->count] = record->identity;
    for (size_t c = 0; c < r->columns; c++)
        r->row[r->count * r->columns + c] = (float)r->view->columns[r->column[c]].value(record);
    r->count++;
}

static weir_err match(const weir_model *model, struct weir_records *r, struct weir_error *error)
{
    if (!(r->view = weir_view_find(weir_model_feature_set(model))))
        return weir_fail(error, WEIR_ERR_MISMATCH, "model %s is of no feature set that weir meters", weir_model_label(model));
    r->columns = weir_model_columns(model, NULL);
    r->column = calloc(r->columns + 1, sizeof *r->column);
    const char **names = calloc(r->view->column_count, sizeof *names);
    weir_err code = WEIR_ERR_MEMORY;
    for (size_t i = 0; names && i < r->view->column_count; i++)
        names[i] = r->view->columns[i].name;
    if (!names || !r->column)
        weir_fail(error, code, "bench: out of memory");
    else
        code = weir_model_fits(model, r->view->name, weir_view_id(r->view), names, r->view->column_count, r->column, error);
    free(names);
    return code;
}

static void measure(struct weir_records *r)
{
    int64_t first = r->identity[0].stime_ns, last = r->identity[0].ltime_ns;
    for (size_t i = 1; i < r->count; i++) {
        first = r->identity[i].stime_ns < first ? r->identity[i].stime_ns : first;
        last = r->identity[i].ltime_ns > last ? r->identity[i].ltime_ns : last;
    }
    r->span_ns = last - first + 1;
}

weir_err weir_records_load(const char *const files[2], const weir_model *model, struct weir_records *records,
                           struct weir_error *error)
{
    *records = (struct weir_records){0};
    weir_err code = match(model, records, error);
    const struct weir_meter_config meter = {.view = records->view, .emit = keep, .context = records};
    if (code == WEIR_OK)
        code = weir_metered(files, &meter, error);
    if (code == WEIR_OK && records->failed)
        code = weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the records of %s", files[0]);
    if (code == WEIR_OK && !records->count)
        code = weir_fail(error, WEIR_ERR_FORMAT, "%s: no flow records in it; give another capture with -r", files[0]);
    if (code == WEIR_OK)
        measure(records);
    return code;
}

void weir_records_fini(struct weir_records *records)
{
    free(records->column);
    free(records->identity);
    free(records->row);
    *records = (struct weir_records){0};
}
