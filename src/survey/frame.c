#include "survey/frame.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

static const uint8_t magic[8] = {0x89, 'W', 'F', 'R', 0x0d, 0x0a, 0x1a, 0x0a};

enum { ALIGN = 64, COLUMNS_MAX = 1 << 20, SPLITS_MAX = 1 << 20 };

/* Where the parts lie. */
struct layout {
    uint64_t rows, columns, splits, head;
    uint64_t labels, values, bits, size; /* offsets; each column and each list of bits is padded alone */
    uint64_t column_bytes, bit_bytes;
};

static uint64_t align(uint64_t at)
{
    return (at + ALIGN - 1) / ALIGN * ALIGN;
}

/* False: beyond any file. The bounds make sure that nothing below overflows. */
static bool lay_out(struct layout *l)
{
    uint64_t columns, bits;
    if (l->rows >= UINT32_MAX || l->columns > COLUMNS_MAX || l->splits > SPLITS_MAX || l->head > (uint64_t)1 << 32)
        return false;
    l->column_bytes = align(l->rows * 4);
    l->bit_bytes = align((l->rows + 7) / 8);
    l->labels = align(WEIR_SURVEY_FRAME_HEAD_BYTES + l->head);
    l->values = l->labels + l->column_bytes;
    if (__builtin_mul_overflow(l->columns, l->column_bytes, &columns) || __builtin_add_overflow(l->values, columns, &l->bits) ||
        __builtin_mul_overflow(2 * l->splits, l->bit_bytes, &bits) || __builtin_add_overflow(l->bits, bits, &l->size))
        return false;
    return l->size <= SIZE_MAX / 2;
}

size_t weir_survey_frame_bits(size_t rows)
{
    return (size_t)align((rows + 7) / 8);
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *bytes;
    const char *origin;
    struct layout at;
    struct weir_survey_frame *frame;
    struct weir_error *error;
};

static weir_err malformed(const struct reader *r, const char *what)
{
    return weir_fail(r->error, WEIR_ERR_FORMAT, "%s: no sound frame: %s; make it anew with `weir survey`", r->origin, what);
}

static weir_err out_of_memory(const struct reader *r)
{
    return weir_fail(r->error, WEIR_ERR_MEMORY, "%s: out of memory", r->origin);
}

static weir_err read_layout(struct reader *r, size_t size)
{
    const uint8_t *b = r->bytes;
    if (size < WEIR_SURVEY_FRAME_HEAD_BYTES || memcmp(b, magic, sizeof magic) != 0)
        return weir_fail(r->error, WEIR_ERR_FORMAT, "%s: no frame of a survey", r->origin);
    if (weir_load_le32(b + 8) != WEIR_SURVEY_FRAME_VERSION)
        return weir_fail(r->error, WEIR_ERR_UNSUPPORTED, "%s: a frame of format %u, this weir reads %d; make it anew", r->origin,
                         weir_load_le32(b + 8), WEIR_SURVEY_FRAME_VERSION);
    r->at = (struct layout){.columns = weir_load_le32(b + 12),
                            .rows = weir_load_le64(b + 16),
                            .splits = weir_load_le64(b + 24),
                            .head = weir_load_le64(b + 32)};
    if (!lay_out(&r->at) || r->at.size != size || weir_load_le64(b + 40) != size)
        return malformed(r, "its parts and its size do not agree");
    if (!r->at.rows || !r->at.columns)
        return malformed(r, "it holds nothing");
    return WEIR_OK;
}

/* A table of different texts; anything else is malformed. */
static weir_err read_texts(const struct reader *r, const json_t *list, struct weir_categories *out, const char *what)
{
    size_t i;
    const json_t *text;
    uint32_t code = 0;
    if (!json_is_array(list))
        return malformed(r, what);
    json_array_foreach(list, i, text)
    {
        const char *value = json_string_value(text);
        if (!value)
            return malformed(r, what);
        if (weir_categories_add(out, value, strlen(value), &code) != WEIR_OK)
            return out_of_memory(r);
        if (code != i)
            return malformed(r, what);
    }
    return WEIR_OK;
}

static weir_err read_columns(struct reader *r)
{
    struct weir_dataset *dataset = &r->frame->dataset;
    const json_t *list = json_object_get(r->frame->head, "columns"), *item;
    struct weir_categories names = {0};
    size_t c;
    weir_err failed = WEIR_OK;
    if (json_array_size(list) != r->at.columns)
        return malformed(r, "the head names other columns than there are");
    if (!(dataset->columns = calloc(r->at.columns, sizeof *dataset->columns)))
        return out_of_memory(r);
    dataset->column_count = r->at.columns;
    json_array_foreach(list, c, item)
    {
        struct weir_dataset_column *column = &dataset->columns[c];
        const json_t *categories = json_object_get(item, "categories");
        const char *name = json_string_value(json_object_get(item, "name"));
        uint32_t code = 0;
        if (!name || !*name)
            failed = malformed(r, "a column without a name");
        else if (!(column->name = strdup(name)) || weir_categories_add(&names, name, strlen(name), &code) != WEIR_OK)
            failed = out_of_memory(r);
        else if (code != c)
            failed = malformed(r, "two columns of one name");
        else if (categories)
            failed = read_texts(r, categories, &column->categories, "a code table that is no list of different texts");
        if (failed)
            break;
        /* Borrowed from the frame, which is only read: weir_survey_frame_close takes it out again. */
        column->values = (float *)(uintptr_t)(r->bytes + r->at.values + c * r->at.column_bytes);
    }
    weir_categories_fini(&names);
    return failed;
}

/* The test for `|x| is not infinite` on the bits, so that it is one quick pass. */
static weir_err check_values(const struct reader *r)
{
    for (size_t c = 0; c < r->at.columns; c++) {
        const uint8_t *values = r->bytes + r->at.values + c * r->at.column_bytes;
        uint32_t endless = 0;
        for (size_t i = 0; i < r->at.rows; i++) {
            uint32_t bits;
            memcpy(&bits, values + 4 * i, sizeof bits);
            endless |= (bits & 0x7fffffff) == 0x7f800000;
        }
        if (endless)
            return malformed(r, "an infinite value");
    }
    return WEIR_OK;
}

static weir_err read_labels(struct reader *r)
{
    struct weir_survey_frame *frame = r->frame;
    struct weir_labels *labels = &frame->labels;
    const json_t *classes = json_object_get(frame->head, "classes"), *class_of = json_object_get(frame->head, "class_of"), *item;
    size_t i, values = json_array_size(class_of);
    weir_err failed = read_texts(r, json_object_get(frame->head, "label_values"), &frame->dataset.label_values,
                                 "label values that are no list of different texts");
    if (failed)
        return failed;
    if (!values || values != frame->dataset.label_values.count)
        return malformed(r, "label values without a class");
    size_t count = json_array_size(classes);
    if (count < 2 || count > WEIR_LABEL_CLASSES)
        return malformed(r, "a number of classes that weir does not train");
    labels->classes = calloc(count, sizeof *labels->classes);
    labels->class_of = calloc(values, sizeof *labels->class_of);
    if (!labels->classes || !labels->class_of)
        return out_of_memory(r);
    json_array_foreach(classes, i, item)
    {
        if (!json_is_string(item))
            return malformed(r, "a class without a name");
        if (!(labels->classes[i] = strdup(json_string_value(item))))
            return out_of_memory(r);
        labels->class_count++;
    }
    json_array_foreach(class_of, i, item)
    {
        json_int_t k = json_integer_value(item);
        if (!json_is_integer(item) || k < -1 || k >= (json_int_t)count)
            return malformed(r, "a label value of a class that is not there");
        labels->class_of[i] = (int32_t)k;
    }
    const json_t *benign = json_object_get(frame->head, "benign");
    if (!json_is_integer(benign) || json_integer_value(benign) < -1 || json_integer_value(benign) > 0)
        return malformed(r, "a benign class that is not the first");
    labels->benign = (int)json_integer_value(benign);
    frame->dataset.labels = (uint32_t *)(uintptr_t)(r->bytes + r->at.labels);
    uint32_t top = 0;
    for (i = 0; i < r->at.rows; i++)
        top = frame->dataset.labels[i] > top ? frame->dataset.labels[i] : top;
    return top < values ? WEIR_OK : malformed(r, "a label that is not in its table");
}

/* Counts the bits; rows that train must have a class, and none may do both. */
static weir_err check_split(const struct reader *r, struct weir_survey_split *split)
{
    const struct weir_survey_frame *frame = r->frame;
    for (size_t i = 0; i < r->at.bit_bytes; i++) {
        if (split->train[i] & split->test[i])
            return malformed(r, "a row that trains and tests");
        if (8 * i >= r->at.rows && (split->train[i] | split->test[i]))
            return malformed(r, "a split beyond the rows");
        for (unsigned k = 0; k < 8 && (split->train[i] | split->test[i]) >> k; k++) {
            size_t row = 8 * i + k;
            bool trains = split->train[i] >> k & 1, tests = split->test[i] >> k & 1;
            if ((trains || tests) && row >= r->at.rows)
                return malformed(r, "a split beyond the rows");
            if (trains && (row >= frame->dataset.rows || frame->labels.class_of[frame->dataset.labels[row]] < 0))
                return malformed(r, "a training row without a class");
            split->train_count += trains;
            split->test_count += tests;
        }
    }
    return split->train_count && split->test_count ? WEIR_OK : malformed(r, "a split without rows");
}

static weir_err read_splits(struct reader *r)
{
    struct weir_survey_frame *frame = r->frame;
    const json_t *list = json_object_get(frame->head, "splits"), *item;
    size_t s;
    weir_err failed = WEIR_OK;
    if (json_array_size(list) != r->at.splits)
        return malformed(r, "the head names other splits than there are");
    if (!(frame->split = calloc(r->at.splits + 1, sizeof *frame->split)))
        return out_of_memory(r);
    frame->split_count = r->at.splits;
    json_array_foreach(list, s, item)
    {
        struct weir_survey_split *split = &frame->split[s];
        split->name = json_string_value(json_object_get(item, "name"));
        split->test_data = json_string_value(json_object_get(item, "test_data"));
        split->test_fingerprint = json_string_value(json_object_get(item, "test_fingerprint"));
        split->train = r->bytes + r->at.bits + 2 * s * r->at.bit_bytes;
        split->test = split->train + r->at.bit_bytes;
        failed = split->name ? check_split(r, split) : malformed(r, "a split without a name");
        if (failed)
            break;
    }
    return failed;
}

static weir_err read_head(struct reader *r)
{
    struct weir_survey_frame *frame = r->frame;
    json_error_t where;
    frame->head =
        json_loadb((const char *)r->bytes + WEIR_SURVEY_FRAME_HEAD_BYTES, (size_t)r->at.head, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(frame->head))
        return malformed(r, "its head is no JSON object");
    frame->name = json_string_value(json_object_get(frame->head, "name"));
    frame->data_set = json_string_value(json_object_get(frame->head, "data_set"));
    frame->fingerprint = json_string_value(json_object_get(frame->head, "fingerprint"));
    frame->feature_set = json_string_value(json_object_get(frame->head, "feature_set"));
    frame->defaults = json_object_get(frame->head, "defaults");
    const char *id = json_string_value(json_object_get(frame->head, "feature_set_id"));
    char *end = NULL;
    frame->feature_set_id = id ? strtoull(id, &end, 16) : 0;
    if (!frame->name || !frame->fingerprint || !frame->feature_set || !id || end == id || *end ||
        !json_is_object(frame->defaults))
        return malformed(r, "its head lacks name, fingerprint, feature set or defaults");
    const json_t *rows = json_object_get(frame->head, "rows");
    if (!json_is_integer(rows) || json_integer_value(rows) < 1 || (uint64_t)json_integer_value(rows) > r->at.rows)
        return malformed(r, "its head names more rows than there are");
    frame->dataset.rows = (size_t)json_integer_value(rows);
    frame->all_rows = (size_t)r->at.rows;
    return WEIR_OK;
}

weir_err weir_survey_frame_open(const void *bytes, size_t size, const char *origin, struct weir_survey_frame **out,
                                struct weir_error *error)
{
    struct reader r = {.bytes = bytes, .origin = origin, .error = error};
    *out = NULL;
    if ((uintptr_t)bytes % 8)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: a frame must lie at a multiple of 8", origin);
    weir_err failed = read_layout(&r, size);
    if (failed)
        return failed;
    r.frame = calloc(1, sizeof *r.frame);
    failed = r.frame ? read_head(&r) : out_of_memory(&r);
    if (!failed)
        failed = read_columns(&r);
    if (!failed)
        failed = read_labels(&r);
    if (!failed)
        failed = read_splits(&r);
    if (!failed)
        failed = check_values(&r);
    if (failed)
        weir_survey_frame_close(&r.frame);
    *out = r.frame;
    return failed;
}

void weir_survey_frame_close(struct weir_survey_frame **frame)
{
    if (!frame || !*frame)
        return;
    struct weir_survey_frame *f = *frame;
    for (size_t c = 0; f->dataset.columns && c < f->dataset.column_count; c++) {
        f->dataset.columns[c].values = NULL;
        weir_dataset_column_fini(&f->dataset.columns[c]);
    }
    free(f->dataset.columns);
    weir_categories_fini(&f->dataset.label_values);
    weir_labels_fini(&f->labels);
    free(f->split);
    json_decref(f->head);
    free(f);
    *frame = NULL;
}

const struct weir_survey_split *weir_survey_frame_split(const struct weir_survey_frame *frame, const char *name)
{
    for (size_t s = 0; s < frame->split_count; s++)
        if (!strcmp(frame->split[s].name, name))
            return &frame->split[s];
    return NULL;
}

uint32_t *weir_survey_frame_rows(const struct weir_survey_frame *frame, const uint8_t *bits, size_t count)
{
    uint32_t *list = malloc((count + 1) * sizeof *list);
    size_t used = 0;
    for (size_t row = 0; list && row < frame->all_rows && used < count; row++)
        if (bits[row / 8] >> (row % 8) & 1)
            list[used++] = (uint32_t)row;
    return list;
}

/* ---- Writing --------------------------------------------------------------------------------------------------------------- */

static json_t *text_list(char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static json_t *make_head(const struct weir_survey_frame *frame)
{
    const struct weir_dataset *dataset = &frame->dataset;
    char id[17];
    json_t *columns = json_array(), *class_of = json_array(), *splits = json_array();
    for (size_t c = 0; c < dataset->column_count; c++) {
        const struct weir_categories *table = &dataset->columns[c].categories;
        json_array_append_new(columns, json_pack("{s:s,s:o*}", "name", dataset->columns[c].name, "categories",
                                                 table->count ? text_list(table->text, table->count) : NULL));
    }
    for (size_t i = 0; i < dataset->label_values.count; i++)
        json_array_append_new(class_of, json_integer(frame->labels.class_of[i]));
    for (size_t s = 0; s < frame->split_count; s++)
        json_array_append_new(splits, json_pack("{s:s,s:s?,s:s?}", "name", frame->split[s].name, "test_data",
                                                frame->split[s].test_data, "test_fingerprint", frame->split[s].test_fingerprint));
    snprintf(id, sizeof id, "%016llx", (unsigned long long)frame->feature_set_id);
    return json_pack("{s:s,s:s?,s:s,s:I,s:o,s:o,s:o,s:i,s:o,s:s,s:s,s:O,s:o}", "name", frame->name, "data_set", frame->data_set,
                     "fingerprint", frame->fingerprint, "rows", (json_int_t)dataset->rows, "columns", columns, "label_values",
                     text_list(dataset->label_values.text, dataset->label_values.count), "classes",
                     text_list(frame->labels.classes, frame->labels.class_count), "benign", frame->labels.benign, "class_of",
                     class_of, "feature_set", frame->feature_set, "feature_set_id", id, "defaults", frame->defaults, "splits",
                     splits);
}

static void store_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void store_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

/* A part and the zeroes behind it. False: not written. */
static bool put(FILE *to, const void *bytes, uint64_t size)
{
    static const uint8_t zeroes[ALIGN];
    size_t pad = (size_t)(align(size) - size);
    return fwrite(bytes, 1, (size_t)size, to) == size && fwrite(zeroes, 1, pad, to) == pad;
}

static bool put_all(FILE *to, const struct weir_survey_frame *frame, const struct layout *l, const char *head)
{
    uint8_t first[WEIR_SURVEY_FRAME_HEAD_BYTES] = {0};
    memcpy(first, magic, sizeof magic);
    store_le32(first + 8, WEIR_SURVEY_FRAME_VERSION);
    store_le32(first + 12, (uint32_t)l->columns);
    store_le64(first + 16, l->rows);
    store_le64(first + 24, l->splits);
    store_le64(first + 32, l->head);
    store_le64(first + 40, l->size);
    bool good = put(to, first, sizeof first) && put(to, head, l->head) && put(to, frame->dataset.labels, l->rows * 4);
    for (size_t c = 0; c < l->columns && good; c++)
        good = put(to, frame->dataset.columns[c].values, l->rows * 4);
    for (size_t s = 0; s < l->splits && good; s++)
        good = put(to, frame->split[s].train, l->bit_bytes) && put(to, frame->split[s].test, l->bit_bytes);
    return good;
}

weir_err weir_survey_frame_write(const struct weir_survey_frame *frame, const char *path, struct weir_error *error)
{
    char *beside = NULL;
    json_t *json = make_head(frame);
    char *head = json ? json_dumps(json, JSON_COMPACT) : NULL;
    FILE *to = NULL;
    weir_err failed = WEIR_OK;
    struct layout l = {.rows = frame->all_rows,
                       .columns = frame->dataset.column_count,
                       .splits = frame->split_count,
                       .head = head ? strlen(head) : 0};
    if (!head || asprintf(&beside, "%s.new", path) < 0) {
        beside = NULL;
        failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    } else if (!lay_out(&l)) {
        failed = weir_fail(error, WEIR_ERR_LIMIT, "%s: more rows or columns than a frame holds", path);
    } else if (!(to = fopen(beside, "we"))) {
        failed = weir_file_fail(error, beside, "open it");
    } else {
        bool good = put_all(to, frame, &l, head);
        if (fclose(to) || !good || rename(beside, path)) {
            failed = weir_file_fail(error, path, "write it");
            remove(beside);
        }
    }
    free(beside);
    free(head);
    json_decref(json);
    return failed;
}
