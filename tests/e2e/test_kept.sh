#!/bin/bash
# A keystore with entries that nothing here can use: the broker starts, serves the others, and says which it does not.
command -v openssl >/dev/null || { echo "openssl is not installed"; exit 77; }
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs leaf --out gate --issuer root --cn gate-ec --server --dns localhost
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
echo changeit >theirs
openssl genpkey -algorithm ed448 -out ed.key 2>/dev/null &&
  openssl req -x509 -new -key ed.key -subj /CN=ed-448 -days 30 -out ed.crt 2>/dev/null &&
  openssl pkcs12 -export -inkey ed.key -in ed.crt -name ed -passout file:theirs -out ed.p12 || { echo "no Ed448 in openssl"; exit 77; }
openssl pkcs12 -export -inkey gate.key -in gate.crt -name gate -nomac -passout "file:$work/pass" -out nomac.p12 || exit 1
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
for file in store only; do check "keystore $file" ks create $file.p12; done
check "first: what cannot be used" ks import store.p12 ed.p12 --source-passphrase file:theirs
check "second: what can" ks import --alias gate store.p12 gate.crt gate.key
check "an anchor" ks import-trust --anchor --alias root store.p12 root.crt
check "nothing else" ks import only.p12 ed.p12 --source-passphrase file:theirs

mkdir -m 700 data
cat >test.mqsc <<END
DEFINE CHANNEL(TLS) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLCAUTH(OPTIONAL) +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass')
DEFINE CHANNEL(NAMED) CHLTYPE(MQTT) LIKE(TLS) CERTLABL('ed')
DEFINE CHANNEL(ONLY) CHLTYPE(MQTT) LIKE(TLS) SSLKEYR('$work/only.p12')
DEFINE CHANNEL(NOMAC) CHLTYPE(MQTT) LIKE(TLS) SSLKEYR('$work/nomac.p12')
START CHANNEL(TLS)
END
start_broker -f test.mqsc || { bad "start" "$(cat broker.err)"; finish; }
expect_log "one line names it" 0 1 '"LKG0208W".*"channel":"TLS".*"entries":1.*ed.*Ed448 keys cannot be served'
expect_log "the other is served" 0 1 '"LKG0203I".*"label":"gate".*"default":true'
expect_no_log "and it alone" 0 '"LKG0203I".*"label":"ed"'
check "one line" test "$(grep -c '"LKG0208W"' "$log")" = 1
port=$(port_of TLS)
echo Q | timeout 15 openssl s_client -connect "127.0.0.1:$port" -servername localhost >client.out 2>&1
check "served" grep -qE '^ *0 s:.*CN *= *gate-ec$' client.out

refused "CERTLABL names it" "CERTLABL names an entry that is kept, not usable (ed): Ed448 keys cannot be served" mqsc "START CHANNEL(NAMED)"
refused "nothing but it" "it holds no private key to serve; 'ed' is kept, not usable: Ed448" mqsc "START CHANNEL(ONLY)"
refused "no integrity check is never served" "integrity check" mqsc "START CHANNEL(NOMAC)"
check "CERTLABL names the other" mqsc "ALTER CHANNEL(NAMED) CERTLABL('gate')"
check "CERTLABL names the other: start" mqsc "START CHANNEL(NAMED)"

# The same file again is the same line; without the entry there is none.
from=$(lines)
check "refresh" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_no_log "said once" "$from" '"LKG0208W"'
check "remove" ks remove store.p12 ed
check "refresh without it" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_no_log "nothing to say" "$from" '"LKG0208W"'
stop_broker "stop"
finish
