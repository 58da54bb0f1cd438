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

/* Scores pieces of a run for each of the chunks, whose sums are `step` bytes apart. Trees that walk by codes go one after the
 * other over all chunks; else there is one chunk, and *batch says whose results it has. */
static void score_run(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                      const struct weir_chunk *chunk, size_t chunks, uint64_t *results, size_t *batch, enum weir_output output,
                      void *out, size_t step)
{
    const bool tested = (run->depth || run->form == WEIR_FORM_REACH) && chunk->blocks;
    if (tested && run->form == WEIR_FORM_WALK) {
        for (; count; piece++, count--)
            plan->kernel->walk(plan, run, piece, chunk, chunks, results, output, out, step);
        return;
    }
    if (tested && run->batch != *batch) {
        plan->kernel->tests(plan->test + plan->batch[run->batch].test, plan->batch[run->batch].tests, chunk->blocks,
                            chunk->planes, results);
        *batch = run->batch;
    }
    score(plan, run, piece, count, chunk, output, out);
}

/* One value a leaf. */
static void add_groups(const struct weir_plan *plan, const struct weir_chunk *chunk, size_t chunks, uint64_t *results,
                       float *margins)
{
    const struct weir_forest *f = plan->forest;
    bool wide = f->sum == WEIR_SUM_FLOAT64;
    union {
        _Alignas(64) double wide[WEIR_CHUNK];
        float narrow[WEIR_CHUNK];
    } sums[WEIR_WALK_CHUNKS];
    size_t run = 0, batch = SIZE_MAX;
    for (size_t g = 0; g < f->groups; g++) {
        for (size_t i = 0; i < chunks; i++)
            for (size_t r = 0; r < chunk[i].values.rows; r++)
                if (wide)
                    sums[i].wide[r] = f->base[g];
                else
                    sums[i].narrow[r] = (float)f->base[g];
        for (; run < plan->runs && plan->run[run].group == g; run++)
            score_run(plan, &plan->run[run], plan->run[run].piece, plan->run[run].pieces, chunk, chunks, results, &batch,
                      wide ? WEIR_OUTPUT_FLOAT64 : WEIR_OUTPUT_FLOAT32, sums, sizeof *sums);
        float *margin = margins + g;
        for (size_t i = 0; i < chunks; i++)
            for (size_t r = 0; r < chunk[i].values.rows; r++, margin += f->groups)
                *margin = wide ? (float)sums[i].wide[r] : sums[i].narrow[r];
    }
}

/* A value for each group in every leaf. At most SUMS / groups rows a chunk. */
static void add_leaves(const struct weir_plan *plan, const struct weir_chunk *chunk, size_t chunks, uint64_t *results,
                       float *margins)
{
    const struct weir_forest *f = plan->forest;
    const size_t width = f->width; /* groups, as many */
    double sums[WEIR_WALK_CHUNKS][SUMS];
    struct {
        _Alignas(64) uint32_t node[WEIR_CHUNK];
    } leaf[WEIR_WALK_CHUNKS];
    size_t batch = SIZE_MAX, rows[WEIR_WALK_CHUNKS];
    for (size_t i = 0; i < chunks; i++) {
        rows[i] = chunk[i].values.rows;
        for (size_t r = 0; r < rows[i]; r++)
            memcpy(sums[i] + r * width, f->base, width * sizeof *f->base);
    }
    for (size_t run = 0; run < plan->runs; run++)
        for (size_t k = 0; k < plan->run[run].pieces; k++) {
            score_run(plan, &plan->run[run], plan->run[run].piece + k, 1, chunk, chunks, results, &batch, WEIR_OUTPUT_NODE, leaf,
                      sizeof *leaf);
            for (size_t i = 0; i < chunks; i++)
                for (size_t r = 0; r < rows[i]; r++) {
                    const double *value = f->leaf + (size_t)f->place[leaf[i].node[r]] * width;
                    for (size_t g = 0; g < width; g++)
                        sums[i][r * width + g] += value[g];
                }
        }
    for (size_t i = 0; i < chunks; margins += rows[i] * width, i++)
        for (size_t k = 0; k < rows[i] * width; k++)
            margins[k] = (float)sums[i][k];
}

static void add_trees(const struct weir_plan *plan, const struct weir_chunk *chunk, size_t chunks, uint64_t *results,
                      float *margins)
{
    (plan->forest->width > 1 ? add_leaves : add_groups)(plan, chunk, chunks, results, margins);
}

static __attribute__((noinline)) void few(const struct weir_plan *plan, const struct weir_values *v, float *margins)
{
    _Alignas(64) uint8_t planes[WEIR_FEW_ROWS * WEIR_PLANES_MAX];
    struct weir_chunk chunk = {.values = *v, .planes = planes};
    if (plan->planes)
        (plan->kernel->few_planes ? plan->kernel->few_planes : weir_few_planes)(plan, v, planes);
    add_trees(plan, &chunk, 1, NULL, margins);
}

static __attribute__((noinline)) void many(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks,
                                           float *margins)
{
    _Alignas(64) uint8_t planes[WEIR_PLANE_BYTES];
    _Alignas(64) uint64_t results[WEIR_RESULT_BYTES / sizeof(uint64_t)];
    struct weir_chunk chunk = {.values = *v, .blocks = blocks, .planes = planes, .results = results};
    if (plan->planes)
        plan->kernel->planes(plan, v, blocks, planes);
    add_trees(plan, &chunk, 1, results, margins);
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

/* Rows that walk by codes, as many as there is room for; returns how many of them. */
static __attribute__((noinline)) size_t walk_rows(const struct weir_plan *plan, const struct weir_values *v, float *margins)
{
    struct {
        _Alignas(64) uint8_t byte[WEIR_PLANE_BYTES];
    } planes[WEIR_WALK_CHUNKS];
    _Alignas(64) uint16_t codes[32 + WEIR_CODES];
    _Alignas(64) uint64_t results[(1 << WEIR_TOP_DEPTH) * WEIR_BLOCKS];
    struct weir_chunk chunk[WEIR_WALK_CHUNKS];
    size_t chunks = 0, done = 0, used = 32, most = plan->forest->width > 1 ? SUMS / plan->forest->groups : SIZE_MAX;
    while (chunks < WEIR_WALK_CHUNKS && done < v->rows) {
        unsigned blocks = v->column_step == 1 ? next_blocks(plan, v->rows - done) : 1;
        size_t room = (size_t)blocks * WEIR_BLOCK, some = v->rows - done < room ? v->rows - done : room;
        if (used + room * plan->row_codes > 32 + WEIR_CODES)
            break;
        some = some < most ? some : most;
        chunk[chunks] = (struct weir_chunk){.values = {v->x + done * v->row_step, v->index, v->column_step, v->row_step, some},
                                            .blocks = blocks,
                                            .planes = planes[chunks].byte,
                                            .results = results,
                                            .codes = codes + used};
        plan->kernel->planes(plan, &chunk[chunks].values, blocks, planes[chunks].byte);
        chunk[chunks].missing = plan->kernel->codes(plan, &chunk[chunks].values, codes + used);
        used += room * plan->row_codes;
        done += some;
        chunks++;
    }
    add_trees(plan, chunk, chunks, results, margins);
    return done;
}

/* blocks: 0 for a chunk of a few rows. */
static void chunk(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks, float *margins)
{
    if (blocks && plan->row_codes)
        walk_rows(plan, v, margins);
    else if (blocks)
        many(plan, v, blocks, margins);
    else
        few(plan, v, margins);
}

void weir_plan_rows(const struct weir_plan *plan, const float *x, size_t rows, size_t stride, float *margins)
{
    size_t groups = plan->forest->groups, most = plan->forest->width > 1 ? SUMS / groups : SIZE_MAX;
    while (rows) {
        if (plan->row_codes && rows > plan->few) {
            struct weir_values all = {x, plan->identity, 1, stride, rows};
            size_t done = walk_rows(plan, &all, margins);
            x += done * stride;
            margins += done * groups;
            rows -= done;
            continue;
        }
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
    _Alignas(64) uint16_t codes[32 + WEIR_BLOCK * WEIR_CODES_MAX];
    _Alignas(64) uint32_t leaf[WEIR_CHUNK] = {0};
    struct weir_chunk chunk = {
        .values = {row, plan->identity, 1, 0, 1}, .blocks = 1, .planes = planes, .results = results, .codes = codes + 32};
    const struct weir_run *run = plan->run;
    size_t batch = SIZE_MAX;
    while (plan->of_tree[tree] - run->piece >= run->pieces)
        run++;
    if (plan->planes)
        plan->kernel->planes(plan, &chunk.values, 1, planes);
    if (plan->row_codes)
        chunk.missing = plan->kernel->codes(plan, &chunk.values, codes + 32);
    score_run(plan, run, plan->of_tree[tree], 1, &chunk, 1, results, &batch, WEIR_OUTPUT_NODE, leaf, 0);
    return leaf[0];
}
