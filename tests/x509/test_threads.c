/*
 * test_threads.c - verdicts from several threads over the same certificates, trust and lists: equal, and clean under TSan.
 *                  The one thing that is written after parsing is the memo of a signature.
 */
#include <pthread.h>

#include "tests/x509/pki.h"

#define THREADS 4u
#define ROUNDS  50u

struct shared {
	struct pki root, ca, leaf, gone;
	struct trust_set *trust;
	struct crl_set *crls;
	struct pki responder;
	struct ocsp_response
		*answers[3]; /* about leaf, gone and ca; by the CA, by its responder, by the root */
};

struct job {
	const struct shared *shared;
	unsigned wrong;
};

static void *run(void *arg)
{
	struct job *job = arg;
	const struct shared *shared = job->shared;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct crl_set *crls = crl_set_ref(shared->crls);
		struct cert *leaf = cert_ref(i % 2 == 0 ? shared->leaf.cert : shared->gone.cert);
		struct x509_answer answer =
			pki_judge(shared->trust, crls, X509_REVOCATION_REQUIRED, leaf, shared->ca.cert, NULL);
		job->wrong += answer.reason == (i % 2 == 0 ? X509_OK : X509_REVOKED) ? 0 : 1;
		/* Remembered or not, the work of a verdict is the same: two edges and two lists (or one, if that says no). */
		job->wrong += answer.signatures == (i % 2 == 0 ? 4 : 3) ? 0 : 1;
		cert_unref(leaf);
		crl_set_unref(crls);
	}
	return NULL;
}

/* The same by OCSP: the memos of responses and of the certificates sent along are shared too. */
static void *run_ocsp(void *arg)
{
	struct job *job = arg;
	const struct shared *shared = job->shared;
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct cert *chain[] = {
			i % 2 == 0 ? shared->leaf.cert : shared->gone.cert, shared->ca.cert};
		struct x509_question question = {.chain = chain,
			.chain_count = 2,
			.trust = shared->trust,
			.now = PKI_NOW,
			.revocation = X509_REVOCATION_REQUIRED,
			.ocsp = (const struct ocsp_response *const *)shared->answers,
			.ocsp_count = 3,
			.ocsp_auth = X509_OCSP_REQUIRED};
		struct x509_answer answer;
		struct ocsp_response *again = ocsp_response_ref(shared->answers[i % 3]);
		x509_judge(&question, &answer);
		job->wrong += answer.reason == (i % 2 == 0 ? X509_OK : X509_REVOKED) ? 0 : 1;
		job->wrong += answer.signatures == 4 ? 0 : 1;
		ocsp_response_unref(again);
	}
	return NULL;
}

static void run_all(const struct shared *shared, void *(*one)(void *))
{
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.shared = shared};
		REQUIRE("thread", pthread_create(&threads[i], NULL, one, &jobs[i]) == 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
		CHECK("every verdict as alone", jobs[i].wrong == 0);
	}
}

int main(void)
{
	pki_init();
	struct shared shared;
	shared.root = pki_root("Root");
	shared.ca = pki_ca(&shared.root, "CA");
	shared.leaf = pki_leaf(&shared.ca, "dev1");
	shared.gone = pki_leaf(&shared.ca, "dev2");
	shared.trust = pki_trust(shared.root.cert, NULL);
	const struct cert *revoked[] = {shared.gone.cert};
	struct crl *of_root = pki_crl(&shared.root, 1, NULL, 0);
	struct crl *of_ca = pki_crl(&shared.ca, 1, revoked, 1);
	shared.crls = pki_crls(of_root, of_ca);
	crl_unref(of_root);
	crl_unref(of_ca);
	shared.responder = pki_responder(&shared.ca, "Responder", false);
	shared.answers[0] = pki_ocsp(&shared.ca, shared.leaf.cert, OCSP_SAYS_GOOD);
	shared.answers[1] = pki_ocsp_made(&(struct pki_ocsp){.issuer = &shared.ca,
		.cert = shared.gone.cert,
		.signer = &shared.responder,
		.status = OCSP_SAYS_REVOKED});
	shared.answers[2] = pki_ocsp(&shared.root, shared.ca.cert, OCSP_SAYS_GOOD);
	run_all(&shared, run);
	run_all(&shared, run_ocsp);
	for (size_t i = 0; i < ARRAY_COUNT(shared.answers); i++) {
		ocsp_response_unref(shared.answers[i]);
	}
	pki_free(&shared.responder);
	crl_set_unref(shared.crls);
	trust_set_unref(shared.trust);
	pki_free(&shared.root);
	pki_free(&shared.ca);
	pki_free(&shared.leaf);
	pki_free(&shared.gone);
	crypto_cleanup();
	return test_result();
}
