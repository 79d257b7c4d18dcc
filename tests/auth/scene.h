/*
 * scene.h - one connection at the door, to be changed a little and judged: for the tables over admission.
 * Owns:    nothing; a scene borrows its world.
 * Never:   keeps a policy longer than one judgement.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_AUTH_SCENE_H
#define LOCKGATE_TESTS_AUTH_SCENE_H

#include "tests/auth/world.h"

#define LIST(...)                                                                                            \
	.list = (const char *const[]){__VA_ARGS__},                                                          \
	.list_count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define SSLPEERMAP(p, dn, user)                                                                              \
	{                                                                                                    \
		.profile = (p), .type = CHLAUTH_SSLPEERMAP, .ssl_peer = (dn), .mca_user = (user)             \
	}
#define BACKSTOP                                                                                             \
	{                                                                                                    \
		.profile = "*", .type = CHLAUTH_ADDRESSMAP, .address = "*", .usersrc = USERSRC_NOACCESS      \
	}
#define MQADMIN                                                                                              \
	{                                                                                                    \
		.profile = "*", .type = CHLAUTH_BLOCKUSER, LIST("*MQADMIN")                                  \
	}

struct scene {
	const struct world *world;
	struct channel_policy channel;
	struct evidence evidence;
	const struct chlauth_record *rules;
	size_t rule_count;
	enum chlauth_mode mode;
	const struct cert *slot;
	int64_t now;
	struct admission_verdict verdict;
};

/* The fleet's channel and rules, device d1 with its certificate. */
void scene_init(struct scene *scene, const struct world *world);
void scene_plain(struct scene *scene);
void scene_login(struct scene *scene, const char *user);
void scene_judge(struct scene *scene);
void check_admitted(const char *row, struct scene *scene, const char *user);
void check_refused(const char *row, struct scene *scene, enum admission_step step, const char *message_id,
	uint8_t code, const char *words);
void check_need(const char *row, struct scene *scene, enum need need);
bool traced(const struct scene *scene, enum admission_step step, enum trace_outcome outcome);

#endif
