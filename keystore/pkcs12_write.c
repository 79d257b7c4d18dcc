/*
 * pkcs12_write.c - from bags to a PKCS#12 file that keytool and openssl open as well.
 * Owns:    nothing beyond the call.
 * Never:   puts an unsealed key into anything but locked memory; leaves the MAC out.
 * Threads: any; blocks while keys are derived.
 *
 * Layout as keytool writes it: one data safe with the sealed keys, one encryptedData safe with the certificates,
 * SHA-256 MAC.
 */
#include "keystore/pkcs12.h"

#define P12_VERSION     3u
#define P12_KDF_MAC_KEY 3u
#define MAC_SALT_BYTES  16u
/* A file holds at most what we would read again. */
#define P12_BUF BUF_INIT(KEYSTORE_FILE_BYTES_MAX)

static void attribute_put(struct wire_writer *writer, enum oid oid, uint8_t tag, struct bytes value)
{
	size_t attribute = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(oid));
	size_t values = tlv_open(writer, TLV_SET);
	tlv_put(writer, tag, value);
	tlv_close(writer, values);
	tlv_close(writer, attribute);
}

static enum err attributes_put(
	struct wire_writer *writer, const char *name, struct bytes id, bool trusted, struct bytes kept)
{
	if (name == NULL && id.len == 0 && !trusted && kept.len == 0) {
		return ERR_OK;
	}
	struct secret bmp = SECRET_NONE;
	if (name != NULL) {
		enum err err = text_to_bmp(bytes_text(name), false, &bmp);
		if (err != ERR_OK) {
			return err;
		}
	}
	size_t set = tlv_open(writer, TLV_SET);
	if (name != NULL) {
		attribute_put(writer, OID_FRIENDLY_NAME, TLV_BMP_STRING, secret_bytes(&bmp));
	}
	if (id.len > 0) {
		attribute_put(writer, OID_LOCAL_KEY_ID, TLV_OCTETS, id);
	}
	if (trusted) {
		attribute_put(writer, OID_TRUSTED_KEY_USAGE, TLV_OID, oid_bytes(OID_ANY_EXTENDED_KEY_USAGE));
	}
	wire_put_bytes(writer, kept);
	tlv_close(writer, set);
	secret_free(&bmp);
	return wire_writer_err(writer);
}

/* One pkcs8ShroudedKeyBag. */
static enum err key_bag_put(
	struct wire_writer *writer, const struct p12_put_key *key, struct bytes passphrase)
{
	struct buf sealed = P12_BUF;
	size_t bag = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_SHROUDED_KEY_BAG));
	size_t value = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
	size_t info = tlv_open(writer, TLV_SEQUENCE);
	enum err err = pbe_seal(passphrase, key->pkcs8, writer, &sealed);
	if (err == ERR_OK) {
		tlv_put(writer, TLV_OCTETS, buf_bytes(&sealed));
		tlv_close(writer, info);
		tlv_close(writer, value);
		err = attributes_put(writer, key->name, key->id, false, key->kept);
		tlv_close(writer, bag);
	}
	buf_release(&sealed);
	return err != ERR_OK ? err : wire_writer_err(writer);
}

static enum err cert_bag_put(struct wire_writer *writer, const struct p12_put_cert *cert)
{
	size_t bag = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_CERT_BAG));
	size_t value = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
	size_t cert_bag = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_X509_CERTIFICATE));
	size_t der = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
	tlv_put(writer, TLV_OCTETS, cert->der);
	tlv_close(writer, der);
	tlv_close(writer, cert_bag);
	tlv_close(writer, value);
	enum err err = attributes_put(writer, cert->name, cert->id, cert->trusted, cert->kept);
	tlv_close(writer, bag);
	return err != ERR_OK ? err : wire_writer_err(writer);
}

/* ContentInfo of type data around the SafeContents of all keys. */
static enum err keys_put(struct wire_writer *writer, const struct p12_put *put, struct bytes passphrase)
{
	struct buf contents = P12_BUF;
	struct wire_writer inner = wire_writer_init(&contents);
	size_t bags = tlv_open(&inner, TLV_SEQUENCE);
	enum err err = ERR_OK;
	for (size_t i = 0; i < put->key_count && err == ERR_OK; i++) {
		err = key_bag_put(&inner, &put->keys[i], passphrase);
	}
	tlv_close(&inner, bags);
	if (err == ERR_OK && (err = wire_writer_err(&inner)) == ERR_OK) {
		size_t info = tlv_open(writer, TLV_SEQUENCE);
		tlv_put(writer, TLV_OID, oid_bytes(OID_DATA));
		size_t content = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
		tlv_put(writer, TLV_OCTETS, buf_bytes(&contents));
		tlv_close(writer, content);
		tlv_close(writer, info);
	}
	buf_release(&contents);
	return err != ERR_OK ? err : wire_writer_err(writer);
}

/* ContentInfo of type encryptedData around the SafeContents of all certificates. */
static enum err certs_put(struct wire_writer *writer, const struct p12_put *put, struct bytes passphrase)
{
	struct buf contents = P12_BUF;
	struct buf sealed = P12_BUF;
	struct wire_writer inner = wire_writer_init(&contents);
	size_t bags = tlv_open(&inner, TLV_SEQUENCE);
	enum err err = ERR_OK;
	for (size_t i = 0; i < put->cert_count && err == ERR_OK; i++) {
		err = cert_bag_put(&inner, &put->certs[i]);
	}
	tlv_close(&inner, bags);
	if (err != ERR_OK || (err = wire_writer_err(&inner)) != ERR_OK) {
		goto out;
	}
	size_t info = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_ENCRYPTED_DATA));
	size_t content = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
	size_t data = tlv_open(writer, TLV_SEQUENCE);
	tlv_put_uint(writer, 0);
	size_t encrypted = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_DATA));
	err = pbe_seal(passphrase, buf_bytes(&contents), writer, &sealed);
	if (err != ERR_OK) {
		goto out;
	}
	tlv_put(writer, TLV_CONTEXT_0, buf_bytes(&sealed));
	tlv_close(writer, encrypted);
	tlv_close(writer, data);
	tlv_close(writer, content);
	tlv_close(writer, info);
	err = wire_writer_err(writer);
out:
	buf_release(&contents);
	buf_release(&sealed);
	return err;
}

static enum err mac_put(struct wire_writer *writer, struct bytes safes, struct bytes passphrase)
{
	uint8_t salt[MAC_SALT_BYTES];
	uint8_t digest[SHA256_BYTES];
	struct secret bmp = SECRET_NONE;
	struct secret key = SECRET_NONE;
	enum err err = crypto_random(salt, sizeof(salt));
	if (err != ERR_OK || (err = text_to_bmp(passphrase, true, &bmp)) != ERR_OK ||
		(err = secret_new(SHA256_BYTES, &key)) != ERR_OK) {
		goto out;
	}
	err = pkcs12_kdf(HASH_SHA256, P12_KDF_MAC_KEY, secret_bytes(&bmp), bytes_of(salt, sizeof(salt)),
		KEYSTORE_ITERATIONS, key.data, key.len);
	if (err != ERR_OK) {
		goto out;
	}
	hmac_of(HASH_SHA256, secret_bytes(&key), safes, digest);
	size_t mac = tlv_open(writer, TLV_SEQUENCE);
	size_t info = tlv_open(writer, TLV_SEQUENCE);
	size_t algorithm = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_SHA256));
	tlv_put(writer, TLV_NULL, BYTES_NONE);
	tlv_close(writer, algorithm);
	tlv_put(writer, TLV_OCTETS, bytes_of(digest, sizeof(digest)));
	tlv_close(writer, info);
	tlv_put(writer, TLV_OCTETS, bytes_of(salt, sizeof(salt)));
	tlv_put_uint(writer, KEYSTORE_ITERATIONS);
	tlv_close(writer, mac);
	err = wire_writer_err(writer);
out:
	secret_free(&bmp);
	secret_free(&key);
	return err;
}

static enum err safes_put(struct buf *safes, const struct p12_put *put, struct bytes passphrase)
{
	struct wire_writer writer = wire_writer_init(safes);
	size_t list = tlv_open(&writer, TLV_SEQUENCE);
	enum err err = ERR_OK;
	if (put->key_count > 0) {
		err = keys_put(&writer, put, passphrase);
	}
	if (err == ERR_OK && put->cert_count > 0) {
		err = certs_put(&writer, put, passphrase);
	}
	tlv_close(&writer, list);
	return err != ERR_OK ? err : wire_writer_err(&writer);
}

enum err p12_write(
	const struct p12_put *put, struct bytes passphrase, struct buf *out, struct keystore_error *error)
{
	struct buf safes = P12_BUF;
	struct wire_writer writer = wire_writer_init(out);
	if (passphrase.len > KEYSTORE_PASSPHRASE_MAX) {
		return keystore_fail(
			error, ERR_LIMIT, "the passphrase is longer than %u bytes", KEYSTORE_PASSPHRASE_MAX);
	}
	enum err err = safes_put(&safes, put, passphrase);
	if (err != ERR_OK) {
		goto out;
	}
	size_t pfx = tlv_open(&writer, TLV_SEQUENCE);
	tlv_put_uint(&writer, P12_VERSION);
	size_t info = tlv_open(&writer, TLV_SEQUENCE);
	tlv_put(&writer, TLV_OID, oid_bytes(OID_DATA));
	size_t content = tlv_open(&writer, TLV_CONTEXT_0_CONSTRUCTED);
	tlv_put(&writer, TLV_OCTETS, buf_bytes(&safes));
	tlv_close(&writer, content);
	tlv_close(&writer, info);
	if ((err = mac_put(&writer, buf_bytes(&safes), passphrase)) == ERR_OK) {
		tlv_close(&writer, pfx);
		err = wire_writer_err(&writer);
	}
out:
	buf_release(&safes);
	if (err != ERR_OK) {
		wire_writer_rollback(&writer);
		return keystore_fail_plain(error, err, "the keystore cannot be sealed");
	}
	return ERR_OK;
}
