# Every function of msb.h is wrapped by the C++ headers, or is left out on purpose, with a reason, below. Reads msb.h first, then
# the headers; prints what is missing and exits with 1 if something is.
# usage: awk -f coverage.awk HEADER.h HEADER.hpp...
BEGIN {
    left_out["msb_error_status"] = "a status comes with its error; `error` keeps it"
}

# Comments name functions too.
{ sub(/\/\/.*/, "") }
FNR == NR && /^ *(\/\*|\*)/ { next }

FNR == NR {
    line = $0
    while (match(line, /msb_[a-z0-9_]+\(/)) {
        declared[substr(line, RSTART, RLENGTH - 1)] = 1
        line = substr(line, RSTART + RLENGTH)
    }
    if (/^#define MSB_ERR_/) declared[$2] = 1
    next
}

{
    line = $0
    while (match(line, /(msb|MSB_ERR)_[A-Za-z0-9_]+/)) {
        used[substr(line, RSTART, RLENGTH)] = 1
        line = substr(line, RSTART + RLENGTH)
    }
}

END {
    for (name in declared) {
        count++
        # Snapshots can only be listed yet; they come here when they can be taken.
        if (index(name, "msb_snapshot_") == 1) continue
        if (!(name in used) && !(name in left_out)) { print "not wrapped: " name; missing++ }
        if ((name in used) && (name in left_out)) { print "wrapped after all: " name; missing++ }
    }
    for (name in left_out) if (!(name in declared)) { print "left out, but not in msb.h: " name; missing++ }
    if (count < 300) { print "only " count + 0 " functions were found in msb.h"; missing++ }
    printf "%d functions and statuses of msb.h: %d faults\n", count, missing
    exit missing > 0
}
