/*
 * test_constraints.c - name constraints, form by form (RFC 5280 4.2.1.10).
 * Goal:    a form that is known is compared; one that is not refuses exactly where a constraint speaks of it and a
 *          certificate has such a name: the accept stands beside each refusal.
 */
#include <stdio.h>
#include <string.h>

#include "tests/x509/pki.h"

#define TEXT(tag, text)                                                                                      \
	{                                                                                                    \
		tag,                                                                                         \
		{                                                                                            \
			(const uint8_t *)(text), sizeof(text) - 1                                            \
		}                                                                                            \
	}
#define NO_NAME                                                                                              \
	{                                                                                                    \
		0,                                                                                           \
		{                                                                                            \
			NULL, 0                                                                              \
		}                                                                                            \
	}

/* GeneralName tags (RFC 5280 4.2.1.6) */
#define OTHER     0xa0u
#define EMAIL     0x81u
#define DNS       0x82u
#define X400      0xa3u
#define DIRECTORY 0xa4u
#define EDI       0xa5u
#define URI       0x86u
#define IP        0x87u
#define RID       0x88u

/* userPrincipalName (1.3.6.1.4.1.311.20.2.3) and hardwareModuleName's type (1.3.6.1.5.5.7.8.4), each with a text. */
#define UPN_A  TEXT(OTHER, "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x03\x0c\x01\x61")
#define UPN_B  TEXT(OTHER, "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x03\x0c\x01\x62")
#define HW_A   TEXT(OTHER, "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04\xa0\x03\x0c\x01\x61")
#define X400_A TEXT(X400, "\x30\x05\x61\x03\x13\x01\x41")
#define X400_B TEXT(X400, "\x30\x05\x61\x03\x13\x01\x42")
#define EDI_A  TEXT(EDI, "\xa1\x03\x0c\x01\x61")
#define EDI_B  TEXT(EDI, "\xa1\x03\x0c\x01\x62")
#define RID_A  TEXT(RID, "\x2a\x03")
#define RID_B  TEXT(RID, "\x2a\x04")
#define RID_AB TEXT(RID, "\x2a\x03\x04")
/* O=Plant; O=Plant, OU=A */
#define DIR_A TEXT(DIRECTORY, "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x0a\x0c\x05Plant")
#define DIR_AB                                                                                               \
	TEXT(DIRECTORY, "\x30\x1c\x31\x0e\x30\x0c\x06\x03\x55\x04\x0a\x0c\x05Plant"                          \
			"\x31\x0a\x30\x08\x06\x03\x55\x04\x0b\x0c\x01\x41")
/* O=Plant with a fullwidth P, with a soft hyphen, with e and an accent apart; O=Stra\u00dfe, STRASSE, B\u00fcro; T61 text */
#define DIR_WIDE TEXT(DIRECTORY, "\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07\xef\xbc\xb0lant")
#define DIR_SOFT TEXT(DIRECTORY, "\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07Pla\xc2\xadnt")
#define DIR_BELL TEXT(DIRECTORY, "\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x0a\x0c\x06Pla\x07nt")
#define DIR_SHARP                                                                                            \
	TEXT(DIRECTORY, "\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07Stra\xc3\x9f"                   \
			"e")
#define DIR_STRASSE TEXT(DIRECTORY, "\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07STRASSE")
#define DIR_BURO                                                                                             \
	TEXT(DIRECTORY, "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x0a\x0c\x05"                               \
			"B\xc3\xbcro")
#define DIR_BURO_FOLDED                                                                                      \
	TEXT(DIRECTORY, "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x0a\x0c\x05"                               \
			"B\xc3\x9cRO")
#define DIR_BURO_APART                                                                                       \
	TEXT(DIRECTORY, "\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x0a\x0c\x06"                               \
			"Bu\xcc\x88ro")
#define DIR_BURO_T61                                                                                         \
	TEXT(DIRECTORY, "\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x0a\x14\x04"                               \
			"B\xfcro")
/* OU=wide "Plant": another kind of attribute; DC=example; CN=x+O=Plent with a fullwidth P */
#define DIR_WIDE_UNIT TEXT(DIRECTORY, "\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x0b\x0c\x07\xef\xbc\xb0lant")
#define DIR_DC                                                                                               \
	TEXT(DIRECTORY, "\x30\x19\x31\x17\x30\x15\x06\x0a\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19\x16\x07"   \
			"example")
#define DIR_DC_B                                                                                             \
	TEXT(DIRECTORY, "\x30\x19\x31\x17\x30\x15\x06\x0a\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19\x16\x07"   \
			"elsewho")
/* SmtpUTF8Mailbox: u\u00fc@plant.example, the same at another host, and one that is no UTF8String */
#define MAILBOX(rest)  TEXT(OTHER, "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09" rest)
#define MAILBOX_A      MAILBOX("\xa0\x12\x0c\x10\xc3\xbc@plant.example")
#define MAILBOX_B      MAILBOX("\xa0\x12\x0c\x10\xc3\xbc@plent.example")
#define MAILBOX_UPPER  MAILBOX("\xa0\x12\x0c\x10\xc3\x9c@plant.example")
#define MAILBOX_BROKEN MAILBOX("\xa0\x12\x16\x10uu@plent.example")
#define DIR_B          TEXT(DIRECTORY, "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x0a\x0c\x05Plent")
#define NET_10         TEXT(IP, "\x0a\x01\x00\x00\xff\xff\x00\x00")
#define NET_6          TEXT(IP, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0")
#define HOST_10        TEXT(IP, "\x0a\x01\x02\x03")
#define HOST_11        TEXT(IP, "\x0b\x01\x02\x03")
#define HOST_6         TEXT(IP, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")

struct general {
	uint8_t tag; /* 0: none */
	struct bytes value;
};

/* The CA constrains, the leaf "dev" has the names. */
struct row {
	const char *name;
	struct general permitted, excluded, names[2];
	enum x509_reason want;
};

#define REFUSED X509_NAME_CONSTRAINTS
#define NO_NAMES                                                                                             \
	{                                                                                                    \
		NO_NAME, NO_NAME                                                                             \
	}

static const struct row rows[] = {
	/* forms that are not compared: refused as soon as a constraint and a name of the form meet, equal or not */
	{"otherName permitted, none there", UPN_A, NO_NAME, NO_NAMES, X509_OK},
	{"otherName permitted, a name of another form there", UPN_A, NO_NAME, {TEXT(DNS, "d.example")},
		X509_OK},
	{"otherName permitted, that very one there", UPN_A, NO_NAME, {UPN_A}, REFUSED},
	{"otherName permitted, another value there", UPN_A, NO_NAME, {UPN_B}, REFUSED},
	{"otherName permitted, another type there", UPN_A, NO_NAME, {HW_A}, REFUSED},
	{"otherName permitted, one behind a harmless name", UPN_A, NO_NAME, {TEXT(DNS, "d.example"), UPN_A},
		REFUSED},
	{"otherName excluded, none there", NO_NAME, UPN_A, NO_NAMES, X509_OK},
	{"otherName excluded, a name of another form there", NO_NAME, UPN_A, {RID_A}, X509_OK},
	{"otherName excluded, that very one there", NO_NAME, UPN_A, {UPN_A}, REFUSED},
	{"otherName excluded, another value there", NO_NAME, UPN_A, {UPN_B}, REFUSED},
	{"otherName excluded, another type there", NO_NAME, UPN_A, {HW_A}, REFUSED},
	{"otherName there, constraint of another form", TEXT(DNS, "example"), NO_NAME, {UPN_A}, X509_OK},
	{"otherName there, exclusion of another form", NO_NAME, RID_A, {UPN_A}, X509_OK},

	{"x400Address permitted, none there", X400_A, NO_NAME, NO_NAMES, X509_OK},
	{"x400Address permitted, a name of another form there", X400_A, NO_NAME, {EDI_A}, X509_OK},
	{"x400Address permitted, that very one there", X400_A, NO_NAME, {X400_A}, REFUSED},
	{"x400Address permitted, another there", X400_A, NO_NAME, {X400_B}, REFUSED},
	{"x400Address excluded, none there", NO_NAME, X400_A, NO_NAMES, X509_OK},
	{"x400Address excluded, that very one there", NO_NAME, X400_A, {X400_A}, REFUSED},
	{"x400Address excluded, another there", NO_NAME, X400_A, {X400_B}, REFUSED},
	{"x400Address there, constraint of another form", EDI_A, UPN_A, {X400_A}, X509_OK},

	{"ediPartyName permitted, none there", EDI_A, NO_NAME, NO_NAMES, X509_OK},
	{"ediPartyName permitted, a name of another form there", EDI_A, NO_NAME, {X400_A}, X509_OK},
	{"ediPartyName permitted, that very one there", EDI_A, NO_NAME, {EDI_A}, REFUSED},
	{"ediPartyName permitted, another there", EDI_A, NO_NAME, {EDI_B}, REFUSED},
	{"ediPartyName excluded, none there", NO_NAME, EDI_A, NO_NAMES, X509_OK},
	{"ediPartyName excluded, that very one there", NO_NAME, EDI_A, {EDI_A}, REFUSED},
	{"ediPartyName excluded, another there", NO_NAME, EDI_A, {EDI_B}, REFUSED},
	{"ediPartyName there, constraint of another form", RID_A, X400_A, {EDI_A}, X509_OK},

	{"registeredID permitted, none there", RID_A, NO_NAME, NO_NAMES, X509_OK},
	{"registeredID permitted, a name of another form there", RID_A, NO_NAME, {HOST_10}, X509_OK},
	{"registeredID permitted, that very one there", RID_A, NO_NAME, {RID_A}, REFUSED},
	{"registeredID permitted, one below it there", RID_A, NO_NAME, {RID_AB}, REFUSED},
	{"registeredID permitted, another there", RID_A, NO_NAME, {RID_B}, REFUSED},
	{"registeredID excluded, none there", NO_NAME, RID_A, NO_NAMES, X509_OK},
	{"registeredID excluded, that very one there", NO_NAME, RID_A, {RID_A}, REFUSED},
	{"registeredID excluded, another there", NO_NAME, RID_A, {RID_B}, REFUSED},
	{"registeredID there, constraint of another form", NET_10, EDI_A, {RID_A}, X509_OK},

	{"a tag that no GeneralName has, none there", TEXT(0x89u, "a"), NO_NAME, NO_NAMES, REFUSED},
	{"the same excluded", NO_NAME, TEXT(0x89u, "a"), NO_NAMES, REFUSED},

	/* forms that are compared */
	{"dNSName permitted: below", TEXT(DNS, "plant.example"), NO_NAME, {TEXT(DNS, "d1.PLANT.example")},
		X509_OK},
	{"dNSName permitted: beside", TEXT(DNS, "plant.example"), NO_NAME, {TEXT(DNS, "d1.plent.example")},
		REFUSED},
	{"dNSName permitted: one below, one beside", TEXT(DNS, "plant.example"), NO_NAME,
		{TEXT(DNS, "d1.plant.example"), TEXT(DNS, "d1.example")}, REFUSED},
	{"dNSName excluded: beside", NO_NAME, TEXT(DNS, "plant.example"), {TEXT(DNS, "d1.plent.example")},
		X509_OK},
	{"dNSName excluded: below", NO_NAME, TEXT(DNS, "plant.example"), {TEXT(DNS, "d1.PLANT.example")},
		REFUSED},
	{"dNSName excluded: a wildcard could be it", NO_NAME, TEXT(DNS, "a.plant.example"),
		{TEXT(DNS, "*.plant.example")}, REFUSED},
	{"dNSName excluded: a wildcard cannot be it", NO_NAME, TEXT(DNS, "a.plant.example"),
		{TEXT(DNS, "*.b.plant.example")}, X509_OK},
	{"dNSName permitted, and excluded below: elsewhere", TEXT(DNS, "plant.example"),
		TEXT(DNS, "hall.plant.example"), {TEXT(DNS, "d1.plant.example")}, X509_OK},
	{"dNSName permitted, and excluded below: there", TEXT(DNS, "plant.example"),
		TEXT(DNS, "hall.plant.example"), {TEXT(DNS, "d1.hall.plant.example")}, REFUSED},
	{"rfc822Name permitted: of the host", TEXT(EMAIL, "plant.example"), NO_NAME,
		{TEXT(EMAIL, "a@plant.example")}, X509_OK},
	{"rfc822Name permitted: of a host below it", TEXT(EMAIL, "plant.example"), NO_NAME,
		{TEXT(EMAIL, "a@b.plant.example")}, REFUSED},
	{"rfc822Name permitted: below the domain", TEXT(EMAIL, ".plant.example"), NO_NAME,
		{TEXT(EMAIL, "a@b.plant.example")}, X509_OK},
	{"rfc822Name permitted: of the domain itself", TEXT(EMAIL, ".plant.example"), NO_NAME,
		{TEXT(EMAIL, "a@plant.example")}, REFUSED},
	{"rfc822Name excluded: that mailbox", NO_NAME, TEXT(EMAIL, "a@plant.example"),
		{TEXT(EMAIL, "A@plant.example")}, REFUSED},
	{"rfc822Name excluded: another mailbox", NO_NAME, TEXT(EMAIL, "a@plant.example"),
		{TEXT(EMAIL, "b@plant.example")}, X509_OK},
	{"URI permitted: of the host", TEXT(URI, "plant.example"), NO_NAME,
		{TEXT(URI, "mqtts://plant.example:8883/a")}, X509_OK},
	{"URI permitted: of another", TEXT(URI, "plant.example"), NO_NAME,
		{TEXT(URI, "mqtts://plant.example.org/a")}, REFUSED},
	{"URI permitted: of another, the right one before the @", TEXT(URI, "plant.example"), NO_NAME,
		{TEXT(URI, "mqtts://plant.example@x.example/")}, REFUSED},
	{"URI permitted: without a host", TEXT(URI, "plant.example"), NO_NAME, {TEXT(URI, "urn:dev:1")},
		REFUSED},
	{"URI without a host, no constraint on URIs", TEXT(DNS, "plant.example"), NO_NAME,
		{TEXT(URI, "urn:dev:1")}, X509_OK},
	{"URI excluded: of an address", NO_NAME, TEXT(URI, "plant.example"), {TEXT(URI, "mqtts://10.1.2.3/")},
		REFUSED},
	{"URI excluded: of another", NO_NAME, TEXT(URI, "plant.example"), {TEXT(URI, "mqtts://x.example/")},
		X509_OK},
	{"iPAddress permitted: inside", NET_10, NO_NAME, {HOST_10}, X509_OK},
	{"iPAddress permitted: outside", NET_10, NO_NAME, {HOST_11}, REFUSED},
	{"iPAddress permitted: of the other family", NET_10, NO_NAME, {HOST_6}, REFUSED},
	{"iPAddress excluded: inside", NO_NAME, NET_6, {HOST_6}, REFUSED},
	{"iPAddress excluded: of the other family", NO_NAME, NET_6, {HOST_10}, X509_OK},
	{"iPAddress constraint without a mask", HOST_10, NO_NAME, NO_NAMES, REFUSED},
	{"iPAddress constraint with a mask with a hole", TEXT(IP, "\x0a\x01\x00\x00\xff\x00\xff\x00"),
		NO_NAME, NO_NAMES, REFUSED},
	{"directoryName excluded: beside", NO_NAME, DIR_A, {DIR_B}, X509_OK},
	{"directoryName excluded: that very one", NO_NAME, DIR_A, {DIR_A}, REFUSED},
	{"directoryName excluded: below", NO_NAME, DIR_A, {DIR_AB}, REFUSED},
	{"directoryName excluded: above", NO_NAME, DIR_AB, {DIR_A}, X509_OK},
	{"RFC 4518 2.3 excluded: it, in wide letters", NO_NAME, DIR_A, {DIR_WIDE}, REFUSED},
	{"RFC 4518 2.2 excluded: it, with a soft hyphen", NO_NAME, DIR_A, {DIR_SOFT}, REFUSED},
	{"RFC 4518 2.2 excluded: it, with a control", NO_NAME, DIR_A, {DIR_BELL}, REFUSED},
	{"RFC 4518 2.2 excluded: it, with one letter for two", NO_NAME, DIR_STRASSE, {DIR_SHARP}, REFUSED},
	{"RFC 4518 2.2 excluded: it, with two letters for one", NO_NAME, DIR_SHARP, {DIR_STRASSE}, REFUSED},
	{"RFC 4518 2.3 excluded: it, from the wide form", NO_NAME, DIR_WIDE, {DIR_A}, REFUSED},
	{"RFC 4518 2.3 excluded: it, letter and accent apart", NO_NAME, DIR_BURO, {DIR_BURO_APART}, REFUSED},
	{"RFC 4518 2.2 excluded: it, in capitals", NO_NAME, DIR_BURO, {DIR_BURO_FOLDED}, REFUSED},
	{"excluded: it, in T61 letters", NO_NAME, DIR_BURO, {DIR_BURO_T61}, REFUSED},
	{"excluded in T61 letters: it", NO_NAME, DIR_BURO_T61, {DIR_BURO}, REFUSED},
	{"excluded beyond ASCII: another, in ASCII", NO_NAME, DIR_BURO, {DIR_A}, X509_OK},
	{"excluded in ASCII: another, beyond ASCII", NO_NAME, DIR_A, {DIR_BURO}, X509_OK},
	{"excluded: another attribute, in wide letters", NO_NAME, DIR_A, {DIR_WIDE_UNIT}, X509_OK},
	{"excluded below: in wide letters, but above it", NO_NAME, DIR_AB, {DIR_WIDE}, X509_OK},
	{"excluded domain components: others", NO_NAME, DIR_DC, {DIR_DC_B}, X509_OK},
	{"excluded domain components: these", NO_NAME, DIR_DC, {DIR_DC}, REFUSED},
	{"RFC 9598 6 rfc822Name excluded: a mailbox of the host", NO_NAME, TEXT(EMAIL, "plant.example"),
		{MAILBOX_A}, REFUSED},
	{"RFC 9598 6 rfc822Name excluded: a mailbox of another", NO_NAME, TEXT(EMAIL, "plant.example"),
		{MAILBOX_B}, X509_OK},
	{"RFC 9598 6 one mailbox excluded: another of the host, with letters that fold", NO_NAME,
		TEXT(EMAIL, "a@plant.example"), {MAILBOX_UPPER}, REFUSED},
	{"RFC 9598 6 no e-mail constraint: a mailbox that is none", NO_NAME, TEXT(DNS, "plant.example"),
		{MAILBOX_BROKEN}, X509_OK},
	{"RFC 9598 6 rfc822Name excluded: a mailbox that is none", NO_NAME, TEXT(EMAIL, "plant.example"),
		{MAILBOX_BROKEN}, REFUSED},
	{"URI excluded: of another, by a backslash", NO_NAME, TEXT(URI, "plant.example"),
		{TEXT(URI, "mqtts://plant.example\\@x.example/")}, REFUSED},
	{"URI permitted: with a port that is none", TEXT(URI, "plant.example"), NO_NAME,
		{TEXT(URI, "mqtts://plant.example:80:80/")}, REFUSED},
	{"URI permitted: with an empty port", TEXT(URI, "plant.example"), NO_NAME,
		{TEXT(URI, "mqtts://plant.example:/")}, X509_OK},
	{"directoryName permitted: the subject CN=dev is outside", DIR_A, NO_NAME, {DIR_AB}, REFUSED},
};

static void put(struct buf *out, uint8_t tag, struct bytes value)
{
	const uint8_t head[] = {tag, (uint8_t)value.len};
	REQUIRE("a short value", value.len < 128);
	REQUIRE("memory", buf_append(out, bytes_of(head, sizeof(head))) == ERR_OK);
	REQUIRE("memory", buf_append(out, value) == ERR_OK);
}

static void put_subtrees(struct buf *out, uint8_t tag, const struct general *base)
{
	struct buf name = BUF_INIT(256), subtree = BUF_INIT(256);
	if (base->tag != 0) {
		put(&name, base->tag, base->value);
		put(&subtree, 0x30, buf_bytes(&name));
		put(out, tag, buf_bytes(&subtree));
	}
	buf_release(&name);
	buf_release(&subtree);
}

static void put_constraints(struct buf *out, const struct general *permitted, const struct general *excluded)
{
	struct buf lists = BUF_INIT(256);
	put_subtrees(&lists, 0xa0, permitted);
	put_subtrees(&lists, 0xa1, excluded);
	put(out, 0x30, buf_bytes(&lists));
	buf_release(&lists);
}

static void put_names(struct buf *out, const struct general names[2])
{
	struct buf list = BUF_INIT(256);
	for (size_t i = 0; i < 2 && names[i].tag != 0; i++) {
		put(&list, names[i].tag, names[i].value);
	}
	put(out, 0x30, buf_bytes(&list));
	buf_release(&list);
}

static void check_row(const char *row, const struct x509_answer *answer, enum x509_reason want)
{
	if (answer->reason != want) {
		printf("%s: %s (%s)\n", row, x509_reason_name(answer->reason), answer->sentence);
	}
	CHECK(row, answer->reason == want);
	CHECK(row, answer->verdict == (want == X509_OK ? X509_ACCEPT : X509_REFUSE));
}

static void test_forms(const struct pki *root, const struct trust_set *trust)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		/* Critical or not: RFC 5280 demands the former; without it the constraint binds all the same. */
		for (unsigned critical = 0; critical < 2; critical++) {
			struct buf constraint = BUF_INIT(256), names = BUF_INIT(256);
			put_constraints(&constraint, &rows[i].permitted, &rows[i].excluded);
			put_names(&names, rows[i].names);
			const struct x509_make_extension on_ca = {
				"2.5.29.30", critical != 0, buf_bytes(&constraint)};
			const struct x509_make_extension on_leaf = {"2.5.29.17", false, buf_bytes(&names)};
			struct pki ca = pki_make(root,
				&(struct x509_make){.ca = true,
					.path_length = -1,
					.extensions = &on_ca,
					.extension_count = 1},
				"CA", NULL);
			struct pki leaf = pki_make(&ca,
				&(struct x509_make){.path_length = -1,
					.extensions = &on_leaf,
					.extension_count = rows[i].names[0].tag != 0 ? 1 : 0},
				"dev", NULL);
			struct x509_answer answer =
				pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
			check_row(rows[i].name, &answer, rows[i].want);
			pki_free(&ca);
			pki_free(&leaf);
			buf_release(&constraint);
			buf_release(&names);
		}
	}
}

/*
 * Who constrains (the anchor or the first CA) and who has the name (the first CA, the one below it, the leaf): root > CA >
 * second CA > dev. All of registeredID 1.2.3, which is permitted.
 */
enum who { NOBODY, ANCHOR, FIRST_CA, SECOND_CA, SELF_ISSUED_CA, DEVICE };
static const struct {
	const char *name;
	enum who constrains, named;
	enum x509_reason want;
	const char *sentence;
} places[] = {
	{"nobody has such a name", FIRST_CA, NOBODY, X509_OK,
		"certificate 'dev' was issued under the trusted CA 'Root'"},
	{"nobody constrains", NOBODY, DEVICE, X509_OK,
		"certificate 'dev' was issued under the trusted CA 'Root'"},
	{"the device, two CAs below", FIRST_CA, DEVICE, REFUSED,
		"of 'dev' the registered id cannot be held against the name constraints of CA 'CA'"},
	{"a CA below", FIRST_CA, SECOND_CA, REFUSED,
		"of 'Second CA' the registered id cannot be held against the name constraints of CA 'CA'"},
	{"RFC 5280 6.1.3 (b) a self-issued CA below is not held against it", FIRST_CA, SELF_ISSUED_CA,
		X509_OK, "certificate 'dev' was issued under the trusted CA 'Root'"},
	{"the CA itself", FIRST_CA, FIRST_CA, X509_OK,
		"certificate 'dev' was issued under the trusted CA 'Root'"},
	{"the anchor constrains, the device has it", ANCHOR, DEVICE, REFUSED,
		"of 'dev' the registered id cannot be held against the name constraints of CA 'Root'"},
	{"the anchor constrains, a CA has it", ANCHOR, FIRST_CA, REFUSED,
		"of 'CA' the registered id cannot be held against the name constraints of CA 'Root'"},
	{"the anchor constrains, nobody has it", ANCHOR, NOBODY, X509_OK,
		"certificate 'dev' was issued under the trusted CA 'Root'"},
	{"a device that constrains is no CA", DEVICE, NOBODY, REFUSED,
		"the name constraints of 'dev' are out of place: it is no CA on this path"},
};

static struct pki place_one(const struct pki *issuer, enum who who, size_t row, const char *common_name)
{
	static const struct general rid = RID_A, none = NO_NAME;
	static const struct general rids[2] = {RID_A, NO_NAME};
	struct buf constraint = BUF_INIT(256), names = BUF_INIT(256);
	struct x509_make_extension extensions[2];
	struct x509_make make = {.ca = who != DEVICE, .path_length = -1, .extensions = extensions};
	put_constraints(&constraint, &rid, &none);
	put_names(&names, rids);
	if (places[row].constrains == who) {
		extensions[make.extension_count++] =
			(struct x509_make_extension){"2.5.29.30", true, buf_bytes(&constraint)};
	}
	if (places[row].named == who || (who == SECOND_CA && places[row].named == SELF_ISSUED_CA)) {
		extensions[make.extension_count++] =
			(struct x509_make_extension){"2.5.29.17", false, buf_bytes(&names)};
	}
	struct pki made = pki_make(issuer, &make, common_name, NULL);
	buf_release(&constraint);
	buf_release(&names);
	return made;
}

static void test_places(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		struct pki root = place_one(NULL, ANCHOR, i, "Root");
		struct pki ca = place_one(&root, FIRST_CA, i, "CA");
		struct pki second =
			place_one(&ca, SECOND_CA, i, places[i].named == SELF_ISSUED_CA ? "CA" : "Second CA");
		struct pki leaf = place_one(&second, DEVICE, i, "dev");
		struct trust_set *trust = pki_trust(root.cert, NULL);
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, second.cert, ca.cert);
		check_row(places[i].name, &answer, places[i].want);
		CHECK(places[i].name, strcmp(answer.sentence, places[i].sentence) == 0);
		if (strcmp(answer.sentence, places[i].sentence) != 0) {
			printf("%s: %s\n", places[i].name, answer.sentence);
		}
		pki_free(&root);
		pki_free(&ca);
		pki_free(&second);
		pki_free(&leaf);
		trust_set_unref(trust);
	}
}

/* Subtrees that RFC 5280 4.2.1.10 does not let a CA write: refused whatever the names below are. */
static void test_odd_subtrees(const struct pki *root, const struct trust_set *trust)
{
	static const struct {
		const char *name;
		struct bytes value;
		enum x509_reason want;
	} odd[] = {
		{"permitted registeredID 1.2.3",
			{(const uint8_t *)"\x30\x08\xa0\x06\x30\x04\x88\x02\x2a\x03", 10}, X509_OK},
		{"minimum 1", {(const uint8_t *)"\x30\x0b\xa0\x09\x30\x07\x88\x02\x2a\x03\x80\x01\x01", 13},
			REFUSED},
		{"minimum 0 written out",
			{(const uint8_t *)"\x30\x0b\xa0\x09\x30\x07\x88\x02\x2a\x03\x80\x01\x00", 13},
			REFUSED},
		{"maximum", {(const uint8_t *)"\x30\x0b\xa0\x09\x30\x07\x88\x02\x2a\x03\x81\x01\x05", 13},
			REFUSED},
		{"neither list", {(const uint8_t *)"\x30\x00", 2}, REFUSED},
		{"an empty list", {(const uint8_t *)"\x30\x02\xa0\x00", 4}, REFUSED},
		{"the lists in the wrong order",
			{(const uint8_t *)"\x30\x10\xa1\x06\x30\x04\x88\x02\x2a\x03\xa0\x06\x30\x04\x88\x02"
					  "\x2a\x03",
				18},
			REFUSED},
		{"registeredID that is no object identifier",
			{(const uint8_t *)"\x30\x08\xa0\x06\x30\x04\x88\x02\x2a\x83", 10}, REFUSED},
		{"otherName without a value",
			{(const uint8_t *)"\x30\x0a\xa0\x08\x30\x06\xa0\x04\x06\x02\x2a\x03", 12}, REFUSED},
	};
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		const struct x509_make_extension extension = {"2.5.29.30", true, odd[i].value};
		struct pki ca = pki_make(root,
			&(struct x509_make){.ca = true,
				.path_length = -1,
				.extensions = &extension,
				.extension_count = 1},
			"CA", NULL);
		struct pki leaf = pki_leaf(&ca, "dev");
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
		check_row(odd[i].name, &answer, odd[i].want);
		pki_free(&ca);
		pki_free(&leaf);
	}
}

/* --- as much as a chain can hold --- */

#define TREES       330u
#define NAMES       190u   /* TREES * NAMES is just below what one verdict may compare */
#define ALLOCATIONS 20000u /* a few for each subtree and each name, and none for a pair */

/* CN=first, CN=first + 1 … as GeneralNames, each in `around` (GeneralSubtree) or as it is. */
static void put_directories(struct buf *out, unsigned first, unsigned count, bool subtrees)
{
	for (unsigned i = 0; i < count; i++) {
		static const char head[] =
			"\x30\x14\xa4\x12\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05";
		size_t skip = subtrees ? 0 : 2;
		REQUIRE("room", buf_append(out, bytes_of(head + skip, sizeof(head) - 1 - skip)) == ERR_OK &&
					buf_printf(out, "%05u", first + i) == ERR_OK);
	}
}

static void wrap(struct buf *out, uint8_t tag, struct bytes content)
{
	const uint8_t head[] = {tag, 0x82, (uint8_t)(content.len >> 8), (uint8_t)content.len};
	REQUIRE("room", buf_append(out, bytes_of(head, sizeof(head))) == ERR_OK &&
				buf_append(out, content) == ERR_OK);
}

/* A CA that excludes many names and a device that has many others. */
static void make_many(const struct pki *root, unsigned name_count, struct pki *ca, struct pki *leaf)
{
	struct buf list = BUF_INIT(16384), lists = BUF_INIT(16384), trees = BUF_INIT(16384);
	struct buf names = BUF_INIT(16384), sans = BUF_INIT(16384);
	put_directories(&list, 10000, TREES, true);
	wrap(&lists, 0xa1, buf_bytes(&list));
	wrap(&trees, 0x30, buf_bytes(&lists));
	put_directories(&names, 50000, name_count, false);
	wrap(&sans, 0x30, buf_bytes(&names));
	const struct x509_make_extension constraints = {"2.5.29.30", true, buf_bytes(&trees)};
	const struct x509_make_extension alternatives = {"2.5.29.17", false, buf_bytes(&sans)};
	*ca = pki_make(root,
		&(struct x509_make){
			.ca = true, .path_length = -1, .extensions = &constraints, .extension_count = 1},
		"CA", NULL);
	*leaf = pki_make(ca,
		&(struct x509_make){.path_length = -1,
			.client_auth = true,
			.extensions = &alternatives,
			.extension_count = 1},
		"dev", NULL);
	buf_release(&list), buf_release(&lists), buf_release(&trees);
	buf_release(&names), buf_release(&sans);
}

static void test_many(const struct pki *root, const struct trust_set *trust)
{
	struct pki ca, leaf;
	bool failed = true;
	make_many(root, NAMES, &ca, &leaf);
	/* A CA that we trust within bounds must not be able to keep a loop busy: names are not read for each pair. */
	test_alloc_fail_at(ALLOCATIONS);
	struct x509_answer answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
	CHECK("subtrees and names are read once each", !test_alloc_failed());
	test_alloc_fail_at(0);
	check_row("many names, none of them excluded", &answer, X509_OK);
	for (unsigned long n = 1; failed && n < ALLOCATIONS; n += n < 40 ? 1 : 97) {
		test_alloc_fail_at(n);
		answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails: refused for memory, or not needed",
			answer.reason == X509_OK || (failed && answer.reason == X509_NO_MEMORY));
	}
	pki_free(&ca);
	pki_free(&leaf);
}

/* RFC 5280 6.1 bounds no path; a verdict here does, over all of them. */
static void test_bound(const struct pki *root, const struct trust_set *trust)
{
	struct pki ca, leaf, again[3];
	struct x509_make make = {.ca = true, .path_length = -1};
	make_many(root, NAMES + 3, &ca, &leaf);
	struct x509_answer answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
	check_row("one path, more than one verdict may cost", &answer, X509_LIMIT);
	CHECK("the sentence",
		strcmp(answer.sentence, "the name constraints of the CAs above 'dev' would cost "
					"too much work (at most 65536 steps)") == 0);
	CHECK("the count", answer.constraint_steps > X509_CONSTRAINT_STEPS_MAX - 64 &&
				   answer.constraint_steps <= X509_CONSTRAINT_STEPS_MAX);
	pki_free(&ca);
	pki_free(&leaf);

	/* The CA's certificate was renewed: as many paths as there are certificates, each of half the cost. */
	make_many(root, NAMES / 2 - 1, &ca, &leaf);
	bool critical = false;
	const struct x509_make_extension constraints = {
		"2.5.29.30", true, cert_extension(ca.cert, "2.5.29.30", &critical)};
	const struct cert *chain[ARRAY_COUNT(again) + 1] = {leaf.cert};
	make.extensions = &constraints;
	make.extension_count = 1;
	for (size_t i = 0; i < ARRAY_COUNT(again); i++) {
		again[i] = pki_make(root, &make, "CA", &ca.key);
		chain[i + 1] = again[i].cert;
	}
	struct x509_question question = {.chain = chain,
		.chain_count = 2,
		.trust = trust,
		.now = PKI_NOW,
		.purpose = X509_PURPOSE_CLIENT,
		.explicit_policy =
			true}; /* is asked of each path behind its name constraints, and refuses it */
	x509_judge(&question, &answer);
	check_row("one path of these", &answer, X509_POLICY);
	unsigned one = answer.constraint_steps;
	CHECK("about half", one > X509_CONSTRAINT_STEPS_MAX / 3 && one < X509_CONSTRAINT_STEPS_MAX / 2);
	question.chain_count = 3;
	x509_judge(&question, &answer);
	check_row("two", &answer, X509_POLICY);
	CHECK("two: twice the count", answer.constraint_steps == 2 * one);
	question.chain_count = 4;
	x509_judge(&question, &answer);
	check_row("three: what refused the first is what is told", &answer, X509_POLICY);
	CHECK("three: no more than one verdict may cost",
		answer.constraint_steps > 2 * one && answer.constraint_steps <= X509_CONSTRAINT_STEPS_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(again); i++) {
		pki_free(&again[i]);
	}
	pki_free(&ca);
	pki_free(&leaf);
}

/* The steps that an e-mail address of so many octets costs below a CA that excludes one host. */
static unsigned steps_of_email(const struct pki *root, const struct trust_set *trust, size_t len)
{
	static const struct general excluded = {0x81, {(const uint8_t *)"x.example", 9}};
	struct buf lists = BUF_INIT(256), name = BUF_INIT(8192), sans = BUF_INIT(8192);
	put_constraints(&lists, &(struct general){0}, &excluded);
	for (size_t i = 0; i < len - 10; i++) {
		REQUIRE("room", buf_append_text(&name, "a") == ERR_OK);
	}
	REQUIRE("room", buf_append_text(&name, "@y.example") == ERR_OK);
	wrap(&sans, 0x81, buf_bytes(&name));
	name.len = 0;
	wrap(&name, 0x30, buf_bytes(&sans));
	const struct x509_make_extension constraints = {"2.5.29.30", true, buf_bytes(&lists)};
	const struct x509_make_extension alternatives = {"2.5.29.17", false, buf_bytes(&name)};
	struct pki ca = pki_make(root,
		&(struct x509_make){
			.ca = true, .path_length = -1, .extensions = &constraints, .extension_count = 1},
		"CA", NULL);
	struct pki leaf = pki_make(&ca,
		&(struct x509_make){.path_length = -1, .extensions = &alternatives, .extension_count = 1},
		"dev", NULL);
	struct x509_answer answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
	check_row("another host's", &answer, X509_OK);
	pki_free(&ca), pki_free(&leaf);
	buf_release(&lists), buf_release(&name), buf_release(&sans);
	return answer.constraint_steps;
}

static void test_long_names(const struct pki *root, const struct trust_set *trust)
{
	unsigned plain = steps_of_email(root, trust, 300);
	/* 64 octets a step, once as it is read and once as it is held against the one subtree. */
	CHECK("a long name costs as it is long",
		steps_of_email(root, trust, 300 + 64 * 50) == plain + 2 * 50);
}

int main(void)
{
	pki_init();
	struct pki root = pki_root("Root");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	test_forms(&root, trust);
	test_places();
	test_odd_subtrees(&root, trust);
	test_many(&root, trust);
	test_bound(&root, trust);
	test_long_names(&root, trust);
	trust_set_unref(trust);
	pki_free(&root);
	crypto_cleanup();
	return test_result();
}
