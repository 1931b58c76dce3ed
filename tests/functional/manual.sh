#!/bin/bash
# Each command has a page with all its options, findings and the live ISO's words are in theirs, and mandoc and man find
# nothing to warn of.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
for program in mandoc man; do command -v $program > /dev/null || skip "$program isn't installed"; done
scratch
export SOURCE_DATE_EPOCH=1700000000 LC_ALL=C.UTF-8

for page in docs/man/*; do
	./rehost --man="$page" > "$work/${page##*/}" || fail "$page"
	mandoc -Tlint -Wwarning "$work/${page##*/}" > "$work/lint" || fail "$page: $(cat "$work/lint")"
	MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$work/${page##*/}" 2> "$work/lint" > /dev/null
	[ ! -s "$work/lint" ] || fail "$page: $(cat "$work/lint")"
	mandoc -Tutf8 -Owidth=1000 "$work/${page##*/}" | col -b > "$work/${page##*/}.txt"
	head -n 1 "$work/${page##*/}" | grep -q '^\.TH [A-Z0-9-]* [1-8] 2023-11-14 "rehost [0-9.]*" "rehost"$' || fail "$page: its title"
done

commands_of() { ./rehost "$@" --help | sed -nE 's/^  ([a-z][a-z0-9-]*) .*/\1/p'; }

# PAGE COMMAND…: each option as help spells it begins a line of the page
options_in_page() {
	local page=$work/$1.txt option
	shift
	while IFS= read -r option; do
		grep -qxF "       $option" "$page" || grep -qF "       $option " "$page" || fail "$page: no '$option' of rehost $*"
		count=$((count + 1))
	done < <(./rehost "$@" --help | sed -nE 's/^  (-[^ ]+( -[^ ]+)?( [^ ]+)?)( .*)?$/\1/p')
}
count=0
for command in $(commands_of); do
	page=rehost-$command.1
	[ -e "$work/$page" ] || fail "rehost $command has no page docs/man/$page"
	grep -qF "rehost-$command(1)" "$work/rehost.1.txt" || fail "rehost(1) doesn't name $command"
	if ./rehost "$command" --help | grep -q "^usage: rehost $command COMMAND"; then
		for part in $(commands_of "$command"); do
			grep -qxF "   rehost $command $part" "$work/$page.txt" || fail "$page: no section for $part"
			options_in_page "$page" "$command" "$part"
		done
	else
		options_in_page "$page" "$command"
	fi
done
[ "$count" -gt 150 ] || fail "only $count options found in the help"

# SEE ALSO leads only to pages of ours that are there.
for page in "$work"/*.txt; do
	while IFS= read -r other; do
		[ -e "$work/$other" ] || fail "${page##*/} names a page $other"
	done < <(grep -oE '\brehost(-[a-z0-9-]+)?\([1-8]\)' "$page" | tr '(' . | tr -d ')' | sort -u)
done

# shellcheck disable=SC2016  # Markdown's quotes
findings=$(sed -n 's/^| `\([BWI]-[A-Z0-9-]*\)`.*/\1/p' docs/findings.md)
for finding in $findings; do
	grep -qE "^ +$finding \((blocker|warning|info)\)$" "$work/rehost.7.txt" || fail "rehost(7) has no $finding"
done
# shellcheck disable=SC2016  # Markdown's quotes
words=$(sed -n 's/^| `\(rehost\.[a-z]*\).*/\1/p' docs/p2v-iso.md)
[ -n "$words" ] || fail "docs/p2v-iso.md has no words"
for word in $words; do grep -qE "^ +$word" "$work/rehost-p2v.7.txt" || fail "rehost-p2v(7) has no $word"; done
top=$PWD
cd "$work"
says 4 "none.1'" "$top/rehost" --man="$top/docs/man/none.1"
echo "$(find "$top/docs/man" -type f | wc -l) pages, $count options, $(wc -w <<< "$findings") findings"
