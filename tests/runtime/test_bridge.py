"""The bridge: results, errors, cancellation both ways, bursts, crashes on purpose, shutdown."""

import asyncio
import threading

import pytest
import trio

from runtime.bridge import Bridge, BridgeClosed, CallCancelled
from runtime.handover import DaemonCrash, Fuse, Handover, wake_trio
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.edge


async def test_a_call_returns_what_asyncio_returns() -> None:
    async def double(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return 2 * number, threading.current_thread().name

    async with Bridge.open() as bridge:
        assert await bridge.call(double, 21) == (42, "asyncio")


async def test_a_call_raises_what_asyncio_raises() -> None:
    async def fail() -> None:
        raise KeyError("here")

    async with Bridge.open() as bridge:
        with pytest.raises(KeyError, match="here"):
            await bridge.call(fail)


async def test_a_trio_cancel_reaches_asyncio_and_waits_for_it_to_unwind() -> None:
    steps: list[str] = []
    started = threading.Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            steps.append("unwound")
            raise

    async with Bridge.open() as bridge:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bridge.call, forever)
                await trio.to_thread.run_sync(started.wait)
                nursery.cancel_scope.cancel()
        assert steps == ["unwound"]


async def test_a_result_in_spite_of_a_cancel_is_kept() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(_cancel, scope)
            assert await bridge.call(stubborn) == "done all the same"


async def _cancel(scope: trio.CancelScope) -> None:
    await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_asyncio_cancelling_itself_is_not_a_trio_cancel() -> None:
    async def suicide() -> None:
        raise asyncio.CancelledError

    async with Bridge.open() as bridge:
        with pytest.raises(CallCancelled):
            await bridge.call(suicide)


async def test_asyncio_runs_trio_work_and_sees_its_result_and_error() -> None:
    async def work(number: int) -> int:
        await trio.lowlevel.checkpoint()
        if number < 0:
            raise ValueError(number)
        return number + 1

    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        assert await bridge.call(bridge.call_trio, nursery, work, 1) == 2
        with pytest.raises(ValueError, match="-1"):
            await bridge.call(bridge.call_trio, nursery, work, -1)


async def test_an_asyncio_cancel_reaches_the_trio_task() -> None:
    running, cancelled = trio.Event(), trio.Event()

    async def work() -> None:
        running.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        async with trio.open_nursery() as callers:
            callers.start_soon(bridge.call, bridge.call_trio, nursery, work)
            await running.wait()
            callers.cancel_scope.cancel()
        with trio.fail_after(PATIENCE_S):
            await cancelled.wait()


async def test_trio_cancelling_the_work_reaches_the_asyncio_caller() -> None:
    running = trio.Event()

    async def work() -> None:
        running.set()
        await trio.sleep_forever()

    async def ask(bridge: Bridge, nursery: trio.Nursery) -> str:
        try:
            await bridge.call_trio(nursery, work)
        except CallCancelled:
            return "cancelled over there"
        return "never"

    answers: list[str] = []
    async with Bridge.open() as bridge, trio.open_nursery() as callers:

        async def caller() -> None:
            answers.append(await bridge.call(ask, bridge, nursery))

        async with trio.open_nursery() as nursery:
            callers.start_soon(caller)
            await running.wait()
            nursery.cancel_scope.cancel()
    assert answers == ["cancelled over there"]


async def test_work_for_a_nursery_that_has_ended_is_refused_not_a_crash() -> None:
    async with Bridge.open() as bridge:
        async with trio.open_nursery() as nursery:
            pass
        with pytest.raises(BridgeClosed):
            await bridge.call(bridge.call_trio, nursery, trio.sleep, 0)


async def test_a_burst_wakes_once_and_keeps_its_order() -> None:
    wakes: list[object] = []
    token = trio.lowlevel.current_trio_token()
    received: list[int] = []
    finished = trio.Event()

    def wake(drain: object) -> bool:
        wakes.append(drain)
        return wake_trio(token)(drain)  # type: ignore[arg-type]

    def deliver(item: int) -> None:
        received.append(item)
        if item == 999:
            finished.set()

    handover: Handover[int] = Handover("test", wake, deliver, Fuse())
    for item in range(1000):
        handover.put(item)
    await finished.wait()
    assert received == list(range(1000))
    assert len(wakes) == 1


async def test_a_delivery_that_raises_crashes_with_the_cause() -> None:
    def bad() -> None:
        raise ZeroDivisionError("in deliver")

    with pytest.raises(DaemonCrash) as crash:
        async with Bridge.open() as bridge:
            bridge.to_trio.put(bad)
            await trio.sleep_forever()
    assert isinstance(crash.value.__cause__, ZeroDivisionError)


async def test_a_delivery_that_raises_on_asyncio_crashes_too() -> None:
    def bad() -> None:
        raise ZeroDivisionError("in deliver")

    with pytest.raises(DaemonCrash) as crash:
        async with Bridge.open() as bridge:
            bridge.to_asyncio.put(bad)
            await trio.sleep_forever()
    assert isinstance(crash.value.__cause__, ZeroDivisionError)


async def test_a_crash_frees_those_who_wait_for_asyncio() -> None:
    def bad() -> None:
        raise ZeroDivisionError

    started = trio.Event()
    outcomes: list[str] = []

    async def forever() -> None:
        bridge.to_trio.put(started.set)
        await asyncio.Event().wait()

    async def shielded() -> None:
        with trio.CancelScope(shield=True):
            try:
                await bridge.call(forever)
            except BridgeClosed:
                outcomes.append("closed")

    with trio.fail_after(PATIENCE_S), pytest.raises(DaemonCrash):
        async with Bridge.open() as bridge, trio.open_nursery() as nursery:
            nursery.start_soon(bridge.call, forever)
            nursery.start_soon(shielded)
            await started.wait()
            bridge.to_asyncio.put(bad)
    assert outcomes == ["closed"]


async def test_a_background_task_that_fails_crashes() -> None:
    async def bad() -> None:
        raise ZeroDivisionError

    async def start(bridge: Bridge) -> None:
        bridge.spawn(bad)

    with pytest.raises(DaemonCrash):
        async with Bridge.open() as bridge:
            await bridge.call(start, bridge)
            await trio.sleep_forever()


async def test_closing_tells_those_who_wait_and_refuses_those_who_come_late() -> None:
    started = trio.Event()
    outcomes: list[str] = []

    async def forever() -> None:
        bridge.to_trio.put(started.set)
        await asyncio.Event().wait()

    async def caller() -> None:
        try:
            await bridge.call(forever)
        except BridgeClosed:
            outcomes.append("closed")

    async with trio.open_nursery() as nursery, Bridge.open() as bridge:
        nursery.start_soon(caller)
        await started.wait()
    assert outcomes == ["closed"]
    with pytest.raises(BridgeClosed):
        await bridge.call(asyncio.sleep, 0)
    assert not bridge.to_asyncio.put(lambda: None)


def test_a_handover_to_a_trio_run_that_is_over_is_lost_not_raised() -> None:
    async def main() -> Handover[int]:
        token = trio.lowlevel.current_trio_token()
        return Handover("test", wake_trio(token), lambda _: None, Fuse())

    assert not trio.run(main).put(1)
