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
#define HEAD_1     "lockgate-known 1\n"
#define HEAD_2     "lockgate-known 2\n"
#define FIELDS_1   8u
#define FIELDS     10u
#define LINE_BYTES ((size_t)3 * (2 * KNOWN_NAME_BYTES_MAX + 2 * AUTH_USER_BYTES_MAX) + 256)

struct entry {
	struct list bucket, age;  /* age: the newest first */
	struct list leaf;         /* of a shelf, whose lock guards it; alone: not indexed */
	atomic_bool refused;      /* view.refused is not looked at */
	struct known_client view; /* its texts are in text[] */
	char text[];
};

struct part {
	pthread_mutex_t lock;
	struct list buckets[BUCKETS];
	struct list ages;
	size_t count;
};

/*
 * The same entries by their leaf. A shelf's lock is taken within a part's, never the other way round: an entry that is found
 * here stays while the shelf is locked, since it leaves the shelf before it goes.
 */
struct shelf {
	pthread_mutex_t lock;
	struct list buckets[BUCKETS];
};

struct known {
	uint8_t key[16];
	size_t part_max;
	atomic_bool changed;
	struct part parts[PARTS];
	struct shelf shelves[PARTS];
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
			list_init(&known->shelves[i].buckets[j]);
		}
		(void)pthread_mutex_init(&known->shelves[i].lock, NULL);
	}
	*out = known;
	return ERR_OK;
}

/* --- by leaf --- */

static uint64_t hash_leaf(const struct known *known, const uint8_t leaf_sha256[SHA256_BYTES])
{
	return siphash(known->key, bytes_of(leaf_sha256, SHA256_BYTES));
}

static struct shelf *shelf_of(struct known *known, uint64_t hash)
{
	return &known->shelves[hash % PARTS];
}

static bool has_leaf(const struct known_client *client)
{
	static const uint8_t none[SHA256_BYTES] = {0};

	return memcmp(client->leaf_sha256, none, SHA256_BYTES) != 0;
}

static void shelf_add(struct known *known, struct entry *entry)
{
	uint64_t hash = hash_leaf(known, entry->view.leaf_sha256);
	struct shelf *shelf = shelf_of(known, hash);

	if (has_leaf(&entry->view) && !atomic_load(&entry->refused)) {
		(void)pthread_mutex_lock(&shelf->lock);
		list_push_back(&shelf->buckets[(hash / PARTS) % BUCKETS], &entry->leaf);
		(void)pthread_mutex_unlock(&shelf->lock);
	}
}

static void shelf_remove(struct known *known, struct entry *entry)
{
	struct shelf *shelf = shelf_of(known, hash_leaf(known, entry->view.leaf_sha256));

	(void)pthread_mutex_lock(&shelf->lock);
	list_remove(&entry->leaf);
	(void)pthread_mutex_unlock(&shelf->lock);
}

/* As much of a text as is remembered. */
static size_t kept(const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	return len < KNOWN_NAME_BYTES_MAX ? len : KNOWN_NAME_BYTES_MAX;
}

static bool is_client(const struct entry *entry, const char *channel, const char *client)
{
	return strcmp(entry->view.channel, channel) == 0 &&
	       (client == NULL || (strlen(entry->view.client) == kept(client) &&
					  strncmp(entry->view.client, client, kept(client)) == 0));
}

void known_refused(
	struct known *known, const char *channel, const char *client, const uint8_t leaf_sha256[SHA256_BYTES])
{
	uint64_t hash = hash_leaf(known, leaf_sha256);
	struct shelf *shelf = shelf_of(known, hash);
	size_t marked = 0;

	(void)pthread_mutex_lock(&shelf->lock);
	LIST_FOR_EACH_SAFE(node, after, &shelf->buckets[(hash / PARTS) % BUCKETS])
	{
		struct entry *entry = CONTAINER_OF(node, struct entry, leaf);

		if (marked < KNOWN_REFUSED_MAX && is_client(entry, channel, client) &&
			memcmp(entry->view.leaf_sha256, leaf_sha256, SHA256_BYTES) == 0) {
			atomic_store(&entry->refused, true);
			list_remove(node); /* so that who tries again and again finds nothing more to do */
			marked++;
		}
	}
	(void)pthread_mutex_unlock(&shelf->lock);
	if (marked > 0) {
		atomic_store(&known->changed, true);
	}
}

/* --- by channel and client --- */

static void entry_remove(struct known *known, struct part *part, struct entry *entry)
{
	shelf_remove(known, entry);
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
		(void)pthread_mutex_destroy(&known->shelves[i].lock);
	}
	free(known);
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

		if (is_client(entry, channel, client)) {
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

		list_init(&entry->leaf);
		atomic_init(&entry->refused, client->refused);
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
	       memcmp(a->leaf_sha256, b->leaf_sha256, SHA256_BYTES) == 0 &&
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
			entry_remove(known, part, before);
		} else if (part->count >= known->part_max) {
			entry_remove(known, part, CONTAINER_OF(part->ages.prev, struct entry, age));
		}
		list_push_back(bucket_of(part, hash), &entry->bucket);
		list_push_front(&part->ages, &entry->age);
		part->count++;
		shelf_add(known, entry);
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
			struct entry *entry = CONTAINER_OF(node, struct entry, age);

			entry->view.refused =
				atomic_load(&entry->refused); /* the part's lock guards the view */
			fn(ctx, &entry->view);
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
		print->err = buf_append_u8(out, '\t');
	}
	if (print->err == ERR_OK) {
		print->err = hex_encode(bytes_of(client->leaf_sha256, SHA256_BYTES), out);
	}
	if (print->err == ERR_OK) {
		print->err = buf_append_text(out, client->refused ? "\tr" : "\t-");
	}
	if (print->err == ERR_OK) {
		print->err = buf_append_u8(out, '\n');
	}
}

enum err known_print(struct known *known, struct buf *out)
{
	struct print print = {out, buf_append_text(out, HEAD_2)};

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

/* Between tabs; *count of them, FIELDS at most. */
static enum err split_line(struct bytes line, struct bytes fields[FIELDS], size_t *count)
{
	size_t from = 0;

	*count = 0;
	if (line.len > LINE_BYTES) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i <= line.len; i++) {
		if (i == line.len || line.data[i] == '\t') {
			if (*count == FIELDS) {
				return ERR_MALFORMED;
			}
			fields[(*count)++] = bytes_of(line.data + from, i - from);
			from = i + 1;
		}
	}
	return ERR_OK;
}

static enum err take_digest(struct bytes field, uint8_t out[SHA256_BYTES])
{
	struct buf sha = BUF_INIT(SHA256_BYTES);
	enum err err = field.len == 2 * (size_t)SHA256_BYTES ? hex_decode(field, &sha) : ERR_MALFORMED;

	if (err == ERR_OK) {
		memcpy(out, sha.data, SHA256_BYTES);
	}
	buf_release(&sha);
	return err;
}

/* Its leaf, and whether it was refused: what the first version did not have. */
static enum err take_leaf(const struct bytes fields[FIELDS], struct known_client *out)
{
	struct bytes mark = fields[9];

	if (mark.len != 1 || (mark.data[0] != 'r' && mark.data[0] != '-')) {
		return ERR_MALFORMED;
	}
	out->refused = mark.data[0] == 'r';
	return take_digest(fields[8], out->leaf_sha256);
}

static enum err take_line(struct bytes line, size_t field_count, char *room, struct known_client *out)
{
	struct bytes fields[FIELDS];
	const char **texts[] = {&out->channel, &out->client, &out->user, &out->subject};
	size_t count = 0;
	enum err err = split_line(line, fields, &count);

	*out = (struct known_client){0};
	if (err != ERR_OK || count != field_count || take_number(fields[0], &out->last_s) != ERR_OK ||
		take_number(fields[1], &out->not_after) != ERR_OK || fields[2].len != 1 ||
		(fields[2].data[0] != 'a' && fields[2].data[0] != 'p')) {
		return ERR_MALFORMED;
	}
	out->trust_kind = fields[2].data[0] == 'p' ? TRUST_PIN : TRUST_ANCHOR;
	err = take_digest(fields[3], out->trust_sha256);
	if (err == ERR_OK && field_count == FIELDS) {
		err = take_leaf(fields, out);
	}
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
static enum err take_lines(struct known *known, struct bytes text, size_t field_count, int64_t oldest_s)
{
	char *room = malloc(LINE_BYTES + FIELDS);
	enum err err = room == NULL ? ERR_NOMEM : ERR_OK;

	while (err == ERR_OK && text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end == NULL ? 0 : (size_t)(end - text.data);
		struct known_client client;

		err = end == NULL ? ERR_MALFORMED
				  : take_line(bytes_of(text.data, len), field_count, room, &client);
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
	static const struct {
		const char *head;
		size_t field_count;
	} versions[] = {{HEAD_2, FIELDS}, {HEAD_1, FIELDS_1}};

	for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
		size_t head = strlen(versions[i].head);

		if (text.len >= head && memcmp(text.data, versions[i].head, head) == 0) {
			struct bytes rest = bytes_of(text.data + head, text.len - head);
			enum err err = take_lines(NULL, rest, versions[i].field_count, oldest_s);

			return err == ERR_OK ? take_lines(known, rest, versions[i].field_count, oldest_s)
					     : err;
		}
	}
	return ERR_MALFORMED;
}
