#include "capture/port.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* GRO has commands of its own; LRO and VLAN are bits of one set of flags. */
static const struct {
    const char *name;
    uint32_t get, set, flag;
    bool aggregates;
} offload[WEIR_OFFLOADS] = {
    {"generic receive offload (gro)", ETHTOOL_GGRO, ETHTOOL_SGRO, 1, true},
    {"large receive offload (lro)", ETHTOOL_GFLAGS, ETHTOOL_SFLAGS, ETH_FLAG_LRO, true},
    {"VLAN offload (rxvlan)", ETHTOOL_GFLAGS, ETHTOOL_SFLAGS, ETH_FLAG_RXVLAN, false},
};

struct facts {
    unsigned type, flags;
    uint64_t dropped, missed;
};

static bool ethtool(const struct weir_port *port, uint32_t command, uint32_t *value)
{
    struct ethtool_value request = {.cmd = command, .data = *value};
    struct ifreq interface = {.ifr_data = (char *)&request};
    if (!if_indextoname((unsigned)port->index, interface.ifr_name) || ioctl(port->control, SIOCETHTOOL, &interface))
        return false;
    *value = request.data;
    return true;
}

static bool is_on(const struct weir_port *port, unsigned i)
{
    uint32_t value = 0;
    return ethtool(port, offload[i].get, &value) && value & offload[i].flag;
}

static bool turn(const struct weir_port *port, unsigned i, bool on)
{
    uint32_t value = 0;
    if (!ethtool(port, offload[i].get, &value))
        return false;
    value = on ? value | offload[i].flag : value & ~offload[i].flag;
    return ethtool(port, offload[i].set, &value) && is_on(port, i) == on;
}

static void turn_offloads_off(struct weir_port *port)
{
    for (unsigned i = 0; i < WEIR_OFFLOADS; i++) {
        if (!is_on(port, i))
            continue;
        if (turn(port, i, false)) {
            port->turned_off |= 1u << i;
        } else if (offload[i].aggregates) {
            port->aggregated = true;
            weir_log(WEIR_LOG_WARNING,
                     "%s: cannot turn %s off: %s; packets may come put together, the run is marked aggregated (it needs "
                     "CAP_NET_ADMIN, or turn it off with ethtool -K)",
                     port->name, offload[i].name, strerror(errno));
        }
    }
}

/* In the keeper: the port's sockets are closed there. An interface that is gone needs nothing. */
static void restore_offloads(void *context)
{
    struct weir_port port = *(const struct weir_port *)context;
    char name[IF_NAMESIZE];
    port.control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* any socket passes ethtool's calls on */
    for (unsigned i = 0; i < WEIR_OFFLOADS; i++)
        if (port.turned_off & 1u << i && !turn(&port, i, true) && if_indextoname((unsigned)port.index, name))
            weir_log(WEIR_LOG_WARNING, "%s: cannot turn %s on again: %s; do it with ethtool -K", name, offload[i].name,
                     strerror(errno));
}

/* Asks the kernel for the interface by its index. 0, or an error number: ENODEV, it is gone. */
static int ask(const struct weir_port *port, struct facts *facts)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
                 .info = {.ifi_family = AF_UNSPEC, .ifi_index = port->index}};
    _Alignas(struct nlmsghdr) char reply[32768];
    if (send(port->netlink, &request, sizeof request, 0) < 0)
        return errno;
    ssize_t bytes = recv(port->netlink, reply, sizeof reply, 0);
    if (bytes < 0)
        return errno;
    const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
    if (NLMSG_OK(header, (size_t)bytes) && header->nlmsg_type == NLMSG_ERROR)
        return -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
    if (!NLMSG_OK(header, (size_t)bytes) || header->nlmsg_type != RTM_NEWLINK)
        return EBADMSG;
    const struct ifinfomsg *info = NLMSG_DATA(header);
    *facts = (struct facts){.type = info->ifi_type, .flags = info->ifi_flags};
    size_t left = IFLA_PAYLOAD(header);
    for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        struct rtnl_link_stats64 stats = {0};
        if (a->rta_type != IFLA_STATS64)
            continue;
        memcpy(&stats, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof stats ? RTA_PAYLOAD(a) : sizeof stats);
        facts->dropped = stats.rx_dropped;
        facts->missed = stats.rx_missed_errors + stats.rx_fifo_errors;
    }
    return 0;
}

/* Packets that the host's backlog queues dropped, all interfaces, since it started. */
static uint64_t softnet_dropped(const struct weir_port *port)
{
    uint64_t total = 0, dropped;
    char line[512];
    FILE *file = fopen(port->backlog, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%*x %" SCNx64, &dropped) == 1)
            total += dropped;
    if (file)
        fclose(file);
    return total;
}

static enum weir_port_state state_of(unsigned flags)
{
    return flags & IFF_UP && flags & IFF_RUNNING ? WEIR_PORT_UP : WEIR_PORT_DOWN;
}

static bool set_link(struct weir_port *port, unsigned type)
{
    enum { ETHERNET = 1, RAW_IP = 101, ARPHRD_OF_RAW_IP = 519, ARPHRD_OF_TUN = 0xfffe };

    port->loopback = type == ARPHRD_LOOPBACK;
    if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK)
        port->link = ETHERNET;
    else if (type == ARPHRD_OF_TUN || type == ARPHRD_OF_RAW_IP)
        port->link = RAW_IP;
    else
        return false;
    return true;
}

static void count_from(struct weir_port *port, const struct facts *facts)
{
    port->state = state_of(facts->flags);
    port->base_dropped = facts->dropped;
    port->base_missed = facts->missed;
    port->base_softnet = softnet_dropped(port);
}

static weir_err open_port(struct weir_port *port, struct weir_error *error)
{
    struct facts facts;
    port->control = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (port->control < 0 && (errno == EPERM || errno == EACCES))
        return weir_fail(
            error, WEIR_ERR_PERMISSION,
            "%s: capturing needs CAP_NET_RAW, which this process does not have: run as root, or give the program the "
            "rights: setcap cap_net_raw,cap_net_admin,cap_bpf+ep PROGRAM",
            port->name);
    port->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (port->control < 0 || port->netlink < 0)
        return weir_fail(error, WEIR_ERR_IO, "%s: opening sockets: %s", port->name, strerror(errno));
    port->index = (int)if_nametoindex(port->name);
    if (!port->index || ask(port, &facts))
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: there is no such interface; `ip link` lists them", port->name);
    if (!set_link(port, facts.type))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%s: an interface of type %u; weir captures from Ethernet, loopback and raw IP (tun) interfaces",
                         port->name, facts.type);
    if (!(facts.flags & IFF_UP))
        return weir_fail(error, WEIR_ERR_CLOSED, "%s: the interface is down; set it up: ip link set %s up", port->name,
                         port->name);
    count_from(port, &facts);
    if (!port->loopback)
        turn_offloads_off(port);
    return port->turned_off ? weir_keeper_start(CAP_NET_ADMIN, restore_offloads, port, &port->keeper, error) : WEIR_OK;
}

weir_err weir_port_open(const char *name, struct weir_port *port, struct weir_error *error)
{
    *port = (struct weir_port){.name = name, .backlog = "/proc/net/softnet_stat", .control = -1, .netlink = -1};
    weir_err result = open_port(port, error);
    if (result)
        weir_port_close(port);
    return result;
}

void weir_port_close(struct weir_port *port)
{
    weir_keeper_end(&port->keeper);
    if (port->control >= 0)
        close(port->control);
    if (port->netlink >= 0)
        close(port->netlink);
    port->control = port->netlink = -1;
}

static uint64_t since(uint64_t now, uint64_t base)
{
    return now > base ? now - base : 0;
}

bool weir_port_reopen(struct weir_port *port)
{
    struct weir_port next = *port;
    struct facts facts;
    next.index = (int)if_nametoindex(port->name);
    if (!next.index || ask(&next, &facts) || !set_link(&next, facts.type) || next.link != port->link || !(facts.flags & IFF_UP))
        return false;
    next.past_nic = port->lost_nic;
    next.past_softnet = port->lost_softnet;
    count_from(&next, &facts);
    for (unsigned i = 0; i < WEIR_OFFLOADS; i++)
        if (offload[i].aggregates && !next.loopback && is_on(&next, i)) {
            next.aggregated = true;
            weir_log(WEIR_LOG_WARNING,
                     "%s: %s is on again; packets may come put together, the run is marked aggregated (turn it off "
                     "with ethtool -K)",
                     port->name, offload[i].name);
        }
    *port = next;
    return true;
}

void weir_port_refresh(struct weir_port *port)
{
    struct facts facts;
    if (port->state == WEIR_PORT_GONE) /* another interface may have the index or the name by now */
        return;
    int problem = ask(port, &facts);
    if (problem == ENODEV)
        port->state = WEIR_PORT_GONE;
    if (problem) /* the counters stay as they were last read */
        return;
    port->state = state_of(facts.flags);
    uint64_t dropped = since(facts.dropped, port->base_dropped), softnet = since(softnet_dropped(port), port->base_softnet);
    port->lost_softnet = port->past_softnet + (softnet < dropped ? softnet : dropped);
    port->lost_nic = port->past_nic + since(facts.missed, port->base_missed);
}
