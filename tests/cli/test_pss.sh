#!/usr/bin/env bash
# test_pss.sh - RSASSA-PSS signatures on certificates and CRLs as OpenSSL makes them, through `lockgate cert verify`.
# Goal: SHA-256, -384 and -512 with any salt verify; what RFC 4055 lets one say and we do not support is refused by name.
command -v openssl >/dev/null || { echo 'skipped: no openssl here'; exit 77; }
. "$(dirname "$0")/lib.sh"
verify() { "$LOCKGATE" cert verify "$@"; }

cat >conf <<'EOF'
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[ca]
default_ca = one
[one]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
EOF

key() { openssl genpkey -quiet -algorithm "$1" -pkeyopt "rsa_keygen_bits:$2" "${@:4}" -out "$3.key" 2>/dev/null; }
pss() { # HASH SALT [MGF1 HASH]: options of openssl
  printf '%s\n' "-$1" -sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:$2"
  [ $# -lt 3 ] || printf '%s\n' -sigopt "rsa_mgf1_md:$3"
}
root() { # NAME KEY OPTIONS...
  openssl req -x509 -new -config conf -extensions root -subj "/CN=PSS Root $1" -days 30 -key "$2.key" "${@:3}" -out "$1.crt" 2>err
}
leaf() { # NAME ISSUER ISSUER'S-KEY OPTIONS...
  openssl req -new -config conf -subj "/CN=$1" -key leaf.key -out "$1.csr" 2>err &&
    openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$3.key" -set_serial 77 -days 10 -extfile conf -extensions leaf "${@:4}" \
      -out "$1.crt" 2>err
}

for bits in 2048 2049; do key RSA $bits "rsa$bits" || { echo 'skipped: this openssl makes no such keys'; exit 77; }; done
key RSA-PSS 2048 free
key RSA-PSS 2048 bound -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out leaf.key 2>/dev/null

for hash in sha256 sha384 sha512; do
  for salt in digest 0 1 max; do
    mapfile -t options < <(pss $hash $salt)
    holds "$hash $salt: openssl makes it" root r rsa2048 "${options[@]}"
    holds "$hash $salt: openssl makes it" leaf l r rsa2048 "${options[@]}"
    want "RFC 4055 3.1 $hash, salt $salt" 0 'ACCEPTED' verify --trust r.crt l.crt
  done
done
mapfile -t options < <(pss sha256 digest)
root r rsa2048 "${options[@]}" && leaf l r rsa2048 "${options[@]}"
openssl x509 -in l.crt -outform der -out l.der
size=$(stat -c %s l.der)
for back in 1 20 100 200; do # damage the signature
  cp l.der bad.der
  was=$(od -An -tu1 -j $((size - back)) -N 1 l.der)
  printf "\\x$(printf %02x $((was ^ 1)))" | dd of=bad.der bs=1 seek=$((size - back)) conv=notrunc 2>/dev/null
  want "RFC 8017 9.1.2 signature damaged $back octets from the end" 1 'bad-signature' verify --trust r.crt bad.der
done
root r2 rsa2049 "${options[@]}" && leaf l2 r2 rsa2049 "${options[@]}"
want 'RFC 8017 9.1.2 a modulus of 8k + 1 bits' 0 'ACCEPTED' verify --trust r2.crt l2.crt

# Keys that say id-RSASSA-PSS themselves (RFC 4055 1.2).
root f free "${options[@]}" && leaf lf f free "${options[@]}"
want 'RFC 4055 1.2 a key without parameters takes any' 0 'ACCEPTED' verify --trust f.crt lf.crt
mapfile -t longer < <(pss sha512 digest)
leaf lf5 f free "${longer[@]}"
want 'RFC 4055 1.2 a key without parameters takes SHA-512 too' 0 'ACCEPTED' verify --trust f.crt lf5.crt
root b bound "${options[@]}" && leaf lb b bound "${options[@]}"
want 'RFC 4055 1.2 a key with parameters takes these' 0 'ACCEPTED' verify --trust b.crt lb.crt
mapfile -t more < <(pss sha256 max)
leaf lbm b bound "${more[@]}"
want 'RFC 4055 1.2 and a longer salt' 0 'ACCEPTED' verify --trust b.crt lbm.crt
# The same key under plain RSA signs what the bound form forbids: a root of that name issues, the bound one is trusted.
openssl rsa -in bound.key -traditional 2>/dev/null | sed 's/RSA-PSS PRIVATE/RSA PRIVATE/' >plain.key
holds 'the bound key as a plain one' root plain plain -sha256 -subj '/CN=PSS Root b'
mapfile -t shorter < <(pss sha256 8)
holds 'openssl makes it' leaf lbs plain plain "${shorter[@]}"
want 'RFC 4055 1.2 a shorter salt than the key says' 1 'unsupported-algorithm' verify --trust b.crt lbs.crt
holds 'openssl makes it' leaf lb5 plain plain "${longer[@]}"
want 'RFC 4055 1.2 another hash than the key says' 1 'unsupported-algorithm' verify --trust b.crt lb5.crt
holds 'openssl makes it' leaf lbp plain plain -sha256
want 'RFC 4055 1.2 no PKCS #1 v1.5 with a PSS key' 1 'unsupported-algorithm' verify --trust b.crt lbp.crt
want 'the same under the plain name of the key' 0 'ACCEPTED' verify --trust plain.crt lbp.crt

# Weak and unsupported.
mapfile -t old < <(pss sha1 20)
leaf l1 r rsa2048 "${old[@]}"
want 'SHA-1, the default of every field' 1 'weak-algorithm' verify --trust r.crt l1.crt
want 'SHA-1 where it is allowed' 0 'ACCEPTED' verify --trust r.crt --allow-sha1 l1.crt
mapfile -t mixed < <(pss sha256 32 sha1)
leaf lm r rsa2048 "${mixed[@]}"
want 'MGF1 with another hash' 1 'unsupported-algorithm' verify --trust r.crt lm.crt
mapfile -t mixed < <(pss sha256 32 sha512)
leaf lm r rsa2048 "${mixed[@]}"
want 'MGF1 with a stronger hash' 1 'unsupported-algorithm' verify --trust r.crt lm.crt
mapfile -t rare < <(pss sha224 28)
leaf lr r rsa2048 "${rare[@]}"
want 'SHA-224' 1 'unsupported-algorithm' verify --trust r.crt lr.crt

# Lists.
: >index.txt
echo 01 >crlnumber
crl() { openssl ca -config conf -gencrl -keyfile rsa2048.key -cert r.crt "$@" -out r.crl 2>err; }
holds 'openssl makes an empty list' crl -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32
want 'RFC 4055 a list that does not hold it' 0 'ACCEPTED' verify --trust r.crt --crl r.crl --require-crl yes l.crt
printf 'R\t401231235959Z\t261101000000Z\t4D\tunknown\t/CN=l\n' >index.txt
holds 'openssl makes a list' crl -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32
want 'RFC 4055 a list that holds it' 1 'revoked' verify --trust r.crt --crl r.crl --require-crl yes l.crt
finish
