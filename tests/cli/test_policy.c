/*
 * test_policy.c - the initial values of RFC 5280 6.1.1 (c), (e), (f), (g) as options of `lockgate cert verify`: what each
 *                 accepts and refuses over certificates made here, and that none of them acts where it was not given.
 * Owns:    a folder with the certificates, and the program that is run over them.
 * Threads: one.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/x509/pki.h"

#define GOLD    "1.3.6.1.4.1.99999.1"
#define TIN     "1.3.6.1.4.1.99999.2"
#define FOREIGN "1.3.6.1.4.1.99999.3"
#define NOW     "2026-11-18T20:53:20Z" /* PKI_NOW */

#define OUTPUT_BYTES 16384u
#define ARGS_MAX     24u

/* Contents of extensions. An object identifier of the above is "\x06\x09\x2b\x06\x01\x04\x01\x86\x8d\x1f" and its last arc. */
#define OID(arc)  "\x06\x09\x2b\x06\x01\x04\x01\x86\x8d\x1f" arc
#define ONE(arc)  "\x30\x0d\x30\x0b" OID(arc)
#define TWO       "\x30\x1a\x30\x0b" OID("\x01") "\x30\x0b" OID("\x02")
#define ANY       "\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00"
#define ANY_GOLD  "\x30\x15\x30\x06\x06\x04\x55\x1d\x20\x00\x30\x0b" OID("\x01")
#define MAP(a, b) "\x30\x18\x30\x16" OID(a) OID(b)
#define MAP_ANY   "\x30\x13\x30\x11" OID("\x01") "\x06\x04\x55\x1d\x20\x00"
#define ALWAYS    "\x30\x03\x80\x01\x00" /* requireExplicitPolicy 0 */
#define NO_MAP    "\x30\x03\x81\x01\x00" /* inhibitPolicyMapping 0 */
#define NO_ANY    "\x02\x01\x00"         /* inhibitAnyPolicy 0 */

#define VALUE(text)                                                                                          \
	{                                                                                                    \
		(const uint8_t *)(text), sizeof(text) - 1                                                    \
	}
#define POLICIES(text)                                                                                       \
	{                                                                                                    \
		"2.5.29.32", false, VALUE(text)                                                              \
	}
#define MAPPINGS(text)                                                                                       \
	{                                                                                                    \
		"2.5.29.33", true, VALUE(text)                                                               \
	}
#define CONSTRAINTS(text)                                                                                    \
	{                                                                                                    \
		"2.5.29.36", true, VALUE(text)                                                               \
	}
#define INHIBITS(text)                                                                                       \
	{                                                                                                    \
		"2.5.29.54", true, VALUE(text)                                                               \
	}

/* Root > upper CA > CA > dev. The upper one has GOLD, TIN and anyPolicy, and no say. self_issued: the CA is the upper's new key. */
static const struct chain {
	const char *name;
	struct x509_make_extension ca[3], leaf[1];
	bool self_issued;
} chains[] = {
	{"none", {{0}}, {{0}}, false},
	{"gold", {POLICIES(ONE("\x01"))}, {POLICIES(ONE("\x01"))}, false},
	{"two", {POLICIES(TWO)}, {POLICIES(ONE("\x02"))}, false},
	{"apart", {POLICIES(ONE("\x01"))}, {POLICIES(ONE("\x02"))}, false},
	{"any-ca", {POLICIES(ANY)}, {POLICIES(ONE("\x01"))}, false},
	{"any-leaf", {POLICIES(ONE("\x01"))}, {POLICIES(ANY)}, false},
	{"any-rolled", {POLICIES(ANY)}, {POLICIES(ONE("\x01"))}, true},
	{"any-inhibited", {POLICIES(ONE("\x01")), INHIBITS(NO_ANY)}, {POLICIES(ANY)}, false},
	{"mapped", {POLICIES(ONE("\x01")), MAPPINGS(MAP("\x01", "\x03"))}, {POLICIES(ONE("\x03"))}, false},
	{"mapped-inhibited", {POLICIES(ONE("\x01")), MAPPINGS(MAP("\x01", "\x03")), CONSTRAINTS(NO_MAP)},
		{POLICIES(ONE("\x03"))}, false},
	{"mapped-to-any", {POLICIES(ONE("\x01")), MAPPINGS(MAP_ANY)}, {POLICIES(ONE("\x01"))}, false},
	{"demanded", {POLICIES(ONE("\x01")), CONSTRAINTS(ALWAYS)}, {POLICIES(ONE("\x01"))}, false},
	{"demanded-apart", {POLICIES(ONE("\x01")), CONSTRAINTS(ALWAYS)}, {POLICIES(ONE("\x02"))}, false},
};

#define EXPLICIT "--explicit-policy"
#define UNMAPPED "--inhibit-mapping"
#define NOT_ANY  "--inhibit-any"
#define POLICY   "--policy"

/* Refused for reason "policy", or accepted. */
static const struct {
	const char *name, *chain, *options[5];
	bool accepted;
} rows[] = {
	{"no policies", "none", {NULL}, true},
	{"6.1.1 (e) no policies, one demanded", "none", {EXPLICIT}, false},
	{"6.1.1 (c) no policies, one named, none demanded", "none", {POLICY, GOLD}, true},
	{"no policies, no mapping", "none", {UNMAPPED}, true},
	{"no policies, no anyPolicy", "none", {NOT_ANY}, true},
	{"6.1.1 (e) one policy all the way", "gold", {EXPLICIT}, true},
	{"6.1.1 (c) the one that is asked for", "gold", {EXPLICIT, POLICY, GOLD}, true},
	{"6.1.1 (c) another one", "gold", {EXPLICIT, POLICY, TIN}, false},
	{"6.1.1 (c) another one, none demanded", "gold", {POLICY, TIN}, true},
	{"6.1.1 (c) one of those that are asked for", "gold", {EXPLICIT, POLICY, TIN, POLICY, GOLD}, true},
	{"6.1.1 (c) anyPolicy is asked for", "gold", {EXPLICIT, POLICY, "2.5.29.32.0"}, true},
	{"one policy all the way, no anyPolicy, no mapping", "gold", {EXPLICIT, NOT_ANY, UNMAPPED}, true},
	{"the leaf's one of the CA's two", "two", {EXPLICIT, POLICY, TIN}, true},
	{"the CA's other one", "two", {EXPLICIT, POLICY, GOLD}, false},
	{"different policies", "apart", {NULL}, true},
	{"6.1.1 (e) different policies, one demanded", "apart", {EXPLICIT}, false},
	{"6.1.1 (g) anyPolicy in the CA", "any-ca", {EXPLICIT, POLICY, GOLD}, true},
	{"6.1.1 (g) anyPolicy in the CA, which does not count", "any-ca", {EXPLICIT, NOT_ANY}, false},
	{"6.1.1 (g) the same, none demanded", "any-ca", {NOT_ANY}, true},
	{"6.1.1 (g) anyPolicy in the leaf", "any-leaf", {EXPLICIT, POLICY, GOLD}, true},
	{"6.1.1 (g) anyPolicy in the leaf stands for no other one", "any-leaf", {EXPLICIT, POLICY, TIN},
		false},
	{"6.1.1 (g) anyPolicy in the leaf, which does not count", "any-leaf", {EXPLICIT, NOT_ANY}, false},
	{"6.1.3 (d)(2) anyPolicy in a self-issued CA counts all the same", "any-rolled", {EXPLICIT, NOT_ANY},
		true},
	{"4.2.1.14 the CA says that anyPolicy does not count", "any-inhibited", {EXPLICIT}, false},
	{"4.2.1.14 the same, none demanded", "any-inhibited", {NULL}, true},
	{"6.1.1 (f) a mapped policy", "mapped", {EXPLICIT}, true},
	{"6.1.1 (f) a mapped policy by its name at the root", "mapped", {EXPLICIT, POLICY, GOLD}, true},
	{"6.1.1 (f) a mapped policy by its name in the leaf", "mapped", {EXPLICIT, POLICY, FOREIGN}, false},
	{"6.1.1 (f) a mapped policy, no mapping", "mapped", {EXPLICIT, UNMAPPED}, false},
	{"6.1.1 (f) a mapped policy, no mapping, none demanded", "mapped", {UNMAPPED}, true},
	{"6.1.1 (f) a mapped policy, no anyPolicy", "mapped", {EXPLICIT, NOT_ANY}, true},
	{"4.2.1.11 the CA maps and says that mapping ends below it", "mapped-inhibited", {EXPLICIT}, true},
	{"4.2.1.5 mapped to anyPolicy, which may not be", "mapped-to-any", {NULL}, false},
	{"4.2.1.11 the CA demands a policy, there is one", "demanded", {NULL}, true},
	{"4.2.1.11 the CA demands a policy, there is none", "demanded-apart", {NULL}, false},
	{"4.2.1.11 the CA demands a policy, another one is asked for", "demanded", {POLICY, TIN}, false},
};

static const char *put_cert(const char *folder, const char *name, const struct cert *cert)
{
	const char *path = test_path(folder, name);
	FILE *file = fopen(path, "wb");
	REQUIRE(name, file != NULL);
	REQUIRE(name, fwrite(cert_der(cert).data, cert_der(cert).len, 1, file) == 1);
	REQUIRE(name, fclose(file) == 0);
	return path;
}

struct files {
	const char *root, *upper, *ca, *leaf;
};

static size_t extensions_in(const struct x509_make_extension *extensions, size_t max)
{
	size_t count = 0;
	while (count < max && extensions[count].oid != NULL) {
		count++;
	}
	return count;
}

static struct files files_of(const struct chain *chain, const struct pki *root)
{
	static const struct x509_make_extension all = POLICIES(ANY_GOLD);
	const char *folder = test_folder();
	struct pki upper = pki_make(root,
		&(struct x509_make){.ca = true, .path_length = -1, .extensions = &all, .extension_count = 1},
		"Upper CA", NULL);
	struct pki ca = pki_make(&upper,
		&(struct x509_make){.ca = true,
			.path_length = -1,
			.extensions = chain->ca,
			.extension_count = extensions_in(chain->ca, ARRAY_COUNT(chain->ca))},
		chain->self_issued ? "Upper CA" : "CA", NULL);
	struct pki leaf = pki_make(&ca,
		&(struct x509_make){.path_length = -1,
			.extensions = chain->leaf,
			.extension_count = extensions_in(chain->leaf, ARRAY_COUNT(chain->leaf))},
		"dev", NULL);
	struct files files = {.root = put_cert(folder, "root.crt", root->cert),
		.upper = put_cert(folder, "upper.crt", upper.cert),
		.ca = put_cert(folder, "ca.crt", ca.cert),
		.leaf = put_cert(folder, "dev.crt", leaf.cert)};
	pki_free(&upper);
	pki_free(&ca);
	pki_free(&leaf);
	return files;
}

/* What it says on standard output; its exit code. */
static int run(const char *const *args, char output[OUTPUT_BYTES])
{
	int pipes[2];
	int status = 0;
	size_t len = 0;
	REQUIRE("a pipe", pipe(pipes) == 0);
	pid_t child = fork();
	REQUIRE("a child", child >= 0);
	if (child == 0) {
		char *words[ARGS_MAX + 1] = {NULL};
		for (size_t i = 0; i < ARGS_MAX && args[i] != NULL; i++) {
			words[i] = strdup(args[i]);
		}
		(void)dup2(pipes[1], STDOUT_FILENO);
		(void)close(pipes[0]);
		(void)close(pipes[1]);
		(void)execv(words[0], words);
		_exit(127);
	}
	(void)close(pipes[1]);
	for (ssize_t got = 1; got > 0 && len + 1 < OUTPUT_BYTES; len += got > 0 ? (size_t)got : 0) {
		got = read(pipes[0], output + len, OUTPUT_BYTES - len - 1);
	}
	output[len] = '\0';
	(void)close(pipes[0]);
	REQUIRE("it ends", waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void check_row(const char *program, size_t row, const struct files *files)
{
	const char *args[ARGS_MAX + 1] = {program, "cert", "verify", "--json", "--at", NOW, "--trust",
		files->root, "--untrusted", files->upper, "--untrusted", files->ca};
	char output[OUTPUT_BYTES];
	size_t count = 0;
	while (args[count] != NULL) {
		count++;
	}
	for (size_t i = 0; i < ARRAY_COUNT(rows[row].options) && rows[row].options[i] != NULL; i++) {
		args[count++] = rows[row].options[i];
	}
	args[count++] = "--";
	args[count++] = files->leaf;
	int code = run(args, output);
	CHECK(rows[row].name, code == (rows[row].accepted ? 0 : 1));
	CHECK(rows[row].name, strstr(output, rows[row].accepted ? "\"verdict\":\"accept\""
								: "\"reason\":\"policy\"") != NULL);
	if (code != (rows[row].accepted ? 0 : 1)) {
		printf("%s: exit %d: %s\n", rows[row].name, code, output);
	}
}

int main(int argc, char **argv)
{
	REQUIRE("the program to test is given", argc == 2);
	pki_init();
	struct pki root = pki_root("Root");
	for (size_t i = 0; i < ARRAY_COUNT(chains); i++) {
		struct files files = files_of(&chains[i], &root);
		size_t used = 0;
		for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
			if (strcmp(rows[row].chain, chains[i].name) == 0) {
				check_row(argv[1], row, &files);
				used++;
			}
		}
		CHECK(chains[i].name, used != 0);
	}
	pki_free(&root);
	crypto_cleanup();
	return test_result();
}
