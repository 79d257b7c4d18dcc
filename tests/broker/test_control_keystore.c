/*
 * test_control_keystore.c - Goal: what a channel takes from its keystore, or why it cannot start: one sentence for each fault,
 * nothing half taken, wrong passphrase and altered file not told apart, and no lost allocation that leaves a part behind.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utf8.h"
#include "broker/control/material.h"
#include "keystore/keystore.h"
#include "tests/x509/pki.h"

#define PASSPHRASE "correct horse"

static struct pki root, server, device;

static const char *put_text(const char *folder, const char *name, struct bytes content, mode_t mode)
{
	const char *path = test_path(folder, name);

	REQUIRE("write", file_write_atomic(path, content, mode) == ERR_OK);
	return path;
}

/* keys: how many private keys it holds, "key1", "key2". */
static const char *put_keystore(const char *folder, const char *name, unsigned keys)
{
	static const char *const aliases[] = {"key1", "key2"};
	const char *path = test_path(folder, name);
	const struct cert *chain[] = {server.cert};
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};

	REQUIRE("keystore", keystore_new(&keystore) == ERR_OK);
	for (unsigned i = 0; i < keys; i++) {
		REQUIRE("key", keystore_add_key(keystore, aliases[i], secret_bytes(&server.key), chain, 1,
				       &error) == ERR_OK);
	}
	REQUIRE("anchor", keystore_add_cert(keystore, "root", root.cert, KEYSTORE_ANCHOR, &error) == ERR_OK);
	REQUIRE("pin", keystore_add_cert(keystore, "device", device.cert, KEYSTORE_PIN, &error) == ERR_OK);
	REQUIRE("save", keystore_save(keystore, path, bytes_text(PASSPHRASE), &error) == ERR_OK);
	keystore_free(keystore);
	return path;
}

static const char *source(const char *path)
{
	static struct buf text;
	const char *chars = "";

	text.max = 4096;
	text.len = 0;
	REQUIRE("source", buf_printf(&text, "file:%s", path) == ERR_OK && buf_text(&text, &chars) == ERR_OK);
	return chars;
}

static enum err load(const char *keystore, const char *passphrase, const char *label, const char *cipher,
	struct material *out, struct buf *why)
{
	struct material_options options = {.channel = "C",
		.keystore_path = keystore,
		.passphrase_source = passphrase,
		.cipher = cipher,
		.crl_path = "",
		.trust_generation = 7,
		.want_keystore = true};

	if (label[0] != '\0') {
		(void)snprintf(options.labels[options.label_count++], sizeof(options.labels[0]), "%s", label);
	}
	why->len = 0;
	return material_load(&options, out, why);
}

static bool is_empty(const struct material *material)
{
	return material->tls == NULL && material->trust == NULL && material->crls == NULL &&
	       secret_bytes(&material->passphrase).len == 0;
}

static void test_loads(const char *folder)
{
	const char *path = put_keystore(folder, "good.p12", 1);
	const char *from = source(test_path(folder, "passphrase"));
	struct material out = {0};
	struct buf why = BUF_INIT(4096);

	CHECK("a keystore", load(path, from, "", "", &out, &why) == ERR_OK && why.len == 0);
	CHECK("context and trust", out.tls != NULL && out.trust != NULL && out.crls == NULL);
	CHECK("its expiry is known", out.leaf_not_after == cert_not_after(server.cert));
	CHECK("a passphrase that can be read again is not kept", secret_bytes(&out.passphrase).len == 0);
	material_release(&out);
	CHECK("by alias", load(path, from, "key1", "", &out, &why) == ERR_OK);
	material_release(&out);
	CHECK("several keys and no CERTLABL: the first",
		load(put_keystore(folder, "several.p12", 2), from, "", "", &out, &why) == ERR_OK);
	material_release(&out);
	CHECK("released twice", is_empty(&out));
	material_release(&out);
	buf_release(&why);
}

static void test_refused(const char *folder)
{
	const char *good = put_keystore(folder, "good.p12", 1);
	struct buf content = BUF_INIT(1u << 20);

	REQUIRE("read", file_read(good, 1u << 20, &content) == ERR_OK);
	const char *cut = put_text(folder, "cut.p12", bytes_of(content.data, content.len - 1), 0600);

	content.data[content.len / 2] ^= 1;
	const char *altered = put_text(folder, "altered.p12", buf_bytes(&content), 0600);
	const char *foreign =
		put_text(folder, "foreign.p12", bytes_text("#!/bin/sh\necho no keystore\n"), 0600);
	const char *empty = put_text(folder, "empty.p12", BYTES_NONE, 0600);
	const char *without = put_keystore(folder, "without.p12", 0);
	const char *right = test_path(folder, "passphrase");
	const char *wrong = put_text(folder, "wrong", bytes_text("battery staple\n"), 0600);
	const char *open = put_text(folder, "open", bytes_text(PASSPHRASE "\n"), 0644);
	const struct {
		const char *name, *keystore, *passphrase, *label, *cipher, *words;
	} rows[] = {
		{"no such keystore", test_path(folder, "nowhere.p12"), right, "", "", "nowhere.p12"},
		{"a folder", folder, right, "", "", "keystore "},
		{"wrong passphrase", good, wrong, "", "", "good.p12"},
		{"altered file", altered, right, "", "", "altered.p12"},
		{"cut file", cut, right, "", "", "cut.p12"},
		{"foreign file", foreign, right, "", "", "foreign.p12"},
		{"empty file", empty, right, "", "", "empty.p12"},
		{"no private key", without, right, "", "", "it holds no private key to serve"},
		{"an alias that is not there", good, right, "key2", "", "no private key has the alias"},
		{"the alias of a trusted certificate", good, right, "root", "",
			"no private key has the alias"},
		{"no such cipher", good, right, "", "TLS_NONSENSE", "good.p12"},
		{"no passphrase file", good, test_path(folder, "nowhere"), "", "",
			"the passphrase of keystore"},
		{"a passphrase file that others may read", good, open, "", "", "the passphrase of keystore"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct material out = {0};
		struct buf why = BUF_INIT(4096);
		const char *text = "";
		enum err err = load(rows[i].keystore, source(rows[i].passphrase), rows[i].label,
			rows[i].cipher, &out, &why);

		CHECK(rows[i].name, err != ERR_OK && is_empty(&out));
		REQUIRE(rows[i].name, buf_text(&why, &text) == ERR_OK);
		CHECK(rows[i].name, strstr(text, rows[i].words) != NULL && strchr(text, '\n') == NULL);
		CHECK(rows[i].name, strstr(text, "horse") == NULL && strstr(text, "battery") == NULL);
		buf_release(&why);
	}
	buf_release(&content);
}

/* One message for both: an attacker with the file must not learn which it was. */
static void test_one_message(const char *folder)
{
	const char *path = put_keystore(folder, "same.p12", 1);
	const char *wrong = put_text(folder, "wrong", bytes_text("battery staple\n"), 0600);
	struct buf content = BUF_INIT(1u << 20), first = BUF_INIT(4096), second = BUF_INIT(4096);
	struct material out = {0};

	enum err one = load(path, source(wrong), "", "", &out, &first);

	REQUIRE("read", file_read(path, 1u << 20, &content) == ERR_OK);
	content.data[content.len - 60] ^= 1; /* within the MAC's part */
	REQUIRE("alter", file_write_atomic(path, buf_bytes(&content), 0600) == ERR_OK);
	enum err two = load(path, source(test_path(folder, "passphrase")), "", "", &out, &second);

	CHECK("wrong passphrase and altered file are one error", one == ERR_DENIED && two != ERR_OK);
	CHECK("and one message", two != ERR_DENIED || bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	buf_release(&content);
	buf_release(&first);
	buf_release(&second);
}

/* fd: can be read but once; what was read is kept and used for the next load. */
static void test_descriptor(const char *folder)
{
	const char *path = put_keystore(folder, "fd.p12", 1);
	int ends[2];
	char spec[32];
	struct material first = {0}, second = {0};
	struct buf why = BUF_INIT(4096);

	REQUIRE("pipe", pipe(ends) == 0);
	REQUIRE("write",
		write(ends[1], PASSPHRASE "\n", strlen(PASSPHRASE) + 1) == (ssize_t)strlen(PASSPHRASE) + 1);
	REQUIRE("close", close(ends[1]) == 0);
	(void)snprintf(spec, sizeof(spec), "fd:%d", ends[0]);
	REQUIRE("fd", load(path, spec, "", "", &first, &why) == ERR_OK);
	CHECK("kept", bytes_equal_text(secret_bytes(&first.passphrase), PASSPHRASE));
	struct material_options options = {.channel = "C",
		.keystore_path = path,
		.passphrase_source = spec,
		.passphrase = secret_bytes(&first.passphrase),
		.cipher = "",
		.crl_path = "",
		.want_keystore = true};

	CHECK("used again", material_load(&options, &second, &why) == ERR_OK);
	CHECK("and kept again", bytes_equal_text(secret_bytes(&second.passphrase), PASSPHRASE));
	material_release(&first);
	material_release(&second);
	(void)close(ends[0]);
	buf_release(&why);
}

/* A path that cannot be looked at at all, for any user. */
static void test_unreadable(const char *folder)
{
	const char *file = put_text(folder, "file", bytes_text("x"), 0600);
	const char *loop = test_path(folder, "loop");
	uint8_t stamp[SHA256_BYTES];
	struct material out = {0};
	struct buf why = BUF_INIT(4096);

	REQUIRE("loop", symlink(loop, loop) == 0);
	const char *const paths[] = {test_path(file, "below"), loop};

	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		struct material_options options = {.channel = "C",
			.keystore_path = "",
			.passphrase_source = "",
			.cipher = "",
			.crl_path = paths[i],
			.want_crls = true};

		why.len = 0;
		CHECK("unreadable CRLFILE", material_load(&options, &out, &why) != ERR_OK && is_empty(&out));
		CHECK("unreadable CRLFILE: said", why.len > 0);
		CHECK("unreadable CRLFILE: stamp", crl_stamp(paths[i], stamp) != ERR_OK);
	}
	buf_release(&why);
}

static void test_nth_allocation(const char *folder)
{
	const char *path = put_keystore(folder, "nth.p12", 1);
	const char *from = source(test_path(folder, "passphrase"));
	struct buf why = BUF_INIT(4096);
	bool failed = true;
	unsigned long n = 0;

	REQUIRE("room", buf_reserve(&why, 4096) == ERR_OK);
	while (failed && n < 5000) {
		struct material out = {0};

		test_alloc_fail_at(++n);
		enum err err = load(path, from, "", "", &out, &why);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation: all or nothing",
			err == ERR_OK ? out.tls != NULL && out.trust != NULL : is_empty(&out));
		CHECK("Nth allocation: without failure it loads", failed || err == ERR_OK);
		material_release(&out);
	}
	CHECK("Nth allocation: comes to an end", !failed && n > 10);
	buf_release(&why);
}

int main(void)
{
	pki_init();
	root = pki_root("Root");
	server = pki_server(&root, "broker", "broker.example");
	device = pki_self_signed("device");
	const char *folder = test_folder();

	(void)put_text(folder, "passphrase", bytes_text(PASSPHRASE "\n"), 0600);
	test_loads(folder);
	test_refused(folder);
	test_one_message(folder);
	test_descriptor(folder);
	test_unreadable(folder);
	test_nth_allocation(folder);
	pki_free(&root);
	pki_free(&server);
	pki_free(&device);
	return test_result();
}
