/* meter_csv FILE: the argus view's records of a capture as CSV, read by libpcap: for comparisons with other meters. */
#include <inttypes.h>
#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

#include "features/meter.h"

static const struct weir_view *view;
static bool nanoseconds;

static void print_record(void *context, const struct weir_record *record)
{
    (void)context;
    for (size_t i = 0; i < view->column_count; i++) {
        const struct weir_column *column = &view->columns[i];
        char text[128] = "";
        if (column->text)
            column->text(record, text, sizeof text);
        else if (column->type == WEIR_COLUMN_TIME) {
            int64_t ns = i == 0 ? record->identity.stime_ns : record->identity.ltime_ns;
            int64_t second = ns / 1000000000 - (ns % 1000000000 < 0), rest = ns - second * 1000000000;
            if (nanoseconds)
                snprintf(text, sizeof text, "%" PRId64 ".%09" PRId64, second, rest);
            else
                snprintf(text, sizeof text, "%" PRId64 ".%06" PRId64, second, rest / 1000);
        } else if (!isnan(column->value(record)))
            snprintf(text, sizeof text, column->type == WEIR_COLUMN_INTEGER ? "%.0f" : "%.9g", column->value(record));
        printf("%s%s", i ? "," : "", text);
    }
    printf(",%016" PRIx64 "%016" PRIx64 ",%" PRIu32 ",%s\n", record->identity.flow_id.high, record->identity.flow_id.low,
           record->identity.record, weir_reason_name(record->identity.reason));
}

int main(int argc, char **argv)
{
    char text[PCAP_ERRBUF_SIZE];
    struct weir_error error;
    view = weir_view_find("argus");
    pcap_t *pcap = argc > 1 ? pcap_open_offline_with_tstamp_precision(argv[1], PCAP_TSTAMP_PRECISION_NANO, text) : NULL;
    if (!pcap) {
        fprintf(stderr, "meter_csv: %s\n", argc > 1 ? text : "give a capture file");
        return 1;
    }
    int link = pcap_datalink(pcap);
    struct weir_meter *meter = NULL;
    struct weir_meter_config config = {.view = view, .emit = print_record};
    if (weir_meter_create(&config, &meter, &error)) {
        fprintf(stderr, "meter_csv: %s\n", error.text);
        return 1;
    }
    for (size_t i = 0; i < view->column_count; i++)
        printf("%s%s", i ? "," : "", view->columns[i].name);
    puts(",flow_id,record,reason");
    struct pcap_pkthdr *header;
    const u_char *data;
    int status;
    while ((status = pcap_next_ex(pcap, &header, &data)) == 1) {
        struct weir_packet packet = {.data = data,
                                     .ts_ns = (int64_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec,
                                     .caplen = header->caplen,
                                     .wirelen = header->len,
                                     .link = (uint16_t)(link == DLT_RAW ? 101 : link)};
        nanoseconds |= packet.ts_ns % 1000 != 0;
        weir_meter_packets(meter, &packet, 1);
    }
    if (status == PCAP_ERROR)
        fprintf(stderr, "meter_csv: %s: %s\n", argv[1], pcap_geterr(pcap));
    weir_meter_drain(meter);
    weir_meter_destroy(&meter);
    pcap_close(pcap);
    return 0;
}
