/*
 * attributes.c - what each class of object can be told, with ranges, defaults and one line of help.
 * Owns:    nothing; tables only. The manual pages are printed from here.
 * Never:   branches on a class.
 * Threads: any.
 */
#include "mqsc/mqsc.h"

static const char *const words_chltype[] = {"MQTT", NULL};
static const char *const words_trptype[] = {"TCP", NULL};
static const char *const words_no_yes[] = {"NO", "YES", NULL};
static const char *const words_sslcauth[] = {"NEVER", "OPTIONAL", "REQUIRED", NULL};
static const char *const words_protocol[] = {"MQTTV3", "MQTTV311", "MQTTV5", NULL};
static const char *const words_revcheck[] = {"NONE", "IFAVAIL", "REQUIRED", NULL};
static const char *const words_revlive[] = {"KEEP", "CLOSE", NULL};
static const char *const words_crlfetch[] = {"NONE", "LISTED", "CDP", NULL};
static const char *const words_ocspfetch[] = {"NONE", "LISTED", "AIA", NULL};
static const char *const words_ocspauth[] = {"REQUIRED", "WARN", "OPTIONAL", NULL};
static const char *const words_authtype[] = {"OCSP", "CRLURL", NULL};
static const char *const words_gates[] = {"PATH", "CRL", "CHLAUTH", "OWNER", "AUTHORITY", NULL};
static const char *const words_chlauth_type[] = {
	"BLOCKUSER", "BLOCKADDR", "SSLPEERMAP", "ADDRESSMAP", "USERMAP", NULL};
static const char *const words_usersrc[] = {"MAP", "NOACCESS", "CHANNEL", NULL};
static const char *const words_objtype[] = {"QMGR", "TOPIC", NULL};
static const char *const words_rights[] = {"CONNECT", "PUB", "SUB", NULL};
static const char *const words_mode[] = {"ENABLED", "DISABLED", "WARN", NULL};

#define TEXT(key, max, help)                                                                                 \
	{                                                                                                    \
		key, ATTRIBUTE_TEXT, 0, max, NULL, NULL, false, help                                         \
	}
#define TEXT_WITH_BLANKS(key, max, help)                                                                     \
	{                                                                                                    \
		key, ATTRIBUTE_TEXT, 0, max, NULL, NULL, true, help                                          \
	}
#define NUMBER(key, min, max, initial, help)                                                                 \
	{                                                                                                    \
		key, ATTRIBUTE_NUMBER, min, max, NULL, initial, false, help                                  \
	}
#define WORD(key, words, initial, help)                                                                      \
	{                                                                                                    \
		key, ATTRIBUTE_WORD, 0, 0, words, initial, false, help                                       \
	}
#define LIST(key, max, help)                                                                                 \
	{                                                                                                    \
		key, ATTRIBUTE_LIST, 0, max, NULL, NULL, false, help                                         \
	}
#define WORDS(key, words, initial, help)                                                                     \
	{                                                                                                    \
		key, ATTRIBUTE_WORDS, 0, 0, words, initial, false, help                                      \
	}

static const struct attribute channel_attributes[] = {
	WORD("CHLTYPE", words_chltype, "MQTT", "type of channel"),
	WORD("TRPTYPE", words_trptype, "TCP", "transport"),
	TEXT("DESCR", 64, "description"),
	NUMBER("PORT", 0, 65535, "1883", "TCP port; 0 lets the system choose"),
	TEXT("LOCLADDR", 48, "local address to listen on; blank is every address (a TLS channel only)"),
	NUMBER("BACKLOG", 0, 999999999, "4096", "connections that may wait to be accepted"),
	WORDS("PROTOCOL", words_protocol, "MQTTV311,MQTTV5", "protocol levels that are served"),
	TEXT("MCAUSER", AUTH_USER_BYTES_MAX, "user that sessions run as where no rule maps one"),
	WORD("USECLTID", words_no_yes, "NO", "YES: the client identifier is the user (not with MCAUSER)"),
	TEXT("JAASCFG", 64, "entry of the login configuration; blank: no login modules"),
	TEXT("SSLCIPH", 64, "CipherSpec or ANY_TLS12_OR_HIGHER and the like; blank: ANY_TLS12_OR_HIGHER"),
	WORD("SSLCAUTH", words_sslcauth, "REQUIRED",
		"client certificate: never asked for, optional, required (with SSLKEYR)"),
	TEXT("SSLKEYR", 512,
		"path of the keystore (PKCS#12): keys, trusted roots, pinned certificates. Set: the channel "
		"speaks TLS"),
	TEXT("SSLKEYP", 512, "where its passphrase is: file:PATH, fd:N, env:NAME or cred:NAME"),
	LIST("CERTLABL", 64,
		"aliases of the keys to serve, by the name that a client asks for and the kind of key that "
		"it can use; the "
		"first is the default; blank: every key of the keystore"),
	WORD("STAPLE", words_no_yes, "NO",
		"YES: clients that ask get an OCSP response with the certificate, fetched ahead from the "
		"responder that it "
		"names, else from REVINFO's"),
	TEXT("SSLPEER", AUTH_DN_PATTERN_BYTES_MAX,
		"pattern that every client certificate's subject must match"),
	TEXT("CRLFILE", 512, "certificate revocation lists: a file or a folder, which is watched"),
	WORD("REVCHECK", words_revcheck, NULL,
		"revocation check; blank: REQUIRED with CRLFILE, REVINFO, CRLFETCH(CDP) or OCSPFETCH(AIA), "
		"else "
		"NONE"),
	LIST("REVINFO", AUTH_OBJECT_NAME_BYTES_MAX,
		"AUTHINFO objects that revocation is asked of: at most one of type OCSP, and CRLURLs"),
	WORD("CRLFETCH", words_crlfetch, "LISTED",
		"lists are fetched: never, from REVINFO, or also from a certificate's distribution points, "
		"with "
		"deltas"),
	WORD("OCSPFETCH", words_ocspfetch, "LISTED",
		"responders are asked: none, REVINFO's, or also those that a certificate names (AIA)"),
	WORD("OCSPAUTH", words_ocspauth, "REQUIRED",
		"what to do where OCSP is used and does not know: refuse, admit and say so, or admit"),
	NUMBER("REVSTALE", 0, 31536000, "0",
		"seconds past its nextUpdate in which a list or an answer still counts"),
	NUMBER("REVWAIT", 1, 300, "10",
		"seconds that a connection may wait for revocation data, within CONNTIMEO"),
	NUMBER("REVPARK", 0, 1000000, "1000",
		"connections that may wait for revocation data in the whole broker when one of this channel "
		"joins them"),
	WORD("REVLIVE", words_revlive, "KEEP",
		"CLOSE: revocation that is no longer known closes live sessions too"),
	WORD("RESUME", words_no_yes, "YES",
		"NO: every TLS handshake is a full one; no session ticket is given out or accepted"),
	NUMBER("CUTMAX", 0, 100, "5",
		"percent of the channel's live sessions, but never fewer than 10 sessions, that a command "
		"may "
		"close without FORCE"),
	WORD("CUTHOLD", words_no_yes, "YES",
		"YES: a watched keystore file that would close more than CUTMAX is not taken before REFRESH "
		"SECURITY TYPE(SSL) FORCE"),
	LIST("CERTPOL", 255,
		"certificate policies (object identifiers), one of which a client certificate's path must "
		"hold for; blank: none is asked for"),
	WORD("ALLOWSHA1", words_no_yes, "NO", "YES: SHA-1 signatures are accepted"),
	WORD("INSECASSERT", words_no_yes, "NO",
		"YES: a user name that nothing verified may become the effective user"),
	WORD("WILLREVOKED", words_no_yes, "NO",
		"YES: the will of a session closed as revoked or disabled is published"),
	NUMBER("MAXINST", 1, 999999999, "999999999", "connections at one time"),
	NUMBER("MAXMSGL", 256, 268435455, "1048576", "bytes of the largest packet"),
	NUMBER("CONNTIMEO", 1, 300, "20", "seconds from accept to an accepted CONNECT"),
	NUMBER("FAILDLAY", 0, 60, "1", "seconds before a failed login is answered"),
	WORDS("INSECGATE", words_gates, NULL,
		"gates that stand open; only under lockgate run --insecure-test-gates"),
};

static const struct attribute topic_attributes[] = {
	TEXT_WITH_BLANKS("TOPICSTR", 10240,
		"topic string of the object; may hold ${clientid}, ${user}, ${cn} as whole levels"),
	TEXT("DESCR", 64, "description"),
};

static const struct attribute chlauth_attributes[] = {
	WORD("TYPE", words_chlauth_type, NULL, "type of record"),
	TEXT("SSLPEER", AUTH_DN_PATTERN_BYTES_MAX, "pattern for the certificate's subject (SSLPEERMAP)"),
	TEXT("SSLCERTI", AUTH_DN_PATTERN_BYTES_MAX, "pattern for the certificate's issuer (SSLPEERMAP)"),
	TEXT("SSLFPRT", 95,
		"SHA-256 fingerprint of the certificate in hex (SSLPEERMAP; for pinned certificates)"),
	TEXT("CLNTUSER", AUTH_USER_BYTES_MAX, "the user name that the client gave (USERMAP)"),
	TEXT("ADDRESS", 264, "pattern for the client's address"),
	LIST("USERLIST", AUTH_USER_BYTES_MAX,
		"users that are refused (BLOCKUSER); *MQADMIN is every privileged user"),
	LIST("ADDRLIST", 48, "addresses that are refused before a byte is read (BLOCKADDR)"),
	WORD("USERSRC", words_usersrc, "MAP",
		"MAP: run as MCAUSER; NOACCESS: refuse; CHANNEL: as the channel says"),
	TEXT("MCAUSER", AUTH_USER_BYTES_MAX, "user that the session runs as (USERSRC(MAP))"),
	WORD("WARN", words_no_yes, "NO", "YES: a refusal is only logged"),
	TEXT("DESCR", 64, "description"),
};

static const struct attribute authrec_attributes[] = {
	WORD("OBJTYPE", words_objtype, NULL, "type of object"),
	TEXT("PRINCIPAL", AUTH_USER_BYTES_MAX, "the user that is granted something"),
	WORDS("AUTHLIST", words_rights, NULL, "what is granted: CONNECT on QMGR; PUB, SUB on TOPIC"),
};

static const struct attribute authinfo_attributes[] = {
	WORD("AUTHTYPE", words_authtype, NULL,
		"OCSP: a responder. CRLURL: an address of revocation lists. No other type is served"),
	TEXT("DESCR", 64, "description"),
	TEXT("OCSPURL", 256, "address of the responder, http[s]://HOST[:PORT][/PATH] (AUTHTYPE(OCSP))"),
	TEXT("CRLURL", 512, "address of the list, http[s]://HOST[:PORT]/PATH (AUTHTYPE(CRLURL))"),
};

static const struct attribute qmgr_attributes[] = {
	TEXT("DESCR", 64, "description"),
	WORD("CHLAUTH", words_mode, "ENABLED",
		"channel authentication records: in force, ignored, or only logged"),
	LIST("REVALLOW", 300,
		"where revocation data may be fetched from although it is private: HOST, HOST:PORT, an "
		"address "
		"or a network (192.0.2.0/24). What an AUTHINFO names needs no mention"),
	TEXT("REVCAFILE", 512,
		"PEM file of the roots that https servers of revocation data are trusted by; blank: http "
		"only"),
};

static const struct {
	const char *name;
	const struct attribute *attributes;
	size_t count;
} classes[OBJECT_CLASS_COUNT_] = {
	[OBJECT_CHANNEL] = {"CHANNEL", channel_attributes, ARRAY_COUNT(channel_attributes)},
	[OBJECT_TOPIC] = {"TOPIC", topic_attributes, ARRAY_COUNT(topic_attributes)},
	[OBJECT_CHLAUTH] = {"CHLAUTH", chlauth_attributes, ARRAY_COUNT(chlauth_attributes)},
	[OBJECT_AUTHREC] = {"AUTHREC", authrec_attributes, ARRAY_COUNT(authrec_attributes)},
	[OBJECT_AUTHINFO] = {"AUTHINFO", authinfo_attributes, ARRAY_COUNT(authinfo_attributes)},
	[OBJECT_QMGR] = {"QMGR", qmgr_attributes, ARRAY_COUNT(qmgr_attributes)},
};

const char *object_class_name(enum object_class class)
{
	return classes[class].name;
}

const struct attribute *object_attributes(enum object_class class, size_t *count)
{
	*count = classes[class].count;
	return classes[class].attributes;
}
