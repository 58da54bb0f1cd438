#include <fcntl.h>
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>

#include "capture/stream.h"
#include "oracle.h"

static const struct weir_files_size tiny = {.block_bytes = 4096, .blocks = 1};

static void put_pcap(struct forge *f, unsigned packets)
{
    uint8_t frame[500];
    forge_pcap(f, 0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < packets; i++) {
        forge_frame(frame, 60 + i % 400, i);
        forge_pcap_packet(f, i, 7, frame, 60 + i % 400, 60 + i % 400);
    }
}

static void put_gzip(struct forge *to, const uint8_t *bytes, size_t len)
{
    z_stream z = {0};
    uint8_t *packed = malloc(len + 1000);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (uint8_t *)(uintptr_t)bytes;
    z.avail_in = (uInt)len;
    z.next_out = packed;
    z.avail_out = (uInt)len + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    forge_put(to, packed, z.total_out);
    deflateEnd(&z);
    free(packed);
}

static void put_zstd(struct forge *to, const uint8_t *bytes, size_t len)
{
    uint8_t *packed = malloc(ZSTD_compressBound(len));
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t n = ZSTD_compress2(context, packed, ZSTD_compressBound(len), bytes, len);
    ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(n));
    forge_put(to, packed, n);
    free(packed);
}

typedef void put_packed(struct forge *to, const uint8_t *bytes, size_t len);

/* Compares a packed file with the plain one, of which libpcap is the judge. */
static void expect_same(struct forge *plain, struct forge *packed, const struct weir_files_size *size)
{
    const char *paths[2] = {forge_path(plain), forge_path(packed)};
    struct weir_source_config a = config_of(&paths[0], NULL), b = config_of(&paths[1], NULL);
    struct walker one = {0}, two = {0};
    assert_int_equal(weir_files_open(&a, size, &one.source, NULL), WEIR_OK);
    assert_int_equal(weir_files_open(&b, size, &two.source, NULL), WEIR_OK);
    for (;;) {
        const struct weir_packet *p = walker_next(&one), *q = walker_next(&two);
        if (!p || !q) {
            assert_true(!p && !q);
            break;
        }
        assert_int_equal(p->ts_ns, q->ts_ns);
        assert_int_equal(p->caplen, q->caplen);
        assert_memory_equal(p->data, q->data, p->caplen);
    }
    struct weir_error error = {0};
    if (weir_source_status(two.source, &error))
        fail_msg("%s", error.text);
    struct weir_port_account account;
    weir_source_account(two.source, 0, &account);
    assert_int_equal(account.done_bytes, packed->len);
    assert_int_equal(account.total_bytes, packed->len);
    weir_source_close(&one.source);
    weir_source_close(&two.source);
}

static void unpacks_gzip_and_zstd(void **state)
{
    (void)state;
    put_packed *const packers[] = {put_gzip, put_zstd};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned packets = 0; packets <= 5000; packets += packets ? 4999 : 1) {
            struct forge plain = {0}, packed = {0};
            put_pcap(&plain, packets);
            packers[i](&packed, plain.bytes, plain.len);
            expect_same(&plain, &packed, &tiny);
            expect_same(&plain, &packed, &weir_files_default_size);
            forge_free(&plain);
            forge_free(&packed);
        }
    }
}

/* Members one after the other, as `cat a.gz b.gz` makes them, cut anywhere; for zstd also a frame that is to be skipped. */
static void unpacks_concatenated_members(void **state)
{
    (void)state;
    put_packed *const packers[] = {put_gzip, put_zstd};
    for (unsigned i = 0; i < 2; i++) {
        struct forge plain = {0}, packed = {0};
        put_pcap(&plain, 1000);
        if (i == 1)
            forge_put(&packed, "\x53\x2a\x4d\x18\4\0\0\0skip", 12);
        for (size_t at = 0, step = 1; at < plain.len; at += step, step = step * 3) {
            step = step < plain.len - at ? step : plain.len - at;
            packers[i](&packed, plain.bytes + at, step);
        }
        expect_same(&plain, &packed, &tiny);
        forge_free(&plain);
        forge_free(&packed);
    }
}

static void tells_of_damaged_packed_files(void **state)
{
    (void)state;
    put_packed *const packers[] = {put_gzip, put_zstd};
    for (unsigned i = 0; i < 2; i++) {
        struct forge plain = {0}, packed = {0};
        struct weir_error error;
        unsigned whole, count;
        put_pcap(&plain, 5000);
        packers[i](&packed, plain.bytes, plain.len);
        assert_int_equal(count_packets(forge_path(&packed), &tiny, &whole, &error), WEIR_OK);
        assert_int_equal(whole, 5000);
        /* Cut in the last byte: every packet is there, and the damage is told. */
        const char *path = forge_path_of(&packed, packed.bytes, packed.len - 1);
        assert_int_equal(count_packets(path, &tiny, &count, &error), WEIR_ERR_FORMAT);
        assert_int_equal(count, 5000);
        assert_non_null(strstr(error.text, "of the unpacked data: the compressed data is cut short; 5000 packets before"));
        path = forge_path_of(&packed, packed.bytes, packed.len / 2);
        assert_int_equal(count_packets(path, &tiny, &count, &error), WEIR_ERR_FORMAT);
        assert_in_range(count, 1, 4999);
        for (size_t k = 0; k < 64; k++)
            packed.bytes[packed.len / 2 + k] ^= 0x55;
        assert_int_equal(count_packets(forge_path(&packed), &tiny, &count, &error), WEIR_ERR_FORMAT);
        assert_in_range(count, 1, 4999);
        path = forge_path_of(&packed, packed.bytes, 12); /* not even the file header */
        assert_int_equal(count_packets(path, &tiny, &count, &error), WEIR_ERR_FORMAT);
        forge_free(&plain);
        forge_free(&packed);
    }
}

struct writer {
    int fd;
    const uint8_t *bytes;
    size_t len, step;
};

static void *write_steps(void *argument)
{
    const struct writer *writer = argument;
    for (size_t at = 0; at < writer->len;) {
        size_t n = writer->len - at < writer->step ? writer->len - at : writer->step;
        ssize_t done = write(writer->fd, writer->bytes + at, n);
        if (done <= 0)
            break;
        at += (size_t)done;
    }
    close(writer->fd);
    return NULL;
}

/* Standard input is a pipe that another thread fills, in steps that hit every boundary. */
static void reads_standard_input(void **state)
{
    (void)state;
    int kept = dup(STDIN_FILENO);
    put_packed *const packers[] = {NULL, put_gzip, put_zstd};
    const size_t steps[] = {7, 4096, 1 << 20};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned s = 0; s < 3; s++) {
            struct forge plain = {0}, packed = {0};
            put_pcap(&plain, 300);
            if (packers[i])
                packers[i](&packed, plain.bytes, plain.len);
            else
                forge_put(&packed, plain.bytes, plain.len);
            int ends[2];
            pthread_t thread;
            assert_int_equal(pipe(ends), 0);
            assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
            close(ends[0]);
            struct writer writer = {.fd = ends[1], .bytes = packed.bytes, .len = packed.len, .step = steps[s]};
            assert_int_equal(pthread_create(&thread, NULL, write_steps, &writer), 0);
            struct weir_error error = {0};
            const char *path = "-";
            struct weir_source_config config = config_of(&path, NULL);
            struct walker w = {0};
            assert_int_equal(weir_files_open(&config, &tiny, &w.source, &error), WEIR_OK);
            for (uint32_t k = 0; k < 300; k++) {
                uint8_t frame[500];
                forge_frame(frame, 60 + k % 400, k);
                const struct weir_packet *packet = walker_next(&w);
                assert_non_null(packet);
                assert_int_equal(packet->caplen, 60 + k % 400);
                assert_memory_equal(packet->data, frame, packet->caplen);
            }
            assert_null(walker_next(&w));
            assert_int_equal(weir_source_status(w.source, &error), WEIR_OK);
            struct weir_port_account account;
            weir_source_account(w.source, 0, &account);
            assert_int_equal(account.done_bytes, packed.len);
            assert_int_equal(account.total_bytes, 0);
            weir_source_close(&w.source);
            pthread_join(thread, NULL);
            forge_free(&plain);
            forge_free(&packed);
        }
    }
    dup2(kept, STDIN_FILENO);
    close(kept);
}

/* Packets that have come through a pipe are given out although more of the block may follow, and a stop is heard. */
static void does_not_hold_packets_of_a_slow_pipe(void **state)
{
    (void)state;
    struct forge plain = {0};
    int ends[2];
    char path_text[40];
    put_pcap(&plain, 3);
    assert_int_equal(pipe(ends), 0);
    snprintf(path_text, sizeof path_text, "/dev/fd/%d", ends[0]);
    const char *path = path_text;
    struct weir_source_config config = config_of(&path, NULL);
    struct weir_source *source;
    struct weir_burst burst;
    assert_int_equal(weir_files_open(&config, &tiny, &source, NULL), WEIR_OK);
    assert_int_equal(write(ends[1], plain.bytes, 24 + 16 + 60 + 5), 105);
    weir_source_burst(source, 0, &burst);
    assert_int_equal(burst.state, WEIR_BURST_PACKETS);
    assert_int_equal(burst.count, 1);
    weir_source_burst(source, 0, &burst);
    assert_int_equal(burst.state, WEIR_BURST_IDLE);
    assert_int_equal(write(ends[1], plain.bytes + 105, plain.len - 105), plain.len - 105);
    weir_source_burst(source, 0, &burst);
    assert_int_equal(burst.count, 2);
    weir_source_stop(source);
    weir_source_burst(source, 0, &burst);
    assert_int_equal(burst.state, WEIR_BURST_END);
    weir_source_close(&source);
    close(ends[0]);
    close(ends[1]);
    forge_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_gzip_and_zstd),
        cmocka_unit_test(unpacks_concatenated_members),
        cmocka_unit_test(tells_of_damaged_packed_files),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(does_not_hold_packets_of_a_slow_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
