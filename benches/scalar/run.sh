#!/bin/sh
# Compares gradients by dprogc with adjoints written by hand in C, both at their fastest: sh benches/scalar/run.sh [DPROGC [ROUNDS]]
# Runs alternate, and of each program the fastest run counts: others may be at work on the machine.
set -e
dprogc=$(realpath "$(command -v "${1:-dprogc}")")
cd "$(dirname "$0")"
rounds=${2:-5}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for program in scalar recursion; do
    ${CC:-gcc} -O3 -march=native "$program.c" -lm -o "$folder/$program"
done
round=0
while [ "$round" -lt "$rounds" ]; do
    for program in scalar recursion; do
        "$folder/$program" >> "$folder/c"
        "$dprogc" run "$program.dp" >> "$folder/dp"
    done
    round=$((round + 1))
done
awk '
    { key = FILENAME SUBSEP $1; if (!(key in best) || $2 < best[key]) best[key] = $2 }
    FILENAME == ARGV[1] && !($1 in seen) { seen[$1] = 1; names[++count] = $1 }
    END {
        printf "%-18s %12s %12s %8s\n", "", "C ns", "dProg ns", "ratio"
        for (k = 1; k <= count; k++) {
            c = best[ARGV[1] SUBSEP names[k]]; d = best[ARGV[2] SUBSEP names[k]]
            printf "%-18s %12.1f %12.1f %8.2f\n", names[k], c, d, d / c
        }
    }
' "$folder/c" "$folder/dp"
