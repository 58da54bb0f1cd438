#include "data/epoch.h"

enum { SECOND = 1000000000 };

/* What is left of a cell. */
struct rest {
    const char *at, *end;
};

static bool take(struct rest *rest, char c)
{
    bool there = rest->at < rest->end && *rest->at == c;
    rest->at += there;
    return there;
}

static bool is_digit(const struct rest *rest)
{
    return rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9';
}

/* A whole number of `least` to `most` digits (at most 18). */
static bool take_number(struct rest *rest, unsigned least, unsigned most, int64_t *out)
{
    unsigned digits = 0;
    *out = 0;
    for (; digits < most && is_digit(rest); digits++)
        *out = *out * 10 + (*rest->at++ - '0');
    return digits >= least;
}

/* ".283859" as nanoseconds; none is 0. */
static bool take_fraction(struct rest *rest, int64_t *ns)
{
    *ns = 0;
    if (!take(rest, '.') && !take(rest, ','))
        return true;
    int64_t unit = SECOND / 10;
    if (!is_digit(rest))
        return false;
    for (; is_digit(rest); rest->at++, unit /= 10)
        *ns += (*rest->at - '0') * unit;
    return true;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar; years are counted from March, so that the leap day is the last. */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = (month + 9) % 12, y = year - (month <= 2);
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static bool take_date(struct rest *rest, bool day_first, int64_t *seconds)
{
    static const int8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t part[3]; /* the year has four digits, the others one or two */
    char mark = 0;
    for (int i = 0; i < 3; i++) {
        unsigned least = i == (day_first ? 2 : 0) ? 4 : 1;
        if ((i == 2 && !take(rest, mark)) || !take_number(rest, least, least == 4 ? 4 : 2, &part[i]))
            return false;
        if (i == 0 && rest->at < rest->end)
            mark = *rest->at++;
    }
    if (mark != '/' && mark != '-' && !(day_first && mark == '.'))
        return false;
    int64_t year = part[day_first ? 2 : 0], month = part[1], day = part[day_first ? 0 : 2];
    if (month < 1 || month > 12)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > length[month - 1] + (month == 2 && leap) || year < 1900 || year > 2200)
        return false;
    *seconds = days(year, month, day) * 86400;
    return true;
}

static bool take_clock(struct rest *rest, int64_t *seconds, int64_t *ns)
{
    int64_t hour, minute, second;
    if (!take_number(rest, 1, 2, &hour) || !take(rest, ':') || !take_number(rest, 2, 2, &minute) || !take(rest, ':') ||
        !take_number(rest, 2, 2, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return take_fraction(rest, ns);
}

/* "Z", "+02:00", "+0200", "+02"; none is UTC. */
static bool take_zone(struct rest *rest, int64_t *seconds)
{
    int64_t hours, minutes = 0;
    *seconds = 0;
    if (rest->at == rest->end || take(rest, 'Z'))
        return true;
    int sign = take(rest, '-') ? -1 : take(rest, '+') ? 1 : 0;
    if (!sign || !take_number(rest, 2, 2, &hours) ||
        (rest->at < rest->end && (take(rest, ':'), true) && !take_number(rest, 2, 2, &minutes)))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return hours <= 14 && minutes <= 59;
}

static bool read_seconds(struct rest rest, int64_t *ns)
{
    int64_t seconds, fraction;
    bool negative = take(&rest, '-');
    if (!take_number(&rest, 1, 10, &seconds) || !take_fraction(&rest, &fraction) || rest.at != rest.end || seconds > 7258118400)
        return false;
    *ns = negative ? -(seconds * SECOND + fraction) : seconds * SECOND + fraction;
    return true;
}

enum weir_epoch_kind weir_epoch_read(const char *text, size_t length, int64_t *ns)
{
    struct rest rest = {text, text + length};
    while (take(&rest, ' ') || take(&rest, '\t'))
        ;
    while (rest.end > rest.at && (rest.end[-1] == ' ' || rest.end[-1] == '\t' || rest.end[-1] == '\r'))
        rest.end--;
    if (read_seconds(rest, ns))
        return WEIR_EPOCH_FULL;
    struct rest start = rest;
    int64_t date, clock, fraction, zone;
    if (take_date(&rest, false, &date)) {
        if ((!take(&rest, ' ') && !take(&rest, 'T') && !take(&rest, '.')) || !take_clock(&rest, &clock, &fraction) ||
            !take_zone(&rest, &zone) || rest.at != rest.end)
            return WEIR_EPOCH_NONE;
        *ns = (date + clock - zone) * SECOND + fraction;
        return WEIR_EPOCH_FULL;
    }
    rest = start;
    if (!take_clock(&rest, &clock, &fraction) || rest.at != rest.end)
        return WEIR_EPOCH_NONE;
    *ns = clock * SECOND + fraction;
    return WEIR_EPOCH_DATELESS;
}

/* " AM", "pm": hours from 12 are 0 to 11 and 12 to 23. */
static bool take_half(struct rest *rest, int64_t *clock)
{
    while (take(rest, ' '))
        ;
    if (rest->at == rest->end)
        return true;
    bool afternoon = take(rest, 'P') || take(rest, 'p');
    if ((!afternoon && !take(rest, 'A') && !take(rest, 'a')) || (!take(rest, 'M') && !take(rest, 'm')))
        return false;
    int64_t hour = *clock / 3600;
    *clock += hour == 12 && !afternoon ? -12 * 3600 : hour < 12 && afternoon ? 12 * 3600 : 0;
    return hour >= 1 && hour <= 12;
}

enum weir_epoch_kind weir_epoch_read_day_first(const char *text, size_t length, int64_t *ns)
{
    struct rest rest = {text, text + length};
    int64_t date, hour, minute, second = 0, fraction = 0;
    while (take(&rest, ' ') || take(&rest, '\t'))
        ;
    while (rest.end > rest.at && (rest.end[-1] == ' ' || rest.end[-1] == '\t' || rest.end[-1] == '\r'))
        rest.end--;
    if (!take_date(&rest, true, &date) || (!take(&rest, ' ') && !take(&rest, 'T')) || !take_number(&rest, 1, 2, &hour) ||
        !take(&rest, ':') || !take_number(&rest, 2, 2, &minute) || hour > 23 || minute > 59)
        return WEIR_EPOCH_NONE;
    if (take(&rest, ':') && (!take_number(&rest, 2, 2, &second) || second > 60 || !take_fraction(&rest, &fraction)))
        return WEIR_EPOCH_NONE;
    int64_t clock = hour * 3600 + minute * 60 + second;
    if (!take_half(&rest, &clock) || rest.at != rest.end)
        return WEIR_EPOCH_NONE;
    *ns = (date + clock) * SECOND + fraction;
    return WEIR_EPOCH_FULL;
}
