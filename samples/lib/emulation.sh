# shellcheck shell=bash disable=SC2154
# Guests of another architecture: their programs run by qemu-user-static while the guest is built.
# (SC2154: the recipe sets the variables.)

handlers=/proc/sys/fs/binfmt_misc

# The kernel's and qemu's name of Debian's architecture.
machine_name() { if [[ $arch == arm64 ]]; then echo aarch64; else echo x86_64; fi; }

# The kernel is told which programs go to qemu-user-static. Where systemd-binfmt hasn't told it, it is told for the time of
# the build; the handlers' file system is mounted in a mount namespace of our own.
begin_emulation() {
	local rule
	[[ $arch != "$(dpkg --print-architecture)" ]] || return 0
	rule=/usr/lib/binfmt.d/qemu-$(machine_name).conf
	[[ -e $rule ]] || die "'$rule' is not there; run tools/setup --for=check"
	[[ -e $handlers/register ]] || mount -t binfmt_misc binfmt_misc "$handlers"
	[[ ! -e $handlers/qemu-$(machine_name) ]] || return 0
	cat "$rule" >"$handlers/register"
	handler_is_ours=1
}

end_emulation() { if [[ ${handler_is_ours-} ]]; then echo -1 >"$handlers/qemu-$(machine_name)"; fi; }
