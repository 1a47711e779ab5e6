import pytest


def test_identify_sends_traits(run, sandbox, settings):
    done = run("send", "identify", "u1", "email=ann@example.com", "plan=pro", "seats:=3", "admin:=true", **settings)
    assert done.returncode == 0, done.stderr
    (call,) = sandbox.calls()
    assert call["traits"] == {"email": "ann@example.com", "plan": "pro", "seats": 3, "admin": True}
    assert call["messageId"] in done.stdout


def test_track_sends_an_event(run, sandbox, settings):
    options = ["--timestamp", "2026-01-31T12:00:00Z", "--message-id", "m1", "--context", '{"ip": "192.0.2.1"}']
    run("send", "track", "u1", "Course Started", "price:=9.90", "note=a=b", *options, **settings)
    assert sandbox.calls() == [
        {
            "type": "track",
            "userId": "u1",
            "event": "Course Started",
            "properties": {"price": 9.9, "note": "a=b"},
            "timestamp": "2026-01-31T12:00:00Z",
            "context": {"ip": "192.0.2.1"},
            "messageId": "m1",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["page", "u1", "Pricing", "path=/pricing"], {"name": "Pricing", "properties": {"path": "/pricing"}}),
        (["screen", "u1", "Home"], {"name": "Home"}),
        (["group", "u1", "acme", "name=Acme"], {"groupId": "acme", "traits": {"name": "Acme"}}),
        (["alias", "u1", "a1"], {"previousId": "a1"}),
    ],
)
def test_the_other_verbs(run, sandbox, settings, arguments, expected):
    assert run("send", *arguments, **settings).returncode == 0
    (call,) = sandbox.calls()
    assert {"type": arguments[0], "userId": "u1", **expected}.items() <= call.items()


def test_a_dash_stands_for_no_user_id(run, sandbox, settings):
    assert run("send", "track", "-", "Looked", "--anonymous-id", "a1", **settings).returncode == 0
    (call,) = sandbox.calls()
    assert call["anonymousId"] == "a1"
    assert "userId" not in call


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["identify", "u1", "email=nobody"], 5, "traits.email"),
        (["track", "-", "Looked"], 5, "userId"),
        (["track", "u1", "Looked", "--context", '{"active": "yes"}'], 3, "context.active"),
        (["track", "u1", "Looked", "--context", "{"], 2, "not JSON"),
        (["track", "u1", "Looked", "price:=x"], 2, "not JSON"),
        (["track", "u1", "Looked", "price"], 2, "name=text"),
        (["track", "u1"], 2, "send track --help"),
        (["explode", "u1"], 2, "explode"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(run, sandbox, settings, one_line, arguments, code, words):
    done = run("send", *arguments, **settings)
    assert done.returncode == code
    assert words in done.stderr
    assert one_line(done.stderr)
    assert not sandbox.calls()


def test_the_settings_may_come_from_a_file(run, sandbox, tmp_path):
    (tmp_path / "settings").write_text(f"CIO_API_KEY=key\nCIO_BASE_URL={sandbox.url}\n")
    assert run("send", "identify", "u1", "--dotenv", str(tmp_path / "settings")).returncode == 0
    assert sandbox.calls()


def test_a_missing_key_is_one_line(run, one_line):
    done = run("send", "identify", "u1")
    assert done.returncode == 2
    assert "CIO_API_KEY" in done.stderr
    assert one_line(done.stderr)


def test_a_wrong_key_is_one_line_without_the_key(run, sandbox, settings, one_line):
    done = run("send", "identify", "u1", **{**settings, "CIO_API_KEY": "wrong-secret"})
    assert done.returncode == 3
    assert one_line(done.stderr)
    assert "wrong-secret" not in done.stderr
