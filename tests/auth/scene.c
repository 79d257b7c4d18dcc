/*
 * scene.c - one connection at the door: see scene.h.
 * Owns:    nothing.
 * Never:   keeps a policy longer than one judgement.
 * Threads: one.
 */
#include "tests/auth/scene.h"

#include <string.h>

/* The usual start of a row: the fleet's channel and rules, device d1 with its certificate. */
static const struct chlauth_record fleet_rules[] = {
	SSLPEERMAP("PLANT.TLS", "CN=d1", "u1"), SSLPEERMAP("PLANT.TLS", "CN=d2", "u2"), MQADMIN, BACKSTOP};

void scene_init(struct scene *scene, const struct world *world)
{
	memset(scene, 0, sizeof(*scene));
	scene->world = world;
	scene->channel = world_tls_channel(world);
	scene->evidence = world_evidence("PLANT.TLS", &world->d1, &scene->slot);
	scene->rules = fleet_rules;
	scene->rule_count = ARRAY_COUNT(fleet_rules);
	scene->mode = CHLAUTH_ENABLED;
	scene->now = PKI_NOW;
}

void scene_plain(struct scene *scene)
{
	scene->channel = world_plain_channel();
	scene->evidence = world_evidence("PLANT.TCP", NULL, &scene->slot);
	scene->rule_count = 0;
}

void scene_login(struct scene *scene, const char *user)
{
	scene->channel.login = "FLEET";
	scene->evidence.user_name = user;
	scene->evidence.login = LOGIN_ALLOWED;
	scene->evidence.login_user = user;
	scene->evidence.login_user_verified = true;
}

void scene_judge(struct scene *scene)
{
	struct policy *policy = world_policy(&scene->channel, scene->rules, scene->rule_count, scene->mode);
	admission_judge(policy, &scene->evidence, scene->now, &scene->verdict);
	policy_unref(policy);
}

void check_admitted(const char *row, struct scene *scene, const char *user)
{
	scene_judge(scene);
	CHECK(row, scene->verdict.admission == ADMISSION_ADMIT);
	CHECK(row, strcmp(scene->verdict.user, user) == 0);
	if (scene->verdict.admission != ADMISSION_ADMIT) {
		(void)printf("  %s: %s\n", row, scene->verdict.sentence);
	}
}

void check_refused(const char *row, struct scene *scene, enum admission_step step, const char *message_id,
	uint8_t code, const char *words)
{
	scene_judge(scene);
	CHECK(row, scene->verdict.admission == ADMISSION_REFUSE);
	CHECK(row, scene->verdict.step == step);
	CHECK(row, strcmp(scene->verdict.message_id, message_id) == 0);
	CHECK(row, scene->verdict.reason_code == code);
	CHECK(row, strstr(scene->verdict.sentence, words) != NULL);
	if (strstr(scene->verdict.sentence, words) == NULL) {
		(void)printf("  %s: %s: %s\n", row, admission_step_name(scene->verdict.step),
			scene->verdict.sentence);
	}
}

void check_need(const char *row, struct scene *scene, enum need need)
{
	scene_judge(scene);
	CHECK(row, scene->verdict.admission == ADMISSION_NEED);
	CHECK(row, scene->verdict.need == need);
}

bool traced(const struct scene *scene, enum admission_step step, enum trace_outcome outcome)
{
	for (size_t i = 0; i < scene->verdict.trace_count; i++) {
		if (scene->verdict.trace[i].step == step && scene->verdict.trace[i].outcome == outcome) {
			return true;
		}
	}
	return false;
}
