// What stacks stand in: real stacks of glibc 2.31 to 2.36, libstdc++ and Rust, as gdb prints them.
#include "reports/standpoint.h"

#include "reports/phrases.h"
#include "tests/reports/sample_findings.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

FrameRecord in(const std::string& module, const std::string& function, const std::string& file = {}) {
  return frame(0x1000, function, 0x10, file, file.empty() ? 0 : 7, module);
}

}  // namespace

TEST_CASE("A thread that waits for a std::mutex stands in pthread_mutex_lock from the function that locks") {
  CHECK(describe_standpoint(std::vector{
            in(LIBC, "futex_wait", "../sysdeps/nptl/futex-internal.h"), in(LIBC, "__GI___lll_lock_wait"),
            in(LIBC, "lll_mutex_lock_optimized"), in(LIBC, "___pthread_mutex_lock"),
            in(ORDERS, "__gthread_mutex_lock", "/usr/include/gthr-default.h"),
            in(ORDERS, "std::mutex::lock", "/usr/include/std_mutex.h"),
            in(ORDERS, "Bank::transfer", "/src/bank.cc"), in(LIBC, "start_thread")}) ==
        "pthread_mutex_lock from Bank::transfer (bank.cc:7)");
}

TEST_CASE(
    "A statically linked program's C library is recognised by its files, or where it has none, by its "
    "names") {
  CHECK(describe_standpoint(
            std::vector{in(ORDERS, "__futex_abstimed_wait_common64", "./nptl/futex-internal.c"),
                        in(ORDERS, "___pthread_cond_wait", "./nptl/pthread_cond_wait.c"),
                        in(ORDERS, "drain", "/src/queue.c")}) == "pthread_cond_wait from drain (queue.c:7)");
  CHECK(describe_standpoint(std::vector{in(ORDERS, "__poll"), in(ORDERS, "serve", "/src/serve.c")}) ==
        "poll from serve (serve.c:7)");
  // A function of the program that merely shares a name with one of the C library, and shows its file, is the
  // program's own.
  CHECK(describe_standpoint(std::vector{in(ORDERS, "poll", "/src/poll.c"),
                                        in(ORDERS, "main", "/src/main.c")}) == "poll (poll.c:7)");
}

TEST_CASE("A Rust thread in syscall() is said to stand in what wraps the system call") {
  CHECK(describe_standpoint(std::vector{in(LIBC, "syscall"),
                                        in(ORDERS, "std::sys::sync::mutex::futex::Mutex::lock_contended"),
                                        in(ORDERS, "orders::book::take", "src/book.rs")}) ==
        "std::sys::sync::mutex::futex::Mutex::lock_contended from orders::book::take (book.rs:7)");
}

TEST_CASE("A thread that nothing of the program's own is on stands in the operation alone") {
  CHECK(describe_standpoint(std::vector{in(LIBC, "clock_nanosleep"), in(LIBC, "start_thread"),
                                        in(LIBC, "clone3")}) == "clock_nanosleep");
}

TEST_CASE("A function without file is placed by its library, and one without name by its offset") {
  CHECK(describe_standpoint(std::vector{in(LIBC, "read"), in(PLUGIN, "plugin_poll")}) ==
        "read from plugin_poll (libplugin.so)");
  CHECK(describe_standpoint(std::vector{in(PLUGIN, "")}) == "libplugin.so+0x1000");
  CHECK(describe_standpoint(std::vector{in("", "")}) == "0x1000");
  CHECK(describe_standpoint({}) == "an unreadable stack");
}

TEST_CASE("Stacks that reach one place in different ways count together") {
  const std::vector<Place> places = places_of(sample_findings());
  REQUIRE(places.size() == 4);
  CHECK(places[0].tasks == 4);
  CHECK(places[0].groups == std::vector<std::size_t>{0, 1});
}

TEST_CASE("The headline counts threads and places") {
  Findings findings = sample_findings();
  CHECK(headline_of_stacks(findings) ==
        "4 of 7 threads stand in pthread_mutex_lock from orders::Book::take (orders.cc:93); the other 3 in 3 "
        "other places.");
  CHECK(headline_of_stacks(many_threads(1, 1000, 3)) == "All 1,000 threads stand in function_0 (main.cc:0).");
  CHECK(headline_of_stacks(many_threads(1, 1, 3)) == "The only thread stands in function_0 (main.cc:0).");
  CHECK(headline_of_stacks(many_threads(2, 8, 3)) ==
        "8 of 16 threads stand in function_0 (main.cc:0); the other 8 in another place.");
  CHECK(headline_of_stacks(many_threads(5, 1, 3)) == "Each of the 5 threads stands in a place of its own.");
  CHECK(headline_of_stacks(Findings{}) == "There is no thread to be seen.");
}

TEST_CASE("Long names lose what stands in their template brackets, and nothing else") {
  CHECK(shortened_name("std::map<int, std::vector<int>>::find", 20) == "std::map<...>::find");
  CHECK(shortened_name("short<int>", 20) == "short<int>");
  CHECK(shortened_name("ns::Version::operator<", 5) == "ns::Version::operator<");
  CHECK(shortened_name("ns::Version::operator<=><int>", 5) == "ns::Version::operator<=><int>");
  CHECK(shortened_name("<alloc::vec::Vec<T> as core::ops::Drop>::drop", 5) ==
        "<alloc::vec::Vec<...> as core::ops::Drop>::drop");
  CHECK(shortened_name("unbalanced<int", 5) == "unbalanced<int");
}

TEST_CASE("Ids are told in ranges") {
  CHECK(as_ranges({3, 1, 2, 7, 9, 10}) == std::vector<std::string>{"1-3", "7", "9", "10"});
  CHECK(as_ranges({}).empty());
}

TEST_CASE("Sizes are told in the unit that suits them") {
  CHECK(in_bytes(1) == "1 byte");
  CHECK(in_bytes(1536) == "1.5 KiB");
  CHECK(in_bytes(812u << 20) == "812 MiB");
  CHECK(in_bytes(UINT64_MAX) == "16 EiB");
}
