"""What the scripts that keep results have in common: the machine, whether it is busy, files, and
the part of README.md that shows them."""

import json
import os
import subprocess
import sys
import time

# Load above this share of the cores, before anything of ours runs, is somebody else's.
LOAD_SHARE_MAX = 0.25
# The kernel's figure is over a minute, so what has just ended (a build) shows for that long.
SETTLE_S = 120


def load(settle_s):
    """Before the first run. settle_s: waits so long for what has just ended to leave it."""
    deadline = time.monotonic() + settle_s
    while is_busy(os.getloadavg()[0]) and time.monotonic() < deadline:
        print(f"load {os.getloadavg()[0]:.1f}: waiting for the machine to come to rest",
              file=sys.stderr)
        time.sleep(15)
    return os.getloadavg()[0]


def is_busy(load_before):
    return load_before > LOAD_SHARE_MAX * os.cpu_count()


def bench(folder, *arguments):
    """The JSON of one `upfeed bench`."""
    done = subprocess.run([folder / "upfeed", "bench", "--json", *map(str, arguments)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"upfeed bench {arguments}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def machine(folder):
    return bench(folder, "--seconds", 0.1, "--warmup", 0, "--markets", 1)["machine"]


def machine_text(described):
    kind = "virtual cores" if described["virtual"] else "cores"
    return (f'{described["cpu"]}, {described["cores"]} {kind}, Linux {described["kernel"]}, '
            f'{described["compiler"]}, {described["build"]}')


def busy_text(load_before):
    if not is_busy(load_before):
        return ""
    return (f" **Taken while the machine was busy with other work (load {load_before:.1f} before "
            "the first run): not figures to quote.**")


def keep(folder, name, report, table):
    """name.json and name.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.txt").write_text(table, encoding="utf-8")


def marks(name):
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def update_readme(path, name, content):
    """Puts `content` between the marks of that name."""
    begin, end = marks(name)
    head, rest = path.read_text(encoding="utf-8").split(begin)
    _, tail = rest.split(end)
    path.write_text(f"{head}{begin}\n{content}\n{end}{tail}", encoding="utf-8")
