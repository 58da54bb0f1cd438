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

static bool take_date(struct rest *rest, int64_t *seconds)
{
    static const int8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day;
    if (!take_number(rest, 4, 4, &year) || rest->at == rest->end || (*rest->at != '/' && *rest->at != '-'))
        return false;
    char mark = *rest->at++;
    if (!take_number(rest, 1, 2, &month) || !take(rest, mark) || !take_number(rest, 1, 2, &day) || month < 1 || month > 12)
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
    if (take_date(&rest, &date)) {
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
