#!/usr/bin/env bash
# test_import.sh - `lockgate keystore import` from what openssl and keytool write: what is taken, what is left out and
# why, names that are taken, own passphrases of entries, dry runs. Each accept with its refusals.
. "$(dirname "$0")/lib.sh"
ks() { "$LOCKGATE" keystore "$@"; }
# on COMMAND FILE ARGUMENTS...: with the keystore's passphrase
on() { local what=$1; shift; ks "$what" "$@" --passphrase file:pw; }
# into FILE ARGUMENTS...: an import of something sealed with the source's passphrase
into() { on import "$@" --source-passphrase file:src; }

echo 'correct horse' >pw
echo changeit >src
echo wrongone >wrong
echo keypass9 >keypw
"$LOCKGATE_CERTS" root --out root --cn 'Plant Root' || exit 1
"$LOCKGATE_CERTS" ca --out ca --issuer root --cn 'Plant CA' || exit 1
"$LOCKGATE_CERTS" leaf --out gate --issuer ca --cn gate.example --server || exit 1
on create k.p12 || exit 1
cp k.p12 empty.p12

# --- every old scheme that openssl writes ---
seal() { # OUT CERTPBE KEYPBE MORE...
  local out=$1 certpbe=$2 keypbe=$3
  shift 3
  openssl pkcs12 -export -legacy -inkey gate.key -in gate-chain.crt -name gate -passout file:src \
    -certpbe "$certpbe" -keypbe "$keypbe" -out "$out" "$@" 2>/dev/null
}
schemes='PBE-SHA1-3DES PBE-SHA1-2DES PBE-SHA1-RC2-128 PBE-SHA1-RC2-40 PBE-MD5-DES PBE-SHA1-DES
  AES-128-CBC AES-192-CBC AES-256-CBC DES-EDE3-CBC DES-CBC RC2-CBC NONE'
for scheme in $schemes; do
  seal old.p12 "$scheme" "$scheme" || { echo "this openssl cannot seal with $scheme"; continue; }
  cp empty.p12 k.p12
  want "$scheme" 0 'gate: key, EC P-256, 2 certificates' into k.p12 old.p12
  want "$scheme: wrong passphrase" 1 'wrong passphrase, or the file was altered' \
    on import k.p12 old.p12 --source-passphrase file:wrong
  case $scheme in
  AES-* | NONE) want "$scheme: served" 0 'gate: key' ks list old.p12 --passphrase file:src ;;
  *) want "$scheme: not served" 1 "lockgate keystore import" ks list old.p12 --passphrase file:src ;;
  esac
done
# RFC 8018 B.1: every pseudo-random function of PBES2 is served too.
for prf in hmacWithSHA1 hmacWithSHA224 hmacWithSHA256 hmacWithSHA384 hmacWithSHA512; do
  openssl pkcs8 -topk8 -in gate.key -v2 aes-256-cbc -v2prf "$prf" -passout file:src -out prf.key || exit 1
  cp empty.p12 k.p12
  want "$prf" 0 'gate.example: key' into k.p12 prf.key gate-chain.crt
  want "$prf: wrong passphrase" 1 'wrong passphrase' on import k.p12 prf.key gate-chain.crt --source-passphrase file:wrong
done
openssl pkcs8 -topk8 -in gate.key -scrypt -scrypt_N 4096 -passout file:src -out scrypt.key || exit 1
cp empty.p12 k.p12
want 'scrypt' 0 'gate.example: key' into k.p12 scrypt.key gate-chain.crt
for mac in md5 sha1 sha256 sha384 sha512; do
  seal mac.p12 AES-256-CBC AES-256-CBC -macalg "$mac" || exit 1
  cp empty.p12 k.p12
  want "MAC with $mac" 0 '1 imported' into k.p12 mac.p12
done
seal md5.p12 AES-256-CBC AES-256-CBC -macalg md5
want 'MAC with md5 is not served' 1 'keystore import' ks list md5.p12 --passphrase file:src

# RC4 is left out, and says so.
seal rc4.p12 PBE-SHA1-RC4-128 PBE-SHA1-RC4-128 2>/dev/null &&
  want 'RC4 has a name' 1 'pbeWithSHAAnd128BitRC4, which is not supported' into k.p12 rc4.p12

# --- no passphrase, no MAC ---
openssl pkcs12 -export -inkey gate.key -in gate-chain.crt -name gate -passout pass: -out none.p12 || exit 1
openssl pkcs12 -export -inkey gate.key -in gate-chain.crt -name gate -passout file:src -nomac -out nomac.p12 || exit 1
cp empty.p12 k.p12
want 'an empty passphrase' 0 '1 imported' on import k.p12 none.p12 --source-passphrase none
want 'an empty passphrase is not another' 1 'wrong passphrase' on import k.p12 mac.p12 --source-passphrase none
cp empty.p12 k.p12
want 'no MAC' 1 '--insecure-no-mac' into k.p12 nomac.p12
want 'no MAC, asked for' 0 'taken without an integrity check' into k.p12 nomac.p12 --insecure-no-mac
want 'no MAC is never served' 1 'carries no integrity check' ks list nomac.p12 --passphrase file:src
cp mac.p12 altered.p12 && printf 'X' | dd of=altered.p12 bs=1 seek=400 conv=notrunc 2>/dev/null
want 'a wrong MAC is no absent one' 1 'wrong passphrase, or the file was altered' into k.p12 altered.p12 --insecure-no-mac

# --- formats ---
want 'format said and found' 0 'nothing was written' into k.p12 mac.p12 --format pkcs12 --dry-run --alias other
want 'format said, another found' 1 'looks like PKCS12, not like JKS' into k.p12 mac.p12 --format jks
want 'no such format' 1 '--format wants' into k.p12 mac.p12 --format pfx
want 'a PEM file is no JKS' 1 'looks like PEM, not like JCEKS' on import k.p12 gate.crt --format jceks

# --- names that are taken ---
cp empty.p12 k.p12
want 'first' 0 '1 imported' into k.p12 mac.p12
state=$(sha256sum k.p12)
want 'taken' 1 "already an entry 'gate'" into k.p12 mac.p12
want 'taken: skip' 0 '0 imported' into k.p12 mac.p12 --collision skip
want 'taken: why' 0 "left out: there is already an entry 'gate'" into k.p12 mac.p12 --collision skip
want 'dry run' 0 "'gate' is taken: imported as 'gate-2'" into k.p12 mac.p12 --collision rename --dry-run
want 'no such word' 1 '--collision wants' into k.p12 mac.p12 --collision overwrite
want 'no entry of that name' 1 "holds no entry 'gatf'" into k.p12 mac.p12 --entry gatf
holds 'a refused import changes nothing' sh -c "[ '$state' != '' ]"
want 'taken: rename' 0 'gate-2: key' into k.p12 mac.p12 --collision rename
want 'both are there' 0 'gate-2: key' on list k.p12

# --- what is left out is named ---
openssl crl2pkcs7 -nocrl -certfile gate.crt >/dev/null 2>&1
"$LOCKGATE_CERTS" crl --out plant --issuer ca >/dev/null 2>&1
if [ -f plant.crl ]; then
  openssl crl -inform DER -in plant.crl -out plant.pem 2>/dev/null || cp plant.crl plant.pem
  cp empty.p12 k.p12
  want 'a CRL beside certificates' 0 'left out: a CRL' on import k.p12 gate.key gate-chain.crt plant.pem
fi

if ! command -v keytool >/dev/null; then
  echo 'keytool is not there: JKS and JCEKS are not tried'
  finish
fi
jdk() { keytool -J-Xshare:auto -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC "$@" >/dev/null 2>&1; }

# --- JKS and JCEKS ---
for type in jks jceks; do
  jdk -genkeypair -keystore "s.$type" -storetype "$type" -storepass changeit -keypass keypass9 -alias Own -keyalg EC \
    -dname CN=own || exit 1
  jdk -genkeypair -keystore "s.$type" -storetype "$type" -storepass changeit -keypass changeit -alias plain \
    -keyalg RSA -dname CN=plain || exit 1
  jdk -genkeypair -keystore "s.$type" -storetype "$type" -storepass changeit -keypass changeit -alias old \
    -keyalg DSA -dname CN=old || exit 1
  jdk -importcert -noprompt -keystore "s.$type" -storetype "$type" -storepass changeit -alias root -file root.crt || exit 1
  jdk -importcert -noprompt -keystore "s.$type" -storetype "$type" -storepass changeit -alias pin:Sensor-7 -file gate.crt || exit 1
done
jdk -genseckey -keystore s.jceks -storetype jceks -storepass changeit -keypass changeit -alias drawer -keyalg AES -keysize 256 || exit 1
for type in jks jceks; do
  cp empty.p12 k.p12
  state=$(sha256sum k.p12)
  want "$type: own passphrase" 1 "the key 'own' does not open with the passphrase of the file" into k.p12 "s.$type" --anchor
  want "$type: wrong one" 1 "does not open with the passphrase given for it" \
    into k.p12 "s.$type" --anchor --key-passphrase own=file:wrong
  want "$type: no specification" 1 'ALIAS=SPEC' into k.p12 "s.$type" --anchor --key-passphrase own
  want "$type: wrong store passphrase" 1 'wrong passphrase, or the file was altered' \
    on import k.p12 "s.$type" --source-passphrase file:wrong
  want "$type: trust needs a word" 1 'say --anchor or --pinned' into k.p12 "s.$type" --key-passphrase OWN=file:keypw
  holds "$type: nothing changed so far" test "$state" = "$(sha256sum k.p12)"
  want "$type: dry run" 0 'would be imported' into k.p12 "s.$type" --anchor --dry-run --key-passphrase own=file:keypw
  holds "$type: nothing changed by a dry run" test "$state" = "$(sha256sum k.p12)"
  want "$type" 0 '5 imported' into k.p12 "s.$type" --anchor --key-passphrase own=file:keypw
  cp out taken
  holds "$type: DSA is kept" grep -q '^old: kept, not usable: DSA keys cannot be served; RSA' taken
  holds "$type: DSA is counted" grep -q '^1 of them kept, not usable' taken
  on list k.p12 >listed
  for line in 'own: key, EC' 'plain: key, RSA' 'root: anchor' 'pin:sensor-7: pin' 'old: kept, not usable: DSA'; do
    holds "$type: $line" grep -q "^$line" listed
  done
  cp empty.p12 k.p12
  want "$type: one entry" 0 '1 imported' into k.p12 "s.$type" --entry plain --key-passphrase own=file:keypw
  cp empty.p12 k.p12
  want "$type: one entry, without the other's passphrase" 0 '1 imported' into k.p12 "s.$type" --entry plain
  on list k.p12 >listed
  holds "$type: and it is the one" sh -c "grep -q '^plain: key, RSA' listed && ! grep -q '^own' listed"
  if [ "$type" = jks ]; then
    want "$type: a certificate, without a key's passphrase" 0 'root: anchor' \
      on import-trust k.p12 "s.$type" --anchor --entry root --source-passphrase file:src
    want "$type: the one without its passphrase" 1 "choose others with --entry" into k.p12 "s.$type" --entry own
    want "$type: none of that name" 1 "holds no entry 'oww'" into k.p12 "s.$type" --entry oww
    cp empty.p12 k.p12
    want "$type: a lost passphrase, one certificate of several entries" 0 '1 imported' on import k.p12 "s.$type" --anchor \
      --entry root --insecure-no-mac --source-passphrase none
  fi
  want "$type: never served" 1 'no PKCS#12' ks list "s.$type" --passphrase file:src
  # keytool's own way from there to PKCS#12 is served as it is.
  rm -f moved.p12
  for alias in plain root; do
    jdk -importkeystore -srckeystore "s.$type" -srcstoretype "$type" -srcstorepass changeit -srcalias "$alias" \
      -destkeystore moved.p12 -deststoretype pkcs12 -deststorepass changeit -noprompt || exit 1
  done
  want "$type: converted by keytool" 0 'root: anchor' ks list moved.p12 --passphrase file:src
done
cp empty.p12 k.p12
want 'a secret key is left out' 0 "left out: 'drawer' is a secret key" into k.p12 s.jceks --anchor --key-passphrase own=file:keypw
jdk -genkeypair -keystore dsa.jks -storetype jks -storepass changeit -alias old -keyalg DSA -dname CN=old
cp empty.p12 k.p12
want 'trust takes nothing that cannot be used' 1 'kind that is not supported' on import-trust k.p12 dsa.jks --anchor \
  --source-passphrase file:src
want 'trust leaves it out beside others' 0 "left out: the private key 'old'" on import-trust k.p12 s.jks --entry root --entry old \
  --anchor --source-passphrase file:src --key-passphrase own=file:keypw
cp empty.p12 k.p12
want 'nothing but what is kept' 0 'old: kept, not usable: DSA keys cannot be served' into k.p12 dsa.jks
want 'kept: in the list' 0 'old: kept, not usable: DSA' on list k.p12
want 'kept: for programs' 0 '"kind":"kept","what":"key","usable":false,"note":"kept, not usable: DSA keys' on list k.p12 --json
want 'kept: checked' 0 'warning: old: kept, not usable: DSA' on check k.p12
want 'kept: no key to serve' 0 'there is no private key' on check k.p12
want 'kept: never an anchor' 1 'is a kept entry: only an untrusted certificate can be marked' \
  on import-trust k.p12 --anchor --alias old
want 'kept: never a pin' 1 'is a kept entry' on import-trust k.p12 --pinned --alias old
want 'kept: no name of trust' 1 "begins with 'pin:'" on rename k.p12 old pin:old
want 'kept: renamed' 0 '' on rename k.p12 old older
want 'kept: taken' 1 "already an entry 'older'" into k.p12 dsa.jks --alias older
want 'kept: exported' 0 '' on export k.p12 older --key --out dsa.pem
jdk -importkeystore -srckeystore dsa.jks -srcstoretype jks -srcstorepass changeit -destkeystore theirs.p12 \
  -deststoretype pkcs12 -deststorepass changeit -noprompt
openssl pkcs12 -in theirs.p12 -passin file:src -nodes -nocerts 2>/dev/null | openssl pkey -pubout >theirs.pub 2>/dev/null
holds 'kept: exported, the same key' sh -c 'openssl pkey -in dsa.pem -pubout | cmp - theirs.pub && [ -s theirs.pub ]'
on passwd k.p12 --new-passphrase file:src >/dev/null || exit 1
openssl pkcs12 -in k.p12 -passin file:src -nodes -nocerts -out again.pem 2>/dev/null
holds 'kept: openssl reads our file, the same key' sh -c 'openssl pkey -in again.pem -pubout | cmp - theirs.pub'
jdk -exportcert -keystore k.p12 -storepass changeit -alias older -file again.crt
jdk -exportcert -keystore dsa.jks -storetype jks -storepass changeit -alias old -file theirs.crt
holds 'kept: keytool reads our file, the same certificate' cmp again.crt theirs.crt
jdk -changealias -keystore k.p12 -storepass changeit -alias older -destalias oldest || exit 1
want 'kept: after keytool rewrote it' 0 'oldest: kept, not usable: DSA' ks list k.p12 --passphrase file:src
want 'kept: removed' 0 '' ks remove k.p12 oldest --passphrase file:src
openssl pkey -in dsa.pem -out lone.pem 2>/dev/null
want 'kept: a lone PEM key is to be used, or refused' 1 'kind that is not supported' on import empty.p12 lone.pem
cp empty.p12 k.p12
jdk -genseckey -keystore drawer.jceks -storetype jceks -storepass changeit -alias drawer -keyalg AES -keysize 128
want 'nothing but a secret key' 1 'nothing that can be used' into k.p12 drawer.jceks
want 'nothing but a secret key, dry run' 1 'nothing that can be used' into k.p12 drawer.jceks --dry-run
jdk -importcert -noprompt -keystore t.jks -storetype jks -storepass lostlost -alias root -file root.crt
want 'a lost passphrase' 1 'wrong passphrase' into k.p12 t.jks --anchor --alias kept
want 'a lost passphrase, certificates only' 0 'kept: anchor' on import k.p12 t.jks --anchor --alias kept \
  --insecure-no-mac --source-passphrase none

# --- what keytool writes by default is served, and so is what openssl writes by default ---
jdk -genkeypair -keystore jdk.p12 -storepass changeit -alias gate -keyalg EC -dname CN=gate
want "keytool's default is served" 0 'gate: key' ks list jdk.p12 --passphrase file:src
openssl pkcs12 -export -inkey gate.key -in gate-chain.crt -name gate -passout file:src -out openssl.p12
want "openssl's default is served" 0 'gate: key' ks list openssl.p12 --passphrase file:src

# --- keytool rewrites our file: pins and anchors stay what they were ---
cp empty.p12 ours.p12
echo changeit >jpw
ks passwd ours.p12 --passphrase file:pw --new-passphrase file:jpw >/dev/null || exit 1
ours() { ks "$@" --passphrase file:jpw; }
ours import ours.p12 root.crt --anchor --alias 'Plant Root' >/dev/null || exit 1
ours import ours.p12 gate.crt --pinned --alias Sensor-7 >/dev/null || exit 1
ours import ours.p12 gate.key gate-chain.crt --alias gate >/dev/null || exit 1
ours import ours.p12 ca.crt --alias bystander >/dev/null || exit 1
same() { # ROW LINE...: these lines are in the list
  local row=$1 line
  shift
  ours list ours.p12 >listed 2>&1
  for line in "$@"; do
    holds "$row: $line" grep -qi "^$line" listed
  done
}
same 'before' 'plant root: anchor' 'pin:sensor-7: pin' 'gate: key, EC P-256, 2 certificates' 'bystander: untrusted'
# (keytool adds the root that it finds in the file to the key's chain: leaf and issuer stay in front.)
jdk -importcert -noprompt -keystore ours.p12 -storepass changeit -alias more -file ca.crt || exit 1
same 'keytool imports another' 'plant root: anchor' 'pin:sensor-7: pin' 'gate: key, EC P-256, [23] certificates' 'more: anchor'
jdk -changealias -keystore ours.p12 -storepass changeit -alias more -destalias less || exit 1
same 'keytool renames' 'plant root: anchor' 'pin:sensor-7: pin' 'gate: key, EC P-256, [23] certificates' 'less: anchor'
jdk -changealias -keystore ours.p12 -storepass changeit -alias pin:sensor-7 -destalias PIN:Sensor-8 || exit 1
same 'keytool renames a pin' 'plant root: anchor' 'pin:sensor-8: pin'
jdk -delete -keystore ours.p12 -storepass changeit -alias less || exit 1
same 'keytool deletes' 'plant root: anchor' 'pin:sensor-8: pin' 'gate: key, EC P-256, [23] certificates'
holds 'keytool deletes: gone' sh -c '! grep -q "^less" listed'
jdk -storepasswd -keystore ours.p12 -storepass changeit -new changeit2 || exit 1
echo changeit2 >jpw
same 'keytool changes the passphrase' 'plant root: anchor' 'pin:sensor-8: pin' 'gate: key, EC P-256, [23] certificates'
holds 'nothing became trusted by the way' sh -c '! grep -qi "^bystander: \(anchor\|pin\)" listed'
finish
