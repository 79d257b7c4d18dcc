/*
 * test_material.c - Goal: revocation lists from a file or folder: an older list never replaces a newer one, whoever is
 * faster; what is gone from the files stays in force until a newer list comes or an operator lets it go; reloading for ever
 * keeps a bounded number; one bad file takes nothing.
 */
#include "broker/control/material.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "tests/x509/pki.h"

#define ROUNDS     20u
#define AT_MOST    8u
#define FILE_OWNER 0600

static struct pki root, foreign, impostor; /* which has root's name, and another key */

static void put_list(const char *folder, const char *name, const struct pki *issuer, uint64_t number)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);

	pki_crl_der(issuer, number, PKI_NOW - PKI_DAY, PKI_NOW + 30 * PKI_DAY, NULL, 0, &der);
	REQUIRE("write", file_write_atomic(test_path(folder, name), buf_bytes(&der), FILE_OWNER) == ERR_OK);
	buf_release(&der);
}

static enum err load_by(bool operator, const char * path, const struct crl_set *before, uint64_t generation,
	struct material *out, struct buf *why)
{
	struct material_options options = {.channel = "C",
		.keystore_path = "",
		.passphrase_source = "",
		.cipher = "",
		.crl_path = path,
		.crls_before = before,
		.let_go = operator,
		.crl_generation = generation,
		.want_crls = true};

	why->len = 0;
	return material_load(&options, out, why);
}

/* As the watch does. */
static enum err load(const char *path, const struct crl_set *before, uint64_t generation,
	struct material *out, struct buf *why)
{
	return load_by(false, path, before, generation, out, why);
}

/* The highest number of root's lists in the set: the one that serves. */
static unsigned serving(const struct crl_set *set)
{
	unsigned most = 0;

	for (size_t i = 0; i < crl_set_count(set); i++) {
		const struct crl *crl = crl_set_at(set, i);
		struct bytes number = crl_number(crl);
		unsigned value = 0;

		for (size_t j = 0; j < number.len; j++) {
			value = value << 8 | number.data[j];
		}
		if (x509_name_equal(crl_issuer_der(crl), cert_subject_der(root.cert)) && value > most) {
			most = value;
		}
	}
	return most;
}

static void test_reloads(void)
{
	const char *folder = test_folder();
	struct material in_force = {0}, next = {0};
	struct buf why = BUF_INIT(4096);

	put_list(folder, "root.crl", &root, 1);
	put_list(folder, "foreign.crl", &foreign, 1);
	REQUIRE("first", load(folder, NULL, 1, &in_force, &why) == ERR_OK);
	CHECK("both", crl_set_count(in_force.crls) == 2);
	for (unsigned i = 2; i < ROUNDS; i++) {
		/* Every third one is older than what is known. */
		put_list(folder, "root.crl", &root, i % 3 == 0 ? 1 : i);
		REQUIRE("next", load(folder, in_force.crls, i, &next, &why) == ERR_OK);
		unsigned before = serving(in_force.crls);

		CHECK("never back to an older one", serving(next.crls) >= before);
		CHECK("bounded", crl_set_count(next.crls) <= AT_MOST);
		material_release(&in_force);
		in_force = next;
		next = (struct material){0};
	}
	CHECK("the newest serves", serving(in_force.crls) == ROUNDS - 1);
	material_release(&in_force);
	buf_release(&why);
}

/* One PEM file may hold the lists of several CAs; cut in the middle of one, none of it is taken. */
static void test_several_in_one_file(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "all.pem");
	struct material material = {0};
	struct buf text = BUF_INIT(PKI_DER_BYTES_MAX);
	struct buf why = BUF_INIT(4096);
	const struct pki *issuers[] = {&root, &foreign};

	for (size_t i = 0; i < ARRAY_COUNT(issuers); i++) {
		struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);

		pki_crl_der(issuers[i], 1, PKI_NOW - PKI_DAY, PKI_NOW + PKI_DAY, NULL, 0, &der);
		REQUIRE("pem", pem_encode("X509 CRL", buf_bytes(&der), &text) == ERR_OK);
		buf_release(&der);
	}
	REQUIRE("write", file_write_atomic(path, buf_bytes(&text), FILE_OWNER) == ERR_OK);
	REQUIRE("several", load(path, NULL, 1, &material, &why) == ERR_OK);
	CHECK("both are taken", crl_set_count(material.crls) == 2);
	material_release(&material);
	REQUIRE("cut", file_write_atomic(path, bytes_of(text.data, text.len - 60), FILE_OWNER) == ERR_OK);
	CHECK("half a file is none", load(path, NULL, 2, &material, &why) != ERR_OK);
	CHECK("and says which", why.len > 0);
	material_release(&material);
	buf_release(&text);
	buf_release(&why);
}

/* A folder with one bad file: the watch takes the others, and keeps what the bad one said; an operator's command takes nothing. */
static void test_bad_file_beside(void)
{
	static const uint8_t junk[] = "no list at all";
	const char *folder = test_folder();
	struct material in_force = {0}, next = {0};
	struct buf why = BUF_INIT(4096);

	put_list(folder, "a.crl", &foreign, 4);
	put_list(folder, "b.crl", &root, 1);
	REQUIRE("first", load(folder, NULL, 1, &in_force, &why) == ERR_OK);
	CHECK("whole", !in_force.crls_partial);
	REQUIRE("junk", file_write_atomic(test_path(folder, "a.crl"), bytes_of(junk, sizeof(junk) - 1),
				FILE_OWNER) == ERR_OK);
	put_list(folder, "b.crl", &root, 2);

	struct material_options options = {.channel = "C",
		.keystore_path = "",
		.passphrase_source = "",
		.cipher = "",
		.crl_path = folder,
		.crls_before = in_force.crls,
		.crl_generation = 2,
		.want_crls = true};

	why.len = 0;
	CHECK("all or nothing", material_load(&options, &next, &why) != ERR_OK);
	CHECK("nothing", next.crls == NULL && !next.crls_partial);
	options.pass_over_bad = true;
	why.len = 0;
	REQUIRE("passed over", material_load(&options, &next, &why) == ERR_OK);
	CHECK("and said so", next.crls_partial);
	CHECK("which", why.len > 0 && memmem(why.data, why.len, "/a.crl", 6) != NULL);
	CHECK("the good one counts", serving(next.crls) == 2);
	CHECK("what the bad one said stays", crl_set_has(next.crls, crl_set_at(in_force.crls, 0)) &&
						     crl_set_has(next.crls, crl_set_at(in_force.crls, 1)));
	CHECK("and is not called gone", next.held == NULL);
	material_release(&next);
	why.len = 0;
	REQUIRE("no good one is left", unlink(test_path(folder, "b.crl")) == 0);
	CHECK("is a failure", material_load(&options, &next, &why) == ERR_NOT_FOUND);
	CHECK("that names the file", memmem(why.data, why.len, "/a.crl", 6) != NULL);
	material_release(&in_force);
	buf_release(&why);
}

/* Two read at once, the slower one the older file. */
static void test_join(void)
{
	const char *folder = test_folder();
	struct material slow = {0}, fast = {0};
	struct buf why = BUF_INIT(4096);

	put_list(folder, "root.crl", &root, 5);
	REQUIRE("slow", load(folder, NULL, 1, &slow, &why) == ERR_OK);
	put_list(folder, "root.crl", &root, 6);
	REQUIRE("fast", load(folder, NULL, 2, &fast, &why) == ERR_OK);
	CHECK("alone it is older", serving(slow.crls) == 5);
	REQUIRE("join", material_join_crls(&slow, fast.crls, 3) == ERR_OK);
	CHECK("joined it is not", serving(slow.crls) == 6);
	CHECK("a generation of its own", crl_set_generation(slow.crls) == 3);
	material_release(&slow);
	material_release(&fast);
	buf_release(&why);
}

/* --- what is gone from the files --- */

/* What a folder holds, step by step; of root and foreign. Revoked: as many entries as the number says. */
enum step_kind {
	STEP_END,
	STEP_PUT,    /* a list of issuer with number and entries, as file name */
	STEP_REMOVE, /* the file */
	STEP_RENAME, /* the file */
	STEP_LINK,   /* in its place a link to nothing */
	STEP_LOOK,   /* the watch */
	STEP_ACT     /* an operator */
};
struct step {
	enum step_kind kind;
	const struct pki *issuer; /* NULL: root */
	unsigned number, entries;
	const char *name, *to;
};
#define STEPS_MAX 10u

struct holding {
	const char *name;
	struct step steps[STEPS_MAX];
	size_t held, crls;               /* after the last look or act */
	size_t gone_lists, gone_entries; /* of the last one */
	unsigned serving;                /* number of root's list that serves */
};

static void put_entries(const char *folder, const struct step *step)
{
	struct x509_make_revoked entries[8];
	uint8_t serials[8];
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	const struct pki *issuer = step->issuer == NULL ? &root : step->issuer;

	REQUIRE("few", step->entries <= ARRAY_COUNT(entries));
	for (unsigned i = 0; i < step->entries; i++) {
		serials[i] = (uint8_t)(i + 1);
		entries[i] = (struct x509_make_revoked){
			.serial = bytes_of(&serials[i], 1), .when = PKI_NOW - PKI_DAY, .reason = -1};
	}
	REQUIRE("list", x509_make_crl(issuer->cert, secret_bytes(&issuer->key), PKI_NOW - PKI_DAY,
				PKI_NOW + PKI_DAY, step->number, entries, step->entries, &der) == ERR_OK);
	REQUIRE("write",
		file_write_atomic(test_path(folder, step->name), buf_bytes(&der), FILE_OWNER) == ERR_OK);
	buf_release(&der);
}

static void take_step(
	const char *name, const char *folder, const struct step *step, struct material *in_force)
{
	struct buf why = BUF_INIT(4096);
	struct material next = {0};

	switch (step->kind) {
	case STEP_PUT: put_entries(folder, step); break;
	case STEP_LINK:
	case STEP_REMOVE: REQUIRE(name, unlink(test_path(folder, step->name)) == 0); break;
	case STEP_RENAME:
		REQUIRE(name, rename(test_path(folder, step->name), test_path(folder, step->to)) == 0);
		break;
	case STEP_LOOK:
	case STEP_ACT:
		REQUIRE(name,
			load_by(step->kind == STEP_ACT, folder, in_force->crls, 7, &next, &why) == ERR_OK);
		material_release(in_force);
		*in_force = next;
		break;
	case STEP_END: break;
	}
	if (step->kind == STEP_LINK) {
		REQUIRE(name, symlink("nothing", test_path(folder, step->name)) == 0);
	}
	buf_release(&why);
}

#define PUT(number, entries)                                                                                 \
	{                                                                                                    \
		STEP_PUT, NULL, number, entries, "root.crl", NULL                                            \
	}
#define PUT_AS(name, number, entries)                                                                        \
	{                                                                                                    \
		STEP_PUT, NULL, number, entries, name, NULL                                                  \
	}
#define FOREIGN                                                                                              \
	{                                                                                                    \
		STEP_PUT, &foreign, 1, 2, "foreign.crl", NULL                                                \
	}
#define REMOVE(name)                                                                                         \
	{                                                                                                    \
		STEP_REMOVE, NULL, 0, 0, name, NULL                                                          \
	}
#define RENAME(name, to)                                                                                     \
	{                                                                                                    \
		STEP_RENAME, NULL, 0, 0, name, to                                                            \
	}
#define LINK(name)                                                                                           \
	{                                                                                                    \
		STEP_LINK, NULL, 0, 0, name, NULL                                                            \
	}
#define LOOK                                                                                                 \
	{                                                                                                    \
		STEP_LOOK, NULL, 0, 0, NULL, NULL                                                            \
	}
#define ACT                                                                                                  \
	{                                                                                                    \
		STEP_ACT, NULL, 0, 0, NULL, NULL                                                             \
	}

static void test_gone(void)
{
	static const struct holding rows[] = {
		{"nothing is gone", {PUT(5, 3), FOREIGN, LOOK, LOOK}, 0, 2, 0, 0, 5},
		{"a file is gone", {PUT(5, 3), FOREIGN, LOOK, REMOVE("root.crl"), LOOK}, 1, 2, 0, 0, 5},
		{"and stays gone", {PUT(5, 3), FOREIGN, LOOK, REMOVE("root.crl"), LOOK, LOOK, LOOK}, 1, 2, 0,
			0, 5},
		{"a link to nothing", {PUT(5, 3), FOREIGN, LOOK, LINK("root.crl"), LOOK}, 1, 2, 0, 0, 5},
		{"it comes back",
			{PUT(5, 3), FOREIGN, LOOK, RENAME("root.crl", ".away"), LOOK,
				RENAME(".away", "root.crl"), LOOK},
			0, 2, 0, 0, 5},
		{"it comes back under another name",
			{PUT(5, 3), FOREIGN, LOOK, RENAME("root.crl", ".away"), LOOK,
				RENAME(".away", "other.crl"), LOOK},
			0, 2, 0, 0, 5},
		{"one of the same number and as many entries", {PUT(5, 3), FOREIGN, LOOK, PUT(5, 3), LOOK}, 0,
			3, 0, 0, 5},
		{"a newer one comes", {PUT(5, 3), FOREIGN, LOOK, REMOVE("root.crl"), LOOK, PUT(6, 1), LOOK},
			0, 3, 0, 0, 6},
		{"renamed", {PUT(5, 3), FOREIGN, LOOK, RENAME("root.crl", "other.crl"), LOOK}, 0, 2, 0, 0, 5},
		{"replaced by a newer one", {PUT(5, 3), FOREIGN, LOOK, PUT(6, 1), LOOK}, 0, 3, 0, 0, 6},
		{"replaced by an older one", {PUT(5, 3), FOREIGN, LOOK, PUT(4, 1), LOOK}, 1, 3, 0, 0, 5},
		{"one of the same number and fewer entries", {PUT(5, 3), FOREIGN, LOOK, PUT(5, 1), LOOK}, 1,
			3, 0, 0, 5},
		{"one of the same number and more entries", {PUT(5, 3), FOREIGN, LOOK, PUT(5, 4), LOOK}, 0, 3,
			0, 0, 5},
		{"an old version is cleared away",
			{PUT(5, 3), PUT_AS("6.crl", 6, 3), FOREIGN, LOOK, REMOVE("root.crl"), LOOK}, 0, 3, 0,
			0, 6},
		{"let go", {PUT(5, 3), FOREIGN, LOOK, REMOVE("root.crl"), LOOK, ACT}, 0, 1, 1, 3, 0},
		{"RFC 5280 5.2.1 a list of its name under another key replaces nothing",
			{PUT(5, 3), FOREIGN, LOOK, {STEP_PUT, &impostor, 9, 0, "root.crl", NULL}, LOOK}, 1, 3,
			0, 0, 9},
		{"let go without a look between", {PUT(5, 3), FOREIGN, LOOK, REMOVE("root.crl"), ACT}, 0, 1,
			1, 3, 0},
		{"let go, and looked at again", {PUT(5, 3), FOREIGN, LOOK, REMOVE("root.crl"), ACT, LOOK}, 0,
			1, 0, 0, 0},
		{"not let go for an older one", {PUT(5, 3), FOREIGN, LOOK, PUT(4, 1), LOOK, ACT}, 1, 3, 0, 0,
			5},
		{"with its predecessors, counted once",
			{PUT(5, 3), FOREIGN, LOOK, PUT(6, 2), LOOK, REMOVE("root.crl"), LOOK, ACT}, 0, 1, 1,
			2, 0},
		{"an operator's act with a newer one lets go nothing",
			{PUT(5, 3), FOREIGN, LOOK, PUT(6, 1), ACT}, 0, 3, 0, 0, 6},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *folder = test_folder();
		struct material in_force = {0};

		for (size_t at = 0; at < STEPS_MAX && rows[i].steps[at].kind != STEP_END; at++) {
			take_step(rows[i].name, folder, &rows[i].steps[at], &in_force);
		}
		struct hold_count gone = in_force.gone_count;

		CHECK(rows[i].name, crl_set_count(in_force.crls) == rows[i].crls);
		CHECK(rows[i].name, in_force.held_count.lists == rows[i].held);
		CHECK(rows[i].name, serving(in_force.crls) == rows[i].serving);
		CHECK(rows[i].name, gone.lists == rows[i].gone_lists && gone.entries == rows[i].gone_entries);
		material_release(&in_force);
	}
}

/* What is held is the same object; what an operator let go does not come back with what somebody faster took. */
static void test_held_object(void)
{
	const char *folder = test_folder();
	struct material first = {0}, next = {0}, act = {0};
	struct buf why = BUF_INIT(4096);

	put_list(folder, "root.crl", &root, 5);
	put_list(folder, "foreign.crl", &foreign, 1);
	REQUIRE("first", load(folder, NULL, 1, &first, &why) == ERR_OK);
	REQUIRE("gone", unlink(test_path(folder, "foreign.crl")) == 0);
	REQUIRE("act", load_by(true, folder, first.crls, 2, &act, &why) == ERR_OK);
	put_list(folder, "root.crl", &root, 6);
	REQUIRE("next", load(folder, first.crls, 3, &next, &why) == ERR_OK);
	REQUIRE("held", next.held != NULL && crl_set_count(next.held) == 1);
	bool same = false;

	for (size_t i = 0; i < crl_set_count(first.crls); i++) {
		same = same || crl_set_at(first.crls, i) == crl_set_at(next.held, 0);
	}
	CHECK("no copy", same);
	REQUIRE("join", material_join_files(&act, next.crls, 4) == ERR_OK);
	CHECK("what came meanwhile is in force", serving(act.crls) == 6);
	CHECK("what was let go is not", !crl_set_has(act.crls, crl_set_at(next.held, 0)));
	CHECK("and is told once", act.gone_count.lists == 1);
	bool failed = true;

	for (unsigned long n = 1; failed; n++) {
		struct hold_question question = {.files = act.crls, .before = next.crls, .generation = 5};
		struct hold_answer answer;

		test_alloc_fail_at(n);
		enum err err = hold_lists(&question, &answer);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", err == (failed ? ERR_NOMEM : ERR_OK));
		CHECK("the Nth allocation fails", (answer.crls == NULL) == failed);
		CHECK("the Nth allocation fails", (answer.held == NULL) == failed);
		crl_set_unref(answer.crls);
		crl_set_unref(answer.held);
		crl_set_unref(answer.gone);
	}
	material_release(&first);
	material_release(&next);
	material_release(&act);
	buf_release(&why);
}

/* issuingDistributionPoint with fullName, a URI of one letter and two digits; critical (RFC 5280 5.2.5). */
static void partition_der(unsigned which, uint8_t out[11])
{
	const uint8_t frame[] = {0x30, 0x09, 0xa0, 0x07, 0xa0, 0x05, 0x86, 0x03, 'p', '0', '0'};

	memcpy(out, frame, sizeof(frame));
	out[9] = (uint8_t)('0' + which / 10);
	out[10] = (uint8_t)('0' + which % 10);
}

static void put_extended(
	const char *folder, const char *name, uint64_t number, const char *oid, struct bytes value)
{
	struct x509_make_extension extension = {.oid = oid, .critical = true, .value = value};
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);

	REQUIRE("extended", x509_make_crl_extended(root.cert, secret_bytes(&root.key), PKI_NOW - PKI_DAY,
				    PKI_NOW + PKI_DAY, number, NULL, 0, &extension, 1, &der) == ERR_OK);
	REQUIRE("write", file_write_atomic(test_path(folder, name), buf_bytes(&der), FILE_OWNER) == ERR_OK);
	buf_release(&der);
}

#define PARTITIONS 40u

/* However many partitions an issuer has, each is held on its own. */
static void test_many(void)
{
	const char *folder = test_folder();
	struct material in_force = {0}, next = {0};
	struct buf why = BUF_INIT(4096);
	char name[32];

	for (unsigned i = 0; i < PARTITIONS; i++) {
		uint8_t value[11];

		partition_der(i, value);
		(void)snprintf(name, sizeof(name), "%u.crl", i);
		put_extended(folder, name, i + 1, "2.5.29.28", bytes_of(value, sizeof(value)));
	}
	REQUIRE("all", load(folder, NULL, 1, &in_force, &why) == ERR_OK);
	for (unsigned i = 1; i < PARTITIONS; i++) {
		(void)snprintf(name, sizeof(name), "%u.crl", i);
		REQUIRE("remove", unlink(test_path(folder, name)) == 0);
	}
	REQUIRE("one", load(folder, in_force.crls, 2, &next, &why) == ERR_OK);
	CHECK("all are in force", crl_set_count(next.crls) == PARTITIONS);
	CHECK("all but one are held", next.held_count.lists == PARTITIONS - 1);
	material_release(&in_force);
	material_release(&next);
	buf_release(&why);
}

static void test_delta(void)
{
	static const uint8_t base5[] = {0x02, 0x01, 0x05};
	static const struct {
		const char *name;
		const char *removed;
		unsigned base_then; /* number of base.crl when it is looked at again; 0: as before */
		size_t held;
	} rows[] = {
		{"RFC 5280 5.2.4 the base of a delta is gone", "base.crl", 0, 1},
		{"RFC 5280 5.2.4 a delta is gone", "delta.crl", 0, 1},
		{"RFC 5280 5.2.4 a delta is gone, a complete list has it in it", "delta.crl", 6, 0},
		{"RFC 5280 5.2.4 a delta is gone, an older complete list came", "delta.crl", 4, 2},
		{"RFC 5280 5.2.4 a newer complete list, the delta stays", NULL, 7, 0},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *folder = test_folder();
		struct material in_force = {0}, next = {0};
		struct buf why = BUF_INIT(4096);

		put_list(folder, "base.crl", &root, 5);
		put_extended(folder, "delta.crl", 6, "2.5.29.27", bytes_of(base5, sizeof(base5)));
		put_list(folder, "foreign.crl", &foreign, 1);
		REQUIRE(rows[i].name, load(folder, NULL, 1, &in_force, &why) == ERR_OK);
		if (rows[i].removed != NULL) {
			REQUIRE(rows[i].name, unlink(test_path(folder, rows[i].removed)) == 0);
		}
		if (rows[i].base_then != 0) {
			put_list(folder, "base.crl", &root, rows[i].base_then);
		}
		REQUIRE(rows[i].name, load(folder, in_force.crls, 2, &next, &why) == ERR_OK);
		CHECK(rows[i].name, next.held_count.lists == rows[i].held);
		CHECK(rows[i].name, rows[i].held == 0 || crl_set_count(next.held) == rows[i].held);
		material_release(&in_force);
		material_release(&next);
		buf_release(&why);
	}
}

static void test_refused(void)
{
	const char *folder = test_folder();
	const char *list = test_path(folder, "root.crl");
	struct material out = {0};
	struct buf why = BUF_INIT(4096);
	uint8_t stamp[SHA256_BYTES], other[SHA256_BYTES];

	CHECK("an empty folder", load(folder, NULL, 1, &out, &why) == ERR_NOT_FOUND && why.len > 0);
	put_list(folder, "root.crl", &root, 1);
	REQUIRE("stamp", crl_stamp(folder, stamp) == ERR_OK);
	REQUIRE("hidden",
		file_write_atomic(test_path(folder, ".new"), bytes_text("no list"), FILE_OWNER) == ERR_OK);
	REQUIRE("folder", mkdir(test_path(folder, "sub"), 0700) == 0);
	CHECK("hidden files and folders are not looked at", load(folder, NULL, 1, &out, &why) == ERR_OK);
	CHECK("nor do they change the stamp",
		crl_stamp(folder, other) == ERR_OK && memcmp(stamp, other, sizeof(stamp)) == 0);
	material_release(&out);
	REQUIRE("bad",
		file_write_atomic(test_path(folder, "bad.crl"), bytes_text("no list"), FILE_OWNER) == ERR_OK);
	CHECK("one bad file", load(folder, NULL, 1, &out, &why) != ERR_OK && why.len > 0 && out.crls == NULL);
	CHECK("a new file is a new stamp",
		crl_stamp(folder, other) == ERR_OK && memcmp(stamp, other, sizeof(stamp)) != 0);
	REQUIRE("mode", chmod(list, 0622) == 0);
	CHECK("others may write it", load(list, NULL, 1, &out, &why) == ERR_DENIED && why.len > 0);
	CHECK("not there",
		load(test_path(folder, "nowhere"), NULL, 1, &out, &why) == ERR_NOT_FOUND && why.len > 0);
	REQUIRE("mend", chmod(list, 0600) == 0 && unlink(test_path(folder, "bad.crl")) == 0);
	REQUIRE("link", symlink("nothing", test_path(folder, "link.crl")) == 0);
	CHECK("a link to nothing: an operator is told",
		load_by(true, folder, NULL, 1, &out, &why) == ERR_NOT_FOUND && why.len > 0);
	CHECK("a link to nothing: the watch passes it over", load(folder, NULL, 1, &out, &why) == ERR_OK);
	material_release(&out);
	CHECK("not there: stamp", crl_stamp(test_path(folder, "nowhere"), stamp) == ERR_NOT_FOUND);
	buf_release(&why);
}

int main(void)
{
	pki_init();
	root = pki_root("Root");
	foreign = pki_root("Foreign");
	impostor = pki_root("Root");
	test_reloads();
	test_several_in_one_file();
	test_bad_file_beside();
	test_join();
	test_gone();
	test_held_object();
	test_many();
	test_delta();
	test_refused();
	pki_free(&root);
	pki_free(&foreign);
	pki_free(&impostor);
	return test_result();
}
