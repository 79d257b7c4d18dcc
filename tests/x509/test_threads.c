/*
 * test_threads.c - verdicts from several threads over the same certificates, trust and lists: equal, and clean under TSan.
 *                  The one thing that is written after parsing is the memo of a list's signature.
 */
#include <pthread.h>

#include "tests/x509/pki.h"

#define THREADS 4u
#define ROUNDS  50u

struct shared {
	struct pki root, ca, leaf, gone;
	struct trust_set *trust;
	struct crl_set *crls;
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
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.shared = &shared};
		REQUIRE("thread", pthread_create(&threads[i], NULL, run, &jobs[i]) == 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
		CHECK("every verdict as alone", jobs[i].wrong == 0);
	}
	crl_set_unref(shared.crls);
	trust_set_unref(shared.trust);
	pki_free(&shared.root);
	pki_free(&shared.ca);
	pki_free(&shared.leaf);
	pki_free(&shared.gone);
	crypto_cleanup();
	return test_result();
}
