// Operations that go on by themselves: `msb::op<T>`, which has a `T` when it is finished, and `msb::queue`, which tells when that
// is. Functions named `..._async` start one; its completion bears the token that was given. No thread waits for it.
#ifndef MSB_QUEUE_HPP
#define MSB_QUEUE_HPP

#include <msb/dispatcher.hpp>
#include <msb/types.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

// `token`, `status` and `op` of what is finished. The op stays its `msb::op`'s.
using completion = msb_completion;
using op_progress = msb_progress;

namespace detail {
// The C function that takes a `T` from an operation; specialized beside each `T`.
template <class T>
struct op_take;
template <>
struct op_take<bytes> { static constexpr auto function = msb_op_take_bytes; };
template <>
struct op_take<std::uint64_t> { static constexpr auto function = msb_op_take_count; };
template <>
struct op_take<bool> { static constexpr auto function = msb_op_take_flag; };
}  // namespace detail

// An operation that was accepted. Its queue gets exactly one completion of it, whatever happens. One that is let go of goes on,
// and what it makes is thrown away.
template <class T>
class op : public detail::handle<msb_op, msb_op_release> {
public:
    using handle::handle;

    // What it made, once it is complete; or why it failed.
    result<T> take() const {
        if constexpr (std::is_void_v<T>) return detail::call(msb_op_finish, *this);
        else return detail::call_for<T>(detail::op_take<T>::function, *this);
    }
    // Asks it to end early. It completes with `cancelled`, or with the success that was faster.
    result<void> cancel() const { return detail::call(msb_op_cancel, *this); }
    result<op_progress> progress() const { return detail::call_for<op_progress>(msb_op_progress, *this); }
    bool is_of(const completion &done) const noexcept { return done.op.id == get().id; }
};

// Completions, in the order in which they happen. One that is let go of cancels what is not finished.
class queue : public detail::handle<msb_queue, msb_queue_release> {
public:
    using handle::handle;

    static result<queue> create() { return detail::call_for<queue>(msb_queue_new); }

    // Waits for completions and takes up to `capacity`; none if the queue was woken. `end_of_stream` when it is closed and empty.
    result<std::size_t> next(completion *out, std::size_t capacity, timeout limit = forever) const {
        return detail::call_for<std::size_t>(msb_queue_next, *this, out, capacity, limit);
    }
    template <std::size_t N>
    result<std::size_t> next(completion (&out)[N], timeout limit = forever) const { return next(out, N, limit); }
    // Waits for one completion; nothing if the queue was woken.
    result<std::optional<completion>> next(timeout limit = forever) const {
        completion out;
        return next(&out, 1, limit).map([&](std::size_t n) { return n ? std::optional<completion>(out) : std::nullopt; });
    }

    // For an event loop: readable while `next` would not block. To be polled, not read or closed; lives as long as this.
    result<int> fd() const { return detail::call_for<std::int32_t>(msb_queue_fd, *this); }
    // Has one `next`, of whichever thread, return with nothing.
    result<void> wake() const { return detail::call(msb_queue_wake, *this); }
    // Has a dispatcher call `completed(const completion &)` from now on, instead of `next`. It is destroyed on the dispatcher's
    // thread, or here if this fails.
    template <class Completed>
    result<void> dispatch(const dispatcher &dispatcher, Completed &&completed) const {
        using function = std::decay_t<Completed>;
        auto *made = new (std::nothrow) function(std::forward<Completed>(completed));
        if (!made) return detail::out_of_memory();
        constexpr msb_completion_fn run = [](void *user, const msb_completion *done) noexcept {
            (*static_cast<function *>(user))(*done);
        };
        return detail::call(msb_queue_dispatch, *this, dispatcher, run, static_cast<void *>(made), detail::deleter<function>);
    }
    // How many operations were accepted and not yet given out by `next`.
    std::uint64_t pending() const noexcept { return msb_queue_pending(raw_); }
    // Accepts nothing more, cancels what is in flight and waits until all of it has completed.
    result<void> close(timeout limit = forever) const { return detail::call(msb_queue_close, *this, limit); }
};

}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
