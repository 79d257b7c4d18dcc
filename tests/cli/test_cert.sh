#!/usr/bin/env bash
# test_cert.sh - `lockgate cert verify`: exit codes, words, and no option that is silently ignored.
. "$(dirname "$0")/lib.sh"
verify() { "$LOCKGATE" cert verify "$@"; }

"$LOCKGATE_CERTS" root --out root --cn 'Plant Root' || exit 1
"$LOCKGATE_CERTS" ca --out ca --issuer root --cn 'Plant CA' || exit 1
"$LOCKGATE_CERTS" leaf --out d1 --issuer ca --cn d1 || exit 1
"$LOCKGATE_CERTS" leaf --out d2 --issuer ca --cn d2 || exit 1
"$LOCKGATE_CERTS" leaf --out server --issuer ca --cn s --server --dns localhost --ip 127.0.0.1 || exit 1
"$LOCKGATE_CERTS" self-signed --out pinned --cn sensor-7 || exit 1
"$LOCKGATE_CERTS" crl --out ca --issuer ca --revoke d2.crt || exit 1
openssl x509 -in d1.crt -outform der -out d1.der 2>/dev/null || cp d1.crt d1.der
echo pw >pw
"$LOCKGATE" keystore create k.p12 --passphrase file:pw || exit 1
"$LOCKGATE" keystore create empty.p12 --passphrase file:pw || exit 1
"$LOCKGATE" keystore import-trust k.p12 root.crt --anchor --passphrase file:pw >/dev/null || exit 1
head -c 200 d1.crt >cut.crt
{ echo '-----BEGIN CERTIFICATE-----'; echo 'MAMCAQA='; echo '-----END CERTIFICATE-----'; } >broken.crt

want 'help' 0 'Usage: lockgate cert verify' verify --help
want 'chain in one file' 0 'ACCEPTED' verify --trust root.crt d1-chain.crt
want 'untrusted beside it' 0 'ACCEPTED' verify --trust root.crt --untrusted ca.crt d1.crt
want 'several values, leaf last' 0 'ACCEPTED' verify --trust root.crt --untrusted ca.crt d2.crt d1.crt
want 'DER' 0 'ACCEPTED' verify --trust root.crt --untrusted ca.crt -- d1.der
want 'keystore' 0 'ACCEPTED' verify --keystore k.p12 --passphrase file:pw d1-chain.crt
want 'a keystore that trusts nobody' 2 'empty.p12: holds no anchor and no pin' verify --keystore empty.p12 --passphrase file:pw d1-chain.crt
want 'a keystore that trusts nobody, and a CA beside it' 0 'ACCEPTED' verify --keystore empty.p12 --passphrase file:pw --trust root.crt d1-chain.crt
want 'pinned' 0 'is pinned' verify --pinned pinned.crt pinned.crt
want 'JSON' 0 '"verdict":"accept"' verify --trust root.crt --json d1-chain.crt
"$LOCKGATE_CERTS" leaf --out quoted --issuer ca --cn 'pump "7"' || exit 1
want 'a name with quotes' 0 'CN="pump \"7\""' verify --trust ca.crt quoted.crt
want 'a name with quotes, JSON: the same once it is read' 0 'CN=\"pump \\\"7\\\"\""' verify --trust ca.crt --json quoted.crt
want 'fresh list' 0 'ACCEPTED' verify --trust ca.crt --crl ca.crl --require-crl yes d1.crt

want 'no issuer' 1 'unknown-issuer' verify --trust root.crt d1.crt
want 'pin is no issuer' 1 'REFUSED' verify --pinned ca.crt d1.crt
want 'revoked' 1 'revoked' verify --trust root.crt --crl ca.crl d2-chain.crt
want 'revoked, which the last line says as well' 1 'revocation   listed as revoked' verify --trust root.crt --crl ca.crl d2-chain.crt
want 'revoked, JSON' 1 '"reason":"revoked"' verify --trust root.crt --crl ca.crl --json d2-chain.crt
# "status" tells what is known, of all and of each: never a "no" that could be read either way.
want 'JSON, revoked' 1 '"revocation":{"required":"if-any","status":"revoked"' verify --trust root.crt --crl ca.crl --json d2-chain.crt
want 'JSON, revoked: whose' 1 '"status":"revoked","ocsp":"not used","ocsp_reason":"ok","crl":"revoked"' verify --trust root.crt --crl ca.crl --json d2-chain.crt
want 'JSON, good' 0 '"revocation":{"required":"yes","status":"good"' verify --trust ca.crt --crl ca.crl --require-crl yes --json d1.crt
want 'JSON, good below, nothing above' 0 '"revocation":{"required":"if-any","status":"unknown"' verify --trust root.crt --crl ca.crl --json d1-chain.crt
want 'JSON, good below: that one' 0 '"status":"good","ocsp":"not used","ocsp_reason":"ok","crl":"good"' verify --trust root.crt --crl ca.crl --json d1-chain.crt
want 'JSON, nothing above: that one' 0 '"status":"unknown","ocsp":"not used","ocsp_reason":"ok","crl":"absent"' verify --trust root.crt --crl ca.crl --json d1-chain.crt
want 'JSON, no list' 1 '"revocation":{"required":"yes","status":"unknown"' verify --trust root.crt --require-crl yes --json d1-chain.crt
want 'JSON, stale' 1 '"revocation":{"required":"yes","status":"unknown"' verify --trust ca.crt --crl ca.crl --require-crl yes --at 2027-02-01T00:00:00Z --json d1.crt
want 'JSON, nobody asks' 0 '"revocation":{"required":"no","status":"not_checked"' verify --trust root.crt --crl ca.crl --require-crl no --json d1-chain.crt
want 'JSON, refused before' 1 '"revocation":{"required":"if-any","status":"not_checked"' verify --trust root.crt --crl ca.crl --at 2040-01-01T00:00:00Z --json d2-chain.crt
want 'JSON, pinned' 0 '"revocation":{"required":"if-any","status":"not_checked"' verify --pinned pinned.crt --require-crl if-any --json pinned.crt
want 'no list at all' 1 'crl-missing' verify --trust root.crt --require-crl yes d1-chain.crt
want 'stale list' 1 'REFUSED' verify --trust ca.crt --crl ca.crl --require-crl yes --at 2027-02-01T00:00:00Z d1.crt
want 'expired' 1 'expired' verify --trust root.crt --at 2040-01-01T00:00:00Z d1-chain.crt
want 'too early' 1 'REFUSED' verify --trust root.crt --at 2001-01-01 d1-chain.crt
want 'server as client' 1 'REFUSED' verify --trust root.crt server-chain.crt
want 'server as server' 0 'ACCEPTED' verify --trust root.crt --purpose server server-chain.crt
want 'a certificate that is none' 1 'broken.crt: REFUSED (malformed): a presented certificate cannot be read' verify --trust root.crt broken.crt
if command -v openssl >/dev/null; then
  openssl req -new -key d1.key -subj /CN=names -out names.csr 2>/dev/null || exit 1
  for n in 256 257; do
    printf 'subjectAltName=%s\n' "$(seq -s , -f 'DNS:h%g.example' "$n")" >names.ext
    openssl x509 -req -in names.csr -CA ca.crt -CAkey ca.key -days 30 -extfile names.ext -out "names-$n.crt" 2>/dev/null || exit 1
  done
  want 'as many names as are read' 0 'ACCEPTED' verify --trust ca.crt names-256.crt
  want 'one name more than are read' 1 'holds more than is read: subjectAltName' verify --trust ca.crt names-257.crt
fi
want 'one of those beside LEAF is none: which' 1 'broken.crt: REFUSED (malformed)' verify --trust root.crt --untrusted broken.crt -- d1.crt
want 'one of those beside LEAF is none, JSON' 1 '{"certificate":"broken.crt","verdict":"refuse"' verify --trust root.crt --untrusted broken.crt --json -- d1.crt
want 'a certificate that is none, JSON' 1 '"reason":"malformed"' verify --trust root.crt --json broken.crt

{ printf '\357\273\277'; cat ca.crl; "$LOCKGATE_CERTS" crl --out root --issuer root && cat root.crl; } >bom.crl
want 'the first of two lists, behind what an editor puts before UTF-8' 1 'revoked' verify --trust root.crt --crl bom.crl d2-chain.crt
sed 's/^/    /' d1.crt >indented.crt
want 'indented' 0 'ACCEPTED' verify --trust ca.crt indented.crt
head -c 300 d1.der >cut.der
want 'cut short' 1 'cut short' verify --trust ca.crt cut.der

mkdir lists lists/deeper empty
cp ca.crl root.crl lists && cp d1.crt lists/.hidden
want 'a folder of lists' 1 'was revoked' verify --trust root.crt --crl lists --require-crl yes d2-chain.crt
want 'a folder of lists, not on any' 0 'known to be good' verify --trust root.crt --crl lists --require-crl yes d1-chain.crt
want 'a folder without lists' 2 'no file is in this folder' verify --trust root.crt --crl empty d1-chain.crt
cp d1.crt lists/other
want 'a folder with something else in it' 2 'lists/other: no PEM block X509 CRL' verify --trust root.crt --crl lists d1-chain.crt
mkfifo pipe
want 'no regular file' 2 'pipe: no regular file' verify --trust root.crt pipe

want 'nothing trusted' 2 'nothing is trusted' verify d1.crt
want 'no leaf' 2 'expected LEAF' verify --trust root.crt
want 'two leaves' 2 'too much' verify d1.crt d2.crt --trust root.crt
want 'absent leaf' 2 'no such file' verify --trust root.crt none.crt
want 'absent anchor' 2 'no such file' verify --trust none.crt d1.crt
want 'anchor that is none' 2 'broken.crt' verify --trust broken.crt d1.crt
want 'list that is none' 2 'root.crt: no PEM block X509 CRL' verify --trust root.crt --crl root.crt d1.crt
want 'leaf that is something else' 2 'pw:' verify --trust root.crt pw
want 'wrong passphrase' 2 'wrong passphrase' env P=no "$LOCKGATE" cert verify --keystore k.p12 --passphrase env:P d1.crt
want 'unknown purpose' 2 '--purpose wants' verify --trust root.crt --purpose mail d1.crt
want 'unknown word' 2 '--require-crl wants' verify --trust root.crt --require-crl maybe d1.crt
want 'no time' 2 '--at wants' verify --trust root.crt --at tomorrow d1.crt
want 'time without zone' 2 '--at wants' verify --trust root.crt --at 2026-11-21T10:00:00 d1.crt
want 'unknown option' 2 "unknown option '--depth'" verify --trust root.crt --depth 3 d1.crt
want 'flag with a value' 2 'takes no value' verify --trust root.crt --json=yes d1.crt
want 'OCSP that is none' 2 'ca.crl' verify --trust root.crt d1.crt --ocsp ca.crl
want 'unknown OCSP word' 2 '--ocsp-auth wants' verify --trust root.crt --ocsp-auth maybe d1.crt
want 'no number of seconds' 2 '--stale wants' verify --trust root.crt --stale 1h d1.crt
want 'too many seconds' 2 '--stale wants' verify --trust root.crt --stale 31536001 d1.crt

# RFC 6960 4.2, made by another hand: openssl is the responder, for good, revoked and unknown, signing itself or delegated.
if command -v openssl >/dev/null; then
  serial() { openssl x509 -in "$1" -noout -serial | sed 's/serial=//'; }
  date=$(date -u +%y%m%d%H%M%SZ)
  { printf 'V\t%s\t\t%s\tunknown\t/CN=d1\n' "$(date -u -d '+300 days' +%y%m%d%H%M%SZ)" "$(serial d1.crt)"
    printf 'R\t%s\t%s\t%s\tunknown\t/CN=d2\n' "$(date -u -d '+300 days' +%y%m%d%H%M%SZ)" "$date" "$(serial d2.crt)"
  } >index.txt
  "$LOCKGATE_CERTS" leaf --out d3 --issuer ca --cn d3 || exit 1
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout responder.key -subj /CN=Responder -out responder.csr 2>/dev/null
  printf 'extendedKeyUsage=OCSPSigning\nnoCheck=ignored\nkeyUsage=critical,digitalSignature\n' >responder.ext
  openssl x509 -req -in responder.csr -CA ca.crt -CAkey ca.key -days 30 -extfile responder.ext -out responder.crt 2>/dev/null || exit 1
  answer() { # OUT SIGNER CERT [OPTION…]
    openssl ocsp -issuer ca.crt -cert "$3" -no_nonce -reqout req.der >/dev/null 2>&1 &&
      openssl ocsp -index index.txt -CA ca.crt -rsigner "$2.crt" -rkey "$2.key" -reqin req.der -respout "$1" "${@:4}" >/dev/null 2>&1
  }
  answer d1.ocsp ca d1.crt -ndays 1 || exit 1
  answer d1-delegated.ocsp responder d1.crt -ndays 1 -resp_key_id || exit 1
  grep -v noCheck responder.ext >checked.ext
  cp responder.key checked.key
  openssl x509 -req -in responder.csr -CA ca.crt -CAkey ca.key -days 30 -extfile checked.ext -out checked.crt 2>/dev/null || exit 1
  answer d1-checked.ocsp checked d1.crt -ndays 1 || exit 1
  answer d2.ocsp responder d2.crt -ndays 1 || exit 1
  answer d3.ocsp responder d3.crt -ndays 1 || exit 1
  answer wrong.ocsp d2 d1.crt -ndays 1 || exit 1
  { echo '-----BEGIN OCSP RESPONSE-----'; openssl base64 -in d1.ocsp; echo '-----END OCSP RESPONSE-----'; } >d1.ocsp.pem
  want 'OCSP good' 0 'ACCEPTED' verify --trust ca.crt --require-crl yes --ocsp d1.ocsp -- d1.crt
  want 'OCSP good, PEM' 0 'known to be good' verify --trust ca.crt --require-crl yes --ocsp d1.ocsp.pem -- d1.crt
  want 'OCSP good, delegated' 0 'ACCEPTED' verify --trust ca.crt --require-crl yes --ocsp d1-delegated.ocsp -- d1.crt
  want 'RFC 6960 4.2.2.2.1 a responder that is to be looked up' 0 'ACCEPTED' verify --trust ca.crt --ocsp d1-checked.ocsp -- d1.crt
  want 'RFC 6960 4.2.2.2.1 and no list says' 1 "no fresh CRL covers its responder 'Responder', which has no id-pkix-ocsp-nocheck" \
    verify --trust ca.crt --require-crl yes --ocsp d1-checked.ocsp -- d1.crt
  want 'RFC 6960 4.2.2.2.1 and no list says, JSON' 1 '"reason":"ocsp-signer-unknown"' verify --trust ca.crt --require-crl yes --json --ocsp d1-checked.ocsp -- d1.crt
  want 'OCSP good, JSON' 0 '"ocsp":"good"' verify --trust ca.crt --ocsp d1.ocsp --json d1.crt
  want 'OCSP revoked' 1 'says its OCSP responder' verify --trust ca.crt --ocsp d2.ocsp -- d2.crt
  want 'OCSP good, JSON: in all' 0 '"status":"good","lists"' verify --trust ca.crt --ocsp d1.ocsp --json d1.crt
  want 'OCSP revoked, JSON: in all' 1 '"status":"revoked","lists"' verify --trust ca.crt --ocsp d2.ocsp --json d2.crt
  want 'OCSP unknown, JSON: in all' 0 '"status":"unknown","lists"' verify --trust ca.crt --ocsp d3.ocsp --ocsp-auth optional --json d3.crt
  want 'OCSP revoked, JSON' 1 '"says":"revoked"' verify --trust ca.crt --ocsp d2.ocsp --json d2.crt
  want 'OCSP of another certificate' 1 'crl-missing' verify --trust ca.crt --require-crl yes --ocsp d1.ocsp -- d2.crt
  want 'OCSP unknown' 1 'ocsp-unknown' verify --trust ca.crt --ocsp d3.ocsp -- d3.crt
  want 'OCSP unknown, a warning' 0 'warning      the OCSP responder' verify --trust ca.crt --ocsp d3.ocsp --ocsp-auth warn -- d3.crt
  want 'OCSP unknown, passed over' 0 'not known' verify --trust ca.crt --ocsp d3.ocsp --ocsp-auth optional -- d3.crt
  want 'OCSP signed by a device' 1 'ocsp-bad' verify --trust ca.crt --ocsp wrong.ocsp -- d1.crt
  want 'OCSP stale' 1 'ocsp-stale' verify --trust ca.crt --ocsp d1.ocsp --at "$(date -u -d '+2 days' +%Y-%m-%dT%H:%M:%SZ)" d1.crt
  want 'OCSP stale, with grace' 0 'ACCEPTED' verify --trust ca.crt --ocsp d1.ocsp --stale 172800 --at "$(date -u -d '+2 days' +%Y-%m-%dT%H:%M:%SZ)" d1.crt
fi
want 'no host' 2 '--host wants' verify --trust root.crt --host 'a b' server-chain.crt
want 'no policy' 2 '--policy wants' verify --trust root.crt --policy gold d1-chain.crt
want 'RFC 9525 the name it is for' 0 'ACCEPTED' verify --trust root.crt --host LOCALHOST server-chain.crt
want 'RFC 9525 an address it is for' 0 'ACCEPTED' verify --trust root.crt --host 127.0.0.1 server-chain.crt
want 'RFC 9525 another name' 1 "certificate 's' is not for 'other.example'; its host names are: " verify --trust root.crt --host other.example server-chain.crt
want 'RFC 9525 no common name' 1 'host-name' verify --trust root.crt --host s server-chain.crt
want 'RFC 9525 another address' 1 '"reason":"host-name"' verify --trust root.crt --json --host 127.0.0.2 server-chain.crt
want 'a client is no server' 1 'extended-key-usage' verify --trust root.crt --host d1 d1-chain.crt
want 'policy demanded' 1 'policy' verify --trust root.crt --explicit-policy d1-chain.crt
finish
