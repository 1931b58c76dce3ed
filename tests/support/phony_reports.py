#!/usr/bin/env python3
"""Makes a job folder of 60 phony machines (report.json, screenshots) and one machine's result folder, with hostile words among
them. usage: phony_reports.py FOLDER [PICTURE.png…]: pictures to take instead of grey boxes"""
import datetime
import json
import os
import struct
import sys
import zlib

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\" onload=\"window.hacked = 1\u202e\u001b[2J"
CAUSES = [("blocked", 3, "B-WINDOWS-HIBERNATED", "Windows is hibernated"),
          ("blocked", 3, "B-NTFS-UNCLEAN", "/dev/sda2 was not unmounted"),
          ("failed", 7, None, "boot proof: 'login' was not reached: kernel panic"),
          ("failed", 4, None, "disk 1 'db.vmdk': grain table 7 at 0x1f400: points to 0x9a0000, file ends at 0x800000")]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(path, lines):
    """A screen of 720x400 with that many lines of something."""
    rows = bytearray()
    for y in range(400):
        rows += b"\0" + b"".join(b"\xaa" * 7 + b"\0\0" if y // 16 < lines and y % 16 < 12 else b"\0" * 9 for _ in range(80))
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 720, 400, 8, 0, 0, 0, 0)) +
                  chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


def time_of(minute):
    return f"2026-11-20T{20 + minute // 60:02}:{minute % 60:02}:00Z"


def machine(i, running):
    m = {"index": i, "name": f"{['web', 'db', 'app', 'mail', 'win'][i % 5]}{i // 5 + 1:02}", "host": f"conv{i % 3 + 1}",
         "attempt": 1, "group": "esx1" if i % 2 else "esx2", "source": f"/srv/export/{i}.ova", "findings": []}
    if running and i >= 50:
        return m | {"state": "running", "phase": "copying", "percent": 7 * (i - 49)} if i < 52 else \
            m | {"state": "waiting", "host": None, "attempt": 0}
    m |= {"began": time_of(i * 2), "ended": time_of(i * 2 + 3 + i % 4), "seconds": 60 * (3 + i % 4) + i}
    if i % 9 == 8:
        state, status, finding, error = CAUSES[i // 9 % len(CAUSES)]
        return m | {"state": state, "exit": status, "finding": finding, "error": error}
    name = m["name"]
    return m | {"state": "done", "exit": 0, "verdict": "BOOTS" if i % 7 else "MAY NOT BOOT", "folder": f"out/{name}",
                "report": f"out/{name}/report.json", "copy": {"read": (i + 3) << 28, "written": (i + 1) << 27},
                "findings": [{"id": "W-LUKS", "severity": "info", "text": "/dev/sda3 is encrypted"}] if i % 6 == 0 else [],
                "proof": {"level": "login", "wanted": "login", "failure": None, "seconds": 40 + i, "evidence": "serial console",
                          "screenshots": ["shots/kernel.png", "shots/login.png"]},
                "files": [{"name": f"{name}-sda.qcow2", "size": (i + 1) << 27, "tree": f"{(i + 1) * 0x9e3779b97f4a7c15f39cc0605cedc834 % 2**128:032x}"}]}


def batch(running, hostile=True):
    machines = [machine(i, running) for i in range(60)]
    if hostile:
        machines[13] |= {"name": "mail" + HOSTILE, "error": HOSTILE, "host": HOSTILE, "group": HOSTILE, "source": HOSTILE}
    counts = {s: sum(m["state"] == s for m in machines) for s in ("done", "failed", "blocked", "running", "waiting")}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    copies = [m["copy"] for m in machines if "copy" in m]
    return {"schema": "rehost-batch-report-1", "job": {"name": "friday", "rehost": "0.1.0", "created": time_of(0), "proof": "login"},
            "written": now if running else time_of(130), "counts": counts, "seconds": 7800, "machines": machines,
            "bytes_read": sum(c["read"] for c in copies), "bytes_written": sum(c["written"] for c in copies)}


def result(hostile=True):
    word = HOSTILE if hostile else "staging copy"
    changes = [
        ("edit", "device-names", "/etc/fstab", "sda1 has another name on the new hardware",
         "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -1,2 +1,2 @@\n-/dev/sda1 / ext4 defaults 0 1\n+UUID=0c6b3f9e-5a11-4c4f-9d1f-1c6f0e7d2b11 / ext4 "
         "defaults 0 1\n proc /proc proc defaults 0 0\n", None),
        ("binary", "initramfs", "/boot/initrd.img-6.1.0-18-amd64", "virtio_blk is not in it", None, "6 modules appended, 312 KiB"),
        ("link", "guest-tools", "/etc/systemd/system/open-vm-tools.service", "tools of another hypervisor", None, "masked"),
        ("edit", "boot", "/etc/" + word, word, f"--- a\n+++ b\n@@ -1 +1 @@\n-{word}\n+{word}\n", None)]
    return {
        "schema": "rehost-report-1", "rehost": "0.1.0",
        "machine": {"source": "/srv/export/web01.ova", "source_kind": "ova", "name": "web01", "memory": 2 << 30, "vcpus": 4, "sockets": 2,
                    "cores": 2, "threads": 1, "firmware": "bios", "secure_boot": "no", "clock": "utc", "notes": [word],
                    "disks": [{"id": "sda", "controller": "pvscsi", "file": "web01-disk1.vmdk", "unit": 0}],
                    "nics": [{"mac": "00:50:56:aa:00:01", "mac_generated": False, "model": "vmxnet3", "network": "VM Network",
                              "target": "br0"}],
                    "removables": [{"kind": "cdrom"}]},
        "source_disks": [{"id": "sda", "format": "vmdk", "size": 8 << 30, "allocated": 900 << 20,
                          "identity": "1 file 943718400 1700000000 5f0d3c2a"}],
        "accelerator": {"chosen": "tcg", "reason": "kvm: no such device; tcg took 63 ms"},
        "inspection": {
            "verdict": "MAY NOT BOOT",
            "os": {"family": "linux", "product": "Debian GNU/Linux 12 (bookworm)", "arch": "x86_64", "hostname": "web01", "init": "systemd"},
            "findings": [{"id": "W-BOOT-NO-LOADER", "severity": "warning", "text": "no loader that could be made the fallback",
                          "evidence": "/boot/efi/EFI", "fix": "grub-install --removable in the guest"},
                         {"id": "W-LUKS", "severity": "info", "text": "/dev/sda3 is encrypted", "evidence": None, "fix": None},
                         {"id": word, "severity": word, "text": word}],
            "filesystems": [{"device": "/dev/sda1", "type": "ext4", "size": 7 << 30, "mountpoint": "/", "uuid": "0c6b3f9e-5a11-4c4f"}],
            "kernels": [{"version": "6.1.0-18-amd64", "bootable": True, "initrd": "/boot/initrd.img-6.1.0-18-amd64",
                         "initrd_generator": "initramfs-tools", "initrd_compression": "zstd"}],
            "boot_entries": [{"title": "Debian GNU/Linux", "file": "/boot/grub/grub.cfg", "line": 118, "kernel": "/boot/vmlinuz-6.1.0-18-amd64",
                              "cmdline": "root=UUID=0c6b3f9e-5a11-4c4f ro quiet", "default": True}],
            "networks": [{"file": "/etc/network/interfaces", "system": "ifupdown", "interface": "ens192", "address": "192.0.2.5/24"}],
            "agents": [{"id": "open-vm-tools", "evidence": "open-vm-tools 12.2"}]},
        "changes": [{"kind": k, "step": s, "path": p, "reason": r, "diff": d, "words": w} for k, s, p, r, d, w in changes],
        "caps": {"disk": "virtio-blk", "net": "virtio", "machine": "q35"}, "firmware": "bios",
        "copy": {"bytes_read": 900 << 20, "bytes_written": 610 << 20, "source_read": 910 << 20, "reused": 0,
                 "throughput": {"interval": 0.25, "bytes": [(20 + (7 * i) % 13) << 20 for i in range(36)]},
                 "read_errors": [{"disk": 0, "offset": 4096, "length": 512}]},
        "disks": [{"file": "web01-sda.qcow2", "format": "qcow2", "size": 8 << 30}], "folder": "/var/lib/vms/web01",
        "xml": "/var/lib/vms/web01/web01.xml", "manifest_digests": 2,
        "verify": {"seal": "seal.ndjson", "files": [{"name": "web01-sda.qcow2", "size": 610 << 20, "tree": "77fe" * 8}]},
        "proof": {"level": "login", "wanted": "login", "failure": None, "seconds": 41.5, "evidence": "serial console: 'web01 login:'",
                  "screenshots": ["shots/firmware.png", "shots/kernel.png", "shots/login.png"], "warnings": []},
        "timings": [{"phase": p, "seconds": s} for p, s in (("source", 0.3), ("map", 0.6), ("appliance", 14.2), ("inspect", 3.1),
                                                            ("convert", 1.4), ("copy", 9.0), ("output", 0.1), ("seal", 0.8))]}


def write(folder, report, pictures):
    os.makedirs(os.path.join(folder, "shots"), exist_ok=True)
    for i, level in enumerate(("firmware", "kernel", "login")):
        path = os.path.join(folder, "shots", level + ".png")
        if pictures:
            with open(pictures[min(i, len(pictures) - 1)], "rb") as given, open(path, "wb") as out:
                out.write(given.read())
        else:
            picture(path, 5 + 7 * i)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as out:
        json.dump(report, out, indent=2)


def main():
    folder, pictures = sys.argv[1], sys.argv[2:]
    hostile = not pictures  # pictures are for a manual
    write(os.path.join(folder, "job"), batch(False, hostile), pictures)
    write(os.path.join(folder, "running"), batch(True, hostile), pictures)
    write(os.path.join(folder, "web01"), result(hostile), pictures)


main()
