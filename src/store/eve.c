#include "store/eve.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "base/file.h"
#include "features/protocols.h"
#include "store/output.h"
#include "store/text.h"

enum {
    BUFFER_BYTES = 64 << 20, /* more than a commit's worth of lines */
    LINE_ROOM = 1024,        /* of the fixed parts and numbers of a line */
    DATES = 64,
};

struct weir_eve {
    struct weir_output output;
    struct host {
        char *text; /* `"host":"SENSOR",` or empty */
        size_t length;
    } own, other; /* other: of the last batch that came from another process */
    char *other_name;
    const struct host *host; /* of this batch */
    struct date {
        int64_t second;
        char text[20]; /* 2023-11-14T22:13:20 */
    } date[DATES];     /* of the last seconds, by second % DATES */
    char proto[256][16];
    struct weir_eve_account account;
};

static weir_err no_memory(const struct weir_eve *eve, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", eve->output.path ? eve->output.path : "EVE");
}

static bool make_host(struct host *host, const char *sensor)
{
    size_t length = sensor ? strlen(sensor) : 0;
    char *text = realloc(host->text, 6 * length + 16);
    if (!text)
        return false;
    *host = (struct host){.text = text};
    if (length) {
        memcpy(text, "\"host\":", 7);
        host->length = 7 + weir_text_json(sensor, length, text + 7);
        text[host->length++] = ',';
    }
    return true;
}

static bool choose_host(struct weir_eve *eve, const struct weir_origin *origin)
{
    eve->host = origin ? &eve->other : &eve->own;
    if (!origin || (eve->other_name && !strcmp(eve->other_name, origin->name)))
        return true;
    free(eve->other_name);
    eve->other_name = NULL;
    return make_host(&eve->other, origin->name) && (eve->other_name = strdup(origin->name));
}

weir_err weir_eve_open(const char *path, const char *sensor, struct weir_eve **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_eve *eve = calloc(1, sizeof *eve);
    if (!eve || !make_host(&eve->own, sensor)) {
        free(eve);
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
    }
    for (unsigned i = 0; i < DATES; i++)
        eve->date[i].second = INT64_MIN;
    for (unsigned i = 0; i < 256; i++) {
        const char *name = weir_protocol_names[i];
        for (size_t k = 0; name[k] && k < sizeof eve->proto[i] - 1; k++)
            eve->proto[i][k] = (char)toupper((unsigned char)name[k]);
    }
    snprintf(eve->proto[58], sizeof eve->proto[58], "IPv6-ICMP");
    eve->output = (struct weir_output){.fd = -1, .room = path ? 0 : LINE_ROOM, .bytes = path ? NULL : malloc(LINE_ROOM)};
    weir_err code = path                ? weir_output_open(&eve->output, path, WEIR_OUTPUT_APPEND, error)
                    : eve->output.bytes ? WEIR_OK
                                        : no_memory(eve, error);
    if (code != WEIR_OK) {
        free(eve->own.text);
        free(eve);
        return code;
    }
    *out = eve;
    return WEIR_OK;
}

static inline char *put(char *p, const char *text)
{
    size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

static char *put_json(char *p, const char *text)
{
    return p + weir_text_json(text, strlen(text), p);
}

static char *put_number(char *p, uint64_t value)
{
    return p + weir_text_u64(value, p);
}

/* JSON has no word for what is missing but null. */
static char *put_real(char *p, float value)
{
    return isfinite(value) ? p + weir_text_real32(value, p) : put(p, "null");
}

static char *put_stamp(struct weir_eve *eve, char *p, int64_t ns)
{
    int64_t second = ns / 1000000000, us = ns % 1000000000 / 1000;
    if (us < 0) {
        second--;
        us += 1000000;
    }
    struct date *date = &eve->date[(uint64_t)second % DATES];
    if (second != date->second) {
        struct tm tm;
        time_t t = (time_t)second; /* 64-bit nanoseconds end in the year 2262, so the year has four digits */
        gmtime_r(&t, &tm);
        strftime(date->text, sizeof date->text, "%Y-%m-%dT%H:%M:%S", &tm);
        date->second = second;
    }
    p = put(p, date->text);
    *p++ = '.';
    for (unsigned i = 6; i > 0; i--, us /= 10)
        p[i - 1] = (char)('0' + us % 10);
    return put(p + 6, "+0000");
}

/* What Suricata calls the end of a flow; a status record ends none. */
static const char *end_reason(enum weir_reason reason)
{
    switch (reason) {
    case WEIR_REASON_CLOSE:
        return "\"state\":\"closed\",\"reason\":\"timeout\"";
    case WEIR_REASON_IDLE:
        return "\"reason\":\"timeout\"";
    case WEIR_REASON_REUSE:
        return "\"reason\":\"tcp_reuse\"";
    case WEIR_REASON_SHUTDOWN:
        return "\"reason\":\"shutdown\"";
    case WEIR_REASON_EVICTED:
        return "\"reason\":\"forced\"";
    case WEIR_REASON_AGGREGATED:
        return "\"reason\":\"aggregated\"";
    case WEIR_REASON_INGESTED:
        return "\"reason\":\"ingested\"";
    default:
        return "\"reason\":\"status\"";
    }
}

static char *put_alert(char *p, const struct weir_verdicts *v, unsigned row, const char *class,
                       const struct weir_alert_causes *causes)
{
    p = put(p, "\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":");
    /* the range that Suricata leaves to local rules, the same for a class whatever the model */
    p = put_number(p, 1000000 + XXH32(class, strlen(class), 0) % 1000000);
    p = put(p, ",\"rev\":1,\"signature\":");
    char *quote = p;
    p = put_json(p, class);
    memmove(quote + 7, quote + 1, (size_t)(p - quote - 1));
    memcpy(quote, "\"weir: ", 7);
    p += 6;
    p = put(p, ",\"category\":\"Potentially Bad Traffic\",\"severity\":");
    *p++ = v->score[row] >= 0.9f ? '1' : '2';
    p = put(p, ",\"metadata\":{\"reasons\":[");
    for (unsigned i = 0; causes && i < causes->count; i++) {
        const struct weir_cause *cause = &causes->cause[i];
        if (i)
            *p++ = ',';
        p = put_json(p, v->columns[cause->column]) - 1;
        *p++ = '=';
        p = isfinite(cause->value) ? put_real(p, cause->value) : put(p, "missing");
        p = put(p, cause->contribution >= 0 ? " (+" : " (");
        p = put_real(p, cause->contribution);
        p = put(p, ")\"");
    }
    return put(p, "]}},");
}

static char *put_line(struct weir_eve *eve, char *p, const struct weir_verdicts *v, unsigned row,
                      const struct weir_alert_causes *causes, bool alert)
{
    const struct weir_identity *id = &v->batch->identity[row];
    const char *class = v->classes[v->class_index[row]];
    p = put(p, "{\"timestamp\":\"");
    p = put_stamp(eve, p, id->ltime_ns);
    p = put(p, "\",\"flow_id\":");
    p = put_number(p, id->flow_id.high >> 1);
    p = put(p, alert ? ",\"event_type\":\"alert\",\"src_ip\":\"" : ",\"event_type\":\"flow\",\"src_ip\":\"");
    p += weir_text_ip(id->ip_version, id->src, p);
    if (id->ports) {
        p = put(p, "\",\"src_port\":");
        p = put_number(p, id->sport);
        p = put(p, ",\"dest_ip\":\"");
    } else {
        p = put(p, "\",\"dest_ip\":\"");
    }
    p += weir_text_ip(id->ip_version, id->dst, p);
    *p++ = '"';
    if (id->ports) {
        p = put(p, ",\"dest_port\":");
        p = put_number(p, id->dport);
    }
    p = put(p, ",\"proto\":\"");
    p = put(p, eve->proto[id->proto]);
    p = put(p, id->ip_version == 4 ? "\",\"ip_v\":4," : "\",\"ip_v\":6,");
    memcpy(p, eve->host->text, eve->host->length);
    p += eve->host->length;
    if (alert)
        p = put_alert(p, v, row, class, causes);
    p = put(p, "\"flow\":{\"start\":\"");
    p = put_stamp(eve, p, id->stime_ns);
    p = put(p, "\",\"end\":\"");
    p = put_stamp(eve, p, id->ltime_ns);
    p = put(p, "\",\"age\":");
    p = put_number(p, id->ltime_ns > id->stime_ns ? (uint64_t)(id->ltime_ns - id->stime_ns) / 1000000000 : 0);
    *p++ = ',';
    p = put(p, end_reason(id->reason));
    p = put(p, v->alert[row] ? ",\"alerted\":true},\"weir\":{\"flow_id\":\"" : ",\"alerted\":false},\"weir\":{\"flow_id\":\"");
    p += weir_text_uuid(id->flow_id.high, id->flow_id.low, p);
    p = put(p, "\",\"record\":");
    p = put_number(p, id->record);
    p = put(p, ",\"reason\":\"");
    p = put(p, weir_reason_name(id->reason));
    p = put(p, "\",\"feature_set\":");
    p = put_json(p, v->feature_set);
    p = put(p, ",\"model\":");
    p = put_json(p, v->model);
    p = put(p, ",\"class\":");
    p = put_json(p, class);
    p = put(p, ",\"score\":");
    p = put_real(p, v->score[row]);
    p = put(p, ",\"threshold\":");
    p = put_real(p, v->threshold);
    if (alert) {
        p = put(p, ",\"reasons\":[");
        for (unsigned i = 0; causes && i < causes->count; i++) {
            const struct weir_cause *cause = &causes->cause[i];
            p = put(p, i ? ",{\"column\":" : "{\"column\":");
            p = put_json(p, v->columns[cause->column]);
            p = put(p, ",\"value\":");
            p = put_real(p, cause->value);
            p = put(p, ",\"contribution\":");
            p = put_real(p, cause->contribution);
            *p++ = '}';
        }
        *p++ = ']';
    }
    return put(p, "}}\n");
}

/* Bytes that the two lines of a row may need. */
static size_t line_room(const struct weir_eve *eve, const struct weir_verdicts *v, unsigned row,
                        const struct weir_alert_causes *causes)
{
    size_t text = strlen(v->model) + strlen(v->feature_set) + 2 * strlen(v->classes[v->class_index[row]]);
    size_t reasons = 0;
    for (unsigned i = 0; causes && i < causes->count; i++)
        reasons += 2 * (6 * strlen(v->columns[causes->cause[i].column]) + 2 * WEIR_TEXT_ROOM + 64);
    return 2 * (LINE_ROOM + eve->host->length + 6 * text) + reasons;
}

weir_err weir_eve_append(struct weir_eve *eve, const struct weir_verdicts *verdicts, struct weir_error *error)
{
    unsigned next = 0; /* alert; they are in the order of the rows */
    if (!choose_host(eve, verdicts->origin))
        return no_memory(eve, error);
    for (unsigned row = 0; row < verdicts->batch->rows; row++) {
        const struct weir_alert_causes *causes = NULL;
        if (next < verdicts->alerts && verdicts->causes[next].row == row)
            causes = &verdicts->causes[next++];
        char *p = weir_output_reserve(&eve->output, line_room(eve, verdicts, row, causes));
        if (!p)
            return no_memory(eve, error);
        char *end = put_line(eve, p, verdicts, row, NULL, false);
        if (verdicts->alert[row])
            end = put_line(eve, end, verdicts, row, causes, true);
        eve->output.used += (size_t)(end - p);
    }
    return eve->output.used > BUFFER_BYTES ? weir_eve_flush(eve, error) : WEIR_OK;
}

const char *weir_eve_line(struct weir_eve *eve, const struct weir_verdicts *verdicts, unsigned row,
                          const struct weir_alert_causes *causes, bool alert, size_t *length)
{
    char *p =
        choose_host(eve, verdicts->origin) ? weir_output_reserve(&eve->output, line_room(eve, verdicts, row, causes)) : NULL;
    if (p)
        *length = (size_t)(put_line(eve, p, verdicts, row, causes, alert) - p) - 1;
    return p;
}

weir_err weir_eve_flush(struct weir_eve *eve, struct weir_error *error)
{
    uint64_t lines, kept;
    weir_err code = weir_output_flush_lines(&eve->output, &lines, &kept, error);
    eve->account.lines += kept;
    eve->account.lost += lines - kept;
    if (code == WEIR_ERR_FULL && error) {
        uint64_t room = 0;
        struct weir_error inner = *error;
        weir_file_room(eve->output.path, &room);
        weir_fail(error, code, "%s; %" PRIu64 " bytes are free there, %" PRIu64 " lines are lost", inner.text, room,
                  lines - kept);
    }
    return code;
}

void weir_eve_skip(struct weir_eve *eve, const struct weir_verdicts *verdicts)
{
    eve->account.lost += (uint64_t)verdicts->batch->rows + verdicts->alerts;
}

void weir_eve_lose(struct weir_eve *eve, uint64_t lines)
{
    eve->account.lost += lines;
}

void weir_eve_drop(struct weir_eve *eve)
{
    eve->account.lost += weir_output_drop_lines(&eve->output);
}

void weir_eve_take_back(struct weir_eve *eve)
{
    weir_output_drop_lines(&eve->output);
}

struct weir_eve_account weir_eve_account(const struct weir_eve *eve)
{
    return eve->account;
}

bool weir_eve_has_room(const struct weir_eve *eve)
{
    uint64_t bytes;
    return !weir_file_room(eve->output.path, &bytes) || bytes >= WEIR_EVE_ROOM;
}

weir_err weir_eve_close(struct weir_eve **eve, struct weir_error *error)
{
    if (!eve || !*eve)
        return WEIR_OK;
    weir_err code = (*eve)->output.path ? weir_eve_flush(*eve, error) : WEIR_OK;
    if (code == WEIR_OK && (*eve)->output.path)
        code = weir_output_finish(&(*eve)->output, error);
    else
        weir_output_abort(&(*eve)->output);
    free((*eve)->own.text);
    free((*eve)->other.text);
    free((*eve)->other_name);
    free(*eve);
    *eve = NULL;
    return code;
}
