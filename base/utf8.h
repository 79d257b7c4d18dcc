/*
 * utf8.h - is this text, and how is it shown to a human without harm.
 */
#ifndef LOCKGATE_BASE_UTF8_H
#define LOCKGATE_BASE_UTF8_H

#include "base/bytes.h"

/* Well-formed UTF-8 (RFC 3629): shortest form, no surrogates, at most U+10FFFF. U+0000 is allowed here. */
bool utf8_valid(struct bytes in);
/* As MQTT-1.5.4-1 and -2 want it: valid, and no U+0000. */
bool utf8_valid_mqtt(struct bytes in);

/*
 * Appends in to out as printable UTF-8: C0, DEL, C1, the bidirectional controls (U+061C, U+200E/F, U+202A-202E,
 * U+2066-2069), line and paragraph separators, backslash and every byte that is not valid UTF-8 become \xHH or
 * \u{H}. Peer text reaches logs, JSON and MQSC output only through here (or json_*, which calls it).
 */
MUST_CHECK enum err utf8_escape(struct buf *out, struct bytes in);

#endif
