#include "train/polyline.h"

#include <math.h>

/* An eighth of a dot of a picture of 512 dots. */
#define GRAIN (1.0 / 4096)

struct part { /* between two kept points */
    size_t first, last, farthest;
    double distance;
};

static double on_log(double x)
{
    return x > 1e-6 ? 1 + log10(x) / 6 : 0;
}

static double off_chord(double x, double y, double ax, double ay, double bx, double by)
{
    double dx = bx - ax, dy = by - ay, length = sqrt(dx * dx + dy * dy);
    if (!(length > 0))
        return sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay));
    return fabs((x - ax) * dy - (y - ay) * dx) / length;
}

static void measure(const struct weir_point *p, bool logarithmic, struct part *part)
{
    const struct weir_point *a = &p[part->first], *b = &p[part->last];
    part->distance = 0;
    for (size_t i = part->first + 1; i < part->last; i++) {
        double off = off_chord(p[i].x, p[i].y, a->x, a->y, b->x, b->y);
        if (logarithmic)
            off = fmax(off, off_chord(on_log(p[i].x), p[i].y, on_log(a->x), a->y, on_log(b->x), b->y));
        if (off > part->distance) {
            part->distance = off;
            part->farthest = i;
        }
    }
}

/* Drops points that nobody could tell from the one before; the first and the last stay. */
static size_t drop_near(struct weir_point *p, size_t count, bool logarithmic)
{
    size_t kept = 1;
    for (size_t i = 1; i + 1 < count; i++) {
        const struct weir_point *a = &p[kept - 1];
        bool near = fabs(p[i].x - a->x) < GRAIN && fabs(p[i].y - a->y) < GRAIN;
        if (!near || (logarithmic && fabs(on_log(p[i].x) - on_log(a->x)) >= GRAIN))
            p[kept++] = p[i];
    }
    p[kept++] = p[count - 1];
    return kept;
}

void weir_polyline_thin(struct weir_point *points, size_t count, bool logarithmic, struct weir_polyline *out)
{
    struct part part[WEIR_POLYLINE_POINTS];
    size_t parts = 1;
    out->count = 0;
    if (count > 2)
        count = drop_near(points, count, logarithmic);
    if (count < 2) {
        for (; out->count < count; out->count++)
            out->point[out->count] = points[out->count];
        return;
    }
    part[0] = (struct part){.first = 0, .last = count - 1};
    measure(points, logarithmic, &part[0]);
    while (parts < WEIR_POLYLINE_POINTS - 1) {
        size_t worst = 0;
        for (size_t i = 1; i < parts; i++)
            if (part[i].distance > part[worst].distance)
                worst = i;
        if (!(part[worst].distance > 0))
            break;
        struct part tail = {.first = part[worst].farthest, .last = part[worst].last};
        part[worst].last = tail.first;
        for (size_t i = parts++; i > worst + 1; i--)
            part[i] = part[i - 1];
        part[worst + 1] = tail;
        measure(points, logarithmic, &part[worst]);
        measure(points, logarithmic, &part[worst + 1]);
    }
    for (size_t i = 0; i < parts; i++)
        out->point[out->count++] = points[part[i].first];
    out->point[out->count++] = points[count - 1];
}

json_t *weir_polyline_json(const struct weir_polyline *line)
{
    json_t *list = json_array();
    for (size_t i = 0; i < line->count; i++)
        json_array_append_new(list, json_pack("[f,f]", line->point[i].x, line->point[i].y));
    return list;
}
