/*
 * profile.c - generic profiles of authority records: which object names they mean, and which is the more specific (9.2).
 * Owns:    nothing.
 * Never:   allocates.
 * Threads: any; pure.
 */
#include <string.h>

#include "auth/authority.h"

static const char name_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/%";

bool profile_is_generic(const char *profile)
{
	return strpbrk(profile, "?*") != NULL;
}

long profile_check(const char *profile)
{
	size_t len = strlen(profile);
	bool seen = false;
	if (len == 0 || len > AUTH_OBJECT_NAME_BYTES_MAX) {
		return len == 0 ? 0 : (long)AUTH_OBJECT_NAME_BYTES_MAX;
	}
	for (size_t i = 0; i < len; i++) {
		if (strchr(name_characters, profile[i]) == NULL && profile[i] != '?' && profile[i] != '*') {
			return (long)i;
		}
		if (strncmp(profile + i, "**", 2) != 0) {
			continue;
		}
		/* '**' is a whole qualifier, and stands once. */
		bool begins = i == 0 || profile[i - 1] == '.';
		bool ends = profile[i + 2] == '\0' || profile[i + 2] == '.';
		if (seen || !begins || !ends) {
			return (long)i;
		}
		seen = true;
		i++;
	}
	return -1;
}

/* One qualifier: '?' is one character, '*' none or more. As name_pattern_match(), bounded by the ends. */
static bool qualifier_match(const char *pattern, size_t pattern_len, const char *name, size_t name_len)
{
	size_t p = 0;
	size_t n = 0;
	size_t star = pattern_len;
	size_t resume = 0;
	while (n < name_len) {
		if (p < pattern_len && pattern[p] == '*') {
			star = p++;
			resume = n;
		} else if (p < pattern_len && (pattern[p] == '?' || pattern[p] == name[n])) {
			p++;
			n++;
		} else if (star < pattern_len) {
			p = star + 1;
			n = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern_len && pattern[p] == '*') {
		p++;
	}
	return p == pattern_len;
}

/* Where the qualifier that begins at text ends. */
static size_t qualifier_len(const char *text)
{
	return strcspn(text, ".");
}

static size_t qualifier_count(const char *text)
{
	size_t count = 1;
	for (; *text != '\0'; text++) {
		count += *text == '.' ? 1 : 0;
	}
	return count;
}

bool profile_match(const char *profile, const char *name)
{
	size_t want = qualifier_count(profile);
	size_t have = qualifier_count(name);
	bool more = true;
	while (more) {
		size_t profile_len = qualifier_len(profile);
		if (profile_len == 2 && memcmp(profile, "**", 2) == 0) {
			/* Takes what the qualifiers behind it do not need. */
			if (have + 1 < want) {
				return false;
			}
			for (size_t skip = have + 1 - want; skip > 0; skip--) {
				size_t len = qualifier_len(name);
				name += name[len] == '.' ? len + 1 : len;
				have--;
			}
		} else {
			size_t name_len = qualifier_len(name);
			if (have == 0 || !qualifier_match(profile, profile_len, name, name_len)) {
				return false;
			}
			have--;
			name += name[name_len] == '.' ? name_len + 1 : name_len;
		}
		want--;
		more = profile[profile_len] == '.';
		profile += more ? profile_len + 1 : profile_len;
	}
	return have == 0;
}

/* Normal character > end > '?' > '*' > '**'; an end is more specific than a wildcard that could stand for nothing. */
static int profile_rank(const char *at, size_t *step)
{
	*step = 1;
	if (*at == '\0') {
		return 3;
	}
	if (at[0] == '*' && at[1] == '*') {
		*step = 2;
		return 0;
	}
	return *at == '*' ? 1 : *at == '?' ? 2 : 4;
}

int profile_compare(const char *a, const char *b)
{
	const char *at_a = a;
	const char *at_b = b;
	for (;;) {
		size_t step_a = 0;
		size_t step_b = 0;
		int diff = profile_rank(at_a, &step_a) - profile_rank(at_b, &step_b);
		if (diff != 0) {
			return diff > 0 ? 1 : -1;
		}
		if (*at_a == '\0') {
			break;
		}
		at_a += step_a;
		at_b += step_b;
	}
	int diff = strcmp(a, b);
	return diff > 0 ? 1 : diff < 0 ? -1 : 0;
}
