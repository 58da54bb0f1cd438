/* Whole trees are the worst that a depth can be: with 6, 63 splits on the way to 64 leaves, no row ends early. The thresholds of
 * a column are such as training with 256 bins gives: few enough to be told apart by a byte. */
#include "bench/made.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/build.h"
#include "model/model.h"
#include "model/support.h"

enum {
    COLUMNS = 40,
    NODES_MOST = (2 << WEIR_MADE_DEPTH_MOST) - 1,
    BINS = 200,
    RECORDS = 65536,
    TRIED = 8192, /* of them, for the threshold */
    CLIENTS = 16384,
    SERVERS = 1024
};

#define BEGAN_NS INT64_C(1760000000000000000)

/* --- the model --- */

/* An array with one item for each node, what(node) in printf's terms. */
#define PUT_NODES(to, name, format, what)                                                                                        \
    do {                                                                                                                         \
        fprintf(to, "\"" name "\":[");                                                                                           \
        for (unsigned n = 0; n < nodes; n++)                                                                                     \
            fprintf(to, "%s" format, n ? "," : "", what);                                                                        \
        fputs("],", to);                                                                                                         \
    } while (0)

/* Nodes stand level by level: the children of node n are 2n + 1 and 2n + 2. */
static void put_tree(FILE *to, unsigned tree, unsigned depth, uint64_t *seed)
{
    const unsigned splits = (1u << depth) - 1, nodes = 2 * splits + 1;
    unsigned column[NODES_MOST] = {0};
    double value[NODES_MOST];
    for (unsigned n = 0; n < nodes; n++) {
        column[n] = n < splits ? weir_random_below(seed, COLUMNS) : 0;
        value[n] = n < splits ? (0.5 + weir_random_below(seed, BINS)) / BINS : 0.2 * weir_random_share(seed) - 0.1;
    }
    fprintf(to, "%s{\"base_weights\":[", tree ? "," : "");
    for (unsigned n = 0; n < nodes; n++)
        fprintf(to, "%s%.9e", n ? "," : "", n < splits ? 0 : value[n]); /* with a point: XGBoost tells 0 from 0.0 */
    fputs("],\"categories\":[],\"categories_nodes\":[],\"categories_segments\":[],\"categories_sizes\":[],", to);
    PUT_NODES(to, "default_left", "%d", 0);
    fprintf(to, "\"id\":%u,", tree);
    PUT_NODES(to, "left_children", "%d", n < splits ? (int)(2 * n + 1) : -1);
    PUT_NODES(to, "loss_changes", "%.1f", n < splits ? 1.0 : 0.0);
    PUT_NODES(to, "parents", "%u", n ? (n - 1) / 2 : 2147483647);
    PUT_NODES(to, "right_children", "%d", n < splits ? (int)(2 * n + 2) : -1);
    PUT_NODES(to, "split_conditions", "%.9e", value[n]);
    PUT_NODES(to, "split_indices", "%u", column[n]);
    PUT_NODES(to, "split_type", "%d", 0);
    /* every leaf has seen the same: 64 rows */
    PUT_NODES(to, "sum_hessian", "%.1f", 64.0 * ((1u << depth) >> (31 - __builtin_clz(n + 1))));
    fprintf(to, "\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"%d\",\"num_nodes\":\"%d\",\"size_leaf_vector\":\"1\"}}",
            COLUMNS, nodes);
}

static bool write_model(unsigned trees, unsigned depth, char **json, size_t *size)
{
    uint64_t seed = 6;
    FILE *to = open_memstream(json, size);
    if (!to)
        return false;
    fputs("{\"learner\":{\"attributes\":{},\"feature_names\":[],\"feature_types\":[],\"gradient_booster\":{\"model\":{"
          "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",",
          to);
    fprintf(to, "\"num_trees\":\"%u\"},\"iteration_indptr\":[", trees);
    for (unsigned t = 0; t <= trees; t++)
        fprintf(to, "%s%u", t ? "," : "", t);
    fputs("],\"tree_info\":[", to);
    for (unsigned t = 0; t < trees; t++)
        fputs(t ? ",0" : "0", to);
    fputs("],\"trees\":[", to);
    for (unsigned t = 0; t < trees; t++)
        put_tree(to, t, depth, &seed);
    fprintf(to,
            "]},\"name\":\"gbtree\"},\"learner_model_param\":{\"base_score\":\"5E-1\",\"boost_from_average\":\"1\",\"num_class\":"
            "\"0\",\"num_feature\":\"%d\",\"num_target\":\"1\"},\"objective\":{\"name\":\"binary:logistic\",\"reg_loss_param\":{"
            "\"scale_pos_weight\":\"1\"}}},\"version\":[2,1,0]}\n",
            COLUMNS);
    return fclose(to) == 0;
}

/* The view's first columns that are numbers and say how a flow behaves. */
static void say_facts(const char *algorithm, const struct weir_view *view, const char *name[static COLUMNS],
                      struct weir_model_facts *facts)
{
    size_t count = 0;
    for (size_t c = 0; c < view->column_count && count < COLUMNS; c++)
        if (view->columns[c].value && !view->columns[c].identifier)
            name[count++] = view->columns[c].name;
    *facts = (struct weir_model_facts){.name = "bench",
                                       .algorithm = algorithm,
                                       .feature_set = view->name,
                                       .feature_set_id = weir_view_id(view),
                                       .columns = name,
                                       .column_count = count,
                                       .benign = WEIR_BENIGN_USUAL,
                                       .threshold = 0.5f};
}

static weir_err build_trees(struct weir_made *made, const struct weir_view *view, struct weir_error *error)
{
    const char *name[COLUMNS];
    struct weir_model_facts facts;
    say_facts(NULL, view, name, &facts);
    return weir_model_from_xgboost(made->json, made->size, "the bench's model", &facts, &made->model, error);
}

/* As training leaves it where the classes overlap: the columns brought to a variance of 1, gamma = 1 / columns, most rows are
 * vectors and most of these stand at the bound C = 1. */
static weir_err build_vectors(struct weir_made *made, size_t vectors, const struct weir_view *view, struct weir_error *error)
{
    const double variance = 1.0 / 12; /* of what make_records draws */
    const char *name[COLUMNS], *const classes[] = {"benign", "attack"};
    struct weir_model_facts facts;
    struct weir_support *s = NULL;
    uint64_t seed = 7;
    say_facts("svm", view, name, &facts);
    facts.classes = classes;
    facts.class_count = 2;
    facts.benign = 0;
    weir_err code = weir_support_create(COLUMNS, 2, COLUMNS, vectors, &s, error);
    if (code != WEIR_OK)
        return code;
    for (unsigned c = 0; c < COLUMNS; c++) {
        s->kept[c] = c;
        s->fill[c] = 0.5f;
        s->mean[c] = 0.5;
        s->scale[c] = sqrt(2 * M_LOG2E / COLUMNS / variance);
    }
    s->slope = 4 / sqrt((double)vectors); /* margins of a few units */
    s->count[0] = (uint32_t)(vectors / 2);
    s->count[1] = (uint32_t)(vectors - vectors / 2);
    for (size_t i = 0; i < vectors; i++) {
        s->coef[i] = i < vectors / 2 ? -1 : 1;
        for (unsigned c = 0; c < COLUMNS; c++)
            s->vector[i * COLUMNS + c] = (float)((weir_random_share(&seed) - s->mean[c]) * s->scale[c]);
    }
    struct weir_scorer *scorer = &s->scorer;
    code = weir_support_finish(s, error);
    if (code == WEIR_OK)
        return weir_model_make(scorer, &facts, NULL, NULL, &made->model, error);
    weir_scorer_free(&scorer);
    return code;
}

/* --- the records --- */

/* Record i closes i microseconds after the first one. */
static void make_identity(struct weir_identity *id, size_t i, uint64_t *seed)
{
    static const uint16_t tcp_ports[] = {80, 443, 443, 443, 22, 25, 8080, 3306};
    uint32_t kind = weir_random_below(seed, 100), client = 0xc6120000u + weir_random_below(seed, CLIENTS),
             server = 0xcb007100u + weir_random_below(seed, SERVERS);
    *id = (struct weir_identity){.flow_id = {weir_random_next(seed), weir_random_next(seed)},
                                 .reason = weir_random_below(seed, 10) ? WEIR_REASON_CLOSE : WEIR_REASON_IDLE,
                                 .ip_version = 4,
                                 .proto = kind < 70   ? 6
                                          : kind < 95 ? 17
                                                      : 1,
                                 .ports = kind < 95,
                                 .ltime_ns = BEGAN_NS + (int64_t)i * 1000};
    id->stime_ns = id->ltime_ns - (int64_t)(weir_random_share(seed) * 5e9);
    id->sport = id->ports ? (uint16_t)(1024 + weir_random_below(seed, 60000)) : 0;
    id->dport = kind < 70 ? tcp_ports[weir_random_below(seed, 8)] : kind < 95 ? 53 : 0;
    for (unsigned b = 0; b < 4; b++) {
        id->src[b] = (uint8_t)(client >> (24 - 8 * b));
        id->dst[b] = (uint8_t)(server >> (24 - 8 * b));
    }
}

static weir_err make_records(const weir_model *model, const struct weir_view *view, struct weir_records *r,
                             struct weir_error *error)
{
    uint64_t seed = 1;
    const char *const *names;
    *r = (struct weir_records){.view = view, .columns = weir_model_columns(model, &names), .count = RECORDS, .room = RECORDS};
    r->column = calloc(r->columns, sizeof *r->column);
    r->identity = calloc(RECORDS, sizeof *r->identity);
    r->row = calloc((size_t)RECORDS * r->columns, sizeof *r->row);
    if (!r->column || !r->identity || !r->row)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    for (size_t c = 0; c < r->columns; c++)
        r->column[c] = (uint16_t)weir_view_column(view, names[c]);
    for (size_t i = 0; i < RECORDS; i++)
        make_identity(&r->identity[i], i, &seed);
    r->span_ns = (int64_t)RECORDS * 1000;
    for (size_t i = 0; i < RECORDS * r->columns; i++)
        r->row[i] = (float)weir_random_share(&seed);
    return WEIR_OK;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The score that WEIR_MADE_ALERTS of the records reach. */
static weir_err set_threshold(weir_model *model, const struct weir_records *r, struct weir_error *error)
{
    float *score = calloc(TRIED, sizeof *score);
    if (!score)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    weir_model_predict(model, r->row, TRIED, r->columns, score, NULL, NULL);
    qsort(score, TRIED, sizeof *score, ascending);
    json_t *threshold = json_real((double)score[(size_t)((1 - WEIR_MADE_ALERTS) * TRIED)]);
    weir_err code = weir_model_annotate(model, "threshold", threshold, error);
    json_decref(threshold);
    free(score);
    return code;
}

static weir_err finish(struct weir_made *made, const struct weir_view *view, struct weir_error *error)
{
    weir_err code = make_records(made->model, view, &made->records, error);
    return code == WEIR_OK ? set_threshold(made->model, &made->records, error) : code;
}

weir_err weir_made_trees(unsigned trees, unsigned depth, struct weir_made *made, struct weir_error *error)
{
    const struct weir_view *view = weir_view_find("argus");
    *made = (struct weir_made){0};
    if (!write_model(trees, depth, &made->json, &made->size))
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    weir_err code = build_trees(made, view, error);
    return code == WEIR_OK ? finish(made, view, error) : code;
}

weir_err weir_made_vectors(size_t vectors, struct weir_made *made, struct weir_error *error)
{
    const struct weir_view *view = weir_view_find("argus");
    *made = (struct weir_made){0};
    weir_err code = build_vectors(made, vectors, view, error);
    return code == WEIR_OK ? finish(made, view, error) : code;
}

void weir_made_fini(struct weir_made *made)
{
    weir_records_fini(&made->records);
    weir_model_free(&made->model);
    free(made->json);
    *made = (struct weir_made){0};
}
