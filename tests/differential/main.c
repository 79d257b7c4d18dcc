/*
 * main.c - differential test: random chains, judged by us and by OpenSSL; every difference must have an explanation.
 * Usage:   --seconds N or --runs N, --seed S, --only I (one chain, shown), --show (each unexplained one as PEM).
 * Exit:    0; 1 if a difference is unexplained; 2 on wrong usage.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pem.h"
#include "tests/differential/classify.h"
#include "tests/test.h"

#define DER_BYTES_MAX (1024u * 1024u)
#define SHOWN_MAX     40u

struct run {
	uint64_t seed, only, runs, seconds;
	bool one, show;
	struct diff_keys keys;
	uint64_t done, both_accept, both_refuse, unexplained, wrongly_accepted;
	uint64_t classes[CLASSES_MAX];
};

static void show_pem(struct bytes der)
{
	struct buf text = BUF_INIT(DER_BYTES_MAX);
	REQUIRE("PEM", pem_encode("CERTIFICATE", der, &text) == ERR_OK);
	(void)printf("%.*s", (int)text.len, (const char *)text.data);
	buf_release(&text);
}

static void show(const struct run *run, uint64_t index, const struct difference *difference)
{
	const struct by_openssl_question *question = difference->their_question;
	(void)printf("--seed %" PRIu64 " --only %" PRIu64
		     ": [%s]\n  Lockgate: %s %s: %s\n  OpenSSL:  %s: %s\n",
		run->seed, index, difference->chain->mutations,
		difference->ours->verdict == X509_ACCEPT ? "accepted" : "refused",
		x509_reason_name(difference->ours->reason), difference->ours->sentence,
		difference->theirs->accepted ? "accepted" : "refused",
		by_openssl_error(difference->theirs->error));
	if (run->show || run->one) {
		(void)printf("leaf and what is presented with it, then the anchor:\n");
		for (size_t i = 0; i < question->chain_count; i++) {
			show_pem(bytes_of(question->chain[i].data, question->chain[i].len));
		}
		show_pem(bytes_of(question->anchor.data, question->anchor.len));
	}
}

static struct x509_answer judge(const struct diff_chain *chain, const struct bytes *ders, size_t count,
	struct cert_list *certs, struct x509_question *question, struct trust_set **trust)
{
	static const char *const policies[] = {"1.2.3.4.1"};
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	struct x509_error error = {.what = ""};
	struct cert *anchor = NULL;
	for (size_t i = 0; i < count; i++) {
		struct cert *cert = NULL;
		if (cert_parse(ders[i], &cert, &error) == ERR_OK) {
			REQUIRE("memory", cert_list_add(certs, cert) == ERR_OK);
		} else if (i == 0) {
			(void)snprintf(answer.sentence, sizeof(answer.sentence), "leaf: %s", error.what);
			return answer;
		}
	}
	if (cert_parse(buf_bytes(&chain->der[chain->anchor]), &anchor, &error) != ERR_OK) {
		(void)snprintf(answer.sentence, sizeof(answer.sentence), "anchor: %s", error.what);
		return answer;
	}
	REQUIRE("trust", trust_set_new((const struct cert *const *)&anchor, 1, NULL, 0, 1, trust) == ERR_OK);
	cert_unref(anchor);
	*question = (struct x509_question){.chain = (const struct cert *const *)certs->items,
		.chain_count = certs->count,
		.trust = *trust,
		.now = DIFF_NOW,
		.purpose = X509_PURPOSE_CLIENT,
		.policies = policies,
		.policy_count = chain->policy_wanted ? 1 : 0,
		.explicit_policy = chain->explicit_policy,
		.inhibit_mapping = chain->inhibit_mapping,
		.inhibit_any_policy = chain->inhibit_any};
	x509_judge(question, &answer);
	return answer;
}

static void count_verdicts(struct run *run, uint64_t index, const struct difference *difference)
{
	bool accepted = difference->ours->verdict == X509_ACCEPT;
	if (accepted == difference->theirs->accepted) {
		run->both_accept += accepted ? 1 : 0;
		run->both_refuse += accepted ? 0 : 1;
		if (run->one) {
			show(run, index, difference);
		}
		return;
	}
	int class = classify(difference);
	if (class >= 0) {
		run->classes[class]++;
		if (run->one) {
			(void)printf("class: %s\n", class_name((unsigned)class));
			show(run, index, difference);
		}
		return;
	}
	run->unexplained++;
	run->wrongly_accepted += accepted ? 1 : 0;
	if (run->unexplained <= SHOWN_MAX) {
		show(run, index, difference);
	}
}

static void one_chain(struct run *run, uint64_t index)
{
	struct diff_random random = {.state = run->seed * UINT64_C(0xd1342543de82ef95) + index};
	struct diff_chain chain;
	struct bytes ders[DIFF_CERTS_MAX + 1];
	struct by_openssl_der theirs_in[DIFF_CERTS_MAX + 1];
	struct bytes anchor;
	struct cert_list certs = {0};
	struct trust_set *trust = NULL;
	struct x509_question question = {.chain_count = 0};
	diff_chain_make(&random, &run->keys, &chain);
	ders[0] = buf_bytes(&chain.der[chain.leaf]);
	for (unsigned i = 0; i < chain.presented_count; i++) {
		ders[i + 1] = buf_bytes(&chain.der[chain.presented[i]]);
	}
	size_t count = chain.presented_count + 1;
	for (size_t i = 0; i < count; i++) {
		theirs_in[i] = (struct by_openssl_der){ders[i].data, ders[i].len};
	}
	anchor = buf_bytes(&chain.der[chain.anchor]);
	struct x509_answer ours = judge(&chain, ders, count, &certs, &question, &trust);
	struct by_openssl_question their_question = {.chain = theirs_in,
		.chain_count = count,
		.anchor = {anchor.data, anchor.len},
		.now = DIFF_NOW,
		.policy = chain.policy_wanted ? "1.2.3.4.1" : NULL,
		.explicit_policy = chain.explicit_policy,
		.inhibit_mapping = chain.inhibit_mapping,
		.inhibit_any = chain.inhibit_any,
		.strict = true};
	struct by_openssl_answer theirs = by_openssl_verify(&their_question);
	struct difference difference = {.chain = &chain,
		.question = question.chain_count != 0 ? &question : NULL,
		.ours = &ours,
		.their_question = &their_question,
		.theirs = &theirs};
	count_verdicts(run, index, &difference);
	run->done++;
	trust_set_unref(trust);
	cert_list_release(&certs);
	diff_chain_free(&chain);
}

static void report(const struct run *run)
{
	(void)printf("%s\n%" PRIu64 " chains: %" PRIu64 " accepted by both, %" PRIu64
		     " refused by both, %" PRIu64 " differences without explanation (%" PRIu64
		     " of them accepted by us)\n",
		by_openssl_version(), run->done, run->both_accept, run->both_refuse, run->unexplained,
		run->wrongly_accepted);
	for (unsigned i = 0; i < class_count(); i++) {
		if (run->classes[i] != 0) {
			(void)printf("%10" PRIu64 "  %s\n", run->classes[i], class_name(i));
		}
	}
}

static bool options(struct run *run, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		uint64_t *target = strcmp(argv[i], "--seed") == 0      ? &run->seed
				   : strcmp(argv[i], "--runs") == 0    ? &run->runs
				   : strcmp(argv[i], "--seconds") == 0 ? &run->seconds
				   : strcmp(argv[i], "--only") == 0    ? &run->only
								       : NULL;
		if (strcmp(argv[i], "--show") == 0) {
			run->show = true;
		} else if (target == NULL || i + 1 == argc) {
			return false;
		} else {
			run->one = run->one || target == &run->only;
			*target = strtoull(argv[++i], NULL, 10);
		}
	}
	return run->one || run->runs != 0 || run->seconds != 0;
}

int main(int argc, char **argv)
{
	struct run run = {.seed = 1};
	if (!options(&run, argc, argv)) {
		(void)fprintf(
			stderr, "usage: %s --seconds N | --runs N | --only I [--seed S] [--show]\n", argv[0]);
		return 2;
	}
	REQUIRE("crypto", crypto_init() == ERR_OK);
	diff_keys_make(&run.keys);
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	time_t until = now.tv_sec + (time_t)run.seconds;
	if (run.one) {
		one_chain(&run, run.only);
	}
	for (uint64_t i = 0; !run.one && (run.runs == 0 || i < run.runs); i++) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (run.seconds != 0 && now.tv_sec >= until) {
			break;
		}
		one_chain(&run, i);
	}
	report(&run);
	CHECK("every difference has an explanation", run.unexplained == 0);
	CHECK("chains were accepted by both", run.one || run.both_accept > run.done / 50);
	diff_keys_free(&run.keys);
	crypto_cleanup();
	return test_result();
}
