/*
 * fuzz_ber.c - any bytes as BER: what comes out is definite, whole, and stays as it is when converted again.
 * Reaches: ber_to_definite, ber_join (ber.c), tlv_next (tlv.c), java_object_skip (java_object.c).
 * Owns:    nothing.
 * Never:   needs keys.
 * Threads: one.
 */
#include <stdlib.h>

#include "keystore/ber.h"
#include "keystore/pkcs12.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes content = bytes_of(data, size);
	struct buf definite = BUF_INIT(0);
	struct buf again = BUF_INIT(0);
	struct buf joined = BUF_INIT(0);
	enum err err = ber_to_definite(content, &definite);
	if (err == ERR_OK) {
		struct wire_reader reader = wire_reader_init(buf_bytes(&definite));
		struct tlv tlv = {0};
		if (tlv_next(&reader, &tlv) != ERR_OK || tlv_end(&reader) != ERR_OK) {
			abort();
		}
		if (ber_to_definite(buf_bytes(&definite), &again) != ERR_OK ||
			!bytes_equal(buf_bytes(&definite), buf_bytes(&again))) {
			abort();
		}
	} else if (err != ERR_MALFORMED && err != ERR_LIMIT) {
		abort();
	}
	if (ber_join(content, &joined) == ERR_OK && joined.len > size) {
		abort();
	}
	ber_release(&definite);
	ber_release(&again);
	ber_release(&joined);
	struct wire_reader object = wire_reader_init(content);
	if (java_object_skip(&object) != ERR_OK && wire_reader_left(&object) != size) {
		abort(); /* a read that fails moves nothing */
	}
	return 0;
}
