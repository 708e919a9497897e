// What the tests share: a throw-away home with a backend of the `process` driver, commands in it, and results that must be a
// success or a certain failure.
#ifndef MSB_TEST_HPP
#define MSB_TEST_HPP

#include "harness.hpp"

#include <msb.hpp>

#include <filesystem>
#include <string>

namespace test {
inline namespace MSB_HPP_ABI {

// Longest wait for what must happen; far beyond what it takes, even with sanitizers.
inline constexpr std::chrono::seconds patience{30};

// The value of what must succeed; the test program ends if it does not.
template <class T>
T must(msb::result<T> result, const char *file, int line, const char *what) {
    if (!result.has_value()) {
        std::printf("FAILED %s:%d: %s: %s\n", file, line, what, std::string(result.error().message()).c_str());
        std::fflush(stdout);
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

template <class T>
void fails(const msb::result<T> &result, msb::status expected, const char *file, int line, const char *what) {
    const msb::error error = result.error();
    if (error.status() == expected) return;
    ok() = false;
    std::printf("       %s:%d: %s gave %s, not %s: %s\n", file, line, what, msb::name(error.status()), msb::name(expected),
                std::string(error.message()).c_str());
}

// A home with a backend in it, both gone at the end.
class home {
public:
    explicit home(const char *driver = "process") {
        if (!mkdtemp(path_)) std::perror(path_), std::exit(1);
        backend = must(msb::backend::create(msb::backend_config().home(path_).driver(driver)), __FILE__, __LINE__, "a backend");
    }
    ~home() {
        must(backend.close(patience), __FILE__, __LINE__, "the end of the backend");
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    home(const home &) = delete;
    home &operator=(const home &) = delete;

    std::string path(const char *name) const { return std::string(path_) + "/" + name; }
    // A sandbox that runs, with the host's root.
    msb::sandbox running(const char *name) const {
        auto box = must(msb::sandbox::create(backend, msb::sandbox_config(name).image("/")), __FILE__, __LINE__, "a sandbox");
        must(box.start(patience), __FILE__, __LINE__, "a start");
        return box;
    }

    msb::backend backend;

private:
    char path_[32] = "/tmp/msb-cpp-XXXXXX";
};

inline msb::exec_config shell(const msb::text &script) { return msb::exec_config("/bin/sh").args("-c", script); }

}  // namespace MSB_HPP_ABI
}  // namespace test

#define CHECK_FAILS(expected, ...) test::fails((__VA_ARGS__), msb::status::expected, __FILE__, __LINE__, #__VA_ARGS__)
#define MUST(...) test::must((__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)

#endif
