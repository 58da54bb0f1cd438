/* exp and log that give the same bits on every CPU: the C library's choose by instruction set. Within 5 units in the last place.
 */
#ifndef WEIR_TRAIN_EXACT_H
#define WEIR_TRAIN_EXACT_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* 2^k for -1022 <= k <= 1023. */
static inline double weir_exact_power(int64_t k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* exp(x); 0 below -708, finite: exp(709) is the most. NaN stays. */
static inline double weir_exact_exp(double x)
{
    if (x != x)
        return x;
    if (x < -708)
        return 0;
    x = x > 709 ? 709 : x;
    double k = floor(x * 1.4426950408889634 + 0.5);
    double r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10; /* ln 2 in two parts */
    double term = 1, sum = 1;
    for (int i = 1; i <= 14; i++) { /* |r| <= 0.347: r^15 / 15! is below 1e-19 */
        term *= r / i;
        sum += term;
    }
    return k > 1022 ? sum * 2 * weir_exact_power((int64_t)k - 1) : sum * weir_exact_power((int64_t)k);
}

/* log(x) of a positive normal number. */
static inline double weir_exact_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t k = (int64_t)(bits >> 52 & 0x7ff) - 1023;
    bits = (bits & 0xfffffffffffff) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m); /* [1, 2) */
    if (m > 1.4142135623730951) {
        m /= 2;
        k++;
    }
    double z = (m - 1) / (m + 1), square = z * z, power = z, sum = 0;
    for (int i = 1; i <= 23; i += 2) { /* |z| <= 0.172: z^25 / 25 is below 1e-20 */
        sum += power / i;
        power *= square;
    }
    return (double)k * 0.693147180369123816490 + ((double)k * 1.90821492927058770002e-10 + 2 * sum);
}

#endif
