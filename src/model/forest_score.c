/* Rows in, margins out: chunks, groups and sums; the kernels do the rest. */
#include "model/forest_score.h"

#include <stdlib.h>
#include <string.h>

#include "model/kernel.h"
#include "model/kernel_few.h"

enum { SUMS = WEIR_FOREST_GROUPS_MAX, COLUMN = WEIR_SPLIT_MISSING_RIGHT - 1 };

static const struct weir_kernel *const kernels[] = {/* the best one first */
#ifdef __x86_64__
                                                    &weir_kernel_avx512vbmi, &weir_kernel_avx512, &weir_kernel_avx2,
#endif
                                                    &weir_kernel_scalar, &weir_kernel_reference};

static bool cpu_has(const struct weir_kernel *kernel)
{
#ifdef __x86_64__
    /* The compiler's own cpuid and xgetbv: a set counts only if the system saves its registers. */
    if (kernel == &weir_kernel_avx512vbmi)
        return cpu_has(&weir_kernel_avx512) && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni");
    if (kernel == &weir_kernel_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq");
    if (kernel == &weir_kernel_avx2)
        return __builtin_cpu_supports("avx2");
#endif
    return true;
}

size_t weir_kernel_list(const struct weir_kernel *list[8])
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (cpu_has(kernels[i]))
            list[count++] = kernels[i];
    return count;
}

weir_err weir_kernel_choose(const struct weir_kernel **kernel, struct weir_error *error)
{
    const char *wanted = getenv("WEIR_SIMD");
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (wanted && *wanted && strcmp(wanted, kernels[i]->name))
            continue;
        *kernel = kernels[i];
        if (cpu_has(kernels[i]))
            return WEIR_OK;
        if (wanted && *wanted)
            return weir_fail(error, WEIR_ERR_UNSUPPORTED, "WEIR_SIMD=%s: this CPU has no %s; leave it unset for the best it has",
                             wanted, wanted);
    }
    return weir_fail(error, WEIR_ERR_ARGUMENT,
                     "WEIR_SIMD=%.40s: it is one of reference, scalar, avx2, avx512, avx512vbmi, or unset", wanted);
}

const char *weir_plan_kernel(const struct weir_plan *plan)
{
    return plan->kernel->name;
}

/* -- the rules as they are written down -- */

static uint32_t walk(const struct weir_plan *plan, size_t tree, const struct weir_values *v, size_t row)
{
    const struct weir_forest *f = plan->forest;
    uint32_t node = f->first[tree];
    while (f->split[node] != WEIR_SPLIT_LEAF)
        node = plan->child[node] +
               weir_forest_right(f, node, v->x[v->index[f->split[node] & COLUMN] * v->column_step + row * v->row_step]);
    return node;
}

static void plain(const struct weir_plan *plan, size_t piece, size_t count, const struct weir_values *v, enum weir_output output,
                  void *out)
{
    const struct weir_forest *f = plan->forest;
    for (; count; piece++, count--)
        for (size_t r = 0; r < v->rows; r++) {
            uint32_t leaf = walk(plan, plan->piece[piece].tree, v, r);
            if (output == WEIR_OUTPUT_FLOAT32)
                ((float *)out)[r] += f->value[leaf];
            else if (output == WEIR_OUTPUT_FLOAT64)
                ((double *)out)[r] += f->leaf[f->place[leaf]];
            else
                ((uint32_t *)out)[r] = leaf;
        }
}

/* -- chunks -- */

static void score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                  const struct weir_chunk *chunk, enum weir_output output, void *out)
{
    if (run->form == WEIR_FORM_PLAIN)
        plain(plan, piece, count, &chunk->values, output, out);
    else if (chunk->blocks)
        plan->kernel->score(plan, run, piece, count, chunk, output, out);
    else
        (plan->kernel->few_score ? plan->kernel->few_score : weir_few_score)(plan, run, piece, count, chunk, output, out);
}

/* The results that a run needs, unless they are there; *batch: whose results are. */
static void answer(const struct weir_plan *plan, const struct weir_run *run, const struct weir_chunk *chunk, uint64_t *results,
                   size_t *batch)
{
    if (!chunk->blocks || run->batch == *batch || !(run->depth || run->form == WEIR_FORM_REACH))
        return;
    *batch = run->batch;
    plan->kernel->tests(plan->test + plan->batch[run->batch].test, plan->batch[run->batch].tests, chunk->blocks, chunk->planes,
                        results);
}

/* One value a leaf. */
static void add_groups(const struct weir_plan *plan, const struct weir_chunk *chunk, uint64_t *results, float *margins)
{
    const struct weir_forest *f = plan->forest;
    bool wide = f->sum == WEIR_SUM_FLOAT64;
    _Alignas(64) double sums[WEIR_CHUNK];
    float *narrow = (float *)(void *)sums;
    size_t run = 0, batch = SIZE_MAX, rows = chunk->values.rows;
    for (size_t g = 0; g < f->groups; g++) {
        for (size_t r = 0; r < rows; r++)
            if (wide)
                sums[r] = f->base[g];
            else
                narrow[r] = (float)f->base[g];
        for (; run < plan->runs && plan->run[run].group == g; run++) {
            answer(plan, &plan->run[run], chunk, results, &batch);
            score(plan, &plan->run[run], plan->run[run].piece, plan->run[run].pieces, chunk,
                  wide ? WEIR_OUTPUT_FLOAT64 : WEIR_OUTPUT_FLOAT32, sums);
        }
        for (size_t r = 0; r < rows; r++)
            margins[r * f->groups + g] = wide ? (float)sums[r] : narrow[r];
    }
}

/* A value for each group in every leaf. At most SUMS / groups rows. */
static void add_leaves(const struct weir_plan *plan, const struct weir_chunk *chunk, uint64_t *results, float *margins)
{
    const struct weir_forest *f = plan->forest;
    double sums[SUMS];
    _Alignas(64) uint32_t leaf[WEIR_CHUNK];
    size_t batch = SIZE_MAX, rows = chunk->values.rows;
    for (size_t r = 0; r < rows; r++)
        memcpy(sums + r * f->groups, f->base, f->groups * sizeof *sums);
    for (size_t i = 0; i < plan->runs; i++) {
        answer(plan, &plan->run[i], chunk, results, &batch);
        for (size_t k = 0; k < plan->run[i].pieces; k++) {
            score(plan, &plan->run[i], plan->run[i].piece + k, 1, chunk, WEIR_OUTPUT_NODE, leaf);
            for (size_t r = 0; r < rows; r++) {
                const double *value = f->leaf + (size_t)f->place[leaf[r]] * f->width;
                for (size_t g = 0; g < f->width; g++)
                    sums[r * f->groups + g] += value[g];
            }
        }
    }
    for (size_t i = 0; i < rows * f->groups; i++)
        margins[i] = (float)sums[i];
}

static void add_trees(const struct weir_plan *plan, const struct weir_chunk *chunk, uint64_t *results, float *margins)
{
    if (plan->forest->width > 1)
        add_leaves(plan, chunk, results, margins);
    else
        add_groups(plan, chunk, results, margins);
}

static __attribute__((noinline)) void few(const struct weir_plan *plan, const struct weir_values *v, float *margins)
{
    _Alignas(64) uint8_t planes[WEIR_FEW_ROWS * WEIR_PLANES_MAX];
    struct weir_chunk chunk = {.values = *v, .planes = planes};
    if (plan->planes)
        (plan->kernel->few_planes ? plan->kernel->few_planes : weir_few_planes)(plan, v, planes);
    add_trees(plan, &chunk, NULL, margins);
}

static __attribute__((noinline)) void many(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks,
                                           float *margins)
{
    _Alignas(64) uint8_t planes[WEIR_PLANE_BYTES];
    _Alignas(64) uint64_t results[WEIR_RESULT_BYTES / sizeof(uint64_t)];
    struct weir_chunk chunk = {.values = *v, .blocks = blocks, .planes = planes, .results = results};
    if (plan->planes)
        plan->kernel->planes(plan, v, blocks, planes);
    add_trees(plan, &chunk, results, margins);
}

/* blocks: 0 for a chunk of a few rows. */
static void chunk(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks, float *margins)
{
    if (blocks)
        many(plan, v, blocks, margins);
    else
        few(plan, v, margins);
}

/* Blocks of the next chunk: as large as the rows, the planes' room and the sums allow. */
static unsigned next_blocks(const struct weir_plan *plan, size_t rows)
{
    size_t most = plan->planes ? WEIR_PLANE_BYTES / WEIR_BLOCK / plan->planes : WEIR_BLOCKS;
    size_t filled = (rows + WEIR_BLOCK - 1) / WEIR_BLOCK;
    const unsigned *blocks = plan->kernel->blocks;
    if (plan->most_tests && WEIR_RESULT_BYTES / sizeof(uint64_t) / plan->most_tests < most)
        most = WEIR_RESULT_BYTES / sizeof(uint64_t) / plan->most_tests;
    if (plan->forest->width > 1 && SUMS / WEIR_BLOCK / plan->forest->groups < most)
        most = SUMS / WEIR_BLOCK / plan->forest->groups;
    while (*blocks > 1 && (*blocks > most || *blocks > filled))
        blocks++;
    return *blocks;
}

void weir_plan_rows(const struct weir_plan *plan, const float *x, size_t rows, size_t stride, float *margins)
{
    size_t groups = plan->forest->groups, most = plan->forest->width > 1 ? SUMS / groups : SIZE_MAX;
    while (rows) {
        unsigned blocks = rows <= plan->few ? 0 : next_blocks(plan, rows);
        size_t some = blocks ? blocks * WEIR_BLOCK : WEIR_FEW_ROWS;
        some = rows < some ? rows : some;
        some = some < most ? some : most;
        struct weir_values v = {x, plan->identity, 1, stride, some};
        chunk(plan, &v, blocks, margins);
        x += some * stride;
        margins += some * groups;
        rows -= some;
    }
}

void weir_plan_block(const struct weir_plan *plan, const float *x, const uint16_t *index, size_t rows, float *margins)
{
    size_t groups = plan->forest->groups, most = plan->forest->width > 1 ? SUMS / groups : SIZE_MAX;
    for (size_t r = 0, some; r < rows; r += some) {
        bool few = rows <= plan->few || most < WEIR_BLOCK; /* a part of a block may not be read as one */
        some = rows - r < most ? rows - r : most;
        if (few)
            some = some < WEIR_FEW_ROWS ? some : WEIR_FEW_ROWS;
        struct weir_values v = {x + r, index ? index : plan->identity, WEIR_BLOCK, 1, some};
        chunk(plan, &v, few ? 0 : 1, margins + r * groups);
    }
}

uint32_t weir_plan_leaf(const struct weir_plan *plan, size_t tree, const float *row)
{
    _Alignas(64) uint8_t planes[WEIR_PLANE_BYTES];
    _Alignas(64) uint64_t results[WEIR_TESTS_MAX];
    _Alignas(64) uint32_t leaf[WEIR_CHUNK] = {0};
    struct weir_chunk chunk = {.values = {row, plan->identity, 1, 0, 1}, .blocks = 1, .planes = planes, .results = results};
    const struct weir_run *run = plan->run;
    size_t batch = SIZE_MAX;
    while (plan->of_tree[tree] - run->piece >= run->pieces)
        run++;
    if (plan->planes)
        plan->kernel->planes(plan, &chunk.values, 1, planes);
    answer(plan, run, &chunk, results, &batch);
    score(plan, run, plan->of_tree[tree], 1, &chunk, WEIR_OUTPUT_NODE, leaf);
    return leaf[0];
}
