/*
 * crl_scope.c - which certificates a list speaks of: issuingDistributionPoint (RFC 5280 5.2.5) against the certificate's
 *               cRLDistributionPoints (4.2.1.13), as 6.3.3 (b) compares them.
 * Owns:    nothing that outlives a call.
 * Never:   takes a list for wider than it says.
 * Threads: any.
 */
#include "x509/internal.h"

#define POINT_NAMES_MAX 32u

/* An implicit BOOLEAN DEFAULT FALSE under a context tag. */
static enum err get_flag(struct wire_reader *in, unsigned n, bool *out)
{
	struct bytes value;
	*out = false;
	if (!der_is_next(in, DER_CONTEXT(n))) {
		return ERR_OK;
	}
	if (der_value(in, DER_CONTEXT(n), &value) != ERR_OK || value.len != 1 || value.data[0] != 0xff) {
		return ERR_MALFORMED;
	}
	*out = true;
	return ERR_OK;
}

static enum err get_reasons(struct wire_reader *in, unsigned n, uint32_t *out)
{
	*out = REASONS_ALL;
	if (!der_is_next(in, DER_CONTEXT(n))) {
		return ERR_OK;
	}
	if (der_named_bits(in, DER_CONTEXT(n), out) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*out &= REASONS_ALL;
	return ERR_OK;
}

static enum err get_point(struct wire_reader *in, struct point *out)
{
	struct wire_reader choice;
	struct der_item item;
	*out = (struct point){.kind = POINT_NONE};
	if (!der_is_next(in, DER_CONTEXT_CONSTRUCTED(0))) {
		return ERR_OK;
	}
	if (der_enter(in, DER_CONTEXT_CONSTRUCTED(0), &choice) != ERR_OK ||
		der_next(&choice, &item) != ERR_OK || der_end(&choice) != ERR_OK || item.value.len == 0) {
		return ERR_MALFORMED;
	}
	if (item.tag != DER_CONTEXT_CONSTRUCTED(0) && item.tag != DER_CONTEXT_CONSTRUCTED(1)) {
		return ERR_MALFORMED;
	}
	out->kind = item.tag == DER_CONTEXT_CONSTRUCTED(0) ? POINT_FULL : POINT_RELATIVE;
	out->value = item.value;
	return ERR_OK;
}

enum err crl_scope_parse(struct bytes value, struct crl_scope *out)
{
	struct wire_reader in;
	if (der_single(value, DER_SEQUENCE, &in) != ERR_OK || get_point(&in, &out->point) != ERR_OK ||
		get_flag(&in, 1, &out->only_user) != ERR_OK || get_flag(&in, 2, &out->only_ca) != ERR_OK ||
		get_reasons(&in, 3, &out->reasons) != ERR_OK || get_flag(&in, 4, &out->indirect) != ERR_OK ||
		get_flag(&in, 5, &out->only_attribute) != ERR_OK || der_end(&in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	int only = (out->only_user ? 1 : 0) + (out->only_ca ? 1 : 0) + (out->only_attribute ? 1 : 0);
	return only <= 1 ? ERR_OK : ERR_MALFORMED;
}

enum err distribution_point_next(struct wire_reader *list, struct distribution_point *out)
{
	struct wire_reader in;
	*out = (struct distribution_point){.reasons = REASONS_ALL};
	if (der_enter(list, DER_SEQUENCE, &in) != ERR_OK || get_point(&in, &out->point) != ERR_OK ||
		get_reasons(&in, 1, &out->reasons) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_CONTEXT_CONSTRUCTED(2)) &&
		(der_value(&in, DER_CONTEXT_CONSTRUCTED(2), &out->crl_issuer) != ERR_OK ||
			out->crl_issuer.len == 0)) {
		return ERR_MALFORMED;
	}
	return der_end(&in);
}

enum err general_names_hold(struct bytes content, const struct name *name)
{
	struct wire_reader in = wire_reader_init(content);
	while (wire_reader_left(&in) != 0) {
		struct general_name general;
		struct name found;
		if (general_name_next(&in, &general) != ERR_OK) {
			return ERR_NOT_FOUND;
		}
		if (general.tag != DER_CONTEXT_CONSTRUCTED(4)) {
			continue;
		}
		enum err err = name_parse(general.value, false, &found);
		if (err == ERR_NOMEM) {
			return err;
		}
		if (err != ERR_OK) {
			continue;
		}
		bool equal = name_equal(&found, name);
		name_release(&found);
		if (equal) {
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}

/* Whether the general names a and b have one in common. */
static enum err names_meet(struct bytes a, struct bytes b)
{
	struct wire_reader in = wire_reader_init(a);
	size_t count = 0;
	while (wire_reader_left(&in) != 0 && count++ < POINT_NAMES_MAX) {
		struct general_name left;
		if (general_name_next(&in, &left) != ERR_OK) {
			return ERR_NOT_FOUND;
		}
		if (left.tag == DER_CONTEXT_CONSTRUCTED(4)) {
			struct name name;
			enum err err = name_parse(left.value, false, &name);
			if (err == ERR_OK) {
				err = general_names_hold(b, &name);
				name_release(&name);
			}
			if (err == ERR_OK || err == ERR_NOMEM) {
				return err;
			}
			continue;
		}
		struct wire_reader other = wire_reader_init(b);
		size_t others = 0;
		while (wire_reader_left(&other) != 0 && others++ < POINT_NAMES_MAX) {
			struct general_name right;
			if (general_name_next(&other, &right) != ERR_OK) {
				break;
			}
			if (left.tag == right.tag && bytes_equal(left.value, right.value)) {
				return ERR_OK;
			}
		}
	}
	return ERR_NOT_FOUND;
}

/* A relative point is one name: its issuer's and one RDN more. */
static enum err name_meets_point(const struct name *name, const struct point *point, const struct name *base)
{
	struct name whole;
	if (point->kind == POINT_FULL) {
		return general_names_hold(point->value, name);
	}
	enum err err = name_append_relative(base, point->value, &whole);
	if (err != ERR_OK) {
		return err == ERR_NOMEM ? err : ERR_NOT_FOUND;
	}
	bool equal = name_equal(&whole, name);
	name_release(&whole);
	return equal ? ERR_OK : ERR_NOT_FOUND;
}

static enum err points_meet(
	const struct point *a, const struct name *a_base, const struct point *b, const struct name *b_base)
{
	struct name whole;
	if (a->kind == POINT_FULL && b->kind == POINT_FULL) {
		return names_meet(a->value, b->value);
	}
	const struct point *relative = a->kind == POINT_RELATIVE ? a : b;
	const struct name *base = a->kind == POINT_RELATIVE ? a_base : b_base;
	enum err err = name_append_relative(base, relative->value, &whole);
	if (err != ERR_OK) {
		return err == ERR_NOMEM ? err : ERR_NOT_FOUND;
	}
	err = relative == a ? name_meets_point(&whole, b, b_base) : name_meets_point(&whole, a, a_base);
	name_release(&whole);
	return err;
}

enum err crl_scope_covers(
	const struct crl *crl, const struct cert *cert, const struct distribution_point *point)
{
	const struct crl_scope *scope = &crl->scope;
	if (scope->only_attribute || (scope->only_user && cert->ext.ca) ||
		(scope->only_ca && !cert->ext.ca)) {
		return ERR_NOT_FOUND; /* (b)(2)(ii) to (iv) */
	}
	if (point->crl_issuer.len != 0 && !scope->indirect) {
		return ERR_NOT_FOUND; /* (b)(1) */
	}
	if (scope->point.kind == POINT_NONE) {
		return ERR_OK;
	}
	if (point->point.kind != POINT_NONE) { /* (b)(2)(i) */
		const struct name *base = point->crl_issuer.len != 0 ? &crl->issuer : &cert->issuer;
		return points_meet(&scope->point, &crl->issuer, &point->point, base);
	}
	if (point->crl_issuer.len != 0) {
		return scope->point.kind == POINT_FULL ? names_meet(scope->point.value, point->crl_issuer)
						       : ERR_NOT_FOUND;
	}
	return name_meets_point(&cert->issuer, &scope->point, &crl->issuer);
}
