/*
 * revocation_disk.c - the folder of the revocation cache: one file per list and per answer, named by a hash.
 * Owns:    the files in that folder, the jobs that read and write them.
 * Never:   believes a file: its content is parsed, vouched for and judged like what a server sends.
 * Threads: jobs on LANE_FILE, the rest on the control loop.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "base/wire.h"
#include "broker/fetch/revocation_private.h"

#define PATH_BYTES_MAX  4096u
#define FILE_OVERHEAD   8192u /* what a file holds besides the list or answer, at most */
#define MAGIC_LIST      "lockgate revocation list 1\n"
#define MAGIC_ANSWER    "lockgate ocsp answer 1\n"
#define FILES_LOOKED_AT 262144u /* entries of the folder that are looked at */

/* --- what stands in a file: a first line, then each part with its length --- */

static enum err encode(const char *magic, const struct bytes *parts, size_t count, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);

	wire_put_bytes(&writer, bytes_text(magic));
	for (size_t i = 0; i < count; i++) {
		wire_put_u32(&writer, (uint32_t)parts[i].len);
		wire_put_bytes(&writer, parts[i]);
	}
	return writer.err;
}

static enum err decode(const char *magic, struct bytes in, struct bytes *parts, size_t count)
{
	struct wire_reader reader = wire_reader_init(in);
	struct bytes first;

	if (wire_get_bytes(&reader, strlen(magic), &first) != ERR_OK || !bytes_equal_text(first, magic)) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t len = 0;

		if (wire_get_u32(&reader, &len) != ERR_OK ||
			wire_get_bytes(&reader, len, &parts[i]) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	return wire_reader_left(&reader) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err revocation_list_encode(const struct revocation_list_file *in, struct buf *out)
{
	const struct bytes parts[] = {in->url, in->etag, in->last_modified, in->der};

	return encode(MAGIC_LIST, parts, ARRAY_COUNT(parts), out);
}

static bool is_header_text(struct bytes text, size_t max)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
			return false;
		}
	}
	return text.len <= max;
}

enum err revocation_list_decode(struct bytes in, struct revocation_list_file *out)
{
	struct bytes parts[4];
	enum err err = decode(MAGIC_LIST, in, parts, ARRAY_COUNT(parts));

	if (err != ERR_OK) {
		return err;
	}
	if (!is_header_text(parts[0], FETCH_URL_BYTES_MAX) || parts[0].len == 0 ||
		!is_header_text(parts[1], FETCH_VALIDATOR_BYTES_MAX) ||
		!is_header_text(parts[2], FETCH_VALIDATOR_BYTES_MAX)) {
		return ERR_MALFORMED;
	}
	*out = (struct revocation_list_file){parts[0], parts[1], parts[2], parts[3]};
	return ERR_OK;
}

enum err revocation_answer_encode(const struct revocation_answer_file *in, struct buf *out)
{
	const struct bytes parts[] = {in->key, in->url, in->request, in->response};

	return encode(MAGIC_ANSWER, parts, ARRAY_COUNT(parts), out);
}

enum err revocation_answer_decode(struct bytes in, struct revocation_answer_file *out)
{
	struct bytes parts[4];
	enum err err = decode(MAGIC_ANSWER, in, parts, ARRAY_COUNT(parts));

	if (err != ERR_OK) {
		return err;
	}
	if (parts[0].len != SHA256_BYTES || !is_header_text(parts[1], FETCH_URL_BYTES_MAX) ||
		parts[1].len == 0 || parts[2].len > FETCH_REQUEST_BYTES_MAX || parts[3].len == 0 ||
		parts[3].len > FETCH_OCSP_BYTES_MAX) {
		return ERR_MALFORMED;
	}
	*out = (struct revocation_answer_file){parts[0], parts[1], parts[2], parts[3]};
	return ERR_OK;
}

enum err revocation_parse(struct bytes content, struct crl **out, const char **what)
{
	struct crl_list list = {0};
	struct x509_error error = {0};
	enum err err = crl_list_load(content, &list, &error);

	*what = error.what;
	if (err == ERR_OK && list.count != 1) {
		*what = "more than one list";
		err = ERR_UNSUPPORTED;
	}
	if (err == ERR_OK) {
		*out = crl_ref(list.items[0]);
	}
	crl_list_release(&list);
	return err;
}

/* --- names --- */

void disk_list_name(const char *url, uint8_t out[SHA256_BYTES])
{
	hash_of(HASH_SHA256, bytes_text(url), out);
}

/* out stays empty without memory. */
void disk_path(const char *folder, const uint8_t name[SHA256_BYTES], const char *suffix, struct buf *out)
{
	if (buf_append_text(out, folder) != ERR_OK || buf_append_u8(out, '/') != ERR_OK ||
		hex_encode(bytes_of(name, SHA256_BYTES), out) != ERR_OK ||
		buf_append_text(out, suffix) != ERR_OK) {
		out->len = 0;
	}
}

/* --- removing --- */

struct remove_job {
	struct job job;
	struct revocation_cache *cache;
	struct buf path;
};

static void remove_job_run(struct job *base)
{
	struct remove_job *job = CONTAINER_OF(base, struct remove_job, job);
	const char *path = NULL;

	if (job->path.len > 0 && buf_text(&job->path, &path) == ERR_OK) {
		(void)unlink(path);
	}
}

static void remove_job_done(struct job *base)
{
	struct remove_job *job = CONTAINER_OF(base, struct remove_job, job);
	struct revocation_cache *cache = job->cache;

	buf_release(&job->path);
	free(job);
	cache_job_over(cache);
}

/* One that stays behind, for want of a place on the lane, is found again at the next start and goes then. */
void disk_remove(struct revocation_cache *cache, const uint8_t name[SHA256_BYTES], const char *suffix)
{
	struct remove_job *job = cache->folder == NULL ? NULL : calloc(1, sizeof(*job));

	if (job == NULL) {
		return;
	}
	job->job.run = remove_job_run;
	job->job.done = remove_job_done;
	job->cache = cache;
	buf_init(&job->path, PATH_BYTES_MAX);
	disk_path(cache->folder, name, suffix, &job->path);
	if (executor_submit(&cache->executor, LANE_FILE, &job->job) != ERR_OK) {
		buf_release(&job->path);
		free(job);
		return;
	}
	cache->jobs++;
}

/* --- writing answers --- */

struct save_job {
	struct job job;
	struct revocation_cache *cache;
	struct buf path, content;
	bool failed;
};

static void save_job_run(struct job *base)
{
	struct save_job *job = CONTAINER_OF(base, struct save_job, job);
	const char *path = NULL;

	job->failed = job->path.len == 0 || buf_text(&job->path, &path) != ERR_OK ||
		      file_write_atomic(path, buf_bytes(&job->content), 0600) != ERR_OK;
}

static void save_job_free(struct save_job *job)
{
	buf_release(&job->path);
	buf_release(&job->content);
	free(job);
}

static void save_job_done(struct job *base)
{
	struct save_job *job = CONTAINER_OF(base, struct save_job, job);
	struct revocation_cache *cache = job->cache;

	cache->disk_jobs--;
	cache->counters.disk_errors += job->failed ? 1 : 0;
	save_job_free(job);
	if (!cache->dead) {
		disk_save_answers(cache);
	}
	cache_job_over(cache);
}

static bool save_one(struct revocation_cache *cache, const struct revocation_answer *answer)
{
	struct save_job *job = calloc(1, sizeof(*job));
	const struct revocation_answer_file file = {bytes_of(answer->key, SHA256_BYTES),
		bytes_text(answer->entry.url), bytes_of(answer->request, answer->request_len),
		bytes_of(answer->response, answer->entry.bytes)};

	if (job == NULL) {
		return false;
	}
	job->job.run = save_job_run;
	job->job.done = save_job_done;
	job->cache = cache;
	buf_init(&job->path, PATH_BYTES_MAX);
	buf_init(&job->content, FETCH_OCSP_BYTES_MAX + FETCH_REQUEST_BYTES_MAX + FILE_OVERHEAD);
	disk_path(cache->folder, answer->key, ".ocsp", &job->path);
	if (revocation_answer_encode(&file, &job->content) != ERR_OK ||
		executor_submit(&cache->executor, LANE_FILE, &job->job) != ERR_OK) {
		save_job_free(job);
		return false;
	}
	cache->jobs++;
	cache->disk_jobs++;
	return true;
}

void disk_save_answers(struct revocation_cache *cache)
{
	while (!list_empty(&cache->unsaved) && cache->disk_jobs < REVOCATION_DISK_JOBS_MAX) {
		struct revocation_answer *answer =
			CONTAINER_OF(cache->unsaved.next, struct revocation_answer, unsaved);

		/* The file only saves a fetch after a restart: one that cannot be written now is let go. */
		list_remove(&answer->unsaved);
		if (!save_one(cache, answer)) {
			cache->counters.disk_errors++;
		}
	}
}

/* --- reading all of it, once --- */

struct loaded_list {
	struct list node;
	char *url;
	char etag[FETCH_VALIDATOR_BYTES_MAX + 1];
	char last_modified[FETCH_VALIDATOR_BYTES_MAX + 1];
	struct crl *crl;
	enum revocation_vouch vouched;
	size_t bytes;
};

struct loaded_answer {
	struct list node;
	struct buf content;
	struct revocation_answer_file file; /* borrows content */
	struct revocation_times times;
};

struct load_job {
	struct job job;
	struct revocation_cache *cache;
	char *folder;
	size_t lists_left, answers_left, list_bytes_max, bytes_left, answer_bytes_left;
	struct revocation_calls calls;
	bool has_snapshot;
	void *snapshot;
	int64_t now;
	/* The answer. */
	struct list lists, answers;
	unsigned bad;
	bool usable; /* the folder is there and nobody else's */
};

/* Ours, and a whole name of ours; *suffix behind the hash. */
static bool parse_name(const char *name, uint8_t hash[SHA256_BYTES], const char **suffix)
{
	struct buf raw = BUF_INIT(SHA256_BYTES);
	bool good = false;

	if (strlen(name) > 2 * SHA256_BYTES && hex_decode(bytes_of(name, 2 * SHA256_BYTES), &raw) == ERR_OK &&
		raw.len == SHA256_BYTES) {
		memcpy(hash, raw.data, SHA256_BYTES);
		*suffix = name + 2 * SHA256_BYTES;
		good = strcmp(*suffix, ".crl") == 0 || strcmp(*suffix, ".ocsp") == 0;
	}
	buf_release(&raw);
	return good;
}

static void loaded_list_free(struct loaded_list *loaded)
{
	crl_unref(loaded->crl);
	free(loaded->url);
	free(loaded);
}

/* out is zeroed, and its room was looked at by the decoder. */
static void copy_text(char *out, struct bytes text)
{
	if (text.len > 0) {
		memcpy(out, text.data, text.len);
	}
}

static enum err load_list(struct load_job *job, struct bytes content, const uint8_t *hash)
{
	struct revocation_list_file file;
	uint8_t expected[SHA256_BYTES];
	char why[X509_SENTENCE_BYTES];
	const char *what = NULL;
	enum err err = revocation_list_decode(content, &file);

	if (err != ERR_OK) {
		return err;
	}
	struct loaded_list *loaded = calloc(1, sizeof(*loaded));

	if (loaded == NULL) {
		return ERR_NOMEM;
	}
	list_init(&loaded->node);
	copy_text(loaded->etag, file.etag);
	copy_text(loaded->last_modified, file.last_modified);
	loaded->bytes = file.der.len;
	err = bytes_dup_text(file.url, &loaded->url);
	if (err == ERR_OK) {
		disk_list_name(loaded->url, expected);
		err = memcmp(expected, hash, SHA256_BYTES) == 0
			      ? revocation_parse(file.der, &loaded->crl, &what)
			      : ERR_MALFORMED;
	}
	if (err == ERR_OK && crl_this_update(loaded->crl) > job->now + REVOCATION_FUTURE_S) {
		err = ERR_DENIED;
	}
	if (err == ERR_OK) {
		loaded->vouched = job->has_snapshot ? job->calls.vouch(job->snapshot, loaded->crl, why)
						    : REVOCATION_VOUCHED;
		err = loaded->vouched == REVOCATION_FORGED ? ERR_DENIED : ERR_OK;
	}
	if (err != ERR_OK) {
		loaded_list_free(loaded);
		return err;
	}
	job->lists_left--;
	job->bytes_left -= loaded->bytes;
	list_push_back(&job->lists, &loaded->node);
	return ERR_OK;
}

static void loaded_answer_free(struct loaded_answer *loaded)
{
	buf_release(&loaded->content);
	free(loaded);
}

/* Moves content on ERR_OK. */
static enum err load_answer(struct load_job *job, struct buf *content, const uint8_t *hash)
{
	struct revocation_answer_file file;
	struct ocsp_response *response = NULL;
	enum err err = revocation_answer_decode(buf_bytes(content), &file);

	if (err == ERR_OK && memcmp(file.key.data, hash, SHA256_BYTES) != 0) {
		err = ERR_MALFORMED;
	}
	if (err == ERR_OK) {
		err = ocsp_response_parse(file.response, &response, NULL);
	}
	if (err != ERR_OK) {
		return err;
	}
	struct loaded_answer *loaded = calloc(1, sizeof(*loaded));

	if (loaded == NULL) {
		ocsp_response_unref(response);
		return ERR_NOMEM;
	}
	list_init(&loaded->node);
	loaded->times = (struct revocation_times){ocsp_response_produced_at(response),
		ocsp_response_this_update(response), ocsp_response_next_update(response)};
	ocsp_response_unref(response);
	loaded->content = *content;
	loaded->file = file;
	*content = BUF_INIT(0);
	job->answers_left--;
	job->answer_bytes_left -= file.response.len;
	list_push_back(&job->answers, &loaded->node);
	return ERR_OK;
}

/* Whether one more of this size still has its place. */
static bool has_room(const struct load_job *job, bool is_list, size_t size)
{
	return is_list ? job->lists_left > 0 && size <= job->bytes_left
		       : job->answers_left > 0 && size <= job->answer_bytes_left;
}

static void load_file(struct load_job *job, const char *path, const uint8_t *hash, bool is_list)
{
	size_t max = (is_list ? job->list_bytes_max : FETCH_OCSP_BYTES_MAX + FETCH_REQUEST_BYTES_MAX) +
		     FILE_OVERHEAD;
	struct buf content = BUF_INIT(max);
	/* Nothing in it is secret: a back-up that was put back may have left it readable. */
	enum err err = file_check_owner(path, false);

	if (err == ERR_OK) {
		err = file_read(path, max, &content);
	}
	if (err == ERR_OK && !has_room(job, is_list, content.len)) {
		err = ERR_LIMIT;
	}
	if (err == ERR_OK) {
		err = is_list ? load_list(job, buf_bytes(&content), hash) : load_answer(job, &content, hash);
	}
	buf_release(&content);
	job->bad += err != ERR_OK ? 1 : 0;
	if (err == ERR_MALFORMED || err == ERR_UNSUPPORTED || err == ERR_LIMIT) {
		/* Of no use to anybody. What fails for our clock, our trust or its owner may be good tomorrow. */
		(void)unlink(path);
	}
}

/* What a crash left of file_write_atomic(): ".<name>.<six letters>". */
static bool is_left_over(const char *name)
{
	uint8_t hash[SHA256_BYTES];
	const char *suffix = NULL;
	char whole[REVOCATION_NAME_BYTES];
	size_t len = strlen(name);

	if (name[0] == '.') {
		name++;
		len--;
	}
	if (len < 8 || len >= sizeof(whole) || name[len - 7] != '.') {
		return false;
	}
	memcpy(whole, name, len - 7);
	whole[len - 7] = '\0';
	return parse_name(whole, hash, &suffix);
}

static void load_entry(struct load_job *job, const char *name)
{
	struct buf path = BUF_INIT(PATH_BYTES_MAX);
	uint8_t hash[SHA256_BYTES];
	const char *suffix = NULL;
	const char *text = NULL;

	if (buf_printf(&path, "%s/%s", job->folder, name) != ERR_OK || buf_text(&path, &text) != ERR_OK) {
		job->bad++;
	} else if (parse_name(name, hash, &suffix)) {
		load_file(job, text, hash, strcmp(suffix, ".crl") == 0);
	} else if (is_left_over(name)) {
		(void)unlink(text);
	}
	buf_release(&path);
}

static void load_job_run(struct job *base)
{
	struct load_job *job = CONTAINER_OF(base, struct load_job, job);

	if (mkdir(job->folder, 0700) != 0 && errno != EEXIST) {
		return;
	}
	DIR *folder = file_check_owner(job->folder, true) == ERR_OK ? opendir(job->folder) : NULL;

	if (folder == NULL) {
		return;
	}
	job->usable = true;
	for (unsigned i = 0; i < FILES_LOOKED_AT; i++) {
		const struct dirent *entry = readdir(folder);

		if (entry == NULL) {
			break;
		}
		load_entry(job, entry->d_name);
	}
	(void)closedir(folder);
}

/* --- back on the loop --- */

static void take_list(struct revocation_cache *cache, struct loaded_list *loaded)
{
	struct revocation_list *list = NULL;

	if (list_get(cache, loaded->url, false, &list) != ERR_OK || list->crl != NULL ||
		!list_make_room(list, loaded->bytes)) {
		return;
	}
	list_take(list, crl_ref(loaded->crl), loaded->bytes, loaded->vouched);
	list->from_disk = true;
	memcpy(list->etag, loaded->etag, sizeof(list->etag));
	memcpy(list->last_modified, loaded->last_modified, sizeof(list->last_modified));
	list->entry.pins++;
	if (cache->calls.on_crl != NULL) {
		cache->calls.on_crl(cache->calls.ctx, list->entry.url, list->crl);
	}
	list->entry.pins--;
}

static void take_answer(struct revocation_cache *cache, const struct loaded_answer *loaded)
{
	const struct revocation_answer_file *file = &loaded->file;
	struct revocation_answer *answer = answer_find(cache, file->key.data);

	if (answer == NULL &&
		answer_get(cache, file->key.data, file->url, false, file->request, &answer) != ERR_OK) {
		return;
	}
	if (answer->response == NULL && answer_set(answer, file->response, &loaded->times) == ERR_OK) {
		answer->judged = false;
	}
}

/* Nothing was fetched while the folder was read, so that what it holds is not asked for again. */
static void begin(struct revocation_cache *cache)
{
	cache->loading = false;
	LIST_FOR_EACH(node, &cache->lists)
	{
		list_plan(CONTAINER_OF(node, struct revocation_list, entry.node), false);
	}
	LIST_FOR_EACH(node, &cache->answers)
	{
		struct revocation_answer *answer = CONTAINER_OF(node, struct revocation_answer, entry.node);

		if (!list_empty(&answer->entry.waits)) {
			entry_schedule(&answer->entry, 0);
		}
	}
	while (list_settle_one(cache)) {
		/* Whoever is told may change the order of the lists, so the search begins anew. */
	}
}

static void load_job_free(struct load_job *job)
{
	while (!list_empty(&job->lists)) {
		struct loaded_list *loaded = CONTAINER_OF(job->lists.next, struct loaded_list, node);

		list_remove(&loaded->node);
		loaded_list_free(loaded);
	}
	while (!list_empty(&job->answers)) {
		struct loaded_answer *loaded = CONTAINER_OF(job->answers.next, struct loaded_answer, node);

		list_remove(&loaded->node);
		loaded_answer_free(loaded);
	}
	if (job->has_snapshot) {
		job->calls.snapshot_release(job->snapshot);
	}
	free(job->folder);
	free(job);
}

static void load_job_done(struct job *base)
{
	struct load_job *job = CONTAINER_OF(base, struct load_job, job);
	struct revocation_cache *cache = job->cache;

	if (!cache->dead) {
		cache->counters.disk_errors += job->bad;
		if (!job->usable) {
			LOG(cache->log, LOG_WARN, "LKG0440W",
				"the revocation folder cannot be used; nothing fetched outlives a restart",
				LF_TEXT("folder", cache->folder));
			free(cache->folder);
			cache->folder = NULL;
			cache->counters.disk_errors++;
		}
		if (job->bad > 0) {
			LOG(cache->log, LOG_WARN, "LKG0441W",
				"some of what was fetched earlier cannot be used; it is fetched again",
				LF_TEXT("folder", cache->folder), LF_INT("files", job->bad));
		}
		LIST_FOR_EACH(node, &job->lists)
		{
			take_list(cache, CONTAINER_OF(node, struct loaded_list, node));
		}
		LIST_FOR_EACH(node, &job->answers)
		{
			take_answer(cache, CONTAINER_OF(node, struct loaded_answer, node));
		}
		begin(cache);
	}
	load_job_free(job);
	cache_job_over(cache);
}

enum err disk_load(struct revocation_cache *cache)
{
	struct load_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		return ERR_NOMEM;
	}
	job->job.run = load_job_run;
	job->job.done = load_job_done;
	job->cache = cache;
	job->lists_left = cache->lists_max;
	job->answers_left = cache->answers_max;
	job->list_bytes_max = cache->list_bytes_max;
	job->bytes_left = cache->all_bytes_max;
	job->answer_bytes_left = cache->answer_bytes_max;
	job->calls = cache->calls;
	job->now = clock_wall_ms(&cache->clock) / 1000;
	list_init(&job->lists);
	list_init(&job->answers);
	enum err err = bytes_dup_text(bytes_text(cache->folder), &job->folder);

	if (err == ERR_OK && cache->calls.vouch != NULL) {
		job->snapshot = cache->calls.snapshot(cache->calls.ctx);
		job->has_snapshot = true;
	}
	if (err == ERR_OK) {
		err = executor_submit(&cache->executor, LANE_FILE, &job->job);
	}
	if (err != ERR_OK) {
		load_job_free(job);
		return err;
	}
	cache->jobs++;
	cache->loading = true;
	return ERR_OK;
}
