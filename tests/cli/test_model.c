/* weir model import, show, verify and explain, as a user sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"

static const char *data;
static char folder[] = "/tmp/weir-test-XXXXXX";
static char output[20000], messages[20000]; /* of the last command */

static void take(int fd, int saved, int target, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    dup2(saved, target);
    close(saved);
    close(fd);
}

/* Runs `weir model ...`; in the words @ stands for the folder of models, % for that of this test. Returns the exit code. */
static int weir(const char *words)
{
    char *argv[32], *copy = strdup(words), *rest = copy, text[32][300];
    int argc = 0;
    argv[argc++] = "model";
    for (char *word; (word = strsep(&rest, " "));) {
        const char *where = *word == '@' ? data : folder;
        bool path = *word == '@' || *word == '%';
        snprintf(text[argc], sizeof *text, "%s%s", path ? where : "", path ? word + 1 : word);
        argv[argc] = text[argc];
        argc++;
    }
    argv[argc] = NULL;
    free(copy);
    char out_path[64], err_path[64];
    snprintf(out_path, sizeof out_path, "%s/stdout", folder);
    snprintf(err_path, sizeof err_path, "%s/stderr", folder);
    fflush(stdout);
    int out = open(out_path, O_RDWR | O_CREAT | O_TRUNC, 0600), err = open(err_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    int saved_out = dup(1), saved_err = dup(2);
    assert_true(out >= 0 && err >= 0 && saved_out >= 0 && saved_err >= 0);
    dup2(out, 1);
    dup2(err, 2);
    int code = weir_cmd_model(argc, argv);
    fflush(stdout);
    take(out, saved_out, 1, output, sizeof output);
    take(err, saved_err, 2, messages, sizeof messages);
    return code;
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' should say '%s'", text, part);
}

static void a_model_is_imported_and_shown(void **state)
{
    (void)state;
    assert_int_equal(
        weir("import @/binary-3.2.0.json --columns dur,spkts,dpkts,sbytes --name flows --threshold 0.25 -o %/m.weir"), 0);
    says(messages, "flows:1: xgboost, 3 trees, depth 2, 21 nodes, 2 classes, 4 columns, feature set argus (");
    says(messages, "'benign' counts as benign");
    assert_int_equal(weir("verify %/m.weir"), 0);
    says(output, "m.weir: ok: flows:1: xgboost, 3 trees, depth 2, 21 nodes");
    assert_string_equal(messages, "");
    assert_int_equal(weir("show %/m.weir"), 0);
    says(output, "classes      benign (benign), attack\n");
    says(output, "alert        from a score of 0.25 on\n");
    says(output, "trees        3, depth 2, 9 splits, 12 leaves\n");
    says(output, "     1        4      39.4662      68.4493  spkts\n");
    assert_int_equal(weir("show %/m.weir --json"), 0);
    json_t *object = json_loads(output, 0, NULL), *card = json_object_get(object, "card");
    assert_int_equal(json_integer_value(json_object_get(object, "nodes")), 21);
    assert_string_equal(json_string_value(json_object_get(card, "feature_set")), "argus");
    assert_string_equal(json_string_value(json_array_get(json_object_get(card, "columns"), 3)), "sbytes");
    json_decref(object);
}

static void stored_names_are_used(void **state)
{
    (void)state;
    assert_int_equal(weir("import @/multi-3.2.0.ubj -o %/m.weir"), 0);
    says(messages, "multi-3.2.0:1: ");
    says(messages, "no class is benign");
    says(messages, "no feature set");
    assert_int_equal(weir("show %/m.weir"), 0);
    says(output, "classes      0, 1, 2\n");
    says(output, "größe\n");
    assert_int_equal(weir("import @/multi-3.2.0.ubj -o %/m.weir --classes dos,normal,scan --benign normal --quiet"), 0);
    assert_string_equal(messages, "");
    assert_int_equal(weir("show %/m.weir"), 0);
    says(output, "classes      dos, normal (benign), scan\n");
    assert_int_equal(weir("import @/binary-3.2.0.json -o %/m.weir --benign 1"), 0);
    assert_int_equal(weir("show %/m.weir"), 0);
    says(output, "classes      benign (benign), attack\n"); /* turned round: label 0 is the attack */
}

static void code_tables_come_from_the_feature_set(void **state)
{
    (void)state;
    assert_int_equal(weir("import @/binary-3.2.0.json --columns dur,spkts,proto,state -o %/m.weir"), 0);
    assert_int_equal(weir("show --json %/m.weir"), 0);
    json_t *object = json_loads(output, 0, NULL);
    json_t *tables = json_object_get(json_object_get(object, "card"), "categories");
    assert_string_equal(json_string_value(json_array_get(json_object_get(tables, "proto"), 17)), "udp");
    assert_string_equal(json_string_value(json_array_get(json_object_get(tables, "proto"), 63)), "any#63");
    assert_true(json_array_size(json_object_get(tables, "state")) > 1);
    json_decref(object);
}

static void a_row_is_explained(void **state)
{
    (void)state;
    char path[64];
    static const char rows[] = "state,dur,x,proto,spkts\nREQ,1,9,tcp,2\nINT,0.1,9,udp,-3\n";
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    assert_int_equal(weir_file_write(path, rows, strlen(rows), NULL), 0);
    assert_int_equal(weir("import @/binary-3.2.0.json --columns dur,spkts,proto,state -o %/m.weir"), 0);
    assert_int_equal(weir("explain %/m.weir --data %/rows.csv --row 2 --json"), 0);
    json_t *object = json_loads(output, 0, NULL), *item;
    double sum = json_real_value(json_object_get(object, "base"));
    size_t i;
    assert_int_equal(json_array_size(json_object_get(object, "contributions")), 4);
    json_array_foreach(json_object_get(object, "contributions"), i, item)
    {
        sum += json_real_value(json_object_get(item, "contribution"));
        if (!strcmp(json_string_value(json_object_get(item, "column")), "proto"))
            assert_string_equal(json_string_value(json_object_get(item, "value")), "udp");
    }
    assert_true(sum > 0 && sum - json_real_value(json_object_get(object, "margin")) < 1e-6);
    assert_true(sum - json_real_value(json_object_get(object, "margin")) > -1e-6);
    json_decref(object);
    assert_int_equal(weir("explain %/m.weir --data %/rows.csv --row 2"), 0);
    says(output, "spkts = -3 ");
    says(output, "|##########\n");
    says(output, "  margin of attack\n");
    assert_int_equal(weir("explain %/m.weir --data %/rows.csv --row 2 --path"), 0);
    says(output, "  margin of attack\n");
    assert_int_equal(weir("explain %/m.weir --data %/rows.csv --row 3"), 1);
    says(messages, "there is no row 3");
    assert_int_equal(weir("explain %/m.weir --data %/rows.csv --class dos"), 1);
    says(messages, "has no such class");
    /* A line is at most 80 characters, whatever names and texts are. */
    static const char wide[] = "a_name_of_more_than_28_characters_\xc3\xa4\xc3\xb6\xc3\xbc,dur,spkts,state\n1,0.1,-3,\"\xc3\xa4"
                               "-text-that-is-longer-than-all-of-the-room-that-a-line-has-for-it\"\n";
    assert_int_equal(weir_file_write(path, wide, strlen(wide), NULL), 0);
    assert_int_equal(weir("import @/binary-3.2.0.json --columns dur,a_name_of_more_than_28_characters_\xc3\xa4\xc3\xb6\xc3\xbc,"
                          "spkts,state --classes good,a-class-with-a-name-that-is-longer-than-all-that-a-line-has-for-it "
                          "--benign good -o %/m.weir"),
                     0);
    assert_int_equal(weir("explain %/m.weir --data %/rows.csv"), 0);
    says(output, "  a_name_of_more_than_28_ch... = 1 ");
    for (const char *line = output; *line; line += strcspn(line, "\n") + 1) {
        size_t width = 0;
        for (const char *at = line; *at != '\n'; at++)
            width += ((unsigned char)*at & 0xc0) != 0x80;
        assert_true(width <= 80);
    }
    unlink(path);
}

static void faults_are_said(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        int code;
        const char *message;
    } cases[] = {
        {"import @/binary-3.2.0.json", 2, "name the model file with -o"},
        {"import -o %/x.weir", 2, "name one file to import"},
        {"import @/binary-3.2.0.json -o %/x.weir --columns a,b", 1, "the model has 4 columns, 2 are named"},
        {"import @/binary-3.2.0.json -o %/x.weir --features argus", 1,
         "feature set 'argus' lacks 2 of the 4 columns: 'a b', 'größe'"},
        {"import @/binary-3.2.0.json -o %/x.weir --features argos", 1, "there is no feature set 'argos'; there are "},
        {"import @/binary-3.2.0.json -o %/x.weir --classes a,b", 2, "say with --benign which of the classes a and b"},
        {"import @/binary-3.2.0.json -o %/x.weir --classes a,b --benign c", 2, "--benign c: no class"},
        {"import @/binary-3.2.0.json -o %/x.weir --classes a,b,c --benign b", 1, "the model has 2 classes, 3 are named"},
        {"import @/binary-3.2.0.json -o %/x.weir --benign 2", 1, "'2' is none of the model's 2 classes"},
        {"import @/binary-3.2.0.json -o %/x.weir --threshold 2", 1, "card: 'threshold' must be a number from 0 to 1"},
        {"import @/binary-3.2.0.json -o %/no/x.weir", 1, "/no/x.weir: cannot create a file beside it"},
        {"import @/make.py -o %/x.weir", 1, "make.py: offset 0: no model that weir knows"},
        {"verify @/make.py", 1, "make.py: offset 0: no weir model file"},
        {"verify %/nothing.weir", 1, "nothing.weir: cannot open it: No such file"},
        {"show", 2, "name one model file"},
        {"explain %/x.weir", 2, "name the data"},
        {"forget", 2, "there is no 'weir model forget'"},
    };
    char path[64];
    snprintf(path, sizeof path, "%s/x.weir", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir(cases[i].words), cases[i].code);
        says(messages, cases[i].message);
        assert_string_equal(output, "");
        assert_int_not_equal(access(path, F_OK), 0); /* nothing is left behind */
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 || !mkdtemp(folder)) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    data = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_imported_and_shown),
        cmocka_unit_test(stored_names_are_used),
        cmocka_unit_test(code_tables_come_from_the_feature_set),
        cmocka_unit_test(a_row_is_explained),
        cmocka_unit_test(faults_are_said),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const left[] = {"m.weir", "stdout", "stderr"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, left[i]);
        unlink(path);
    }
    rmdir(folder);
    return failed;
}
