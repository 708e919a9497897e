// A thread of the library that calls the program's functions: with a command's output, or with what a queue has finished. The
// functions must not throw; an exception that leaves one ends the program.
#ifndef MSB_DISPATCHER_HPP
#define MSB_DISPATCHER_HPP

#include <msb/types.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

class dispatcher : public detail::handle<msb_dispatcher, msb_dispatcher_release> {
public:
    using handle::handle;

    static result<dispatcher> start() { return detail::call_for<dispatcher>(msb_dispatcher_start); }
    // Waits until its thread has ended: no function is called after that.
    result<void> stop(timeout limit = forever) const { return detail::call(msb_dispatcher_stop, *this, limit); }
};

namespace detail {
// The finalizer of functions that were made with `new`.
template <class T>
inline constexpr msb_finalizer_fn deleter = [](void *user) noexcept { delete static_cast<T *>(user); };

// Whether a function wants to be called again: it says so with a `bool`, or always does if it gives nothing.
template <class F, class... Args>
std::int32_t verdict(F &function, Args &&...args) {
    if constexpr (std::is_void_v<std::invoke_result_t<F &, Args...>>) {
        function(std::forward<Args>(args)...);
        return MSB_CALLBACK_CONTINUE;
    } else {
        return function(std::forward<Args>(args)...) ? MSB_CALLBACK_CONTINUE : MSB_CALLBACK_STOP;
    }
}
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
