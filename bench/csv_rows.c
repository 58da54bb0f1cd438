#include "bench/csv_rows.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/random.h"

enum { SEED = 20, MADE_COLUMNS = 83, KINDS = 13, MADE_BENIGN_PERCENT = 30 };

struct lines {
    char *header;
    char **line; /* without their ends */
    size_t count, room;
};

static void lines_fini(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->line[i]);
    free(lines->line);
    free(lines->header);
    *lines = (struct lines){0};
}

/* Takes `text`, whatever happens. */
static weir_err append(struct lines *lines, char *text, struct weir_error *error)
{
    if (text && lines->count == lines->room) {
        size_t room = lines->room ? 2 * lines->room : 4096;
        char **more = realloc(lines->line, room * sizeof *more);
        if (!more) {
            free(text);
            text = NULL;
        } else {
            lines->line = more;
            lines->room = room;
        }
    }
    if (!text)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the rows");
    lines->line[lines->count++] = text;
    return WEIR_OK;
}

/* --- given rows --- */

static weir_err read_file(const char *path, struct lines *lines, struct weir_error *error)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    weir_err code = WEIR_OK;
    bool head = true;
    for (ssize_t n; code == WEIR_OK && (n = getline(&line, &room, file)) >= 0; head = false) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = 0;
        if (head && lines->header && strcmp(line, lines->header))
            code = weir_fail(error, WEIR_ERR_FORMAT, "%s: another header than that of the file before it", path);
        else if (head && !lines->header && !(lines->header = strdup(line)))
            code = weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the rows");
        else if (!head && n > 0)
            code = append(lines, strdup(line), error);
    }
    if (code == WEIR_OK && ferror(file))
        code = weir_fail(error, WEIR_ERR_IO, "%s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return code;
}

static weir_err read_all(const char *pattern, struct lines *lines, struct weir_error *error)
{
    glob_t found;
    int nothing = glob(pattern, 0, NULL, &found);
    weir_err code = nothing ? weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no such file", pattern) : WEIR_OK;
    for (size_t i = 0; code == WEIR_OK && i < found.gl_pathc; i++)
        code = read_file(found.gl_pathv[i], lines, error);
    if (!nothing)
        globfree(&found);
    if (code == WEIR_OK && lines->count < 10)
        code = weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu rows; a bench wants 10 or more", pattern, lines->count);
    return code;
}

/* --- made-up rows --- */

/* A number of the standard normal distribution. */
static double normal(uint64_t *random)
{
    double radius = sqrt(-2 * log(1 - weir_random_share(random)));
    return radius * cos(6.283185307179586 * weir_random_share(random));
}

/* What columns of flows are like: flags, counters and times over nine decades, many zeros; some of them tell kinds of traffic
 * apart. */
struct made_column {
    double scale, spread, zeros; /* median, deviation of the logarithm, share of zeros */
    double shift[KINDS];         /* of the logarithm */
    bool whole;
};

static void make_columns(struct made_column column[static MADE_COLUMNS], uint64_t *random)
{
    for (int c = 0; c < MADE_COLUMNS; c++) {
        bool flag = c % 6 == 5, telling = c % 3 == 0;
        column[c] = (struct made_column){.scale = flag ? 1 : pow(10, 9 * weir_random_share(random)),
                                         .spread = flag ? 0.3 : 0.5 + weir_random_share(random),
                                         .zeros = c % 4 ? 0.5 * weir_random_share(random) : 0,
                                         .whole = c % 2 || flag};
        for (int k = 0; k < KINDS; k++)
            column[c].shift[k] = (telling ? 1.2 : 0.1) * normal(random);
    }
}

static weir_err make(struct lines *lines, struct weir_error *error)
{
    static const char *const kinds[KINDS] = {"BENIGN",       "DoS Hulk",    "DDoS",          "Portscan",      "Botnet",
                                             "FTP-Patator",  "SSH-Patator", "DoS Slowloris", "DoS GoldenEye", "DoS Slow HTTP",
                                             "Infiltration", "Web Attack",  "Heartbleed"};
    struct made_column column[MADE_COLUMNS];
    uint64_t random = weir_random_stream(SEED, 0);
    make_columns(column, &random);
    size_t size = 0;
    FILE *head = open_memstream(&lines->header, &size);
    if (!head)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the rows");
    for (int c = 0; c < MADE_COLUMNS; c++)
        fprintf(head, "c%02d,", c);
    fputs("Label", head);
    if (fclose(head))
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the rows");
    for (size_t r = 0; r < WEIR_CSV_ROWS_MADE; r++) {
        char *text = NULL;
        FILE *line = open_memstream(&text, &size);
        if (!line)
            return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the rows");
        uint32_t kind = weir_random_below(&random, 100) < MADE_BENIGN_PERCENT ? 0 : 1 + weir_random_below(&random, KINDS - 1);
        for (int c = 0; c < MADE_COLUMNS; c++) {
            double value = column[c].scale * exp(column[c].shift[kind] + column[c].spread * normal(&random));
            value = weir_random_share(&random) < column[c].zeros ? 0 : column[c].whole ? rint(value) : value;
            fprintf(line, "%.9g,", value);
        }
        fputs(kinds[kind], line);
        if (fclose(line)) {
            free(text);
            text = NULL;
        }
        weir_err code = append(lines, text, error);
        if (code != WEIR_OK)
            return code;
    }
    return WEIR_OK;
}

/* --- the two files --- */

/* The end of a line's cell. */
static const char *cell_end(const char *cell)
{
    for (bool quoted = false; *cell && (quoted || *cell != ','); cell++)
        quoted ^= *cell == '"';
    return cell;
}

static bool is_label(const char *cell, size_t length, const char *label)
{
    while (length && isspace((unsigned char)*cell))
        cell++, length--;
    while (length && isspace((unsigned char)cell[length - 1]))
        length--;
    return label ? length == strlen(label) && !strncmp(cell, label, length) : length == 5 && !strncasecmp(cell, "label", 5);
}

static size_t label_place(const char *header, const char *label)
{
    size_t place = 0;
    for (const char *cell = header, *end;; cell = end + 1, place++) {
        end = cell_end(cell);
        if (is_label(cell, (size_t)(end - cell), label) || !*end)
            return place;
    }
}

/* The line with its numbers, but for the label, off by 2 %. */
static void put_noisy(FILE *to, const char *line, size_t label, uint64_t *random)
{
    size_t place = 0;
    for (const char *cell = line, *end;; cell = end + 1, place++) {
        char *stop;
        end = cell_end(cell);
        double value = strtod(cell, &stop);
        if (place != label && end > cell && stop == end && isfinite(value) && value != 0)
            fprintf(to, "%.9g", value * (1 + 0.02 * normal(random)));
        else
            fwrite(cell, 1, (size_t)(end - cell), to);
        putc(*end ? ',' : '\n', to);
        if (!*end)
            return;
    }
}

/* The numbers below n in an order that is drawn; the caller frees it. */
static size_t *shuffled(size_t n, uint64_t *random)
{
    size_t *order = malloc((n ? n : 1) * sizeof *order);
    for (size_t i = 0; order && i < n; i++) {
        size_t j = weir_random_below(random, (uint32_t)(i + 1));
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

static weir_err write_both(const struct lines *lines, const struct weir_csv_rows *rows, const char *const path[2],
                           size_t *count[2], struct weir_error *error)
{
    uint64_t random = weir_random_stream(SEED, 1);
    size_t want = rows->want ? rows->want : lines->count, label = label_place(lines->header, rows->label);
    size_t *order = shuffled(lines->count, &random);
    FILE *file[2] = {order ? fopen(path[0], "w") : NULL, order ? fopen(path[1], "w") : NULL};
    weir_err code = order ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the rows");
    for (int i = 0; code == WEIR_OK && i < 2; i++)
        if (!file[i] || fprintf(file[i], "%s\n", lines->header) < 0)
            code = weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", path[i], strerror(errno));
    for (size_t r = 0; code == WEIR_OK && r < want; r++) {
        int tests = r < want / 5;
        ++*count[tests];
        if (want <= lines->count)
            fprintf(file[tests], "%s\n", lines->line[order[r]]);
        else
            put_noisy(file[tests], lines->line[weir_random_below(&random, (uint32_t)lines->count)], label, &random);
    }
    for (int i = 0; i < 2; i++) {
        bool broken = file[i] && ferror(file[i]);
        if (file[i] && (fclose(file[i]) || broken) && code == WEIR_OK)
            code = weir_fail(error, WEIR_ERR_IO, "%s: could not be written; is there room in /tmp?", path[i]);
    }
    free(order);
    return code;
}

weir_err weir_csv_rows_write(const struct weir_csv_rows *rows, const char *train, const char *test, size_t *train_rows,
                             size_t *test_rows, struct weir_error *error)
{
    struct lines lines = {0};
    const char *const path[2] = {train, test};
    size_t *count[2] = {train_rows, test_rows};
    *train_rows = *test_rows = 0;
    weir_err code = rows->data ? read_all(rows->data, &lines, error) : make(&lines, error);
    if (code == WEIR_OK && (lines.count > UINT32_MAX || rows->want > UINT32_MAX))
        code = weir_fail(error, WEIR_ERR_LIMIT, "bench: more than 2^32 rows");
    if (code == WEIR_OK)
        code = write_both(&lines, rows, path, count, error);
    lines_fini(&lines);
    return code;
}
