/*
 * list.h - an intrusive doubly linked list with a sentinel head.
 */
#ifndef LOCKGATE_BASE_LIST_H
#define LOCKGATE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev;
	struct list *next;
};

static inline void list_init(struct list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_push_back(struct list *head, struct list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

static inline void list_push_front(struct list *head, struct list *item)
{
	list_push_back(head->next, item);
}

/* Leaves item as an empty list of its own, so that removing twice does no harm. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* Moves all of from behind the last of head; from is empty then. */
static inline void list_append(struct list *head, struct list *from)
{
	if (list_empty(from)) {
		return;
	}
	from->next->prev = head->prev;
	head->prev->next = from->next;
	from->prev->next = head;
	head->prev = from->prev;
	list_init(from);
}

#define LIST_FOR_EACH(item, head) for (struct list *item = (head)->next; item != (head); item = item->next)
/* Safe against removing item, not against removing its successor. */
#define LIST_FOR_EACH_SAFE(item, after, head)                                                                \
	for (struct list *item = (head)->next, *after = item->next; item != (head);                          \
		item = after, after = item->next)

#endif
