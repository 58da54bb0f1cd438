#include "train/lgb.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/beside.h"

typedef void *handle;

enum { FLOAT32 = 0, COLUMN_MAJOR = 0, BY_GAIN = 1 }; /* c_api.h's numbers */

/* The functions of c_api.h that are used, by its names without the LGBM_ in front. */
#define FUNCTIONS(X)                                                                                                             \
    X(const char *, GetLastError, (void))                                                                                        \
    X(int, RegisterLogCallback, (void (*callback)(const char *)))                                                                \
    X(int, DatasetCreateFromMat,                                                                                                 \
      (const void *data, int type, int32_t rows, int32_t columns, int row_major, const char *params, handle reference,           \
       handle *out))                                                                                                             \
    X(int, DatasetSetField, (handle set, const char *field, const void *data, int count, int type))                              \
    X(int, DatasetFree, (handle set))                                                                                            \
    X(int, BoosterCreate, (handle set, const char *params, handle *out))                                                         \
    X(int, BoosterUpdateOneIter, (handle booster, int *finished))                                                                \
    X(int, BoosterSaveModelToString,                                                                                             \
      (handle booster, int first, int count, int importance, int64_t room, int64_t *length, char *text))                         \
    X(int, BoosterFree, (handle booster))

static struct {
    void *library;
#define FIELD(type, name, arguments) type(*name) arguments;
    FUNCTIONS(FIELD)
#undef FIELD
} lg;

/* The first thing that LightGBM says it does not like; kept, not printed. */
static char complaint[400];

static void keep_complaint(const char *text)
{
    const char *found = strstr(text, "Unknown parameter");
    if (found && !*complaint)
        snprintf(complaint, sizeof complaint, "%.*s", (int)strcspn(found, "\n"), found);
}

weir_err weir_lgb_ready(struct weir_error *error)
{
    static const char *const places[] = {"../lib/weir/lib_lightgbm.so", "weir/lib_lightgbm.so", "../../lib/weir/lib_lightgbm.so",
                                         "../.deps/lightgbm-" WEIR_LIGHTGBM_VERSION "/lib/lib_lightgbm.so"};
    if (lg.library)
        return WEIR_OK;
    const char *named = getenv("WEIR_LIGHTGBM");
    char *beside = named ? NULL : weir_beside(places, sizeof places / sizeof *places);
    void *library = dlopen(named ? named : beside ? beside : "lib_lightgbm.so", RTLD_NOW | RTLD_LOCAL);
    free(beside);
    if (!library)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "LightGBM's library does not load (%.200s); tools/setup brings it, or name lib_lightgbm.so of PyPI's "
                         "lightgbm in the environment variable WEIR_LIGHTGBM",
                         dlerror());
#define LOAD(type, name, arguments)                                                                                              \
    *(void **)&lg.name = dlsym(library, "LGBM_" #name);                                                                          \
    if (!lg.name) {                                                                                                              \
        dlclose(library);                                                                                                        \
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "LightGBM's library lacks LGBM_" #name "; version 4 is needed");           \
    }
    FUNCTIONS(LOAD)
#undef LOAD
    lg.library = library;
    return WEIR_OK;
}

static weir_err library_failed(const char *what, struct weir_error *error)
{
    const char *text = lg.GetLastError();
    int length = (int)strcspn(text, "\n");
    return weir_fail(error, WEIR_ERR_LIBRARY, "LightGBM: %s: %.*s", what, length > 300 ? 300 : length, text);
}

/* All parameters as LightGBM takes them: one text. */
static weir_err make_params(const struct weir_lgb_config *config, char **out, struct weir_error *error)
{
    size_t size;
    FILE *to = open_memstream(out, &size);
    if (!to)
        return weir_fail(error, WEIR_ERR_MEMORY, "LightGBM: out of memory");
    bool wise = false;
    /* The first value of a name counts: those of the caller come first. */
    for (size_t i = config->param_count; i-- > 0;) {
        const char *text = config->params[i], *equals = strchr(text, '=');
        size_t length = equals ? (size_t)(equals - text) : 0;
        static const char *const own[] = {"objective", "application", "num_class", "verbosity", "linear_tree", "num_threads"};
        weir_err wrong = WEIR_OK;
        if (!length || !equals[1] || strpbrk(text, " \t\n#"))
            wrong = weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%.60s': write it name=value", text);
        for (size_t o = 0; !wrong && o < sizeof own / sizeof *own; o++)
            if (length == strlen(own[o]) && !strncmp(text, own[o], length))
                wrong = weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%s': weir sets it itself", own[o]);
        if (wrong) {
            fclose(to);
            free(*out);
            *out = NULL;
            return wrong;
        }
        fprintf(to, "%s ", text);
        wise = wise || !strncmp(text, "force_row_wise=", 15) || !strncmp(text, "force_col_wise=", 15);
    }
    fprintf(to, "num_iterations=%u num_leaves=%u learning_rate=%.17g seed=%llu ", config->trees, config->leaves, config->eta,
            (unsigned long long)(config->seed & INT32_MAX)); /* LightGBM's is a signed 32-bit one */
    /* Left to itself it tries which way is faster, and a busy machine would change the model. On one thread rows together were
     * the faster way on each of 35,000 and 300,000 rows of 83 and 12 columns of flows. */
    fputs(wise ? "" : "force_row_wise=true ", to);
    fputs("deterministic=true num_threads=1 verbosity=0 ", to);
    if (config->classes > 2)
        fprintf(to, "objective=multiclass num_class=%zu", config->classes);
    else
        fputs("objective=binary", to);
    if (fclose(to) == 0)
        return WEIR_OK;
    free(*out);
    *out = NULL;
    return weir_fail(error, WEIR_ERR_MEMORY, "LightGBM: out of memory");
}

static weir_err grow_trees(handle booster, const struct weir_lgb_config *config, struct weir_error *error)
{
    int finished = 0;
    for (unsigned round = 0; round < config->trees && !finished; round++) {
        if (config->stop && *config->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %u of %u rounds", round, config->trees);
        if (lg.BoosterUpdateOneIter(booster, &finished))
            return library_failed("training", error);
        if (config->progress)
            config->progress(config->context, finished ? config->trees : round + 1, config->trees);
    }
    return WEIR_OK;
}

static weir_err copy_model(handle booster, void **text, size_t *size, struct weir_error *error)
{
    int64_t length = 0;
    if (lg.BoosterSaveModelToString(booster, 0, -1, BY_GAIN, 0, &length, NULL))
        return library_failed("saving", error);
    char *copy = malloc((size_t)length + 1);
    if (!copy)
        return weir_fail(error, WEIR_ERR_MEMORY, "LightGBM: out of memory");
    if (lg.BoosterSaveModelToString(booster, 0, -1, BY_GAIN, length, &length, copy)) {
        free(copy);
        return library_failed("saving", error);
    }
    copy[length] = 0;
    *text = copy;
    *size = strlen(copy);
    return WEIR_OK;
}

weir_err weir_lgb_train(const float *x, const uint32_t *labels, size_t rows, size_t columns, const struct weir_lgb_config *config,
                        void **text, size_t *size, struct weir_error *error)
{
    handle set = NULL, booster = NULL;
    char *params = NULL;
    float *target = NULL;
    weir_err failed = weir_lgb_ready(error);
    if (!failed && (rows > INT32_MAX || columns > INT32_MAX))
        failed = weir_fail(error, WEIR_ERR_LIMIT, "LightGBM takes at most 2147483647 rows; train on a sample");
    if (!failed && !(target = malloc((rows + 1) * sizeof *target)))
        failed = weir_fail(error, WEIR_ERR_MEMORY, "LightGBM: out of memory");
    if (!failed)
        failed = make_params(config, &params, error);
    if (failed)
        goto out;
    for (size_t i = 0; i < rows; i++)
        target[i] = (float)labels[i];
    *complaint = 0;
    lg.RegisterLogCallback(keep_complaint);
    if (lg.DatasetCreateFromMat(x, FLOAT32, (int32_t)rows, (int32_t)columns, COLUMN_MAJOR, params, NULL, &set) ||
        lg.DatasetSetField(set, "label", target, (int)rows, FLOAT32))
        failed = library_failed("taking the rows", error);
    else if (lg.BoosterCreate(set, params, &booster))
        failed = library_failed("starting", error);
    else if (*complaint)
        failed = weir_fail(error, WEIR_ERR_ARGUMENT, "LightGBM: %.300s", complaint);
    if (!failed)
        failed = grow_trees(booster, config, error);
    if (!failed)
        failed = copy_model(booster, text, size, error);
out:
    if (booster)
        lg.BoosterFree(booster);
    if (set)
        lg.DatasetFree(set);
    free(params);
    free(target);
    return failed;
}
