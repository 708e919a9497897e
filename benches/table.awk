# The table of `make bench`; rows.awk has the rows.

function memory(driver) { return mb(v[driver ".rss_kib"]) " RSS, " mb(v[driver ".pss_kib"]) " PSS" }

END {
    qemu = "qemu" ("qemu.accel" in v ? "/" v["qemu.accel"] : "")
    row("measure", "value", "bar", "")
    ratio(qemu ": start to first exec result", "qemu.first_ms", 1.6, "bare.ready_ms", "bare boot", "ms")
    ratio("krun, emulated KVM: create + start", "krun.create_start_ms", 0.55, "peer.create_ms", "0.7.11 create", "ms")
    name = qemu ": exec true, p50"
    if (taken(name, "qemu.exec_p50_ms qemu.exec_p99_ms", "<= 5 ms"))
        row(name, v["qemu.exec_p50_ms"] " ms (p99 " v["qemu.exec_p99_ms"] ")", "<= 5 ms", ok(v["qemu.exec_p50_ms"] <= 5))
    ratio("krun, emulated KVM: exec true, p50", "krun.exec_ms", 0.05, "peer.exec_ms", "0.7.11 exec", "ms")
    ratio(qemu ": stdout, 256 MiB", "qemu.stream_mib_s", 0.6, "bare.stream_mib_s", "bare port", "MiB/s", 1)
    name = qemu ": host memory growth meanwhile"
    if (taken(name, "qemu.stream_growth_kib", "<= 16 MiB"))
        row(name, sprintf("%.1f MiB", v["qemu.stream_growth_kib"] / 1024), "<= 16 MiB", ok(v["qemu.stream_growth_kib"] <= 16384))
    most(qemu ": stop of an idle sandbox", "qemu.stop_ms", 200, "ms")
    most("token lookup", "token_lookup_ns", 30, "ns")
    name = "libmsb.so, stripped"
    if (taken(name, "size_bytes", "<= 15 MB")) row(name, sprintf("%.2f MB", v["size_bytes"] / 1e6), "<= 15 MB", ok(v["size_bytes"] <= 15e6))
    most("dlopen + lazy backend", "load_ms", 3, "ms")
    name = qemu ": supervisor RSS"
    if (taken(name, "qemu.supervisor_kib", "<= 8 MB"))
        row(name, mb(v["qemu.supervisor_kib"]), "<= 8 MB", ok(v["qemu.supervisor_kib"] >= 0 && v["qemu.supervisor_kib"] * 1024 <= 8e6))
    name = qemu ": all of an idle 256 MiB guest"
    if (taken(name, "qemu.rss_kib qemu.pss_kib", "reported")) row(name, memory("qemu"), "reported", "ok")
    name = "krun, emulated KVM: the same"
    if (taken(name, "krun.rss_kib krun.pss_kib peer.rss_kib", "reported beside 0.7.11"))
        row(name, memory("krun"), "reported beside 0.7.11: " mb(v["peer.rss_kib"]) " RSS", "ok")
    name = qemu ": 20 started at once on 2 cores"
    if (taken(name, "crowd.ready crowd.size crowd.cpus crowd.slowest_ms", "all ready"))
        row(name, sprintf("%d ready, slowest %.1f s", v["crowd.ready"], v["crowd.slowest_ms"] / 1000),
            "all ready, none timed out", ok(v["crowd.ready"] == v["crowd.size"]))
    exit short
}
