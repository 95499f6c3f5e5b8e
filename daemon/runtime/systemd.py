"""Sends notifications to systemd, and turns signals into events. `app` calls these."""

import asyncio
import contextlib
import os
import signal
import socket
import time


def notify(*states: str) -> None:
    """Sends lines such as `READY=1` to the manager (sd_notify(3)); nothing happens without $NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),  # deliveries go on even if the manager does not listen
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.connect(address)
        sender.sendall("\n".join(states).encode())


def reloading() -> None:
    """Tells the manager that a reload has begun: it waits for the next READY=1. sd_notify(3) also wants the time."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_s() -> float | None:
    """The longest time in seconds between two WATCHDOG=1; None: the manager does not watch this process."""
    micros, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not micros.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(micros) / 1_000_000


def signals(stop: asyncio.Event, hurry: asyncio.Event, reload: asyncio.Event) -> None:
    """SIGTERM and SIGINT: the first asks to stop, the second to hurry. SIGHUP asks to read the config again."""

    def asked() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
