/* What the service manager is told: datagrams to $NOTIFY_SOCKET (sd_notify(3)). Without a service manager nothing is sent and
 * nothing fails. Any thread, as long as none changes the environment. Waits while the manager's socket is full. */
#ifndef WEIR_BASE_NOTIFY_H
#define WEIR_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Sends "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1" or several of them, one a line; at most 1,023 bytes, the rest is cut.
 * False when nobody listens ($NOTIFY_SOCKET is not set) or the datagram could not be sent. */
bool weir_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* RELOADING=1 with the time that systemd wants beside it. READY=1 follows when the reload is over, whether it worked or not. */
bool weir_notify_reloading(void);

/* The time within which WATCHDOG=1 is expected from this process ($WATCHDOG_USEC, $WATCHDOG_PID); 0: it is not. */
int64_t weir_notify_watchdog_ns(void);

#endif
