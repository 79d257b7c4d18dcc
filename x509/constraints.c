/*
 * constraints.c - name constraints (RFC 5280 4.2.1.10): each CA's subtrees against every name below it.
 * Owns:    the subtrees of a CA while they are compared.
 * Never:   passes a name that it cannot compare: a constraint or a name of unknown or broken form refuses.
 * Threads: any.
 *
 * "Inside every CA's permitted subtrees and outside every excluded one" is what the state variables of RFC 5280 6.1 come to;
 * so each CA's extension is held against each certificate below it. In doubt, an excluded subtree covers and a permitted
 * one does not. Critical or not makes no difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x509/policy.h"

#define SUBTREES_MAX  1024u /* of one certificate */
#define STEP_OCTETS   64u
#define DNS_BYTES_MAX 253u
#define LABEL_MAX     63u

enum match { MATCH_NO, MATCH_YES, MATCH_BROKEN, MATCH_NO_MEMORY, MATCH_STOPPED /* noted in the judgement */ };

struct subtrees;

struct constraint_check {
	struct judgement *judgement;
	const struct cert *ca, *cert;
	const struct subtrees *permitted, *excluded; /* of ca */
};

/*
 * What it costs to read or to compare so many octets. Counted over the whole verdict: a CA that is trusted within bounds must not
 * be able to keep a loop busy, and how many paths there are to look at is its choice as well. false: none is left.
 */
static bool spend(struct judgement *judgement, size_t octets)
{
	unsigned *spent = &judgement->out->constraint_steps;
	size_t steps = 1 + octets / STEP_OCTETS;
	if (steps > X509_CONSTRAINT_STEPS_MAX - *spent) {
		judgement_stop(judgement, LIMIT_CONSTRAINTS, X509_CONSTRAINT_STEPS_MAX);
		return false;
	}
	*spent += (unsigned)steps;
	return true;
}

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool host_equal_folded(struct bytes a, struct bytes b)
{
	if (a.len != b.len) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		if (fold(a.data[i]) != fold(b.data[i])) {
			return false;
		}
	}
	return true;
}

static struct bytes last(struct bytes in, size_t n)
{
	return bytes_of(in.data + (in.len - n), n);
}

static struct bytes after(struct bytes in, size_t n)
{
	return bytes_of(in.data + n, in.len - n);
}

/* name is base, or stands below it by whole labels. Every name is within the empty one. */
static bool host_within(struct bytes name, struct bytes base)
{
	if (base.len == 0 || host_equal_folded(name, base)) {
		return true;
	}
	return name.len > base.len && name.data[name.len - base.len - 1] == '.' &&
	       host_equal_folded(last(name, base.len), base);
}

static bool host_valid(struct bytes name)
{
	size_t label = 0;
	if (name.len == 0 || name.len > DNS_BYTES_MAX) {
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = fold(name.data[i]);
		if (c == '.') {
			if (label == 0) {
				return false;
			}
			label = 0;
			continue;
		}
		bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!good || ++label > LABEL_MAX) {
			return false;
		}
	}
	return label != 0;
}

static bool looks_like_ipv4(struct bytes name)
{
	struct bytes tail = name;
	for (size_t i = name.len; i-- > 0;) {
		if (name.data[i] == '.') {
			tail = after(name, i + 1);
			break;
		}
	}
	for (size_t i = 0; i < tail.len; i++) {
		if (tail.data[i] < '0' || tail.data[i] > '9') {
			return false;
		}
	}
	return tail.len != 0; /* no top-level domain is a number */
}

bool host_name_valid(struct bytes name)
{
	return host_valid(name) && !looks_like_ipv4(name);
}

static enum match match_dns(struct bytes name, struct bytes base, bool excluded)
{
	bool wildcard = name.len > 2 && name.data[0] == '*' && name.data[1] == '.';
	struct bytes host = wildcard ? after(name, 2) : name;
	if (!host_name_valid(host)) {
		return MATCH_BROKEN;
	}
	if (host_within(host, base)) {
		return MATCH_YES;
	}
	/* A wildcard may stand for what is excluded below its own domain. */
	return excluded && wildcard && host_within(base, host) ? MATCH_YES : MATCH_NO;
}

/* ".domain": hosts below it; "host": that host alone (e-mail and URI). */
static bool host_matches(struct bytes host, struct bytes base)
{
	if (base.len != 0 && base.data[0] == '.') {
		return host.len > base.len && host_equal_folded(last(host, base.len), base);
	}
	return host_equal_folded(host, base);
}

static bool find_at(struct bytes text, size_t *at)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '@') {
			*at = i;
			count++;
		}
	}
	return count == 1;
}

static bool has_non_ascii(struct bytes in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] >= 0x80u) {
			return true;
		}
	}
	return false;
}

/* Also of a SmtpUTF8Mailbox: its local part may be of any letters, its host is held to the same as others. */
static enum match match_email(struct bytes name, struct bytes base, bool excluded)
{
	size_t at = 0;
	size_t base_at = 0;
	if (!find_at(name, &at) || at == 0 || !host_valid(after(name, at + 1)) ||
		memchr(name.data, '"', at) != NULL || memchr(name.data, ' ', at) != NULL) {
		return MATCH_BROKEN; /* quoted local parts have many spellings */
	}
	struct bytes host = after(name, at + 1);
	if (!find_at(base, &base_at)) {
		return base.len == 0 || host_matches(host, base) ? MATCH_YES : MATCH_NO;
	}
	struct bytes local = bytes_of(name.data, at);
	struct bytes base_local = bytes_of(base.data, base_at);
	if (excluded && has_non_ascii(local)) {
		return MATCH_BROKEN; /* letters that fold or normalise to others */
	}
	bool same = excluded ? host_equal_folded(local, base_local) : bytes_equal(local, base_local);
	return same && host_equal_folded(host, after(base, base_at + 1)) ? MATCH_YES : MATCH_NO;
}

/* The host of scheme://[user@]host[:port][/…]. RFC 5280: without one, or with an address, it must be refused. */
static bool uri_host(struct bytes uri, struct bytes *host)
{
	size_t i = 0;
	while (i < uri.len && uri.data[i] != ':') {
		i++;
	}
	if (i == 0 || uri.len - i < 3 || uri.data[i + 1] != '/' || uri.data[i + 2] != '/') {
		return false;
	}
	struct bytes rest = after(uri, i + 3);
	size_t end = 0;
	if (memchr(rest.data, '\\', rest.len) != NULL) {
		return false; /* no URI has it (RFC 3986 2), and some read it as '/' */
	}
	while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?' && rest.data[end] != '#') {
		end++;
	}
	rest = bytes_of(rest.data, end);
	for (i = rest.len; i-- > 0;) {
		if (rest.data[i] == '@') {
			rest = after(rest, i + 1);
			break;
		}
	}
	end = 0;
	while (end < rest.len && rest.data[end] != ':') {
		end++;
	}
	*host = bytes_of(rest.data, end);
	for (i = end + 1; i < rest.len; i++) { /* the port: RFC 3986 3.2.3 */
		if (rest.data[i] < '0' || rest.data[i] > '9') {
			return false;
		}
	}
	return host_name_valid(*host);
}

static enum match match_uri(struct bytes name, struct bytes base)
{
	struct bytes host;
	if (!uri_host(name, &host)) {
		return MATCH_BROKEN;
	}
	return base.len == 0 || host_matches(host, base) ? MATCH_YES : MATCH_NO;
}

static enum match match_ip(struct bytes name, struct bytes base)
{
	if (base.len != 2 * name.len) {
		return MATCH_NO; /* the other address family */
	}
	for (size_t i = 0; i < name.len; i++) {
		if ((name.data[i] ^ base.data[i]) & base.data[name.len + i]) {
			return MATCH_NO;
		}
	}
	return MATCH_YES;
}

/* A directory name, parsed once however many it is held against. */
struct directory {
	struct name name;
	enum match state; /* MATCH_YES: it is there; MATCH_BROKEN, MATCH_NO_MEMORY */
};

static void directory_parse(struct bytes der, struct directory *out)
{
	enum err err = name_parse(der, false, &out->name);
	out->state = err == ERR_OK ? MATCH_YES : err == ERR_NOMEM ? MATCH_NO_MEMORY : MATCH_BROKEN;
}

static void directory_release(struct directory *directory)
{
	if (directory->state == MATCH_YES) {
		name_release(&directory->name);
	}
}

static enum match match_directory(const struct directory *name, const struct directory *base, bool excluded)
{
	if (name->state != MATCH_YES || base->state != MATCH_YES) {
		return name->state != MATCH_YES ? name->state : base->state;
	}
	switch (name_relation(&name->name, &base->name)) {
	case NAME_WITHIN: return MATCH_YES;
	case NAME_UNSETTLED: return excluded ? MATCH_BROKEN : MATCH_NO; /* spelled so, it could slip past */
	case NAME_OUTSIDE: break;
	}
	return MATCH_NO;
}

static enum match match_name(uint8_t tag, struct bytes name, struct bytes base, bool excluded)
{
	switch (tag) {
	case DER_CONTEXT(1): return match_email(name, base, excluded);
	case DER_CONTEXT(2): return match_dns(name, base, excluded);
	case DER_CONTEXT(6): return match_uri(name, base);
	case DER_CONTEXT(7): return match_ip(name, base);
	default: return MATCH_BROKEN; /* a form that we cannot compare: RFC 5280 4.2.1.10 refuses it */
	}
}

/* --- the extension --- */

static bool mask_is_contiguous(struct bytes mask)
{
	bool ended = false;
	for (size_t i = 0; i < mask.len * 8; i++) {
		bool one = (mask.data[i / 8] & (0x80u >> (i % 8))) != 0;
		if (one && ended) {
			return false;
		}
		ended = ended || !one;
	}
	return true;
}

static bool base_valid(const struct general_name *base)
{
	struct bytes value = base->value;
	struct bytes host = value;
	size_t at = 0;
	switch (base->tag) {
	case DER_CONTEXT(2): return value.len == 0 || host_valid(value);
	case DER_CONTEXT(1):
		if (find_at(value, &at)) {
			return at != 0 && host_valid(after(value, at + 1));
		}
		break;
	case DER_CONTEXT(6): break;
	case DER_CONTEXT(7):
		return (value.len == 8 || value.len == 32) && mask_is_contiguous(last(value, value.len / 2));
	default: return true;
	}
	if (host.len != 0 && host.data[0] == '.') {
		host = after(host, 1);
	}
	return value.len == 0 || host_name_valid(host);
}

static enum err subtree_next(struct wire_reader *list, struct general_name *base)
{
	struct wire_reader subtree;
	if (der_enter(list, DER_SEQUENCE, &subtree) != ERR_OK ||
		general_name_next(&subtree, base) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return der_end(&subtree); /* minimum and maximum: RFC 5280 does not use them; refused */
}

/* One list of an extension, read once: as many names are held against it as there are below the CA. */
struct subtree {
	struct general_name base;
	struct directory directory; /* of a directoryName */
};

struct subtrees {
	struct subtree *items; /* NULL: there is no such list */
	size_t count;
	struct general_name broken; /* what is no base of its form; tag 0: none */
};

struct form_label {
	char text[LABEL_BYTES + 32];
};

/* "DNS name 'a.example'", "IP address" */
static struct form_label form_label(const struct general_name *name)
{
	static const char *const forms[] = {"other name", "e-mail address", "DNS name", "X.400 address",
		"directory name", "EDI name", "URI", "IP address", "registered id"};
	struct form_label label;
	unsigned form = name->tag & 0x1fu;
	bool text = form == 1 || form == 2 || form == 6;
	(void)snprintf(label.text, sizeof(label.text), "%s%s%s%s",
		form < ARRAY_COUNT(forms) ? forms[form] : "name", text ? " '" : "",
		text ? bytes_label(name->value).text : "", text ? "'" : "");
	return label;
}

static void subtrees_release(struct subtrees *subtrees)
{
	for (size_t i = 0; i < subtrees->count; i++) {
		if (subtrees->items[i].base.tag == DER_CONTEXT_CONSTRUCTED(4)) {
			directory_release(&subtrees->items[i].directory);
		}
	}
	free(subtrees->items);
	*subtrees = (struct subtrees){.items = NULL};
}

/* total: of both lists so far. */
static enum err get_subtrees(
	struct judgement *judgement, struct wire_reader *in, uint8_t tag, struct subtrees *out, size_t *total)
{
	struct wire_reader list;
	size_t count = 0;
	if (!der_is_next(in, tag)) {
		return ERR_OK;
	}
	if (der_enter(in, tag, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	for (struct wire_reader walk = list; wire_reader_left(&walk) != 0; count++) {
		struct general_name base;
		if (subtree_next(&walk, &base) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (!base_valid(&base)) {
			out->broken = base;
			return ERR_MALFORMED;
		}
		if (++(*total) > SUBTREES_MAX || !spend(judgement, base.value.len)) {
			return ERR_LIMIT;
		}
	}
	if (count == 0) {
		return ERR_MALFORMED;
	}
	out->items = calloc(count, sizeof(*out->items));
	if (out->items == NULL) {
		return ERR_NOMEM;
	}
	while (out->count < count) {
		struct subtree *subtree = &out->items[out->count];
		if (subtree_next(&list, &subtree->base) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (subtree->base.tag == DER_CONTEXT_CONSTRUCTED(4)) {
			directory_parse(subtree->base.value, &subtree->directory);
		}
		out->count++;
	}
	return ERR_OK;
}

/* Both lists are the caller's to release, also after a failure. */
static enum err get_constraints(struct judgement *judgement, struct bytes value, struct subtrees *permitted,
	struct subtrees *excluded)
{
	struct wire_reader in;
	size_t total = 0;
	if (der_single(value, DER_SEQUENCE, &in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	enum err err = get_subtrees(judgement, &in, DER_CONTEXT_CONSTRUCTED(0), permitted, &total);
	if (err == ERR_OK) {
		err = get_subtrees(judgement, &in, DER_CONTEXT_CONSTRUCTED(1), excluded, &total);
	}
	if (err == ERR_OK && total == 0) {
		err = ERR_MALFORMED;
	}
	return err == ERR_OK ? der_end(&in) : err;
}

/* A name, and if it is a directoryName what it says. */
struct held {
	struct general_name name;
	struct directory directory;
};

/* Walks one list. *seen: it has a subtree of the name's form. */
static enum match walk_subtrees(struct constraint_check *check, const struct subtrees *list,
	const struct held *held, bool excluded, bool *seen)
{
	const struct general_name *name = &held->name;
	*seen = false;
	if (!spend(check->judgement, list->count)) { /* to pass over those of other forms */
		return MATCH_STOPPED;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct subtree *subtree = &list->items[i];
		if (subtree->base.tag != name->tag) {
			continue;
		}
		*seen = true;
		if (!spend(check->judgement, name->value.len + subtree->base.value.len)) {
			return MATCH_STOPPED;
		}
		enum match match =
			name->tag == DER_CONTEXT_CONSTRUCTED(4)
				? match_directory(&held->directory, &subtree->directory, excluded)
				: match_name(name->tag, name->value, subtree->base.value, excluded);
		if (match != MATCH_NO) {
			return match;
		}
	}
	return MATCH_NO;
}

static bool refuse_name(
	const struct constraint_check *check, const struct general_name *name, const char *why)
{
	return judgement_fail(check->judgement, RANK_PATH, X509_NAME_CONSTRAINTS,
		"of '%s' the %s %s the name constraints of CA '%s'", cert_label(check->cert).text,
		form_label(name).text, why, cert_label(check->ca).text);
}

static bool check_held(struct constraint_check *check, const struct held *held)
{
	const struct general_name *name = &held->name;
	bool seen = false;
	switch (walk_subtrees(check, check->excluded, held, true, &seen)) {
	case MATCH_NO: break;
	case MATCH_YES: return refuse_name(check, name, "is excluded by");
	case MATCH_BROKEN: return refuse_name(check, name, "cannot be held against");
	case MATCH_NO_MEMORY: check->judgement->out_of_memory = true; return false;
	case MATCH_STOPPED: return false;
	}
	switch (walk_subtrees(check, check->permitted, held, false, &seen)) {
	case MATCH_YES: return true;
	case MATCH_NO: return !seen || refuse_name(check, name, "is not permitted by");
	case MATCH_BROKEN: return refuse_name(check, name, "cannot be held against");
	case MATCH_NO_MEMORY: check->judgement->out_of_memory = true; return false;
	case MATCH_STOPPED: return false;
	}
	return false;
}

static bool check_name(struct constraint_check *check, const struct general_name *name)
{
	struct held held = {.name = *name};
	if (!spend(check->judgement, name->value.len)) {
		return false;
	}
	if (name->tag != DER_CONTEXT_CONSTRUCTED(4)) {
		return check_held(check, &held);
	}
	directory_parse(name->value, &held.directory);
	bool good = check_held(check, &held);
	directory_release(&held.directory);
	return good;
}

/* emailAddress in the subject is an e-mail name too (RFC 5280 4.2.1.10, for old certificates). */
static bool check_subject_emails(struct constraint_check *check)
{
	const struct name *subject = &check->cert->subject;
	for (size_t i = 0; i < subject->attribute_count; i++) {
		const struct attribute *attribute = &subject->attributes[i];
		if (attribute->key == NULL || strcmp(attribute->key, "MAIL") != 0) {
			continue;
		}
		struct general_name email = {.tag = DER_CONTEXT(1), .value = attribute->value};
		if (!check_name(check, &email)) {
			return false;
		}
	}
	return true;
}

/* RFC 9598 3, 6: a mailbox with letters beyond ASCII is an otherName, and what is said of e-mail names holds for it. */
static bool is_mailbox(const struct general_name *name, struct general_name *email)
{
	static const struct bytes smtp_utf8_mailbox = {
		(const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x08\x09", 8};
	struct wire_reader in = wire_reader_init(name->value);
	struct wire_reader inner;
	struct bytes oid;
	struct bytes text;
	if (name->tag != DER_CONTEXT_CONSTRUCTED(0) || der_oid(&in, &oid) != ERR_OK ||
		!bytes_equal(oid, smtp_utf8_mailbox)) {
		return false;
	}
	/* Of another form it is no address, and cannot be held against anything. */
	bool good = der_enter(&in, DER_CONTEXT_CONSTRUCTED(0), &inner) == ERR_OK &&
		    der_value(&inner, DER_UTF8, &text) == ERR_OK && der_end(&inner) == ERR_OK;
	*email = (struct general_name){.tag = DER_CONTEXT(1), .value = good ? text : BYTES_NONE};
	return true;
}

static bool check_cert(struct constraint_check *check)
{
	if (!name_is_empty(&check->cert->subject)) {
		struct general_name subject = {
			.tag = DER_CONTEXT_CONSTRUCTED(4), .value = check->cert->subject.der};
		if (!check_name(check, &subject)) {
			return false;
		}
	}
	if (!check_subject_emails(check)) {
		return false;
	}
	for (size_t i = 0; i < check->cert->ext.san_count; i++) {
		const struct general_name *name = &check->cert->ext.sans[i];
		struct general_name email;
		if (!check_name(check, name) || (is_mailbox(name, &email) && !check_name(check, &email))) {
			return false;
		}
	}
	return true;
}

/* broken: the base that is none, tag 0 where it is something else. */
static bool refuse_constraints(
	struct judgement *judgement, const struct cert *cert, bool leaf, const struct general_name *broken)
{
	if (leaf) {
		return judgement_fail(judgement, RANK_PATH, X509_NAME_CONSTRAINTS,
			"the name constraints of '%s' are out of place: it is no CA on this path",
			cert_label(cert).text);
	}
	return judgement_fail(judgement, RANK_PATH, X509_NAME_CONSTRAINTS,
		"the name constraints of '%s' are malformed or of a form that is not supported%s%s",
		cert_label(cert).text, broken->tag != 0 ? ": " : "",
		broken->tag != 0 ? form_label(broken).text : "");
}

/* One CA's extension against each certificate below it. */
static bool check_below(struct judgement *judgement, const struct cert *const *path, size_t ca)
{
	struct subtrees permitted = {.items = NULL};
	struct subtrees excluded = {.items = NULL};
	bool good = true;
	enum err err = ca == 0 ? ERR_MALFORMED
			       : get_constraints(judgement, path[ca]->ext.value[EXT_NAME_CONSTRAINTS],
					 &permitted, &excluded);
	if (err == ERR_NOMEM) {
		judgement->out_of_memory = true;
		good = false;
	} else if (judgement->out_of_work && judgement->limit == LIMIT_CONSTRAINTS) {
		good = false;
	} else if (err != ERR_OK) {
		good = refuse_constraints(judgement, path[ca], ca == 0,
			permitted.broken.tag != 0 ? &permitted.broken : &excluded.broken);
	}
	for (size_t i = 0; i < ca && good; i++) {
		struct constraint_check check = {.judgement = judgement,
			.ca = path[ca],
			.cert = path[i],
			.permitted = &permitted,
			.excluded = &excluded};
		if (i != 0 && path[i]->self_issued) {
			continue; /* 6.1.3 (b): only as the last certificate */
		}
		good = check_cert(&check);
	}
	subtrees_release(&permitted);
	subtrees_release(&excluded);
	return good;
}

bool constraints_check(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	for (size_t ca = count; ca-- > 0;) {
		if (path[ca]->ext.has[EXT_NAME_CONSTRAINTS] && !check_below(judgement, path, ca)) {
			return false;
		}
	}
	return true;
}
