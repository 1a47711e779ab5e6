from cio_facade.events import ecommerce


def test_every_semantic_event_is_listed_under_its_family(run):
    from cio_pipelines import constants

    listed: dict[str, tuple[str, str]] = {}
    family = ""
    for line in run("events").stdout.splitlines():
        if line.startswith("  "):
            *name, class_name = line.split()
            listed[" ".join(name)] = (family, class_name)
        else:
            family = line
    assert listed == dict(constants.SEMANTIC_EVENTS)


def test_an_event_is_described_with_its_properties(run):
    done = run("events", "order completed")
    assert done.returncode == 0
    assert "ecommerce.OrderCompleted" in done.stdout
    for name in ("order_id", "total", "products"):
        assert name in ecommerce.OrderCompleted.__annotations__
        assert f"\n{name} : " in done.stdout


def test_the_class_name_finds_it_too(run):
    assert run("events", "OrderCompleted").stdout == run("events", "Order Completed").stdout


def test_a_name_that_is_nearly_right_is_suggested(run, one_line):
    done = run("events", "Order Complete")
    assert done.returncode == 2
    assert "did you mean 'Order Completed'?" in done.stderr
    assert one_line(done.stderr)
