/*
 * fuzz_login_users.c - the users file: login_users_parse(), and login_users_edit() on whatever parses.
 */
#include <stdlib.h>
#include <string.h>

#include "jaas_like/jaas_like.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char secret[] = "hmac$00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	struct login_problem problem;
	struct login_users *users = NULL;
	struct bytes text = bytes_of(data, len);
	if (login_users_parse(text, &users, &problem) != ERR_OK) {
		return 0;
	}
	size_t count = login_users_count(users);
	enum login_user_state state = login_users_state(users, bytes_text("d1"));
	login_users_unref(users);
	for (unsigned kind = LOGIN_EDIT_ADD; kind <= LOGIN_EDIT_REMOVE; kind++) {
		struct login_edit edit = {(enum login_edit_kind)kind, bytes_text("d1"), secret, 1};
		struct buf out = BUF_INIT(1 << 20);
		enum err err = login_users_edit(text, &edit, &out, &problem);
		bool want = (kind == LOGIN_EDIT_ADD) == (state == LOGIN_USER_ABSENT);
		if ((err == ERR_OK) != want && err != ERR_LIMIT) {
			abort();
		}
		if (err == ERR_OK) {
			if (login_users_parse(buf_bytes(&out), &users, &problem) != ERR_OK) {
				abort();
			}
			size_t more = kind == LOGIN_EDIT_ADD ? 1 : 0;
			size_t less = kind == LOGIN_EDIT_REMOVE ? 1 : 0;
			if (login_users_count(users) != count + more - less) {
				abort();
			}
			login_users_unref(users);
		}
		buf_release(&out);
	}
	return 0;
}
