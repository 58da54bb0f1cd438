#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>

#include "data/dataset.h"
#include "data/known.h"
#include "files.h"

/* ---- Those in the program ----------------------------------------------------------------------------------------------------
 */

static void each_is_whole(void **state)
{
    static const char *const wanted[] = {
        "cicids2017",    "cicids2017-original",   "cse-cic-ids2018", "unsw-nb15",   "unsw-nb15-full", "nf-unsw-nb15-v2",
        "nf-ton-iot-v2", "nf-cse-cic-ids2018-v2", "ton-iot",         "hikari-2021", "nsl-kdd",        "iot-23",
        "bot-iot",       "bot-iot-full",          "ctu-13",          "argus",       "common"};
    const struct weir_known *vocabulary = weir_known_named("COMMON");
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!weir_known_named(wanted[i]) || !strstr(weir_known_names(), wanted[i]))
            fail_msg("%s", wanted[i]);
    for (const struct weir_known *const *known = weir_known_all(); *known; known++, count++) {
        const struct weir_known *k = *known;
        assert_true(*k->title && *k->source && *k->recognise && k->label.benign);
        assert_non_null(strstr(weir_known_text(k), k->title));
        for (size_t i = 0; i < k->common_count; i++) {
            assert_non_null(weir_known_column(vocabulary, k->common[i].name));
            assert_true(!k->column_count || weir_known_column(k, k->common[i].of));
            assert_true(!k->column_count || !k->common[i].less || weir_known_column(k, k->common[i].less));
        }
        assert_true(k->common_count || k == vocabulary);
        if (!k->column_count)
            continue;
        /* Nothing is said of a column that is not there. */
        char *const *const lists[] = {k->recognise, k->identifiers, k->leaks};
        for (size_t l = 0; l < 3; l++)
            for (char *const *name = lists[l]; *name; name++)
                if (!weir_known_column(k, *name))
                    fail_msg("%s: %s", k->name, *name);
        assert_true(weir_known_column(k, k->label.column) && weir_known_column(k, weir_known_category(k)->column));
        assert_true(!k->time || weir_known_column(k, k->time)->type == WEIR_KNOWN_TIME);
        assert_true(!k->host || weir_known_column(k, k->host)->type == WEIR_KNOWN_ADDRESS);
        /* Addresses and times are not learned from. */
        for (size_t i = 0; i < k->column_count; i++)
            if (k->columns[i].type >= WEIR_KNOWN_ADDRESS && !weir_known_lists(k->identifiers, k->columns[i].name))
                fail_msg("%s: %s", k->name, k->columns[i].name);
        if (*k->classes)
            assert_true(weir_known_lists(k->classes, weir_known_category(k)->benign));
        /* Its own columns tell it, or the first of those that share them. */
        const char *names[WEIR_KNOWN_COLUMNS];
        for (size_t i = 0; i < k->column_count; i++)
            names[i] = k->columns[i].name;
        const struct weir_known *found = weir_known_find(names, k->column_count);
        while (found && found != k)
            found = weir_known_twin(found);
        if (!found)
            fail_msg("%s is not recognised", k->name);
    }
    assert_int_equal(count, sizeof wanted / sizeof *wanted);
    assert_null(weir_known_named("cic"));
}

static void headers_are_recognised(void **state)
{
    static const struct {
        const char *header, *name;
    } cases[] = {
        {" Destination Port, Flow Duration, Total Fwd Packets, Total Backward Packets, Label", "cicids2017-original"},
        {"id,dur,sttl,dttl,ct_srv_src,ct_state_ttl,attack_cat,label", "unsw-nb15"},
        {"srcip,dstip,dsport,dur,sttl,dttl,Stime,Ltime,ct_srv_src,ct_state_ttl,attack_cat,Label", "unsw-nb15-full"},
        {"stime,saddr,daddr,spkts,dpkts,sbytes,dbytes,label", "argus"},
        {"pkSeqID,stime,saddr,daddr,spkts,dpkts,sbytes,dbytes,attack,category,subcategory", "bot-iot"},
        {"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label", "ctu-13"},
        {"a,label", NULL},
    };
    char text[800], cells[400];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        for (const char *c = cases[i].header; *c; c++)
            if (*c == ',')
                cells[n++] = ',';
        cells[n] = 0;
        snprintf(text, sizeof text, "%s\n%s\n", cases[i].header, cells);
        struct weir_relation *source = open_files(write_file("header.csv", text), NULL);
        if (cases[i].name)
            assert_string_equal(source->known->name, cases[i].name);
        else
            assert_null(source->known);
        weir_relation_close(&source);
    }
}

static void what_is_asked_of_one(void **state)
{
    const struct weir_known *known = weir_known_named("unsw-nb15");
    (void)state;
    assert_string_equal(weir_known_benign(known, "label"), "0");
    assert_string_equal(weir_known_benign(known, "Attack_cat"), "Normal");
    assert_null(weir_known_benign(known, "id"));
    assert_true(weir_known_lists(known->leaks, "Attack_cat"));
    assert_true(weir_known_lists(known->identifiers, "sttl"));
    assert_false(weir_known_lists(known->identifiers, "dur"));
    assert_int_equal(weir_known_column(known, "PROTO")->type, WEIR_KNOWN_TEXT);
    assert_null(weir_known_column(NULL, "proto"));
}

/* Data sets of one header: the classes tell. */
static void twins_are_told_by_their_classes(void **state)
{
    static const char header[] = "IPV4_SRC_ADDR,L4_DST_PORT,FLOW_DURATION_MILLISECONDS,LONGEST_FLOW_PKT,Label,Attack\n";
    static const char *const rows[] = {"1.1.1.1,1,1,1,0,Benign\n1.1.1.1,1,1,1,1,Worms\n", "1.1.1.1,1,1,1,1,scanning\n",
                                       "1.1.1.1,1,1,1,1,Infilteration\n1.1.1.1,1,1,1,0,Benign\n", "1.1.1.1,1,1,1,1,new\n"};
    static const char *const names[] = {"nf-unsw-nb15-v2", "nf-ton-iot-v2", "nf-cse-cic-ids2018-v2", "nf-unsw-nb15-v2"};
    char text[300];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "%s%s", header, rows[i]);
        struct weir_relation *source = open_files(write_file("nf.csv", text), NULL);
        assert_string_equal(source->known->name, names[i]);
        weir_relation_close(&source);
    }
}

/* ---- What they do to data ----------------------------------------------------------------------------------------------------
 */

static const char own[] = "name: own\n"
                          "label: {column: kind, benign: ok, spellings: {ok: [fine, 'OK*'], '': [unsure]}}\n"
                          "header: false\n"
                          "missing: {win: [-1, 'n.a.']}\n"
                          "common: {dur: {of: ms, times: 1e-3}, dbytes: {of: all, less: up}, sbytes: up, proto: proto}\n"
                          "columns: {ms: number, win: number, proto: text, all: number, up: number, kind: text}\n";

static struct weir_known *read_own(void)
{
    struct weir_error error = {0};
    struct weir_known *known = NULL;
    if (weir_known_read("own.yaml", own, strlen(own), &known, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return known;
}

static const char own_rows[] = "1500,-1,tcp,100,40,fine\n"
                               "20,-1.0,UDP,7,7,scan\n"
                               "30,N.A.,99,1,,ok (1)\n"
                               "40,7,no such,1,0,unsure\n"
                               "50,-2,icmp,1,1,flood\n";

static void missing_values_and_spellings(void **state)
{
    struct weir_error error = {0};
    struct weir_known *known = read_own();
    struct weir_relation *source = NULL;
    struct weir_dataset *dataset = NULL;
    const char *path = write_file("own.txt", own_rows);
    struct weir_relation_config config = {.paths = &path, .path_count = 1, .known = known};
    (void)state;
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_OK);
    assert_int_equal(source->column_count, 6);
    assert_string_equal(source->columns[1].name, "win");
    assert_int_equal(
        weir_dataset_read(
            source, &(struct weir_dataset_config){.label = "kind", .exclude = (const char *const[]){"proto"}, .exclude_count = 1},
            &dataset, &error),
        WEIR_OK);
    assert_int_equal(dataset->rows, 4);
    assert_int_equal(dataset->unlabelled, 1);
    assert_int_equal(dataset->label_values.count, 3);
    assert_string_equal(dataset->label_values.text[dataset->labels[0]], "ok");
    assert_string_equal(dataset->label_values.text[dataset->labels[1]], "scan");
    assert_string_equal(dataset->label_values.text[dataset->labels[2]], "ok");
    const float *win = dataset->columns[1].values;
    assert_true(win[0] != win[0] && win[1] != win[1] && win[2] != win[2]);
    assert_true(win[3] == -2);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
    weir_known_free(&known);
}

static char *texts_of(struct weir_relation *source, const char *select)
{
    struct weir_error error = {0};
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    char *text = NULL, sql[300];
    size_t size;
    FILE *to = open_memstream(&text, &size);
    snprintf(sql, sizeof sql, "SELECT coalesce((%s)::VARCHAR, 'null') FROM " WEIR_RELATION, select);
    assert_int_equal(weir_relation_query(source, sql, &result, &error), WEIR_OK);
    while (weir_relation_fetch(source, &result, &chunk, &error) == WEIR_OK && chunk) {
        duckdb_string_t *cell = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
        for (size_t i = 0; i < duckdb_data_chunk_get_size(chunk); i++)
            fprintf(to, "%.*s|", (int)duckdb_string_t_length(cell[i]), duckdb_string_t_data(&cell[i]));
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    fclose(to);
    return text;
}

static void check_texts(struct weir_relation *source, const char *select, const char *expected)
{
    char *text = texts_of(source, select);
    assert_string_equal(text, expected);
    free(text);
}

static void common_columns_of_two_sets(void **state)
{
    struct weir_error error = {0};
    struct weir_relation *source = NULL;
    const char *const paths[] = {
        write_file("unsw.csv",
                   "id,dur,proto,service,spkts,dpkts,sbytes,dbytes,sttl,dttl,ct_srv_src,ct_state_ttl,attack_cat,label\n"
                   "1,0.5,udp,dns,2,3,100,Infinity,254,0,1,2,Normal,0\n"
                   "2,0.25,gre,-,4,5,200,20,254,0,1,2,DoS,1\n"),
        write_file("cic.csv", " Destination Port, Flow Duration, Total Fwd Packets, Total Backward Packets, Protocol, Label\n"
                              "443,1500000,7,8,6,BENIGN\n"
                              "80,2,9,1,17,Bot\n"
                              "80,2,9,1,17,\n")};
    struct weir_relation_config config = {.paths = paths, .path_count = 2, .common = true};
    (void)state;
    if (weir_relation_open(&config, &source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_string_equal(source->known->name, "common");
    assert_int_equal(source->column_count, source->known->column_count);
    check_texts(source, "dataset", "unsw-nb15|unsw-nb15|cicids2017-original|cicids2017-original|cicids2017-original|");
    check_texts(source, "dur", "0.5|0.25|1.5|2e-06|2e-06|");
    check_texts(source, "proto", "17.0|47.0|6.0|17.0|17.0|");
    check_texts(source, "service", "dns|null|null|null|null|");
    check_texts(source, "dport", "null|null|443.0|80.0|80.0|");
    check_texts(source, "dbytes", "inf|20.0|null|null|null|");
    check_texts(source, "label", "benign|attack|benign|attack|null|");
    check_texts(source, "category", "benign|DoS|benign|Bot|null|");
    weir_relation_close(&source);
    const char *unknown = write_file("x.csv", "a,label\n1,2\n");
    config = (struct weir_relation_config){.paths = &unknown, .path_count = 1, .common = true};
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "no common columns"));
    config = (struct weir_relation_config){.sql = "SELECT 1", .common = true};
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_ERR_ARGUMENT);
}

/* Live rows have the number, whatever the cell looks like. */
static void ports_of_icmp_are_numbers(void **state)
{
    (void)state;
    const char *path = write_file("ra.csv", "stime,saddr,sport,daddr,dport,proto,spkts,dpkts,sbytes,dbytes,label\n"
                                            "1,a,0x0008,b,0x7A0d,icmp,1,1,60,60,benign\n"
                                            "2,a,53000,b,53,udp,1,1,60,60,benign\n"
                                            "3,a,,b,domain,udp,1,1,60,60,benign\n");
    struct weir_relation *source = NULL;
    struct weir_error error = {0};
    struct weir_relation_config config = {.paths = &path, .path_count = 1, .common = true};
    if (weir_relation_open(&config, &source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    check_texts(source, "sport", "8.0|53000.0|null|");
    check_texts(source, "dport", "31245.0|53.0|null|");
    weir_relation_close(&source);
}

/* Draws and models depend on the order of the rows. */
static void common_columns_keep_the_order_of_rows(void **state)
{
    enum { ROWS = 60000 };
    char *text = NULL, *expected = NULL, *got;
    size_t size, length;
    FILE *file = open_memstream(&text, &size), *order = open_memstream(&expected, &length);
    (void)state;
    fputs(" Destination Port, Flow Duration, Total Fwd Packets, Total Backward Packets, Protocol, Label\n", file);
    for (int i = 0; i < ROWS; i++) {
        const char *label = i % 3 ? i % 3 == 1 ? "Bot" : "DDoS" : "BENIGN";
        fprintf(file, "80,%d000000,1,2,6,%s\n", i, label);
        fprintf(order, "%d.0 %s %s|", i, i % 3 ? "attack" : "benign", i % 3 ? label : "benign");
    }
    fclose(file);
    fclose(order);
    const char *path = write_file("order.csv", text);
    struct weir_relation *source = NULL;
    struct weir_error error = {0};
    struct weir_relation_config config = {.paths = &path, .path_count = 1, .common = true};
    if (weir_relation_open(&config, &source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    got = texts_of(source, "dur || ' ' || label || ' ' || category");
    assert_int_equal(strlen(got), length);
    assert_true(!strcmp(got, expected));
    weir_relation_close(&source);
    free(got);
    free(text);
    free(expected);
}

static void common_columns_of_an_own_description(void **state)
{
    struct weir_error error = {0};
    struct weir_relation *source = NULL;
    struct weir_known *known = read_own();
    const char *path = write_file("own.txt", own_rows);
    struct weir_relation_config config = {.paths = &path, .path_count = 1, .known = known, .common = true};
    (void)state;
    if (weir_relation_open(&config, &source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    check_texts(source, "dur", "1.5|0.02|0.03|0.04|0.05|");
    check_texts(source, "proto", "6.0|17.0|99.0|null|1.0|");
    check_texts(source, "dbytes", "60.0|0.0|null|1.0|0.0|");
    check_texts(source, "label", "benign|attack|benign|null|attack|");
    check_texts(source, "category", "benign|scan|benign|null|flood|");
    weir_relation_close(&source);
    weir_known_free(&known);
}

static void files_without_a_header(void **state)
{
    struct weir_error error = {0};
    struct weir_relation *source = NULL;
    struct weir_known *known = read_own();
    char kdd[400] = "0,tcp,ftp_data,SF,491";
    (void)state;
    for (int i = 0; i < 36; i++)
        strcat(kdd, ",0.5");
    strcat(kdd, ",normal,20\n");
    source = open_files(write_file("KDDTest", kdd), NULL);
    assert_string_equal(source->known->name, "nsl-kdd");
    assert_string_equal(source->columns[41].name, "label");
    check_texts(source, "service || difficulty", "ftp_data20|");
    weir_relation_close(&source);
    /* With a header it is no other. */
    source = open_files(write_file("own.csv", "MS,win,proto,all,up,kind\n1,2,tcp,4,5,fine\n"), NULL);
    assert_null(source->known);
    weir_relation_close(&source);
    const char *path = path_of("own.csv");
    struct weir_relation_config config = {.paths = &path, .path_count = 1, .known = known};
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_OK);
    check_texts(source, "ms", "1|");
    weir_relation_close(&source);
    path = write_file("five.csv", "1,2,3,4,5\n");
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "has no header and 5 columns, data set own has 6"));
    path = write_file("six.csv", "1,2,3,4,5,6\n");
    config.known = weir_known_named("cicids2017"); /* which has one */
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "no header"));
    weir_known_free(&known);
}

/* ---- Descriptions of others --------------------------------------------------------------------------------------------------
 */

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the file is empty"},
        {"- a\n", "x.yaml:1: 'the description' is a mapping"},
        {"name: a\n", "x.yaml:1: 'label' is missing"},
        {"label: {column: l}\n", "'name' is missing"},
        {"name: A b\nlabel: {column: l}\n", "small letters"},
        {"name: a\nlabel: l\n", "x.yaml:2: 'label' is a mapping"},
        {"name: a\nlabel: {benign: b}\n", "x.yaml:2: 'label' lacks its column"},
        {"name: a\nlabel: {column: l, is: b}\n", "x.yaml:2: 'is' is no part of a label"},
        {"name: a\nlabel: {column: [l]}\n", "x.yaml:2: 'column' is one text"},
        {"name: a\nlabels: {column: l}\n", "x.yaml:2: 'labels' is no key of a description"},
        {"name: a\nname: b\nlabel: {column: l}\n", "x.yaml:2: 'name' comes twice"},
        {"name: a\nlabel: {column: l}\nheader: no\n", "x.yaml:3: 'header' is true or false"},
        {"name: a\nlabel: {column: l}\nheader: false\n", "'columns' is missing"},
        {"name: a\nlabel: {column: l}\ncolumns: {x: float}\n", "x.yaml:3: 'x' is a column of number"},
        {"name: a\nlabel: {column: l}\ncolumns: {x: number, X: text}\n", "x.yaml:3: 'X' comes twice"},
        {"name: a\nlabel: {column: l}\nmissing: {x: ['-1']}\n", "x.yaml:3: 'x' is missing in columns"},
        {"name: a\nlabel: {column: l}\ntime: {column: t, form: us}\n", "x.yaml:3: 'form' is epoch"},
        {"name: a\nlabel: {column: l}\ncommon:\n  dur: {times: 2}\n", "x.yaml:4: 'dur' does not say of which column"},
        {"name: a\nlabel: {column: l}\ncommon: {dur: {of: x, times: inf}}\n", "x.yaml:3: 'times' is a number"},
        {"name: a\nlabel: {column: l}\ntitle: \"a\\nb\"\n", "x.yaml:3: 'title' has a line break"},
        {"name: a\nlabel: {column: l}\ntitle: \"a\\0b\"\n", "x.yaml:3: 'title' has a zero byte"},
        {"name: a\nlabel: {column: l}\ntitle: ''\n", "x.yaml:3: 'title' has no value"},
        {"name: a\nlabel: {column: l}\nleaks: x\n", "x.yaml:3: 'leaks' is a list"},
        {"name: a\n label: {column: l}\n", "x.yaml:2: this is no YAML"},
        {"name: [a\n", "this is no YAML"},
        {"name: \xff\xfe\xff\n", "save the file as UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir_error error = {0};
        struct weir_known *known;
        assert_int_equal(weir_known_read("x.yaml", cases[i].text, strlen(cases[i].text), &known, &error), WEIR_ERR_FORMAT);
        assert_null(known);
        if (!strstr(error.text, cases[i].message))
            fail_msg("%s: %s", cases[i].text, error.text);
    }
}

static void sizes_are_bounded(void **state)
{
    struct weir_error error = {0};
    struct weir_known *known;
    char *text = malloc(WEIR_KNOWN_BYTES + 1), *at = text;
    (void)state;
    memset(text, '#', WEIR_KNOWN_BYTES + 1);
    assert_int_equal(weir_known_read("x.yaml", text, WEIR_KNOWN_BYTES + 1, &known, &error), WEIR_ERR_LIMIT);
    at += sprintf(at, "name: a\nlabel: {column: l}\ntitle: ");
    memset(at, 'x', 1001);
    assert_int_equal(weir_known_read("x.yaml", text, (size_t)(at + 1001 - text), &known, &error), WEIR_ERR_FORMAT);
    assert_int_equal(weir_known_read("x.yaml", text, (size_t)(at + 1000 - text), &known, &error), WEIR_OK);
    weir_known_free(&known);
    at = text + sprintf(text, "name: a\nlabel: {column: l}\ncolumns: {");
    for (int i = 0; i <= WEIR_KNOWN_COLUMNS; i++)
        at += sprintf(at, "c%d: number,", i);
    at += sprintf(at, "}\n");
    assert_int_equal(weir_known_read("x.yaml", text, (size_t)(at - text), &known, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "4096"));
    free(text);
    assert_int_equal(weir_known_load("/nowhere/x.yaml", &known, &error), WEIR_ERR_NOT_FOUND);
    /* What is quoted is quoted. */
    assert_int_equal(
        weir_known_load(write_file("evil.yaml",
                                   "name: evil\nlabel: {column: \"l\\\"'\", benign: \"'; DROP\", spellings: {\"a'\": "
                                   "[\"%_\\\\'*\"]}}\ncommon: {dur: \"x\\\"'\"}\n"),
                        &known, &error),
        WEIR_OK);
    const char *path = write_file("evil.csv", "\"l\"\"'\",\"x\"\"'\"\n%_\\'z,1\nxx\\'z,2\n");
    struct weir_relation *source = NULL;
    struct weir_relation_config config = {.paths = &path, .path_count = 1, .known = known, .common = true};
    if (weir_relation_open(&config, &source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    check_texts(source, "category || dur", "a'1.0|xx\\'z2.0|");
    weir_relation_close(&source);
    weir_known_free(&known);
}

/* ---- Real data ---------------------------------------------------------------------------------------------------------------
 */

static void real_files_are_recognised(void **state)
{
    static const struct {
        const char *pattern, *name;
    } cases[] = {
        {"cicids2017/*.csv", "cicids2017"},
        {"cicids2017-original-header/??.csv", "cicids2017-original"},
        {"cicids2017-original-header/???.csv", "cicids2017-original"},
        {"cicids2017-original-header/web_attacks_balanced.csv", "cicids2017-original"},
        {"unsw-nb15/*.csv", "unsw-nb15"},
        {"nsl-kdd/KDD*.txt", "nsl-kdd"},
        {"iot-23/*.csv", "iot-23"},
        {"argus/*.binetflow", "ctu-13"},
    };
    const char *data = getenv("WEIR_DATA");
    (void)state;
    if (!data || !*data) {
        fprintf(stderr, "WEIR_DATA is not set: no real data\n");
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char pattern[600];
        glob_t found;
        snprintf(pattern, sizeof pattern, "%s/flows/%s", data, cases[i].pattern);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        for (size_t f = 0; f < found.gl_pathc; f++) {
            struct weir_relation *source = open_files(found.gl_pathv[f], NULL);
            if (!source->known || strcmp(source->known->name, cases[i].name) != 0)
                fail_msg("%s: %s", found.gl_pathv[f], source->known ? source->known->name : "not recognised");
            /* Every column is in the description. */
            for (size_t c = 0; c < source->column_count; c++)
                if (!source->columns[c].known)
                    fail_msg("%s: %s", found.gl_pathv[f], source->columns[c].name);
            weir_relation_close(&source);
        }
        globfree(&found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_whole),
        cmocka_unit_test(headers_are_recognised),
        cmocka_unit_test(what_is_asked_of_one),
        cmocka_unit_test(twins_are_told_by_their_classes),
        cmocka_unit_test(missing_values_and_spellings),
        cmocka_unit_test(common_columns_of_two_sets),
        cmocka_unit_test(ports_of_icmp_are_numbers),
        cmocka_unit_test(common_columns_keep_the_order_of_rows),
        cmocka_unit_test(common_columns_of_an_own_description),
        cmocka_unit_test(files_without_a_header),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(real_files_are_recognised),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
