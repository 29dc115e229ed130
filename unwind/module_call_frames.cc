#include "unwind/module_call_frames.h"

#include "coredump/mapped_elf.h"
#include "coredump/section_contents.h"

#include <algorithm>

#include <elf.h>

namespace standstill {

// A table with what its bytes lie in.
struct ModuleCallFrames::Source {
  std::shared_ptr<const ElfImage> image;
  std::vector<std::uint8_t> frames;  // gathered from the target's memory
  SectionContents section;           // or of .debug_frame
  std::vector<std::uint8_t> header;
  std::optional<CallFrameTable> table;
};

namespace {

// More than any file has; a longer one in memory is a damaged header.
constexpr std::uint64_t LOADED_FRAMES_LIMIT = std::uint64_t{256} << 20;

Bytes loaded_bytes(const MemoryView& memory, Address address, std::uint64_t size,
                   std::vector<std::uint8_t>& gathered) {
  return memory.bytes_in(address, std::min(size, LOADED_FRAMES_LIMIT), gathered);
}

const Elf64_Phdr* find_segment(const std::vector<Elf64_Phdr>& segments, std::uint32_t type) {
  const auto found =
      std::find_if(segments.begin(), segments.end(), [&](const auto& s) { return s.p_type == type; });
  return found == segments.end() ? nullptr : &*found;
}

}  // namespace

ModuleCallFrames::ModuleCallFrames(const Snapshot& snapshot, ModuleIndex module,
                                   FindDebugImage find_debug_image)
    : snapshot_(snapshot), index_(module), find_debug_image_(std::move(find_debug_image)) {}

ModuleCallFrames::~ModuleCallFrames() = default;

void ModuleCallFrames::add_eh_frame_of_file(const ElfImage& image) const {
  Bytes header, frames;
  std::uint64_t header_vaddr = 0, frames_vaddr = 0;
  if (const auto* section = image.find_section(".eh_frame")) {
    frames = section->contents;
    frames_vaddr = section->header.sh_addr;
    if (const auto* header_section = image.find_section(".eh_frame_hdr")) {
      header = header_section->contents;
      header_vaddr = header_section->header.sh_addr;
    }
  } else if (const auto* segment = find_segment(image.program_headers(), PT_GNU_EH_FRAME)) {
    // No section headers (sstrip): the segment points to the table, and the table to the frames.
    header_vaddr = segment->p_vaddr;
    header = clipped(image.bytes_at_vaddr(header_vaddr), 0, segment->p_filesz);
    if (const auto vaddr = eh_frame_vaddr(header, header_vaddr)) {
      frames_vaddr = *vaddr;
      frames = image.bytes_at_vaddr(frames_vaddr);
    }
  }
  if (frames.empty()) return;
  auto source = std::make_unique<Source>();
  source->table.emplace(CallFrameSection{frames, frames_vaddr, false}, header, header_vaddr);
  own_.push_back(std::move(source));
}

void ModuleCallFrames::add_eh_frame_of_memory() const {
  const Module& module = snapshot_.modules[index_];
  const auto mapped = read_mapped_elf(snapshot_.memory, module.start);
  if (!mapped) return;
  const auto* segment = find_segment(mapped->program_headers, PT_GNU_EH_FRAME);
  if (segment == nullptr) return;
  const std::uint64_t bias = mapped->extent.load_bias;
  auto source = std::make_unique<Source>();
  const Bytes header =
      loaded_bytes(snapshot_.memory, Address(segment->p_vaddr + bias), segment->p_memsz, source->header);
  const auto vaddr = eh_frame_vaddr(header, segment->p_vaddr);
  if (!vaddr) return;
  // The frames reach to the end of their PT_LOAD at most; a terminator ends them sooner.
  for (const Elf64_Phdr& load : mapped->program_headers) {
    if (load.p_type != PT_LOAD || *vaddr < load.p_vaddr || *vaddr - load.p_vaddr >= load.p_memsz) continue;
    const std::uint64_t size = load.p_memsz - (*vaddr - load.p_vaddr);
    const Bytes frames = loaded_bytes(snapshot_.memory, Address(*vaddr + bias), size, source->frames);
    if (frames.empty()) return;
    source->table.emplace(CallFrameSection{frames, *vaddr, false}, header, segment->p_vaddr);
    own_.push_back(std::move(source));
    return;
  }
}

void ModuleCallFrames::add_debug_frame(const std::shared_ptr<const ElfImage>& image,
                                       std::vector<std::unique_ptr<Source>>& sources) const {
  const auto* section = find_debug_section(*image, ".debug_frame");
  if (section == nullptr || section->header.sh_type == SHT_NOBITS) return;
  auto contents = read_section_contents(*section);
  if (!contents || contents->bytes.empty()) return;
  auto source = std::make_unique<Source>();
  source->image = image;
  source->section = std::move(*contents);
  source->table.emplace(CallFrameSection{source->section.bytes, 0, true}, Bytes{}, 0);
  sources.push_back(std::move(source));
}

void ModuleCallFrames::open_own() const {
  std::call_once(own_opened_, [this] {
    const Module& module = snapshot_.modules[index_];
    if (module.image == nullptr) return add_eh_frame_of_memory();
    add_eh_frame_of_file(*module.image);
    add_debug_frame(module.image, own_);
  });
}

void ModuleCallFrames::open_separate() const {
  std::call_once(separate_opened_, [this] {
    if (!find_debug_image_) return;
    if (const auto image = find_debug_image_(index_)) add_debug_frame(image, separate_);
  });
}

std::optional<CallFrameEntry> ModuleCallFrames::find(std::uint64_t vaddr) const {
  open_own();
  for (const auto& source : own_) {
    if (auto entry = source->table->find(vaddr)) return entry;
  }
  open_separate();
  for (const auto& source : separate_) {
    if (auto entry = source->table->find(vaddr)) return entry;
  }
  return std::nullopt;
}

bool ModuleCallFrames::has_entries() const {
  open_own();
  return std::any_of(own_.begin(), own_.end(), [](const auto& source) { return source->table->size() > 0; });
}

}  // namespace standstill
