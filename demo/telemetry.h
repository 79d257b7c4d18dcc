/*
 * telemetry.h - what this machine can say of itself: load, memory, uptime, temperature where there is a sensor.
 */
#ifndef LOCKGATE_DEMO_TELEMETRY_H
#define LOCKGATE_DEMO_TELEMETRY_H

#include <stddef.h>

/* One JSON object into out, with a NUL; returns its length, 0 when it does not fit. */
size_t telemetry_read(char *out, size_t size, unsigned number);

#endif
