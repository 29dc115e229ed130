"""Runs inside gdb: writes every frame of every thread as JSON to the file that $FRAMES_OUT names.

{"threads": {"4711": [{"pc": "0x401136", "name": "main", "linkage": "main", "kind": "normal", "module": "/bin/x"}, ...]},
 "ends": {"4711": "outermost"}}

Innermost first. `kind` is normal, inline, tailcall or signal. `name` is null where gdb has none.
"""
import json
import os

import gdb

KINDS = {
    gdb.NORMAL_FRAME: "normal",
    gdb.INLINE_FRAME: "inline",
    gdb.TAILCALL_FRAME: "tailcall",
    gdb.SIGTRAMP_FRAME: "signal",
}


def describe(frame):
    function = frame.function()
    module = gdb.solib_name(frame.pc())
    return {
        "pc": hex(frame.pc()),
        "name": frame.name(),
        "linkage": function.linkage_name if function is not None else None,
        "kind": KINDS.get(frame.type(), "other"),
        "module": module or gdb.current_progspace().filename,
        # gdb's guess for code without CFI is marked by nothing; the reader of this file knows which fixtures have such code.
    }


threads, ends = {}, {}
for thread in gdb.selected_inferior().threads():
    thread.switch()
    tid = str(thread.ptid[1] or thread.ptid[0])
    frames, end = [], "outermost"
    try:
        frame = gdb.newest_frame()
        while frame is not None:
            frames.append(describe(frame))
            older = frame.older()
            if older is None:
                end = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
            frame = older
    except gdb.error as error:
        end = str(error)
    threads[tid], ends[tid] = frames, end

with open(os.environ["FRAMES_OUT"], "w") as out:
    json.dump({"threads": threads, "ends": ends}, out)
