#!/bin/sh
# msb.h compiles alone, and included twice, as C99, C11, C17 and C++11, C++17, without a warning, and says what abi/layout.h
# promised; with clang also as a module and under every warning, which is how Swift reads it.
# usage: tests/abi/header.sh   (CC and CXX choose the compilers)
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

try() { # name, compiler and arguments...
    name=$1
    shift
    if "$@" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$root/include"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
    fi
}

printf '#include <msb.h>\n' >"$work/once.c"
printf '#include <msb.h>\n#include <msb.h>\n' >"$work/twice.c"
for file in once twice; do
    for std in c99 c11 c17; do try "$file $std" "${CC:-cc}" "-std=$std" -x c "$work/$file.c"; done
    for std in c++11 c++17; do try "$file $std" "${CXX:-c++}" "-std=$std" -x c++ "$work/$file.c"; done
done
for std in c11 c17; do try "layout $std" "${CC:-cc}" "-std=$std" -x c "$root/tests/abi/layout.c"; done
for std in c++11 c++17; do try "layout $std" "${CXX:-c++}" "-std=$std" -x c++ "$root/tests/abi/layout.c"; done

if "${CC:-cc}" --version | grep -q clang; then
    # A module is compiled by itself: it may lean on no macro or include of who imports it.
    printf '#pragma clang module import CMsb\nmsb_backend backend;\nmsb_status status = MSB_OK;\n' >"$work/import.c"
    try module "${CC:-cc}" -std=c11 -x c -fmodules "-fmodules-cache-path=$work/modules" \
        "-fmodule-map-file=$root/include/module.modulemap" "$work/import.c"
    # Padding and reserved names of the C library's own headers are not ours to judge.
    try everything "${CC:-cc}" -std=c11 -x c -Weverything -Wno-padded -Wno-reserved-identifier "$work/once.c"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
