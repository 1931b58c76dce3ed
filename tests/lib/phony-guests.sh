# What tests of phony guests in folders share: a conversion compared with what is kept, a second one that changes nothing,
# and the way back. For sourcing behind common.sh; the guest is $name, in the folder $root, and comparable() says what of
# the output can be compared.
# shellcheck shell=bash
# shellcheck disable=SC2154 # name, root, work are the test's

update=
if [ "${1:-}" = --update ]; then
	update=1
	shift
fi

# FILE GOLDEN: what was written is as it is kept
as_kept() {
	[ -z "$update" ] || { mkdir -p "$(dirname "$2")" && cp "$1" "$2"; }
	diff -u "$2" "$1" || fail "$name: differs from $2"
}

# FACTS GOLDEN: leaves the guest as it was in $work/NAME.before, the originals in .originals, the output in .raw and .out
convert_first() {
	cp -a "$root" "$work/$name.before"
	build/tests/support/convert_folder "$root" "$1" "$work/$name.originals" >"$work/$name.raw" || fail "$name: first run"
	comparable <"$work/$name.raw" >"$work/$name.out"
	as_kept "$work/$name.out" "$2"
}

# FACTS: nothing is left to change
convert_again() {
	build/tests/support/convert_folder "$root" "$1" >"$work/$name.again" || fail "$name: second run"
	sed '1,/^== changes$/d' "$work/$name.again" >"$work/$name.changes"
	[ ! -s "$work/$name.changes" ] || fail "$name: the second run changes: $(cat "$work/$name.changes")"
}

# The originals put back are the guest as it was, but for empty folders.
check_undo() {
	build/tests/support/convert_folder --undo "$root" "$work/$name.originals" || fail "$name: undo"
	find "$root" "$work/$name.before" -type d -empty -delete
	diff -r --no-dereference "$work/$name.before" "$root" >"$work/out" 2>&1 || fail "$name: undone: $(cat "$work/out")"
	(cd "$root" && find . -type f -printf '%p %m\n' | sort) >"$work/modes"
	(cd "$work/$name.before" && find . -type f -printf '%p %m\n' | sort) | diff - "$work/modes" || fail "$name: undone: modes"
}
