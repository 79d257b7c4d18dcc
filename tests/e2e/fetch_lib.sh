# fetch_lib.sh - what the tests of fetched revocation data share: a CA, a web server and OCSP responder, a keystore. Sourced
# in place of lib.sh, which it sources; wants RESPONDER in the environment too.
. "$(dirname "$0")/lib.sh"
: "${RESPONDER:?}"

certs root --out ca --cn "Fleet CA"
certs leaf --out server --issuer ca --cn localhost --server --dns localhost --ip 127.0.0.1
mkdir -p web/status data
"$RESPONDER" web ca port 2>responder.err &
pids+=($!)
for _ in $(seq 250); do [ -s port ] && break; sleep 0.02; done
[ -s port ] || { echo "no responder: $(cat responder.err)"; exit 1; }
web=http://127.0.0.1:$(cat port)

serial() { openssl x509 -in "$1.crt" -noout -serial | sed 's/.*=//' | tr A-F a-f; }
says() { printf '%s\n' "$2" >web/.new && mv web/.new "web/status/$1"; } # SERIAL|default WORD
asked() { grep -c "$1" web/requests 2>/dev/null; }
leaf() { local name=$1; shift; certs leaf --out "$name" --issuer ca --subject "O=fleet,CN=$name" --client "$@"; } # NAME ARGUMENTS

head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: channel key" ks import --alias channel store.p12 server-chain.crt server.key
check "keystore: anchor" ks import-trust --anchor --alias ca store.p12 ca.crt
channel() { # NAME ARGUMENTS
  echo "DEFINE CHANNEL($1) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLKEYR('$work/store.p12') +"
  echo "  SSLKEYP('file:$work/pass') SSLCAUTH(REQUIRED) FAILDLAY(0) $2"
  echo "START CHANNEL($1)"
}
fleet_rules() { # the fleet's certificates let in, nobody else; it may use what is below f
  cat <<RULES
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS) ACTION(REPLACE)
SET CHLAUTH('*') TYPE(SSLPEERMAP) SSLPEER('O=fleet') USERSRC(MAP) MCAUSER('fleet')
DEFINE TOPIC(F) TOPICSTR('f')
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('fleet') AUTHADD(CONNECT)
SET AUTHREC PROFILE(F) OBJTYPE(TOPIC) PRINCIPAL('fleet') AUTHADD(PUB,SUB)
RULES
}
