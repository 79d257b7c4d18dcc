/*
 * test_config.c - the grammar of the login configuration: what is accepted, and each refusal with its line and column.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jaas_like/login_internal.h"
#include "tests/test.h"

static void test_accepted(void)
{
	static const char *const text =
		"// fleet\n"
		"FieldDevices {\n"
		"  CertificateLoginModule Requisite userFrom=\"CN\" matchClientId = true ;\n"
		"  com.example.Other$Inner /* a word */ OPTIONAL;\n"
		"};\n"
		"\"two words\" { X sufficient a=\"x\\\"y\\\\z\" b=\"\" c=-1.5_*$; };\n"
		"Empty{};";
	struct login_config *config = NULL;
	struct login_problem problem = {0};
	REQUIRE("parses", login_config_parse(bytes_text(text), &config, &problem) == ERR_OK);
	CHECK("entries", config->entry_count == 3);
	const struct login_config_entry *entry = config->entries[0];
	CHECK("name", strcmp(entry->name, "FieldDevices") == 0 && entry->line == 2 && entry->column == 1);
	CHECK("modules", entry->module_count == 2);
	const struct login_config_module *module = entry->modules[0];
	CHECK("module", strcmp(module->name, "CertificateLoginModule") == 0 && module->line == 3 &&
				module->column == 3);
	CHECK("a flag in any case",
		module->flag == LOGIN_REQUISITE && entry->modules[1]->flag == LOGIN_OPTIONAL);
	CHECK("options", module->option_count == 2);
	CHECK("quoted", strcmp(module->options[0].name, "userFrom") == 0 &&
				strcmp(module->options[0].value, "CN") == 0);
	CHECK("bare, with blanks",
		strcmp(module->options[1].value, "true") == 0 && module->options[1].column == 66);
	CHECK("class names", strcmp(entry->modules[1]->name, "com.example.Other$Inner") == 0);
	entry = config->entries[1];
	CHECK("quoted entry", strcmp(entry->name, "two words") == 0);
	CHECK("escapes", strcmp(entry->modules[0]->options[0].value, "x\"y\\z") == 0);
	CHECK("empty value", strcmp(entry->modules[0]->options[1].value, "") == 0);
	CHECK("word characters", strcmp(entry->modules[0]->options[2].value, "-1.5_*$") == 0);
	CHECK("empty entry", config->entries[2]->module_count == 0);
	login_config_free(config);
	config = NULL;
	CHECK("nothing at all",
		login_config_parse(BYTES_NONE, &config, &problem) == ERR_OK && config->entry_count == 0);
	login_config_free(config);
	login_config_free(NULL);
}

static void test_refused(void)
{
	static const struct {
		const char *name, *text;
		unsigned line, column;
		const char *says;
	} rows[] = {
		{"7.2 no brace", "A X required; };", 1, 3, "'{'"},
		{"7.2 no semicolon behind the entry", "A { X required; }", 1, 18, "';' behind '}'"},
		{"7.2 no semicolon behind the entry, another follows",
			"A { X required; }\nB { X required; };", 2, 1, "';' behind"},
		{"7.2 no semicolon behind the module", "A { X required };", 1, 16, "an option, or ';'"},
		{"7.2 no flag", "A { X ; };", 1, 7, "required, requisite"},
		{"7.2 unknown flag", "A { X needed; };", 1, 7, "'needed'"},
		{"7.2 option without a value", "A { X required a; };", 1, 17, "'='"},
		{"7.2 option without a value", "A { X required a=; };", 1, 18, "a value"},
		{"7.2 option name in quotes", "A { X required \"a\"=b; };", 1, 16, "an option"},
		{"7.2 entry without a name", "{ X required; };", 1, 1, "the name of an entry"},
		{"7.2 empty name", "\"\" { X required; };", 1, 1, "the name of an entry"},
		{"7.2 the same entry twice", "A { };\nB { };\nA { };", 3, 1, "line 1 already"},
		{"7.2 the same option twice", "A { X required a=1 b=2 a=3; };", 1, 24, "given twice"},
		{"7.2 the lone slash", "A { X required file=/etc/users; };", 1, 21, "lone '/'"},
		{"7.2 the lone slash in a word", "A { X required file=a/b; };", 1, 22, "lone '/'"},
		{"7.2 '#' is no comment", "# x\nA { };", 1, 1, "only in \"quotes\""},
		{"7.2 comment without an end", "A { };\n  /* x", 2, 3, "no end"},
		{"7.2 comment ends with the file's last star", "A { }; /*/", 1, 8, "no end"},
		{"7.2 quote without an end", "A { X required a=\"b; };", 1, 18, "not closed"},
		{"7.2 quote over two lines", "A { X required a=\"b\n\"; };", 1, 18, "not closed"},
		{"7.2 unknown escape", "A { X required a=\"b\\n\"; };", 1, 21, "backslash"},
		{"7.2 control character", "A { X required a=\"b\tc\"; };", 1, 20, "control"},
		{"7.2 not expanded", "A { X required a=\"x${user.home}\"; };", 1, 18, "not expanded"},
		{"a column counts characters", "\"\xc3\xa4\xc3\xb6\" ( };", 1, 6, "only in \"quotes\""},
		{"7.2 stray brace", "A { }; }", 1, 8, "the name of an entry"},
		{"not UTF-8", "A { X required a=\"\xff\"; };", 0, 0, "UTF-8"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login_config *config = NULL;
		struct login_problem problem = {0};
		enum err err = login_config_parse(bytes_text(rows[i].text), &config, &problem);
		CHECK(rows[i].name, err == ERR_MALFORMED && config == NULL);
		CHECK(rows[i].name, problem.line == rows[i].line && problem.column == rows[i].column);
		CHECK(rows[i].name, strstr(problem.message, rows[i].says) != NULL);
	}
}

/* Cut at any byte, the file is refused unless only whole entries are left. */
static void test_cut(void)
{
	static const char *const text = "A { X required a=1; };\n\"B\" { Y optional; }; // end\n/* end */";
	for (size_t cut = 0; cut < strlen(text); cut++) {
		struct login_config *config = NULL;
		struct login_problem problem = {0};
		enum err err = login_config_parse(bytes_of(text, cut), &config, &problem);
		/* A comment without its second slash or its end is refused like any other half. */
		bool whole = cut == 0 || (cut >= 22 && cut <= 23) || (cut >= 43 && cut <= 44) ||
			     (cut >= 46 && cut <= 51);
		CHECK("cut", (err == ERR_OK) == whole);
		login_config_free(config);
	}
}

static void test_limit(const char *name, const char *text, enum err want)
{
	struct login_config *config = NULL;
	struct login_problem problem = {0};
	CHECK(name, login_config_parse(bytes_text(text), &config, &problem) == want);
	login_config_free(config);
}

static void test_limits(void)
{
	static char text[LOGIN_CONFIG_BYTES_MAX + 2];
	for (unsigned over = 0; over < 2; over++) {
		enum err want = over == 0 ? ERR_OK : ERR_LIMIT;
		size_t len = 0;
		for (unsigned i = 0; i < LOGIN_ENTRIES_MAX + over; i++) {
			len += (size_t)snprintf(text + len, sizeof(text) - len, "e%u{};", i);
		}
		test_limit("LOGIN_ENTRIES_MAX", text, want);
		len = (size_t)snprintf(text, sizeof(text), "A {");
		for (unsigned i = 0; i < LOGIN_STACK_MODULES_MAX + over; i++) {
			len += (size_t)snprintf(text + len, sizeof(text) - len, "X required;");
		}
		(void)snprintf(text + len, sizeof(text) - len, "};");
		test_limit("LOGIN_STACK_MODULES_MAX", text, want);
		len = (size_t)snprintf(text, sizeof(text), "A { X required");
		for (unsigned i = 0; i < LOGIN_OPTIONS_MAX + over; i++) {
			len += (size_t)snprintf(text + len, sizeof(text) - len, " o%u=1", i);
		}
		(void)snprintf(text + len, sizeof(text) - len, "; };");
		test_limit("LOGIN_OPTIONS_MAX", text, want);
		memset(text, 'a', LOGIN_WORD_BYTES_MAX + over);
		(void)snprintf(text + LOGIN_WORD_BYTES_MAX + over, 8, " {};");
		test_limit("LOGIN_WORD_BYTES_MAX", text, want);
		memset(text, ' ', LOGIN_CONFIG_BYTES_MAX + over);
		text[LOGIN_CONFIG_BYTES_MAX + over] = '\0';
		test_limit("LOGIN_CONFIG_BYTES_MAX", text, want);
	}
}

static void test_alloc(void)
{
	static const char *const text = "A { X required a=1 b=\"2\"; Y optional; }; B { };";
	bool hit = true;
	for (unsigned long n = 1; hit; n++) {
		struct login_config *config = NULL;
		struct login_problem problem = {0};
		test_alloc_fail_at(n);
		enum err err = login_config_parse(bytes_text(text), &config, &problem);
		hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation", err == (hit ? ERR_NOMEM : ERR_OK) && (config == NULL) == hit);
		CHECK("Nth allocation says so", !hit || strcmp(problem.message, "out of memory") == 0);
		login_config_free(config);
	}
}

int main(void)
{
	test_accepted();
	test_refused();
	test_cut();
	test_limits();
	test_alloc();
	return test_result();
}
