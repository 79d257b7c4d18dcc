/*
 * mail.c - mailboxes between loops: one bounded FIFO per (from, to), and one reserved way in per loop.
 * Owns:    the queues' heads; a letter stays its owner's memory.
 * Threads: any posts; a loop drains its own.
 */
#include <assert.h>
#include <stdlib.h>

#include "broker/net/net_private.h"

static struct mailbox *mailbox_at(const struct net *net, unsigned from, unsigned to)
{
	return &net->mailboxes[(size_t)from * (net->worker_count + 1) + to];
}

enum err mailboxes_new(struct net *net)
{
	size_t side = net->worker_count + 1;
	net->mailboxes = calloc(side * side, sizeof(*net->mailboxes));
	if (net->mailboxes == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < side * side; i++) {
		(void)pthread_mutex_init(&net->mailboxes[i].lock, NULL); /* cannot fail without attributes */
	}
	return ERR_OK;
}

void mailboxes_free(struct net *net)
{
	size_t side = net->worker_count + 1;
	for (size_t i = 0; net->mailboxes != NULL && i < side * side; i++) {
		(void)pthread_mutex_destroy(&net->mailboxes[i].lock);
	}
	free(net->mailboxes);
	net->mailboxes = NULL;
}

enum err net_post(struct net *net, unsigned from, unsigned to, struct mail *mail)
{
	assert(from <= net->worker_count);
	assert(to <= net->worker_count);
	struct mailbox *box = mailbox_at(net, from, to);
	enum err err = ERR_OK;
	mail->next = NULL;
	(void)pthread_mutex_lock(&box->lock);
	if (box->count >= net->mailbox_max) {
		err = ERR_LIMIT;
	} else {
		if (box->tail != NULL) {
			box->tail->next = mail;
		} else {
			box->head = mail;
		}
		box->tail = mail;
		box->count++;
	}
	(void)pthread_mutex_unlock(&box->lock);
	if (err == ERR_OK) {
		/* Costs a system call only when the loop is not yet woken. */
		(void)uv_async_send(&net_loop(net, to)->wake);
	}
	return err;
}

void net_post_reserved(struct net *net, unsigned to, struct mail *mail)
{
	assert(to <= net->worker_count);
	struct reserved *reserved = &net_loop(net, to)->reserved;
	mail->next = NULL;
	(void)pthread_mutex_lock(&reserved->lock);
	if (reserved->mail_tail != NULL) {
		reserved->mail_tail->next = mail;
	} else {
		reserved->mail_head = mail;
	}
	reserved->mail_tail = mail;
	(void)pthread_mutex_unlock(&reserved->lock);
	(void)uv_async_send(&net_loop(net, to)->wake);
}

void net_post_job(struct net *net, unsigned to, struct job *job)
{
	struct reserved *reserved = &net_loop(net, to)->reserved;
	job->next = NULL;
	(void)pthread_mutex_lock(&reserved->lock);
	if (reserved->job_tail != NULL) {
		reserved->job_tail->next = job;
	} else {
		reserved->job_head = job;
	}
	reserved->job_tail = job;
	(void)pthread_mutex_unlock(&reserved->lock);
	(void)uv_async_send(&net_loop(net, to)->wake);
}

static bool run_letters(struct mail *mail, unsigned at)
{
	bool any = mail != NULL;
	while (mail != NULL) {
		struct mail *next = mail->next; /* run may free the letter, or post it again */
		mail->run(mail, at);
		mail = next;
	}
	return any;
}

bool loop_drain_mail(struct net *net, unsigned at)
{
	struct reserved *reserved = &net_loop(net, at)->reserved;
	(void)pthread_mutex_lock(&reserved->lock);
	struct mail *mail = reserved->mail_head;
	struct job *job = reserved->job_head;
	reserved->mail_head = reserved->mail_tail = NULL;
	reserved->job_head = reserved->job_tail = NULL;
	(void)pthread_mutex_unlock(&reserved->lock);

	bool any = job != NULL;
	while (job != NULL) {
		struct job *next = job->next;
		job->done(job);
		atomic_fetch_sub(&net->jobs, 1);
		job = next;
	}
	any = run_letters(mail, at) || any;
	for (unsigned from = 0; from <= net->worker_count; from++) {
		struct mailbox *box = mailbox_at(net, from, at);
		(void)pthread_mutex_lock(&box->lock);
		mail = box->head;
		box->head = box->tail = NULL;
		box->count = 0;
		(void)pthread_mutex_unlock(&box->lock);
		any = run_letters(mail, at) || any;
	}
	return any;
}
