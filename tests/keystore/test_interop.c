/*
 * test_interop.c - keytool and openssl open what we write and see what we meant; what they write serves a channel.
 * Owns:    nothing.
 * Never:   passes a real secret: the passphrase of these files is in the command line.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fixture.h"
#include "tests/test.h"

#define PASS     "changeit"
#define KEYS     4
#define TEXT_MAX (4u << 20)

static const char *folder;

static const char *in_folder(const char *name)
{
	return test_path(folder, name);
}

/* Runs a shell command in the folder; its output, both streams, is left in *out. */
static bool run(const char *command, struct buf *out)
{
	char line[2048];
	(void)snprintf(line, sizeof(line), "cd '%s' && ( %s ) >output 2>&1 </dev/null", folder, command);
	int status = system(line);
	buf_release(out);
	*out = BUF_INIT(TEXT_MAX);
	REQUIRE(command, file_read(in_folder("output"), TEXT_MAX - 1, out) == ERR_OK);
	const char *text = NULL;
	REQUIRE(command, buf_text(out, &text) == ERR_OK);
	if (status != 0) {
		(void)printf("%s\n%s\n", command, text);
	}
	return status == 0;
}

static bool has(const struct buf *out, const char *word)
{
	return out->len > 0 && strstr((const char *)out->data, word) != NULL;
}

static size_t count_of(const struct buf *out, const char *word)
{
	size_t count = 0;
	const char *at = (const char *)out->data;
	while (at != NULL && (at = strstr(at, word)) != NULL) {
		count++;
		at++;
	}
	return count;
}

static bool tool_there(const char *command)
{
	struct buf out = BUF_INIT(TEXT_MAX);
	char line[256];
	(void)snprintf(line, sizeof(line), "command -v %s >/dev/null", command);
	bool there = run(line, &out);
	buf_release(&out);
	return there;
}

/* Keys of every kind with chains, anchors, pins; saved as ours.p12. */
static void ours_save(struct fixture *pki, struct identity *keys)
{
	static const enum key_kind kinds[KEYS] = {KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521};
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	REQUIRE("new", keystore_new(&keystore) == ERR_OK);
	for (size_t i = 0; i < KEYS; i++) {
		char alias[32];
		(void)snprintf(alias, sizeof(alias), "Gate %zu", i);
		keys[i] = fixture_identity(alias, &pki->ca, false, kinds[i], 300);
		const struct cert *chain[] = {keys[i].cert, pki->ca.cert, pki->root.cert};
		REQUIRE(alias, keystore_add_key(keystore, alias, secret_bytes(&keys[i].key), chain, 3,
				       NULL) == ERR_OK);
	}
	REQUIRE("root",
		keystore_add_cert(keystore, "plant root", pki->root.cert, KEYSTORE_ANCHOR, NULL) == ERR_OK);
	REQUIRE("ca", keystore_add_cert(keystore, "plant ca", pki->ca.cert, KEYSTORE_ANCHOR, NULL) == ERR_OK);
	REQUIRE("pin",
		keystore_add_cert(keystore, "Sensor-7", pki->device.cert, KEYSTORE_PIN, NULL) == ERR_OK);
	REQUIRE("save", keystore_save(keystore, in_folder("ours.p12"), bytes_text(PASS), &error) == ERR_OK);
	keystore_free(keystore);
}

static void ours_checked(const char *row, const char *name, struct fixture *pki, const struct identity *keys)
{
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	size_t index = 0;
	enum err err = keystore_load(in_folder(name), bytes_text(PASS), &keystore, &error);
	if (err != ERR_OK) {
		(void)printf("%s\n", error.sentence);
	}
	REQUIRE(row, err == ERR_OK);
	CHECK(row, keystore_count(keystore) == KEYS + 3);
	for (size_t i = 0; i < KEYS; i++) {
		char alias[32];
		(void)snprintf(alias, sizeof(alias), "gate %zu", i);
		REQUIRE(row, keystore_identity(keystore, alias, &index));
		struct keystore_entry entry = keystore_at(keystore, index);
		REQUIRE(row, entry.chain_count == 3 && entry.key_usable);
		CHECK(row, bytes_equal(cert_der(entry.chain[0]), cert_der(keys[i].cert)));
		CHECK(row, bytes_equal(cert_der(entry.chain[1]), cert_der(pki->ca.cert)));
		CHECK(row, bytes_equal(cert_der(entry.chain[2]), cert_der(pki->root.cert)));
	}
	CHECK(row, keystore_find(keystore, "plant root", &index) &&
			   keystore_at(keystore, index).kind == KEYSTORE_ANCHOR);
	CHECK(row, keystore_find(keystore, "plant ca", &index) &&
			   keystore_at(keystore, index).kind == KEYSTORE_ANCHOR);
	REQUIRE(row, keystore_find(keystore, "pin:sensor-7", &index));
	struct keystore_entry pin = keystore_at(keystore, index);
	CHECK(row, pin.kind == KEYSTORE_PIN && strcmp(pin.pin_name, "sensor-7") == 0);
	CHECK(row, bytes_equal(cert_der(pin.chain[0]), cert_der(pki->device.cert)));
	keystore_free(keystore);
}

static void keytool_opens(struct fixture *pki, const struct identity *keys)
{
	struct buf out = BUF_INIT(TEXT_MAX);
	CHECK("keytool lists", run("keytool -list -v -keystore ours.p12 -storepass " PASS, &out));
	CHECK("keytool lists", has(&out, "Your keystore contains 7 entries"));
	CHECK("keytool: keys", count_of(&out, "Entry type: PrivateKeyEntry") == KEYS);
	CHECK("keytool: anchors and pin", count_of(&out, "Entry type: trustedCertEntry") == 3);
	CHECK("keytool: chains", count_of(&out, "Certificate chain length: 3") == KEYS);
	CHECK("keytool: aliases", has(&out, "Alias name: gate 0") && has(&out, "Alias name: pin:sensor-7") &&
					  has(&out, "Alias name: plant root"));
	CHECK("keytool refuses a wrong passphrase",
		!run("keytool -list -keystore ours.p12 -storepass wrong1 | tee seen; ! grep -q 'password was "
		     "incorrect' seen",
			&out));
	/* keytool rewrites the whole file: what it folds and reorders must mean the same to us. */
	CHECK("keytool uses the keys", run("for i in 0 1 2 3; do keytool -certreq -alias \"gate $i\" "
					   "-keystore ours.p12 -storepass " PASS " || exit 1; done",
					       &out));
	CHECK("keytool: requests", count_of(&out, "BEGIN NEW CERTIFICATE REQUEST") == KEYS);
	CHECK("keytool rewrites",
		run("cp ours.p12 rewritten.p12 && keytool -changealias -alias 'plant ca' -destalias x "
		    "-keystore rewritten.p12 "
		    "-storepass " PASS
		    " && keytool -changealias -alias x -destalias 'plant ca' -keystore rewritten.p12 "
		    "-storepass " PASS,
			&out));
	ours_checked("rewritten by keytool", "rewritten.p12", pki, keys);
	buf_release(&out);
}

/* A store made by keytool alone: key with chain, trusted certificate. */
static void keytool_writes(void)
{
	struct buf out = BUF_INIT(TEXT_MAX);
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	size_t index = 0;
	CHECK("keytool makes",
		run("keytool -genkeypair -alias ca -dname CN=KCA -ext bc:c -keyalg EC -keystore k.p12 "
		    "-storepass " PASS " && keytool -genkeypair -alias Server -dname CN=KServer -keyalg RSA "
		    "-keystore k.p12 -storepass " PASS
		    " && keytool -certreq -alias server -keystore k.p12 -storepass " PASS
		    " | keytool -gencert -alias ca -keystore k.p12 -storepass " PASS
		    " -outfile s.cer && keytool -importcert -alias server -file s.cer -keystore k.p12 "
		    "-storepass " PASS " && keytool -exportcert -alias ca -keystore k.p12 -storepass " PASS
		    " -file ca.cer && keytool -importcert -noprompt -alias 'My Anchor' -file ca.cer "
		    "-keystore k.p12 "
		    "-storepass " PASS
		    " && keytool -importcert -noprompt -alias 'Pin:Dev' -file ca.cer -keystore k.p12 "
		    "-storepass " PASS,
			&out));
	REQUIRE("we read it",
		keystore_load(in_folder("k.p12"), bytes_text(PASS), &keystore, &error) == ERR_OK);
	CHECK("four entries", keystore_count(keystore) == 4);
	REQUIRE("server", keystore_identity(keystore, "server", &index));
	struct keystore_entry entry = keystore_at(keystore, index);
	CHECK("server", entry.key_usable && entry.key_kind == KEY_RSA && entry.chain_count == 2);
	CHECK("anchor", keystore_find(keystore, "my anchor", &index) &&
				keystore_at(keystore, index).kind == KEYSTORE_ANCHOR);
	CHECK("pin", keystore_find(keystore, "pin:dev", &index) &&
			     keystore_at(keystore, index).kind == KEYSTORE_PIN);
	CHECK("we write it again",
		keystore_save(keystore, in_folder("k2.p12"), bytes_text(PASS), &error) == ERR_OK);
	keystore_free(keystore);
	CHECK("and keytool reads it", run("keytool -list -keystore k2.p12 -storepass " PASS, &out));
	CHECK("and keytool reads it",
		has(&out, "contains 4 entries") && count_of(&out, "trustedCertEntry") == 2);
	buf_release(&out);
}

static void openssl_opens(void)
{
	struct buf out = BUF_INIT(TEXT_MAX);
	CHECK("openssl opens", run("openssl pkcs12 -in ours.p12 -passin pass:" PASS " -nodes", &out));
	CHECK("openssl: keys", count_of(&out, "BEGIN PRIVATE KEY") == KEYS);
	/* Leaves, the two certificates behind them once, and the three trusted ones. */
	CHECK("openssl: certificates", count_of(&out, "BEGIN CERTIFICATE") == KEYS + 2 + 3);
	CHECK("openssl: names", has(&out, "friendlyName: Gate 3") && has(&out, "friendlyName: pin:Sensor-7"));
	CHECK("openssl: how it is sealed",
		run("openssl pkcs12 -in ours.p12 -passin pass:" PASS " -info -noout", &out));
	CHECK("openssl: MAC", has(&out, "MAC: sha256, Iteration 10000"));
	CHECK("openssl: PBES2", has(&out, "PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256"));
	CHECK("openssl refuses a wrong passphrase",
		!run("openssl pkcs12 -in ours.p12 -passin pass:wrong -noout 2>/dev/null", &out));
	buf_release(&out);
}

static void openssl_writes(struct fixture *pki, const struct identity *keys)
{
	static const char *const forms[] = {"", "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512",
		"-certpbe NONE -keypbe NONE",
		"-keypbe AES-256-CBC -certpbe AES-256-CBC -iter 1 -macalg sha1"};
	struct buf pem = BUF_INIT(TEXT_MAX);
	struct buf out = BUF_INIT(TEXT_MAX);
	fixture_pem_key(&pem, &keys[0].key);
	fixture_pem_cert(&pem, keys[0].cert);
	fixture_pem_cert(&pem, pki->ca.cert);
	fixture_pem_cert(&pem, pki->root.cert);
	REQUIRE("PEM", file_write_atomic(in_folder("in.pem"), buf_bytes(&pem), 0600) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		char command[512];
		struct keystore *keystore = NULL;
		struct keystore_error error = {0};
		size_t index = 0;
		(void)snprintf(command, sizeof(command),
			"openssl pkcs12 -export -in in.pem -name Front -out o.p12 -passout pass:" PASS " %s",
			forms[i]);
		CHECK(forms[i], run(command, &out));
		REQUIRE(forms[i],
			keystore_load(in_folder("o.p12"), bytes_text(PASS), &keystore, &error) == ERR_OK);
		CHECK(forms[i],
			keystore_count(keystore) == 1 && keystore_identity(keystore, "front", &index));
		CHECK(forms[i], keystore_at(keystore, index).chain_count == 3);
		keystore_free(keystore);
	}
	/* Old ciphers are named, not guessed at. */
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	CHECK("3DES", run("openssl pkcs12 -export -in in.pem -out o.p12 -passout pass:" PASS
			  " -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES",
			      &out));
	CHECK("3DES",
		keystore_load(in_folder("o.p12"), bytes_text(PASS), &keystore, &error) == ERR_UNSUPPORTED);
	CHECK("3DES", strstr(error.sentence, "TripleDES") != NULL);
	buf_release(&pem);
	buf_release(&out);
}

/* PEM keys in the forms that openssl writes. */
static void openssl_keys(void)
{
	static const struct {
		const char *name, *command;
		enum err want;
	} rows[] = {
		{"PKCS#8", "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
			ERR_OK},
		{"PKCS#8 encrypted",
			"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-128-cbc -pass "
			"pass:" PASS " -out key.pem",
			ERR_OK},
		{"EC PRIVATE KEY", "openssl ecparam -name secp384r1 -genkey -out key.pem", ERR_OK},
		{"RSA PRIVATE KEY", "openssl genrsa -traditional -out key.pem 2048", ERR_OK},
		{"Ed25519", "openssl genpkey -algorithm ED25519 -out key.pem", ERR_OK},
		{"Ed448 is refused", "openssl genpkey -algorithm ED448 -out key.pem", ERR_UNSUPPORTED},
	};
	struct buf out = BUF_INIT(TEXT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct keystore *keystore = NULL;
		struct keystore_error error = {0};
		struct keystore_import options = {
			.alias = "k", .kind = KEYSTORE_OTHER, .passphrase = bytes_text(PASS)};
		struct buf pem = BUF_INIT(TEXT_MAX);
		CHECK(rows[i].name, run(rows[i].command, &out));
		REQUIRE(rows[i].name, file_read(in_folder("key.pem"), TEXT_MAX, &pem) == ERR_OK);
		REQUIRE(rows[i].name, keystore_new(&keystore) == ERR_OK);
		enum err err = keystore_import(keystore, buf_bytes(&pem), &options, NULL, &error);
		CHECK(rows[i].name, err == rows[i].want);
		CHECK(rows[i].name, keystore_count(keystore) == (rows[i].want == ERR_OK ? 1 : 0));
		keystore_free(keystore);
		buf_release(&pem);
	}
	buf_release(&out);
}

int main(void)
{
	folder = test_folder();
	bool keytool = tool_there("keytool");
	bool openssl = tool_there("openssl");
	if (!keytool || !openssl) {
		test_skip(keytool ? "openssl is not installed" : "keytool is not installed");
	}
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct fixture pki = fixture_new();
	struct identity keys[KEYS];
	ours_save(&pki, keys);
	ours_checked("as saved", "ours.p12", &pki, keys);
	openssl_opens();
	openssl_writes(&pki, keys);
	openssl_keys();
	keytool_opens(&pki, keys);
	keytool_writes();
	for (size_t i = 0; i < KEYS; i++) {
		identity_release(&keys[i]);
	}
	fixture_free(&pki);
	crypto_cleanup();
	return test_result();
}
