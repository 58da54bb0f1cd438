/* Files that are no models, of all sizes: refused early, with little memory. Usage: test_load MODEL.weir */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "model/container.h"
#include "model/model.h"

static const char *model_path;
static char folder[] = "/tmp/weir-test-XXXXXX", path[64];

static const uint64_t giga = 1 << 30;

/* Sanitizers keep books on every byte. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { BOOKS = 8 };
#else
enum { BOOKS = 1 };
#endif

/* -1 where the kernel does not tell. */
static long long bytes_read(void)
{
    long long n = -1;
    FILE *io = fopen("/proc/self/io", "r");
    if (io && fscanf(io, "rchar: %lld", &n) != 1)
        n = -1;
    if (io)
        fclose(io);
    return n;
}

static long resident_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Loads in a process of its own, which must refuse with this message, having read and touched no more than allowed. */
static void refused(const char *what, const char *message, long most_mb, long most_read_mb)
{
    int ends[2];
    char answer[700] = "";
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct weir_model *model = NULL;
        struct weir_error error = {0};
        long before_kb = resident_kb();
        long long before = bytes_read();
        weir_err err = weir_model_load(path, &model, &error);
        long long after = bytes_read();
        long used_kb = resident_kb() - before_kb;
        char text[700];
        int n = snprintf(text, sizeof text, "%s",
                         !err                                                            ? "it was loaded"
                         : used_kb > most_mb * 1024 * BOOKS                              ? "too much memory"
                         : before >= 0 && after - before > (long long)most_read_mb << 20 ? "too much was read"
                                                                                         : error.text);
        _exit(write(ends[1], text, (size_t)n) != n);
    }
    close(ends[1]);
    for (size_t at = 0; at + 1 < sizeof answer;) {
        ssize_t n = read(ends[0], answer + at, sizeof answer - 1 - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!strstr(answer, message))
        fail_msg("%s: '%s', expected '%s'", what, answer, message);
}

/* A sparse file of `size` bytes that begins with these. */
static void make(const void *bytes, size_t count, uint64_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, count), (ssize_t)count);
    assert_int_equal(ftruncate(file, (off_t)size), 0);
    assert_int_equal(close(file), 0);
}

static void put(uint8_t *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* Head and card of the model, lengths changed to fit `size`; then `extra` bytes of room. */
static uint8_t *begin(uint64_t size, size_t extra, size_t *count)
{
    uint8_t *bytes;
    struct weir_container parts;
    assert_int_equal(weir_file_read(model_path, 1 << 24, &bytes, count, NULL), WEIR_OK);
    assert_int_equal(weir_container_read(bytes, *count, "model", &parts, NULL), WEIR_OK);
    *count = WEIR_CONTAINER_HEAD_BYTES + parts.card_bytes;
    bytes = realloc(bytes, *count + extra);
    memset(bytes + *count, 0, extra);
    put(bytes + 24, size - *count - WEIR_CONTAINER_SUM_BYTES, 8);
    return bytes;
}

static void gigabytes_of_nonsense(void **state)
{
    (void)state;
    uint8_t head[64] = {0};
    make("", 0, giga);
    refused("zeros", "offset 0: no weir model file", 8, 1);
    make("{\"learner\":", 11, giga);
    refused("text", "offset 0: no weir model file", 8, 1);
    memcpy(head, "\x89WEIR\r\n\x1a\1\0\0\0\1\0\0\0", 16);
    make(head, sizeof head, giga);
    refused("a head of zeros", "offset 16: card and payload of 0 and 0 bytes, the file has room for 1073741784", 8, 1);
    put(head + 16, WEIR_CONTAINER_CARD_MAX + 1, 8);
    make(head, sizeof head, giga);
    refused("a huge card", "offset 16: a card of 16777217 bytes, the limit is 16777216", 8, 1);
    put(head + 16, WEIR_CONTAINER_CARD_MAX, 8);
    put(head + 24, giga - 40 - WEIR_CONTAINER_CARD_MAX, 8);
    make(head, sizeof head, giga);
    refused("a card of zeros", "offset 32: card: ", 32, 17);
    make(head, sizeof head, (uint64_t)5 << 30);
    refused("more than a model may have", "offset 16: card and payload", 8, 1);
    put(head + 24, ((uint64_t)5 << 30) - 40 - WEIR_CONTAINER_CARD_MAX, 8);
    make(head, sizeof head, (uint64_t)5 << 30);
    refused("more than a model may have", "larger than 4294967296 bytes", 8, 1);
}

static void gigabytes_behind_a_good_card(void **state)
{
    (void)state;
    size_t count, columns = 0;
    uint8_t *bytes = begin(giga, 65536, &count), *trees = bytes + count;
    uint64_t payload = giga - count - WEIR_CONTAINER_SUM_BYTES;
    for (const char *p = memmem(bytes, count, "\"columns\":[", 11); *p != ']'; p++)
        columns += *p == ',';
    make(bytes, count, giga);
    refused("no columns", "0 columns, a forest has 1 to 32767", 16, 8);
    put(trees, columns + 1, 4);
    put(trees + 4, 1, 4);
    make(bytes, count + 64, giga);
    refused("no trees", "0 trees of 0 nodes need 20 bytes", 16, 8);
    put(trees + 8, 1000001, 4);
    make(bytes, count + 64, giga);
    refused("too many trees", "more than 1000000 trees", 16, 8);
    /* Counts that the size backs: 16 + 4 + 6 T + 10 N */
    uint64_t tree_count = 1000;
    while ((payload - 20 - 6 * tree_count) % 10)
        tree_count++;
    uint64_t nodes = (payload - 20 - 6 * tree_count) / 10;
    put(trees + 8, tree_count, 4);
    put(trees + 12, nodes, 4);
    make(bytes, count + 64, giga);
    refused("trees of no nodes", "tree 0: 0 nodes", 16, 8);
    put(trees + 20, 1u << 31, 4);
    make(bytes, count + 64, giga);
    refused("a tree of all nodes and more", "tree 0: 2147483648 nodes", 16, 8);
    /* Sizes that add up: what is wrong then is the sum of all bytes, which takes time but no memory. */
    for (size_t t = 0; t < tree_count; t++)
        put(trees + 20 + 4 * t, t + 1 < tree_count ? 1 : nodes - tree_count + 1, 4);
    make(bytes, count + 65536, giga);
    refused("nodes of zeros", "the checksum does not fit", 16, 1040);
    free(bytes);
}

/* Every length of a real model's beginning is refused, from a file and from a pipe; the whole is taken from both. */
static void *feed(void *file)
{
    uint8_t *bytes;
    size_t size;
    int end = open(path, O_WRONLY);
    if (end >= 0 && !weir_file_read(file, 1 << 24, &bytes, &size, NULL)) {
        for (size_t at = 0; at < size;) {
            ssize_t n = write(end, bytes + at, size - at < 1000 ? size - at : 1000);
            if (n < 0)
                break; /* the reader had enough */
            at += (size_t)n;
        }
        free(bytes);
    }
    if (end >= 0)
        close(end);
    return NULL;
}

static void cut_files_and_pipes(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t size;
    struct weir_error error;
    weir_model *model = NULL;
    assert_int_equal(weir_file_read(model_path, 1 << 24, &bytes, &size, NULL), WEIR_OK);
    char whole[80];
    snprintf(whole, sizeof whole, "%s/part", folder);
    for (size_t n = 0; n < size; n += n < 100 ? 1 : 1 + size / 40) {
        make(bytes, n, n);
        assert_int_equal(weir_model_load(path, &model, &error), WEIR_ERR_FORMAT);
        assert_null(model);
    }
    for (size_t n = 0; n <= size + 1; n = n < size ? (n + 1 + size / 12 < size ? n + 1 + size / 12 : size) : n + 1) {
        make(bytes, n < size ? n : size, n); /* one byte more than the whole, at last */
        assert_int_equal(rename(path, whole), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, feed, whole), 0);
        assert_int_equal(weir_model_load(path, &model, &error), n == size ? WEIR_OK : WEIR_ERR_FORMAT);
        pthread_join(thread, NULL);
        weir_model_free(&model);
        unlink(path);
    }
    unlink(whole);
    free(bytes);
    assert_int_equal(weir_model_load(path, &model, &error), WEIR_ERR_NOT_FOUND);
    assert_int_equal(weir_model_load(folder, &model, &error), WEIR_ERR_IO);
    assert_int_equal(weir_model_load("/dev/null", &model, &error), WEIR_ERR_FORMAT);
    assert_int_equal(weir_model_load("/dev/zero", &model, &error), WEIR_ERR_FORMAT);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/model", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    model_path = argv[1];
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gigabytes_of_nonsense),
        cmocka_unit_test(gigabytes_behind_a_good_card),
        cmocka_unit_test(cut_files_and_pipes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
