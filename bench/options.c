/*
 * options.c - numbers of the command line, and figures.
 */
#include "bench/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

unsigned bench_number(const char *program, const char *text, unsigned max)
{
	char *end = NULL;
	unsigned long value = 0;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value > max) {
		(void)fprintf(stderr, "%s: '%s' is not a number up to %u\n", program, text, max);
		exit(2);
	}
	return (unsigned)value;
}

void bench_wrong_usage(const char *program, const char *what, const char *usage_text)
{
	(void)fprintf(stderr, "%s: %s\n%s", program, what, usage_text);
	exit(2);
}

void bench_figure(const char *name, double value)
{
	(void)printf("%s %.3f\n", name, value);
	(void)fflush(stdout);
}
