#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/run_options.h"

/* The options of a file `weir.yaml` with this text, and of flags "name=value". */
struct made {
    struct weir_run_options options;
    struct weir_problems problems;
};

static void make(struct made *made, const char *text, size_t size, const char *const *flag)
{
    struct weir_flag item[8] = {{weir_settings_find(&weir_run_settings, "config"), "weir.yaml"}};
    struct weir_flags flags = {.item = item, .count = 1};
    for (; flag && *flag; flag++) {
        char name[32];
        size_t length = strcspn(*flag, "=");
        snprintf(name, sizeof name, "%.*s", (int)length, *flag);
        item[flags.count++] = (struct weir_flag){weir_settings_find(&weir_run_settings, name), *flag + length + 1};
        assert_non_null(item[flags.count - 1].setting);
    }
    struct weir_config *config;
    *made = (struct made){0};
    assert_int_equal(weir_config_parse("weir.yaml", (const uint8_t *)text, size, &weir_run_settings, &config, &made->problems),
                     WEIR_OK);
    weir_run_options_apply(config, &flags, &made->options, &made->problems);
    weir_config_free(&config);
}

static void makes(struct made *made, const char *text, const char *const *flag)
{
    make(made, text, strlen(text), flag);
    for (size_t i = 0; i < made->problems.count; i++)
        print_error("%s\n", made->problems.item[i].text);
    assert_int_equal(made->problems.count, 0);
}

/* The file is refused for one reason, that begins and goes on like this. */
static void refuses_bytes(const char *text, size_t size, const char *place, const char *words)
{
    struct made made;
    make(&made, text, size, NULL);
    assert_int_equal(made.problems.count, 1);
    const char *problem = made.problems.item[0].text;
    if (strncmp(problem, place, strlen(place)) != 0 || !strstr(problem, words))
        fail_msg("'%s' is neither at %s nor about '%s'", problem, place, words);
    weir_run_options_free(&made.options);
}

static void refuses(const char *text, const char *place, const char *words)
{
    refuses_bytes(text, strlen(text), place, words);
}

static void every_kind_of_value(void **unused)
{
    (void)unused;
    struct made made;
    makes(&made,
          "# a tap\n"
          "interface: [eth1, eth2]\n"
          "filter: tcp or udp\n"
          "lanes: 4\n"
          "max-delay: 2ms\n"
          "ring-mb: 128\n"
          "merge-window: 0.5ms\n"
          "store: days/\n"
          "retention: [30d, 50GB]\n"
          "rotate: 2GB\n"
          "columns: [dur, sbytes]\n"
          "sensor: \"12\"\n"
          "quiet: true\n"
          "json: false\n",
          NULL);
    const struct weir_run_options *o = &made.options;
    assert_int_equal(o->tap.interface.count, 2);
    assert_string_equal(o->tap.interface.item[1], "eth2");
    assert_string_equal(o->tap.filter, "tcp or udp");
    assert_int_equal(o->lanes, 4);
    assert_int_equal(o->workers, 2);
    assert_int_equal(o->max_delay_ns, 2000000);
    assert_int_equal(o->tap.ring_mb, 128);
    assert_int_equal(o->tap.window_ns, 500000);
    assert_int_equal(o->retention.days, 30);
    assert_true(o->retention.bytes == 50000000000);
    assert_true(o->rotate_bytes == 2000000000);
    assert_string_equal(o->columns, "dur,sbytes");
    assert_string_equal(o->sensor, "12");
    assert_true(o->quiet && !o->json);
    assert_string_equal(weir_run_options_place(o, "lanes").text, "weir.yaml:4: lanes");
    assert_string_equal(weir_run_options_place(o, "workers").text, "--workers");
    weir_run_options_free(&made.options);
}

static void files_of_a_tap(void **unused)
{
    (void)unused;
    struct made made;
    static const char *const same[] = {"read: [[a, \"b,c\"], [d, e]]\n", "read:\n  - [a, 'b,c']\n  -\n    - d\n    - e\n"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        makes(&made, same[i], NULL);
        assert_int_equal(made.options.tap.ports, 2);
        assert_int_equal(made.options.tap.port[0].count, 2);
        assert_string_equal(made.options.tap.port[1].item[0], "b,c");
        assert_string_equal(made.options.tap.port[0].item[1], "d");
        weir_run_options_free(&made.options);
    }
    makes(&made, "read: a,b\\,c", NULL); /* as the flag has it */
    assert_string_equal(made.options.tap.port[1].item[0], "b,c");
    weir_run_options_free(&made.options);
    makes(&made, "read: [a, 'b,c']", NULL);
    assert_int_equal(made.options.tap.ports, 2);
    weir_run_options_free(&made.options);
    makes(&made, "read: [[a], [b], [c]]", NULL); /* one port, one file after the other */
    assert_int_equal(made.options.tap.ports, 1);
    assert_int_equal(made.options.tap.port[0].count, 3);
    weir_run_options_free(&made.options);
}

static void flags_win(void **unused)
{
    (void)unused;
    struct made made;
    static const char file[] = "interface: [eth1, eth2]\nring-mb: 128\nlanes: 4\nstore: days/\nretention: 30d\nworkers: 3\n";
    makes(&made, file, (const char *const[]){"lanes=1", "interface=eth9", NULL});
    assert_int_equal(made.options.lanes, 1);
    assert_int_equal(made.options.workers, 3);
    assert_int_equal(made.options.tap.interface.count, 1);
    assert_int_equal(made.options.tap.ring_mb, 128);
    weir_run_options_free(&made.options);
    /* a source or a store of another kind replaces what belongs to the one of the file */
    makes(&made, file, (const char *const[]){"read=a,b", "read=c,d", "store=one.duckdb", NULL});
    assert_int_equal(made.options.tap.interface.count, 0);
    assert_int_equal(made.options.tap.ring_mb, 0);
    assert_int_equal(made.options.tap.port[0].count, 2);
    assert_int_equal(made.options.retention.days, 0);
    weir_run_options_free(&made.options);
    /* --flows has two meanings: as a source it gives way, as the room of the table it stays */
    makes(&made, "flows: 2048\n", (const char *const[]){"read=a", NULL});
    assert_int_equal(made.options.ingest.flows.room, 2048);
    weir_run_options_free(&made.options);
    makes(&made, "flows: records.csv\nmap: [stime=When, \"ltime=Until\"]\ningest-threads: 3\n", NULL);
    assert_string_equal(made.options.ingest.flows.input, "records.csv");
    assert_int_equal(made.options.ingest.flows.room, 524288);
    assert_int_equal(made.options.ingest.map.count, 2);
    assert_int_equal(made.options.ingest.threads, 3);
    weir_run_options_free(&made.options);
    makes(&made, "flows: records.csv\n", (const char *const[]){"read=a", NULL});
    assert_null(made.options.ingest.flows.input);
    weir_run_options_free(&made.options);
    makes(&made, "read: [a, b]\nfilter: tcp\n", (const char *const[]){"flows=-", NULL});
    assert_string_equal(made.options.ingest.flows.input, "-");
    assert_int_equal(made.options.tap.ports, 0);
    weir_run_options_free(&made.options);
}

static void wrong_files(void **unused)
{
    (void)unused;
    refuses("lanes: 2\n\nlane: 3\n", "weir.yaml:3: 'lane' is no key", "'lanes'");
    refuses("max_delay: 2ms\n", "weir.yaml:1:", "'max-delay'");
    refuses("Workers: 2\n", "weir.yaml:1:", "'workers'");
    refuses("check: true\n", "weir.yaml:1:", "command line only");
    refuses("config: x\n", "weir.yaml:1:", "command line only");
    refuses("lanes: 2\nworkers: 2\nlanes: 3\n", "weir.yaml:3: lanes is there twice", "line 1");
    refuses("lanes: 99\n", "weir.yaml:1: lanes 99:", "give a whole number from 1 to 64");
    refuses("lanes: two\n", "weir.yaml:1: lanes two:", "give a whole number");
    refuses("lanes: -1\n", "weir.yaml:1: lanes -1:", "give a whole number");
    refuses("lanes: \"2\"\n", "weir.yaml:1: lanes", "without quotes");
    refuses("\nlanes: [2]\n", "weir.yaml:2: lanes is a whole number from 1 to 64", "not a list");
    refuses("store: {path: x}\n", "weir.yaml:1: store is a text", "not a mapping");
    refuses("store:\n  path: x\n", "weir.yaml:2: store is a text", "not a mapping");
    refuses("sensor: 12\n", "weir.yaml:1: sensor is a text", "quotes");
    refuses("sensor: no\n", "weir.yaml:1: sensor is a text", "quotes");
    refuses("quiet: yes\n", "weir.yaml:1: quiet is true or false", "");
    refuses("quiet: \"true\"\n", "weir.yaml:1: quiet is true or false", "");
    refuses("max-delay: 5\n", "weir.yaml:1: max-delay 5:", "with its unit");
    refuses("merge-window: 11s\n", "weir.yaml:1: merge-window 11s:", "100us to 10s");
    refuses("retention: [30]\n", "weir.yaml:1: retention", "30d");
    refuses("rotate: much\n", "weir.yaml:1: rotate", "500MB");
    refuses("model:\n", "weir.yaml:1: model has no value", "");
    refuses("model: ~\n", "weir.yaml:1: model has no value", "");
    refuses("interface: []\n", "weir.yaml:1: interface has an empty list", "");
    refuses("interface: [a, a]\n", "weir.yaml:1: interface a,a:", "same interface");
    refuses("interface: [[a], [b]]\n", "weir.yaml:1: interface", "list of texts");
    refuses("read: [a, [b]]\n", "weir.yaml:1: read", "list of lists");
    refuses("read: [[a], b]\n", "weir.yaml:1: read", "list of its own");
    refuses("read: [[[a]]]\n", "weir.yaml:1: read", "list of texts");
    refuses("read: ['a\\', b]\n", "weir.yaml:1: read", "backslash");
    refuses("filter: &x tcp\n", "weir.yaml:1: filter", "anchor");
    refuses("filter: *x\n", "weir.yaml:1: filter", "alias");
    refuses("filter: !!str tcp\n", "weir.yaml:1: filter", "tag");
    refuses("filter: |\n  tcp\n  udp\n", "weir.yaml:1: filter", "line break");
    refuses("filter: \"a\\0b\"\n", "weir.yaml:1: filter", "zero byte");
    refuses("? [a]\n: b\n", "weir.yaml:1: this key", "list or a mapping");
    refuses("lanes: 2\n---\nlanes: 3\n", "weir.yaml:2: a second document", "");
    refuses("- lanes\n", "weir.yaml:1: this file", "key: value");
    refuses("lanes\n", "weir.yaml:1: this file", "key: value");
    refuses("lanes: 2\n\tworkers: 2\n", "weir.yaml:2: this is no YAML", "column");
    refuses("filter: tcp: udp\n", "weir.yaml:1: this is no YAML", "quotes");
    refuses("lanes: 2\n\"\n", "weir.yaml:", "this is no YAML");
    refuses_bytes("lanes: 2\n\xff", 10, "weir.yaml: offset 9:", "UTF-8");
    refuses_bytes("la\0nes: 2\n", 10, "weir.yaml: offset 2:", "");
    /* together */
    refuses("lanes: 2\n", "weir.yaml: no packets", "-r or an interface with -i");
    refuses("read: a\ninterface: b\n", "weir.yaml: -r and -i exclude each other", "");
    refuses("read: a\nring-mb: 5\n", "weir.yaml: ", "are for interfaces");
    refuses("read: a\nretention: 30d\n", "weir.yaml:2: retention is for a store in a folder", "/");
}

static void bombs(void **unused)
{
    (void)unused;
    enum { ROOM = WEIR_CONFIG_BYTES };
    char *text = malloc(ROOM);
    assert_non_null(text);
    size_t n = (size_t)sprintf(text, "x: ");
    memset(text + n, '[', ROOM - n);
    struct made made;
    make(&made, text, ROOM, NULL);
    assert_int_equal(made.problems.count, 2); /* the key, the depth */
    assert_non_null(strstr(made.problems.item[1].text, "nested too deep"));
    weir_run_options_free(&made.options);

    n = (size_t)sprintf(text, "read: [a");
    for (size_t i = 0; i <= WEIR_CONFIG_LIST; i++)
        n += (size_t)sprintf(text + n, ", a");
    text[n++] = ']';
    refuses_bytes(text, n, "weir.yaml:1: read", "too many");
    free(text);
}

static void all_problems_at_once(void **unused)
{
    (void)unused;
    struct made made;
    static const char text[] = "lane: 2\nworkers: 99\nx: {y: [1, {z: 2}]}\nread: [[a, [b]], c]\n&a b: *c\nsnaplen: 1\n";
    static const char *const places[] = {
        "weir.yaml:1: ", "weir.yaml:3: ", "weir.yaml:4: ", "weir.yaml:5: ", "weir.yaml:2: ", "weir.yaml:6: "};
    make(&made, text, sizeof text - 1, NULL);
    assert_int_equal(made.problems.count, sizeof places / sizeof *places);
    for (size_t i = 0; i < made.problems.count; i++)
        assert_memory_equal(made.problems.item[i].text, places[i], strlen(places[i]));
    weir_run_options_free(&made.options);
    char many[64 * 10] = "";
    for (int i = 0; i < 64; i++)
        sprintf(many + strlen(many), "k%d: 1\n", i);
    make(&made, many, strlen(many), NULL);
    assert_int_equal(made.problems.count, 64); /* those behind the twentieth are counted only */
    weir_run_options_free(&made.options);
}

/* Every flag of the command can stand in the file, but the two that are for the command line. */
static void every_flag_is_a_key(void **unused)
{
    (void)unused;
    size_t keys = 0;
    for (size_t i = 0; i < weir_run_settings.count; i++) {
        const struct weir_setting *row = &weir_run_settings.row[i];
        if (row->kind == WEIR_SETTING_HEADING)
            continue;
        if (row->flag_only) {
            assert_true(!strcmp(row->name, "config") || !strcmp(row->name, "check"));
            continue;
        }
        keys++;
        const char *value = !strcmp(row->name, "rotate")         ? "1GB"
                            : !strcmp(row->name, "retention")    ? "1d"
                            : row->kind == WEIR_SETTING_NUMBER   ? "2000"
                            : row->kind == WEIR_SETTING_DURATION ? "1s"
                            : row->kind == WEIR_SETTING_SWITCH   ? "true"
                                                                 : "x";
        char number[32], text[128], type[96], flag[128];
        if (row->kind == WEIR_SETTING_NUMBER)
            snprintf(number, sizeof number, "%llu", (unsigned long long)row->high), value = number;
        struct made in_file, by_flag;
        snprintf(text, sizeof text, "%s: %s\n", row->name, value);
        snprintf(flag, sizeof flag, "%s=%s", row->name, value);
        make(&in_file, text, strlen(text), NULL);
        make(&by_flag, "", 0, (const char *const[]){flag, NULL});
        assert_true(weir_run_options_told(&in_file.options, row->name));
        assert_true(
            weir_setting_same(row, &in_file.options, &in_file.options.told[i], &by_flag.options, &by_flag.options.told[i]));
        weir_setting_type(row, type, sizeof type);
        assert_true(strlen(type) > 0 && row->text && *row->text);
        weir_run_options_free(&in_file.options);
        weir_run_options_free(&by_flag.options);
        if (row->kind != WEIR_SETTING_TEXT && !(row->kind == WEIR_SETTING_LIST && !row->take) &&
            row->kind != WEIR_SETTING_LISTS && strcmp(row->name, "interface") != 0 && strcmp(row->name, "flows") != 0 &&
            row->take != weir_ingest_take_names &&
            row->take != weir_queue_take_peers) { /* a wrong value: the same words of both */
            const char *wrong = row->kind == WEIR_SETTING_SWITCH ? NULL : "wrong";
            if (!wrong)
                continue;
            snprintf(text, sizeof text, "%s: %s\n", row->name, wrong);
            snprintf(flag, sizeof flag, "%s=%s", row->name, wrong);
            make(&in_file, text, strlen(text), NULL);
            make(&by_flag, "", 0, (const char *const[]){flag, NULL});
            assert_int_equal(in_file.problems.count, 1);
            assert_int_equal(by_flag.problems.count, 1);
            assert_memory_equal(in_file.problems.item[0].text, "weir.yaml:1: ", 13);
            assert_memory_equal(by_flag.problems.item[0].text, "--", 2);
            assert_string_equal(in_file.problems.item[0].text + 13, by_flag.problems.item[0].text + 2);
            weir_run_options_free(&in_file.options);
            weir_run_options_free(&by_flag.options);
        }
    }
    assert_true(keys > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value), cmocka_unit_test(files_of_a_tap), cmocka_unit_test(flags_win),
        cmocka_unit_test(wrong_files),         cmocka_unit_test(bombs),          cmocka_unit_test(all_problems_at_once),
        cmocka_unit_test(every_flag_is_a_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
