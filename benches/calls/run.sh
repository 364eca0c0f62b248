#!/bin/sh
# What calls cost beside those of a C function, from C through objects and through dprog.h, and from Rust:
#     cargo build --release && sh benches/calls/run.sh [TARGET-FOLDER]
set -e
here=$(cd "$(dirname "$0")" && pwd)
target=$(realpath "${1:-$here/../../target/release}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$target/dprogc" build "$here/slope.dp"
${CC:-cc} -std=gnu11 -O2 -I "$here/../../dprog/c/include" -I . "$here/calls.c" slope.o -L "$target" -ldprog "-Wl,-rpath,$target" -lm -o calls
./calls
if [ -x "$target/examples/embedding_cost" ]; then "$target/examples/embedding_cost"; fi
