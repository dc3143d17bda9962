"""A property-based fuzz of the schema by schemathesis, against a running node: `fuzz.py URL WORK_FOLDER`.

It fills the shop, lets `st run` generate requests from the schema, and checks the results. The seed is fixed, so that
a run can be repeated. FRITZY_FUZZ_SEED sets another seed, FRITZY_FUZZ_EXAMPLES another number of requests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from stock import Shop

HERE = Path(__file__).resolve().parent

SEED = os.environ.get("FRITZY_FUZZ_SEED", "1997")
# For each root field. This many take half a minute on 2 cores, most of it in schemathesis.
EXAMPLES = os.environ.get("FRITZY_FUZZ_EXAMPLES", "200")
# A run that takes longer means that the node or the generator hangs.
SECONDS_MAX = 240

# A fuzz whose requests are all rejected tests only the validation. This many requests of each kind must succeed,
SUCCEEDED_MIN = 5
# as well as this share of all requests,
SUCCEEDED_SHARE_MIN = 0.15
# and the rejections must contain this many different codes.
CODES_MIN = 10

CHECKS = "not_a_server_error,response_schema_conformance,every_error_has_a_documented_code"


def st_run(url, work, stock):
    """Runs schemathesis. Returns its exit code and the tally of the hooks."""
    (work / "stock.json").write_text(json.dumps(stock))
    tally = work / "tally.json"
    tally.unlink(missing_ok=True)
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
        "FRITZY_FUZZ_STOCK": str(work / "stock.json"),
        "FRITZY_FUZZ_TALLY": str(tally),
        "FRITZY_FUZZ_ERRORS": str(HERE / "../../../docs/errors.md"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [
        *[str(Path(sys.executable).with_name("st")), "run", f"{url}/graphql"],
        *["--seed", SEED, "--max-examples", EXAMPLES, "--phases", "fuzzing", "--workers", "1"],
        *["--checks", CHECKS, "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all"],
        *["--generation-database", "none", "--request-timeout", "30", "--warnings", "off", "--no-color"],
    ]
    try:
        ended = subprocess.run(command, cwd=work, env=environment, timeout=SECONDS_MAX, check=False).returncode
    except subprocess.TimeoutExpired:
        ended = f"nothing: it was ended after {SECONDS_MAX} s"
    return ended, json.loads(tally.read_text()) if tally.exists() else {}


def judge(ended, tally, shop):
    """Yields each requirement, and whether it holds."""
    requests, succeeded, codes = (tally.get(name, {}) for name in ("requests", "succeeded", "codes"))
    total, good = sum(requests.values()), sum(succeeded.values())
    print(f"\nseed {SEED}, {EXAMPLES} examples for each field")
    print(f"{total} requests, {good} succeeded; errors by code:")
    for code, count in sorted(codes.items(), key=lambda each: -each[1]):
        print(f"    {count:6} {code}")
    yield f"schemathesis found nothing (it ended with {ended})", ended == 0
    yield f"no connection was lost ({tally.get('lost')})", tally.get("lost") == {}
    yield f"the node is ready after {total} requests", shop.is_ready() and total > 0
    for field in sorted(requests):
        count = succeeded.get(field, 0)
        yield f"{field} succeeded {count} times of {requests[field]}, at least {SUCCEEDED_MIN}", count >= SUCCEEDED_MIN
    yield f"at least {SUCCEEDED_SHARE_MIN:.0%} of all requests succeeded", good >= SUCCEEDED_SHARE_MIN * total > 0
    yield f"{len(codes)} different codes were seen, at least {CODES_MIN}", len(codes) >= CODES_MIN


def main():
    url, work = sys.argv[1], Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    shop = Shop(url)
    ended, tally = st_run(url, work, shop.fill())
    passed = failed = 0
    for what, holds in judge(ended, tally, shop):
        print(f"{'ok' if holds else 'not ok'} - {what}")
        passed, failed = passed + holds, failed + (not holds)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
