// Named tests that say where they failed. Knows nothing of msb.hpp, so that files of both of its modes share one list.
#ifndef MSB_HARNESS_HPP
#define MSB_HARNESS_HPP

#include <cstdio>

namespace test {

struct test_case {
    test_case(const char *title, void (*function)()) : name(title), body(function), next(first()) { first() = this; }
    static test_case *&first() {
        static test_case *list = nullptr;
        return list;
    }
    const char *name;
    void (*body)();
    test_case *next;
};

inline bool &ok() {
    static bool value = true;
    return value;
}

inline void check(bool holds, const char *file, int line, const char *what) {
    if (holds) return;
    ok() = false;
    std::printf("       %s:%d: %s\n", file, line, what);
}

}  // namespace test

#define TEST(name)                                   \
    static void name();                              \
    static test::test_case name##_case(#name, name); \
    static void name()
#define CHECK(...) test::check(static_cast<bool>(__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)

#endif
