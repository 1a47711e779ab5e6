"""docs/how-to/django.md: its project, its tests, and a server that is ended."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest
from documents import files
from projects import LIMIT, done, environment, free_port, made, page, running

from cio_facade.glance import glance

pytest.importorskip("django", reason="needs Django: the extra [frameworks]")

_PAGE = "django.md"
# What the page takes for granted: a project as `django-admin startproject` makes one.
_MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
execute_from_command_line(sys.argv)
"""
_SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parents[1]
SECRET_KEY = "of a test"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3",
                         "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"}}}
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
USE_TZ = True
"""
_URLS = """
from django.urls import path
from shop.views import sign_up
urlpatterns = [path("sign-up", sign_up)]
"""
_WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = made(_PAGE, tmp_path, **{"manage.py": _MANAGE, "shop/urls.py": _URLS, "shop/wsgi.py": _WSGI})
    added = files(page(_PAGE))["shop/settings.py"]
    (folder / "shop" / "settings.py").write_text(_SETTINGS + added, encoding="utf-8")
    return folder


def test_the_tests_of_the_page_pass_without_a_key_and_without_pytest(shop):
    (shop / "pytest.py").write_text("raise ImportError", encoding="utf-8")
    variables = {name: value for name, value in environment({}, shop).items() if not name.startswith("CIO_")}
    assert "OK" in done(["python", "manage.py", "test"], shop, variables)
    assert not (shop / "outbox.db").exists()


@pytest.mark.parametrize("server", ["gunicorn", "runserver"])
def test_what_is_committed_is_told_and_nothing_else(shop, cio_sandbox, server):
    variables = environment(cio_sandbox.environment, shop)
    done(["python", "manage.py", "migrate", "--verbosity", "0"], shop, variables)
    at = f"127.0.0.1:{free_port()}"
    if server == "gunicorn":
        pytest.importorskip("gunicorn", reason="needs gunicorn: the extra [frameworks]")
        command, begun = ["gunicorn", "--workers", "2", "--bind", at, "shop.wsgi"], "Booting worker[^$]*Booting worker"
    else:
        command, begun = ["python", "manage.py", "runserver", "--noreload", at], "Quit the server"
    with running(command, shop, variables, begun) as process, httpx.Client(base_url=f"http://{at}") as browser:
        signed_up = set()
        for number in range(20):
            form = {"name": f"n{number}", "email": f"n{number}@example.com", "coupon": "" if number % 4 else "expired"}
            answer = browser.post("/sign-up", data=form, timeout=LIMIT)
            assert answer.status_code == (200 if number % 4 else 500)
            if number % 4:
                signed_up.add(str(answer.json()["id"]))
        process.send_signal(signal.SIGTERM if server == "gunicorn" else signal.SIGINT)
        process.wait(LIMIT)
    if glance(str(shop / "outbox.db")).totals.pending:  # for whoever opens it next
        done(["cio-facade", "outbox", "drain", "outbox.db"], shop, variables)
    assert {call["userId"] for call in cio_sandbox.calls("track")} == signed_up
    assert {person.user_id for person in cio_sandbox.people.all()} == signed_up
    cio_sandbox.assert_nothing_refused()
