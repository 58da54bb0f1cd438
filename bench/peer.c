#include "bench/peer.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void *handle;
typedef uint64_t ulong64;

/* The two libraries' functions, as their headers declare them. */
struct xgboost {
    void (*XGBoostVersion)(int *, int *, int *);
    int (*XGDMatrixCreateFromMat)(const float *, ulong64, ulong64, float, handle *);
    int (*XGDMatrixSetFloatInfo)(handle, const char *, const float *, ulong64);
    int (*XGDMatrixFree)(handle);
    int (*XGBoosterCreate)(const handle *, ulong64, handle *);
    int (*XGBoosterSetParam)(handle, const char *, const char *);
    int (*XGBoosterUpdateOneIter)(handle, int, handle);
    int (*XGBoosterSaveModelToBuffer)(handle, const char *, ulong64 *, const char **);
    int (*XGBoosterLoadModelFromBuffer)(handle, const void *, ulong64);
    int (*XGBoosterPredictFromDense)(handle, const char *, const char *, handle, const ulong64 **, ulong64 *, const float **);
    int (*XGBoosterFree)(handle);
    const char *(*XGBGetLastError)(void);
};

struct lightgbm {
    int (*LGBM_DatasetCreateFromMat)(const void *, int, int32_t, int32_t, int, const char *, handle, handle *);
    int (*LGBM_DatasetSetField)(handle, const char *, const void *, int, int);
    int (*LGBM_DatasetFree)(handle);
    int (*LGBM_BoosterCreate)(handle, const char *, handle *);
    int (*LGBM_BoosterLoadModelFromString)(const char *, int *, handle *);
    int (*LGBM_BoosterUpdateOneIter)(handle, int *);
    int (*LGBM_BoosterSaveModelToString)(handle, int, int, int, int64_t, int64_t *, char *);
    int (*LGBM_BoosterPredictForMat)(handle, const void *, int, int32_t, int32_t, int, int, int, int, const char *, int64_t *,
                                     double *);
    int (*LGBM_BoosterPredictForMatSingleRowFastInit)(handle, int, int, int, int, int32_t, const char *, handle *);
    int (*LGBM_BoosterPredictForMatSingleRowFast)(handle, const void *, int64_t *, double *);
    int (*LGBM_FastConfigFree)(handle);
    int (*LGBM_BoosterFree)(handle);
    const char *(*LGBM_GetLastError)(void);
};

enum { FLOAT32 = 0, RAW = 1, INTERFACES = 256 };

struct weir_peer {
    char name[64];
    void *library;
    bool lightgbm;
    struct xgboost x;
    struct lightgbm l;
    handle booster, fast; /* fast: LightGBM's prepared single row */
    struct weir_peer_data data;
    double *out;
    char *interface[INTERFACES]; /* XGBoost's description of a batch, made before the clock runs */
    size_t batch;                /* that they are for */
};

double weir_peer_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *weir_peer_home(void)
{
    char self[4096], *home = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash && asprintf(&home, "%.*s/peers", (int)(slash - self), self) >= 0) {
        char python[4200];
        snprintf(python, sizeof python, "%s/bin/python", home);
        if (access(python, X_OK) == 0)
            return home;
        free(home);
    }
    const char *named = getenv("WEIR_PEERS");
    return named && *named ? strdup(named) : NULL;
}

char *weir_peer_file(const char *home, const char *path)
{
    char pattern[4400], *found = NULL;
    glob_t paths;
    if (!home)
        return NULL;
    snprintf(pattern, sizeof pattern, "%s/lib/python3*/site-packages/%s", home, path);
    if (glob(pattern, 0, NULL, &paths) == 0)
        found = strdup(paths.gl_pathv[0]);
    globfree(&paths);
    return found;
}

static weir_err find(void *library, const char *name, void *function, struct weir_error *error)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol ? WEIR_OK : weir_fail(error, WEIR_ERR_UNSUPPORTED, "the library has no %s", name);
}

static weir_err failed(const struct weir_peer *peer, const char *what, struct weir_error *error)
{
    const char *why = peer->lightgbm ? peer->l.LGBM_GetLastError() : peer->x.XGBGetLastError();
    return weir_fail(error, WEIR_ERR_IO, "%s: %s: %.200s", peer->name, what, why);
}

static weir_err open_library(const char *path, struct weir_peer **out, struct weir_error *error)
{
    struct weir_peer *peer = calloc(1, sizeof *peer);
    *out = peer;
    if (!peer)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    peer->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!peer->library)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s", dlerror());
    return WEIR_OK;
}

#define FIND(room, name)                                                                                                         \
    if (!err)                                                                                                                    \
    err = find((*out)->library, #name, &(*out)->room.name, error)

weir_err weir_peer_xgboost(const char *path, struct weir_peer **out, struct weir_error *error)
{
    int version[3];
    weir_err err = open_library(path, out, error);
    FIND(x, XGBoostVersion);
    FIND(x, XGDMatrixCreateFromMat);
    FIND(x, XGDMatrixSetFloatInfo);
    FIND(x, XGDMatrixFree);
    FIND(x, XGBoosterCreate);
    FIND(x, XGBoosterSetParam);
    FIND(x, XGBoosterUpdateOneIter);
    FIND(x, XGBoosterSaveModelToBuffer);
    FIND(x, XGBoosterLoadModelFromBuffer);
    FIND(x, XGBoosterPredictFromDense);
    FIND(x, XGBoosterFree);
    FIND(x, XGBGetLastError);
    if (err) {
        weir_peer_free(out);
        return err;
    }
    (*out)->x.XGBoostVersion(&version[0], &version[1], &version[2]);
    snprintf((*out)->name, sizeof(*out)->name, "libxgboost %d.%d.%d", version[0], version[1], version[2]);
    return WEIR_OK;
}

weir_err weir_peer_lightgbm(const char *path, const char *version, struct weir_peer **out, struct weir_error *error)
{
    weir_err err = open_library(path, out, error);
    FIND(l, LGBM_DatasetCreateFromMat);
    FIND(l, LGBM_DatasetSetField);
    FIND(l, LGBM_DatasetFree);
    FIND(l, LGBM_BoosterCreate);
    FIND(l, LGBM_BoosterLoadModelFromString);
    FIND(l, LGBM_BoosterUpdateOneIter);
    FIND(l, LGBM_BoosterSaveModelToString);
    FIND(l, LGBM_BoosterPredictForMat);
    FIND(l, LGBM_BoosterPredictForMatSingleRowFastInit);
    FIND(l, LGBM_BoosterPredictForMatSingleRowFast);
    FIND(l, LGBM_FastConfigFree);
    FIND(l, LGBM_BoosterFree);
    FIND(l, LGBM_GetLastError);
    if (err) {
        weir_peer_free(out);
        return err;
    }
    (*out)->lightgbm = true;
    snprintf((*out)->name, sizeof(*out)->name, "LightGBM %.30s", version);
    return WEIR_OK;
}

static void drop_model(struct weir_peer *p)
{
    if (p->fast)
        p->l.LGBM_FastConfigFree(p->fast);
    if (p->booster && p->lightgbm)
        p->l.LGBM_BoosterFree(p->booster);
    else if (p->booster)
        p->x.XGBoosterFree(p->booster);
    p->booster = p->fast = NULL;
}

void weir_peer_free(struct weir_peer **peer)
{
    struct weir_peer *p = *peer;
    if (!p)
        return;
    drop_model(p);
    for (size_t i = 0; i < INTERFACES; i++)
        free(p->interface[i]);
    free(p->out);
    free(p); /* the library stays: its threads may not be taken away from under it */
    *peer = NULL;
}

const char *weir_peer_name(const struct weir_peer *peer)
{
    return peer->name;
}

static weir_err train_xgboost(struct weir_peer *p, const struct weir_peer_data *data, unsigned trees, unsigned depth,
                              unsigned bins, char **model, size_t *size, struct weir_error *error)
{
    char text[16], most[16];
    handle matrix = NULL, booster = NULL;
    ulong64 bytes = 0;
    const char *saved = NULL;
    snprintf(text, sizeof text, "%u", depth);
    snprintf(most, sizeof most, "%u", bins);
    bool bad =
        p->x.XGDMatrixCreateFromMat(data->x + data->rows * data->columns, data->train, data->columns, 0.0f / 0.0f, &matrix) ||
        p->x.XGDMatrixSetFloatInfo(matrix, "label", data->y + data->rows, data->train) ||
        p->x.XGBoosterCreate(&matrix, 1, &booster) || p->x.XGBoosterSetParam(booster, "objective", "binary:logistic") ||
        p->x.XGBoosterSetParam(booster, "tree_method", "hist") || p->x.XGBoosterSetParam(booster, "max_bin", most) ||
        p->x.XGBoosterSetParam(booster, "max_depth", text) || p->x.XGBoosterSetParam(booster, "eta", "0.1") ||
        p->x.XGBoosterSetParam(booster, "min_child_weight", "0") || p->x.XGBoosterSetParam(booster, "verbosity", "0") ||
        p->x.XGBoosterSetParam(booster, "nthread", "1");
    for (unsigned i = 0; i < trees && !bad; i++)
        bad = p->x.XGBoosterUpdateOneIter(booster, (int)i, matrix);
    bad = bad || p->x.XGBoosterSaveModelToBuffer(booster, "{\"format\":\"json\"}", &bytes, &saved);
    *model = bad ? NULL : malloc(bytes + 1);
    if (*model) {
        memcpy(*model, saved, bytes);
        (*model)[bytes] = 0;
        *size = bytes;
    }
    weir_err err = bad ? failed(p, "training", error) : !*model ? weir_fail(error, WEIR_ERR_MEMORY, "out of memory") : WEIR_OK;
    if (booster)
        p->x.XGBoosterFree(booster);
    if (matrix)
        p->x.XGDMatrixFree(matrix);
    return err;
}

static weir_err train_lightgbm(struct weir_peer *p, const struct weir_peer_data *data, unsigned trees, unsigned leaves,
                               unsigned bins, char **model, size_t *size, struct weir_error *error)
{
    char params[200];
    handle set = NULL, booster = NULL;
    int64_t bytes = 0;
    int finished;
    snprintf(params, sizeof params,
             "objective=binary num_leaves=%u max_bin=%u num_threads=1 verbosity=-1 seed=1 min_data_in_leaf=5", leaves, bins - 1);
    *model = NULL;
    bool bad = p->l.LGBM_DatasetCreateFromMat(data->x + data->rows * data->columns, FLOAT32, (int32_t)data->train,
                                              (int32_t)data->columns, 1, params, NULL, &set) ||
               p->l.LGBM_DatasetSetField(set, "label", data->y + data->rows, (int)data->train, FLOAT32) ||
               p->l.LGBM_BoosterCreate(set, params, &booster);
    for (unsigned i = 0; i < trees && !bad; i++)
        bad = p->l.LGBM_BoosterUpdateOneIter(booster, &finished);
    bad = bad || p->l.LGBM_BoosterSaveModelToString(booster, 0, -1, 0, 0, &bytes, NULL);
    if (!bad && (*model = malloc((size_t)bytes + 1)))
        bad = p->l.LGBM_BoosterSaveModelToString(booster, 0, -1, 0, bytes, &bytes, *model);
    *size = bytes > 0 ? (size_t)bytes - 1 : 0; /* without the final zero */
    weir_err err = bad ? failed(p, "training", error) : !*model ? weir_fail(error, WEIR_ERR_MEMORY, "out of memory") : WEIR_OK;
    if (booster)
        p->l.LGBM_BoosterFree(booster);
    if (set)
        p->l.LGBM_DatasetFree(set);
    return err;
}

weir_err weir_peer_train(struct weir_peer *peer, const struct weir_peer_data *data, unsigned trees, unsigned depth, unsigned bins,
                         char **model, size_t *size, struct weir_error *error)
{
    return (peer->lightgbm ? train_lightgbm : train_xgboost)(peer, data, trees, depth, bins, model, size, error);
}

weir_err weir_peer_load(struct weir_peer *p, const struct weir_peer_data *data, const char *model, size_t size,
                        struct weir_error *error)
{
    drop_model(p);
    free(p->out);
    p->data = *data;
    p->batch = 0;
    p->out = calloc(data->rows, sizeof *p->out);
    if (!p->out)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    int rounds;
    bool bad = p->lightgbm ? p->l.LGBM_BoosterLoadModelFromString(model, &rounds, &p->booster) ||
                                 p->l.LGBM_BoosterPredictForMatSingleRowFastInit(
                                     p->booster, RAW, 0, -1, FLOAT32, (int32_t)data->columns, "num_threads=1", &p->fast)
                           : p->x.XGBoosterCreate(NULL, 0, &p->booster) || p->x.XGBoosterSetParam(p->booster, "nthread", "1") ||
                                 p->x.XGBoosterSetParam(p->booster, "verbosity", "0") ||
                                 p->x.XGBoosterLoadModelFromBuffer(p->booster, model, size) ||
                                 p->x.XGBoosterSetParam(p->booster, "nthread", "1");
    return bad ? failed(p, "loading the model", error) : WEIR_OK;
}

/* XGBoost wants each batch described in JSON. */
static void describe(struct weir_peer *p, size_t batch)
{
    if (p->batch == batch)
        return;
    p->batch = batch;
    for (unsigned i = 0; i < INTERFACES; i++) {
        free(p->interface[i]);
        if (asprintf(&p->interface[i], "{\"data\":[%llu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
                     (unsigned long long)(uintptr_t)(p->data.x + weir_peer_row(&p->data, batch, i) * p->data.columns), batch,
                     p->data.columns) < 0)
            p->interface[i] = NULL;
    }
}

/* Scores batch number i; *result: XGBoost's own array. */
static bool predict(struct weir_peer *p, size_t batch, unsigned i, const float **result)
{
    static const char config[] =
        "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false,"
        "\"missing\":NaN,\"cache_id\":0}";
    const float *x = p->data.x + weir_peer_row(&p->data, batch, i) * p->data.columns;
    const ulong64 *shape;
    ulong64 dimensions;
    int64_t length;
    if (!p->lightgbm)
        return !p->x.XGBoosterPredictFromDense(p->booster, p->interface[i % INTERFACES], config, NULL, &shape, &dimensions,
                                               result);
    if (batch == 1)
        return !p->l.LGBM_BoosterPredictForMatSingleRowFast(p->fast, x, &length, p->out);
    return !p->l.LGBM_BoosterPredictForMat(p->booster, x, FLOAT32, (int32_t)batch, (int32_t)p->data.columns, 1, RAW, 0, -1,
                                           "num_threads=1", &length, p->out);
}

weir_err weir_peer_margins(struct weir_peer *p, size_t rows, double *margins, struct weir_error *error)
{
    const float *result = NULL;
    describe(p, rows);
    if (!predict(p, rows, 0, &result))
        return failed(p, "scoring", error);
    for (size_t r = 0; r < rows; r++)
        margins[r] = p->lightgbm ? p->out[r] : (double)result[r];
    return WEIR_OK;
}

double weir_peer_seconds(void *peer, size_t batch, unsigned repeats)
{
    struct weir_peer *p = peer;
    const float *result;
    describe(p, batch);
    double begun = weir_peer_now();
    for (unsigned i = 0; i < repeats; i++)
        if (!predict(p, batch, i, &result))
            return -1;
    return weir_peer_now() - begun;
}
