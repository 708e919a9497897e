// Runs the tests that the other files define, or the one that is named, and looks after each that no handle is left.
#include "test.hpp"

#include <csignal>
#include <cstring>

int main(int argc, char **argv) {
    // A pipe whose reader is gone is a failed check, not the end of the program.
    std::signal(SIGPIPE, SIG_IGN);
    int passed = 0, failed = 0;
    for (test::test_case *test = test::test_case::first(); test; test = test->next) {
        if (argc > 1 && std::strcmp(argv[1], test->name) != 0) continue;
        test::ok() = true;
        test->body();
        test::check(msb::live_objects() == 0, __FILE__, __LINE__, "no handle is left");
        std::printf("%s %s\n", test::ok() ? "ok    " : "FAILED", test->name);
        std::fflush(stdout);
        ++(test::ok() ? passed : failed);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
