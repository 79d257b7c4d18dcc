/*
 * store.c - what every engine's requests have in common: freeing what a completion brought.
 * Never:   knows which engine it was.
 */
#include "broker/store/store.h"

#include <stdlib.h>

#include "broker/engine/engine.h"

void store_claim_release(struct store_claim *claim)
{
	for (size_t i = 0; i < claim->subscription_count; i++) {
		free((void *)(uintptr_t)claim->subscriptions[i].filter.data);
	}
	free(claim->subscriptions);
	free(claim->inbound_ids);
	claim->subscriptions = NULL;
	claim->subscription_count = 0;
	claim->inbound_ids = NULL;
	claim->inbound_count = 0;
}

void store_read_release(struct store_read *read)
{
	for (size_t i = 0; i < read->entry_count; i++) {
		message_unref(read->entries[i].message);
		free(read->entries[i].subscription_ids);
	}
	read->entry_count = 0;
}

void store_close(struct store *store)
{
	if (store != NULL && store->ops != NULL) {
		store->ops->close(store->ctx);
		*store = (struct store){0};
	}
}
