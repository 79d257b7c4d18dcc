/*
 * test_net_oversized.c - what strangers may cost: bags of 100 certificates, huge messages, thousands of tiny records.
 * Owns:    its kits; a temporary folder for the openssl command's files.
 * Threads: main is the control loop and writes raw bytes; foreign clients are processes of their own.
 *
 * The figures that it prints are of this process: processor time, and the peak of resident memory above what it had before,
 * for ATTACKERS connections at a time. Measured (release, x86-64): see docs/performance.md.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/wire.h"
#include "net_kit.h"
#include "tests/test.h"

#define ATTACKERS 32u
#define WIRE_MAX  (256u * 1024u)
/* Of one attacker: far above what is measured, far below what would hurt. */
#define PEAK_KB_MAX 256u
#define CPU_MS_MAX  250u
#ifdef __SANITIZE_ADDRESS__
#define COUNTS_MEMORY false
#elif defined(__SANITIZE_THREAD__)
#define COUNTS_MEMORY false
#else
#define COUNTS_MEMORY true
#endif

/* --- measuring --- */

static size_t status_kb(const char *key)
{
	char line[256];
	size_t kb = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			kb = strtoul(line + strlen(key), NULL, 10);
		}
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	return kb;
}

struct meter {
	size_t kb;
	struct timespec cpu;
};

static struct meter meter_start(void)
{
	struct meter meter = {.kb = 0};
	(void)malloc_trim(0);
	FILE *file = fopen("/proc/self/clear_refs", "w");
	if (file != NULL) {
		(void)fputs("5", file); /* the peak begins anew */
		(void)fclose(file);
	}
	meter.kb = status_kb("VmRSS:");
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &meter.cpu);
	return meter;
}

static void meter_stop(const char *row, const struct meter *start, unsigned attackers)
{
	struct timespec now;
	size_t peak = status_kb("VmHWM:");
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	double cpu_ms = (double)(now.tv_sec - start->cpu.tv_sec) * 1e3 +
			(double)(now.tv_nsec - start->cpu.tv_nsec) / 1e6;
	size_t each = peak > start->kb ? (peak - start->kb) / attackers : 0;
	(void)printf("  %-44s peak %4zu kB, %7.2f ms of CPU for each of %u\n", row, each, cpu_ms / attackers,
		attackers);
	CHECK(row, !COUNTS_MEMORY || each <= PEAK_KB_MAX);
	CHECK(row, !COUNTS_MEMORY || cpu_ms / attackers <= CPU_MS_MAX);
}

/* --- raw attackers --- */

static void put(struct buf *out, const char *hex)
{
	struct test_bytes bytes = test_hex(hex);
	REQUIRE("room", buf_append(out, test_bytes_view(&bytes)) == ERR_OK);
}

static void put_many(struct buf *out, const char *hex, unsigned times)
{
	struct test_bytes bytes = test_hex(hex);
	for (unsigned i = 0; i < times; i++) {
		REQUIRE("room", buf_append(out, test_bytes_view(&bytes)) == ERR_OK);
	}
}

static void put_hello(struct buf *out, int version)
{
	uint8_t hello[4096];
	size_t len = kit_hello(version, hello, sizeof(hello));
	REQUIRE("room", buf_append(out, bytes_of(hello, len)) == ERR_OK);
}

/* A real hello in records of one byte. */
static void tiny_hello(struct buf *out)
{
	uint8_t hello[4096];
	size_t len = kit_hello(13, hello, sizeof(hello));
	for (size_t i = 5; i < len; i++) {
		put(out, "16 0301 0001");
		REQUIRE("room", buf_append(out, bytes_of(&hello[i], 1)) == ERR_OK);
	}
}

static void many_extensions(struct buf *out, unsigned count)
{
	struct wire_writer writer = wire_writer_init(out);
	size_t body = 2 + 32 + 1 + 4 + 2 + 2 + (size_t)count * 4, sent = 0;
	struct buf message = BUF_INIT(WIRE_MAX);
	struct wire_writer inner = wire_writer_init(&message);
	wire_put_u32(&inner, 0x01000000u | (uint32_t)body);
	wire_put_u16(&inner, 0x0303);
	for (unsigned i = 0; i < 32; i++) {
		wire_put_u8(&inner, 7);
	}
	wire_put_u8(&inner, 0);
	wire_put_u16(&inner, 2);
	wire_put_u16(&inner, 0x1301);
	wire_put_u16(&inner, 0x0100);
	wire_put_u16(&inner, (uint16_t)(count * 4));
	for (unsigned i = 0; i < count; i++) {
		wire_put_u16(&inner, (uint16_t)(1000 + i));
		wire_put_u16(&inner, 0);
	}
	while (sent < message.len) {
		size_t part = message.len - sent < 16384 ? message.len - sent : 16384;
		wire_put_u8(&writer, 22);
		wire_put_u16(&writer, 0x0301);
		wire_put_u16(&writer, (uint16_t)part);
		wire_put_bytes(&writer, bytes_of(message.data + sent, part));
		sent += part;
	}
	REQUIRE("a hello", wire_writer_err(&writer) == ERR_OK && wire_writer_err(&inner) == ERR_OK);
	buf_release(&message);
}

static void make_extensions_4000(struct buf *out)
{
	many_extensions(out, 4000);
}

static void make_extensions_16k(struct buf *out)
{
	many_extensions(out, 16000);
}

static void make_announced(struct buf *out)
{
	put(out, "16 0301 4000 01 ffffff 0303");
	put_many(out, "00", 16384 - 6);
}

/* 16 kB and no end: what a stranger can make us hold. */
static void make_unfinished(struct buf *out)
{
	put(out, "16 0301 4000 01 003fff 0303");
	put_many(out, "00", 16384 - 7);
}

static void make_changes(struct buf *out)
{
	put_hello(out, 13);
	put_many(out, "14 0303 0001 01", 10000);
}

static void make_tiny_certificate(struct buf *out)
{
	put_hello(out, 12);
	put(out, "16 0303 0004 0b 00ffff");
	put_many(out, "16 0303 0001 00", 10000);
}

/* One that the library would take, and the most work to put together. */
static void make_tiny_certificate_15k(struct buf *out)
{
	put_hello(out, 12);
	put(out, "16 0303 0004 0b 003a98");
	put_many(out, "16 0303 0001 00", 10400);
}

static void make_empty_records(struct buf *out)
{
	put_hello(out, 12);
	put_many(out, "16 0303 0000", 10000);
}

static void make_16_mb(struct buf *out)
{
	put_hello(out, 12);
	put(out, "16 0303 4000 0b ffffff");
	put_many(out, "00", 16384 - 4);
}

static void make_certificate_60k(struct buf *out)
{
	put_hello(out, 12);
	for (unsigned i = 0; i < 4; i++) {
		put(out, i == 0 ? "16 0303 4000 0b 00f000 00efed 00efea"
				: "16 0303 4000 00000000 00000000 0000");
		put_many(out, "00", 16384 - 10);
	}
}

static void make_alerts(struct buf *out)
{
	put_hello(out, 12);
	put_many(out, "15 0303 0002 01 5a", 9000);
}

/* A hello, and the same again and again. */
static void make_hellos(struct buf *out)
{
	for (unsigned i = 0; i < 40; i++) {
		put_hello(out, 12);
	}
}

/* --- a key that costs whoever checks a signature with it --- */

static void wrap(struct buf *out, uint8_t tag, struct bytes content)
{
	struct wire_writer writer = wire_writer_init(out);
	wire_put_u8(&writer, tag);
	wire_put_u8(&writer, 0x82);
	wire_put_u16(&writer, (uint16_t)content.len);
	wire_put_bytes(&writer, content);
	REQUIRE("DER", wire_writer_err(&writer) == ERR_OK);
}

static void put_number(struct buf *out, uint8_t first, size_t len)
{
	struct buf number = BUF_INIT(1024);
	REQUIRE("room", buf_append_u8(&number, first) == ERR_OK);
	while (number.len < len) {
		REQUIRE("room", buf_append_u8(&number, 0xb5) == ERR_OK);
	}
	wrap(out, 0x02, buf_bytes(&number));
	buf_release(&number);
}

/* Of 4,087 bits: for 2048, 3072 and 4096 the library has code that takes no long exponent. */
#define COSTLY_BYTES 511u

static void put_costly_key(struct buf *out)
{
	struct buf numbers = BUF_INIT(4096), bits = BUF_INIT(4096), info = BUF_INIT(4096);
	put_number(&numbers, 0x7f, COSTLY_BYTES);
	put_number(&numbers, 0x6f, COSTLY_BYTES);
	put(&bits, "00");
	wrap(&bits, 0x30, buf_bytes(&numbers));
	put(&info, "30 0d 06 09 2a864886f70d010101 05 00");
	wrap(&info, 0x03, buf_bytes(&bits));
	wrap(out, 0x30, buf_bytes(&info));
	buf_release(&numbers), buf_release(&bits), buf_release(&info);
}

/* Signed by nobody, with a key that nobody has: it need not be good to be worked on. */
static void put_costly_certificate(struct buf *out)
{
	struct buf tbs = BUF_INIT(8192), all = BUF_INIT(8192);
	put(&tbs, "a0 03 02 01 02  02 01 01  30 0d 06 09 2a864886f70d01010b 05 00");
	put(&tbs, "30 0c 31 0a 30 08 06 03 550403 0c 01 78");
	put(&tbs, "30 1e 17 0d 3235303130313030303030305a 17 0d 3439303130313030303030305a");
	put(&tbs, "30 0c 31 0a 30 08 06 03 550403 0c 01 78");
	put_costly_key(&tbs);
	wrap(&all, 0x30, buf_bytes(&tbs));
	put(&all, "30 0d 06 09 2a864886f70d01010b 05 00  03 05 00 01020304");
	wrap(out, 0x30, buf_bytes(&all));
	buf_release(&tbs), buf_release(&all);
}

static void put_message(struct buf *out, uint8_t type, struct bytes body)
{
	struct wire_writer writer = wire_writer_init(out);
	wire_put_u8(&writer, 22);
	wire_put_u16(&writer, 0x0303);
	wire_put_u16(&writer, (uint16_t)(body.len + 4));
	wire_put_u32(&writer, (uint32_t)type << 24 | (uint32_t)body.len);
	wire_put_bytes(&writer, body);
	REQUIRE("room", wire_writer_err(&writer) == ERR_OK);
}

/* TLS 1.2, all of it made beforehand: the attacker computes nothing. */
static void make_costly_key(struct buf *out)
{
	struct buf cert = BUF_INIT(8192), body = BUF_INIT(8192);
	struct wire_writer writer = wire_writer_init(&body);
	put_costly_certificate(&cert);
	put_hello(out, 12);
	wire_put_u8(&writer, 0);
	wire_put_u16(&writer, (uint16_t)(cert.len + 3));
	wire_put_u8(&writer, 0);
	wire_put_u16(&writer, (uint16_t)cert.len);
	wire_put_bytes(&writer, buf_bytes(&cert));
	put_message(out, 11, buf_bytes(&body));
	body.len = 0;
	put(&body,
		"41 04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"); /* P-256: its base point */
	put_message(out, 16, buf_bytes(&body));
	body.len = 0;
	put(&body, "0804 01ff");
	put_many(&body, "25", COSTLY_BYTES);
	put_message(out, 15, buf_bytes(&body));
	buf_release(&cert), buf_release(&body);
}

/* At a channel with SSLCAUTH(NEVER). */
static void make_unasked(struct buf *out)
{
	make_costly_key(out);
}

static const struct {
	const char *name;
	void (*make)(struct buf *out);
	enum io_close why;
	enum tls_failure want; /* COUNT_: whichever of the library's */
} attacks[] = {
	{"an RSA key with a long exponent", make_costly_key, IO_CLOSE_TLS, TLS_FAILURE_CERTIFICATE_LIMIT},
	{"the same, and nobody asked for it", make_unasked, IO_CLOSE_TLS, TLS_FAILURE_RECORD},
	{"a hello in records of one byte", tiny_hello, IO_CLOSE_TLS, TLS_FAILURE_HELLO},
	{"a hello of 4,000 extensions", make_extensions_4000, IO_CLOSE_TLS, TLS_FAILURE_HELLO},
	{"a hello of 16,000 extensions", make_extensions_16k, IO_CLOSE_TLS, TLS_FAILURE_HELLO},
	{"a hello of 16 MB", make_announced, IO_CLOSE_TLS, TLS_FAILURE_HELLO},
	{"a hello of 16 kB without its end", make_unfinished, IO_CLOSE_TIMEOUT, TLS_FAILURE_NONE},
	{"10,000 ChangeCipherSpec records", make_changes, IO_CLOSE_COUNT_, TLS_FAILURE_COUNT_},
	{"a Certificate in records of one byte", make_tiny_certificate, IO_CLOSE_COUNT_, TLS_FAILURE_COUNT_},
	{"a Certificate of 15 kB in records of one byte", make_tiny_certificate_15k, IO_CLOSE_TIMEOUT,
		TLS_FAILURE_COUNT_},
	{"10,000 empty records", make_empty_records, IO_CLOSE_TLS, TLS_FAILURE_COUNT_},
	{"a Certificate of 16 MB", make_16_mb, IO_CLOSE_TLS, TLS_FAILURE_COUNT_},
	{"a Certificate of 60 kB", make_certificate_60k, IO_CLOSE_COUNT_, TLS_FAILURE_COUNT_},
	{"9,000 warnings", make_alerts, IO_CLOSE_TLS, TLS_FAILURE_COUNT_},
	{"40 hellos", make_hellos, IO_CLOSE_TLS, TLS_FAILURE_COUNT_},
};

static void test_raw(const struct kit_cert *identity)
{
	for (size_t i = 0; i < ARRAY_COUNT(attacks); i++) {
		const char *row = attacks[i].name;
		struct kit kit = {0};
		struct kit_client clients[ATTACKERS];
		struct buf wire = BUF_INIT(WIRE_MAX);
		struct tls_context *tls = kit_context(identity,
			attacks[i].make == make_unasked ? TLS_CLIENT_AUTH_NEVER : TLS_CLIENT_AUTH_REQUIRED,
			NULL);
		attacks[i].make(&wire);
		kit_open(&kit, 1, tls, &(struct io_limits){.handshake_ms = 1500});
		tls_context_unref(tls);
		struct meter meter = meter_start();
		for (unsigned j = 0; j < ATTACKERS; j++) {
			REQUIRE(row, kit_connect(&clients[j], listener_port(kit.listener)));
		}
		for (unsigned j = 0; j < ATTACKERS; j++) {
			/* It may be cut before it has said all. */
			(void)kit_send(&clients[j], buf_bytes(&wire));
		}
		CHECK(row, kit_wait(&kit, &kit.app.closed, ATTACKERS));
		meter_stop(row, &meter, ATTACKERS);
		CHECK(row, atomic_load(&kit.app.secure) == 0);
		unsigned why = atomic_load(&kit.app.last_why), failure = atomic_load(&kit.app.last_failure);
		CHECK(row, attacks[i].why == IO_CLOSE_COUNT_ ? why == IO_CLOSE_TLS || why == IO_CLOSE_FLOOD
							     : why == (unsigned)attacks[i].why);
		CHECK(row, attacks[i].want == TLS_FAILURE_COUNT_ || failure == (unsigned)attacks[i].want);
		(void)printf("    %s, %s: %s\n", io_close_name((enum io_close)why),
			tls_failure_name((enum tls_failure)failure), kit.app.detail);
		for (unsigned j = 0; j < ATTACKERS; j++) {
			kit_hang_up(&clients[j]);
		}
		buf_release(&wire);
		kit_close(&kit);
	}
}

/* --- real clients --- */

static bool run(const char *command)
{
	int status = system(command); /* no input but our own literals and a port */
	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct {
	const char *name, *arguments;
} bags[] = {
	{"100 certificates, 1.3", "-tls1_3 -cert_chain bag.pem"},
	{"100 certificates, 1.2", "-tls1_2 -cert_chain bag.pem"},
	{"10 certificates, 1.3", "-tls1_3 -cert_chain ten.pem"},
	{"10 certificates, 1.2", "-tls1_2 -cert_chain ten.pem"},
};

static void test_bags(const struct kit_cert *identity, const char *folder)
{
	char command[1024];
	(void)snprintf(command, sizeof(command),
		"cd '%s' && for n in device other; do openssl req -x509 -newkey ec -pkeyopt "
		"ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$n -keyout $n.key -out $n.pem 2>err || "
		"exit 1; "
		"done; for i in $(seq 100); do cat other.pem; done >bag.pem; for i in $(seq 9); do cat "
		"other.pem; "
		"done >ten.pem",
		folder);
	REQUIRE("certificates", run(command));
	for (size_t i = 0; i < ARRAY_COUNT(bags); i++) {
		const char *row = bags[i].name;
		struct kit kit = {0};
		struct tls_context *tls = kit_context(identity, TLS_CLIENT_AUTH_REQUIRED, NULL);
		kit_open(&kit, 1, tls, NULL);
		tls_context_unref(tls);
		struct meter meter = meter_start();
		(void)snprintf(command, sizeof(command),
			"cd '%s' && (sleep 1; echo Q) 2>/dev/null | timeout 15 openssl s_client -connect "
			"127.0.0.1:%u "
			"-cert "
			"device.pem -key device.key %s >out 2>err",
			folder, listener_port(kit.listener), bags[i].arguments);
		(void)run(command);
		CHECK(row, kit_wait(&kit, &kit.app.closed, 1));
		meter_stop(row, &meter, 1);
		CHECK(row, atomic_load(&kit.app.secure) == 0);
		CHECK(row, atomic_load(&kit.app.last_why) == IO_CLOSE_TLS);
		CHECK(row, atomic_load(&kit.app.last_failure) == TLS_FAILURE_CERTIFICATE_LIMIT);
		(void)printf("    %s\n", kit.app.detail);
		kit_close(&kit);
	}
}

/* A real client with more to say than anybody needs: 120 protocols of 200 bytes. */
static void test_long_hello(const struct kit_cert *identity, const char *folder)
{
	struct kit kit = {0};
	struct tls_context *tls = kit_context(identity, TLS_CLIENT_AUTH_REQUIRED, NULL);
	char command[1024];
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	struct meter meter = meter_start();
	(void)snprintf(command, sizeof(command),
		"cd '%s' && echo Q | timeout 15 openssl s_client -connect 127.0.0.1:%u -alpn "
		"\"$(for i in $(seq 120); do printf '%%0200d,' $i; done)mqtt\" >out 2>err; grep -q 'alert "
		"number 40' err",
		folder, listener_port(kit.listener));
	CHECK("a hello of 24 kB: an alert", run(command));
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	meter_stop("a hello of 24 kB (openssl)", &meter, 1);
	CHECK("by name", atomic_load(&kit.app.last_failure) == TLS_FAILURE_HELLO);
	kit_close(&kit);
}

int main(void)
{
	struct kit_cert *identity = kit_cert_new(&(struct kit_cert_options){.name = "broker"});
	test_raw(identity);
	if (run("openssl version >/dev/null 2>&1")) {
		test_bags(identity, test_folder());
		test_long_hello(identity, test_folder());
	} else {
		(void)printf("  no openssl command: bags of certificates were not tried\n");
	}
	kit_cert_free(identity);
	return test_result();
}
