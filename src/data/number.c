#include "data/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Exact in float64: a mantissa below 2^53 times or divided by one of these is rounded once, so it is the nearest value. */
static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(const char *text, size_t length, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == length && !strncasecmp(text, *words, length))
            return true;
    return false;
}

static enum weir_number_kind read_word(const char *text, size_t length)
{
    static const char *const missing[] = {"", "nan", "na", "n/a", "null", "none", "(empty)", "-", "?", "+nan", "-nan", NULL};
    static const char *const endless[] = {"inf", "infinity", "+inf", "+infinity", "-inf", "-infinity", NULL};
    if (is_word(text, length, missing))
        return WEIR_NUMBER_MISSING;
    return is_word(text, length, endless) ? WEIR_NUMBER_ENDLESS : WEIR_NUMBER_TEXT;
}

/* The nearest float64 of mantissa / 10^decimals, which float64 cannot divide exactly. The long double of x86 can, up to one
 * rounding to 64 bits; what is rounded again to 53 is the nearest unless those 64 bits lie at, or next to, the middle between two
 * float64. False: not known. */
static bool divide_long(uint64_t mantissa, size_t decimals, double *out)
{
#if LDBL_MANT_DIG == 64
    if (!mantissa || decimals >= sizeof power_of_ten / sizeof *power_of_ten)
        return false;
    long double quotient = (long double)mantissa / (long double)power_of_ten[decimals];
    uint64_t bits;
    memcpy(&bits, &quotient, sizeof bits); /* the explicit mantissa */
    if ((bits & 0x7ff) >= 0x3ff && (bits & 0x7ff) <= 0x401)
        return false;
    *out = (double)quotient;
    return true;
#else
    (void)mantissa, (void)decimals, (void)out;
    return false;
#endif
}

/* Digits with an optional sign and point, at most 19 digits: nearly every cell of real data. */
static bool read_plain(const char *text, size_t length, double *out)
{
    bool negative = *text == '-';
    const char *end = text + length, *start = text + negative, *c = start;
    uint64_t mantissa = 0;
    for (; c < end && (unsigned char)(*c - '0') < 10; c++)
        mantissa = mantissa * 10 + (uint64_t)(*c - '0');
    size_t digits = (size_t)(c - start), decimals = 0;
    if (c < end) {
        if (*c++ != '.')
            return false;
        const char *point = c;
        for (; c < end && (unsigned char)(*c - '0') < 10; c++)
            mantissa = mantissa * 10 + (uint64_t)(*c - '0');
        decimals = (size_t)(c - point);
        digits += decimals;
    }
    if (c < end || !digits || digits > 19)
        return false;
    double value;
    if (mantissa < UINT64_C(1) << 53 && decimals < sizeof power_of_ten / sizeof *power_of_ten)
        value = (double)mantissa / power_of_ten[decimals];
    else if (!divide_long(mantissa, decimals, &value))
        return false;
    *out = negative ? -value : value;
    return true;
}

enum weir_number_kind weir_number_read(const char *text, size_t length, double *out)
{
    while (length && is_blank(*text))
        text++, length--;
    while (length && is_blank(text[length - 1]))
        length--;
    if (length && read_plain(text, length, out))
        return WEIR_NUMBER_VALUE;
    *out = NAN;
    if (!length)
        return WEIR_NUMBER_MISSING;
    /* strtod reads more than decimals (hexadecimal, words), so what may reach it is named first. */
    char copy[512];
    if (length >= sizeof copy)
        return WEIR_NUMBER_TEXT;
    memcpy(copy, text, length);
    copy[length] = 0;
    if (!length || strspn(copy, "0123456789+-.eE") < length)
        return read_word(text, length);
    char *end = NULL;
    double value = strtod(copy, &end);
    if (end != copy + length)
        return read_word(text, length);
    if (!isfinite(value))
        return WEIR_NUMBER_ENDLESS;
    *out = value;
    return WEIR_NUMBER_VALUE;
}
