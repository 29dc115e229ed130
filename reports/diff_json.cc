#include "reports/diff_json.h"

#include "reports/heap_change_message.h"
#include "reports/printable.h"
#include "reports/report_message.h"
#include "reports/tasks.h"
#include "reports/version.h"

namespace standstill {

namespace {

void fill_task(report::Diff::Task& out, const TaskChange& change, std::span<const Findings> pictures) {
  out.set_id(change.id);
  const TaskRecord task =
      change.last ? task_at(pictures.back(), *change.last) : task_at(pictures.front(), *change.first);
  if (!task.name.empty()) out.set_name(valid_utf8(task.name));
  report::Diff::Motion motion;
  if (report::Diff::Motion_Parse(change.motion, &motion)) out.set_motion(motion);
  report::Confidence confidence;
  if (report::Confidence_Parse(change.confidence, &confidence)) out.set_confidence(confidence);
  if (!change.evidence.empty()) out.set_evidence(valid_utf8(change.evidence));
  if (change.still_seconds) {
    out.set_still_seconds(*change.still_seconds);
    out.set_bound(report::WaitBound::AT_LEAST);
  }
  if (change.run_seconds) out.set_run_seconds(*change.run_seconds);
  if (!change.within.empty()) out.set_within(valid_utf8(change.within));
  if (task.wait && !task.wait->resource.empty()) out.set_resource(valid_utf8(task.wait->resource));
}

void fill_group(report::Diff::Group& out, const GroupChange& change, std::span<const Findings> pictures) {
  out.set_base_count(change.first_count);
  out.set_count(change.last_count);
  out.set_still_count(change.still);
  const Findings& picture = change.last_count != 0 ? pictures.back() : pictures.front();
  for (const FrameRecord& frame : picture.groups.at(change.group).frames) fill(*out.add_frames(), frame);
}

}  // namespace

std::string to_json(const DiffRecord& diff, std::span<const Findings> pictures) {
  report::Diff out;
  out.set_schema_version(1);
  out.mutable_tool()->set_name("standstill");
  out.mutable_tool()->set_version(std::string(version()));
  for (const TargetRecord& picture : diff.pictures) fill(*out.add_pictures(), picture);
  out.set_same_process(diff.is_same_process);
  if (diff.elapsed_seconds) {
    out.set_elapsed_seconds(*diff.elapsed_seconds);
    out.set_elapsed_by_file_times(diff.is_time_of_files);
  }
  out.set_headline(valid_utf8(diff.headline));
  for (const TaskChange& change : diff.tasks) fill_task(*out.add_tasks(), change, pictures);
  for (const GroupChange& change : diff.groups) fill_group(*out.add_groups(), change, pictures);
  for (const FindingChange& change : diff.findings) {
    report::Diff::FindingChange& entry = *out.add_findings();
    fill(*entry.mutable_finding(), change.finding);
    report::Diff::Presence presence;
    if (report::Diff::Presence_Parse(change.presence, &presence)) entry.set_presence(presence);
  }
  for (const HeapChange& change : diff.heaps)
    fill(*out.add_heaps(), change, pictures.front(), pictures.back());
  for (const Note& note : diff.notes) fill(*out.add_notes(), note);
  return print_json(out);
}

}  // namespace standstill
