# Makes the table of measures and bars from `NAME VALUE` lines: name, value, bar, and `ok`, `SHORT` or `skipped`.
# Set `quick` if the comparison on krun was left out. Exits with 1 if anything is SHORT.

{ v[$1] = $2 }

function row(name, value, bar, verdict) {
    printf "%-41s %-29s %-46s %s\n", name, value, bar, verdict
    if (verdict == "SHORT") short = 1
}

# Whether all of these values, separated by blanks, were taken. If not, says so in place of the row.
function taken(name, needed, bar,    names, n, i) {
    n = split(needed, names, " ")
    for (i = 1; i <= n; i++) {
        if (names[i] in v) continue
        if (quick && names[i] ~ /^(krun|peer)\./) row(name, "-", bar, "skipped")
        else row(name, "failed", bar, "SHORT")
        return 0
    }
    return 1
}

function ok(good) { return good ? "ok" : "SHORT" }

# A value against a fixed bar that it must not exceed.
function most(name, key, bar, unit,    text) {
    text = "<= " bar " " unit
    if (taken(name, key, text)) row(name, v[key] " " unit, text, ok(v[key] + 0 <= bar))
}

# A value against a share of another one; `least` turns the comparison round.
function ratio(name, key, factor, other, what, unit, least,    sign, text, bar) {
    sign = least ? ">= " : "<= "
    text = sign factor " x " what
    if (!taken(name, key " " other, text)) return
    bar = factor * v[other]
    row(name, sprintf("%s %s = %.3f x", v[key], unit, v[key] / v[other]),
        sprintf("%s (%s) = %.1f %s", text, v[other], bar, unit), ok(least ? v[key] + 0 >= bar : v[key] + 0 <= bar))
}

function mb(kib) { return kib < 0 ? "unreadable" : sprintf("%.1f MB", kib * 1.024 / 1000) }

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
