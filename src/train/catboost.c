/* CatBoost as a trainer. Its trainer has no C interface, so its Python package grows the trees in a process of its own, told by
 * the script below: rows and model pass through memory files, progress through a pipe. weir's importer reads the trees. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/python.h"
#include "model/catboost.h"
#include "train/boosted.h"
#include "train/trainers.h"

static const struct weir_param params[] = {{"trees", WEIR_PARAM_WHOLE, "1000", 1, 100000, NULL, "rounds of boosting"},
                                           {"depth", WEIR_PARAM_WHOLE, "6", 1, 16, NULL, "depth of a tree"},
                                           {0}};

/* argv: rows, columns, classes, JSON of parameters. File 3: rows feature-major and float32, then labels, 4: the model. */
static const char script[] = "import json, os, sys\n"
                             "try:\n"
                             "    import catboost, numpy as np\n"
                             "except ImportError as e:\n"
                             "    sys.exit(f'{e}')\n"
                             "if len(sys.argv) == 1:\n"
                             "    print(catboost.__version__)\n"
                             "    sys.exit()\n"
                             "rows, columns, classes = map(int, sys.argv[1:4])\n"
                             "x = np.memmap('/proc/self/fd/3', np.float32, 'r', 0, (columns, rows)).T\n"
                             "y = np.memmap('/proc/self/fd/3', np.uint32, 'r', 4 * rows * columns, (rows,)).astype(np.int32)\n"
                             "class Progress:\n"
                             "    def after_iteration(self, info):\n"
                             "        os.write(1, b'.')\n"
                             "        return True\n"
                             "try:\n"
                             "    model = catboost.CatBoostClassifier(**json.loads(sys.argv[4]), thread_count=1, "
                             "allow_writing_files=False, verbose=False,\n"
                             "                                        loss_function='MultiClass' if classes > 2 else 'Logloss')\n"
                             "    model.fit(x, y, callbacks=[Progress()])\n"
                             "    model.save_model('/proc/self/fd/4', format='json')\n"
                             "except (catboost.CatBoostError, TypeError, ValueError) as e:\n"
                             "    sys.exit(str(e).replace('\\n', ' '))\n";

enum { ROWS_FD = 3, MODEL_FD, MESSAGE_BYTES = 300, NO_PROGRAM = 127 };

/* The last line of what the child said. */
static const char *last_line(char *text, size_t length)
{
    while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    text[length] = 0;
    char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static weir_err failed_child(int errors, int status, const char *python, struct weir_error *error)
{
    char text[4096];
    off_t end = lseek(errors, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    ssize_t n = pread(errors, text, sizeof text - 1, from);
    const char *line = last_line(text, n > 0 ? (size_t)n : 0);
    if (strstr(line, "No module named") || (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "CatBoost's Python package is not there (%s: %.100s); pip install catboost, and name that Python in the "
                         "environment variable WEIR_PYTHON",
                         python, line);
    return weir_fail(error, WEIR_ERR_LIBRARY, "CatBoost: %.*s", MESSAGE_BYTES, *line ? line : "its process died");
}

/* Starts the script; *out is its standard output, *errors a memory file of what it says on the other. */
static weir_err start(const char *python, char *const *arguments, int rows, int model, pid_t *child, int *out, int *errors,
                      struct weir_error *error)
{
    int pipes[2];
    *errors = memfd_create("weir-catboost-errors", MFD_CLOEXEC);
    if (*errors < 0 || pipe2(pipes, O_CLOEXEC) != 0)
        return weir_fail(error, WEIR_ERR_IO, "CatBoost: %s", strerror(errno));
    *child = fork();
    if (*child == 0) {
        /* Out of the way of the numbers that the script knows, then onto them. */
        int from[] = {fcntl(rows, F_DUPFD, 16), fcntl(model, F_DUPFD, 16)};
        dup2(pipes[1], STDOUT_FILENO);
        dup2(*errors, STDERR_FILENO);
        for (int i = 0; i < 2; i++)
            if (from[i] >= 0)
                dup2(from[i], ROWS_FD + i);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(python, arguments);
        dprintf(STDERR_FILENO, "%s: %s\n", python, strerror(errno));
        _exit(NO_PROGRAM);
    }
    close(pipes[1]);
    *out = pipes[0];
    if (*child > 0)
        return WEIR_OK;
    close(pipes[0]);
    return weir_fail(error, WEIR_ERR_IO, "CatBoost: %s", strerror(errno));
}

/* Counts the rounds that the child reports until it ends; kills it on config->stop. */
static weir_err follow(pid_t child, int out, int errors, const char *python, size_t trees, const struct weir_train_config *config,
                       struct weir_error *error)
{
    char said[256];
    size_t done = 0;
    int status;
    for (;;) {
        struct pollfd wait = {.fd = out, .events = POLLIN};
        int ready = poll(&wait, 1, 100);
        if (config->stop && *config->stop) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu of %zu rounds", done, trees);
        }
        ssize_t n = ready > 0 ? read(out, said, sizeof said) : -1;
        if (n == 0)
            break;
        if (n < 0)
            continue;
        done += (size_t)n;
        if (config->progress && done <= trees)
            config->progress(config->context, done, trees);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? WEIR_OK : failed_child(errors, status, python, error);
}

/* A memory file with the rows and labels of the set. */
static int write_rows(const struct weir_train_set *set, struct weir_error *error)
{
    size_t bytes = (set->rows * (set->columns + 1)) * sizeof(float);
    int file = memfd_create("weir-catboost-rows", MFD_CLOEXEC);
    void *map = file >= 0 && ftruncate(file, (off_t)bytes) == 0 ? mmap(NULL, bytes, PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (map == MAP_FAILED) {
        weir_fail(error, WEIR_ERR_MEMORY, "the training rows do not fit into memory; train on a sample");
        if (file >= 0)
            close(file);
        return -1;
    }
    float *x = map;
    weir_boosted_gather(set, x, 1, set->rows);
    memcpy(x + set->rows * set->columns, set->label, set->rows * sizeof *set->label);
    munmap(map, bytes);
    return file;
}

/* What the table has, under CatBoost's names, and what only CatBoost knows: numbers and words as JSON would have them. */
static weir_err write_params(const struct weir_train_config *config, char **out, struct weir_error *error)
{
    json_t *all =
        json_pack("{s:I,s:I,s:I}", "iterations", (json_int_t)weir_params_whole(&config->params, "trees"), "depth",
                  (json_int_t)weir_params_whole(&config->params, "depth"), "random_seed", (json_int_t)(config->seed & INT32_MAX));
    for (size_t i = 0; i < config->more_count; i++) {
        const char *text = config->more[i], *equals = strchr(text, '=');
        char name[64];
        if (!equals || equals == text || (size_t)(equals - text) >= sizeof name || !equals[1]) {
            json_decref(all);
            return weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%.60s': write it name=value", text);
        }
        snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
        static const char *const own[] = {"loss_function", "thread_count", "verbose", "allow_writing_files", "task_type"};
        for (size_t o = 0; o < sizeof own / sizeof *own; o++)
            if (!strcmp(name, own[o])) {
                json_decref(all);
                return weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%s': weir sets it itself", name);
            }
        json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
        json_object_set_new(all, name, value ? value : json_string(equals + 1));
    }
    *out = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(all);
    return *out ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

/* The child's standard output up to its end, for `ready`. */
static weir_err ask_version(const char *python, char version[static 32], struct weir_error *error)
{
    char *arguments[] = {(char *)python, "-c", (char *)script, NULL};
    char said[256];
    size_t length = 0;
    pid_t child = -1;
    int out = -1, errors = -1, status = 0;
    weir_err err = start(python, arguments, STDIN_FILENO, STDIN_FILENO, &child, &out, &errors, error);
    for (ssize_t n = 1; !err && n > 0;) {
        n = read(out, said + length, sizeof said - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    while (!err && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!err && status)
        err = failed_child(errors, status, python, error);
    if (!err)
        snprintf(version, 32, "%.31s", last_line(said, length));
    if (out >= 0)
        close(out);
    if (errors >= 0)
        close(errors);
    return err;
}

static char version[32]; /* once it is known */

static weir_err ready(struct weir_error *error)
{
    if (*version)
        return WEIR_OK;
    char *python = weir_python_find();
    weir_err err = python ? ask_version(python, version, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    free(python);
    return err;
}

static weir_err read_model(int file, struct weir_trained *out, struct weir_error *error)
{
    char library[64];
    off_t size = lseek(file, 0, SEEK_END);
    void *bytes = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED)
        return weir_fail(error, WEIR_ERR_LIBRARY, "CatBoost: its process left no model");
    snprintf(library, sizeof library, "CatBoost %s", version);
    weir_err err = weir_boosted_take(weir_catboost_read, bytes, (size_t)size, library, out, error);
    munmap(bytes, (size_t)size);
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    char rows[24], columns[24], classes[24], *told = NULL, *python = NULL;
    int data = -1, model = -1, progress = -1, errors = -1;
    pid_t child = -1;
    weir_err err = ready(error);
    if (!err)
        err = write_params(config, &told, error);
    if (!err && (data = write_rows(set, error)) < 0)
        err = WEIR_ERR_MEMORY;
    if (!err && ((model = memfd_create("weir-catboost-model", MFD_CLOEXEC)) < 0 || !(python = weir_python_find())))
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err) {
        snprintf(rows, sizeof rows, "%zu", set->rows);
        snprintf(columns, sizeof columns, "%zu", set->columns);
        snprintf(classes, sizeof classes, "%zu", set->classes);
        char *arguments[] = {python, "-c", (char *)script, rows, columns, classes, told, NULL};
        err = start(python, arguments, data, model, &child, &progress, &errors, error);
    }
    if (!err)
        err = follow(child, progress, errors, python, weir_params_whole(&config->params, "trees"), config, error);
    if (!err)
        err = read_model(model, out, error);
    const int files[] = {data, model, progress, errors};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            close(files[i]);
    free(told);
    free(python);
    return err;
}

const struct weir_trainer weir_train_catboost = {
    .name = "catboost", .title = "CatBoost", .params = params, .more = true, .ready = ready, .fit = fit};
