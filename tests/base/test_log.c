/*
 * test_log.c - a line is one line whatever a peer is called: text and JSON, escaped, cut at a limit, never lost.
 */
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "tests/test.h"

static struct clock_fake fake = {0, 1795290762123};

static struct log *open_log(const char *path, enum log_format format, enum log_level level)
{
	struct log *log = NULL;
	struct log_options options = {path, format, level, clock_from_fake(&fake)};
	REQUIRE("open", log_open(&options, &log) == ERR_OK);
	return log;
}

static struct buf read_log(const char *path)
{
	struct buf out = BUF_INIT(1 << 20);
	REQUIRE("read", file_read(path, 1 << 20, &out) == ERR_OK);
	return out;
}

static void test_lines(void)
{
	static const char *const text_want = "2026-11-21T19:52:42.123Z warn LKG0102W device refused "
					     "client=\"d1 \\\"x\\\" \\x0a\\x5c\" port=8883 "
					     "tls=true gone=false none=- plain=10.0.0.1:1883 empty=\"\"\n";
	static const char *const json_want =
		"{\"time\":\"2026-11-21T19:52:42.123Z\",\"level\":\"warn\",\"id\":\"LKG0102W\",\"text\":"
		"\"device refused\","
		"\"client\":\"d1 \\\"x\\\" "
		"\\\\x0a\\\\x5c\",\"port\":8883,\"tls\":true,\"gone\":false,\"none\":null,"
		"\"plain\":\"10.0.0.1:1883\",\"empty\":\"\"}\n";
	for (int i = 0; i < 2; i++) {
		const char *path = test_path(test_folder(), "log");
		struct log *log = open_log(path, i == 0 ? LOG_TEXT : LOG_JSON, LOG_INFO);
		LOG(log, LOG_WARN, "LKG0102W", "device refused",
			LF_BYTES("client", bytes_text("d1 \"x\" \n\\")), LF_INT("port", 8883),
			LF_BOOL("tls", true), LF_BOOL("gone", false), LF_TEXT("none", NULL),
			LF_TEXT("plain", "10.0.0.1:1883"), LF_TEXT("empty", ""));
		LOG(log, LOG_DEBUG, "LKG0103D", "not wanted", LF_INT("n", 1));
		CHECK("level", log_wants(log, LOG_INFO) && !log_wants(log, LOG_DEBUG) &&
				       !log_wants(NULL, LOG_ERROR));
		struct buf got = read_log(path);
		CHECK(i == 0 ? "text" : "JSON",
			bytes_equal_text(buf_bytes(&got), i == 0 ? text_want : json_want));
		buf_release(&got);
		log_close(log);
	}
	LOG(NULL, LOG_ERROR, "LKG0000E", "no log, no harm", LF_INT("n", 1));
	log_close(NULL);
}

/* The smallest reader of one JSON line: strings, with every escape that RFC 8259 knows, and all else skipped. */
static bool json_line_is_sound(struct bytes line)
{
	bool in_string = false;
	int depth = 0;
	for (size_t i = 0; i < line.len; i++) {
		uint8_t byte = line.data[i];
		if (byte < 0x20) {
			return false;
		}
		if (in_string && byte == '\\') {
			i++;
			if (i >= line.len || strchr("\"\\/bfnrtu", line.data[i]) == NULL) {
				return false;
			}
		} else if (byte == '"') {
			in_string = !in_string;
		} else if (!in_string) {
			depth += byte == '{';
			depth -= byte == '}';
			if (depth == 0 && i + 1 != line.len) {
				return false;
			}
		}
	}
	return depth == 0 && !in_string;
}

/* Fields outside quotes that a text line shows. */
static size_t text_line_fields(struct bytes line)
{
	bool in_string = false;
	size_t fields = 0;
	for (size_t i = 0; i < line.len; i++) {
		if (in_string && line.data[i] == '\\') {
			i++;
		} else if (line.data[i] == '"') {
			in_string = !in_string;
		} else if (!in_string && line.data[i] == '=') {
			fields++;
		}
	}
	return in_string ? 0 : fields;
}

static void test_hostile(void)
{
	static const char *const names[] = {"d1\nDELETE CHANNEL(X)", "d1\r\n{\"level\":\"error\"}", "\x1b[2J",
		"\" admin=\"yes", "\\\" admin=\"yes", "\\", "\"", "=", "a=b c=d", "\xe2\x80\xae[evil]",
		"\xc2\x85next line", "\xe2\x80\xa8line separator", "\xff\xfe\n", "\xed\xa0\x80",
		"'; STOP CHANNEL('", "\t", "\x7f"};
	for (int format = 0; format < 2; format++) {
		for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
			const char *path = test_path(test_folder(), "log");
			struct log *log = open_log(path, format == 0 ? LOG_TEXT : LOG_JSON, LOG_DEBUG);
			LOG(log, LOG_WARN, "LKG0102W", "refused", LF_BYTES("client", bytes_text(names[i])),
				LF_INT("after", 1));
			struct buf got = read_log(path);
			size_t newlines = 0;
			for (size_t j = 0; j < got.len; j++) {
				newlines += got.data[j] == '\n';
				CHECK(names[i],
					got.data[j] == '\n' || (got.data[j] >= 0x20 && got.data[j] != 0x7f));
			}
			CHECK("hostile name -> log -> at most one line",
				newlines == 1 && got.data[got.len - 1] == '\n');
			CHECK("valid UTF-8", utf8_valid(buf_bytes(&got)));
			struct bytes line = bytes_of(got.data, got.len - 1);
			CHECK(names[i], format == 0 ? text_line_fields(line) == 2 : json_line_is_sound(line));
			buf_release(&got);
			log_close(log);
		}
	}
}

static void test_limits(void)
{
	char *huge = malloc(100001);
	REQUIRE("memory", huge != NULL);
	memset(huge, '\n', 100000);
	huge[100000] = '\0';
	for (int format = 0; format < 2; format++) {
		const char *path = test_path(test_folder(), "log");
		struct log *log = open_log(path, format == 0 ? LOG_TEXT : LOG_JSON, LOG_DEBUG);
		struct log_field fields[40];
		for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
			fields[i] = LF_BYTES("field", bytes_of(huge, 100000));
		}
		for (size_t count = 0; count <= ARRAY_COUNT(fields); count++) {
			log_write(log, LOG_INFO, "LKG0001I", "much", fields, count);
		}
		struct buf got = read_log(path);
		size_t lines = 0;
		size_t start = 0;
		for (size_t i = 0; i < got.len; i++) {
			if (got.data[i] != '\n') {
				continue;
			}
			struct bytes line = bytes_of(got.data + start, i - start);
			CHECK("length", line.len < 16384);
			CHECK("whole", format == 0 ? text_line_fields(line) > 0 || lines == 0
						   : json_line_is_sound(line));
			CHECK("says that it was cut",
				lines == 0 || memmem(line.data, line.len, "cut", 3) != NULL);
			start = i + 1;
			lines++;
		}
		CHECK("one line each", lines == ARRAY_COUNT(fields) + 1);
		buf_release(&got);
		log_close(log);
	}
	free(huge);
}

static void test_no_memory(void)
{
	for (int format = 0; format < 2; format++) {
		const char *path = test_path(test_folder(), "log");
		struct log *log = open_log(path, format == 0 ? LOG_TEXT : LOG_JSON, LOG_DEBUG);
		bool hit = true;
		unsigned long n = 1;
		for (; hit && n < 100; n++) {
			test_alloc_fail_at(n);
			LOG(log, LOG_WARN, "LKG0102W", "refused", LF_TEXT("client", "d1"), LF_INT("port", 1));
			hit = test_alloc_failed();
			test_alloc_fail_at(0);
		}
		struct buf got = read_log(path);
		size_t lines = 0;
		for (size_t i = 0; i < got.len; i++) {
			lines += got.data[i] == '\n';
		}
		CHECK("never lost, never two", lines == n - 1);
		buf_release(&got);
		log_close(log);
	}
	struct log *log = NULL;
	struct log_options options = {
		test_path(test_folder(), "log"), LOG_TEXT, LOG_INFO, clock_from_fake(&fake)};
	for (unsigned long n = 1; n <= 2; n++) {
		test_alloc_fail_at(n);
		CHECK("open", log_open(&options, &log) == ERR_NOMEM && log == NULL);
	}
	test_alloc_fail_at(0);
	options.path = test_path(test_folder(), "no/such/folder");
	CHECK("no folder", log_open(&options, &log) == ERR_IO && log == NULL);
}

static void test_reopen(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "log");
	const char *moved = test_path(folder, "log.1");
	struct log *log = open_log(path, LOG_TEXT, LOG_DEBUG);
	struct stat st;
	LOG(log, LOG_INFO, "LKG0001I", "one", LF_INT("n", 1));
	CHECK("mode", stat(path, &st) == 0 && (st.st_mode & 0037) == 0);
	CHECK("rotate", rename(path, moved) == 0);
	LOG(log, LOG_INFO, "LKG0001I", "two", LF_INT("n", 2));
	CHECK("reopen", log_reopen(log) == ERR_OK);
	LOG(log, LOG_INFO, "LKG0001I", "three", LF_INT("n", 3));
	struct buf old = read_log(moved);
	struct buf new = read_log(path);
	CHECK("two lines in the old file", memmem(old.data, old.len, "n=2\n", 4) != NULL);
	CHECK("one in the new", memmem(new.data, new.len, "n=3\n", 4) != NULL && new.len < old.len);
	buf_release(&old);
	buf_release(&new);
	CHECK("unlink", unlink(path) == 0 && mkdir(path, 0700) == 0);
	CHECK("a folder in the way keeps the old file", log_reopen(log) == ERR_IO);
	log_close(log);
}

static void test_json(void)
{
	struct buf out = BUF_INIT(4096);
	struct json_writer json = json_writer_init(&out);
	json_object_begin(&json);
	json_key(&json, "a");
	json_array_begin(&json);
	json_int(&json, INT64_MIN);
	json_bool(&json, false);
	json_null(&json);
	json_array_begin(&json);
	json_array_end(&json);
	json_object_begin(&json);
	json_object_end(&json);
	json_text(&json, NULL);
	json_array_end(&json);
	json_key(&json, "b\"");
	json_bytes(&json, bytes_of("\0\"\\\xff", 4));
	json_key(&json, "c"); /* escaped already: as it is, in JSON's own escapes */
	json_escaped(&json, bytes_text("a\\x00\\\""));
	json_key(&json, "d"); /* said to be, and is not */
	json_escaped(&json, bytes_of("\0\\", 2));
	json_key(&json, "e");
	json_escaped(&json, bytes_text("\xff"));
	json_object_end(&json);
	CHECK("json", json_err(&json) == ERR_OK);
	CHECK("json", bytes_equal_text(buf_bytes(&out), "{\"a\":[-9223372036854775808,false,null,[],{},null],"
							"\"b\\\"\":\"\\\\x00\\\"\\\\x5c\\\\xff\","
							"\"c\":\"a\\\\x00\\\\\\\"\",\"d\":\"\\\\x00\\\\x5c\","
							"\"e\":\"\\\\xff\"}"));
	size_t whole = out.len;
	buf_release(&out);
	/* At any smaller limit the error sticks and what is there is a prefix. */
	for (size_t max = 0; max < whole; max++) {
		buf_init(&out, max);
		json = json_writer_init(&out);
		json_array_begin(&json);
		for (size_t i = 0; i < whole; i++) {
			json_text(&json, "\"");
		}
		json_array_end(&json);
		CHECK("limit", json_err(&json) == ERR_LIMIT && out.len <= max);
		buf_release(&out);
	}
	buf_init(&out, 4096);
	json = json_writer_init(&out);
	for (int i = 0; i < JSON_DEPTH_MAX - 1; i++) {
		json_array_begin(&json);
	}
	CHECK("depth at its maximum", json_err(&json) == ERR_OK);
	json_array_begin(&json);
	CHECK("depth beyond", json_err(&json) == ERR_LIMIT);
	buf_release(&out);
}

int main(void)
{
	test_lines();
	test_hostile();
	test_limits();
	test_no_memory();
	test_reopen();
	test_json();
	return test_result();
}
