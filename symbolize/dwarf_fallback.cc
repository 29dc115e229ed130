#include "symbolize/dwarf_fallback.h"

#include "symbolize/demangle.h"

#include <memory>
#include <utility>

#include <llvm/DebugInfo/DIContext.h>
#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/Object/ObjectFile.h>

namespace standstill {

namespace {

std::string text_or_nothing(const std::string& text) {
  return text == llvm::DILineInfo::BadString ? std::string{} : text;
}

Location to_location(const llvm::DIInliningInfo& info) {
  Location result;
  const std::uint32_t count = info.getNumberOfFrames();
  for (std::uint32_t i = 0; i < count; ++i) {
    const llvm::DILineInfo& frame = info.getFrame(i);
    CodeLocation place;
    place.function = text_or_nothing(frame.FunctionName);
    if (is_mangled(place.function)) place.linkage_name = std::exchange(place.function, {});
    place.file = text_or_nothing(frame.FileName);
    place.line = frame.Line;
    place.inlined = i + 1 < count;
    if (!place.inlined) result.function_start = Address(frame.StartAddress.value_or(0));
    result.chain.push_back(std::move(place));
  }
  return result;
}

}  // namespace

std::vector<Location> locate_with_llvm(const ElfImage& image, const std::string& package,
                                       std::span<const std::uint64_t> addresses) {
  std::vector<Location> result(addresses.size());
  const llvm::MemoryBufferRef buffer(llvm::StringRef(as_text(image.file()->bytes())), image.path());
  auto object = llvm::object::ObjectFile::createELFObjectFile(buffer);
  if (!object) {
    llvm::consumeError(object.takeError());
    return result;
  }
  // What LLVM finds wrong with a file is of no use to whoever looks for a hang.
  const auto be_silent = [](llvm::Error error) { llvm::consumeError(std::move(error)); };
  const auto context = llvm::DWARFContext::create(
      **object, llvm::DWARFContext::ProcessDebugRelocations::Ignore, nullptr, package, be_silent, be_silent);
  const llvm::DILineInfoSpecifier wanted(llvm::DILineInfoSpecifier::FileLineInfoKind::AbsoluteFilePath,
                                         llvm::DILineInfoSpecifier::FunctionNameKind::LinkageName);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const llvm::object::SectionedAddress address{addresses[i], llvm::object::SectionedAddress::UndefSection};
    result[i] = to_location(context->getInliningInfoForAddress(address, wanted));
  }
  return result;
}

}  // namespace standstill
