/* Reads descriptions of data sets. They may come from strangers: sizes are bounded first, every text is checked. */
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>
#include <yaml.h>

#include "base/file.h"
#include "data/known.h"
#include "data/number.h"

struct reading {
    yaml_document_t document;
    const char *from;
    struct weir_known *known;
    struct weir_error *error;
};

static weir_err out_of_memory(const struct reading *r)
{
    return weir_fail(r->error, WEIR_ERR_MEMORY, "%s: out of memory", r->from);
}

static weir_err wrong(const struct reading *r, const yaml_node_t *node, const char *key, const char *what)
{
    return weir_fail(r->error, WEIR_ERR_FORMAT, "%s:%zu: '%.60s' %s", r->from, node->start_mark.line + 1, key, what);
}

static yaml_node_t *node_at(struct reading *r, int index)
{
    return yaml_document_get_node(&r->document, index);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

/* A copy of a scalar. `empty`: it may be. */
static weir_err take_text(const struct reading *r, const yaml_node_t *node, const char *key, bool empty, char **out)
{
    if (node->type != YAML_SCALAR_NODE)
        return wrong(r, node, key, "is one text, no list and no mapping");
    const char *text = (const char *)node->data.scalar.value;
    size_t length = node->data.scalar.length;
    if (length > WEIR_KNOWN_TEXT_BYTES)
        return wrong(r, node, key, "has a text that is too long; 1000 bytes are the most");
    if (strlen(text) != length)
        return wrong(r, node, key, "has a zero byte in its text");
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return wrong(r, node, key, "has a line break or a control character in its text");
    if (!length && !empty)
        return wrong(r, node, key, "has no value");
    free(*out);
    *out = strdup(text);
    return *out ? WEIR_OK : out_of_memory(r);
}

static void free_texts(char **texts)
{
    for (size_t i = 0; texts && texts[i]; i++)
        free(texts[i]);
    free(texts);
}

static weir_err take_texts(struct reading *r, const yaml_node_t *node, const char *key, bool empty, char ***out)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong(r, node, key, "is a list of texts: [A, B]");
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count > WEIR_KNOWN_COLUMNS)
        return wrong(r, node, key, "has more than 4096 items");
    char **texts = calloc(count + 1, sizeof *texts);
    weir_err failed = texts ? WEIR_OK : out_of_memory(r);
    for (size_t i = 0; i < count && !failed; i++)
        failed = take_text(r, node_at(r, node->data.sequence.items.start[i]), key, empty, &texts[i]);
    if (failed) {
        free_texts(texts);
        return failed;
    }
    free_texts(*out);
    *out = texts;
    return WEIR_OK;
}

typedef weir_err take_pair(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value, void *context);

/* Hands out the pairs of a mapping, whose keys are texts that come once. */
static weir_err take_mapping(struct reading *r, const yaml_node_t *node, const char *what, take_pair *take, void *context)
{
    if (node->type != YAML_MAPPING_NODE)
        return wrong(r, node, what, "is a mapping: name, colon, value");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pair);
    if (count > WEIR_KNOWN_COLUMNS)
        return wrong(r, node, what, "has more than 4096 entries");
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < count && !failed; i++) {
        const yaml_node_t *key = node_at(r, pair[i].key);
        char *name = NULL;
        failed = take_text(r, key, what, true, &name);
        for (size_t k = 0; k < i && !failed; k++)
            if (!strcasecmp((const char *)node_at(r, pair[k].key)->data.scalar.value, name))
                failed = wrong(r, key, name, "comes twice");
        if (!failed)
            failed = take(r, name, key, node_at(r, pair[i].value), context);
        free(name);
    }
    return failed;
}

/* ---- Parts of a description ------------------------------------------------------------------------------------------------ */

static weir_err take_spelling(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value,
                              void *context)
{
    struct weir_known_label *label = context;
    char **texts = NULL, **labels = realloc(label->labels, (label->label_count + 1) * sizeof *labels);
    (void)key;
    if (!labels)
        return out_of_memory(r);
    label->labels = labels;
    if (!(labels[label->label_count] = strdup(name)))
        return out_of_memory(r);
    const char *own = labels[label->label_count++];
    weir_err failed = take_texts(r, value, name, true, &texts);
    for (size_t i = 0; !failed && texts[i]; i++) {
        struct weir_known_spelling *more = realloc(label->spellings, (label->spelling_count + 1) * sizeof *more);
        if (!more) {
            failed = out_of_memory(r);
            break;
        }
        label->spellings = more;
        more[label->spelling_count++] = (struct weir_known_spelling){.text = texts[i], .label = own};
        texts[i] = strdup("");
        if (!texts[i])
            failed = out_of_memory(r);
    }
    free_texts(texts);
    return failed;
}

static weir_err take_label_part(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value,
                                void *context)
{
    struct weir_known_label *label = context;
    if (!strcmp(name, "column"))
        return take_text(r, value, name, false, &label->column);
    if (!strcmp(name, "benign"))
        return take_text(r, value, name, false, &label->benign);
    if (!strcmp(name, "spellings"))
        return take_mapping(r, value, name, take_spelling, label);
    return wrong(r, key, name, "is no part of a label; there are column, benign, spellings");
}

static weir_err take_label(struct reading *r, const yaml_node_t *node, const char *key, struct weir_known_label *label)
{
    weir_err failed = take_mapping(r, node, key, take_label_part, label);
    return failed ? failed : label->column ? WEIR_OK : wrong(r, node, key, "lacks its column");
}

static weir_err take_time_part(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value,
                               void *context)
{
    struct weir_known *known = context;
    char *form = NULL;
    if (!strcmp(name, "column"))
        return take_text(r, value, name, false, &known->time);
    if (strcmp(name, "form") != 0)
        return wrong(r, key, name, "is no part of the time; there are column and form");
    weir_err failed = take_text(r, value, name, false, &form);
    if (!failed && strcmp(form, "epoch") != 0 && strcmp(form, "day-first") != 0)
        failed = wrong(r, value, name, "is epoch (seconds, or the year first) or day-first");
    if (!failed)
        known->day_first = !strcmp(form, "day-first");
    free(form);
    return failed;
}

static weir_err take_column(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    static const char *const types[] = {"number", "text", "address", "time"};
    struct weir_known *known = context;
    char *type = NULL;
    if (!*name)
        return wrong(r, key, "columns", "has a column without a name");
    struct weir_known_column *more = realloc(known->columns, (known->column_count + 1) * sizeof *more);
    if (!more)
        return out_of_memory(r);
    known->columns = more;
    struct weir_known_column *column = &more[known->column_count];
    *column = (struct weir_known_column){.name = strdup(name)};
    if (!column->name)
        return out_of_memory(r);
    known->column_count++;
    weir_err failed = take_text(r, value, name, false, &type);
    size_t i = 0;
    while (!failed && i < sizeof types / sizeof *types && strcmp(types[i], type) != 0)
        i++;
    if (!failed && i == sizeof types / sizeof *types)
        failed = wrong(r, value, name, "is a column of number, text, address or time");
    column->type = (enum weir_known_type)i;
    free(type);
    return failed;
}

static weir_err take_missing(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    struct weir_known *known = context;
    for (size_t i = 0; i < known->column_count; i++)
        if (!strcasecmp(known->columns[i].name, name))
            return take_texts(r, value, name, true, &known->columns[i].missing);
    return wrong(r, key, name, "is missing in columns");
}

static weir_err take_common_part(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value,
                                 void *context)
{
    struct weir_known_common *common = context;
    char *number = NULL;
    if (!strcmp(name, "of"))
        return take_text(r, value, name, false, &common->of);
    if (!strcmp(name, "less"))
        return take_text(r, value, name, false, &common->less);
    if (strcmp(name, "times") != 0)
        return wrong(r, key, name, "is no part of a common column; there are of, times, less");
    weir_err failed = take_text(r, value, name, false, &number);
    if (!failed && weir_number_read(number, strlen(number), &common->times) != WEIR_NUMBER_VALUE)
        failed = wrong(r, value, name, "is a number");
    free(number);
    return failed;
}

static weir_err take_common(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    struct weir_known *known = context;
    if (!*name)
        return wrong(r, key, "common", "has a column without a name");
    struct weir_known_common *more = realloc(known->common, (known->common_count + 1) * sizeof *more);
    if (!more)
        return out_of_memory(r);
    known->common = more;
    struct weir_known_common *common = &more[known->common_count];
    *common = (struct weir_known_common){.name = strdup(name), .times = 1};
    if (!common->name)
        return out_of_memory(r);
    known->common_count++;
    weir_err failed = value->type == YAML_SCALAR_NODE ? take_text(r, value, name, false, &common->of)
                                                      : take_mapping(r, value, name, take_common_part, common);
    return failed ? failed : common->of ? WEIR_OK : wrong(r, value, name, "does not say of which column it is made (of)");
}

/* ---- The whole ------------------------------------------------------------------------------------------------------------- */

static weir_err take_header(struct reading *r, const yaml_node_t *value)
{
    char *text = NULL;
    weir_err failed = take_text(r, value, "header", false, &text);
    if (!failed && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        failed = wrong(r, value, "header", "is true or false");
    if (!failed)
        r->known->headless = !strcmp(text, "false");
    free(text);
    return failed;
}

/* `missing` needs the columns, so it waits for the second round (context: true). */
static weir_err take_key(struct reading *r, const char *name, const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    struct weir_known *known = r->known;
    const bool *second = context;
    const struct {
        const char *name;
        char **text, ***texts;
    } plain[] = {
        {"name", &known->name, NULL},           {"title", &known->title, NULL},
        {"source", &known->source, NULL},       {"host", &known->host, NULL},
        {"recognise", NULL, &known->recognise}, {"classes", NULL, &known->classes},
        {"leaks", NULL, &known->leaks},         {"identifiers", NULL, &known->identifiers},
    };
    if (!strcmp(name, "missing"))
        return *second ? take_mapping(r, value, name, take_missing, known) : WEIR_OK;
    if (*second)
        return WEIR_OK;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(name, plain[i].name))
            return plain[i].text ? take_text(r, value, name, false, plain[i].text)
                                 : take_texts(r, value, name, false, plain[i].texts);
    if (!strcmp(name, "header"))
        return take_header(r, value);
    if (!strcmp(name, "label"))
        return take_label(r, value, name, &known->label);
    if (!strcmp(name, "category"))
        return take_label(r, value, name, &known->category);
    if (!strcmp(name, "time"))
        return take_mapping(r, value, name, take_time_part, known);
    if (!strcmp(name, "columns"))
        return take_mapping(r, value, name, take_column, known);
    if (!strcmp(name, "common"))
        return take_mapping(r, value, name, take_common, known);
    return wrong(r, key, name,
                 "is no key of a description; there are name, title, source, recognise, header, label, category, classes, time, "
                 "host, identifiers, leaks, missing, common, columns");
}

/* Names that are not there are empty, so that users need not ask. */
static weir_err complete(struct reading *r, const yaml_node_t *root)
{
    struct weir_known *known = r->known;
    char ***lists[] = {&known->recognise, &known->classes, &known->identifiers, &known->leaks};
    if (!known->name)
        return wrong(r, root, "name", "is missing");
    for (const char *c = known->name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", *c) || strlen(known->name) > 60)
            return wrong(r, root, "name", "has up to 60 small letters, digits, - _ and . alone");
    if (!known->label.column)
        return wrong(r, root, "label", "is missing");
    if (known->headless && !known->column_count)
        return wrong(r, root, "columns", "is missing, and files without a header need it");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!*lists[i] && !(*lists[i] = calloc(1, sizeof **lists[i])))
            return out_of_memory(r);
    if (!known->title)
        known->title = strdup(known->name);
    if (!known->source)
        known->source = strdup("");
    return known->title && known->source ? WEIR_OK : out_of_memory(r);
}

static weir_err tell_syntax(struct reading *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return out_of_memory(r);
    if (parser->error == YAML_READER_ERROR)
        return weir_fail(r->error, WEIR_ERR_FORMAT, "%s: offset %zu: %s; save the file as UTF-8 text", r->from,
                         parser->problem_offset, parser->problem ? parser->problem : "no text");
    return weir_fail(
        r->error, WEIR_ERR_FORMAT, "%s:%zu: this is no YAML: %s (column %zu); text with : # , [ ] { } & * goes in quotes",
        r->from, parser->problem_mark.line + 1, parser->problem ? parser->problem : "malformed", parser->problem_mark.column + 1);
}

weir_err weir_known_read(const char *from, const char *text, size_t length, struct weir_known **out, struct weir_error *error)
{
    struct reading r = {.from = from, .error = error, .known = calloc(1, sizeof *r.known)};
    yaml_parser_t parser;
    bool second = false;
    *out = NULL;
    if (!r.known)
        return out_of_memory(&r);
    if (length > WEIR_KNOWN_BYTES || !yaml_parser_initialize(&parser)) {
        free(r.known);
        return length > WEIR_KNOWN_BYTES
                   ? weir_fail(error, WEIR_ERR_LIMIT, "%s: larger than 1 MiB; that is no description of a data set", from)
                   : out_of_memory(&r);
    }
    r.known->hash = XXH64(text, length, 0);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    weir_err failed = WEIR_OK;
    if (!yaml_parser_load(&parser, &r.document)) {
        failed = tell_syntax(&r, &parser);
    } else {
        const yaml_node_t *root = yaml_document_get_root_node(&r.document);
        if (!root)
            failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: the file is empty", from);
        if (!failed)
            failed = take_mapping(&r, root, "the description", take_key, &second);
        second = true;
        if (!failed)
            failed = take_mapping(&r, root, "the description", take_key, &second);
        if (!failed)
            failed = complete(&r, root);
        yaml_document_delete(&r.document);
    }
    yaml_parser_delete(&parser);
    if (failed)
        weir_known_free(&r.known);
    *out = r.known;
    return failed;
}

weir_err weir_known_load(const char *path, struct weir_known **out, struct weir_error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = NULL;
    weir_err failed = weir_file_read(path, WEIR_KNOWN_BYTES, &bytes, &size, error);
    if (!failed)
        failed = weir_known_read(path, (const char *)bytes, size, out, error);
    free(bytes);
    return failed;
}

static void free_label(struct weir_known_label *label)
{
    for (size_t i = 0; i < label->spelling_count; i++)
        free(label->spellings[i].text);
    for (size_t i = 0; i < label->label_count; i++)
        free(label->labels[i]);
    free(label->spellings);
    free(label->labels);
    free(label->column);
    free(label->benign);
}

void weir_known_free(struct weir_known **known)
{
    struct weir_known *k = known ? *known : NULL;
    if (!k)
        return;
    char *texts[] = {k->name, k->title, k->source, k->time, k->host};
    char **lists[] = {k->recognise, k->classes, k->identifiers, k->leaks};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free_texts(lists[i]);
    free_label(&k->label);
    free_label(&k->category);
    for (size_t i = 0; i < k->column_count; i++) {
        free(k->columns[i].name);
        free_texts(k->columns[i].missing);
    }
    free(k->columns);
    for (size_t i = 0; i < k->common_count; i++) {
        free(k->common[i].name);
        free(k->common[i].of);
        free(k->common[i].less);
    }
    free(k->common);
    free(k);
    *known = NULL;
}
