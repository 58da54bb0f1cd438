#include "data/header.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/number.h"

/* More than any data set has; names are compared with each other, so this bounds the work a hostile line can ask for. */
enum { MAX_COLUMNS = 4096 };

static char find_delimiter(const char *line)
{
    static const char candidates[] = ",;\t|";
    size_t count[sizeof candidates] = {0}, best = 0;
    bool quoted = false;
    for (; *line; line++) {
        const char *found = strchr(candidates, *line);
        if (*line == '"')
            quoted = !quoted;
        else if (found && !quoted)
            count[found - candidates]++;
    }
    for (size_t i = 1; candidates[i]; i++)
        if (count[i] > count[best])
            best = i;
    return candidates[best];
}

/* Takes one cell from *at and leaves *at at its delimiter or at the end of the line. */
static char *take_cell(const char **at, char delimiter)
{
    char *cell = malloc(strlen(*at) + 1);
    if (!cell)
        return NULL;
    size_t n = 0;
    const char *c = *at;
    bool quoted = *c == '"';
    if (quoted)
        c++;
    for (; *c && (quoted || *c != delimiter); c++) {
        if (quoted && *c == '"') {
            if (c[1] != '"') {
                quoted = false;
                continue;
            }
            c++;
        }
        cell[n++] = *c;
    }
    cell[n] = 0;
    *at = c;
    return cell;
}

bool weir_header_is_data(char *const *names, size_t count)
{
    size_t numbers = 0, counting = 0;
    for (size_t i = 0; i < count; i++) {
        double value;
        if (weir_number_read(names[i], strlen(names[i]), &value) == WEIR_NUMBER_VALUE) {
            counting += value == (double)numbers;
            numbers++;
        }
    }
    return numbers * 2 > count && counting < numbers;
}

weir_err weir_header_cells(const char *path, const char *line, bool tab, char *delimiter, char ***names, size_t *count,
                           struct weir_error *error)
{
    char **list = NULL;
    size_t n = 0;
    weir_err failed = WEIR_OK;
    if (!strncmp(line, "\xef\xbb\xbf", 3))
        line += 3;
    *delimiter = tab ? '\t' : find_delimiter(line);
    if (!line[strspn(line, " \t\r")])
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: the first line is blank; it must name the columns", path);
    for (const char *at = line;; at++) {
        char **more = realloc(list, (n + 1) * sizeof *more);
        if (more)
            list = more;
        if (!more || !(list[n] = take_cell(&at, *delimiter))) {
            failed = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
            break;
        }
        n++;
        if (!*at)
            break;
        if (n == MAX_COLUMNS) {
            failed = weir_fail(error, WEIR_ERR_LIMIT, "%s: more than %d columns", path, MAX_COLUMNS);
            break;
        }
    }
    if (failed) {
        while (n)
            free(list[--n]);
        free(list);
        return failed;
    }
    *names = list;
    *count = n;
    return WEIR_OK;
}

weir_err weir_header_none(const char *path, const char *line, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_FORMAT,
                     "%s: no header: the first line, '%.40s%s', looks like data; put the columns' names above it", path, line,
                     strlen(line) > 40 ? "..." : "");
}

weir_err weir_header_split(const char *path, const char *line, bool tab, char *delimiter, char ***names, size_t *count,
                           struct weir_error *error)
{
    weir_err failed = weir_header_cells(path, line, tab, delimiter, names, count, error);
    if (failed || !weir_header_is_data(*names, *count))
        return failed;
    while (*count)
        free((*names)[--*count]);
    free(*names);
    *names = NULL;
    return weir_header_none(path, line, error);
}

static bool is_taken(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(names[i], name))
            return true;
    return false;
}

char **weir_header_names(char *const *raw, size_t count)
{
    char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++) {
        const char *start = raw[i] + strspn(raw[i], " \t\r");
        size_t length = strlen(start);
        while (length && strchr(" \t\r", start[length - 1]))
            length--;
        char *name = NULL;
        int printed = length ? asprintf(&name, "%.*s", (int)length, start) : asprintf(&name, "column%zu", i);
        for (unsigned again = 1; printed >= 0 && is_taken(names, i, name); again++) {
            free(name);
            printed = length ? asprintf(&name, "%.*s_%u", (int)length, start, again) : asprintf(&name, "column%zu_%u", i, again);
        }
        if (printed < 0) {
            while (i)
                free(names[--i]);
            free(names);
            return NULL;
        }
        names[i] = name;
    }
    return names;
}
