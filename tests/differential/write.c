/*
 * write.c - one certificate as it was described, however wrong that is.
 * Never:   corrects anything.
 * Threads: one.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/differential/chain.h"
#include "tests/test.h"
#include "x509/der.h"

#define DER_BYTES_MAX (256u * 1024u)

static void put_attribute(struct der_writer *out, const char *oid, uint8_t tag, const char *text)
{
	char wide[256];
	struct bytes value = bytes_text(text);
	if (tag == DER_BMP) {
		for (size_t i = 0; i < value.len && i < sizeof(wide) / 2; i++) {
			wide[2 * i] = 0;
			wide[2 * i + 1] = text[i];
		}
		value = bytes_of(wide, 2 * value.len);
	}
	der_put_begin(out, DER_SET);
	der_put_begin(out, DER_SEQUENCE);
	der_put_oid(out, oid);
	der_put(out, tag, value);
	der_put_end(out);
	der_put_end(out);
}

static void put_name(struct der_writer *out, const struct diff_name *name)
{
	der_put_begin(out, DER_SEQUENCE);
	if (name->organisation != NULL) {
		put_attribute(out, "2.5.4.10", DER_UTF8, name->organisation);
	}
	if (name->common != NULL) {
		put_attribute(out, "2.5.4.3", name->tag, name->common);
	}
	der_put_end(out);
}

static void put_algorithm(struct der_writer *out, enum key_kind kind, bool sha1)
{
	const char *oid = "1.2.840.10045.4.3.2";
	switch (kind) {
	case KEY_RSA: oid = sha1 ? "1.2.840.113549.1.1.5" : "1.2.840.113549.1.1.11"; break;
	case KEY_EC_P256: oid = sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.2"; break;
	case KEY_EC_P384: oid = sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.3"; break;
	case KEY_ED25519: oid = "1.3.101.112"; break;
	case KEY_EC_P521:
	case KEY_KIND_COUNT_: break;
	}
	der_put_begin(out, DER_SEQUENCE);
	der_put_oid(out, oid);
	if (kind == KEY_RSA) {
		der_put(out, DER_NULL, BYTES_NONE);
	}
	der_put_end(out);
}

static void begin_extension(struct der_writer *out, const char *oid, const struct diff_extension *extension)
{
	der_put_begin(out, DER_SEQUENCE);
	der_put_oid(out, oid);
	if (extension->critical) {
		der_put_bool(out, true);
	}
	der_put_begin(out, DER_OCTET_STRING);
}

static void end_extension(struct der_writer *out)
{
	der_put_end(out);
	der_put_end(out);
}

static void put_general(struct der_writer *out, const struct diff_general *general, bool subtree)
{
	uint8_t octets[32] = {0};
	if (general->tag == DER_CONTEXT(7)) {
		REQUIRE("an address", inet_pton(AF_INET, general->text, octets) == 1);
		memset(octets + 4, 0xff, 3); /* a /24 */
		der_put(out, general->tag, bytes_of(octets, subtree ? 8 : 4));
	} else if (general->tag == DER_CONTEXT_CONSTRUCTED(4)) {
		struct diff_name name = {.organisation = general->text};
		der_put_begin(out, general->tag);
		put_name(out, &name);
		der_put_end(out);
	} else {
		der_put(out, general->tag, bytes_text(general->text));
	}
}

static void put_subtrees(struct der_writer *out, uint8_t tag, const struct diff_general *list, unsigned count)
{
	if (count == 0) {
		return;
	}
	der_put_begin(out, tag);
	for (unsigned i = 0; i < count; i++) {
		der_put_begin(out, DER_SEQUENCE);
		put_general(out, &list[i], true);
		der_put_end(out);
	}
	der_put_end(out);
}

static void put_policy(struct der_writer *out, int number)
{
	char oid[32];
	(void)snprintf(oid, sizeof(oid), number == 0 ? "2.5.29.32.0" : "1.2.3.4.%d", number);
	der_put_oid(out, oid);
}

static void put_key_id(struct der_writer *out, uint8_t tag, const struct buf *spki, bool wrong)
{
	uint8_t id[HASH_BYTES_MAX];
	hash_of(HASH_SHA1, buf_bytes(spki), id);
	id[0] ^= wrong ? 0xff : 0;
	der_put(out, tag, bytes_of(id, 20));
}

static void put_usages(struct der_writer *out, const struct diff_cert *spec)
{
	static const char *const purposes[] = {
		"1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "1.3.6.1.5.5.7.3.4"};
	if (spec->basic.present) {
		begin_extension(out, "2.5.29.19", &spec->basic);
		der_put_begin(out, DER_SEQUENCE);
		if (spec->ca) {
			der_put_bool(out, true);
		}
		if (spec->path_length >= 0) {
			der_put_uint(out, (uint64_t)spec->path_length);
		}
		der_put_end(out);
		end_extension(out);
	}
	if (spec->key_usage.present) {
		begin_extension(out, "2.5.29.15", &spec->key_usage);
		der_put_named_bits(out, spec->usage);
		end_extension(out);
	}
	if (spec->eku.present) {
		begin_extension(out, "2.5.29.37", &spec->eku);
		der_put_begin(out, DER_SEQUENCE);
		for (unsigned i = 0; i < ARRAY_COUNT(purposes); i++) {
			if (spec->extended & (1u << i)) {
				der_put_oid(out, purposes[i]);
			}
		}
		der_put_end(out);
		end_extension(out);
	}
}

static void put_names(struct der_writer *out, const struct diff_cert *spec)
{
	if (spec->san.present) {
		begin_extension(out, "2.5.29.17", &spec->san);
		der_put_begin(out, DER_SEQUENCE);
		for (unsigned i = 0; i < spec->san_count; i++) {
			put_general(out, &spec->sans[i], false);
		}
		der_put_end(out);
		end_extension(out);
	}
	if (spec->constraints.present) {
		begin_extension(out, "2.5.29.30", &spec->constraints);
		der_put_begin(out, DER_SEQUENCE);
		put_subtrees(out, DER_CONTEXT_CONSTRUCTED(0), spec->permitted, spec->permitted_count);
		put_subtrees(out, DER_CONTEXT_CONSTRUCTED(1), spec->excluded, spec->excluded_count);
		der_put_end(out);
		end_extension(out);
	}
}

static void put_small(struct der_writer *out, uint8_t tag, int value)
{
	uint8_t octet = (uint8_t)value;
	if (value >= 0) {
		der_put(out, tag, bytes_of(&octet, 1));
	}
}

static void put_policies(struct der_writer *out, const struct diff_cert *spec)
{
	if (spec->policies.present) {
		begin_extension(out, "2.5.29.32", &spec->policies);
		der_put_begin(out, DER_SEQUENCE);
		for (unsigned i = 0; i < spec->policy_count; i++) {
			der_put_begin(out, DER_SEQUENCE);
			put_policy(out, spec->policy[i]);
			der_put_end(out);
		}
		der_put_end(out);
		end_extension(out);
	}
	if (spec->mappings.present) {
		begin_extension(out, "2.5.29.33", &spec->mappings);
		der_put_begin(out, DER_SEQUENCE);
		der_put_begin(out, DER_SEQUENCE);
		put_policy(out, spec->mapped_from);
		put_policy(out, spec->mapped_to);
		der_put_end(out);
		der_put_end(out);
		end_extension(out);
	}
	if (spec->policy_constraints.present) {
		begin_extension(out, "2.5.29.36", &spec->policy_constraints);
		der_put_begin(out, DER_SEQUENCE);
		put_small(out, DER_CONTEXT(0), spec->require_explicit);
		put_small(out, DER_CONTEXT(1), spec->inhibit_mapping);
		der_put_end(out);
		end_extension(out);
	}
	if (spec->inhibit_any.present) {
		begin_extension(out, "2.5.29.54", &spec->inhibit_any);
		der_put_uint(out, spec->inhibit_any_skip);
		end_extension(out);
	}
}

static void put_extensions(struct der_writer *out, const struct diff_cert *spec, const struct diff_keys *keys)
{
	der_put_begin(out, DER_CONTEXT_CONSTRUCTED(3));
	der_put_begin(out, DER_SEQUENCE);
	put_usages(out, spec);
	put_names(out, spec);
	put_policies(out, spec);
	if (spec->ski.present) {
		begin_extension(out, "2.5.29.14", &spec->ski);
		put_key_id(out, DER_OCTET_STRING, &keys->spki[spec->key], false);
		end_extension(out);
	}
	if (spec->aki.present) {
		begin_extension(out, "2.5.29.35", &spec->aki);
		der_put_begin(out, DER_SEQUENCE);
		put_key_id(out, DER_CONTEXT(0), &keys->spki[spec->signer], spec->wrong_key_id);
		der_put_end(out);
		end_extension(out);
	}
	if (spec->unknown.present) {
		begin_extension(out, "1.2.3.5.6", &spec->unknown);
		der_put(out, DER_NULL, BYTES_NONE);
		end_extension(out);
	}
	der_put_end(out);
	der_put_end(out);
}

static void put_tbs(struct der_writer *out, const struct diff_cert *spec, const struct diff_keys *keys)
{
	uint8_t serial[8] = {0x41, 2, 3, 4, 5, 6, 7, 8};
	serial[7] = (uint8_t)spec->key;
	serial[0] |= spec->negative_serial ? 0x80 : 0;
	der_put_begin(out, DER_SEQUENCE);
	if (spec->version >= 0) {
		der_put_begin(out, DER_CONTEXT_CONSTRUCTED(0));
		der_put_uint(out, (uint64_t)spec->version);
		der_put_end(out);
	}
	der_put(out, DER_INTEGER, spec->zero_serial ? bytes_of("", 1) : bytes_of(serial, sizeof(serial)));
	put_algorithm(out, keys->kind[spec->signer], spec->sha1 != spec->inner_algorithm_differs);
	put_name(out, &spec->issuer);
	der_put_begin(out, DER_SEQUENCE);
	der_put_time(out, spec->not_before);
	der_put_time(out, spec->not_after);
	der_put_end(out);
	put_name(out, &spec->subject);
	der_put_raw(out, buf_bytes(&keys->spki[spec->key]));
	if (spec->version == 2) {
		put_extensions(out, spec, keys);
	}
	der_put_end(out);
}

void diff_cert_sign(
	const struct diff_cert *spec, const struct diff_keys *keys, struct bytes tbs, struct buf *out)
{
	struct buf signature = BUF_INIT(8192);
	enum key_kind kind = keys->kind[spec->signer];
	enum hash_alg hash = spec->sha1 ? HASH_SHA1 : kind == KEY_EC_P384 ? HASH_SHA384 : HASH_SHA256;
	REQUIRE("a signature",
		key_sign(secret_bytes(&keys->pkcs8[spec->signer]), hash, tbs, &signature) == ERR_OK);
	struct der_writer writer = der_writer_init(out);
	out->len = 0;
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_raw(&writer, tbs);
	put_algorithm(&writer, kind, spec->sha1);
	der_put_bit_octets(&writer, buf_bytes(&signature));
	der_put_end(&writer);
	REQUIRE("a certificate", der_writer_err(&writer) == ERR_OK);
	buf_release(&signature);
}

void diff_cert_write(const struct diff_cert *spec, const struct diff_keys *keys, struct buf *out)
{
	struct buf tbs = BUF_INIT(DER_BYTES_MAX);
	struct der_writer writer = der_writer_init(&tbs);
	put_tbs(&writer, spec, keys);
	REQUIRE("what is to be signed", der_writer_err(&writer) == ERR_OK);
	diff_cert_sign(spec, keys, buf_bytes(&tbs), out);
	buf_release(&tbs);
}
