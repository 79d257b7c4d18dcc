/*
 * classify.h - why two verdicts differ: a named class, or none, which is a finding.
 */
#ifndef LOCKGATE_TESTS_DIFFERENTIAL_CLASSIFY_H
#define LOCKGATE_TESTS_DIFFERENTIAL_CLASSIFY_H

#include "tests/differential/by_openssl.h"
#include "tests/differential/chain.h"

/* One chain and both verdicts; what each could read. */
struct difference {
	const struct diff_chain *chain;
	const struct x509_question *question; /* NULL: the leaf or the anchor could not be read by us */
	const struct x509_answer *ours;
	const struct by_openssl_question *their_question;
	const struct by_openssl_answer *theirs;
};

#define CLASSES_MAX 64u
/* A number below class_count(), or -1: unexplained. */
int classify(const struct difference *difference);
unsigned class_count(void);
const char *class_name(unsigned number); /* with the clause that allows it */

#endif
