/*
 * dn.c - a distinguished name as IBM MQ prints it, so that what is shown can be pasted into a pattern.
 * Owns:    nothing.
 * Never:   prints peer text unescaped.
 * Threads: any.
 *
 * Most specific first, that is the reverse of DER order, but OUs among themselves in DER order (highest unit first), as
 * patterns read them. A value with separators, quotes or blanks at its ends stands in double quotes; a quote inside is
 * doubled by a backslash before it; an asterisk at an end is escaped, since a pattern would take it for a wildcard.
 */
#include <string.h>

#include "base/pem.h"
#include "base/utf8.h"
#include "x509/internal.h"

#define DN_VALUE_BYTES_MAX (4u * X509_CERT_BYTES_MAX)

static bool needs_quotes(struct bytes value)
{
	if (value.len == 0) {
		return true;
	}
	if (value.data[0] == ' ' || value.data[value.len - 1] == ' ') {
		return true;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] != 0 && strchr(",;=\"", (char)value.data[i]) != NULL) {
			return true;
		}
	}
	return false;
}

static enum err put_value(struct bytes value, struct buf *out)
{
	struct buf escaped = BUF_INIT(DN_VALUE_BYTES_MAX);
	bool quotes = needs_quotes(value);
	enum err err = utf8_escape(&escaped, value);
	if (err == ERR_OK && quotes) {
		err = buf_append_u8(out, '"');
	}
	for (size_t i = 0; err == ERR_OK && i < escaped.len; i++) {
		uint8_t c = escaped.data[i];
		if (c == '"' || (c == '*' && (i == 0 || i + 1 == escaped.len))) {
			err = buf_append_u8(out, '\\');
		}
		if (err == ERR_OK) {
			err = buf_append_u8(out, c);
		}
	}
	if (err == ERR_OK && quotes) {
		err = buf_append_u8(out, '"');
	}
	buf_release(&escaped);
	return err;
}

static enum err put_attribute(const struct attribute *attribute, bool *first, struct buf *out)
{
	enum err err = ERR_OK;
	if (!*first) {
		err = buf_append_text(out, ",");
	}
	*first = false;
	if (err == ERR_OK) {
		err = buf_append_text(out, attribute->key != NULL ? attribute->key : attribute->oid);
	}
	if (err == ERR_OK) {
		err = buf_append_text(out, attribute->raw ? "=#" : "=");
	}
	if (err != ERR_OK) {
		return err;
	}
	return attribute->raw ? hex_encode(attribute->value, out) : put_value(attribute->value, out);
}

static bool is_unit(const struct attribute *attribute)
{
	return attribute->key != NULL && strcmp(attribute->key, "OU") == 0;
}

/* Appends all attributes; *first says whether a comma is due. */
enum err name_print(const struct name *name, bool *first, struct buf *out)
{
	size_t next_unit = 0;
	for (size_t i = name->attribute_count; i-- > 0;) {
		const struct attribute *attribute = &name->attributes[i];
		if (is_unit(attribute)) {
			while (!is_unit(&name->attributes[next_unit])) {
				next_unit++; /* as many OUs from the front as from the back: never past the end */
			}
			attribute = &name->attributes[next_unit++];
		}
		enum err err = put_attribute(attribute, first, out);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

static enum err put_serial(struct bytes serial, struct buf *out)
{
	enum err err = buf_append_text(out, "SERIALNUMBER=");
	/* The number's octets: the zero that only keeps an INTEGER positive is no part of it. */
	if (serial.len > 1 && serial.data[0] == 0) {
		serial = bytes_of(serial.data + 1, serial.len - 1);
	}
	for (size_t i = 0; i < serial.len && err == ERR_OK; i++) {
		err = buf_printf(out, i == 0 ? "%02X" : ":%02X", serial.data[i]);
	}
	return err;
}

enum err cert_print_dn(const struct cert *cert, bool subject, struct buf *out)
{
	bool first = true;
	size_t start = out->len;
	enum err err = ERR_OK;
	if (subject) {
		err = put_serial(cert->serial, out);
		first = false;
	}
	if (err == ERR_OK) {
		err = name_print(subject ? &cert->subject : &cert->issuer, &first, out);
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}

enum err crl_print_issuer(const struct crl *crl, struct buf *out)
{
	bool first = true;
	size_t start = out->len;
	enum err err = name_print(&crl->issuer, &first, out);
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}
