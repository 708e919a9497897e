# The table of `make bench-images`; rows.awk has the rows.

function cost(who) { return sprintf("%.1f s CPU, %s RSS", v[who "_cpu_ms"] / 1000, mb(v[who "_rss_kib"])) }

function costs(what,    name) {
    name = what ": CPU and memory"
    if (taken(name, what "_cpu_ms " what "_rss_kib peer." what "_cpu_ms peer." what "_rss_kib", "reported beside 0.7.11"))
        row(name, cost(what), "0.7.11: " cost("peer." what), "ok")
}

END {
    row("measure", "value", "bar", "")
    printf "the image: %.0f MB in an archive, %.0f MB unpacked\n", v["archive_bytes"] / 1e6, v["tree_kib"] * 1.024 / 1000
    ratio("load from an archive", "load_ms", 0.5, "peer.load_ms", "0.7.11 load", "ms")
    ratio("the same beside gzip -d and tar x", "load_ms", 1.3, "floor.unpack_ms", "gzip and tar", "ms")
    costs("load")
    ratio("pull from a registry on loopback", "pull_ms", 0.6, "peer.pull_ms", "0.7.11 pull", "ms")
    costs("pull")
    name = "pull: peak RSS"
    if (taken(name, "pull_rss_kib", "<= 100 MB")) row(name, mb(v["pull_rss_kib"]), "<= 100 MB", ok(v["pull_rss_kib"] * 1024 <= 100e6))
    ratio("qemu: create + start, image used before", "guest.image_start_ms", 1, "guest.directory_start_ms", "a directory", "ms")
    name = "qemu: first python3 -c 'print(1)'"
    if (taken(name, "guest.image_python_ms guest.ext4_python_ms", "reported"))
        row(name, v["guest.image_python_ms"] " ms", "reported beside ext4: " v["guest.ext4_python_ms"] " ms", "ok")
    exit short
}
