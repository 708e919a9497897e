# What the measuring scripts share, to be sourced: where they work, what is removed at the end, and how a measure is taken.
# Before: $repo. After: $bin and $home, which go at the end, $values, `say`, `take` and `medians`.
# shellcheck shell=bash disable=SC2154 # $repo is of who sources this

export MSB_BUILD_CACHE=${MSB_BUILD_CACHE:-$repo/build}
# What the sandboxes get is said by the programs, not by the environment of who measures.
unset MSB_HOME MSB_CONFIG_PATH

mkdir -p "$MSB_BUILD_CACHE/bench"
MSB_BUILD_CACHE=$(cd "$MSB_BUILD_CACHE" && pwd)
# The emulated machine sees this directory, but not /tmp; a home in /tmp has short paths, as sockets need.
bin=$(mktemp -d "$MSB_BUILD_CACHE/bench/XXXXXX")
home=$(mktemp -d "${TMPDIR:-/tmp}/msb-bench.XXXXXX")
values=$bin/values
child=

clean_up() {
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    # A sandbox whose owner was killed takes a moment to be gone, and writes until then.
    for _ in {1..50}; do
        if rm -rf -- "$home" "$bin" 2>/dev/null; then break; fi
        sleep 0.1
    done
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { echo "bench: $*" >&2; }

# Runs a command that prints `NAME VALUE` lines and keeps them. One that fails leaves its measures out: the table says so.
take() { # WHAT SECS COMMAND...
    local what=$1 secs=$2 status=0
    shift 2
    say "measuring $what"
    # In the background, because a shell that waits for a command in the foreground does not obey a signal meanwhile.
    timeout --kill-after=15 "$secs" "$@" </dev/null >>"$values" &
    child=$!
    wait "$child" || status=$?
    child=
    [ "$status" -eq 0 ] || say "measuring $what failed with exit code $status"
}

# What was taken, each measure once: the median of its rounds.
medians() {
    sort -k 1,1 -k 2,2n "$values" | awk '
        $1 != name { if (n) print name, value[int((n + 1) / 2)]; name = $1; n = 0 }
        { value[++n] = $2 }
        END { if (n) print name, value[int((n + 1) / 2)] }'
}

# A static program of benches/bare as the init of $bin/NAME.cpio, and other files beside it.
make_initramfs() { # NAME [FILE...]
    local name=$1 folder=$bin/$1.initramfs file
    shift
    mkdir -p "$folder/bin"
    "${CC:-cc}" -std=c11 -Os -static -Wall -Wextra -Wpedantic -Werror -o "$folder/init" "$repo/benches/bare/$name.c"
    strip "$folder/init"
    for file in "$@"; do cp "$file" "$folder/bin"; done
    (cd "$folder" && find . -mindepth 1 | busybox cpio -o -H newc 2>/dev/null) >"$bin/$name.cpio"
    truncate --size=%4096 "$bin/$name.cpio"
}

make_rootfs() {
    [ -d "$MSB_BUILD_CACHE/rootfs" ] || "$repo/scripts/make-rootfs" "$MSB_BUILD_CACHE/rootfs" >&2
}
