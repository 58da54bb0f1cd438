#include "train/xgb.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *handle;

/* The functions of c_api.h that are used, by its names without the XG in front. */
#define FUNCTIONS(X)                                                                                                             \
    X(void, BoostVersion, (int *major, int *minor, int *patch))                                                                  \
    X(const char *, BGetLastError, (void))                                                                                       \
    X(int, BRegisterLogCallback, (void (*callback)(const char *)))                                                               \
    X(int, DMatrixCreateFromMat, (const float *data, uint64_t rows, uint64_t columns, float missing, handle *out))               \
    X(int, DMatrixSetFloatInfo, (handle matrix, const char *field, const float *array, uint64_t count))                          \
    X(int, DMatrixFree, (handle matrix))                                                                                         \
    X(int, BoosterCreate, (const handle *matrices, uint64_t count, handle *out))                                                 \
    X(int, BoosterSetParam, (handle booster, const char *name, const char *value))                                               \
    X(int, BoosterUpdateOneIter, (handle booster, int round, handle matrix))                                                     \
    X(int, BoosterSaveModelToBuffer, (handle booster, const char *config, uint64_t *size, const char **bytes))                   \
    X(int, BoosterFree, (handle booster))

static struct {
    void *library;
#define FIELD(type, name, arguments) type(*name) arguments;
    FUNCTIONS(FIELD)
#undef FIELD
} xg;

/* What XGBoost says while it works: kept, not printed. */
static char log_text[400];

static void keep_log(const char *text)
{
    snprintf(log_text, sizeof log_text, "%s", text);
}

static weir_err load_library(struct weir_error *error)
{
    if (xg.library)
        return WEIR_OK;
    const char *named = getenv("WEIR_XGBOOST");
    void *library = named ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library && !named)
        library = dlopen("libxgboost.so", RTLD_NOW | RTLD_LOCAL);
    if (!library && named)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "XGBoost's library does not load: %s; WEIR_XGBOOST must name libxgboost.so",
                         dlerror());
    if (!library)
        return weir_fail(
            error, WEIR_ERR_UNSUPPORTED,
            "XGBoost's library is not installed; on Debian: apt install libxgboost0; elsewhere name libxgboost.so in "
            "the environment variable WEIR_XGBOOST");
#define LOAD(type, name, arguments)                                                                                              \
    *(void **)&xg.name = dlsym(library, "XG" #name);                                                                             \
    if (!xg.name) {                                                                                                              \
        dlclose(library);                                                                                                        \
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "XGBoost's library lacks XG" #name "; version 1.7 or later is needed");    \
    }
    FUNCTIONS(LOAD)
#undef LOAD
    xg.library = library;
    return WEIR_OK;
}

const char *weir_xgb_version(struct weir_error *error)
{
    static char text[32];
    int major, minor, patch;
    if (load_library(error) != WEIR_OK)
        return NULL;
    xg.BoostVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

/* XGBoost's messages go on with a stack trace; the first line says it, or the one behind a "Check failed". */
static weir_err library_failed(const char *what, struct weir_error *error)
{
    const char *text = xg.BGetLastError();
    int length = (int)strcspn(text, "\n");
    const char *rest = strstr(text, "Check failed: ");
    if (rest) {
        text = rest;
        length = (int)strcspn(text, "\n");
    }
    return weir_fail(error, WEIR_ERR_LIBRARY, "XGBoost: %s: %.*s", what, length > 300 ? 300 : length, text);
}

static weir_err set_params(handle booster, const struct weir_xgb_config *config, struct weir_error *error)
{
    char depth[16], eta[32], seed[24], classes[24];
    snprintf(depth, sizeof depth, "%u", config->depth);
    snprintf(eta, sizeof eta, "%.17g", config->eta);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)(config->seed & INT32_MAX)); /* XGBoost's is a signed 32-bit one */
    snprintf(classes, sizeof classes, "%zu", config->classes);
    const char *const own[][2] = {
        {"validate_parameters", "1"},
        {"verbosity", "1"},
        {"booster", "gbtree"},
        {"tree_method", "hist"},
        {"max_bin", "256"},
        {"nthread", "1"},
        {"max_depth", depth},
        {"eta", eta},
        {"seed", seed},
        {"objective", config->classes > 2 ? "multi:softprob" : "binary:logistic"},
        {"num_class", classes},
    };
    size_t count = sizeof own / sizeof *own - (config->classes == 2);
    for (size_t i = 0; i < count; i++)
        if (xg.BoosterSetParam(booster, own[i][0], own[i][1]))
            return library_failed(own[i][0], error);
    for (size_t i = 0; i < config->param_count; i++) {
        const char *text = config->params[i], *equals = strchr(text, '=');
        char name[64];
        if (!equals || equals == text || (size_t)(equals - text) >= sizeof name || !equals[1])
            return weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%.60s': write it name=value", text);
        snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
        if (!strcmp(name, "objective") || !strcmp(name, "num_class") || !strcmp(name, "verbosity") || !strcmp(name, "booster"))
            return weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%s': weir sets it itself", name);
        if (xg.BoosterSetParam(booster, name, equals + 1))
            return library_failed(text, error);
    }
    return WEIR_OK;
}

static weir_err grow_trees(handle booster, handle matrix, const struct weir_xgb_config *config, struct weir_error *error)
{
    for (unsigned round = 0; round < config->trees; round++) {
        if (config->stop && *config->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %u of %u rounds", round, config->trees);
        if (xg.BoosterUpdateOneIter(booster, (int)round, matrix))
            return library_failed("training", error);
        const char *unused = strstr(log_text, "Parameters: {"), *end = unused ? strchr(unused, '}') : NULL;
        if (end)
            return weir_fail(error, WEIR_ERR_ARGUMENT, "XGBoost has no use for the parameters%.*s}", (int)(end - unused - 11),
                             unused + 11);
        if (config->progress)
            config->progress(config->context, round + 1, config->trees);
    }
    return WEIR_OK;
}

static weir_err copy_model(handle booster, void **bytes, size_t *size, struct weir_error *error)
{
    uint64_t length = 0;
    const char *text = NULL;
    if (xg.BoosterSaveModelToBuffer(booster, "{\"format\":\"ubj\"}", &length, &text))
        return library_failed("saving", error);
    *bytes = malloc(length);
    if (!*bytes)
        return weir_fail(error, WEIR_ERR_MEMORY, "XGBoost: out of memory");
    memcpy(*bytes, text, length);
    *size = length;
    return WEIR_OK;
}

weir_err weir_xgb_train(const float *x, const uint32_t *labels, size_t rows, size_t columns, const struct weir_xgb_config *config,
                        void **bytes, size_t *size, struct weir_error *error)
{
    handle matrix = NULL, booster = NULL;
    float *target = NULL;
    weir_err failed = load_library(error);
    if (failed)
        return failed;
    target = malloc((rows + 1) * sizeof *target);
    if (!target)
        return weir_fail(error, WEIR_ERR_MEMORY, "XGBoost: out of memory");
    for (size_t i = 0; i < rows; i++)
        target[i] = (float)labels[i];
    log_text[0] = 0;
    xg.BRegisterLogCallback(keep_log);
    if (xg.DMatrixCreateFromMat(x, rows, columns, NAN, &matrix) || xg.DMatrixSetFloatInfo(matrix, "label", target, rows))
        failed = library_failed("taking the rows", error);
    else if (xg.BoosterCreate(&matrix, 1, &booster))
        failed = library_failed("starting", error);
    if (!failed)
        failed = set_params(booster, config, error);
    if (!failed)
        failed = grow_trees(booster, matrix, config, error);
    if (!failed)
        failed = copy_model(booster, bytes, size, error);
    if (booster)
        xg.BoosterFree(booster);
    if (matrix)
        xg.DMatrixFree(matrix);
    free(target);
    return failed;
}
