#include "cli/survey_sets.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/data_options.h"
#include "survey/folder.h"
#include "survey/frame.h"
#include "survey/plan.h"
#include "train/prepare.h"

enum { EXPLAINED = 200, PERMUTED = 2000 }; /* test rows for the importance of columns */

/* A data set on its way into a frame. */
struct making {
    const struct weir_survey_options *o;
    const volatile sig_atomic_t *stop;
    struct weir_relation *source;
    struct weir_prepared prepared;
    char name[41];
    char fingerprint[33];
    json_t *defaults, *drawn, *drawn_elsewhere; /* for cards */
    struct weir_survey_frame frame;             /* borrows from `prepared`, but for the arrays below */
    struct weir_survey_draw *draw;              /* [frame.split_count] */
    char **text;                                /* names of splits, folds and test sets, fingerprints: what the splits borrow */
    size_t texts;
    uint8_t **bits; /* of the splits */
    size_t bit_lists;
};

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "the data set does not fit into memory; use less of it with --sample or --sql");
}

/* Keeps a text as long as the frame is made. NULL: out of memory. */
static const char *keep(struct making *m, const char *text)
{
    char **grown = realloc(m->text, (m->texts + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    m->text = grown;
    return (m->text[m->texts] = strdup(text)) ? m->text[m->texts++] : NULL;
}

static void free_making(struct making *m)
{
    weir_prepared_fini(&m->prepared);
    weir_relation_close(&m->source);
    json_decref(m->defaults);
    json_decref(m->drawn);
    json_decref(m->drawn_elsewhere);
    for (size_t i = 0; i < m->texts; i++)
        free(m->text[i]);
    free(m->text);
    for (size_t i = 0; i < m->bit_lists; i++)
        free(m->bits[i]);
    free(m->bits);
    free(m->frame.split);
    free(m->draw);
}

static struct weir_prepare_config prepare_config(const struct weir_survey_options *o)
{
    return (struct weir_prepare_config){.label = o->label,
                                        .benign = o->benign,
                                        .multiclass = o->multiclass,
                                        .benign_alone = o->benign_alone,
                                        .exclude = (const char *const *)o->exclude.item,
                                        .exclude_count = o->exclude.count,
                                        .exclude_given = o->exclude.count > 0,
                                        .features = o->features,
                                        .folds = &o->fold};
}

/* ---- Reading ----------------------------------------------------------------------------------------------------------------
 */

static weir_err open_files(const struct making *m, const struct weir_strings *files, const char *sql, struct weir_relation **out,
                           struct weir_error *error)
{
    struct weir_relation_config config = {.paths = (const char *const *)files->item,
                                          .path_count = files->count,
                                          .sql = files->count ? NULL : sql,
                                          .known = m->o->known,
                                          .unknown = m->o->unknown,
                                          .common = m->o->common,
                                          .stop = m->stop};
    return weir_relation_open(&config, out, error);
}

/* A set without a name is called like its kind, or its first file. */
static void name_set(const struct weir_survey_set *set, const struct weir_known *known, char name[static 41])
{
    char base[256] = "data";
    if (set->files.count) {
        snprintf(base, sizeof base, "%s",
                 strrchr(set->files.item[0], '/') ? strrchr(set->files.item[0], '/') + 1 : set->files.item[0]);
        base[strcspn(base, ".*?[")] = 0;
    }
    weir_survey_file_name(set->name ? set->name : known ? known->name : *base ? base : "data", name);
}

static weir_err read_set(struct making *m, const struct weir_survey_set *set, struct weir_error *error)
{
    struct weir_prepare_config config = prepare_config(m->o);
    weir_err failed = open_files(m, &set->files, m->o->sql, &m->source, error);
    if (!failed)
        failed = weir_prepare(m->source, &config, &m->prepared, error);
    if (failed)
        return failed;
    struct weir_dataset *dataset = m->prepared.dataset;
    name_set(set, m->prepared.known, m->name);
    weir_data_report(dataset->columns, dataset->column_count, dataset->unlabelled);
    weir_log(WEIR_LOG_INFO, "%s: %zu rows, %zu columns, %zu classes, feature set %s", m->name, dataset->rows,
             dataset->column_count, m->prepared.labels.class_count, m->prepared.feature_set);
    weir_dataset_fingerprint(dataset, m->fingerprint);
    m->defaults = weir_prepared_defaults(&m->prepared);
    m->drawn = weir_folds_json(&m->o->fold, false);
    m->drawn_elsewhere = weir_folds_json(&m->o->fold, true);
    if (!m->defaults || !m->drawn || !m->drawn_elsewhere)
        return out_of_memory(error);
    m->frame = (struct weir_survey_frame){.name = m->name,
                                          .data_set = m->prepared.known ? m->prepared.known->name : NULL,
                                          .fingerprint = m->fingerprint,
                                          .feature_set = m->prepared.feature_set,
                                          .feature_set_id = m->prepared.feature_set_id,
                                          .defaults = m->defaults,
                                          .dataset = *dataset,
                                          .all_rows = dataset->rows,
                                          .labels = m->prepared.labels};
    return WEIR_OK;
}

/* ---- Rows of another set -----------------------------------------------------------------------------------------------------
 */

static weir_err grow(void **array, size_t rows, size_t more, size_t item, struct weir_error *error)
{
    void *grown = realloc(*array, (rows + more) * item);
    if (!grown)
        return out_of_memory(error);
    *array = grown;
    return WEIR_OK;
}

/* Puts the rows of `test` behind those of the frame; class_of: of its label values. */
static weir_err append_rows(struct making *m, const struct weir_dataset *test, const int32_t *class_of, struct weir_error *error)
{
    struct weir_dataset *own = m->prepared.dataset;
    size_t rows = m->frame.all_rows;
    weir_err failed = WEIR_OK;
    uint32_t *code_of = calloc(test->label_values.count + 1, sizeof *code_of);
    if (!code_of || rows + test->rows >= UINT32_MAX)
        failed = out_of_memory(error);
    for (size_t i = 0; i < test->label_values.count && !failed; i++) {
        const char *text = test->label_values.text[i];
        size_t before = own->label_values.count;
        if (weir_categories_add(&own->label_values, text, strlen(text), &code_of[i]) != WEIR_OK)
            failed = out_of_memory(error);
        else if (own->label_values.count > before)
            failed = grow((void **)&m->prepared.labels.class_of, before, 1, sizeof *class_of, error);
        if (!failed && own->label_values.count > before)
            m->prepared.labels.class_of[code_of[i]] = class_of[i];
    }
    if (!failed)
        failed = grow((void **)&own->labels, rows, test->rows, sizeof *own->labels, error);
    for (size_t r = 0; r < test->rows && !failed; r++)
        own->labels[rows + r] = code_of[test->labels[r]];
    for (size_t c = 0; c < own->column_count && !failed; c++) {
        failed = grow((void **)&own->columns[c].values, rows, test->rows, sizeof(float), error);
        if (!failed)
            memcpy(own->columns[c].values + rows, test->columns[c].values, test->rows * sizeof(float));
    }
    for (size_t i = 0; i < m->bit_lists && !failed; i++) {
        size_t had = weir_survey_frame_bits(rows), wants = weir_survey_frame_bits(rows + test->rows);
        failed = grow((void **)&m->bits[i], had, wants - had, 1, error);
        if (!failed) {
            memset(m->bits[i] + had, 0, wants - had);
            *(i % 2 ? &m->frame.split[i / 2].test : &m->frame.split[i / 2].train) = m->bits[i];
        }
    }
    free(code_of);
    m->frame.dataset = *own;
    m->frame.labels = m->prepared.labels;
    if (!failed)
        m->frame.all_rows += test->rows;
    return failed;
}

static weir_err add_split(struct making *m, const char *name, const char *test_data, const char *test_fingerprint, uint64_t seed,
                          const char *fold, struct weir_error *error)
{
    size_t n = m->frame.split_count;
    struct weir_survey_split *split = realloc(m->frame.split, (n + 1) * sizeof *split);
    if (split)
        m->frame.split = split;
    struct weir_survey_draw *draw = realloc(m->draw, (n + 1) * sizeof *draw);
    if (draw)
        m->draw = draw;
    uint8_t **bits = realloc(m->bits, (m->bit_lists + 2) * sizeof *bits);
    if (bits)
        m->bits = bits;
    if (!split || !draw || !bits)
        return out_of_memory(error);
    for (int i = 0; i < 2; i++) {
        uint8_t *list = calloc(weir_survey_frame_bits(m->frame.all_rows), 1);
        if (!list)
            return out_of_memory(error);
        m->bits[m->bit_lists++] = list;
    }
    m->draw[n] = (struct weir_survey_draw){
        .seed = seed, .fold = fold && *fold ? keep(m, fold) : NULL, .drawn = test_data ? m->drawn_elsewhere : m->drawn};
    m->frame.split[n] = (struct weir_survey_split){.name = keep(m, name),
                                                   .test_data = test_data ? keep(m, test_data) : NULL,
                                                   .test_fingerprint = test_fingerprint ? keep(m, test_fingerprint) : NULL,
                                                   .train = m->bits[m->bit_lists - 2],
                                                   .test = m->bits[m->bit_lists - 1]};
    if (!m->frame.split[n].name || (fold && *fold && !m->draw[n].fold) || (test_data && !m->frame.split[n].test_data))
        return out_of_memory(error);
    m->frame.split_count++;
    return WEIR_OK;
}

/* Into the last split. rows NULL: first, first + 1, ... */
static void put_rows(struct making *m, bool train, const uint32_t *rows, size_t first, size_t count)
{
    struct weir_survey_split *split = &m->frame.split[m->frame.split_count - 1];
    uint8_t *bits = m->bits[m->bit_lists - (train ? 2 : 1)];
    for (size_t i = 0; i < count; i++) {
        size_t row = rows ? rows[i] : first + i;
        bits[row / 8] |= (uint8_t)(1 << row % 8);
    }
    *(train ? &split->train_count : &split->test_count) = count;
}

/* A split that trains on all own rows, or a sample of them, and tests on rows from..to. One for each seed. */
static weir_err split_across(struct making *m, size_t from, const char *test_data, const char *fingerprint,
                             struct weir_error *error)
{
    const struct weir_dataset *dataset = m->prepared.dataset;
    weir_err failed = WEIR_OK;
    for (size_t s = 0; s < m->o->seeds.count && !failed; s++) {
        char name[120];
        size_t count = dataset->rows;
        uint64_t seed = m->o->seeds.item[s];
        uint32_t *rows = m->o->sample < 1 ? weir_folds_sample(dataset->labels, dataset->rows, dataset->label_values.count,
                                                              m->o->sample, seed, &count)
                                          : NULL;
        if (m->o->sample < 1 && !rows)
            return out_of_memory(error);
        snprintf(name, sizeof name, "on-%s-s%llu", test_data, (unsigned long long)seed);
        failed = add_split(m, name, test_data, fingerprint, seed, NULL, error);
        if (!failed) {
            put_rows(m, true, rows, 0, count);
            put_rows(m, false, NULL, from, m->frame.all_rows - from);
        }
        free(rows);
    }
    return failed;
}

/* Reads a set with the columns and tables of this one, and tests on all its rows. */
static weir_err test_on(struct making *m, const struct weir_strings *files, const char *name, struct weir_error *error)
{
    struct weir_relation *source = NULL;
    struct weir_dataset *test = NULL;
    struct weir_labels labels = {0};
    char fingerprint[33];
    size_t from = m->frame.all_rows;
    const struct weir_prepared *p = &m->prepared;
    weir_err failed = open_files(m, files, NULL, &source, error);
    const struct weir_known *known = failed ? NULL : source->known;
    struct weir_dataset_config config = {.label = m->o->label                 ? m->o->label
                                                  : known && m->o->multiclass ? weir_known_category(known)->column
                                                  : known                     ? known->label.column
                                                                              : p->label,
                                         .columns = p->dataset->columns,
                                         .column_count = p->dataset->column_count};
    if (!failed)
        failed = weir_dataset_read(source, &config, &test, error);
    if (!failed) {
        const char *benign = m->o->benign ? m->o->benign : known ? weir_known_benign(known, config.label) : p->benign;
        weir_log(WEIR_LOG_INFO, "%s: tested on the %zu rows of %s", m->name, test->rows, name);
        weir_data_report(test->columns, test->column_count, test->unlabelled);
        weir_dataset_fingerprint(test, fingerprint);
        failed = weir_labels_match(&test->label_values, benign, &p->labels, &labels, error);
    }
    if (!failed)
        failed = append_rows(m, test, labels.class_of, error);
    if (!failed)
        failed = split_across(m, from, name, fingerprint, error);
    weir_labels_fini(&labels);
    weir_dataset_free(&test);
    weir_relation_close(&source);
    return failed;
}

/* ---- Splits of its own -------------------------------------------------------------------------------------------------------
 */

static weir_err split_own(struct making *m, struct weir_error *error)
{
    weir_err failed = WEIR_OK;
    for (size_t s = 0; s < m->o->seeds.count && !failed; s++) {
        struct weir_folds_config config = m->o->fold;
        struct weir_folds folds = {0};
        config.seed = m->o->seeds.item[s];
        failed = weir_prepared_folds(&m->prepared, &config, &folds, error);
        if (!failed && folds.sideless && !s)
            weir_log(WEIR_LOG_WARNING, "%s: %zu rows without a value in column '%s' are left out", m->name, folds.sideless,
                     config.column);
        if (failed && error) {
            struct weir_error inner = *error;
            weir_fail(error, failed, "%s, %zu rows: %s", m->name, m->prepared.dataset->rows, inner.text);
        }
        for (size_t f = 0; f < folds.count && !failed; f++) {
            const struct weir_fold *fold = &folds.fold[f];
            char name[160];
            snprintf(name, sizeof name, "s%llu%s%s", (unsigned long long)config.seed, *fold->name ? "-" : "", fold->name);
            failed = add_split(m, name, NULL, NULL, config.seed, fold->name, error);
            if (!failed) {
                put_rows(m, true, fold->train, 0, fold->train_count);
                put_rows(m, false, fold->test, 0, fold->test_count);
            }
        }
        weir_folds_fini(&folds);
    }
    return failed;
}

static weir_err split_set(struct making *m, const struct weir_survey_set *set, struct weir_error *error)
{
    const struct weir_survey_options *o = m->o;
    weir_err failed = WEIR_OK;
    if (o->test_files) {
        struct weir_strings files = {0};
        weir_strings_split(&files, o->test_files);
        failed = test_on(m, &files, "test", error);
        weir_strings_free(&files);
    } else if (o->test_on.count) {
        for (size_t k = 0; k < o->set_count && !failed; k++) {
            const struct weir_survey_set *other = &o->set[k];
            if (other->tests && other != set)
                failed = test_on(m, &other->files, other->name, error);
        }
        if (!failed && set->tests) /* in the same survey: how good it is at home */
            failed = split_own(m, error);
    } else {
        failed = split_own(m, error);
    }
    return failed;
}

static weir_err make_frame(struct making *m, const struct weir_survey_set *set, json_t *plan, struct weir_error *error)
{
    static const uint64_t all_columns = 0;
    const struct weir_survey_options *o = m->o;
    char path[WEIR_SURVEY_PATH];
    weir_err failed = read_set(m, set, error);
    if (!failed)
        failed = weir_survey_folder_compare(o->out, m->name, m->fingerprint, error);
    if (!failed)
        failed = split_set(m, set, error);
    if (failed)
        return failed;
    struct weir_survey_plan_config config = {.trainers = (const struct weir_trainer *const *)o->trainers,
                                             .trainer_count = o->trainer_count,
                                             .params = (const char *const *)o->algorithms.params.item,
                                             .param_count = o->algorithms.params.count,
                                             .scale = o->scale,
                                             .threshold = o->threshold,
                                             .flow_rate = o->flows_per_s,
                                             .benign_share = o->benign_share,
                                             .explain_rows = o->importance != WEIR_SURVEY_NONE ? EXPLAINED : 0,
                                             .permute_rows = o->importance == WEIR_SURVEY_ALL ? PERMUTED : 0,
                                             .select = o->select.count ? o->select.item : &all_columns,
                                             .select_count = o->select.count ? o->select.count : 1};
    snprintf(path, sizeof path, "%s/data/%s.frame", o->out, m->name);
    failed = weir_survey_plan_add(plan, &m->frame, m->source->origin, m->draw, &config, error);
    return failed ? failed : weir_survey_frame_write(&m->frame, path, error);
}

weir_err weir_survey_sets_read(const struct weir_survey_options *options, const volatile sig_atomic_t *stop, json_t *plan,
                               struct weir_error *error)
{
    weir_err failed = WEIR_OK;
    for (size_t k = 0; k < options->set_count && !failed; k++) {
        if (!options->set[k].trains)
            continue;
        struct making making = {.o = options, .stop = stop};
        failed = make_frame(&making, &options->set[k], plan, error);
        if (failed && options->set[k].name && error) {
            struct weir_error inner = *error;
            weir_fail(error, failed, "--set %.40s: %s", options->set[k].name, inner.text);
        }
        free_making(&making);
    }
    return failed;
}
