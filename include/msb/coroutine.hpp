// For C++20: `co_await msb::await<T>(queue, start)`, where `start(queue, token)` starts an operation that makes a `T`, gives its
// `msb::result<T>`. Whoever takes the queue's completions hands each to `msb::resume`, which goes on with the coroutine there.
// Such a queue is for nothing else, and a coroutine that waits must not be destroyed before its completion has come.
#ifndef MSB_COROUTINE_HPP
#define MSB_COROUTINE_HPP

#include <msb/queue.hpp>

#include <atomic>
#include <coroutine>

namespace msb {
inline namespace MSB_HPP_ABI {
namespace detail {

// What a token points to. The completion can come, on another thread, before the coroutine is suspended: who is second resumes.
class waiter {
public:
    void complete() {
        if (met_.exchange(true, std::memory_order_acq_rel)) who_.resume();
    }

protected:
    // Whether the coroutine has to wait. If so, it may be resumed and gone when this returns.
    bool must_wait() { return !met_.exchange(true, std::memory_order_acq_rel); }

    std::coroutine_handle<> who_;

private:
    std::atomic<bool> met_{false};
};

template <class T, class Start>
class awaiter : private waiter {
public:
    awaiter(const queue &queue, Start start) : queue_(queue), start_(std::move(start)) {}

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> who) {
        who_ = who;
        waiter *token = this;
        result<op<T>> started = start_(queue_, static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(token)));
        if (!started) {
            refused_ = started.error();
            return false;
        }
        op_ = *std::move(started);
        return must_wait();
    }
    result<T> await_resume() {
        if (refused_) return refused_;
        return op_.take();
    }

private:
    const queue &queue_;
    Start start_;
    op<T> op_;
    error refused_;
};

}  // namespace detail

template <class T, class Start>
detail::awaiter<T, Start> await(const queue &queue, Start start) {
    return {queue, std::move(start)};
}

// Goes on with the coroutine that waits for this.
inline void resume(const completion &done) {
    reinterpret_cast<detail::waiter *>(static_cast<std::uintptr_t>(done.token))->complete();
}

}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
