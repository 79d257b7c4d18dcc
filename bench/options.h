/*
 * options.h - what the programs of bench/ read and print alike: numbers of the command line, and figures.
 * Never:   knows an option by its name.
 * Threads: one.
 */
#ifndef LOCKGATE_BENCH_OPTIONS_H
#define LOCKGATE_BENCH_OPTIONS_H

#include "base/macros.h"

/* 0 … max in decimal digits; anything else ends the program with 2 and says so in its name. */
unsigned bench_number(const char *program, const char *text, unsigned max);
/* Says what is wrong with the command line, and how it should be; ends the program with 2. */
NORETURN void bench_wrong_usage(const char *program, const char *what, const char *usage_text);
/* 'name value' on stdout, at once. */
void bench_figure(const char *name, double value);

#endif
