#!/bin/sh
# msb.h compiles alone, and included twice, as C99, C11, C17 and C++11, C++17, without a warning.
# usage: tests/abi/header.sh   (CC and CXX choose the compilers)
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

try() { # compiler, standard, language, file
    if "$1" "-std=$2" -x "$3" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$root/include" "$4"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1 -std=$2 $(basename "$4")"
    fi
}

printf '#include <msb.h>\n' >"$work/once.c"
printf '#include <msb.h>\n#include <msb.h>\n' >"$work/twice.c"
# Handles are eight bytes, statuses four: what bindings that cannot see this header assume.
cat >"$work/layout.c" <<'C'
#include <msb.h>
typedef char handle_is_8_bytes[sizeof(msb_sandbox) == 8 && sizeof(msb_backend) == 8 ? 1 : -1];
typedef char status_is_4_bytes[sizeof(msb_status) == 4 && (msb_status)-1 < 0 ? 1 : -1];
typedef char version_is_whole[MSB_VERSION_NUMBER
    == 10000 * MSB_VERSION_MAJOR + 100 * MSB_VERSION_MINOR + MSB_VERSION_PATCH ? 1 : -1];
C
for file in once twice layout; do
    for std in c99 c11 c17; do try "${CC:-cc}" "$std" c "$work/$file.c"; done
    for std in c++11 c++17; do try "${CXX:-c++}" "$std" c++ "$work/$file.c"; done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
