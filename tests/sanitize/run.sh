#!/usr/bin/env bash
# Calls from four threads, under the address sanitizer, the thread sanitizer and valgrind. Run by hand (the test `link` does a small
# part of it); docs/building.md has the last result.
#
#     tests/sanitize/run.sh [DPROGC] [CALLS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dprogc=$(realpath "${1:-$here/../../target/release/dprogc}")
calls=${2:-250000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$here/calls.dp" "$here/calls.c" .
"$dprogc" build --max-depth 1000 --emit staticlib,header calls.dp

for check in address thread undefined; do
    cc -g -O1 -fsanitize=$check -o "calls-$check" calls.c libcalls.a -lpthread
    echo "-fsanitize=$check"
    "./calls-$check" "$calls"
done
cc -g -O1 -o calls calls.c libcalls.a -lpthread
echo "valgrind"
valgrind --quiet --error-exitcode=9 --leak-check=full ./calls "$calls"
