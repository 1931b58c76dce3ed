#!/bin/bash
# Each shell completes all that the tables of commands and options know, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
for shell in zsh fish; do command -v $shell > /dev/null || skip "$shell isn't installed"; done
scratch
rehost=$PWD/rehost zsh_complete=$PWD/tests/support/zsh-complete
mkdir -p "$work/zsh" "$work/here/folder"
"$rehost" --completion=bash > "$work/bash"
"$rehost" --completion=zsh > "$work/zsh/_rehost"
"$rehost" --completion=fish > "$work/fish"
cd "$work/here"
touch file.img

# Each reads command lines and answers with the words for each, sorted, and a line with a dot.
by_bash() {
	# shellcheck disable=SC2016  # for the other shell
	bash --norc -c '
		compopt() { :; } # knows a completion that bash itself runs only
		. "$1"
		while IFS= read -r line; do
			read -ra COMP_WORDS <<< "$line"
			[[ $line != *" " ]] || COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_rehost
			[[ ${#COMPREPLY[@]} = 0 ]] || printf "%s\n" "${COMPREPLY[@]}"
			echo .
		done' - "$work/bash"
}
by_fish() {
	# shellcheck disable=SC2016  # for the other shell
	HOME=$work fish --no-config -c 'source $argv[1]; while read -l line; complete -C "$line" | string replace -r "\t.*" ""; echo .; end' "$work/fish"
}
by_zsh() { "$zsh_complete" "$work/zsh"; }

# COMMAND…: the options that its help lists, all spellings; "-h, --help" is every command's.
options() {
	"$rehost" "$@" --help | sed -nE 's/^  (-([A-Za-z]), )?(--?)([a-z][a-z-]*)( .*)?$/-\2 \3\4/p' | tr ' ' '\n' | sed '/^-$/d'
	printf '%s\n' -h --help
}
commands_of() { "$rehost" "$@" --help | sed -nE 's/^  ([a-z][a-z0-9-]*) .*/\1/p'; }

# All command lines with the words that must come.
want() { # LINE WORD…
	echo "$1" >> "$work/lines"
	shift
	{ printf '%s\n' "$@" | sed '/^$/d' | sort -u; echo .; } >> "$work/wanted"
}
all_of() { # COMMAND…
	local found
	mapfile -t found < <(options "$@")
	want "rehost $* -" "${found[@]}"
	count=$((count + ${#found[@]}))
}
count=0
for command in $(commands_of); do
	if "$rehost" "$command" --help | grep -q "^usage: rehost $command COMMAND"; then
		for part in $(commands_of "$command"); do all_of "$command" "$part"; done
	else
		all_of "$command"
	fi
done
[ "$count" -gt 200 ] || fail "only $count options found in the help"
mapfile -t found < <(commands_of | grep '^c')
want "rehost c" "${found[@]}"
want "rehost convert -o " local disk qemu null
want "rehost convert --on-read-error " stop zero
want "rehost boot --level k" kernel
want "rehost convert -n " ""
want "rehost doctor f" ""
want "rehost info fi" file.img
want "rehost clean f" ""

for shell in bash fish zsh; do
	"by_$shell" < "$work/lines" | awk -v sort="sort -u" '$0 == "." { close(sort); print; fflush(); next } { print | sort }' > "$work/$shell.said"
	diff "$work/wanted" "$work/$shell.said" > log || fail "$shell (>) doesn't complete what help lists (<): $(head -n 20 log)"
done

# Folders and files; "=" between an option and its value.
printf '%s\n' "rehost convert -os f" "rehost convert --compress=zs" > "$work/lines"
said=$(by_fish < "$work/lines" | paste -sd' ')
[ "$said" = 'folder/ . --compress=zstd .' ] || fail "fish: $said"
said=$(by_zsh < "$work/lines" | sort -u | paste -sd' ')
[ "$said" = '. folder zstd' ] || fail "zsh: $said"
said=$(printf '%s\n' "rehost convert -os f" "rehost convert --compress = zs" | by_bash | paste -sd' ')
[ "$said" = 'folder . zstd .' ] || fail "bash: $said"
says 2 "'tcsh' is not one of bash, zsh, fish" "$rehost" --completion=tcsh
echo "$count options in bash, zsh and fish"
