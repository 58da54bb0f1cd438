#include "cli/ingest_options.h"

#include <stdlib.h>
#include <string.h>

weir_err weir_ingest_take_flows(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_flows *flows = field;
    if (*value && strspn(value, "0123456789") == strlen(value))
        return weir_number_parse(what, value, 1024, 1u << 30, &flows->room, error);
    if (!*value)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: give a file, - or a number", what);
    flows->input = value;
    return WEIR_OK;
}

weir_err weir_ingest_take_format(void *field, const char *what, const char *value, struct weir_error *error)
{
    enum weir_lines_format *format = field;
    if (strcmp(value, "csv") != 0 && strcmp(value, "jsonl") != 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.60s: give csv or jsonl", what, value);
    *format = !strcmp(value, "csv") ? WEIR_LINES_CSV : WEIR_LINES_JSON;
    return WEIR_OK;
}

/* The list ends with a NULL, which is not counted. */
weir_err weir_ingest_take_names(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_strings *list = field;
    size_t before = list->count;
    weir_strings_split(list, value);
    if (list->count == before)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: give names with commas between them", what);
    weir_strings_add(list, "");
    free(list->item[--list->count]);
    list->item[list->count] = NULL;
    return WEIR_OK;
}

struct weir_ingest_config weir_ingest_options_config(const struct weir_ingest_options *options)
{
    return (struct weir_ingest_config){.input = options->flows.input,
                                       .format = options->format,
                                       .map = (const char *const *)options->map.item,
                                       .map_count = options->map.count,
                                       .columns = (const char *const *)options->columns.item,
                                       .threads = (unsigned)options->threads};
}

void weir_ingest_options_free(struct weir_ingest_options *options)
{
    weir_strings_free(&options->map);
    weir_strings_free(&options->columns);
}
