#include "oracle.h"

static const struct weir_files_size tiny = {.block_bytes = 4096, .blocks = 1};

/* What the next packet must be; data is forge_frame(len, talk) cut to caplen. */
static void expect(struct walker *w, int64_t ts_ns, uint16_t link, uint32_t caplen, uint32_t wirelen, uint32_t talk)
{
    uint8_t frame[2000];
    const struct weir_packet *packet = walker_next(w);
    assert_non_null(packet);
    assert_int_equal(packet->ts_ns, ts_ns);
    assert_int_equal(packet->link, link);
    assert_int_equal(packet->caplen, caplen);
    assert_int_equal(packet->wirelen, wirelen);
    forge_frame(frame, 100, talk);
    assert_memory_equal(packet->data, frame, caplen);
}

static void expect_end(struct walker *w)
{
    struct weir_error error = {0};
    assert_null(walker_next(w));
    if (weir_source_status(w->source, &error))
        fail_msg("%s", error.text);
    weir_source_close(&w->source);
    *w = (struct walker){0};
}

static void open_walker(struct walker *w, struct forge *f)
{
    struct weir_error error;
    w->path = forge_path(f);
    struct weir_source_config config = config_of(&w->path, NULL);
    if (weir_files_open(&config, &tiny, &w->source, &error))
        fail_msg("%s", error.text);
}

/* One interface with each resolution; random ticks, all kinds of packet blocks with a time, unknown blocks between them. */
static void reads_what_libpcap_reads(void **state)
{
    (void)state;
    const int resolutions[] = {-1, 0, 3, 6, 7, 9, 0x80 | 1, 0x80 | 10, 0x80 | 20, 0x80 | 30};
    uint64_t seed = 5;
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        for (unsigned r = 0; r < sizeof resolutions / sizeof *resolutions; r++) {
            struct forge f = {.swapped = swapped};
            uint8_t frame[1600];
            forge_section(&f);
            forge_interface(&f, 1, 0, resolutions[r], r % 2 ? 1000000 : 0);
            uint64_t a_second = 1;
            int resolution = resolutions[r] < 0 ? 6 : resolutions[r];
            for (int i = 0; i < (resolution & 0x7f); i++)
                a_second *= resolution & 0x80 ? 2 : 10;
            for (unsigned i = 0; i < 300; i++) {
                uint32_t len = 42 + forge_random(&seed) % 1500, caplen = i % 3 ? len : forge_random(&seed) % len;
                uint64_t ticks = a_second * 1600000000 + i * a_second / 7 + forge_random(&seed) % a_second;
                forge_frame(frame, len, i);
                if (i % 7 == 3)
                    forge_obsolete(&f, 0, ticks, frame, caplen, len);
                else
                    forge_enhanced(&f, 0, ticks, frame, caplen, len);
                if (i % 11 == 0)
                    forge_block(&f, 0x0bad, frame, i); /* nobody knows it */
                if (i % 50 == 0)
                    forge_block(&f, 5, frame, 40); /* statistics */
            }
            const char *path = forge_path(&f);
            assert_int_equal(compare_with_libpcap(path, NULL, &weir_files_default_size), 300);
            assert_int_equal(compare_with_libpcap(path, NULL, &tiny), 300);
            forge_free(&f);
        }
    }
}

static void reads_simple_packets(void **state)
{
    (void)state;
    struct forge f = {0};
    uint8_t frame[100];
    forge_section(&f);
    forge_interface(&f, 1, 60, -1, 0);
    for (uint32_t i = 0; i < 10; i++) {
        forge_frame(frame, sizeof frame, i);
        forge_simple(&f, frame, i % 2 ? 60 : 50, i % 2 ? 100 : 50);
    }
    assert_int_equal(compare_with_libpcap(forge_path(&f), NULL, &tiny), 10);

    /* Among packets with times, a simple one has that of the packet before. */
    forge_frame(frame, sizeof frame, 3);
    forge_enhanced(&f, 0, 5000000, frame, 60, 100);
    forge_simple(&f, frame, 60, 100);
    struct walker w = {0};
    open_walker(&w, &f);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(walker_next(&w)->ts_ns, 0);
    expect(&w, 5000000000, 1, 60, 100, 3);
    expect(&w, 5000000000, 1, 60, 100, 3);
    expect_end(&w);
    forge_free(&f);
}

/* Link types, resolutions and offsets of their own, which libpcap refuses; sections in both byte orders. */
static void reads_several_interfaces_and_sections(void **state)
{
    (void)state;
    struct forge f = {0};
    struct walker w = {0};
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 9);
    for (unsigned section = 0; section < 3; section++) {
        f.swapped = section % 2;
        forge_section(&f);
        forge_interface(&f, 1, 262144, -1, 0);
        forge_interface(&f, 101, 64, 9, 0);
        forge_enhanced(&f, 1, 3000000001, frame, 64, 100);
        forge_enhanced(&f, 0, 4000001, frame, 100, 100);
        forge_interface(&f, 113, 0, 0x80 | 32, -10); /* later than the first packets */
        forge_enhanced(&f, 2, (uint64_t)60 << 32 | 0x80000000, frame, 100, 100);
        forge_obsolete(&f, 1, 7, frame, 10, 10);
    }
    open_walker(&w, &f);
    assert_true(weir_source_nanoseconds(w.source));
    for (unsigned section = 0; section < 3; section++) {
        expect(&w, 3000000001, 101, 64, 100, 9);
        expect(&w, 4000001000, 1, 100, 100, 9);
        expect(&w, 50500000000, 113, 100, 100, 9);
        expect(&w, 7, 101, 10, 10, 9);
    }
    expect_end(&w);
    forge_free(&f);
}

static void brings_impossible_times_near(void **state)
{
    (void)state;
    const struct {
        int resolution;
        int64_t offset_s;
        uint64_t ticks;
        int64_t want_ns;
    } cases[] = {
        {6, -5, 1000000, 0},                           /* before 1970 */
        {0, 0, UINT64_MAX, WEIR_TIME_MAX_NS},          /* 580 thousand million years on */
        {6, INT64_MAX, UINT64_MAX, WEIR_TIME_MAX_NS},  /* no overflow anywhere */
        {6, INT64_MIN, UINT64_MAX, 0},                 /* nor the other way */
        {12, 0, 1234567890123, 1234567890},            /* picoseconds */
        {28, 0, UINT64_MAX, 1},                        /* the finest that still is anything */
        {29, 0, UINT64_MAX, 0},                        /* finer: nothing */
        {127, 0, UINT64_MAX, 0},                       /* */
        {0x80 | 127, 0, UINT64_MAX, 0},                /* */
        {0x80 | 63, 0, (uint64_t)1 << 63, 1000000000}, /* */
        {0x80, 2, 3, 5000000000},                      /* seconds, written as a power of 2 */
    };
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forge f = {0};
        struct walker w = {0};
        forge_section(&f);
        forge_interface(&f, 1, 0, cases[i].resolution, cases[i].offset_s);
        forge_enhanced(&f, 0, cases[i].ticks, frame, 100, 100);
        open_walker(&w, &f);
        expect(&w, cases[i].want_ns, 1, 100, 100, 9);
        expect_end(&w);
        forge_free(&f);
    }
}

static void takes_the_fcs_off(void **state)
{
    (void)state;
    const uint8_t lengths[] = {4, 32}; /* bytes by habit, bits by the specification */
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 9);
    for (size_t i = 0; i < sizeof lengths; i++) {
        struct forge f = {0};
        struct walker w = {0};
        forge_section(&f);
        forge_block(&f, 1, (uint8_t[20]){1, 0, 0, 0, 0, 0, 0, 0, 13, 0, 1, 0, lengths[i]}, 20);
        forge_enhanced(&f, 0, 1, frame, 100, 100);
        open_walker(&w, &f);
        expect(&w, 1000, 1, 96, 96, 9);
        expect_end(&w);
        forge_free(&f);
    }
}

/* Longer than any block of memory: skipped as it streams by, its end still checked. */
static void skips_huge_blocks(void **state)
{
    (void)state;
    struct forge f = {0};
    struct walker w = {0};
    uint8_t frame[100], *huge = calloc(1, 3000000);
    forge_frame(frame, sizeof frame, 9);
    forge_section(&f);
    forge_interface(&f, 1, 0, -1, 0);
    forge_block(&f, 10, huge, 2999999);
    forge_enhanced(&f, 0, 1, frame, 100, 100);
    forge_block(&f, 0x40000bad, huge, 50000);
    forge_enhanced(&f, 0, 2, frame, 100, 100);
    open_walker(&w, &f);
    expect(&w, 1000, 1, 100, 100, 9);
    expect(&w, 2000, 1, 100, 100, 9);
    expect_end(&w);
    struct weir_error error;
    unsigned count;
    size_t at = f.len - (12 + 20 + 100 + 12) - 4; /* the last word of the second unknown block */
    f.bytes[at] ^= 4;
    assert_int_equal(count_packets(forge_path(&f), &tiny, &count, &error), WEIR_ERR_FORMAT);
    assert_int_equal(count, 1);
    assert_non_null(strstr(error.text, "two lengths differ"));
    free(huge);
    forge_free(&f);
}

static void tells_of_a_cut_file(void **state)
{
    (void)state;
    struct forge f = {0};
    struct weir_error error;
    unsigned count, wholes = 0;
    uint8_t frame[100];
    size_t end[6], ends = 0;
    forge_frame(frame, sizeof frame, 3);
    forge_section(&f);
    end[ends++] = f.len;
    forge_interface(&f, 1, 0, -1, 0);
    end[ends++] = f.len;
    for (unsigned i = 0; i < 2; i++) {
        forge_enhanced(&f, 0, i, frame, 70, 100);
        end[ends++] = f.len;
    }
    forge_block(&f, 5, frame, 60);
    end[ends++] = f.len;
    forge_simple(&f, frame, 100, 100);
    end[ends++] = f.len;
    for (size_t len = 0; len <= f.len; len++) {
        const char *path = forge_path_of(&f, f.bytes, len);
        bool whole = false;
        unsigned packets = len >= end[5] ? 3 : len >= end[3] ? 2 : len >= end[2];
        for (size_t i = 0; i < ends; i++)
            whole |= len == end[i];
        weir_err result = count_packets(path, &tiny, &count, &error);
        assert_int_equal(result, whole ? WEIR_OK : WEIR_ERR_FORMAT);
        assert_int_equal(count, packets);
        if (!whole)
            assert_non_null(strstr(error.text, path));
        wholes += whole;
    }
    assert_int_equal(wholes, ends);
    forge_free(&f);
}

static void tells_of_damage(void **state)
{
    (void)state;
    enum { PACKET_AT = 28 + 36 };
    const struct {
        size_t at;
        uint32_t value;
        const char *says;
    } damage[] = {
        {PACKET_AT + 4, 11, "a block of 11 bytes"},
        {PACKET_AT + 4, 0x90 + 2, "a block of 146 bytes"},
        {PACKET_AT + 4, 0x7ffffff0, "a block of 2147483632 bytes"},
        {PACKET_AT + 4, 12, "two lengths differ"},
        {PACKET_AT + 8, 1, "interface 1"},
        {PACKET_AT + 20, 200, "200 captured bytes"},
        {PACKET_AT + 20, UINT32_MAX, "4294967295 captured bytes"},
        {0, 0x0a0d0d0b, "no capture file"},
        {8, 0x1a2b3c4e, "byte-order magic"},
        {12, 2, "version 2.0"},
        {28 + 16, 0xffff0002, "option 2"},
    };
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 3);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct forge f = {0};
        struct weir_error error;
        unsigned count;
        forge_section(&f);
        forge_interface(&f, 1, 0, -1, 0);
        assert_int_equal(f.len, PACKET_AT);
        forge_enhanced(&f, 0, 1, frame, 100, 100);
        memcpy(f.bytes + damage[i].at, &damage[i].value, 4);
        weir_err result = count_packets(forge_path(&f), &weir_files_default_size, &count, &error);
        assert_int_equal(result, damage[i].at == 12 ? WEIR_ERR_UNSUPPORTED : WEIR_ERR_FORMAT);
        if (!strstr(error.text, damage[i].says))
            fail_msg("\"%s\" does not say \"%s\"", error.text, damage[i].says);
        assert_int_equal(count, 0);
        forge_free(&f);
    }
}

static void bounds_the_interfaces(void **state)
{
    (void)state;
    struct forge f = {0};
    struct weir_error error;
    unsigned count;
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 3);
    forge_section(&f);
    for (unsigned i = 0; i < 4096; i++)
        forge_interface(&f, 1, 0, -1, 0);
    forge_enhanced(&f, 4095, 1, frame, 100, 100);
    assert_int_equal(count_packets(forge_path(&f), &weir_files_default_size, &count, &error), WEIR_OK);
    assert_int_equal(count, 1);
    forge_interface(&f, 1, 0, -1, 0);
    assert_int_equal(count_packets(forge_path(&f), &weir_files_default_size, &count, &error), WEIR_ERR_LIMIT);
    assert_int_equal(count, 1);
    forge_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_libpcap_reads),
        cmocka_unit_test(reads_simple_packets),
        cmocka_unit_test(reads_several_interfaces_and_sections),
        cmocka_unit_test(brings_impossible_times_near),
        cmocka_unit_test(takes_the_fcs_off),
        cmocka_unit_test(skips_huge_blocks),
        cmocka_unit_test(tells_of_a_cut_file),
        cmocka_unit_test(tells_of_damage),
        cmocka_unit_test(bounds_the_interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
