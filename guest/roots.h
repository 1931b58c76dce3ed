/* Which of several systems that look like a root are one system's snapshots of itself. */
#ifndef REHOST_GUEST_ROOTS_H
#define REHOST_GUEST_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

/* True for a btrfs volume where snapper, Timeshift, apt-btrfs-snapshot, Docker or systemd-nspawn keep copies of a
 * system
 * ("btrfsvol:/dev/sda2/@/.snapshots/12/snapshot"). */
bool root_is_snapshot(const char *mountable);

/* Takes the snapshots out of a list of n roots, in place, unless nothing else would be left; returns how many are left.
 */
size_t roots_without_snapshots(char **roots, size_t n);

#endif
