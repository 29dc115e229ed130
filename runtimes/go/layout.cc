#include "runtimes/go/layout.h"

#include <algorithm>
#include <cstddef>
#include <utility>

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

// These keep their distance from atomicstatus and from gopc.
constexpr GoroutineLayout goroutine(unsigned syscallsp, unsigned atomicstatus, unsigned lockedm,
                                    unsigned parent_goid, unsigned gopc, unsigned bubble, unsigned size) {
  return {.syscallsp = syscallsp,
          .syscallpc = syscallsp + 8,
          .atomicstatus = atomicstatus,
          .goid = atomicstatus + 8,
          .waitsince = atomicstatus + 24,
          .waitreason = atomicstatus + 32,
          .lockedm = lockedm,
          .parent_goid = parent_goid,
          .gopc = gopc,
          .ancestors = gopc + 8,
          .startpc = gopc + 16,
          .waiting = gopc + 32,
          .cgo_context = gopc + 40,
          .labels = gopc + 64,
          .bubble = bubble,
          .size = size};
}

// g:       syscallsp, atomicstatus, lockedm, parentGoid, gopc, syncGroup or bubble, size
// m:       procid, gsignal, curg, p, id, locks, incgo, ncgo, alllink, lockedg, createstack
// sudog:   isSelect, waitlink, c
// hchan:   elemtype, recvq, sendq, size
// poll:    rg, wg
constexpr Row ROWS[] = {
    {18,
     goroutine(112, 144, 232, 0, 296, 0, 392),
     {72, 80, 192, 208, 232, 264, 280, 312, 336, 352, 360},
     {52, 64, 80},
     {32, 56, 72, 96},
     {24, 32}},
    {21,
     goroutine(112, 144, 208, 272, 280, 0, 408),
     {72, 80, 192, 208, 232, 264, 280, 312, 336, 352, 360},
     {52, 64, 80},
     {32, 56, 72, 96},
     {32, 40}},
    {22,
     goroutine(112, 144, 208, 272, 280, 0, 424),
     {72, 80, 192, 208, 232, 264, 280, 304, 328, 344, 352},
     {52, 64, 80},
     {32, 56, 72, 96},
     {32, 40}},
    {23,
     goroutine(112, 152, 216, 280, 288, 0, 432),
     {72, 80, 192, 208, 232, 264, 280, 304, 328, 344, 352},
     {52, 64, 80},
     {40, 64, 80, 104},
     {32, 40}},
    {24,
     goroutine(112, 152, 216, 280, 288, 392, 440),
     {72, 80, 192, 208, 232, 264, 280, 304, 328, 344, 352},
     {52, 64, 80},
     {40, 64, 80, 104},
     {32, 40}},
    {25,
     goroutine(104, 144, 208, 272, 280, 384, 440),
     {64, 72, 184, 200, 224, 256, 272, 320, 344, 360, 368},
     {52, 64, 80},
     {40, 64, 80, 112},
     {32, 40}},
    {26,
     goroutine(104, 144, 208, 280, 288, 392, 456),
     {64, 72, 184, 208, 232, 264, 280, 328, 352, 384, 392},
     {60, 72, 88},
     {40, 64, 80, 112},
     {32, 40}},
    {27,
     goroutine(104, 144, 208, 280, 288, 392, 456),
     {64, 72, 184, 208, 232, 264, 280, 328, 352, 384, 392},
     {60, 72, 88},
     {40, 64, 80, 112},
     {32, 40}},
};

// mspan and heapArena. The spans stand behind the bitmap, and 16 KiB more in 1.20 and 1.21.
constexpr std::pair<int, SpanLayout> SPANS[] = {
    {18, {56, 72, 98, 99, 104, 128, 2097152}},
    {20, {56, 72, 98, 99, 104, 128, 1064960}},
    {21, {56, 72, 106, 107, 112, 136, 1064960}},
    {22, {50, 64, 98, 99, 104, 128, 0}},
};

// moduledata: gcdata, gcbss, types, etypes, rodata, gofunc, next
constexpr std::pair<int, ModuleLayout> MODULES[] = {
    {18, {264, 272, 280, 288, 296, 304, 544}}, {20, {280, 288, 296, 304, 312, 320, 576}},
    {21, {280, 288, 296, 304, 312, 320, 584}}, {23, {280, 288, 296, 304, 312, 320, 576}},
    {26, {280, 288, 296, 304, 312, 320, 584}}, {27, {280, 288, 296, 312, 336, 344, 560}},
};

template <class Layout, std::size_t N>
constexpr Layout newest_up_to(int minor, const std::pair<int, Layout> (&table)[N]) {
  const std::pair<int, Layout>* row = &table[0];
  for (const auto& candidate : table)
    if (candidate.first <= minor) row = &candidate;
  return row->second;
}

}  // namespace

GoLayout layout_of(int minor) {
  const int nearest = std::clamp(minor, OLDEST_GO, NEWEST_GO);
  const Row* row = &ROWS[0];
  for (const Row& candidate : ROWS)
    if (candidate.since <= nearest) row = &candidate;
  return {nearest,
          false,
          row->g,
          row->m,
          row->sudog,
          row->channel,
          row->poll,
          newest_up_to(nearest, SPANS),
          newest_up_to(nearest, MODULES)};
}

}  // namespace standstill
