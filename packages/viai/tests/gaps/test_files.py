import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.errors import InputError
from viai.gaps import Gap, read_gaps, write_labels


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.json", "[[1.5, 2], [3, 3.25]]"),
        ("objects.json", '[{"start": 1.5, "end": 2.0, "kind": "silence"}, {"start": 3, "duration": 0.25}]'),
        ("object.json", '{"gaps": [{"start": 1.5, "stop": 2.0}, {"start": "0:00:03", "end": 3.25}]}'),
        ("sniffed.txt", "\n[[1.5, 2], [3, 3.25]]"),
        ("plain.csv", "1.5,2\n\n3,3.25\n"),
        ("header.csv", "# mine\nstart,end\n1.5,2\n3,3.25\n"),
        ("duration.csv", "label;Start;Duration\na;1,5;0,5\nb;3;0,25\n"),
        ("both.csv", "start,duration,end\n1.5,9,2\n3,9,3.25\n"),
        ("german.csv", "1,5;2,0\n3;3,25\n"),
        ("clock.tsv", "start\tstop\n0:01.5\t0:02\n0:00:03\t3.25\n"),
        ("labels.txt", "1.500000\t2.000000\tdropout\n\\\t100.0\t2000.0\n3.000000\t3.250000\t\n"),
        ("windows.csv", "start,end\r\n1.5,2\r\n3,3.25\r\n"),
        ("bom.csv", "\ufeffstart,end\n1.5,2\n3,3.25\n"),
    ],
)
def test_a_list_of_gaps_is_read_in_every_format(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert read_gaps(path) == [(1.5, 2.0), (3.0, 3.25)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "start,end\n1,2\n3,x\n", "a.csv, line 3: 'x' is no time"),
        ("a.csv", "1,2\n3\n", r"a.csv, line 2: '3' has 1 column\(s\)"),
        ("a.csv", "1 2\n", "a.csv, line 1: '1 2' has one column"),
        ("a.csv", "from,till\n1,2\n", "a.csv, line 1: the header names"),
        ("a.csv", "1,2\n3,2.5\n", "a.csv, line 2: 3.00 to 2.50 s is reversed"),
        ("a.csv", "1,2\n-3,2.5\n", "a.csv, line 2: starts at -3 s"),
        ("a.csv", "1,2\n3,nan\n", "a.csv, line 2: 3.0 to nan is no stretch of time"),
        ("a.txt", "1.0\t1.0\tpoint\n", "a.txt, line 1: 1.00 to 1.00 s is empty"),
        ("a.csv", "\n# nothing\n", "a.csv holds no gaps"),
        ("a.json", "[]", "a.json holds no gaps"),
        ("a.json", '{"holes": [[1, 2]]}', "a.json holds no list of gaps"),
        ("a.json", "[[1, 2], [1, 2, 3]]", "a.json, item 2: .* is no gap"),
        ("a.json", '[{"start": 1}]', r"a.json, item 1: found \['start'\]; expected start and end"),
        ("a.json", "[[1, true]]", "a.json, item 1: True is no time"),
        ("a.json", "[[1, 2],\n[3, 4]", "a.json, line 2"),
    ],
)
def test_a_bad_list_is_refused_with_file_and_place(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_gaps(path)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_gaps(tmp_path / "none.csv")


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**6)), min_size=1),
    st.sampled_from([8_000, 44_100, 192_000]),
)
def test_labels_come_back_as_the_same_samples(tmp_path_factory, spans, rate):
    gaps = [Gap(start, start + length) for start, length in spans]
    path = tmp_path_factory.mktemp("labels") / "gaps.txt"
    write_labels(path, gaps, rate, ["two\twords"] * len(gaps))
    assert [Gap(round(start * rate), round(end * rate)) for start, end in read_gaps(path)] == gaps


def test_labels_are_what_audacity_imports(tmp_path):
    write_labels(tmp_path / "gaps.txt", [Gap(0, 4), Gap(8, 12)], 8)
    assert (tmp_path / "gaps.txt").read_text() == "0.000000\t0.500000\tgap 1\n1.000000\t1.500000\tgap 2\n"
    with pytest.raises(ValueError, match="argument"):
        write_labels(tmp_path / "gaps.txt", [Gap(0, 4)], 8, [])
