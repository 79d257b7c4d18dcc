/*
 * name_pattern.c - channel names with '*' in them, and which of two such patterns is the more specific (mq-semantics 3.5).
 * Owns:    nothing.
 * Never:   allocates, recurses.
 * Threads: any; pure.
 */
#include <string.h>

#include "auth/auth.h"

/*
 * Goes back only to the last '*': what an earlier '*' could do differently, the last one can do too. So the work is
 * at most length times length, whatever the pattern.
 */
bool name_pattern_match(const char *pattern, const char *name)
{
	const char *star = NULL;
	const char *resume = NULL;
	while (*name != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*') {
		pattern++;
	}
	return *pattern == '\0';
}

/* '*' is the most generic; after it comes an end ("A.*" is more generic than "A.*.C"); a fixed character is specific. */
static int name_rank(char c)
{
	return c == '*' ? 0 : c == '\0' ? 1 : 2;
}

/*
 * Position by position from the left, a fixed character beats '*' at the first place where the two differ in that.
 * Comparing the places of the wildcards first, and the text only after, makes this an order (transitive), which a
 * comparison by "length of the tail" at the first different character is not.
 */
int name_pattern_compare(const char *a, const char *b)
{
	size_t i = 0;
	while (name_rank(a[i]) == name_rank(b[i]) && a[i] != '\0') {
		i++;
	}
	int diff = name_rank(a[i]) - name_rank(b[i]);
	if (diff == 0) {
		diff = strcmp(a, b);
	}
	return diff > 0 ? 1 : diff < 0 ? -1 : 0;
}
