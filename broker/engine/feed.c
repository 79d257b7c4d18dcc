/*
 * feed.c - retained messages on their way to a new subscription: a few at a time, so that a filter that matches
 *          everything floods neither the client nor its queue.
 * Threads: the session's worker.
 */
#include <stdlib.h>

#include "broker/engine/hub.h"

enum err feed_add(struct session *session, const struct subscription *subscription)
{
	struct hub *hub = session->hub;
	/* Who subscribes to everything again and again, and reads nothing, is not to fill our memory. */
	if (session->feed_left >= (uint64_t)hub->engine->limits.retained_count_max * FEED_SETS_MAX) {
		return ERR_LIMIT;
	}
	struct feed *feed = calloc(1, sizeof(*feed));
	if (feed == NULL) {
		return ERR_NOMEM;
	}
	enum err err = retained_find(
		hub->engine->retained, subscription_filter(subscription), hub_now_ms(hub), &feed->match);
	if (err != ERR_OK || feed->match.count == 0) {
		free(feed);
		return err;
	}
	session->feed_left += feed->match.count;
	feed->qos = subscription->options & SUB_QOS_MASK;
	feed->subscription_id = subscription->id;
	feed->subscription = subscription;
	feed->rights = engine_rights(hub->engine);
	struct feed **end = &session->feeds;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = feed;
	return ERR_OK;
}

static void feed_free(struct session *session, struct feed *feed)
{
	session->feed_left -= feed->match.count - feed->at;
	retained_match_release(&feed->match);
	free(feed);
}

static void feed_pop(struct session *session)
{
	struct feed *feed = session->feeds;
	session->feeds = feed->next;
	feed_free(session, feed);
}

/* Of a subscription that is about to go: nothing more is queued on its account (MQTT-3.10.4-2). */
void feeds_cancel(struct session *session, const struct subscription *subscription)
{
	struct feed **link = &session->feeds;
	while (*link != NULL) {
		struct feed *feed = *link;
		if (feed->subscription == subscription) {
			*link = feed->next;
			feed_free(session, feed);
		} else {
			link = &feed->next;
		}
	}
}

void feeds_free(struct session *session)
{
	while (session->feeds != NULL) {
		feed_pop(session);
	}
}

/* A publisher who may not publish there any more does not speak on through what he left. */
static bool publisher_permitted(struct session *session, const struct message *message)
{
	struct hub *hub = session->hub;
	const struct hub_hooks *hooks = &hub->engine->options.hooks;
	const struct session_identity *publisher = message_publisher(message);
	return publisher == NULL || message_rights(message) == engine_rights(hub->engine) ||
	       hooks->may_publish(hooks->ctx, hub->worker, publisher, message_topic(message), true);
}

/* Nor does he listen on who may not any more. */
static bool subscriber_permitted(struct session *session, const struct feed *feed, struct bytes topic)
{
	struct hub *hub = session->hub;
	const struct hub_hooks *hooks = &hub->engine->options.hooks;
	return feed->rights == engine_rights(hub->engine) ||
	       hooks->may_deliver(hooks->ctx, hub->worker, session->identity, topic);
}

static enum err feed_one(struct session *session, const struct feed *feed, struct message *message)
{
	const uint8_t qos = message_qos(message) < feed->qos ? message_qos(message) : feed->qos;
	if (!publisher_permitted(session, message) ||
		!subscriber_permitted(session, feed, message_topic(message))) {
		session->hub->counters.dropped_denied++;
		return ERR_OK;
	}
	if (qos > 0 && session->stored.id != 0) {
		return publish_to_stored(session, message, qos, feed->subscription_id);
	}
	const struct offer offer = {.message = message,
		.ids = &feed->subscription_id,
		.id_count = feed->subscription_id == 0 ? 0 : 1,
		.qos = qos,
		.retain = true}; /* MQTT-3.3.1-8 of 3.1.1; 3.3.1.3 of 5.0 */
	session_offer(session, &offer);
	return ERR_OK;
}

static bool feed_room(const struct session *session)
{
	return !session_backlog_full(session) && session->queue_count < FEED_AHEAD &&
	       (session->publisher == NULL || session->publisher->count < FEED_AHEAD);
}

void feeds_pump(struct session *session)
{
	if (session->feeding) {
		return; /* an offer pumps, and we are the pump */
	}
	session->feeding = true;
	while (session->feeds != NULL && feed_room(session)) {
		struct feed *feed = session->feeds;
		if (feed->at == feed->match.count) {
			feed_pop(session);
		} else if (feed_one(session, feed, feed->match.messages[feed->at]) == ERR_OK) {
			feed->at++;
			session->feed_left--;
		} else {
			break; /* no memory; the next pump tries again */
		}
	}
	session->feeding = false;
}
