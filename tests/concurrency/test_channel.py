"""The bounded channel: capacity, overflow, closing, cancellation."""

from __future__ import annotations

import asyncio

import pytest

from engine.concurrency.channel import Channel, ChannelClosed


async def test_keeps_order_and_counts() -> None:
    channel: Channel[int] = Channel("c", 3)
    for value in range(3):
        await channel.put(value)
    assert [await channel.get() for _ in range(3)] == [0, 1, 2]
    assert (channel.stats.puts, channel.stats.gets, channel.stats.peak) == (3, 3, 3)


async def test_full_channel_blocks_until_there_is_room() -> None:
    channel: Channel[int] = Channel("c", 1)
    await channel.put(1)
    waiting = asyncio.create_task(channel.put(2))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await channel.get() == 1
    await waiting
    assert await channel.get() == 2
    assert channel.stats.waits == 1


async def test_drop_oldest_never_waits() -> None:
    channel: Channel[int] = Channel("c", 2, "drop_oldest")
    for value in range(5):
        assert channel.put_nowait(value)
    assert channel.drain() == [3, 4]
    assert channel.stats.dropped == 3


async def test_put_nowait_refuses_when_full() -> None:
    channel: Channel[int] = Channel("c", 1)
    assert channel.put_nowait(1)
    assert not channel.put_nowait(2)
    assert len(channel) == 1


async def test_put_front_overtakes_what_waits_even_when_full() -> None:
    channel: Channel[int] = Channel("c", 2)
    await channel.put(1)
    await channel.put(2)
    channel.put_front(0)
    assert (channel.stats.puts, channel.stats.peak, channel.stats.dropped) == (3, 3, 0)
    assert not channel.put_nowait(3), "it is over its capacity"
    assert channel.drain() == [0, 1, 2]


async def test_put_front_wakes_a_reader_and_is_refused_once_closed() -> None:
    channel: Channel[int] = Channel("c", 1)
    reader = asyncio.create_task(channel.get())
    await asyncio.sleep(0)
    channel.put_front(1)
    assert await asyncio.wait_for(reader, 60) == 1
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put_front(2)


async def test_discard_keeps_the_order_counts_and_makes_room() -> None:
    channel: Channel[int] = Channel("c", 3)
    for value in range(3):
        await channel.put(value)
    waiting = asyncio.create_task(channel.put(3))
    await asyncio.sleep(0)
    assert channel.discard(lambda value: value == 1) == 1
    await asyncio.wait_for(waiting, 60)
    assert channel.stats.dropped == 1
    channel.close()
    assert channel.discard(lambda value: value == 2) == 1
    assert [item async for item in channel] == [0, 3]


async def test_close_hands_out_the_rest_then_ends() -> None:
    channel: Channel[int] = Channel("c", 4)
    await channel.put(1)
    channel.close()
    assert [item async for item in channel] == [1]
    with pytest.raises(ChannelClosed):
        await channel.put(2)


async def test_close_wakes_waiters() -> None:
    empty: Channel[int] = Channel("e", 1)
    full: Channel[int] = Channel("f", 1)
    await full.put(0)
    getter, putter = asyncio.create_task(empty.get()), asyncio.create_task(full.put(1))
    await asyncio.sleep(0)
    empty.close()
    full.close()
    results = await asyncio.gather(getter, putter, return_exceptions=True)
    assert all(isinstance(result, ChannelClosed) for result in results)


async def test_cancelled_put_leaves_nothing() -> None:
    channel: Channel[int] = Channel("c", 1)
    await channel.put(1)
    putter = asyncio.create_task(channel.put(2))
    await asyncio.sleep(0)
    putter.cancel()
    await asyncio.wait([putter])
    assert channel.drain() == [1]


async def test_cancelled_getter_passes_its_wakeup_on() -> None:
    channel: Channel[int] = Channel("c", 1)
    first, second = asyncio.create_task(channel.get()), asyncio.create_task(channel.get())
    await asyncio.sleep(0)
    channel.put_nowait(7)
    first.cancel()
    assert await asyncio.wait_for(second, 60) == 7
    assert first.cancelled()


def test_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity 0"):
        Channel("c", 0)
