/*
 * check.c - what an operator should know about a keystore before devices find out.
 * Owns:    the findings it appends.
 * Never:   judges a chain's signatures (lockgate cert verify does); reads the clock.
 * Threads: any.
 */
#include "keystore/store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_SECONDS     INT64_C(86400)
#define RSA_BITS_ENOUGH 2048u

struct check {
	const struct keystore *keystore;
	int64_t now;
	struct keystore_findings *findings;
	enum err err; /* the first failure sticks */
};

struct date {
	char text[32];
};

const char *keystore_severity_name(enum keystore_severity severity)
{
	static const char *const names[] = {"note", "warning", "error"};
	return names[severity];
}

void keystore_findings_release(struct keystore_findings *findings)
{
	free(findings->items);
	*findings = KEYSTORE_FINDINGS_NONE;
}

static struct date date_of(int64_t seconds)
{
	struct date out = {"an impossible date"};
	struct tm tm = {0};
	time_t when = (time_t)seconds;
	if (gmtime_r(&when, &tm) != NULL) {
		(void)strftime(out.text, sizeof(out.text), "%Y-%m-%d", &tm);
	}
	return out;
}

/* Room for one more finding; NULL once something failed. */
static struct keystore_finding *finding_new(struct check *check)
{
	struct keystore_findings *findings = check->findings;
	if (check->err != ERR_OK) {
		return NULL;
	}
	if (findings->count == findings->cap) {
		size_t cap = findings->cap == 0 ? 8 : findings->cap * 2;
		struct keystore_finding *grown = realloc(findings->items, cap * sizeof(*grown));
		if (grown == NULL) {
			check->err = ERR_NOMEM;
			return NULL;
		}
		findings->items = grown;
		findings->cap = cap;
	}
	return &findings->items[findings->count++];
}

#define FIND(check, severity_, code_, alias_, ...)                                                           \
	do {                                                                                                 \
		struct keystore_finding *finding_ = finding_new(check);                                      \
		if (finding_ != NULL) {                                                                      \
			struct keystore_error sentence_ = {0};                                               \
			(void)keystore_fail(&sentence_, ERR_OK, __VA_ARGS__);                                \
			finding_->severity = (severity_);                                                    \
			finding_->code = (code_);                                                            \
			finding_->alias = (alias_);                                                          \
			memcpy(finding_->sentence, sentence_.sentence, sizeof(finding_->sentence));          \
		}                                                                                            \
	} while (0)

/* A certificate's subject for a sentence: its last CN, else "without a common name". */
static struct shown subject_shown(const struct cert *cert)
{
	struct shown out = {"a certificate without a common name"};
	for (size_t i = 0; i < cert_attribute_count(cert, true); i++) {
		struct x509_attribute attribute = cert_attribute(cert, true, i);
		if (attribute.key != NULL && strcmp(attribute.key, "CN") == 0) {
			out = keystore_shown(attribute.value);
		}
	}
	return out;
}

static void times_check(struct check *check, const struct entry *entry, const struct cert *cert)
{
	struct shown name = subject_shown(cert);
	int64_t until = cert_not_after(cert);
	int64_t from = cert_not_before(cert);
	if (until < check->now) {
		FIND(check, KEYSTORE_ERROR, "expired", entry->alias, "the certificate '%s' expired on %s",
			name.text, date_of(until).text);
	} else if (from > check->now) {
		FIND(check, KEYSTORE_ERROR, "not-yet-valid", entry->alias,
			"the certificate '%s' is not valid before %s", name.text, date_of(from).text);
	} else if (until < check->now + KEYSTORE_EXPIRY_DAYS * DAY_SECONDS) {
		FIND(check, KEYSTORE_WARNING, "expires-soon", entry->alias,
			"the certificate '%s' expires on %s", name.text, date_of(until).text);
	}
}

static void strength_check(struct check *check, const struct entry *entry, const struct cert *cert)
{
	if (cert_key_kind(cert) == KEY_RSA && cert_key_bits(cert) < RSA_BITS_ENOUGH) {
		FIND(check, KEYSTORE_ERROR, "weak-key", entry->alias,
			"the certificate '%s' has an RSA key of %u bits: at least %u are needed",
			subject_shown(cert).text, cert_key_bits(cert), RSA_BITS_ENOUGH);
	}
	if (cert_version(cert) != 3) {
		FIND(check, KEYSTORE_ERROR, "old-version", entry->alias,
			"the certificate '%s' is X.509 version %u: version 3 is needed",
			subject_shown(cert).text, cert_version(cert));
	}
}

static void match_check(struct check *check, const struct entry *entry)
{
	struct buf spki = BUF_INIT(KEYSTORE_KEY_BYTES_MAX);
	bool usable = false;
	enum key_kind kind = KEY_RSA;
	enum err err = store_key_look(secret_bytes(&entry->pkcs8), &usable, &kind, &spki);
	if (err != ERR_OK) {
		check->err = err;
	} else if (!bytes_equal(buf_bytes(&spki), cert_spki(entry->chain[0]))) {
		FIND(check, KEYSTORE_ERROR, "key-mismatch", entry->alias,
			"the private key does not belong to the certificate '%s'",
			subject_shown(entry->chain[0]).text);
	}
	buf_release(&spki);
}

/* Whether a chain that ends here is complete for a peer that has our anchors. */
static bool issued_by_anchor(const struct keystore *keystore, const struct cert *cert)
{
	for (size_t i = 0; i < keystore->count; i++) {
		const struct entry *entry = &keystore->items[i];
		if (entry->kind == KEYSTORE_ANCHOR &&
			x509_name_equal(cert_subject_der(entry->chain[0]), cert_issuer_der(cert))) {
			return true;
		}
	}
	return false;
}

static void chain_check(struct check *check, const struct entry *entry)
{
	for (size_t i = 1; i < entry->chain_count; i++) {
		const struct cert *issuer = entry->chain[i];
		if (!cert_is_ca(issuer)) {
			FIND(check, KEYSTORE_ERROR, "issuer-not-ca", entry->alias,
				"'%s' stands in the chain as an issuer, but is no CA certificate",
				subject_shown(issuer).text);
		}
		if (!x509_name_equal(cert_subject_der(issuer), cert_issuer_der(entry->chain[i - 1]))) {
			FIND(check, KEYSTORE_ERROR, "chain-order", entry->alias,
				"'%s' stands behind '%s', but did not issue it", subject_shown(issuer).text,
				subject_shown(entry->chain[i - 1]).text);
		}
	}
	const struct cert *last = entry->chain[entry->chain_count - 1];
	if (!cert_is_self_issued(last) && !issued_by_anchor(check->keystore, last)) {
		FIND(check, KEYSTORE_WARNING, "chain-incomplete", entry->alias,
			"the chain ends at '%s', whose issuer is neither in the chain nor an anchor here",
			subject_shown(last).text);
	}
}

static void key_check(struct check *check, const struct entry *entry)
{
	if (entry->chain_count == 0) {
		FIND(check, KEYSTORE_ERROR, "no-certificate", entry->alias,
			"the private key has no certificate, so it cannot be served");
		return;
	}
	match_check(check, entry);
	for (size_t i = 0; i < entry->chain_count; i++) {
		times_check(check, entry, entry->chain[i]);
		strength_check(check, entry, entry->chain[i]);
	}
	chain_check(check, entry);
}

static void anchor_check(struct check *check, const struct entry *entry)
{
	if (!cert_is_ca(entry->chain[0])) {
		FIND(check, KEYSTORE_ERROR, "anchor-not-ca", entry->alias,
			"'%s' is an anchor, but no CA certificate: nothing can be issued by it (pin it "
			"instead)",
			subject_shown(entry->chain[0]).text);
	}
}

static void pin_check(struct check *check, const struct entry *entry)
{
	if (cert_is_ca(entry->chain[0])) {
		FIND(check, KEYSTORE_NOTE, "pin-is-ca", entry->alias,
			"'%s' is pinned and a CA certificate: only itself is let in, nothing that it issued",
			subject_shown(entry->chain[0]).text);
	}
}

static void duplicate_check(struct check *check, size_t index)
{
	const struct entry *entry = &check->keystore->items[index];
	for (size_t i = 0; i < index; i++) {
		const struct entry *other = &check->keystore->items[i];
		if (other->kind == KEYSTORE_KEY || other->kind == KEYSTORE_KEPT ||
			memcmp(cert_sha256(other->chain[0]), cert_sha256(entry->chain[0]), SHA256_BYTES) !=
				0) {
			continue;
		}
		struct shown shown = keystore_shown(bytes_text(other->alias));
		if (other->kind == entry->kind) {
			FIND(check, KEYSTORE_WARNING, "duplicate", entry->alias,
				"the same certificate as '%s'", shown.text);
		} else if (other->kind != KEYSTORE_OTHER && entry->kind != KEYSTORE_OTHER) {
			FIND(check, KEYSTORE_WARNING, "pin-and-anchor", entry->alias,
				"the same certificate as '%s': pinned and anchor at once, so it may issue",
				shown.text);
		}
	}
}

static void entry_check(struct check *check, size_t index)
{
	const struct entry *entry = &check->keystore->items[index];
	switch (entry->kind) {
	case KEYSTORE_KEY: key_check(check, entry); return;
	case KEYSTORE_KEPT:
		FIND(check, KEYSTORE_WARNING, "kept", entry->alias, "kept, not usable: %s", entry->why);
		return;
	case KEYSTORE_ANCHOR: anchor_check(check, entry); break;
	case KEYSTORE_PIN: pin_check(check, entry); break;
	case KEYSTORE_OTHER:
		FIND(check, KEYSTORE_NOTE, "untrusted", entry->alias,
			"the certificate '%s' belongs to no key and is not trusted: nothing uses it",
			subject_shown(entry->chain[0]).text);
		break;
	}
	times_check(check, entry, entry->chain[0]);
	strength_check(check, entry, entry->chain[0]);
	duplicate_check(check, index);
}

enum err keystore_check(const struct keystore *keystore, int64_t now, struct keystore_findings *findings)
{
	struct check check = {keystore, now, findings, ERR_OK};
	size_t index = 0;
	if (!keystore_identity(keystore, NULL, &index)) {
		FIND(&check, KEYSTORE_NOTE, "no-key", NULL,
			"there is no private key: this file can serve as a truststore only");
	}
	if (keystore->unknown_bags > 0) {
		FIND(&check, KEYSTORE_WARNING, "unknown-entries", NULL,
			"%zu entries of other programs are ignored, and keep this file from being rewritten",
			keystore->unknown_bags);
	}
	for (size_t i = 0; i < keystore->count && check.err == ERR_OK; i++) {
		entry_check(&check, i);
	}
	return check.err;
}
