/* Tunnels: from L4 to the IP packet inside. */
#include "decode/walk_internal.h"

enum weir__tunnel weir__tunnel_enter(struct weir__walk *walk)
{
    return WEIR__TUNNEL_NONE;
}
