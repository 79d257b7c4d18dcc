# lib.sh - what the tests of the command line share. Sourced; wants LOCKGATE and LOCKGATE_CERTS in the environment.
# Ends with `finish`. Each check is a row with a name; a failed row shows the command's output.
set -u
: "${LOCKGATE:?}" "${LOCKGATE_CERTS:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/lockgate-cli.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
umask 077
failed=0
rows=0

row_failed() { # row, what
  failed=$((failed + 1))
  printf 'FAILED: %s: %s\n' "$1" "$2"
  sed 's/^/    | /' out err
}

# want ROW CODE WORD COMMAND... : exit code, and WORD in stdout or stderr ('' for none)
want() {
  local row=$1 code=$2 word=$3
  shift 3
  rows=$((rows + 1))
  "$@" >out 2>err </dev/null
  local got=$?
  if [ "$got" != "$code" ]; then
    row_failed "$row" "exit $got, not $code: $*"
  elif [ -n "$word" ] && ! grep -qF -- "$word" out err; then
    row_failed "$row" "'$word' is not in the output of: $*"
  elif grep -qE 'AddressSanitizer|runtime error|Assertion' out err; then
    row_failed "$row" "a sanitizer or an assertion spoke: $*"
  fi
}

# holds ROW COMMAND... : a condition
holds() {
  local row=$1
  shift
  rows=$((rows + 1))
  : >out
  : >err
  "$@" || row_failed "$row" "does not hold: $*"
}

# A fingerprint of a folder: names, modes, contents.
state_of() {
  (cd "$1" && find . ! -name .lockgate-change -printf '%p %m %y\n' | sort && find . -type f ! -name .lockgate-change \
    -exec sha256sum {} + | sort)
}

finish() {
  printf '%d rows, %d failed\n' "$rows" "$failed"
  [ "$failed" = 0 ] && [ "$rows" -gt 0 ]
  exit
}
