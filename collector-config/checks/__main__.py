"""Runs the checks by their names, and says how long each took."""

import sys
import time
import traceback

import configuration
import kafka
import load
import posthog
import restarts
import sampling
import world

CHECKS = {
    "configuration": configuration.check,
    "posthog": posthog.check,
    "sampling": sampling.check,
    "restarts": restarts.check,
    "kafka": kafka.check,
    "load": load.check,
}


def main():
    words = sys.argv[1:]
    names = [word for word in words if not word.startswith("-")] or list(CHECKS)
    began, failed = time.monotonic(), []
    for name in names:
        start = time.monotonic()
        print(f"-- {name}", flush=True)
        try:
            CHECKS[name]("--full" in words)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        finally:
            world.end_all()
        print(f"   {name}: {time.monotonic() - start:.0f} s", flush=True)
    world.end("--keep" in words or bool(failed))
    print(f"{'FAILED: ' + ', '.join(failed) if failed else 'All is as it should be'}, {time.monotonic() - began:.0f} s")
    sys.exit(bool(failed))


main()
