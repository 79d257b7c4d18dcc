/*
 * make.h - what the makers of certificates, CRLs and requests share.
 * Never:   included from outside x509/.
 */
#ifndef LOCKGATE_X509_MAKE_H
#define LOCKGATE_X509_MAKE_H

#include "base/utf8.h"
#include "x509/internal.h"

/* Each writes one element; an impossible value becomes the writer's ERR_INVALID. */
void make_put_name(struct der_writer *writer, const struct x509_make_attribute *attributes, size_t count);
void make_put_algorithm(struct der_writer *writer, enum key_kind kind, bool sha1);
void make_put_key_id(struct der_writer *writer, uint8_t tag, struct bytes spki);
void make_begin_extension(struct der_writer *writer, const char *oid, bool critical);
void make_end_extension(struct der_writer *writer);
/* issuer_ski empty: computed from issuer_spki. */
void make_put_authority_key_id(struct der_writer *writer, struct bytes issuer_spki, struct bytes issuer_ski);
void make_put_given(struct der_writer *writer, const struct x509_make_extension *extensions, size_t count);

enum hash_alg make_hash_of(enum key_kind kind, bool sha1);
/* SEQUENCE { tbs, algorithm, signature }, appended. */
MUST_CHECK enum err make_sign(
	struct bytes tbs, struct bytes key_pkcs8, enum key_kind kind, bool sha1, struct buf *out);

#endif
