#!/bin/sh
# What the linker made of libmsb.so: it exports what abi/exports.txt lists and nothing else, cannot be interposed, is
# never unloaded, has its SONAME, and is fully relocated before its first call.
# usage: tests/abi/library.sh [LIBRARY]   (Linux; needs nm and readelf)
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
library=$(realpath "${1:-${CARGO_TARGET_DIR:-$root/target}/release/libmsb.so}")
passed=0
failed=0

check() { # name, command...
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok     $name"
    else
        failed=$((failed + 1))
        echo "FAILED $name"
    fi
}

dynamic() { readelf --dynamic --wide "$library" | grep -q -- "$1"; }
exports_what_is_listed() { (cd "$root" && cargo run --quiet --package xtask -- exports --check "$library"); }
# A relocation against one of our own functions is a call that another library's function of that name could catch.
calls_itself_directly() { ! readelf --relocs --wide "$library" | grep -E '[[:space:]]msb_[a-z_]+([[:space:]@+]|$)'; }
has_relro() { readelf --program-headers --wide "$library" | grep -q GNU_RELRO; }

check exports_only_the_listed_functions exports_what_is_listed
check own_calls_cannot_be_interposed calls_itself_directly
check soname_is_libmsb_so_0 dynamic 'soname: \[libmsb.so.0\]'
check is_never_unloaded dynamic NODELETE
check is_relocated_at_load dynamic BIND_NOW
check relocations_are_read_only has_relro
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
