/* What a port makes of the interface's counters: the test answers in the kernel's place, over a pair of sockets. The host's
 * backlog counters are the real ones; what the port began with is set below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/port.h"

enum { INDEX = 7 };

static char backlog[] = "/tmp/weir-test-port-XXXXXX";

struct bench {
    struct weir_port port;
    int kernel;
};

/* The file of the host's counters, one line a processor. */
static void set_backlog(uint64_t one, uint64_t other)
{
    FILE *file = fopen(backlog, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 2; i++)
        fprintf(file, "00946e77 %08llx 00000004 00000000 00000000\n", (unsigned long long)(i ? other : one));
    assert_int_equal(fclose(file), 0);
}

static struct bench make(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    return (struct bench){
        .port = {.name = "tap0", .index = INDEX, .backlog = backlog, .control = -1, .netlink = ends[0], .state = WEIR_PORT_UP},
        .kernel = ends[1]};
}

static void unmake(struct bench *bench)
{
    char request[256];
    assert_int_equal(recv(bench->kernel, request, sizeof request, 0), NLMSG_LENGTH(sizeof(struct ifinfomsg)));
    const struct ifinfomsg *info = NLMSG_DATA((struct nlmsghdr *)request);
    assert_int_equal(info->ifi_index, INDEX);
    close(bench->kernel);
    close(bench->port.netlink);
}

/* The answer to the port's next question: flags, and the first `bytes` of the statistics behind an attribute of no interest. */
static void answer(struct bench *bench, unsigned flags, const struct rtnl_link_stats64 *stats, size_t bytes)
{
    _Alignas(struct nlmsghdr) char reply[1024] = {0};
    struct nlmsghdr *head = (struct nlmsghdr *)reply;
    struct ifinfomsg *info = NLMSG_DATA(head);
    *info = (struct ifinfomsg){.ifi_type = 1, .ifi_index = INDEX, .ifi_flags = flags};
    struct rtattr *name = IFLA_RTA(info);
    *name = (struct rtattr){.rta_len = RTA_LENGTH(5), .rta_type = IFLA_IFNAME};
    memcpy(RTA_DATA(name), "tap0", 5);
    struct rtattr *counters = (struct rtattr *)((char *)name + RTA_ALIGN(name->rta_len));
    *counters = (struct rtattr){.rta_len = (unsigned short)RTA_LENGTH(bytes), .rta_type = IFLA_STATS64};
    memcpy(RTA_DATA(counters), stats, bytes);
    *head = (struct nlmsghdr){.nlmsg_type = RTM_NEWLINK,
                              .nlmsg_len = (unsigned)((char *)counters + RTA_ALIGN(counters->rta_len) - reply)};
    assert_int_equal(send(bench->kernel, reply, head->nlmsg_len, 0), head->nlmsg_len);
}

static void answer_error(struct bench *bench, int number)
{
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
    } reply = {.head = {.nlmsg_len = sizeof reply, .nlmsg_type = NLMSG_ERROR}, .error = {.error = -number}};
    assert_int_equal(send(bench->kernel, &reply, sizeof reply, 0), sizeof reply);
}

static void buffers_that_ran_out_are_losses_of_the_interface(void **state)
{
    (void)state;
    struct bench bench = make();
    bench.port.base_missed = 100;
    bench.port.past_nic = 3; /* of an interface before it */
    const struct rtnl_link_stats64 stats = {.rx_packets = 9, .rx_missed_errors = 60, .rx_fifo_errors = 70, .rx_errors = 1000};
    answer(&bench, IFF_UP | IFF_RUNNING, &stats, sizeof stats);
    weir_port_refresh(&bench.port);
    assert_int_equal(bench.port.lost_nic, 3 + 30);
    assert_int_equal(bench.port.lost_softnet, 0);
    unmake(&bench);
}

static void backlog_losses_are_what_both_counters_say(void **state)
{
    (void)state;
    /* since the port was opened: drops of the interface, of the host, and what is to come out */
    static const uint64_t cases[][3] = {{0, 0, 0}, {8, 0, 0}, {0, 5, 0}, {8, 5, 5}, {5, 8, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench = make();
        bench.port.base_dropped = 40;
        bench.port.past_softnet = 2;
        bench.port.base_softnet = 0x1010;
        set_backlog(0x10 + cases[i][1] / 2, 0x1000 + cases[i][1] - cases[i][1] / 2);
        const struct rtnl_link_stats64 stats = {.rx_dropped = 40 + cases[i][0]};
        answer(&bench, IFF_UP | IFF_RUNNING, &stats, sizeof stats);
        weir_port_refresh(&bench.port);
        assert_int_equal(bench.port.lost_softnet, 2 + cases[i][2]);
        assert_int_equal(bench.port.lost_nic, 0);
        unmake(&bench);
    }
}

static void states_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        unsigned flags;
        enum weir_port_state state;
    } cases[] = {
        {IFF_UP | IFF_RUNNING, WEIR_PORT_UP}, {IFF_UP, WEIR_PORT_DOWN}, {IFF_RUNNING, WEIR_PORT_DOWN}, {0, WEIR_PORT_DOWN}};
    const struct rtnl_link_stats64 stats = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench = make();
        answer(&bench, cases[i].flags, &stats, sizeof stats);
        weir_port_refresh(&bench.port);
        assert_int_equal(bench.port.state, cases[i].state);
        unmake(&bench);
    }
}

static void without_an_answer_the_counters_stay(void **state)
{
    (void)state;
    static const int numbers[] = {ENODEV, ENOMEM};
    for (unsigned i = 0; i < 2; i++) {
        struct bench bench = make();
        bench.port.lost_nic = 11;
        bench.port.lost_softnet = 12;
        answer_error(&bench, numbers[i]);
        weir_port_refresh(&bench.port);
        assert_int_equal(bench.port.state, numbers[i] == ENODEV ? WEIR_PORT_GONE : WEIR_PORT_UP);
        assert_int_equal(bench.port.lost_nic, 11);
        assert_int_equal(bench.port.lost_softnet, 12);
        unmake(&bench);
    }
}

static void older_kernels_have_fewer_counters(void **state)
{
    (void)state;
    struct bench bench = make();
    const struct rtnl_link_stats64 stats = {.rx_dropped = 5, .rx_fifo_errors = 6, .rx_missed_errors = 7};
    answer(&bench, IFF_UP | IFF_RUNNING, &stats, offsetof(struct rtnl_link_stats64, rx_fifo_errors));
    weir_port_refresh(&bench.port);
    assert_int_equal(bench.port.lost_nic, 0);
    unmake(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_that_ran_out_are_losses_of_the_interface),
        cmocka_unit_test(backlog_losses_are_what_both_counters_say),
        cmocka_unit_test(states_are_told_apart),
        cmocka_unit_test(without_an_answer_the_counters_stay),
        cmocka_unit_test(older_kernels_have_fewer_counters),
    };
    int file = mkstemp(backlog);
    if (file < 0)
        return 1;
    close(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(backlog);
    return failed;
}
