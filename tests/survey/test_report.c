/* The report page: well-formed, harmless whatever the names are, and sound on reports that lack anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "survey/chart.h"
#include "survey/report_html.h"

#define EVIL "</script><script>alert(1)</script>\\\"'><img src=x onerror=alert(2)>&amp;"

/* Two data sets, one with names of the worst kind; a model with 8 columns; a task that failed; two runs. */
static const char sample[] =
    "{\"weir\":\"0.1.0\",\"command\":\"weir survey --label '" EVIL
    "'\",\"engine\":\"local\",\"jobs\":2,\"total_s\":2.5,\"cpu\":\"CPU\","
    "\"unfinished\":1,\"picked\":{\"by\":\"f1\",\"id\":\"a-2\"},"
    "\"data\":{\"a\":{\"origin\":\"" EVIL
    "\",\"fingerprint\":\"0123abcd\",\"rows\":12345,\"columns\":9,\"classes\":[\"benign\",\"" EVIL "\"],\"labels\":{\"" EVIL
    "\":7},\"column_names\":[\"" EVIL "\"],\"feature_set\":\"none\"},\"" EVIL "\":{}},"
    "\"tasks\":["
    "{\"id\":\"a-1\",\"data\":\"a\",\"test_data\":null,\"algorithm\":\"lda\",\"scale\":\"none\",\"select\":null,\"params\":{},"
    "\"status\":"
    "\"done\",\"fit_s\":1.5,\"score_s\":0.5,\"result\":{\"metrics\":{\"classes\":[\"benign\",\"" EVIL
    "\"],\"confusion\":[[90,10],[1,99]],\"log_loss\":0.25,\"detection\":{\"flow_rate\":1000,\"fpr\":0.1,\"recall\":0.99,\"false_"
    "alerts_per_day\":4320000,\"at_fpr\":[{\"limit\":0.001,"
    "\"recall\":0.5,\"threshold\":0.875,\"interval\":[0.4,0.6],\"false_alerts_per_day\":0}]},\"per_class\":[{\"class\":\"x\","
    "\"f1\":0.125,"
    "\"rows\":3},{\"class\":\"y\",\"f1\":1,\"rows\":4},{\"class\":\"" EVIL "\",\"f1\":null,\"rows\":0}],"
    "\"intervals\":{\"f1\":[0.9,0.97]}},\"curves\":{\"roc\":[[0,0],[0.1,0.99],[1,1]],\"pr\":[["
    "0,1],[1,0.5]"
    "]},\"importance\":[{\"column\":\"" EVIL "\",\"shap\":2.5},{\"column\":\"dur\",\"shap\":null}]}},"
    "{\"id\":\"a-2\",\"data\":\"a\",\"test_data\":null,\"algorithm\":\"lda\",\"scale\":\"standard\",\"select\":8,\"params\":{"
    "\"" EVIL "\":\"1\"},\"status\":\"done\",\"fit_s\":1,\"score_s\":0.25,\"result\":{}},"
    "{\"id\":\"b-1\",\"data\":\"" EVIL "\",\"test_data\":\"" EVIL
    "\",\"algorithm\":\"svm\",\"scale\":\"none\",\"select\":null,\"params\":{},\"status\":\"failed\",\"error\":\"" EVIL "\"}],"
    "\"summary\":["
    "{\"data\":\"a\",\"test_data\":null,\"algorithm\":\"lda\",\"scale\":\"none\",\"select\":null,\"params\":{},\"tasks\":1,"
    "\"failed\":0,\"f1\":{"
    "\"mean\":0.95,\"sd\":null},\"accuracy\":{\"mean\":0.945,\"sd\":null},\"score_ns\":{\"mean\":80},\"extract_ns\":{\"mean\":40}"
    ",\"front\":true"
    "},"
    "{\"data\":\"a\",\"test_data\":null,\"algorithm\":\"lda\",\"scale\":\"standard\",\"select\":8,\"params\":{\"" EVIL
    "\":\"1\"},\"tasks\":1,\"failed\":0,\"f1\":{\"mean\":0.94,\"sd\":0.01},\"front\":true,\"score_ns\":{\"mean\":20},\"extract_"
    "ns\":{\"mean\":"
    "10}},"
    "{\"data\":\"" EVIL "\",\"test_data\":\"" EVIL "\",\"algorithm\":\"svm\",\"scale\":\"none\",\"select\":null,\"params\":{},"
    "\"tasks\":1,\"failed\":1,\"f1\":{\"mean\":null,\"sd\":null}}],"
    "\"runs\":[{\"engine\":\"local\",\"jobs\":1,\"total_s\":4,\"task_s\":3.2,\"algorithms\":{\"lda\":3.2}},"
    "{\"engine\":\"local\",\"jobs\":2,\"total_s\":2.5,\"task_s\":3.3,\"algorithms\":{\"lda\":3.3}}]}";

static char *page_of(const json_t *report)
{
    char *page = NULL;
    size_t size;
    struct weir_error error;
    FILE *to = open_memstream(&page, &size);
    assert_int_equal(weir_survey_html_put(to, report, &error), WEIR_OK);
    fclose(to);
    return page;
}

static char *page_of_text(const char *text)
{
    json_error_t error;
    json_t *report = json_loads(text, 0, &error);
    if (!report)
        fail_msg("%s at %d", error.text, error.position);
    char *page = page_of(report);
    json_decref(report);
    return page;
}

static int is_void(const char *name)
{
    return !strcmp(name, "meta") || !strcmp(name, "!doctype");
}

/* Every tag is closed by its own, in the right order, and attributes are quoted. */
static void check_well_formed(const char *page)
{
    char open[64][16];
    int depth = 0;
    for (const char *at = page; (at = strchr(at, '<')); at++) {
        int close = at[1] == '/', n = 0;
        char name[16] = "";
        const char *c = at + 1 + close, *end = c;
        while (n < 15 && (isalnum((unsigned char)*c) || *c == '!'))
            name[n++] = (char)tolower((unsigned char)*c++);
        if (!n)
            fail_msg("'<' that begins no tag: %.40s", at);
        for (int quoted = 0; *end && (quoted || *end != '>'); end++)
            quoted ^= *end == '"';
        if (*end != '>')
            fail_msg("no end of the tag: %.60s", at);
        if (close) {
            if (!depth || strcmp(open[--depth], name) != 0)
                fail_msg("</%s> closes <%s>", name, depth >= 0 ? open[depth] : "nothing");
        } else if (end[-1] != '/' && !is_void(name)) {
            assert_true(depth < 64);
            strcpy(open[depth++], name);
        }
        at = end;
        if (!close && (!strcmp(name, "script") || !strcmp(name, "style"))) /* text until its end */
            at = strstr(at, name[1] == 'c' ? "</script" : "</style") - 1;
    }
    assert_int_equal(depth, 0);
}

static size_t count(const char *page, const char *what)
{
    size_t n = 0;
    for (; (page = strstr(page, what)); page++)
        n++;
    return n;
}

static void names_do_no_harm(void **state)
{
    (void)state;
    char *page = page_of_text(sample);
    check_well_formed(page);
    assert_int_equal(count(page, "<script"), 1);
    assert_int_equal(count(page, "<img"), 0);
    assert_int_equal(count(page, "://"), 0); /* needs no network */
    assert_int_equal(count(page, "url("), 0);
    assert_true(count(page, "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img") >= 10);
    free(page);
}

/* No more and no fewer than the page has parts. */
static void check_links(const char *page)
{
    static const char head[] = "<a href=\"#";
    size_t links = 0;
    for (const char *at = page; (at = strstr(at, head)); links++) {
        char part[64];
        at += sizeof head - 1;
        snprintf(part, sizeof part, "<h2 id=\"%.*s\">", (int)strcspn(at, "\""), at);
        if (count(page, part) != 1)
            fail_msg("%s is not there once", part);
    }
    assert_true(links > 3);
    assert_int_equal(links, count(page, "<h2 "));
}

static void links_lead_to_parts(void **state)
{
    (void)state;
    char *page = page_of_text(sample);
    check_links(page);
    free(page);
    page = page_of_text("{\"data\":{},\"tasks\":[],\"summary\":[]}");
    assert_null(strstr(page, "#importance"));
    check_well_formed(page);
    free(page);
}

static void what_is_there_is_shown(void **state)
{
    static const char *const words[] = {"0.9500",
                                        "0.9000–0.9700",
                                        "± 0.0100",
                                        "120 ns",
                                        "30.0 ns",
                                        "12,345",
                                        "0123abcd",
                                        "1 of 1 failed",
                                        "tasks not finished",
                                        "picked by f1",
                                        "ROC curve",
                                        "Wall clock by processes",
                                        "lda, scaled, 8 columns",
                                        "0.80",
                                        "1.32",
                                        "class=\"line s0 d0\"",
                                        "class=\"front\" d=\"M",
                                        "id=\"importance\"",
                                        "4,320,000",
                                        "0.4000–0.6000",
                                        "0.87500",
                                        "false-positive rate at most 0.001",
                                        "<b>0.1250</b>"};
    (void)state;
    char *page = page_of_text(sample);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(page, words[i]))
            fail_msg("'%s' is not there", words[i]);
    assert_int_equal(count(page, "class=\"heat\""), 1);
    assert_int_equal(count(page, "<tr class=\"picked\">"), 1);
    assert_int_equal(count(page, "class=\"dot s0\""), 4); /* both on the front, one better, one cheaper; and two runs */
    free(page);
}

/* Each member in turn is gone or of a wrong kind, however deep. */
static void spoil(json_t *root, json_t *at)
{
    json_t *wrong[] = {json_null(), json_string("x"), json_integer(-3), json_array(), json_object()}, *value;
    const char *key;
    void *next;
    size_t i;
    json_object_foreach_safe(at, next, key, value)
    {
        char name[200];
        snprintf(name, sizeof name, "%s", key);
        json_incref(value);
        for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            json_object_set(at, name, wrong[i]);
            free(page_of(root));
        }
        json_object_set_new(at, name, value);
    }
    json_object_foreach(at, key, value) if (json_is_object(value) || json_is_array(value)) spoil(root, value);
    json_array_foreach(at, i, value) if (json_is_object(value)) spoil(root, value);
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
        json_decref(wrong[i]);
}

static void anything_may_be_missing(void **state)
{
    (void)state;
    json_t *report = json_loads(sample, 0, NULL);
    spoil(report, report);
    char *whole = page_of(report), *first = page_of_text(sample);
    assert_string_equal(whole, first);
    free(whole);
    free(first);
    json_decref(report);
    char *page = page_of_text("{}");
    check_well_formed(page);
    free(page);
}

static void numbers_are_for_people(void **state)
{
    static const struct {
        double value;
        enum weir_html_unit unit;
        const char *text;
    } cases[] = {
        {0.99851, WEIR_HTML_RATE, "0.9985"}, {0, WEIR_HTML_SECONDS, "0"},          {0.00052, WEIR_HTML_SECONDS, "520 µs"},
        {0.5, WEIR_HTML_SECONDS, "500 ms"},  {59.94, WEIR_HTML_SECONDS, "59.9 s"}, {300, WEIR_HTML_SECONDS, "5.00 min"},
        {7300, WEIR_HTML_SECONDS, "2.03 h"}, {9.996, WEIR_HTML_NS, "10.0 ns"},     {1234, WEIR_HTML_NS, "1.23 µs"},
        {1536, WEIR_HTML_BYTES, "1.50 KiB"}, {0.5, WEIR_HTML_MIB, "512 KiB"},      {1234567, WEIR_HTML_COUNT, "1,234,567"},
        {-1234, WEIR_HTML_COUNT, "-1,234"},  {999, WEIR_HTML_COUNT, "999"},        {NAN, WEIR_HTML_COUNT, "–"},
        {INFINITY, WEIR_HTML_RATE, "–"}};
    char text[WEIR_HTML_NUMBER];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(weir_html_format(cases[i].value, cases[i].unit, text), cases[i].text);
}

static void axes_hold_what_they_show(void **state)
{
    struct weir_axis axis = {.low = 1, .high = 0, .kind = WEIR_AXIS_LINEAR};
    struct weir_chart chart = {.width = 400, .height = 300};
    (void)state;
    weir_axis_hold(&axis, 3.2);
    weir_axis_hold(&axis, NAN);
    weir_axis_hold(&axis, 17);
    weir_axis_round(&axis);
    assert_true(axis.low == 0 && axis.high == 20);
    axis = (struct weir_axis){.low = 1, .high = 0, .kind = WEIR_AXIS_LOGARITHMIC};
    weir_axis_hold(&axis, 0);
    weir_axis_hold(&axis, 25);
    weir_axis_hold(&axis, 2600);
    weir_axis_round(&axis);
    assert_true(fabs(axis.low - 10) < 1e-9 && fabs(axis.high - 10000) < 1e-6);
    chart.x = axis;
    assert_true(
        fabs((weir_chart_x(&chart, 10000) - weir_chart_x(&chart, 100)) / (weir_chart_x(&chart, 100) - weir_chart_x(&chart, 10)) -
             2) < 1e-9);
    axis = (struct weir_axis){.low = 1, .high = 0, .kind = WEIR_AXIS_NINES};
    weir_axis_hold(&axis, 0.72);
    weir_axis_hold(&axis, 0.9985);
    weir_axis_round(&axis);
    assert_true(fabs(axis.low) < 1e-12 && fabs(axis.high - 0.999) < 1e-12);
    chart.y = axis;
    double nine = weir_chart_y(&chart, 0), first = nine - weir_chart_y(&chart, 0.9), second = nine - weir_chart_y(&chart, 0.99);
    assert_true(fabs(second - 2 * first) < 1e-9);
    assert_true(weir_chart_y(&chart, 1) == weir_chart_y(&chart, 0.999)); /* beyond the axis: at its end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_do_no_harm),       cmocka_unit_test(links_lead_to_parts),
        cmocka_unit_test(what_is_there_is_shown), cmocka_unit_test(anything_may_be_missing),
        cmocka_unit_test(numbers_are_for_people), cmocka_unit_test(axes_hold_what_they_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
