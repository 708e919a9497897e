// `msb::exec`: a command in a sandbox, with its streams and its end. Its configuration, and what a collected command left behind.
// Options are explained in msb.h, at the functions named beside them.
#ifndef MSB_EXEC_HPP
#define MSB_EXEC_HPP

#include <msb/config.hpp>
#include <msb/queue.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

// How a command ended: `exit_code`, `signal`, `timed_out` and `output_open`.
using exec_status = msb_exec_status;

class exec_config : public detail::config<exec_config, msb_exec_config, msb_exec_config_free> {
public:
    using self = exec_config;
    using config::config;

    // The sandbox's default command.
    exec_config() : config(msb_exec_config_new(nullptr)) {}
    // A path in the guest, or a name that is looked for in its PATH. No shell is involved.
    explicit exec_config(const text &program) : config(msb_exec_config_new(nullptr)) { this->program(program); }
    MSB_HPP_JSON(msb_exec_config_from_json, msb_exec_config_to_json)

    MSB_HPP_OPTION(program, msb_exec_config_set_program, (const text &program), program)
    MSB_HPP_OPTION(arg, msb_exec_config_add_arg, (const text &value), value)
    // Several arguments at once.
    template <class... Texts>
    self &args(const Texts &...values) & { return (this->arg(values), ..., *this); }
    template <class... Texts>
    self &&args(const Texts &...values) && { return std::move(this->args(values...)); }
    MSB_HPP_OPTION(env, msb_exec_config_set_env, (const text &key, const text &value), key, value)
    MSB_HPP_OPTION(cwd, msb_exec_config_set_cwd, (const text &path), path)
    MSB_HPP_OPTION(user, msb_exec_config_set_user, (const text &user), user)
    MSB_HPP_OPTION(tty, msb_exec_config_set_tty, (bool tty = true), tty)
    MSB_HPP_OPTION(rows, msb_exec_config_set_rows, (std::uint16_t rows), rows)
    MSB_HPP_OPTION(cols, msb_exec_config_set_cols, (std::uint16_t cols), cols)
    MSB_HPP_OPTION(timeout, msb_exec_config_set_timeout_ms, (std::chrono::milliseconds limit), limit)
    MSB_HPP_OPTION(rlimit, msb_exec_config_add_rlimit, (const text &resource, std::uint64_t soft, std::uint64_t hard), resource,
                   soft, hard)
    MSB_HPP_OPTION(max_output_bytes, msb_exec_config_set_max_output_bytes, (std::uint64_t count), count)
    // These bytes, then the end.
    MSB_HPP_OPTION(input, msb_exec_config_set_stdin, (bytes_view data), static_cast<const void *>(data.data()), data.size())
    // What `exec::write` writes.
    self &input_pipe() & { return set(msb_exec_config_set_stdin_pipe); }
    self &&input_pipe() && { return std::move(set(msb_exec_config_set_stdin_pipe)); }
};

// What a collected command left behind. Views live as long as this.
class exec_result : public detail::owned<msb_exec_result, msb_exec_result_free> {
public:
    using owned::owned;

    // -1 if a signal ended it.
    int exit_code() const { return msb_exec_result_exit_code(raw_); }
    // 0 if none did.
    int signal() const { return msb_exec_result_signal(raw_); }
    // What it wrote, up to the configuration's `max_output_bytes`. (`stdout` is a macro.)
    bytes_view out() const {
        std::size_t len = 0;
        const std::uint8_t *data = msb_exec_result_stdout(raw_, &len);
        return {data, len};
    }
    bytes_view err() const {
        std::size_t len = 0;
        const std::uint8_t *data = msb_exec_result_stderr(raw_, &len);
        return {data, len};
    }
    bool out_truncated() const { return msb_exec_result_stdout_truncated(raw_) != 0; }
    bool err_truncated() const { return msb_exec_result_stderr_truncated(raw_) != 0; }
    std::uint64_t out_total() const { return msb_exec_result_stdout_total(raw_); }
    std::uint64_t err_total() const { return msb_exec_result_stderr_total(raw_); }
};

// A command. One that is let go of goes on without input, and what it writes is thrown away.
class exec : public detail::handle<msb_exec, msb_exec_release> {
public:
    using handle::handle;

    // In the guest; 0 once it is over.
    std::uint32_t pid() const noexcept { return msb_exec_pid(raw_); }

    // Reads what it wrote, as it appears: at least one byte, or 0 at the end.
    result<std::size_t> read(stream which, buffer into, timeout limit = forever) const {
        return detail::call_for<std::size_t>(msb_exec_read, *this, which, into.data(), into.size(), limit);
    }
    result<op<bytes>> read_async(stream which, std::size_t most, const queue &queue, std::uint64_t token,
                                 timeout limit = forever) const {
        return detail::call_for<op<bytes>>(msb_exec_read_async, *this, which, most, limit, queue, token);
    }
    // Gives its input at least one byte, and tells how many.
    result<std::size_t> write(bytes_view data, timeout limit = forever) const {
        return detail::call_for<std::size_t>(msb_exec_write, *this, data.data(), data.size(), limit);
    }
    // Gives its input all of it; `limit` is for each time that it waits.
    result<void> write_all(bytes_view data, timeout limit = forever) const {
        while (!data.empty()) {
            const auto written = write(data, limit);
            if (!written) return written.error();
            data = data.after(*written);
        }
        return {};
    }
    // Gives its input a copy of all of it.
    result<op<std::uint64_t>> write_async(bytes_view data, const queue &queue, std::uint64_t token,
                                          timeout limit = forever) const {
        return detail::call_for<op<std::uint64_t>>(msb_exec_write_async, *this, data.data(), data.size(), limit, queue, token);
    }
    result<void> close_stdin() const { return detail::call(msb_exec_close_stdin, *this); }

    result<void> signal(int number) const { return detail::call(msb_exec_signal, *this, static_cast<std::int32_t>(number)); }
    result<void> resize(std::uint16_t rows, std::uint16_t cols) const { return detail::call(msb_exec_resize, *this, rows, cols); }

    // What it wrote stays readable.
    result<exec_status> wait(timeout limit = forever) const {
        return detail::call_for<exec_status>(msb_exec_wait, *this, limit);
    }
    result<op<exec_status>> wait_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<exec_status>>(msb_exec_wait_async, *this, limit, queue, token);
    }

    // One of its streams as a socket that does not block, for an event loop; then only that socket has the stream.
    result<file_descriptor> take_fd(stream which) const {
        return detail::call_for<file_descriptor>(msb_exec_take_fd, *this, which);
    }

    // Has a dispatcher call `output(stream, bytes_view)`, or nothing if it is `nullptr`, and at the end
    // `ended(const exec_status *)`, with NULL if the sandbox ended first. An `output` that returns `false` is called no more.
    // Both are moved to where the dispatcher has them, and destroyed on its thread, or here if this fails.
    template <class Output, class Ended>
    result<void> dispatch(const dispatcher &dispatcher, Output &&output, Ended &&ended) const {
        using functions = std::pair<std::decay_t<Output>, std::decay_t<Ended>>;
        auto *made = new (std::nothrow) functions(std::forward<Output>(output), std::forward<Ended>(ended));
        if (!made) return detail::out_of_memory();
        msb_exec_output_fn on_output = nullptr;
        if constexpr (!std::is_null_pointer_v<std::decay_t<Output>>) {
            on_output = [](void *user, std::int32_t which, const std::uint8_t *data, std::size_t len) noexcept {
                return detail::verdict(static_cast<functions *>(user)->first, static_cast<stream>(which), bytes_view(data, len));
            };
        }
        constexpr msb_exec_end_fn on_end = [](void *user, const msb_exec_status *status) noexcept {
            static_cast<functions *>(user)->second(status);
        };
        return detail::call(msb_exec_dispatch, *this, dispatcher, on_output, on_end, static_cast<void *>(made),
                            detail::deleter<functions>);
    }
};

namespace detail {
template <>
struct op_take<exec> { static constexpr auto function = msb_op_take_exec; };
template <>
struct op_take<exec_status> { static constexpr auto function = msb_op_take_exec_status; };
template <>
struct op_take<exec_result> { static constexpr auto function = msb_op_take_exec_result; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
