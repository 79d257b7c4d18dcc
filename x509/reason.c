/*
 * reason.c - reasons by name, and the words of a sentence.
 * Owns:    nothing.
 * Never:   lets peer text into a sentence unescaped.
 * Threads: any.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "x509/internal.h"

static const struct {
	const char *name;
	bool absence;
} reasons[X509_REASON_COUNT_] = {
	[X509_OK] = {"ok", false},
	[X509_NO_CERTIFICATE] = {"no-certificate", false},
	[X509_MALFORMED] = {"malformed", false},
	[X509_VERSION] = {"version", false},
	[X509_UNKNOWN_ISSUER] = {"unknown-issuer", false},
	[X509_NOT_YET_VALID] = {"not-yet-valid", false},
	[X509_EXPIRED] = {"expired", false},
	[X509_BAD_SIGNATURE] = {"bad-signature", false},
	[X509_WEAK_ALGORITHM] = {"weak-algorithm", false},
	[X509_UNSUPPORTED_ALGORITHM] = {"unsupported-algorithm", false},
	[X509_ISSUER_NOT_CA] = {"issuer-not-ca", false},
	[X509_KEY_USAGE] = {"key-usage", false},
	[X509_EXTENDED_KEY_USAGE] = {"extended-key-usage", false},
	[X509_PATH_LENGTH] = {"path-length", false},
	[X509_NAME_CHAINING] = {"name-chaining", false},
	[X509_UNKNOWN_CRITICAL_EXTENSION] = {"unknown-critical-extension", false},
	[X509_UNSUPPORTED_EXTENSION] = {"unsupported-extension", false},
	[X509_NAME_CONSTRAINTS] = {"name-constraints", false},
	[X509_POLICY] = {"policy", false},
	[X509_REVOKED] = {"revoked", false},
	[X509_CRL_MISSING] = {"crl-missing", true},
	[X509_CRL_STALE] = {"crl-stale", true},
	[X509_CRL_NOT_YET_VALID] = {"crl-not-yet-valid", true},
	[X509_CRL_BAD_SIGNATURE] = {"crl-bad-signature", true},
	[X509_CRL_UNSUPPORTED] = {"crl-unsupported", true},
	/* Not absence: what the peer presented chose the work, and padding a chain must not keep a revoked session alive. */
	[X509_LIMIT] = {"limit", false},
	[X509_NO_MEMORY] = {"no-memory", true},
	[X509_PIN_AS_ISSUER] = {"pin-as-issuer", false},
	[X509_PROFILE] = {"profile", false},
	[X509_HOST_NAME] = {"host-name", false},
	[X509_OCSP_UNKNOWN] = {"ocsp-unknown", true},
	[X509_OCSP_UNREACHABLE] = {"ocsp-unreachable", true},
	[X509_OCSP_STALE] = {"ocsp-stale", true},
	[X509_OCSP_BAD] = {"ocsp-bad", true},
	[X509_OCSP_SIGNER_UNKNOWN] = {"ocsp-signer-unknown", true},
};

const char *x509_reason_name(enum x509_reason reason)
{
	return (unsigned)reason < X509_REASON_COUNT_ ? reasons[reason].name : "?";
}

bool x509_reason_is_absence(enum x509_reason reason)
{
	return (unsigned)reason < X509_REASON_COUNT_ && reasons[reason].absence;
}

struct label bytes_label(struct bytes text)
{
	struct label label = {"?"};
	struct buf escaped = BUF_INIT(4u * X509_CERT_BYTES_MAX);
	if (utf8_escape(&escaped, text) == ERR_OK && escaped.len != 0) {
		size_t len = escaped.len;
		bool cut = len > LABEL_BYTES - 4;
		if (cut) {
			len = LABEL_BYTES - 4;
			while (len > 0 && (escaped.data[len] & 0xc0u) == 0x80u) {
				len--; /* do not cut inside a character */
			}
		}
		memcpy(label.text, escaped.data, len);
		memcpy(label.text + len, cut ? "..." : "", cut ? 4 : 1);
	}
	buf_release(&escaped);
	return label;
}

struct label name_label(const struct name *name)
{
	const struct attribute *best = NULL;
	for (size_t i = 0; i < name->attribute_count; i++) {
		const struct attribute *attribute = &name->attributes[i];
		bool common = attribute->key != NULL && strcmp(attribute->key, "CN") == 0;
		bool best_common = best != NULL && best->key != NULL && strcmp(best->key, "CN") == 0;
		if (common || !best_common) {
			best = attribute;
		}
	}
	return best != NULL ? bytes_label(best->value) : (struct label){"(empty name)"};
}

struct label cert_label(const struct cert *cert)
{
	if (cert->subject.attribute_count != 0) {
		return name_label(&cert->subject);
	}
	char text[8 + 2 * SERIAL_BYTES_MAX + 1] = "serial ";
	for (size_t i = 0; i < cert->serial.len && i < SERIAL_BYTES_MAX; i++) {
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", cert->serial.data[i]);
	}
	return bytes_label(bytes_text(text));
}

/* Of a sentence that was cut, the end may be half of one. */
static void drop_last_character(char *text)
{
	size_t len = strlen(text);
	while (len > 0 && ((uint8_t)text[len - 1] & 0xc0u) == 0x80u) {
		len--;
	}
	text[len > 0 ? len - 1 : 0] = '\0';
}

bool judgement_fail(
	struct judgement *judgement, enum failure_rank rank, enum x509_reason reason, const char *format, ...)
{
	va_list args;
	if ((int)rank <= judgement->best_rank) {
		return false;
	}
	judgement->best_rank = (int)rank;
	judgement->out->verdict = X509_REFUSE;
	judgement->out->reason = reason;
	va_start(args, format);
	int n = vsnprintf(judgement->out->sentence, sizeof(judgement->out->sentence), format, args);
	va_end(args);
	if (n >= (int)sizeof(judgement->out->sentence)) {
		drop_last_character(judgement->out->sentence);
	}
	return false;
}
