/* The merge of two ports and the lanes, against a plain sort; with pools so small that lanes must wait for each other. */
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#include "capture/block.h"
#include "decode/lane.h"
#include "oracle.h"

enum { LANES_MAX = 7, PACKETS = 3000 };

struct event {
    int64_t ts_ns, release_ns;
    uint32_t id; /* unique; in the frame's bytes 42..45 */
    uint32_t hash;
    uint32_t caplen;
    uint8_t port;
};

struct link {
    struct forge port[2];
    const char *path[2];
    struct event event[2 * PACKETS]; /* in the order in which one lane must see them */
    unsigned count;
};

static int compare_events(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->release_ns != b->release_ns)
        return a->release_ns < b->release_ns ? -1 : 1;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return a->id < b->id ? -1 : 1; /* ids grow within a port */
}

/* Time of packet i of a port; each style stresses something else. */
static int64_t draw_time_us(unsigned style, unsigned port, unsigned i, uint64_t *seed)
{
    switch (style) {
    case 0: /* two busy ports, many equal times */
        return 1000000 + i / 3;
    case 1: /* times that go back */
        return 1000000 + i * 10 + forge_random(seed) % 500;
    case 2: /* one port after the other */
        return 1000000 + port * 10 * PACKETS + i;
    case 3: /* long bursts by turns */
        return 1000000 + (i / 500 * 2 + port) * 500 + i % 500;
    default: /* a single packet from the far future, early */
        return 1000000 + (i == 100 && port == 0 ? 1000000000 : i);
    }
}

/* `talks`: how many pairs of hosts. One pair: all lanes but one stay without packets. */
static void make_link(struct link *link, unsigned style, unsigned talks, unsigned count_a, unsigned count_b)
{
    uint64_t seed = 11 + style;
    memset(link, 0, sizeof *link);
    for (unsigned port = 0; port < 2; port++) {
        struct forge *f = &link->port[port];
        int64_t release_ns = 0;
        forge_pcap(f, 0xa1b2c3d4, 1);
        for (unsigned i = 0; i < (port ? count_b : count_a); i++) {
            uint8_t frame[600];
            uint32_t caplen = 46 + forge_random(&seed) % 100, id = port * 1000000 + i;
            int64_t us = draw_time_us(style, port, i, &seed);
            forge_frame(frame, caplen, (forge_random(&seed) % talks) * 2 + port);
            memcpy(frame + 42, &id, 4);
            forge_pcap_packet(f, (uint32_t)(us / 1000000), (uint32_t)(us % 1000000), frame, caplen, caplen);
            release_ns = us * 1000 > release_ns ? us * 1000 : release_ns;
            const struct weir_packet packet = {.data = frame, .caplen = caplen, .wirelen = caplen, .link = 1};
            link->event[link->count++] = (struct event){.ts_ns = us * 1000,
                                                        .release_ns = release_ns,
                                                        .id = id,
                                                        .hash = weir_lane_hash(&packet),
                                                        .caplen = caplen,
                                                        .port = (uint8_t)port};
        }
        link->path[port] = forge_path(f);
    }
    qsort(link->event, link->count, sizeof *link->event, compare_events);
}

static void free_link(struct link *link)
{
    forge_free(&link->port[0]);
    forge_free(&link->port[1]);
}

static struct weir_source *open_link(struct link *link, unsigned lanes, const struct weir_files_size *size)
{
    struct weir_source *source;
    struct weir_error error;
    const struct weir_source_config config = {
        .files = {&link->path[0], &link->path[1]}, .file_count = {1, 1}, .ports = 2, .lanes = lanes, .lane_hash = weir_lane_hash};
    if (weir_files_open(&config, size, &source, &error))
        fail_msg("%s", error.text);
    return source;
}

struct lane_run {
    const struct link *link;
    struct weir_source *source;
    unsigned lane, lanes;
    unsigned dawdle;   /* yields after each burst */
    unsigned idle;     /* bursts without a packet */
    int64_t clock_ns;  /* at the end */
    const char *fault; /* NULL: none. (cmocka's assertions belong to the main thread.) */
};

static void *run_lane(void *argument)
{
    struct lane_run *run = argument;
    struct weir_burst burst;
    int64_t clock_ns = 0;
    unsigned next = 0; /* in link->event */
    for (;;) {
        weir_source_burst(run->source, run->lane, &burst);
        for (unsigned i = 0; i < burst.count; i++) {
            const struct weir_packet *packet = &burst.packet[i];
            while (next < run->link->count && run->link->event[next].hash % run->lanes != run->lane)
                next++;
            if (next == run->link->count)
                return run->fault = "a packet too many", NULL;
            const struct event *want = &run->link->event[next++];
            uint32_t id;
            memcpy(&id, packet->data + 42, 4);
            if (id != want->id || packet->ts_ns != want->ts_ns || packet->release_ns != want->release_ns ||
                packet->caplen != want->caplen || packet->port != want->port)
                return run->fault = "not the packet whose turn it is", NULL;
            if (packet->release_ns < clock_ns)
                return run->fault = "a packet that the clock had passed", NULL;
        }
        if (burst.clock_ns < clock_ns)
            return run->fault = "a clock that goes back", NULL;
        clock_ns = burst.clock_ns;
        if ((burst.state == WEIR_BURST_PACKETS) != (burst.count > 0))
            return run->fault = "a state that does not fit its packets", NULL;
        run->idle += burst.state == WEIR_BURST_IDLE;
        if (burst.state == WEIR_BURST_END)
            break;
        for (unsigned i = 0; i < run->dawdle; i++)
            sched_yield();
    }
    while (next < run->link->count && run->link->event[next].hash % run->lanes != run->lane)
        next++;
    if (next < run->link->count)
        run->fault = "a packet too few";
    run->clock_ns = clock_ns;
    return NULL;
}

static void run_lanes(struct link *link, unsigned lanes, const struct weir_files_size *size, struct lane_run run[LANES_MAX])
{
    pthread_t thread[LANES_MAX];
    struct weir_source *source = open_link(link, lanes, size);
    for (unsigned lane = 0; lane < lanes; lane++) {
        run[lane] = (struct lane_run){.link = link, .source = source, .lane = lane, .lanes = lanes, .dawdle = lane == 1 ? 20 : 0};
        assert_int_equal(pthread_create(&thread[lane], NULL, run_lane, &run[lane]), 0);
    }
    for (unsigned lane = 0; lane < lanes; lane++) {
        pthread_join(thread[lane], NULL);
        if (run[lane].fault)
            fail_msg("lane %u of %u, blocks of %u: %s", lane, lanes, size->block_bytes, run[lane].fault);
        assert_int_equal(run[lane].clock_ns, link->event[link->count - 1].release_ns);
    }
    struct weir_port_account account;
    for (unsigned port = 0; port < 2; port++) {
        weir_source_account(source, port, &account);
        assert_int_equal(account.done_bytes, link->port[port].len);
        assert_int_equal(account.total_bytes, link->port[port].len);
    }
    assert_int_equal(weir_source_status(source, NULL), WEIR_OK);
    weir_source_close(&source);
}

static void every_lane_sees_its_part_of_one_order(void **state)
{
    (void)state;
    static struct link link;
    const unsigned lanes[] = {1, 2, 4, 7};
    const struct weir_files_size sizes[] = {{.block_bytes = 1024, .blocks = 1},
                                            {.block_bytes = 1024, .blocks = 2},
                                            {.block_bytes = 5000, .blocks = 3},
                                            {.block_bytes = WEIR_BLOCK_BYTES, .blocks = 0}};
    struct lane_run run[LANES_MAX];
    for (unsigned style = 0; style < 5; style++) {
        make_link(&link, style, 200, PACKETS, PACKETS);
        for (unsigned l = 0; l < 4; l++)
            for (unsigned s = 0; s < 4; s++)
                run_lanes(&link, lanes[l], &sizes[s], run);
        free_link(&link);
    }
}

/* One talk a port: one lane or two have all packets; the others still hear how time goes by. */
static void idle_lanes_are_told_the_time(void **state)
{
    (void)state;
    static struct link link;
    struct lane_run run[LANES_MAX];
    make_link(&link, 1, 1, PACKETS, PACKETS);
    run_lanes(&link, 4, &(struct weir_files_size){.block_bytes = 2048, .blocks = 2}, run);
    bool owner[4] = {false};
    for (size_t i = 0; i < link.count; i++)
        owner[link.event[i].hash % 4] = true;
    for (unsigned lane = 0; lane < 4; lane++)
        if (!owner[lane])
            assert_in_range(run[lane].idle, PACKETS * 100 / 2048, 4 * PACKETS);
    free_link(&link);
}

static void uneven_ports(void **state)
{
    (void)state;
    static struct link link;
    struct lane_run run[LANES_MAX];
    const unsigned counts[][2] = {{0, 500}, {500, 0}, {1, PACKETS}, {PACKETS, 1}, {64, 65}, {63, 0}};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (unsigned style = 0; style < 5; style++) {
            make_link(&link, style, 50, counts[i][0], counts[i][1]);
            for (unsigned lanes = 1; lanes <= 3; lanes++)
                run_lanes(&link, lanes, &(struct weir_files_size){.block_bytes = 1024, .blocks = 1}, run);
            free_link(&link);
        }
    }
}

static void counts_packets(void **state)
{
    (void)state;
    static struct link link;
    struct weir_port_account account;
    struct walker w = {0};
    make_link(&link, 1, 50, 1000, 10);
    w.source = open_link(&link, 1, &weir_files_default_size);
    while (walker_next(&w))
        ;
    for (unsigned port = 0; port < 2; port++) {
        uint64_t seen = 0, bytes = 0, backward = 0;
        int64_t first = INT64_MAX, last = 0, previous = 0;
        for (uint32_t id = port * 1000000; seen < (port ? 10 : 1000); id++) {
            for (unsigned i = 0; i < link.count; i++) {
                const struct event *event = &link.event[i];
                if (event->id != id)
                    continue;
                seen++;
                bytes += event->caplen;
                backward += event->ts_ns < previous;
                previous = event->ts_ns;
                first = event->ts_ns < first ? event->ts_ns : first;
                last = event->ts_ns > last ? event->ts_ns : last;
            }
        }
        weir_source_account(w.source, port, &account);
        assert_int_equal(account.seen, seen);
        assert_int_equal(account.offered, seen);
        assert_int_equal(account.bytes, bytes);
        assert_int_equal(account.backward, backward);
        assert_int_equal(account.first_ns, first);
        assert_int_equal(account.last_ns, last);
        assert_int_equal(account.lost_nic + account.lost_softnet + account.lost_ring + account.late + account.filtered, 0);
        if (port == 0)
            assert_true(backward > 0);
    }
    weir_source_account(w.source, 2, &account);
    assert_int_equal(account.seen, 0);
    weir_source_close(&w.source);
    free_link(&link);
}

/* Files of one port, one after the other, of several formats; damage ends the port there, and the other port goes on. */
static void reads_consecutive_files(void **state)
{
    (void)state;
    struct forge part[3] = {{0}}, other = {0};
    uint8_t frame[60];
    const char *paths[3], *other_path;
    for (uint32_t i = 0; i < 3; i++) {
        if (i == 1) {
            part[i].swapped = true;
            forge_section(&part[i]);
            forge_interface(&part[i], 1, 0, 6, 0);
        } else {
            forge_pcap(&part[i], 0xa1b2c3d4, 1);
        }
        for (uint32_t k = 0; k < 10; k++) {
            forge_frame(frame, sizeof frame, k);
            if (i == 1)
                forge_enhanced(&part[i], 0, (i * 10 + k) * 1000000, frame, 60, 60);
            else
                forge_pcap_packet(&part[i], i * 10 + k, 0, frame, 60, 60);
        }
        paths[i] = forge_path(&part[i]);
    }
    forge_pcap(&other, 0xa1b2c3d4, 1);
    for (uint32_t k = 0; k < 30; k++)
        forge_pcap_packet(&other, k, 0, frame, 60, 60);
    other_path = forge_path(&other);
    for (unsigned damaged = 0; damaged < 2; damaged++) {
        struct weir_source_config config = {
            .files = {paths, &other_path}, .file_count = {3, 1}, .ports = 2, .lanes = 1, .filter = NULL};
        struct walker w = {0};
        struct weir_error error;
        if (damaged)
            paths[1] = forge_path_of(&part[1], part[1].bytes, part[1].len - 6);
        assert_int_equal(weir_files_open(&config, &(struct weir_files_size){.block_bytes = 700, .blocks = 2}, &w.source, &error),
                         WEIR_OK);
        for (uint32_t k = 0; k < 30; k++) {
            const struct weir_packet *packet;
            for (unsigned port = damaged && k >= 19; port < 2; port++) {
                packet = walker_next(&w);
                assert_non_null(packet);
                assert_int_equal(packet->port, port);
                assert_int_equal(packet->ts_ns, k * INT64_C(1000000000));
            }
        }
        assert_null(walker_next(&w));
        assert_int_equal(weir_source_status(w.source, &error), damaged ? WEIR_ERR_FORMAT : WEIR_OK);
        if (damaged) {
            assert_int_equal(strncmp(error.text, paths[1], strlen(paths[1])), 0);
            assert_non_null(strstr(error.text, "9 packets before it were read"));
        }
        weir_source_close(&w.source);
    }
    /* A later file without a capture header is told at once. */
    struct weir_source *source;
    struct weir_error error;
    const struct weir_source_config config = {.files = {paths}, .file_count = {3}, .ports = 1, .lanes = 1};
    paths[2] = forge_path_of(&part[2], "hello, world", 12);
    assert_int_equal(weir_source_open(&config, &source, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, paths[2]));
    for (unsigned i = 0; i < 3; i++)
        forge_free(&part[i]);
    forge_free(&other);
}

/* What has been read is given out, then all lanes end, also the one that waited. */
static void stops_early(void **state)
{
    (void)state;
    static struct link link;
    make_link(&link, 0, 50, PACKETS, PACKETS);
    struct weir_source *source = open_link(&link, 2, &(struct weir_files_size){.block_bytes = 1024, .blocks = 3});
    struct weir_burst burst;
    struct weir_port_account account[2];
    uint64_t given = 0;
    weir_source_burst(source, 0, &burst);
    given += burst.count;
    weir_source_stop(source);
    for (unsigned lane = 0; lane < 2; lane++) {
        do {
            weir_source_burst(source, lane, &burst);
            given += burst.count;
        } while (burst.state != WEIR_BURST_END);
    }
    weir_source_burst(source, 0, &burst); /* stays at the end */
    assert_int_equal(burst.state, WEIR_BURST_END);
    for (unsigned port = 0; port < 2; port++)
        weir_source_account(source, port, &account[port]);
    assert_int_equal(given, account[0].seen + account[1].seen);
    assert_in_range(given, 1, 100);
    assert_int_equal(weir_source_status(source, NULL), WEIR_OK);
    weir_source_close(&source);
    free_link(&link);
}

/* Cut while it is being read: what is left is read, the damage is told, nothing crashes. */
static void survives_a_file_that_shrinks(void **state)
{
    (void)state;
    static struct link link;
    struct weir_error error;
    struct walker w = {0};
    make_link(&link, 0, 50, PACKETS, 0);
    w.source = open_link(&link, 1, &(struct weir_files_size){.block_bytes = 4096, .blocks = 1});
    assert_non_null(walker_next(&w));
    assert_int_equal(ftruncate(link.port[0].fd, 10001), 0);
    unsigned count = 1;
    while (walker_next(&w))
        count++;
    assert_in_range(count, 40, 170);
    assert_int_equal(weir_source_status(w.source, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "cut short"));
    weir_source_close(&w.source);
    free_link(&link);
}

static void refuses_misuse(void **state)
{
    (void)state;
    struct weir_error error;
    struct weir_source *source = NULL;
    struct weir_burst burst;
    const char *twice[] = {"-", "-"};
    const struct weir_source_config bad[] = {{.ports = 0, .lanes = 1},
                                             {.ports = 3, .lanes = 1},
                                             {.ports = 1, .lanes = 0},
                                             {.files = {twice}, .file_count = {1}, .ports = 1, .lanes = 2},
                                             {.ports = 1, .lanes = WEIR_LANES_MAX + 1},
                                             {.ports = 1, .lanes = 1},
                                             {.files = {twice}, .file_count = {2}, .ports = 1, .lanes = 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(weir_source_open(&bad[i], &source, &error), WEIR_ERR_ARGUMENT);
        assert_null(source);
    }
    weir_source_close(&source);
    static struct link link;
    make_link(&link, 0, 1, 1, 1);
    source = open_link(&link, 2, &weir_files_default_size);
    assert_int_equal(weir_source_burst(source, 2, &burst), WEIR_ERR_ARGUMENT);
    weir_source_close(&source);
    assert_null(source);
    free_link(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lane_sees_its_part_of_one_order),
        cmocka_unit_test(idle_lanes_are_told_the_time),
        cmocka_unit_test(uneven_ports),
        cmocka_unit_test(counts_packets),
        cmocka_unit_test(reads_consecutive_files),
        cmocka_unit_test(stops_early),
        cmocka_unit_test(survives_a_file_that_shrinks),
        cmocka_unit_test(refuses_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
