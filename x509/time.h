/*
 * time.h - the times of certificates (RFC 5280 4.1.2.5) and calendar days, without the C library's time zones.
 */
#ifndef LOCKGATE_X509_TIME_H
#define LOCKGATE_X509_TIME_H

#include "base/bytes.h"

struct civil {
	int64_t year;
	unsigned month, day, hour, minute, second;
};

int64_t time_from_civil(const struct civil *civil);
void time_to_civil(int64_t when, struct civil *out);

/* "YYMMDDHHMMSSZ" (utc: 1950 … 2049) or "YYYYMMDDHHMMSSZ". ERR_MALFORMED for any other form or an impossible date. */
MUST_CHECK enum err time_from_text(struct bytes text, bool utc, int64_t *out);

/* "2026-11-02": 11 bytes with the NUL, "2026-11-02T10:00:00Z": 21. Years beyond 9999 do not occur. */
#define TIME_DAY_BYTES    16
#define TIME_SECOND_BYTES 32
void time_day(int64_t when, char out[TIME_DAY_BYTES]);
void time_second(int64_t when, char out[TIME_SECOND_BYTES]);

#endif
