/*
 * test_algorithm.c - RSASSA-PSS-params (RFC 4055 3.1): what is supported, weak, unsupported and malformed.
 * Goal:    one row per field and per way to get it wrong; each accepted form is malformed when it is cut anywhere.
 */
#include <string.h>

#include "tests/test.h"
#include "x509/internal.h"

enum verdict { GOOD, WEAK, UNSUPPORTED, MALFORMED };

#define PSS      "06092a864886f70d01010a"
#define SHA256   "300d06096086480165030402010500"
#define SHA256_0 "300b0609608648016503040201"
#define SHA384   "300d06096086480165030402020500"
#define SHA512   "300d06096086480165030402030500"
#define SHA224   "300d06096086480165030402040500"
#define SHA1     "300906052b0e03021a0500"
#define MGF1     "06092a864886f70d010108"

static const struct {
	const char *name, *hex; /* content of the AlgorithmIdentifier */
	enum verdict want;
	enum hash_alg hash;
	uint32_t salt;
} rows[] = {
	{"SHA-256, salt 32", PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120", GOOD, HASH_SHA256,
		32},
	{"SHA-384, salt 48", PSS "3034a00f" SHA384 "a11c301a" MGF1 SHA384 "a203020130", GOOD, HASH_SHA384,
		48},
	{"SHA-512, salt 0", PSS "3034a00f" SHA512 "a11c301a" MGF1 SHA512 "a203020100", GOOD, HASH_SHA512, 0},
	{"salt left out is 20", PSS "302fa00f" SHA256 "a11c301a" MGF1 SHA256, GOOD, HASH_SHA256, 20},
	{"RFC 4055 2.1 hash without NULL", PSS "3030a00d" SHA256_0 "a11a3018" MGF1 SHA256_0 "a203020120",
		GOOD, HASH_SHA256, 32},
	{"salt at its limit", PSS "3035a00f" SHA256 "a11c301a" MGF1 SHA256 "a20402020400", GOOD, HASH_SHA256,
		1024},
	{"salt beyond its limit", PSS "3035a00f" SHA256 "a11c301a" MGF1 SHA256 "a20402020401", UNSUPPORTED, 0,
		0},
	{"every default: SHA-1", PSS "3000", WEAK, HASH_SHA1, 20},
	{"MGF1 left out: SHA-1 there", PSS "3016a00f" SHA256 "a203020120", UNSUPPORTED, 0, 0},
	{"hash left out: SHA-1 there", PSS "3023a11c301a" MGF1 SHA256 "a203020120", UNSUPPORTED, 0, 0},
	{"MGF1 with another hash", PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA512 "a203020120", UNSUPPORTED, 0,
		0},
	{"SHA-224", PSS "3034a00f" SHA224 "a11c301a" MGF1 SHA224 "a20302011c", UNSUPPORTED, 0, 0},
	{"not MGF1", PSS "3034a00f" SHA256 "a11c301a06092a864886f70d010109" SHA256 "a203020120", UNSUPPORTED,
		0, 0},
	{"trailerField 2", PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a303020102", UNSUPPORTED,
		0, 0},
	{"RFC 4055 3.1 trailerField 1 written out",
		PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a303020101", GOOD, HASH_SHA256, 32},
	{"trailerField 0", PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a303020100", UNSUPPORTED,
		0, 0},
	{"salt 20 written out", PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020114", GOOD, HASH_SHA256,
		20},
	{"RFC 4055 3.1 SHA-1 written out", PSS "300da00b" SHA1, WEAK, HASH_SHA1, 20},
	{"RFC 4055 3.1 MGF1 with SHA-1 written out", PSS "301aa1183016" MGF1 SHA1, WEAK, HASH_SHA1, 20},
	{"RFC 4055 3.1 MGF1 with SHA-1 written out, under another hash",
		PSS "302ba00f" SHA256 "a1183016" MGF1 SHA1, UNSUPPORTED, 0, 0},
	{"RFC 4055 3.1 parameters absent", PSS, MALFORMED, 0, 0},
	{"NULL for parameters", PSS "0500", MALFORMED, 0, 0},
	{"negative salt", PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a2030201ff", MALFORMED, 0, 0},
	{"fields out of order", PSS "3034a203020120a00f" SHA256 "a11c301a" MGF1 SHA256, MALFORMED, 0, 0},
	{"a field twice", PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a203020120", MALFORMED, 0,
		0},
	{"something behind the parameters", PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a2030201200500",
		MALFORMED, 0, 0},
	{"something in the explicit tag", PSS "3036a011" SHA256 "0500a11c301a" MGF1 SHA256 "a203020120",
		MALFORMED, 0, 0},
	{"a field that does not exist", PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a403020101",
		MALFORMED, 0, 0},
};

static enum verdict verdict_of(struct bytes content, struct sig_algorithm *out)
{
	*out = (struct sig_algorithm){.supported = false};
	if (algorithm_parse(content, out) != ERR_OK) {
		return MALFORMED;
	}
	if (!out->supported) {
		return UNSUPPORTED;
	}
	return out->strength == SIG_STRONG ? GOOD : WEAK;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct bytes content = test_bytes_view(&in);
		struct sig_algorithm algorithm;
		CHECK(rows[i].name, verdict_of(content, &algorithm) == rows[i].want);
		if (rows[i].want != GOOD && rows[i].want != WEAK) {
			continue;
		}
		CHECK(rows[i].name, algorithm.alg == SIG_RSA_PSS && algorithm.hash == rows[i].hash &&
					    algorithm.salt_len == rows[i].salt);
		for (size_t cut = 0; cut < content.len; cut++) {
			CHECK(rows[i].name, verdict_of(bytes_of(content.data, cut), &algorithm) == MALFORMED);
		}
	}
	return test_result();
}
