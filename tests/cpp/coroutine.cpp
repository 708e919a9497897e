// `co_await` on a queue. Empty where the compiler has no coroutines.
#include "test.hpp"

#ifdef __cpp_impl_coroutine
#include <msb/coroutine.hpp>

#include <exception>

using test::patience;

// Runs at once, and leaves nothing behind at its end.
struct task {
    struct promise_type {
        task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

static task run(const msb::backend &backend, const msb::queue &queue, std::string &story) {
    auto created = co_await msb::await<msb::sandbox>(queue, [&](const msb::queue &to, std::uint64_t token) {
        return msb::sandbox::create_async(backend, msb::sandbox_config("box").image("/"), to, token);
    });
    const auto box = MUST(std::move(created));
    MUST(co_await msb::await<void>(queue, [&](auto &to, auto token) { return box.start_async(to, token, patience); }));
    const auto run = co_await msb::await<msb::exec_result>(
        queue, [&](auto &to, auto token) { return box.exec_async(msb::exec_config("echo").arg("hi"), to, token); });
    story += run ? run->out().text() : "nothing";
    const auto refused = co_await msb::await<void>(
        queue, [](auto &to, auto token) { return msb::sandbox().start_async(to, token); });
    CHECK_FAILS(invalid_argument, refused);
    MUST(co_await msb::await<void>(queue, [&](auto &to, auto token) { return box.stop_async(patience, to, token); }));
    story += "end";
}

TEST(a_coroutine_waits_for_operations) {
    test::home home;
    std::string story;
    const auto queue = MUST(msb::queue::create());
    run(home.backend, queue, story);
    while (queue.pending() != 0) {
        if (const auto next = MUST(queue.next(patience))) msb::resume(*next);
    }
    CHECK(story == "hi\nend");
}
#endif
