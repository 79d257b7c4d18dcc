/*
 * telemetry.c - reads /proc and /sys.
 * Owns:    nothing.
 * Never:   invents a value: what cannot be read is left out.
 * Threads: any.
 */
#include "demo/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_line(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	int good = file != NULL && fgets(out, (int)size, file) != NULL;

	if (file != NULL) {
		(void)fclose(file);
	}
	return good;
}

/* kB of a /proc/meminfo line such as "MemAvailable:", -1 if there is none. */
static long memory_kb(const char *key)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[256];
	long value = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			value = strtol(line + strlen(key), NULL, 10);
			break;
		}
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	return value;
}

size_t telemetry_read(char *out, size_t size, unsigned number)
{
	char line[128];
	char load[32] = "";
	char uptime[32] = "";
	char temperature[48] = "";

	if (read_line("/proc/loadavg", line, sizeof(line))) {
		(void)snprintf(load, sizeof(load), ",\"load\":%.2f", strtod(line, NULL));
	}
	if (read_line("/proc/uptime", line, sizeof(line))) {
		(void)snprintf(uptime, sizeof(uptime), ",\"uptime_s\":%.0f", strtod(line, NULL));
	}
	if (read_line("/sys/class/thermal/thermal_zone0/temp", line, sizeof(line))) {
		(void)snprintf(temperature, sizeof(temperature), ",\"temperature_c\":%.1f",
			strtod(line, NULL) / 1000.0);
	}
	int n = snprintf(out, size, "{\"n\":%u%s,\"memory_free_mb\":%ld,\"memory_mb\":%ld%s%s}", number, load,
		memory_kb("MemAvailable:") / 1024, memory_kb("MemTotal:") / 1024, uptime, temperature);

	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}
