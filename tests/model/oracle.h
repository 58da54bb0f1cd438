/* Debian's libxgboost (1.7) as the oracle of tests: loaded when it is there, so that a machine without it skips them. */
#ifndef WEIR_TESTS_MODEL_ORACLE_H
#define WEIR_TESTS_MODEL_ORACLE_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *oracle_handle;
typedef uint64_t oracle_ulong;

static struct {
    int (*XGDMatrixCreateFromMat)(const float *, oracle_ulong, oracle_ulong, float, oracle_handle *);
    int (*XGDMatrixSetFloatInfo)(oracle_handle, const char *, const float *, oracle_ulong);
    int (*XGDMatrixFree)(oracle_handle);
    int (*XGBoosterCreate)(const oracle_handle *, oracle_ulong, oracle_handle *);
    int (*XGBoosterSetParam)(oracle_handle, const char *, const char *);
    int (*XGBoosterUpdateOneIter)(oracle_handle, int, oracle_handle);
    int (*XGBoosterSaveModelToBuffer)(oracle_handle, const char *, oracle_ulong *, const char **);
    int (*XGBoosterPredictFromDMatrix)(oracle_handle, oracle_handle, const char *, const oracle_ulong **, oracle_ulong *,
                                       const float **);
    int (*XGBoosterPredictFromDense)(oracle_handle, const char *, const char *, oracle_handle, const oracle_ulong **,
                                     oracle_ulong *, const float **);
    int (*XGBoosterFeatureScore)(oracle_handle, const char *, oracle_ulong *, const char *const **, oracle_ulong *,
                                 const oracle_ulong **, const float **);
    int (*XGBoosterFree)(oracle_handle);
    const char *(*XGBGetLastError)(void);
} oracle;

/* Exits with 77 (skipped) when the library is missing. */
static inline void oracle_load(void)
{
    void *library = dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("skipped: %s\n", dlerror());
        exit(77);
    }
#define LOAD(name)                                                                                                               \
    do {                                                                                                                         \
        void *symbol = dlsym(library, #name);                                                                                    \
        memcpy(&oracle.name, &symbol, sizeof symbol);                                                                            \
        if (!symbol) {                                                                                                           \
            printf("libxgboost.so.0 has no %s\n", #name);                                                                        \
            exit(1);                                                                                                             \
        }                                                                                                                        \
    } while (0)
    LOAD(XGDMatrixCreateFromMat);
    LOAD(XGDMatrixSetFloatInfo);
    LOAD(XGDMatrixFree);
    LOAD(XGBoosterCreate);
    LOAD(XGBoosterSetParam);
    LOAD(XGBoosterUpdateOneIter);
    LOAD(XGBoosterSaveModelToBuffer);
    LOAD(XGBoosterPredictFromDMatrix);
    LOAD(XGBoosterPredictFromDense);
    LOAD(XGBoosterFeatureScore);
    LOAD(XGBoosterFree);
    LOAD(XGBGetLastError);
#undef LOAD
}

#define ORACLE(call)                                                                                                             \
    do {                                                                                                                         \
        if (oracle.call) {                                                                                                       \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, oracle.XGBGetLastError());                                      \
            fflush(stdout);                                                                                                      \
            abort();                                                                                                             \
        }                                                                                                                        \
    } while (0)

#endif
