#!/bin/sh
# Measures dProg and other tools of GradBench through its own command, every answer validated, and prints tables:
#
#     sh benches/gradbench/run.sh GRADBENCH [TOOL…]
#
# GRADBENCH is a checkout of the suite that was prepared as README.md says; the tools are dprog and those named (manual, if none
# is). Tools alternate workload by workload, and all of it is done ROUNDS times (2); of each figure the best round counts. LARGE=0
# leaves the largest workloads out, SMALL=0 all others; LOGS names a folder that keeps the logs.
set -e
here=$(cd "$(dirname "$0")" && pwd)
suite=$1
shift
tools=${*:-manual}
logs=${LOGS:-$(mktemp -d)}
mkdir -p "$logs"
[ -n "${DPROG_TOOL:-}" ] || (cd "$here/../.." && cargo build --quiet --release -p dprog-gradbench)
dprog=${DPROG_TOOL:-$here/../../target/release/dprog-gradbench}
cd "$suite"
export PYTHONPATH="$PWD/python/gradbench${PYTHONPATH:+:$PYTHONPATH}"

# The tools in C++ were built once; a dry run keeps them from being built again for every workload.
command_of() {
    case $1 in
        dprog) echo "$dprog" ;;
        jax) echo "python3 $here/jax_synchronised.py" ;;
        pytorch) echo "env OMP_NUM_THREADS=1 python3 python/gradbench/gradbench/tools/pytorch/run.py" ;;
        *) echo "env MAKEFLAGS=n python3 python/gradbench/gradbench/cpp.py $1" ;;
    esac
}

# workload NAME EVALUATION OPTIONS…: a tool that has no such evaluation, fails or is wrong has no figure.
workload() {
    name=$1 evaluation=$2
    shift 2
    for tool in dprog $tools; do
        log=$logs/$round.$evaluation.$name.$tool.jsonl
        status=0
        timeout "${TIMEOUT:-300}" target/release/gradbench run --eval "python3 python/gradbench/gradbench/evals/$evaluation/run.py $*" \
            --tool "$(command_of "$tool")" -o "$log" > "$log.out" 2>&1 || status=$?
        [ $status = 0 ] || { echo "$evaluation $name $tool: status $status" >&2; rm -f "$log"; }
    done
}

for round in $(seq "${ROUNDS:-2}"); do
    if [ "${SMALL:-1}" = 1 ]; then
        runs="--min-runs ${RUNS:-5} --min-seconds ${SECONDS_EACH:-0.5}"
        workload 2_5_1000 gmm -d 2 -k 5 $runs
        workload 20_50_1000 gmm -d 20 -k 50 $runs
        workload 1 ba --min 1 --max 1 $runs
        workload 5 ba --min 5 --max 5 $runs
        workload l2_c1024 lstm -l 2 -c 1024 $runs
        workload l2_c4096 lstm -l 2 -c 4096 $runs
        workload k10_n1000_d8 kmeans -k 10 -n 1000 -d 8 $runs
        workload k100_n10000_d8 kmeans -k 100 -n 10000 -d 8 $runs
        workload n2500 lse -n 2500 $runs
        workload n80000 lse -n 80000 $runs
        workload n1000_s1 ode -n 1000 -s 1 $runs
        workload n10000_s10 ode -n 10000 -s 10 $runs
        workload n16 llsq -n 16 $runs
        workload n512 llsq -n 512 $runs
        workload 5 det -l 5 $runs
        workload 8 det -l 8 $runs
    fi
    [ "${LARGE:-1}" = 1 ] && [ "$round" = 1 ] || continue
    runs="--min-runs 2 --min-seconds 0.5"
    workload 64_100_1000 gmm -d 64 -k 100 $runs
    workload 14 ba --min 14 --max 14 $runs
    workload l6_c8192 lstm -l 6 -c 8192 $runs
    workload k1000_n10000_d16 kmeans -k 1000 -n 10000 -d 16 $runs
    workload n1280000 lse -n 1280000 $runs
    workload n100000_s100 ode -n 100000 -s 100 $runs
    workload n16392 llsq -n 16392 $runs
    workload 10 det -l 10 $runs
done
python3 "$here/table.py" "$logs" dprog $tools
