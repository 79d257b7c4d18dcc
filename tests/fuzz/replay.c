/*
 * replay.c - runs a fuzz target over files instead of random input, so that every build replays the corpus.
 * Owns:    the bytes of the file being replayed.
 * Never:   mutates an input.
 * Threads: one.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The fuzz target, linked in beside this file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FILE_BYTES_MAX (16u * 1024u * 1024u)
#define PATH_BYTES_MAX 4096u

struct replay {
	unsigned long done;
	unsigned long failed;
};

static void replay_file(struct replay *replay, const char *path)
{
	uint8_t *data = NULL;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		goto out;
	}
	if (fseek(file, 0, SEEK_END) != 0) {
		goto out;
	}
	long size = ftell(file);
	if (size < 0 || (unsigned long)size > FILE_BYTES_MAX || fseek(file, 0, SEEK_SET) != 0) {
		goto out;
	}
	/* Exactly as long as the file: a read past the end is then seen by AddressSanitizer. */
	data = malloc(size > 0 ? (size_t)size : 1);
	if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
		goto out;
	}
	(void)LLVMFuzzerTestOneInput(data, (size_t)size);
	replay->done++;
	free(data);
	(void)fclose(file);
	return;
out:
	(void)fprintf(stderr, "replay: %s cannot be read\n", path);
	replay->failed++;
	free(data);
	if (file != NULL) {
		(void)fclose(file);
	}
}

static void replay_folder(struct replay *replay, const char *path)
{
	DIR *dir = opendir(path);
	if (dir == NULL) {
		return;
	}
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char name[PATH_BYTES_MAX];
		struct stat info;
		int len = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] == '.' || len < 0 || (size_t)len >= sizeof(name)) {
			continue;
		}
		if (stat(name, &info) == 0 && S_ISREG(info.st_mode)) {
			replay_file(replay, name);
		}
	}
	(void)closedir(dir);
}

int main(int argc, char **argv)
{
	struct replay replay = {0};
	/* Every target must stand the empty input. */
	static const uint8_t nothing[1] = {0};
	(void)LLVMFuzzerTestOneInput(nothing, 0);
	for (int i = 1; i < argc; i++) {
		struct stat info;
		if (stat(argv[i], &info) != 0) {
			(void)fprintf(stderr, "replay: there is no %s; make it, with at least one input\n",
				argv[i]);
			replay.failed++;
		} else if (S_ISDIR(info.st_mode)) {
			replay_folder(&replay, argv[i]);
		} else {
			replay_file(&replay, argv[i]);
		}
	}
	if (replay.done == 0) {
		(void)fprintf(stderr, "replay: no input was replayed\n");
		return 1;
	}
	(void)printf("replayed %lu inputs\n", replay.done);
	return replay.failed == 0 ? 0 : 1;
}
