#include "store/boots.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/log.h"
#include "store/outage.h"
#include "store/text.h"

struct weir_known_boot {
    uint8_t sensor[16];
    uint64_t boot;
    char run[40];
};

static weir_err no_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "boots: out of memory");
}

void weir_boots_forget(struct weir_boots *boots)
{
    boots->count = boots->last = 0;
}

void weir_boots_fini(struct weir_boots *boots)
{
    free(boots->known);
    boots->known = NULL;
    boots->count = boots->room = boots->last = 0;
}

static void sensor_text(const uint8_t sensor[16], char out[static 40])
{
    out[weir_text_uuid(weir_load_be64(sensor), weir_load_be64(sensor + 8), out)] = 0;
}

/* A UUID of version 8: a hash. */
void weir_boots_run(const uint8_t sensor[16], uint64_t boot, char out[static 40])
{
    uint8_t name[24];
    memcpy(name, sensor, 16);
    memcpy(name + 16, &boot, sizeof boot);
    XXH128_hash_t hash = XXH3_128bits(name, sizeof name);
    uint64_t high = (hash.high64 & ~(uint64_t)0xf000) | 0x8000;
    uint64_t low = (hash.low64 & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    out[weir_text_uuid(high, low, out)] = 0;
}

static weir_err put_killed(struct weir_boots *boots, const struct weir_origin *origin, const struct weir_mark_boot *killed,
                           uint64_t next, struct weir_error *error)
{
    char run[40], boot[24], detail[160];
    int64_t now_ns = boots->wall_ns();
    weir_boots_run(origin->sensor, killed->boot, run);
    snprintf(boot, sizeof boot, "%" PRIu64, killed->boot);
    snprintf(detail, sizeof detail,
             "it never said that it ends, and boot %" PRIu64
             " has begun; its active flows and open batches are lost, full batches may still come",
             next);
    const struct weir_outage row = {.what = "sensor",
                                    .reason = "killed",
                                    .began_ns = killed->changed_ns < now_ns ? killed->changed_ns : now_ns,
                                    .ended_ns = now_ns,
                                    .withheld = -1,
                                    .run = run,
                                    .sensor = origin->name,
                                    .boot = boot,
                                    .detail = detail};
    weir_err code = weir_outage_put(boots->duck, &row, error);
    if (code == WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "sensor %s: boot %s was killed, or has crashed; table outages has a row", origin->name, boot);
    return code;
}

static weir_err put_run(struct weir_boots *boots, const struct weir_origin *origin, const struct weir_known_boot *known,
                        struct weir_error *error)
{
    char boot[24], time_us[24], sensor[40];
    snprintf(boot, sizeof boot, "%" PRIu64, known->boot);
    snprintf(time_us, sizeof time_us, "%" PRId64, boots->wall_ns() / 1000);
    sensor_text(known->sensor, sensor);
    const char *values[] = {known->run, origin->name, boot, time_us, sensor, known->run};
    return weir_duck_run_with(boots->duck,
                              "INSERT INTO runs(run, sensor, boot, started, sensor_id)"
                              " SELECT ?::UUID, ?, ?::UBIGINT, make_timestamp(?::BIGINT), ?::UUID"
                              " WHERE NOT EXISTS (FROM runs WHERE run = ?::UUID)",
                              values, 6, error);
}

weir_err weir_boots_meet(struct weir_boots *boots, const struct weir_origin *origin, uint64_t boot, const char **run,
                         struct weir_error *error)
{
    for (size_t i = 0; i < boots->count; i++) { /* the last one first */
        size_t at = (boots->last + i) % boots->count;
        struct weir_known_boot *known = &boots->known[at];
        if (known->boot == boot && !memcmp(known->sensor, origin->sensor, sizeof known->sensor)) {
            boots->last = at;
            *run = known->run;
            return WEIR_OK;
        }
    }
    if (boots->count == boots->room) {
        size_t room = boots->room ? 2 * boots->room : 16;
        struct weir_known_boot *more = realloc(boots->known, room * sizeof *more);
        if (!more)
            return no_memory(error);
        boots->known = more;
        boots->room = room;
    }
    struct weir_known_boot *known = &boots->known[boots->count];
    struct weir_mark_boot newest;
    weir_err code = WEIR_OK;
    known->boot = boot;
    memcpy(known->sensor, origin->sensor, sizeof known->sensor);
    weir_boots_run(known->sensor, boot, known->run);
    if (weir_marks_newest(boots->marks, origin->sensor, &newest) && newest.boot < boot && !newest.closed)
        code = put_killed(boots, origin, &newest, boot, error);
    if (code == WEIR_OK)
        code = put_run(boots, origin, known, error);
    if (code != WEIR_OK)
        return code;
    boots->last = boots->count++;
    *run = known->run;
    return WEIR_OK;
}

/* --- notes --- */

static int64_t integer(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static weir_err note_started(struct weir_boots *boots, const struct weir_note *note, const char *run, const json_t *started,
                             struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%" PRId64, integer(started, "time_ns", note->sent_ns) / 1000);
    const char *values[] = {time_us, text(started, "command"), text(started, "version"), run};
    return weir_duck_run_with(boots->duck,
                              "UPDATE runs SET started = make_timestamp(?::BIGINT), command = ?, version = ? WHERE run = ?::UUID",
                              values, 4, error);
}

static weir_err note_account(struct weir_boots *boots, const struct weir_note *note, const char *run, const json_t *account,
                             const char *sql, struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%" PRId64, note->sent_ns / 1000);
    char *json = json_dumps(account, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!json)
        return no_memory(error);
    const char *values[] = {time_us, json, run};
    weir_err code = weir_duck_run_with(boots->duck, sql, values, 3, error);
    free(json);
    return code;
}

/* No end that is known of, or had been guessed, of this boot. */
static weir_err forget_killed(struct weir_boots *boots, const char *run, struct weir_error *error)
{
    return weir_duck_run_with(boots->duck, "DELETE FROM outages WHERE run = ?::UUID AND what = 'sensor' AND reason = 'killed'",
                              &run, 1, error);
}

static weir_err note_outage(struct weir_boots *boots, const struct weir_note *note, const json_t *outage,
                            struct weir_error *error)
{
    char run[40], boot[24];
    uint64_t hit = (uint64_t)integer(outage, "boot", (int64_t)note->boot);
    weir_boots_run(note->sensor, hit, run);
    snprintf(boot, sizeof boot, "%" PRIu64, hit);
    const char *what = text(outage, "what"), *reason = text(outage, "reason");
    const struct weir_outage row = {.what = what ? what : "sensor",
                                    .reason = reason ? reason : "",
                                    .began_ns = integer(outage, "began_ns", note->sent_ns),
                                    .ended_ns = integer(outage, "ended_ns", 0),
                                    .withheld = integer(outage, "withheld", -1),
                                    .run = run,
                                    .sensor = note->name,
                                    .boot = boot,
                                    .detail = text(outage, "detail")};
    weir_err code = WEIR_OK;
    if (!strcmp(row.what, "sensor") && !strcmp(row.reason, "killed")) /* the sensor knows better */
        code = forget_killed(boots, run, error);
    return code == WEIR_OK ? weir_outage_put(boots->duck, &row, error) : code;
}

/* What the sensor has lost is not waited for. */
static weir_err note_gone(struct weir_boots *boots, const struct weir_note *note, const json_t *gone, struct weir_error *error)
{
    char run[40], boot[24], detail[160];
    uint64_t missing;
    int64_t lane = integer(gone, "lane", -1), below = integer(gone, "below", -1), now_ns = boots->wall_ns();
    if (lane < 0 || lane > UINT32_MAX || below < 0)
        return WEIR_OK;
    struct weir_batch_id id = {
        .boot = (uint64_t)integer(gone, "boot", (int64_t)note->boot), .lane = (uint32_t)lane, .seq = (uint64_t)below};
    memcpy(id.sensor, note->sensor, sizeof id.sensor);
    weir_err code = weir_marks_skip(boots->marks, &id, now_ns, &missing, error);
    if (code != WEIR_OK || !missing || id.lane == WEIR_NOTE_LANE)
        return code;
    weir_boots_run(note->sensor, id.boot, run);
    snprintf(boot, sizeof boot, "%" PRIu64, id.boot);
    snprintf(detail, sizeof detail,
             "%" PRIu64 " batches of lane %" PRIu32 " below number %" PRIu64 " are not here, and the sensor "
             "has them no more",
             missing, id.lane, id.seq);
    const struct weir_outage row = {.what = "sensor",
                                    .reason = "lost",
                                    .began_ns = now_ns,
                                    .ended_ns = now_ns,
                                    .withheld = -1,
                                    .run = run,
                                    .sensor = note->name,
                                    .boot = boot,
                                    .detail = detail};
    weir_log(WEIR_LOG_WARNING, "sensor %s, boot %s: %s; table outages has a row", note->name, boot, detail);
    return weir_outage_put(boots->duck, &row, error);
}

static weir_err note_closed(struct weir_boots *boots, const struct weir_note *note, const char *run, const json_t *account,
                            struct weir_error *error)
{
    struct weir_batch_id id = {.boot = note->boot, .lane = WEIR_NOTE_LANE, .seq = note->seq};
    memcpy(id.sensor, note->sensor, sizeof id.sensor);
    weir_marks_close(boots->marks, &id);
    weir_err code = note_account(boots, note, run, account,
                                 "UPDATE runs SET ended = make_timestamp(?::BIGINT), account = ? WHERE run = ?::UUID", error);
    return code == WEIR_OK ? forget_killed(boots, run, error) : code;
}

weir_err weir_boots_note(struct weir_boots *boots, const struct weir_note *note, struct weir_error *error)
{
    json_error_t why;
    char run[40];
    json_t *json = json_loads(note->text, JSON_REJECT_DUPLICATES, &why), *member;
    weir_err code = WEIR_OK;
    weir_boots_run(note->sensor, note->boot, run);
    if (json_is_object(member = json_object_get(json, "started")))
        code = note_started(boots, note, run, member, error);
    else if (json_is_object(member = json_object_get(json, "health")))
        code = note_account(boots, note, run, member,
                            "INSERT INTO health(time, account, run) VALUES (make_timestamp(?::BIGINT), ?, ?::UUID)", error);
    else if (json_is_object(member = json_object_get(json, "outage")))
        code = note_outage(boots, note, member, error);
    else if (json_is_object(member = json_object_get(json, "gone")))
        code = note_gone(boots, note, member, error);
    else if (json_is_object(member = json_object_get(json, "closed")))
        code = note_closed(boots, note, run, member, error);
    else
        weir_log(WEIR_LOG_WARNING, "sensor %s: a note that says nothing known: %.120s; is the sensor a newer weir?", note->name,
                 note->text);
    json_decref(json);
    return code;
}
