/*
 * onboarded.c - would the broker let this device in, under the rules that `lockgate device add` wrote?
 *               onboarded DEVICES.MQSC KEYSTORE PASSPHRASE-SPEC DEVICE.CRT CLIENT-ID
 *               prints "admitted as USER, publishes own: yes|no, publishes other: yes|no" or "refused: …".
 * Owns:    nothing beyond a run.
 * Never:   opens a socket: the rules are judged by the broker's own judge.
 * Threads: one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "keystore/keystore.h"
#include "mqsc/mqsc.h"

#define FILE_BYTES_MAX (1u << 20)
#define RECORDS_MAX    64u
#define CHANNEL        "DEMO.TLS"

static void stop(const char *why)
{
	(void)printf("stopped: %s\n", why);
	exit(3);
}

static void need(const char *what, enum err err)
{
	if (err != ERR_OK) {
		(void)printf("%s: %s\n", what, err_name(err));
		exit(3);
	}
}

static void changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

static void runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	(void)ctx;
	(void)request;
	mqsc_pending_done(pending, ERR_UNSUPPORTED, NULL);
}

static void done(struct mqsc_script *script, void *ctx)
{
	(void)script;
	*(bool *)ctx = true;
}

static struct catalog *rules_load(const char *path)
{
	struct catalog *catalog = NULL;
	struct mqsc_script *script = NULL;
	struct mqsc_summary summary = {0};
	static const struct mqsc_host host = {.changed = changed, .runtime = runtime};
	bool over = false;
	const struct mqsc_options options = {
		.source = path, .echo = true, .stop_at_error = true, .clock = clock_system()};
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	struct buf report = BUF_INIT(MQSC_OUTPUT_BYTES_MAX);
	need("catalog", catalog_new(&catalog));
	need(path, file_read(path, FILE_BYTES_MAX, &text));
	need("script",
		mqsc_script_start(catalog, &host, &options, buf_bytes(&text), &report, done, &over, &script));
	mqsc_script_summary(script, &summary);
	if (mqsc_summary_exit_code(&summary) != 0 || summary.read == 0 || !over) {
		(void)printf("%.*s\n", (int)report.len, (const char *)report.data);
		stop("the rules are not accepted");
	}
	mqsc_script_free(script);
	buf_release(&text);
	buf_release(&report);
	return catalog;
}

static struct chlauth_rules *chlauth_of(const struct catalog *catalog)
{
	struct chlauth_record records[RECORDS_MAX];
	static const char *lists[RECORDS_MAX][AUTH_LIST_ITEMS_MAX];
	struct chlauth_rules *rules = NULL;
	size_t count = catalog_count(catalog, OBJECT_CHLAUTH);
	if (count > RECORDS_MAX) {
		stop("too many records");
	}
	for (size_t i = 0; i < count; i++) {
		object_to_chlauth(catalog_at(catalog, OBJECT_CHLAUTH, i), &records[i], lists[i]);
	}
	need("rules", chlauth_rules_new(records, count, CHLAUTH_ENABLED, 1, &rules, NULL));
	return rules;
}

static struct authority *authority_of(const struct catalog *catalog)
{
	struct topic_object topics[RECORDS_MAX];
	struct authority_record records[RECORDS_MAX];
	struct authority *authority = NULL;
	size_t topic_count = catalog_count(catalog, OBJECT_TOPIC);
	size_t count = catalog_count(catalog, OBJECT_AUTHREC);
	if (topic_count > RECORDS_MAX || count > RECORDS_MAX) {
		stop("too many records");
	}
	for (size_t i = 0; i < topic_count; i++) {
		const struct object *object = catalog_at(catalog, OBJECT_TOPIC, i);
		topics[i] = (struct topic_object){object_name(object), object_text(object, "TOPICSTR")};
	}
	for (size_t i = 0; i < count; i++) {
		object_to_authority(catalog_at(catalog, OBJECT_AUTHREC, i), &records[i]);
	}
	need("authority", authority_new(topics, topic_count, records, count, 1, &authority, NULL));
	return authority;
}

static struct trust_set *trust_of(const char *path, const char *spec)
{
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct trust_set *trust = NULL;
	need(spec, keystore_passphrase_read(spec, NULL, NULL, &passphrase, NULL));
	need(path, keystore_load(path, secret_bytes(&passphrase), &keystore, NULL));
	need("trust", keystore_trust_set(keystore, 1, &trust));
	keystore_free(keystore);
	secret_free(&passphrase);
	return trust;
}

static bool may_publish(const struct policy *policy, const struct admission_verdict *verdict,
	const char *client_id, const char *topic)
{
	struct authority_subject subject = {
		verdict->user, verdict->client_id_bound ? client_id : NULL, verdict->common_name};
	return authority_may_publish(policy_authority(policy), &subject, bytes_text(topic), NULL);
}

int main(int argc, char **argv)
{
	struct cert_list chain = {0};
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	struct policy *policy = NULL;
	struct admission_verdict verdict = {0};
	char own[256];
	if (argc != 6) {
		stop("five arguments are needed");
	}
	need("crypto", crypto_init());
	struct catalog *catalog = rules_load(argv[1]);
	struct trust_set *trust = trust_of(argv[2], argv[3]);
	need(argv[4], file_read(argv[4], FILE_BYTES_MAX, &text));
	need(argv[4], cert_list_load(buf_bytes(&text), &chain, NULL));
	struct chlauth_rules *rules = chlauth_of(catalog);
	struct authority *authority = authority_of(catalog);
	struct channel_policy channel = {.name = CHANNEL,
		.tls = true,
		.client_auth = SSLCAUTH_REQUIRED,
		.login = "Demo",
		.login_checks_password = true,
		.login_keeps_names = true,
		.trust = trust,
		.generation = 1};
	struct policy_parts parts = {
		.channels = &channel, .channel_count = 1, .rules = rules, .authority = authority};
	need("policy", policy_new(&parts, &policy, NULL));
	struct evidence evidence = {.channel = CHANNEL,
		.certificate = CERTIFICATE_CHAIN,
		.chain = (const struct cert *const *)chain.items,
		.chain_count = chain.count,
		.connect_seen = true,
		.client_id = argv[5],
		.user_name = argv[5],
		.password_sent = true,
		.login = LOGIN_ALLOWED,
		.login_user = argv[5],
		.login_client_id = argv[5],
		.login_user_verified = true,
		.login_client_id_bound = true};
	need("address", auth_address_parse("192.0.2.1", &evidence.peer));
	struct clock clock = clock_system();
	admission_judge(policy, &evidence, clock_wall_ms(&clock) / 1000, &verdict);
	(void)snprintf(own, sizeof(own), "devices/%s/temperature", argv[5]);
	if (verdict.admission != ADMISSION_ADMIT) {
		(void)printf("refused: %s\n", verdict.sentence);
	} else {
		(void)printf("admitted as %s, publishes own: %s, publishes other: %s\n", verdict.user,
			may_publish(policy, &verdict, argv[5], own) ? "yes" : "no",
			may_publish(policy, &verdict, argv[5], "devices/somebody/temperature") ? "yes"
											       : "no");
	}
	policy_unref(policy);
	authority_unref(authority);
	chlauth_rules_unref(rules);
	trust_set_unref(trust);
	cert_list_release(&chain);
	buf_release(&text);
	catalog_free(catalog);
	crypto_cleanup();
	return verdict.admission == ADMISSION_ADMIT ? 0 : 1;
}
