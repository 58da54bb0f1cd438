/* Compares what a source of one port gives with what libpcap reads from the same file, packet by packet. */
#ifndef TESTS_CAPTURE_ORACLE_H
#define TESTS_CAPTURE_ORACLE_H

#include <pcap/pcap.h>

#include "capture/files.h"
#include "forge.h"

struct walker {
    const char *path; /* room for a list of one file, which outlives the source */
    struct weir_source *source;
    struct weir_burst burst;
    unsigned at, lane;
    bool ended;
};

static inline struct weir_source_config config_of(const char *const *file, const char *filter)
{
    return (struct weir_source_config){.files = {file}, .file_count = {1}, .ports = 1, .lanes = 1, .filter = filter};
}

/* The next packet of the lane, or NULL at the end. */
static inline const struct weir_packet *walker_next(struct walker *w)
{
    while (w->at == w->burst.count && !w->ended) {
        assert_int_equal(weir_source_burst(w->source, w->lane, &w->burst), WEIR_OK);
        w->at = 0;
        w->ended = w->burst.state == WEIR_BURST_END;
        assert_true((w->burst.state == WEIR_BURST_PACKETS) == (w->burst.count > 0));
    }
    return w->at < w->burst.count ? &w->burst.packet[w->at++] : NULL;
}

/* Every packet of `path`, which libpcap can read to the end. Returns how many. */
static inline unsigned compare_with_libpcap(const char *path, const char *filter, const struct weir_files_size *size)
{
    char text[PCAP_ERRBUF_SIZE];
    struct weir_error error;
    pcap_t *handle = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!handle)
        fail_msg("%s: %s", path, text);
    struct bpf_program program;
    if (filter) {
        assert_int_equal(pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN), 0);
        assert_int_equal(pcap_setfilter(handle, &program), 0);
        pcap_freecode(&program);
    }
    struct weir_source_config config = config_of(&path, filter);
    struct walker w = {0};
    if (weir_files_open(&config, size, &w.source, &error))
        fail_msg("%s", error.text);
    unsigned count = 0;
    int64_t release_ns = 0;
    struct pcap_pkthdr *header;
    const u_char *data;
    while (pcap_next_ex(handle, &header, &data) == 1) {
        const struct weir_packet *packet = walker_next(&w);
        assert_non_null(packet);
        assert_int_equal(packet->ts_ns, (int64_t)(uint32_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec);
        if (!filter) {
            release_ns = packet->ts_ns > release_ns ? packet->ts_ns : release_ns;
            assert_int_equal(packet->release_ns, release_ns);
        }
        assert_int_equal(packet->caplen, header->caplen);
        assert_int_equal(packet->wirelen, header->len);
        assert_memory_equal(packet->data, data, header->caplen);
        count++;
    }
    assert_null(walker_next(&w));
    if (weir_source_status(w.source, &error))
        fail_msg("%s", error.text);
    struct weir_port_account account;
    weir_source_account(w.source, 0, &account);
    assert_int_equal(account.offered, account.seen);
    assert_int_equal(account.seen, count + account.filtered);
    assert_int_equal(account.done_bytes, account.total_bytes);
    weir_source_close(&w.source);
    pcap_close(handle);
    return count;
}

/* Reads the file alone: packets until the end, and the error that ended it. */
static inline weir_err count_packets(const char *path, const struct weir_files_size *size, unsigned *count,
                                     struct weir_error *error)
{
    struct weir_source_config config = config_of(&path, NULL);
    struct walker w = {0};
    *count = 0;
    weir_err result = weir_files_open(&config, size, &w.source, error);
    if (result)
        return result;
    while (walker_next(&w))
        ++*count;
    result = weir_source_status(w.source, error);
    weir_source_close(&w.source);
    return result;
}

#endif
