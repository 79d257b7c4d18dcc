/*
 * catalog.c - every object of every class, sorted by key, and the objects that a new catalog holds.
 * Owns:    the objects.
 * Never:   keeps two objects with one key.
 * Threads: the control loop.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mqsc/object.h"

struct shelf {
	struct object **items;
	size_t count, cap;
	uint64_t generation;
};

struct catalog {
	struct shelf shelves[OBJECT_CLASS_COUNT_];
	uint64_t version;
};

static const size_t objects_max[OBJECT_CLASS_COUNT_] = {
	[OBJECT_CHANNEL] = AUTH_CHANNELS_MAX,
	[OBJECT_TOPIC] = MQSC_OBJECTS_MAX,
	[OBJECT_CHLAUTH] = MQSC_OBJECTS_MAX,
	[OBJECT_AUTHREC] = MQSC_OBJECTS_MAX,
	[OBJECT_AUTHINFO] = MQSC_AUTHINFOS_MAX,
	[OBJECT_QMGR] = 1,
};

/* The index of key, or where it belongs. */
static size_t shelf_search(const struct shelf *shelf, const char *key, bool *found)
{
	size_t low = 0;
	size_t high = shelf->count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(shelf->items[middle]->key, key);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

enum err catalog_put(struct catalog *catalog, struct object *object, struct object **old)
{
	struct shelf *shelf = &catalog->shelves[object->class];
	bool found;
	size_t at = shelf_search(shelf, object->key, &found);

	*old = NULL;
	if (!found && shelf->count >= objects_max[object->class]) {
		return ERR_LIMIT;
	}
	if (!found && shelf->count == shelf->cap) {
		size_t cap = shelf->cap == 0 ? 64 : shelf->cap * 2;
		struct object **items;

		items = realloc(shelf->items, cap * sizeof(struct object *));
		if (items == NULL) {
			return ERR_NOMEM;
		}
		shelf->items = items;
		shelf->cap = cap;
	}
	if (found) {
		*old = shelf->items[at];
	} else {
		memmove(shelf->items + at + 1, shelf->items + at,
			(shelf->count - at) * sizeof(struct object *));
		shelf->count++;
	}
	shelf->items[at] = object;
	object->version = ++catalog->version;
	shelf->generation = catalog->version;
	return ERR_OK;
}

struct object *catalog_take(struct catalog *catalog, enum object_class class, const char *key)
{
	struct shelf *shelf = &catalog->shelves[class];
	bool found;
	size_t at = shelf_search(shelf, key, &found);

	if (!found) {
		return NULL;
	}
	struct object *object = shelf->items[at];

	shelf->count--;
	memmove(shelf->items + at, shelf->items + at + 1, (shelf->count - at) * sizeof(struct object *));
	shelf->generation = ++catalog->version;
	return object;
}

const struct object *catalog_find_key(const struct catalog *catalog, enum object_class class, const char *key)
{
	bool found;
	size_t at = shelf_search(&catalog->shelves[class], key, &found);

	return found ? catalog->shelves[class].items[at] : NULL;
}

size_t catalog_lower(const struct catalog *catalog, enum object_class class, const char *key)
{
	bool found;

	return shelf_search(&catalog->shelves[class], key, &found);
}

const struct object *catalog_find(const struct catalog *catalog, enum object_class class, const char *name)
{
	assert(class == OBJECT_CHANNEL || class == OBJECT_TOPIC || class == OBJECT_AUTHINFO ||
		class == OBJECT_QMGR);
	return catalog_find_key(catalog, class, name);
}

size_t catalog_count(const struct catalog *catalog, enum object_class class)
{
	return catalog->shelves[class].count;
}

const struct object *catalog_at(const struct catalog *catalog, enum object_class class, size_t index)
{
	assert(index < catalog->shelves[class].count);
	return catalog->shelves[class].items[index];
}

uint64_t catalog_generation(const struct catalog *catalog, enum object_class class)
{
	return catalog->shelves[class].generation;
}

static enum err shelf_copy(const struct shelf *shelf, struct shelf *out)
{
	*out = (struct shelf){.generation = shelf->generation};
	if (shelf->count == 0) {
		return ERR_OK;
	}
	out->items = calloc(shelf->count, sizeof(struct object *));
	if (out->items == NULL) {
		return ERR_NOMEM;
	}
	out->cap = shelf->count;
	while (out->count < shelf->count) {
		out->items[out->count] = object_ref(shelf->items[out->count]);
		out->count++;
	}
	return ERR_OK;
}

enum err catalog_copy(const struct catalog *catalog, struct catalog **out)
{
	struct catalog *copy = calloc(1, sizeof(*copy));
	enum err err = copy == NULL ? ERR_NOMEM : ERR_OK;

	*out = NULL;
	for (size_t class = 0; err == ERR_OK && class < OBJECT_CLASS_COUNT_; class ++) {
		err = shelf_copy(&catalog->shelves[class], &copy->shelves[class]);
	}
	if (err != ERR_OK) {
		catalog_free(copy);
		return err;
	}
	copy->version = catalog->version;
	*out = copy;
	return ERR_OK;
}

void catalog_free(struct catalog *catalog)
{
	if (catalog == NULL) {
		return;
	}
	for (size_t class = 0; class < OBJECT_CLASS_COUNT_; class ++) {
		for (size_t i = 0; i < catalog->shelves[class].count; i++) {
			object_free(catalog->shelves[class].items[i]);
		}
		free(catalog->shelves[class].items);
	}
	free(catalog);
}

/* IBM's default records, and the visible back-stop that makes an empty configuration refuse (DESIGN: start from deny). */
static const struct {
	enum object_class class;
	const char *name;
	const char *settings[4][2];
} initial[] = {
	{OBJECT_QMGR, "", {{NULL, NULL}}},
	{OBJECT_TOPIC, "SYSTEM.BASE.TOPIC", {{"DESCR", "The root of the topic tree"}}},
	{OBJECT_CHLAUTH, "*",
		{{"TYPE", "BLOCKUSER"}, {"USERLIST", "*MQADMIN"}, {"DESCR", "Default: no privileged users"}}},
	{OBJECT_CHLAUTH, "SYSTEM.*",
		{{"TYPE", "ADDRESSMAP"}, {"ADDRESS", "*"}, {"USERSRC", "NOACCESS"},
			{"DESCR", "Default: no SYSTEM channels"}}},
	{OBJECT_CHLAUTH, "*",
		{{"TYPE", "ADDRESSMAP"}, {"ADDRESS", "*"}, {"USERSRC", "NOACCESS"},
			{"DESCR", "Default: the back-stop"}}},
};

static enum err put_initial(struct catalog *catalog, size_t row)
{
	struct object *object = NULL;
	struct object *old = NULL;
	struct mqsc_error error = {0};
	enum err err = object_new(initial[row].class, initial[row].name, &object);

	for (size_t i = 0; err == ERR_OK && i < 4 && initial[row].settings[i][0] != NULL; i++) {
		err = object_set_text(object, initial[row].settings[i][0], &initial[row].settings[i][1], 1);
	}
	if (err == ERR_OK) {
		err = object_finish(object, false, NULL, &error);
	}
	if (err == ERR_OK) {
		err = catalog_put(catalog, object, &old);
	}
	if (err == ERR_OK) {
		object = NULL; /* moved */
	}
	object_free(old);
	object_free(object);
	return err;
}

enum err catalog_new(struct catalog **out)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	enum err err = catalog == NULL ? ERR_NOMEM : ERR_OK;

	for (size_t row = 0; err == ERR_OK && row < ARRAY_COUNT(initial); row++) {
		err = put_initial(catalog, row);
	}
	if (err != ERR_OK) {
		catalog_free(catalog);
		return err;
	}
	*out = catalog;
	return ERR_OK;
}
