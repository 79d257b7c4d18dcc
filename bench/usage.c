/*
 * usage.c - reads /proc/PID/task/TID/schedstat (nanoseconds on a CPU, per thread), /proc/PID/stat where the former is
 * not compiled in (clock ticks), and /proc/PID/smaps_rollup.
 */
#include "bench/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES   96
#define LINE_BYTES   1024
#define NUMBER_BYTES 20 /* 19 digits fit into 64 bits */

/* The sum over the threads. Threads that ended are missing from it: neither broker ends threads while it is measured. */
static enum err read_schedstat(pid_t pid, uint64_t *cpu_ns)
{
	char path[PATH_BYTES];
	uint64_t total = 0;
	unsigned threads = 0;
	struct dirent *entry = NULL;
	DIR *dir = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (dir == NULL) {
		return ERR_NOT_FOUND;
	}
	while ((entry = readdir(dir)) != NULL) {
		char ns[NUMBER_BYTES];
		FILE *file = NULL;

		if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat",
						       (int)pid, entry->d_name) >= (int)sizeof(path)) {
			continue;
		}
		file = fopen(path, "r");
		if (file == NULL) {
			continue;
		}
		if (fscanf(file, "%19[0-9]", ns) == 1) {
			total += strtoull(ns, NULL, 10);
			threads++;
		}
		(void)fclose(file);
	}
	(void)closedir(dir);
	if (threads == 0 || total == 0) {
		return ERR_UNSUPPORTED;
	}
	*cpu_ns = total;
	return ERR_OK;
}

static enum err read_stat(pid_t pid, uint64_t *cpu_ns)
{
	char path[PATH_BYTES];
	char line[LINE_BYTES];
	char user[NUMBER_BYTES];
	char system[NUMBER_BYTES];
	const char *after_name = NULL;
	FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file == NULL) {
		return ERR_NOT_FOUND;
	}
	after_name = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
	(void)fclose(file);
	if (after_name == NULL ||
		sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %19[0-9] %19[0-9]", user,
			system) != 2) {
		return ERR_IO;
	}
	*cpu_ns = (uint64_t)(strtoull(user, NULL, 10) + strtoull(system, NULL, 10)) * 1000000000u /
		  (uint64_t)sysconf(_SC_CLK_TCK);
	return ERR_OK;
}

static enum err read_memory(pid_t pid, struct usage *out)
{
	const struct {
		const char *key;
		uint64_t *bytes;
	} fields[] = {
		{"Rss:", &out->rss_bytes},
		{"Pss:", &out->pss_bytes},
		{"Anonymous:", &out->anonymous_bytes},
	};
	char path[PATH_BYTES];
	char line[LINE_BYTES];
	unsigned found = 0;
	FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	if (file == NULL) {
		return ERR_IO;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
			size_t len = strlen(fields[i].key);
			char kb[NUMBER_BYTES];

			if (strncmp(line, fields[i].key, len) == 0 &&
				sscanf(line + len, " %19[0-9]", kb) == 1) {
				*fields[i].bytes = strtoull(kb, NULL, 10) * 1024;
				found++;
			}
		}
	}
	(void)fclose(file);
	return found == ARRAY_COUNT(fields) ? ERR_OK : ERR_IO;
}

enum err usage_of(pid_t pid, struct usage *out)
{
	struct usage usage = {0};
	enum err err = read_schedstat(pid, &usage.cpu_ns);

	if (err == ERR_UNSUPPORTED) {
		err = read_stat(pid, &usage.cpu_ns);
	}
	if (err == ERR_OK) {
		err = read_memory(pid, &usage);
	}
	if (err == ERR_OK) {
		*out = usage;
	}
	return err;
}
