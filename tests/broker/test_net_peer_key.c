/*
 * test_net_peer_key.c - Goal: an RSA key with a long exponent is seen in whatever form the TLS library would take it, and no
 * honest certificate is taken for one.
 */
#include <string.h>

#include "broker/net/tls_peer_key.h"
#include "net_kit.h"
#include "tests/test.h"

#define HEAD  "a0 03 02 01 02  02 01 01  30 02 05 00  30 00  30 00  30 00 "
#define RSA   "06 09 2a864886f70d010101"
#define PSS   "06 09 2a864886f70d01010a"
#define EC    "06 07 2a8648ce3d0201"
#define ED    "06 03 2b6570"
#define N     "02 02 00c5 "
#define LONG  "02 06 010000000001"
#define USUAL "02 03 010001"

static const struct {
	const char *name, *before, *algorithm, *key;
	enum tls_peer_key want;
} rows[] = {
	{"65537", HEAD, RSA, "30 09 " N USUAL, TLS_PEER_KEY_BEARABLE},
	{"3", HEAD, RSA, "30 07 " N "02 01 03", TLS_PEER_KEY_BEARABLE},
	{"32 bits", HEAD, RSA, "30 0b " N "02 05 00ffffffff", TLS_PEER_KEY_BEARABLE},
	{"one octet more", HEAD, RSA, "30 0c " N LONG, TLS_PEER_KEY_COSTLY},
	{"by leading zeros: refused as well", HEAD, RSA, "30 0c " N "02 06 000000010001",
		TLS_PEER_KEY_COSTLY},
	{"RSASSA-PSS", HEAD, PSS, "30 0c " N LONG, TLS_PEER_KEY_COSTLY},
	{"version 1", "02 01 01  30 02 05 00  30 00  30 00  30 00 ", RSA, "30 0c " N LONG,
		TLS_PEER_KEY_COSTLY},
	{"BER: lengths longer than they need to be", HEAD, RSA, "30 82000d " N "02 8106 010000000001",
		TLS_PEER_KEY_COSTLY},
	{"bytes behind the numbers", HEAD, RSA, "30 0e " N LONG "0500", TLS_PEER_KEY_COSTLY},
	{"EC: no numbers at all", HEAD, EC, "04 0102", TLS_PEER_KEY_BEARABLE},
	{"Ed25519, whose octets look like numbers", HEAD, ED, "30 0c " N LONG, TLS_PEER_KEY_BEARABLE},
	{"an RSA key that is none", HEAD, RSA, "04 0102", TLS_PEER_KEY_UNREADABLE},
	{"an indefinite length", HEAD, RSA, "30 80 " N LONG "0000", TLS_PEER_KEY_UNREADABLE},
	{"a field is missing", "02 01 01  30 02 05 00  30 00  30 00 ", RSA, "30 0c " N LONG,
		TLS_PEER_KEY_UNREADABLE},
};

static void append(struct buf *out, const char *hex)
{
	struct test_bytes bytes = test_hex(hex);
	REQUIRE("room", buf_append(out, test_bytes_view(&bytes)) == ERR_OK);
}

/* Tag, length and content; all of them are short. */
static void wrap(struct buf *out, uint8_t tag, struct bytes content)
{
	REQUIRE("short", content.len < 0x80);
	REQUIRE("room", buf_append_u8(out, tag) == ERR_OK &&
				buf_append_u8(out, (uint8_t)content.len) == ERR_OK &&
				buf_append(out, content) == ERR_OK);
}

static void make(const char *before, const char *algorithm, const char *key, struct buf *out)
{
	struct buf part = BUF_INIT(256), info = BUF_INIT(256), tbs = BUF_INIT(256), all = BUF_INIT(256);
	append(&part, algorithm);
	wrap(&info, 0x30, buf_bytes(&part));
	part.len = 0;
	append(&part, "00");
	append(&part, key);
	wrap(&info, 0x03, buf_bytes(&part));
	append(&tbs, before);
	wrap(&tbs, 0x30, buf_bytes(&info));
	wrap(&all, 0x30, buf_bytes(&tbs));
	wrap(out, 0x30, buf_bytes(&all));
	buf_release(&part), buf_release(&info), buf_release(&tbs), buf_release(&all);
}

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf der = BUF_INIT(256);
		make(rows[i].before, rows[i].algorithm, rows[i].key, &der);
		CHECK(rows[i].name, tls_peer_key_look(buf_bytes(&der)) == rows[i].want);
		/* The outermost length is then wrong: whatever is cut off, it is no certificate. */
		for (size_t len = 0; len < der.len; len++) {
			CHECK(rows[i].name,
				tls_peer_key_look(bytes_of(der.data, len)) == TLS_PEER_KEY_UNREADABLE);
		}
		buf_release(&der);
	}
}

static void test_honest(void)
{
	const struct kit_cert_options made[] = {{.name = "an EC device"},
		{.name = "an RSA device", .is_rsa = true}, {.name = "a CA", .is_ca = true},
		{.name = "of version 1", .is_version_1 = true}};
	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		struct kit_cert *cert = kit_cert_new(&made[i]);
		CHECK(made[i].name, tls_peer_key_look(kit_cert_der(cert)) == TLS_PEER_KEY_BEARABLE);
		kit_cert_free(cert);
	}
}

int main(void)
{
	test_rows();
	test_honest();
	return test_result();
}
