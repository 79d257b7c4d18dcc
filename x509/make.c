/*
 * make.c - makes certificates, for devices onboarded here and for demo and test PKIs (RFC 5280 4).
 * Owns:    nothing; the caller's buf receives the DER.
 * Never:   keeps a key; makes what cert_parse() would not read.
 * Threads: any.
 */
#include "x509/make.h"

#include <arpa/inet.h>
#include <string.h>

#define SERIAL_RANDOM_BYTES 16u

void make_put_name(struct der_writer *writer, const struct x509_make_attribute *attributes, size_t count)
{
	der_put_begin(writer, DER_SEQUENCE);
	for (size_t i = 0; i < count; i++) {
		const char *oid = name_oid_of_key(attributes[i].key);
		struct bytes value = bytes_text(attributes[i].value);
		if (oid == NULL || value.len == 0 || !utf8_valid(value)) {
			if (writer->err == ERR_OK) {
				writer->err = ERR_INVALID;
			}
			return;
		}
		uint8_t tag = DER_UTF8;
		if (strcmp(attributes[i].key, "C") == 0 || strcmp(attributes[i].key, "DNQ") == 0) {
			tag = DER_PRINTABLE; /* RFC 5280 appendix A */
		} else if (strcmp(attributes[i].key, "DC") == 0 || strcmp(attributes[i].key, "MAIL") == 0) {
			tag = DER_IA5;
		}
		der_put_begin(writer, DER_SET);
		der_put_begin(writer, DER_SEQUENCE);
		der_put_oid(writer, oid);
		der_put(writer, tag, value);
		der_put_end(writer);
		der_put_end(writer);
	}
	der_put_end(writer);
}

enum hash_alg make_hash_of(enum key_kind kind, bool sha1)
{
	if (sha1) {
		return HASH_SHA1;
	}
	switch (kind) {
	case KEY_EC_P384: return HASH_SHA384;
	case KEY_EC_P521:
	case KEY_ED25519: return HASH_SHA512;
	case KEY_RSA:
	case KEY_EC_P256:
	case KEY_KIND_COUNT_: break;
	}
	return HASH_SHA256;
}

void make_put_algorithm(struct der_writer *writer, enum key_kind kind, bool sha1)
{
	const char *oid = NULL;
	switch (kind) {
	case KEY_RSA: oid = sha1 ? "1.2.840.113549.1.1.5" : "1.2.840.113549.1.1.11"; break;
	case KEY_EC_P256: oid = sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.2"; break;
	case KEY_EC_P384: oid = sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.3"; break;
	case KEY_EC_P521: oid = sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.4"; break;
	case KEY_ED25519: oid = "1.3.101.112"; break;
	case KEY_KIND_COUNT_: break;
	}
	der_put_begin(writer, DER_SEQUENCE);
	if (oid == NULL) {
		writer->err = writer->err == ERR_OK ? ERR_UNSUPPORTED : writer->err;
		return;
	}
	der_put_oid(writer, oid);
	if (kind == KEY_RSA) {
		der_put(writer, DER_NULL, BYTES_NONE);
	}
	der_put_end(writer);
}

enum err make_sign(struct bytes tbs, struct bytes key_pkcs8, enum key_kind kind, bool sha1, struct buf *out)
{
	struct buf signature = BUF_INIT(4096);
	size_t start = out->len;
	enum err err = key_sign(key_pkcs8, make_hash_of(kind, sha1), tbs, &signature);
	if (err == ERR_OK) {
		struct der_writer writer = der_writer_init(out);
		der_put_begin(&writer, DER_SEQUENCE);
		der_put_raw(&writer, tbs);
		make_put_algorithm(&writer, kind, sha1);
		der_put_bit_octets(&writer, buf_bytes(&signature));
		der_put_end(&writer);
		err = der_writer_err(&writer);
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	buf_release(&signature);
	return err;
}

void make_put_key_id(struct der_writer *writer, uint8_t tag, struct bytes spki)
{
	/* SHA-1 of the subjectPublicKey's octets (RFC 5280 4.2.1.2 (1)): a name for a key, not a protection. */
	struct wire_reader in;
	struct bytes algorithm;
	struct bytes key;
	uint8_t id[20];
	if (der_single(spki, DER_SEQUENCE, &in) != ERR_OK ||
		der_value(&in, DER_SEQUENCE, &algorithm) != ERR_OK || der_bit_octets(&in, &key) != ERR_OK) {
		writer->err = writer->err == ERR_OK ? ERR_INVALID : writer->err;
		return;
	}
	hash_of(HASH_SHA1, key, id);
	der_put(writer, tag, bytes_of(id, sizeof(id)));
}

void make_begin_extension(struct der_writer *writer, const char *oid, bool critical)
{
	der_put_begin(writer, DER_SEQUENCE);
	der_put_oid(writer, oid);
	if (critical) {
		der_put_bool(writer, true);
	}
	der_put_begin(writer, DER_OCTET_STRING);
}

void make_end_extension(struct der_writer *writer)
{
	der_put_end(writer);
	der_put_end(writer);
}

void make_put_authority_key_id(struct der_writer *writer, struct bytes issuer_spki, struct bytes issuer_ski)
{
	make_begin_extension(writer, "2.5.29.35", false);
	der_put_begin(writer, DER_SEQUENCE);
	if (issuer_ski.len != 0) {
		der_put(writer, DER_CONTEXT(0), issuer_ski);
	} else {
		make_put_key_id(writer, DER_CONTEXT(0), issuer_spki);
	}
	der_put_end(writer);
	make_end_extension(writer);
}

void make_put_given(struct der_writer *writer, const struct x509_make_extension *extensions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		make_begin_extension(writer, extensions[i].oid, extensions[i].critical);
		der_put_raw(writer, extensions[i].value);
		make_end_extension(writer);
	}
}

static void put_usage(struct der_writer *writer, const struct x509_make *make)
{
	if (!make->without_basic_constraints) {
		make_begin_extension(writer, "2.5.29.19", true);
		der_put_begin(writer, DER_SEQUENCE);
		if (make->ca) {
			der_put_bool(writer, true);
			if (make->path_length >= 0) {
				der_put_uint(writer, (uint64_t)make->path_length);
			}
		}
		der_put_end(writer);
		make_end_extension(writer);
	}
	if (!make->without_key_usage) {
		uint32_t usage = make->ca ? KU_KEY_CERT_SIGN | KU_CRL_SIGN : KU_DIGITAL_SIGNATURE;
		make_begin_extension(writer, "2.5.29.15", true);
		der_put_named_bits(writer, make->key_usage != 0 ? make->key_usage : usage);
		make_end_extension(writer);
	}
	if (make->client_auth || make->server_auth) {
		make_begin_extension(writer, "2.5.29.37", false);
		der_put_begin(writer, DER_SEQUENCE);
		if (make->server_auth) {
			der_put_oid(writer, "1.3.6.1.5.5.7.3.1");
		}
		if (make->client_auth) {
			der_put_oid(writer, "1.3.6.1.5.5.7.3.2");
		}
		der_put_end(writer);
		make_end_extension(writer);
	}
}

static void put_alt_names(struct der_writer *writer, const struct x509_make *make)
{
	if (make->dns_count == 0 && make->ip_count == 0) {
		return;
	}
	make_begin_extension(writer, "2.5.29.17", make->subject_count == 0);
	der_put_begin(writer, DER_SEQUENCE);
	for (size_t i = 0; i < make->dns_count; i++) {
		struct bytes name = bytes_text(make->dns[i]);
		for (size_t j = 0; j < name.len; j++) {
			if (name.data[j] <= 0x20 || name.data[j] >= 0x7f) {
				writer->err = writer->err == ERR_OK ? ERR_INVALID : writer->err;
			}
		}
		der_put(writer, DER_CONTEXT(2), name);
	}
	for (size_t i = 0; i < make->ip_count; i++) {
		uint8_t address[16];
		if (inet_pton(AF_INET, make->ip[i], address) == 1) {
			der_put(writer, DER_CONTEXT(7), bytes_of(address, 4));
		} else if (inet_pton(AF_INET6, make->ip[i], address) == 1) {
			der_put(writer, DER_CONTEXT(7), bytes_of(address, 16));
		} else {
			writer->err = writer->err == ERR_OK ? ERR_INVALID : writer->err;
		}
	}
	der_put_end(writer);
	make_end_extension(writer);
}

static void put_distribution_point(struct der_writer *writer, const char *url)
{
	make_begin_extension(writer, "2.5.29.31", false);
	der_put_begin(writer, DER_SEQUENCE);
	der_put_begin(writer, DER_SEQUENCE);
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(0));
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(0));
	der_put(writer, DER_CONTEXT(6), bytes_text(url));
	der_put_end(writer);
	der_put_end(writer);
	der_put_end(writer);
	der_put_end(writer);
	make_end_extension(writer);
}

static void put_extensions(
	struct der_writer *writer, const struct x509_make *make, struct bytes spki, const struct cert *issuer)
{
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(3));
	der_put_begin(writer, DER_SEQUENCE);
	put_usage(writer, make);
	put_alt_names(writer, make);
	make_begin_extension(writer, "2.5.29.14", false);
	make_put_key_id(writer, DER_OCTET_STRING, spki);
	make_end_extension(writer);
	if (issuer != NULL) {
		make_put_authority_key_id(writer, issuer->spki, issuer->ext.subject_key_id);
	} else {
		make_put_authority_key_id(writer, spki, BYTES_NONE);
	}
	if (make->crl_url != NULL) {
		put_distribution_point(writer, make->crl_url);
	}
	make_put_given(writer, make->extensions, make->extension_count);
	der_put_end(writer);
	der_put_end(writer);
}

static enum err put_serial(struct der_writer *writer, struct bytes serial)
{
	uint8_t random[SERIAL_RANDOM_BYTES];
	if (serial.len != 0) {
		der_put(writer, DER_INTEGER, serial);
		return ERR_OK;
	}
	enum err err = crypto_random(random, sizeof(random));
	if (err == ERR_OK) {
		random[0] = (uint8_t)((random[0] & 0x7fu) | 0x40u); /* positive, and always of one length */
		der_put(writer, DER_INTEGER, bytes_of(random, sizeof(random)));
	}
	return err;
}

enum err x509_make_cert(const struct x509_make *make, struct bytes spki, const struct cert *issuer,
	struct bytes signing_key_pkcs8, struct buf *out_der)
{
	struct buf tbs = BUF_INIT(X509_CERT_BYTES_MAX);
	struct buf signer_spki = BUF_INIT(8192);
	struct cert *check = NULL;
	enum key_kind kind = KEY_KIND_COUNT_;
	size_t start = out_der->len;
	enum err err = make->not_before > make->not_after || make->serial.len > SERIAL_BYTES_MAX
			       ? ERR_INVALID
			       : key_public(signing_key_pkcs8, &kind, &signer_spki);
	if (err != ERR_OK) {
		goto out;
	}
	if (!bytes_equal(buf_bytes(&signer_spki), issuer != NULL ? issuer->spki : spki)) {
		err = ERR_INVALID; /* the key is not the issuer's */
		goto out;
	}
	struct der_writer writer = der_writer_init(&tbs);
	der_put_begin(&writer, DER_SEQUENCE);
	if (!make->version1) {
		der_put_begin(&writer, DER_CONTEXT_CONSTRUCTED(0));
		der_put_uint(&writer, 2);
		der_put_end(&writer);
	}
	err = put_serial(&writer, make->serial);
	if (err != ERR_OK) {
		goto out;
	}
	make_put_algorithm(&writer, kind, make->sha1);
	if (issuer != NULL) {
		der_put_raw(&writer, issuer->subject.der);
	} else {
		make_put_name(&writer, make->subject, make->subject_count);
	}
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_time(&writer, make->not_before);
	der_put_time(&writer, make->not_after);
	der_put_end(&writer);
	make_put_name(&writer, make->subject, make->subject_count);
	der_put_raw(&writer, spki);
	if (!make->version1) {
		put_extensions(&writer, make, spki, issuer);
	}
	der_put_end(&writer);
	err = der_writer_err(&writer);
	if (err == ERR_OK) {
		err = make_sign(buf_bytes(&tbs), signing_key_pkcs8, kind, make->sha1, out_der);
	}
	if (err == ERR_OK) {
		err = cert_parse(bytes_of(out_der->data + start, out_der->len - start), &check, NULL);
		err = err == ERR_MALFORMED ? ERR_INVALID : err; /* a value that no certificate may hold */
	}
out:
	if (err != ERR_OK) {
		out_der->len = start;
	}
	cert_unref(check);
	buf_release(&signer_spki);
	buf_release(&tbs);
	return err;
}
