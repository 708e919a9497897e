# The table of `make bench-store`; rows.awk has the rows.

# A rate of libmsb beside that of plain system calls, and what 0.5.8 has.
function rate(name, key, factor,    peer) {
    ratio(name, "msb." key "_mib_s", factor, "plain." key "_mib_s", "plain", "MiB/s", 1)
    peer = "peer." key "_large_us"
    if (peer in v) row("  the same, 0.5.8", sprintf("%.0f MiB/s", 64e6 / v[peer]), "reported", "ok")
}

END {
    row("measure", "value", "bar", "")
    ratio("create a volume", "msb.create_us", 0.3, "peer.create_us", "0.5.8", "us")
    ratio("open a volume by name", "msb.open_us", 0.1, "peer.open_us", "0.5.8", "us")
    ratio("list 201 volumes", "msb.list_us", 0.1, "peer.list_us", "0.5.8", "us")
    most("list 10,000 volumes", "msb.list_many_ms", 25, "ms")
    most("open a backend, 10,000 sandboxes", "msb.backend_many_ms", 25, "ms")
    rate("write one 64 MiB buffer", "write", 0.75)
    rate("read 64 MiB, whole", "read", 0.75)
    rate("read 64 MiB into the caller's memory", "read_into", 0.75)
    ratio("write 5 bytes", "msb.write_small_us", 2, "plain.write_small_us", "plain", "us")
    ratio("read 5 bytes", "msb.read_small_us", 2, "plain.read_small_us", "plain", "us")
    ratio("guest, emulated: write 256 MiB", "guest.write_mib_s", 0.5, "bare.stream_mib_s", "bare port", "MiB/s", 1)
    ratio("guest, emulated: read 256 MiB", "guest.read_mib_s", 0.5, "bare.stream_mib_s", "bare port", "MiB/s", 1)
    if (taken("guest, emulated: host memory meanwhile", "guest.growth_kib", "<= 16 MiB"))
        row("guest, emulated: host memory meanwhile", sprintf("%.1f MiB", v["guest.growth_kib"] / 1024), "<= 16 MiB",
            ok(v["guest.growth_kib"] <= 16384))
    ratio("guest, emulated: write a share, 256 MiB", "share.write_mib_s", 0.9, "virtiofsd.write_mib_s", "virtiofsd", "MiB/s", 1)
    ratio("guest, emulated: read a share, 256 MiB", "share.read_mib_s", 0.9, "virtiofsd.read_mib_s", "virtiofsd", "MiB/s", 1)
    ratio("guest, emulated: untar 10,000 files there", "share.untar_ms", 1 / 0.9, "virtiofsd.untar_ms", "virtiofsd", "ms")
    exit short
}
