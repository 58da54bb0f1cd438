#include "oracle.h"

enum { MICRO = 0xa1b2c3d4, NANO = 0xa1b23c4d, MODIFIED = 0xa1b2cd34 };

static const struct weir_files_size tiny = {.block_bytes = 4096, .blocks = 1};

static void put_packets(struct forge *f, unsigned count, uint32_t magic)
{
    uint8_t frame[1600];
    uint64_t seed = 7;
    for (unsigned i = 0; i < count; i++) {
        uint32_t len = 42 + forge_random(&seed) % 1500, caplen = i % 5 ? len : forge_random(&seed) % len;
        forge_frame(frame, len, i);
        uint32_t fraction = forge_random(&seed) % (magic == NANO ? 1000000000 : 1000000);
        if (magic != MODIFIED) {
            forge_pcap_packet(f, 1700000000 + i / 10, fraction, frame, caplen, len);
            continue;
        }
        forge_put32(f, 1700000000 + i / 10);
        forge_put32(f, fraction);
        forge_put32(f, caplen);
        forge_put32(f, len);
        forge_put(f, "\0\0\0\1\x08\0\0\0", 8);
        forge_put(f, frame, caplen);
    }
}

static void reads_what_libpcap_reads(void **state)
{
    (void)state;
    const uint32_t magics[] = {MICRO, NANO, MODIFIED};
    const unsigned counts[] = {0, 1, 63, 64, 65, 5000};
    for (unsigned m = 0; m < 3; m++) {
        for (unsigned swapped = 0; swapped < 2; swapped++) {
            for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++) {
                struct forge f = {.swapped = swapped};
                forge_pcap(&f, magics[m], 1);
                put_packets(&f, counts[c], magics[m]);
                const char *path = forge_path(&f);
                assert_int_equal(compare_with_libpcap(path, NULL, &weir_files_default_size), counts[c]);
                assert_int_equal(compare_with_libpcap(path, NULL, &tiny), counts[c]);
                forge_free(&f);
            }
        }
    }
}

static void reads_old_versions(void **state)
{
    (void)state;
    /* Up to 2.2 the lengths are the other way round; 2.3 was written both ways. */
    struct forge f = {0};
    uint8_t frame[100];
    forge_frame(frame, sizeof frame, 1);
    for (uint16_t minor = 2; minor <= 3; minor++) {
        f.len = 0;
        forge_pcap_version(&f, MICRO, minor, 65535, 1);
        forge_put32(&f, 1);
        forge_put32(&f, 2);
        forge_put32(&f, 100);
        forge_put32(&f, 60);
        forge_put(&f, frame, 60);
        assert_int_equal(compare_with_libpcap(forge_path(&f), NULL, &tiny), 1);
    }
    f.len = 0;
    forge_pcap_version(&f, MICRO, 3, 65535, 1);
    forge_pcap_packet(&f, 1, 2, frame, 60, 100);
    assert_int_equal(compare_with_libpcap(forge_path(&f), NULL, &tiny), 1);
    forge_free(&f);
}

static void takes_the_fcs_off(void **state)
{
    (void)state;
    struct forge f = {0};
    uint8_t frame[104];
    forge_frame(frame, sizeof frame, 1);
    forge_pcap(&f, MICRO, 0x24000001); /* present, two words of 16 bits */
    forge_pcap_packet(&f, 1, 2, frame, 104, 104);
    forge_pcap_packet(&f, 1, 2, frame, 60, 104);
    const char *path = forge_path(&f);
    struct weir_source_config config = config_of(&path, NULL);
    struct walker w = {0};
    assert_int_equal(weir_files_open(&config, &tiny, &w.source, NULL), WEIR_OK);
    const struct weir_packet *packet = walker_next(&w);
    assert_int_equal(packet->caplen, 100);
    assert_int_equal(packet->wirelen, 100);
    packet = walker_next(&w);
    assert_int_equal(packet->caplen, 60);
    assert_int_equal(packet->wirelen, 100);
    assert_null(walker_next(&w));
    weir_source_close(&w.source);
    forge_free(&f);
}

/* Many records shorter than the index reckons with: it fills up before the block does. */
static void reads_tiny_records(void **state)
{
    (void)state;
    struct forge f = {0};
    forge_pcap(&f, MICRO, 1);
    for (uint32_t i = 0; i < 100000; i++)
        forge_pcap_packet(&f, i, 0, "x", i % 2, 1);
    const char *path = forge_path(&f);
    assert_int_equal(compare_with_libpcap(path, NULL, &weir_files_default_size), 100000);
    assert_int_equal(compare_with_libpcap(path, NULL, &tiny), 100000);
    forge_free(&f);
}

static void reads_the_longest_packets(void **state)
{
    (void)state;
    struct forge f = {0};
    forge_pcap(&f, MICRO, 1);
    uint8_t *frame = calloc(1, 262144);
    for (uint32_t i = 0; i < 20; i++)
        forge_pcap_packet(&f, i, 0, frame, 262144 - i, 262144);
    assert_int_equal(compare_with_libpcap(forge_path(&f), NULL, &weir_files_default_size), 20);
    free(frame);
    forge_free(&f);
}

/* Every file that ends too early gives the packets before, and one line with file, offset and their number. */
static void tells_of_a_cut_file(void **state)
{
    (void)state;
    struct forge f = {0};
    struct weir_error error;
    unsigned count;
    uint8_t frame[60];
    forge_frame(frame, sizeof frame, 3);
    forge_pcap(&f, MICRO, 1);
    for (uint32_t i = 0; i < 3; i++)
        forge_pcap_packet(&f, i, 0, frame, 60, 60);
    for (size_t len = 0; len <= f.len; len++) {
        const char *path = forge_path_of(&f, f.bytes, len);
        weir_err result = count_packets(path, &tiny, &count, &error);
        unsigned whole = len < 24 ? 0 : (unsigned)(len - 24) / 76;
        assert_int_equal(count, whole);
        if (len >= 24 && (len - 24) % 76 == 0) {
            assert_int_equal(result, WEIR_OK);
            continue;
        }
        assert_int_equal(result, WEIR_ERR_FORMAT);
        assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
        if (len > 100) {
            char want[120];
            snprintf(want, sizeof want, ": offset %u: cut short inside a record; %u packet%s before it %s read", 24 + 76 * whole,
                     whole, whole == 1 ? "" : "s", whole == 1 ? "was" : "were");
            assert_non_null(strstr(error.text, want));
        }
    }
    forge_free(&f);
}

static void tells_of_damage(void **state)
{
    (void)state;
    struct forge f = {0};
    struct weir_error error;
    unsigned count;
    uint8_t frame[60];
    forge_frame(frame, sizeof frame, 3);
    forge_pcap(&f, MICRO, 1);
    forge_pcap_packet(&f, 1, 0, frame, 60, 60);
    forge_put32(&f, 2);
    forge_put32(&f, 0);
    forge_put32(&f, 0x7fffffff);
    forge_put32(&f, 60);
    forge_put(&f, frame, 60);
    assert_int_equal(count_packets(forge_path(&f), &weir_files_default_size, &count, &error), WEIR_ERR_FORMAT);
    assert_int_equal(count, 1);
    assert_non_null(strstr(error.text, "offset 100: a packet of 2147483647 captured bytes"));
    assert_non_null(strstr(error.text, "1 packet before it was read"));

    const struct {
        const char *bytes, *says;
        size_t len;
        weir_err code;
    } bad[] = {
        {"", "empty", 0, WEIR_ERR_FORMAT},
        {"PK\3\4 and more of it, much more", "starts with 50 4b 03 04", 30, WEIR_ERR_FORMAT},
        {"\xd4\xc3\xb2\xa1\3\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", "version 3.4", 24, WEIR_ERR_UNSUPPORTED},
        {"\xd4\xc3", "cut short in the file header", 2, WEIR_ERR_FORMAT},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = forge_path_of(&f, bad[i].bytes, bad[i].len);
        assert_int_equal(count_packets(path, &weir_files_default_size, &count, &error), bad[i].code);
        assert_non_null(strstr(error.text, bad[i].says));
        assert_non_null(strstr(error.text, path));
    }
    forge_free(&f);
}

static void tells_what_cannot_be_opened(void **state)
{
    (void)state;
    struct weir_error error;
    unsigned count;
    assert_int_equal(count_packets("/nowhere/tx.pcap", &tiny, &count, &error), WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "/nowhere/tx.pcap"));
    assert_int_equal(count_packets("/", &tiny, &count, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "folder"));
}

static void tells_nanoseconds(void **state)
{
    (void)state;
    const uint32_t magics[] = {MICRO, NANO, MODIFIED};
    for (unsigned i = 0; i < 3; i++) {
        struct forge f = {0};
        forge_pcap(&f, magics[i], 1);
        const char *path = forge_path(&f);
        struct weir_source_config config = config_of(&path, NULL);
        struct weir_source *source;
        assert_int_equal(weir_source_open(&config, &source, NULL), WEIR_OK);
        assert_int_equal(weir_source_nanoseconds(source), magics[i] == NANO);
        weir_source_close(&source);
        assert_null(source);
        forge_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_libpcap_reads),  cmocka_unit_test(reads_old_versions),
        cmocka_unit_test(takes_the_fcs_off),         cmocka_unit_test(reads_tiny_records),
        cmocka_unit_test(reads_the_longest_packets), cmocka_unit_test(tells_of_a_cut_file),
        cmocka_unit_test(tells_of_damage),           cmocka_unit_test(tells_what_cannot_be_opened),
        cmocka_unit_test(tells_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
