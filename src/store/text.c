#include "store/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354"
    "5556575859606162636465666768697071727374757677787980818283848586878889909192939495969798"
    "99";

/* Writes exactly `digits` digits, leading zeros included. */
static void put_digits(uint64_t value, unsigned digits, char *out)
{
    char *p = out + digits;
    while (p - out >= 2) {
        p -= 2;
        memcpy(p, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (p != out)
        *out = (char)('0' + value % 10);
}

static unsigned count_digits(uint64_t value)
{
    unsigned n = 1;
    for (; value >= 10000; value /= 10000)
        n += 4;
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

size_t weir_text_u64(uint64_t value, char *out)
{
    unsigned n = count_digits(value);
    put_digits(value, n, out);
    return n;
}

size_t weir_text_i64(int64_t value, char *out)
{
    if (value >= 0)
        return weir_text_u64((uint64_t)value, out);
    *out = '-';
    return 1 + weir_text_u64(0 - (uint64_t)value, out + 1);
}

/* Powers of ten that a long double of 64 bits or more holds exactly (5^27 < 2^64). */
static const long double powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                     1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                     1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
enum { POWER_MAX = 27, POWER_MAX_DOUBLE = 22 /* 5^22 < 2^53 */ };

/* `value` * 10^scale, rounded to a whole number; -1 when `scale` is out of the exact range. */
static int64_t scale_up(double value, int scale)
{
    if (scale > POWER_MAX || scale < -POWER_MAX)
        return -1;
    return (int64_t)llrintl(scale >= 0 ? (long double)value * powers[scale] : (long double)value / powers[-scale]);
}

/* Lays `count` digits of `digits` out, the first one standing for 10^exponent, trailing zeros left out. */
static size_t lay_out(uint64_t digits, unsigned count, int exponent, char *out)
{
    char d[20];
    put_digits(digits, count, d);
    while (count > 1 && d[count - 1] == '0')
        count--;
    char *p = out;
    if (exponent < 0) {
        memcpy(p, "0.0000000", (size_t)(1 - exponent));
        p += 1 - exponent;
        memcpy(p, d, count);
        return (size_t)(p - out) + count;
    }
    unsigned whole = (unsigned)exponent + 1;
    for (unsigned i = 0; i < whole; i++)
        *p++ = i < count ? d[i] : '0';
    if (count > whole) {
        *p++ = '.';
        memcpy(p, d + whole, count - whole);
        p += count - whole;
    }
    return (size_t)(p - out);
}

static size_t put_any(double value, const char *format, char *out)
{
    char text[WEIR_TEXT_ROOM];
    int n = snprintf(text, sizeof text, format, value);
    memcpy(out, text, (size_t)n);
    return (size_t)n;
}

/* `x` with `count` digits, the first one standing for 10^*exponent. */
static int64_t to_digits(double x, unsigned count, int *exponent)
{
    static const int64_t ten[] = {
        [5] = 100000,           [6] = 1000000,           [7] = 10000000,           [8] = 100000000,          [9] = 1000000000,
        [14] = 100000000000000, [15] = 1000000000000000, [16] = 10000000000000000, [17] = 100000000000000000};
    int64_t d = scale_up(x, (int)count - 1 - *exponent);
    if (d < ten[count - 1] || d >= ten[count]) { /* the guess was one off, or rounding made a digit more */
        *exponent += d < ten[count - 1] ? -1 : 1;
        d = scale_up(x, (int)count - 1 - *exponent);
    }
    return d >= ten[count - 1] && d < ten[count] ? d : -1;
}

/* Decimal exponent of the first digit, or one less. */
static int guess_exponent(double x)
{
    int binary;
    frexp(x, &binary);
    return (int)floor((binary - 1) * 0.30102999566398120);
}

static bool has_digits(double x) /* the range of plain notation */
{
    return x >= 1e-8 && x < 1e15;
}

size_t weir_text_real(double value, char *out)
{
    size_t sign = signbit(value) && value != 0;
    double x = fabs(value);
    if (!isfinite(value))
        return put_any(value, "%g", out);
    *out = '-';
    if (x < 9e15 && x == (double)(uint64_t)x)
        return sign + weir_text_u64((uint64_t)x, out + sign);
    if (has_digits(x)) {
        int exponent = guess_exponent(x);
        int64_t d = to_digits(x, 15, &exponent);
        /* One correctly rounded operation on exact numbers: what strtod gives for these digits. */
        int scale = 14 - exponent;
        if (d > 0 && scale >= 0 && scale <= POWER_MAX_DOUBLE && (double)d / (double)powers[scale] == x)
            return sign + lay_out((uint64_t)d, 15, exponent, out + sign);
        /* 17 digits: the product is right to 2^-63, so the last digit is at most 0.51 of a unit off, and half the distance to the
         * next double is 0.55 of one or more. */
        if ((d = to_digits(x, 17, &exponent)) > 0)
            return sign + lay_out((uint64_t)d, 17, exponent, out + sign);
    }
    return put_any(value, "%.17g", out);
}

size_t weir_text_real32(float value, char *out)
{
    size_t sign = signbit(value) && value != 0;
    double x = fabs((double)value);
    if (!isfinite(value))
        return put_any((double)value, "%g", out);
    *out = '-';
    if (x < 16777216 && x == (double)(uint64_t)x)
        return sign + weir_text_u64((uint64_t)x, out + sign);
    if (has_digits(x)) {
        int exponent = guess_exponent(x);
        for (unsigned count = 6; count <= 9; count++) {
            int64_t d = to_digits(x, count, &exponent);
            int scale = (int)count - 1 - exponent;
            double back = scale >= 0 ? (double)d / (double)powers[scale] : (double)d * (double)powers[-scale];
            if (d > 0 && (float)back == (float)x)
                return sign + lay_out((uint64_t)d, count, exponent, out + sign);
        }
    }
    return put_any((double)value, "%.9g", out);
}

size_t weir_text_epoch(int64_t ns, unsigned decimals, char *out)
{
    int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
    size_t n = 0;
    if (rest < 0) { /* before 1970: count down from the second above, as a signed decimal does */
        if (seconds == 0)
            out[n++] = '-';
        rest = -rest;
    }
    n += weir_text_i64(seconds, out + n);
    out[n++] = '.';
    put_digits((uint64_t)(decimals == 9 ? rest : rest / 1000), decimals == 9 ? 9 : 6, out + n);
    return n + (decimals == 9 ? 9 : 6);
}

static size_t put_ip4(const uint8_t *a, char *out)
{
    char *p = out;
    for (unsigned i = 0; i < 4; i++) {
        if (i)
            *p++ = '.';
        if (a[i] >= 100) {
            *p++ = (char)('0' + a[i] / 100);
            memcpy(p, pairs + 2 * (a[i] % 100), 2);
            p += 2;
        } else if (a[i] >= 10) {
            memcpy(p, pairs + 2 * a[i], 2);
            p += 2;
        } else {
            *p++ = (char)('0' + a[i]);
        }
    }
    return (size_t)(p - out);
}

static size_t put_ip6(const uint8_t *a, char *out)
{
    static const char hex[] = "0123456789abcdef";
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (!memcmp(a, mapped, sizeof mapped)) {
        memcpy(out, "::ffff:", 7);
        return 7 + put_ip4(a + 12, out + 7);
    }
    unsigned word[8], best = 0, longest = 1; /* a single zero word is not shortened */
    for (unsigned i = 0; i < 8; i++)
        word[i] = (unsigned)(a[2 * i] << 8 | a[2 * i + 1]);
    for (unsigned i = 0, run = 0; i < 8; i++) {
        run = word[i] ? 0 : run + 1;
        if (run > longest) {
            longest = run;
            best = i + 1 - run;
        }
    }
    char *p = out;
    for (unsigned i = 0; i < 8; i++) {
        if (longest > 1 && i == best) {
            *p++ = ':';
            *p++ = ':';
            i += longest - 1;
            continue;
        }
        if (i && p[-1] != ':')
            *p++ = ':';
        for (int shift = word[i] > 0xfff ? 12 : word[i] > 0xff ? 8 : word[i] > 0xf ? 4 : 0; shift >= 0; shift -= 4)
            *p++ = hex[word[i] >> shift & 15];
    }
    return (size_t)(p - out);
}

size_t weir_text_ip(unsigned ip_version, const uint8_t *address, char *out)
{
    return ip_version == 4 ? put_ip4(address, out) : put_ip6(address, out);
}

size_t weir_text_uuid(uint64_t high, uint64_t low, char *out)
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (unsigned i = 0; i < 32; i++) {
        uint64_t half = i < 16 ? high : low;
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *p++ = '-';
        *p++ = hex[half >> (60 - 4 * (i % 16)) & 15];
    }
    return 36;
}

/* Bytes of the UTF-8 character at the start of `text`, 0 if there is none (overlong forms and surrogates are none). */
static unsigned utf8_length(const unsigned char *text, size_t length)
{
    unsigned c = text[0], n = c < 0x80                ? 1
                              : c >= 0xc2 && c < 0xe0 ? 2
                              : c >= 0xe0 && c < 0xf0 ? 3
                              : c >= 0xf0 && c < 0xf5 ? 4
                                                      : 0;
    if (!n || n > length)
        return 0;
    for (unsigned i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] >= 0xa0) || (c == 0xf0 && text[1] < 0x90) ||
               (c == 0xf4 && text[1] >= 0x90);
    return bad ? 0 : n;
}

size_t weir_text_json(const char *text, size_t length, char *out)
{
    const unsigned char *s = (const unsigned char *)text;
    char *p = out;
    *p++ = '"';
    for (size_t i = 0; i < length;) {
        unsigned n = utf8_length(s + i, length - i);
        if (n == 1 && (s[i] == '"' || s[i] == '\\')) {
            *p++ = '\\';
            *p++ = (char)s[i];
        } else if (n == 1 && s[i] < 0x20) {
            p += snprintf(p, 7, "\\u%04x", s[i]);
        } else if (n) {
            memcpy(p, s + i, n);
            p += n;
        } else {
            memcpy(p, "\xef\xbf\xbd", 3);
            p += 3;
        }
        i += n ? n : 1;
    }
    *p++ = '"';
    return (size_t)(p - out);
}
