/* Any bytes as a description of a data set: it is refused with a place, or it makes SQL whose quotes are closed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/known.h"
#include "data/mapping.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Outside of quotes stands nothing that a description could have said. */
static void check_sql(const char *sql)
{
    char quote = 0;
    for (; *sql; sql++) {
        if (quote)
            quote = *sql == quote ? 0 : quote;
        else if (*sql == '"' || *sql == '\'')
            quote = *sql;
        else
            must(*sql != ';' && (unsigned char)*sql < 0x80);
    }
    must(!quote);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_error error = {0};
    struct weir_known *known = NULL;
    if (weir_known_read("x.yaml", (const char *)data, size, &known, &error) != WEIR_OK) {
        must(!known && !strncmp(error.text, "x.yaml:", 7) && !strpbrk(error.text, "\n\r\x1b"));
        return 0;
    }
    must(*known->name && *known->label.column && known->column_count <= WEIR_KNOWN_COLUMNS);
    char **names = calloc(known->column_count + 1, sizeof *names), *sql = NULL;
    size_t length;
    FILE *to = open_memstream(&sql, &length);
    must(names && to);
    for (size_t i = 0; i < known->column_count; i++) {
        names[i] = known->columns[i].name;
        must(weir_known_column(known, names[i]) == &known->columns[i]);
        weir_mapping_cell(to, names[i], &known->columns[i]);
        fputs(", ", to);
    }
    weir_mapping_label(to, known->label.column, &known->label);
    fputs(", ", to);
    weir_mapping_common(to, known, names, known->column_count);
    fclose(to);
    check_sql(sql);
    free(sql);
    free(names);
    weir_known_free(&known);
    return 0;
}
