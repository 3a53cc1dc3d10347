from store.duties import EVERY_S, Duty, DutyBook, read_duties, read_errors
from store.engine import reading


def test_a_duty_says_when_it_last_went_well(any_engine):
    at_s = 0.0
    book = DutyBook(any_engine, "server-1", lambda: at_s)
    book.done(Duty.ENGINE, 1_000)
    book.done(Duty.SENDER, 1_200)
    with reading(any_engine) as connection:
        assert read_duties(connection) == {"engine": 1_000, "sender": 1_200}
    at_s = EVERY_S
    book.done(Duty.ENGINE, 9_000)
    with reading(any_engine) as connection:
        assert read_duties(connection) == {"engine": 9_000, "sender": 1_200}


def test_what_is_done_every_moment_is_not_written_every_moment(any_engine):
    at_s = 0.0
    book = DutyBook(any_engine, "server-1", lambda: at_s)
    for now_ms in range(1_000, 2_000, 100):
        book.done(Duty.ENGINE, now_ms)
        at_s += EVERY_S / 10.5
    with reading(any_engine) as connection:
        assert read_duties(connection) == {"engine": 1_000}


def test_of_two_processes_either_does_the_duty(any_engine):
    first, second = (DutyBook(any_engine, name, lambda: 0.0) for name in ("server-1", "server-2"))
    first.done(Duty.ENGINE, 1_000)
    second.done(Duty.ENGINE, 2_000)
    with reading(any_engine) as connection:
        assert read_duties(connection) == {"engine": 2_000}


def test_a_clock_that_is_set_back_does_not_silence_a_duty(any_engine):
    first, second = (DutyBook(any_engine, name, lambda: 0.0) for name in ("server-1", "server-2"))
    first.done(Duty.ENGINE, 9_000_000)
    second.done(Duty.ENGINE, 2_000)
    with reading(any_engine) as connection:
        assert read_duties(connection) == {"engine": 2_000}


def test_errors_are_counted_over_processes_and_are_no_duty_done(any_engine):
    first, second = (DutyBook(any_engine, name, lambda: 0.0) for name in ("server-1", "server-2"))
    first.failed(Duty.ENGINE, 2, 1_000)
    second.failed(Duty.ENGINE, 1, 2_000)
    with reading(any_engine) as connection:
        assert read_errors(connection) == {"engine": 3}
        assert read_duties(connection) == {}
