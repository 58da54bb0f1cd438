/* Reading the body of an argus record: for the table of columns and its helpers. Pure; any thread. */
#ifndef WEIR_FEATURES_ARGUS_RECORD_H
#define WEIR_FEATURES_ARGUS_RECORD_H

#include <stdio.h>
#include <string.h>

#include "features/argus.h"

enum { SOURCE, TARGET };

static inline const struct weir_argus_record *body(const struct weir_record *record)
{
    return record->body;
}

static inline const struct weir_argus_side *side_of(const struct weir_record *record, unsigned side)
{
    return &body(record)->flow.side[side];
}

static inline bool is_fragment(const struct weir_record *record)
{
    return body(record)->flow.marks & WEIR_ARGUS_FRAGMENT;
}

static inline bool is_tcp(const struct weir_record *record)
{
    return record->identity.proto == TCP && body(record)->flow.marks & WEIR_ARGUS_SAW_TCP;
}

static inline bool is_icmp(const struct weir_record *record)
{
    return record->identity.proto == ICMP && record->identity.ip_version == 4 && !is_fragment(record);
}

static inline bool is_icmpv6(const struct weir_record *record)
{
    return record->identity.proto == ICMPV6 && record->identity.ip_version == 6 && !is_fragment(record);
}

static inline bool has(const struct weir_argus_side *side, unsigned what)
{
    return side->has & what;
}

static inline const struct weir_argus_times *times_of(const struct weir_record *record, unsigned side)
{
    return &body(record)->flow.times[side];
}

static inline const struct weir_tcp_side *tcp_side(const struct weir_record *record, unsigned side)
{
    return &body(record)->flow.tcp.side[side];
}

/* What ra calls the flow: a few packets are not yet RTP to it. */
static inline unsigned media(const struct weir_record *record)
{
    const struct weir_argus_flow *flow = &body(record)->flow;
    if (record->identity.proto != UDP || is_fragment(record))
        return WEIR_MEDIA_NONE;
    if (flow->media.kind == WEIR_MEDIA_RTP && flow->side[0].packets < 5 && flow->side[1].packets < 5)
        return WEIR_MEDIA_NONE;
    return flow->media.kind;
}

/* Texts of columns: a copy, as far as it fits; `put_letters` leaves out the blanks around it. Both return the length. */
static inline size_t put(char *out, size_t size, const char *text)
{
    int n = snprintf(out, size, "%s", text);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static inline size_t put_letters(char *out, size_t size, char *letters)
{
    size_t from = strspn(letters, " "), to = strlen(letters);
    while (to > from && letters[to - 1] == ' ')
        to--;
    letters[to] = 0;
    return put(out, size, letters + from);
}

/* Code of the state, and the texts by code; NULL-terminated. */
unsigned weir__argus_state(const struct weir_record *record);
extern const char *const weir__argus_states[];

/* The letters of `flgs`. */
size_t weir__argus_flags(const struct weir_record *record, char *out, size_t size);

#endif
