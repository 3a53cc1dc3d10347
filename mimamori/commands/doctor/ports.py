"""The broker and the ports: does the one answer, are the others free, or our own server's."""

import socket

from contracts.broker import BrokerSettings
from dashboard.site.access import RefusedAddress, check_bind
from store.findings import Finding, check
from store.settings import SettingsError, usable_broker


def look_at_broker(broker: BrokerSettings) -> Finding:
    """Whether the broker that the settings name can be connected to."""
    try:
        usable_broker(broker)
    except SettingsError as error:
        return Finding("broker", "cannot be reached", str(error))
    address = (broker.host, broker.port)
    remedy = "start it, or correct broker.url"
    return check("broker", f"{broker.host}:{broker.port}", lambda: socket.create_connection(address, 5).close(), remedy)


def look_at_own_broker(port: int, server: str) -> Finding:
    """Whether the port of the broker that the server brings along is free, or the running server's (`server_here`)."""
    remedy = "stop what uses it, or write embedded:PORT in broker.url"
    return _look_at_port("port of our broker", "127.0.0.1", port, remedy, server)


def look_at_page(host: str, port: int, server: str) -> Finding:
    """Whether the port of the page is free, or the running server's (`server_here`)."""
    what = "port of the page"
    try:
        check_bind(host)
    except RefusedAddress as error:
        return Finding(what, f"{host}:{port}", str(error))
    return _look_at_port(what, host, port, "stop what uses it, or change dashboard.port", server)


def _look_at_port(what: str, host: str, port: int, remedy: str, server: str) -> Finding:
    """Whether a port is free; one in use while our server runs is the server's."""
    found = check(what, f"{host}:{port}", lambda: socket.create_server((host, port)).close(), remedy)
    return Finding(what, f"{host}:{port}, used by {server}") if found.remedy and server else found
