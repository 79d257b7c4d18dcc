/*
 * fuzz_x509_ocsp.c - reaches ocsp_response_parse(), ocsp_request_read(), ocsp_list_load(), ocsp_response_usable_for() and
 *                    x509_judge() with OCSP. Input: one response or request; or DER one after another: a leaf, its issuer,
 *                    then responses.
 * Owns:    nothing between inputs.
 * Never:   sees a good answer that is not about the leaf, has an unknown critical extension or is not successful.
 * Threads: one.
 */
#include <stdlib.h>

#include "x509/ocsp.h"

#define AT            INT64_C(1795035200)
#define RESPONSES_MAX 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool held)
{
	if (!held) {
		abort();
	}
}

static void check_response(const struct ocsp_response *response)
{
	must(response->single_count <= X509_OCSP_SINGLES_MAX && response->cert_count <= X509_OCSP_CERTS_MAX);
	must(response->status == OCSP_STATUS_SUCCESSFUL || response->single_count == 0);
	for (size_t i = 0; i < response->single_count; i++) {
		const struct ocsp_single *single = &response->singles[i];
		must(single->serial.data >= response->der.data &&
			single->serial.data + single->serial.len <= response->der.data + response->der.len);
		must(single->next_update >= single->this_update);
		must(ocsp_response_next_update(response) <= ocsp_single_until(single));
		must(ocsp_response_this_update(response) >= single->this_update);
	}
	must(!ocsp_response_newer(response, response));
	must(ocsp_response_nonce_fits(response, ocsp_response_nonce(response)));
}

static void check_judged(const struct cert *leaf, const struct cert *issuer,
	const struct ocsp_response *const *responses, size_t count)
{
	struct trust_set *trust = NULL;
	struct x509_answer answer;
	bool good = false;
	for (size_t i = 0; i < count; i++) {
		int64_t until = 0;
		enum x509_reason reason =
			ocsp_response_usable_for(responses[i], leaf, issuer, AT, i % 2 == 0, &until);
		must(reason != X509_OK || (ocsp_response_is_about(responses[i], leaf, issuer) &&
						  !responses[i]->unknown_critical && until >= AT));
		good = good || reason == X509_OK;
	}
	if (trust_set_new(&issuer, 1, NULL, 0, 1, &trust) != ERR_OK) {
		return;
	}
	struct x509_question question = {.chain = &leaf,
		.chain_count = 1,
		.trust = trust,
		.now = AT,
		.purpose = X509_PURPOSE_ANY,
		.revocation = X509_REVOCATION_REQUIRED,
		.ocsp = responses,
		.ocsp_count = count,
		.ocsp_auth = X509_OCSP_REQUIRED,
		.may_need = true,
		.need_aia = true,
		.need_cdp = true};
	x509_judge(&question, &answer);
	must(answer.verdict != X509_ACCEPT || good);
	must(answer.verdict == X509_NEED || answer.need_count == 0); /* no list, no delta */
	must(answer.need_count <= X509_NEEDS_MAX);
	trust_set_unref(trust);
}

static void judge_items(struct bytes input)
{
	struct wire_reader in = wire_reader_init(input);
	struct der_item item;
	struct cert *leaf = NULL;
	struct cert *issuer = NULL;
	struct ocsp_response *responses[RESPONSES_MAX] = {NULL};
	size_t count = 0;
	if (der_next(&in, &item) != ERR_OK || cert_parse(item.whole, &leaf, NULL) != ERR_OK) {
		return;
	}
	if (der_next(&in, &item) == ERR_OK && cert_parse(item.whole, &issuer, NULL) == ERR_OK) {
		while (count < RESPONSES_MAX && der_next(&in, &item) == ERR_OK) {
			if (ocsp_response_parse(item.whole, &responses[count], NULL) == ERR_OK) {
				check_response(responses[count]);
				count++;
			}
		}
		check_judged(leaf, issuer, (const struct ocsp_response *const *)responses, count);
	}
	for (size_t i = 0; i < count; i++) {
		ocsp_response_unref(responses[i]);
	}
	cert_unref(leaf);
	cert_unref(issuer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes input = bytes_of(data, len);
	struct ocsp_response *response = NULL;
	struct ocsp_request_view view;
	struct ocsp_list list = {0};
	if (ocsp_response_parse(input, &response, NULL) == ERR_OK) {
		check_response(response);
		ocsp_response_unref(response);
	}
	(void)!ocsp_request_read(input, &view);
	must(view.count <= ARRAY_COUNT(view.serials));
	must(ocsp_list_load(input, &list, NULL) == ERR_OK || list.count == 0);
	ocsp_list_release(&list);
	judge_items(input);
	return 0;
}
