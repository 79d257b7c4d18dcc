/*
 * fuzz_tls_hello.c - what a stranger sends first, whole and byte by byte, and the certificate that it would get.
 * Reaches: hello_read(), hello_decode(), hello_offers(), tls_choose().
 * Holds:   both ways give the same answer; views stay within what they borrow; a choice is one that there is.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/net/tls_choose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

static void must_lie_within(struct bytes view, struct bytes wire, struct bytes scratch)
{
	if (view.len > 0) {
		must((view.data >= wire.data && view.data + view.len <= wire.data + wire.len) ||
			(view.data >= scratch.data && view.data + view.len <= scratch.data + scratch.len));
	}
}

static void choose(const struct hello *hello)
{
	static const char exact[] = "broker.example", wild[] = "*.example";
	const struct tls_name names[] = {
		{TLS_NAME_DNS, {(const uint8_t *)exact, sizeof(exact) - 1}},
		{TLS_NAME_DNS, {(const uint8_t *)wild, sizeof(wild) - 1}},
	};
	struct tls_facts facts[] = {
		{.kind = KEY_EC_P256, .names = &names[0], .name_count = 1},
		{.kind = KEY_RSA, .names = &names[0], .name_count = 1},
		{.kind = KEY_ED25519, .names = &names[1], .name_count = 1},
	};
	struct tls_spec spec;
	struct net_error error;
	size_t index = 0;
	tls_facts_group(facts, ARRAY_COUNT(facts));
	must(tls_spec_find("", &spec, &error) == ERR_OK);
	must(tls_choose(facts, ARRAY_COUNT(facts), &spec, hello, 1, &index) == ERR_OK);
	must(index < ARRAY_COUNT(facts));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t bytes_max = 8192; /* the byte by byte half is quadratic */
	uint8_t *scratch = malloc(HELLO_MESSAGE_BYTES_MAX);
	struct hello whole = {0}, part = {0};
	struct fault fault = FAULT_NONE, part_fault = FAULT_NONE;
	must(scratch != NULL);
	if (len <= bytes_max) {
		enum err part_err = ERR_AGAIN;
		size_t n = 0;
		for (; n <= len && part_err == ERR_AGAIN; n++) {
			part_err = hello_read(bytes_of(data, n), scratch, &part, &part_fault);
		}
		enum err err = hello_read(bytes_of(data, len), scratch, &whole, &fault);
		must(err == part_err && fault.clause == part_fault.clause &&
			fault.reason == part_fault.reason);
		must(whole.extension_count == part.extension_count &&
			bytes_equal(whole.host_name, part.host_name));
		if (err == ERR_OK) {
			const struct bytes views[] = {whole.suites, whole.host_name, whole.versions,
				whole.groups, whole.signatures, whole.signatures_cert, whole.protocols};
			for (size_t i = 0; i < ARRAY_COUNT(views); i++) {
				must_lie_within(views[i], bytes_of(data, len),
					bytes_of(scratch, HELLO_MESSAGE_BYTES_MAX));
			}
			choose(&whole);
		}
	}
	free(scratch);
	return 0;
}
