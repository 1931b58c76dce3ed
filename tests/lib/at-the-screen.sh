# shellcheck shell=bash disable=SC2154 # $work is set by who sources it
# A person at a screen of 80 x 25, which is the pane p of a tmux of its own, socket ./tmux. More to tell when something is
# missing is in ./host.log.

press() { for key; do tmux -S tmux send-keys -t p "$key"; done; }
fill() { # TEXT: into an entry, whatever it held; then on to the next
	tmux -S tmux send-keys -t p C-a C-k
	tmux -S tmux send-keys -t p -l -- "$1"
	tmux -S tmux send-keys -t p Tab
}
screen() { tmux -S tmux capture-pane -p -t p; }
shows() { # TEXT...: the screen, within ${PATIENCE:-30} s
	local text all
	for _ in $(seq $((${PATIENCE:-30} * 10))); do
		all=1
		screen > seen
		for text; do grep -qF -- "$text" seen || all=; done
		[ -z "$all" ] || return 0
		sleep 0.1
	done
	fail "no '$*' on the screen: $(cat seen host.log)"
}
shows_not() { ! screen | grep -qF -- "$1" || fail "'$1' is on the screen: $(screen)"; }

# Ends what was started when the script ends; after scratch.
host=
leave_the_screen() {
	tmux -S "$work/tmux" kill-server 2> /dev/null || :
	[ -z "$host" ] || kill "$host" 2> /dev/null || :
	wait
	rm -rf "$work"
}
