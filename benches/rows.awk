# The rows of a table of measures and bars, from `NAME VALUE` lines: name, value, bar, and `ok`, `SHORT` or `skipped`. What
# comes after this file prints the table and exits with `short`. Set `quick` if measures in an emulated machine were left out.

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
        if (quick && names[i] ~ /^(krun|peer|guest|share)\./) row(name, "-", bar, "skipped")
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
