#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/peer.h"
#include "bench/peers_py.h"

struct weir_python {
    pid_t child;
    FILE *to, *from;
    char answer[600];
};

static weir_err leave(const char *folder, const char *name, const void *bytes, size_t size, struct weir_error *error)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file))
        good = false;
    return good ? WEIR_OK : weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", path, strerror(errno));
}

weir_err weir_python_start(const char *home, const char *folder, const struct weir_peer_data *data, struct weir_python **out,
                           struct weir_error *error)
{
    size_t rows = data->rows + data->train;
    char program[4200], script[300], columns[24], scored[24];
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    *out = NULL;
    weir_err err = leave(folder, "x.f32", data->x, rows * data->columns * sizeof *data->x, error);
    err = err ? err : leave(folder, "y.f32", data->y, rows * sizeof *data->y, error);
    err = err ? err : leave(folder, "peers.py", peers_py, sizeof peers_py, error);
    err = err ? err : leave(folder, "weir_export.py", export_py, sizeof export_py, error);
    if (err)
        return err;
    struct weir_python *python = calloc(1, sizeof *python);
    if (!python || pipe(to) || pipe(from)) {
        free(python);
        return weir_fail(error, WEIR_ERR_IO, "no pipe to Python: %s", strerror(errno));
    }
    snprintf(program, sizeof program, "%s/bin/python", home);
    snprintf(script, sizeof script, "%s/peers.py", folder);
    snprintf(columns, sizeof columns, "%zu", data->columns);
    snprintf(scored, sizeof scored, "%zu", data->rows);
    fflush(NULL);
    python->child = fork();
    if (python->child == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        if (!freopen("/dev/null", "w", stderr))
            _exit(127);
        setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
        setenv("OMP_NUM_THREADS", "1", 1);
        execl(program, program, script, folder, columns, scored, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    signal(SIGPIPE, SIG_IGN); /* a dead Python is an answer that does not come */
    python->to = fdopen(to[1], "w");
    python->from = fdopen(from[0], "r");
    *out = python;
    if (python->child < 0 || !python->to || !python->from) {
        weir_python_stop(out);
        return weir_fail(error, WEIR_ERR_IO, "Python did not start: %s", strerror(errno));
    }
    return WEIR_OK;
}

void weir_python_stop(struct weir_python **python)
{
    struct weir_python *p = *python;
    if (!p)
        return;
    if (p->to)
        fclose(p->to); /* the end of its input ends it */
    if (p->from)
        fclose(p->from);
    if (p->child > 0)
        waitpid(p->child, NULL, 0);
    free(p);
    *python = NULL;
}

weir_err weir_python_ask(struct weir_python *p, const char **answer, struct weir_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(p->to, format, args);
    va_end(args);
    fputc('\n', p->to);
    if (fflush(p->to) || !fgets(p->answer, sizeof p->answer, p->from))
        return weir_fail(error, WEIR_ERR_IO, "Python ended without an answer");
    p->answer[strcspn(p->answer, "\n")] = 0;
    if (strncmp(p->answer, "ok ", 3))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%.100s", p->answer[0] ? p->answer + 3 : "no answer");
    *answer = p->answer + 3;
    return WEIR_OK;
}

double weir_python_seconds(void *peer, size_t batch, unsigned repeats)
{
    const struct weir_python_peer *p = peer;
    const char *answer;
    if (weir_python_ask(p->python, &answer, NULL, "seconds %s %zu %u", p->what, batch, repeats))
        return -1;
    return strtod(answer, NULL);
}
