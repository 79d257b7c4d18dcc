/*
 * identities.c - which keys of a keystore a channel serves, each built into a TLS context with its certificate's names.
 * Owns:    what it builds until the set has it.
 * Never:   keeps a private key: it goes from the keystore into the TLS context.
 * Threads: building: a lane's; the log line: the control loop.
 */
#include "broker/control/identities.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqsc/mqsc.h"

/* The identities of a channel while they are built. */
struct build_context {
	const struct material_options *options;
	const struct keystore_entry *entry;
	struct tls_context *tls; /* the last that was built */
	struct net_error error;
	struct tls_identity identities[TLS_IDENTITIES_MAX];
	struct tls_name *names[TLS_IDENTITIES_MAX];
	const struct cert *leaves[TLS_IDENTITIES_MAX]; /* of the keystore */
	size_t count;
};

static enum err build_tls(struct bytes pkcs8, void *ctx)
{
	struct build_context *build = ctx;
	struct bytes chain[KEYSTORE_CHAIN_CERTS_MAX];
	struct tls_options options = {.key_pkcs8 = pkcs8,
		.chain = chain,
		.chain_count = build->entry->chain_count,
		.client_auth = build->options->client_auth,
		.staple = build->options->staple,
		.ticket_scope = build->options->channel};
	enum err err = tls_spec_find(build->options->cipher, &options.spec, &build->error);

	for (size_t i = 0; i < build->entry->chain_count && i < KEYSTORE_CHAIN_CERTS_MAX; i++) {
		chain[i] = cert_der(build->entry->chain[i]);
	}
	return err == ERR_OK ? tls_context_new(&options, &build->tls, &build->error) : err;
}

static void build_release(struct build_context *build)
{
	for (size_t i = 0; i < build->count; i++) {
		tls_context_unref(build->identities[i].context);
		free(build->names[i]);
	}
}

/* The leaf's names that a client may ask for. */
static enum err copy_names(const struct cert *leaf, struct tls_identity *identity, struct tls_name **out)
{
	size_t count = cert_san_count(leaf);
	struct tls_name *names = calloc(count == 0 ? 1 : count, sizeof(*names));

	if (names == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < count && identity->name_count < TLS_IDENTITY_NAMES_MAX; i++) {
		struct bytes value = BYTES_NONE;
		enum san_kind kind = cert_san(leaf, i, &value);

		if (kind == SAN_DNS || kind == SAN_IP) {
			names[identity->name_count++] =
				(struct tls_name){kind == SAN_DNS ? TLS_NAME_DNS : TLS_NAME_IP, value};
		}
	}
	identity->names = names;
	*out = names;
	return ERR_OK;
}

static void digest_chain(const struct keystore_entry *entry, uint8_t out[SHA256_BYTES])
{
	memset(out, 0, SHA256_BYTES);
	for (size_t i = 0; i < entry->chain_count; i++) {
		struct bytes parts[] = {
			bytes_of(out, SHA256_BYTES), bytes_of(cert_sha256(entry->chain[i]), SHA256_BYTES)};

		hash_of_parts(HASH_SHA256, parts, ARRAY_COUNT(parts), out);
	}
}

/* Adds the key entry at index, with its certificate, as a further identity. */
static enum err add_identity(struct build_context *build, const struct keystore *keystore, size_t index)
{
	struct keystore_entry entry = keystore_at(keystore, index);
	struct tls_identity *identity = &build->identities[build->count];
	enum err err = ERR_OK;

	build->entry = &entry;
	build->tls = NULL;
	err = keystore_key_use(keystore, index, build_tls, build);
	if (err != ERR_OK) {
		return err;
	}
	assert(entry.chain_count > 0); /* tls_context_new() refuses an empty chain */
	*identity = (struct tls_identity){.label = entry.alias,
		.context = build->tls,
		.kind = entry.key_kind,
		.not_before = cert_not_before(entry.chain[0]),
		.not_after = cert_not_after(entry.chain[0])};
	digest_chain(&entry, identity->chain_sha256);
	err = copy_names(entry.chain[0], identity, &build->names[build->count]);
	if (err != ERR_OK) {
		tls_context_unref(build->tls);
		return err;
	}
	build->leaves[build->count++] = entry.chain[0];
	return ERR_OK;
}

/* What is said is for a human; that it did not fit is no reason for another outcome. */
static void say(struct buf *why, const char *path, const char *sentence)
{
	enum err err = buf_printf(why, "keystore %s: %s", path, sentence);

	(void)err;
}

/* CERTLABL names nothing that could be served: nothing at all, no key, or one that is only kept. */
static enum err no_label(const struct material_options *options, const struct keystore *keystore,
	const char *label, struct buf *why)
{
	size_t index = 0;
	enum err said = ERR_OK;

	if (keystore_find(keystore, label, &index) && keystore_at(keystore, index).kind == KEYSTORE_KEPT) {
		say(why, options->keystore_path, "CERTLABL names an entry that is kept, not usable");
		said = buf_printf(why, " (%s): %s", label, keystore_at(keystore, index).kept_why);
	} else {
		say(why, options->keystore_path, "no private key has the alias that CERTLABL names");
		said = buf_printf(why, " (%s)", label);
	}
	return said == ERR_OK ? ERR_NOT_FOUND : said;
}

/* CERTLABL: each alias must be there, and its key of use. */
static enum err add_labels(struct build_context *build, const struct keystore *keystore, struct buf *why)
{
	const struct material_options *options = build->options;

	for (size_t i = 0; i < options->label_count; i++) {
		size_t index = 0;

		if (!keystore_identity(keystore, options->labels[i], &index)) {
			return no_label(options, keystore, options->labels[i], why);
		}
		enum err err = add_identity(build, keystore, index);

		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* A file with keys that are only kept is no riddle to whoever imported them. */
static enum err no_key(
	const struct material_options *options, const struct keystore *keystore, struct buf *why)
{
	enum err said = ERR_OK;

	say(why, options->keystore_path, "it holds no private key to serve");
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		struct keystore_entry entry = keystore_at(keystore, i);

		if (entry.kept_key) {
			said = buf_printf(why, "; '%s' is kept, not usable: %s", entry.alias, entry.kept_why);
			break;
		}
	}
	return said == ERR_OK ? ERR_NOT_FOUND : said;
}

/* CERTLABL blank: the keys that are of use; where there is none, the first says why. */
static enum err add_all(struct build_context *build, const struct keystore *keystore, struct buf *why)
{
	size_t first = 0;

	if (!keystore_identity(keystore, NULL, &first)) {
		return no_key(build->options, keystore, why);
	}
	enum err err = add_identity(build, keystore, first);

	for (size_t i = first + 1;
		i < keystore_count(keystore) && build->count < TLS_IDENTITIES_MAX && err == ERR_OK; i++) {
		struct keystore_entry entry = keystore_at(keystore, i);

		if (keystore_serves(&entry)) {
			err = add_identity(build, keystore, i);
			err = err == ERR_NOMEM ? err : ERR_OK;
		}
	}
	return err;
}

/* A certificate that no client would accept is not served: one at least must be valid. NULL: so it is. */
static const char *out_of_time(const struct build_context *build)
{
	int64_t now = build->options->now;

	for (size_t i = 0; i < build->count; i++) {
		if (now == 0 ||
			(now >= build->identities[i].not_before && now <= build->identities[i].not_after)) {
			return NULL;
		}
	}
	return now > build->identities[0].not_after
		       ? "the certificate that the channel would serve has expired"
		       : "the certificate that the channel would serve is not valid yet";
}

static int64_t latest_end(const struct build_context *build)
{
	int64_t latest = INT64_MIN;

	for (size_t i = 0; i < build->count; i++) {
		if (build->identities[i].not_after > latest) {
			latest = build->identities[i].not_after;
		}
	}
	return latest;
}

/* Whoever in the keystore signed it, be it an anchor or part of a chain; NULL: nobody. */
static const struct cert *issuer_of(const struct keystore *keystore, const struct cert *leaf)
{
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		struct keystore_entry entry = keystore_at(keystore, i);

		for (size_t j = 0; j < entry.chain_count && entry.kind != KEYSTORE_KEPT; j++) {
			if (x509_name_equal(cert_issuer_der(leaf), cert_subject_der(entry.chain[j])) &&
				cert_verify_issued_by(leaf, entry.chain[j]) == ERR_OK) {
				return entry.chain[j];
			}
		}
	}
	return NULL;
}

/* The set has copies of the labels; it lives as long as the contexts here. */
static void add_staples(
	const struct build_context *build, const struct keystore *keystore, struct material *out)
{
	for (size_t i = 0; i < build->count; i++) {
		const struct cert *issuer = issuer_of(keystore, build->leaves[i]);

		out->staples[out->staple_count++] =
			(struct staple_subject){.context = tls_context_ref(build->identities[i].context),
				.leaf = cert_ref(build->leaves[i]),
				.issuer = issuer != NULL ? cert_ref(issuer) : NULL,
				.label = tls_set_at(out->tls, i).label};
	}
}

enum err identities_build(const struct material_options *options, const struct keystore *keystore,
	struct material *out, struct buf *why)
{
	struct build_context build = {.options = options};
	enum err err =
		options->label_count > 0 ? add_labels(&build, keystore, why) : add_all(&build, keystore, why);
	const char *untimely = err == ERR_OK ? out_of_time(&build) : NULL;

	if (untimely != NULL) {
		say(why, options->keystore_path, untimely);
		err = ERR_INVALID;
	}
	if (err == ERR_OK) {
		out->leaf_not_after = latest_end(&build);
		err = tls_set_new(build.identities, build.count, &out->tls);
	}
	if (err == ERR_OK && options->staple) {
		add_staples(&build, keystore, out);
	}
	if (err != ERR_OK && why->len == 0) {
		say(why, options->keystore_path,
			build.error.sentence[0] != '\0' ? build.error.sentence : err_name(err));
	}
	build_release(&build);
	return err;
}

/* The names that clients may ask for, as far as they fit. */
static void print_names(const struct tls_identity *identity, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < identity->name_count; i++) {
		const struct tls_name *name = &identity->names[i];
		char address[INET6_ADDRSTRLEN] = "";
		struct bytes text = name->value;

		if (name->kind == TLS_NAME_IP) {
			if ((text.len != 4 && text.len != 16) ||
				inet_ntop(text.len == 4 ? AF_INET : AF_INET6, text.data, address,
					sizeof(address)) == NULL) {
				continue;
			}
			text = bytes_text(address);
		}
		if (text.len + 2 < size - len) {
			len += (size_t)snprintf(out + len, size - len, "%s%.*s", len == 0 ? "" : " ",
				(int)text.len, (const char *)text.data);
		}
	}
}

/* The same chain by the same name, and the default as before. */
static bool was_served(const struct tls_set *before, const struct tls_identity *identity, bool is_default)
{
	for (size_t i = 0; before != NULL && i < tls_set_count(before); i++) {
		struct tls_identity old = tls_set_at(before, i);

		if (strcmp(old.label, identity->label) == 0 && (i == 0) == is_default &&
			memcmp(old.chain_sha256, identity->chain_sha256, SHA256_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

/* For the operator who wonders which certificate went where: each one, when it comes into force. */
void identities_log(
	const struct tls_set *set, const struct tls_set *before, const char *channel, struct log *log)
{
	for (size_t i = 0; i < tls_set_count(set); i++) {
		struct tls_identity identity = tls_set_at(set, i);
		char names[256] = "", expires[CLOCK_TEXT_BYTES] = "";

		if (was_served(before, &identity, i == 0)) {
			continue;
		}
		print_names(&identity, names, sizeof(names));
		clock_format(identity.not_after * 1000, expires);
		LOG(log, LOG_INFO, "LKG0203I", "channel serves a certificate", LF_TEXT("channel", channel),
			LF_TEXT("label", identity.label), LF_TEXT("key", key_kind_name(identity.kind)),
			LF_TEXT("names", names), LF_TEXT("expires", expires), LF_BOOL("default", i == 0));
	}
}

void identities_row(const struct tls_set *set, int64_t now, struct mqsc_row *row)
{
	char labels[TLS_IDENTITIES_MAX * 32] = "";
	struct buf response = BUF_INIT(TLS_STAPLE_BYTES_MAX);
	int64_t first_end = INT64_MAX, stapled = 0;
	size_t len = 0;

	for (size_t i = 0; i < tls_set_count(set); i++) {
		struct tls_identity identity = tls_set_at(set, i);

		if (strlen(identity.label) + 2 < sizeof(labels) - len) {
			len += (size_t)snprintf(labels + len, sizeof(labels) - len, "%s%s",
				len == 0 ? "" : " ", identity.label);
		}
		first_end = identity.not_after < first_end ? identity.not_after : first_end;
		response.len = 0;
		stapled += tls_context_get_staple(identity.context, now, &response) == ERR_OK ? 1 : 0;
	}
	buf_release(&response);
	mqsc_row_text(row, "CERTLABL", labels);
	mqsc_row_number(row, "STAPLED", stapled);
	mqsc_row_time(row, "CERTXDATE", "CERTXTIME", first_end * 1000);
}
