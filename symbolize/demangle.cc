// C++ names are parsed by LLVM's demangler, with node types of our own where LLVM spells things in its own
// way: its 'lambda0'(int) is {lambda(int)#2} to gdb, perf, binutils and everybody who reads stacks.
//
// The header asserts on what it finds in names, and names come from files: asserts of this file are LLVM's,
// and off.
#define NDEBUG
#include "symbolize/demangle.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <cxxabi.h>
#include <llvm/Demangle/Demangle.h>
#include <llvm/Demangle/ItaniumDemangle.h>

namespace standstill {

namespace {

namespace itanium = llvm::itanium_demangle;

// Longer names are not worth the time; they also bound how deep the recursive parser can get.
constexpr std::size_t kLongestName = 16 * 1024;
// Substitutions let a short name describe a tree that doubles with every letter. Real ones stay below some
// thousand nodes.
constexpr std::uint64_t kMostNodes = 200'000;

// "_" is the first of its kind, "0_" the second (Itanium C++ ABI, 5.1.8).
std::string ordinal(std::string_view count) {
  std::uint64_t number = 1;
  if (!count.empty()) number = std::strtoull(std::string(count.substr(0, 9)).c_str(), nullptr, 10) + 2;
  return std::to_string(number);
}

class GnuClosure final : public itanium::Node {
 public:
  GnuClosure(itanium::NodeArray parameters, std::string_view count)
      : Node(KClosureTypeName), parameters_(parameters), count_(count) {}
  void printLeft(itanium::OutputBuffer& out) const override {
    out += "{lambda";
    out.printOpen();
    parameters_.printWithComma(out);
    out.printClose();
    out += "#";
    out += ordinal(count_);
    out += "}";
  }

 private:
  itanium::NodeArray parameters_;
  std::string_view count_;
};

// [](auto, auto) {}: LLVM calls both "auto", all others "auto:1" and "auto:2".
class GnuAuto final : public itanium::Node {
 public:
  explicit GnuAuto(std::string_view count) : Node(KNameType), count_(count) {}
  void printLeft(itanium::OutputBuffer& out) const override {
    out += "auto:";
    out += ordinal(count_);
  }

 private:
  std::string_view count_;
};

class GnuUnnamedType final : public itanium::Node {
 public:
  explicit GnuUnnamedType(std::string_view count) : Node(KUnnamedTypeName), count_(count) {}
  void printLeft(itanium::OutputBuffer& out) const override {
    out += "{unnamed type#";
    out += ordinal(count_);
    out += "}";
  }

 private:
  std::string_view count_;
};

// Makes the parser's nodes. Each carries how many nodes its printed form visits.
class NodeFactory {
 public:
  void reset() {
    blocks_.clear();
    left_ = 0;
  }

  template <class T, class... Args>
  itanium::Node* makeNode(Args&&... args) {
    const std::uint64_t weight = (std::uint64_t{1} + ... + weigh(args));
    if (weight > kMostNodes) {
      is_too_big_ = true;
      return nullptr;
    }
    if constexpr (std::is_same_v<T, itanium::ClosureTypeName>) {
      return make_closure(std::forward<Args>(args)...)(*this, weight);
    } else if constexpr (std::is_same_v<T, itanium::UnnamedTypeName>) {
      return make<GnuUnnamedType>(weight, std::forward<Args>(args)...);
    } else if constexpr (std::is_same_v<T, itanium::FunctionEncoding>) {
      return make_function(weight, std::forward<Args>(args)...);
    } else {
      return make<T>(weight, std::forward<Args>(args)...);
    }
  }

  bool is_too_big() const { return is_too_big_; }

  void* allocateNodeArray(std::size_t count) { return allocate(count * sizeof(itanium::Node*)); }

 private:
  static constexpr std::size_t kBlock = 8192;

  void* allocate(std::size_t size) {
    // Room for no nodes at all is asked for, too, and must not be at the null pointer.
    size = (size == 0 ? 1 : size) + 15;
    size -= size % 16;
    if (size > left_) {
      left_ = size > kBlock ? size : kBlock;
      blocks_.push_back(std::make_unique<std::byte[]>(left_));
      next_ = blocks_.back().get();
    }
    void* result = next_;
    next_ += size;
    left_ -= size;
    return result;
  }

  // The weight stands in the 16 bytes before the node, which keeps nodes aligned.
  template <class T, class... Args>
  itanium::Node* make(std::uint64_t weight, Args&&... args) {
    auto* place = static_cast<std::byte*>(allocate(16 + sizeof(T)));
    std::memcpy(place, &weight, sizeof weight);
    return new (place + 16) T(std::forward<Args>(args)...);
  }

  // What a function inside another one returns is nothing that gdb or binutils print.
  template <class Return, class... Args>
  itanium::Node* make_function(std::uint64_t weight, Return&&, Args&&... args) {
    return make<itanium::FunctionEncoding>(weight, nullptr, std::forward<Args>(args)...);
  }

  template <class Templates, class Requires1, class Parameters, class Requires2, class Count>
  auto make_closure(Templates&&, Requires1&&, Parameters&& parameters, Requires2&&, Count&& count) {
    return [parameters, count](NodeFactory& factory, std::uint64_t weight) {
      return factory.make<GnuClosure>(weight, parameters, count);
    };
  }

  static std::uint64_t weigh(const itanium::Node* node) {
    std::uint64_t weight = 0;
    if (node != nullptr) std::memcpy(&weight, reinterpret_cast<const std::byte*>(node) - 16, sizeof weight);
    return weight;
  }
  static std::uint64_t weigh(itanium::NodeArray array) {
    std::uint64_t weight = 0;
    for (const itanium::Node* node : array) weight += weigh(node);
    return weight;
  }
  template <class Other>
    requires(!std::is_convertible_v<Other, const itanium::Node*> &&
             !std::is_same_v<Other, itanium::NodeArray>)
  static std::uint64_t weigh(const Other&) {
    return 0;
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
  bool is_too_big_ = false;
};

class Parser final : public itanium::AbstractManglingParser<Parser, NodeFactory> {
 public:
  using Base = itanium::AbstractManglingParser<Parser, NodeFactory>;
  using Base::Base;

  // T_, T0_, TL0__, ...: a template's argument, or in the parameters of a lambda what the source calls auto.
  itanium::Node* parseTemplateParam() {
    const char* const start = First;
    itanium::Node* result = Base::parseTemplateParam();
    if (result == nullptr || result->getKind() != itanium::Node::KNameType || result->getBaseName() != "auto")
      return result;
    std::string_view count(start + 1, static_cast<std::size_t>(First - start - 2));
    if (const std::size_t level_end = count.find('_'); count.starts_with('L') && level_end != count.npos)
      count.remove_prefix(level_end + 1);
    return make<GnuAuto>(count);
  }
};

// LLVM's "vector<vector<int>>" and "operator<<<char>" to "vector<vector<int> >" and "operator<< <char>".
std::string spread_brackets(std::string_view name) {
  constexpr std::string_view kOperator = "operator";
  std::string result;
  result.reserve(name.size() + 8);
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name.substr(i).starts_with("operator<")) {
      std::size_t run = name.find_first_not_of('<', i + kOperator.size());
      if (run == std::string_view::npos) run = name.size();
      const std::size_t count = run - i - kOperator.size();
      // Three: << with template arguments. Two: < with them, unless nothing that looks like arguments
      // follows.
      const bool has_arguments =
          run < name.size() && name[run] != '(' && name[run] != '[' && name[run] != ':' && name[run] != '=';
      const bool spread = count == 3 || (count == 2 && has_arguments);
      result.append(name.substr(i, kOperator.size() + count - (spread ? 1 : 0)));
      if (spread) result += " <";
      i = run - 1;
      continue;
    }
    const bool closes_two =
        name[i] == '>' && i > 1 && name[i - 1] == '>' && name[i - 2] != ' ' && !result.ends_with("operator>");
    if (closes_two) result += ' ';
    result += name[i];
  }
  return result;
}

// "int ns::f<int>(char) const" to "ns::f<int>".
std::string without_parameters(std::string_view text) {
  int depth = 0;
  std::size_t end = text.size();
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) {
      end = i;
      break;
    }
  }
  std::size_t start = 0;
  depth = 0;
  for (std::size_t i = 0; i < end; ++i) {
    const char c = text[i];
    if (text.substr(i).starts_with("operator")) break;
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == '}') --depth;
    if (c == ' ' && depth == 0) start = i + 1;
  }
  return std::string(text.substr(start, end - start));
}

// LLVM 19 gives up on conversions to a template ("operator std::string") and on some enable_if; libstdc++
// does not.
std::optional<std::string> demangle_with_libstdcxx(const std::string& mangled) {
  constexpr std::size_t kLongest = 2048;
  if (mangled.size() > kLongest) return std::nullopt;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::optional(without_parameters(text.get())) : std::nullopt;
}

std::optional<std::string> demangle_cpp(std::string_view mangled) {
  Parser parser(mangled.data(), mangled.data() + mangled.size());
  itanium::Node* root = parser.parse();
  if (root == nullptr) {
    return parser.ASTAllocator.is_too_big() ? std::nullopt : demangle_with_libstdcxx(std::string(mangled));
  }
  if (root->getKind() == itanium::Node::KFunctionEncoding) {
    const auto* function = static_cast<const itanium::FunctionEncoding*>(root);
    root = const_cast<itanium::Node*>(function->getName());
  }
  itanium::OutputBuffer out;
  root->print(out);
  std::string result = spread_brackets({out.getBuffer(), out.getCurrentPosition()});
  std::free(out.getBuffer());
  return result;
}

// "_ZN4core3fmt5write17h0123456789abcdefE": what rustc wrote before it had a mangling of its own
// (rustc: compiler/rustc_symbol_mangling/src/legacy.rs). Looks like C++, ends with a hash, and spells what
// C++ has no letters for as $LT$, $u20$ and "..".
std::optional<std::string> demangle_legacy_rust(std::string_view mangled) {
  constexpr std::size_t kHash = 20;  // 17h, 16 digits, E
  if (!mangled.starts_with("_ZN") || mangled.size() < kHash + 3) return std::nullopt;
  const std::string_view hash = mangled.substr(mangled.size() - kHash);
  if (!hash.starts_with("17h") || hash.back() != 'E') return std::nullopt;
  for (const char c : hash.substr(3, 16)) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
  }
  static constexpr std::pair<std::string_view, char> kEscapes[] = {
      {"SP", '@'}, {"BP", '*'}, {"RF", '&'}, {"LT", '<'}, {"GT", '>'}, {"LP", '('}, {"RP", ')'}, {"C", ','}};
  std::string result;
  std::string_view rest = mangled.substr(3, mangled.size() - kHash - 3);
  while (!rest.empty()) {
    std::size_t length = 0;
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9' && length < kLongestName) {
      length = length * 10 + static_cast<std::size_t>(rest[0] - '0');
      rest.remove_prefix(1);
    }
    if (length == 0 || length > rest.size()) return std::nullopt;
    std::string_view part = rest.substr(0, length);
    rest.remove_prefix(length);
    if (!result.empty()) result += "::";
    // A part may not start with '$', so rustc puts a '_' before it.
    if (part.starts_with("_$")) part.remove_prefix(1);
    while (!part.empty()) {
      if (part.starts_with("..")) {
        result += "::";
        part.remove_prefix(2);
        continue;
      }
      const std::size_t end = part[0] == '$' ? part.find('$', 1) : std::string_view::npos;
      if (end == std::string_view::npos) {
        result += part[0];
        part.remove_prefix(1);
        continue;
      }
      const std::string_view escape = part.substr(1, end - 1);
      char plain = 0;
      for (const auto& [name, letter] : kEscapes) {
        if (escape == name) plain = letter;
      }
      if (escape.size() == 3 && escape[0] == 'u') {  // $u7e$: the only ones that rustc writes are ASCII
        plain = static_cast<char>(std::strtoul(std::string(escape.substr(1)).c_str(), nullptr, 16));
      }
      if (plain < ' ') return std::nullopt;
      result += plain;
      part.remove_prefix(end + 1);
    }
  }
  return result;
}

std::optional<std::string> demangle_rust(std::string_view mangled) {
  const std::unique_ptr<char, decltype(&std::free)> text(llvm::rustDemangle(mangled), &std::free);
  return text ? std::optional<std::string>(text.get()) : std::nullopt;
}

}  // namespace

bool is_mangled(std::string_view name) { return name.starts_with("_Z") || name.starts_with("_R"); }

std::string function_name(std::string_view name) {
  // A version can follow the name in .symtab: one '@', or two for the default one.
  if (const std::size_t version = name.find('@'); version != std::string_view::npos && version != 0) {
    name = name.substr(0, version);
  }
  if (!is_mangled(name) || name.size() > kLongestName) return std::string(name);
  const std::size_t dot = name.find('.');
  const bool has_suffix = dot != std::string_view::npos;
  // Legacy Rust names may hold dots themselves (".."), a suffix of theirs follows the hash.
  if (const std::size_t hash_end = name.rfind('E'); hash_end != std::string_view::npos) {
    if (auto rust = demangle_legacy_rust(name.substr(0, hash_end + 1))) return *rust;
  }
  const std::string_view core = name.substr(0, dot);
  auto result = name.starts_with("_R") ? demangle_rust(core) : demangle_cpp(core);
  if (!result) return std::string(name);
  // ".llvm.123" only tells apart what link-time optimisation made public; Rust's readers never saw anything
  // else.
  if (has_suffix && name.substr(dot).starts_with(".llvm.")) return *result;
  if (has_suffix) result->append(" [clone ").append(name.substr(dot)).append("]");
  return *result;
}

}  // namespace standstill
