#include "capture/filter.h"
#include "oracle.h"

static const struct weir_files_size tiny = {.block_bytes = 4096, .blocks = 1};

static void put_talks(struct forge *f, unsigned count)
{
    uint8_t frame[300];
    for (uint32_t i = 0; i < count; i++) {
        forge_frame(frame, 42 + i % 200, i);
        forge_pcap_packet(f, i, 0, frame, 42 + i % 200, 42 + i % 200);
    }
}

static void passes_what_libpcap_passes(void **state)
{
    (void)state;
    const char *const expressions[] = {"", "udp", "tcp", "host 192.0.2.3", "src net 192.0.2.0/24", "len > 100 and udp port 17"};
    struct forge f = {0};
    forge_pcap(&f, 0xa1b2c3d4, 1);
    put_talks(&f, 3000);
    const char *path = forge_path(&f);
    unsigned counts[6];
    for (unsigned i = 0; i < 6; i++) {
        counts[i] = compare_with_libpcap(path, expressions[i], &tiny);
        assert_int_equal(compare_with_libpcap(path, expressions[i], &weir_files_default_size), counts[i]);
    }
    assert_int_equal(counts[0], 3000);
    assert_int_equal(counts[2], 0);
    assert_in_range(counts[3], 1, 2999);
    forge_free(&f);
}

/* LINKTYPE_RAW is 101 in files and 12 for libpcap. */
static void knows_link_types_by_their_file_numbers(void **state)
{
    (void)state;
    struct forge f = {0};
    uint8_t frame[100];
    forge_pcap(&f, 0xa1b2c3d4, 101);
    for (uint32_t i = 0; i < 20; i++) {
        forge_frame(frame, sizeof frame, i);
        forge_pcap_packet(&f, i, 0, frame + 14, 86, 86);
    }
    assert_int_equal(compare_with_libpcap(forge_path(&f), "host 192.0.2.3", &tiny), 3);
    forge_free(&f);
}

static void counts_what_it_leaves_out(void **state)
{
    (void)state;
    struct forge f = {0};
    forge_pcap(&f, 0xa1b2c3d4, 1);
    put_talks(&f, 700);
    const char *path = forge_path(&f);
    struct weir_source_config config = config_of(&path, "host 192.0.2.3");
    struct walker w = {0};
    assert_int_equal(weir_source_open(&config, &w.source, NULL), WEIR_OK);
    unsigned count = 0;
    while (walker_next(&w))
        count++;
    struct weir_port_account account;
    weir_source_account(w.source, 0, &account);
    assert_int_equal(count, 100);
    assert_int_equal(account.seen, 700);
    assert_int_equal(account.filtered, 600);
    assert_int_equal(account.offered, 700);
    assert_int_equal(account.first_ns, 0);
    assert_int_equal(account.last_ns, 699000000000);
    weir_source_close(&w.source);
    forge_free(&f);
}

/* One file, several link types: a program for each. */
static void filters_several_link_types(void **state)
{
    (void)state;
    struct forge f = {0};
    struct walker w = {0};
    uint8_t frame[100];
    forge_section(&f);
    forge_interface(&f, 1, 0, -1, 0);
    forge_interface(&f, 101, 0, -1, 0);
    for (uint32_t i = 0; i < 70; i++) {
        forge_frame(frame, sizeof frame, i);
        if (i % 2)
            forge_enhanced(&f, 0, i, frame, 100, 100);
        else
            forge_enhanced(&f, 1, i, frame + 14, 86, 86);
    }
    const char *path = forge_path(&f);
    struct weir_source_config config = config_of(&path, "host 192.0.2.3");
    assert_int_equal(weir_source_open(&config, &w.source, NULL), WEIR_OK);
    for (uint32_t i = 3; i < 70; i += 7)
        assert_int_equal(walker_next(&w)->ts_ns, i * 1000);
    assert_null(walker_next(&w));
    weir_source_close(&w.source);
    forge_free(&f);
}

/* An expression that means nothing on a later link type ends the port there, with a message. */
static void tells_of_an_unfit_link_type(void **state)
{
    (void)state;
    struct forge f = {0};
    struct walker w = {0};
    struct weir_error error;
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 1);
    forge_section(&f);
    forge_interface(&f, 1, 0, -1, 0);
    forge_interface(&f, 101, 0, -1, 0);
    for (uint32_t i = 0; i < 5; i++)
        forge_enhanced(&f, i == 4, i, frame, 100, 100);
    const char *path = forge_path(&f);
    struct weir_source_config config = config_of(&path, "ether src 02:00:00:00:00:02");
    assert_int_equal(weir_source_open(&config, &w.source, &error), WEIR_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(walker_next(&w));
    assert_null(walker_next(&w));
    assert_int_equal(weir_source_status(w.source, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "link type 101"));
    weir_source_close(&w.source);
    forge_free(&f);
}

static void refuses_a_bad_expression(void **state)
{
    (void)state;
    struct weir_error error;
    struct weir_source *source;
    struct forge f = {0};
    forge_pcap(&f, 0xa1b2c3d4, 1);
    const char *path = forge_path(&f);
    struct weir_source_config config = config_of(&path, "tcp port nonsense-service");
    assert_int_equal(weir_source_open(&config, &source, &error), WEIR_ERR_ARGUMENT);
    assert_null(source);
    assert_non_null(strstr(error.text, "nonsense-service"));
    path = "-"; /* nothing is known of standard input yet; the expression is refused all the same */
    assert_int_equal(weir_source_open(&config, &source, &error), WEIR_ERR_ARGUMENT);
    config.filter = "type mgt"; /* of wireless links only */
    assert_int_equal(weir_source_open(&config, &source, &error), WEIR_OK);
    weir_source_close(&source);
    forge_free(&f);
}

static void bounds_the_link_types(void **state)
{
    (void)state;
    struct weir_filter *filter;
    struct weir_error error;
    unsigned known = 0;
    weir_err result = WEIR_OK;
    assert_int_equal(weir_filter_open("", &filter, NULL), WEIR_OK);
    for (uint16_t link = 0; link < 300 && result != WEIR_ERR_LIMIT; link++) {
        result = weir_filter_select(filter, link, &error);
        known += result == WEIR_OK;
    }
    assert_int_equal(result, WEIR_ERR_LIMIT);
    assert_int_equal(known, 64);
    weir_filter_close(&filter);
    weir_filter_close(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_what_libpcap_passes),  cmocka_unit_test(knows_link_types_by_their_file_numbers),
        cmocka_unit_test(counts_what_it_leaves_out),   cmocka_unit_test(filters_several_link_types),
        cmocka_unit_test(tells_of_an_unfit_link_type), cmocka_unit_test(refuses_a_bad_expression),
        cmocka_unit_test(bounds_the_link_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
