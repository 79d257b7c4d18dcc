/*
 * Goal: OCSP answers are asked for once, kept when judged, never replaced by older ones; and what is on disk comes back,
 * is looked at again, and can be nothing worse than refused.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/fetch/revocation_private.h"
#include "cache_kit.h"

#define URL_A "http://crl.test/a.crl"
#define URL_B "http://crl.test/b.crl"
#define OCSP  "http://ocsp.test/"
#define HOUR  UINT64_C(3600000)

static struct pki ca;

static struct revocation_ocsp question(uint8_t n)
{
	static const uint8_t request[] = "question";
	struct revocation_ocsp ocsp = {
		.url = OCSP, .listed = n == 9, .request = {request, sizeof(request) - 1}};

	memset(ocsp.key, n, sizeof(ocsp.key));
	return ocsp;
}

static struct revocation_times times_of(int64_t produced_at, int64_t this_update, int64_t next_update)
{
	return (struct revocation_times){produced_at, this_update, next_update};
}

static bool holds(struct ckit *kit, uint8_t n, const char *response)
{
	uint8_t key[SHA256_BYTES];

	memset(key, n, sizeof(key));
	return bytes_equal_text(revocation_ocsp(kit->cache, key), response);
}

/* --- answers --- */

static void test_life(void)
{
	struct ckit kit = {0};
	struct told told[3] = {0};
	struct revocation_wait *wait = NULL;
	struct revocation_ocsp ocsp = question(9);
	struct revocation_times times = times_of(PKI_NOW, PKI_NOW, PKI_NOW + 12 * 3600);

	ckit_open(&kit, NULL, false, NULL);
	CHECK("nothing is held", holds(&kit, 9, "") && revocation_ocsp_of(kit.cache, &ocsp).len == 0);
	CHECK("a key that nobody asked for",
		revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("good"), &times) == ERR_STATE);
	for (size_t i = 0; i < 3; i++) {
		CHECK("waits",
			revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[i], &wait, NULL) == ERR_OK);
	}
	revocation_wait_cancel(wait);
	CHECK("not from within", kit.asked_count == 0);
	ckit_advance(&kit, 20);
	CHECK("one question", kit.asked_count == 1 && ckit_last(&kit)->post && ckit_last(&kit)->listed &&
				      strcmp(ckit_last(&kit)->body, "question") == 0 &&
				      ckit_last(&kit)->bytes_max == FETCH_OCSP_BYTES_MAX);
	ckit_answer(&kit, bytes_text("good"), "");
	CHECK("told", told[0].calls == 1 && told[0].err == ERR_OK && strcmp(told[0].response, "good") == 0);
	CHECK("told", told[1].calls == 1 && told[2].calls == 0 && kit.ocsp_calls == 0);
	CHECK("not held before it is judged", holds(&kit, 9, ""));
	CHECK("kept", revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("good"), &times) == ERR_OK);
	CHECK("held", holds(&kit, 9, "good"));
	/* holds() asked for it, so it is refreshed at 75 per cent. */
	ckit_advance(&kit, 9 * HOUR - 60000);
	CHECK("not sooner", kit.asked_count == 1);
	kit.keep_on_ocsp = true;
	kit.keep_times = times_of(PKI_NOW + 9 * 3600, PKI_NOW + 9 * 3600, PKI_NOW + 21 * 3600);
	ckit_advance(&kit, 120000);
	CHECK("asked again", kit.asked_count == 2 && strcmp(ckit_last(&kit)->body, "question") == 0);
	ckit_answer(&kit, bytes_text("still good"), "");
	CHECK("who holds the policy is told",
		kit.ocsp_calls == 1 && strcmp(kit.ocsp_response, "still good") == 0);
	CHECK("and keeps it", kit.crl_calls == 0);
	ckit_advance(&kit, 20 * HOUR);
	CHECK("a device that does not come again costs nothing", kit.asked_count == 2);
	CHECK("held", holds(&kit, 9, "still good"));
	ckit_advance(&kit, 120000);
	CHECK("one that does is looked up again", kit.asked_count == 3);
	ckit_answer_fault(&kit, FETCH_TIMEOUT);
	CHECK("a failure takes nothing away", holds(&kit, 9, "still good") && kit.failed_calls == 1);
	ckit_close(&kit);
}

static const struct {
	const char *name;
	int64_t produced_at, this_update; /* after one of PKI_NOW, PKI_NOW - 10 */
	enum err want;
} orders[] = {
	{"later thisUpdate", 0, 0, ERR_OK},
	{"later thisUpdate, earlier producedAt", -60, -9, ERR_OK},
	{"the same", 0, -10, ERR_OK},
	{"same thisUpdate, later producedAt", 1, -10, ERR_OK},
	{"same thisUpdate, earlier producedAt", -1, -10, ERR_DENIED},
	{"earlier thisUpdate", 0, -11, ERR_DENIED},
	{"earlier thisUpdate, later producedAt", 60, -11, ERR_DENIED},
	{"thisUpdate as far ahead as may be", 0, REVOCATION_FUTURE_S, ERR_OK},
	{"thisUpdate further ahead", 0, REVOCATION_FUTURE_S + 1, ERR_DENIED},
	{"producedAt as far ahead as may be", REVOCATION_FUTURE_S, 0, ERR_OK},
	{"producedAt further ahead", REVOCATION_FUTURE_S + 1, 0, ERR_DENIED},
};

static void test_orders(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
		struct ckit kit = {0};
		struct told told = {0};
		struct revocation_ocsp ocsp = question(1);
		struct revocation_times first = times_of(PKI_NOW, PKI_NOW - 10, PKI_NOW + 3600);
		struct revocation_times then = times_of(
			PKI_NOW + orders[i].produced_at, PKI_NOW + orders[i].this_update, PKI_NOW + 7200);

		ckit_open(&kit, NULL, false, NULL);
		CHECK("waits",
			revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told, NULL, NULL) == ERR_OK);
		ckit_advance(&kit, 8);
		kit.clock.wall_ms = PKI_NOW * 1000;
		CHECK(orders[i].name,
			revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("first"), &first) == ERR_OK);
		CHECK(orders[i].name, revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("then"), &then) ==
					      orders[i].want);
		CHECK(orders[i].name, holds(&kit, 1, orders[i].want == ERR_OK ? "then" : "first"));
		ckit_close(&kit);
	}
}

static void test_nonsense(void)
{
	struct ckit kit = {0};
	struct told told[2] = {0};
	struct fetch_error error = {0};
	struct revocation_ocsp ocsp = question(1);
	struct revocation_times times = times_of(PKI_NOW, PKI_NOW, PKI_NOW + 3600);

	ckit_open(&kit, NULL, false, NULL);
	CHECK("waits", revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[0], NULL, &error) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer(&kit, bytes_text("tryLater"), "");
	CHECK("told", told[0].calls == 1);
	CHECK("what nobody keeps is not asked for at each connection",
		revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[1], NULL, &error) == ERR_BUSY);
	CHECK("named", strstr(error.sentence, "not found good") != NULL);
	ckit_advance(&kit, 15000);
	CHECK("later it is",
		revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[1], NULL, &error) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_fault(&kit, FETCH_STATUS);
	CHECK("told why", told[1].err == ERR_IO && strcmp(told[1].sentence, "it failed: status") == 0 &&
				  told[1].response[0] == '\0');
	CHECK("kept after all",
		revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("good"), &times) == ERR_OK);
	CHECK("and no failure any more",
		revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[1], NULL, &error) == ERR_OK);
	ckit_close(&kit);
}

/* A responder that REVALLOW forbade is asked when it is another and somebody comes; nobody is asked for nothing. */
static void test_rules_changed(void)
{
	for (int forbidden = 0; forbidden < 2; forbidden++) {
		struct ckit kit = {0};
		struct told told[2] = {0};
		struct fetch_error error = {0};
		struct revocation_ocsp ocsp = question(1);

		ckit_open(&kit, NULL, false, NULL);
		CHECK("waits",
			revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[0], NULL, &error) == ERR_OK);
		ckit_advance(&kit, 20);
		ckit_answer_fault(&kit, forbidden == 1 ? FETCH_PRIVATE : FETCH_CONNECT);
		CHECK("back-off", revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[1], NULL, &error) ==
					  ERR_BUSY);
		revocation_rules_changed(kit.cache);
		CHECK("who comes then", revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told[1], NULL,
						&error) == (forbidden == 1 ? ERR_OK : ERR_BUSY));
		ckit_advance(&kit, 20);
		CHECK("asked", kit.asked_count == (forbidden == 1 ? 2u : 1u));
		ckit_close(&kit);
	}
}

static void test_room(void)
{
	struct ckit kit = {0};
	struct revocation_options options = {.answers_max = 2, .answer_bytes_max = 8, .waits_max = 3};
	struct told told = {0};
	struct revocation_ocsp one = question(1);
	struct revocation_ocsp two = question(2);
	struct revocation_ocsp three = question(3);
	struct revocation_times times = times_of(PKI_NOW, PKI_NOW, PKI_NOW + 3600);
	struct revocation_counters counters;

	ckit_open(&kit, NULL, false, &options);
	CHECK("one", revocation_ocsp_wait(kit.cache, &one, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("two", revocation_ocsp_wait(kit.cache, &two, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("both are waited for: no third",
		revocation_ocsp_wait(kit.cache, &three, told_ocsp, &told, NULL, NULL) == ERR_LIMIT);
	CHECK("waits", revocation_ocsp_wait(kit.cache, &one, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("waits of max + 1",
		revocation_ocsp_wait(kit.cache, &one, told_ocsp, &told, NULL, NULL) == ERR_LIMIT);
	ckit_advance(&kit, 20);
	ckit_answer(&kit, bytes_text("bbbb"), "");
	CHECK("kept", revocation_ocsp_keep(kit.cache, two.key, bytes_text("bbbb"), &times) == ERR_OK);
	ckit_answer(&kit, bytes_text("aaaa"), "");
	CHECK("kept", revocation_ocsp_keep(kit.cache, one.key, bytes_text("aaaa"), &times) == ERR_OK);
	CHECK("bytes of max", holds(&kit, 1, "aaaa") && holds(&kit, 2, "bbbb"));
	CHECK("one more byte pushes out what was used least",
		revocation_ocsp_keep(kit.cache, two.key, bytes_text("bbbbb"), &times) == ERR_OK);
	CHECK("one more byte pushes out what was used least", holds(&kit, 1, "") && holds(&kit, 2, "bbbbb"));
	CHECK("more than all",
		revocation_ocsp_keep(kit.cache, two.key, bytes_text("ninebytes"), &times) == ERR_LIMIT);
	CHECK("nothing", revocation_ocsp_keep(kit.cache, two.key, BYTES_NONE, &times) == ERR_LIMIT);
	CHECK("what was held stays", holds(&kit, 2, "bbbbb"));
	CHECK("three", revocation_ocsp_wait(kit.cache, &three, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("one", revocation_ocsp_wait(kit.cache, &one, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("two was used least", holds(&kit, 2, ""));
	revocation_counters(kit.cache, &counters);
	CHECK("counted", counters.answers == 2 && counters.answer_bytes == 0 && counters.evicted == 2);
	struct revocation_ocsp long_one = question(1);
	uint8_t *body = calloc(1, FETCH_REQUEST_BYTES_MAX + 1);

	long_one.request = bytes_of(body, FETCH_REQUEST_BYTES_MAX + 1);
	CHECK("a request of max + 1",
		revocation_ocsp_wait(kit.cache, &long_one, told_ocsp, &told, NULL, NULL) == ERR_LIMIT);
	free(body);
	ckit_close(&kit);
}

/* --- disk --- */

static unsigned file_count(const char *folder)
{
	unsigned count = 0;
	DIR *dir = opendir(folder);

	for (const struct dirent *entry = NULL; dir != NULL && (entry = readdir(dir)) != NULL;) {
		count += entry->d_name[0] != '.' ? 1 : 0;
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	return count;
}

static const char *path_of(const char *folder, const char *url)
{
	static char text[4096];
	struct buf path = BUF_INIT(4000);
	uint8_t name[SHA256_BYTES];
	const char *got = NULL;

	disk_list_name(url, name);
	disk_path(folder, name, ".crl", &path);
	REQUIRE("path", buf_text(&path, &got) == ERR_OK);
	(void)snprintf(text, sizeof(text), "%s", got);
	buf_release(&path);
	return text;
}

/* A folder with list number 5 of URL_A in it, made by a cache. */
static const char *made_folder(void)
{
	const char *folder = test_path(test_folder(), "revocation");
	const struct revocation_want want = {URL_A, false};
	struct ckit kit = {0};

	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, &want, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	CHECK("the folder is read first", kit.lane.queued == 0);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("taken", kit.crl_calls == 1);
	ckit_close(&kit);
	return folder;
}

static void test_restart(void)
{
	const char *folder = made_folder();
	const struct revocation_want want = {URL_A, false};
	struct stat st;
	struct ckit kit = {0};
	struct told told = {0};

	REQUIRE("folder", stat(folder, &st) == 0);
	CHECK("the owner's only", (st.st_mode & 0777) == 0700);
	REQUIRE("file", stat(path_of(folder, URL_A), &st) == 0);
	CHECK("the owner's only", (st.st_mode & 0777) == 0600);
	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, &want, 1) == ERR_OK);
	CHECK("waits", revocation_crl_wait(kit.cache, &want, told_list, &told, NULL, NULL) == ERR_OK);
	(void)wheel_advance(kit.wheel, kit.clock.mono_ms + 100);
	CHECK("nothing is fetched before the folder is read", kit.asked_count == 0);
	ckit_jobs(&kit);
	CHECK("it is back", kit.crl_calls == 1 && strcmp(kit.crl_url, URL_A) == 0);
	CHECK("whoever waited is told", told.calls == 1 && told.err == ERR_OK);
	struct revocation_state state;

	CHECK("it shows", revocation_state_of(kit.cache, URL_A, &state) && state.from_disk && state.vouched &&
				  state.held && state.this_update == PKI_NOW);
	ckit_advance(&kit, HOUR);
	CHECK("and need not be fetched yet", kit.asked_count == 0);
	ckit_advance(&kit, 9 * HOUR);
	CHECK("until its time, and then on condition",
		kit.asked_count == 1 && strcmp(ckit_last(&kit)->etag, "\"5\"") == 0);
	ckit_answer_crl(&kit, &ca, 4, PKI_NOW + 60, PKI_NOW + 24 * 3600);
	CHECK("an older one does not replace what came from disk",
		kit.crl_calls == 1 && kit.failed_calls == 1);
	ckit_close(&kit);
}

/* What is past its nextUpdate comes back too: it may serve by REVSTALE; it is fetched at once. */
static void test_restart_stale(void)
{
	const char *folder = made_folder();
	const struct revocation_want want = {URL_A, false};
	struct ckit kit = {0};

	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	kit.clock.wall_ms += (int64_t)(24 * HOUR);
	CHECK("wanted", revocation_want_set(kit.cache, &want, 1) == ERR_OK);
	ckit_jobs(&kit);
	CHECK("it is back", kit.crl_calls == 1);
	ckit_advance(&kit, 20);
	CHECK("fetched at once", kit.asked_count == 1);
	ckit_close(&kit);
}

/* --- tampering --- */

enum tamper {
	TAMPER_CUT,
	TAMPER_BYTE,
	TAMPER_EMPTY,
	TAMPER_RENAME,
	TAMPER_MODE,
	TAMPER_READABLE,
	TAMPER_NONE
};

static const struct {
	const char *name;
	enum tamper how;
	bool forged, kept; /* kept: the file is still there */
	bool taken;
} tampers[] = {
	{"untouched", TAMPER_NONE, false, true, true},
	{"cut", TAMPER_CUT, false, false, false},
	{"a byte of the list changed", TAMPER_BYTE, false, false, false},
	{"empty", TAMPER_EMPTY, false, false, false},
	{"under the name of another URL", TAMPER_RENAME, false, false, false},
	{"writable by others", TAMPER_MODE, false, true, false},
	{"readable by others, as a back-up may leave it", TAMPER_READABLE, false, true, true},
	{"its signature is not the CA's", TAMPER_NONE, true, true, false},
};

static void tamper(const char *folder, enum tamper how)
{
	struct buf content = BUF_INIT(1u << 20);
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s", path_of(folder, URL_A));
	REQUIRE("read", file_read(path, content.max, &content) == ERR_OK);
	switch (how) {
	case TAMPER_CUT: content.len -= 1; break;
	case TAMPER_BYTE: content.data[content.len - 200] ^= 0x40; break; /* somewhere in the DER's frame */
	case TAMPER_EMPTY: content.len = 0; break;
	case TAMPER_RENAME: REQUIRE("rename", rename(path, path_of(folder, URL_B)) == 0); break;
	case TAMPER_MODE: REQUIRE("mode", chmod(path, 0666) == 0); break;
	case TAMPER_READABLE: REQUIRE("mode", chmod(path, 0644) == 0); break;
	case TAMPER_NONE: break;
	}
	if (how == TAMPER_BYTE) {
		/* The second length octet of the outer SEQUENCE: no byte within it can be trusted to stop the parser. */
		for (size_t i = 0; i + 4 < content.len; i++) {
			if (content.data[i] == 0x30 && content.data[i + 1] == 0x82) {
				content.data[i + 3] ^= 1;
				break;
			}
		}
	}
	if (how <= TAMPER_EMPTY) {
		REQUIRE("write", file_write_atomic(path, buf_bytes(&content), 0600) == ERR_OK);
	}
	buf_release(&content);
}

static void test_tampering(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(tampers); i++) {
		const char *folder = made_folder();
		struct ckit kit = {0};
		struct revocation_counters counters;

		tamper(folder, tampers[i].how);
		ckit_open(&kit, folder, true, NULL);
		kit.vouch_for = ca.cert;
		kit.forged_for = tampers[i].forged ? ca.cert : NULL;
		ckit_jobs(&kit);
		CHECK(tampers[i].name, kit.crl_calls == (tampers[i].taken ? 1 : 0));
		revocation_counters(kit.cache, &counters);
		CHECK(tampers[i].name, counters.disk_errors == (tampers[i].taken ? 0 : 1));
		CHECK(tampers[i].name, file_count(folder) == (tampers[i].kept ? 1 : 0));
		ckit_close(&kit);
	}
}

static void test_folder_of_others(void)
{
	const char *folder = made_folder();
	struct ckit kit = {0};
	const struct revocation_want want = {URL_A, false};
	struct revocation_counters counters;

	REQUIRE("mode", chmod(folder, 0755) == 0);
	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, &want, 1) == ERR_OK);
	ckit_jobs(&kit);
	CHECK("not read", kit.crl_calls == 0);
	revocation_counters(kit.cache, &counters);
	CHECK("counted", counters.disk_errors == 1);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 7, PKI_NOW + 7, PKI_NOW + 12 * 3600);
	CHECK("in memory all the same", kit.crl_calls == 1);
	struct stat st;

	REQUIRE("file", stat(path_of(folder, URL_A), &st) == 0);
	revocation_counters(kit.cache, &counters);
	CHECK("and not written", counters.disk_errors == 1);
	ckit_close(&kit);
	REQUIRE("mode", chmod(folder, 0700) == 0);
}

static void test_disk_bounds(void)
{
	const char *folder = test_path(test_folder(), "revocation");
	const struct revocation_want wants[] = {{URL_A, false}, {URL_B, false}};
	struct revocation_options options = {.lists_max = 1};
	struct ckit kit = {0};
	struct ckit again = {0};

	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, wants, 2) == ERR_OK);
	ckit_jobs(&kit);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("two files", file_count(folder) == 2);
	ckit_close(&kit);
	/* What a crash left of a file that was being written. */
	char left[4200];

	(void)snprintf(left, sizeof(left), "%s.AbCdEf", path_of(folder, URL_A));
	REQUIRE("left over", file_write_atomic(left, bytes_text("half"), 0600) == ERR_OK);
	ckit_open(&again, folder, true, &options);
	again.vouch_for = ca.cert;
	ckit_jobs(&again);
	CHECK("one fits; the other and the rest are gone", again.crl_calls == 1 && file_count(folder) == 1);
	/* What is pushed out of memory goes from disk too. */
	const struct revocation_want third = {"http://crl.test/third.crl", false};

	CHECK("wanted", revocation_want_set(again.cache, &third, 1) == ERR_OK);
	ckit_jobs(&again);
	CHECK("gone", file_count(folder) == 0);
	ckit_close(&again);
}

/* A disk that is full: fetching goes on, and what stood there before stays whole. */
static void test_disk_full(void)
{
	const char *folder = made_folder();
	const struct revocation_want want = {URL_A, false};
	struct ckit kit = {0}, again = {0};
	struct revocation_counters counters;
	struct revocation_state state;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct rlimit before;

	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, &want, 1) == ERR_OK);
	ckit_jobs(&kit);
	REQUIRE("limit", sigaction(SIGXFSZ, &ignore, NULL) == 0 && getrlimit(RLIMIT_FSIZE, &before) == 0);
	struct rlimit small = {100, before.rlim_max};
	REQUIRE("limit", setrlimit(RLIMIT_FSIZE, &small) == 0);
	revocation_refresh(kit.cache);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 6, PKI_NOW + 1, PKI_NOW + 12 * 3600);
	REQUIRE("limit", setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK("number 6 is in force", kit.crl_calls == 2 && revocation_state_of(kit.cache, URL_A, &state) &&
					      state.vouched && !state.from_disk);
	revocation_counters(kit.cache, &counters);
	CHECK("counted", counters.disk_errors == 1);
	CHECK("nothing half-written stays", file_count(folder) == 1);
	ckit_close(&kit);

	ckit_open(&again, folder, true, NULL);
	again.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(again.cache, &want, 1) == ERR_OK);
	ckit_jobs(&again);
	CHECK("number 5 comes back",
		revocation_state_of(again.cache, URL_A, &state) && state.vouched && state.from_disk);
	revocation_counters(again.cache, &counters);
	CHECK("whole", counters.disk_errors == 0);
	ckit_close(&again);
}

/* A folder that was taken away: fetching goes on. */
static void test_folder_gone(void)
{
	const char *folder = made_folder();
	const struct revocation_want want = {URL_A, false};
	struct ckit kit = {0};
	struct revocation_counters counters;

	ckit_open(&kit, folder, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, &want, 1) == ERR_OK);
	ckit_jobs(&kit);
	REQUIRE("remove", unlink(path_of(folder, URL_A)) == 0 && rmdir(folder) == 0);
	revocation_refresh(kit.cache);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 6, PKI_NOW + 1, PKI_NOW + 12 * 3600);
	CHECK("taken", kit.crl_calls == 2);
	revocation_counters(kit.cache, &counters);
	CHECK("counted", counters.disk_errors == 1);
	ckit_close(&kit);
}

static void make_response(const struct pki *leaf, struct buf *out)
{
	const struct x509_make_ocsp_single single = {.cert = leaf->cert,
		.issuer = ca.cert,
		.hash = HASH_SHA1,
		.status = OCSP_SAYS_GOOD,
		.reason = -1,
		.this_update = PKI_NOW - 60,
		.next_update = PKI_NOW + 12 * 3600};
	const struct x509_make_ocsp make = {.status = OCSP_STATUS_SUCCESSFUL,
		.singles = &single,
		.single_count = 1,
		.produced_at = PKI_NOW - 30,
		.signer = ca.cert,
		.signer_key_pkcs8 = bytes_of(ca.key.data, ca.key.len)};

	REQUIRE("response", x509_make_ocsp(&make, out) == ERR_OK);
}

static void test_answers_restart(void)
{
	const char *folder = test_path(test_folder(), "revocation");
	struct pki leaf = pki_leaf(&ca, "device");
	struct buf response = BUF_INIT(PKI_DER_BYTES_MAX);
	struct revocation_ocsp ocsp = question(4);
	struct revocation_ocsp bad = question(5);
	struct revocation_times times = times_of(PKI_NOW - 30, PKI_NOW - 60, PKI_NOW + 12 * 3600);
	struct revocation_times older = times_of(PKI_NOW - 40, PKI_NOW - 70, PKI_NOW + 12 * 3600);
	struct ckit kit = {0};
	struct told told = {0};

	make_response(&leaf, &response);
	ckit_open(&kit, folder, false, NULL);
	ckit_jobs(&kit);
	CHECK("waits", revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("waits", revocation_ocsp_wait(kit.cache, &bad, told_ocsp, &told, NULL, NULL) == ERR_OK);
	CHECK("kept", revocation_ocsp_keep(kit.cache, ocsp.key, buf_bytes(&response), &times) == ERR_OK);
	CHECK("kept", revocation_ocsp_keep(kit.cache, bad.key, bytes_text("no response"), &times) == ERR_OK);
	CHECK("it is being written", revocation_busy(kit.cache));
	ckit_jobs(&kit);
	CHECK("two files", file_count(folder) == 2 && !revocation_busy(kit.cache));
	ckit_close(&kit);

	struct ckit again = {0};

	ckit_open(&again, folder, false, NULL);
	CHECK("not before it is read", revocation_ocsp(again.cache, ocsp.key).len == 0);
	ckit_jobs(&again);
	CHECK("it is back", bytes_equal(revocation_ocsp(again.cache, ocsp.key), buf_bytes(&response)));
	CHECK("nobody judges it unasked", again.ocsp_calls == 0);
	CHECK("what is no response is gone", holds(&again, 5, "") && file_count(folder) == 1);
	/* Whom the file names is not asked: only the operator's policy says who that is, and whether he is listed. */
	ckit_advance(&again, 11 * HOUR);
	CHECK("it is used", revocation_ocsp(again.cache, ocsp.key).len > 0);
	ckit_advance(&again, HOUR);
	CHECK("and not refreshed", again.asked_count == 0);
	again.clock.wall_ms = PKI_NOW * 1000;
	struct revocation_ocsp now = question(4);

	now.url = "http://other.test/";
	now.listed = true;
	CHECK("said whom to ask", bytes_equal(revocation_ocsp_of(again.cache, &now), buf_bytes(&response)));
	ckit_advance(&again, 11 * HOUR);
	CHECK("he is", again.asked_count == 1 && strcmp(ckit_last(&again)->url, now.url) == 0 &&
			       ckit_last(&again)->listed);
	again.clock.wall_ms = PKI_NOW * 1000;
	/* What came from disk was not judged in this life: what is judged now replaces it, whatever it claims. */
	CHECK("judged", revocation_ocsp_keep(again.cache, ocsp.key, bytes_text("judged"), &older) == ERR_OK);
	CHECK("judged", holds(&again, 4, "judged"));
	ckit_close(&again);
	buf_release(&response);
	pki_free(&leaf);
}

/* Many answers at once do not fill the lane that keystores need too. */
static void test_lane_is_shared(void)
{
	const char *folder = test_path(test_folder(), "revocation");
	struct revocation_times times = times_of(PKI_NOW, PKI_NOW, PKI_NOW + 3600);
	struct ckit kit = {0};
	struct told told = {0};

	ckit_open(&kit, folder, false, NULL);
	ckit_jobs(&kit);
	for (uint8_t i = 1; i <= 20; i++) {
		struct revocation_ocsp ocsp = question(i);

		CHECK("waits",
			revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told, NULL, NULL) == ERR_OK);
		CHECK("kept",
			revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("good"), &times) == ERR_OK);
	}
	CHECK("a few at a time", kit.lane.queued == REVOCATION_DISK_JOBS_MAX);
	ckit_jobs(&kit);
	CHECK("all in the end", file_count(folder) == 20);
	ckit_close(&kit);
}

/* Without memory at the nth place: held exactly if it was said so, on disk or not, and nothing is lost or told twice. */
static void test_memory(void)
{
	struct revocation_times times = times_of(PKI_NOW, PKI_NOW, PKI_NOW + 3600);
	unsigned failures = 0;
	unsigned long n = 0;
	bool failed = true;

	for (n = 1; failed && n < 200; n++) {
		struct revocation_ocsp ocsp = question(1);
		struct ckit kit = {0};
		struct told told = {0};
		enum err kept = ERR_STATE;

		ckit_open(&kit, NULL, false, NULL);
		test_alloc_fail_at(n);
		enum err err = revocation_ocsp_wait(kit.cache, &ocsp, told_ocsp, &told, NULL, NULL);

		if (err == ERR_OK) {
			kept = revocation_ocsp_keep(kit.cache, ocsp.key, bytes_text("good"), &times);
		}
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("waits or not", err == ERR_OK || err == ERR_NOMEM);
		CHECK("held if kept", holds(&kit, 1, kept == ERR_OK ? "good" : ""));
		if (err == ERR_OK) {
			ckit_advance(&kit, 20);
			CHECK("asked or not due", ckit_open_count(&kit) <= 1);
		}
		failures += kept != ERR_OK ? 1 : 0;
		ckit_close(&kit);
	}
	CHECK("some failed, and not all", failures > 3 && n < 200);
}

/* The same for what is read back from the folder: a list is there whole, or not at all, and its file stays. */
static void test_memory_loading(void)
{
	const char *folder = made_folder();
	unsigned missing = 0;
	unsigned long n = 0;
	bool failed = true;

	for (n = 1; failed && n < 500; n++) {
		struct ckit kit = {0};

		ckit_open(&kit, folder, true, NULL);
		kit.vouch_for = ca.cert;
		test_alloc_fail_at(n);
		ckit_jobs(&kit);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("told of it if it is held",
			(kit.crl_calls == 1) == (revocation_crl(kit.cache, URL_A) != NULL));
		CHECK("the file stays", file_count(folder) == 1);
		missing += kit.crl_calls == 0 ? 1 : 0;
		ckit_close(&kit);
	}
	CHECK("some failed, and not all", missing > 3 && n < 500);
}

static void test_memory_opening(void)
{
	const char *folder = test_path(test_folder(), "revocation");
	struct clock_fake clock = {.mono_ms = 1000};
	struct executor_inline lane = {.limit = 4};
	struct wheel *wheel = NULL;
	unsigned long n = 0;
	enum err err = ERR_NOMEM;

	REQUIRE("wheel", wheel_new(clock.mono_ms, &wheel) == ERR_OK);
	const struct revocation_options options = {.executor = executor_from_inline(&lane),
		.wheel = wheel,
		.clock = clock_from_fake(&clock),
		.folder = folder};

	for (n = 1; err != ERR_OK && n < 50; n++) {
		struct revocation_cache *cache = NULL;

		test_alloc_fail_at(n);
		err = revocation_cache_new(&options, &cache);
		test_alloc_fail_at(0);
		CHECK("all or nothing",
			(err == ERR_OK) == (cache != NULL) && (err == ERR_OK || err == ERR_NOMEM));
		revocation_cache_free(cache);
		(void)executor_inline_run(&lane);
	}
	CHECK("some failed, and not all", n > 4 && err == ERR_OK);
	wheel_free(wheel);
}

int main(void)
{
	pki_init();
	ca = pki_root("Plant CA");
	test_life();
	test_orders();
	test_nonsense();
	test_rules_changed();
	test_room();
	test_restart();
	test_restart_stale();
	test_tampering();
	test_folder_of_others();
	test_disk_bounds();
	test_disk_full();
	test_folder_gone();
	test_answers_restart();
	test_lane_is_shared();
	test_memory();
	test_memory_loading();
	test_memory_opening();
	pki_free(&ca);
	return test_result();
}
