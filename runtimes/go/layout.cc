#include "runtimes/go/layout.h"

#include <algorithm>

namespace standstill {

namespace {

struct Row {
  int since;  // this version and those up to the next row
  GoroutineLayout g;
  MachineLayout m;
  SudogLayout sudog;
  ChannelLayout channel;
  PollLayout poll;
};

// g:       syscallsp, atomicstatus, lockedm, parentGoid, gopc, syncGroup or bubble, size
// m:       procid, gsignal, curg, p, id, locks, incgo, ncgo, alllink, lockedg, createstack
// sudog:   isSelect, waitlink, c
// hchan:   elemtype, recvq, sendq, size
// poll:    rg, wg
constexpr Row ROWS[] = {
    {18,
     {112, 144, 232, 0, 296, 0, 392},
     {72, 80, 192, 208, 232, 264, 280, 312, 336, 352, 360},
     {52, 64, 80},
     {32, 56, 72, 96},
     {24, 32}},
    {21,
     {112, 144, 208, 272, 280, 0, 408},
     {72, 80, 192, 208, 232, 264, 280, 312, 336, 352, 360},
     {52, 64, 80},
     {32, 56, 72, 96},
     {32, 40}},
    {22,
     {112, 144, 208, 272, 280, 0, 424},
     {72, 80, 192, 208, 232, 264, 280, 304, 328, 344, 352},
     {52, 64, 80},
     {32, 56, 72, 96},
     {32, 40}},
    {23,
     {112, 152, 216, 280, 288, 0, 432},
     {72, 80, 192, 208, 232, 264, 280, 304, 328, 344, 352},
     {52, 64, 80},
     {40, 64, 80, 104},
     {32, 40}},
    {24,
     {112, 152, 216, 280, 288, 392, 440},
     {72, 80, 192, 208, 232, 264, 280, 304, 328, 344, 352},
     {52, 64, 80},
     {40, 64, 80, 104},
     {32, 40}},
    {25,
     {104, 144, 208, 272, 280, 384, 440},
     {64, 72, 184, 200, 224, 256, 272, 320, 344, 360, 368},
     {52, 64, 80},
     {40, 64, 80, 112},
     {32, 40}},
    {26,
     {104, 144, 208, 280, 288, 392, 456},
     {64, 72, 184, 208, 232, 264, 280, 328, 352, 384, 392},
     {60, 72, 88},
     {40, 64, 80, 112},
     {32, 40}},
    {27,
     {104, 144, 208, 280, 288, 392, 456},
     {64, 72, 184, 208, 232, 264, 280, 328, 352, 384, 392},
     {60, 72, 88},
     {40, 64, 80, 112},
     {32, 40}},
};

}  // namespace

GoLayout layout_of(int minor) {
  const int nearest = std::clamp(minor, OLDEST_GO, NEWEST_GO);
  const Row* row = &ROWS[0];
  for (const Row& candidate : ROWS)
    if (candidate.since <= nearest) row = &candidate;
  return {nearest, row->g, row->m, row->sudog, row->channel, row->poll};
}

}  // namespace standstill
