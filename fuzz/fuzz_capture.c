/* A capture file of any kind, packed or not, read through the whole of the capture room: recognition, unpacking, blocks, lanes.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/files.h"
#include "capture_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[40];
    const char *path = text;
    struct weir_source_config config = {.files = {&path}, .file_count = {1}, .ports = 1, .lanes = 1};
    struct weir_source *source;
    struct weir_error error;
    if (size > 65536)
        return 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    if (weir_files_open(&config, &(struct weir_files_size){.block_bytes = 2048, .blocks = 1}, &source, &error)) {
        CHECK(error.text[0] && !source);
    } else {
        static struct weir_burst burst;
        uint64_t given = 0, bytes = 0;
        int64_t clock_ns = 0;
        volatile uint8_t last; /* the last byte of each packet is there to be read */
        do {
            weir_source_burst(source, 0, &burst);
            for (unsigned i = 0; i < burst.count; i++) {
                const struct weir_packet *packet = &burst.packet[i];
                CHECK(packet->caplen <= packet->wirelen && packet->release_ns >= packet->ts_ns && packet->release_ns >= clock_ns);
                if (packet->caplen)
                    last = packet->data[packet->caplen - 1];
                bytes += packet->wirelen;
            }
            given += burst.count;
            CHECK(burst.clock_ns >= clock_ns);
            clock_ns = burst.clock_ns;
        } while (burst.state != WEIR_BURST_END);
        (void)last;
        struct weir_port_account account;
        weir_source_account(source, 0, &account);
        CHECK(account.seen == given && account.bytes == bytes);
        CHECK(weir_source_status(source, &error) == WEIR_OK || error.text[0]);
        weir_source_close(&source);
    }
    close(fd);
    return 0;
}
