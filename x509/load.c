/*
 * load.c - certificates, CRLs and OCSP responses from the content of a file: PEM with several blocks, or DER, one after another.
 * Owns:    the items of a list, until it is released.
 * Never:   opens files; keeps the good part of a file of which one part is bad.
 * Threads: one at a time per list.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "x509/internal.h"

#define LIST_ITEMS_MAX 65536u

/* The lists differ in their item type only; each is grown here by its raw parts. */
static enum err grow(void **items, size_t count, size_t *cap)
{
	if (count < *cap) {
		return ERR_OK;
	}
	if (count >= LIST_ITEMS_MAX) {
		return ERR_LIMIT;
	}
	size_t larger = *cap == 0 ? 8 : *cap * 2;
	void *moved = realloc(*items, larger * sizeof(void *));
	if (moved == NULL) {
		return ERR_NOMEM;
	}
	*items = moved;
	*cap = larger;
	return ERR_OK;
}

enum err cert_list_add(struct cert_list *list, struct cert *cert)
{
	void *items = list->items;
	enum err err = grow(&items, list->count, &list->cap);
	list->items = items;
	if (err == ERR_OK) {
		list->items[list->count++] = cert;
	}
	return err;
}

void cert_list_release(struct cert_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		cert_unref(list->items[i]);
	}
	free(list->items);
	*list = (struct cert_list){NULL, 0, 0};
}

enum err crl_list_add(struct crl_list *list, struct crl *crl)
{
	void *items = list->items;
	enum err err = grow(&items, list->count, &list->cap);
	list->items = items;
	if (err == ERR_OK) {
		list->items[list->count++] = crl;
	}
	return err;
}

void crl_list_release(struct crl_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		crl_unref(list->items[i]);
	}
	free(list->items);
	*list = (struct crl_list){NULL, 0, 0};
}

enum err ocsp_list_add(struct ocsp_list *list, struct ocsp_response *response)
{
	void *items = list->items;
	enum err err = grow(&items, list->count, &list->cap);
	list->items = items;
	if (err == ERR_OK) {
		list->items[list->count++] = response;
	}
	return err;
}

void ocsp_list_release(struct ocsp_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		ocsp_response_unref(list->items[i]);
	}
	free(list->items);
	*list = (struct ocsp_list){NULL, 0, 0};
}

typedef enum err (*take_fn)(struct bytes der, void *list, struct x509_error *error);

static enum err take_cert(struct bytes der, void *list, struct x509_error *error)
{
	struct cert *cert = NULL;
	enum err err = cert_parse(der, &cert, error);
	if (err == ERR_OK) {
		err = cert_list_add(list, cert);
		if (err != ERR_OK) {
			cert_unref(cert);
		}
	}
	return err;
}

static enum err take_crl(struct bytes der, void *list, struct x509_error *error)
{
	struct crl *crl = NULL;
	enum err err = crl_parse(der, &crl, error);
	if (err == ERR_OK) {
		err = crl_list_add(list, crl);
		if (err != ERR_OK) {
			crl_unref(crl);
		}
	}
	return err;
}

static enum err take_ocsp(struct bytes der, void *list, struct x509_error *error)
{
	struct ocsp_response *response = NULL;
	enum err err = ocsp_response_parse(der, &response, error);
	if (err == ERR_OK) {
		err = ocsp_list_add(list, response);
		if (err != ERR_OK) {
			ocsp_response_unref(response);
		}
	}
	return err;
}

static enum err fail(enum err err, const char *what, struct x509_error *error)
{
	if (error != NULL) {
		*error = (struct x509_error){.err = err, .offset = 0, .what = what};
	}
	return err;
}

static enum err load_der(struct bytes content, take_fn take, void *list, struct x509_error *error)
{
	struct wire_reader in = wire_reader_init(content);
	enum err err = ERR_OK;
	while (err == ERR_OK && wire_reader_left(&in) != 0) {
		struct der_item item;
		if (der_next(&in, &item) != ERR_OK) {
			return fail(ERR_MALFORMED, "cut short, or not DER", error);
		}
		err = take(item.whole, list, error);
	}
	return err;
}

/* What a file holds: the label of its PEM blocks, what is said where there is none, and who takes each. */
struct kind {
	const char *label;
	const char *missing;
	take_fn take;
};

static enum err load_pem(struct bytes content, const struct kind *kind, void *list, struct x509_error *error)
{
	struct buf der = BUF_INIT(X509_CRL_BYTES_MAX);
	struct bytes found;
	size_t count = 0;
	enum err err = ERR_OK;
	while (err == ERR_OK) {
		der.len = 0;
		err = pem_next(&content, &found, &der);
		if (err == ERR_NOT_FOUND) {
			err = count != 0 ? ERR_OK : fail(ERR_MALFORMED, kind->missing, error);
			break;
		}
		if (err != ERR_OK) {
			err = fail(err, "broken PEM block", error);
			break;
		}
		if (bytes_equal_text(found, kind->label)) {
			err = kind->take(buf_bytes(&der), list, error);
			count++;
		}
	}
	buf_release(&der);
	return err;
}

static enum err load(struct bytes content, const struct kind *kind, void *list, struct x509_error *error)
{
	if (content.len == 0) {
		return fail(ERR_MALFORMED, "empty", error);
	}
	if (content.data[0] == DER_SEQUENCE) {
		return load_der(content, kind->take, list, error);
	}
	return load_pem(content, kind, list, error);
}

static const struct kind cert_kind = {"CERTIFICATE", "no PEM block CERTIFICATE", take_cert};
static const struct kind crl_kind = {"X509 CRL", "no PEM block X509 CRL", take_crl};
static const struct kind ocsp_kind = {"OCSP RESPONSE", "no PEM block OCSP RESPONSE", take_ocsp};

enum err cert_list_load(struct bytes content, struct cert_list *list, struct x509_error *error)
{
	size_t before = list->count;
	enum err err = load(content, &cert_kind, list, error);
	while (err != ERR_OK && list->count > before) {
		cert_unref(list->items[--list->count]);
	}
	return err;
}

enum err crl_list_load(struct bytes content, struct crl_list *list, struct x509_error *error)
{
	size_t before = list->count;
	enum err err = load(content, &crl_kind, list, error);
	while (err != ERR_OK && list->count > before) {
		crl_unref(list->items[--list->count]);
	}
	return err;
}

enum err ocsp_list_load(struct bytes content, struct ocsp_list *list, struct x509_error *error)
{
	size_t before = list->count;
	enum err err = load(content, &ocsp_kind, list, error);
	while (err != ERR_OK && list->count > before) {
		ocsp_response_unref(list->items[--list->count]);
	}
	return err;
}
