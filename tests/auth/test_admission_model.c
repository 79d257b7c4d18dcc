/*
 * test_admission_model.c - what must hold for the judge on any policy and any evidence, tried on many random ones:
 *   a refusal on part of the evidence is a refusal on every completion of it; a dry run, a login and a re-check agree;
 *   no verdict depends on another connection; a new CRL entry, NOACCESS or BLOCKADDR rule never turns REFUSE into ADMIT; an ADMIT
 *   is never given without memory, nor against an independent reading of the rules.
 * Owns:    its world.
 * Never:   uses a random source that cannot be repeated.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/auth/world.h"

#define ROUNDS    6000u
#define RULES_MAX 8u

struct dice {
	uint64_t state;
};

static size_t roll(struct dice *dice, size_t sides)
{
	dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(dice->state >> 33) % sides;
}

#define PICK(dice, array) ((array)[roll((dice), ARRAY_COUNT(array))])

static const char *const users[] = {"u1", "u2", "op", "off1", "on1", "nobody", "mqm"};
static const char *const names[] = {NULL, "", "u1", "u2", "off1", "on1", "*MQADMIN", "bad\nname"};
static const char *const profiles[] = {"*", "PLANT.*", "PLANT.TLS", "PLANT.TCP", "*.TLS", "OTHER"};
static const char *const addresses[] = {NULL, "*", "192.0.2.*", "192.0.2.7", "10.*"};
static const char *const subjects[] = {"CN=d1", "CN=d*", "CN=*", "CN=d2", "SERIALNUMBER=*"};
static const char *const issuers[] = {NULL, NULL, "CN=Plant CA", "CN=Other CA"};
static const char *const list_a[] = {"u1"}, *const list_b[] = {"*MQADMIN", "u2"},
			 *const list_c[] = {"nobody"};
static const char *const blocked[] = {"10.0.0.*"}, *const blocked_near[] = {"192.0.2.1-8"};

static struct chlauth_record random_mapping(struct dice *dice)
{
	struct chlauth_record record = {.profile = PICK(dice, profiles), .address = PICK(dice, addresses)};
	switch (roll(dice, 3)) {
	case 0:
		record.type = CHLAUTH_SSLPEERMAP;
		record.ssl_peer = PICK(dice, subjects);
		record.ssl_issuer = PICK(dice, issuers);
		break;
	case 1:
		record.type = CHLAUTH_USERMAP;
		record.client_user = PICK(dice, users);
		break;
	default:
		record.type = CHLAUTH_ADDRESSMAP;
		record.address = record.address == NULL ? "*" : record.address;
		break;
	}
	record.usersrc = (enum chlauth_usersrc)roll(dice, 3);
	record.mca_user = record.usersrc == USERSRC_MAP ? PICK(dice, users) : NULL;
	record.warn = record.usersrc == USERSRC_NOACCESS && roll(dice, 4) == 0;
	return record;
}

static struct chlauth_record random_record(struct dice *dice)
{
	struct chlauth_record record = {.profile = PICK(dice, profiles), .list_count = 1};
	switch (roll(dice, 6)) {
	case 0:
		record.type = CHLAUTH_BLOCKUSER;
		record.list = roll(dice, 2) == 0 ? list_a : list_c;
		if (roll(dice, 2) == 0) {
			record.list = list_b;
			record.list_count = 2;
		}
		record.warn = roll(dice, 4) == 0;
		return record;
	case 1:
		record.type = CHLAUTH_BLOCKADDR;
		record.profile = "*";
		record.list = roll(dice, 5) == 0 ? blocked_near : blocked;
		return record;
	default: return random_mapping(dice);
	}
}

struct rules {
	struct chlauth_record records[RULES_MAX + 1];
	size_t count;
};

static void rules_add(struct rules *rules, struct chlauth_record record)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (chlauth_record_same_key(&rules->records[i], &record)) {
			return;
		}
	}
	rules->records[rules->count++] = record;
}

static struct channel_policy random_channel(struct dice *dice, const struct world *world)
{
	struct channel_policy channel = roll(dice, 3) > 0 ? world_tls_channel(world) : world_plain_channel();
	if (channel.tls) {
		channel.client_auth = (enum ssl_client_auth)roll(dice, 3);
		channel.revocation = (enum x509_revocation)roll(dice, 3);
		channel.crls = roll(dice, 3) == 0 ? NULL : roll(dice, 2) == 0 ? world->clean : world->revoked;
		channel.ssl_peer = roll(dice, 5) == 0 ? PICK(dice, subjects) : NULL;
	}
	channel.login = roll(dice, 3) > 0 ? "FLEET" : NULL;
	channel.login_keeps_names = roll(dice, 2) == 0;
	channel.insecure_assert = roll(dice, 4) == 0;
	switch (roll(dice, 4)) {
	case 0: channel.mca_user = PICK(dice, users); break;
	case 1: channel.use_client_id = true; break;
	default: break;
	}
	channel.insecure_open_gates = roll(dice, 8) == 0 ? (unsigned)roll(dice, 32) : 0;
	return channel;
}

/* Mostly what a channel like this would see, sometimes anything. */
static struct evidence random_evidence(struct dice *dice, const struct world *world,
	const struct channel_policy *channel, const struct cert **slot)
{
	const struct pki *leafs[] = {
		&world->d1, &world->d2, &world->stranger, &world->pinned, &world->expired};
	struct evidence evidence = world_evidence(channel->name, NULL, slot);
	bool asks = channel->tls && channel->client_auth != SSLCAUTH_NEVER;
	if (roll(dice, 6) == 0) {
		evidence.certificate = (enum certificate_evidence)(1 + roll(dice, 4));
	} else if (asks) {
		evidence.certificate = roll(dice, 4) == 0 ? CERTIFICATE_NONE_SENT : CERTIFICATE_CHAIN;
	}
	if (evidence.certificate == CERTIFICATE_CHAIN || evidence.certificate == CERTIFICATE_RESUMED) {
		*slot = PICK(dice, leafs)->cert;
		evidence.chain = slot;
		evidence.chain_count = 1;
	}
	evidence.peer = world_address(roll(dice, 4) == 0 ? "192.0.2.77" : "192.0.2.7");
	evidence.client_id = roll(dice, 4) == 0 ? "" : PICK(dice, users);
	evidence.user_name = PICK(dice, names);
	evidence.password_sent = roll(dice, 2) == 0;
	evidence.session_owner = roll(dice, 3) == 0 ? PICK(dice, users) : NULL;
	evidence.login = channel->login == NULL ? LOGIN_NOT_CONFIGURED : LOGIN_ALLOWED;
	if (roll(dice, 6) == 0) {
		evidence.login = (enum login_outcome)roll(dice, 6);
	}
	if (evidence.login == LOGIN_ALLOWED) {
		bool keeps = channel->login_keeps_names && roll(dice, 6) > 0;
		evidence.login_user = keeps ? evidence.user_name : PICK(dice, names);
		evidence.login_client_id = keeps ? evidence.client_id : PICK(dice, names);
		evidence.login_user_verified = roll(dice, 3) > 0;
		evidence.login_client_id_bound = roll(dice, 3) > 0;
		evidence.login_account_known = roll(dice, 4) == 0;
		evidence.login_name = roll(dice, 8) == 0 ? "OTHER" : NULL;
	}
	return evidence;
}

/* Later evidence taken away again: as it was known at an earlier time. */
enum stage { AT_ACCEPT, AT_HANDSHAKE, AT_CONNECT, AT_LOGIN, STAGES };
static struct evidence evidence_at(const struct evidence *full, enum stage stage)
{
	struct evidence part = *full;
	if (stage < AT_LOGIN) {
		part.login = part.login == LOGIN_NOT_CONFIGURED ? LOGIN_NOT_CONFIGURED : LOGIN_PENDING;
		part.login_user = NULL;
		part.login_client_id = NULL;
		part.login_user_verified = false;
		part.login_client_id_bound = false;
		part.login_account_known = false;
		part.login_name = NULL;
		part.session_owner = NULL;
	}
	if (stage < AT_CONNECT) {
		part.connect_seen = false;
		part.client_id = NULL;
		part.user_name = NULL;
		part.password_sent = false;
	}
	if (stage < AT_HANDSHAKE) {
		part.certificate = CERTIFICATE_PENDING;
		part.chain = NULL;
		part.chain_count = 0;
	}
	return part;
}

static bool verdict_same(const struct admission_verdict *a, const struct admission_verdict *b)
{
	return a->admission == b->admission && a->need == b->need && a->step == b->step &&
	       strcmp(a->message_id, b->message_id) == 0 && a->reason_code == b->reason_code &&
	       strcmp(a->user, b->user) == 0 && strcmp(a->rule, b->rule) == 0 &&
	       strcmp(a->sentence, b->sentence) == 0 && a->valid_until == b->valid_until &&
	       a->client_id_bound == b->client_id_bound && admission_uses_equal(&a->uses, &b->uses);
}

static void check_shape(const struct admission_verdict *verdict)
{
	switch (verdict->admission) {
	case ADMISSION_ADMIT:
		CHECK("ADMIT has a user", verdict->user[0] != '\0' && verdict->reason_code == 0);
		CHECK("ADMIT needs nothing", verdict->need == NEED_NONE);
		break;
	case ADMISSION_NEED:
		CHECK("NEED says what", verdict->need != NEED_NONE && verdict->user[0] == '\0');
		break;
	case ADMISSION_REFUSE:
		CHECK("REFUSE says why", verdict->sentence[0] != '\0' && verdict->reason_code >= 0x80);
		CHECK("REFUSE has a message", strncmp(verdict->message_id, "LKG", 3) == 0);
		CHECK("REFUSE names nobody", verdict->user[0] == '\0' && !verdict->client_id_bound);
		CHECK("REFUSE needs nothing", verdict->need == NEED_NONE);
		break;
	}
	CHECK("the trace is bounded", verdict->trace_count <= AUTH_TRACE_STEPS_MAX);
	CHECK("the trace is there", verdict->trace_count > 0);
}

static void check_stages(
	const struct policy *policy, const struct evidence *full, const struct admission_verdict *end)
{
	struct admission_verdict verdict;
	bool refused = false;
	for (enum stage stage = AT_ACCEPT; stage < AT_LOGIN; stage++) {
		struct evidence part = evidence_at(full, stage);
		const struct channel_policy *channel = policy_channel(policy, full->channel);
		if (part.login == LOGIN_PENDING && channel->login != NULL && !channel->login_keeps_names) {
			part.session_owner = "another"; /* of a client id that the stack may still change */
		}
		admission_judge(policy, &part, PKI_NOW, &verdict);
		check_shape(&verdict);
		CHECK("a refusal stays one at the next stage",
			!refused || verdict.admission == ADMISSION_REFUSE);
		refused = verdict.admission == ADMISSION_REFUSE;
		if (stage < AT_CONNECT) {
			CHECK("nobody is admitted before CONNECT", verdict.admission != ADMISSION_ADMIT);
		} else if (full->login != LOGIN_NOT_CONFIGURED &&
			   policy_channel(policy, full->channel)->login != NULL) {
			CHECK("nobody is admitted before the login", verdict.admission != ADMISSION_ADMIT);
		}
		CHECK("a refusal on a part is a refusal on the whole",
			!refused || end->admission == ADMISSION_REFUSE);
	}
}

/* An independent, slow reading of a few rules that no admission may break. */
static void check_admitted(const struct channel_policy *channel, const struct rules *rules,
	const struct evidence *evidence, const struct admission_verdict *verdict, enum chlauth_mode mode)
{
	if (verdict->admission != ADMISSION_ADMIT) {
		return;
	}
	unsigned open = channel->insecure_open_gates;
	bool chain =
		evidence->certificate == CERTIFICATE_CHAIN || evidence->certificate == CERTIFICATE_RESUMED;
	CHECK("disabled beats everything", strncmp(verdict->user, "off", 3) != 0);
	CHECK("disabled beats everything",
		evidence->user_name == NULL || strncmp(evidence->user_name, "off", 3) != 0);
	CHECK("only who may connect", strcmp(verdict->user, "nobody") != 0 || (open & GATE_AUTHORITY) != 0);
	CHECK("owner", evidence->session_owner == NULL ||
			       strcmp(evidence->session_owner, verdict->user) == 0 ||
			       (open & GATE_OWNER) != 0);
	CHECK("REQUIRED means a chain", !channel->tls || channel->client_auth != SSLCAUTH_REQUIRED || chain);
	CHECK("NEVER means none", !chain || channel->client_auth != SSLCAUTH_NEVER);
	CHECK("SSLPEER means a chain", channel->ssl_peer == NULL || chain);
	CHECK("a login that is configured took place",
		channel->login == NULL || evidence->login == LOGIN_ALLOWED);
	bool asserted = evidence->user_name != NULL && strcmp(verdict->user, evidence->user_name) == 0 &&
			!evidence->login_user_verified;
	bool mapped = verdict->rule[0] != '\0' ||
		      (channel->mca_user != NULL && strcmp(channel->mca_user, verdict->user) == 0) ||
		      channel->use_client_id;
	CHECK("no unverified name is effective", !asserted || mapped || channel->insecure_assert);
	for (size_t i = 0; i < rules->count && mode == CHLAUTH_ENABLED && (open & GATE_CHLAUTH) == 0; i++) {
		const struct chlauth_record *record = &rules->records[i];
		CHECK("BLOCKADDR", record->type != CHLAUTH_BLOCKADDR || record->list != blocked_near ||
					   evidence->peer.octets[3] != 7);
	}
}

static void check_memory(
	const struct policy *policy, const struct evidence *evidence, const struct admission_verdict *end)
{
	for (unsigned long n = 1; n < 200; n++) {
		struct admission_verdict verdict;
		test_alloc_fail_at(n);
		admission_judge(policy, evidence, PKI_NOW, &verdict);
		bool failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("without memory nobody is admitted who would not be otherwise",
			verdict.admission != ADMISSION_ADMIT || end->admission == ADMISSION_ADMIT);
		if (!failed) {
			return;
		}
	}
}

/* A chain known from a ticket is judged as the same chain sent: resuming lets in nobody, and keeps out nobody. */
static void check_resumed(
	const struct policy *policy, const struct evidence *evidence, const struct admission_verdict *end)
{
	struct evidence twin = *evidence;
	struct admission_verdict verdict;
	switch (evidence->certificate) {
	case CERTIFICATE_CHAIN: twin.certificate = CERTIFICATE_RESUMED; break;
	case CERTIFICATE_RESUMED: twin.certificate = CERTIFICATE_CHAIN; break;
	case CERTIFICATE_PENDING:
	case CERTIFICATE_NOT_ASKED:
	case CERTIFICATE_NONE_SENT: return;
	}
	admission_judge(policy, &twin, PKI_NOW, &verdict);
	CHECK("sent or resumed, the same verdict",
		verdict.admission == end->admission && verdict.need == end->need &&
			verdict.step == end->step && verdict.reason_code == end->reason_code &&
			verdict.absence == end->absence &&
			verdict.certificate_reason == end->certificate_reason &&
			verdict.client_id_bound == end->client_id_bound &&
			verdict.valid_until == end->valid_until && strcmp(verdict.user, end->user) == 0 &&
			strcmp(verdict.common_name, end->common_name) == 0 &&
			strcmp(verdict.rule, end->rule) == 0 &&
			admission_uses_equal(&verdict.uses, &end->uses));
}

/* Refuse before, admit after: only what documented precedence allows. */
static void check_additions(struct dice *dice, const struct world *world,
	const struct channel_policy *channel, const struct rules *rules, const struct evidence *evidence,
	const struct admission_verdict *end, enum chlauth_mode mode)
{
	struct admission_verdict verdict;
	struct rules more = *rules;
	struct chlauth_record added = random_mapping(dice);
	added.usersrc = USERSRC_NOACCESS;
	added.mca_user = NULL;
	added.warn = roll(dice, 2) == 0;
	if (roll(dice, 4) == 0) {
		added = (struct chlauth_record){
			.profile = "*", .type = CHLAUTH_BLOCKADDR, .list = blocked_near, .list_count = 1};
	}
	rules_add(&more, added);
	struct policy *policy = world_policy(channel, more.records, more.count, mode);
	admission_judge(policy, evidence, PKI_NOW, &verdict);
	CHECK("a NOACCESS or BLOCKADDR rule more never admits",
		verdict.admission != ADMISSION_ADMIT || end->admission == ADMISSION_ADMIT);
	policy_unref(policy);
	if (channel->crls == world->clean) {
		struct channel_policy stricter = *channel;
		stricter.crls = world->revoked;
		policy = world_policy(&stricter, rules->records, rules->count, mode);
		admission_judge(policy, evidence, PKI_NOW, &verdict);
		CHECK("a CRL entry more never admits",
			verdict.admission != ADMISSION_ADMIT || end->admission == ADMISSION_ADMIT);
		policy_unref(policy);
	}
}

static void one_round(struct dice *dice, const struct world *world, unsigned long counts[3])
{
	struct rules rules = {.count = 0};
	const struct cert *slots[2] = {NULL, NULL};
	struct admission_verdict verdicts[2];
	struct admission_verdict again;
	struct channel_policy channel = random_channel(dice, world);
	enum chlauth_mode mode = roll(dice, 5) > 0 ? CHLAUTH_ENABLED : (enum chlauth_mode)roll(dice, 3);
	for (size_t want = roll(dice, RULES_MAX + 1); want > 0; want--) {
		rules_add(&rules, random_record(dice));
	}
	struct policy *policy = world_policy(&channel, rules.records, rules.count, mode);
	struct policy *twin = world_policy(&channel, rules.records, rules.count, mode);
	struct evidence evidence[2];
	for (size_t i = 0; i < 2; i++) {
		evidence[i] = random_evidence(dice, world, &channel, &slots[i]);
		admission_judge(policy, &evidence[i], PKI_NOW, &verdicts[i]);
		check_shape(&verdicts[i]);
		counts[verdicts[i].admission]++;
		check_stages(policy, &evidence[i], &verdicts[i]);
		check_admitted(&channel, &rules, &evidence[i], &verdicts[i], mode);
		check_resumed(policy, &evidence[i], &verdicts[i]);
		if (roll(dice, 8) == 0) {
			check_memory(policy, &evidence[i], &verdicts[i]);
		}
		if (roll(dice, 4) == 0) {
			check_additions(dice, world, &channel, &rules, &evidence[i], &verdicts[i], mode);
		}
	}
	/* In the other order, on another policy object with the same content, after others were judged: the same. */
	for (size_t i = 2; i-- > 0;) {
		struct admission_uses uses;
		admission_judge(twin, &evidence[i], PKI_NOW, &again);
		CHECK("dry run = login = re-check, whoever came before", verdict_same(&again, &verdicts[i]));
		policy_uses(policy, evidence[i].channel, &uses);
		CHECK("the last gate compares equal while nothing changed",
			admission_uses_equal(&uses, &verdicts[i].uses));
	}
	policy_unref(policy);
	policy_unref(twin);
}

int main(void)
{
	struct world world;
	struct dice dice = {20261121};
	unsigned long counts[3] = {0, 0, 0};
	const char *seed = getenv("LOCKGATE_TEST_SEED");
	world_init(&world);
	if (seed != NULL) {
		dice.state = strtoull(seed, NULL, 10);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		one_round(&dice, &world, counts);
	}
	printf("refused %lu, admitted %lu, needs more %lu\n", counts[ADMISSION_REFUSE],
		counts[ADMISSION_ADMIT], counts[ADMISSION_NEED]);
	CHECK("the worlds were not all closed", counts[ADMISSION_ADMIT] > ROUNDS / 20);
	CHECK("the worlds were not all open", counts[ADMISSION_REFUSE] > ROUNDS / 20);
	world_free(&world);
	return test_result();
}
