#!/bin/bash
# With --initramfs=rebuild the guest's own generator makes the image in the appliance, and the result boots from virtio with
# what it had; what the generator made is what the kernel boots, without a graft behind it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot web01 --initramfs rebuild
report=$(echo "$work"/out/*/report.json)
made=$(jq -r '[.changes[] | select((.words // "") | startswith("made anew by the guest'"'"'s own initramfs-tools"))] | length' "$report")
kernels=$(jq -r '[.inspection.kernels[] | select(.initrd and .bootable)] | length' "$report")
[ "$made" = "$kernels" ] || fail "$made of $kernels images made anew: $(jq -c '.inspection.findings' "$report")"
[ "$(jq '[.inspection.findings[] | select(.id == "W-INITRAMFS-REBUILD")] | length' "$report")" = 0 ] || fail "a finding"
echo "ok rebuild.sh: $made images made by the guest's own generator"
