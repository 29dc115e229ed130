#include "symbolize/demangle.h"

#include "tests/support/run_program.h"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

TEST_CASE("names that people know functions by") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"main", "main"},
      {"memcpy@@GLIBC_2.14", "memcpy"},
      {"fopen@GLIBC_2.2.5", "fopen"},
      {"worker.part.0", "worker.part.0"},
      {"_ZN2ns4Type1fEi", "ns::Type::f"},
      {"_ZNK2ns4Type1fEv", "ns::Type::f"},
      {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back"},
      {"_ZN2ns3BoxIiEclEi", "ns::Box<int>::operator()"},
      {"_ZNK2ns3BoxIiEltERKS1_", "ns::Box<int>::operator<"},
      {"_ZN1AltIiEEbT_", "A::operator< <int>"},
      {"_ZN1AlsIiEEbT_", "A::operator<< <int>"},
      {"_ZN1ArsIiEEbT_", "A::operator>><int>"},
      {"_ZN2ns3BoxIiEcviEv", "ns::Box<int>::operator int"},
      {"_ZNK2ns3BoxIiEcvSt6vectorIiSaIiEEEv",
       "ns::Box<int>::operator std::vector<int, std::allocator<int> >"},
      {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()"},
      {"_ZZN2ns4tmplIiEET_S1_ENKUliE0_clEi", "ns::tmpl<int>(int)::{lambda(int)#2}::operator()"},
      {"_ZZ4mainENKUlOT_RKT0_E0_clIRiiEEDaS0_S3_",
       "main::{lambda(auto:1&&, auto:2 const&)#2}::operator()<int&, int>"},
      {"_ZN12_GLOBAL__N_14workEv", "(anonymous namespace)::work"},
      {"_ZN2ns1fEv.cold", "ns::f [clone .cold]"},
      {"_ZN2ns1fEv.part.0.cold", "ns::f [clone .part.0.cold]"},
      {"_ZN2ns1fEv.llvm.1234", "ns::f"},
      {"_ZN1AC4Ev", "A::A"},
      {"_ZThn16_N1A1fEv", "non-virtual thunk to A::f()"},
      {"_Znwm", "operator new"},
      // rustc, legacy and v0
      {"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
      {"_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
       "<alloc::string::String as core::fmt::Display>::fmt"},
      {"_ZN3std2io5stdio6_print17h0123456789abcdefE.llvm.77", "std::io::stdio::_print"},
      {"_RNvCs1234_7mycrate4main", "mycrate::main"},
      {"_RNvNtCs1234_7mycrate5inner4work", "mycrate::inner::work"},
      // what is no name of either language stays as it is
      {"_Zebra", "_Zebra"},
      {"_Rabbit", "_Rabbit"},
      {"", ""},
  };
  for (const auto& [mangled, expected] : cases) {
    CAPTURE(mangled);
    CHECK(function_name(mangled) == expected);
  }
}

TEST_CASE("C++ names are spelled as binutils' c++filt spells them") {
  // All functions of libstdc++ and of oneTBB: some thousand names.
  std::string mangled;
  for (const char* library :
       {"/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libtbb.so.12"}) {
    std::istringstream lines(run_program({"nm", "-D", "--defined-only", library}).out);
    for (std::string address, kind, name; lines >> address >> kind >> name;) {
      // A version follows some; c++filt would keep it.
      name = name.substr(0, name.find('@'));
      if (name.starts_with("_Z") && !name.starts_with("_ZT") && !name.starts_with("_ZG"))
        mangled += name + "\n";
    }
  }
  const std::string expected =
      run_program({"c++filt", "-p"}, {.input = mangled, .environment = {}, .folder = {}}).out;
  std::istringstream names(mangled), others(expected);
  std::size_t count = 0, different = 0;
  for (std::string name, other; std::getline(names, name) && std::getline(others, other); ++count) {
    const std::string ours = function_name(name);
    // LLVM writes "std::string::find", binutils the class's full name.
    const bool is_short_for = ours.starts_with("std::string::") || ours.starts_with("std::istream::") ||
                              ours.starts_with("std::ostream::") || ours.starts_with("std::iostream::");
    if (ours == other || is_short_for) continue;
    ++different;
    UNSCOPED_INFO(name << " is " << ours << " here, " << other << " there");
  }
  CHECK(count > 3000);
  // binutils writes ">>" in a few special places.
  CHECK(different * 200 < count);
}

TEST_CASE("a name that describes a tree of a million nodes is left as it is") {
  // Each S_ stands for all before it, twice: 2^40 letters when written out.
  std::string name = "_Z1fSt4pairIiiE";
  for (int i = 0; i < 40; ++i) {
    const std::string number = i < 10 ? std::to_string(i) : std::string(1, static_cast<char>('A' + i - 10));
    name += "St4pairIS" + number + "_S" + number + "_E";
  }
  CHECK(function_name(name).size() < 10'000'000);
  CHECK(function_name("_Z" + std::string(100'000, 'P') + "i").size() > 100'000);
}
