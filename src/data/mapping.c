#include "data/mapping.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "data/number.h"
#include "features/protocols.h"

void weir_sql_name(FILE *to, const char *name)
{
    putc('"', to);
    for (; *name; name++) {
        if (*name == '"')
            putc('"', to);
        putc(*name, to);
    }
    putc('"', to);
}

void weir_sql_text(FILE *to, const char *text)
{
    putc('\'', to);
    for (; *text; text++) {
        if (*text == '\'')
            putc('\'', to);
        putc(*text, to);
    }
    putc('\'', to);
}

/* "trim(CAST(column AS VARCHAR))" */
static void print_trimmed(FILE *to, const char *column)
{
    fputs("trim(CAST(", to);
    weir_sql_name(to, column);
    fputs(" AS VARCHAR))", to);
}

/* In any case; a text that is a number stands for all ways to write it. */
static void print_equals(FILE *to, const char *column, const char *text)
{
    double number;
    fputs("(lower(", to);
    print_trimmed(to, column);
    fputs(") = lower(", to);
    weir_sql_text(to, text);
    putc(')', to);
    if (weir_number_read(text, strlen(text), &number) == WEIR_NUMBER_VALUE) {
        fputs(" OR TRY_CAST(", to);
        weir_sql_name(to, column);
        fprintf(to, " AS DOUBLE) = %.17g", number);
    }
    putc(')', to);
}

void weir_mapping_cell(FILE *to, const char *column, const struct weir_known_column *known)
{
    char *const *text = known ? known->missing : NULL;
    if (!text || !*text) {
        weir_sql_name(to, column);
        return;
    }
    fputs("CASE WHEN ", to);
    for (; *text; text++) {
        print_equals(to, column, *text);
        fputs(text[1] ? " OR " : " THEN NULL ELSE ", to);
    }
    weir_sql_name(to, column);
    fputs(" END", to);
}

/* A spelling as a pattern of LIKE. */
static void print_pattern(FILE *to, const char *text)
{
    putc('\'', to);
    for (; *text; text++) {
        if (*text == '\'')
            putc('\'', to);
        if (strchr("%_\\", *text))
            putc('\\', to);
        putc(*text == '*' ? '%' : tolower((unsigned char)*text), to);
    }
    fputs("' ESCAPE '\\'", to);
}

void weir_mapping_label(FILE *to, const char *column, const struct weir_known_label *label)
{
    if (!label || !label->spelling_count) {
        fputs("CAST(", to);
        weir_sql_name(to, column);
        fputs(" AS VARCHAR)", to);
        return;
    }
    fputs("CASE", to);
    for (size_t i = 0; i < label->spelling_count; i++) {
        fputs(" WHEN lower(coalesce(", to);
        print_trimmed(to, column);
        fputs(", '')) LIKE ", to);
        print_pattern(to, label->spellings[i].text);
        fputs(" THEN ", to);
        weir_sql_text(to, label->spellings[i].label);
    }
    fputs(" ELSE CAST(", to);
    weir_sql_name(to, column);
    fputs(" AS VARCHAR) END", to);
}

/* ---- Common columns -------------------------------------------------------------------------------------------------------- */

static const char *find_name(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(names[i], name))
            return names[i];
    return NULL;
}

static void print_number(FILE *to, const struct weir_known *known, const char *column)
{
    fputs("TRY_CAST(", to);
    weir_mapping_cell(to, column, weir_known_column(known, column));
    fputs(" AS DOUBLE)", to);
}

/* argus writes ports of ICMP as 0x0008: DuckDB reads that as a whole number and not as a real one. */
static void print_port(FILE *to, const struct weir_known *known, const char *column)
{
    fputs("coalesce(", to);
    print_number(to, known, column);
    fputs(", TRY_CAST(", to);
    print_trimmed(to, column);
    fputs(" AS UINTEGER))", to);
}

/* tcp and its like as numbers; the frequent ones are asked for first. */
static void print_protocol(FILE *to, const char *column)
{
    static const unsigned frequent[] = {6, 17, 1};
    fputs("CASE lower(", to);
    print_trimmed(to, column);
    putc(')', to);
    for (size_t i = 0; i < 3; i++)
        fprintf(to, " WHEN '%s' THEN %u", weir_protocol_names[frequent[i]], frequent[i]);
    for (unsigned i = 0; i < 256; i++)
        if (i != 6 && i != 17 && i != 1 && weir_protocol_code(i) == i && strcmp(weir_protocol_names[i], "unas") != 0) {
            fputs(" WHEN ", to);
            weir_sql_text(to, weir_protocol_names[i]);
            fprintf(to, " THEN %u", i);
        }
    fputs(" END", to);
}

static void print_common(FILE *to, const struct weir_known *known, const struct weir_known_common *common, bool number,
                         char *const *names, size_t count)
{
    const char *of = common ? find_name(names, count, common->of) : NULL;
    const char *less = common && common->less ? find_name(names, count, common->less) : NULL;
    if (!of || (common->less && !less)) {
        fputs(number ? "CAST(NULL AS DOUBLE)" : "CAST(NULL AS VARCHAR)", to);
    } else if (!number) { /* "-" and nothing at all: not seen */
        fputs("nullif(nullif(lower(", to);
        print_trimmed(to, of);
        fputs("), '-'), '')", to);
    } else if (!strcmp(common->name, "proto")) {
        fputs("coalesce(", to);
        print_number(to, known, of);
        fputs(", ", to);
        print_protocol(to, of);
        putc(')', to);
    } else if (!strcmp(common->name, "sport") || !strcmp(common->name, "dport")) {
        print_port(to, known, of);
    } else {
        print_number(to, known, of);
        if (common->times < 1 || common->times > 1)
            fprintf(to, " * %.17g", common->times);
        if (less) {
            fputs(" - ", to);
            print_number(to, known, less);
        }
    }
}

static void print_class(FILE *to, const char *column, const struct weir_known_label *label)
{
    fputs("trim(", to);
    weir_mapping_label(to, column, label);
    putc(')', to);
}

/* A column of labels, "benign" for the benign one; `two`: "attack" for every other. The expression stands there again and again,
 * where DuckDB computes it once: a subquery that names it would become a join, and joins give rows in any order. */
static void print_classes(FILE *to, const struct weir_known_label *label, bool two, char *const *names, size_t count)
{
    const char *column = find_name(names, count, label->column);
    if (!column) {
        fputs("CAST(NULL AS VARCHAR)", to);
        return;
    }
    fputs("CASE WHEN coalesce(", to);
    print_class(to, column, label);
    fputs(", '') = '' THEN NULL", to);
    if (label->benign) {
        double number;
        fputs(" WHEN ", to);
        print_class(to, column, label);
        fputs(" = ", to);
        weir_sql_text(to, label->benign);
        if (weir_number_read(label->benign, strlen(label->benign), &number) == WEIR_NUMBER_VALUE) {
            fputs(" OR TRY_CAST(", to);
            print_class(to, column, label);
            fprintf(to, " AS DOUBLE) = %.17g", number);
        }
        fputs(" THEN 'benign'", to);
    }
    fputs(" ELSE ", to);
    if (two)
        fputs("'attack'", to);
    else
        print_class(to, column, label);
    fputs(" END", to);
}

void weir_mapping_common(FILE *to, const struct weir_known *known, char *const *names, size_t count)
{
    const struct weir_known *vocabulary = weir_known_named("common");
    for (size_t i = 0; i < vocabulary->column_count; i++) {
        const struct weir_known_column *column = &vocabulary->columns[i];
        const struct weir_known_common *common = NULL;
        for (size_t k = 0; k < known->common_count && !common; k++)
            if (!strcasecmp(known->common[k].name, column->name))
                common = &known->common[k];
        if (i)
            fputs(", ", to);
        if (!strcmp(column->name, "dataset"))
            weir_sql_text(to, known->name);
        else if (!strcmp(column->name, "label"))
            print_classes(to, &known->label, true, names, count);
        else if (!strcmp(column->name, "category"))
            print_classes(to, weir_known_category(known), false, names, count);
        else
            print_common(to, known, common, column->type == WEIR_KNOWN_NUMBER, names, count);
        fputs(" AS ", to);
        weir_sql_name(to, column->name);
    }
}
