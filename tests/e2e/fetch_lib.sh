# fetch_lib.sh - what the tests of fetched revocation data share: a CA, a web server and OCSP responder, a keystore. Sourced
# in place of lib.sh, which it sources; wants RESPONDER in the environment too.
. "$(dirname "$0")/lib.sh"
: "${RESPONDER:?}"

certs root --out ca --cn "Fleet CA"
certs leaf --out server --issuer ca --cn localhost --server --dns localhost --ip 127.0.0.1
mkdir -p web/status data
: >web/requests
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

enter() { # CHANNEL NAME [ID]: one connection
  timeout 30 mosquitto_pub -V 5 -h localhost -p "$(port_of "$1")" --cafile ca.crt --cert "$2-chain.crt" --key "$2.key" \
    -i "${3:-$2}" -t "f/$2" -m 1 -q 1
}
admitted() { # ROW CHANNEL NAME: twice, since a device comes back
  check "$1" enter "$2" "$3"
  check "$1: again" enter "$2" "$3"
}
turned_away() { # ROW CHANNEL NAME REASON
  local from
  from=$(lines)
  refused "$1" "" enter "$2" "$3"
  expect_log "$1: said so" "$from" 5 "\"connection refused\".*\"channel\":\"$2\".*\"step\":\"revocation\".*\"certificate\":\"$4\""
  from=$(lines)
  refused "$1: again" "" enter "$2" "$3"
  expect_log "$1: said so again" "$from" 5 "\"connection refused\".*\"channel\":\"$2\".*\"step\":\"revocation\".*\"certificate\":\"$4\""
}
subscribe() { # CHANNEL NAME: a session in the background; $last is its client
  mosquitto_sub -V 5 -h localhost -p "$(port_of "$1")" --cafile ca.crt --cert "$2-chain.crt" --key "$2.key" -i "$2" \
    -t "f/$2" -q 1 -k 60 >"$2.out" 2>"$2.err" &
  pids+=($!)
  last=$!
}
live() { # CHANNEL NAME: the same, and waits until it is let in
  local from
  from=$(lines)
  subscribe "$1" "$2"
  expect_log "$2 lives on $1" "$from" 10 "\"LKG0300I\".*\"client\":\"$2\""
}
until_seen() { # COMMAND...: at most five seconds
  for _ in $(seq 250); do "$@" && return; sleep 0.02; done
}
