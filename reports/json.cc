#include "reports/json.h"

#include "reports/heap_order.h"
#include "reports/printable.h"
#include "reports/report.pb.h"
#include "reports/report_message.h"
#include "reports/target_text.h"
#include "reports/tasks.h"
#include "reports/version.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <memory>
#include <set>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

namespace standstill {

namespace {

constexpr std::size_t SAMPLES_IN_JSON = 200;  // of a table; all of them are in the profile of `pprof`

// A field is set only where its value is known: with explicit presence, protobuf prints every field that was
// set.
void put(const std::string& text, auto set) {
  if (!text.empty()) set(valid_utf8(text));
}

// Words of Findings are the names of the enum's values; one that the schema does not know stays absent.
template <class Enum>
void put_enum(const std::string& word, bool (*parse)(google::protobuf::ConstStringParam, Enum*), auto set) {
  Enum value;
  if (parse(word, &value)) set(value);
}

void put_address(Address address, auto set) {
  if (address) set(to_string(address));
}

}  // namespace

void fill(report::Target& out, const TargetRecord& target) {
  put_enum(target.source, report::Target::Source_Parse, [&](auto v) { out.set_source(v); });
  put(target.path, [&](auto v) { out.set_path(v); });
  if (target.pid != 0) out.set_pid(target.pid);
  put(target.executable, [&](auto v) { out.set_executable(v); });
  for (const std::string& word : target.command_line) out.add_command_line(valid_utf8(word));
  put(target.architecture, [&](auto v) { out.set_architecture(v); });
  if (target.signal_number != 0) {
    report::Signal& signal = *out.mutable_signal();
    signal.set_number(target.signal_number);
    put(target.signal_name, [&](auto v) { signal.set_name(v); });
    put(target.signal_task, [&](auto v) { signal.set_task(v); });
  }
  put(target.captured_at, [&](auto v) { out.set_captured_at(v); });
  if (target.pause_ms) out.set_pause_ms(*target.pause_ms);
  out.set_thread_count(static_cast<std::uint32_t>(target.thread_count));
  if (target.goroutine_count != 0)
    out.set_goroutine_count(static_cast<std::uint32_t>(target.goroutine_count));
  for (const auto& runtime : target.runtimes) {
    report::Runtime& entry = *out.add_runtimes();
    put(runtime.name, [&](auto v) { entry.set_name(v); });
    put(runtime.version, [&](auto v) { entry.set_version(v); });
  }
  for (const auto& process : target.processes) {
    report::Process& entry = *out.add_processes();
    entry.set_pid(process.pid);
    put(process.name, [&](auto v) { entry.set_name(v); });
    put(process.executable, [&](auto v) { entry.set_executable(v); });
    entry.set_thread_count(static_cast<std::uint32_t>(process.thread_count));
  }
  for (const std::string& allocator : target.allocators) out.add_allocators(valid_utf8(allocator));
  if (target.file_bytes != 0) out.set_file_bytes(target.file_bytes);
  if (target.missing_bytes != 0) out.set_missing_bytes(target.missing_bytes);
}

void fill(report::Frame& out, const FrameRecord& frame) {
  put_address(frame.pc, [&](auto v) { out.set_pc(v); });
  put(frame.function, [&](auto v) { out.set_function(v); });
  if (!frame.function.empty() && !frame.inlined && frame.offset <= std::numeric_limits<std::uint32_t>::max())
    out.set_offset(static_cast<std::uint32_t>(frame.offset));
  put(frame.file, [&](auto v) { out.set_file(v); });
  if (frame.line != 0) out.set_line(frame.line);
  if (frame.inlined) out.set_inlined(true);
  put(frame.module, [&](auto v) { out.set_module(v); });
  put(frame.build_id, [&](auto v) { out.set_build_id(v); });
  put_enum(frame.found_by, report::Frame::FoundBy_Parse, [&](auto v) { out.set_found_by(v); });
  put(frame.missing, [&](auto v) { out.set_missing(v); });
}

void fill(report::Finding& out, const FindingRecord& finding) {
  put_enum(finding.kind, report::Finding::Kind_Parse, [&](auto v) { out.set_kind(v); });
  put_enum(finding.confidence, report::Confidence_Parse, [&](auto v) { out.set_confidence(v); });
  put(finding.title, [&](auto v) { out.set_title(v); });
  put(finding.explanation, [&](auto v) { out.set_explanation(v); });
  for (const std::string& task : finding.tasks) out.add_tasks(valid_utf8(task));
  for (const std::string& resource : finding.resources) out.add_resources(valid_utf8(resource));
  for (const std::string& task : finding.behind) out.add_behind(valid_utf8(task));
}

void fill(report::Note& out, const Note& note) {
  out.set_severity(note.severity == Severity::INFO      ? report::Note::INFO
                   : note.severity == Severity::WARNING ? report::Note::WARNING
                                                        : report::Note::ERROR);
  put(note.text, [&](auto v) { out.set_text(v); });
  put(note.where, [&](auto v) { out.set_where(v); });
}

namespace {

void fill(report::Wait& out, const WaitRecord& wait) {
  put_enum(wait.kind, report::Wait::Kind_Parse, [&](auto v) { out.set_kind(v); });
  put(wait.reason, [&](auto v) { out.set_reason(v); });
  put(wait.resource, [&](auto v) { out.set_resource(v); });
  if (wait.duration_seconds) out.set_duration_seconds(*wait.duration_seconds);
  put_enum(wait.bound, report::WaitBound::Value_Parse, [&](auto v) { out.set_bound(v); });
  put(wait.detail, [&](auto v) { out.set_detail(v); });
}

// `has_group`: whether its group is among those listed.
void fill(report::Task& out, const TaskRecord& task, bool has_group) {
  put(task.id, [&](auto v) { out.set_id(v); });
  put_enum(task.kind, report::Task::Kind_Parse, [&](auto v) { out.set_kind(v); });
  out.set_number(task.number);
  put(task.name, [&](auto v) { out.set_name(v); });
  if (task.os_thread != 0) out.set_os_thread(static_cast<std::uint32_t>(task.os_thread));
  put(task.state, [&](auto v) { out.set_state(v); });
  if (task.wait) fill(*out.mutable_wait(), *task.wait);
  if (has_group) out.set_group(task.group);
  for (const auto& [name, value] : task.labels) (*out.mutable_labels())[valid_utf8(name)] = valid_utf8(value);
  if (task.created_by) {
    report::CreatedBy& by = *out.mutable_created_by();
    put(task.created_by->function, [&](auto v) { by.set_function(v); });
    put(task.created_by->file, [&](auto v) { by.set_file(v); });
    if (task.created_by->line != 0) by.set_line(task.created_by->line);
    put(task.created_by->task, [&](auto v) { by.set_task(v); });
  }
  if (task.locked_to_thread) out.set_locked_to_thread(true);
  put(task.stack_end, [&](auto v) { out.set_stack_end(v); });
}

void fill(report::Group& out, const GroupRecord& group, const Findings& findings) {
  out.set_count(static_cast<std::uint32_t>(group.tasks.size()));
  for (const std::uint32_t index : group.tasks) out.add_tasks(task_id(findings, index));
  for (const FrameRecord& frame : group.frames) fill(*out.add_frames(), frame);
  if (group.wait_min_seconds) out.set_wait_min_seconds(*group.wait_min_seconds);
  if (group.wait_max_seconds) out.set_wait_max_seconds(*group.wait_max_seconds);
}

void fill(report::Resource& out, const ResourceRecord& resource) {
  put(resource.id, [&](auto v) { out.set_id(v); });
  put_enum(resource.kind, report::Wait::Kind_Parse, [&](auto v) { out.set_kind(v); });
  put_address(resource.address, [&](auto v) { out.set_address(v); });
  put(resource.symbol, [&](auto v) { out.set_symbol(v); });
  for (const HolderRecord& holder : resource.holders) {
    report::Holder& entry = *out.add_holders();
    put(holder.task, [&](auto v) { entry.set_task(v); });
    put(holder.evidence, [&](auto v) { entry.set_evidence(v); });
    put_enum(holder.confidence, report::Confidence_Parse, [&](auto v) { entry.set_confidence(v); });
  }
  for (const std::string& waiter : resource.waiters) out.add_waiters(valid_utf8(waiter));
  put(resource.detail, [&](auto v) { out.set_detail(v); });
}

void fill(report::Module& out, const ModuleRecord& module) {
  put(module.path, [&](auto v) { out.set_path(v); });
  put_address(module.start, [&](auto v) { out.set_start(v); });
  put_address(module.end, [&](auto v) { out.set_end(v); });
  put(module.build_id, [&](auto v) { out.set_build_id(v); });
  put(module.debug_file, [&](auto v) { out.set_debug_file(v); });
  put_enum(module.status, report::Module::Status_Parse, [&](auto v) { out.set_status(v); });
  put(module.advice, [&](auto v) { out.set_advice(v); });
}

void fill(report::Heap::Arena& out, const HeapArenaRecord& arena) {
  put(arena.name, [&](auto v) { out.set_name(v); });
  put_address(arena.address, [&](auto v) { out.set_address(v); });
  out.set_system_bytes(arena.system_bytes);
  out.set_used_bytes(arena.used_bytes);
  out.set_free_bytes(arena.free_bytes);
  out.set_chunks_used(arena.used_blocks);
  out.set_chunks_free(arena.free_blocks);
  if (arena.cached_bytes != 0) out.set_cached_bytes(arena.cached_bytes);
  if (arena.top_bytes != 0) out.set_top_bytes(arena.top_bytes);
  if (arena.is_locked) out.set_locked(true);
  if (arena.is_partial) out.set_partial(true);
  for (const HeapFreeListRecord& list : arena.free_lists) {
    report::Heap::FreeList& entry = *out.add_free_lists();
    put(list.kind, [&](auto v) { entry.set_kind(v); });
    entry.set_from(list.from);
    entry.set_to(list.to);
    entry.set_blocks(list.blocks);
    entry.set_bytes(list.bytes);
  }
}

void fill(report::Heap::Table& out, const HeapTableRecord& table, const HeapRecord& heap) {
  put(table.name, [&](auto v) { out.set_name(v); });
  if (table.period > 0) out.set_sample_period_bytes(static_cast<std::uint64_t>(table.period));
  const std::vector<std::size_t> order = largest_samples(table);
  const std::size_t shown = std::min(order.size(), SAMPLES_IN_JSON);
  for (std::size_t i = 0; i < shown; ++i) {
    const HeapSampleRecord& sample = table.samples[order[i]];
    report::Heap::Sample& entry = *out.add_samples();
    entry.set_live_objects(sample.estimated_live.objects);
    entry.set_live_bytes(sample.estimated_live.bytes);
    if (table.counts_totals) {
      entry.set_total_objects(sample.estimated_total.objects);
      entry.set_total_bytes(sample.estimated_total.bytes);
    }
    for (const std::uint32_t location : sample.locations)
      for (const FrameRecord& frame : heap.locations.at(location)) fill(*entry.add_frames(), frame);
  }
  if (shown < order.size()) out.set_left_out(order.size() - shown);
}

void fill(report::Heap& out, const HeapRecord& heap) {
  put(heap.allocator, [&](auto v) { out.set_allocator(v); });
  put(heap.module, [&](auto v) { out.set_module(v); });
  if (heap.system_bytes != 0) out.set_system_bytes(heap.system_bytes);
  if (heap.knows_live) {
    out.set_live_objects(heap.live_objects);
    out.set_live_bytes(heap.live_bytes);
  }
  if (heap.is_partial) out.set_partial(true);
  put(heap.no_samples, [&](auto v) { out.set_no_samples(v); });
  for (const HeapArenaRecord& arena : heap.arenas) fill(*out.add_arenas(), arena);
  for (const HeapSizeClassRecord& one : heap.size_classes) {
    report::Heap::SizeClass& entry = *out.add_size_classes();
    entry.set_size(one.size);
    entry.set_used(one.used);
    entry.set_free(one.free);
    entry.set_used_bytes(one.used_bytes);
    entry.set_free_bytes(one.free_bytes);
  }
  for (const HeapTypeRecord& type : heap.types) {
    report::Heap::Type& entry = *out.add_types();
    put(type.name, [&](auto v) { entry.set_name(v); });
    put_address(type.vtable, [&](auto v) { entry.set_vtable(v); });
    entry.set_objects(type.objects);
    entry.set_bytes(type.bytes);
  }
  for (const HeapFigureRecord& figure : heap.figures) {
    report::Heap::Figure& entry = *out.add_figures();
    put(figure.name, [&](auto v) { entry.set_name(v); });
    entry.set_value(figure.value);
  }
  for (const HeapTableRecord& table : heap.tables) {
    fill(*out.add_tables(), table, heap);
    if (table.name != "heap" || out.has_sample_period_bytes()) continue;
    if (table.period > 0) out.set_sample_period_bytes(static_cast<std::uint64_t>(table.period));
    if (!table.counts_totals) continue;
    HeapCountsRecord total;
    for (const HeapSampleRecord& sample : table.samples) {
      total.objects += sample.estimated_total.objects;
      total.bytes += sample.estimated_total.bytes;
    }
    out.set_total_objects(static_cast<std::uint64_t>(total.objects));
    out.set_total_bytes(static_cast<std::uint64_t>(total.bytes));
  }
  for (const Note& note : heap.notes) fill(*out.add_notes(), note);
}

// Those that were asked for, and those that something found names.
void add_tasks(report::Report& out, const Findings& findings) {
  std::set<std::string, std::less<>> named;
  for (const FindingRecord& finding : findings.findings) {
    named.insert(finding.tasks.begin(), finding.tasks.end());
    named.insert(finding.behind.begin(), finding.behind.end());
  }
  for (const ResourceRecord& resource : findings.resources) {
    named.insert(resource.waiters.begin(), resource.waiters.end());
    for (const HolderRecord& holder : resource.holders) named.insert(holder.task);
  }
  for (const TaskRecord& task : findings.tasks) {
    const bool is_shown = task.group < findings.groups.size() && !findings.groups[task.group].is_hidden;
    if (is_shown || named.contains(task.id)) fill(*out.add_tasks(), task, is_shown);
  }
  for (std::uint32_t i = 0; i < findings.goroutines.size(); ++i)
    fill(*out.add_tasks(), task_at(findings, static_cast<std::uint32_t>(findings.tasks.size()) + i), true);
}

report::Report to_message(const Findings& findings, const JsonParts& parts) {
  report::Report out;
  out.set_schema_version(1);
  out.mutable_tool()->set_name("standstill");
  out.mutable_tool()->set_version(std::string(version()));
  fill(*out.mutable_target(), findings.target);
  if (parts.verdict) {
    put(findings.headline, [&](auto v) { out.mutable_verdict()->set_headline(v); });
    for (std::uint32_t i = 0; i < findings.findings.size(); ++i) out.mutable_verdict()->add_findings(i);
    for (const FindingRecord& finding : findings.findings) fill(*out.add_findings(), finding);
    for (const ResourceRecord& resource : findings.resources) fill(*out.add_resources(), resource);
  }
  if (parts.stacks) {
    add_tasks(out, findings);
    for (const GroupRecord& group : findings.groups)
      if (!group.is_hidden) fill(*out.add_groups(), group, findings);
  }
  if (parts.modules)
    for (const ModuleRecord& module : findings.modules) fill(*out.add_modules(), module);
  if (parts.heaps)
    for (const HeapRecord& heap : findings.heaps) fill(*out.add_heaps(), heap);
  if (const std::string truncation = describe_truncation(findings.target); !truncation.empty())
    fill(*out.add_notes(), Note{Severity::WARNING, "the core is truncated: " + truncation, ""});
  for (const Note& note : findings.notes) fill(*out.add_notes(), note);
  return out;
}

// Maps have an order of their own in every run, unless asked.
std::string to_deterministic_bytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  [[maybe_unused]] const bool written = message.SerializeToCodedStream(&coded);
  assert(written);
  return bytes;
}

}  // namespace

std::string print_json(const google::protobuf::Message& message) {
  const std::unique_ptr<google::protobuf::util::TypeResolver> resolver(
      google::protobuf::util::NewTypeResolverForDescriptorPool(
          "type.googleapis.com", google::protobuf::DescriptorPool::generated_pool()));
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  [[maybe_unused]] const auto status = google::protobuf::util::BinaryToJsonString(
      resolver.get(), "type.googleapis.com/" + message.GetDescriptor()->full_name(),
      to_deterministic_bytes(message), &json, options);
  assert(status.ok());
  return json;
}

std::string to_json(const Findings& findings, const JsonParts& parts) {
  return print_json(to_message(findings, parts));
}

}  // namespace standstill
