"""The judge of the reports that Autobahn's test suite writes."""

import importlib.util
import json

import pytest

import harness

PATH = harness.ROOT / "Tests" / "Conformance" / "autobahn.py"
EXPECTED = {1: 2, 7: 1}


@pytest.fixture(scope="module")
def autobahn():
    specification = importlib.util.spec_from_file_location("autobahn", PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def judge(autobahn, folder, **changes):
    """Its verdict on a report that is good but for the changes, each of a case: `case_1_1_1=None` leaves that out."""
    results = {case: {"behavior": "OK", "behaviorClose": "OK"} for case in ("1.1.1", "1.2.1", "7.1.1")}
    for name, change in changes.items():
        case = name.removeprefix("case_").replace("_", ".")
        if change is None:
            del results[case]
        else:
            results[case] = {**results.get(case, {}), **change}
    (folder / "index.json").write_text(json.dumps({"notiflux": results}))
    return autobahn.judge("server", folder, EXPECTED)


def test_every_case_that_ran_and_passed_is_good(autobahn, tmp_path):
    assert judge(autobahn, tmp_path)
    assert judge(autobahn, tmp_path, case_7_1_1={"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"})


@pytest.mark.parametrize("verdict", ["FAILED", "NON-STRICT", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT", "UNIMPLEMENTED"])
@pytest.mark.parametrize("part", ["behavior", "behaviorClose"])
def test_any_other_verdict_is_bad_and_named(autobahn, tmp_path, capsys, part, verdict):
    assert not judge(autobahn, tmp_path, case_1_2_1={part: verdict})
    assert "server: case 1.2.1: " in (said := capsys.readouterr().out) and verdict in said


def test_a_case_that_nobody_expected_has_to_pass_too(autobahn, tmp_path):
    assert not judge(autobahn, tmp_path, case_9_1_1={"behavior": "FAILED", "behaviorClose": "OK"})


@pytest.mark.parametrize("case", ["case_1_1_1", "case_7_1_1"], ids=["of several", "all of its group"])
def test_a_case_that_did_not_run_is_bad(autobahn, tmp_path, case):
    assert not judge(autobahn, tmp_path, **{case: None})


def test_the_plan_counts_what_it_names(autobahn):
    names, counts = autobahn.plan([1, 12, 13], False)
    assert counts == {1: 16, 12: 20, 13: 28}
    assert names[0] == "1.*" and len(names) == 1 + 20 + 28
    assert autobahn.plan([12], True) == (["12.*"], {12: 90})
