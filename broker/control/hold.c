/*
 * hold.c - keeps revocation lists that files no longer hold.
 * Owns:    see hold.h.
 * Never:   see hold.h.
 * Threads: any.
 *
 * Nobody here knows who signed what, and the judge passes over what nobody did. So behind a newer list a few of its
 * predecessors stay, too: a file with a forged one takes nothing away.
 */
#include "broker/control/hold.h"

/* How many lists of one issuer, scope and key stay beside those in the files. */
#define HOLD_PER_SCOPE 4u

static enum err add(struct crl_list *list, const struct crl *crl)
{
	struct crl *reference = crl_ref(crl);
	enum err err = crl_list_add(list, reference);

	if (err != ERR_OK) {
		crl_unref(reference);
	}
	return err;
}

static enum err add_all(struct crl_list *list, const struct crl_set *set)
{
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < crl_set_count(set); i++) {
		err = add(list, crl_set_at(set, i));
	}
	return err;
}

static enum err set_of(const struct crl_list *list, uint64_t generation, struct crl_set **out)
{
	*out = NULL;
	return list->count == 0
		       ? ERR_OK
		       : crl_set_new((const struct crl *const *)list->items, list->count, generation, out);
}

struct sorting {
	struct crl_list crls, held, gone;
};

static enum err sort_one(const struct hold_question *question, const struct crl *known, struct sorting *into)
{
	if (crl_set_has(question->files, known) ||
		(question->gone != NULL && crl_set_has(question->gone, known))) {
		return ERR_OK;
	}
	bool replaced = crl_set_replaces(question->files, known);
	size_t rank = crl_set_rank(question->before, known);

	/* A list never goes back to an older one, whoever asks. */
	if (!replaced && question->let_go && !crl_set_has_older(question->files, known)) {
		return add(&into->gone, known);
	}
	if (rank >= HOLD_PER_SCOPE) {
		return ERR_OK;
	}
	enum err err = add(&into->crls, known);

	return err == ERR_OK && !replaced && rank == 0 ? add(&into->held, known) : err;
}

enum err hold_lists(const struct hold_question *question, struct hold_answer *out)
{
	struct sorting into = {.crls = {.items = NULL}};
	enum err err = add_all(&into.crls, question->files);

	*out = (struct hold_answer){.crls = NULL};
	for (size_t i = 0; question->before != NULL && err == ERR_OK && i < crl_set_count(question->before);
		i++) {
		err = sort_one(question, crl_set_at(question->before, i), &into);
	}
	if (err == ERR_OK) {
		err = set_of(&into.crls, question->generation, &out->crls);
	}
	if (err == ERR_OK) {
		err = set_of(&into.held, question->generation, &out->held);
	}
	if (err == ERR_OK) {
		err = set_of(&into.gone, question->generation, &out->gone);
	}
	if (err != ERR_OK) {
		crl_set_unref(out->crls);
		crl_set_unref(out->held);
		*out = (struct hold_answer){.crls = NULL};
	}
	crl_list_release(&into.crls);
	crl_list_release(&into.held);
	crl_list_release(&into.gone);
	return err;
}

struct hold_count hold_count(const struct crl_set *set)
{
	struct hold_count count = {0, 0};

	for (size_t i = 0; set != NULL && i < crl_set_count(set); i++) {
		const struct crl *crl = crl_set_at(set, i);

		if (crl_set_rank(set, crl) == 0) {
			count.lists++;
			count.entries += crl_entry_count(crl);
		}
	}
	return count;
}

enum err hold_without(
	const struct crl_set *set, const struct crl_set *gone, uint64_t generation, struct crl_set **out)
{
	struct crl_list list = {.items = NULL};
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < crl_set_count(set); i++) {
		if (!crl_set_has(gone, crl_set_at(set, i))) {
			err = add(&list, crl_set_at(set, i));
		}
	}
	if (err == ERR_OK) {
		err = set_of(&list, generation, out);
	}
	crl_list_release(&list);
	return err;
}
