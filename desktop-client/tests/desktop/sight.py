"""Prints what a screen reader sees of the process given as argument: a JSON list.

GTK 4.8 marks only windows as showing, so what is hidden is listed too."""

import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

NODES_MAX = 4000


def walk(node, seen):
    if node is None or len(seen) > NODES_MAX:
        return
    try:
        role = node.get_role_name()
        text = None
        if role in ("text", "label", "entry"):
            interface = node.get_text_iface()
            if interface is not None:
                text = Atspi.Text.get_text(interface, 0, Atspi.Text.get_character_count(interface))
        seen.append({
            "role": role,
            "name": node.get_name() or "",
            "description": node.get_description() or "",
            "text": text,
            "pressed": node.get_state_set().contains(Atspi.StateType.PRESSED),
        })
        for index in range(node.get_child_count()):
            walk(node.get_child_at_index(index), seen)
    except GLib.Error:
        return


pid = int(sys.argv[1])
seen = []
desktop = Atspi.get_desktop(0)
for index in range(desktop.get_child_count()):
    application = desktop.get_child_at_index(index)
    try:
        if application is not None and application.get_process_id() == pid:
            walk(application, seen)
    except GLib.Error:
        continue
print(json.dumps(seen))
