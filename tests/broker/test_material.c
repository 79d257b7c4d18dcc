/*
 * test_material.c - Goal: revocation lists from a file or folder: an older list never replaces a newer one, whoever is
 * faster; reloading for ever keeps a bounded number; one bad file takes nothing.
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

static struct pki root, foreign;

static void put_list(const char *folder, const char *name, const struct pki *issuer, uint64_t number)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);

	pki_crl_der(issuer, number, PKI_NOW - PKI_DAY, PKI_NOW + 30 * PKI_DAY, NULL, 0, &der);
	REQUIRE("write", file_write_atomic(test_path(folder, name), buf_bytes(&der), FILE_OWNER) == ERR_OK);
	buf_release(&der);
}

static enum err load(const char *path, const struct crl_set *before, uint64_t generation,
	struct material *out, struct buf *why)
{
	struct material_options options = {.channel = "C",
		.keystore_path = "",
		.passphrase_source = "",
		.cipher = "",
		.crl_path = path,
		.crls_before = before,
		.crl_generation = generation,
		.want_crls = true};

	why->len = 0;
	return material_load(&options, out, why);
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
	REQUIRE("gone", unlink(test_path(folder, "foreign.crl")) == 0);
	REQUIRE("without", load(folder, in_force.crls, 99, &next, &why) == ERR_OK);
	bool has_foreign = false;

	for (size_t i = 0; i < crl_set_count(next.crls); i++) {
		has_foreign = has_foreign || x509_name_equal(crl_issuer_der(crl_set_at(next.crls, i)),
						     cert_subject_der(foreign.cert));
	}
	CHECK("an issuer whose file is gone is gone", !has_foreign);
	material_release(&next);
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
	CHECK("not there: stamp", crl_stamp(test_path(folder, "nowhere"), stamp) == ERR_NOT_FOUND);
	buf_release(&why);
}

int main(void)
{
	pki_init();
	root = pki_root("Root");
	foreign = pki_root("Foreign");
	test_reloads();
	test_several_in_one_file();
	test_join();
	test_refused();
	pki_free(&root);
	pki_free(&foreign);
	return test_result();
}
