#include "cli/service.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"

static const int64_t status_ns = 10 * (int64_t)1000000000;

struct weir_progress weir_progress_of(const struct weir_account *account)
{
    struct weir_progress progress = {.batched = account->rows.batched, .scored = account->rows.scored};
    if (account->remote.used) /* that nobody judges or keeps what is sent is not for this process to end */
        progress.scored = progress.batched;
    for (unsigned p = 0; p < account->ports && !account->remote.full; p++) {
        progress.seen += account->port[p].seen;
        progress.lost += account->port[p].lost_ring;
    }
    return progress;
}

bool weir_progress_alive(const struct weir_progress *before, const struct weir_progress *now)
{
    bool scoring = before->batched <= before->scored || now->scored > before->scored;
    bool reading = now->lost <= before->lost || now->seen > before->seen;
    return scoring && reading;
}

void weir_service_ready(struct weir_service *service, const char *what)
{
    *service = (struct weir_service){.next_ns = INT64_MAX, .alive = true};
    if (!weir_notify("READY=1\nSTATUS=%s", what))
        return;
    int64_t watchdog_ns = weir_notify_watchdog_ns();
    service->watchdog = watchdog_ns > 0;
    service->period_ns = service->watchdog && watchdog_ns / 3 < status_ns ? watchdog_ns / 3 : status_ns;
    service->next_ns = weir_clock_mono_ns() + service->period_ns;
}

void weir_service_beat(struct weir_service *service, const struct weir_account *account)
{
    struct weir_progress now = weir_progress_of(account);
    bool alive = weir_progress_alive(&service->last, &now);
    if (service->alive && !alive)
        weir_log(WEIR_LOG_WARNING, "%" PRIu64 " rows wait and none is scored, or packets come and none is read%s",
                 now.batched - now.scored, service->watchdog ? "; the watchdog ends this run if that goes on" : "");
    char not_kept[64] = "";
    if (account->remote.used)
        snprintf(not_kept, sizeof not_kept, "; %" PRIu64 " batches wait for the collector", account->remote.outbox.held);
    if (weir_account_not_kept(account))
        snprintf(not_kept, sizeof not_kept, "; %" PRIu64 " verdicts not kept", weir_account_not_kept(account));
    weir_notify("%sSTATUS=%s%" PRIu64 " packets, %" PRIu64 " lost; %" PRIu64 " records, %" PRIu64 " active flows; %" PRIu64
                " alerts%s",
                alive ? "WATCHDOG=1\n" : "", alive ? "" : "stands still: ", now.seen, now.lost, weir_account_records(account),
                account->meter.flows_active, account->alerts, not_kept);
    service->alive = alive;
    service->last = now;
    service->next_ns = weir_clock_mono_ns() + service->period_ns;
}

void weir_service_stopping(const char *why)
{
    weir_notify("STOPPING=1\nSTATUS=%s", why);
}
