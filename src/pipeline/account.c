#include "pipeline/account.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/log.h"

static uint64_t sum(const uint64_t *counter, size_t n)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += counter[i];
    return total;
}

void weir_meter_account_add(struct weir_meter_account *into, const struct weir_meter_account *from)
{
    into->metered += from->metered;
    if (from->ignored[WEIR_IGNORED_LINK] && (!into->ignored[WEIR_IGNORED_LINK] || from->ignored_link < into->ignored_link))
        into->ignored_link = from->ignored_link;
    for (size_t i = 0; i < WEIR_IGNORED_COUNT; i++)
        into->ignored[i] += from->ignored[i];
    for (size_t i = 0; i < WEIR_DROPPED_COUNT; i++)
        into->dropped[i] += from->dropped[i];
    weir_offset_add(&into->offset, &from->offset);
    into->flows_opened += from->flows_opened;
    into->flows_active += from->flows_active;
    for (size_t i = 0; i < WEIR_REASON_COUNT; i++) {
        into->flows_closed[i] += from->flows_closed[i];
        into->records[i] += from->records[i];
    }
}

/* How far port B's clock is ahead of port A's: the middle of where it lies. */
static double offset_us(const struct weir_offset *offset)
{
    return ((double)offset->low_ns + (double)offset->high_ns) / 2e3;
}

void weir_account_warn(const struct weir_account *account)
{
    if (weir_account_rejected(account))
        weir_log(WEIR_LOG_WARNING,
                 "%" PRIu64 " of %" PRIu64 " rows were rejected and not judged; the first is in line %" PRIu64 ": %s",
                 weir_account_rejected(account), account->ingest.rows, account->ingest.fault[0].line,
                 weir_fault_name(account->ingest.fault[0].fault));
    if (account->ingest.dateless)
        weir_log(WEIR_LOG_WARNING,
                 "%" PRIu64 " rows had times without a date, which count as of 1970-01-01; `ra -u` prints whole times",
                 account->ingest.dateless);
    if (account->meter.ignored[WEIR_IGNORED_LINK])
        weir_log(WEIR_LOG_WARNING,
                 "%" PRIu64 " packets of a link type that weir does not decode (%u; tcpdump.org/linktypes.html) were ignored",
                 account->meter.ignored[WEIR_IGNORED_LINK], account->meter.ignored_link);
    if (weir_offset_differs(&account->meter.offset))
        weir_log(WEIR_LOG_WARNING,
                 "the clocks of the two ports differ by %.0f us (+- %.0f us, by TCP handshakes): packets are merged by their "
                 "times as they are, so answers may come before questions; set the capturing machines' clocks",
                 offset_us(&account->meter.offset), (double)(account->meter.offset.high_ns - account->meter.offset.low_ns) / 2e3);
}

bool weir_account_trouble(const struct weir_account *account, char *text, size_t size)
{
    for (unsigned p = 0; p < account->ports; p++) {
        enum weir_port_state state = account->port[p].state;
        if (state == WEIR_PORT_DOWN || state == WEIR_PORT_GONE) {
            snprintf(text, size, "port %c: %s %s", "AB"[p], account -> port[p].interface,
                     state == WEIR_PORT_DOWN ? "is down or has no carrier" : "was removed");
            return true;
        }
    }
    return false;
}

uint64_t weir_account_records(const struct weir_account *account)
{
    if (account->collected.used)
        return account->rows.scored;
    return sum(account->meter.records, WEIR_REASON_COUNT);
}

static uint64_t seen(const struct weir_account *account)
{
    uint64_t total = 0;
    for (unsigned p = 0; p < account->ports; p++)
        total += account->port[p].seen;
    return total;
}

uint64_t weir_account_rejected(const struct weir_account *account)
{
    return sum(account->ingest.rejected, WEIR_FAULT_COUNT);
}

bool weir_account_check(const struct weir_account *account, char *why, size_t size)
{
    const struct weir_meter_account *m = &account->meter;
    if (account->inferred.used)
        return weir_inferred_check(&account->inferred, why, size);
    for (unsigned p = 0; p < account->ports; p++) {
        const struct weir_port_account *port = &account->port[p];
        uint64_t lost = port->lost_nic + port->lost_softnet + port->lost_ring;
        if (port->offered != lost + port->seen) {
            snprintf(why, size, "port %c: offered %" PRIu64 " != lost %" PRIu64 " + seen %" PRIu64, "AB"[p], port -> offered,
                     lost, port -> seen);
            return false;
        }
    }
    uint64_t ignored = sum(m->ignored, WEIR_IGNORED_COUNT), dropped = sum(m->dropped, WEIR_DROPPED_COUNT);
    if (seen(account) != m->metered + ignored + dropped) {
        snprintf(why, size, "packets: seen %" PRIu64 " != metered %" PRIu64 " + ignored %" PRIu64 " + dropped %" PRIu64,
                 seen(account), m->metered, ignored, dropped);
        return false;
    }
    uint64_t closed = sum(m->flows_closed, WEIR_REASON_COUNT);
    if (m->flows_opened != closed + m->flows_active) {
        snprintf(why, size, "flows: opened %" PRIu64 " != closed %" PRIu64 " + active %" PRIu64, m->flows_opened, closed,
                 m->flows_active);
        return false;
    }
    uint64_t records = weir_account_records(account);
    uint64_t shed = sum(account->rows.shed, WEIR_SHED_COUNT), refused = weir_account_rejected(account);
    if (account->ingest.rows != m->records[WEIR_REASON_INGESTED] + refused) {
        snprintf(why, size, "ingest: rows %" PRIu64 " != ingested %" PRIu64 " + rejected %" PRIu64, account->ingest.rows,
                 m->records[WEIR_REASON_INGESTED], refused);
        return false;
    }
    if (records != account->rows.batched + shed + account->rows.unscored) {
        snprintf(why, size, "records: %" PRIu64 " != batched %" PRIu64 " + shed %" PRIu64 " + unscored %" PRIu64, records,
                 account->rows.batched, shed, account->rows.unscored);
        return false;
    }
    if (account->remote.used && !weir_remote_check(&account->remote, account->rows.batched, why, size))
        return false;
    if (account->remote.used && !account->remote.here)
        return true;
    if (account->rows.batched != account->rows.scored + account->remote.outbox.held_rows + account->remote.refused_rows) {
        snprintf(why, size, "rows: batched %" PRIu64 " != scored %" PRIu64, account->rows.batched, account->rows.scored);
        return false;
    }
    const uint64_t rejected = sum(account->store.rejected, WEIR_REJECTED_COUNT);
    const uint64_t withheld = account->store.withheld + account->store.degraded;
    if (account->rows.scored != account->store.committed + withheld + rejected) {
        snprintf(why, size, "store: scored %" PRIu64 " != committed %" PRIu64 " + withheld %" PRIu64 " + rejected %" PRIu64,
                 account->rows.scored, account->store.committed, withheld, rejected);
        return false;
    }
    return !account->collected.used || weir_collected_check(&account->collected, why, size);
}

static void lower(uint64_t *counter, uint64_t *by)
{
    uint64_t n = *by < *counter ? *by : *counter;
    *counter -= n;
    *by -= n;
}

void weir_account_settle(struct weir_account *account)
{
    if (account->rows.scored > account->rows.batched)
        account->rows.scored = account->rows.batched;
    const uint64_t done = account->store.committed + weir_account_not_kept(account);
    uint64_t ahead = done > account->rows.scored ? done - account->rows.scored : 0;
    lower(&account->store.committed, &ahead);
    lower(&account->store.withheld, &ahead);
    lower(&account->store.degraded, &ahead);
    for (size_t i = 0; i < WEIR_REJECTED_COUNT; i++)
        lower(&account->store.rejected[i], &ahead);
}

uint64_t weir_account_not_kept(const struct weir_account *account)
{
    return account->store.withheld + account->store.degraded + sum(account->store.rejected, WEIR_REJECTED_COUNT);
}

/* {name: count, ...} of the counters that are not 0 */
static json_t *named(const uint64_t *counter, size_t n, const char *(*name)(size_t))
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++)
        if (counter[i])
            json_object_set_new(object, name(i), json_integer((json_int_t)counter[i]));
    return object;
}

static const char *ignored_name(size_t i)
{
    return weir_ignored_name((enum weir_ignored)i);
}

static const char *dropped_name(size_t i)
{
    return weir_dropped_name((enum weir_dropped)i);
}

static const char *reason_name(size_t i)
{
    return weir_reason_name((enum weir_reason)i);
}

static const char *rejected_name(size_t i)
{
    static const char *const names[] = {
        [WEIR_REJECTED_FULL] = "disk full", [WEIR_REJECTED_STORE] = "store", [WEIR_REJECTED_EVE] = "eve"};
    return names[i];
}

static const char *withheld_name(size_t i)
{
    return i ? "degraded" : "disk full";
}

static const char *shed_name(size_t i)
{
    static const char *const names[] = {
        [WEIR_SHED_AGGREGATED] = "aggregated", [WEIR_SHED_SINGLE] = "single-packet flows", [WEIR_SHED_INGESTED] = "ingested"};
    return names[i];
}

static const char *fault_name(size_t i)
{
    return weir_fault_name((enum weir_fault)i);
}

static json_t *ingest_json(const struct weir_account *account)
{
    json_t *first = json_array(), *unknown = json_object();
    for (unsigned i = 0; i < account->ingest.faults; i++) {
        const struct weir_account_fault *fault = &account->ingest.fault[i];
        json_array_append_new(first, json_pack("{s:I,s:s,s:s}", "line", (json_int_t)fault->line, "reason",
                                               weir_fault_name(fault->fault), "text", fault->text));
    }
    for (unsigned i = 0; i < WEIR_UNKNOWN_SHOWN && account->ingest.unknown[i].column; i++)
        json_object_set_new(unknown, account->ingest.unknown[i].column,
                            json_integer((json_int_t)account->ingest.unknown[i].cells));
    return json_pack("{s:I,s:o,s:o,s:o,s:I}", "rows", (json_int_t)account->ingest.rows, "rejected",
                     named(account->ingest.rejected, WEIR_FAULT_COUNT, fault_name), "first_rejected", first, "unknown", unknown,
                     "dateless", (json_int_t)account->ingest.dateless);
}

static json_t *microseconds(const struct weir_histogram *h)
{
    return json_pack("{s:f,s:f,s:f}", "p50", (double)weir_histogram_quantile(h, 0.5) / 1e3, "p99",
                     (double)weir_histogram_quantile(h, 0.99) / 1e3, "max", (double)h->max / 1e3);
}

static double per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

json_t *weir_account_json(const struct weir_account *account)
{
    const struct weir_meter_account *m = &account->meter;
    json_t *ports = json_array();
    for (unsigned p = 0; p < account->ports; p++) {
        const struct weir_port_account *port = &account->port[p];
        json_t *object =
            json_pack("{s:I,s:{s:I,s:I,s:I},s:I,s:I,s:I,s:I,s:I}", "offered", (json_int_t)port->offered, "lost", "nic",
                      (json_int_t)port->lost_nic, "softnet", (json_int_t)port->lost_softnet, "ring", (json_int_t)port->lost_ring,
                      "seen", (json_int_t)port->seen, "bytes", (json_int_t)port->bytes, "filtered", (json_int_t)port->filtered,
                      "backward", (json_int_t)port->backward, "late", (json_int_t)port->late);
        if (object && port->interface) {
            json_object_set_new(object, "interface", json_string(port->interface));
            json_object_set_new(object, "state", json_string(weir_port_state_name(port->state)));
            json_object_set_new(object, "aggregated", json_boolean(port->aggregated));
        }
        if (object && p == 1 && m->offset.handshakes)
            json_object_set_new(object, "clock_offset_us",
                                json_pack("{s:f,s:f,s:I}", "estimate", offset_us(&m->offset), "plus_minus",
                                          (double)(m->offset.high_ns - m->offset.low_ns) / 2e3, "handshakes",
                                          (json_int_t)m->offset.handshakes));
        json_array_append_new(ports, object);
    }
    json_t *classes = json_object();
    for (unsigned c = 0; c < WEIR_CLASSES_SHOWN && account->class_name[c][0]; c++)
        json_object_set_new(classes, account->class_name[c], json_integer((json_int_t)account->class_rows[c]));
    const uint64_t withheld[] = {account->store.withheld, account->store.degraded};
    json_t *json = json_pack(
        "{s:o,s:{s:I,s:I,s:o,s:o},s:{s:I,s:o,s:I},s:o,s:{s:I,s:I,s:o,s:I},s:{s:I,s:o,s:o},s:{s:I,s:I},s:I,s:o,s:I,"
        "s:f,s:f,s:o,s:o}",
        "ports", ports, "packets", "seen", (json_int_t)seen(account), "metered", (json_int_t)m->metered, "ignored",
        named(m->ignored, WEIR_IGNORED_COUNT, ignored_name), "dropped", named(m->dropped, WEIR_DROPPED_COUNT, dropped_name),
        "flows", "opened", (json_int_t)m->flows_opened, "closed", named(m->flows_closed, WEIR_REASON_COUNT, reason_name),
        "active", (json_int_t)m->flows_active, "records", named(m->records, WEIR_REASON_COUNT, reason_name), "rows", "batched",
        (json_int_t)account->rows.batched, "scored", (json_int_t)account->rows.scored, "shed",
        named(account->rows.shed, WEIR_SHED_COUNT, shed_name), "unscored", (json_int_t)account->rows.unscored, "store",
        "committed", (json_int_t)account->store.committed, "withheld", named(withheld, 2, withheld_name), "rejected",
        named(account->store.rejected, WEIR_REJECTED_COUNT, rejected_name), "eve", "lines", (json_int_t)account->eve.lines,
        "lost", (json_int_t)account->eve.lost, "alerts", (json_int_t)account->alerts, "classes", classes, "batches",
        (json_int_t)account->batches, "seconds", account->seconds, "flows_per_s",
        per_second(weir_account_records(account), account->seconds), "decision_us", microseconds(&account->decision_ns),
        "durable_us", microseconds(&account->durable_ns));
    if (json && account->inferred.used)
        json_object_update_new(json, weir_inferred_json(&account->inferred));
    if (json && account->remote.used)
        json_object_update_new(json, weir_remote_json(&account->remote));
    if (json) {
        json_object_set_new(json, "stages_us", weir_stages_json(&account->stages));
        json_object_set_new(json, "batch_fill", weir_stages_fill_json(&account->stages));
        json_object_set_new(json, "unexplained", json_integer((json_int_t)account->unexplained));
    }
    if (json && account->ingest.used)
        json_object_set_new(json, "ingest", ingest_json(account));
    if (json && account->publishes)
        json_object_set_new(json, "published", json_integer((json_int_t)account->published));
    if (json && account->collected.used)
        json_object_set_new(json, "collected", weir_collected_json(&account->collected));
    return json;
}

char *weir_account_text(const struct weir_account *account)
{
    json_t *json = weir_account_json(account);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* " (arp 3, link-type 1)" or "" */
static void print_reasons(FILE *to, const uint64_t *counter, size_t n, const char *(*name)(size_t))
{
    const char *before = " (";
    for (size_t i = 0; i < n; i++)
        if (counter[i]) {
            fprintf(to, "%s%s %" PRIu64, before, name(i), counter[i]);
            before = ", ";
        }
    if (before[0] == ',')
        fputc(')', to);
}

static void print_packets(FILE *to, const struct weir_account *account)
{
    const struct weir_meter_account *m = &account->meter;
    fprintf(to, "packets   seen %" PRIu64 " = metered %" PRIu64 " + ignored %" PRIu64, seen(account), m->metered,
            sum(m->ignored, WEIR_IGNORED_COUNT));
    print_reasons(to, m->ignored, WEIR_IGNORED_COUNT, ignored_name);
    fprintf(to, " + dropped %" PRIu64, sum(m->dropped, WEIR_DROPPED_COUNT));
    print_reasons(to, m->dropped, WEIR_DROPPED_COUNT, dropped_name);
    const uint64_t told = m->metered + sum(m->ignored, WEIR_IGNORED_COUNT) + sum(m->dropped, WEIR_DROPPED_COUNT);
    if (seen(account) > told) /* lanes tell every 50 ms */
        fprintf(to, " + under way %" PRIu64, seen(account) - told);
    fprintf(to, "\nflows     opened %" PRIu64 " = closed %" PRIu64, m->flows_opened, sum(m->flows_closed, WEIR_REASON_COUNT));
    print_reasons(to, m->flows_closed, WEIR_REASON_COUNT, reason_name);
    fprintf(to, " + active %" PRIu64 "\n", m->flows_active);
}

/* What the decision and the durable time are made of. */
static void print_stages(FILE *to, const struct weir_account *account)
{
    const struct weir_histogram *ns = account->stages.ns;
    if (!ns[WEIR_STAGE_BATCH].count)
        return;
    fprintf(to, "          p99 by stage: batch wait %.0f us, queue %.0f us, score %.0f us, store %.0f us; %.1f rows a batch\n",
            (double)weir_histogram_quantile(&ns[WEIR_STAGE_BATCH], 0.99) / 1e3,
            (double)weir_histogram_quantile(&ns[WEIR_STAGE_QUEUE], 0.99) / 1e3,
            (double)weir_histogram_quantile(&ns[WEIR_STAGE_SCORE], 0.99) / 1e3,
            (double)weir_histogram_quantile(&ns[WEIR_STAGE_STORE], 0.99) / 1e3,
            account->batches ? (double)account->rows.scored / (double)account->batches : 0);
}

/* How full batches were, and what was left out of them. */
static void print_batches(FILE *to, const struct weir_account *account)
{
    weir_stages_fill_print(&account->stages, to);
    if (account->unexplained)
        fprintf(to, "          %" PRIu64 " alerts were not explained, for want of time\n", account->unexplained);
}

static void print_ingest(FILE *to, const struct weir_account *account)
{
    fprintf(to, "ingest    rows %" PRIu64 " = accepted %" PRIu64 " + rejected %" PRIu64, account->ingest.rows,
            account->meter.records[WEIR_REASON_INGESTED], weir_account_rejected(account));
    print_reasons(to, account->ingest.rejected, WEIR_FAULT_COUNT, fault_name);
    fputc('\n', to);
    for (unsigned i = 0; i < account->ingest.faults; i++)
        fprintf(to, "          line %" PRIu64 " (%s): %s\n", account->ingest.fault[i].line,
                weir_fault_name(account->ingest.fault[i].fault), account->ingest.fault[i].text);
    for (unsigned i = 0; i < WEIR_UNKNOWN_SHOWN && account->ingest.unknown[i].column; i++)
        fprintf(to, "%s%s %" PRIu64, i ? ", " : "          unknown values, now missing: ", account->ingest.unknown[i].column,
                account->ingest.unknown[i].cells);
    if (account->ingest.unknown[0].column)
        fputc('\n', to);
}

static void print_time(FILE *to, const char *name, const struct weir_histogram *h)
{
    fprintf(to, "%-9s p50 %.0f us, p99 %.0f us, max %.0f us\n", name, (double)weir_histogram_quantile(h, 0.5) / 1e3,
            (double)weir_histogram_quantile(h, 0.99) / 1e3, (double)h->max / 1e3);
}

static void print_classes(const struct weir_account *account, FILE *to)
{
    const char *before = "classes  ";
    for (unsigned c = 0; c < WEIR_CLASSES_SHOWN; c++)
        if (account->class_rows[c]) {
            fprintf(to, "%s %s %" PRIu64, before, account->class_name[c], account->class_rows[c]);
            before = ",";
        }
    if (*before == ',')
        fputc('\n', to);
}

/* What a backend has made of the rows. */
static void print_judged(const struct weir_account *account, FILE *to)
{
    const uint64_t withheld[] = {account->store.withheld, account->store.degraded};
    const uint64_t not_kept = weir_account_not_kept(account), done = account->store.committed + not_kept;
    fprintf(to, "rows      batched %" PRIu64 " = scored %" PRIu64 " + in flight %" PRIu64 "\n", account->rows.batched,
            account->rows.scored, account->rows.batched - account->rows.scored);
    fprintf(to, "store     scored %" PRIu64 " = committed %" PRIu64 " + withheld %" PRIu64, account->rows.scored,
            account->store.committed, withheld[0] + withheld[1]);
    print_reasons(to, withheld, 2, withheld_name);
    fprintf(to, " + rejected %" PRIu64, sum(account->store.rejected, WEIR_REJECTED_COUNT));
    print_reasons(to, account->store.rejected, WEIR_REJECTED_COUNT, rejected_name);
    fprintf(to, " + under way %" PRIu64 "\n", account->rows.scored - done);
    if (account->eve.lost)
        fprintf(to, "eve       lines %" PRIu64 ", lost %" PRIu64 "\n", account->eve.lines, account->eve.lost);
    print_time(to, "decision", &account->decision_ns);
    print_stages(to, account);
    print_time(to, "durable", &account->durable_ns);
    print_batches(to, account);
    print_classes(account, to);
}

static void print_inferred(const struct weir_account *account, FILE *to)
{
    weir_inferred_print(&account->inferred, to);
    print_time(to, "decision", &account->decision_ns);
    print_batches(to, account);
    if (account->store.degraded)
        fprintf(to, "          %" PRIu64 " rows were no alerts and are not to be stored, for want of time\n",
                account->store.degraded);
    print_classes(account, to);
    fprintf(to, "%.2f s, rows scored %" PRIu64 ", %.0f rows/s, %" PRIu64 " alerts\n", account->seconds, account->rows.scored,
            per_second(account->rows.scored, account->seconds), account->alerts);
}

/* What a collector has made of the frames. */
static void print_collected(const struct weir_account *account, FILE *to)
{
    weir_collected_print(&account->collected, to);
    print_judged(account, to);
    fprintf(to, "%.2f s, %.0f records/s, %" PRIu64 " alerts\n", account->seconds,
            per_second(account->rows.scored, account->seconds), account->alerts);
}

void weir_account_print(const struct weir_account *account, FILE *to)
{
    if (account->collected.used) {
        print_collected(account, to);
        return;
    }
    const struct weir_meter_account *m = &account->meter;
    if (account->inferred.used) {
        print_inferred(account, to);
        return;
    }
    for (unsigned p = 0; p < account->ports; p++) {
        const struct weir_port_account *port = &account->port[p];
        fprintf(to, "port %c    offered %" PRIu64 " = seen %" PRIu64 " + lost %" PRIu64 "   (%" PRIu64 " bytes%s%s%s%s%s)\n",
                "AB"[p], port -> offered, port -> seen, port -> lost_nic + port -> lost_softnet + port -> lost_ring,
                port -> bytes, port -> interface ? "; " : "", port->interface ? port->interface : "", port->interface ? " " : "",
                weir_port_state_name(port->state), port->aggregated ? ", aggregated" : "");
    }
    if (m->offset.handshakes)
        fprintf(to, "clocks    port B's is ahead of port A's by %.0f us, +- %.0f us, by %" PRIu64 " TCP handshakes%s\n",
                round(offset_us(&m->offset)) + 0.0 /* no -0 */, (double)(m->offset.high_ns - m->offset.low_ns) / 2e3,
                m->offset.handshakes, weir_offset_differs(&m->offset) ? ": they differ; times are left as they are" : "");
    if (account->ingest.used)
        print_ingest(to, account);
    else
        print_packets(to, account);
    fprintf(to, "records   %" PRIu64, weir_account_records(account));
    print_reasons(to, m->records, WEIR_REASON_COUNT, reason_name);
    fprintf(to, " = batched %" PRIu64 " + shed %" PRIu64, account->rows.batched, sum(account->rows.shed, WEIR_SHED_COUNT));
    print_reasons(to, account->rows.shed, WEIR_SHED_COUNT, shed_name);
    fprintf(to, " + unscored %" PRIu64 "\n", account->rows.unscored);
    if (account->remote.used)
        weir_remote_print(&account->remote, to);
    if (!account->remote.used || account->remote.here)
        print_judged(account, to);
    fprintf(to, "%.2f s, %.0f records/s, %.0f packets/s", account->seconds,
            per_second(weir_account_records(account), account->seconds), per_second(seen(account), account->seconds));
    if (!account->remote.used || account->remote.here) /* else they are judged elsewhere */
        fprintf(to, ", %" PRIu64 " alerts", account->alerts);
    fputc('\n', to);
}
