/*
 * peek.c - between accept and the TLS object: the ClientHello is read here first, and decides which identity serves.
 * Owns:    nothing; what came stays in the connection's held_wire until the TLS library has it, unchanged.
 * Never:   makes a TLS object for a client that has not said a whole hello; answers more than one alert.
 * Threads: the loop that holds the connection.
 */
#include <assert.h>
#include <stdio.h>

#include "base/wire.h"
#include "broker/net/hello.h"
#include "broker/net/net_private.h"

static_assert(HELLO_MESSAGE_BYTES_MAX <= TLS_RECORD_BYTES, "a loop's scratch holds a whole hello");

enum { RECORD_ALERT = 21, ALERT_FATAL = 2, ALERT_BYTES = 7 };

/* RFC 8446 6: there is no TLS object yet, so the one alert is written by hand. It leaves before the connection ends. */
static void queue_alert(struct io *io, uint8_t alert)
{
	struct buf record = BUF_INIT(ALERT_BYTES);
	struct wire_writer writer = wire_writer_init(&record);
	wire_put_u8(&writer, RECORD_ALERT);
	wire_put_u16(&writer, 0x0303);
	wire_put_u16(&writer, 2);
	wire_put_u8(&writer, ALERT_FATAL);
	wire_put_u8(&writer, alert);
	/* Without memory the client sees the end and no reason. */
	if (wire_writer_err(&writer) == ERR_OK) {
		enum err err = out_queue_copy(&io->s.wire, buf_bytes(&record));
		(void)err;
	}
	buf_release(&record);
}

static void refuse(struct io *io, enum tls_failure failure, uint8_t alert, const char *detail)
{
	io->s.tls_failure = (uint8_t)failure;
	if (alert != 0) {
		queue_alert(io, alert);
	}
	io->goodbye = true;
	io_end(io, IO_CLOSE_TLS, detail, true);
}

static void refuse_hello(struct io *io, const struct fault *fault)
{
	char detail[160];
	(void)snprintf(
		detail, sizeof(detail), "the client's hello is malformed or over a limit: %s", fault->clause);
	refuse(io, TLS_FAILURE_HELLO, fault->reason, detail);
}

static void begin(struct io *io, const struct hello *hello)
{
	struct tls_set *set = listener_tls_ref(io->s.listener);
	struct clock clock = net_clock(io->loop->net, io->loop->at);
	io->s.tls = tls_set_choose(set, hello, clock_wall_ms(&clock) / 1000);
	tls_set_unref(set);
	if (io->s.tls == NULL) {
		refuse(io, TLS_FAILURE_NO_IDENTITY, HELLO_ALERT_HANDSHAKE_FAILURE,
			"no certificate of the channel is valid now");
	} else if (io_tls_begin(io) != ERR_OK) {
		io_end(io, IO_CLOSE_NOMEM, "no memory for a TLS connection", false);
	}
}

bool io_peek(struct io *io, struct bytes wire)
{
	struct hello hello;
	struct fault fault = FAULT_NONE;
	switch (hello_read(wire, io->loop->scratch, &hello, &fault)) {
	case ERR_OK: begin(io, &hello); return io->s.ssl != NULL;
	case ERR_AGAIN: return false;
	case ERR_UNSUPPORTED:
		refuse(io, TLS_FAILURE_NOT_TLS, 0, "the client does not speak TLS");
		return false;
	default: refuse_hello(io, &fault); return false;
	}
}
