#include "bench/paper_peer.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/paper_py.h"
#include "bench/peer.h"
#include "bench/talk.h"

enum { CHECKED = 1024 };

struct weir_paper {
    char folder[40], name[160];
    struct weir_talk talk;
};

static const char *const files[] = {"model.json", "names.txt", "rows.f32", "paper.py", "scores.f32"};

static void path_of(const struct weir_paper *paper, const char *name, char path[static 80])
{
    snprintf(path, 80, "%s/%s", paper->folder, name);
}

static weir_err leave(const struct weir_paper *paper, const char *name, const void *bytes, size_t size, struct weir_error *error)
{
    char path[80];
    path_of(paper, name, path);
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file))
        good = false;
    return good ? WEIR_OK : weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", path, strerror(errno));
}

static weir_err leave_all(const struct weir_paper *paper, const struct weir_made *made, struct weir_error *error)
{
    const struct weir_records *r = &made->records;
    const char *const *names;
    char text[4096];
    size_t used = 0, columns = weir_model_columns(made->model, &names);
    for (size_t c = 0; c < columns && used < sizeof text; c++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", names[c]);
    weir_err code = leave(paper, "model.json", made->json, made->size, error);
    code = code ? code : leave(paper, "names.txt", text, used, error);
    code = code ? code : leave(paper, "rows.f32", r->row, r->count * r->columns * sizeof *r->row, error);
    return code ? code : leave(paper, "paper.py", paper_py, sizeof paper_py, error);
}

static weir_err start(struct weir_paper *paper, const char *home, float threshold, struct weir_error *error)
{
    char program[4200], script[80], number[32];
    snprintf(program, sizeof program, "%s/bin/python", home);
    snprintf(number, sizeof number, "%.9g", (double)threshold);
    path_of(paper, "paper.py", script);
    char *const arguments[] = {program, "-W", "ignore", script, paper->folder, number, NULL};
    return weir_talk_start(arguments, &paper->talk, error);
}

static weir_err greet(struct weir_paper *paper, struct weir_error *error)
{
    json_t *hello = weir_talk_answer(&paper->talk);
    const char *missing = json_string_value(json_object_get(hello, "missing"));
    const char *zmq = "?", *redis = "?", *xgboost = "?", *duckdb = "?";
    weir_err code = WEIR_OK;
    if (missing)
        code = weir_fail(error, WEIR_ERR_NOT_FOUND, "the Python package %.40s is missing: tools/setup peers", missing);
    else if (json_unpack(hello, "{s:s,s:s,s:s,s:s}", "zmq", &zmq, "redis", &redis, "xgboost", &xgboost, "duckdb", &duckdb))
        code = weir_fail(error, WEIR_ERR_IO, "the Python version did not start; its message is above");
    snprintf(paper->name, sizeof paper->name, "Python (pyzmq %s, redis %s, xgboost %s, duckdb %s)", zmq, redis, xgboost, duckdb);
    json_decref(hello);
    return code;
}

/* XGBoost's scores of the first rows against weir's. */
static weir_err check(const struct weir_paper *paper, const struct weir_made *made, struct weir_error *error)
{
    char path[80];
    float theirs[CHECKED], ours[CHECKED];
    path_of(paper, "scores.f32", path);
    FILE *file = fopen(path, "rb");
    size_t count = file ? fread(theirs, sizeof *theirs, CHECKED, file) : 0;
    if (file)
        fclose(file);
    if (count != CHECKED)
        return weir_fail(error, WEIR_ERR_IO, "%s: no scores of %d rows; XGBoost's message is above", path, CHECKED);
    weir_model_predict(made->model, made->records.row, CHECKED, made->records.columns, ours, NULL, NULL);
    for (size_t i = 0; i < CHECKED; i++)
        if (!(fabsf(ours[i] - theirs[i]) <= 1e-5f))
            return weir_fail(error, WEIR_ERR_MISMATCH, "row %zu: weir scores %.9g, XGBoost %.9g", i, (double)ours[i],
                             (double)theirs[i]);
    return WEIR_OK;
}

weir_err weir_paper_start(const char *folder, const struct weir_made *made, struct weir_paper **out, struct weir_error *error)
{
    *out = NULL;
    char *home = weir_peer_home();
    struct weir_paper *paper = calloc(1, sizeof *paper);
    weir_err code = WEIR_ERR_NOT_FOUND;
    if (!home || !paper) {
        weir_fail(error, code, "the Python yardsticks are missing: tools/setup peers");
        free(paper);
        paper = NULL;
        goto out;
    }
    snprintf(paper->folder, sizeof paper->folder, "%s", folder);
    if ((code = leave_all(paper, made, error)) != WEIR_OK ||
        (code = start(paper, home, weir_model_threshold(made->model), error)) != WEIR_OK)
        goto out;
    if ((code = greet(paper, error)) == WEIR_OK)
        code = check(paper, made, error);
out:
    free(home);
    if (code == WEIR_OK)
        *out = paper;
    else
        weir_paper_stop(&paper);
    return code;
}

void weir_paper_stop(struct weir_paper **paper)
{
    if (!paper || !*paper)
        return;
    struct weir_paper *p = *paper;
    if (p->talk.pid > 0)
        kill(p->talk.pid, SIGTERM);
    weir_talk_end(&p->talk);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[80];
        path_of(p, files[i], path);
        unlink(path);
    }
    free(p);
    *paper = NULL;
}

const char *weir_paper_name(const struct weir_paper *paper)
{
    return paper->name;
}

weir_err weir_paper_cell(struct weir_paper *paper, struct weir_cell cell, const struct weir_cell_load *load,
                         struct weir_cell_figures *figures, struct weir_error *error)
{
    json_int_t rows = 0;
    *figures = (struct weir_cell_figures){0};
    fprintf(paper->talk.to, "%u %u %g %g\n", cell.batch, cell.workers, load->seconds, load->offered);
    fflush(paper->talk.to);
    json_t *got = weir_talk_answer(&paper->talk);
    int bad = json_unpack(got, "{s:I,s:F,s:F,s:F,s:[FF],s:[FF]}", "rows", &rows, "flows_per_s", &figures->flows_per_s, "cpu_us",
                          &figures->cpu_us, "alerts", &figures->alerts, "decision_us", &figures->decision_us[0],
                          &figures->decision_us[1], "durable_ms", &figures->durable_ms[0], &figures->durable_ms[1]);
    figures->rows = (uint64_t)rows;
    json_decref(got);
    return bad ? weir_fail(error, WEIR_ERR_IO, "the Python version failed in the cell %ub%uw; its message is above", cell.batch,
                           cell.workers)
               : WEIR_OK;
}
