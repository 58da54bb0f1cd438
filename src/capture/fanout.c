#include "capture/fanout.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/fanout_code.h"

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000 /* missing in Debian 12's headers */
#endif

weir_err weir_fanout_load(const char *interface, uint16_t link, int *fd, struct weir_error *error)
{
    enum { INSTRUCTIONS = sizeof fanout_code / sizeof *fanout_code };
    struct bpf_insn code[1 + INSTRUCTIONS] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = link}};
    memcpy(code + 1, fanout_code, sizeof fanout_code);
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (uintptr_t)code;
    attr.insn_cnt = 1 + INSTRUCTIONS;
    attr.license = (uintptr_t) "Apache-2.0"; /* the helpers it calls ask for no other */
    snprintf(attr.prog_name, sizeof attr.prog_name, "weir_lane");
    *fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
    if (*fd >= 0)
        return WEIR_OK;
    if (errno == EPERM)
        return weir_fail(
            error, WEIR_ERR_PERMISSION,
            "%s: more than one lane needs an eBPF program and so CAP_BPF: run as root, give the program the right (setcap "
            "cap_net_raw,cap_net_admin,cap_bpf+ep PROGRAM), or take --lanes 1",
            interface);
    return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                     "%s: the kernel refuses the eBPF program that spreads packets over lanes: %s; take --lanes 1", interface,
                     strerror(errno));
}

weir_err weir_fanout_join(const char *interface, bool loopback, int program, const int *sockets, unsigned count,
                          struct weir_error *error)
{
    /* The group takes packets in place of its sockets, so what a socket ignores counts no more. */
    uint32_t mode = PACKET_FANOUT_EBPF | (loopback ? PACKET_FANOUT_FLAG_IGNORE_OUTGOING : 0);

    /* The first socket lets the kernel choose a number that no other group has. */
    const char *step = "joining a fanout group";
    uint32_t group = (mode | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    bool good = !setsockopt(sockets[0], SOL_PACKET, PACKET_FANOUT, &group, sizeof group);
    socklen_t size = sizeof group;
    good = good && !getsockopt(sockets[0], SOL_PACKET, PACKET_FANOUT, &group, &size);
    group = (group & 0xffff) | mode << 16;
    for (unsigned i = 1; good && i < count; i++)
        good = !setsockopt(sockets[i], SOL_PACKET, PACKET_FANOUT, &group, sizeof group);
    if (good) {
        step = "setting a fanout group's program";
        good = !setsockopt(sockets[0], SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program);
    }
    return good ? WEIR_OK : weir_fail(error, WEIR_ERR_IO, "%s: %s: %s; take --lanes 1", interface, step, strerror(errno));
}
