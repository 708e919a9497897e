# The table of `make bench-bindings`, from `LANGUAGE.ROUND.NAME VALUE` lines; benches/rows.awk has the rows. Set `rounds`,
# `driver`, `missing` (languages whose tools are not here) and `allow_missing`.

# The median over the rounds of a value, or of its ratio to `other`; -1 if no round has it.
function median(key, other,    count, i, j, t, sorted) {
    for (i = 1; i <= rounds; i++) {
        if (!(at(key, i) in v) || (other && !(at(other, i) in v))) continue
        t = v[at(key, i)] / (other ? v[at(other, i)] : 1)
        for (j = count++; j > 0 && sorted[j] > t; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = t
    }
    return count ? sorted[int((count + 1) / 2)] : -1
}

# "go.exec_true_us" in round 2 is "go.2.exec_true_us".
function at(key, round) { return substr(key, 1, index(key, ".")) round substr(key, index(key, ".")) }

# Whether a language has the value. If not, says so in place of the row.
function has(name, language, value, bar) {
    if (median(language "." value) >= 0) return 1
    if (language in absent) row(name, "not measured", bar, allow_missing ? "skipped" : "SHORT")
    else row(name, "failed", bar, "SHORT")
    return 0
}

function figure(value) { return sprintf(value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value) }

# A value that is only told, with its ratio to C's where C has it.
function told(name, language, value, unit,    text, share) {
    if (!has(name, language, value, "reported")) return
    text = figure(median(language "." value)) " " unit
    share = language == "c" ? -1 : median(language "." value, "c." value)
    row(name, share < 0 ? text : sprintf("%s = %.3f x", text, share), "reported", "ok")
}

# A value whose ratio to `other` must be at most `bar`, or at least if `least` is set.
function compared(name, language, value, other, what, bar, unit, least,    text, share) {
    text = (least ? ">= " : "<= ") bar " x " what
    if (!has(name, language, value, text)) return
    share = median(language "." value, other)
    row(name, sprintf("%s %s = %.3f x", figure(median(language "." value)), unit, share),
        sprintf("%s (%s)", text, figure(median(other))), ok(least ? share >= bar : share >= 0 && share <= bar))
}

END {
    count = split("c cpp go node swift_c swift", languages, " ")
    split("C|C++|Go|Node.js|C where Swift is|Swift", shown, "|")
    for (i = 1; i <= count; i++) names[languages[i]] = shown[i]
    split(missing, gone, " ")
    for (i in gone) absent[gone[i]] = 1

    row(driver ", " rounds " rounds: measure", "value", "bar", "")
    for (i = 1; i <= count; i++) {
        language = languages[i]
        plain = language == "c" || language == "swift_c"
        beside = language == "swift" ? "swift_c" : "c"
        told(names[language] ": an empty C function", language, "floor_ns", "ns")
        if (language == "go" || language == "node")
            compared(names[language] ": msb_version", language, "version_ns", language ".floor_ns", "an empty C function", 2, "ns")
        else told(names[language] ": msb_version", language, "version_ns", "ns")
        if (language == "node") {
            told("Node.js: an empty C function that gives a number", "node", "number_floor_ns", "ns")
            compared("Node.js: msb_abi_version", "node", "abi_version_ns", "node.floor_ns", "an empty C function", 2, "ns")
        }
        told(names[language] ": a volume opened by name", language, "open_by_name_ns", "ns")
        if (plain) {
            told(names[language] ": exec true, p50", language, "exec_true_us", "us")
            told(names[language] ": stdout, 256 MiB", language, "stdout_mib_s", "MiB/s")
        } else {
            compared(names[language] ": exec true, p50", language, "exec_true_us", beside ".exec_true_us", "C", 1.3, "us")
            compared(names[language] ": stdout, 256 MiB", language, "stdout_mib_s", beside ".stdout_mib_s", "C", 0.8, "MiB/s", 1)
        }
        name = names[language] ": threads for 1,000 waits"
        bar = language == "go" || language == "node" ? "<= 8" : "reported"
        if (has(name, language, "waits_threads", bar)) {
            threads = median(language ".waits_threads")
            row(name, sprintf("%d more", threads), bar, ok(bar == "reported" || threads <= 8))
        }
    }
    exit short
}
