/* A sensor's outbox file, as a former process, another program or a failing disk may have left it. Checksums of what begins like
 * a frame are put right first, so that what is behind them is reached; then everything is sent, marked, and gone. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/frame.h"
#include "batch/frame_tag.h"
#include "pipeline/outbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/weir-fuzz-outbox-XXXXXX", file[64];

static void remove_folder(void)
{
    unlink(file);
    rmdir(folder);
}

static void write_file(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    memcpy(bytes, data, size);
    for (size_t at = 0; at < size; at += WEIR_OUTBOX_PAGE) {
        struct weir_frame_tag tag;
        if (weir_frame_tag_read(bytes + at, size - at, &tag) && tag.bytes <= size - at) {
            uint32_t crc = weir_frame_crc(weir_frame_crc(0, bytes + at, 12), bytes + at + 16, tag.bytes - 16);
            memcpy(bytes + at + 12, &crc, sizeof crc);
        }
    }
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    close(fd);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!file[0]) {
        if (!mkdtemp(folder))
            abort();
        snprintf(file, sizeof file, "%s/outbox", folder);
        atexit(remove_folder);
    }
    write_file(data, size);
    struct weir_outbox_config config = {
        .folder = folder, .room = 1 << 20, .sensor = "sensor-of-a-test", .resend_after_ns = 1, .resend_most_ns = 2};
    struct weir_outbox *outbox;
    if (weir_outbox_open(&config, &outbox, NULL) != WEIR_OK || !weir_outbox_is_valid(outbox))
        abort();
    const uint8_t *frame;
    size_t bytes;
    struct weir_frame_tag tag;
    struct weir_outbox_account account;
    for (int64_t now = 0; weir_outbox_account(outbox, &account), account.held; now += 3) {
        while (weir_outbox_next(outbox, now, &frame, &bytes) == WEIR_OK) {
            if (!weir_frame_intact(frame, bytes) || !weir_frame_tag_read(frame, bytes, &tag))
                abort();
            struct weir_mark mark = {.boot = tag.boot, .lane = tag.lane, .next = tag.seq + 1};
            memcpy(mark.sensor, config.sensor, sizeof mark.sensor);
            weir_outbox_sent(outbox, now);
            weir_outbox_mark(outbox, &mark, now);
        }
    }
    if (!weir_outbox_is_valid(outbox))
        abort();
    weir_outbox_close(&outbox);
    return 0;
}
