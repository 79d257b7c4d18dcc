#!/usr/bin/env bash
# test_cert.sh - `lockgate cert verify`: exit codes, words, and no option that is silently ignored.
. "$(dirname "$0")/lib.sh"
verify() { "$LOCKGATE" cert verify "$@"; }

"$LOCKGATE_CERTS" root --out root --cn 'Plant Root' || exit 1
"$LOCKGATE_CERTS" ca --out ca --issuer root --cn 'Plant CA' || exit 1
"$LOCKGATE_CERTS" leaf --out d1 --issuer ca --cn d1 || exit 1
"$LOCKGATE_CERTS" leaf --out d2 --issuer ca --cn d2 || exit 1
"$LOCKGATE_CERTS" leaf --out server --issuer ca --cn s --server || exit 1
"$LOCKGATE_CERTS" self-signed --out pinned --cn sensor-7 || exit 1
"$LOCKGATE_CERTS" crl --out ca --issuer ca --revoke d2.crt || exit 1
openssl x509 -in d1.crt -outform der -out d1.der 2>/dev/null || cp d1.crt d1.der
echo pw >pw
"$LOCKGATE" keystore create k.p12 --passphrase file:pw || exit 1
"$LOCKGATE" keystore import-trust k.p12 root.crt --anchor --passphrase file:pw >/dev/null || exit 1
head -c 200 d1.crt >cut.crt
{ echo '-----BEGIN CERTIFICATE-----'; echo 'MAMCAQA='; echo '-----END CERTIFICATE-----'; } >broken.crt

want 'help' 0 'Usage: lockgate cert verify' verify --help
want 'chain in one file' 0 'ACCEPTED' verify --trust root.crt d1-chain.crt
want 'untrusted beside it' 0 'ACCEPTED' verify --trust root.crt --untrusted ca.crt d1.crt
want 'several values, leaf last' 0 'ACCEPTED' verify --trust root.crt --untrusted ca.crt d2.crt d1.crt
want 'DER' 0 'ACCEPTED' verify --trust root.crt --untrusted ca.crt -- d1.der
want 'keystore' 0 'ACCEPTED' verify --keystore k.p12 --passphrase file:pw d1-chain.crt
want 'pinned' 0 'is pinned' verify --pinned pinned.crt pinned.crt
want 'JSON' 0 '"verdict":"accept"' verify --trust root.crt --json d1-chain.crt
want 'fresh list' 0 'ACCEPTED' verify --trust ca.crt --crl ca.crl --require-crl yes d1.crt

want 'no issuer' 1 'unknown-issuer' verify --trust root.crt d1.crt
want 'pin is no issuer' 1 'REFUSED' verify --pinned ca.crt d1.crt
want 'revoked' 1 'revoked' verify --trust root.crt --crl ca.crl d2-chain.crt
want 'revoked, which the last line says as well' 1 'revocation   listed as revoked' verify --trust root.crt --crl ca.crl d2-chain.crt
want 'revoked, JSON' 1 '"reason":"revoked"' verify --trust root.crt --crl ca.crl --json d2-chain.crt
want 'no list at all' 1 'crl-missing' verify --trust root.crt --require-crl yes d1-chain.crt
want 'stale list' 1 'REFUSED' verify --trust ca.crt --crl ca.crl --require-crl yes --at 2027-02-01T00:00:00Z d1.crt
want 'expired' 1 'expired' verify --trust root.crt --at 2040-01-01T00:00:00Z d1-chain.crt
want 'too early' 1 'REFUSED' verify --trust root.crt --at 2001-01-01 d1-chain.crt
want 'server as client' 1 'REFUSED' verify --trust root.crt server-chain.crt
want 'server as server' 0 'ACCEPTED' verify --trust root.crt --purpose server server-chain.crt
want 'a certificate that is none' 1 'refused' verify --trust root.crt broken.crt
want 'a certificate that is none, JSON' 1 '"reason":"malformed"' verify --trust root.crt --json broken.crt

want 'nothing trusted' 2 'nothing is trusted' verify d1.crt
want 'no leaf' 2 'expected LEAF' verify --trust root.crt
want 'two leaves' 2 'too much' verify d1.crt d2.crt --trust root.crt
want 'absent leaf' 2 'no such file' verify --trust root.crt none.crt
want 'absent anchor' 2 'no such file' verify --trust none.crt d1.crt
want 'anchor that is none' 2 'broken.crt' verify --trust broken.crt d1.crt
want 'list that is none' 2 'root.crt' verify --trust root.crt --crl root.crt d1.crt
want 'leaf that is something else' 2 'pw:' verify --trust root.crt pw
want 'wrong passphrase' 2 'wrong passphrase' env P=no "$LOCKGATE" cert verify --keystore k.p12 --passphrase env:P d1.crt
want 'unknown purpose' 2 '--purpose wants' verify --trust root.crt --purpose mail d1.crt
want 'unknown word' 2 '--require-crl wants' verify --trust root.crt --require-crl maybe d1.crt
want 'no time' 2 '--at wants' verify --trust root.crt --at tomorrow d1.crt
want 'time without zone' 2 '--at wants' verify --trust root.crt --at 2026-11-21T10:00:00 d1.crt
want 'unknown option' 2 "unknown option '--depth'" verify --trust root.crt --depth 3 d1.crt
want 'flag with a value' 2 'takes no value' verify --trust root.crt --json=yes d1.crt
want 'OCSP is refused, not ignored' 2 '--ocsp is not supported' verify --trust root.crt d1.crt --ocsp ca.crl
want 'host is refused, not ignored' 2 '--host is not supported' verify --trust root.crt --host a d1.crt
want 'policy demanded' 1 'policy' verify --trust root.crt --explicit-policy d1-chain.crt
finish
