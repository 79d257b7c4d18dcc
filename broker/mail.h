/*
 * mail.h - what loops send each other: a function to run on the receiver's loop, embedded in its owner.
 * Owns:    nothing; the letter belongs to the sender until net_post() took it, then to the receiver.
 * Threads: written by one loop, run by another; what it points to is immutable or moved with it.
 */
#ifndef LOCKGATE_BROKER_MAIL_H
#define LOCKGATE_BROKER_MAIL_H

#include "base/err.h"

struct net;

/* Called exactly once, on loop `at`; it may free the letter. next is the mailbox's while the letter is in it. */
struct mail {
	void (*run)(struct mail *mail, unsigned at);
	struct mail *next;
};

/*
 * From loop `from` (the calling one) to loop `to`; first in, first out for each such pair.
 * ERR_LIMIT: that mailbox is full and nothing was taken; the producer slows down, nobody waits.
 */
MUST_CHECK enum err net_post(struct net *net, unsigned from, unsigned to, struct mail *mail);

/*
 * From any thread, never refused: for what must not be lost and is bounded elsewhere (answers of the store and of
 * lanes: by the questions asked; parcels: by the connections). Keeps its own order, not that of net_post().
 */
void net_post_reserved(struct net *net, unsigned to, struct mail *mail);

/*
 * The same two as a table, for what may not know of loops (engine, store) and for tests without any. In the broker it
 * forwards to net_post() and net_post_reserved(); run is never called from within either.
 */
struct hub_post {
	enum err (*post)(void *ctx, unsigned from, unsigned to, struct mail *mail); /* ERR_LIMIT or ERR_OK */
	void (*post_reserved)(void *ctx, unsigned to, struct mail *mail); /* any thread, never refused */
	void *ctx;
};

#endif
