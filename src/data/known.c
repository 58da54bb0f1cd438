#include "data/known.h"

#include <strings.h>

#define LIST(...)                                                                                                                \
    (const char *const[])                                                                                                        \
    {                                                                                                                            \
        __VA_ARGS__, NULL                                                                                                        \
    }

/* Sources: the headers of the published files; the identifiers are what their authors and later studies name as such. A time to
 * live tells the laboratory's attack host from its neighbours (ct_state_ttl is made of it); first sequence numbers are random.
 * In CICFlowMeter's data the destination port and the protocol count as features. */
static const struct weir_known table[] = {
    {.name = "cicids2017",
     .signature = LIST("Flow ID", "Src IP", "Dst IP", "Total Fwd Packet", "Attempted Category", "Label"),
     .label = "Label",
     .benign = "BENIGN",
     .category = "Label",
     .category_benign = "BENIGN",
     .identifiers = LIST("id", "Flow ID", "Src IP", "Src Port", "Dst IP", "Timestamp"),
     .leaks = LIST("Attempted Category")},
    {.name = "cicids2017-original",
     .signature = LIST("Destination Port", "Flow Duration", "Total Fwd Packets", "Total Backward Packets", "Label"),
     .label = "Label",
     .benign = "BENIGN",
     .category = "Label",
     .category_benign = "BENIGN",
     .identifiers = LIST("Flow ID", "Source IP", "Source Port", "Destination IP", "Timestamp", "External IP"),
     .leaks = LIST(NULL)},
    {.name = "unsw-nb15",
     .signature = LIST("dur", "sttl", "dttl", "ct_srv_src", "ct_state_ttl", "attack_cat", "label"),
     .label = "label",
     .benign = "0",
     .category = "attack_cat",
     .category_benign = "Normal",
     .identifiers = LIST("id", "sttl", "dttl", "ct_state_ttl", "stcpb", "dtcpb"),
     .leaks = LIST("label", "attack_cat")},
    /* `ra` or `weir flows` output with labels added, as lab/label does. */
    {.name = "argus",
     .signature = LIST("stime", "saddr", "daddr", "spkts", "dpkts", "sbytes", "dbytes"),
     .label = "label",
     .benign = "benign",
     .category = "label",
     .category_benign = "benign",
     /* beside what the feature set's own table calls an identifier */
     .identifiers = LIST("sttl", "dttl", "shops", "dhops"),
     .leaks = LIST(NULL)},
};

bool weir_known_lists(const char *const *list, const char *column)
{
    for (; *list; list++)
        if (!strcasecmp(*list, column))
            return true;
    return false;
}

const struct weir_known *weir_known_find(const struct weir_relation *source)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *const *name = table[i].signature;
        while (*name && weir_relation_find(source, *name) >= 0)
            name++;
        if (!*name)
            return &table[i];
    }
    return NULL;
}

const char *weir_known_benign(const struct weir_known *known, const char *label)
{
    if (known->label && !strcasecmp(known->label, label))
        return known->benign;
    if (known->category && !strcasecmp(known->category, label))
        return known->category_benign;
    return NULL;
}
