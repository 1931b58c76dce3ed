#!/bin/bash
# Every input that a fuzz target was seeded with or once failed on, through that target: no crash, no broken promise,
# at most 5 s of CPU time and 256 MiB each.
# usage: tests/functional/fuzz-corpus.sh [BUILD]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-build}
cd "$root"
inputs=0 targets=0
for corpus in tests/fuzz/corpus/*; do
	target=${corpus##*/}
	program=$build/tests/fuzz/$target
	[ -x "$program" ] || { echo "FAIL fuzz-corpus.sh: $corpus has no program $program"; exit 1; }
	n=$("$program" "$corpus") || { echo "FAIL fuzz-corpus.sh: $program $corpus"; exit 1; }
	inputs=$((inputs + ${n%% *})) targets=$((targets + 1))
done
if [ "$targets" -lt 30 ] || [ "$inputs" -lt 120 ]; then
	echo "FAIL fuzz-corpus.sh: only $inputs inputs of $targets targets"
	exit 1
fi
echo "$inputs inputs of $targets targets"
