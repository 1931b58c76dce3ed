#!/usr/bin/env python3
"""Makes the hostile inputs, each in a folder of its own, and rows.json: what to do with each, and what must come of it.

usage: make.py FOLDER [NAME…]
"""
import json
import os
import sys

import images  # noqa: F401
import packages  # noqa: F401
import rows


def main():
    top, *names = sys.argv[1:]
    made = [r for _, r in rows.ROWS]
    doubled = {r.name for r in made if [x.name for x in made].count(r.name) > 1}
    if doubled:
        sys.exit(f"rows named twice: {doubled}")
    if names:
        rows.ROWS[:] = [x for x in rows.ROWS if x[1].name in names]
    made = rows.make_all(top)
    with open(os.path.join(top, "rows.json"), "w", encoding="utf-8") as f:
        json.dump([[r.name, r.argv, r.pattern, r.status] for r in made], f)


main()
