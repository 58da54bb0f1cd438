/* Every capture under $WEIR_DATA/pcap, read by libpcap and by weir, packet by packet. Without WEIR_DATA: skipped.
 *
 * Where the two differ on purpose: libpcap stops at packets that are longer than the file's snap length says, gives no file at
 * all when interfaces of a pcapng differ, and takes the seconds of classic files as signed. */
#include <ftw.h>

#include "oracle.h"

static unsigned files, packets, refused_by_libpcap, damaged;

static bool is_capture(const char *path)
{
    uint8_t magic[4];
    FILE *file = fopen(path, "rb");
    bool read = file && fread(magic, 1, 4, file) == 4;
    if (file)
        fclose(file);
    if (!read)
        return false;
    uint32_t word;
    memcpy(&word, magic, 4);
    uint32_t swapped = __builtin_bswap32(word);
    return word == 0x0a0d0d0a || word == 0xa1b2c3d4 || word == 0xa1b23c4d || word == 0xa1b2cd34 || swapped == 0xa1b2c3d4 ||
           swapped == 0xa1b23c4d || swapped == 0xa1b2cd34;
}

static bool same_time(int64_t ts_ns, const struct timeval *theirs)
{
    int64_t ns = (theirs->tv_sec < 0 ? theirs->tv_sec & UINT32_MAX : theirs->tv_sec) * INT64_C(1000000000) + theirs->tv_usec;
    return ts_ns == ns || (theirs->tv_usec < 0 && (ts_ns == ns + (INT64_C(1000) << 32) || ts_ns == ns + (INT64_C(1) << 32)));
}

static void compare_file(const char *path)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    struct weir_error error = {0};
    pcap_t *handle = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    struct weir_source_config config = config_of(&path, NULL);
    struct walker w = {0};
    weir_err opened = weir_source_open(&config, &w.source, &error);
    unsigned count = 0;
    int theirs = handle ? 1 : PCAP_ERROR;
    if (opened) {
        if (handle)
            fail_msg("libpcap opens what weir does not: %s", error.text);
        assert_non_null(strstr(error.text, path));
        refused_by_libpcap++;
        return;
    }
    for (;;) {
        struct pcap_pkthdr *header;
        const u_char *data;
        if (theirs == 1)
            theirs = pcap_next_ex(handle, &header, &data);
        const struct weir_packet *packet = walker_next(&w);
        if (theirs == 1 && !packet) {
            weir_source_status(w.source, &error);
            fail_msg("%s: libpcap reads a packet more than weir's %u (%s)", path, count, error.text);
        }
        if (!packet)
            break;
        if (theirs == PCAP_ERROR_BREAK)
            fail_msg("%s: weir reads more packets than libpcap's %u", path, count);
        count++;
        if (theirs != 1)
            continue; /* libpcap has given up before the end, with a message */
        uint32_t wirelen = header->len < packet->caplen ? packet->caplen : header->len;
        if (!same_time(packet->ts_ns, &header->ts) || packet->caplen < header->caplen || packet->wirelen != wirelen ||
            (packet->caplen != header->caplen && header->caplen != (bpf_u_int32)pcap_snapshot(handle)) ||
            memcmp(packet->data, data, header->caplen))
            fail_msg("%s: packet %u: %lld ns, %u of %u bytes; libpcap has %ld s %ld ns, %u of %u", path, count,
                     (long long)packet->ts_ns, packet->caplen, packet->wirelen, header->ts.tv_sec, header->ts.tv_usec,
                     header->caplen, header->len);
    }
    weir_err status = weir_source_status(w.source, &error);
    if (status) {
        damaged++;
        assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
        if (theirs == PCAP_ERROR_BREAK)
            fail_msg("libpcap finds no fault: %s", error.text);
        print_message("%s\n", error.text);
    } else if (theirs == PCAP_ERROR) {
        refused_by_libpcap++;
        print_message("%s: libpcap after fewer than weir's %u packets: %s\n", path, count, handle ? pcap_geterr(handle) : text);
    }
    files++;
    packets += count;
    weir_source_close(&w.source);
    if (handle)
        pcap_close(handle);
}

static int visit(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)where;
    if (kind == FTW_F && is_capture(path))
        compare_file(path);
    return 0;
}

static void reads_what_libpcap_reads(void **state)
{
    const char *folder = *state;
    assert_int_equal(nftw(folder, visit, 16, FTW_PHYS), 0);
    print_message("%u files, %u packets; %u damaged, %u that libpcap does not read (to the end)\n", files, packets, damaged,
                  refused_by_libpcap);
    assert_true(files > 0);
}

int main(void)
{
    const char *data = getenv("WEIR_DATA");
    char folder[4096];
    if (!data) {
        puts("skipped: WEIR_DATA is not set");
        return 77;
    }
    snprintf(folder, sizeof folder, "%s/pcap", data);
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(reads_what_libpcap_reads, folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
