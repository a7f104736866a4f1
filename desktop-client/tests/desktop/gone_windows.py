"""Asks the process given as argument, over the bus of assistive technology, for windows beyond those it has.

Not by libatspi, which knows how many there are."""

import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

WAIT_MS = 10_000
ROOT = "/org/a11y/atspi/accessible/root"
ACCESSIBLE = "org.a11y.atspi.Accessible"


def call(bus, name, path, interface, method, arguments=None):
    flags = Gio.DBusCallFlags.NONE
    return bus.call_sync(name, path, interface, method, arguments, None, flags, WAIT_MS, None).unpack()


session = Gio.bus_get_sync(Gio.BusType.SESSION, None)
(address,) = call(session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
(applications,) = call(bus, "org.a11y.atspi.Registry", ROOT, ACCESSIBLE, "GetChildren")
daemon = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID")
for name, path in applications:
    if call(bus, *daemon, GLib.Variant("(s)", (name,))) != (int(sys.argv[1]),):
        continue
    for index in range(8):
        try:
            call(bus, name, path, ACCESSIBLE, "GetChildAtIndex", GLib.Variant("(i)", (index,)))
        except GLib.Error as error:
            # That it has none is an answer; that it is gone is none.
            if "NoReply" in Gio.DBusError.get_remote_error(error):
                raise
    break
else:
    sys.exit("the process is not on the bus")
