/*
 * time.c - proleptic Gregorian calendar arithmetic (days from civil, Howard Hinnant's well known method).
 * Owns:    nothing.
 * Never:   asks for the time.
 * Threads: any.
 */
#include "x509/time.h"

#include <stdio.h>

#include "base/wire.h"

#define SECONDS_PER_DAY 86400

int64_t time_from_civil(const struct civil *civil)
{
	int64_t year = civil->year - (civil->month <= 2 ? 1 : 0);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month_from_march = ((int64_t)civil->month + 9) % 12;
	int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)civil->day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	int64_t days = era * 146097 + day_of_era - 719468;
	return days * SECONDS_PER_DAY + (int64_t)civil->hour * 3600 + (int64_t)civil->minute * 60 +
	       (int64_t)civil->second;
}

void time_to_civil(int64_t when, struct civil *out)
{
	int64_t days = when / SECONDS_PER_DAY;
	int64_t rest = when % SECONDS_PER_DAY;
	if (rest < 0) {
		rest += SECONDS_PER_DAY;
		days--;
	}
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	out->day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	out->month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	out->year = year_of_era + era * 400 + (out->month <= 2 ? 1 : 0);
	out->hour = (unsigned)(rest / 3600);
	out->minute = (unsigned)(rest / 60 % 60);
	out->second = (unsigned)(rest % 60);
}

static enum err get_digits(struct wire_reader *in, unsigned count, unsigned *out)
{
	unsigned value = 0;
	for (unsigned i = 0; i < count; i++) {
		uint8_t digit = 0;
		if (wire_get_u8(in, &digit) != ERR_OK || digit < '0' || digit > '9') {
			return ERR_MALFORMED;
		}
		value = value * 10 + (unsigned)(digit - '0');
	}
	*out = value;
	return ERR_OK;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

enum err time_from_text(struct bytes text, bool utc, int64_t *out)
{
	struct wire_reader in = wire_reader_init(text);
	struct civil civil = {0};
	unsigned year = 0;
	uint8_t zulu = 0;
	if (get_digits(&in, utc ? 2 : 4, &year) != ERR_OK || get_digits(&in, 2, &civil.month) != ERR_OK ||
		get_digits(&in, 2, &civil.day) != ERR_OK || get_digits(&in, 2, &civil.hour) != ERR_OK ||
		get_digits(&in, 2, &civil.minute) != ERR_OK || get_digits(&in, 2, &civil.second) != ERR_OK ||
		wire_get_u8(&in, &zulu) != ERR_OK || zulu != 'Z' || wire_reader_left(&in) != 0) {
		return ERR_MALFORMED;
	}
	civil.year = year;
	if (utc) {
		civil.year += year >= 50 ? 1900 : 2000; /* RFC 5280 4.1.2.5.1 */
	}
	if (civil.month < 1 || civil.month > 12 || civil.day < 1 ||
		civil.day > days_in_month(civil.year, civil.month) || civil.hour > 23 || civil.minute > 59 ||
		civil.second > 59) {
		return ERR_MALFORMED;
	}
	*out = time_from_civil(&civil);
	return ERR_OK;
}

void time_day(int64_t when, char out[TIME_DAY_BYTES])
{
	struct civil civil;
	time_to_civil(when, &civil);
	(void)snprintf(out, TIME_DAY_BYTES, "%04u-%02u-%02u", (unsigned)civil.year % 10000u,
		civil.month % 100u, civil.day % 100u);
}

void time_second(int64_t when, char out[TIME_SECOND_BYTES])
{
	struct civil civil;
	time_to_civil(when, &civil);
	(void)snprintf(out, TIME_SECOND_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		(unsigned)civil.year % 10000u, civil.month % 100u, civil.day % 100u, civil.hour % 100u,
		civil.minute % 100u, civil.second % 100u);
}
