#include "batch/layout.h"

#include <arpa/inet.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "data/epoch.h"
#include "data/number.h"
#include "features/protocols.h"
#include "flow/key.h"

enum { TCP = 6, UDP = 17, SCTP = 132, NAME_MAX_BYTES = 64, NO_PROTOCOL = 255, UNNAMED = 135 /* "unas" stands for many */ };

/* The fields that say who and when, in the order of their places; those above REQUIRED may be missing. */
enum part {
    PART_STIME,
    PART_SADDR,
    PART_DADDR,
    REQUIRED,
    PART_LTIME = REQUIRED,
    PART_DUR,
    PART_PROTO,
    PART_SPORT,
    PART_DPORT,
    PART_FLOW_ID,
    PART_RECORD,
    PARTS
};

static const char *const part_names[PARTS] = {
    [PART_STIME] = "stime", [PART_SADDR] = "saddr", [PART_DADDR] = "daddr", [PART_LTIME] = "ltime",     [PART_DUR] = "dur",
    [PART_PROTO] = "proto", [PART_SPORT] = "sport", [PART_DPORT] = "dport", [PART_FLOW_ID] = "flow_id", [PART_RECORD] = "record",
};

/* Other names of columns. Source: the titles that ra 3.0.8.2 prints, where they are not the name in capitals; below them, what
 * weir's store and EVE call them. */
static const char *const aliases[][2] = {
    {"StartTime", "stime"},
    {"LastTime", "ltime"},
    {"SrcAddr", "saddr"},
    {"DstAddr", "daddr"},
    {"SrcPkts", "spkts"},
    {"DstPkts", "dpkts"},
    {"SrcBytes", "sbytes"},
    {"DstBytes", "dbytes"},
    {"TotPkts", "pkts"},
    {"TotBytes", "bytes"},
    {"TotAppByte", "appbytes"},
    {"PCRatio", "pcr"},
    {"SrcDur", "sdur"},
    {"DstDur", "ddur"},
    {"SrcRate", "srate"},
    {"DstRate", "drate"},
    {"SrcLoad", "sload"},
    {"DstLoad", "dload"},
    {"SrcLoss", "sloss"},
    {"DstLoss", "dloss"},
    {"pSrcLoss", "sploss"},
    {"pDstLoss", "dploss"},
    {"SrcGap", "sgap"},
    {"DstGap", "dgap"},
    {"SIPActMax", "sintpktactmax"},
    {"DIPActMax", "dintpktactmax"},
    {"SIPActMin", "sintpktactmin"},
    {"DIPActMin", "dintpktactmin"},
    {"SIPIdlMax", "sintpktidlmax"},
    {"DIPIdlMax", "dintpktidlmax"},
    {"SIPIdlMin", "sintpktidlmin"},
    {"DIPIdlMin", "dintpktidlmin"},
    {"SrcJitter", "sjit"},
    {"DstJitter", "djit"},
    {"SrcJitAct", "sjitact"},
    {"DstJitAct", "djitact"},
    {"SrcJitIdl", "sjitidl"},
    {"DstJitIdl", "djitidl"},
    {"SrcTCPBase", "stcpb"},
    {"DstTCPBase", "dtcpb"},
    {"SrcWin", "swin"},
    {"DstWin", "dwin"},
    {"sMeanPktSz", "smeansz"},
    {"dMeanPktSz", "dmeansz"},
    {"sMaxPktSz", "smaxsz"},
    {"dMaxPktSz", "dmaxsz"},
    {"sMinPktSz", "sminsz"},
    {"dMinPktSz", "dminsz"},
    {"SrcMac", "smac"},
    {"DstMac", "dmac"},
    {"src_ip", "saddr"},
    {"src_port", "sport"},
    {"dest_ip", "daddr"},
    {"dest_port", "dport"},
};

/* Columns that are the sum of two others, by the feature set's own definition: two of the three tell the third. */
static const char *const sums[][3] = {
    {"pkts", "spkts", "dpkts"}, {"bytes", "sbytes", "dbytes"}, {"appbytes", "sappbytes", "dappbytes"}};
enum { SUM_COLUMNS = sizeof sums / sizeof **sums };

const char *const weir_layout_ra_columns[] = {"stime", "flgs",  "proto", "saddr", "sport", "dir",
                                              "daddr", "dport", "pkts",  "bytes", "state", NULL};

/* Texts and what they stand for, case folded; open addressing. */
struct words {
    struct word {
        char *text; /* NULL: free */
        int value;
    } * slot;
    size_t slots, count; /* slots: a power of two, more than count */
};

struct field {
    const char *name;
    const struct weir_column *column; /* NULL: flow_id, record */
    struct words codes;               /* of a category */
    bool needed, sums, part;          /* sums: two others tell it; */
    size_t from[2];                   /* these: the first plus the second; of a part: minus the second */
};

struct service {
    char *name;
    uint16_t port;
    bool udp;
};

struct weir_layout {
    struct field *field;
    size_t fields;
    size_t part[PARTS]; /* the fields of these */
    uint16_t *feature;  /* [features]: the fields of the batches' columns */
    size_t features;
    struct words names;
    struct service *service; /* sorted */
    size_t services;
};

const char *weir_fault_name(enum weir_fault fault)
{
    static const char *const names[] = {
#define X(name, text) text,
        WEIR_FAULT_TABLE(X)
#undef X
    };
    return (unsigned)fault < WEIR_FAULT_COUNT ? names[fault] : "unknown";
}

/* --- words --- */

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static size_t place(const struct words *words, const char *text, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)fold(text[i])) * 16777619u;
    size_t at = (hash ^ hash >> 15) & (words->slots - 1);
    while (words->slot[at].text && (strncasecmp(words->slot[at].text, text, length) != 0 || words->slot[at].text[length]))
        at = (at + 1) & (words->slots - 1);
    return at;
}

static int find(const struct words *words, const char *text, size_t length)
{
    if (!words->slots || memchr(text, 0, length))
        return -1;
    const struct word *word = &words->slot[place(words, text, length)];
    return word->text ? word->value : -1;
}

static bool grow(struct words *words)
{
    struct words more = {.slots = words->slots ? words->slots * 2 : 16, .count = words->count};
    if (!(more.slot = calloc(more.slots, sizeof *more.slot)))
        return false;
    for (size_t i = 0; i < words->slots; i++)
        if (words->slot[i].text)
            more.slot[place(&more, words->slot[i].text, strlen(words->slot[i].text))] = words->slot[i];
    free(words->slot);
    *words = more;
    return true;
}

/* A text that is there keeps its value. */
static bool add(struct words *words, const char *text, int value)
{
    if (2 * words->count >= words->slots && !grow(words))
        return false;
    struct word *word = &words->slot[place(words, text, strlen(text))];
    if (word->text)
        return true;
    words->count++;
    word->value = value;
    return (word->text = strdup(text)) != NULL;
}

static void words_fini(struct words *words)
{
    for (size_t i = 0; i < words->slots; i++)
        free(words->slot[i].text);
    free(words->slot);
}

/* --- making a layout --- */

static bool add_field(struct weir_layout *layout, const char *name, const struct weir_column *column, size_t *out)
{
    for (size_t i = 0; i < layout->fields; i++)
        if (!strcmp(layout->field[i].name, name)) {
            *out = i;
            return true;
        }
    struct field *field = &layout->field[ *out = layout->fields++];
    *field = (struct field){.name = name, .column = column};
    bool good = true;
    for (int code = 0; good && column && column->type == WEIR_COLUMN_CATEGORY && column->categories[code]; code++)
        good = add(&field->codes, column->categories[code], code); /* of equal texts the first one counts */
    return good;
}

static struct field *find_needed(struct weir_layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->fields; i++)
        if (layout->field[i].needed && !strcmp(layout->field[i].name, name))
            return &layout->field[i];
    return NULL;
}

/* What a needed field can be made of may be there in its place. */
static bool add_sums(struct weir_layout *layout, const struct weir_view *view)
{
    bool good = true;
    for (size_t i = 0; good && i < SUM_COLUMNS; i++) {
        const size_t mine = i % 3, others[2] = {mine == 0, mine == 2 ? 1 : 2};
        struct field *field = find_needed(layout, sums[i / 3][mine]);
        if (!field)
            continue;
        for (size_t k = 0; good && k < 2; k++) {
            const char *name = sums[i / 3][others[k]];
            int column = weir_view_column(view, name);
            good = column >= 0 && add_field(layout, name, &view->columns[column], &field->from[k]);
        }
        field->sums = good;
        field->part = mine > 0;
    }
    return good;
}

static weir_err take_map(struct weir_layout *layout, const char *map, bool *mapped, struct weir_error *error)
{
    const char *is = strchr(map, '=');
    if (!is || is == map || !is[1])
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--map %.100s: give NAME=THEIRS, such as stime=Timestamp", map);
    for (size_t i = 0; i < layout->fields; i++)
        if (strlen(layout->field[i].name) == (size_t)(is - map) && !strncmp(layout->field[i].name, map, (size_t)(is - map))) {
            mapped[i] = true;
            return add(&layout->names, is + 1, (int)i) ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        }
    return weir_fail(
        error, WEIR_ERR_ARGUMENT,
        "--map %.100s: '%.*s' is no column that is wanted here; these are the model's, and stime, ltime, dur, proto, "
        "saddr, sport, daddr, dport, flow_id, record",
        map, (int)(is - map), map);
}

/* A field answers to its name and its other names, or to what it is mapped to. */
static weir_err name_fields(struct weir_layout *layout, const struct weir_layout_config *config, struct weir_error *error)
{
    bool *mapped = calloc(layout->fields + 1, sizeof *mapped);
    weir_err code = mapped ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; code == WEIR_OK && i < config->map_count; i++)
        code = take_map(layout, config->map[i], mapped, error);
    bool good = true;
    for (size_t i = 0; code == WEIR_OK && good && i < layout->fields; i++) {
        const char *name = layout->field[i].name;
        if (mapped[i])
            continue;
        good = add(&layout->names, name, (int)i);
        for (size_t a = 0; good && a < sizeof aliases / sizeof *aliases; a++)
            if (!strcmp(aliases[a][1], name))
                good = add(&layout->names, aliases[a][0], (int)i);
    }
    free(mapped);
    return code != WEIR_OK ? code : good ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

static int compare_services(const void *a, const void *b)
{
    const struct service *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->udp - y->udp;
}

/* Names of ports, as `ra` prints them without -n. */
static bool read_services(struct weir_layout *layout)
{
    size_t room = 0;
    bool good = true;
    setservent(1);
    for (struct servent *entry; good && (entry = getservent());) {
        bool udp = !strcmp(entry->s_proto, "udp");
        if (!udp && strcmp(entry->s_proto, "tcp") != 0)
            continue;
        if (layout->services == room) {
            struct service *more = realloc(layout->service, (room = room * 2 + 64) * sizeof *more);
            if (!more) {
                good = false;
                break;
            }
            layout->service = more;
        }
        struct service *service = &layout->service[layout->services];
        *service = (struct service){strdup(entry->s_name), ntohs((uint16_t)entry->s_port), udp};
        good = service->name != NULL;
        layout->services += good;
    }
    endservent();
    if (layout->services)
        qsort(layout->service, layout->services, sizeof *layout->service, compare_services);
    return good;
}

weir_err weir_layout_create(const struct weir_layout_config *config, struct weir_layout **out, struct weir_error *error)
{
    const struct weir_view *view = config->view;
    struct weir_layout *layout = calloc(1, sizeof *layout);
    *out = NULL;
    bool good = layout && (layout->field = calloc(config->column_count + (size_t)SUM_COLUMNS + PARTS, sizeof *layout->field)) &&
                (layout->feature = calloc(config->column_count + 1u, sizeof *layout->feature));
    for (size_t i = 0; good && i < config->column_count; i++) {
        const struct weir_column *column = &view->columns[config->columns[i]];
        size_t field;
        good = add_field(layout, column->name, column, &field);
        layout->feature[i] = (uint16_t)field;
        layout->field[field].needed = true;
    }
    good = good && add_sums(layout, view);
    for (size_t p = 0; good && p < PARTS; p++) {
        int column = weir_view_column(view, part_names[p]);
        good = add_field(layout, part_names[p], column < 0 ? NULL : &view->columns[column], &layout->part[p]);
        if (p < REQUIRED)
            layout->field[layout->part[p]].needed = true;
    }
    if (good)
        layout->features = config->column_count;
    good = good && read_services(layout);
    weir_err code = good ? name_fields(layout, config, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (code != WEIR_OK)
        weir_layout_destroy(&layout);
    *out = layout;
    return code;
}

void weir_layout_destroy(struct weir_layout **layout)
{
    if (!layout || !*layout)
        return;
    struct weir_layout *l = *layout;
    for (size_t i = 0; i < l->fields; i++)
        words_fini(&l->field[i].codes);
    for (size_t i = 0; i < l->services; i++)
        free(l->service[i].name);
    words_fini(&l->names);
    free(l->service);
    free(l->feature);
    free(l->field);
    free(l);
    *layout = NULL;
}

size_t weir_layout_fields(const struct weir_layout *layout)
{
    return layout->fields;
}

const char *weir_layout_name(const struct weir_layout *layout, size_t field)
{
    return layout->field[field].name;
}

static void trim(const char **text, size_t *length)
{
    while (*length && (**text == ' ' || **text == '\t'))
        ++*text, --*length;
    while (*length && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t' || (*text)[*length - 1] == '\r'))
        --*length;
}

int weir_layout_find(const struct weir_layout *layout, const char *name, size_t length)
{
    trim(&name, &length);
    return find(&layout->names, name, length);
}

static bool lacks(const struct weir_layout *layout, const bool *has, size_t at)
{
    const struct field *field = &layout->field[at];
    return field->needed && !has[at] && !(field->sums && has[field->from[0]] && has[field->from[1]]);
}

bool weir_layout_whole(const struct weir_layout *layout, const bool *has)
{
    for (size_t i = 0; i < layout->fields; i++)
        if (lacks(layout, has, i))
            return false;
    return true;
}

weir_err weir_layout_check(const struct weir_layout *layout, const bool *has, const char *from, struct weir_error *error)
{
    char names[300] = "";
    size_t used = 0, missing = 0;
    for (size_t i = 0; i < layout->fields; i++) {
        if (!lacks(layout, has, i))
            continue;
        if (missing++ < 12 && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", layout->field[i].name);
    }
    if (!missing)
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_MISMATCH, "%s: no column for %s%s; name it with --map NAME=THEIRS if it is there", from,
                     names, missing > 12 ? ", ..." : "");
}

/* --- rows --- */

static struct weir_span trimmed(struct weir_span cell)
{
    trim(&cell.text, &cell.length);
    return cell;
}

static bool read_hex(struct weir_span cell, double *out)
{
    uint64_t value = 0;
    if (cell.length < 3 || cell.length > 14 || cell.text[0] != '0' || (cell.text[1] | 32) != 'x')
        return false;
    for (size_t i = 2; i < cell.length; i++) {
        char c = fold(cell.text[i]);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = (double)value;
    return true;
}

/* NaN: missing. False: neither a number nor missing. */
static bool read_value(const struct field *field, struct weir_span cell, double *out)
{
    *out = NAN;
    if (!cell.text)
        return true;
    enum weir_number_kind kind = weir_number_read(cell.text, cell.length, out);
    if (kind == WEIR_NUMBER_TEXT && field->column && field->column->identifier && field->column->text)
        return read_hex(trimmed(cell), out); /* ports of ICMP, IP identifications */
    return kind == WEIR_NUMBER_VALUE || kind == WEIR_NUMBER_MISSING;
}

/* The code of a protocol's or another category's text; a protocol may be a number. -1: unknown; -2: missing. */
static int read_code(const struct field *field, struct weir_span cell, bool protocol)
{
    if (!cell.text)
        return -2;
    cell = trimmed(cell);
    int code = find(&field->codes, cell.text, cell.length);
    if (code >= 0)
        return code;
    double number;
    if (protocol && cell.length <= 3 && weir_number_read(cell.text, cell.length, &number) == WEIR_NUMBER_VALUE && number >= 0 &&
        number <= 255 && number == floor(number))
        return (int)weir_protocol_code((unsigned)number);
    return cell.length ? -1 : -2;
}

static bool read_ipv4(const char *text, size_t length, uint8_t *out)
{
    unsigned parts = 0, value = 0, digits = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] >= '0' && text[i] <= '9' && digits < 3) {
            value = value * 10 + (unsigned)(text[i] - '0');
            digits++;
        } else if ((i == length || text[i] == '.') && digits && value <= 255 && parts < 4) {
            out[parts++] = (uint8_t)value;
            value = digits = 0;
        } else {
            return false;
        }
    }
    return parts == 4;
}

/* The IP version, or 0. */
static unsigned read_address(struct weir_span cell, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    if (!cell.text)
        return 0;
    cell = trimmed(cell);
    if (read_ipv4(cell.text, cell.length, out))
        return 4;
    if (cell.length >= sizeof copy)
        return 0;
    memcpy(copy, cell.text, cell.length);
    copy[cell.length] = 0;
    return inet_pton(AF_INET6, copy, out) == 1 ? 6 : 0;
}

static bool has_text(struct weir_span cell)
{
    return cell.text && trimmed(cell).length;
}

static bool read_times(const struct weir_layout *layout, const struct weir_span *cell, struct weir_identity *identity,
                       struct weir_layout_counts *counts)
{
    struct weir_span stime = cell[layout->part[PART_STIME]], ltime = cell[layout->part[PART_LTIME]];
    enum weir_epoch_kind kind = stime.text ? weir_epoch_read(stime.text, stime.length, &identity->stime_ns) : WEIR_EPOCH_NONE;
    if (kind == WEIR_EPOCH_NONE)
        return false;
    if (has_text(ltime)) {
        enum weir_epoch_kind last = weir_epoch_read(ltime.text, ltime.length, &identity->ltime_ns);
        if (last != kind)
            return false;
        if (kind == WEIR_EPOCH_DATELESS && identity->ltime_ns < identity->stime_ns) /* over midnight */
            identity->ltime_ns += INT64_C(86400) * 1000000000;
    } else {
        double duration;
        struct weir_span dur = cell[layout->part[PART_DUR]];
        if (!dur.text || weir_number_read(dur.text, dur.length, &duration) != WEIR_NUMBER_VALUE || !(duration >= 0))
            duration = 0;
        identity->ltime_ns = identity->stime_ns + (int64_t)llround((duration < 1e9 ? duration : 0) * 1e9);
    }
    counts->dateless += kind == WEIR_EPOCH_DATELESS;
    return identity->ltime_ns >= identity->stime_ns;
}

static bool find_service(const struct weir_layout *layout, struct weir_span cell, unsigned proto, uint16_t *out)
{
    char name[NAME_MAX_BYTES];
    if (cell.length >= sizeof name || !layout->services)
        return false;
    memcpy(name, cell.text, cell.length);
    name[cell.length] = 0;
    const struct service *found = NULL;
    for (int other = 0; other < 2 && !found; other++) {
        struct service key = {.name = name, .udp = (proto == UDP) != other};
        found = bsearch(&key, layout->service, layout->services, sizeof key, compare_services);
    }
    *out = found ? found->port : 0;
    return found != NULL;
}

/* False: no port. */
static bool read_port(const struct weir_layout *layout, enum part part, const struct weir_span *cells, unsigned proto,
                      struct weir_layout_counts *counts, uint16_t *out)
{
    size_t field = layout->part[part];
    struct weir_span cell = cells[field];
    double value;
    *out = 0;
    if (!has_text(cell))
        return false;
    if (read_value(&layout->field[field], cell, &value) && value >= 0 && value <= UINT16_MAX) {
        *out = (uint16_t)value;
        return true;
    }
    if (find_service(layout, trimmed(cell), proto, out))
        return true;
    counts->unknown[field]++;
    return false;
}

static bool read_uuid(struct weir_span cell, struct weir_flow_id *out)
{
    uint64_t half[2] = {0, 0};
    unsigned digits = 0;
    cell = trimmed(cell);
    for (size_t i = 0; i < cell.length; i++) {
        char c = fold(cell.text[i]);
        if (c == '-' && cell.length == 36 && (i == 8 || i == 13 || i == 18 || i == 23))
            continue;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || digits == 32)
            return false;
        half[digits / 16] = half[digits / 16] << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        digits++;
    }
    *out = (struct weir_flow_id){half[0], half[1]};
    return digits == 32;
}

static bool read_id(const struct weir_layout *layout, const struct weir_span *cell, struct weir_identity *identity)
{
    struct weir_span id = cell[layout->part[PART_FLOW_ID]], record = cell[layout->part[PART_RECORD]];
    double number = 0;
    if (has_text(record) &&
        (weir_number_read(record.text, record.length, &number) != WEIR_NUMBER_VALUE || !(number >= 0 && number <= UINT32_MAX)))
        return false;
    identity->record = (uint32_t)number;
    if (has_text(id))
        return read_uuid(id, &identity->flow_id);
    struct weir_flow_key key;
    weir_flow_key_ends(&key, identity->ip_version, identity->proto, identity->src, identity->dst, identity->sport,
                       identity->dport, true);
    for (unsigned p = PART_SPORT; !identity->ports && p <= PART_DPORT; p++) /* ICMP's types and identifiers, whatever they are */
        if (has_text(cell[layout->part[p]]))
            key.extra = XXH3_64bits_withSeed(cell[layout->part[p]].text, cell[layout->part[p]].length, key.extra + p);
    identity->flow_id = weir_flow_id_make(&key, identity->stime_ns, 0);
    return true;
}

static unsigned read_protocol(const struct weir_layout *layout, struct weir_span cell)
{
    double number;
    if (cell.text && weir_number_read(cell.text, cell.length, &number) == WEIR_NUMBER_VALUE)
        return number >= 0 && number <= NO_PROTOCOL ? (unsigned)number : NO_PROTOCOL;
    int code = read_code(&layout->field[layout->part[PART_PROTO]], cell, true);
    return code < 0 || code == UNNAMED ? NO_PROTOCOL : code <= NO_PROTOCOL ? (unsigned)code : UDP; /* behind them: RTP, RTCP */
}

/* A column that is not there, from two that are. False: they are no numbers, or not of one flow. */
static bool read_sum(const struct weir_layout *layout, const struct field *field, const struct weir_span *cell, double *out)
{
    double value[2];
    bool good = true;
    for (size_t k = 0; k < 2; k++)
        good = read_value(&layout->field[field->from[k]], cell[field->from[k]], &value[k]) && good;
    *out = good ? value[0] + (field->part ? -value[1] : value[1]) : (double)NAN;
    return good && !(*out < 0);
}

bool weir_layout_row(const struct weir_layout *layout, const struct weir_span *cell, struct weir_identity *identity, float *row,
                     struct weir_layout_counts *counts, enum weir_fault *fault)
{
    *identity = (struct weir_identity){.reason = WEIR_REASON_INGESTED};
    const struct weir_span proto = cell[layout->part[PART_PROTO]];
    if (proto.text && trimmed(proto).length == 3 && !memcmp(trimmed(proto).text, "man", 3)) {
        *fault = WEIR_FAULT_MANAGEMENT;
        return false;
    }
    if (!read_times(layout, cell, identity, counts)) {
        *fault = WEIR_FAULT_TIME;
        return false;
    }
    identity->ip_version = (uint8_t)read_address(cell[layout->part[PART_SADDR]], identity->src);
    if (!identity->ip_version || read_address(cell[layout->part[PART_DADDR]], identity->dst) != identity->ip_version) {
        *fault = WEIR_FAULT_ADDRESS;
        return false;
    }
    identity->proto = (uint8_t)read_protocol(layout, proto);
    if (identity->proto == TCP || identity->proto == UDP || identity->proto == SCTP) {
        bool from = read_port(layout, PART_SPORT, cell, identity->proto, counts, &identity->sport);
        bool to = read_port(layout, PART_DPORT, cell, identity->proto, counts, &identity->dport);
        identity->ports = from && to;
    }
    if (!read_id(layout, cell, identity)) {
        *fault = WEIR_FAULT_ID;
        return false;
    }
    for (size_t i = 0; i < layout->features; i++) {
        size_t at = layout->feature[i];
        const struct field *field = &layout->field[at];
        double value = NAN;
        if (field->column->type == WEIR_COLUMN_CATEGORY) {
            int code = read_code(field, cell[at], at == layout->part[PART_PROTO]);
            value = code < 0 ? (double)NAN : code;
            counts->unknown[at] += code == -1;
        } else if (field->column->type == WEIR_COLUMN_TIME && at == layout->part[PART_STIME]) {
            value = (double)identity->stime_ns / 1e9;
        } else if (field->column->type == WEIR_COLUMN_TIME && at == layout->part[PART_LTIME]) {
            value = (double)identity->ltime_ns / 1e9;
        } else if (!(field->sums && !cell[at].text ? read_sum(layout, field, cell, &value)
                                                   : read_value(field, cell[at], &value))) {
            counts->unknown[at]++;
            value = NAN;
        }
        row[i] = isfinite((float)value) ? (float)value : NAN;
    }
    return true;
}
