#!/bin/bash
# UEFI with /boot, XFS on LVM, dracut and no fallback loader: fails on virtio before, boots after on blank variables.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot uefi-lvm
