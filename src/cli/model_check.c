/* weir model import --check: the imported model's classes beside those of the model's own library, on the same rows.
 *
 * weir scores float32; the library gets the values as float64, as whoever trained the model had them. The library runs in a
 * Python of its own (model_answers.h): rows go there and answers come back in temporary files that have no name. */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/data_options.h"
#include "cli/model_answers.h"
#include "cli/model_commands.h"
#include "data/number.h"
#include "train/evaluate.h"

extern char **environ;

enum { NO_LIBRARY = 3 };

struct check {
    const struct weir_model_check *config;
    struct weir_dataset_column *columns; /* with the code tables */
    size_t count, rows;
    FILE *asked, *answers, *complaints;
    float *ours; /* [rows] class, or prediction */
    size_t room;
};

/* -- weir's side -- */

/* The value of a cell in float64, where `narrow` is what weir made of it. */
static double wide_value(duckdb_vector vector, bool number, const struct weir_dataset_column *column, size_t row, float narrow)
{
    double value = (double)narrow;
    if (isnan(narrow) || column->categories.count)
        return value;
    if (number)
        return ((const double *)duckdb_vector_get_data(vector))[row];
    duckdb_string_t *text = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;
    return weir_number_read(duckdb_string_t_data(text), duckdb_string_t_length(*text), &value) == WEIR_NUMBER_VALUE
               ? value
               : (double)narrow;
}

static weir_err take_chunk(struct check *k, duckdb_data_chunk chunk, struct weir_error *error)
{
    const weir_model *model = k->config->model;
    size_t rows = duckdb_data_chunk_get_size(chunk), n = k->count, groups = weir_model_groups(model);
    float *x = malloc(rows * n * sizeof *x), *margins = malloc(rows * groups * sizeof *margins);
    float *scores = malloc(rows * sizeof *scores);
    double *wide = malloc(rows * n * sizeof *wide);
    uint16_t *classes = malloc(rows * sizeof *classes);
    weir_err err = x && margins && scores && wide && classes ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err && k->rows + rows > k->room) {
        size_t room = (k->rows + rows) * 2;
        float *grown = reallocarray(k->ours, room, sizeof *grown);
        if (grown) {
            k->ours = grown;
            k->room = room;
        } else {
            err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        }
    }
    for (size_t c = 0; c < n && !err; c++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
        duckdb_logical_type type = duckdb_vector_get_column_type(vector);
        bool number = duckdb_get_type_id(type) == DUCKDB_TYPE_DOUBLE;
        duckdb_destroy_logical_type(&type);
        weir_dataset_convert(vector, rows, &k->columns[c], x + c, n);
        for (size_t r = 0; r < rows; r++)
            wide[r * n + c] = wide_value(vector, number, &k->columns[c], r, x[r * n + c]);
    }
    if (!err) {
        weir_model_margins(model, x, rows, n, margins);
        weir_model_judge(model, margins, rows, scores, classes, NULL);
        for (size_t r = 0; r < rows; r++)
            k->ours[k->rows + r] = weir_model_regression(model) ? scores[r] : (float)classes[r];
        k->rows += rows;
        if (fwrite(wide, sizeof *wide * n, rows, k->asked) != rows)
            err = weir_fail(error, WEIR_ERR_IO, "cannot write a temporary file: %s", strerror(errno));
    }
    free(x);
    free(margins);
    free(scores);
    free(wide);
    free(classes);
    return err;
}

static weir_err print_query(const struct check *k, const struct weir_relation *source, char **sql, struct weir_error *error)
{
    size_t size = 0;
    char list[200];
    FILE *to = open_memstream(sql, &size);
    weir_err err = to ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (err)
        return err;
    fputs("SELECT ", to);
    for (size_t c = 0; c < k->count && !err; c++) {
        int at = weir_relation_find(source, k->columns[c].name);
        if (at < 0) {
            weir_dataset_list(source, list, sizeof list);
            err = weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no column '%.60s', which the model needs; the columns are: %s",
                            source->origin, k->columns[c].name, list);
        } else {
            fputs(c ? ", " : "", to);
            weir_dataset_expression(to, &source->columns[at], &k->columns[c].categories);
        }
    }
    fputs(" FROM " WEIR_RELATION, to);
    if (fclose(to) && !err)
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    return err;
}

static weir_err score_rows(struct check *k, struct weir_error *error)
{
    const char *const paths[] = {k->config->data};
    struct weir_relation_config config = {.paths = paths, .path_count = 1, .stop = weir_stop_on_signal()};
    struct weir_relation *source = NULL;
    duckdb_result result;
    char *sql = NULL;
    weir_err err = weir_relation_open(&config, &source, error);
    if (!err)
        err = print_query(k, source, &sql, error);
    if (!err && !(err = weir_relation_query(source, sql, &result, error))) {
        for (;;) {
            duckdb_data_chunk chunk = NULL;
            err = weir_relation_fetch(source, &result, &chunk, error);
            if (err || !chunk)
                break;
            err = take_chunk(k, chunk, error);
            duckdb_destroy_data_chunk(&chunk);
            if (err)
                break;
        }
        duckdb_destroy_result(&result);
    }
    if (!err && !k->rows)
        err = weir_fail(error, WEIR_ERR_FORMAT, "%s: no rows to compare", k->config->data);
    free(sql);
    weir_relation_close(&source);
    return err;
}

/* -- the library's side -- */

/* The last line of what Python said. */
static void last_words(FILE *from, char *out, size_t size)
{
    char line[512];
    *out = 0;
    rewind(from);
    while (fgets(line, sizeof line, from))
        if (strcspn(line, "\n"))
            snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Runs one Python to its end; its exit code, 127 when there is none. */
static int run_python(const struct check *k, const char *python)
{
    const struct weir_model_check *c = k->config;
    posix_spawn_file_actions_t actions;
    char columns[24], script[sizeof weir_model_answers], name[] = "-c", tool[64], original[4096];
    char program[4096], kind[16];
    int status = 0;
    pid_t child;
    snprintf(columns, sizeof columns, "%zu", k->count);
    snprintf(tool, sizeof tool, "%s", weir_model_algorithm(c->model));
    snprintf(original, sizeof original, "%s", c->original);
    snprintf(program, sizeof program, "%s", python);
    snprintf(kind, sizeof kind, "%s", weir_model_regression(c->model) ? "regression" : "classes");
    memcpy(script, weir_model_answers, sizeof script);
    char *argv[] = {program, name, script, tool, original, columns, kind, NULL};
    rewind(k->asked);
    rewind(k->answers);
    rewind(k->complaints);
    if (fflush(k->asked) || ftruncate(fileno(k->answers), 0) || ftruncate(fileno(k->complaints), 0) ||
        lseek(fileno(k->asked), 0, SEEK_SET) < 0 || posix_spawn_file_actions_init(&actions))
        return 127;
    posix_spawn_file_actions_adddup2(&actions, fileno(k->asked), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(k->answers), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(k->complaints), STDERR_FILENO);
    int failed = posix_spawnp(&child, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return 127;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The first Python that has the library: that of the bench's yardsticks, that of WEIR_PEERS, the system's. */
static weir_err ask_library(const struct check *k, struct weir_error *error)
{
    const char *peers = getenv("WEIR_PEERS"), *tool = weir_model_algorithm(k->config->model);
    bool boosted = !strcmp(tool, "xgboost") || !strcmp(tool, "lightgbm") || !strcmp(tool, "catboost");
    char own[4096] = "", why[300];
    if (peers && *peers)
        snprintf(own, sizeof own, "%s/bin/python", peers);
    const char *const pythons[] = {"build/peers/bin/python", own, "python3"};
    for (size_t i = 0; i < sizeof pythons / sizeof *pythons; i++) {
        int code = *pythons[i] ? run_python(k, pythons[i]) : 127;
        if (!code) {
            weir_log(WEIR_LOG_INFO, "the model's own library is that of %s", pythons[i]);
            return WEIR_OK;
        }
        last_words(k->complaints, why, sizeof why);
        if (code != NO_LIBRARY && code != 127)
            return weir_fail(error, WEIR_ERR_LIBRARY, "%s: %s cannot answer: %s", k->config->original,
                             boosted ? tool : "scikit-learn", *why ? why : "its Python ended without a word");
    }
    return weir_fail(
        error, WEIR_ERR_LIBRARY,
        "--check: no Python has %s, nor its numpy: `tools/setup peers` installs it, WEIR_PEERS names another virtual "
        "environment, or install it for python3",
        boosted ? tool : "scikit-learn");
}

static weir_err compare(const struct check *k, struct weir_model_check_result *out, struct weir_error *error)
{
    bool regression = weir_model_regression(k->config->model);
    rewind(k->answers);
    for (size_t r = 0; r < k->rows; r++) {
        double theirs, ours = (double)k->ours[r];
        if (fread(&theirs, sizeof theirs, 1, k->answers) != 1)
            return weir_fail(error, WEIR_ERR_LIBRARY, "%s: its library answered for %zu of %zu rows", k->config->original, r,
                             k->rows);
        if (k->config->turned)
            theirs = 1 - theirs;
        out->differ += regression ? !(fabs(ours - theirs) <= 1e-6 * fabs(theirs)) : ours != theirs;
    }
    out->rows = k->rows;
    return WEIR_OK;
}

weir_err weir_model_check_run(const struct weir_model_check *config, struct weir_model_check_result *out,
                              struct weir_error *error)
{
    struct check k = {.config = config, .asked = tmpfile(), .answers = tmpfile(), .complaints = tmpfile()};
    *out = (struct weir_model_check_result){0};
    weir_err err = k.asked && k.answers && k.complaints
                       ? WEIR_OK
                       : weir_fail(error, WEIR_ERR_IO, "cannot make a temporary file: %s", strerror(errno));
    if (!err)
        err = weir_columns_of(config->model, &k.columns, &k.count, error);
    if (!err)
        err = score_rows(&k, error);
    if (!err)
        err = ask_library(&k, error);
    if (!err)
        err = compare(&k, out, error);
    weir_columns_free(k.columns, k.count);
    free(k.ours);
    FILE *files[] = {k.asked, k.answers, k.complaints};
    for (int i = 0; i < 3; i++)
        if (files[i])
            fclose(files[i]);
    return err;
}
