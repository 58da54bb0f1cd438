#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "batch/lines.h"
#include "flow/key.h"

/* What the batches carry here. */
static const char *const wanted[] = {"dur", "proto", "state", "spkts", "sbytes", "dir"};
enum { DUR, PROTO, STATE, SPKTS, SBYTES, DIR, WANTED };

static struct weir_layout *make_layout(const char *const *map, size_t maps)
{
    const struct weir_view *view = weir_view_find("argus");
    uint16_t column[WANTED];
    struct weir_layout *layout;
    struct weir_error error = {0};
    for (unsigned i = 0; i < WANTED; i++)
        column[i] = (uint16_t)weir_view_column(view, wanted[i]);
    const struct weir_layout_config config = {
        .view = view, .columns = column, .column_count = WANTED, .map = map, .map_count = maps};
    if (weir_layout_create(&config, &layout, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return layout;
}

static double code(const char *column, const char *text)
{
    const struct weir_view *view = weir_view_find("argus");
    return weir_column_code(&view->columns[weir_view_column(view, column)], text);
}

struct reading {
    struct weir_layout *layout;
    struct weir_lines *lines;
    struct weir_lines_room *room;
    struct weir_identity identity;
    float row[WANTED];
    enum weir_fault fault;
};

static void begin(struct reading *r, const char *title)
{
    const struct weir_lines_config config = {.layout = r->layout, .from = "x.csv"};
    struct weir_error error = {0};
    bool is_title;
    if (weir_lines_begin(&config, title, strlen(title), &r->lines, &is_title, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_int_equal(weir_lines_room_create(r->layout, &r->room), WEIR_OK);
}

static enum weir_line_kind read_line(struct reading *r, const char *text)
{
    char line[1024];
    size_t length = strlen(text);
    memcpy(line, text, length);
    return weir_lines_row(r->lines, r->room, line, length, &r->identity, r->row, &r->fault);
}

static void end(struct reading *r)
{
    weir_lines_room_destroy(&r->room);
    weir_lines_end(&r->lines);
    weir_layout_destroy(&r->layout);
}

static void what_ra_prints(void **state)
{
    (void)state;
    struct reading r = {.layout = make_layout(NULL, 0)};
    const char title[] = "StartTime,LastTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,SrcPkts,SrcBytes";
    begin(&r, title);
    assert_int_equal(
        read_line(&r, "1499346935.283859,1499346936.354647,1.070788,tcp,172.16.0.1,52098,   ->,192.168.10.50,80,CON,16,3679"),
        WEIR_LINE_ROW);
    assert_true(r.row[DUR] == 1.070788f && r.row[SPKTS] == 16 && r.row[SBYTES] == 3679);
    assert_true(r.row[PROTO] == code("proto", "tcp") && r.row[STATE] == code("state", "CON") && r.row[DIR] == code("dir", "->"));
    assert_int_equal(r.identity.stime_ns, 1499346935283859000);
    assert_int_equal(r.identity.ltime_ns, 1499346936354647000);
    assert_int_equal(r.identity.reason, WEIR_REASON_INGESTED);
    assert_true(r.identity.ports && r.identity.sport == 52098 && r.identity.dport == 80 && r.identity.proto == 6);
    /* the id that metering the packets gives */
    uint8_t src[16] = {172, 16, 0, 1}, dst[16] = {192, 168, 10, 50};
    struct weir_flow_key key;
    weir_flow_key_ends(&key, 4, 6, src, dst, 52098, 80, true);
    struct weir_flow_id id = weir_flow_id_make(&key, 1499346935283859000, 0);
    assert_true(id.high == r.identity.flow_id.high && id.low == r.identity.flow_id.low);
    /* names of ports, an unknown category, a missing number, one that is none, ICMP's ports, IPv6 */
    assert_int_equal(read_line(&r, "1.0,2.0,1.0,tcp,10.0.0.1,http,who,10.0.0.2,40000,SPA_FPA,,x"), WEIR_LINE_ROW);
    assert_true(r.identity.sport == 80 && r.identity.dport == 40000);
    assert_true(isnan(r.row[STATE]) && isnan(r.row[DIR]) && isnan(r.row[SPKTS]) && isnan(r.row[SBYTES]));
    const struct weir_layout_counts *counts = weir_lines_room_counts(r.room);
    assert_int_equal(counts->unknown[weir_layout_find(r.layout, "state", 5)], 1);
    assert_int_equal(counts->unknown[weir_layout_find(r.layout, "dir", 3)], 1);
    assert_int_equal(counts->unknown[weir_layout_find(r.layout, "spkts", 5)], 0);
    assert_int_equal(counts->unknown[weir_layout_find(r.layout, "sbytes", 6)], 1);
    assert_int_equal(read_line(&r, "1.0,2.0,1.0,icmp,10.0.0.1,0x0008,<->,10.0.0.2,0x390a,ECO,1,98"), WEIR_LINE_ROW);
    assert_true(!r.identity.ports && r.identity.proto == 1);
    struct weir_flow_id echo = r.identity.flow_id;
    assert_int_equal(read_line(&r, "1.0,2.0,1.0,icmp,10.0.0.1,0x0008,<->,10.0.0.2,0x390b,ECO,1,98"), WEIR_LINE_ROW);
    assert_true(echo.low != r.identity.flow_id.low); /* another echo, another flow */
    assert_int_equal(read_line(&r, "1.0,,1.0,17,2001:db8::1,5,->,2001:db8::2,6,INT,1,98\r"), WEIR_LINE_ROW);
    assert_true(r.identity.ip_version == 6 && r.identity.proto == 17 && r.row[PROTO] == code("proto", "udp"));
    assert_int_equal(r.identity.ltime_ns, 2000000000); /* by the duration */
    /* what is no row */
    assert_int_equal(read_line(&r, title), WEIR_LINE_BLANK);
    assert_int_equal(read_line(&r, "  "), WEIR_LINE_BLANK);
    static const struct {
        const char *line;
        enum weir_fault fault;
    } faults[] = {
        {"1.0,2.0,1.0,tcp,10.0.0.1,1,->,10.0.0.2,2,CON,1", WEIR_FAULT_CELLS},
        {"1.0,2.0,1.0,tcp,10.0.0.1,1,->,10.0.0.2,2,CON,1,2,3", WEIR_FAULT_CELLS},
        {"1.0,2.0,1.0,tcp,\"10.0.0.1,1,->,10.0.0.2,2,CON,1,2", WEIR_FAULT_CELLS},
        {"now,2.0,1.0,tcp,10.0.0.1,1,->,10.0.0.2,2,CON,1,2", WEIR_FAULT_TIME},
        {"3.0,2.0,1.0,tcp,10.0.0.1,1,->,10.0.0.2,2,CON,1,2", WEIR_FAULT_TIME},
        {"1.0,2.0,1.0,llc,00:00:00:00:00:00,1,->,00:00:00:00:00:00,2,INT,1,2", WEIR_FAULT_ADDRESS},
        {"1.0,2.0,1.0,tcp,10.0.0.1,1,->,2001:db8::2,2,CON,1,2", WEIR_FAULT_ADDRESS},
        {"1.0,2.0,1.0,tcp,10.0.0.256,1,->,10.0.0.2,2,CON,1,2", WEIR_FAULT_ADDRESS},
        {"1.0,2.0,1.0,man,0,0,,0,0,STA,0,0", WEIR_FAULT_MANAGEMENT},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_int_equal(read_line(&r, faults[i].line), WEIR_LINE_FAULT);
        assert_int_equal(r.fault, faults[i].fault);
    }
    end(&r);
}

static void json_lines(void **state)
{
    (void)state;
    static const char *const map[] = {"stime=Timestamp"};
    struct reading r = {.layout = make_layout(map, 1)};
    const char first[] =
        "{\"Timestamp\":\"2019-04-04T16:23:00Z\",\"src_ip\":\"10.0.0.1\",\"dest_ip\":\"10.0.0.2\",\"src_port\":1,\"dest_port\":"
        "53,"
        "\"proto\":\"UDP\",\"dur\":0.5,\"state\":\"CON\",\"spkts\":1,\"sbytes\":null,\"dir\":\"<->\",\"other\":{\"x\":[1]},"
        "\"flow_id\":\"00112233-4455-6677-8899-aabbccddeeff\",\"record\":3}";
    begin(&r, first);
    assert_int_equal(read_line(&r, first), WEIR_LINE_ROW);
    assert_int_equal(r.identity.stime_ns, 1554394980000000000);
    assert_int_equal(r.identity.ltime_ns, 1554394980500000000);
    assert_true(r.identity.flow_id.high == 0x0011223344556677u && r.identity.flow_id.low == 0x8899aabbccddeeffu);
    assert_true(r.identity.record == 3 && r.identity.dport == 53 && r.identity.proto == 17);
    assert_true(r.row[PROTO] == code("proto", "udp") && isnan(r.row[SBYTES]) && r.row[DUR] == 0.5f);
    assert_int_equal(read_line(&r, "{\"Timestamp\":1,\"src_ip\":\"10.0.0.1\"}"), WEIR_LINE_FAULT);
    assert_int_equal(r.fault, WEIR_FAULT_COLUMNS);
    assert_int_equal(read_line(&r, "{\"Timestamp\":1,"), WEIR_LINE_FAULT);
    assert_int_equal(r.fault, WEIR_FAULT_JSON);
    end(&r);
}

static void refuses(struct weir_layout *layout, const char *line, weir_err code_wanted, const char *words)
{
    const struct weir_lines_config config = {.layout = layout, .from = "x.csv"};
    struct weir_error error = {0};
    struct weir_lines *lines;
    bool title;
    assert_int_equal(weir_lines_begin(&config, line, strlen(line), &lines, &title, &error), code_wanted);
    assert_null(lines);
    if (!strstr(error.text, words))
        fail_msg("'%s' lacks '%s'", error.text, words);
}

static void first_lines(void **state)
{
    (void)state;
    struct weir_layout *layout = make_layout(NULL, 0);
    refuses(layout, "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,TotPkts", WEIR_ERR_MISMATCH,
            "no column for spkts, sbytes;");
    refuses(layout, "{\"stime\":1,\"saddr\":\"10.0.0.1\"}", WEIR_ERR_MISMATCH, "dur, proto, state, spkts, sbytes, dir, daddr;");
    refuses(layout, "alpha,beta", WEIR_ERR_FORMAT, "no column that is known");
    refuses(layout, "1.0,tcp,10.0.0.1", WEIR_ERR_FORMAT, "--flows-columns");
    refuses(layout, "1.0, ,tcp,10.0.0.1,1,->,10.0.0.2,2,3,4,CON", WEIR_ERR_MISMATCH, "no column for dur, spkts, sbytes;");
    refuses(layout, "{\"stime\":1", WEIR_ERR_FORMAT, "no JSON object");
    /* without a title, of given columns */
    static const char *const columns[] = {"stime", "saddr", "daddr",  "dur", "proto", "state",
                                          "spkts", "-",     "sbytes", "dir", NULL};
    const struct weir_lines_config config = {.layout = layout, .columns = columns, .from = "x.csv"};
    struct weir_error error = {0};
    struct weir_lines *lines;
    struct weir_lines_room *room;
    struct weir_identity identity;
    enum weir_fault fault;
    float row[WANTED];
    bool title = true;
    char line[] = "5;10.0.0.1;10.0.0.2;0.25;tcp;CON;4;ignored;300;->";
    assert_int_equal(weir_lines_begin(&config, line, strlen(line), &lines, &title, &error), WEIR_OK);
    assert_false(title);
    assert_int_equal(weir_lines_room_create(layout, &room), WEIR_OK);
    assert_int_equal(weir_lines_row(lines, room, line, strlen(line), &identity, row, &fault), WEIR_LINE_ROW);
    assert_true(row[DUR] == 0.25f && row[SPKTS] == 4 && row[SBYTES] == 300);
    weir_lines_room_destroy(&room);
    weir_lines_end(&lines);
    weir_layout_destroy(&layout);
}

static void maps(void **state)
{
    (void)state;
    const struct weir_view *view = weir_view_find("argus");
    struct weir_layout *layout;
    struct weir_error error = {0};
    const char *const wrong[] = {"stime", "=x", "stime=", "nothing=x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct weir_layout_config config = {.view = view, .map = &wrong[i], .map_count = 1};
        assert_int_equal(weir_layout_create(&config, &layout, &error), WEIR_ERR_ARGUMENT);
    }
    static const char *const map[] = {"stime=When", "saddr=SrcAddr"};
    layout = make_layout(map, 2);
    assert_true(weir_layout_find(layout, " when ", 6) >= 0);
    assert_int_equal(weir_layout_find(layout, "StartTime", 9), -1); /* mapped to something else */
    assert_int_equal(weir_layout_find(layout, "saddr", 5), -1);
    assert_true(weir_layout_find(layout, "srcaddr", 7) >= 0);
    weir_layout_destroy(&layout);
}

/* Two columns of a sum tell the third. */
static void sums(void **state)
{
    static const char *const lines[] = {"TotPkts,DstPkts,TotBytes,DstBytes,StartTime,Dur,Proto,SrcAddr,Dir,DstAddr,State",
                                        "{\"pkts\":1,\"dpkts\":0,\"bytes\":1,\"dbytes\":1,\"stime\":1,\"dur\":0,\"proto\":"
                                        "\"tcp\",\"saddr\":\"10.0.0.1\",\"dir\":\"->\","
                                        "\"daddr\":\"10.0.0.2\",\"state\":\"CON\"}"};
    static const struct {
        const char *format;
        bool json;
    } rows[] = {
        {"%s,%s,%s,%s,1.0,0.5,tcp,10.0.0.1,->,10.0.0.2,CON", false},
        {"{\"pkts\":%s,\"dpkts\":%s,\"bytes\":%s,\"dbytes\":%s,\"stime\":1,\"dur\":0,\"proto\":\"tcp\",\"saddr\":\"10.0.0.1\","
         "\"dir\":\"->\",\"daddr\":\"10.0.0.2\",\"state\":\"CON\"}",
         true}};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct reading r = {.layout = make_layout(NULL, 0)};
        const struct weir_layout_counts *counts;
        char line[512];
        begin(&r, lines[i]);
        counts = weir_lines_room_counts(r.room);
        const int spkts = weir_layout_find(r.layout, "spkts", 5), sbytes = weir_layout_find(r.layout, "sbytes", 6);
        snprintf(line, sizeof line, rows[i].format, "16777216", "1", "500", "500");
        assert_int_equal(read_line(&r, line), WEIR_LINE_ROW);
        assert_true(r.row[SPKTS] == 16777215.0f && r.row[SBYTES] == 0);
        snprintf(line, sizeof line, rows[i].format, "7", "8", rows[i].json ? "null" : "",
                 "500"); /* less than nothing; not known */
        assert_int_equal(read_line(&r, line), WEIR_LINE_ROW);
        assert_true(isnan(r.row[SPKTS]) && isnan(r.row[SBYTES]));
        assert_int_equal(counts->unknown[spkts], 1);
        assert_int_equal(counts->unknown[sbytes], 0);
        snprintf(line, sizeof line, rows[i].format, "\"many\"", "8", "9", "5");
        assert_int_equal(read_line(&r, line), WEIR_LINE_ROW);
        assert_true(isnan(r.row[SPKTS]) && r.row[SBYTES] == 4);
        assert_int_equal(counts->unknown[spkts], 2);
        weir_lines_room_destroy(&r.room);
        weir_lines_end(&r.lines);
        weir_layout_destroy(&r.layout);
    }
    /* one of the two is not enough */
    struct reading r = {.layout = make_layout(NULL, 0)};
    const struct weir_lines_config config = {.layout = r.layout, .from = "x.csv"};
    struct weir_error error = {0};
    bool title;
    const char *line = "TotPkts,SrcPkts,TotBytes,StartTime,Dur,Proto,SrcAddr,Dir,DstAddr,State";
    assert_int_equal(weir_lines_begin(&config, line, strlen(line), &r.lines, &title, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "no column for sbytes;"));
    weir_layout_destroy(&r.layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_ra_prints), cmocka_unit_test(json_lines),
                                       cmocka_unit_test(first_lines), cmocka_unit_test(maps), cmocka_unit_test(sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
