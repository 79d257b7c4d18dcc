/*
 * report.c - a verdict for people and for programs: verdict, reason, sentence, path, revocation evidence.
 * Owns:    nothing; appends to the caller's buf.
 * Never:   decides; prints peer text unescaped.
 * Threads: any.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/pem.h"
#include "x509/ocsp.h"
#include "x509/time.h"

#define REPORT_TEXT_BYTES_MAX (1024u * 1024u)

static const char *verdict_name(enum x509_verdict verdict)
{
	switch (verdict) {
	case X509_ACCEPT: return "accept";
	case X509_NEED: return "need";
	case X509_REFUSE: break;
	}
	return "refuse";
}

static const char *purpose_text(enum x509_purpose purpose)
{
	switch (purpose) {
	case X509_PURPOSE_CLIENT: return "client";
	case X509_PURPOSE_SERVER: return "server";
	case X509_PURPOSE_ANY: break;
	}
	return "any";
}

static const char *revocation_text(enum x509_revocation revocation)
{
	switch (revocation) {
	case X509_REVOCATION_NONE: return "no";
	case X509_REVOCATION_IF_AVAILABLE: return "if-any";
	case X509_REVOCATION_REQUIRED: break;
	}
	return "yes";
}

static const char *role_of(const struct x509_answer *answer, size_t index)
{
	if (answer->pin != NULL) {
		return "pinned";
	}
	return index == 0 ? "leaf" : index + 1 == answer->path_count ? "anchor" : "intermediate";
}

/* What path can be shown: of a verdict without one, the leaf alone. */
static size_t shown_count(const struct x509_question *question, const struct x509_answer *answer)
{
	return answer->path_count != 0 ? answer->path_count : question->chain_count != 0 ? 1 : 0;
}

static const struct cert *shown(
	const struct x509_question *question, const struct x509_answer *answer, size_t index)
{
	return answer->path_count != 0 ? answer->path[index] : question->chain[index];
}

static void put_time(struct json_writer *json, const char *key, int64_t when)
{
	char text[TIME_SECOND_BYTES];
	json_key(json, key);
	if (when == X509_NEVER) {
		json_null(json);
		return;
	}
	time_second(when, text);
	json_text(json, text);
}

static void put_hex(struct json_writer *json, const char *key, struct bytes value)
{
	struct buf hex = BUF_INIT(4096);
	json_key(json, key);
	if (hex_encode(value, &hex) == ERR_OK) {
		json_bytes(json, buf_bytes(&hex));
	} else {
		json_null(json);
	}
	buf_release(&hex);
}

static void put_name(struct json_writer *json, const char *key, const struct cert *cert, bool subject)
{
	struct buf text = BUF_INIT(REPORT_TEXT_BYTES_MAX);
	json_key(json, key);
	if (cert_print_dn(cert, subject, &text) == ERR_OK) {
		json_escaped(json, buf_bytes(&text));
	} else {
		json_null(json);
	}
	buf_release(&text);
}

static void put_path(
	struct json_writer *json, const struct x509_question *question, const struct x509_answer *answer)
{
	json_key(json, "path");
	json_array_begin(json);
	for (size_t i = 0; i < shown_count(question, answer); i++) {
		const struct cert *cert = shown(question, answer, i);
		json_object_begin(json);
		json_key(json, "role");
		json_text(json, role_of(answer, i));
		put_name(json, "subject", cert, true);
		put_name(json, "issuer", cert, false);
		put_time(json, "not_before", cert->not_before);
		put_time(json, "not_after", cert->not_after);
		json_key(json, "key");
		json_text(json,
			cert->key_kind == KEY_KIND_COUNT_ ? "unsupported" : key_kind_name(cert->key_kind));
		json_key(json, "key_bits");
		json_int(json, cert->key_bits);
		put_hex(json, "sha256", bytes_of(cert->sha256, SHA256_BYTES));
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_list(struct json_writer *json, const struct crl *crl, const struct cert *cert)
{
	struct buf issuer = BUF_INIT(REPORT_TEXT_BYTES_MAX);
	struct crl_entry entry;
	bool listed = crl_find(crl, cert->serial, &cert->issuer, &entry) == ERR_OK;
	json_object_begin(json);
	json_key(json, "issuer");
	if (crl_print_issuer(crl, &issuer) == ERR_OK) {
		json_escaped(json, buf_bytes(&issuer));
	} else {
		json_null(json);
	}
	put_time(json, "this_update", crl->this_update);
	put_time(json, "next_update", crl->next_update);
	put_hex(json, "number", crl->number);
	json_key(json, "entries");
	json_int(json, (int64_t)crl->entries.count);
	json_key(json, "complete");
	json_bool(json, crl->oddities == CRL_PLAIN);
	json_key(json, "listed");
	json_bool(json, listed);
	if (listed) {
		put_time(json, "revoked_at", entry.when);
	}
	put_hex(json, "sha256", bytes_of(crl->sha256, SHA256_BYTES));
	json_object_end(json);
	buf_release(&issuer);
}

static const char *says_text(enum ocsp_says says)
{
	switch (says) {
	case OCSP_SAYS_GOOD: return "good";
	case OCSP_SAYS_REVOKED: return "revoked";
	case OCSP_SAYS_UNKNOWN: break;
	}
	return "unknown";
}

static const char *ocsp_text(enum x509_ocsp_state state)
{
	switch (state) {
	case X509_OCSP_STATE_NONE: return "not used";
	case X509_OCSP_STATE_GOOD: return "good";
	case X509_OCSP_STATE_REVOKED: return "revoked";
	case X509_OCSP_STATE_UNKNOWN: return "unknown";
	case X509_OCSP_STATE_UNREACHABLE: break;
	}
	return "unreachable";
}

static const char *crl_text(enum x509_crl_state state)
{
	switch (state) {
	case X509_CRL_STATE_GOOD: return "good";
	case X509_CRL_STATE_REVOKED: return "revoked";
	case X509_CRL_STATE_STALE: return "stale";
	case X509_CRL_STATE_ABSENT: break;
	}
	return "absent";
}

/* What the sources come to, of one certificate or of all of a path below its anchor. */
enum revocation_status { STATUS_GOOD, STATUS_REVOKED, STATUS_UNKNOWN, STATUS_NOT_CHECKED };

static const char *status_text(enum revocation_status status)
{
	switch (status) {
	case STATUS_GOOD: return "good";
	case STATUS_REVOKED: return "revoked";
	case STATUS_NOT_CHECKED: return "not_checked";
	case STATUS_UNKNOWN: break;
	}
	return "unknown";
}

static enum revocation_status status_of(const struct x509_evidence *evidence)
{
	if (evidence->ocsp == X509_OCSP_STATE_REVOKED || evidence->crl == X509_CRL_STATE_REVOKED) {
		return STATUS_REVOKED;
	}
	return evidence->ocsp == X509_OCSP_STATE_GOOD || evidence->crl == X509_CRL_STATE_GOOD
		       ? STATUS_GOOD
		       : STATUS_UNKNOWN;
}

/* The worst of its certificates. The looking up ends at the first that is revoked. */
static enum revocation_status status_of_path(const struct x509_answer *answer)
{
	enum revocation_status all = answer->evidence_count == 0                       ? STATUS_NOT_CHECKED
				     : answer->evidence_count + 1 < answer->path_count ? STATUS_UNKNOWN
										       : STATUS_GOOD;
	for (size_t i = 0; i < answer->evidence_count; i++) {
		enum revocation_status one = status_of(&answer->evidence[i]);
		if (one == STATUS_REVOKED) {
			return one;
		}
		all = one == STATUS_UNKNOWN ? one : all;
	}
	return all;
}

/* What the sources came to for one certificate, in the words of docs/revocation.md. */
static void put_evidence(
	struct json_writer *json, const struct cert *cert, const struct x509_evidence *evidence)
{
	json_object_begin(json);
	put_name(json, "subject", cert, true);
	json_key(json, "status");
	json_text(json, status_text(status_of(evidence)));
	json_key(json, "ocsp");
	json_text(json, ocsp_text(evidence->ocsp));
	json_key(json, "ocsp_reason");
	json_text(json, x509_reason_name(evidence->ocsp_reason));
	json_key(json, "crl");
	json_text(json, crl_text(evidence->crl));
	json_key(json, "crl_reason");
	json_text(json, x509_reason_name(evidence->crl_reason));
	if (status_of(evidence) == STATUS_REVOKED) {
		put_time(json, "revoked_at", evidence->revoked_at);
	}
	json_key(json, "grace");
	json_bool(json, evidence->grace);
	json_object_end(json);
}

static void put_answer(struct json_writer *json, const struct ocsp_response *response,
	const struct ocsp_single *single, const struct cert *cert, bool relied_on)
{
	json_object_begin(json);
	put_name(json, "certificate", cert, true);
	json_key(json, "says");
	json_text(json, says_text(single->status));
	put_time(json, "produced_at", response->produced_at);
	put_time(json, "this_update", single->this_update);
	put_time(json, "next_update", single->next_update);
	if (single->status == OCSP_SAYS_REVOKED) {
		put_time(json, "revoked_at", single->revoked_at);
	}
	json_key(json, "relied_on");
	json_bool(json, relied_on);
	put_hex(json, "sha256", bytes_of(response->sha256, SHA256_BYTES));
	json_object_end(json);
}

static void put_answers(
	struct json_writer *json, const struct x509_question *question, const struct x509_answer *answer)
{
	json_key(json, "answers");
	json_array_begin(json);
	for (size_t i = 0; i + 1 < answer->path_count; i++) {
		for (size_t j = 0; j < question->ocsp_count; j++) {
			const struct ocsp_response *response = question->ocsp[j];
			bool relied_on =
				i < answer->evidence_count && answer->evidence[i].response == response;
			for (size_t k = 0; k < response->single_count; k++) {
				if (ocsp_single_is_about(
					    &response->singles[k], answer->path[i], answer->path[i + 1])) {
					put_answer(json, response, &response->singles[k], answer->path[i],
						relied_on);
				}
			}
		}
	}
	json_array_end(json);
}

static void put_needs(struct json_writer *json, const struct x509_answer *answer)
{
	json_key(json, "needs");
	json_array_begin(json);
	for (size_t i = 0; i < answer->need_count; i++) {
		json_object_begin(json);
		json_key(json, "kind");
		json_text(json, answer->needs[i].kind == X509_NEED_OCSP ? "ocsp" : "crl");
		json_key(json, "url");
		json_text(json, answer->needs[i].url);
		put_name(json, "certificate", answer->needs[i].cert, true);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_revocation(
	struct json_writer *json, const struct x509_question *question, const struct x509_answer *answer)
{
	json_key(json, "revocation");
	json_object_begin(json);
	json_key(json, "required");
	json_text(json, revocation_text(question->revocation));
	json_key(json, "status");
	json_text(json, status_text(status_of_path(answer)));
	json_key(json, "lists");
	json_array_begin(json);
	for (size_t i = 0; question->crls != NULL && i < shown_count(question, answer); i++) {
		const struct cert *cert = shown(question, answer, i);
		const struct crl *const *crls = NULL;
		if (i != 0 && i + 1 == answer->path_count) {
			break; /* the anchor is not looked up */
		}
		size_t count = crl_set_of_issuer(question->crls, &cert->issuer, &crls);
		for (size_t j = 0; j < count; j++) {
			put_list(json, crls[j], cert);
		}
	}
	json_array_end(json);
	put_answers(json, question, answer);
	json_key(json, "certificates");
	json_array_begin(json);
	for (size_t i = 0; i < answer->evidence_count; i++) {
		put_evidence(json, answer->path[i], &answer->evidence[i]);
	}
	json_array_end(json);
	json_key(json, "warning");
	if (answer->verdict == X509_ACCEPT && answer->warned) {
		json_escaped(json, bytes_text(answer->warning));
	} else {
		json_null(json);
	}
	put_needs(json, answer);
	json_object_end(json);
}

enum err x509_report_json(const struct x509_question *question, const struct x509_answer *answer,
	const char *name, struct buf *out)
{
	struct json_writer json = json_writer_init(out);
	json_object_begin(&json);
	json_key(&json, "certificate");
	json_text(&json, name);
	json_key(&json, "verdict");
	json_text(&json, verdict_name(answer->verdict));
	json_key(&json, "reason");
	json_text(&json, x509_reason_name(answer->reason));
	json_key(&json, "sentence");
	json_escaped(&json, bytes_text(answer->sentence));
	put_time(&json, "at", question->now);
	json_key(&json, "purpose");
	json_text(&json, purpose_text(question->purpose));
	json_key(&json, "host");
	json_text(&json, question->host);
	json_key(&json, "pin");
	json_text(&json, answer->pin);
	put_time(&json, "valid_until", answer->verdict == X509_ACCEPT ? answer->valid_until : X509_NEVER);
	json_key(&json, "signatures");
	json_int(&json, answer->signatures);
	put_path(&json, question, answer);
	put_revocation(&json, question, answer);
	json_object_end(&json);
	return json_err(&json);
}

static enum err text_path(
	const struct x509_question *question, const struct x509_answer *answer, struct buf *out)
{
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < shown_count(question, answer); i++) {
		const struct cert *cert = shown(question, answer, i);
		char from[TIME_DAY_BYTES];
		char to[TIME_DAY_BYTES];
		time_day(cert->not_before, from);
		time_day(cert->not_after, to);
		err = buf_printf(out, "  %-12s ", role_of(answer, i));
		if (err == ERR_OK) {
			err = cert_print_dn(cert, true, out);
		}
		if (err == ERR_OK) {
			err = buf_printf(out, "\n               valid %s to %s, %s\n", from, to,
				cert->key_kind == KEY_KIND_COUNT_ ? "unsupported key"
								  : key_kind_name(cert->key_kind));
		}
	}
	return err;
}

static const char *status_line(const struct x509_answer *answer)
{
	switch (status_of_path(answer)) {
	case STATUS_GOOD: return "every certificate is known to be good";
	case STATUS_UNKNOWN: return "not known";
	case STATUS_NOT_CHECKED: return "not checked";
	case STATUS_REVOKED: break;
	}
	for (size_t i = 0; i < answer->evidence_count; i++) {
		if (answer->evidence[i].crl == X509_CRL_STATE_REVOKED) {
			return "listed as revoked";
		}
	}
	return "revoked, says the OCSP responder";
}

enum err x509_report_text(const struct x509_question *question, const struct x509_answer *answer,
	const char *name, struct buf *out)
{
	enum err err = buf_printf(out, "%s%s%s (%s): %s\n", name != NULL ? name : "",
		name != NULL ? ": " : "", answer->verdict == X509_ACCEPT ? "ACCEPTED" : "REFUSED",
		x509_reason_name(answer->reason), answer->sentence);
	if (err == ERR_OK) {
		err = text_path(question, answer, out);
	}
	if (err == ERR_OK && question->revocation != X509_REVOCATION_NONE) {
		err = buf_printf(out, "  revocation   %s\n", status_line(answer));
	}
	if (err == ERR_OK && answer->verdict == X509_ACCEPT && answer->warned) {
		err = buf_printf(out, "  warning      %s\n", answer->warning);
	}
	return err;
}
