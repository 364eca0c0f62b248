#!/bin/sh
# Compares gradients by dprogc with adjoints written by hand in C, both at their fastest: sh benches/scalar/run.sh [DPROGC]
# Runs alternate, and of each program the fastest run counts: others may be at work on the machine.
set -e
cd "$(dirname "$0")"
dprogc=${1:-dprogc}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${CC:-gcc} -O3 -march=native scalar.c -lm -o "$folder/scalar"
for round in 1 2 3 4 5; do
    "$folder/scalar" >> "$folder/c"
    "$dprogc" run scalar.dp >> "$folder/dp"
done
awk '
    { key = FILENAME SUBSEP $1; if (!(key in best) || $2 < best[key]) best[key] = $2; if (FILENAME == ARGV[1]) names[$1] = NR }
    END {
        printf "%-12s %12s %12s %8s\n", "", "C ns", "dProg ns", "ratio"
        for (name in names) {
            c = best[ARGV[1] SUBSEP name]; d = best[ARGV[2] SUBSEP name]
            printf "%-12s %12.1f %12.1f %8.2f\n", name, c, d, d / c
        }
    }
' "$folder/c" "$folder/dp"
