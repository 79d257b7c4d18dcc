/*
 * known.c - the table of known clients.
 * Owns:    see known.h.
 * Never:   see known.h.
 * Threads: see known.h.
 */
#include "broker/known.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pem.h"

#define PARTS      64u
#define BUCKETS    1024u /* of a part */
#define HEAD       "lockgate-known 1\n"
#define FIELDS     8u
#define LINE_BYTES ((size_t)3 * (2 * KNOWN_NAME_BYTES_MAX + 2 * AUTH_USER_BYTES_MAX) + 256)

struct entry {
	struct list bucket, age;  /* age: the newest first */
	struct known_client view; /* its texts are in text[] */
	char text[];
};

struct part {
	pthread_mutex_t lock;
	struct list buckets[BUCKETS];
	struct list ages;
	size_t count;
};

struct known {
	uint8_t key[16];
	size_t part_max;
	atomic_bool changed;
	struct part parts[PARTS];
};

enum err known_new(size_t max, struct known **out)
{
	struct known *known = calloc(1, sizeof(*known));
	enum err err = known == NULL ? ERR_NOMEM : crypto_random(known->key, sizeof(known->key));

	if (err != ERR_OK) {
		free(known);
		return err;
	}
	known->part_max = max / PARTS == 0 ? 1 : max / PARTS;
	atomic_init(&known->changed, false);
	for (size_t i = 0; i < PARTS; i++) {
		(void)pthread_mutex_init(&known->parts[i].lock, NULL);
		list_init(&known->parts[i].ages);
		for (size_t j = 0; j < BUCKETS; j++) {
			list_init(&known->parts[i].buckets[j]);
		}
	}
	*out = known;
	return ERR_OK;
}

static void entry_remove(struct part *part, struct entry *entry)
{
	list_remove(&entry->bucket);
	list_remove(&entry->age);
	part->count--;
	free(entry);
}

void known_free(struct known *known)
{
	if (known == NULL) {
		return;
	}
	for (size_t i = 0; i < PARTS; i++) {
		struct part *part = &known->parts[i];

		LIST_FOR_EACH_SAFE(node, after, &part->ages)
		{
			free(CONTAINER_OF(node, struct entry, age)); /* the whole list goes */
		}
		(void)pthread_mutex_destroy(&part->lock);
	}
	free(known);
}

/* As much of a text as is remembered. */
static size_t kept(const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	return len < KNOWN_NAME_BYTES_MAX ? len : KNOWN_NAME_BYTES_MAX;
}

static uint64_t hash_client(const struct known *known, const char *channel, const char *client)
{
	uint64_t of_channel = siphash(known->key, bytes_text(channel));

	return of_channel * 31 + siphash(known->key, bytes_of(client, kept(client)));
}

static struct part *part_of(struct known *known, uint64_t hash)
{
	return &known->parts[hash % PARTS];
}

static struct list *bucket_of(struct part *part, uint64_t hash)
{
	return &part->buckets[(hash / PARTS) % BUCKETS];
}

/* The part is locked. */
static struct entry *find(struct part *part, uint64_t hash, const char *channel, const char *client)
{
	LIST_FOR_EACH(node, bucket_of(part, hash))
	{
		struct entry *entry = CONTAINER_OF(node, struct entry, bucket);

		if (strcmp(entry->view.channel, channel) == 0 && strlen(entry->view.client) == kept(client) &&
			strncmp(entry->view.client, client, kept(client)) == 0) {
			return entry;
		}
	}
	return NULL;
}

static const char *put(char **at, const char *text)
{
	size_t len = kept(text);
	char *start = *at;

	if (len > 0) {
		memcpy(start, text, len);
	}
	start[len] = '\0';
	*at += len + 1;
	return start;
}

static struct entry *entry_new(const struct known_client *client)
{
	size_t bytes =
		kept(client->channel) + kept(client->client) + kept(client->user) + kept(client->subject) + 4;
	struct entry *entry = calloc(1, sizeof(*entry) + bytes);

	if (entry != NULL) {
		char *at = entry->text;

		entry->view = *client;
		entry->view.channel = put(&at, client->channel);
		entry->view.client = put(&at, client->client);
		entry->view.user = put(&at, client->user);
		entry->view.subject = put(&at, client->subject);
	}
	return entry;
}

static bool same_trust(const struct known_client *a, const struct known_client *b)
{
	return a->trust_kind == b->trust_kind && a->not_after == b->not_after &&
	       memcmp(a->trust_sha256, b->trust_sha256, SHA256_BYTES) == 0;
}

void known_seen(struct known *known, const struct known_client *client)
{
	uint64_t hash = hash_client(known, client->channel, client->client);
	struct part *part = part_of(known, hash);
	struct known_client fresh = *client;

	(void)pthread_mutex_lock(&part->lock);
	struct entry *before = find(part, hash, client->channel, client->client);

	if (before != NULL) {
		fresh.subject = fresh.subject == NULL ? before->view.subject : fresh.subject;
		fresh.connected += before->view.connected;
	}
	struct entry *entry = entry_new(&fresh);

	if (entry != NULL) {
		if (before != NULL) {
			entry_remove(part, before);
		} else if (part->count >= known->part_max) {
			entry_remove(part, CONTAINER_OF(part->ages.prev, struct entry, age));
		}
		list_push_back(bucket_of(part, hash), &entry->bucket);
		list_push_front(&part->ages, &entry->age);
		part->count++;
	}
	(void)pthread_mutex_unlock(&part->lock);
	atomic_store(&known->changed, true);
}

bool known_has(struct known *known, const struct known_client *client)
{
	uint64_t hash = hash_client(known, client->channel, client->client);
	struct part *part = part_of(known, hash);

	(void)pthread_mutex_lock(&part->lock);
	const struct entry *entry = find(part, hash, client->channel, client->client);
	bool has = entry != NULL && same_trust(&entry->view, client);

	(void)pthread_mutex_unlock(&part->lock);
	return has;
}

void known_left(struct known *known, const char *channel, const char *client, int64_t now)
{
	uint64_t hash = hash_client(known, channel, client);
	struct part *part = part_of(known, hash);

	(void)pthread_mutex_lock(&part->lock);
	struct entry *entry = find(part, hash, channel, client);

	if (entry != NULL) {
		entry->view.connected -= entry->view.connected > 0 ? 1 : 0;
		entry->view.last_s = now;
	}
	(void)pthread_mutex_unlock(&part->lock);
	atomic_store(&known->changed, true);
}

size_t known_count(struct known *known)
{
	size_t count = 0;

	for (size_t i = 0; i < PARTS; i++) {
		(void)pthread_mutex_lock(&known->parts[i].lock);
		count += known->parts[i].count;
		(void)pthread_mutex_unlock(&known->parts[i].lock);
	}
	return count;
}

void known_each(struct known *known, void (*fn)(void *ctx, const struct known_client *client), void *ctx)
{
	for (size_t i = 0; i < PARTS; i++) {
		struct part *part = &known->parts[i];

		(void)pthread_mutex_lock(&part->lock);
		/* The oldest first, so that a text that is read back has the same order of age. */
		for (struct list *node = part->ages.prev; node != &part->ages; node = node->prev) {
			fn(ctx, &CONTAINER_OF(node, struct entry, age)->view);
		}
		(void)pthread_mutex_unlock(&part->lock);
	}
}

bool known_changed(struct known *known)
{
	return atomic_load(&known->changed);
}

/* --- text --- */

static enum err put_field(struct buf *out, const char *text)
{
	enum err err = buf_append_u8(out, '\t');

	for (const char *at = text; err == ERR_OK && *at != '\0'; at++) {
		uint8_t c = (uint8_t)*at;

		err = c > 0x20 && c < 0x7f && c != '%' ? buf_append_u8(out, c) : buf_printf(out, "%%%02X", c);
	}
	return err;
}

struct print {
	struct buf *out;
	enum err err;
};

static void print_one(void *ctx, const struct known_client *client)
{
	struct print *print = ctx;
	struct buf *out = print->out;
	const char *const texts[] = {client->channel, client->client, client->user, client->subject};

	if (print->err == ERR_OK) {
		print->err = buf_printf(out, "%lld\t%lld\t%c\t", (long long)client->last_s,
			(long long)client->not_after, client->trust_kind == TRUST_PIN ? 'p' : 'a');
	}
	if (print->err == ERR_OK) {
		print->err = hex_encode(bytes_of(client->trust_sha256, SHA256_BYTES), out);
	}
	for (size_t i = 0; i < ARRAY_COUNT(texts) && print->err == ERR_OK; i++) {
		print->err = put_field(out, texts[i]);
	}
	if (print->err == ERR_OK) {
		print->err = buf_append_u8(out, '\n');
	}
}

enum err known_print(struct known *known, struct buf *out)
{
	struct print print = {out, buf_append_text(out, HEAD)};

	atomic_store(&known->changed, false);
	known_each(known, print_one, &print);
	if (print.err != ERR_OK) {
		atomic_store(&known->changed, true);
	}
	return print.err;
}

static enum err take_number(struct bytes field, int64_t *out)
{
	int64_t value = 0;

	if (field.len == 0 || field.len > 15) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < field.len; i++) {
		if (field.data[i] < '0' || field.data[i] > '9') {
			return ERR_MALFORMED;
		}
		value = value * 10 + (field.data[i] - '0');
	}
	*out = value;
	return ERR_OK;
}

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

/* room holds field.len + 1 bytes. No NUL may come out. */
static enum err take_text(struct bytes field, char *room)
{
	size_t len = 0;

	for (size_t i = 0; i < field.len; i++) {
		uint8_t c = field.data[i];

		if (c == '%') {
			int high = i + 2 < field.len ? hex_digit(field.data[i + 1]) : -1;
			int low = i + 2 < field.len ? hex_digit(field.data[i + 2]) : -1;

			if (high < 0 || low < 0 || high * 16 + low == 0) {
				return ERR_MALFORMED;
			}
			c = (uint8_t)(high * 16 + low);
			i += 2;
		} else if (c <= 0x20 || c >= 0x7f) {
			return ERR_MALFORMED;
		}
		room[len++] = (char)c;
	}
	room[len] = '\0';
	return len <= KNOWN_NAME_BYTES_MAX ? ERR_OK : ERR_MALFORMED;
}

static enum err take_line(struct bytes line, char *room, struct known_client *out)
{
	struct bytes fields[FIELDS];
	const char **texts[] = {&out->channel, &out->client, &out->user, &out->subject};
	struct buf sha = BUF_INIT(SHA256_BYTES);
	size_t count = 0;
	size_t from = 0;

	if (line.len > LINE_BYTES) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i <= line.len; i++) {
		if (i == line.len || line.data[i] == '\t') {
			if (count == FIELDS) {
				return ERR_MALFORMED;
			}
			fields[count++] = bytes_of(line.data + from, i - from);
			from = i + 1;
		}
	}
	*out = (struct known_client){0};
	if (count != FIELDS || take_number(fields[0], &out->last_s) != ERR_OK ||
		take_number(fields[1], &out->not_after) != ERR_OK || fields[2].len != 1 ||
		(fields[2].data[0] != 'a' && fields[2].data[0] != 'p') ||
		fields[3].len != 2 * (size_t)SHA256_BYTES) {
		return ERR_MALFORMED;
	}
	out->trust_kind = fields[2].data[0] == 'p' ? TRUST_PIN : TRUST_ANCHOR;
	enum err err = hex_decode(fields[3], &sha);

	if (err == ERR_OK) {
		memcpy(out->trust_sha256, sha.data, SHA256_BYTES);
	}
	buf_release(&sha);
	for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(texts); i++) {
		err = take_text(fields[4 + i], room);
		*texts[i] = room;
		room += fields[4 + i].len + 1;
	}
	return err == ERR_OK &&
			       (out->channel[0] == '\0' || strlen(out->channel) > AUTH_CHANNEL_NAME_BYTES_MAX)
		       ? ERR_MALFORMED
		       : err;
}

/* known NULL: only looks whether every line is good. */
static enum err take_lines(struct known *known, struct bytes text, int64_t oldest_s)
{
	char *room = malloc(LINE_BYTES + FIELDS);
	enum err err = room == NULL ? ERR_NOMEM : ERR_OK;

	while (err == ERR_OK && text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end == NULL ? 0 : (size_t)(end - text.data);
		struct known_client client;

		err = end == NULL ? ERR_MALFORMED : take_line(bytes_of(text.data, len), room, &client);
		if (err == ERR_OK && known != NULL && client.last_s >= oldest_s) {
			known_seen(known, &client);
		}
		text = bytes_of(text.data + len + 1, err == ERR_OK ? text.len - len - 1 : 0);
	}
	free(room);
	return err;
}

enum err known_parse(struct known *known, struct bytes text, int64_t oldest_s)
{
	size_t head = sizeof(HEAD) - 1;

	if (text.len < head || memcmp(text.data, HEAD, head) != 0) {
		return ERR_MALFORMED;
	}
	text = bytes_of(text.data + head, text.len - head);
	enum err err = take_lines(NULL, text, oldest_s);

	return err == ERR_OK ? take_lines(known, text, oldest_s) : err;
}
